#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor` tells of FIFOs, pipes, POSIX queues, segments and semaphores, and of memfds, against what was done
# (monitor_files.py): each event, its detail and process, in order. MONITOR_SOURCE: another source than the tracepoints.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
columns=time,verb,ref,class,kind,name,inode,namespace,pid,tid,comm,uid,detail
patience=60
. "$here/monitor.bash"

# Events in the shape that the scene foretells, process by process; nobody does so in the order of others.
shape='{pid, verb, ref, detail: (.detail | del(.why) | if .waited then .waited = true else . end)}'
told() {
	# Pipes and memfds are those of the whole host.
	jq -c --slurpfile refs /run/refs "select(.verb and (.ref as \$ref | \$refs[0] | index(\$ref))) | $shape |
		if .verb == \"close\" then del(.detail.fd) else . end | $loose" "/run/$1" | jq -cS -s 'sort_by(.pid)[]'
}

# In which order a process that ends, or closes several at once, closes them is its own affair; and of both who wait for each other
# either may be the first.
loose='if .verb == "close" and (.ref | startswith("pipe")) then del(.detail.access)
	elif .ref | endswith("/waited") then del(.detail.first) else . end'

# foretold EXPRESSION: what the scene says, as far as it fits
foretold() {
	jq -c "select($1) | del(.nameless) | $loose" /run/scene | jq -cS -s 'sort_by(.pid)[]'
}

# compare NAME EXPRESSION
compare() {
	foretold "$2" >/run/expected
	told "$1" >/run/got
	[[ -s /run/expected ]] || wrong "$1: nothing is foretold"
	diff /run/expected /run/got || wrong "$1 tells something else"
	jq -se '.[-1].end and .[-1].complete and all(.[]; .lost | not)' "/run/$1" >/dev/null || wrong "$1: $(tail -n 1 "/run/$1")"
}

# Data in pipes and FIFOs is another test's.
begin all fifo mq/posix shm/posix sem/posix shm/memfd \
	--verb create,open,attach,wait,wake,change,detach,close,remove --failures
begin two mq:/one fifo:/run/scene.d/one --failures
begin pipes pipe --verb create,close
begin life
started
mkdir /run/scene.d
python3 "$here/monitor_files.py" /run/scene.d ${words[@]+"${words[@]}"} >/run/scene || wrong "the scene failed"
jq -s 'map(.ref) | unique' /run/scene >/run/refs
ended() {
	grep -q '"remove".*fifo:/run/scene.d/end' /run/all && grep -q '"remove".*fifo:/run/scene.d/end' /run/life
}
until_so ended || wrong "its end is not told of"
for monitor in "${monitors[@]}"; do
	kill -TERM "$monitor"
	wait "$monitor" || wrong "exit code $?"
done

compare all '(.ref | startswith("pipe") | not) and (.verb | IN("send", "receive") | not)'
compare pipes '.ref | startswith("pipe")'
# Whether a file that was called so once is meant by a path depends on when that is looked up.
jq -c 'select((.ref | IN("mq:/one", "fifo:/run/scene.d/one")) or .end)' /run/two >/run/named
compare named '.ref | IN("mq:/one", "fifo:/run/scene.d/one")'
jq -c 'select((.ref // "" | endswith("/waited") | not))' /run/life >/run/alone
compare alone '.detail.errno == null and (.ref | endswith("/waited") | not) and (.nameless or (.ref | startswith("pipe")) | not) and
	((.verb | IN("create", "remove")) or .detail.first or .detail.last)'

((failed == 0)) && echo "as it was done ($source): $(wc -l </run/scene) events"
exit $failed
