#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-pipe.bats: what is in pipes and FIFOs, byte for byte; that all of it stays there, and that nobody at either end notices.
# Packets, ranges and what a private pipe has no room for are in unit/test_dump_pipe.c.

load helpers

setup() {
	need_ptrace
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	mkfifo -m 600 go
}

teardown() {
	local pid
	for pid in "${started[@]}"; do
		kill -CONT "$pid" && kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	release_all
}

# start COMMAND...: its number into $pid.
started=()
start() {
	"$@" 3>&- 4>&- &
	pid=$!
	started+=("$pid")
}

# reader FILE: a process with the read end of a pipe that FILE was written to; it reads into `got` after a line comes from `go`.
# Its number into $pid, the reference of the pipe into $ref.
reader() {
	bash -c 'exec 4>&-; read -r _ <go; cat >got' < <(cat "$1") 3>&- &
	pid=$!
	started+=("$pid")
	eventually test -p "/proc/$pid/fd/0"
	ref=pipe:$(stat -L -c %i "/proc/$pid/fd/0")
	eventually buffered "$ref" "$(stat -c %s "$1")"
}

# holder FIFO FILE: a process that has FIFO open, with FILE written to it, and reads it into `got` after a line comes from `go`.
holder() {
	rm -f ready
	start bash -c 'exec 5<>"$0"; cat "$1" >&5; : >ready; read -r _ <go; head -c "$(stat -c %s "$1")" <&5 >got' "$1" "$2"
	eventually test -e ready
}

buffered() {
	[[ $("$IPCTOOL" show "$1" --raw -n -b -o buffered 2>/dev/null) == "$2" ]]
}

# What `show` says of it, but for how old it is, and how much else could not be seen.
look() {
	"$IPCTOOL" show --json "$ref" | jq '.objects[] | del(.age, .unused, .evidence)'
}

# unchanged COMMAND...: `show` says the same of $ref before and after.
unchanged() {
	local before
	before=$(look)
	"$@" || return 1
	diff <(printf '%s\n' "$before") <(look) | head -n 20
	[[ $before == "$(look)" ]]
}

# gives FILE [OPTION]...: these bytes, no word on standard error, 0.
gives() {
	local file=$1
	shift
	"$IPCTOOL" dump "$@" "$ref" >out 2>err || { echo "status $?: $(<err)"; return 1; }
	[[ ! -s err ]] || { cat err; return 1; }
	cmp out "$file"
}

belongs() {
	[[ $(stat -c %U "/proc/$1") == "$2" ]]
}

# is_in STATE PID: as /proc/PID/status says it, S or T.
is_in() {
	[[ $(awk '$1 == "State:" { print $2 }' "/proc/$2/status") == "$1" ]]
}

# ---- pipes ------------------------------------------------------------------------------------------------------

@test "pipe: every byte, any number of times, and then the reader gets every byte" {
	head -c 65536 /dev/urandom >bytes
	reader bytes
	unchanged gives bytes
	gives bytes
	dd if=bytes of=part bs=1 skip=1000 count=50 status=none
	gives part --offset 1000 --length 50
	echo >go
	wait "$pid"
	cmp got bytes
}

@test "pipe: how it was read is told, with what is in it" {
	fixture p pipe 'data=a\x00\x0a\xffb'
	ref=pipe:$(fx p .inode)
	run_ipctool dump --json "$ref"
	[[ $status -eq 0 && -z $stderr ]]
	holds "$(json "$output" '.dumps[0]')" p '.source == "tee" and .unreached == 0 and (.torn | not)' '.note == null' \
		'.contents | length == 1'
}

@test "packet: a message for each" {
	fixture p pipe packet=1 data=hello
	ref=pipe:$(fx p .inode)
	run_ipctool dump --json "$ref"
	[[ $status -eq 0 && -z $stderr ]]
	holds "$(json "$output" '.dumps[0]')" p '.contents == [{index: 0, length: 5, truncated: false, data: "hello"}]'
	printf hello >bytes
	gives bytes --message 0
	fails 4 'no message 1' dump --message 1 "$ref"
}

