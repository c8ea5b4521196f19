#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-mq-sysv.bats: the messages of System V queues, copied by the kernel or read by BPF; and that they all stay there.

load helpers
load queues

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	stop
	release_all
	ipcrm --all=msg
}

# make SPEC...: a queue with these messages, its reference into $q.
make() {
	q=$("$IPCTOOL" create --mode 600 mq/sysv "${options[@]}")
	queues send sysv "${q#mq:}" "$@"
}
options=()

# raise LIMIT VALUE: of this sandbox's ipc namespace alone.
raise() {
	need_root
	echo "$2" 2>/dev/null >"/proc/sys/kernel/$1" || skip "$1 cannot be raised"
}

# From here on the kernel refuses msgrcv(), as one without MSG_COPY does.
without_copy() {
	queues without-copy true || skip "system calls cannot be filtered here"
	printf '#!/bin/sh\nexec python3 "%s" without-copy "%s" "$@"\n' "$BATS_TEST_DIRNAME/queues.py" "$IPCTOOL" >ipctool
	chmod 755 ipctool
	IPCTOOL=$PWD/ipctool
}

# Many short messages are enough for BPF to be used, where it can be.
need_bpf() {
	need_root
	make 1300x0
	succeeds dump --json "$q"
	[[ $(json "$output" '.dumps[0].source') == bpf ]] && return
	[[ -z ${IPCTOOL_REQUIRE_BPF-} ]] || return 1
	skip "no BPF here"
}

# state REF: all that is known of it, except for how old that is.
state() {
	"$IPCTOOL" show --json -- "$1" | jq '.objects[] | del(.age, .unused, .evidence)'
}

# whole SOURCE REF: everything comes, by this way, nothing is said, nothing changes, and a receiver gets the same afterwards.
whole() {
	local before
	before=$(state "$2")
	"$IPCTOOL" dump --format raw "$2" >raw 2>err || { echo "dump: $?"; cat err; return 1; }
	"$IPCTOOL" dump --json "$2" >json 2>>err || { echo "dump --json: $?"; cat err; return 1; }
	[[ ! -s err ]] || { cat err; return 1; }
	diff <(printf '%s\n' "$before") <(state "$2")
	jq -r '.dumps[0].contents[] | "\(.type) \(.length)"' json >numbers
	holds "$(jq -c 'del(.dumps[0].contents[].data)' json)" '' '.complete' '.errors == []' ".dumps[0].source == \"$1\"" \
		'.dumps[0].torn == false' '.dumps[0].unreached == 0' '.dumps[0].note == null' \
		'[.dumps[0].contents[] | .truncated] | any | not' \
		'[.dumps[0].contents[].index] == [range(.dumps[0].contents | length)]'
	queues receive sysv "${2#mq:}" >received 2>received.numbers
	cmp raw received
	diff numbers received.numbers
	[[ $("$IPCTOOL" show --json -- "$2" | jq '.objects[0].messages') -eq 0 ]]
}

# ---- what comes -------------------------------------------------------------------------------------------------

@test "every message with its type and length, in order; none is taken and no mark is left" {
	make 0 1 2x3 500 511 512 513 0 2047 2048 2049 7000 1
	whole MSG_COPY "$q"
	[[ $(wc -l <numbers) -eq 14 ]]
}

@test "messages of any size: where the kernel's first page ends, and its further ones" {
	raise msgmnb 1000000
	raise msgmax 200000
	make 4040 4047 4048 4049 4050 4096 8100 8135 8136 8137 8183 8184 8185 8192 65536 131073
	whole MSG_COPY "$q"
	[[ $(wc -l <numbers) -eq 16 ]]
}

@test "an empty queue has nothing, which is no failure" {
	make
	succeeds dump "$q"
	[[ -z $output ]]
	succeeds dump --json "$q"
	holds "$output" '' '.dumps[0].contents == []' '.dumps[0].torn == false' '.complete'
}

