#!/usr/bin/env bats
# output.bats: what is printed: columns, formats, types, escapes, colours, terminals, and output that cannot be written.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'
HOSTILE_COMM='comm=c\x0a\x1b[31m"\x5c\xff'
FORMATS=('' --json --jsonl --raw --refs --tree)

# A fixture of each class, all of hostile names.
hostile_objects() {
	fixture fifo fifo "$HOSTILE_COMM" path="/tmp/$HOSTILE" open=rw
	fixture shm shm-posix "$HOSTILE_COMM" name="$HOSTILE" map=1
	fixture memfd memfd "$HOSTILE_COMM" name="$HOSTILE"
	fixture sem sem-posix "$HOSTILE_COMM" name="$HOSTILE"
	fixture unnamed sem-unnamed "$HOSTILE_COMM" memory=shm name="/s$HOSTILE"
	fixture sock unix "$HOSTILE_COMM" path="/tmp/s$HOSTILE" listen=1 connect=1
	fixture abstract unix abstract="$HOSTILE\\x00" listen=1
	fixture stale unix path="/tmp/t$HOSTILE" stale=1
	fixture mq mq-sysv "$HOSTILE_COMM" waiter=recv
	fixture pipe pipe "$HOSTILE_COMM" blocked=r
	fixture signal signal "$HOSTILE_COMM"
	((EUID != 0)) || fixture queue mq-posix "$HOSTILE_COMM" name="$HOSTILE"
}

# on_terminal COLUMNS COMMAND...: what it writes to a terminal of that width; exits as it does.
on_terminal() {
	python3 -c '
import fcntl, os, pty, struct, sys, termios
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, int(sys.argv[1]), 0, 0))
pid = os.fork()
if pid == 0:
    os.dup2(slave, 1)
    os.closerange(3, 256)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(slave)
data = b""
while True:
    try:
        part = os.read(master, 65536)
    except OSError:
        break
    if not part:
        break
    data += part
sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}

# ---- escapes -------------------------------------------------------------------------------------------------

