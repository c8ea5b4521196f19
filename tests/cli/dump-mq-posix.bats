#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-mq-posix.bats: the messages of POSIX queues, read by BPF while they stay there, or taken out when that is asked for.

load helpers
load queues

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	stop
	release_all
	"$IPCTOOL" remove --quiet --force=held --all mq/posix 2>/dev/null
	local name
	for name in "${made[@]}"; do
		"$IPCTOOL" remove --quiet --force=held --missing-ok "mq:$name"
	done
}

# make NAME MESSAGES SIZE [SPEC...]: a queue of these limits, with these messages. Skips where the limits do not allow it.
made=()
make() {
	made+=("$1")
	if ! queues make "$1" "$2" "$3" 2>err; then
		grep -qE 'Too many open files|Invalid argument' err && skip "such a queue cannot be made here"
		cat err
		return 1
	fi
	queues send posix "$1" "${@:4}"
}

# raise LIMIT VALUE: of this sandbox's ipc namespace alone.
raise() {
	need_root
	echo "$2" 2>/dev/null >"/proc/sys/fs/mqueue/$1" || skip "$1 cannot be raised"
}

need_bpf() {
	need_root
	make /bpf 1 1 1
	run_ipctool dump mq:/bpf
	[[ $status -eq 0 ]] && return
	[[ -z ${IPCTOOL_REQUIRE_BPF-} ]] || return 1
	skip "no BPF here: $stderr"
}

# state NAME: all that is known of it, except for how old that is, and a time that `show` itself moves.
state() {
	"$IPCTOOL" show --json -- "mq:$1" | jq '.objects[] | del(.age, .used, .unused, .evidence)'
}

# whole NAME: everything comes by BPF, nothing is said, nothing changes, and a receiver gets the same afterwards.
whole() {
	local times before
	# To show its bytes its text is read, which sets two of the times.
	before=$(state "$1")
	times=$(queues times "$1")
	"$IPCTOOL" dump --format raw "mq:$1" >raw 2>err || { echo "dump: $?"; cat err; return 1; }
	"$IPCTOOL" dump --json "mq:$1" >json 2>>err || { echo "dump --json: $?"; cat err; return 1; }
	[[ ! -s err ]] || { cat err; return 1; }
	[[ $(queues times "$1") == "$times" ]]
	diff <(printf '%s\n' "$before") <(state "$1")
	jq -r '.dumps[0].contents[] | "\(.priority) \(.length)"' json >numbers
	holds "$(jq -c 'del(.dumps[0].contents[].data)' json)" '' '.complete' '.errors == []' '.dumps[0].source == "bpf"' \
		'.dumps[0].torn == false' '.dumps[0].unreached == 0' '.dumps[0].note == null' \
		'[.dumps[0].contents[] | .truncated] | any | not' \
		'[.dumps[0].contents[].index] == [range(.dumps[0].contents | length)]'
	queues receive posix "$1" >received 2>received.numbers
	cmp raw received
	diff numbers received.numbers
}

# left NAME: how many messages are queued.
left() {
	"$IPCTOOL" show --json -- "mq:$1" | jq '.objects[0].messages'
}

# ---- by BPF -----------------------------------------------------------------------------------------------------

@test "every message with its priority and length, highest priority first; none is taken and no mark is left" {
	need_bpf
	make /q 10 8192 0 1 5 8192 100 0 4048 4096 7
	whole /q
	[[ $(wc -l <numbers) -eq 9 ]]
}

@test "messages of any size: where the kernel's first page ends, and its further ones" {
	need_bpf
	raise msgsize_max 131072
	raise msg_max 100
	make /a 5 131072 131072 131071 65536 0 1
	whole /a
	"$IPCTOOL" remove mq:/a
	make /b 60 8200 4040 4047 4048 4049 4050 4096 8100 8135 8136 8137 8183 8184 8185 8192 8200 20x1
	whole /b
	[[ $(wc -l <numbers) -eq 35 ]]
}

@test "a message as large as the system lets root send, and many of them" {
	need_bpf
	raise msgsize_max 16777216
	ulimit -q unlimited 2>/dev/null || skip "RLIMIT_MSGQUEUE cannot be raised"
	make /q 5 16777216 3 16777216 16000000 16777216 1
	whole /q
}

@test "thousands of messages" {
	need_bpf
	raise msg_max 10000
	make /q 7000 8 3000x1 3000x8 1000x0
	whole /q
	[[ $(wc -l <numbers) -eq 7000 ]]
}

@test "a queue that is all priorities: a tree of any shape" {
	need_bpf
	raise msg_max 1000
	python3 - /q <<'PYTHON'
import ctypes, random, sys
libc = ctypes.CDLL(None, use_errno=True)
limits = (ctypes.c_long * 8)(0, 1000, 4)
fd = libc.mq_open(sys.argv[1].encode(), 0o102, 0o600, ctypes.byref(limits))
assert fd >= 0
choice, buffer, got = random.Random(1), ctypes.create_string_buffer(4), ctypes.c_uint()
for number in range(1500):
    assert libc.mq_send(fd, b"%04d" % number, ctypes.c_size_t(4), choice.randrange(32768)) == 0
    if number % 3 == 0:
        assert libc.mq_receive(fd, buffer, ctypes.c_size_t(4), ctypes.byref(got)) == 4
PYTHON
	made+=(/q)
	whole /q
	[[ $(wc -l <numbers) -eq 1000 && $(sort -u numbers | wc -l) -gt 900 ]]
	sort -rn -c -k1,1 numbers
}

