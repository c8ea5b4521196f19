#!/usr/bin/env bats
# packaging.bats: the examples of packaging/ as they would be used: the epilog with a Slurm that answers as told, the entry point of a
# container, the line for cron.

load helpers

setup() {
	umask 022
	bin=$BATS_TEST_TMPDIR/bin
	calls=$BATS_TEST_TMPDIR/calls
	mkdir -p "$bin"
	: >"$calls"
	unset XDG_RUNTIME_DIR IPCTOOL_CLEAN IPCTOOL_CLEAN_LOCK
}

# says NAME LINE...: a program of that name that tells of its arguments, then does this.
says() {
	local name=$1
	shift
	printf '%s\n' '#!/bin/sh' "echo \"$name \$*\" >>'$calls'" "$@" >"$bin/$name"
	chmod +x "$bin/$name"
}

# called NAME: how often
called() {
	grep -c "^$1 " "$calls" || true
}

# ---- Slurm ---------------------------------------------------------------------------------------------------------------

# epilog "LINE..." of squeue: status 0 whatever comes, and nothing is printed.
epilog() {
	says squeue "$1"
	[[ -x $bin/ipctool ]] || says ipctool
	says logger
	run --separate-stderr env PATH="$bin:/usr/bin:/bin" SLURM_JOB_ID="${job-100}" SLURM_JOB_UID="${uid-4242}" \
		SLURMD_NODENAME=node7 "$IPCTOOL_SOURCE/packaging/slurm/epilog.sh"
	[[ $status -eq 0 && -z $output && -z $stderr ]] || { echo "$status: $output: $stderr" >&2; return 1; }
}

keeps() {
	: >"$calls"
	epilog "$1"
	[[ $(called ipctool) -eq 0 ]] || { echo "cleaned although: $1" >&2; return 1; }
}

keeps_and_says() {
	keeps "$2"
	grep -q "^logger .*$1" "$calls" || { cat "$calls" >&2; return 1; }
}

cleans() {
	: >"$calls"
	epilog "$1"
	[[ $(called ipctool) -eq 1 ]] || { echo "not cleaned: $1: $(<"$calls")" >&2; return 1; }
}

@test "epilog: no other job of his: his leftovers are cleaned, if he has no process" {
	cleans 'true'
	grep -qx 'ipctool clean --apply --quiet --owner 4242 --if-no-process --include suspect,idle --min-age 0' "$calls"
	grep -qx 'squeue --noheader --states=all --user=4242 --nodelist=node7 --format=%A %T' "$calls"
	cleans 'echo "100 COMPLETING"'
	cleans 'echo "100 RUNNING"; echo "77 COMPLETED"; echo "78 OUT_OF_MEMORY"'
}

@test "epilog: another job of his, running or not: nothing is cleaned, nothing said" {
	local state
	for state in RUNNING SUSPENDED STOPPED CONFIGURING COMPLETING RESIZING SIGNALING STAGE_OUT SOMETHING_NEW; do
		keeps "echo '100 COMPLETING'; echo '101 $state'"
		[[ $(called logger) -eq 0 ]]
	done
}

@test "epilog: a query that fails is not 'no jobs'" {
	keeps_and_says 'squeue failed with 1' 'exit 1'
	keeps_and_says 'squeue failed with 1' 'echo "100 RUNNING"; exit 1'
	keeps_and_says 'something else' 'echo "slurm_load_jobs error: Unable to contact slurm controller"'
	keeps_and_says 'something else' 'echo RUNNING'
	keeps_and_says 'something else' 'echo "100 RUNNING extra"'
	# An awk that is killed or missing is no list without jobs.
	says awk 'exit 137'
	keeps_and_says 'awk failed with 137' 'true'
	rm "$bin/awk"
	says timeout 'exit 124'
	keeps_and_says 'squeue failed with 124' 'true'
	rm "$bin/timeout" "$bin/squeue"
	# Not installed at all.
	: >"$calls"
	run --separate-stderr env PATH="$bin:/usr/bin:/bin" SLURM_JOB_ID=100 SLURM_JOB_UID=4242 SLURMD_NODENAME=node7 \
		"$IPCTOOL_SOURCE/packaging/slurm/epilog.sh"
	[[ $status -eq 0 && $(called ipctool) -eq 0 ]]
	grep -q '^logger .*squeue failed with 127' "$calls"
}

@test "epilog: who it is has to be told, and is no account of the system" {
	uid='' keeps_and_says 'no user number' 'true'
	uid=alice keeps_and_says 'no user number' 'true'
	uid='42 --owner 0' keeps_and_says 'no user number' 'true'
	job='' keeps_and_says 'no job number' 'true'
	uid=0 keeps 'true'
	uid=999 keeps 'true'
	uid=1000 cleans 'true'
}

