#!/usr/bin/env bats
# change-fifo.bats: FIFOs made, set, written to, read from and removed, without ever waiting longer than was asked; what is
# refused, who is released from open() and what he sees; and pipes, which can only be given another capacity.

load helpers

setup() {
	D=$BATS_TEST_TMPDIR/d
	mkdir "$D"
	cd "$D"
}

teardown() {
	local status=0 pid
	release_all || status=$?
	for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
	cd /
	chmod -R u+rwx "$D"
	rm -rf "$D"
	return "$status"
}

# is REF CONDITION...: what `show --json` tells of it.
is() {
	local reference=$1
	shift
	shows '' "$reference" "$@"
}

# hang COUNT PATH: so many tasks are blocked in opening it.
hang() {
	[[ $("$IPCTOOL" show --json -- "fifo:$2" | jq '.objects[0].openers | length') -eq $1 ]]
}

# unnamed FIXTURE: the reference that an unlinked one has.
unnamed() {
	printf 'fifo:@%s:%s' "$(fx "$1" .dev)" "$(fx "$1" .inode)"
}

# Commands in the background: they must not keep bats' own descriptors.
background() {
	"$@" 3>&- 4>&- &
}

# A command that another user runs on FIFOs in $D.
let_in() {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" 2>/dev/null || true
	chmod "$1" "$D"
}

# Root without the privilege to exceed the limit of a pipe.
without_raising() {
	if ((EUID == 0)); then
		setpriv --bounding-set -sys_resource --inh-caps -sys_resource -- "$@"
	else
		"$@"
	fi
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: exactly the mode that is asked for, whatever the umask" {
	umask 077
	succeeds create "fifo:$D/a" --mode 0666
	[[ $output == "fifo:$D/a" ]]
	is "fifo:$D/a" '.kind == "fifo"' '.mode == "0666"' owned
	succeeds create "fifo:./b" --mode 06751
	[[ $output == "fifo:$D/b" ]]
	is "fifo:$D/b" '.mode == "06751"'
}

@test "create: without a mode the umask counts" {
	umask 027
	succeeds create "fifo:$D/a"
	is "fifo:$D/a" '.mode == "0640"'
}

@test "create: what exists is named and left as it is" {
	echo text >file
	mkdir dir
	mkfifo -m 0644 fifo
	ln -s fifo link
	ln -s nowhere broken
	fails 6 "file: exists: a regular file" create "fifo:$D/file"
	fails 6 "exists: a directory" create "fifo:$D/dir"
	fails 6 "exists: a symbolic link" create "fifo:$D/link" --exist-ok
	fails 6 "exists: a symbolic link" create "fifo:$D/broken" --owner "$(id -u)"
	fails 6 "exists" create "fifo:$D/fifo" --mode 0600
	[[ $(<file) == text && $(stat -c %a fifo) == 644 && ! -e nowhere ]]
	[[ $(ls -A) == $'broken\ndir\nfifo\nfile\nlink' ]]
}

@test "create: --exist-ok takes one that is as asked for, and only that" {
	mkfifo -m 0640 a
	local inode
	inode=$(stat -c %i a)
	succeeds create "fifo:$D/a" --mode 0640 --owner "$(id -u)" --exist-ok
	[[ $output == "fifo:$D/a" ]]
	succeeds create "fifo:$D/a" --exist-ok
	fails 6 "another mode" create "fifo:$D/a" --mode 0600 --exist-ok
	[[ $(stat -c %i:%a a) == "$inode:640" && $(ls -A) == a ]]
}

@test "create: --parents makes directories by the umask; without it they are missing" {
	umask 027
	fails 4 "no such directory on the way: x" create "fifo:$D/x/y/a"
	succeeds create "fifo:$D/x/y/a" --parents --mode 0666
	[[ $(stat -c %a x x/y x/y/a | xargs) == "750 750 666" ]]
	succeeds create "fifo:$D/x/y/b" --parents
}

