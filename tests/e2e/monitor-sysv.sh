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
source=${MONITOR_SOURCE:-tracepoint}
failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}
trap 'end_descendants' EXIT

# Wait until a command succeeds.
until_so() {
	local end=$((SECONDS + 60))
	until "$@"; do
		((SECONDS < end)) || return 1
		read -r -t 0.02 -u "$never"
	done
	return 0
}
exec {never}<> <(:)

monitors=()
# begin NAME OPERAND|OPTION...: a monitor that writes to /run/NAME
begin() {
	: >"/run/$1"
	"$IPCTOOL" monitor --source "$source" --jsonl -o time,verb,ref,class,kind,id,key,namespace,pid,tid,comm,uid,detail \
		"${@:2}" >>"/run/$1" 2>"/run/$1.err" &
	monitors+=($!)
	until_so begun "$1" $! && grep -q '"start"' "/run/$1" && return
	! grep -qE 'CAP_BPF|kernel does not take|no BPF' "/run/$1.err" || skip "$(cat "/run/$1.err")"
	wrong "no start of $1: $(cat "/run/$1" "/run/$1.err")"
	exit 1
}

begun() {
	[[ -s /run/$1 ]] || ! kill -0 "$2" 2>/dev/null
}

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
	jq -se '.[-1].end and .[-1].complete and all(.[]; .lost | not)' "/run/$1" >/dev/null || wrong "$1: $(tail -n 1 "/run/$1")"
}

words=()
# What ends with a process, or goes with its last user, not all sources tell.
IFS=.- read -r major minor _ </proc/sys/kernel/osrelease
[[ $source == tracepoint ]] && ((major * 100 + minor < 616)) || words+=(implicit)
[[ $source == tracepoint ]] || words+=(destroy)

begin all mq/sysv sem/sysv shm/sysv --failures
begin key mq:0x4d51 --failures
begin verbs --verb attach,detach,wait,wake shm/sysv sem/sysv
begin life --verb create,close,remove mq/sysv sem/sysv shm/sysv
python3 "$here/monitor_sysv.py" "${words[@]}" >/run/scene || wrong "the scene failed"
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

((failed == 0)) && echo "as it was done ($source): $(wc -l </run/scene) events"
exit $failed