@test "epilog: a cleaning that refuses is silent, one that fails is told; the node stays in service" {
	says ipctool 'echo "he has a process" >&2; exit 6'
	cleans 'true'
	[[ $(called logger) -eq 0 ]]
	says ipctool 'echo "no such option" >&2; exit 2'
	cleans 'true'
	grep -q '^logger .*daemon.err.*failed with 2: no such option' "$calls"
}

@test "epilog: the command understands its options, and proves nothing about users in a pid namespace" {
	need_root
	ln -s "$IPCTOOL" "$bin/ipctool"
	as_user nobody fixture left shm-posix name=/left
	uid=$(id -u nobody)
	epilog 'true'
	[[ $(called logger) -eq 0 ]] || { cat "$calls" >&2; return 1; }
	[[ -e /dev/shm/left ]]
}

# ---- a container -----------------------------------------------------------------------------------------------------------

entrypoint() {
	run --separate-stderr env PATH="$bin:$PATH" "$@"
}

ENTRYPOINT=$IPCTOOL_SOURCE/packaging/container/entrypoint.sh

# What a run that was killed left behind, and what somebody has.
an_earlier_run() {
	ln -sf "$IPCTOOL" "$bin/ipctool"
	(umask 077; echo x >/dev/shm/app_left; echo x >/dev/shm/other)
	"$IPCTOOL" create sem:/app_sem
	fixture held shm-posix name=/app_held
}

teardown() {
	release_all
	rm -f /dev/shm/app_* /dev/shm/other /dev/shm/sem.app_sem
}

@test "entry point: what is named and nobody has goes, and the command takes over" {
	an_earlier_run
	mkfifo /dev/shm/app_fifo
	entrypoint IPCTOOL_CLEAN='/none /app_*' "$ENTRYPOINT" sh -c 'echo "$1"; exit 7' sh 'a  b'
	[[ $status -eq 7 && $output == 'a  b' && -z $stderr ]]
	[[ ! -e /dev/shm/app_left && ! -e /dev/shm/sem.app_sem ]]
	[[ -e /dev/shm/app_held && -e /dev/shm/other && -p /dev/shm/app_fifo ]]
}

@test "entry point: who has it in another container is not seen, but the kernel knows" {
	need_root
	an_earlier_run
	run unshare --pid --fork --mount-proc --mount env PATH="$bin:$PATH" IPCTOOL_CLEAN='/app_*' "$ENTRYPOINT" \
		"$IPCTOOL" list shm/posix --json
	[[ $status -eq 0 ]]
	# Inside nobody is seen who has it.
	holds "$output" '' '[.objects[] | select(.name == "/app_held")] | length == 1 and .[0].state == "unknown"'
	[[ -e /dev/shm/app_held && ! -e /dev/shm/app_left && ! -e /dev/shm/sem.app_sem ]]
}

@test "entry point: without a name nothing is touched; without a command it is a mistake" {
	an_earlier_run
	entrypoint "$ENTRYPOINT" true
	[[ $status -eq 0 && -e /dev/shm/app_left && -e /dev/shm/sem.app_sem ]]
	entrypoint IPCTOOL_CLEAN='/app_*' "$ENTRYPOINT"
	[[ $status -eq 2 && $stderr == usage:* && -e /dev/shm/app_left ]]
}

@test "entry point: a cleaning that fails does not keep the command from starting" {
	an_earlier_run
	rm "$bin/ipctool"
	says ipctool 'exit 5'
	entrypoint IPCTOOL_CLEAN='/app_*' "$ENTRYPOINT" echo started
	[[ $status -eq 0 && $output == started && $stderr == 'entrypoint.sh: cleaning ended with 5' ]]
	rm "$bin/ipctool"
	ln -s "$IPCTOOL" "$bin/ipctool"
	entrypoint IPCTOOL_CLEAN='/app_*' IPCTOOL_CLEAN_LOCK="$BATS_TEST_TMPDIR/lock" "$ENTRYPOINT" echo started
	[[ $status -eq 0 && $output == started && -z $stderr && -e $BATS_TEST_TMPDIR/lock && ! -e /dev/shm/app_left ]]
}

# ---- cron --------------------------------------------------------------------------------------------------------------------

@test "cron: the command of the example says nothing when nothing is wrong" {
	local command
	ln -s "$IPCTOOL" "$bin/ipctool"
	command=$(sed -n 's/^17 .*root\t//p' "$IPCTOOL_SOURCE/packaging/cron.d/ipctool-clean.in")
	[[ $command == *'ipctool clean'* ]]
	fixture young shm-sysv dead_creator=1
	run env PATH="$bin:$PATH" sh -c "$command"
	[[ $status -eq 0 && -z $output ]] || { echo "$status: $output" >&2; return 1; }
	"$IPCTOOL" show "shm:$(fx young .id)"
}
