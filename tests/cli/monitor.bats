#!/usr/bin/env bats
# monitor.bats: the command `monitor`: its options, formats, ends and exit statuses. What is told of which kind is tested
# kind by kind elsewhere; here it is System V queues that things happen to.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # jq and inner shells expand; output, stderr and status are set by run

load helpers

setup() {
	export IPCTOOL
	cd "$BATS_TEST_TMPDIR" || return
}

# A test that fails leaves nothing running.
teardown() {
	local pid
	for pid in "${watchers[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	"$IPCTOOL" remove --quiet --missing-ok --force=held mq:0x77 mq:0x78
	release_all
}

need_bpf() {
	run "$IPCTOOL" monitor --source bpf --for 1ms mq/sysv
	[[ $status -eq 0 ]] || skip "needs BPF"
}

watchers=()

# watch FILE ARGUMENT...: begins, and waits until everything is attached. Sets watcher. It ends after a minute at the latest.
watch() {
	local file=$1
	shift
	rm -f "$file"
	# A shell has background programs ignore SIGINT, and what is ignored does not end it.
	env --default-signal=INT "${_fx_prefix[@]}" "$IPCTOOL" monitor --for 60s "$@" >"$file" 2>"$file.err" 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	eventually has_begun "$file"
}

has_begun() {
	[[ -s $1 || ! -e /proc/$watcher || $(<"/proc/$watcher/stat") == *') Z '* ]]
}

# ended [STATUS]: the watcher has ended, with this status and nothing on standard error.
ended() {
	local got=0
	wait "$watcher" || got=$?
	[[ $got -eq ${1-0} ]] || { echo "ended with $got" >&2; cat ./*.err >&2; return 1; }
}

# A queue, and a message through it.
traffic() {
	"$IPCTOOL" create mq:0x77 --mode 600 >made
	"$IPCTOOL" send mq:0x77 hello
	"$IPCTOOL" receive mq:0x77 >received
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
}

# seen FILE: "VERB REF BYTES" of each event.
seen() {
	jq -r 'select(.verb) | [.verb, .ref, .detail.bytes // "-"] | join(" ")' "$1"
}

# ---- what is asked for ---------------------------------------------------------------------------------------

@test "options that other commands have, and what to do instead" {
	complains monitor 2 '--sort: events are told in the order in which they happen' --sort time
	complains monitor 2 '--tree: events are no tree; --summary tells what was done to each object, and by whom' --tree
	complains monitor 2 "--state: events have no state; 'ipctool list --state' has, and --verb chooses what was done" --state held
	complains monitor 2 '--older-than: events are told as they happen' --older-than 1s
	complains monitor 2 "--larger-than: write --filter 'detail.bytes > 64K', or of sizes 'detail.size > 1M'" --larger-than 1M
	complains monitor 2 '--timeout: is called --for here' --timeout 1s
}

@test "arguments that are wrong" {
	complains monitor 2 "--verb: no such verb: 'craete' (did you mean 'create'?)" --verb create,craete
	complains monitor 2 "--verb: 'exists' comes with --since-start" --verb exists
	complains monitor 2 "--verb: 'zzzzzzzz' is none of $(words_of --verb '')" --verb zzzzzzzz
	complains monitor 2 "--source: 'ebpf' is none of auto, bpf, fentry, tracepoint, netlink" --source ebpf
	complains monitor 2 "--for: '10' is not of the form 500ms, 10s or 1h" --for 10
	complains monitor 2 "--for: '0' is not of the form 500ms, 10s or 1h" --for 0
	complains monitor 2 "--interval: 'x' is not of the form 500ms, 10s or 1h" --interval x
	complains monitor 2 "--buffer: 'x' is not of the form 65536, 512K or 64M" --buffer x
	complains monitor 2 '--count: 0 is not 1 or more' --count 0
	complains monitor 2 "--filter: column 1: unknown field 'size'" --filter 'size > 1'
	complains monitor 2 "--filter: column 8: no such member 'byts' (did you mean 'bytes'?)" --filter 'detail.byts'
	complains monitor 2 "--until: column 1: unknown field 'verbs' (did you mean 'verb'?)" --until verbs
	complains monitor 2 "--output: no such column: 'sise' (did you mean 'time'?)" -o sise
	complains monitor 2 "--output: no such column: 'detail.byts'; -H lists them" -o detail.byts
	complains monitor 2 '--output: cannot be combined with --refs' -q -o ref
	complains monitor 2 '--output: cannot be combined with --summary, which has columns of its own' --summary -o ref
	complains monitor 2 '--raw: cannot be combined with --json' --json --raw
	complains monitor 2 "--all: cannot be combined with 'mq'" --all mq
	complains monitor 2 "--owner: no such user: 'no such'" --owner 'no such'
	complains monitor 2 'operand 1 is empty (an unset variable?)' ''
	complains monitor 2 '--until: the argument is empty' --until ''
	complains monitor 2 "foo: 'foo' is no class and no reference; write CLASS:LOCATOR, or ./NAME for a file" foo
}

words_of() {
	"$IPCTOOL" __complete 3 ipctool monitor "$1" "$2" | cut -f 1 | paste -sd '|' | sed 's/|/, /g'
}

@test "a prefix of the command will do; columns, completion and help" {
	run_ipctool mon -H -n
	[[ $status -eq 0 && ${lines[0]} == 'TIME '*'when it happened' && $output == *$'\nDETAIL.BYTES '*size* ]]
	[[ $(words_of --verb create,re) == 'create,receive, create,remove' ]]
	[[ $(words_of --source '') == 'auto, bpf, fentry, tracepoint, netlink' ]]
	[[ $(words_of --filter 'verb and detail.by') == 'verb and detail.bytes' ]]
	[[ $(words_of --until 'detail.by') == 'detail.bytes' ]]
	[[ $(words_of -o time,detail.by) == 'time,detail.bytes' ]]
	run_ipctool help mq/sysv
	[[ $status -eq 0 && $output == *$'\n  monitor   yes\n            life      create, remove'* ]]
	# Every verb that a kind tells of can be asked for.
	local kind verb known
	known=" $(words_of --verb '' | tr -d ,) "
	while read -r kind; do
		for verb in $("$IPCTOOL" help "$kind" | awk '
			/^  [a-z]/ { inside = $1 == "monitor" }
			inside && /^            [a-z]/ { take = $1 == "life" || $1 == "traffic"; sub(/^ *[a-z]* */, "") }
			inside && take { gsub(/,/, ""); print }'); do
			[[ $verb == monitor || $verb == yes || $known == *" $verb "* ]] || { echo "$kind: $verb"; false; }
		done
	done < <("$IPCTOOL" __complete 2 ipctool list '' | cut -f 1 | grep /)
}

