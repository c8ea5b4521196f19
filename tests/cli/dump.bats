#!/usr/bin/env bats
# dump.bats: what `dump` does alike for all kinds: its grammar, parts, formats, exit codes, and what it never does.

load helpers

setup() {
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	unset unset
}

teardown() {
	"$IPCTOOL" remove --quiet --force=held --all mq sem shm 2>/dev/null
	release_all
}

# fails STATUS MESSAGE ARGUMENT...: nothing on standard output, and this line alone on standard error.
fails() {
	complains dump "$@"
}

# queue [TEXT]...: a System V queue with these messages, of the types 1, 2 and so on; sets q.
queue() {
	local text type=0
	q=$("$IPCTOOL" create --mode 600 mq/sysv)
	for text; do
		type=$((type + 1))
		printf '%b' "$text" | "$IPCTOOL" send "$q" --type "$type"
	done
}

# memory NAME [TEXT]: that, or what is on standard input, as POSIX shared memory; sets m.
memory() {
	if (($# > 1)); then
		(umask 077 && printf '%b' "$2" >"/dev/shm/$1")
	else
		(umask 077 && cat >"/dev/shm/$1")
	fi
	m=shm:/$1
}

# semaphores VALUE,...: sets s.
semaphores() {
	s=$("$IPCTOOL" create --mode 600 sem/sysv --value "$1")
}

# dumped ARGUMENT...: its bytes, as hexadecimal digits; nothing must be said, and all be well.
dumped() {
	"$IPCTOOL" dump "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || { echo "failed: $?"; return 1; }
	[[ ! -s $BATS_TEST_TMPDIR/err ]] || { cat "$BATS_TEST_TMPDIR/err"; return 1; }
	od -An -v -tx1 "$BATS_TEST_TMPDIR/out" | tr -d ' \n'
}

# gives TEXT ARGUMENT...: exactly this on standard output, as printf's %b spells it, nothing on standard error, 0.
gives() {
	local found wanted
	wanted=$(printf '%b' "$1" | od -An -v -tx1 | tr -d ' \n')
	shift
	found=$(dumped "$@") || { echo "$*: $found"; return 1; }
	[[ $found == "$wanted" ]] || { echo "dump $*:"; cat "$BATS_TEST_TMPDIR/out"; return 1; }
}

# ---- operands ---------------------------------------------------------------------------------------------------

@test "2: no operand, an empty one, an empty locator" {
	fails 2 'which objects? Name a reference, or a class'
	fails 2 'which objects? Name a reference, or a class' --owner "$(id -un)"
	fails 2 'operand 1 is empty (an unset variable?)' "$unset"
	local word
	for word in mq: shm@:1 mq+:1 mq@1: nothing mq/nothing fifo:name; do
		run_ipctool dump "$word"
		[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 ]] || { echo "$word: $status $output $stderr"; false; }
	done
}

@test "a prefix of the command will do, and a bare path names a FIFO" {
	queue abc
	run -0 --separate-stderr "$IPCTOOL" du "$q"
	[[ $output == abc && -z $stderr ]]
	mkfifo -m 600 one
	run_ipctool dump ./one
	[[ $status -ne 2 && $stderr != *'no such'* ]]
}

@test "4: what does not exist, one among others too" {
	queue abc
	fails 4 'mq:77: no such object' mq:77
	fails 4 'shm:/nothing: no such object' shm:/nothing
	run_ipctool dump mq:77 "$q"
	[[ $status -eq 4 && $output == abc && $stderr == 'ipctool dump: mq:77: no such object' ]]
	run_ipctool dump --json mq:77 "$q"
	[[ $status -eq 4 ]]
	json_valid "$output"
	holds "$output" '' '.errors == [{what: "mq:77", errno: 2, why: "no such object"}]' '.dumps[0].contents[0].data == "abc"'
}

@test "4: a handle of what was replaced" {
	local old
	memory one abc
	old=$("$IPCTOOL" show --json "$m" | jq -r '.objects[0].handle')
	rm /dev/shm/one
	memory one def
	run_ipctool dump "$old"
	[[ $status -eq 4 && -z $output && $stderr == *"replaced: this name is now that of shm:/one" ]]
}

@test "2: a kind that has nothing to look into says what to do instead; of a class it is left out" {
	local kind word why=
	for kind in $("$IPCTOOL" help | grep -o '(.*)' | tr -cd 'a-z \n' | tr ' ' '\n' | sort -u); do
		for word in pipe fifo mq shm sem sock signal; do
			run_ipctool help "$word/$kind"
			[[ $status -eq 0 ]] || continue
			why=$(grep -o '^  dump      no: .*' <<<"$output") || continue
			why=${why#*no: }
			run_ipctool dump "$word/$kind"
			[[ $status -eq 2 && -z $output && $stderr == "ipctool dump: $word/$kind: ${why:0:20}"* ]] ||
				{ echo "$word/$kind: $status $output $stderr"; false; }
			# The class has other kinds that can be looked into.
			run_ipctool dump --json "$word"
			[[ $status -ne 2 ]] || { echo "$word: $stderr"; false; }
		done
	done
}

@test "a class means all of its objects, each once" {
	queue abc
	local first=$q
	queue def
	run_ipctool dump --json mq/sysv
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' ".dumps | [.[] | .ref] | sort == ([\"$first\", \"$q\"] | sort)" \
		'[.dumps[].contents[].data] | sort == ["abc", "def"]'
	run_ipctool dump --json mq/sysv "$q" mq/sysv
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' '.dumps | length == 2'
	run_ipctool dump --json mq/sysv --filter 'messages > 1'
	[[ $status -eq 0 ]]
	holds "$output" '' '. == {schema: 1, dumps: [], complete: true, errors: []}'
	gives '' mq/sysv --owner 4294967
}

@test "names with any byte: as references, in headings and in messages" {
	local name=$'a b\n\x1b[31m\x80"\\' ref='shm:/a\x20b\x0a\x1b[31m\x80"\x5c'
	memory "$name" 'x'
	ref=$("$IPCTOOL" list -q shm/posix)
	gives x "$ref"
	gives x --literal "shm:/$name"
	run_ipctool dump --json "$ref"
	json_valid "$output"
	[[ $(json "$output" '.dumps[0].ref') == "$ref" ]]
	memory other 'y'
	run_ipctool dump --format hex shm/posix
	[[ $output == *"# $ref (shm/posix, read by "* ]]
	rm "/dev/shm/$name"
	fails 4 "$ref: no such object" "$ref"
}

# ---- options ------------------------------------------------------------------------------------------------------

@test "2: options that say nothing, or contradict each other" {
	fails 2 "--format: 'xml' is none of raw, hex, text, json, base64" --format xml mq
	fails 2 '--json: cannot be combined with --format' --format hex --json mq
	fails 2 '--jsonl: cannot be combined with --json' --json --jsonl mq
	fails 2 '--format: cannot be combined with --jsonl' --jsonl --format json mq
	fails 2 '--max-bytes: 0 is not 1 or more' --max-bytes 0 mq
	fails 2 '--length: 0 is not 1 or more' --length 0 mq
	local option
	for option in --max-bytes --length --offset; do
		fails 2 "$option: '-1' is not of the form 4096, 64K or 1M" "$option=-1" mq
		fails 2 "$option: '1Q' is not of the form 4096, 64K or 1M" "$option=1Q" mq
		fails 2 "$option: 17E does not fit into 64 bits" "$option=17E" mq ||
			fails 2 "$option: '17E' is not of the form 4096, 64K or 1M" "$option=17E" mq
		fails 2 "$option: 99999999999999999999 does not fit into 64 bits" "$option=99999999999999999999" mq
		fails 2 "$option: the argument is empty" "$option=" mq
	done
	fails 2 "--message: 'x' is not a whole number" --message x mq
	fails 2 '--message: -1 is not 0 or more' --message=-1 mq
	fails 2 '--message: given twice; without it all messages are shown' --message 1 --message 2 mq
	fails 2 '--max-bytes: cannot be combined with --drain: what is cut off would be lost' --drain --max-bytes 1 mq
	fails 2 '--output: an archive has its own formats: leave out the other one' --output x --json mq
	fails 2 '--output: cannot be combined with --max-bytes: --length says how much of an object is kept' \
		--output x --max-bytes 1 mq
	fails 2 '--output: given twice; an archive is one directory' --output x --output y mq
	fails 2 '--quiet: goes with --output alone' -q mq
	[[ ! -e x ]]
}

@test "2: what a kind does not take, with its reason" {
	queue abc
	memory one abc
	semaphores 1
	fails 2 "$q: only System V segments can be attached" --attach "$q"
	fails 2 "$q: only POSIX queues can be drained" --drain "$q"
	fails 2 "$m: only sockets have a peek offset" --peek-offset "$m"
	fails 2 "$s: only the signals of a process can be read by ptrace" --ptrace "$s"
	fails 2 "$q: it is no row of bytes, and so has no offsets" --offset 1 "$q"
	fails 2 "$s: it is no row of bytes, and so has no offsets" --length 1 "$s"
	fails 2 "$m: it has no messages to choose from" --message 0 "$m"
	gives abc "$q"
}

@test "what leaves a mark concerns, of a class, those that can have it" {
	queue one
	memory few abc
	dumped --attach shm mq/sysv
	[[ $(dumped --drain --peek-offset mq/sysv) == 6f6e65 ]]
	fails 2 "$q: only System V segments can be attached" --attach "$q"
}

@test "--message: one of them, from 0; 4 when there are not so many" {
	queue abc '' 'd\0f'
	gives abc --message 0 "$q"
	gives '' --message 1 "$q"
	gives 'd\0f' --message 2 "$q"
	fails 4 "$q: there is no message 3" --message 3 "$q"
	fails 4 "$q: there is no message 9223372036854775807" --message 9223372036854775807 "$q"
	run_ipctool dump --json --message 2 "$q"
	holds "$output" '' '.dumps[0].contents | length == 1 and .[0].index == 2 and .[0].data == "d\\x00f"'
	run_ipctool dump --json --message 3 "$q"
	[[ $status -eq 4 ]]
	holds "$output" '' '.dumps == []' '.complete == false' '.errors[0].why == "there is no message 3"'
}

@test "--offset and --length: a part of the bytes" {
	memory one 'abcdefghij'
	gives cdefghij --offset 2 "$m"
	gives abc --length 3 "$m"
	gives cde --offset 2 --length 3 "$m"
	gives j --offset 9 --length 5 "$m"
	gives '' --offset 10 "$m"
	gives '' --offset 1P "$m"
	gives abcdefghij --offset 0 --length 1P "$m"
	truncate -s 5K /dev/shm/one
	printf z >>/dev/shm/one
	gives '\0z' --offset 5119 "$m"
	gives z --offset 5K "$m"
	run_ipctool dump --format hex --offset 2 --length 3 "$m"
	[[ ${lines[0]} == '00000002  63 64 65 '*'|cde|' && ${lines[1]} == 00000005 ]]
}

# cut_at BYTES REF: says how much was shown.
cut_at() {
	[[ $status -eq 0 && $stderr == "ipctool dump: $2: cut after $1 bytes" ]] || { echo "$status $stderr"; return 1; }
}

@test "--max-bytes: of each object, whatever its pieces; the rest is told" {
	queue abc def ghi
	memory one 'abcdefghij'
	run_ipctool dump --max-bytes 4 "$m"
	[[ $output == abcd ]]
	cut_at 4 "$m"
	gives abcdefghij --max-bytes 10 "$m"
	gives abcdefghi --max-bytes 9 "$q"
	run_ipctool dump --max-bytes 8 "$q"
	[[ $output == abcdefgh ]]
	cut_at 8 "$q"
	run_ipctool dump --max-bytes 6 "$q"
	[[ $output == abcdef ]]
	cut_at 6 "$q"
	run_ipctool dump --json --max-bytes 4 "$q"
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' '.complete' '.errors == []' '.dumps[0].cut' '.dumps[0].contents | length == 2' \
		'.dumps[0].contents[1] | .data == "d" and .length == 3 and .truncated'
	run_ipctool dump --json --max-bytes 9 "$q"
	holds "$output" '' '.dumps[0].cut == false'
	truncate -s 8M /dev/shm/one
	run_ipctool dump --json --max-bytes 1M "$m"
	holds "$output" '' '.dumps[0] | .cut and ([.contents[].length] | add) == 1048576'
	run bash -c '"$0" dump --max-bytes 1M "$1" 2>/dev/null | wc -c' "$IPCTOOL" "$m"
	[[ $output -eq 1048576 ]]
	# Semaphores are no bytes.
	semaphores 1,2,3
	run_ipctool dump --max-bytes 1 "$s"
	[[ $status -eq 0 && ${#lines[@]} -eq 3 && -z $stderr ]]
}

# ---- formats ------------------------------------------------------------------------------------------------------

@test "without --format: hex on a terminal, else raw" {
	queue 'a\033[31m\0'
	gives 'a\033[31m\0' "$q"
	command -v script >/dev/null || skip "needs script(1)"
	run script -qec "$(printf '%q ' "$IPCTOOL" dump "$q")" /dev/null
	[[ ${lines[0]} == "# $q (mq/sysv, read by "* && $output == *'00000000  61 1b 5b 33 31 6d 00 '* ]]
	[[ $output != *$'\x1b'* ]]
	# There, also what is no message has a heading.
	memory one abc
	run script -qec "$(printf '%q ' "$IPCTOOL" dump "$m")" /dev/null
	[[ ${lines[0]} == "# $m (shm/posix, read by "* ]]
}

@test "raw: every byte as it is, of messages, memory and pipes" {
	local every=
	every=$(printf '\\x%02x' {0..255})
	queue "$every" "$every"
	gives "$every$every" "$q"
	gives "$every" --format raw --message 1 "$q"
	memory one "$every"
	gives "$every" "$m"
	gives "$every$every$every" "$q" "$m"
	fixture p pipe 'data=a\x00\x0a\xffb'
	need_ptrace
	gives 'a\0\n\xffb' "pipe:$(fx p .inode)"
}

@test "hex: what hexdump -C prints, of any size, fill and place" {
	command -v hexdump >/dev/null || skip "needs hexdump(1)"
	local size j
	for size in 0 1 7 8 9 15 16 17 31 32 33 48 100 4095 4096 4097 70001; do
		head -c "$size" /dev/zero >zeros
		head -c "$size" /dev/zero | tr '\0' x >equal
		head -c "$size" /dev/urandom >random
		cat zeros equal random zeros random equal >mixed
		for j in zeros equal random mixed; do
			memory one <"$j"
			diff <(hexdump -C "$j") <("$IPCTOOL" dump --format hex "$m")
			[[ $(stat -c %s "$j") -gt 5 ]] || continue
			diff <(hexdump -C -s 5 "$j") <("$IPCTOOL" dump --format hex --offset 5 "$m")
		done
	done
	# With holes, which are folded without being looked at.
	memory one begin
	truncate -s 10000019 /dev/shm/one
	printf end >>/dev/shm/one
	truncate -s 30000000 /dev/shm/one
	printf x >>/dev/shm/one
	diff <(hexdump -C /dev/shm/one) <("$IPCTOOL" dump --format hex "$m")
	# Offsets grow with what they count.
	truncate -s 5G /dev/shm/one
	run_ipctool dump --format hex "$m"
	[[ ${lines[-1]} == 140000000 ]]
}

@test "hex: fixed lines, where there is no hexdump" {
	memory one '0123456789abcdef0123456789abcdef0123456789abcdef\x00\x1f\x20\x7e\x7f\x80\xff'
	gives '00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n*\n00000030  00 1f 20 7e 7f 80 ff                              |.. ~...|\n00000037\n' --format hex "$m"
	memory empty ''
	gives '' --format hex shm:/empty
}

@test "hex: messages under headings of their own, values as a table" {
	queue abc ''
	run_ipctool dump --format hex "$q"
	[[ $status -eq 0 && -z $stderr && ${#lines[@]} -eq 5 ]]
	[[ ${lines[0]} == "# $q (mq/sysv, read by MSG_COPY)" ]]
	[[ ${lines[1]} == '# message 0: type 1, 3 bytes' ]]
	[[ ${lines[2]} == '00000000  61 62 63                                          |abc|' ]]
	[[ ${lines[3]} == 00000003 ]]
	[[ ${lines[4]} == '# message 1: type 2, 0 bytes' ]]
	queue
	gives "# $q (mq/sysv, read by MSG_COPY): empty\n" --format hex "$q"
	semaphores 5,10000,0
	run_ipctool dump --format hex "$s"
	[[ ${lines[0]} == "# $s (sem/sysv, read by "* && ${lines[1]} == 'INDEX  VALUE  '* ]]
	[[ ${lines[2]} == '    0      5 '* && ${lines[3]} == '    1  10000 '* && ${lines[4]} == '    2      0 '* ]]
}

@test "hex: several objects, each under its heading" {
	memory one a
	memory two ''
	mapfile -t lines < <("$IPCTOOL" dump --format hex shm:/one shm:/two 2>&1)
	[[ ${#lines[@]} -eq 5 ]]
	[[ ${lines[0]} == '# shm:/one (shm/posix, read by '*')' && ${lines[3]} == '' ]]
	[[ ${lines[4]} == '# shm:/two (shm/posix, read by '*'): empty' ]]
}

@test "text: newlines and tabs stand, nothing else that does not print" {
	queue 'one\ttwo\nthree\r\\' '\033[31m\0\200' ''
	gives 'one\ttwo\nthree\\x0d\\x5c\n\\x1b[31m\\x00\\x80\n\n' --format text "$q"
	memory one 'no end'
	gives 'no end' --format text "$m"
	truncate -s 1M /dev/shm/one
	printf 'x' >>/dev/shm/one
	run --separate-stderr bash -c '"$0" dump --format text "$1" | tr -d "\\\\x0"' "$IPCTOOL" "$m"
	[[ $output == 'no end' && $stderr =~ ^'ipctool dump: shm:/one: '[0-9]+' bytes that were never written are left out: they are zero'$ ]]
	semaphores 5,6
	run_ipctool dump --format text "$s"
	[[ ${lines[0]} == 'INDEX  VALUE  '* && ${lines[2]} == '    1      6 '* ]]
}

@test "base64: what base64 -d makes the same bytes of; a line for each message" {
	local size
	for size in 0 1 2 3 56 57 58 114 1000 100003; do
		head -c "$size" /dev/urandom >random
		memory one <random
		diff <(base64 random) <("$IPCTOOL" dump --format base64 "$m")
	done
	truncate -s 3000001 /dev/shm/one
	printf end >>/dev/shm/one
	"$IPCTOOL" dump --format base64 "$m" | base64 -d | cmp - /dev/shm/one
	queue '' abc "$(printf 'x%.0s' {1..100})"
	mapfile -t lines < <("$IPCTOOL" dump --format base64 "$q" 2>&1)
	[[ ${#lines[@]} -eq 3 && -z ${lines[0]} && ${lines[1]} == YWJj && ${#lines[2]} -eq 136 ]]
	semaphores 1
	fails 2 "$s: it has values, not bytes: --format json shows them" --format base64 "$s"
	# The others are written all the same.
	run_ipctool dump --format base64 "$s" "$q"
	[[ $status -eq 2 && ${lines[-2]} == YWJj ]]
}

@test "json: one document that is always valid, with these keys" {
	queue 'a"\\\033\0' ''
	memory one 'abc'
	truncate -s 1M /dev/shm/one
	semaphores 5,6
	run_ipctool dump --json "$q" "$m" "$s"
	[[ $status -eq 0 && -z $stderr ]]
	json_valid "$output"
	holds "$output" '' '.schema == 1 and .complete and .errors == []' \
		'keys == ["complete", "dumps", "errors", "schema"]' \
		'[.dumps[] | keys] | unique == [["class", "contents", "cut", "error", "handle", "kind", "note", "ref",
			"source", "torn", "unreached"]]' \
		'[.dumps[] | .cut, .torn] | unique == [false]' '[.dumps[] | .unreached] | unique == [0]' \
		'[.dumps[] | .note, .error] | unique == [null]'
	local of=".dumps[] | select(.ref == \"$q\")"
	holds "$output" '' "$of | .class == \"mq\" and .kind == \"sysv\" and .source == \"MSG_COPY\"" \
		"$of | .contents[0] == {index: 0, length: 5, type: 1, truncated: false, data: \"a\\\"\\\\x5c\\\\x1b\\\\x00\"}" \
		"$of | .contents[1] == {index: 1, length: 0, type: 2, truncated: false, data: \"\"}"
	of=".dumps[] | select(.ref == \"$m\") | .contents"
	holds "$output" '' "$of | .[0].offset == 0 and (.[0].data | startswith(\"abc\\\\x00\"))" \
		"$of | .[-1].zero and .[-1].data == null" "$of | ([.[].length] | add) == 1048576" \
		"$of | .[0] | keys == [\"data\", \"length\", \"offset\", \"zero\"]"
	of=".dumps[] | select(.ref == \"$s\") | .contents"
	holds "$output" '' "$of | [.[] | [.index, .value]] == [[0, 5], [1, 6]]"
	run_ipctool dump --format json "$q"
	json_valid "$output"
}

@test "jsonl: each piece on a line, then the object; at last the end" {
	queue abc def
	run_ipctool dump --jsonl "$q" mq:77
	[[ $status -eq 4 && ${#lines[@]} -eq 4 ]]
	local line
	for line in "${lines[@]}"; do
		json_valid "$line"
	done
	[[ ${lines[0]} == "{\"ref\": \"$q\", \"index\": 0, \"length\": 3, \"type\": 1, \"truncated\": false, \"data\": \"abc\"}" ]]
	holds "${lines[2]}" '' ".ref == \"$q\" and .source == \"MSG_COPY\" and .unreached == 0 and .error == null"
	[[ ${lines[3]} == '{"end": true, "complete": true, "errors": [{"what": "mq:77", "errno": 2, "why": "no such object"}]}' ]]
}

@test "control bytes reach no terminal, whatever they are in" {
	local format
	queue '\033[31m\007\200\r' "$(printf '\\x%02x' {1..8} {11..31} {127..255})"
	memory $'\x1b]0;x\x07' '\033[31m\007\200\r'
	for format in hex text json base64; do
		run_ipctool dump --format "$format" mq/sysv shm/posix
		[[ $status -eq 0 && -z ${output//[[:print:][:space:]]/} ]] || { echo "$format: $output"; false; }
	done
}

# ---- objects of every size --------------------------------------------------------------------------------------

@test "nothing in it: nothing is written, and it is no failure" {
	memory empty ''
	queue
	gives '' shm:/empty
	gives '' "$q"
	gives '' --format text "$q"
	gives '' --format base64 "$q"
	run_ipctool dump --json shm:/empty "$q"
	holds "$output" '' '[.dumps[].contents] == [[], []]' .complete
}

@test "10 GiB of holes: a moment, and holes again in a file" {
	memory big begin
	truncate -s 10G /dev/shm/big
	printf end >>/dev/shm/big
	"$IPCTOOL" dump shm:/big >copy
	[[ $(stat -c %s copy) -eq $((10 * 1024 ** 3 + 3)) && $(stat -c %b copy) -lt 4096 ]]
	[[ $(tail -c 4 copy | od -An -c) == *'\0   e   n   d' ]]
	# Behind what is there, and in front of what follows.
	{
		echo x
		"$IPCTOOL" dump --max-bytes 1M shm:/big 2>/dev/null
		echo y
	} >copy
	[[ $(stat -c %s copy) -eq 1048580 && $(head -c 7 copy) == $'x\nbegin' && $(tail -c 2 copy) == y ]]
	# Where every write goes to the end a hole cannot be left.
	printf x >copy
	"$IPCTOOL" dump --max-bytes 1M shm:/big >>copy 2>/dev/null
	[[ $(stat -c %s copy) -eq 1048577 && $(head -c 6 copy) == xbegin ]]
	run bash -c '"$0" dump shm:/big | head -c 5000000 | wc -c' "$IPCTOOL"
	[[ $output -eq 5000000 ]]
	run_ipctool dump --json shm:/big
	holds "$output" '' '[.dumps[0].contents[].length] | add == 10737418243'
}

# ---- what does not go well --------------------------------------------------------------------------------------

@test "5: no right to look; the others are dumped" {
	need_root
	queue abc
	local secret=$q
	q=$("$IPCTOOL" create --mode 644 mq/sysv)
	printf def | "$IPCTOOL" send "$q" --type 1
	as_user nobody run_ipctool dump "$secret"
	[[ $status -eq 5 && -z $output && $stderr == "ipctool dump: $secret: "* ]]
	as_user nobody run_ipctool dump --json "$secret" "$q"
	[[ $status -eq 5 ]]
	holds "$output" '' '.complete == false' ".errors[0].what == \"$secret\" and (.errors[0].errno == 13 or .errors[0].errno == 1)" \
		'[.dumps[].contents[].data] == ["def"]'
}

@test "3: failures of different causes" {
	queue abc
	semaphores 1
	run_ipctool dump --format base64 "$s" mq:77 "$q"
	[[ $status -eq 3 && $output == YWJj && ${#stderr_lines[@]} -eq 2 ]]
}

@test "1: a full device, with one line about it; a closed pipe ends quietly" {
	queue abc
	memory one abc
	truncate -s 10M /dev/shm/one
	local format word
	for format in raw hex text json base64; do
		for word in "$q" "$m"; do
			run --separate-stderr bash -c '"$@" >/dev/full' - "$IPCTOOL" dump --format "$format" "$word"
			[[ $status -eq 1 && $stderr == *'ipctool dump: standard output: No space left on device' ]] ||
				{ echo "$format $word: $status $stderr"; false; }
			run --separate-stderr bash -c '"$@" | :; exit "${PIPESTATUS[0]}"' - "$IPCTOOL" dump --format "$format" "$word" "$word"
			[[ $status -eq 0 && $stderr != *standard* && $stderr != *ipe* ]] || { echo "$format $word: $status $stderr"; false; }
		done
	done
	run --separate-stderr bash -c '"$@" >&-' - "$IPCTOOL" dump "$q"
	[[ $status -eq 1 && $stderr == 'ipctool dump: standard output: Bad file descriptor' ]]
}

@test "a signal ends it at once, also while nobody reads" {
	memory one < <(head -c 1000000 /dev/urandom)
	mkfifo reader
	exec 9<>reader
	# A shell starts background jobs with SIGINT ignored.
	env --default-signal=INT "$IPCTOOL" dump "$m" >reader 3>&- 9>&- &
	local pid=$! rc=0
	# It waits for room in the pipe.
	eventually grep -q pipe_write "/proc/$pid/wchan"
	kill -INT "$pid"
	wait "$pid" || rc=$?
	exec 9>&-
	[[ $rc -eq 130 ]]
}

@test "what is dumped stays as it is" {
	queue abc def
	memory one abc
	semaphores 1,2
	local before after format
	before=$("$IPCTOOL" show --json "$q" "$m" "$s" | jq '.objects[] | del(.age, .unused, .evidence)')
	for format in raw hex text json; do
		"$IPCTOOL" dump --format "$format" "$q" "$m" "$s" >/dev/null
	done
	after=$("$IPCTOOL" show --json "$q" "$m" "$s" | jq '.objects[] | del(.age, .unused, .evidence)')
	diff <(echo "$before") <(echo "$after")
	[[ $("$IPCTOOL" receive "$q") == abc && $("$IPCTOOL" receive "$q") == def ]]
}

# ---- marks --------------------------------------------------------------------------------------------------------

# posix TEXT...: a POSIX queue with these messages; sets q.
posix() {
	[[ -d /dev/mqueue ]] && mountpoint -q /dev/mqueue || skip "needs /dev/mqueue"
	q=$("$IPCTOOL" create --mode 600 mq:/jobs)
	local text
	for text; do
		printf '%b' "$text" | "$IPCTOOL" send "$q"
	done
}

# left N: so many messages are in the queue.
left() {
	[[ $("$IPCTOOL" list -qr -o messages "$q" 2>/dev/null || "$IPCTOOL" list --raw -o messages "$q") == "$1" ]]
}

@test "--drain: the messages go, whatever the format" {
	posix a b c
	gives a --drain --message 0 "$q"
	left 2
	run_ipctool dump --drain --json "$q"
	holds "$output" '' '[.dumps[0].contents[].data] == ["b", "c"]' '.dumps[0].source == "drain"'
	left 0
	gives '' --drain "$q"
}

@test "--drain: what cannot be written goes back; a signal does its work afterwards" {
	posix a b c
	run --separate-stderr bash -c '"$0" dump --drain "$1" >/dev/full' "$IPCTOOL" "$q"
	[[ $status -eq 1 && ${stderr_lines[0]} == "ipctool dump: $q: a message of 1 bytes could not be handed on and was put back"* ]]
	left 3
	run --separate-stderr bash -c 'exec 9> >(exec true); wait $!; "$0" dump --drain "$1" >&9' "$IPCTOOL" "$q"
	[[ $status -eq 0 ]]
	left 3
	# A full pipe that nobody reads.
	mkfifo reader
	exec 9<>reader
	dd if=/dev/zero of=/dev/fd/9 bs=4096 count=16 2>/dev/null
	env --default-signal=TERM "$IPCTOOL" dump --drain "$q" >reader 2>/dev/null 3>&- 9>&- &
	local pid=$! rc=0
	eventually left 2
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	exec 9>&-
	[[ $rc -eq 143 ]]
	left 3
}

@test "--attach: what it overwrites is told before" {
	s=$("$IPCTOOL" create --mode 600 shm/sysv --size 10000)
	local every=
	every=$(head -c 10000 /dev/zero | od -An -v -tx1 | tr -d ' \n')
	[[ $(dumped --attach "$s") == "$every" ]]
	run_ipctool dump --attach --json "$s"
	holds "$output" '' '[.dumps[0].contents[].length] | add == 10000'
}

@test "3: what could not be reached is counted, in the answer too" {
	local sock=sock:/tmp/dump-$BATS_TEST_NUMBER.s text
	as_user nobody fixture u unix type=dgram "path=${sock#sock:}"
	for text in first second third; do
		printf %s "$text" | "$IPCTOOL" send "$sock"
	done
	as_user nobody run_ipctool dump "$sock"
	[[ $status -eq 3 && $output == first && $stderr == "ipctool dump: sock:"*": there is more that could not be reached: "* ]] ||
		{ echo "$status $output $stderr"; false; }
	as_user nobody run_ipctool dump --json "$sock"
	[[ $status -eq 3 ]]
	holds "$output" '' '.complete == false' '.dumps[0].unreached == null' \
		'.errors[0].why | startswith("there is more that could not be reached: ")' \
		'.dumps[0].contents | length == 1 and .[0].data == "first"'
	as_user nobody run_ipctool dump --peek-offset --json "$sock"
	[[ $status -eq 0 ]]
	holds "$output" '' '.dumps[0].unreached == 0' '[.dumps[0].contents[].data] == ["first", "second", "third"]'
}

# ---- archives -----------------------------------------------------------------------------------------------------

@test "--output: a file for each object, and a line about it" {
	queue abc def
	memory one abcdef
	run_ipctool dump --output kept "$q" "$m"
	[[ $status -eq 0 && -z $stderr && ${#lines[@]} -eq 2 && -d kept ]]
	local ref file bytes
	while IFS=$'\t' read -r ref file bytes; do
		[[ -f kept/$file && $bytes -gt 0 && ( $ref == "$q" || $ref == "$m" ) ]] || { echo "$ref $file $bytes"; false; }
	done <<<"$output"
	run_ipctool dump --output kept "$q"
	[[ $status -eq 6 && -z $output ]]
	gives '' -q --output quiet "$q"
	run_ipctool dump --output part "$q" mq:77
	[[ $status -eq 4 && ${#lines[@]} -eq 1 && $stderr == 'ipctool dump: mq:77: no such object' ]]
	run_ipctool dump --output none mq:77
	[[ $status -eq 4 && ! -e none ]]
}

# ---- help and completion ------------------------------------------------------------------------------------------

@test "help of a kind: how it is looked into, what that needs, what it disturbs" {
	run_ipctool help mq/sysv
	[[ $status -eq 0 && ${lines[1]} == '  dump      yes' ]]
	[[ ${lines[2]} == '            how       '* && $output == *$'\n            needs     '* && $output == *$'\n            disturbs  '* ]]
	run_ipctool help
	[[ $output == *$'\n  dump '* ]]
}

@test "completion: formats, options, and live objects of kinds that can be looked into" {
	queue abc
	memory one a
	complete() {
		"$IPCTOOL" __complete $# ipctool "$@" | cut -f 1
	}
	[[ $(complete dump --format '') == $'raw\nhex\ntext\njson\nbase64' ]]
	[[ $(complete dump --format=h) == '--format=hex' ]]
	[[ $(complete dump --output '') == :dirs ]]
	[[ $(complete dump --max) == --max-bytes ]]
	[[ $(complete dump mq:) == *"$q"* && $(complete dump shm:/) == *"$m"* ]]
	[[ $(complete du) == dump ]]
	local word
	for word in $(complete dump "" | grep "^[a-z]*/[a-z]*$"); do
		run_ipctool help "$word"
		[[ $output == *$'\n  dump      yes\n'* ]] || { echo "$word"; false; }
	done
}
