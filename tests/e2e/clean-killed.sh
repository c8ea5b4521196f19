#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL of `clean --apply` at $KILLS moments (without it 20): what went is in the log, whatever lives is left alone, and the next run
# does the rest, so that nothing is left of the garbage and nothing of the killed run.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
show_all_processes

kills=${KILLS-20} objects=${OBJECTS-1500}
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
export LC_ALL=C
failed=0
wrong() {
	echo "FAILED: round $round: $*"
	failed=1
}

inventory() {
	awk 'FNR > 1 { print "shm:" $2 }' /proc/sysvipc/shm
	awk 'FNR > 1 { print "mq:" $2 }' /proc/sysvipc/msg
	find /dev/shm -type f -printf 'shm:/%P\n'
	find /run/many -type s -printf 'sock:%p\n' -o -type p -printf 'fifo:%p\n'
}

clean=("$IPCTOOL" clean --apply --min-age 0 --policy-dir /run/no-policies --policy /run/policy --no-syslog --json --log /run/log)

# A line of the log that the killed run could not end is none.
logged() {
	jq -rR 'fromjson? | .ref' /run/log | sort -u
}

exec {never}<> <(:)
pause() {
	local microseconds=$1
	((microseconds < 1000)) || read -r -t "$(printf '%d.%06d' $((microseconds / 1000000)) $((microseconds % 1000000)))" -u "$never"
}

now() {
	echo "${EPOCHREALTIME/./}"
}

# In microseconds; the first round is not killed, and tells how long one takes.
length=0 amid=0 early=0 late=0 aside=0 gone_all=0 unlogged=0 stays=0 again=0
for ((round = 0; round <= kills; round++)); do
	coproc keeper { exec python3 -B "$here/clean_many.py" "$objects" /run/many 2>&1; }
	read -r line <&"${keeper[0]}"
	[[ $line == ready ]] || { echo "$line"; cat <&"${keeper[0]}"; exit 1; }
	: >/run/log
	if ((round)); then
		"${clean[@]}" >/run/out 2>&1 </dev/null &
		killed=$!
		# Half of them all over the run, the others where it removes.
		if ((round % 2)); then
			pause $((RANDOM * length / 32768))
		else
			while [[ ! -s /run/log ]] && kill -0 "$killed" 2>/dev/null; do
				:
			done
			pause $((RANDOM * (length / 8) / 32768))
		fi
		kill -KILL "$killed" 2>/dev/null
		wait "$killed" 2>/dev/null
		status=$?
		inventory | sort >/run/there
		comm -23 /run/many/garbage /run/there >/run/gone
		gone=$(grep -c . /run/gone)
		logged >/run/logged
		missing=$(comm -23 /run/gone /run/logged)
		[[ -z $missing ]] || { wrong "gone, and not in the log: ${missing//$'\n'/ }"; ((++unlogged)); }
		((stays += $(comm -12 /run/logged /run/there | grep -c .)))
		((aside += $(find /dev/shm /run/many -name '.ipctool-*' | grep -c .)))
		((gone_all += gone))
		if ((status != 137)); then
			((++late))
		elif ((gone)); then
			((++amid))
		else
			((++early))
		fi
		[[ -z $(comm -23 /run/many/live /run/there) ]] || wrong "live ones are gone: $(comm -23 /run/many/live /run/there | head -n 3)"
	fi
	# A namespace of others on this host may end while it is looked at, and so cast doubt on what is garbage: again then.
	for run in {1..8}; do
		status=0
		start=$(now)
		"${clean[@]}" >/run/out 2>/run/error </dev/null || status=$?
		((round)) || length=$(($(now) - start))
		((status == 0 || status == 3)) || wrong "the next run: status $status: $(head -n 3 /run/error)"
		inventory | sort >/run/there
		jq -e '(.complete | not) or any(.objects[]; .state == "unknown")' /run/out >/dev/null || break
		((++again))
	done
	cmp -s /run/there /run/many/live ||
		wrong "the next run did not finish the job: $(diff /run/many/live /run/there | head -n 4 | tr '\n' ' ')"
	[[ -z $(find /dev/shm /run /tmp -name '.ipctool-*') ]] || wrong "left: $(find /dev/shm /run /tmp -name '.ipctool-*')"
	logged >/run/logged
	missing=$(comm -23 /run/many/garbage /run/logged)
	[[ -z $missing ]] || ((unlogged)) || wrong "gone, and in no run's log: ${missing//$'\n'/ }"
	[[ -z $(comm -12 /run/many/live /run/logged) ]] || wrong "live ones are in the log"
	echo >&"${keeper[1]}"
	while read -r line <&"${keeper[0]}" && [[ $line != used* ]]; do
		wrong "$line"
	done
	line=$keeper_PID
	exec {keeper[1]}>&-
	wait "$line" || wrong "the keeper ended with status $?"
	rm -rf /run/many /dev/shm/many.* /dev/shm/.ipctool-*
	mkdir /run/many
	"$IPCTOOL" remove --quiet --force held --all shm/sysv mq/sysv || wrong "not all could be removed"
done
echo "$kills kills of a run of $((length / 1000)) ms: $early before the first removal, $amid amid, $late after the end;" \
	"$gone_all objects gone by then, $unlogged times one not in the log; $stays lines for what was still there," \
	"$aside files put aside; $again runs saw too little and were repeated"
round=all
((amid)) || wrong "no run was killed amid its removals"
exit $failed