# ---- formats -------------------------------------------------------------------------------------------------

@test "lines of JSON: start, each event, end" {
	need_bpf
	watch out --jsonl --count 4 mq/sysv
	traffic
	ended
	ref=$(<made)
	json_valid "$(head -n 1 out)"
	holds "$(head -n 1 out)" '' 'keys == ["source", "start", "time"]' '.start == true' '.source == "bpf"'
	[[ $(tail -n 1 out) == '{"end": true, "complete": true, "errors": []}' && ! -s out.err ]]
	[[ $(seen out) == "create $ref -"$'\n'"send $ref 5"$'\n'"receive $ref 5"$'\n'"remove $ref -" ]]
	holds "$(sed -n 3p out)" '' '.class == "mq"' '.kind == "sysv"' '.name == null' '.pid == .tid' '.comm == "ipctool"' \
		'.uid == $uid' '.detail == {bytes: 5, type: 1}' '.time | test("^20.*Z$")' \
		'keys_unsorted == ["time", "verb", "ref", "class", "kind", "name", "pid", "tid", "comm", "uid", "detail"]'
}

@test "one document, a table, raw lines, references, columns" {
	need_bpf
	watch doc --json --count 4 mq/sysv
	local doc=$watcher
	watch table --count 4 mq/sysv
	local table=$watcher
	watch columns --count 4 -o verb,key,detail.bytes mq/sysv
	local columns=$watcher
	# These two say nothing before there is something.
	"$IPCTOOL" monitor --for 60s --raw --count 4 -o verb,ref,detail mq/sysv >raw 3>&- 4>&- &
	local raw=$!
	"$IPCTOOL" monitor --for 60s -q --count 1 --verb remove mq:0x77 >refs 3>&- 4>&- &
	local refs=$!
	watchers+=("$raw" "$refs")
	eventually attached "$raw"
	eventually attached "$refs"
	traffic
	wait "$doc" "$table" "$columns" "$raw" "$refs"
	ref=$(<made)
	json_valid "$(<doc)"
	holds "$(<doc)" '' 'keys_unsorted == ["schema", "source", "time", "events", "complete", "errors"]' '.complete' \
		'[.events[].verb] == ["create", "send", "receive", "remove"]'
	[[ $(head -n 1 table) == TIME\ *' VERB    REF '*' PID COMM '*' UID DETAIL' && $(wc -l <table) -eq 5 ]]
	[[ $(sed -n 3p table) =~ ^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\ send\ +$ref\ +[0-9]+\ ipctool\ +$UID\ bytes=5\ type=1$ ]]
	[[ $(head -n 1 columns) == 'VERB    KEY        DETAIL.BYTES' && $(sed -n 3p columns) == 'send    0x00000077            5' ]]
	[[ $(<raw) == "create"$'\t'"$ref"$'\t'"mode=0600"$'\n'"send"$'\t'"$ref"$'\t'"bytes=5 type=1"$'\n'* ]]
	[[ $(<refs) == "$ref" ]]
}