@test "--message: one of them, or none that is there" {
	need_bpf
	make /q 10 100 100 1 50 0 70 80
	"$IPCTOOL" dump --format raw mq:/q >raw
	succeeds dump --json mq:/q
	jq -r '.dumps[0].contents[] | "\(.priority) \(.length)"' <<<"$output" >numbers
	succeeds dump --message 3 --json mq:/q
	holds "$output" '' '.dumps[0].contents | length == 1' '.dumps[0].contents[0].index == 3'
	[[ $(jq -r '.dumps[0].contents[] | "\(.priority) \(.length)"' <<<"$output") == "$(sed -n 4p numbers)" ]]
	run_ipctool dump --message 6 mq:/q
	[[ $status -eq 4 && $stderr == *'no message 6' ]]
	run_ipctool dump --offset 1 mq:/q
	[[ $status -eq 2 ]]
	[[ $(left /q) -eq 6 ]]
}

@test "a waiting receiver is not woken, nor a waiting sender; who asked to be told stays so" {
	need_bpf
	fixture r mq-posix name=/r waiter=recv
	fixture s mq-posix name=/s messages=2 maxmsg=2 waiter=send
	fixture n mq-posix name=/n notify=1
	succeeds dump mq:/r mq:/s mq:/n
	[[ -d /proc/$(fx r .waiter.pid) && -d /proc/$(fx s .waiter.pid) ]]
	shows n mq:/n '.notify == "signal 10 to \($f.pid)"'
	[[ $(left /s) -eq 2 ]]
}

@test "a queue that nobody may read" {
	need_bpf
	fixture q mq-posix name=/q messages=2 mode=000 hold=0
	succeeds dump --json mq:/q
	holds "$output" '' '.dumps[0].contents | length == 2'
}

@test "a queue without a name, through who has it open" {
	need_bpf
	fixture q mq-posix name=/gone messages=3 unlinked=1
	local ref before
	ref="mq:@$(fx q .dev):$(fx q .inode)"
	before=$(ls "/proc/$(fx q .pid)/fd")
	fixture other mq-posix name=/gone messages=1
	succeeds dump --json "$ref"
	holds "$output" '' '.dumps[0].contents | length == 3' '.dumps[0].source == "bpf"'
	[[ $(ls "/proc/$(fx q .pid)/fd") == "$before" ]]
	release q
	run_ipctool dump "$ref"
	[[ $status -eq 4 ]]
}

@test "a queue of another ipc namespace, not the one of the same name here" {
	need_bpf
	make /q 10 10 7
	in_new_namespaces --ipc fixture q mq-posix name=/q messages=3
	local inode
	inode=$(stat -L -c %i "/proc/$(fx q .pid)/ns/ipc")
	succeeds dump --all-namespaces --json "mq@$inode:/q"
	holds "$output" '' '.dumps[0].contents | length == 3'
	succeeds dump --json mq:/q
	holds "$output" '' '.dumps[0].contents | length == 1'
	succeeds dump --all-namespaces --drain --json "mq@$inode:/q"
	holds "$output" '' '.dumps[0].contents | length == 3'
	[[ $(left /q) -eq 1 ]]
}

@test "while somebody reads what came, the queue is not kept open: it can be removed" {
	need_bpf
	make /q 10 8192 10x8192
	mkfifo out
	"$IPCTOOL" dump --format raw mq:/q >out 3>&- &
	local pid=$!
	exec {read}<out
	head -c 1 <&"$read" >got
	eventually "$IPCTOOL" remove --quiet mq:/q
	[[ -d /proc/$pid ]]
	cat <&"$read" >>got
	wait "$pid"
	exec {read}<&-
	[[ $(stat -c %s got) -eq 81920 ]]
}

@test "in use: what is seen was sent, nothing comes twice, and a torn view says so" {
	need_bpf
	raise msg_max 1000
	make /few 10 64
	start queues churn posix /few 8 64
	run -0 queues follow 1 "$IPCTOOL" dump --json mq:/few
	read -r rounds given torn <<<"$output"
	((given > 0 && rounds >= torn))
	stop
	make /many 1000 200
	start queues churn posix /many 900 200
	run -0 queues follow 1 "$IPCTOOL" dump --json mq:/many
	read -r rounds given torn <<<"$output"
	((given > 0 && rounds >= torn))
}

# ---- without BPF ------------------------------------------------------------------------------------------------

@test "5 or 1: without BPF it says what is missing and what there is instead; an empty queue needs nothing" {
	make /q 10 10 1
	if [[ $("$IPCTOOL" --version) == *+bpf* ]]; then
		without_bpf fails 5 'needs CAP_BPF and CAP_PERFMON (root); --drain takes the messages out instead' dump mq:/q
	else
		fails 1 'this build has no BPF support; --drain takes the messages out instead' dump mq:/q
	fi
	[[ $(left /q) -eq 1 ]]
	make /e 10 10
	without_bpf succeeds dump mq:/e
	[[ -z $output ]]
}