@test "an empty pipe: nothing, and well" {
	fixture p pipe blocked=r
	ref=pipe:$(fx p .inode)
	unchanged gives /dev/null
	is_in S "$(fx p '.readers[0].pid')"
}

@test "who waits for room waits on, and who reads gets what it would have" {
	fixture p pipe blocked=w
	ref=pipe:$(fx p .inode)
	head -c "$(fx p .capacity)" /dev/zero >zeros
	shows p "$ref" '.waiters | length == 1'
	unchanged gives zeros
	shows p "$ref" '.waiters | length == 1' '.waiters[0].why == "write"'
	is_in S "$(fx p '.writers[0].pid')"
}

@test "a stopped holder stays stopped" {
	echo through >bytes
	reader bytes
	kill -STOP "$pid"
	eventually is_in T "$pid"
	gives bytes
	is_in T "$pid"
	kill -CONT "$pid"
	echo >go
	wait "$pid"
	cmp got bytes
}

@test "no reader remains: a writer is told when the real one ends" {
	mkfifo up
	bash -c 'trap "" PIPE; read -r _ <go; printf x; echo "$?" >status' > >(exec 3>&- 4>&-; echo "$BASHPID" >up; exec sleep 1000) 3>&- 4>&- &
	local writer=$! reader
	started+=("$writer")
	read -r reader <up
	started+=("$reader")
	# Before it is that program its standard output may be another one.
	eventually grep -q status "/proc/$writer/cmdline"
	ref=pipe:$(stat -L -c %i "/proc/$writer/fd/1")
	gives /dev/null
	kill -KILL "$reader"
	eventually test ! -e "/proc/$reader/fd/0"
	echo >go
	wait "$writer"
	[[ $(<status) -ne 0 ]]
}

@test "one of two readers has ended since the other took its place" {
	fixture p pipe data=hello readers=2
	ref=pipe:$(fx p .inode)
	printf hello >bytes
	kill -KILL "$(fx p '.readers[0].pid')"
	eventually test ! -e "/proc/$(fx p '.readers[0].pid')/fd/0"
	gives bytes
}

@test "the pipe of others is not to be seen" {
	need_root
	fixture p pipe data=secret
	as_user nobody run_ipctool dump "pipe:$(fx p .inode)"
	[[ -z $output && $stderr != *secret* && $status =~ ^[345]$ ]] || { echo "$status: $stderr"; return 1; }
}

@test "a pipe of which another user has the read end" {
	need_root
	bash -c 'exec 4>&-; exec sleep 1000' \
		< <(printf abc; exec 3>&- 4>&-; echo "$BASHPID" >other; exec setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups sleep 1000) 3>&- &
	started+=("$!")
	local reader=$! other
	eventually test -s other
	other=$(<other)
	started+=("$other")
	eventually belongs "$other" nobody
	ref=pipe:$(stat -L -c %i "/proc/$reader/fd/0")
	eventually buffered "$ref" 3
	as_user nobody run_ipctool dump "$ref"
	[[ $status -eq 5 && -z $output && $stderr == *'3 bytes in it'*CAP_SYS_PTRACE* ]] || { echo "$status: $stderr"; return 1; }
	printf abc >bytes
	gives bytes
}

# ---- FIFOs ------------------------------------------------------------------------------------------------------

@test "fifo: every byte, and then the reader gets every byte" {
	local times
	mkfifo -m 600 fifo
	head -c 50000 /dev/urandom >bytes
	holder fifo bytes
	times=$(stat -c '%X %Y %Z' fifo)
	for ref in fifo:./fifo ./fifo "fifo:$PWD/fifo"; do
		unchanged gives bytes
	done
	[[ $(stat -c '%X %Y %Z' fifo) == "$times" ]]
	echo >go
	wait "$pid"
	cmp got bytes
}

