#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An epilog for Slurm (Epilog= in slurm.conf): takes away what the user of the job that just ended has left on this node, when
# nothing of his is on it any more. Both have to be known for certain: that Slurm has no other job of his here, which may be
# between two steps and have no process at the moment; and that he has no process.
#
# A query that fails is no answer: nothing is removed then. The status is always 0, because another one takes the node out of
# service; what went wrong is told to syslog.
#
# Segments that users keep between jobs on purpose need a rule with `action = protect`, ipctool-clean.conf(5).
set -u

PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin
tag=ipctool-epilog

say() {
	logger -t $tag -p daemon."$1" -- "$2" 2>/dev/null || echo "$tag: $2" >&2
}

keep() {
	say notice "job ${SLURM_JOB_ID:-?}: nothing is cleaned: $1"
	exit 0
}

# Numbers, as Slurm gives them; names may be spelled in many ways.
uid=${SLURM_JOB_UID:-} job=${SLURM_JOB_ID:-}
case $uid in
'' | *[!0-9]*) keep "SLURM_JOB_UID is no user number" ;;
esac
case $job in
'' | *[!0-9]*) keep "SLURM_JOB_ID is no job number" ;;
esac
# Root and the accounts of services have objects that belong to no job.
[ "$uid" -ge "${EPILOG_FIRST_UID:-1000}" ] || exit 0

node=${SLURMD_NODENAME:-$(hostname -s)} || keep "this node has no name"
[ -n "$node" ] || keep "this node has no name"

# All jobs of his that have this node, in whatever state. A line that is no number is a message, not a job.
jobs=$(timeout 30 squeue --noheader --states=all --user="$uid" --nodelist="$node" --format='%A %T') ||
	keep "squeue failed with $?"
others=$(printf '%s\n' "$jobs" | awk -v own="$job" '
	NF == 0 { next }
	$1 !~ /^[0-9]+$/ || NF != 2 { print "?"; next }
	$1 == own { next }
	# These have ended everywhere, their epilogs as well.
	$2 ~ /^(COMPLETED|CANCELLED|FAILED|TIMEOUT|NODE_FAIL|PREEMPTED|BOOT_FAIL|DEADLINE|OUT_OF_MEMORY)$/ { next }
	{ print $1 }') || keep "awk failed with $?"
case $others in
'') ;;
*\?*) keep "squeue answered with something else than jobs" ;;
*) exit 0 ;;
esac

# --if-no-process removes nothing (6) when he has a process or when that is not certain. What he alone had is not used by anybody
# then, whatever its age: sets that are only suspect, and what is only idle, because he is not there to come back.
output=$(ipctool clean --apply --quiet --owner "$uid" --if-no-process --include suspect,idle --min-age 0 2>&1)
status=$?
case $status in
0) [ -z "$output" ] || say info "$output" ;;
6) ;;
*) say err "job $job: ipctool clean failed with $status: $output" ;;
esac
exit 0