@test "a name is spelled the same in every format and in messages" {
	local name
	for name in 'new\x0aline' 'tab\x09tab' 'esc\x1b[31m' 'quo"te' 'back\x5cslash' 'bad\xff\xfeutf' 'uml\xc3\xa4ut' '\x01\x7f\x80' \
		'  spaces  ' '-dash' '%s%n'; do
		fixture s shm-posix "name=$name" fd=0
		[[ $(fx s .name) == "/$name" ]]
		run_ipctool list -r -o ref,name shm/posix
		[[ $output == "shm:/$name"$'\t'"/$name" ]]
		run_ipctool list -n -o name,mode shm/posix
		[[ $output == "/$name 0600" ]]
		run_ipctool list -q shm/posix
		[[ $output == "shm:/$name" ]]
		run_ipctool list -J shm/posix
		json_valid "$output"
		holds "$output" s '.objects[0].name == $f.name'
		run_ipctool list --jsonl -o name shm/posix
		holds "${lines[0]}" s '.name == $f.name'
		run_ipctool show "shm:/$name"
		[[ ${lines[0]} == "shm:/$name" ]]
		# Blanks at the end of a line are not for people.
		[[ $(sed -n 's/^  Name:  *\//\//p' <<<"$output") == "$(sed 's/ *$//' <<<"/$name")" ]]
		run_ipctool list --tree -n -o ref,mode shm/posix
		[[ $output == "shm:/$name 0600" ]]
		release s
		run_ipctool show "shm:/$name"
		[[ $status -eq 4 && $stderr == "ipctool show: shm:/$name: no such object"* && ${#stderr_lines[@]} -eq 1 ]]
	done
}

@test "255 bytes of every value are printed in full" {
	local name='' i
	for ((i = 1; i < 256; i++)); do
		((i == 47)) || printf -v name '%s\\x%02x' "$name" "$i"
	done
	fixture s shm-posix "name=$name" fd=0
	run_ipctool list -r -o name shm/posix
	[[ $output == "$(fx s .name)" ]]
	run_ipctool show -J "shm:$name"
	holds "$output" s '.objects[0].name == $f.name'
	# The longest spelling: four bytes for each.
	name=$(printf '\\xff%.0s' {1..255})
	fixture l shm-posix "name=$name" fd=0
	run_ipctool show -r -o name "shm:/$name"
	[[ $output == "/$name" ]]
}

@test "no byte outside printable ASCII is ever printed, but newlines and the tabs of --raw" {
	hostile_objects
	local format junk
	for format in "${FORMATS[@]}" '--raw -o ref,name,holders,waiters,evidence' '-o handle,holders,waiters,evidence' '--sort name'; do
		LC_ALL=C "$IPCTOOL" list --all $format >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		junk=$(LC_ALL=C tr -d '\n\040-\176' <"$BATS_TEST_TMPDIR/out" | od -v -An -tx1)
		[[ $format != --raw* ]] || junk=${junk//09/}
		[[ -z ${junk//[[:space:]]/} ]] || { echo "$format: $junk"; false; }
		junk=$(LC_ALL=C tr -d '\n\040-\176' <"$BATS_TEST_TMPDIR/err" | od -v -An -tx1)
		[[ -z $junk ]] || { echo "$format: $junk"; false; }
		[[ $format == --json* || $format == --refs ]] || grep -qF 'c\x0a\x1b[31m' "$BATS_TEST_TMPDIR/out"
	done
	"$IPCTOOL" show pipe fifo mq shm sem sock signal >"$BATS_TEST_TMPDIR/out"
	[[ -z $(LC_ALL=C tr -d '\n\040-\176' <"$BATS_TEST_TMPDIR/out" | od -v -An -tx1) ]]
	grep -qF 'c\x0a\x1b[31m"\x5c\xff' "$BATS_TEST_TMPDIR/out"
	# Each object is one line: a newline in a name makes no second one.
	[[ $("$IPCTOOL" list -r fifo shm/posix sem | wc -l) == "$("$IPCTOOL" list --count fifo shm/posix sem)" ]]
}

@test "in a UTF-8 locale trees are drawn with its lines, and nothing else is beyond ASCII" {
	[[ $(LC_ALL=C.UTF-8 locale charmap) == UTF-8 ]] || skip "no UTF-8 locale"
	hostile_objects
	LC_ALL=C.UTF-8 "$IPCTOOL" list --all --tree >"$BATS_TEST_TMPDIR/out"
	grep -q '└─' "$BATS_TEST_TMPDIR/out"
	[[ -z $(LC_ALL=C.UTF-8 sed 's/[├└]─//g; s/│ //g' "$BATS_TEST_TMPDIR/out" | LC_ALL=C tr -d '\n\040-\176') ]]
	# The drawing does not shift the columns.
	[[ $(LC_ALL=C.UTF-8 "$IPCTOOL" list --tree sock/unix | LC_ALL=C.UTF-8 sed 's/[├└]─/||/g; s/│/|/g') == \
		"$(LC_ALL=C "$IPCTOOL" list --tree sock/unix | sed 's/[|`]-/||/g')" ]]
}

# ---- columns -------------------------------------------------------------------------------------------------

@test "-o, +LIST, upper and lower case, -n, and the order is kept" {
	fixture q mq-sysv key=0x31 messages=2 size=5
	run_ipctool list -o key,REF,Messages mq/sysv
	[[ ${lines[0]} =~ ^'KEY '+'REF '+MESSAGES$ && ${lines[1]} =~ ^0x00000031' mq:'[0-9]+' '+2$ && ${#lines[@]} -eq 2 ]]
	run_ipctool list -n -o key mq/sysv
	[[ $output == 0x00000031 ]]
	run_ipctool list mq/sysv
	local heading=${lines[0]}
	run_ipctool list -o +bytes,id mq/sysv
	[[ ${lines[0]} == "$heading BYTES ID" ]]
	run_ipctool list -J -o messages,ref,bytes mq/sysv
	[[ $(jq -c '.objects[0] | keys_unsorted' <<<"$output") == '["messages","ref","bytes"]' ]]
	run_ipctool show -o messages,key "mq:$(fx q .id)"
	[[ $output == "mq:$(fx q .id)"$'\n  Messages: 2\n  Key:      0x00000031' ]]
}

@test "-b and human sizes" {
	fixture a shm-sysv size=1M
	fixture b shm-sysv size=1536
	fixture c shm-sysv size=1
	run_ipctool list -n -o size shm/sysv
	[[ $output == $'  1M\n1.5K\n   1' ]]
	run_ipctool list -n -b -o size shm/sysv
	[[ $output == $'1048576\n   1536\n      1' ]]
	run_ipctool list -r -o size shm/sysv
	[[ $output == $'1048576\n1536\n1' ]]
	run_ipctool show "shm:$(fx a .id)"
	grep -qxE '  Size: +1M \(1048576 bytes\)' <<<"$output"
	run_ipctool show -b "shm:$(fx a .id)"
	grep -qxE '  Size: +1048576' <<<"$output"
}

@test "--list-columns tells names, types and meaning, by class" {
	run_ipctool list -H
	[[ $status -eq 0 && ${lines[0]} =~ ^COLUMN' '+TYPE' '+CLASSES' '+HELP$ ]]
	[[ $output =~ $'\n'REF' '+string' '+all' '+shortest ]]
	[[ $output =~ $'\n'BACKLOG' '+number' '+sock' ' ]]
	[[ $output =~ $'\n'BUFFERED' '+size' '+pipe,fifo' ' ]]
	run_ipctool list -H -n mq
	[[ ${lines[0]} == REF* && $output == *MAX_MESSAGES* && $output != *BACKLOG* ]]
	# Each of them is taken by -o.
	run_ipctool list -n -o "$(awk '{ print $1 }' <<<"$output" | paste -sd,)" mq
	[[ $status -eq 0 ]]
}

@test "--sort by one field, by several, descending, and what is not known last" {
	fixture a shm-sysv size=30000 key=0x1
	fixture b shm-sysv size=200000 key=0x2
	fixture c shm-sysv size=30000 key=0x3
	run_ipctool list -n -b -o key,size --sort size,-key shm/sysv
	[[ $(awk '{ print $1 }' <<<"$output" | paste -sd,) == 0x00000003,0x00000001,0x00000002 ]]
	run_ipctool list -n -o key --sort -SIZE,key shm/sysv
	[[ $(paste -sd, <<<"$output") == 0x00000002,0x00000001,0x00000003 ]]
	# By a field that is not shown; messages of a segment are not known.
	fixture q mq-sysv messages=1
	fixture r mq-sysv messages=4
	run_ipctool list -q --sort messages mq/sysv shm/sysv
	[[ ${lines[0]} == "mq:$(fx q .id)" && ${lines[1]} == "mq:$(fx r .id)" && ${lines[2]} == shm:* ]]
	# In every format.
	run_ipctool list -J --sort -size -o size shm/sysv
	holds "$output" '' '[.objects[].size] == [200000, 30000, 30000]'
	run_ipctool list --jsonl --sort size -o size shm/sysv
	[[ ${lines[2]} == '{"size": 200000}' ]]
}

@test "--time-format, and UTC in JSON and --raw" {
	fixture s shm-sysv attach=1
	export TZ=XXX-5:30
	local utc text
	utc=$("$IPCTOOL" list -r -o attach_time shm/sysv)
	[[ $utc =~ ^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$ ]]
	[[ $(json "$("$IPCTOOL" list -J shm/sysv)" '.objects[0].attach_time') == "$utc" ]]
	text=$("$IPCTOOL" list -n --time-format iso -o attach_time shm/sysv)
	[[ $text == *+05:30 && $(date -d "$text" +%s) == "$(date -d "$utc" +%s)" ]]
	[[ $("$IPCTOOL" list -n --time-format short -o attach_time shm/sysv) == "$(LC_ALL=C date -d "$utc" '+%b %d %H:%M')" ]]
	[[ $("$IPCTOOL" list -n -o attach_time shm/sysv) == "$(LC_ALL=C date -d "$utc" '+%b %d %H:%M')" ]]
	[[ $("$IPCTOOL" list -n --time-format full -o attach_time shm/sysv) == \
		"$(LC_ALL=C date -d "$utc" '+%a %Y-%m-%d %H:%M:%S.000000000 +05:30')" ]]
	[[ $("$IPCTOOL" list -n --time-format relative -o attach_time shm/sysv) =~ ^[0-9]+m?s' ago'$ ]]
	[[ $("$IPCTOOL" list -r -o age shm/sysv) =~ ^[0-9]+(\.[0-9]{1,9})?$ ]]
}

@test "--raw: one tab between fields, nothing padded, nothing for what is not known" {
	hostile_objects
	run_ipctool list --all -r -o ref,name,key,size,holders,evidence,changed
	[[ $status -eq 0 ]]
	awk -F '\t' 'NF != 7 || / \t|\t / { print "bad: " $0; bad = 1 } END { exit bad }' <<<"$output"
	fixture q mq-sysv key=0x41
	run_ipctool show -r -o ref,name,key,last_sender,messages,sent,holders mq:0x41
	[[ $output == "mq:$(fx q .id)"$'\t\t0x00000041\t\t0\t\t' ]]
}

@test "--refs and --count answer alike, and combine with a selection" {
	fixture a shm-sysv size=1M
	fixture b shm-sysv size=4096
	run_ipctool list --count shm/sysv
	[[ $output == 2 ]]
	run_ipctool list -q --larger-than 64K shm/sysv
	[[ $output == "shm:$(fx a .id)" ]]
	run_ipctool list --count --larger-than 64K shm/sysv
	[[ $output == 1 ]]
	run_ipctool list --count --filter 'size < 1' shm/sysv
	[[ $status -eq 0 && $output == 0 ]]
	run_ipctool list -q --filter 'size < 1' shm/sysv
	[[ $status -eq 0 && -z $output ]]
}

# ---- JSON ----------------------------------------------------------------------------------------------------

@test "JSON: every object has every key of its kind, and values of the type that -H tells" {
	hostile_objects
	fixture tcp tcp connect=1 data=hello
	fixture timewait tcp timewait=1
	fixture sysv shm-sysv attach=1
	fixture sems sem-sysv values=1,2
	run_ipctool list --all --json
	[[ $status -eq 0 ]]
	json_valid "$output"
	printf '%s' "$output" >"$BATS_TEST_TMPDIR/all.json"
	run_ipctool list --json signal
	printf '%s' "$output" >"$BATS_TEST_TMPDIR/signal.json"
	"$IPCTOOL" list -H -n >"$BATS_TEST_TMPDIR/columns"
	python3 - "$BATS_TEST_TMPDIR" <<'PYTHON'
import json, re, sys
at = sys.argv[1]
types, classes = {}, {}
for line in open(at + "/columns"):
    name, kind, of = line.split()[:3]
    types[name.lower()], classes[name.lower()] = kind, of
whole = lambda v: type(v) is int
text = lambda v: type(v) is str
check = {
    "yes/no": lambda v: type(v) is bool,
    "number": whole,
    "size": lambda v: whole(v) and v >= 0,
    "duration": lambda v: type(v) in (int, float),
    "key": lambda v: text(v) and re.fullmatch("0x[0-9a-f]{8}", v),
    "address": lambda v: text(v) and re.fullmatch("0x[0-9a-f]+", v),
    "mode": lambda v: text(v) and re.fullmatch("0[0-7]{3,4}", v),
    "time": lambda v: text(v) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", v),
    "string": text,
    "list": lambda v: type(v) is list and all(map(text, v)),
    "records": lambda v: type(v) is list and all(type(r) is dict for r in v),
}
seen, bad = set(), []
for name in "all", "signal":
    document = json.load(open(f"{at}/{name}.json"))
    assert list(document) == ["schema", "objects", "complete", "errors"], list(document)
    assert document["schema"] == 1
    for o in document["objects"]:
        seen.add(o["class"])
        wanted = {k for k, of in classes.items() if of == "all" or o["class"] in of.split(",")}
        if set(o) != wanted:
            bad.append((o["ref"], set(o) ^ wanted))
        for k, v in o.items():
            if v is not None and not check[types[k]](v):
                bad.append((o["ref"], k, v))
        for k in "ref", "handle", "class", "kind", "evidence", "status", "holders", "waiters":
            if o[k] is None:
                bad.append((o["ref"], k, None))
        for h in o["holders"]:
            if set(h) != {"pid", "comm", "uid", "fd", "addr", "how", "access"} or (h["fd"] is None) == (h["addr"] is None):
                bad.append((o["ref"], h))
        for w in o["waiters"]:
            if set(w) != {"pid", "tid", "comm", "why"}:
                bad.append((o["ref"], w))
        if (o["state"] is None) != (o["class"] == "signal"):
            bad.append((o["ref"], o["state"]))
assert seen == {"pipe", "fifo", "mq", "shm", "sem", "sock", "signal"}, seen
assert not bad, bad
PYTHON
}

@test "JSON: an empty document, and keys of -o that a kind does not have" {
	run_ipctool list -J --filter 'size < 0' shm/sysv
	json_valid "$output"
	holds "$output" '' '.objects == []' '.schema == 1' '.complete' '.errors == []'
	fixture q mq-sysv
	fixture s shm-sysv
	run_ipctool list -J -o ref,messages,attached mq/sysv shm/sysv
	holds "$output" '' '.objects | length == 2' '.objects[0].attached == null' '.objects[1].messages == null' \
		'.objects[0].messages == 0' '.objects[1].attached == 0' '.objects | all(keys == ["attached", "messages", "ref"])'
}

@test "--jsonl: one object per line, and a closing record" {
	hostile_objects
	run_ipctool list --all --jsonl
	[[ $status -eq 0 ]]
	local line
	for line in "${lines[@]}"; do
		json_valid "$line"
	done
	holds "${lines[-1]}" '' 'keys == ["complete", "end", "errors"]' '.end == true' '.errors | type == "array"'
	[[ $(grep -c '"end": true' <<<"$output") == 1 ]]
	run_ipctool list --jsonl --filter 'size < 0' shm/sysv
	[[ $output == '{"end": true, "complete": true, "errors": []}' ]]
	# The same objects as the document has.
	[[ $("$IPCTOOL" list --jsonl fifo sem/posix shm/posix -o ref,name,holders | jq -c 'select(.end | not)') == \
		"$("$IPCTOOL" list --json fifo sem/posix shm/posix -o ref,name,holders | jq -c '.objects[]')" ]]
}

@test "JSON: what failed is in errors, with its number" {
	fixture q mq-sysv key=0x61
	run_ipctool show --json mq:0x61 mq:4242 fifo:/nowhere
	[[ $status -eq 4 ]]
	json_valid "$output"
	holds "$output" q '.objects | length == 1' '.objects[0].id == $f.id' '[.errors[].what][:2] == ["mq:4242", "fifo:/nowhere"]' \
		'[.errors[].errno][:2] == [2, 2]' '.errors[0].why | startswith("no such object")'
	run_ipctool show --jsonl mq:4242
	holds "${lines[-1]}" '' '.end' '.errors[0].what == "mq:4242"'
}

# ---- show and trees --------------------------------------------------------------------------------------------

@test "show: facts, evidence, holders, and a blank line between objects" {
	fixture s shm-sysv comm='a) b (c' key=0x71 size=8192 attach=2
	fixture q mq-sysv key=0x72
	run_ipctool show shm:0x71 mq:0x72
	[[ $status -eq 0 ]]
	[[ $output == "shm:$(fx s .id)"$'\n  Handle:  '* ]]
	[[ $output == *$'\n\nmq:'"$(fx q .id)"$'\n  Handle:'* ]]
	[[ $output == *$'\n  Kind:        shm/sysv\n'* ]]
	[[ $output == *$'\n  Owner:       '"$(id -un) ($(id -u))"$'\n'* ]]
	[[ $output == *$'\n  Size:        8K (8192 bytes)\n'* ]]
	[[ $output == *$'\n  State:       held\n  Evidence:\n    - 2 attached (kernel count)\n    - held by '"$(fx s '.attached[0].pid') (a) b (c), "* ]]
	grep -A2 -xF '  Holders:' <<<"$output" | tr '\n' ' ' |
		grep -qE "^  Holders:     PID +COMM +UID +ADDR +HOW +ACCESS     $(fx s '.attached[0].pid') +a\) b \(c +$(id -u) +0x[0-9a-f]+ +attach +rw $"
	# What is not known or empty is left out.
	[[ $output != *'Waiters'* && $output != *Name:* && $output != *' - '$'\n'* && $output != *[[:blank:]]$'\n'* ]]
}

@test "--tree: processes under objects, sockets under their listener, peers" {
	fixture t tcp comm=server connect=2
	local pid
	pid=$(fx t .pid)
	LC_ALL=C run_ipctool list --tree -n -o ref,status sock/tcp --filter inode
	[[ ${#lines[@]} -eq 14 ]]
	local listener=() i
	for i in "${!lines[@]}"; do
		[[ ${lines[i]} != "sock:$(fx t .inode) "*LISTEN ]] || listener=("${lines[@]:i:8}")
	done
	[[ ${listener[1]} == "|-$pid(server) fd $(fx t .fd) rw" ]]
	[[ ${listener[2]} =~ ^'|-sock:'[0-9]+' '+ESTAB$ && ${listener[5]} =~ ^'`-sock:'[0-9]+' '+ESTAB$ ]]
	[[ ${listener[3]} =~ ^'| |-'$pid'(server) fd '[0-9]+' rw'$ ]]
	[[ ${listener[4]} =~ ^'| `-peer sock:'[0-9]+' '[0-9]+'(server)'$ && ${listener[4]} == *" $(fx t '.clients[0].pid')(server)" ]]
	[[ ${listener[6]} =~ ^'  |-'$pid'(server) fd '[0-9]+' rw'$ ]]
	[[ ${listener[7]} =~ ^'  `-peer sock:' ]]
	# A connection without its listener stands at the left.
	LC_ALL=C run_ipctool show --tree -n -o ref "sock:$(fx t '.accepted[0].inode')"
	[[ ${lines[0]} == "sock:$(fx t '.accepted[0].inode')" && ${lines[1]} == "|-$pid(server) "* && ${#lines[@]} -eq 3 ]]
}

# ---- terminals and colours -------------------------------------------------------------------------------------

@test "--color, NO_COLOR and TERM" {
	fixture q mq-sysv waiter=recv
	unset NO_COLOR
	run_ipctool list mq/sysv
	[[ $output != *$'\x1b'* ]]
	run_ipctool list --color always -n -o ref,state mq/sysv
	[[ $output == "mq:$(fx q .id) "$'\x1b['*m'held'$'\x1b[0m' ]]
	[[ $(NO_COLOR=1 "$IPCTOOL" --color always list mq/sysv) == *$'\x1b'* ]]
	run_ipctool show --color always "mq:$(fx q .id)"
	[[ $output == *$'State:'*$'\x1b['*m'held'$'\x1b[0m\n'* ]]
	export TERM=xterm
	run on_terminal 100 "$IPCTOOL" list mq/sysv
	[[ $status -eq 0 && $output == *$'\x1b['*held* ]]
	run on_terminal 100 "$IPCTOOL" list --color never mq/sysv
	[[ $output != *$'\x1b'* ]]
	NO_COLOR=1 run on_terminal 100 "$IPCTOOL" list mq/sysv
	[[ $output != *$'\x1b'* ]]
	NO_COLOR='' run on_terminal 100 "$IPCTOOL" list mq/sysv
	[[ $output == *$'\x1b'* ]]
	TERM=dumb run on_terminal 100 "$IPCTOOL" list mq/sysv
	[[ $output != *$'\x1b'* ]]
	# JSON is never coloured.
	run on_terminal 100 "$IPCTOOL" list --color always --json mq/sysv
	json_valid "$output"
}

@test "a terminal's width is kept by cutting names and lists, never references; --notruncate cuts nothing" {
	local name line
	name=$(printf 'n%.0s' {1..200})
	fixture m memfd "name=$name" map=1 "$HOSTILE_COMM"
	fixture s shm-posix "name=$name"
	export TERM=xterm
	run on_terminal 90 "$IPCTOOL" list --color never shm/memfd
	[[ $status -eq 0 && ${#lines[@]} -eq 2 ]]
	for line in "${lines[@]}"; do
		[[ ${#line} -le 90 ]] || { echo "${#line}: $line"; false; }
	done
	[[ ${lines[1]} == "shm:@$(fx m .dev):$(fx m .inode) memfd n"* ]]
	run on_terminal 90 "$IPCTOOL" list --color never --notruncate shm/memfd
	[[ ${lines[1]} == "shm:@$(fx m .dev):$(fx m .inode) memfd $name "* ]]
	run on_terminal 90 "$IPCTOOL" list --color never shm/posix
	[[ ${lines[1]} == "shm:/$name posix "* ]]
	run on_terminal 90 "$IPCTOOL" list --color never --tree --notruncate -o ref,name shm/memfd
	[[ $output == *" $name"* ]]
	# Nothing is cut where it is not a table for people.
	run on_terminal 90 "$IPCTOOL" list -q shm/posix
	[[ $output == "shm:/$name" ]]
	run on_terminal 90 "$IPCTOOL" list -r -o name,mode shm/posix
	[[ $output == "/$name"$'\t0600' ]]
}

@test "escapes hold on a terminal too" {
	hostile_objects
	export TERM=xterm
	LC_ALL=C on_terminal 120 "$IPCTOOL" list --all --color never --notruncate >"$BATS_TEST_TMPDIR/out"
	[[ -z $(LC_ALL=C tr -d '\n\040-\176' <"$BATS_TEST_TMPDIR/out" | od -v -An -tx1) ]]
	grep -qF 'c\x0a\x1b[31m"\x5c\xff' "$BATS_TEST_TMPDIR/out"
}

# ---- output that cannot be written -------------------------------------------------------------------------------

@test "closed and full standard output is a failure, in one line" {
	fixture q mq-sysv
	local format
	for format in "${FORMATS[@]}" --count --list-columns --help; do
		run --separate-stderr bash -c '"$@" >&-' - "$IPCTOOL" list $format mq/sysv
		[[ $status -eq 1 && $stderr == 'ipctool list: standard output: Bad file descriptor' ]] || { echo "$format $status $stderr"; false; }
		run --separate-stderr bash -c '"$@" >/dev/full' - "$IPCTOOL" list $format mq/sysv
		[[ $status -eq 1 && $stderr == 'ipctool list: standard output: No space left on device' ]] || { echo "$format $status $stderr"; false; }
	done
	run --separate-stderr bash -c '"$@" >/dev/full' - "$IPCTOOL" help
	[[ $status -eq 1 && $stderr == 'ipctool help: standard output: No space left on device' ]]
	run --separate-stderr bash -c '"$@" >/dev/full' - "$IPCTOOL" --version
	[[ $status -eq 1 && $stderr == 'ipctool: standard output: No space left on device' ]]
	# Nothing to say is nothing that failed.
	run bash -c '"$@" >/dev/full' - "$IPCTOOL" list -q --filter 'size < 0' mq/sysv
	[[ $status -eq 0 ]]
}

@test "closed standard input and error are no failure" {
	fixture q mq-sysv key=0x81
	run bash -c '"$@" <&- 2>&-' - "$IPCTOOL" list -n -o key mq/sysv
	[[ $status -eq 0 && $output == 0x00000081 ]]
	# No file that it opens takes the place of standard error.
	run bash -c '"$@" 2>&-' - "$IPCTOOL" show -r -o key mq:0x81 mq:4242
	[[ $status -eq 4 && $output == 0x00000081 ]]
}

# ---- many ----------------------------------------------------------------------------------------------------

@test "5,000 objects: every format has all of them, and a reader may leave early" {
	local format signal
	(cd /dev/shm && seq -f 'many\%05.0f' 5000 | tr -d '\\' | xargs touch)
	run_ipctool list --count shm/posix
	[[ $output == 5000 ]]
	[[ $("$IPCTOOL" list -q shm/posix | sort -u | wc -l) == 5000 ]]
	[[ $("$IPCTOOL" list shm/posix | wc -l) == 5001 ]]
	# rows on which the widths were measured, and those behind them
	[[ $("$IPCTOOL" list -n -o size,name,mode,state,gid shm/posix | sed 's/many...../NAME/' | sort -u | wc -l) == 1 ]]
	[[ $("$IPCTOOL" list --color always -o size,name,mode,state,gid shm/posix | sed 's/\x1b\[[0-9]*m//g' | md5sum) == \
	   "$("$IPCTOOL" list -o size,name,mode,state,gid shm/posix | md5sum)" ]]
	[[ $("$IPCTOOL" list -r shm/posix | awk -F '\t' '{ fields[NF]++ } END { print length(fields), NR }') == '1 5000' ]]
	[[ $("$IPCTOOL" list -J -o name,size shm/posix | jq '[.objects[].name] | unique | length') == 5000 ]]
	[[ $("$IPCTOOL" list --jsonl -o name shm/posix | wc -l) == 5001 ]]
	[[ $("$IPCTOOL" list -q shm/posix | xargs "$IPCTOOL" show -q | sort | md5sum) == "$("$IPCTOOL" list -q shm/posix | sort | md5sum)" ]]
	[[ $("$IPCTOOL" list -q --sort -name shm/posix | head -1) == shm:/many05000 ]]
	for format in "${FORMATS[@]}"; do
		for signal in '' "trap '' PIPE;"; do
			run --separate-stderr bash -c "$signal "'set -o pipefail; "$@" | head -1' - "$IPCTOOL" list $format shm/posix
			[[ ($status -eq 0 || $status -eq 141) && -z $stderr ]] || { echo "$format: $status $stderr"; false; }
		done
	done
	find /dev/shm -name 'many*' -delete
}
