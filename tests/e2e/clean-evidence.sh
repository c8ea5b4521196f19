#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The evidence that a removal rests on beyond what `list` looks at: the process of a name in every pid namespace, descriptors that
# are in flight, users of semaphores whom no record names, and times that looking leaves alone. Objects live in ipc, mount and
# network namespaces of their own; the processes are those of the host.
set -u

skip() {
	echo "skipped: $*"
	exit 77
}

case ${1-start} in
start)
	[[ $(id -u) -eq 0 ]] || skip "needs root"
	[[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]] || skip "not in the initial pid namespace"
	unshare --ipc --net --mount --propagation private true 2>/dev/null || skip "no fresh namespaces here"
	exec unshare --ipc --net --mount --propagation private "$0" inside
	;;
inside) ;;
esac

work=$(mktemp -d) || exit 1
chmod 755 "$work"
mkdir "$work/empty"
pids=()
finish() {
	local pid
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
mount -t tmpfs none /dev/shm && mount -t tmpfs none /run && chmod 1777 /dev/shm /run || exit 1

failed=0
# Everything a removal would ask of the kernel, and none of the host's rules.
clean() {
	"$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json -o ref,state,evidence,used,verdict,why,result "$@"
}
# BPF is refused to these; they may look into other processes all the same.
without_bpf() {
	setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-all -- "$@"
}
as_nobody() {
	setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all -- "$@"
}
# says FILTER WHAT DOCUMENT
says() {
	jq -e "$1" >/dev/null <<<"$3" && return
	echo "$2: not $1: $3"
	failed=1
}
# line REGEX: a filter for documents with such a line of evidence.
line() {
	jq -cn --arg re "$1" '"any(.objects[0].evidence[]; test(\($re | tojson)))"' -r
}
state() {
	echo ".objects[0].state == \"$1\""
}

# start NAME COMMAND...: in the background, until it has written a line to $work/NAME; its input stays open.
start() {
	local name=$1 pid
	shift
	mkfifo "$work/$name.in"
	"$@" <>"$work/$name.in" >"$work/$name" 2>"$work/$name.error" &
	pid=$!
	pids+=("$pid")
	until [[ -s $work/$name ]]; do
		kill -0 "$pid" 2>/dev/null || { echo "$*: $(<"$work/$name.error")"; return 1; }
		sleep 0.01
	done
	started=$pid
}
# One that start() began, and all that it keeps alive.
stop() {
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

bpf=1
python=$(command -v python3) || skip "no python3"

# ---- the process of a name ---------------------------------------------------------------------------------------------

free=30011
while [[ -e /proc/$free ]]; do
	((++free))
done

cat >"$work/policy.conf" <<'POLICY'
[jobs]
action = remove
class = shm fifo
name = /job_<pid>_* /run/job_<pid>
POLICY
named() {
	clean --policy "$work/policy.conf" "$@"
}

if [[ $("$IPCTOOL" --version) == *-inih* ]]; then
	echo "this build reads no policies: names with process ids were not looked at"
else
	echo data >"/dev/shm/job_${free}_a"
	echo data >"/dev/shm/job_$$_a"
	mkfifo "/run/job_$free"
	document=$(named "shm:/job_${free}_a")
	says '.objects[0].verdict == "remove" and .objects[0].state == "orphan"' "a dead process" "$document"
	says "$(line "^named process $free is dead\$")" "a dead process" "$document"
	says "$(line "^no process has the number $free in another pid namespace\$")" "a dead process" "$document"
	document=$(named "shm:/job_$$_a")
	says '.objects[0].verdict == "keep"' "a living process" "$document"
	says "$(line "^named process $$ .* is alive\$")" "a living process" "$document"

	# The same number in a container, and nowhere else.
	# shellcheck disable=SC2016 # expanded inside
	start inner unshare --pid --fork --kill-child bash -c '
		echo $(($0 - 1)) >/proc/sys/kernel/ns_last_pid
		sleep infinity &
		echo "$!"
		wait' "$free" || exit 1
	if [[ $(<"$work/inner") == "$free" ]]; then
		document=$(named "shm:/job_${free}_a")
		says '.objects[0].verdict == "keep"' "a process of a container" "$document"
		says "$(line "^[0-9]+ \\(sleep\\) is alive, and is process $free in a pid namespace of its own\$")" \
			"a process of a container" "$document"
	else
		echo "no process of a chosen number can be made in a pid namespace here"
	fi
	stop "$started"
	until ! grep -qsE "^NSpid:.*[[:space:]]$free\$" /proc/[0-9]*/status; do
		sleep 0.01
	done
	document=$(named "shm:/job_${free}_a")
	says '.objects[0].verdict == "remove"' "a container that has ended" "$document"

	# Whoever sees a part of the processes does not know.
	document=$(unshare --pid --fork --mount-proc -- "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json \
		--policy "$work/policy.conf" -o ref,state,evidence,verdict,why "shm:/job_${free}_a")
	says '.objects[0].verdict == "keep"' "outside the initial pid namespace" "$document"
	says "$(line "^processes outside this pid namespace may have the number $free\$")" \
		"outside the initial pid namespace" "$document"
	chown nobody "/dev/shm/job_${free}_a"
	document=$(as_nobody "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json --policy "$work/policy.conf" \
		-o ref,state,evidence,verdict,why "shm:/job_${free}_a")
	says '.objects[0].verdict == "remove"' "an ordinary user who is shown all processes" "$document"
	document=$(unshare --mount --propagation private bash -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' \
		bash setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all -- "$IPCTOOL" clean \
		--policy-dir "$work/empty" --min-age 0s --json --policy "$work/policy.conf" -o ref,state,evidence,verdict,why \
		"shm:/job_${free}_a")
	says '.objects[0].verdict == "keep"' "an ordinary user from whom processes are hidden" "$document"
	says "$(line "^processes that cannot be seen may have the number $free in a pid namespace of their own\$")" \
		"an ordinary user from whom processes are hidden" "$document"
fi

# ---- descriptors in flight -----------------------------------------------------------------------------------------------

# send_fifo PATH HOW: a descriptor of it is nowhere but in a message; HOW: pair, nested, pending. A line on its input receives it
# and lets it go.
cat >"$work/send.py" <<'PYTHON'
import os, socket, sys

path, how = sys.argv[1:]
fifo = os.open(path, os.O_RDWR)
left, right = socket.socketpair()
if how == "pair":
    socket.send_fds(left, [b"x"], [fifo])
elif how == "nested":
    # The socket that carries it is carried itself.
    inner, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    socket.send_fds(inner, [b"x"], [fifo])
    socket.send_fds(left, [b"x"], [other.fileno()])
    other.close()
else:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(path + ".sock")
    server.listen()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(path + ".sock")
    socket.send_fds(client, [b"x"], [fifo])
os.close(fifo)
print("ready", flush=True)
sys.stdin.readline()
PYTHON

# A thread is blocked in reading a descriptor that another one has closed: no table of descriptors has it any more.
cat >"$work/closed.py" <<'PYTHON'
import os, sys, threading, time

fifo = os.open(sys.argv[1], os.O_RDWR)
reader = threading.Thread(target=os.read, args=(fifo, 1), daemon=True)
reader.start()
call = "/proc/self/task/%d/syscall" % reader.native_id
while open(call).read().split()[:2] != ["0", hex(fifo)]:
    time.sleep(0.01)
os.close(fifo)
print("ready", flush=True)
sys.stdin.readline()
PYTHON

mkfifo /run/idle
document=$(clean --include=idle fifo:/run/idle)
if jq -e 'any(.objects[0].evidence[]; test("^the kernel has no pipe for it"))' <<<"$document" >/dev/null; then
	says '.objects[0].state == "idle" and .objects[0].verdict == "remove"' "a FIFO" "$document"
else
	bpf=0
	echo "no BPF here: $document"
fi
document=$("$IPCTOOL" show --json -o ref,evidence fifo:/run/idle)
says 'all(.objects[0].evidence[]; test("pipe for it|on their way") | not)' "show asks no more than before" "$document"

for how in pair nested pending closed; do
	mkfifo "/run/$how"
	if [[ $how == closed ]]; then
		[[ $(uname -m) == x86_64 ]] || continue
		start "$how" "$python" "$work/closed.py" "/run/$how" || exit 1
	else
		start "$how" "$python" "$work/send.py" "/run/$how" "$how" || exit 1
	fi
	if ((bpf)); then
		document=$(clean --include=idle "fifo:/run/$how")
		says "$(state held) and .objects[0].verdict == \"keep\"" "in flight ($how)" "$document"
		says "$(line '^the kernel counts 1 reader and 1 writer whom no process shows')" "in flight ($how)" "$document"
		# A removal by name refuses as well.
		"$IPCTOOL" remove "fifo:/run/$how" 2>"$work/error"
		status=$?
		[[ $status == 6 && -p /run/$how ]] || { echo "remove of $how: status $status: $(<"$work/error")"; failed=1; }
	fi
	document=$(without_bpf "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json --include=idle \
		-o ref,state,evidence,verdict "fifo:/run/$how")
	if [[ $how != closed ]]; then
		says "$(state unknown) and .objects[0].verdict == \"keep\"" "in flight ($how), without BPF" "$document"
		says "(.complete | not) or ($(line '^([0-9]+ unix sockets? carr(y|ies) descriptors|this kernel does not tell)'))" \
			"in flight ($how), without BPF" "$document"
	fi
	stop "$started"
	if ((bpf)); then
		document=$(clean --include=idle "fifo:/run/$how")
		says "$(state idle)" "no longer in flight ($how)" "$document"
	fi
done
# Where root is shown every process, what no socket carries is idle without BPF, too; unless somebody on this host sends just now.
document=$(without_bpf "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json --include=idle \
	-o ref,state,evidence,verdict fifo:/run/idle)
says "(.complete | not) or ($(state idle) and $(line '^no unix socket carries descriptors')) or
	($(state unknown) and $(line 'carr(y|ies) descriptors|could not be read|does not tell'))" "idle, without BPF" "$document"

# A bound socket that is in flight itself is listed by the kernel all the same: its file is not stale.
cat >"$work/flying.py" <<'PYTHON'
import socket, sys

server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
left, right = socket.socketpair()
socket.send_fds(left, [b"x"], [server.fileno()])
server.close()
print("ready", flush=True)
sys.stdin.readline()
PYTHON
start flying "$python" "$work/flying.py" /run/flying.sock || exit 1
document=$(clean sock:/run/flying.sock)
says '.objects | length == 1 and .[0].verdict == "keep" and .[0].state != "orphan"' "a socket in flight" "$document"
stop "$started"
document=$(clean sock:/run/flying.sock)
says '(.complete | not) or (.objects[0].verdict == "remove" and .objects[0].state == "orphan")' "its file afterwards" "$document"

# ---- users of semaphores -------------------------------------------------------------------------------------------------

# Whoever operated last is dead; before him the process that stays did, with SEM_UNDO, and HOW many to be undone are left.
cat >"$work/undo.py" <<'PYTHON'
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)
SEM_UNDO = 0o10000

def operate(semid, change, flags):
    class Operation(ctypes.Structure):
        _fields_ = [("index", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short)]
    operation = Operation(0, change, flags)
    if libc.semop(semid, ctypes.byref(operation), ctypes.c_size_t(1)):
        sys.exit(os.strerror(ctypes.get_errno()))

semid = libc.semget(0, 2, 0o1600)
operate(semid, 2, 0)
operate(semid, -1, SEM_UNDO)
if sys.argv[1] == "nothing":
    operate(semid, 1, SEM_UNDO)
if os.fork() == 0:
    operate(semid, 1, 0)
    os._exit(0)
os.wait()
print(semid, flush=True)
sys.stdin.readline()
PYTHON

for how in something nothing; do
	start "undo-$how" "$python" "$work/undo.py" "$how" || exit 1
	set=sem:$(<"$work/undo-$how")
	document=$("$IPCTOOL" show --json -o state,evidence "$set")
	says "$(state suspect) and all(.objects[0].evidence[]; test(\"SEM_UNDO\") | not)" "show ($how to undo)" "$document"
	document=$(clean --include=suspect --owner root sem/sysv --filter "id == ${set#sem:}")
	if jq -e 'any(.objects[0].evidence[]; test("SEM_UNDO and lives could not be looked at: "))' <<<"$document" >/dev/null; then
		echo "undo values cannot be looked at here: $document"
		says "$(state suspect)" "not looked at" "$document"
	else
		says "$(state held) and .objects[0].verdict == \"keep\"" "$how to undo" "$document"
		says "$(line "^used with SEM_UNDO by $started \\(")" "$how to undo" "$document"
		stop "$started"
		document=$(clean --include=suspect --owner root sem/sysv --filter "id == ${set#sem:}")
		says "$(state suspect) and .objects[0].verdict == \"remove\"" "its process is dead" "$document"
		says "$(line '^no process that lives has used it with SEM_UNDO$')" "its process is dead" "$document"
	fi
	stop "$started"
	document=$(without_bpf "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json --include=suspect --owner root \
		-o ref,state,evidence,verdict sem/sysv --filter "id == ${set#sem:}")
	says "$(state suspect) and $(line '^who has used it with SEM_UNDO and lives could not be looked at: ')" \
		"without BPF" "$document"
done

# ---- memory of many segments ---------------------------------------------------------------------------------------------

"$python" - <<'PYTHON' || exit 1
import ctypes, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
for number in range(40):
    segment = libc.shmget(0, 65536, 0o1600)
    memory = libc.shmat(segment, None, 0)
    if segment < 0 or memory in (None, ctypes.c_void_p(-1).value):
        sys.exit("no segment")
    ctypes.memset(memory, 1, 4096 * (number % 16))
    libc.shmdt(ctypes.c_void_p(memory))
PYTHON
mapfile -t segments < <("$IPCTOOL" list -q shm/sysv)
together=$("$IPCTOOL" show --raw -o ref,resident,swapped,size "${segments[@]}" | sort)
singly=$(for segment in "${segments[@]}"; do "$IPCTOOL" show --raw -o ref,resident,swapped,size "$segment"; done | sort)
[[ ${#segments[@]} == 40 && $together == "$singly" ]] || { echo "memory of segments: $together is not $singly"; failed=1; }
# Some of them, and none twice.
some=$("$IPCTOOL" show --raw -o ref,resident "${segments[@]:3:9}" | cut -f1 | sort)
[[ $some == "$(printf '%s\n' "${segments[@]:3:9}" | sort)" ]] || { echo "some segments: $some"; failed=1; }

# ---- times ----------------------------------------------------------------------------------------------------------------

# A time of the past can be given to a file, but not that of the change itself.
echo data >/dev/shm/aged
touch -d 1970-01-02 /dev/shm/aged
mkfifo /run/aged
touch -d 1970-01-02 /run/aged
for reference in shm:/aged fifo:/run/aged; do
	document=$("$IPCTOOL" clean --policy-dir "$work/empty" --include=idle --min-age 1h --json -o ref,verdict,why,unused "$reference")
	says '.objects[0].verdict == "keep" and .objects[0].unused < 600' "$reference from 1970" "$document"
	says '.objects[0].why | test("^used .* ago, and kept until that was 1h ago|may be in use")' "$reference from 1970" "$document"
done
# One of the future is young.
touch -d '2099-01-01' /dev/shm/aged
document=$(clean --include=idle --min-age 1s shm:/aged)
says '.objects[0].verdict == "keep" and (.objects[0].why | test("^used 0ms ago|may be in use"))' "a time of the future" "$document"

# Where the clock that counts from the boot is shifted, processes that live are older than what they made all the same.
if unshare --time --boottime 100000000 true 2>/dev/null; then
	start living "$MKIPC" sem-sysv values=1 dead_user=0 || exit 1
	for offset in 100000000 -10000; do
		[[ $offset == -* && ${offset#-} -ge $(cut -d. -f1 /proc/uptime) ]] && continue
		document=$(unshare --time --boottime "$offset" -- "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json \
			--include=idle --owner root -o ref,state,evidence,verdict "sem:$(jq -r .id "$work/living")" 2>&1)
		says 'all(.objects[0].evidence[]; test("reused|clock") | not)' "boot time shifted by $offset" "$document"
	done
	stop "$started"
fi

# Looking moves no time on which the age of something rests: as root, and as who owns it. (Others may move the access time of a
# semaphore by reading its value, as of any file; and the text of a queue cannot be read without a trace, which `show` does.)
objects=(fifo:/run/aged shm:/aged sem:/quiet)
start quiet-sem "$MKIPC" sem-posix name=quiet hold=0 || exit 1
start quiet-mq "$MKIPC" mq-posix name=/quiet hold=0 messages=1 || exit 1
# An access time that lies before the others is what a read would move.
touch -a -d 2020-01-01 /dev/shm/aged /dev/shm/sem.quiet
chown nobody /dev/shm/aged /dev/shm/sem.quiet /run/aged
looks() {
	"$@" "$IPCTOOL" list --all
	"$@" "$IPCTOOL" list mq
	"$@" "$IPCTOOL" list fifo shm sem mq/sysv --json -o +values,resident,evidence,holders,waiters
	"$@" "$IPCTOOL" show "${objects[@]}" shm/sysv sem/sysv
	"$@" "$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --include=idle,suspect --owner root --owner nobody
	"$@" "$IPCTOOL" clean --policy-dir "$work/empty" --policy "$work/policy.conf" --json
} >/dev/null 2>&1
used() {
	# What processes of the host have open besides, with no name here, is not ours.
	"$IPCTOOL" list fifo shm/sysv shm/posix sem mq --raw --noheadings -o ref,used |
		grep -E '^(fifo:/run/|(shm|sem|mq):[0-9/])' | sort
	stat -c '%n %x %y %z' /dev/shm/aged /dev/shm/sem.quiet /run/aged
}
before=$(used)
# Times of queues are whole seconds.
second=$(date +%s)
while [[ $(date +%s) == "$second" ]]; do
	sleep 0.05
done
looks env
looks as_nobody
after=$(used)
[[ $before == "$after" && $before == *mq:/quiet* && $before == *sem:/quiet* ]] || {
	echo "looking has moved a time:"
	diff <(echo "$before") <(echo "$after")
	failed=1
}

# ---- what a removal leaves that is killed half-way ------------------------------------------------------------------------

hidden=.ipctool-0123456789abcdef0123456789abcdef
echo data >"/dev/shm/$hidden" && echo data >"/dev/shm/${hidden}0" && mkfifo "/run/$hidden" || exit 1
document=$(clean shm/posix fifo)
says "[.objects[] | select(.ref == \"shm:/$hidden\" or .ref == \"fifo:/run/$hidden\") | .state] | length == 2 and all(. != \"idle\")" \
	"private names" "$document"
says ".objects[] | select(.ref == \"shm:/$hidden\") | .state == \"orphan\" and .verdict == \"remove\"" "a private name" "$document"
says ".objects[] | select(.ref == \"shm:/${hidden}0\") | .state == \"idle\"" "a longer name" "$document"

# ---- who used a set last, and lives ---------------------------------------------------------------------------------------

start user $python -c '
import ctypes, sys
libc = ctypes.CDLL(None)
made = libc.semget(0, 1, 0o1600)
libc.semop(made, (ctypes.c_short * 3)(0, 1, 0), 1)
print(made, flush=True)
sys.stdin.readline()'
document=$(clean --include=idle,suspect --owner root "sem:$(<"$work/user")")
says '.objects[0] | .verdict == "keep" and (.why == "a user on record is alive" or .state == "held")' "a set of a living user" "$document"
stop "$started"
document=$(clean --include=idle,suspect --owner root "sem:$(<"$work/user")")
says '.objects[0].verdict == "remove" or .objects[0].state == "unknown"' "a set of a dead user" "$document"

exit "$failed"
