#!/usr/bin/env bats
# change-mq-sysv.bats: System V message queues made, set, sent to, received from and removed; what is refused, and what is
# left alone because it is another one by now.

load helpers

teardown() {
	release_all
	ipcrm --all=msg
}

# make [OPTION]...: a queue, its reference into $q.
make() {
	q=$("$IPCTOOL" create "$@")
}

# is REF CONDITION...: what `show --json` tells of it.
is() {
	local reference=$1
	shift
	shows '' "$reference" "$@"
}

queues() {
	"$IPCTOOL" list mq/sysv --count
}

# waited REF: somebody is blocked on it.
waited() {
	[[ $("$IPCTOOL" show --json -- "$1" | jq '.objects[0].waiters | length') -gt 0 ]]
}

# without_raising COMMAND...: root without the privilege to exceed the limits of a namespace.
without_raising() {
	if ((EUID == 0)); then
		setpriv --bounding-set -sys_resource --inh-caps -sys_resource -- "$@"
	else
		"$@"
	fi
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: by key, with exactly this mode and size" {
	umask 077
	make mq:0x4d51 --mode 0666 --max-bytes 1000
	[[ $q =~ ^mq:[0-9]+$ ]]
	is mq:0x4d51 ".ref == \"$q\"" '.kind == "sysv"' '.key == "0x00004d51"' '.mode == "0666"' '.max_bytes == 1000' \
		'.messages == 0' owned
}

@test "create: without a mode the umask counts; a key may be given as an option, or by a file" {
	umask 027
	make mq/sysv --key 0x4d52
	is "$q" '.key == "0x00004d52"' '.mode == "0640"'
	make mq --ftok "$BATS_TEST_DIRNAME:7"
	run -0 python3 -c 'import os, sys; s = os.stat(sys.argv[1])
print("0x%08x" % (s.st_ino & 0xffff | (s.st_dev & 0xff) << 16 | 7 << 24))' "$BATS_TEST_DIRNAME"
	is "$q" ".key == \"$output\""
	fails 2 'IPC_PRIVATE' create mq:0x0
	fails 2 'given twice' create mq:0x4d53 --key 0x4d54
	fails 2 '0777' create mq/sysv --mode 1666
}

@test "create: private ones are new each time" {
	make mq/sysv
	local first=$q
	make mq/sysv
	[[ $q != "$first" ]]
	is "$q" '.key == "0x00000000"'
	[[ $(queues) -eq 2 ]]
}

@test "create: one that exists is left alone" {
	make mq:0x4d51 --mode 0640 --max-bytes 1000
	fails 6 'exists' create mq:0x4d51 --mode 0600 --max-bytes 10
	is "$q" '.mode == "0640"' '.max_bytes == 1000'
	fails 6 'another mode' create mq:0x4d51 --exist-ok --mode 0600
	fails 6 'another max-bytes' create mq:0x4d51 --exist-ok --max-bytes 999
	is "$q" '.mode == "0640"' '.max_bytes == 1000'
	succeeds create mq:0x4d51 --exist-ok --mode 0640 --max-bytes 1000
	[[ $(queues) -eq 1 ]]
}

@test "create: owner and group" {
	need_root
	make mq:0x4d51 --owner nobody --group 12345 --mode 0600
	is "$q" ".uid == $(id -u nobody)" '.gid == 12345' '.mode == "0600"'
}

@test "create: what cannot be finished is taken away again" {
	run --separate-stderr without_raising "$IPCTOOL" create mq:0x4d51 --max-bytes 1G
	[[ $status -eq 5 && -z $output ]]
	[[ $stderr == *"MSGMNB allows $(</proc/sys/kernel/msgmnb) bytes"*/proc/sys/kernel/msgmnb* ]]
	[[ $(queues) -eq 0 ]]
}