@test "--message: one of them, or none that is there" {
	make 5 0 7
	queues receive sysv "${q#mq:}" >all 2>numbers
	queues send sysv "${q#mq:}" 5 0 7
	"$IPCTOOL" dump --message 2 --format raw "$q" >one
	cmp <(tail -c 7 all) one
	succeeds dump --message 1 --json "$q"
	holds "$output" '' '.dumps[0].contents | length == 1' '.dumps[0].contents[0] | .index == 1 and .type == 2 and .length == 0'
	fails 4 'no message 3' dump --message 3 "$q"
	fails 2 '' dump --offset 1 "$q"
	fails 2 'only POSIX queues can be drained' dump --drain "$q"
	[[ $("$IPCTOOL" show --json -- "$q" | jq '.objects[0].messages') -eq 3 ]]
}

@test "a waiting receiver is not woken, nor a waiting sender" {
	fixture q mq-sysv messages=2 waiter=recv
	succeeds dump "mq:$(fx q .id)"
	[[ -d /proc/$(fx q .waiter.pid) ]]
	# Without BPF each look walks the queue from its beginning: not many messages.
	fixture s mq-sysv messages=2 size=4096 waiter=send
	succeeds dump "mq:$(fx s .id)"
	[[ -d /proc/$(fx s .waiter.pid) ]]
}

@test "a queue of another ipc namespace" {
	need_root
	in_new_namespaces --ipc fixture q mq-sysv messages=3 size=5
	local inode
	inode=$(stat -L -c %i "/proc/$(fx q .pid)/ns/ipc")
	succeeds dump --all-namespaces --json "mq@$inode:$(fx q .id)"
	holds "$output" '' '.dumps[0].contents | length == 3' 'all(.dumps[0].contents[]; .length == 5)'
}

# ---- many -------------------------------------------------------------------------------------------------------

@test "many are read by BPF in one walk: sizes, types and order as a receiver finds them" {
	need_bpf
	raise msgmnb 100000000
	raise msgmax 200000
	make 1000x16 0 1 4047 4048 4049 8135 8136 8137 65536 131073 1000x300 3x9000
	whole bpf "$q"
	[[ $(wc -l <numbers) -eq 2013 ]]
}

@test "more than one ring buffer holds, and one message larger than that" {
	need_bpf
	raise msgmnb 400000000
	raise msgmax 100000000
	local before
	make 1400x15000 36000000 2x7
	before=$(state "$q")
	"$IPCTOOL" dump --format raw "$q" >raw 2>err
	[[ ! -s err && $(stat -c %s raw) -eq 57000014 ]]
	diff <(printf '%s\n' "$before") <(state "$q")
	queues receive sysv "${q#mq:}" 2>/dev/null | cmp - raw
}

@test "any queue among thousands, and ids that were used before" {
	need_bpf
	local n
	queues age
	for n in 1 70 4100; do
		while (($("$IPCTOOL" list mq/sysv --count) < n)); do
			python3 -c 'import ctypes, sys; [ctypes.CDLL(None).msgget(0, 0o600) for _ in range(int(sys.argv[1]))]' "$n"
		done
		make 1300x1 7
		whole bpf "$q"
		[[ $(wc -l <numbers) -eq 1301 ]]
	done
}

@test "--message reaches far into a long queue, either way" {
	need_bpf
	make 3000x2
	"$IPCTOOL" dump "$q" >all
	succeeds dump --json --message 2999 "$q"
	holds "$output" '' '.dumps[0].source == "MSG_COPY"' '[.dumps[0].contents[] | .index] == [2999]'
	"$IPCTOOL" dump --message 2999 --format raw "$q" | cmp - <(tail -c 2 all)
	run_ipctool dump --message 3000 "$q"
	[[ $status -eq 4 && $stderr == *'no message 3000' ]]
	without_copy
	succeeds dump --json --message 2998 "$q"
	holds "$output" '' '.dumps[0].source == "bpf"' '[.dumps[0].contents[] | .index] == [2998]'
	"$IPCTOOL" dump --message 2998 --format raw "$q" | cmp - <(tail -c 4 all | head -c 2)
}

