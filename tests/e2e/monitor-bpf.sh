#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The BPF source of `monitor`: every family is taken by the kernel, nothing is left attached whatever the end, what is missing is
# named in one line, the room in the kernel is as asked for or refused, and while nothing happens the program sleeps. Who waits for a POSIX
# semaphore is told as well. MONITOR_SOURCE: fentry or tracepoint, instead of the better one that the kernel has.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare setpriv; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
source=${MONITOR_SOURCE:-bpf}
failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}
trap end_descendants EXIT
mkdir /run/bpf && cd /run/bpf || exit 1
exec {never}<> <(:)

# Wait until a command succeeds.
until_so() {
	local end=$((SECONDS + 120))
	until "$@"; do
		((SECONDS < end)) || return 1
		read -r -t 0.02 -u "$never"
	done
	return 0
}

begun() {
	[[ -s out ]] || ! kill -0 "$monitor" 2>/dev/null
}

# begin OPTION...: a monitor, $monitor, that writes to ./out and ./err
begin() {
	: >out
	"$IPCTOOL" monitor --source "$source" -v --jsonl "$@" >out 2>err &
	monitor=$!
	until_so begun && grep -q '"start"' out
}

# ---- every family, and nothing left -------------------------------------------------------------------------------------------

if ! begin mq/sysv; then
	# Of this kernel, not of a fault of ours
	! grep -qE 'CAP_BPF|does not allow programs behind|no BPF|describes its types|built without' err || skip "$(<err)"
	wrong "no start: $(<err)"
	exit 1
fi
kill "$monitor"
wait "$monitor" || wrong "end by SIGTERM: exit status $?"

# What process $1 has loaded and attached: "prog 12", "link 3"
loaded() {
	sed -n 's/^\(prog\|link\)_id:[[:space:]]*\([0-9]*\)$/\1 \2/p' "/proc/$1/fdinfo/"* 2>/dev/null | sort -u
}

are_gone() {
	local what id
	while read -r what id; do
		! bpftool "$what" show id "$id" >/dev/null 2>&1 || return 1
	done <ids
}

# end HOW COMMAND...: after what COMMAND does to the monitor nothing of it is left
end() {
	loaded "$monitor" >ids
	grep -q ^prog ids || wrong "$1: the monitor has no programs"
	"${@:2}"
	wait "$monitor" 2>/dev/null
	status=$?
	! command -v bpftool >/dev/null || until_so are_gone || wrong "$1: still there: $(tr '\n' ' ' <ids)"
}

# Together that is every program.
for what in signal --all; do
	if ! begin "$what"; then
		wrong "$what: $(<err)"
		continue
	fi
	grep -q 'BPF: [0-9]* programs behind ' err || wrong "$what: -v names no method: $(<err)"
	case $source in
	fentry) grep -q 'behind functions' err || wrong "$what: not behind functions: $(<err)" ;;
	tracepoint) grep -q 'behind tracepoints' err || wrong "$what: not behind tracepoints: $(<err)" ;;
	esac
	sed -n 's/.*\(BPF: .*\)/\1/p' err | sed "s,^,$what: ,"
	grep -q 'not seen' err && sed 's,^,  ,' err | grep 'not seen'
	end "$what" kill "$monitor"
	[[ $status -eq 0 ]] || wrong "$what: exit status $status: $(<err)"
	jq -se '.[-1].end' out >/dev/null || wrong "$what: no end: $(tail -n 1 out)"
done

begin mq/sysv || wrong "no start: $(<err)"
end SIGKILL kill -KILL "$monitor"
begin mq/sysv --count 1 || wrong "no start: $(<err)"
end --count "$IPCTOOL" create mq/sysv >/dev/null
[[ $status -eq 0 ]] || wrong "--count: exit status $status"

# Its reader is gone when the next event comes.
mkfifo reader
"$IPCTOOL" monitor --source "$source" --jsonl mq/sysv >reader 2>err &
monitor=$!
exec {reader}<reader
read -r -u "$reader" line && [[ $line == *'"start"'* ]] || wrong "no start: $(<err)"
exec {reader}<&-
end 'closed reader' "$IPCTOOL" create mq/sysv >/dev/null

# ---- who waits for a semaphore -----------------------------------------------------------------------------------------------

cat >wait.py <<'END'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p
semaphore = ctypes.c_void_p(libc.sem_open(b"/gate", os.O_CREAT, 0o600, 0))
child = os.fork()
if child == 0:
    os._exit(libc.sem_wait(semaphore))
# asleep in futex(2)
while True:
    with open(f"/proc/{child}/wchan") as file:
        if file.read().startswith("futex"):
            break
    if open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0] == "S":
        break
    time.sleep(0.001)
