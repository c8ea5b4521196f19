#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A producer and some consumers, in shell: a queue carries the jobs, a segment holds the sum of all results, and a
# semaphore sees to it that one at a time adds to the sum. Everything is made, used and removed with ipctool.
#
#   workers.sh [JOBS [CONSUMERS]]      prints the sum of the squares of 1 to JOBS
set -eu

jobs=${1-20}
consumers=${2-4}
name=workers-$$

# Whatever happens, nothing stays. Without the queue the consumers end; then nobody uses the rest, which could not be
# removed before.
queue=
clean_up() {
	trap - EXIT INT TERM
	# It is our own, and those who wait for a message shall be told that no more will come.
	[ -z "$queue" ] || ipctool remove --quiet --missing-ok --force=held "$queue"
	wait
	# The guardian of the last 'ipctool wait' ends a moment after its command.
	tries=50
	until ipctool remove --quiet --missing-ok "sem:/$name" "shm:/$name" 2>/dev/null || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}
trap clean_up EXIT
trap 'exit 129' INT TERM

# The handle of a queue says which one is meant even if its number should be used again.
queue=$(ipctool create --handle mq/sysv --mode 0600)
ipctool create sem:/"$name" --value 1 --mode 0600 >/dev/null
printf '%020d' 0 | ipctool create shm:/"$name" --from - --mode 0600 >/dev/null

# Called with the semaphore taken: POSIX shared memory is a file below /dev/shm.
export SUM=/dev/shm/$name
# shellcheck disable=SC2016 # for the shell that has it taken
add='sum=$(sed "s/^0*\(.\)/\1/" "$SUM"); printf %020d "$((sum + $1))" 1<>"$SUM"'

consume() {
	while job=$(ipctool receive "$queue" --type 1 --timeout 30s) && [ "$job" != end ]; do
		ipctool wait sem:/"$name" --timeout 30s -- sh -c "$add" add "$((job * job))"
	done
}

pids=
i=0
while [ "$i" -lt "$consumers" ]; do
	consume &
	pids="$pids $!"
	i=$((i + 1))
done

i=1
while [ "$i" -le "$jobs" ]; do
	ipctool send "$queue" --type 1 "$i"
	i=$((i + 1))
done
for pid in $pids; do
	ipctool send "$queue" --type 1 end
done
for pid in $pids; do
	wait "$pid"
done

sed 's/^0*\(.\)/\1/' "$SUM"
echo