@test "5: who may not read it" {
	make /q 10 10 1
	if ((EUID == 0)); then
		as_user nobody fails 5 'permission denied' dump mq:/q
		as_user nobody fails 5 'permission denied' dump --drain mq:/q
	else
		"$IPCTOOL" set mq:/q mode=200
		fails 5 'its mode 0200 does not allow reading to you' dump mq:/q
		fails 5 'root may (CAP_DAC_OVERRIDE)' dump mq:/q
		fails 5 'its mode 0200 does not allow reading to you' dump --drain mq:/q
		"$IPCTOOL" set mq:/q mode=600
	fi
	[[ $(left /q) -eq 1 ]]
}

@test "4: gone, and replaced" {
	make /q 10 10 1
	local handle
	handle=$("$IPCTOOL" show --json mq:/q | jq -r '.objects[0].handle')
	"$IPCTOOL" remove --force=held mq:/q
	fails 4 'no such object' dump --drain mq:/q
	make /q 10 10 1
	fails 4 '' dump --drain "$handle"
	[[ $(left /q) -eq 1 ]]
}

# ---- --drain ----------------------------------------------------------------------------------------------------

@test "--drain: all come in the order of receiving, and are gone" {
	make /q 10 100 100 1 50 0 70 80 4x3
	run_ipctool dump --json mq:/q
	[[ $status -ne 0 ]] || jq -c '.dumps[0].contents' <<<"$output" >peeked
	succeeds dump --drain --json mq:/q
	holds "$output" '' '.dumps[0].source == "drain"' '.dumps[0].contents | length == 10' '.complete' '.dumps[0].torn == false'
	[[ ! -s peeked ]] || diff peeked <(jq -c '.dumps[0].contents' <<<"$output")
	[[ $(left /q) -eq 0 ]]
	succeeds dump --drain mq:/q
	[[ -z $output ]]
}

@test "--drain --message: the first one alone can be taken; others are not thrown away for one behind them" {
	make /q 10 10 1 2 3
	run_ipctool dump --drain --message 1 mq:/q
	[[ $status -eq 2 && $stderr == *'cannot be left out' && $(left /q) -eq 3 ]]
	succeeds dump --drain --message 0 --json mq:/q
	holds "$output" '' '.dumps[0].contents | length == 1' '.dumps[0].contents[0].length == 3'
	[[ $(left /q) -eq 2 ]]
}

@test "--drain: the message that cannot be written is put back" {
	make /q 10 10 5 5 5
	run -1 bash -c '"$1" dump --drain --format raw mq:/q >/dev/full' - "$IPCTOOL"
	[[ $(left /q) -eq 3 ]]
	succeeds dump --drain --json mq:/q
	holds "$output" '' '[.dumps[0].contents[].priority] == [2, 1, 0]' '[.dumps[0].contents[].length] == [5, 5, 5]'
}

@test "--drain: a message that can neither be written nor put back is told of" {
	make /q 10 10 5
	if ((EUID == 0)); then
		"$IPCTOOL" set mq:/q mode=444
		_fx_prefix=(setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all --)
	else
		"$IPCTOOL" set mq:/q mode=400
	fi
	run "${_fx_prefix[@]}" bash -c '"$1" dump --drain --format raw mq:/q >/dev/full' - "$IPCTOOL"
	_fx_prefix=()
	[[ $status -eq 1 && $output == *'a message of 5 bytes with priority 0 is lost'*'open for reading alone'* ]]
}

@test "--drain: a signal loses nothing" {
	make /q 10 8192 10x8192
	mkfifo out
	"$IPCTOOL" dump --drain --format raw mq:/q >out 3>&- &
	local pid=$!
	exec {read}<out
	# The pipe takes eight of them.
	shrunk() {
		[[ $(left /q) -le 2 ]]
	}
	eventually shrunk
	kill -TERM "$pid"
	cat <&"$read" >got
	run wait "$pid"
	exec {read}<&-
	(($(stat -c %s got) % 8192 == 0))
	(($(stat -c %s got) / 8192 + $(left /q) == 10))
}

@test "--drain: a queue without a name" {
	need_ptrace
	fixture q mq-posix name=/gone messages=3 unlinked=1
	if ((EUID)); then
		run_ipctool list -q mq/posix
		[[ $output == *mq:@* ]] || skip "queues without a name are not seen"
	fi
	succeeds dump --drain --json "mq:@$(fx q .dev):$(fx q .inode)"
	holds "$output" '' '.dumps[0].contents | length == 3'
	succeeds dump --drain --json "mq:@$(fx q .dev):$(fx q .inode)"
	holds "$output" '' '.dumps[0].contents == []'
}

@test "--drain: what comes meanwhile does not keep it going" {
	make /q 10 64
	start queues churn posix /q 5 64
	run timeout 5 "$IPCTOOL" dump --drain --json mq:/q
	[[ $status -ne 124 ]]
}
