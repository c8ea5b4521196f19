#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-signal.bats: what is queued for a process, read by BPF, by ptrace and from the status files; and that the process does not
# notice, whatever becomes of who looks.

load helpers

setup() {
	command -v python3 >/dev/null || skip "needs python3"
	cd "$BATS_TEST_TMPDIR"
	cat >holder.py <<'EOF'
# Blocks all signals, does what its argument says, and waits.
import ctypes, fcntl, os, resource, signal, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
RTMIN = signal.SIGRTMIN
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

def must(result):
    if result < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    return result

libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
def queue(number, value):
    must(libc.sigqueue(os.getpid(), number, value & 0xffffffffffffffff))

# Any si_code below 0; pid and uid as the sender likes.
class Info(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("error", ctypes.c_int), ("code", ctypes.c_int), ("pad", ctypes.c_int),
                ("pid", ctypes.c_int), ("uid", ctypes.c_uint), ("value", ctypes.c_long), ("rest", ctypes.c_char * 96)]
def forge(number, code, pid, uid, value, error=0):
    info = Info(number, error, code, 0, pid, uid, value)
    must(libc.syscall({"x86_64": 129}.get(os.uname().machine, 138), os.getpid(), number, ctypes.byref(info)))

threads = []
def thread():
    ready = threading.Event()
    def run():
        threads.append(threading.get_native_id())
        ready.set()
        time.sleep(1000)
    started = threading.Thread(target=run, daemon=True)
    started.start()
    ready.wait()
    return started.ident

exec(sys.argv[1])
print(*threads, file=open("ready.new", "w"))
os.rename("ready.new", sys.argv[2])
while True:
    signal.pause()
EOF
}

teardown() {
	# All of them before the first is waited for: who is traced is not gone before its tracer.
	if ((${#started[@]})); then
		kill -KILL "${started[@]}" 2>/dev/null || true
		wait "${started[@]}" 2>/dev/null || true
	fi
	release_all
}

# start COMMAND...: its number into $pid.
started=()
start() {
	"$@" >/dev/null 3>&- 4>&- &
	pid=$!
	started+=("$pid")
}

# holder PYTHON: its number into $pid, those of its threads into $tids.
holders=0
holder() {
	local ready=ready.$((++holders))
	start python3 holder.py "$1" "$ready"
	eventually test -e "$ready"
	read -ra tids <"$ready" || true
}

# Root without what it takes to use BPF; an ordinary user has it not anyway.
without_bpf() {
	if ((EUID == 0)); then
		_fx_prefix=(setpriv --bounding-set "-bpf,-perfmon,-sys_admin" --inh-caps "-bpf,-perfmon,-sys_admin" --)
	fi
	local rc=0
	"$@" || rc=$?
	_fx_prefix=()
	return "$rc"
}

# dumps SOURCE PID [OPTION]...: the dump into $dump, read in this way.
dumps() {
	local source=$1 pid=$2
	shift 2
	case $source in
	bpf) run_ipctool dump --json "$@" "signal:$pid" ;;
	ptrace) without_bpf run_ipctool dump --json --ptrace "$@" "signal:$pid" ;;
	status) without_bpf run_ipctool dump --json "$@" "signal:$pid" ;;
	esac
	[[ $status -eq 0 ]] || { echo "dump $source: $status: $stderr" >&2; return 1; }
	json_valid "$output"
	dump=$(json "$output" '.dumps[0]')
	if [[ $source == bpf && $(json "$dump" .source) != bpf && -z ${IPCTOOL_REQUIRE_BPF-} ]]; then
		skip "no BPF here"
	fi
	holds "$dump" '' ".source == \"$source\"" ".ref == \"signal:$pid\""
}

# The sources by which everything can be read here.
sources() {
	if ((EUID == 0)); then
		echo bpf ptrace
	else
		echo ptrace
	fi
}