@test "create: names with control bytes, and of 255 bytes; what is printed is taken back" {
	local name long reference
	printf -v name '%s\n\t\x1b[31m\\\xff' 'a b'
	printf -v long '%255s' ''
	long=${long// /n}
	succeeds create --literal "fifo:$D/$name"
	reference=$output
	[[ -p $D/$name && $reference == 'fifo:'*'a b\x0a\x09\x1b[31m\x5c\xff' ]]
	fails 6 exists create "$reference"
	is "$reference" '.class == "fifo"'
	succeeds create "fifo:$D/$long" --owner "$(id -u)"
	[[ -p $D/$long ]]
	fails 1 "too long" create "fifo:$D/n$long"
	succeeds remove --force unknown "$reference" "fifo:$D/$long"
	[[ -z $(ls -A) ]]
}

@test "create: owner and group, complete from the first moment" {
	need_root
	succeeds create "fifo:$D/a" --owner nobody --group 12345 --mode 0604
	[[ $(stat -c '%U %g %a' a) == "nobody 12345 604" && $(ls -A) == a ]]
}

@test "create: who may not give it away leaves nothing behind" {
	let_in 1777
	run --separate-stderr as_user nobody "$IPCTOOL" create "fifo:$D/a" --owner 0
	[[ $status -eq 5 && $stderr == *CAP_CHOWN* ]]
	[[ -z $(ls -A) ]]
}

@test "create: no permission to write to the directory" {
	mkdir closed
	chmod 555 closed
	let_in 755
	run --separate-stderr as_user nobody "$IPCTOOL" create "fifo:$D/closed/a"
	[[ $status -eq 5 && $stderr == *"no permission to write to its directory"* ]]
}

@test "create: no room, and a file system that is read-only" {
	need_root
	mkdir small
	mount -t tmpfs -o nr_inodes=2 small small
	succeeds create "fifo:$D/small/a"
	fails 1 "has room for 2 files, and all are there" create "fifo:$D/small/b"
	fails 1 "has room for 2 files, and all are there" create "fifo:$D/small/b" --owner nobody
	mount -o remount,ro small
	fails 1 "mounted read-only" create "fifo:$D/small/b"
	fails 1 "mounted read-only" set "fifo:$D/small/a" mode=0600
	fails 1 "mounted read-only" remove --force unknown "fifo:$D/small/a"
	[[ $(ls -A small) == a ]]
	umount small
}

@test "create: of many at once one makes it" {
	local n
	for ((n = 0; n < 20; n++)); do
		background "$IPCTOOL" create "fifo:$D/a" --owner "$(id -u)" >>"$BATS_TEST_TMPDIR/made" 2>/dev/null
	done
	wait
	[[ $(<"$BATS_TEST_TMPDIR/made") == "fifo:$D/a" && $(ls -A) == a ]]
}

@test "create: other settings, other kinds" {
	fails 2 "fifo/fifo does not take size; it takes mode, owner, group" create "fifo:$D/a" --size 64K
	fails 2 "a pipe lives in its processes" create pipe
	fails 2 "it needs a name: fifo:/path" create fifo
	[[ -z $(ls -A) ]]
}

# ---- set -----------------------------------------------------------------------------------------------------

@test "set: mode, and for root owner and group" {
	mkfifo -m 0644 a
	succeeds set "fifo:$D/a" mode=0620
	[[ $output == *"0644 -> 0620"* ]]
	is "fifo:$D/a" '.mode == "0620"'
	((EUID == 0)) || return 0
	succeeds set "fifo:$D/a" mode=06604 owner=nobody group=12345
	[[ $(stat -c '%U %g %a' a) == "nobody 12345 6604" ]]
}

@test "set: capacity needs somebody who has it open" {
	need_ptrace
	mkfifo a
	fails 2 "has no buffer yet" set "fifo:$D/a" capacity=128K
	fixture f fifo path="$D/b" open=rw
	succeeds set "fifo:$D/b" capacity=100K
	is "fifo:$D/b" '.capacity == 131072'
	succeeds set "fifo:$D/b" capacity=1
	is "fifo:$D/b" '.capacity == 4096'
	fails 2 "1 byte to 2 GiB" set "fifo:$D/b" capacity=0
	fails 2 "1 byte to 2 GiB" set "fifo:$D/b" capacity=3G
}

@test "set: the limit of capacities is told" {
	need_ptrace
	fixture f fifo path="$D/b" open=rw
	local most
	most=$(</proc/sys/fs/pipe-max-size)
	run --separate-stderr without_raising "$IPCTOOL" set "fifo:$D/b" capacity=$((most + 1))
	[[ $status -eq 5 && $stderr == *"pipe-max-size allows $most bytes in one pipe; raise /proc/sys/fs/pipe-max-size"* ]]
}

@test "set: what is in it must still fit, or nothing is changed" {
	need_ptrace
	fixture f fifo path="$D/b" open=rw mode=0640 data="$(printf '%9000s')"
	fails 6 "holds more than that: 9000 bytes" set "fifo:$D/b" capacity=4096 mode=0600
	is "fifo:$D/b" '.capacity == 65536' '.mode == "0640"' '.buffered == 9000'
}

@test "set: all or nothing" {
	need_ptrace
	let_in 1777
	as_user nobody fixture f fifo path="$D/b" open=rw mode=0640
	run --separate-stderr as_user nobody "$IPCTOOL" set "fifo:$D/b" capacity=128K mode=0600 owner=0
	[[ $status -eq 5 && $stderr == *CAP_CHOWN* ]]
	is "fifo:$D/b" '.capacity == 65536' '.mode == "0640"' '.user == "nobody"'
}

@test "set: who is not the owner" {
	need_root
	mkfifo -m 0666 a
	let_in 755
	run --separate-stderr as_user nobody "$IPCTOOL" set "fifo:$D/a" mode=0600
	[[ $status -eq 5 && $stderr == *"only its owner, uid 0, or root may change its mode"* ]]
	[[ $(stat -c %a a) == 666 ]]
}

@test "set: an unlinked one is reached through who has it" {
	need_ptrace
	fixture f fifo path="$D/b" open=rw mode=0640 unlinked=1
	local reference
	reference=$(unnamed f)
	succeeds set "$reference" mode=0600 capacity=8192
	is "$reference" '.capacity == 8192' '.mode == "0600"' '.status == ["deleted"]'
}

@test "set: the capacity of a pipe, and nothing else of it" {
	need_ptrace
	fixture p pipe
	local pipe
	pipe=pipe:$(fx p .inode)
	succeeds set "$pipe" capacity=8K
	is "$pipe" '.capacity == 8192'
	fails 2 "it takes capacity" set "$pipe" mode=0600
	fails 2 "fifo:/path" send "$pipe" text
	fails 2 "fifo:/path" receive "$pipe"
	fails 2 "end that process" remove "$pipe"
	fails 2 "sem:/name" post "$pipe"
}

# ---- send and receive ----------------------------------------------------------------------------------------

@test "send, receive: bytes as they are, more than fit in" {
	mkfifo a
	head -c 3000000 /dev/urandom >bytes
	background "$IPCTOOL" send "fifo:$D/a" --file bytes --timeout 20s
	local sender=$!
	"$IPCTOOL" receive "fifo:$D/a" --timeout 20s >out
	wait "$sender"
	cmp bytes out
}

@test "send: nobody reads" {
	mkfifo a
	fails 7 "nobody has it open for reading" send "fifo:$D/a" --nowait text
	local start=$EPOCHREALTIME
	fails 7 "nobody opened it for reading in that time" send "fifo:$D/a" --timeout 200ms text
	local took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	((took >= 200 && took < 5000))
}

@test "receive: nobody writes" {
	mkfifo a
	fails 7 "nothing is in it" receive "fifo:$D/a" --nowait
	fails 7 "nobody opened it for writing in that time" receive "fifo:$D/a" --timeout 200ms
}

@test "send: who waits for a reader is seen, and goes on when one comes" {
	need_ptrace
	mkfifo a
	background "$IPCTOOL" send "fifo:$D/a" --timeout 30s text
	local sender=$!
	eventually hang 1 "$D/a"
	is "fifo:$D/a" ".openers[0].pid == $sender" '.openers[0].why == "open for writing"' '.state == "held"'
	[[ $(cat a) == text ]]
	wait "$sender"
}

@test "receive: waits for a writer, and ends when the last one closes" {
	need_ptrace
	mkfifo a
	background "$IPCTOOL" receive "fifo:$D/a" --timeout 30s >out
	local receiver=$!
	eventually hang 1 "$D/a"
	exec 5>a
	echo one >&5
	eventually test -s out
	[[ $(<out) == one ]]
	kill -0 "$receiver"
	echo two >&5
	exec 5>&-
	wait "$receiver"
	[[ $(<out) == $'one\ntwo' ]]
}

@test "receive: --nowait takes what is there" {
	mkfifo a
	exec 5<>a
	printf text >&5
	run_ipctool receive "fifo:$D/a" --nowait
	exec 5>&-
	[[ $output == text ]]
}

@test "send: full" {
	mkfifo a
	head -c 100000 /dev/zero >bytes
	exec 5<>a
	fails 7 "full: nobody has read enough of it; 65536 bytes were sent" send "fifo:$D/a" --file bytes --timeout 200ms
	fails 7 "full" send "fifo:$D/a" --nowait text
	exec 5>&-
}

@test "send: the reader goes, and no signal ends the sender" {
	mkfifo a
	head -c 1000000 /dev/zero >bytes
	background head -c 1 a >/dev/null
	fails 1 "the reader has gone" send "fifo:$D/a" --file bytes --timeout 20s
}

@test "send, receive: no permission" {
	need_root
	mkfifo -m 0600 a
	let_in 755
	run --separate-stderr as_user nobody "$IPCTOOL" send "fifo:$D/a" --timeout 1s text
	[[ $status -eq 5 && $stderr == *"no permission to write to it: it belongs to uid 0"*"mode 0600"* ]]
	run --separate-stderr as_user nobody "$IPCTOOL" receive "fifo:$D/a" --timeout 1s
	[[ $status -eq 5 && $stderr == *"no permission to read it"* ]]
}

@test "send, receive: an unlinked one has no name to open" {
	need_ptrace
	fixture f fifo path="$D/b" open=rw unlinked=1
	local reference
	reference=$(unnamed f)
	fails 4 "has no name any more" send "$reference" --nowait text
	fails 4 "has no name any more" receive "$reference" --nowait
}

@test "send, receive: types, priorities and signals are for others" {
	mkfifo a
	fails 2 "" send "fifo:$D/a" --type 5 --nowait text
	fails 2 "" receive "fifo:$D/a" --type 5 --nowait
	fails 2 "sem:/name" post "fifo:$D/a"
	fails 2 "sem:/name" wait "fifo:$D/a"
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: one's own and closed to others; others are kept for the doubt" {
	mkfifo -m 0600 a
	mkfifo -m 0666 b
	succeeds remove "fifo:$D/a"
	[[ ! -e a ]]
	fails 6 "--force=unknown" remove "fifo:$D/b"
	[[ -p b ]]
	succeeds remove "fifo:$D/b" --force unknown
	[[ -z $(ls -A) ]]
}

@test "remove: held" {
	need_ptrace
	fixture f fifo path="$D/a" open=rw
	fails 6 "in use: held by $(fx f .pid)" remove "fifo:$D/a" --force unknown
	succeeds remove "fifo:$D/a" --force held --dry-run
	[[ $output == *"1 process keeps it open, without a name"* && -p a ]]
	succeeds remove "fifo:$D/a" --force held
	[[ $output == *"1 process keeps it open, without a name"* && ! -e a ]]
	fails 6 "has no name any more" remove --force held "$(unnamed f)"
}

@test "remove: readers that hang in open() are not left behind" {
	need_ptrace
	mkfifo -m 600 a # nobody else's: so it matters not that other pid namespaces cannot be seen from here
	local n readers=()
	for ((n = 0; n < 4; n++)); do
		background cat a
		readers+=($!)
	done
	eventually hang 4 "$D/a"
	fails 6 "(--unblock releases them)" remove "fifo:$D/a"
	fails 6 "(cat) and 1 more (--unblock releases them)" remove "fifo:$D/a" --force held
	succeeds remove "fifo:$D/a" --unblock --dry-run
	hang 4 "$D/a"
	succeeds remove "fifo:$D/a" --unblock
	[[ $output == *"released from open(): 4 readers (they see the end of the file)"* && -z $(ls -A) ]]
	for n in "${readers[@]}"; do wait "$n"; done
}

# A daemon of another user has it open without a writer: it cannot be seen, and who hangs in open() says nothing of it.
@test "remove: --unblock answers the doubt about those who hang in open() alone" {
	need_root
	let_in 1777
	as_user nobody mkfifo -m 666 a
	background python3 -c '
import os, time
os.open("a", os.O_RDONLY | os.O_NONBLOCK)
open("open", "w").close()
time.sleep(60)'
	eventually test -e open
	background as_user nobody cat a
	eventually hang 1 "$D/a"
	run --separate-stderr as_user nobody "$IPCTOOL" remove "fifo:$D/a" --unblock
	[[ $status -eq 6 && $stderr == *"may be in use"*"(--force=unknown overrides)" && -p a ]]
	run --separate-stderr as_user nobody "$IPCTOOL" remove "fifo:$D/a" --unblock --force unknown
	[[ $status -eq 0 && ! -e a ]]
}

@test "remove: writers that hang in open() are not left behind" {
	need_ptrace
	mkfifo a
	local n writers=() status
	for ((n = 0; n < 3; n++)); do
		background sh -c 'exec 5>a; sleep 0.2; echo text >&5'
		writers+=($!)
	done
	eventually hang 3 "$D/a"
	fails 6 "--unblock" remove "fifo:$D/a" --force held
	succeeds remove "fifo:$D/a" --force held --unblock
	[[ $output == *"released from open(): 3 writers"* && ! -e a ]]
	for n in "${writers[@]}"; do
		status=0
		wait "$n" || status=$?
		((status != 0))
	done
}

# The reader is outside the pid namespace that the removal looks at: no evidence, but the kernel knows.
@test "remove: a reader whom no /proc shows" {
	need_root
	mkfifo -m 0600 a
	background sleep 1000 5<>a
	eventually test -p "/proc/$!/fd/5"
	run --separate-stderr unshare --pid --fork --mount-proc -- "$IPCTOOL" remove "fifo:$D/a" --force unknown
	[[ $status -eq 6 && $stderr == *"whom no evidence shows"* && $(ls -A) == a ]]
	kill $!
	eventually run ! kill -0 $!
	succeeds remove "fifo:$D/a"
}

@test "remove: who may not" {
	mkdir closed
	mkfifo closed/a b
	need_root
	let_in 1777
	chmod 555 closed
	run --separate-stderr as_user nobody "$IPCTOOL" remove --force unknown "fifo:$D/closed/a"
	[[ $status -eq 5 && $stderr == *"no permission to write to its directory"* ]]
	run --separate-stderr as_user nobody "$IPCTOOL" remove --force unknown "fifo:$D/b"
	[[ $status -eq 5 ]]
	run --separate-stderr as_user nobody "$IPCTOOL" remove --force unknown --dry-run "fifo:$D/b"
	[[ $status -eq 5 ]]
	[[ -p b && -p closed/a && $(ls -A closed) == a ]]
}

@test "remove: another file by now" {
	mkfifo -m 0600 a
	local handle
	handle=$("$IPCTOOL" list -n -r -o handle --match "$D/a" fifo)
	[[ $handle == fifo+* ]]
	mv a old
	mkfifo -m 0600 a
	fails 4 "" remove "$handle"
	[[ $(ls -A) == $'a\nold' ]]
}

@test "all verbs reach into another mount namespace" {
	need_root
	need_ptrace
	mkdir m
	background unshare --mount --propagation private sh -c 'mount -t tmpfs t m && mkfifo -m 0600 m/a && exec sleep 1000'
	local pid=$! reference
	eventually test -p "/proc/$pid/root$D/m/a"
	reference=$("$IPCTOOL" list -q --namespace "$pid" --scan "$D" --match "$D/*" fifo)
	[[ $reference == fifo@*:$D/m/a ]]
	succeeds set "$reference" mode=0640
	background "$IPCTOOL" send "$reference" --timeout 20s text
	local sender=$!
	run_ipctool receive "$reference" --timeout 20s
	[[ $output == text ]]
	wait "$sender"
	succeeds remove --force unknown "$reference"
	[[ -z $(ls -A "/proc/$pid/root$D/m") && $(ls -A) == m ]]
}
