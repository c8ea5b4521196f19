#!/usr/bin/env bats
# post-wait.bats: semaphores taken and given from a script; and for as long as a command runs, whatever ends it.

load helpers

setup() {
	dir=$BATS_TEST_TMPDIR
	semaphores=()
}

teardown() {
	local semaphore
	release_all
	for semaphore in "${semaphores[@]}"; do
		"$IPCTOOL" remove --force=held --missing-ok "$semaphore" >/dev/null 2>&1 || true
	done
}

# sysv VALUE... and posix VALUE: a semaphore, its reference into $s.
sysv() {
	s=$("$IPCTOOL" create sem/sysv --number $# --value "$(IFS=,; echo "$*")") && semaphores+=("$s")
}

posix() {
	s=$("$IPCTOOL" create "sem:/post-wait-$BATS_TEST_NUMBER" --value "$1") && semaphores+=("$s")
}

both="sysv posix"

# ends STATUS TEXT ARGUMENT...: one line on standard error, with TEXT; nothing else.
ends() {
	local expected=$1 text=$2 option=
	shift 2
	# bats asks for that.
	[[ $expected -ne 127 ]] || option=-127
	run $option --separate-stderr "${_fx_prefix[@]}" "$IPCTOOL" "$@"
	[[ $status -eq $expected && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $1: "*"$text"* ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

does() {
	run_ipctool "$@"
	[[ $status -eq 0 && -z $output && -z $stderr ]] || { echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

values() {
	"$IPCTOOL" list -r -o values "$s"
}

value_is() {
	[[ $(values) == "$1" ]]
}

# Guardians of this test: those that were started with its directory in their arguments.
guardians() {
	local pid
	for pid in $(grep -lsx ipctool-guard /proc/[0-9]*/comm | tr -cd '0-9\n'); do
		tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$s" && echo "$pid"
	done
	return 0
}

no_guardian() {
	[[ -z $(guardians) ]]
}

# background ARGUMENT...: ipctool, its number into $pid.
background() {
	rm -f "$dir/out" "$dir/errors"
	"$IPCTOOL" "$@" >"$dir/out" 2>"$dir/errors" 3>&- 4>&- &
	pid=$!
}

# ---- without a command ---------------------------------------------------------------------------------------

@test "post and wait: one by default, --count, --index" {
	sysv 1 0 5
	does wait "$s"
	value_is 0,0,5
	does post "$s"
	does post --index 1 --count 3 "$s"
	value_is 1,3,5
	does wait --index 2 --timeout 1s "$s"
	does wait --index 2 --nowait "$s"
	value_is 1,3,3
	posix 1
	does wait "$s"
	value_is 0
	does post --count 7 "$s"
	does wait --index 0 "$s"
	value_is 6
}

@test "what would block is 7, at once or after the timeout" {
	local make start
	for make in $both; do
		"$make" 0
		ends 7 '' wait --nowait "$s"
		ends 7 '' wait --timeout 0 "$s"
		start=${EPOCHREALTIME/./}
		ends 7 'timed out' wait --timeout 300ms "$s"
		((${EPOCHREALTIME/./} - start >= 300000))
		value_is 0
	done
}

@test "a post lets in who waits" {
	local make
	for make in $both; do
		"$make" 0
		background wait --timeout 10s "$s"
		does post "$s"
		wait "$pid"
		value_is 0
	done
}

@test "more than a semaphore can hold: nothing is added" {
	local make
	for make in $both; do
		"$make" 1
		ends 1 'nothing was added' post --count 2147483648 "$s"
		value_is 1
	done
	sysv 32766
	does post "$s"
	ends 1 'SEMVMX' post "$s"
	value_is 32767
}

@test "--zero waits for zero, and takes nothing" {
	sysv 1
	ends 7 '' wait --zero --nowait "$s"
	background wait --zero --timeout 10s "$s"
	does wait "$s"
	wait "$pid"
	value_is 0
	run_ipctool wait --zero "$s" -- sh -c 'exit 3'
	[[ $status -eq 3 ]]
	value_is 0
	posix 0
	ends 2 'cannot be waited for to become zero' wait --zero --nowait "$s"
}

@test "usage, missing, denied" {
	local words
	sysv 1
	while read -r words; do
		# shellcheck disable=SC2086 # words
		ends 2 '' ${words//S/$s}
	done <<-'END'
		post
		post sem
		post S S
		post S --count 0
		post S --count -1
		post S --count x
		post S --index 1
		post S --index -1
		wait
		wait sem
		wait S S
		wait S --index 1 --nowait
		wait S --timeout 5
		wait S --timeout 5s --nowait
		post signal:1
		wait signal:1
	END
	ends 2 'operand 1 is empty' wait ''
	ends 2 'the argument is empty' post "$s" --index=
	value_is 1
	ends 4 'sem:4242: no such object' post sem:4242
	ends 4 'sem:/nowhere: no such object' wait sem:/nowhere
	need_root
	s=$("$IPCTOOL" create sem/sysv --number 1 --mode 0600) && semaphores+=("$s")
	as_user nobody ends 5 '' post "$s"
	as_user nobody ends 5 '' wait --nowait "$s"
	posix 1
	"$IPCTOOL" set "$s" mode=0600 >/dev/null
	as_user nobody ends 5 '' post "$s"
	as_user nobody ends 5 '' wait --nowait "$s"
}

@test "removed while somebody waits: 4" {
	local status=0
	sysv 0
	background wait "$s"
	eventually eval '[[ $("$IPCTOOL" show --json "$s" | jq ".objects[0].values[0].waiting_increase") -eq 1 ]]'
	ipcrm -s "${s#sem:}"
	wait "$pid" || status=$?
	[[ $status -eq 4 && $(<"$dir/errors") == "ipctool wait: $s: "* ]]
}

@test "a signal ends the wait, and leaves a POSIX semaphore in order" {
	local status=0
	posix 0
	background wait "$s"
	eventually eval '[[ $("$IPCTOOL" show --json "$s" | jq ".objects[0].values[0].waiting_increase") -eq 1 ]]'
	kill -TERM "$pid"
	wait "$pid" || status=$?
	[[ $status -eq 143 ]]
	[[ $("$IPCTOOL" show --json "$s" | jq '.objects[0].values[0].waiting_increase') -eq 0 ]]
	does post "$s"
	value_is 1
}

# ---- with a command ------------------------------------------------------------------------------------------

@test "the command has the semaphore, its words, its input and its status" {
	local make
	for make in $both; do
		"$make" 1
		run --separate-stderr eval 'echo input | "$IPCTOOL" wait "$s" -- sh -c "\"$IPCTOOL\" list -r -o values $s; cat; printf \"[%s]\" \"\$@\"; exit 9" - "" -- --timeout "a b" "*"'
		[[ $status -eq 9 && $output == $'0\ninput\n[][--][--timeout][a b][*]' && -z $stderr ]]
		eventually value_is 1
		# Also when it has nothing to do with a shell, and with options on both sides.
		does wait --timeout 5s "$s" -- true --bogus
		eventually value_is 1
		run_ipctool wait --timeout=5s --index 0 "$s" -- false
		[[ $status -eq 1 ]]
		eventually value_is 1
	done
}

@test "ipctool becomes the command: its number and its signals are the same" {
	local make status
	for make in $both; do
		"$make" 1
		background wait "$s" -- sh -c 'echo $$; exec sleep 60'
		eventually test -s "$dir/out"
		[[ $(<"$dir/out") -eq $pid ]]
		value_is 0
		kill -TERM "$pid"
		status=0
		wait "$pid" || status=$?
		[[ $status -eq 143 ]]
		eventually value_is 1
		eventually no_guardian
	done
}

@test "124 timed out, 125 ipctool failed, 126 cannot be executed, 127 not found; and nothing is kept" {
	local make
	for make in $both; do
		"$make" 0
		ends 124 '' wait --nowait "$s" -- touch "$dir/ran"
		ends 124 'timed out' wait --timeout 200ms "$s" -- touch "$dir/ran"
		value_is 0
		does post "$s"
		ends 125 'unknown option' wait --bogus "$s" -- touch "$dir/ran"
		ends 125 'the command behind -- is missing' wait "$s" --
		ends 125 'one semaphore is asked for' wait -- touch "$dir/ran"
		ends 125 'one semaphore is asked for' wait "$s" touch -- "$dir/ran"
		ends 125 '' wait "$s" --index 1 -- touch "$dir/ran"
		: >"$dir/plain"
		ends 126 'Permission denied' wait "$s" -- "$dir/plain"
		eventually value_is 1
		ends 126 '' wait "$s" -- "$dir"
		eventually value_is 1
		ends 127 'No such file or directory' wait "$s" -- "$dir/none"
		eventually value_is 1
		PATH=/usr/bin:/bin ends 127 'none-of-this-name: No such file' wait "$s" -- none-of-this-name
		eventually value_is 1
		ends 127 'the command is empty' wait "$s" -- ''
		eventually value_is 1
		eventually no_guardian
	done
	ends 125 'no such object' wait sem:/nowhere -- touch "$dir/ran"
	ends 125 'no such object' wait sem:4242 -- touch "$dir/ran"
	[[ ! -e $dir/ran ]]
	# --help in front of the command is for ipctool.
	run_ipctool wait --help -- false
	[[ $status -eq 0 && $output == 'Usage: ipctool wait '* ]]
}

@test "given back after SIGKILL, and not before" {
	local make
	for make in $both; do
		"$make" 1
		background wait "$s" -- sleep 60
		eventually value_is 0
		eventually grep -qx sleep "/proc/$pid/comm"
		ends 124 '' wait --timeout 200ms "$s" -- true
		value_is 0
		kill -KILL "$pid"
		wait "$pid" || true
		eventually value_is 1
		eventually no_guardian
		value_is 1
	done
}

@test "SIGKILL of ipctool while it waits: nothing is taken, nobody stays" {
	local make
	for make in $both; do
		"$make" 0
		background wait "$s" -- touch "$dir/ran"
		[[ $make == sysv ]] || eventually eval '[[ -n $(guardians) ]]'
		eventually eval '[[ $("$IPCTOOL" show --json "$s" | jq ".objects[0].values[0].waiting_increase") -ge 1 ]]'
		kill -KILL "$pid"
		wait "$pid" || true
		eventually no_guardian
		does post "$s"
		value_is 1
		[[ ! -e $dir/ran ]]
	done
}

@test "guardian: out of the way of the command and of the caller" {
	local guardian shown
	posix 1
	exec {extra}>"$dir/extra"
	# What the shell substitutes ends with the command, not with a guardian; so does a pipe.
	shown=$("$IPCTOOL" wait "$s" -- echo hello)
	[[ $shown == hello ]]
	background wait "$s" -- sleep 60
	eventually eval '[[ -n $(guardians) ]]'
	guardian=$(guardians)
	eventually grep -qx sleep "/proc/$pid/comm"
	[[ $(readlink "/proc/$guardian/cwd") == / ]]
	[[ $(readlink "/proc/$guardian/fd/0" "/proc/$guardian/fd/1" "/proc/$guardian/fd/2" | sort -u) == /dev/null ]]
	[[ -z $(find "/proc/$guardian/fd" -lname "$dir*") && -z $(find "/proc/$guardian/fd" -lname 'pipe:*') ]]
	# Its own session, without a terminal, and no child of the command.
	[[ $(ps -o sid= -p "$guardian") -ne $(ps -o sid= -p "$pid") && $(ps -o tty= -p "$guardian") == '?' ]]
	[[ -z $(ps -o pid= --ppid "$pid") ]]
	# Signals that can be blocked leave it alone.
	kill -TERM "$guardian"
	kill -INT "$guardian"
	kill -HUP "$guardian"
	kill -0 "$guardian"
	value_is 0
	kill -TERM "$pid"
	wait "$pid" || true
	eventually value_is 1
	eventually no_guardian
	exec {extra}>&-
}

@test "guardian: the semaphore is seen in use, and is not removed from under the command" {
	posix 1
	background wait "$s" -- sleep 60
	eventually eval '[[ -n $(guardians) ]]'
	eventually value_is 0
	shows '' "$s" '.state == "held"' '[.holders[] | select(.comm == "ipctool-guard" and .how == "map")] | length == 1'
	run_ipctool remove "$s"
	[[ $status -eq 6 && $stderr == *'ipctool-guard'* ]]
	kill -TERM "$pid"
	wait "$pid" || true
	eventually value_is 1
}

@test "guardian: given back when the process has ended, with all its threads" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	posix 1
	# The first thread ends, the second one goes on, and becomes another program.
	background wait "$s" -- python3 -c '
import ctypes, os, sys, threading, time
def second():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os.execvp("sh", ["sh", "-c", "echo second; while [ ! -e \"$0\" ]; do sleep 0.01; done", sys.argv[2]])
threading.Thread(target=second).start()
print("first", flush=True)
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)' "$dir/go" "$dir/end"
	eventually grep -q first "$dir/out"
	ends 124 '' wait --timeout 300ms "$s" -- true
	: >"$dir/go"
	eventually grep -q second "$dir/out"
	ends 124 '' wait --timeout 300ms "$s" -- true
	value_is 0
	: >"$dir/end"
	wait "$pid"
	eventually value_is 1
}

@test "guardian: of a program that adopts orphans it is no child either" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	posix 1
	python3 -c '
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])' "$IPCTOOL" wait "$s" -- sleep 60 3>&- 4>&- &
	pid=$!
	eventually eval '[[ -n $(guardians) ]]'
	eventually grep -qx sleep "/proc/$pid/comm"
	[[ -z $(ps -o pid= --ppid "$pid") ]]
	kill -TERM "$pid"
	wait "$pid" || true
	eventually value_is 1
}

@test "guardian: process 1 of a pid namespace can have none, and is told so" {
	posix 1
	unshare --user --map-root-user --pid --fork true 2>/dev/null || skip "no pid namespaces here"
	run --separate-stderr unshare --user --map-root-user --pid --fork --mount-proc "$IPCTOOL" wait "$s" -- touch "$dir/ran"
	[[ $status -eq 125 && $stderr == "ipctool wait: $s: process 1 of a pid namespace cannot have a guardian; "* && ! -e $dir/ran ]]
	value_is 1
}

@test "many at once: all get their turn, one at a time" {
	local make number pids
	for make in $both; do
		"$make" 2
		pids=()
		: >"$dir/turns"
		for number in {1..20}; do
			"$IPCTOOL" wait --timeout 60s "$s" -- sh -c 'echo x >>"$1"' - "$dir/turns" 3>&- 4>&- &
			pids+=($!)
		done
		wait "${pids[@]}"
		[[ $(wc -l <"$dir/turns") -eq 20 ]]
		eventually value_is 2
		eventually no_guardian
	done
}

@test "a time that is too long is told from one that is none" {
	sem=$("$IPCTOOL" create sem/sysv --value 1)
	run_ipctool wait --timeout 999999999999d "$sem"
	[[ $status -eq 2 && $stderr == *"'999999999999d' is too long; without --timeout there is no end to it" ]]
	run_ipctool wait --timeout 5 "$sem"
	[[ $status -eq 2 && $stderr == *"'5' is not of the form 500ms, 5s or 1m30s" ]]
	"$IPCTOOL" remove --force=held "$sem"
}