# Signals come by a descriptor from the moment on at which everything is attached.
attached() {
	[[ $(readlink "/proc/$1/fd/"* 2>/dev/null) == *signalfd* ]]
}

@test "every line is written at once, and a name forges none" {
	need_bpf
	mkfifo events
	"$IPCTOOL" monitor --for 60s --jsonl --verb create shm/posix >events 3>&- 4>&- &
	watchers+=($!)
	exec {events}<events
	read -r -t 10 -u "$events" line
	[[ $line == '{"start": true, '* ]]
	"$IPCTOOL" create --literal "shm:/"$'a\n\e[31m\\"\xff' --size 1 >/dev/null
	read -r -t 10 -u "$events" line
	exec {events}<&-
	json_valid "$line"
	holds "$line" '' '.ref == "shm:/a\\x0a\\x1b[31m\\x5c\"\\xff"' '.verb == "create"'
	"$IPCTOOL" remove --quiet "$(json "$line" .ref)"
}

# ---- selection -----------------------------------------------------------------------------------------------

@test "a reference of an object that is yet to come; verbs; a filter" {
	need_bpf
	watch out --jsonl --count 3 mq:0x77
	local first=$watcher
	watch verbs --jsonl --verb remove,create --count 2 mq/sysv
	local second=$watcher
	watch filter --jsonl --filter 'detail.bytes >= 5 and key == 0x77' --filter 'verb == "send"' --count 1 mq/sysv
	local third=$watcher
	"$IPCTOOL" create mq/sysv >other
	traffic
	wait "$first" "$second" "$third"
	ref=$(<made)
	[[ $(seen out) == "create $ref -"$'\n'"send $ref 5"$'\n'"receive $ref 5" ]]
	[[ $(seen verbs) == "create $(<other) -"$'\n'"create $ref -" ]]
	[[ $(seen filter) == "send $ref 5" ]]
	"$IPCTOOL" remove --quiet --force=unknown "$(<other)"
}

@test "whose doings: a process, a command, a user" {
	need_bpf
	need_root
	"$IPCTOOL" create mq:0x77 --mode 666 >made
	ref=$(<made)
	watch user --jsonl --owner nobody --count 1 mq/sysv
	local user=$watcher
	watch comm --jsonl --holder cat --for 60s mq/sysv
	local comm=$watcher
	"$IPCTOOL" send mq:0x77 root
	as_user nobody "$IPCTOOL" send mq:0x77 nobody
	wait "$user"
	[[ $(seen user) == "send $ref 6" ]]
	kill "$comm"
	wait "$comm"
	[[ -z $(seen comm) ]]
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
}

