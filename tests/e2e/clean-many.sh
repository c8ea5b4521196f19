#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# $MANY objects of five kinds (without it 20,000), half of them garbage: `clean --apply` removes just that half, as its own report and
# the kernel tell, and the others can be used as before. The time is printed, beside that for a quarter of the number; only what
# is far from linear is a failure.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
show_all_processes

many=${MANY-20000}
((many >= 400 && many <= 150000)) || { echo "MANY is 400 to 150000"; exit 1; }
# As many as there may be, in this ipc namespace alone.
echo 32768 >/proc/sys/kernel/shmmni
echo 32000 >/proc/sys/kernel/msgmni
use_far_inodes
mkdir /run/many /run/no-policies
cat >/run/policy <<'POLICY'
[fifos of one directory]
action = remove
class = fifo
name = /run/many/ruled/*
state = idle

[queues of one range of keys]
action = remove
kind = mq/sysv
key = 0x6d000000-0x6d00ffff
state = suspect
POLICY

failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}

# What is there of these kinds, as references.
inventory() {
	awk 'FNR > 1 { print "shm:" $2 }' /proc/sysvipc/shm
	awk 'FNR > 1 { print "mq:" $2 }' /proc/sysvipc/msg
	find /dev/shm -type f -printf 'shm:/%P\n'
	find /run/many -type s -printf 'sock:%p\n' -o -type p -printf 'fifo:%p\n'
}

same() {
	cmp -s "$2" "$3" || wrong "$1: $(diff "$2" "$3" | head -n 5 | tr '\n' ' ')"
}

# In milliseconds.
now() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# cleans NUMBER: makes so many, and sets $took to the milliseconds that it took to remove half of them.
cleans() {
	local number=$1 line status start run complete doubt
	coproc keeper { exec python3 -B "$here/clean_many.py" "$number" /run/many 2>&1; }
	read -r line <&"${keeper[0]}"
	[[ $line == ready ]] || { echo "$line"; cat <&"${keeper[0]}"; exit 1; }
	inventory | sort >/run/before
	sort -m /run/many/garbage /run/many/live >/run/all
	same "$number objects were made" /run/all /run/before
	: >/run/removed
	took=0
	# A namespace of others on this host may end while it is looked at, and so cast doubt on what is garbage: again then.
	for run in {1..5}; do
		status=0
		start=$(now)
		"$IPCTOOL" clean --apply --min-age 0 --policy-dir /run/no-policies --policy /run/policy --no-syslog --json \
			>/run/out 2>/run/error </dev/null || status=$?
		took=$((took + $(now) - start))
		jq -r '.objects[] | select(.result == "removed") | .ref' /run/out >>/run/removed
		complete=$(jq .complete /run/out)
		doubt=$(jq -r 'first(.objects[] | select(.state == "unknown")) | "\(.ref): \(.evidence | join("; "))"' /run/out)
		[[ $complete == false || $doubt ]] || break
		again=yes
		echo "run $run did not see everything: status $status: $(head -n 1 /run/error) $doubt"
	done
	[[ $status -eq 0 || ($status -eq 3 && $complete == false) ]] || wrong "status $status: $(head -n 5 /run/error)"
	sort -o /run/removed /run/removed
	same "$number objects: the garbage, and what was said to be removed" /run/many/garbage /run/removed
	inventory | sort >/run/after
	same "$number objects: the live ones, and what is there" /run/many/live /run/after
	echo >&"${keeper[1]}"
	while read -r line <&"${keeper[0]}" && [[ $line != used* ]]; do
		wrong "$line"
	done
	[[ $line == "used $(grep -c . /run/many/live)" ]] || wrong "the keeper ended: $line"
	echo "$number objects: $(grep -c . /run/removed) removed, $(grep -c . /run/after) left and used, in $took ms"
	line=$keeper_PID
	exec {keeper[1]}>&-
	wait "$line" || wrong "the keeper ended with status $?"
	rm -rf /run/many /dev/shm/many.*
	mkdir /run/many
	# Its System V objects do not go with it.
	"$IPCTOOL" remove --quiet --force held --all shm/sysv mq/sysv || wrong "not all of $number could be removed"
}

export LC_ALL=C
again=
cleans $((many / 4 / 40 * 40))
quarter=$took
cleans $((many / 40 * 40))
echo "four times as many took $((took / quarter)).$(printf %02d $((took * 100 / quarter % 100))) times as long"
((took < 10 * quarter)) || [[ $again ]] || wrong "time grows much faster than the number"
exit $failed