@test "create: beyond MSGMNI the limit is told" {
	need_root
	run --separate-stderr unshare --ipc sh -c '
		echo 2 >/proc/sys/kernel/msgmni
		"$0" create mq/sysv && "$0" create mq/sysv && "$0" create mq/sysv' "$IPCTOOL"
	[[ $status -eq 1 && ${#lines[@]} -eq 2 ]]
	[[ $stderr == *"MSGMNI allows 2 "*"2 are in use"*/proc/sys/kernel/msgmni* ]]
}

# ---- send and receive ----------------------------------------------------------------------------------------

@test "a message of any bytes comes out as it went in" {
	local file=$BATS_TEST_TMPDIR/bytes
	make mq:0x4d51
	printf 'a\0b\n\xff\r\n\n' >"$file"
	succeeds send "$q" --file "$file"
	"$IPCTOOL" send "$q" <"$file"
	"$IPCTOOL" send "$q" </dev/null
	"$IPCTOOL" receive "$q" --nowait | cmp - "$file"
	"$IPCTOOL" receive mq:0x4d51 --nowait | cmp - "$file"
	succeeds receive "$q" --nowait
	[[ -z $output ]]
	fails 7 'empty' receive "$q" --nowait
}

@test "types choose as in msgrcv" {
	local type
	make mq/sysv
	for type in 5 3 9 1 3; do
		succeeds send "$q" --type "$type" "type $type"
	done
	is "$q" '.messages == 5'
	succeeds receive "$q" --type 3 --nowait
	[[ $output == "type 3" ]]
	succeeds receive "$q" --type -4 --nowait
	[[ $output == "type 1" ]]
	succeeds receive "$q" --type 5 --except --nowait
	[[ $output == "type 9" ]]
	succeeds receive "$q" --nowait
	[[ $output == "type 5" ]]
	fails 7 'type 5' receive "$q" --type 5 --nowait
	fails 7 'another type than 3' receive "$q" --type 3 --except --nowait
	fails 2 'except' receive "$q" --type -3 --except --nowait
	succeeds receive "$q" --json --nowait
	json_valid "$output"
	[[ $output == *'"type 3"'* && $output == *'"type": 3'* ]]
	fails 2 '' send "$q" --type 0 x
}

@test "a message longer than the queue or the host allows is refused at once" {
	make mq/sysv --max-bytes 100
	fails 1 '100 bytes' send "$q" "$(printf '%0101d' 0)"
	succeeds send "$q" "$(printf '%0100d' 0)"
	make mq/sysv
	head -c 100000 /dev/zero | { run_ipctool send "$q"; [[ $status -eq 1 && $stderr == *8192* ]]; }
	is "$q" '.messages == 0'
}

@test "a message longer than the limits are now comes out whole" {
	need_root
	run -0 unshare --ipc sh -ec '
		cd /proc/sys/kernel
		echo 400000 >msgmax
		echo 900000 >msgmnb
		"$0" create mq:0x1
		seq 60000 | "$0" send mq:0x1
		"$0" send mq:0x1 short
		echo 10 >msgmax
		"$0" set mq:0x1 max-bytes=10
		"$0" receive mq:0x1 | cksum
		"$0" receive mq:0x1' "$IPCTOOL"
	[[ ${lines[-2]} == "$(seq 60000 | cksum)" && ${lines[-1]} == short ]]
}

@test "a blocked receiver gets a message longer than it made room for" {
	need_root
	run -0 unshare --ipc sh -ec '
		echo 400000 >/proc/sys/kernel/msgmax
		echo 900000 >/proc/sys/kernel/msgmnb
		q=$("$0" create mq:0x1)
		"$0" receive mq:0x1 --timeout 10s | cksum &
		while [ "$("$0" show --json mq:0x1 | jq ".objects[0].waiters | length")" -eq 0 ]; do :; done
		seq 60000 | "$0" send mq:0x1
		wait' "$IPCTOOL"
	[[ $output == "$(seq 60000 | cksum)" ]]
}

@test "a timeout ends the waiting of both sides" {
	make mq/sysv --max-bytes 10
	fails 7 'timed out' receive "$q" --timeout 50ms
	fails 7 'timed out' receive "$q" --type 4 --timeout 1ms
	succeeds send "$q" 12345678
	fails 7 'full' send "$q" 12345 --nowait
	fails 7 'timed out' send "$q" 12345 --timeout 50ms
	is "$q" '.messages == 1' '.bytes == 8'
}

@test "a sender and a receiver that wait are woken" {
	make mq/sysv --max-bytes 10
	"$IPCTOOL" receive "$q" --timeout 10s >"$BATS_TEST_TMPDIR/out" 3>&- &
	local receiver=$!
	eventually waited "$q"
	succeeds send "$q" 12345678
	wait "$receiver"
	[[ $(<"$BATS_TEST_TMPDIR/out") == 12345678 ]]
	succeeds send "$q" 12345678
	"$IPCTOOL" send "$q" 87654321 --timeout 10s 3>&- &
	local sender=$!
	eventually waited "$q"
	succeeds receive "$q"
	wait "$sender"
	succeeds receive "$q" --nowait
	[[ $output == 87654321 ]]
}

@test "permission decides who sends and who receives" {
	need_root
	make mq/sysv --mode 0604
	as_user nobody fails 5 'mode 0604' send "$q" x
	succeeds send "$q" x
	as_user nobody succeeds receive "$q" --nowait
	make mq/sysv --mode 0602
	as_user nobody succeeds send "$q" x
	as_user nobody fails 5 'mode 0602' receive "$q" --nowait
}

# ---- set -----------------------------------------------------------------------------------------------------

@test "set: mode and size in one step" {
	make mq/sysv --mode 0600
	succeeds set "$q" mode=0640 max-bytes=1K
	is "$q" '.mode == "0640"' '.max_bytes == 1024' owned
	fails 2 '0777' set "$q" mode=2640
	fails 2 'size' set "$q" size=10
}

@test "set: owner and group" {
	need_root
	make mq/sysv --mode 0600
	succeeds set "$q" owner=nobody group=12345
	is "$q" ".uid == $(id -u nobody)" '.gid == 12345' '.mode == "0600"' \
		".max_bytes == $(</proc/sys/kernel/msgmnb)"
}

@test "set: all of it or nothing" {
	make mq/sysv --mode 0600 --max-bytes 1000
	run --separate-stderr without_raising "$IPCTOOL" set "$q" mode=0666 max-bytes=1G
	[[ $status -eq 5 && $stderr == *MSGMNB* ]]
	is "$q" '.mode == "0600"' '.max_bytes == 1000'
}

@test "set: others may not" {
	need_root
	make mq/sysv --mode 0666
	as_user nobody fails 5 'its owner' set "$q" mode=0600
	is "$q" '.mode == "0666"'
}

# ---- what a queue has not ------------------------------------------------------------------------------------

@test "post and wait are refused with what to do instead" {
	make mq/sysv
	fails 2 'no semaphore' post "$q"
	fails 2 'no semaphore' wait "$q" --nowait
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: by id and by key; a dry run removes nothing" {
	make mq:0x4d51
	succeeds remove --force=unknown --dry-run "$q"
	is "$q" '.key == "0x00004d51"'
	succeeds remove --force=unknown mq:0x4d51
	[[ $(queues) -eq 0 ]]
	fails 4 '' remove --force=unknown mq:0x4d51
	fails 4 '' remove --force=unknown "$q"
	succeeds remove --missing-ok "$q"
}

@test "remove: what is waited for is refused, and who waits is told when it goes" {
	make mq/sysv
	"$IPCTOOL" receive "$q" --timeout 10s 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	local receiver=$! code=0
	eventually waited "$q"
	fails 6 "waited on by $receiver " remove "$q"
	fails 6 "waited on by $receiver " remove --force=unknown "$q"
	is "$q" '.messages == 0'
	succeeds remove --force=held "$q"
	wait "$receiver" || code=$?
	[[ $code -eq 4 && $(<"$BATS_TEST_TMPDIR/err") == *removed* ]]
}

@test "remove: others may not" {
	need_root
	make mq/sysv --mode 0666
	as_user nobody fails 5 'its owner' remove --force=held "$q"
	[[ $(queues) -eq 1 ]]
}

# asked COMMAND...: start it, and run @between when it asks whether to remove; then the answer is yes.
asked() {
	local in err=$BATS_TEST_TMPDIR/asked between=$1
	shift
	mkfifo "$err.in"
	"$IPCTOOL" "$@" <"$err.in" >"$err.out" 2>"$err" 3>&- &
	local pid=$!
	exec {in}>"$err.in"
	eventually grep -q '? $' "$err"
	"$between"
	echo y >&"$in"
	exec {in}>&-
	status=0
	wait "$pid" || status=$?
	rm "$err.in"
	stderr=$(<"$err")
}

sent_to() {
	succeeds send "$q" used
}

@test "remove: what was used since it was looked at stays" {
	make mq/sysv
	asked sent_to remove --interactive --force=unknown "$q"
	[[ $status -eq 6 && $stderr == *"used since"* ]]
	is "$q" '.messages == 1'
	asked sent_to remove --interactive --force=held "$q"
	[[ $status -eq 0 && $(queues) -eq 0 ]]
}

# Two changes in one second look the same to the kernel.
changed() {
	local before after
	before=$("$IPCTOOL" show --json -- "$q" | jq -r '.objects[0].changed')
	while
		succeeds set "$q" mode=0640
		after=$("$IPCTOOL" show --json -- "$q" | jq -r '.objects[0].changed')
		[[ $after == "$before" ]]
	do :; done
}

replaced() {
	ipcrm -Q 0x4d51
	make mq:0x4d51
}

@test "remove: what was changed or replaced since it was looked at stays" {
	make mq:0x4d51
	asked changed remove --interactive --force=held "$q"
	[[ $status -eq 4 && $stderr == *changed* && $(queues) -eq 1 ]]
	asked replaced remove --interactive --force=held mq:0x4d51
	[[ $status -eq 4 && $(queues) -eq 1 ]]
}

@test "remove: a handle of an earlier queue means no later one" {
	make mq:0x4d51
	local handle
	handle=$("$IPCTOOL" list -rn -o handle "$q")
	changed
	fails 4 '' remove --force=held "$handle"
	[[ $(queues) -eq 1 ]]
}

@test "remove: many, with one that cannot be" {
	local n
	for ((n = 0; n < 300; n++)); do
		ipcmk -Q
	done >/dev/null
	make mq/sysv
	"$IPCTOOL" receive "$q" --timeout 60s 2>/dev/null 3>&- &
	eventually waited "$q"
	run_ipctool remove --quiet --force=unknown --all mq/sysv
	[[ $status -eq 6 && $stderr == *"$q: in use"* && $(queues) -eq 1 ]]
}

# ---- another ipc namespace -------------------------------------------------------------------------------------

@test "everything works in another ipc namespace, by its own limits" {
	local ns
	in_new_namespaces --ipc fixture q mq-sysv key=0x4d51
	in_new_namespaces "--ipc --net" fixture other mq-sysv key=0x4d51
	ns=$(readlink "/proc/${_fx_pid[q]}/ns/ipc")
	ns=${ns//[!0-9]/}
	q=mq@$ns:0x4d51
	nsenter -t "${_fx_pid[q]}" --ipc sh -c 'echo 100 >/proc/sys/kernel/msgmax'
	fails 1 '100 bytes' send "$q" "$(printf '%0101d' 0)"
	succeeds send "$q" --type 4 hello
	is "$q" '.messages == 1'
	succeeds set "$q" mode=0640
	is "$q" '.mode == "0640"'
	succeeds receive "$q" --nowait
	[[ $output == hello ]]
	fails 7 'timed out' receive "$q" --timeout 30ms
	succeeds remove --force=unknown "$q"
	run -0 nsenter -t "${_fx_pid[other]}" --ipc "$IPCTOOL" list mq/sysv --count
	[[ $output == 1 ]]
	[[ $("$IPCTOOL" list "mq@$ns:0x4d51" --count 2>/dev/null || true) != 1 ]]
}