@test "calls that failed, when they are asked for" {
	need_bpf
	watch out --jsonl --failures --count 3 mq/sysv
	traffic
	ended
	[[ $(seen out | cut -d ' ' -f 1 | xargs) == 'create send receive' ]]
	"$IPCTOOL" create mq:0x77 --mode 600 >made
	watch out --jsonl --failures --count 1 --filter detail.errno mq/sysv
	"$IPCTOOL" create mq:0x77 --mode 600 2>/dev/null || true
	"$IPCTOOL" receive --nowait mq:0x77 2>/dev/null || true
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
	ended
	holds "$(sed -n 2p out)" '' '.detail.why | length > 0'
}

@test "what is there at the beginning" {
	need_bpf
	fixture q mq-sysv messages=1
	watch out --jsonl --since-start --count 1 mq/sysv
	ended
	holds "$(sed -n 2p out)" q '.verb == "exists"' '.ref == "mq:\($f.id)"' '.pid == null' '.detail == {}'
}

# ---- the end -------------------------------------------------------------------------------------------------

@test "--for, --count and --until" {
	need_bpf
	run_ipctool monitor --jsonl --for 1ms mq/sysv
	[[ $status -eq 0 && ${#lines[@]} -eq 2 && -z $stderr ]]
	run_ipctool monitor --jsonl --for 1ms --until verb mq/sysv
	[[ $status -eq 7 && ${lines[1]} == '{"end": true, "complete": false, "errors": [{"what": "--until", "errno": null, "why": "it did not happen"}]}' ]]
	watch out --jsonl --until 'verb == "receive"' mq:0x77
	traffic
	ended
	[[ $(seen out | tail -n 1) == "receive $(<made) 5" && $(tail -n 1 out) == '{"end": true, '* ]]
	watch out --jsonl --until 'verb == "bind"' --count 2 mq:0x77
	traffic
	ended 7
	# In one line, whether it is there already or comes later.
	"$IPCTOOL" monitor --for 60s -q --since-start --verb create --until ref mq:0x77 >out 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	eventually attached "$watcher"
	"$IPCTOOL" create mq:0x77 >/dev/null
	ended
	run_ipctool monitor -q --since-start --verb create --until ref mq:0x77
	[[ $status -eq 0 && $output == mq:* ]]
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
}

@test "signals: SIGINT and SIGTERM are how one ends it, others do what they do" {
	need_bpf
	local signal
	for signal in INT TERM; do
		watch out --jsonl mq/sysv
		traffic
		kill "-$signal" "$watcher"
		ended
		[[ $(seen out | wc -l) -eq 4 && $(tail -n 1 out) == '{"end": true, "complete": true, "errors": []}' && ! -s out.err ]]
	done
	watch out --jsonl mq/sysv
	kill -HUP "$watcher"
	ended 129
	[[ $(tail -n 1 out) == '{"end": true, "complete": true, "errors": []}' ]]
	watch out --jsonl --until verb mq/sysv
	kill "$watcher"
	ended 7
}

@test "a reader that goes away ends it, also while nothing happens; one that takes nothing ends it with an error" {
	need_bpf
	mkfifo events
	"$IPCTOOL" monitor --for 60s --jsonl mq/sysv >events 2>err 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	head -n 1 <events >/dev/null
	ended
	[[ ! -s err ]]
	[[ -w /dev/full ]] || return 0
	run --separate-stderr bash -c '"$1" monitor --jsonl mq/sysv >/dev/full' - "$IPCTOOL"
	[[ $status -eq 1 && $stderr == 'ipctool monitor: standard output: No space left on device' ]]
}

@test "a full pipe: what does not fit is counted, and told when it is read again; who never reads is given up" {
	need_bpf
	mkfifo events
	exec {events}<>events
	env --default-signal=INT "$IPCTOOL" monitor --for 60s --jsonl --buffer 4K mq/sysv >events 2>err {events}>&- 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	eventually attached "$watcher"
	churn 2000
	cat <events >out {events}>&- 3>&- 4>&- &
	local reader=$!
	exec {events}>&-
	kill "$watcher"
	ended 3
	wait "$reader"
	local lost
	lost=$(jq -s 'map(.lost // 0) | add' out)
	[[ $lost -gt 0 && $((lost + $(seen out | wc -l))) -eq 4000 && $(tail -n 1 out) == '{"end": true, "complete": false, '* ]]

	exec {events}<>events
	env --default-signal=INT "$IPCTOOL" monitor --for 60s --jsonl mq/sysv >events 2>err {events}>&- 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	eventually attached "$watcher"
	churn 2000
	kill "$watcher"
	ended
	exec {events}>&-
}

@test "events that are lost: a record in the stream, a word at the end, status 3" {
	need_bpf
	watch out --jsonl --buffer 4K mq/sysv
	churn 300 "$watcher"
	kill "$watcher"
	ended 3
	local lost
	lost=$(jq -s 'map(.lost // 0) | add' out)
	[[ $lost -gt 0 ]]
	# All that happened is either told or counted.
	[[ $((lost + $(seen out | wc -l))) -eq 600 ]]
	holds "$(tail -n 1 out)" '' '.complete == false' '.errors | length == 1' '.errors[0].why | test("^[0-9]+ events were lost; ")'
	[[ $(<out.err) == "ipctool monitor: $lost events were lost; "* ]]
	# In a table and in raw lines too, where there is room for it.
	"$IPCTOOL" monitor --for 60s --raw --buffer 4K mq/sysv >raw 2>/dev/null 3>&- 4>&- &
	watcher=$!
	watchers+=("$watcher")
	eventually attached "$watcher"
	churn 300 "$watcher"
	kill "$watcher"
	ended 3
	grep -q $'\tlost\t.*\tlost=[0-9]* since=20' raw
}

# churn N [PID]: so many queues are made and removed, while that process is stopped.
churn() {
	[[ -z ${2-} ]] || kill -STOP "$2"
	python3 -c '
import ctypes, sys
libc = ctypes.CDLL(None)
for i in range(int(sys.argv[1])):
    libc.msgctl(libc.msgget(0, 0o1600), 0, None)' "$1"
	[[ -z ${2-} ]] || kill -CONT "$2"
}

# ---- commands ------------------------------------------------------------------------------------------------

@test "--exec: the fields in the environment, and nothing of them in the command" {
	need_bpf
	name='$(touch injected)`touch injected`;touch injected #'
	watch out --jsonl --count 1 --verb create --exec 'env | grep ^IPCTOOL_ | sort >env; cat >input; echo said; echo also >&2' shm/posix
	IPCTOOL_DETAIL_BYTES=outside "$IPCTOOL" create --literal --size 1 "shm:/$name" >/dev/null
	ended
	"$IPCTOOL" remove --quiet --literal "shm:/$name"
	[[ ! -e injected && ! -s input ]]
	grep -Fx "IPCTOOL_REF=shm:/$name" env
	grep -Fx IPCTOOL_VERB=create env
	grep -Fx IPCTOOL_CLASS=shm env
	grep -x 'IPCTOOL_TIME=20.*Z' env
	run ! grep IPCTOOL_DETAIL_BYTES env
	# The stream stays JSON.
	run ! grep said out
	[[ $(<out.err) == said$'\n'also ]]
}

@test "--exec: one after the other; what they do themselves is not told; failures are counted" {
	need_bpf
	"$IPCTOOL" create mq:0x77 >/dev/null
	watch out --count 3 --verb send --exec 'echo "$IPCTOOL_DETAIL_BYTES" >>order; "$IPCTOOL" send mq:0x78 x; test "$IPCTOOL_DETAIL_BYTES" = 2' \
		--filter 'comm != "nobody"' mq/sysv
	"$IPCTOOL" create mq:0x78 >/dev/null
	"$IPCTOOL" send mq:0x77 1
	"$IPCTOOL" send mq:0x77 22
	"$IPCTOOL" send mq:0x77 333
	ended 3
	[[ $(xargs <order) == '1 2 3' && $(wc -l <out) -eq 4 ]]
	[[ $(<out.err) == 'ipctool monitor: --exec: 2 of 3 commands failed, the last one with status 1' ]]
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77 mq:0x78
}

@test "--exec: a signal ends the one that runs, and leaves out the rest" {
	need_bpf
	"$IPCTOOL" create mq:0x77 >/dev/null
	watch out --verb send --exec 'echo $$ >runs; exec sleep 600' mq/sysv
	"$IPCTOOL" send mq:0x77 1
	"$IPCTOOL" send mq:0x77 2
	eventually test -s runs
	kill "$watcher"
	ended
	[[ ! -e /proc/$(<runs) && ! -s out.err && $(wc -l <runs) -eq 1 ]]
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
}

# ---- summary -------------------------------------------------------------------------------------------------

@test "--summary: what was done to each object, and by whom" {
	need_bpf
	watch out --summary --json --for 60s mq/sysv
	local document=$watcher
	"$IPCTOOL" monitor --summary --for 60s mq/sysv >table 3>&- 4>&- &
	local table=$!
	"$IPCTOOL" monitor --summary --raw --for 60s mq/sysv >raw 3>&- 4>&- &
	local raw=$!
	watchers+=("$table" "$raw")
	eventually attached "$table"
	eventually attached "$raw"
	traffic
	kill "$document" "$table" "$raw"
	wait "$document" "$table" "$raw"
	ref=$(<made)
	json_valid "$(<out)"
	holds "$(<out)" '' '.objects | length == 1' '.complete' '.objects[0] | .kind == "sysv" and .sent == 5 and .received == 5' \
		'.objects[0].operations == {create: 1, send: 1, receive: 1, remove: 1}' '.objects[0].processes | length == 4' \
		'[.objects[0].processes[] | .sent] == [0, 5, 0, 0]' '[.objects[0].processes[].comm] | unique == ["ipctool"]'
	[[ $(head -n 1 table) == 'REF '*' PID COMM '*' OPERATIONS' && $(wc -l <table) -eq 6 ]]
	[[ $(sed -n 2p table) == "$ref "*' create=1 send=1 receive=1 remove=1' ]]
	[[ $(cut -f 1 raw | uniq -c | xargs) == "5 $ref" ]]
}

# ---- sources -------------------------------------------------------------------------------------------------

@test "without the privilege: a word about it, and what is done instead; status 5 when BPF was asked for" {
	local source
	[[ $("$IPCTOOL" --version) == *+bpf* ]] || skip "built without BPF"
	for source in bpf fentry tracepoint; do
		without_bpf run_ipctool monitor --source $source --for 1ms mq/sysv
		[[ $status -eq 5 && -z $output && $stderr == 'ipctool monitor: '*CAP_BPF*CAP_PERFMON* && ${#stderr_lines[@]} -eq 1 ]] ||
			{ echo "$source: $status $output $stderr"; false; }
	done
	without_bpf run_ipctool monitor --jsonl --for 1ms mq/sysv
	[[ $status -eq 0 && ${stderr_lines[0]} == 'ipctool monitor: '*CAP_BPF*CAP_PERFMON*'; without BPF: '* ]]
	holds "$(head -n 1 <<<"$output")" '' '.source == "netlink"'
	without_bpf run_ipctool monitor --strict --for 1ms mq/sysv
	[[ $status -eq 3 ]]
	# Asked for by name it needs no excuse.
	run_ipctool monitor --source netlink --jsonl --for 1ms mq/sysv
	[[ $status -eq 0 && $stderr != *CAP_BPF* ]]
}

@test "a build without BPF says so" {
	[[ $("$IPCTOOL" --version) == *-bpf* ]] || skip "built with BPF"
	fails 1 BPF monitor --source bpf --for 1ms mq/sysv
	run_ipctool monitor --jsonl --for 1ms mq/sysv
	[[ $status -eq 0 && ${stderr_lines[0]} == *BPF*'; without BPF: '* ]]
	holds "$(head -n 1 <<<"$output")" '' '.source == "netlink"'
}

@test "without BPF: what comes and goes is told all the same" {
	watch out --source netlink --interval 20ms --jsonl --verb create,remove --count 2 mq/sysv
	"$IPCTOOL" create mq:0x77 --mode 600 >made
	eventually grep -q '"create"' out
	"$IPCTOOL" remove --quiet --force=unknown mq:0x77
	ended
	[[ $(seen out) == "create $(<made) -"$'\n'"remove $(<made) -" ]]
}

@test "-v: where events come from" {
	need_bpf
	run_ipctool monitor -v --for 1ms mq/sysv
	[[ $status -eq 0 && $stderr == 'ipctool monitor: events from bpf: '* && ${#stderr_lines[@]} -eq 1 ]]
}

@test "a kind that nothing tells of, and a verb that it does not have" {
	fails 2 'shm/file' monitor shm/file
	fails 2 'none of what was named has such events' monitor --verb listen mq
}