@test "without BPF the kernel copies them, however many there are" {
	make 1400x5
	without_bpf succeeds dump --json "$q"
	holds "$output" '' '.dumps[0].source == "MSG_COPY"' '.dumps[0].contents | length == 1400' '.dumps[0].torn == false'
	"$IPCTOOL" dump --format raw "$q" >raw
	without_bpf eval '"${_fx_prefix[@]}" "$IPCTOOL" dump --format raw "$q"' >copied
	cmp raw copied
}

# ---- in use -----------------------------------------------------------------------------------------------------

@test "in use, copied: what is seen was sent, nothing comes twice, and a torn view says so" {
	make
	start queues churn sysv "${q#mq:}" 8 64
	run -0 queues follow 1 "$IPCTOOL" dump --json "$q"
	read -r rounds given torn <<<"$output"
	((given > 0 && torn > 0 && rounds >= torn))
	run_ipctool dump --format raw "$q"
	[[ $status -eq 0 ]]
}

@test "in use, read by BPF: the same" {
	need_bpf
	raise msgmnb 1000000
	make
	start queues churn sysv "${q#mq:}" 1500 64
	run -0 queues follow 1 "$IPCTOOL" dump --json "$q"
	read -r rounds given torn <<<"$output"
	((given > 0 && rounds >= torn))
}

# ---- what does not go -------------------------------------------------------------------------------------------

@test "5: who may not read it is told so, root is not asked" {
	make 3
	if ((EUID == 0)); then
		as_user nobody fails 5 'CAP_IPC_OWNER' dump "$q"
		succeeds dump "$q"
		"$IPCTOOL" set "$q" mode=000
		succeeds dump "$q"
		# To be allowed to write is not enough.
		"$IPCTOOL" set "$q" mode=602
		as_user nobody fails 5 'its mode 0602 does not allow reading' dump "$q"
		"$IPCTOOL" set "$q" mode=604
		as_user nobody succeeds dump "$q"
	else
		"$IPCTOOL" set "$q" mode=200
		fails 5 "$q: permission denied: its mode 0200 does not allow reading to you" dump "$q"
	fi
}

@test "without MSG_COPY and without BPF it cannot be looked into: the kernel's option is named" {
	make 3
	local all=$IPCTOOL
	without_copy
	without_bpf fails 1 'CONFIG_CHECKPOINT_RESTORE' dump "$q"
	[[ $("$all" show --json -- "$q" | jq '.objects[0].messages') -eq 1 ]]
}

@test "without MSG_COPY BPF reads short queues as well" {
	need_bpf
	make 3 0 10
	without_copy
	succeeds dump --json "$q"
	holds "$output" '' '.dumps[0].source == "bpf"' '[.dumps[0].contents[].length] == [3, 0, 10]'
	make
	succeeds dump "$q"
	[[ -z $output ]]
}

@test "3: a message longer than MSGMAX is now cannot be copied: BPF reaches it, else it is counted; the others come" {
	need_root
	make 10 6000 11
	raise msgmax 5000
	without_bpf run_ipctool dump --json "$q"
	[[ $status -eq 3 && $stderr == *'1 longer than MSGMAX (5000 bytes)'* ]]
	holds "$output" '' '.complete == false' '.dumps[0].unreached == 1' '[.dumps[0].contents[].index] == [0, 2]' \
		'.dumps[0].torn == false'
	run_ipctool dump --json "$q"
	[[ $status -eq 3 ]] || holds "$output" '' '[.dumps[0].contents[].length] == [10, 6000, 11]' '.dumps[0].torn == false'
	raise msgmax 6000
	whole MSG_COPY "$q"
}

@test "4: gone" {
	make 3
	"$IPCTOOL" remove --force=held "$q"
	fails 4 'no such object' dump "$q"
}