libc.sem_post(semaphore)
print(child, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
if begin sem/posix; then
	"$IPCTOOL" create sem:/gate --value 0 >/dev/null
	read -r child result < <(python3 wait.py)
	[[ $result -eq 0 ]] || wrong "sem_wait: $result"
	waking() {
		[[ $(jq -r "select(.pid == $child and .verb == \"wake\") | .ref" out) ]]
	}
	if grep -q 'not seen.*waits for a POSIX semaphore' err; then
		echo "sem: $(grep -o 'not seen.*' err)"
	else
		until_so waking || wrong "no wake of $child: $(<out)"
		events=$(jq -c "select(.pid == $child) | [.verb, .ref, (.detail.waited != null)]" out | tr '\n' ' ')
		[[ $events == '["wait","sem:/gate",false] ["wake","sem:/gate",true] ' ]] || wrong "sem_wait: $events"
	fi
	end sem kill "$monitor"
else
	wrong "sem/posix: $(<err)"
fi

# ---- asleep while nothing happens ------------------------------------------------------------------------------------------

switches() {
	sed -n 's/^\(non\)\{0,1\}voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$monitor/status" | head -n 1
}

# What others do, in other namespaces, and what was not asked for, does not wake it.
if begin mq/sysv; then
	is_asleep() {
		[[ $(sed 's/.*) //; s/ .*//' "/proc/$monitor/stat") == S ]]
	}
	until_so is_asleep
	before=$(switches)
	for ((i = 0; i < 20; i++)); do
		unshare --ipc "$IPCTOOL" create mq/sysv >/dev/null
		"$IPCTOOL" list sem >/dev/null
	done
	[[ $(switches) == "$before" ]] || wrong "woken while nothing happened: $before, then $(switches)"
	end idle kill "$monitor"
	[[ $(jq -s 'map(select(.verb)) | length' out) -eq 0 ]] || wrong "events of others: $(<out)"
else
	wrong "no start: $(<err)"
fi

# ---- the room ---------------------------------------------------------------------------------------------------------------

for size in 1 64M; do
	begin mq/sysv --buffer "$size" || wrong "--buffer $size: $(<err)"
	end "--buffer $size" kill "$monitor"
done
"$IPCTOOL" monitor --source "$source" --buffer 3G mq/sysv >out 2>err
status=$?
[[ $status -eq 2 && $(<err) == *'at most 1 GiB' ]] || wrong "--buffer 3G: $status $(<err)"

# ---- what is missing is named -----------------------------------------------------------------------------------------------

# refused STATUS PATTERN COMMAND...: with one line that has PATTERN
refused() {
	"${@:3}" >out 2>err
	status=$?
	[[ $status -eq $1 && $(wc -l <err) -eq 1 ]] && grep -qE -e "$2" err || wrong "${*:3}: $status: $(<err)"
}
monitor=("$IPCTOOL" monitor --source "$source" --for 10ms mq/sysv)
without() {
	local list
	list=$(printf ',-%s' "$@")
	printf '%s\n' setpriv "--bounding-set=${list#,}" "--inh-caps=${list#,}"
}
both='CAP_BPF and CAP_PERFMON'
if setpriv --bounding-set=-bpf true 2>/dev/null; then
	mapfile -t drop < <(without bpf sys_admin)
	refused 5 "$both.*: CAP_BPF is missing" "${drop[@]}" "${monitor[@]}"
	mapfile -t drop < <(without perfmon sys_admin)
	refused 5 "$both.*: CAP_PERFMON is missing" "${drop[@]}" "${monitor[@]}"
fi
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if "${nobody[@]}" test -x "$IPCTOOL"; then
	refused 5 "$both" "${nobody[@]}" "${monitor[@]}"
	# By itself it takes the other source, and says so.
	"${nobody[@]}" "$IPCTOOL" monitor --for 10ms mq >out 2>err
	status=$?
	[[ $status -eq 0 ]] && grep -q "$both.*without BPF" err || wrong "nobody: $status: $(<err)"
fi
unshare --user --map-root-user true 2>/dev/null &&
	refused 5 "$both.*user namespaces" unshare --user --map-root-user "${monitor[@]}"
mount -t tmpfs none /sys/kernel/btf && refused 1 'CONFIG_DEBUG_INFO_BTF' "${monitor[@]}"
umount /sys/kernel/btf
# Functions are refused in one line where the kernel does not allow them, not in a hundred.
if [[ $source == bpf ]] && ! "$IPCTOOL" monitor --source fentry --for 10ms mq >out 2>err; then
	refused 1 'fentry' "$IPCTOOL" monitor --source fentry --for 10ms mq
	grep -o 'this kernel.*' err
fi
exit $failed
