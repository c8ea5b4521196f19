#!/usr/bin/env bats
# send-receive.bats: bytes in, the same bytes out; nothing is sent that could not be read, and nothing that was taken is lost.
# What a kind does itself is tested beside it; here it is the two commands.

load helpers

setup() {
	dir=$BATS_TEST_TMPDIR
	queues=()
}

teardown() {
	local queue
	release_all
	for queue in "${queues[@]}"; do
		"$IPCTOOL" remove --force=held --missing-ok "$queue" >/dev/null 2>&1 || true
	done
}

# sysv [OPTION]... and posix [OPTION]...: a queue, its reference into $q.
sysv() {
	q=$("$IPCTOOL" create mq/sysv "$@") && queues+=("$q")
}

posix() {
	q=$("$IPCTOOL" create "mq:/send-receive-$BATS_TEST_NUMBER" "$@") || return
	queues+=("$q")
}

# An ordinary user finds a POSIX queue where mqueue is mounted, which it is not in every sandbox.
need_posix() {
	((EUID == 0)) || mountpoint -q /dev/mqueue || skip "an ordinary user needs /dev/mqueue"
}

# ends STATUS TEXT ARGUMENT...: one line on standard error, with TEXT; nothing else.
ends() {
	local expected=$1 text=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $expected && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $1: "*"$text"* ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

send() {
	run_ipctool send "$@" </dev/null
	[[ $status -eq 0 && -z $output && -z $stderr ]] || { echo "send $*: $status: $output: $stderr" >&2; return 1; }
}

# gives EXPECTED ARGUMENT...: what is received, as text.
gives() {
	local expected=$1
	shift
	run_ipctool receive "$@"
	[[ $status -eq 0 && $output == "$expected" && -z $stderr ]] ||
		{ echo "receive $*: $status: $output: $stderr" >&2; return 1; }
}

in_queue() {
	json "$("$IPCTOOL" show --json "$q")" '.objects[0].messages'
}

holds_messages() {
	[[ $(in_queue) -eq $1 ]]
}

# Somebody of this user is blocked on the queue, or sleeps between two looks at it.
waited() {
	grep -qs receive /proc/"$receiver"/cmdline && [[ $(</proc/"$receiver"/wchan) != 0 || $(cut -d' ' -f3 "/proc/$receiver/stat") == S ]]
}

# ---- in and out ----------------------------------------------------------------------------------------------

@test "text goes as it stands: no newline added, nothing decoded" {
	sysv
	send "$q" 'a\x41\n$b "c" *'
	send "$q" -- --text
	"$IPCTOOL" receive "$q" >"$dir/out"
	printf '%s' 'a\x41\n$b "c" *' | cmp - "$dir/out"
	gives --text "$q"
}

@test "every byte, by file and by standard input, up to the limit" {
	local limit option
	sysv
	limit=$(</proc/sys/kernel/msgmax)
	{ printf '%b' "$(printf '\\x%02x' {0..255})"; head -c $((limit - 256)) /dev/urandom; } >"$dir/in"
	for option in "--file=$dir/in" --file=- ''; do
		# shellcheck disable=SC2086 # no option is no word
		"$IPCTOOL" send "$q" $option <"$dir/in"
		"$IPCTOOL" receive "$q" >"$dir/out"
		cmp "$dir/in" "$dir/out"
	done
	echo >>"$dir/in"
	ends 1 "more than $limit bytes, which is the most that one message may have; nothing was sent" send "$q" --file "$dir/in"
	holds_messages 0
	run --separate-stderr eval '"$IPCTOOL" send "$q" </dev/zero'
	[[ $status -eq 1 && $stderr == *"standard input: more than $limit bytes"* ]]
	holds_messages 0
}

@test "an empty message is one; an empty TEXT is an unset variable" {
	sysv
	"$IPCTOOL" send "$q" </dev/null
	run_ipctool receive --json "$q"
	holds "$output" '' '.messages | length == 1' '.messages[0].length == 0' '.messages[0].data == ""'
	ends 2 'operand 2 is empty' send "$q" ''
	holds_messages 0
}

@test "input that cannot be read: nothing is sent" {
	sysv
	ends 1 "$dir/none: cannot be read: No such file or directory; nothing was sent" send "$q" --file "$dir/none"
	ends 1 "$dir: cannot be read: Is a directory; nothing was sent" send "$q" --file "$dir"
	run --separate-stderr eval '"$IPCTOOL" send "$q" <&-'
	[[ $status -eq 1 && $stderr == *'standard input: cannot be read: Bad file descriptor; nothing was sent' ]]
	holds_messages 0
}

# ---- types and priorities ------------------------------------------------------------------------------------

@test "types: the first of one, of any other, of the lowest" {
	local type
	sysv
	for type in 5 3 9 3; do
		send "$q" --type "$type" "of $type"
	done
	send "$q" 'of 1'
	gives 'of 3' --type 3 "$q"
	gives 'of 9' --type 5 --except "$q"
	gives 'of 1' --type -4 "$q"
	gives 'of 3' --type=-4 "$q"
	ends 7 '' receive --type 3 --nowait "$q"
	gives 'of 5' "$q"
	send "$q" --type 9223372036854775807 largest
	run_ipctool receive --json "$q"
	[[ $output == *'"type": 9223372036854775807,'* ]]
}

@test "priorities: the highest first, then the oldest" {
	need_posix
	posix
	send "$q" first
	send "$q" --priority 7 urgent
	send "$q" second
	run_ipctool receive --json --count 3 "$q"
	[[ $status -eq 0 ]]
	holds "$output" '' '[.messages[].data] == ["urgent", "first", "second"]' '[.messages[].priority] == [7, 0, 0]' \
		'[.messages[] | keys] | unique == [["data", "length", "priority", "ref"]]' ".messages[0].ref == \"$q\"" .complete
	ends 2 'receiving has no such choice: a POSIX queue gives its highest priority first' receive --priority 7 "$q"
}

@test "options that do not fit the kind, or each other, are usage errors" {
	sysv
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		ends 2 '' ${words//Q/$q}
	done <<-'END'
		send Q --priority 1 text
		send Q --signal TERM
		send Q --value 1 text
		send Q --type 0 text
		send Q --type -1 text
		send Q --type x text
		send Q --type 99999999999999999999 text
		send Q --type 1 --type 2 text
		send Q --file /dev/null text
		send Q --timeout 5 text
		send Q --timeout -1s text
		send Q --timeout 1s --nowait text
		send Q one two
		send --list Q
		send
		receive
		receive Q Q
		receive mq
		receive Q --except
		receive Q --type -1 --except
		receive Q --count 0
		receive Q --count -1
		receive Q --follow --nowait
		receive Q --line --null
		receive Q --json --jsonl
		receive Q --line -J
		receive signal:1
	END
	holds_messages 0
}

# ---- how many, how long, how written ---------------------------------------------------------------------------

@test "--count and --timeout: those that came are written, then it is 7" {
	sysv
	send "$q" one
	send "$q" two
	run_ipctool receive --count 3 --line --timeout 100ms "$q"
	[[ $status -eq 7 && $output == $'one\ntwo' && $stderr == "ipctool receive: $q: timed out"* ]]
	send "$q" one
	run_ipctool receive --count 2 --nowait --json "$q"
	[[ $status -eq 7 ]]
	holds "$output" '' '[.messages[].data] == ["one"]' '.complete == false' ".errors[0].what == \"$q\"" '.errors[0].errno == 11'
	send "$q" one
	send "$q" two
	gives one "$q"
	gives two --count 1 "$q"
}

@test "the timeout is for each message, and a message ends the wait" {
	sysv
	"$IPCTOOL" receive --count 4 --timeout 5s --line "$q" >"$dir/out" 3>&- 4>&- &
	local receiver=$! number
	for number in 1 2 3 4; do
		eventually waited
		send "$q" "$number"
	done
	wait "$receiver"
	[[ $(<"$dir/out") == $'1\n2\n3\n4' ]]
}

@test "a full queue: --nowait and --timeout are 7, and room ends the wait" {
	sysv --max-bytes 10
	send "$q" 0123456789
	ends 7 '' send "$q" --nowait x
	ends 7 '' send "$q" --timeout 100ms x
	"$IPCTOOL" send "$q" --timeout 10s later 3>&- 4>&- &
	gives 0123456789 "$q"
	wait $!
	gives later "$q"
}

@test "bytes, lines, NULs, JSON and JSON lines, of hostile bytes" {
	local format
	sysv
	printf 'a\nb\0\xff\\"' >"$dir/in"
	for format in '' --line -0 --null -J --jsonl; do
		send "$q" --file "$dir/in"
		send "$q" second
		# shellcheck disable=SC2086 # no option is no word
		"$IPCTOOL" receive $format --count 2 "$q" >"$dir/out$format"
	done
	{ cat "$dir/in"; printf second; } | cmp - "$dir/out"
	{ cat "$dir/in"; printf '\nsecond\n'; } | cmp - "$dir/out--line"
	{ cat "$dir/in"; printf '\0second\0'; } | cmp - "$dir/out-0"
	cmp "$dir/out-0" "$dir/out--null"
	json_valid "$(<"$dir/out-J")"
	holds "$(<"$dir/out-J")" '' '.schema == 1' '.complete' '.errors == []' \
		'.messages[0].data == "a\\x0ab\\x00\\xff\\x5c\""' '.messages[0].length == 7' '.messages[1].data == "second"'
	[[ $(wc -l <"$dir/out--jsonl") -eq 3 ]]
	holds "$(jq -s . <"$dir/out--jsonl")" '' '.[0].data == "a\\x0ab\\x00\\xff\\x5c\""' '.[2].end' '.[2].complete'
}

@test "--follow writes each message at once, and ends of the signal with its document closed" {
	sysv
	local format receiver status
	for format in --json --jsonl --line; do
		"$IPCTOOL" receive --follow "$format" "$q" >"$dir/out" 3>&- 4>&- &
		receiver=$!
		send "$q" one
		eventually grep -q one "$dir/out"
		send "$q" two
		eventually grep -q two "$dir/out"
		kill -TERM "$receiver"
		status=0
		wait "$receiver" || status=$?
		[[ $status -eq 143 ]]
		[[ $format == --line ]] || holds "$(jq -s '.[-1]' <"$dir/out")" '' .complete '.errors == []'
	done
	[[ $(<"$dir/out") == $'one\ntwo' ]]
	"$IPCTOOL" receive --follow --count 2 "$q" >"$dir/out" 3>&- 4>&- &
	receiver=$!
	send "$q" x
	send "$q" y
	wait "$receiver"
	[[ $(<"$dir/out") == xy ]]
}

@test "missing, gone while waiting, denied" {
	local receiver status=0
	sysv --mode 0600
	ends 4 'mq:4242: no such object' send mq:4242 text
	ends 4 'mq:4242: no such object' receive mq:4242
	run_ipctool receive --json mq:4242
	[[ $status -eq 4 ]]
	holds "$output" '' '.messages == []' '.complete == false' '.errors[0].what == "mq:4242"'
	"$IPCTOOL" receive "$q" 2>"$dir/errors" 3>&- 4>&- &
	receiver=$!
	eventually waited
	ipcrm -q "${q#mq:}"
	wait "$receiver" || status=$?
	[[ $status -eq 4 && $(<"$dir/errors") == "ipctool receive: $q: "* ]]
	need_root
	sysv --mode 0600
	as_user nobody ends 5 '' send "$q" text
	as_user nobody ends 5 '' receive --nowait "$q"
}

# ---- nothing is lost -------------------------------------------------------------------------------------------

@test "what cannot be written goes back to the queue, with its type or priority" {
	[[ -c /dev/full ]] || skip "no /dev/full"
	sysv
	send "$q" --type 4 one
	run --separate-stderr eval '"$IPCTOOL" receive "$q" >/dev/full'
	[[ $status -eq 1 && ${stderr_lines[0]} == "ipctool receive: $q: a message could not be written to standard output (No space left on device) and was put back at the end of the queue" ]]
	gives one --type 4 --nowait "$q"
	need_posix
	posix
	send "$q" --priority 4 one
	run --separate-stderr eval '"$IPCTOOL" receive "$q" >/dev/full'
	[[ $status -eq 1 && $stderr == *'put back at the end of the queue'* ]]
	run_ipctool receive --json --nowait "$q"
	holds "$output" '' '.messages[0].priority == 4' '.messages[0].data == "one"'
}

@test "what can go nowhere else is told on standard error" {
	need_root
	[[ -c /dev/full ]] || skip "no /dev/full"
	sysv --mode 0644
	send "$q" $'secret\n'
	as_user nobody run --separate-stderr eval '"${_fx_prefix[@]}" "$IPCTOOL" receive "$q" >/dev/full'
	[[ $status -eq 1 && ${stderr_lines[0]} == "ipctool receive: $q: 7 bytes that were taken could not be written to standard output (No space left on device) nor put back ("*'): secret\x0a' ]]
	holds_messages 0
}

@test "nothing is taken when nobody can read it" {
	sysv
	send "$q" one
	run --separate-stderr eval '"$IPCTOOL" receive "$q" >&-'
	[[ $status -eq 1 && $stderr == *'nothing was taken: standard output is not open for writing' ]]
	run --separate-stderr eval '"$IPCTOOL" receive "$q" 1</dev/null'
	[[ $status -eq 1 && $stderr == *'nothing was taken: standard output is not open for writing' ]]
	# A pipe whose reader has gone: the shell finds that out first.
	{
		(
			trap '' PIPE
			while echo x; do :; done 2>/dev/null
			trap - PIPE
			status=0
			"$IPCTOOL" receive "$q" 2>"$dir/errors" || status=$?
			echo "$status" >"$dir/status"
		)
	} | true
	[[ $(<"$dir/status") -eq 1 && ! -s $dir/errors ]]
	holds_messages 1
	gives one "$q"
}

@test "a reader that goes away ends --follow before the next message is taken" {
	sysv
	local follower
	mkfifo "$dir/pipe"
	"$IPCTOOL" receive --follow --line "$q" >"$dir/pipe" 3>&- 4>&- &
	follower=$!
	exec {reader}<"$dir/pipe"
	send "$q" one
	IFS= read -r line <&"$reader"
	[[ $line == one ]]
	exec {reader}<&-
	wait "$follower"
	send "$q" two
	holds_messages 1
}

@test "a reader that sleeps: no more is taken than the pipe holds, and a signal gives back what is in hand" {
	local follower sent=0 status=0 kept
	sysv
	mkfifo "$dir/pipe"
	"$IPCTOOL" receive --follow "$q" >"$dir/pipe" 2>"$dir/errors" 3>&- 4>&- &
	follower=$!
	exec {reader}<"$dir/pipe"
	head -c 3000 /dev/zero | tr '\0' x >"$dir/in"
	# Until nothing is taken any more: the pipe is full.
	while ((sent < 60)); do
		"$IPCTOOL" send --timeout 1s "$q" --file "$dir/in" 2>/dev/null || break
		((++sent))
	done
	holds_messages 5 || holds_messages 4
	kept=$(in_queue)
	kill -TERM "$follower"
	wait "$follower" || status=$?
	[[ $status -eq 143 ]]
	# In the pipe, wholly or in part, and in the queue: together all.
	kept=$(in_queue)
	head -c $(((sent - kept) * 3000)) <&"$reader" | cmp - <(head -c $(((sent - kept) * 3000)) /dev/zero | tr '\0' x)
	exec {reader}<&-
}

@test "receivers that are interrupted at any moment lose nothing" {
	local number receiver sender
	sysv
	(
		exec 3>&- 4>&-
		for number in {1..300}; do
			"$IPCTOOL" send "$q" "$number" || exit 1
		done
	) &
	sender=$!
	: >"$dir/out"
	while kill -0 "$sender" 2>/dev/null || ! holds_messages 0; do
		"$IPCTOOL" receive --follow --line "$q" >>"$dir/out" 2>>"$dir/errors" 3>&- 4>&- &
		receiver=$!
		read -r -t "0.0$((RANDOM % 40 + 10))" <> <(:) || true
		kill -TERM "$receiver"
		wait "$receiver" || true
	done
	wait "$sender"
	[[ ! -s $dir/errors ]]
	sort -n "$dir/out" | cmp - <(seq 300)
}

# ---- streams ---------------------------------------------------------------------------------------------------

@test "fifo: a timeout instead of hanging, and bytes whole" {
	mkfifo "$dir/fifo"
	ends 7 '' send "fifo:$dir/fifo" --timeout 100ms text
	ends 7 '' send "fifo:$dir/fifo" --nowait text
	ends 7 '' receive "fifo:$dir/fifo" --timeout 100ms
	ends 7 '' receive "fifo:$dir/fifo" --nowait
	head -c 1000000 /dev/urandom >"$dir/in"
	"$IPCTOOL" send "fifo:$dir/fifo" --file "$dir/in" 3>&- 4>&- &
	"$IPCTOOL" receive "fifo:$dir/fifo" >"$dir/out"
	wait $!
	cmp "$dir/in" "$dir/out"
	ends 2 'a stream has no messages' receive --count 2 --nowait "fifo:$dir/fifo"
	ends 2 'a stream has no messages' receive --line --nowait "fifo:$dir/fifo"
}

@test "fifo: a reader that leaves, and how far it came" {
	mkfifo "$dir/fifo"
	head -c 1000000 /dev/zero >"$dir/in"
	head -c 1 "$dir/fifo" >/dev/null 3>&- 4>&- &
	run_ipctool send "fifo:$dir/fifo" --file "$dir/in"
	[[ $status -eq 1 && $stderr =~ ^"ipctool send: fifo:$dir/fifo: ".*'; '[0-9]+' bytes were sent'$ ]]
}

@test "fifo --follow: writer after writer, until the signal" {
	local reader number status=0
	mkfifo "$dir/fifo"
	"$IPCTOOL" receive --follow "fifo:$dir/fifo" >"$dir/out" 3>&- 4>&- &
	reader=$!
	for number in {1..100}; do
		echo "$number" >"$dir/fifo"
	done
	eventually eval '[[ $(wc -l <"$dir/out") -eq 100 ]]'
	kill -TERM "$reader"
	wait "$reader" || status=$?
	[[ $status -eq 143 ]]
	seq 100 | cmp - "$dir/out"
}

@test "sockets: a stream to its end, a datagram as one message" {
	command -v socat >/dev/null || skip "socat is not installed"
	head -c 300000 /dev/urandom >"$dir/in"
	socat -u "UNIX-LISTEN:$dir/stream" "CREATE:$dir/out" 3>&- 4>&- &
	eventually test -S "$dir/stream"
	"$IPCTOOL" send "sock:$dir/stream" --timeout 5s --file "$dir/in"
	wait $!
	cmp "$dir/in" "$dir/out"
	socat -u "UNIX-RECV:$dir/dgram" "CREATE:$dir/got" 3>&- 4>&- &
	eventually test -S "$dir/dgram"
	send "sock:$dir/dgram" --timeout 5s 'one datagram'
	eventually test -s "$dir/got"
	[[ $(<"$dir/got") == 'one datagram' ]]
	ends 2 'what a socket receives belongs to the process that has it' receive "sock:$dir/dgram" --nowait
}

# ---- signals ---------------------------------------------------------------------------------------------------

# What a shell caught, one line each.
catcher() {
	bash -c '
		exec 3>&- 4>&-
		for name in USR1 USR2 HUP RTMIN+1; do
			trap "echo $name" "$name"
		done
		echo ready
		while :; do read -r -t 0.05 <> <(:); done' >"$dir/caught" &
	catcher=$!
	eventually grep -q ready "$dir/caught"
}

@test "signal: by name and number, to the process alone" {
	local name status=0
	catcher
	for name in USR1 SIGUSR2 hup 10 RTMIN+1; do
		send "signal:$catcher" --signal "$name"
	done
	for name in USR1 USR2 HUP RTMIN+1; do
		eventually grep -qx "$name" "$dir/caught"
	done
	send "signal:$catcher" --signal 0
	ends 2 'say which signal, as in --signal TERM; there is no default' send "signal:$catcher"
	ends 2 'carries no bytes' send "signal:$catcher" --signal TERM text
	ends 2 "'NONE' is no signal" send "signal:$catcher" --signal NONE
	ends 2 'given twice' send "signal:$catcher" --signal TERM --value 1 --value 2
	ends 2 '--value: 2147483648 is not' send "signal:$catcher" --signal TERM --value 2147483648
	ends 2 '--signal is given already' send "signal:$catcher" --signal TERM --signal HUP
	kill -0 "$catcher"
	send "signal:$catcher" --signal TERM --value -5
	wait "$catcher" || status=$?
	[[ $status -eq 143 ]]
	ends 4 '' send "signal:$catcher" --signal TERM
}

@test "send --list: numbers and names, as the shell knows them" {
	local number name
	run_ipctool send --list
	[[ $status -eq 0 && -z $stderr && ${lines[0]} == $'1\tHUP' ]]
	[[ $("$IPCTOOL" send signal --list) == "$output" ]]
	while IFS=$'\t' read -r number name; do
		# Those that the C library keeps for itself have no name there.
		[[ $name == "$(kill -l "$number")" || $name == "$number" || $name == RT* || $name == POLL ]] ||
			{ echo "$number: $name, $(kill -l "$number")"; false; }
	done <<<"$output"
	[[ $(wc -l <<<"$output") -ge 31 ]]
}

# ---- before anything is done ---------------------------------------------------------------------------------

@test "a document says why there is nothing in it, as standard error does" {
	run_ipctool receive --json mq:/none-of-this-name
	[[ $status -eq 4 ]]
	json_valid "$output"
	holds "$output" '' '.messages == []' '.complete | not' '.errors == [{what: "mq:/none-of-this-name", errno: 2, why: "no such object"}]'
	run_ipctool receive --jsonl mq:/none-of-this-name
	[[ $status -eq 4 ]]
	holds "$output" '' '.end' '.complete | not' '.errors[0].why == "no such object"'
}

@test "fifo: what does not fit is refused before anybody is waited for" {
	mkfifo "$dir/fifo"
	run_ipctool receive --line "fifo:$dir/fifo"
	[[ $status -eq 2 && $stderr == *'a stream has no messages that could be told apart' ]]
	run_ipctool receive --count 2 "fifo:$dir/fifo"
	[[ $status -eq 2 && $stderr == *'head -c takes a number of bytes' ]]
}

@test "a signal while a stream of messages comes: what it interrupts is complete" {
	local signal
	for signal in INT TERM HUP QUIT USR1 ALRM; do
		sysv
		# A shell that is not interactive starts what is in the background with INT and QUIT ignored.
		python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$IPCTOOL" receive --json --count 2 "$q" >"$dir/out" 3>&- &
		receiver=$!
		send "$q" first
		eventually grep -q first "$dir/out"
		kill "-$signal" "$receiver"
		status=0
		wait "$receiver" || status=$?
		[[ $status -eq $((128 + $(kill -l "$signal"))) ]]
		holds "$(<"$dir/out")" '' '[.messages[].data] == ["first"]' '.complete | not' '.errors[0].why == "interrupted"'
	done
}
