#!/usr/bin/env bats
# create.bats: what `create` does alike for all kinds: its grammar, what it prints, exit codes, sockets held or handed over.

load helpers

setup() {
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	unset unset
	held=
}

teardown() {
	[[ -z $held ]] || kill -KILL "$held" 2>/dev/null || true
	"$IPCTOOL" remove --quiet --force=held --all mq sem shm 2>/dev/null
	release_all
}

# fails STATUS MESSAGE ARGUMENT...: nothing on standard output, and this line alone on standard error.
fails() {
	local want=$1 message=$2
	shift 2
	run_ipctool create "$@"
	[[ $status -eq $want && -z $output && $stderr == "ipctool create: $message" ]] ||
		{ echo "$*: $status: $output: $stderr"; return 1; }
}

# hold ARGUMENT...: `create` in the background until it has printed; sets held. Its output is out and err.
hold() {
	rm -f out err
	"$IPCTOOL" create "$@" >out 2>err 3>&- &
	held=$!
	eventually test -s out
}

# ended CODE: by itself, silently, and its file is gone.
ended() {
	local code=0
	wait "$held" || code=$?
	held=
	[[ $code -eq $1 && -z $(<err) ]] || { echo "$code: $(<err)"; return 1; }
}

nothing_was_made() {
	[[ -z $("$IPCTOOL" list -q mq sem) && -z $("$IPCTOOL" list -q shm/sysv shm/posix) && -z $(ls -A) ]]
}

# ---- grammar --------------------------------------------------------------------------------------------------

@test "2: nothing, too much, or empty operands make nothing" {
	fails 2 'what shall be made? Write a reference, as mq:/name or fifo:/path, or CLASS/KIND'
	fails 2 'operand 1 is empty (an unset variable?)' "$unset"
	fails 2 'mq:/b: one object at a time' mq:/a mq:/b
	fails 2 'mq:: empty locator; write mq:ID, mq:0xKEY, mq:/name or mq:@MAJOR:MINOR:INODE' "mq:$unset"
	fails 2 '--mode: the argument is empty' --mode "$unset" mq/sysv
	fails 2 '--mode: the argument is empty' --mode= mq/sysv
	fails 2 "--mod: unknown option (did you mean '--mode'?)" --mod 600 mq/sysv
	fails 2 '--mode: given twice' --mode 600 --mode 640 mq/sysv
	fails 2 "--handle: cannot be combined with --json" --handle --json mq/sysv
	fails 2 'bogus: neither a class nor a reference; write mq/sysv, mq:/name or fifo:./path' bogus
	nothing_was_made
}

@test "2: values that are none" {
	local given
	for given in '--mode 8' '--mode 10000' '--mode rw' '--size -1' '--size 1X' '--owner no.such.user' \
		'--owner 4294967295' '--group no.such.group' '--key 5' '--key 0x0' '--key 0x100000000' '--ftok x' \
		'--ftok /nonexistent:1' '--ftok .:0' '--ftok .:256' '--max-bytes x' '--max-messages 1K' '--number x' \
		'--value 1,' '--value ,' '--value x' '--huge 3M' '--type x' '--backlog -1'; do
		# shellcheck disable=SC2086 # words
		run_ipctool create $given mq/sysv
		[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool create: ${given%% *}: "* ]] ||
			{ echo "$given: $status: $output: $stderr"; false; }
	done
	nothing_was_made
}

@test "2: settings of another kind name those that there are" {
	fails 2 'mq/sysv: create of mq/sysv does not take size; it takes mode, owner, group, key, ftok, max-bytes' --size 1 mq/sysv
	nothing_was_made
}

@test "2: what cannot be made is told in one sentence, with the alternative" {
	local word
	for word in pipe pipe/pipe pipe:1 shm/memfd shm/anon shm/file sem/unnamed signal signal/process signal:1 sock/raw \
		sock/netlink sock:raw:127.0.0.1:1 shm:file:/x sem:@1:0x1; do
		run_ipctool create "$word"
		[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool create: $word: "* &&
			$stderr != *"not there yet"* ]] || { echo "$word: $status: $output: $stderr"; false; }
	done
	fails 2 'mq:5: numbers are given by the kernel; name it, or write the kind alone' mq:5
	fails 2 'sock:5: numbers are given by the kernel; name it, or write the kind alone' sock:5
	fails 2 'mq@1:/x: objects are made in the caller'\''s namespaces alone; see nsenter(1)' mq@1:/x
	fails 2 'mq: write mq/sysv for one without a name, or mq:/name' mq
	fails 2 'mq/posix: it needs a name: mq:/name' mq/posix
}

