# queues.bash: messages of queues made and kept moving by queues.py, for the tests that look into queues.

# queues ARGUMENT...: runs queues.py.
queues() {
	python3 "$BATS_TEST_DIRNAME/queues.py" "$@"
}

# start COMMAND...: in the background, until it says that it is ready.
churning=
start() {
	"$@" >ready 3>&- 4>&- &
	churning=$!
	eventually grep -q ready ready
}

# stop: ends what start() began.
stop() {
	[[ -n $churning ]] || return 0
	kill "$churning"
	wait "$churning" 2>/dev/null || true
	churning=
}
