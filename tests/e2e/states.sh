#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The states that only the initial pid namespace can prove: nobody has it, so it is idle, suspect or an orphan. Objects live in ipc,
# mount and network namespaces of their own; the processes are those of the host. As an ordinary user the same are unknown.
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
pids=()
finish() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
# Where the programs and the library are, /tmp may be a part of the path: only the directories of objects are fresh.
mount -t tmpfs none /dev/shm && mount -t tmpfs none /run || exit 1

# fixture NAME KIND [KEY=VALUE]...: its JSON is in $work/NAME.
fixture() {
	local name=$1 pid
	shift
	mkfifo "$work/$name.in"
	"$MKIPC" "$@" <>"$work/$name.in" >"$work/$name" 2>"$work/$name.error" &
	pid=$!
	pids+=("$pid")
	until [[ -s $work/$name ]]; do
		kill -0 "$pid" 2>/dev/null || { echo "mkipc $*: $(<"$work/$name.error")"; exit 1; }
		sleep 0.01
	done
}

of() {
	jq -r "$2" "$work/$1"
}

failed=0 proven=0
# is STATE EVIDENCE REFERENCE: EVIDENCE is a regular expression that fits one of the lines. Where even root is not shown every process
# (a security module, a process of more capabilities), "unknown" is right, and must be said to be incomplete.
is() {
	local document
	document=$("$IPCTOOL" show --json -o ref,state,evidence -- "$3") || { echo "show $3: status $?"; failed=1; return; }
	jq -e --arg state "$1" --arg evidence "$2" \
		'.objects[0] | .state == $state and any(.evidence[]; test($evidence))' <<<"$document" >/dev/null && {
		((++proven))
		return
	}
	jq -e '(.complete | not) and .objects[0].state == "unknown"' <<<"$document" >/dev/null && {
		echo "$3: not $1 but unknown: $(jq -r '.errors[].what' <<<"$document" | paste -sd,)"
		return
	}
	echo "$3 is not $1 with '$2': $document"
	failed=1
}

fixture fifo fifo path=/run/fifo
fixture full mq-sysv dead_user=1
fixture unused mq-sysv
fixture sender mq-sysv messages=1
fixture queue mq-posix name=/queue hold=0
fixture segment shm-posix name=segment fd=0
fixture held shm-posix name=held map=1
fixture gone shm-posix name=gone fd=0
chown 54321 /dev/shm/gone
fixture named sem-posix name=named hold=0
fixture operated sem-sysv values=1 dead_user=1
fixture stale unix path=/run/stale stale=1
fixture kept unix path=/run/kept stale=1
chmod 000 /run/kept
fixture sysv shm-sysv dead_creator=1

is idle '^no process has it open or waits to open it$' fifo:/run/fifo
is idle '^last sender [0-9]+ is dead$' "mq:$(of full .id)"
is idle '^nobody was seen waiting$' "mq:$(of unused .id)"
is idle '^last sender [0-9]+ \(mkipc\) is alive$' "mq:$(of sender .id)"
is idle '^nobody has it open or mapped' mq:/queue
is idle '^nobody has it open or mapped' shm:/segment
is held '^held by [0-9]+ \(mkipc\)$' shm:/held
is orphan '^owner 54321 has no process$' shm:/gone
is idle '^nobody has it open or mapped' sem:/named
is suspect '^the kernel counts no users of this kind' "sem:$(of operated .id)"
is orphan '^nobody can connect to it any more$' sock:/run/stale
is idle '^mode 000' sock:/run/kept
is orphan '^creator [0-9]+ is dead$' "shm:$(of sysv .id)"

# Emptied, the queue of a dead sender is suspect: the kernel keeps no count of its users.
python3 - "$(of full .id)" <<'PYTHON' || exit 1
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if os.fork() == 0:
    buffer = ctypes.create_string_buffer(8 + 8192)
    os._exit(0 if libc.msgrcv(int(sys.argv[1]), buffer, ctypes.c_size_t(8192), ctypes.c_long(0), 0o4000) >= 0 else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
PYTHON
is suspect '^last receiver [0-9]+ is dead$' "mq:$(of full .id)"

# Whoever cannot look into all processes does not know.
for reference in fifo:/run/fifo shm:/segment shm:/gone sem:/named "mq:$(of full .id)"; do
	state=$(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all -- "$IPCTOOL" show -r -o state -- "$reference")
	[[ $state == unknown ]] || { echo "$reference as nobody: $state, not unknown"; failed=1; }
done
((failed)) && exit 1
((proven)) || skip "this host shows root too little to prove anything"
