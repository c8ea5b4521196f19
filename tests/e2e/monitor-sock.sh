#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor` tells of sockets, and of data in pipes and FIFOs, against what was done (monitor_sock.py): each event with its detail, for each
# object in order; what of it a path, an address or no operand chooses; and that the way of its own output is not told of, which
# would go on for ever. MONITOR_SOURCE: another source than tracepoints.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare ip; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
. "$here/monitor.bash"

cd / && mkdir /run/scene.d || exit 1
# Not what starts it, which has pipes of its own
python=$(python3 -c 'import sys; print(sys.executable)')
# What is told goes through two commands of a pipeline, under names that nobody else has.
first=/run/one-$$ second=/run/two-$$
cp "$(command -v cat)" "$first" && cp "$first" "$second" || exit 1
: >/run/all
"$IPCTOOL" monitor --source "$source" --jsonl sock pipe fifo --failures > >("$first" | "$second" >>/run/all) 2>/run/all.err &
monitors[all]=$!
begin named sock:/run/scene.d/stream.sock sock:tcp:127.0.0.1:4711 --failures
begin life
begin places --all-namespaces sock/udp --verb create,bind,close -o verb,ref,namespace,pid,name
started

"$python" "$here/monitor_sock.py" /run/scene.d >/run/scene || wrong "the scene failed"
read -r inode number pid < <(unshare --net "$python" -c '
import os, socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 4713))
print(os.stat("/proc/self/ns/net").st_ino, os.fstat(sock.fileno()).st_ino, os.getpid())
')
told_all() {
	# The last that happens, and packets that come later than their calls
	grep -q '"verb": "close".*'"$number" /run/places && grep -q '"verb": "receive".*"name": "/run/scene.d/fifo"' /run/all &&
		[[ $(grep -c '"status": "UNCONN"' /run/all) -ge $(grep -c '"status": "UNCONN"' /run/scene) ]]
}
until_so told_all || wrong "its end is not told of"
ended

# A connection changes in a call of its process, or when a packet comes. Who waits may have accepted before the call that connects returns.
shape='{pid: (if .verb == "change" and .detail.status then null else .pid end), verb, ref, kind, name,
	detail: (.detail | del(.why, .fd) | if .waited then .waited = true else . end)} |
	if .verb == "connect" and (.detail.peer | tostring | test("^sock:|/waiting.sock$")) then .detail.peer = "other end" else . end'
pids=$(jq -s -c '[.[].pid] | unique' /run/scene)
ours="(.pid | IN($pids[]))"
# Of pipes and FIFOs the data alone is the business of this test, and those of the scene.
streams=$(jq -s -c '[.[] | select(.kind | IN("pipe", "fifo")) | .ref] | unique' /run/scene)
# Whether connecting has to wait for the answer is chance.
told="(.kind == \"unix\" or (.verb | IN(\"wait\", \"wake\") | not)) and ($ours or (.pid == null and .verb == \"change\")) and
	(.class == \"sock\" or ((.verb | IN(\"send\", \"receive\")) and (.ref | IN($streams[]))))"

compare all true "$told"
compare named '.name | IN("/run/scene.d/stream.sock", "127.0.0.1:4711")' true
bound=$(jq -s -c '[.[] | select(.verb == "bind") | .ref]' /run/scene)
compare life ".kind != \"netlink\" and ((.verb | IN(\"bind\", \"listen\", \"remove\")) or
	(.verb == \"close\" and (.ref | IN($bound[]))))" "$ours and .class == \"sock\""
jq -se 'all(.[] | select(.class == "sock"); .pid == null or (.tid == .pid and .uid == 0))' /run/all >/dev/null || wrong "who"

# The way of its own output
! grep -q '"verb": "\(send\|receive\)".*"comm": "\(one\|two\)-'$$'"' /run/all ||
	wrong "tells of what its own output goes through: $(grep -c '"\(one\|two\)-'$$'"' /run/all) times"

# Another network namespace
got=$(jq -c "select(.namespace == $inode) | [.verb, .ref, .pid, .name]" /run/places)
expected=$(printf '%s\n' '["create","R",P,null]' '["bind","R",P,"0.0.0.0:4713"]' '["close","R",P,"0.0.0.0:4713"]' |
	sed "s/R/sock@$inode:$number/; s/P/$pid/")
[[ $got == "$expected" ]] || wrong "in another namespace: $got"
! grep -q "sock[^\"]*:$number\"" /run/all /run/life || wrong "tells of other namespaces unasked"

((failed == 0)) && echo "as it was done ($source): $(wc -l </run/scene) events"
exit $failed
