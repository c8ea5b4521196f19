#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor` tells of queues, sets and segments of System V, against what was done (monitor_sysv.py): each event, its detail and
# process, in order. MONITOR_SOURCE: another source than the tracepoints. Several monitors watch at once: all, one key, some
# verbs, and what comes and goes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
columns=time,verb,ref,class,kind,id,key,namespace,pid,tid,comm,uid,detail
patience=60
. "$here/monitor.bash"

# Events in the shape that the scene foretells, process by process; nobody does so in the order of others.
shape='{pid, verb, ref, key, detail: (.detail | del(.why) | if .waited then .waited = true else . end)}'
told() {
	jq -c "select(.verb and .kind == \"sysv\") | $shape" "/run/$1" | jq -cS -s 'sort_by(.pid)[]'
}

# foretold EXPRESSION: what the scene says, as far as it fits
foretold() {
	jq -c "select($1)" /run/scene | jq -cS -s 'sort_by(.pid)[]'
}

# compare NAME EXPRESSION
compare() {
	foretold "$2" >/run/expected
	told "$1" >/run/got
	[[ -s /run/expected ]] || wrong "$1: nothing is foretold"
	diff /run/expected /run/got || wrong "$1 tells something else"
	jq -se --argjson whole "$whole" '.[-1].end and (.[-1].complete or ($whole | not)) and all(.[]; .lost | not)' "/run/$1" \
		>/dev/null || wrong "$1: $(tail -n 1 "/run/$1")"
}

words=() whole=true
# What ends with a process, or goes with its last user, not all sources tell.
IFS=.- read -r major minor _ </proc/sys/kernel/osrelease
kernel=$((major * 100 + minor))
case $source in
tracepoint)
	((kernel < 517)) || words+=(detach)
	((kernel < 610)) && whole=false # it says so
	((kernel < 607)) || words+=(fork)
	((kernel < 610)) || words+=(exec)
	((kernel < 616)) || words+=(exit)
	;;
*) words=(detach fork exec exit destroy) ;;
esac

begin all mq/sysv sem/sysv shm/sysv --failures
begin key mq:0x4d51 --failures
begin verbs --verb attach,detach,wait,wake shm/sysv sem/sysv
begin life --verb create,close,remove mq/sysv sem/sysv shm/sysv
started
python3 "$here/monitor_sysv.py" ${words[@]+"${words[@]}"} >/run/scene || wrong "the scene failed"
until_so grep -q '"remove".*"0x00000e4d"' /run/all || wrong "its end is not told of"
for monitor in "${monitors[@]}"; do
	kill -TERM "$monitor"
	wait "$monitor" || wrong "exit code $?"
done

compare all true
compare key '.key == "0x00004d51"'
compare verbs '(.verb == "wake" or .detail.errno == null) and (.verb | IN("attach", "detach", "wait", "wake")) and (.ref | startswith("mq") | not)'
compare life '.detail.errno == null and (.verb | IN("create", "remove", "close"))'

# Who did it, and where: threads are processes here.
ns=$(stat -L -c %i /proc/self/ns/ipc)
jq -se --argjson ns "$ns" '[.[] | select(.verb)] | length > 100 and
	all(.[]; .tid == .pid and .uid == 0 and (.comm | test("^(python|true)")) and .namespace == $ns and .kind == "sysv" and
		(. as $event | .ref | startswith($event.class + ":")))' /run/all >/dev/null || wrong "who, or where"
# A call that slept is told with how long, and its wait came before.
jq -se '[.[] | select(.verb == "wake") | .detail.waited] | length == 4 and all(.[]; . > 0)' /run/all >/dev/null || wrong "waited"

# ---- what goes with its namespace, or because shm_rmid_forced is set -----------------------------------------------------

monitors=()
begin places --all-namespaces --verb create,remove mq/sysv sem/sysv shm/sysv
started
read -r inode pid < <(unshare --ipc python3 -c '
import ctypes, os
libc = ctypes.CDLL(None)
libc.msgget(0x3001, 0o1600)
libc.semget(0x3002, 1, 0o1600)
def force(value):
    with open("/proc/sys/kernel/shm_rmid_forced", "w") as file:
        file.write(value)
libc.shmdt.argtypes = [ctypes.c_void_p]
libc.shmat.restype = ctypes.c_void_p
address = libc.shmat(libc.shmget(0x3004, 4096, 0o1600), None, 0)
force("1")
libc.shmdt(address)
force("0")
libc.shmget(0x3003, 4096, 0o1600)
print(os.stat("/proc/self/ns/ipc").st_ino, os.getpid())
')
gone() {
	[[ $(jq -c "select(.verb == \"remove\" and .namespace == $inode)" /run/places | wc -l) == 4 ]]
}
if [[ $source != tracepoint ]]; then
	until_so gone || wrong "not all are gone with their namespace"
fi
kill -TERM "${monitors[@]}"
wait "${monitors[@]}"
of_place() {
	jq -r "select(.verb == \"$1\" and .namespace == $inode) | \"\(.key) \(.pid)\"" /run/places | sort
}
made=$(printf '%s\n' "0x00003001 $pid" "0x00003002 $pid" "0x00003003 $pid" "0x00003004 $pid")
[[ $(of_place create) == "$made" ]] || wrong "made in a namespace: $(of_place create)"
if [[ $source != tracepoint ]]; then
	went=$(printf '%s\n' "0x00003001 null" "0x00003002 null" "0x00003003 null" "0x00003004 $pid")
	[[ $(of_place remove) == "$went" ]] || wrong "gone with it: $(of_place remove)"
fi

((failed == 0)) && echo "as it was done ($source): $(wc -l </run/scene) events"
exit $failed