@test "fifo: one that nobody has open is empty, and nobody who waits in open() is let go" {
	mkfifo -m 600 fifo
	run_ipctool dump ./fifo
	[[ $status -eq 0 && -z $output && $stderr == "ipctool dump: fifo:$PWD/fifo: empty"*'nobody '*'has it open'* ]] ||
		{ echo "$status: $stderr"; return 1; }
	fixture f fifo path="$PWD/waits" blocked=w mode=0600
	run_ipctool dump ./waits
	[[ $status -eq 0 && -z $output && $stderr == *'1 task hangs in opening it' ]] || { echo "$status: $stderr"; return 1; }
	shows f ./waits '.openers | length == 1' '.holders == []'
	run_ipctool dump --json ./fifo
	holds "$(json "$output" '.dumps[0]')" '' '.contents == []' '.unreached == 0' '.note | startswith("empty")'
}

@test "fifo: writers alone, and bytes that nobody can read" {
	local both writer
	mkfifo -m 600 fifo
	exec {both}<>fifo {writer}>fifo
	run_ipctool dump ./fifo
	[[ $status -eq 0 && -z $output && -z $stderr ]]
	printf lost >&"$writer"
	exec {both}>&-
	fails "$((EUID ? 5 : 4))" '4 bytes in it can be seen through its read end alone' dump ./fifo
	exec {writer}>&-
	run_ipctool dump ./fifo
	[[ $status -eq 0 && $stderr == *empty* ]]
}

@test "fifo: unlinked, and replaced by another" {
	local fd handle
	mkfifo -m 600 fifo
	exec {fd}<>fifo
	printf first >&"$fd"
	handle=$("$IPCTOOL" show ./fifo --raw -n -o handle)
	rm fifo
	mkfifo -m 600 fifo
	fails 4 '' dump "$handle"
	ref=$("$IPCTOOL" list fifo -q --filter 'buffered == 5')
	[[ $ref == fifo:@* ]]
	printf first >bytes
	gives bytes
	exec {fd}>&-
	fails 4 '' dump "$ref"
}

@test "fifo: that of another user" {
	need_root
	mkfifo -m 666 /tmp/theirs
	as_user nobody run_ipctool dump fifo:/tmp/theirs
	rm /tmp/theirs
	[[ $status -eq 5 && -z $output && $stderr == *CAP_SYS_PTRACE* ]] || { echo "$status: $stderr"; return 1; }
}

@test "fifo: in another mount namespace" {
	need_root
	start unshare --mount bash -c 'mount -t tmpfs none /srv && mkfifo /srv/fifo && exec 5<>/srv/fifo && printf there >&5 &&
		: >ready && exec sleep 1000'
	eventually test -e ready
	printf there >bytes
	ref="fifo@$(readlink "/proc/$pid/ns/mnt" | tr -cd 0-9):/srv/fifo"
	unchanged gives bytes
	ref=fifo:/srv/fifo
	gives bytes --namespace "$pid"
	fails 4 '' dump fifo:/srv/fifo
	start unshare --mount bash -c 'mount -t tmpfs none /srv && mkfifo /srv/fifo && : >again && exec sleep 1000'
	eventually test -e again
	run_ipctool dump --namespace "$pid" fifo:/srv/fifo
	[[ $status -eq 0 && -z $output && $stderr == *empty* ]]
}

@test "nothing else is called: no open of the FIFO, no read of what is not one's own" {
	command -v strace >/dev/null || skip "needs strace"
	local fd
	mkfifo -m 600 fifo
	exec {fd}<>fifo
	printf hello >&"$fd"
	ASAN_OPTIONS=detect_leaks=0 strace -f -y -o trace "$IPCTOOL" dump ./fifo >out || skip "strace cannot trace here"
	[[ $(<out) == hello ]]
	grep -q 'pidfd_getfd(' trace
	grep -q "tee([0-9]*<$PWD/fifo>" trace
	# What is done with the copy, besides.
	run ! grep -E "^[0-9]+ +(read|write|readv|splice|vmsplice)\([0-9]+<$PWD/fifo>" trace
	run ! grep -E 'fcntl\([0-9]+<[^>]*/fifo>, F_SET' trace
	run ! grep -E 'open(at|at2)?\([^)]*"(\./)?fifo", ' <(grep -v O_PATH trace)
	run ! grep -E '(ptrace|kill|pidfd_send_signal)\(' trace
	exec {fd}>&-
}
