#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor` tells of signals, against what was sent (monitor_signal.py): who sent it, or nobody when it was the kernel, to which thread, what
# became of it, and that it was delivered. MONITOR_SOURCE: another source than tracepoints.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
. "$here/monitor.bash"

cd / || exit 1
# Not what starts it, which has children of its own
python=$(python3 -c "import sys; print(sys.executable)")
begin all signal
begin one "signal:$$"
started
trap : USR1
kill -USR1 $$
"$python" "$here/monitor_signal.py" >/run/scene || wrong "the scene failed"
last=$(tail -n 1 /run/scene | jq .pid)
told_all() {
	grep -q '"verb": "signal".*"pid": '"$last"',.*CHLD' /run/all && grep -q '"verb": "receive"' /run/one
}
until_so told_all || wrong "its end is not told of"
ended

shape='{pid, verb, ref, detail: (.detail | del(.target))}'
refs=$(jq -s -c '[.[].ref] | unique' /run/scene)
compare all true "(.ref | IN($refs[]))"
target=$(jq -s -r --argjson refs "$refs" '[.[] | select(.ref | IN($refs[]))] | all(.name == .detail.target and
	(.pid == null) == (.uid == null) and (.pid == null) == (.tid == null))' /run/all)
[[ $target == true ]] || wrong "names and numbers"

# The shell's own
got=$(jq -c 'select(.detail.signal == "USR1") | [.verb, .ref, .pid, .comm, .detail]' /run/one)
name=$(</proc/$$/comm)
expected='["signal","signal:'$$'",'$$',"'$name'",{"signal":"USR1","target":"'$name'"}]
["receive","signal:'$$'",'$$',"'$name'",{"signal":"USR1","target":"'$name'"}]'
[[ $got == "$expected" ]] || wrong "of one process: $got"
! jq -e "select(.verb and .ref != \"signal:$$\")" /run/one >/dev/null || wrong "of others than that one"

((failed == 0)) && echo "as they were sent ($source): $(wc -l </run/scene) events"
exit $failed
