#!/usr/bin/env bats
# change-signal.bats: signals sent to the process that was meant, with and without a value; and the verbs that a process
# does not have.

load helpers

setup() {
	command -v python3 >/dev/null || skip "needs python3"
	cd "$BATS_TEST_TMPDIR"
}

teardown() {
	local pid
	for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
	release_all
}

succeeds() {
	run_ipctool "$@"
	[[ $status -eq 0 && -z $stderr && -z $output ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

# sleeper: a process that does nothing, its number into $pid.
sleeper() {
	sleep 1000 3>&- 4>&- &
	pid=$!
}

# ended_by N PID: the process was ended by this signal.
ended_by() {
	local status=0
	wait "$2" || status=$?
	((status == 128 + $1))
}

# A process that waits for signals and writes down what came: "number code value sender uid".
catcher() {
	python3 -u -c '
import ctypes, signal, sys
class info(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("error", ctypes.c_int), ("code", ctypes.c_int), ("pad", ctypes.c_int),
                ("pid", ctypes.c_int), ("uid", ctypes.c_uint), ("value", ctypes.c_int), ("rest", ctypes.c_char * 100)]
libc = ctypes.CDLL(None)
wanted = [signal.SIGUSR1, signal.SIGRTMIN + 3]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
pending = (ctypes.c_ulong * 16)(sum(1 << (n - 1) for n in wanted))
open("ready", "w")
while True:
    got = info()
    if libc.sigwaitinfo(pending, ctypes.byref(got)) > 0:
        print(got.number, got.code, got.value, got.uid)' >caught 3>&- 4>&- &
	pid=$!
	eventually test -e ready
}

caught() {
	[[ $(<caught) == "$1" ]]
}

# ---- send ----------------------------------------------------------------------------------------------------

@test "send: by name in any spelling, and by number" {
	local pid name
	for name in TERM SIGTERM term 15; do
		sleeper
		succeeds send "signal:$pid" --signal "$name"
		ended_by 15 "$pid"
	done
	sleeper
	succeeds send "signal:$pid" --signal RTMIN+3
	ended_by $(($(kill -l SIGRTMIN) + 3)) "$pid"
}

@test "send: without a value as kill(1) does, with one as sigqueue(3)" {
	local pid real
	real=$(($(kill -l SIGRTMIN) + 3))
	catcher
	succeeds send "signal:$pid" --signal USR1
	eventually caught "10 0 0 $EUID"
	succeeds send "signal:$pid" --signal USR1 --value -7
	eventually caught $'10 0 0 '"$EUID"$'\n10 -1 -7 '"$EUID"
	: >caught
	succeeds send "signal:$pid" --signal "$real" --value 2147483647
	eventually test -s caught
	[[ $(tr -d '\0' <caught) == *"$real -1 2147483647 $EUID" ]]
}

@test "send: values and signals that are none" {
	local pid
	sleeper
	fails 2 "" send "signal:$pid" --signal USR1 --value 2147483648
	fails 2 "" send "signal:$pid" --signal USR1 --value 1x
	fails 2 "" send "signal:$pid" --signal NONE
	fails 2 "" send "signal:$pid" --signal 65
	fails 2 "" send "signal:$pid" --signal -1
	fails 2 "say which signal" send "signal:$pid"
	kill -0 "$pid"
}

@test "send: 0 asks only whether it could be" {
	local pid
	sleeper
	succeeds send "signal:$pid" --signal 0
	kill -0 "$pid"
	((EUID == 0)) || return 0
	run as_user nobody "$IPCTOOL" send "signal:$pid" --signal 0
	[[ $status -eq 5 ]]
}

@test "send: to another user's process" {
	need_root
	local pid
	sleeper
	run --separate-stderr as_user nobody "$IPCTOOL" send "signal:$pid" --signal TERM
	[[ $status -eq 5 && $stderr == *"it belongs to uid 0; who sends it a signal needs that uid or CAP_KILL"* ]]
	kill -0 "$pid"
}

@test "send: to nobody" {
	local pid
	sleeper
	kill -9 "$pid"
	ended_by 9 "$pid"
	fails 4 "" send "signal:$pid" --signal TERM
}

@test "send: to one that is dead, and not waited for" {
	python3 -u -c '
import os, time
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print(pid)
time.sleep(1000)' >dead 3>&- 4>&- &
	eventually test -s dead
	fails 4 "dead already; its parent has not waited for it" send "signal:$(<dead)" --signal TERM
}

@test "send: the first thread has ended, the others have not" {
	python3 -u -c '
import ctypes, os, signal, threading, time
def rest():
    while "Z (zombie)" not in open("/proc/self/status").read():
        time.sleep(0.01)
    open("ready", "w")
    time.sleep(1000)
threading.Thread(target=rest).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)' 3>&- 4>&- &
	local pid=$!
	eventually test -e ready
	succeeds send "signal:$pid" --signal TERM
	ended_by 15 "$pid"
}

@test "send: a later process of the same number is left alone" {
	need_root
	local handle
	# The kernel gives the number that it is asked for next.
	python3 -u -c '
import os, signal, sys, time
first = os.fork()
if first == 0:
    time.sleep(1000)
print(first)
sys.stdin.readline()
os.kill(first, signal.SIGKILL)
os.waitpid(first, 0)
time.sleep(0.05)
open("/proc/sys/kernel/ns_last_pid", "w").write(str(first - 1))
second = os.fork()
if second == 0:
    time.sleep(1000)
print(second)
sys.stdin.readline()
print(os.waitpid(second, os.WNOHANG)[0])
os.kill(second, signal.SIGKILL)' >numbers < <(
		eventually test -s numbers
		"$IPCTOOL" list -n -r -o handle --filter "id == $(<numbers)" signal >handle
		echo
		eventually eval '(($(wc -l <numbers) == 2))'
		status=0
		"$IPCTOOL" send "$(<handle)" --signal KILL 2>message || status=$?
		echo $status >status
		echo
	) 3>&- 4>&-
	[[ $(uniq numbers | wc -l) -eq 2 ]] || skip "the number was not given again"
	handle=$(<handle)
	[[ $handle == signal+* && $(<status) == 4 && $(<message) == *replaced* && $(tail -n 1 numbers) == 0 ]]
}

# This /proc numbers the processes of the outer pid namespace: the number means the one that /proc shows.
@test "send: a pid namespace that kept an outer /proc" {
	need_root
	local outer
	sleeper
	run --separate-stderr unshare --pid --fork -- "$IPCTOOL" send "signal:$pid" --signal KILL
	[[ $status -eq 2 && $stderr == *"outside this pid namespace"* ]]
	kill -0 "$pid"
	mkfifo go
	unshare --pid --fork -- sh -c 'sleep 1000 & echo >started; read line <go; exec "$0" send "signal:$line" --signal USR1' \
		"$IPCTOOL" 3>&- 4>&- &
	local inner=$!
	eventually test -e started
	other_sleeper() {
		outer=$(grep -lsx sleep /proc/[0-9]*/comm | grep -v "^/proc/$pid/" | cut -d/ -f3)
		[[ -n $outer ]]
	}
	eventually other_sleeper
	echo "$outer" >go
	wait "$inner"
	eventually test ! -e "/proc/$outer"
	kill -0 "$pid"
}

@test "send: as many are pending as may be" {
	run -0 bash -c '
		ulimit -i 0
		python3 -c "
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
open(\"ready\", \"w\")
time.sleep(1000)" 3>&- 4>&- &
		while [[ ! -e ready ]]; do sleep 0.01; done
		"$0" send signal:$! --signal RTMIN --value 1 2>message
		echo $? >status
		"$0" send signal:$! --signal RTMIN
		kill -9 $!' "$IPCTOOL"
	((EUID == 0)) && [[ $(<status) == 0 ]] && skip "root is not limited here"
	[[ $(<status) == 7 && $(<message) == *RLIMIT_SIGPENDING* ]]
}

@test "send --list: numbers and names, which are taken back" {
	local pid number name
	run_ipctool send --list
	[[ $status -eq 0 && $output == *$'\n15\tTERM\n'* ]]
	sleeper
	while read -r number name; do
		[[ -n $name ]]
	done <<<"$output"
	succeeds send "signal:$pid" --signal "$(tail -n 1 <<<"$output" | cut -f2)"
	ended_by 64 "$pid"
}

# ---- the other verbs -----------------------------------------------------------------------------------------

@test "a process has no other verb" {
	local pid
	sleeper
	fails 2 "a signal goes to its process alone" receive "signal:$pid"
	fails 2 "a process is made by running it" create signal
	fails 2 "a process is made by running it" create "signal:$pid"
	fails 2 "a process chooses itself" set "signal:$pid" mode=0600
	fails 2 "sem:/name" post "signal:$pid"
	fails 2 "sem:/name" wait "signal:$pid"
	fails 2 "ipctool send signal:PID --signal TERM" remove "signal:$pid" --force held
	kill -0 "$pid"
}