# ---- what it prints -------------------------------------------------------------------------------------------

@test "the reference, the handle or a document of what was made" {
	run_ipctool create --mode 600 mq:0x51
	[[ $status -eq 0 && $output =~ ^mq:[0-9]+$ && -z $stderr ]]
	[[ $("$IPCTOOL" show -o key,mode -n -r "$output") == $'0x00000051\t0600' ]]
	run_ipctool create --handle mq:0x52
	[[ $status -eq 0 && $output =~ ^mq\+0x00000052\.[0-9]+:[0-9]+$ ]]
	"$IPCTOOL" show "$output"
	run_ipctool create --json mq:0x53
	json_valid "$output"
	holds "$output" '' '.schema == 1 and (.objects | length) == 1 and (.errors == [] or (root | not))' '.objects[0].key == "0x00000053"' \
		'.objects[0] | .class == "mq" and .kind == "sysv" and has("evidence") and has("holders")'
	[[ $(json "$output" .objects[0].ref) == mq:* ]]
	run_ipctool create --jsonl mq:0x54
	[[ $status -eq 0 && ${#lines[@]} -eq 2 ]]
	holds "${lines[0]}" '' '.key == "0x00000054"'
	holds "${lines[1]}" '' '.end == true'
}

@test "1: an object that standard output did not take is told of" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	run --separate-stderr bash -c '"$1" create mq:0x51 >/dev/full' - "$IPCTOOL"
	[[ $status -eq 1 && ${stderr_lines[0]} == "ipctool create: $("$IPCTOOL" list -q mq): was made, but standard output did not take this" ]]
	[[ ${stderr_lines[1]} == 'ipctool create: standard output: No space left on device' ]]
	# A reader that has gone: no signal may end it before it has told.
	run --separate-stderr bash -c '{ "$1" create mq:0x52; echo $? >&2; } | exec true' - "$IPCTOOL"
	if [[ ${stderr_lines[0]} != 0 ]]; then
		[[ ${stderr_lines[0]} == *': was made, but standard output did not take this' && ${stderr_lines[1]} == 1 ]]
	fi
	run --separate-stderr bash -c '"$1" create mq:0x53 >&-' - "$IPCTOOL"
	[[ $status -eq 1 && ${stderr_lines[0]} == *': was made, but standard output did not take this' ]]
}

# ---- one that exists ------------------------------------------------------------------------------------------

@test "6: one that exists is left as it is" {
	"$IPCTOOL" create --mode 600 mq:0x51
	run_ipctool create --mode 640 mq:0x51
	[[ $status -eq 6 && -z $output && $stderr == 'ipctool create: mq:0x51: exists'* ]]
	[[ $("$IPCTOOL" show -o mode -n -r mq:0x51) == 0600 ]]
}

@test "--exist-ok: one with the same attributes will do, and only that" {
	run_ipctool create --exist-ok --mode 600 mq:0x51
	[[ $status -eq 0 ]]
	local first=$output
	run_ipctool create --exist-ok --mode 600 mq:0x51
	[[ $status -eq 0 && $output == "$first" ]]
	run_ipctool create --exist-ok mq:0x51
	[[ $status -eq 0 && $output == "$first" ]]
	fails 6 'mq:0x51: exists with another mode' --exist-ok --mode 640 mq:0x51
	fails 6 'mq:0x51: exists with another owner' --exist-ok --owner 12345 mq:0x51
	fails 6 'mq:0x51: exists with another max-bytes' --exist-ok --max-bytes 7 mq:0x51
	[[ $("$IPCTOOL" list --count mq) == 1 ]]
	# A path that is something else, and one that becomes what was asked for.
	echo text >file
	run_ipctool create --exist-ok fifo:./file
	[[ $status -eq 6 && $stderr == 'ipctool create: fifo:./file: exists'* && $(<file) == text ]]
	"$IPCTOOL" create fifo:./pipe
	[[ $("$IPCTOOL" create --exist-ok fifo:./pipe) == "fifo:$PWD/pipe" ]]
}

@test "many at once: one makes it, the others find it" {
	local j
	for j in {1..8}; do
		"$IPCTOOL" create --exist-ok --mode 600 mq:0x51 >"out$j" 2>"err$j" 3>&- &
	done
	wait
	[[ $(cat out* | sort -u | wc -l) -eq 1 && -z $(cat err*) && $("$IPCTOOL" list --count mq) == 1 ]]
}

# ---- references are bytes -------------------------------------------------------------------------------------

@test "names of any bytes are made as they are printed" {
	local name=$'new\nline\x01 \xff"\\'
	run_ipctool create --literal "fifo:./$name"
	[[ $status -eq 0 && -p $name && $output == "fifo:$PWD/new\\x0aline\\x01\\x20\\xff\"\\x5c" ||
		$output == "fifo:$PWD/new\\x0aline\\x01 \\xff\"\\x5c" ]]
	"$IPCTOOL" show "$output"
	rm "$name"
	run_ipctool create "$output"
	[[ $status -eq 0 && -p $name ]]
	run_ipctool create 'fifo:./a\q'
	[[ $status -eq 2 ]]
}

# ---- sockets --------------------------------------------------------------------------------------------------

@test "a socket is held until a signal, and its file goes with it" {
	local signal
	for signal in TERM HUP; do
		hold --mode 600 sock:./s
		[[ -S s && $(stat -c %a s) == 600 ]]
		"$IPCTOOL" show "$(<out)" >shown
		kill "-$signal" "$held"
		ended 0
		[[ ! -e s ]]
	done
}

@test "a signal that was ignored is ignored" {
	trap '' HUP
	hold sock:./s
	trap - HUP
	kill -HUP "$held"
	# With the signal seen it would be on its way to the end; it answers a question instead.
	"$IPCTOOL" show "$(<out)" >shown
	kill -0 "$held"
	[[ -S s ]]
	kill "$held"
	ended 0
	[[ ! -e s ]]
}

@test "a file put in the place of the socket's is left alone" {
	hold sock:./s
	rm s
	echo precious >s
	kill "$held"
	wait "$held" || true
	held=
	[[ $(<s) == precious ]]
}

@test "a socket that nobody can be told of is not left behind" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	run --separate-stderr bash -c '"$1" create sock:./s >/dev/full' - "$IPCTOOL"
	[[ $status -eq 1 && ! -e s && $stderr == 'ipctool create: standard output: No space left on device' ]]
}

@test "a command gets its socket as descriptor 3" {
	local program='import os, socket, sys
assert os.environ["LISTEN_FDS"] == "1" and int(os.environ["LISTEN_PID"]) == os.getpid(), dict(os.environ)
assert "LISTEN_PIDFDID" not in os.environ
s = socket.socket(fileno=3)
assert os.get_inheritable(3)
c, n = socket.socket(s.family), s.getsockname()
c.connect(n)
a, _ = s.accept()
a.send(b"hello")
print(n, c.recv(9), os.environ["LISTEN_FDNAMES"], sys.argv[1:])'
	command -v python3 || skip "no python3"
	LISTEN_FDS=7 LISTEN_PIDFDID=5 run_ipctool create sock:./app.sock -- python3 -c "$program" '' --mode -- 'a b'
	[[ $status -eq 0 && $output == "$PWD/app.sock b'hello' app.sock ['', '--mode', '--', 'a b']" && -z $stderr ]] ||
		{ echo "$status $output $stderr"; false; }
	eventually test ! -e app.sock
	# Whatever descriptor 3 is.
	run_ipctool create sock:@a:b -- python3 -c "$program" 3</dev/null
	[[ $status -eq 0 && $output == "b'\\x00a:b' b'hello' a_b []" ]] || { echo "$status $output $stderr"; false; }
	run_ipctool create sock:tcp:127.0.0.1:0 -- python3 -c "$program" 3>&-
	[[ $status -eq 0 && $output == "('127.0.0.1', "*") b'hello' tcp_127.0.0.1_0 []" ]] || { echo "$status $output $stderr"; false; }
}

@test "a command has its own status, signals and descriptors" {
	run_ipctool create sock:./s -- sh -c 'exit 42'
	[[ $status -eq 42 ]]
	eventually test ! -e s
	run_ipctool create sock:./s -- sh -c 'kill -KILL $$'
	[[ $status -eq 137 ]]
	eventually test ! -e s
	run_ipctool create sock:./s -- grep -E '^Sig(Blk|Ign):' /proc/self/status
	[[ ${lines[0]} == $'SigBlk:\t0000000000000000' ]]
	[[ ${lines[1]} == "$(grep ^SigIgn: /proc/self/status)" ]]
	# Only those of the caller, and the socket.
	run_ipctool create sock:./s -- bash -c 'for fd in /proc/$$/fd/*; do readlink "$fd"; done | grep -c "^socket:"'
	[[ $output == 1 ]]
	eventually test ! -e s
}

@test "nobody listens any more when the command has closed its socket" {
	command -v python3 || skip "no python3"
	run_ipctool create sock:./s -- python3 -c 'import os, socket
os.close(3)
try:
    socket.socket(socket.AF_UNIX).connect("s")
except ConnectionRefusedError:
    print("refused")'
	[[ $status -eq 0 && $output == refused ]]
}

@test "125, 126, 127: failures of its own with a command" {
	run --separate-stderr -127 "$IPCTOOL" create sock:./s -- ./nonexistent
	[[ $stderr == 'ipctool create: ./nonexistent: No such file or directory' && ! -e s ]]
	fails 126 '.: Permission denied' sock:./s -- .
	[[ ! -e s ]]
	fails 125 "no command behind '--'" sock:./s --
	fails 125 "what shall be made? Name it before the '--'" -- true
	fails 125 'fifo:./s: a command can be given for sockets alone, which it inherits' fifo:./s -- true
	fails 125 '--json: not with a command, to which standard output belongs' --json sock:./s -- true
	fails 125 "--exist-ok: not with a command: the socket of another process cannot be handed over" --exist-ok sock:./s -- true
	[[ ! -e s ]]
	echo precious >s
	run_ipctool create sock:./s -- true
	[[ $status -eq 125 && $(<s) == precious ]]
	run_ipctool create --help -- true
	[[ $status -eq 0 && $output == Usage:* ]]
}

@test "2: a relative path, when the working directory is gone, is not one below the root" {
	local name=relative-$BASHPID command
	for command in create remove show; do
		mkdir "$BATS_TEST_TMPDIR/gone"
		run --separate-stderr eval 'cd "$BATS_TEST_TMPDIR/gone" && rmdir "$BATS_TEST_TMPDIR/gone" && "$IPCTOOL" "$command" "fifo:./$name"'
		[[ $status -eq 2 && $stderr == *"the working directory does not exist any more; write the whole path instead of './$name'" ]]
		[[ ! -e /$name ]]
	done
}