# What must be the same afterwards: what is pending and blocked, and what the process does.
state() {
	local file
	for file in "/proc/$1"/task/*/status; do
		grep -E '^(State|TracerPid|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Pid):' "$file"
	done
}

undisturbed() {
	[[ $(state "$1") == "$2" ]] || { diff <(echo "$2") <(state "$1") >&2; return 1; }
}

names='[.contents[].name]'

@test "entries say number, name, thread, sender, user and value, in the order queued" {
	need_ptrace
	local source before
	fixture s signal block=USR2 queue=USR1,RTMIN+3,TERM,RTMIN+3,RTMIN+1 thread=1 thread_queue=USR2,RTMIN+5
	pid=$(fx s .subject)
	before=$(state "$pid")
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" s "$names == [\"USR1\", \"RTMIN+3\", \"TERM\", \"RTMIN+3\", \"RTMIN+1\", \"USR2\", \"RTMIN+5\"]" \
			'[.contents[].index] == [range(7)]' \
			'[.contents[].value] == [0, 1, 2, 3, 4, 0, 1]' \
			'[.contents[].thread] == [null, null, null, null, null, $f.tids[1], $f.tids[1]]' \
			'all(.contents[]; .code == "queue" and .sender == $f.subject and .uid == $uid)' \
			'all(.contents[]; .status == null and .timer == null and .fd == null and .address == null)' \
			'.contents[0].signal == 10 and .contents[6].signal == .contents[1].signal + 2' \
			'.unreached == 0 and (.torn | not)'
		undisturbed "$pid" "$before"
	done
}

@test "nothing is queued: no entries, by any source" {
	need_ptrace
	local source
	holder 'pass'
	for source in $(sources) status; do
		dumps "$source" "$pid"
		holds "$dump" '' '.contents == []'
	done
	succeeds dump "signal:$pid"
	[[ -z $output ]]
}

@test "the sets of the status files: names and threads alone, and what it takes to see more" {
	local before
	fixture s signal queue=TERM,RTMIN+3,USR1,RTMIN+3 thread=1 thread_queue=USR2
	pid=$(fx s .subject)
	before=$(state "$pid")
	dumps status "$pid"
	[[ $stderr == *"signal:$pid: "*"root (CAP_BPF and CAP_PERFMON), or --ptrace, which stops the process"* ]]
	holds "$dump" s "$names == [\"USR1\", \"TERM\", \"RTMIN+3\", \"USR2\"]" \
		'[.contents[].thread] == [null, null, null, $f.tids[1]]' \
		'all(.contents[]; [.code, .sender, .uid, .value, .pointer, .error] == [null, null, null, null, null, null])' \
		'.note | contains("--ptrace")'
	undisturbed "$pid" "$before"
}

@test "anybody may see the sets of anybody's process, but not stop it" {
	need_root
	holder 'os.kill(os.getpid(), signal.SIGUSR1)'
	as_user nobody run_ipctool dump --json "signal:$pid"
	[[ $status -eq 0 ]]
	holds "$output" '' '.dumps[0].source == "status"' '[.dumps[0].contents[].name] == ["USR1"]'
	as_user nobody fails 5 "CAP_SYS_PTRACE" dump --ptrace "signal:$pid"
	undisturbed "$pid" "$(state "$pid")"
}

@test "a thousand real-time signals: all values, in the order sent" {
	need_ptrace
	local source before
	holder 'for value in range(1000): queue(RTMIN + value % 3, value * value)'
	before=$(state "$pid")
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' '[.contents[].value] == [range(1000) | . * .]' \
			"$names == [range(1000) | [\"RTMIN\", \"RTMIN+1\", \"RTMIN+2\"][. % 3]]"
		undisturbed "$pid" "$before"
		dumps "$source" "$pid" --message 999
		holds "$dump" '' '.contents | length == 1' '.contents[0] | .index == 999 and .value == 998001'
	done
	fails 4 "there is no message 1000" dump --ptrace --message 1000 "signal:$pid"
}

@test "more signals than the first ring buffer holds" {
	need_root
	holder 'for value in range(9000): queue(RTMIN, value)'
	dumps bpf "$pid"
	holds "$dump" '' '[.contents[].value] == [range(9000)]'
}

@test "values are numbers and pointers; a negative one" {
	need_ptrace
	local source
	holder 'queue(RTMIN, -5); queue(RTMIN, 0x7f0012345678)'
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' '.contents[0].value == -5' '.contents[1].value == 305419896' \
			'.contents[1].pointer | ascii_downcase | ltrimstr("0x") | ltrimstr("0000") == "7f0012345678"'
	done
}

@test "codes: kill, tgkill, a child, a timer, a descriptor, the kernel, and what somebody forged" {
	need_ptrace
	local source
	holder '
me = os.getpid()
os.kill(me, signal.SIGUSR1)
first = thread()
signal.pthread_kill(first, signal.SIGUSR2)
child = os.fork()
if not child:
    os._exit(3)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while signal.SIGALRM not in signal.sigpending():
    time.sleep(0.001)
reading, writing = os.pipe()
fcntl.fcntl(reading, fcntl.F_SETOWN, me)
fcntl.fcntl(reading, fcntl.F_SETSIG, RTMIN + 7)
fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
os.write(writing, b"x")
class Event(ctypes.Structure):
    _fields_ = [("value", ctypes.c_long), ("signo", ctypes.c_int), ("notify", ctypes.c_int), ("rest", ctypes.c_char * 48)]
event, timer = Event(99, RTMIN + 8, 0), ctypes.c_int()
machine = {"x86_64": (222, 223)}.get(os.uname().machine, (107, 110))
must(libc.syscall(machine[0], 1, ctypes.byref(event), ctypes.byref(timer)))
must(libc.syscall(machine[1], timer, 0, (ctypes.c_long * 4)(0, 0, 0, 1), None))
while RTMIN + 8 not in signal.sigpending():
    time.sleep(0.001)
forge(RTMIN + 9, -77, 4242, 17, 5, 11)
forge(RTMIN + 9, -4, 0, 0, 6)
forge(RTMIN + 9, -3, 8, 9, 7)'
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' '.contents | length == 9' \
			'.contents[0] | .name == "USR1" and .code == "user" and .sender == '"$pid"' and .uid == $uid and .value == null' \
			'.contents[1] | .name == "CHLD" and .code == "exited" and .status == 3 and .uid == $uid and .sender > 0' \
			'.contents[1] | .value == null and .user_time != null and .system_time != null' \
			'.contents[2] | .name == "ALRM" and .code == "kernel" and .sender == null and .uid == null' \
			'.contents[3] | .name == "RTMIN+7" and .code == "in" and .band == 65 and .fd > 2 and .sender == null' \
			'.contents[4] | .name == "RTMIN+8" and .code == "timer" and .value == 99 and .sender == null' \
			'.contents[4] | .timer != null and .overrun != null' \
			'.contents[5] | .code == "-77" and .sender == 4242 and .uid == 17 and .value == 5 and .error == 11' \
			'.contents[6] | .code == "asyncio" and .sender == null and .value == 6 and .error == null' \
			'.contents[7] | .code == "mesgq" and .sender == 8 and .uid == 9 and .value == 7' \
			".contents[8] | .name == \"USR2\" and .code == \"tkill\" and .thread == ${tids[0]} and .value == null" \
			".contents[8] | .sender == $pid and .uid == \$uid"
	done
}

@test "codes of faults, of filters, of descriptors, and one that means nothing" {
	need_ptrace
	local source
	# To itself a process may say anything.
	holder '
forge(signal.SIGSEGV, 2, 0x1000, 0, 0)
forge(signal.SIGBUS, 5, 0x2000, 0, 0)
forge(signal.SIGILL, 1, 0x3000, 0, 0)
forge(signal.SIGFPE, 3, 0x4000, 0, 0)
forge(signal.SIGTRAP, 2, 0x5000, 0, 0)
forge(signal.SIGSYS, 1, 0x6000, 0, 0x4000000300000027)
forge(signal.SIGCHLD, 5, 77, 78, signal.SIGSTOP)
forge(RTMIN, 6, 16, 0, 9)
forge(RTMIN, 99, 1, 2, 3)
forge(RTMIN, 0x80, 1, 2, 3)
forge(RTMIN, -60, 1, 2, 3)'
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' '[.contents[:5][].code] == ["accerr", "mceerr_ao", "illopc", "fltdiv", "trace"]' \
			'[.contents[:6][].address] == ["0x1000", "0x2000", "0x3000", "0x4000", "0x5000", "0x6000"]' \
			'all(.contents[:6][]; .sender == null and .uid == null and .value == null)' \
			'.contents[5] | .code == "seccomp" and .syscall == 39 and .arch == "0x40000003"' \
			'.contents[6] | .code == "stopped" and .sender == 77 and .uid == 78 and .status == 19' \
			'.contents[7] | .code == "hup" and .band == 16 and .fd == 9 and .sender == null and .value == null' \
			'[.contents[8:10][] | .code, .sender, .value] == ["99", null, null, "kernel", null, null]' \
			'.contents[10] | .code == "asyncnl" and .sender == null and .value == 3'
	done
}

@test "what is pending without a place in the queue is told, without what is not known of it" {
	need_ptrace
	local source
	holder '
os.kill(os.getpid(), signal.SIGUSR1)
resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
os.kill(os.getpid(), RTMIN + 2)
os.kill(os.getpid(), RTMIN + 2)'
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' "$names == [\"USR1\", \"RTMIN+2\"]" '[.contents[].code] == ["user", null]' \
			'.contents[1] | .sender == null and .uid == null and .value == null and .thread == null'
	done
}

@test "each thread's own queue, of many threads" {
	need_ptrace
	local source before
	holder '
for number in range(30):
    signal.pthread_kill(thread(), RTMIN + number % 20)
os.kill(os.getpid(), signal.SIGTERM)'
	before=$(state "$pid")
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' '.contents | length == 31' '.contents[0] | .name == "TERM" and .thread == null' \
			"[.contents[1:][].thread] | sort == ([$(IFS=,; echo "${tids[*]}")] | sort)" \
			'.contents[1].signal as $first | all(.contents[1:] | to_entries[]; .value.signal == $first + .key % 20)'
		undisturbed "$pid" "$before"
	done
	dumps status "$pid"
	holds "$dump" '' '.contents | length == 31'
}

@test "--ptrace says for how long, and the process goes on with what it did" {
	need_ptrace
	local before
	# A pause of a known end is taken up again.
	start python3 -c 'import time; time.sleep(1); open("slept", "w")'
	eventually grep -q '(sleeping)' "/proc/$pid/status"
	dumps ptrace "$pid"
	[[ $stderr =~ "signal:$pid: the process was stopped for "[0-9]+" microseconds" ]]
	wait "$pid"
	[[ -e slept ]]
}

@test "--ptrace lets go after a while, however much is queued, and says that there is more" {
	need_ptrace
	local before
	holder '
for value in range(50000):
    if libc.sigqueue(os.getpid(), RTMIN, value) < 0:
        break
threads.append(value)'
	((tids[0] == 49999)) || skip "so many signals may not be queued (ulimit -i)"
	before=$(state "$pid")
	without_bpf run_ipctool dump --json --ptrace "signal:$pid"
	[[ $status -eq 3 && $stderr == *"and no longer, although more signals are queued"* ]]
	holds "$output" '' '.complete | not' '.dumps[0].contents | length >= 128 and length < 50000' \
		'.dumps[0].unreached == null' '.dumps[0].contents | all(.[]; .value == .index)'
	undisturbed "$pid" "$before"
}

@test "--ptrace is not used where BPF shows everything" {
	need_root
	holder 'queue(RTMIN, 1)'
	run_ipctool dump --json --ptrace "signal:$pid"
	[[ $status -eq 0 ]]
	[[ $(json "$output" '.dumps[0].source') == bpf ]] || skip "no BPF here"
	[[ -z $stderr ]]
}

@test "--ptrace refuses a process that is stopped already, and it stays so" {
	need_ptrace
	local before
	holder 'queue(RTMIN, 1)'
	kill -STOP "$pid"
	eventually grep -q 'T (stopped)' "/proc/$pid/status"
	before=$(state "$pid")
	without_bpf fails 6 "stopped by a signal" dump --ptrace "signal:$pid"
	undisturbed "$pid" "$before"
	dumps status "$pid"
	undisturbed "$pid" "$before"
}

@test "--ptrace refuses a process that is traced already, and names the tracer" {
	need_ptrace
	local before traced
	holder 'queue(RTMIN, 1)'
	traced=$pid
	start python3 -c '
import ctypes, os, sys, time
if ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0:
    open("tracing", "w")
time.sleep(1000)' "$traced"
	eventually test -e tracing
	before=$(state "$traced")
	without_bpf fails 6 "process $pid traces it already" dump --ptrace "signal:$traced"
	undisturbed "$traced" "$before"
	if ((EUID == 0)); then
		dumps bpf "$traced"
		undisturbed "$traced" "$before"
	fi
}

@test "--ptrace gives up on a process that cannot stop, and leaves it untraced" {
	need_ptrace
	[[ $(uname -m) == x86_64 ]] || skip "knows the number of vfork() for x86-64 alone"
	# The parent of a vfork() waits for its child in the kernel, which no stop interrupts.
	start python3 -c '
import ctypes, time
if ctypes.CDLL(None).syscall(58) == 0:
    time.sleep(1000)'
	eventually grep -q 'D (disk sleep)' "/proc/$pid/status"
	without_bpf fails 7 "does not stop" dump --ptrace "signal:$pid"
	grep -qx 'TracerPid:	0' "/proc/$pid/status"
	kill -KILL "$pid" "$(pgrep -P "$pid")"
}

# The looker is stopped by a signal at a moment when it traces.
interrupted_by() {
	local number=$1 before looker try caught=
	holder 'for value in range(6000): queue(RTMIN, value)'
	before=$(state "$pid")
	for try in {1..20}; do
		without_bpf eval '"${_fx_prefix[@]}" "$IPCTOOL" dump --ptrace --json "signal:$pid" >/dev/null 2>&1 3>&- 4>&- & looker=$!'
		while kill -0 "$looker" 2>/dev/null; do
			if grep -q '^TracerPid:	[1-9]' "/proc/$pid/status"; then
				kill "-$number" "$looker" 2>/dev/null && caught=$try
				break
			fi
		done
		wait "$looker" || true
		eventually undisturbed "$pid" "$before" 2>/dev/null
		[[ -z $caught ]] || break
	done
	[[ -n $caught ]] || skip "was never caught while it traced"
	undisturbed "$pid" "$before"
	dumps ptrace "$pid"
	holds "$dump" '' '[.contents[].value] == [range(6000)]'
}

@test "ipctool is killed while it traces: the process goes on, and nothing is lost" {
	need_ptrace
	interrupted_by KILL
}

@test "ipctool is ended while it traces: the same" {
	need_ptrace
	interrupted_by TERM
}

@test "a process that has ended, also one that nobody has waited for" {
	start sleep 1000
	kill -KILL "$pid"
	wait "$pid" || true
	fails 4 "signal:$pid" dump "signal:$pid"
	start python3 -c 'import os, time
child = os.fork()
if child == 0: os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
open("zombie.new", "w").write(str(child))
os.rename("zombie.new", "zombie")
time.sleep(1000)'
	eventually test -e zombie
	fails 4 "dead already" dump "signal:$(<zombie)"
}

@test "a process whose first thread has ended" {
	need_ptrace
	local source
	holder '
other = thread()
threading.Thread(target=lambda: (time.sleep(0.1), signal.pthread_kill(other, RTMIN + 1), os.kill(os.getpid(), signal.SIGUSR1),
    open("sent", "w"), time.sleep(1000))).start()
os.rename(open("ready.new", "w").name, sys.argv[2])
libc.syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)'
	eventually test -e sent
	eventually grep -q 'Z (zombie)' "/proc/$pid/status"
	for source in $(sources); do
		dumps "$source" "$pid"
		holds "$dump" '' "$names == [\"USR1\", \"RTMIN+1\"]" '.contents[0].thread == null' '.contents[1].thread != null'
	done
}

@test "what only other kinds have is refused" {
	holder 'pass'
	fails 2 "System V segments" dump --attach "signal:$pid"
	fails 2 "no offsets" dump --offset 1 "signal:$pid"
	fails 2 "sockets have a peek offset" dump --peek-offset "signal:$pid"
}
