#!/usr/bin/env bats
# clean.bats: `clean` as its user meets it: what it shows, removes and keeps, each option, format and exit status. Garbage are
# System V segments whose creators have ended: what else can be garbage takes an initial pid namespace, and is in tests/e2e.
# shellcheck disable=SC2013,SC2016,SC2030,SC2031,SC2086,SC2154 # words of one line each; what eval expands; what run sets

load helpers
shopt -s extglob

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	mkdir rules
	chosen=(--policy-dir rules)
	acting=(--apply --no-syslog --lock lock "${chosen[@]}")
}

teardown() {
	local id
	release_all
	rm -f /dev/shm/000*
	for id in $(awk 'NR > 1 { print $2 }' /proc/sysvipc/shm); do ipcrm -m "$id" 2>/dev/null; done
	for id in $(awk 'NR > 1 { print $2 }' /proc/sysvipc/sem); do ipcrm -s "$id" 2>/dev/null; done
	for id in $(awk 'NR > 1 { print $2 }' /proc/sysvipc/msg); do ipcrm -q "$id" 2>/dev/null; done
	return 0
}

# A segment that nobody can need: its creator has ended. With contents, because memory that was never touched frees nothing.
garbage() {
	head -c 8192 /dev/urandom | "${_fx_prefix[@]}" "$IPCTOOL" create --size 8192 --from - --mode 600 "${shm-shm/sysv}"
}

# many COUNT: as many of them, fast.
many() {
	python3 - "$1" <<-'END'
	import ctypes, os, sys
	libc = ctypes.CDLL(None, use_errno=True)
	for _ in range(int(sys.argv[1])):
	    if libc.shmget(0, ctypes.c_size_t(4096), 0o600 | 0o1000) < 0:
	        sys.exit(os.strerror(ctypes.get_errno()))
	END
}

segments() {
	awk 'NR > 1' /proc/sysvipc/shm | wc -l
}

dry() {
	run_ipctool clean "${chosen[@]}" "$@"
}

apply() {
	run_ipctool clean "${acting[@]}" "$@"
}

# ends CODE OUTPUT ERROR: both are patterns. That an ordinary user does not see everything goes without saying.
ends() {
	if ((EUID != 0)); then output=${output/; not everything could be looked at?( (-v says what))}; fi
	# shellcheck disable=SC2053 # patterns
	[[ $status -eq $1 && $output == $2 && $stderr == ${3-} ]] ||
		{ printf '%s\n' "status $status, expected $1" "$output" "$stderr"; return 1; }
}

refused() {
	run_ipctool clean "${chosen[@]}" "${@:2}"
	ends 2 '' "ipctool clean: $1"
}

# rule NAME LINE...: a section of a policy file. Ends the test where policies cannot be read.
rule() {
	[[ $("$IPCTOOL" --version) == *+inih* ]] || skip "this build reads no policy files"
	printf '[%s]\n' "$1" >>rules/test.conf
	printf '%s\n' "${@:2}" >>rules/test.conf
}

# sums FIELD...: of the summary of the JSON document in $output, "NAME=VALUE" each, and the rest is 0 or false.
sums() {
	local want='{"removed":0,"would_remove":0,"kept":0,"protected":0,"reported":0,"gone":0,"failed":0,"applied":false,"stopped":false}'
	want=$(jq -c "$(printf '.%s | ' "$@" | sed 's/ | $//; s/\.\([a-z_]*\)=\([^ ]*\)/.\1 = \2/g')" <<<"$want")
	jq -e --argjson want "$want" '.summary | del(.bytes) == $want' <<<"$output" >/dev/null ||
		{ jq -c .summary <<<"$output"; echo "expected: $want"; return 1; }
}

# ---- a dry run -------------------------------------------------------------------------------------------------

@test "without options: a table with the reason of each, the sum, and nothing is changed" {
	local before
	a=$(garbage) b=$(ipcmk -Q | grep -o '[0-9]*$') c=$(ipcmk -S 1 | grep -o '[0-9]*$')
	before=$(cat /proc/sysvipc/{shm,msg,sem})
	dry
	ends 0 "REF *USER *SIZE *UNUSED *STATE *VERDICT WHY
mq:$b *unknown *keep *may be in use: *
$a *8K *orphan *keep *1h*
sem:$c * keep *
would remove 0 objects (0 bytes), kept 3"
	dry --min-age 0
	ends 0 "REF *
mq:$b *
$a *$(id -un) *orphan *remove *orphan: 0 attached (kernel count); creator [0-9]* is dead; last user [0-9]* is dead
sem:$c *
would remove 1 object (8K), kept 2"
	dry --min-age 0 --dry-run
	ends 0 "*would remove 1 object (8K), kept 2"
	[[ $(cat /proc/sysvipc/{shm,msg,sem}) == "$before" ]]
}

@test "nothing there: headings and a sum" {
	dry
	ends 0 "REF USER SIZE UNUSED STATE VERDICT WHY
would remove 0 objects (0 bytes), kept 0"
	dry --raw
	ends 0 ''
	apply
	ends 0 "removed 0 objects (0 bytes), kept 0"
}

@test "columns: a list, more, without headings, sizes in bytes, raw, and which there are" {
	a=$(garbage)
	dry -o ref,verdict,size
	ends 0 "REF *VERDICT SIZE
$a *keep * 8K
would remove*"
	dry --min-age 0 -o +rule,result --noheadings --bytes
	ends 0 "$a $(id -un) 8192 * remove *orphan: *- *would-remove
would remove 1 object (8192 bytes), kept 0"
	dry --min-age 0 --raw
	ends 0 "$a	$(id -un)	8192	*	orphan	remove	orphan: *"
	[[ ${#lines[@]} -eq 1 ]]
	dry --raw -o ref,used --time-format iso
	ends 0 "$a	????-??-??T??:??:??*Z"
	dry -o used --time-format full --noheadings
	ends 0 "???*$(date +%Y)*
would*"
	dry --list-columns
	[[ $status -eq 0 && $output == 'COLUMN '* ]]
	for word in VERDICT RULE WHY RESULT UNUSED ATTACHED; do grep -q "^$word " <<<"$output"; done
	run ! grep -q '^QUEUE_LIMIT ' <<<"$output"
	run_ipctool list -H
	run ! grep -qE '^(VERDICT|RULE|WHY|RESULT) ' <<<"$output"
}

@test "on a terminal: references are whole, and reasons are cut to its width" {
	command -v script >/dev/null || skip "no script(1)"
	a=$(garbage) long=$(printf '%0100d' 0)
	shm="shm:/$long" garbage >/dev/null
	run script -qefc "stty cols 150; '$IPCTOOL' clean --min-age 0 --policy-dir rules; '$IPCTOOL' clean -q --policy-dir rules" /dev/null </dev/null
	output=$(tr -d '\r' <<<"$output" | sed 's/\x1b\[[0-9;]*m//g')
	[[ $status -eq 0 && $output == *"shm:/$long "* && $output == *"$a "* && $output == *"would remove 1 object (8K), kept 1"* ]] ||
		{ echo "$output"; false; }
	[[ $(grep -c "would remove" <<<"$output") -eq 1 && $(grep '^shm:' <<<"$output" | awk '{ print length }' | sort -n | tail -1) -le 150 ]]
}

# ---- JSON --------------------------------------------------------------------------------------------------------

@test "JSON: the objects with verdict and evidence, and the sum" {
	a=$(garbage) b=$(ipcmk -S 1 | grep -o '[0-9]*$')
	dry --min-age 0 --json
	[[ $status -eq 0 && -z $stderr ]]
	json_valid "$output"
	sums would_remove=1 kept=1
	holds "$output" '' '.schema == 1' '(.errors == []) == .complete' '.summary.bytes == 8192' 'keys_unsorted == ["schema", "objects", "summary", "complete", "errors"]' \
		'.objects | length == 2' '.objects[0].verdict == "remove"' '.objects[0].result == "would-remove"' \
		'.objects[0].state == "orphan"' '.objects[0].rule == null' '.objects[0].why | startswith("orphan: 0 attached")' \
		'.objects[0].evidence | length == 3' '.objects[0].size == 8192' '.objects[0].unused | type == "number"' \
		'.objects[0].used | test("Z$")' '.objects[0].handle | startswith("shm+0x00000000.")' \
		'.objects[1].verdict == "keep"' '.objects[1].result == "kept"' '.objects[1].ref == "sem:'"$b"'"'
	dry --min-age 0 --json -o ref,verdict
	holds "$output" '' '.objects[0] == {ref: "'"$a"'", verdict: "remove"}' '.summary.would_remove == 1'
	dry --json -o +attached
	holds "$output" '' '.objects[0].attached == 0' '.objects[1] | has("attached")' '.objects[0].verdict == "keep"'
}

@test "JSON lines: each object, and the sum in the last line" {
	a=$(garbage)
	dry --min-age 0 --jsonl
	[[ $status -eq 0 && -z $stderr && ${#lines[@]} -eq 2 ]]
	json_valid "${lines[0]}"
	json_valid "${lines[1]}"
	holds "${lines[0]}" '' '.ref == "'"$a"'"' '.verdict == "remove"'
	holds "${lines[1]}" '' '.end' '.summary.would_remove == 1' '(.errors == []) == .complete'
	apply --min-age 0 --jsonl
	holds "${lines[0]}" '' '.ref == "'"$a"'"' '.result == "removed"'
	holds "${lines[1]}" '' '.end' '.summary.removed == 1' '.summary.applied'
	[[ $(segments) -eq 0 ]]
}

@test "JSON: one document, however little there is to say" {
	dry --json
	json_valid "$output"
	sums
	holds "$output" '' '.objects == []' '(.errors == []) == .complete'
	apply --json shm:4711
	[[ $status -eq 4 && $stderr == 'ipctool clean: shm:4711: no such object'* ]]
	json_valid "$output"
	sums applied=true
	holds "$output" '' '.objects == []' '.errors[0].what == "shm:4711"' '.errors[0].errno == 2'
}

# ---- removing ----------------------------------------------------------------------------------------------------

@test "--apply: a line for each removal, the sum, and with -v what is kept" {
	a=$(garbage) b=$(garbage) c=$(ipcmk -S 1 | grep -o '[0-9]*$')
	apply
	ends 0 "removed 0 objects (0 bytes), kept 3"
	apply --min-age 0
	ends 0 "removed $a: orphan: 0 attached (kernel count); creator [0-9]* is dead; last user [0-9]* is dead
removed $b: orphan: *
removed 2 objects (16K), kept 1"
	[[ $(segments) -eq 0 && $(awk 'NR > 1' /proc/sysvipc/sem | wc -l) -eq 1 ]]
	apply --min-age 0 -v
	ends 0 "kept sem:$c: somebody may come back *
removed 0 objects (0 bytes), kept 1" '*'
}

@test "--apply with columns or JSON: what became of each" {
	a=$(garbage)
	apply --min-age 0 -o ref,verdict,result
	ends 0 "REF *VERDICT RESULT
$a *remove *removed
removed 1 object (8K), kept 0"
	a=$(garbage) b=$(ipcmk -S 1 | grep -o '[0-9]*$')
	apply --min-age 0 --json
	json_valid "$output"
	sums removed=1 kept=1 applied=true
	holds "$output" '' '[.objects[].result] | sort == ["kept", "removed"]' '.summary.bytes == 8192'
	[[ $(segments) -eq 0 ]]
}

@test "--apply: what is in use, and what is told to come back, stays" {
	fixture used shm-sysv attach=1
	fixture alive shm-sysv
	a=$(garbage)
	apply --min-age 0 -v shm
	[[ $status -eq 0 && $output == *"kept shm:$(fx used .id): in use: 1 attached "*"held by "* &&
		$output == *"kept shm:$(fx alive .id): "*"$(fx alive .pid)"*"alive"* && $output == *"removed $a: "* ]] || { echo "$output"; false; }
	[[ $(segments) -eq 2 ]]
}

@test "--min-age: what was used since is kept; each form of a duration" {
	a=$(garbage)
	for age in 1h 1d 90m 1h30m; do
		apply --min-age "$age" -o verdict --noheadings
		ends 0 "keep
removed 0 objects*"
	done
	eventually eval '(($(date +%s) > $(awk "NR == 2 { print \$14 }" /proc/sysvipc/shm)))'
	apply --min-age 1ms
	ends 0 "removed $a: *"
}

# ---- which ones ---------------------------------------------------------------------------------------------------

@test "classes, kinds, references and handles" {
	a=$(garbage) b=$(garbage) c=$(garbage)
	dry --min-age 0 --raw -o ref sem mq fifo sock shm/posix
	ends 0 ''
	handle=$("$IPCTOOL" list --raw -o handle "$b")
	apply --min-age 0 "$a" "$handle"
	ends 0 "removed $a: *
removed $b: *
removed 2 objects*"
	[[ $(segments) -eq 1 ]]
	apply --min-age 0 "$handle"
	ends 4 "removed 0 objects*" "ipctool clean: $handle: no such object*"
	apply --min-age 0 shm/sysv
	ends 0 "removed $c: *
removed 1 object *"
}

@test "a reference to what is never garbage is kept, with the reason" {
	fixture p pipe
	dry "pipe:$(fx p .inode)" -o ref,verdict,why --noheadings
	ends 0 "pipe:$(fx p .inode) keep *goes with its last user*
would remove 0 objects (0 bytes), kept 1"
	dry --json "pipe:$(fx p .inode)"
	holds "$output" '' '.objects[0].verdict == "keep"' '.objects[0].key == null'
}

@test "--key: one, a range, several, private ones" {
	garbage >/dev/null
	for key in 0x5400 0x5401 0x54ff 0x5500; do shm=shm:$key garbage >/dev/null; done
	keys() { dry --min-age 0 --raw -o key "$@" && [[ $status -eq 0 && -z $stderr ]]; }
	keys --key 0x5401
	[[ $output == 0x00005401 ]]
	keys --key 0x5400-0x54ff
	[[ ${lines[*]} == '0x00005400 0x00005401 0x000054ff' ]]
	keys --key 0x5400 --key 0x5500-0xffffffff shm
	[[ ${lines[*]} == '0x00005400 0x00005500' ]]
	keys --key private
	[[ $output == 0x00000000 ]]
	keys --key 0x1
	[[ -z $output ]]
	apply --min-age 0 --key 0X54FF
	[[ $(segments) -eq 4 ]]
}

@test "--owner: of that user alone" {
	need_root
	as_user nobody garbage >/dev/null
	as_user daemon garbage >/dev/null
	a=$(garbage)
	dry --min-age 0 --raw -o user --owner nobody --owner 1
	[[ $(sort <<<"$output" | xargs) == 'daemon nobody' ]]
	apply --min-age 0 --owner daemon -q
	ends 0 ''
	[[ $("$IPCTOOL" list --raw -o user shm/sysv | sort | xargs) == 'nobody root' ]]
}

@test "an ordinary user: others' objects are kept, and not to see everything is no failure" {
	need_root
	chmod 755 .
	a=$(garbage) b=$(as_user nobody garbage)
	as_user nobody dry --min-age 0
	[[ $status -eq 0 && $output == *"$a "*" keep "*"it belongs to user 0;"* && $output == *"$b "*" remove "*"orphan: "* ]] ||
		{ echo "$output$stderr"; false; }
}

@test "--filter on what is decided, and the other selections" {
	a=$(garbage)
	ipcmk -S 1 >/dev/null
	dry --min-age 0 --raw -o ref --filter 'verdict == "remove"'
	ends 0 "$a"
	dry --min-age 0 --raw -o class --filter 'verdict == "keep" and why =~ "come back"'
	ends 0 sem
	dry --min-age 0 --raw -o ref --state orphan
	ends 0 "$a"
	dry --raw -o ref --match '*none*'
	ends 0 ''
	dry --raw -o ref --larger-than 1G
	ends 0 ''
	apply --min-age 0 --filter 'verdict == "keep"'
	ends 0 'removed 0 objects (0 bytes), kept 1'
	apply --min-age 0 --filter 'class == "shm"'
	ends 0 "removed $a: *
removed 1 object (8K), kept 0"
}

@test "--include: idle and suspect objects of whom or which it says" {
	a=$(ipcmk -S 1 | grep -o '[0-9]*$')
	b=$("$IPCTOOL" create sem:0x77 --number 1 --value 1) && "$IPCTOOL" wait --nowait "$b"
	me=$(id -un)
	dry --min-age 0 --raw -o state,verdict --owner "$me"
	[[ $(sort <<<"$output" | tr -s '\t\n' ' ') == 'idle keep suspect keep ' ]] || { echo "$output"; false; }
	dry --min-age 0 --raw -o state,verdict --owner "$me" --include idle
	[[ $(sort <<<"$output" | tr -s '\t\n' ' ') == 'idle remove suspect keep ' ]]
	dry --min-age 0 --raw -o state,verdict --owner "$me" --include suspect
	[[ $(sort <<<"$output" | tr -s '\t\n' ' ') == 'idle keep suspect remove ' ]]
	dry --include suspect,idle --owner "$me" --raw -o verdict
	[[ ${lines[*]} == 'keep keep' ]]
	apply --min-age 0 --include suspect --key 0x77
	ends 0 "removed sem:*: suspect: *
removed 1 object*"
	apply --min-age 0 --include suspect,idle "sem:$a"
	ends 0 "removed sem:$a: idle: *
removed 1 object*"
}

@test "--namespace and --all-namespaces: objects of another namespace, by their full reference" {
	need_root
	a=$(garbage)
	unshare --ipc bash -c '"$@" >/dev/null; exec sleep 1000' - "$IPCTOOL" create --size 4096 shm/sysv 3>&- 4>&- &
	other=$!
	in_other() { [[ $(nsenter -t "$other" -i awk 'NR > 1' /proc/sysvipc/shm | wc -l) -eq $1 ]]; }
	eventually eval '[[ $(readlink /proc/$other/ns/ipc) != $(readlink /proc/self/ns/ipc) ]]'
	eventually in_other 1
	eventually grep -qx sleep "/proc/$other/comm"
	number=$(readlink "/proc/$other/ns/ipc" | tr -cd 0-9)
	dry --min-age 0 --all-namespaces --json
	json_valid "$output"
	sums would_remove=2
	holds "$output" '' '[.objects[].ref] | sort == (["'"$a"'", "shm@'"$number"':0"] | sort)'
	dry --min-age 0 --all-namespaces
	[[ $status -eq 0 && ${#lines[@]} -eq 4 ]]
	in_other 1
	apply --min-age 0 --namespace "$other"
	ends 0 "removed shm@$number:0: *
removed 1 object (0 bytes), kept 0"
	in_other 0
	[[ $(segments) -eq 1 ]]
	kill "$other"
}

# ---- policies -----------------------------------------------------------------------------------------------------

@test "rules: reported, protected, removed, and the sum" {
	rule told 'action = report' 'key = 0x5401'
	rule spared 'action = protect' 'key = 0x5402'
	rule gone 'action = remove' 'key = 0x5403'
	for key in 0x5401 0x5402 0x5403 0x5404; do shm=shm:$key garbage >/dev/null; done
	dry --min-age 0 --json
	sums would_remove=2 protected=1 reported=1
	holds "$output" '' '[.objects[] | select(.key == "0x00005402")][0] | .verdict == "protect" and .rule == "spared" and .result == "kept"' \
		'[.objects[] | select(.key == "0x00005401")][0] | .verdict == "report" and .rule == "told"'
	apply --min-age 0 -v
	[[ $status -eq 0 && $output == *"reported shm:"*": rule told of "* && $output == *"protected shm:"*": rule spared of "* &&
		$output == *"removed 2 objects (16K), kept 0, protected 1, reported 1"* ]] || { echo "$output"; false; }
	[[ $(segments) -eq 2 ]]
	apply --min-age 0 --quiet
	ends 0 "reported shm:*: rule told of *"
	[[ ${#lines[@]} -eq 1 ]]
	dry --quiet
	ends 0 "reported shm:*: rule told of *"
}

@test "--policy comes before those of the directory; --check-policy counts, and tells all that is wrong" {
	rule first 'action = protect'
	printf '[mine]\naction = remove\nclass = shm\n' >mine.conf
	garbage >/dev/null
	dry --min-age 0 --policy mine.conf --raw -o verdict,rule
	ends 0 'remove	mine'
	dry --check-policy --policy mine.conf
	ends 0 '2 rules in 2 files'
	dry --check-policy --quiet
	ends 0 ''
	printf '[bad]\naction = perhaps\nclass = what\n' >bad.conf
	dry --check-policy --policy bad.conf
	ends 2 '' 'ipctool clean: bad.conf:2:*: *perhaps*
ipctool clean: bad.conf:3:*: *what*'
	apply --min-age 0 --policy bad.conf
	ends 2 '' 'ipctool clean: bad.conf:*'
	apply --min-age 0 --policy bad.conf --json
	ends 2 '' 'ipctool clean: bad.conf:*'
	[[ $(segments) -eq 1 ]]
}

@test "policies that are not there, or that others could change: nothing is removed" {
	rule first 'action = remove'
	garbage >/dev/null
	apply --min-age 0 --policy none.conf
	ends 2 '' 'ipctool clean: none.conf: No such file or directory*'
	apply --min-age 0 --policy-dir none
	ends 2 '' "ipctool clean: --policy-dir: 'none': No such file or directory"
	apply --min-age 0 --policy-dir rules/test.conf
	ends 2 '' 'ipctool clean: rules/test.conf: *'
	chmod 666 rules/test.conf
	apply --min-age 0
	ends 5 '' 'ipctool clean: rules: *test.conf*'
	[[ $(segments) -eq 1 ]]
}

# ---- what does not go together -----------------------------------------------------------------------------------

@test "usage: what does not go together, or would do nothing" {
	refused '--dry-run: cannot be combined with --apply' --dry-run --apply
	refused "--check-policy: cannot be combined with 'mq'" --check-policy mq
	refused '--check-policy: cannot be combined with --apply' --check-policy --apply
	refused '--check-policy: cannot be combined with --json' --check-policy --json
	refused '--check-policy: cannot be combined with --raw' --check-policy --raw
	refused '--check-policy: cannot be combined with --output' --check-policy -o ref
	refused '--quiet: cannot be combined with --json' --quiet --json
	refused '--quiet: cannot be combined with --output' --quiet -o ref
	refused '--list-columns: cannot be combined with --output' -H -o ref
	refused '--raw: cannot be combined with --json' --json --raw
	for option in '--save there' '--log file' '--lock file' '--max 3'; do
		refused "${option%% *}: goes with --apply; without it nothing is removed" $option
	done
	[[ ! -e there && ! -e file && ! -e lock ]]
}

@test "usage: --include says whose or which, --key of what has keys" {
	refused '--include: somebody may come back for what is suspect: say whose, or which, *' --include suspect
	refused '--include: somebody may come back for what is idle: say whose, or which, *' --include idle shm
	refused "--include: 'orphan' is none of suspect, idle" --include orphan
	refused "--include: '' is none of suspect, idle" --include idle,
	refused "--key: '5432' is not of the form 0x5432, 0x5400-0x54ff or private" --key 5432
	refused "--key: '0x123456789' is not of the form *" --key 0x123456789
	refused "--key: '0x1-' is not of the form *" --key 0x1-
	refused "--key: '0x1-private' is not of the form *" --key 0x1-private
	refused "--key: '0x1 or true' is not of the form *" --key '0x1 or true'
	refused "--key: '0x2-0x1' ends before it begins" --key 0x2-0x1
	refused "--key: 0x0 is IPC_PRIVATE, no key; 'private' means *" --key 0x0
	refused "--key: 0x0 is IPC_PRIVATE, no key; *" --key 0x0-0xff
	refused "--key: 'fifo' has no keys; only System V objects have: mq/sysv, shm/sysv, sem/sysv" --key 0x1 fifo
	refused "--key: 'shm/posix' has no keys; *" --key 0x1 shm/posix sock
}

@test "usage: numbers, durations, columns, kinds, and an empty argument" {
	refused "--min-age: '5' is not of the form 10m, 2h or 1d" --min-age 5
	refused "--min-age: '-1s' is not of the form *" --min-age -1s
	refused "--max: 0 is not 1 or more" --apply --max 0
	refused "--max: 'all' is not a whole number" --apply --max all
	refused "--output: no such column: 'verdct' (did you mean 'verdict'?)" -o verdct
	refused "--filter: *" --filter 'verdict =='
	refused "--owner: no such user: 'no such'" --owner 'no such'
	refused "operand 1 is empty*" ''
	for option in --min-age --include --key --policy --policy-dir --max --save --log --lock --output; do
		refused "$option: the argument is empty" "$option" ''
	done
	for kind in pipe pipe/pipe signal sock/tcp shm/memfd sem/unnamed; do
		refused "$kind: the kernel takes it away with its last user, so nothing is left to clean" "$kind"
		refused "$kind: the kernel takes it away *" shm "$kind"
	done
	run_ipctool clea
	[[ $status -eq 2 && $stderr == "ipctool: clea: write out the command: 'clean' changes things" ]]
}

@test "help: the command, and the proof of each kind" {
	run_ipctool clean --help
	[[ $status -eq 0 && $output == 'Usage: ipctool clean [OPTION]... [CLASS[/KIND] | REF]...'* && $output == *--min-age* ]]
	run_ipctool help shm/sysv
	[[ $output == *'  clean     yes
            unused    '*'
            users     '*'
            best      orphan'* ]] || { echo "$output"; false; }
	run_ipctool help sem/sysv
	[[ $output == *'best      suspect'* ]]
	run_ipctool help pipe
	[[ $output == *'clean     no: the kernel takes it away'* && $output != *best* ]]
}

# ---- exit status ---------------------------------------------------------------------------------------------------

@test "4: what was named is not there; what was chosen and is not there is no failure" {
	apply shm:4711
	ends 4 'removed 0 objects (0 bytes), kept 0' 'ipctool clean: shm:4711: no such object*'
	apply --quiet shm:4711
	ends 4 '' 'ipctool clean: shm:4711: no such object*'
	a=$(garbage)
	apply --min-age 0 shm:4711 "$a"
	ends 4 "removed $a: *" 'ipctool clean: shm:4711: no such object*'
	[[ $(segments) -eq 0 ]]
}

# Who may see that a segment is garbage, and not remove it.
weak() {
	_fx_prefix=(setpriv --bounding-set "-sys_admin" --inh-caps "-sys_admin" --)
	"$@"
	_fx_prefix=()
}

@test "5 and 3: a removal that fails, and failures of different causes" {
	need_root
	chmod 777 .
	a=$(as_user nobody garbage) b=$(garbage)
	weak apply --min-age 0
	[[ $status -eq 5 && $stderr == "ipctool clean: $a: "* && $output == *"removed $b: "*"removed 1 object (8K), kept 0, failed 1"* ]] ||
		{ echo "$status: $output, $stderr"; false; }
	weak apply --min-age 0 --json
	[[ $status -eq 5 ]]
	sums failed=1 applied=true
	holds "$output" '' '.objects[0].result == "failed"' '.errors[0].what == "'"$a"'"' '.errors[0].errno == 1' '.objects[0].why != null'
	weak apply --min-age 0 --quiet "$a" shm:4711
	[[ $status -eq 3 && -z $output && ${#stderr_lines[@]} -eq 2 ]] || { echo "$status: $output, $stderr"; false; }
	[[ $(segments) -eq 1 ]]
}

@test "3: --strict, when not all could be seen" {
	if ((EUID == 0)); then skip "root sees all"; fi
	dry --scan / fifo
	[[ $status -eq 0 ]]
	dry --strict fifo
	[[ $output == *'; not everything could be looked at (-v says what)' ]]
	ends 3 '*' 'ipctool clean: not all could be read: *'
	dry --strict --json fifo
	[[ $status -eq 3 ]]
	json_valid "$output"
	holds "$output" '' '.complete == false' '.errors | length > 0'
}

@test "6: another run has the lock; JSON says so in a document" {
	garbage >/dev/null
	python3 -c '
import fcntl, time
file = open("lock", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
open("held", "w").close()
time.sleep(1000)' 3>&- 4>&- &
	holder=$!
	eventually test -e held
	apply --min-age 0
	[[ $status -eq 6 && -z $output && $stderr == 'ipctool clean: '* && ${#stderr_lines[@]} -eq 1 ]] || { echo "$status: $output, $stderr"; false; }
	apply --min-age 0 --json
	[[ $status -eq 6 ]]
	json_valid "$output"
	sums applied=true
	holds "$output" '' '.objects == []' '.complete == false' '.errors == [{what: "lock", errno: 16, why: "another cleaning holds it"}]'
	apply --min-age 0 --jsonl
	holds "$output" '' '.end' '.errors[0].errno == 16'
	dry --min-age 0
	ends 0 '*would remove 1 object (8K), kept 0'
	[[ $(segments) -eq 1 ]]
	kill "$holder"
}

@test "--max: stops, says so also when quiet, and that is no failure" {
	for _ in 1 2 3 4; do garbage >/dev/null; done
	apply --min-age 0 --max 1
	ends 0 'removed shm:*
removed 1 object (8K), kept 3' 'ipctool clean: --max: stopped after 1; 3 more may go'
	apply --min-age 0 --max 1 --quiet
	ends 0 '' 'ipctool clean: --max: stopped after 1; 2 more may go'
	apply --min-age 0 --max 1 --json
	sums removed=1 kept=1 applied=true stopped=true
	holds "$output" '' '[.objects[] | select(.result == "kept")][0].verdict == "remove"'
	apply --min-age 0 --max 1
	ends 0 'removed shm:*
removed 1 object (8K), kept 0'
	apply --min-age 0 --max 1
	ends 0 'removed 0 objects (0 bytes), kept 0'
}

@test "--quiet: nothing when nothing is wrong, on a terminal too" {
	garbage >/dev/null
	apply --min-age 0 --quiet
	ends 0 ''
	[[ $(segments) -eq 0 ]]
	dry --quiet
	ends 0 ''
	command -v script >/dev/null || skip "no script(1)"
	run script -qefc "'$IPCTOOL' clean --quiet --policy-dir rules fifo" /dev/null </dev/null
	[[ $status -eq 0 && -z $output ]]
}

@test "output that takes nothing: what was begun is finished, and a full disk is exit status 1" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	many 1500
	run --separate-stderr bash -c 'exec "$@" >/dev/full' - "$IPCTOOL" clean "${acting[@]}" --min-age 0
	[[ $status -eq 1 && $stderr == 'ipctool clean: standard output: No space left on device' && $(segments) -eq 0 ]] ||
		{ echo "$status: $stderr, $(segments) left"; false; }
	many 1500
	run --separate-stderr bash -c '"$@" | true; exit "${PIPESTATUS[0]}"' - "$IPCTOOL" clean "${acting[@]}" --min-age 0 --json
	[[ $status -eq 0 && -z $stderr && $(segments) -eq 0 ]] || { echo "$status: $stderr, $(segments) left"; false; }
	many 10
	run --separate-stderr bash -c 'exec "$@" >/dev/full' - "$IPCTOOL" clean "${chosen[@]}" --min-age 0 --json
	[[ $status -eq 1 && $stderr == 'ipctool clean: standard output: No space left on device' && $(segments) -eq 10 ]]
	run --separate-stderr bash -c '"$@" | head -1; exit "${PIPESTATUS[0]}"' - "$IPCTOOL" clean "${chosen[@]}" --min-age 0
	[[ $status -eq 0 && -z $stderr && $output == REF* ]]
}

# ---- signals, and others at the same time --------------------------------------------------------------------------

# slow COMMAND...: in the background, with standard output into the file "output" through a pipe that is read so slowly that the
# command is soon held back by it, and standard error into "error". Sets pid, and reader.
slow() {
	rm -f reads output
	[[ -p slow ]] || mkfifo slow
	python3 -c '
import os, sys, time
open("reads", "w").close()
while data := os.read(0, 4096):
    os.write(1, data)
    time.sleep(float(sys.argv[1]))' "${pause-0.01}" <slow >output 3>&- 4>&- &
	reader=$!
	{
		exec 3>&- 4>&-
		until [[ -e reads ]]; do sleep 0.01; done
		exec "$@"
	} >slow 2>error &
	pid=$!
}

# interrupted SIGNAL ARGUMENT...: a cleaning of 3000 segments that gets the signal once some are gone. Sets status and left.
interrupted() {
	many 3000
	slow "$IPCTOOL" clean "${acting[@]}" --min-age 0 "${@:2}"
	eventually eval '(($(segments) < 3000))'
	kill "-$1" "$pid"
	status=0
	wait "$pid" || status=$?
	wait "$reader"
	left=$(segments)
	((left)) || { echo "it was faster than the signal"; return 1; }
}

@test "SIGTERM: what is in hand is finished, the sum is true, and the signal is what it ended by" {
	interrupted TERM
	[[ $status -eq 143 ]]
	[[ $(grep -c '^removed shm:' output) -eq $((3000 - left)) ]]
	[[ $(tail -1 output) == "removed $((3000 - left)) objects (0 bytes), kept "* ]] || { tail -1 output; false; }
	[[ $(<error) == "ipctool clean: interrupted: $((3000 - left)) removed" ]] || { cat error; false; }
	# The lock is free again, and the next run finishes the job.
	apply --min-age 0 shm
	[[ $status -eq 0 && ${lines[-1]} == "removed $left objects (0 bytes), kept 0"* && $(segments) -eq 0 ]] ||
		{ echo "$status, $left were left: ${lines[-1]}, $stderr"; false; }
}

@test "SIGHUP with JSON: one document all the same" {
	interrupted HUP --json
	output=$(<output)
	json_valid "$output"
	[[ $status -eq 129 ]]
	holds "$output" '' ".summary.removed == $((3000 - left))" '.complete == false' \
		"[.objects[] | select(.result == \"removed\")] | length == $((3000 - left))" '.errors[-1].errno == 4'
}

@test "SIGTERM while nobody reads the output: it ends all the same" {
	many 3000
	pause=1000 slow "$IPCTOOL" clean "${acting[@]}" --min-age 0 --json
	eventually eval '(($(segments) < 3000))'
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	kill "$reader"
	left=$(segments)
	[[ $status -eq 143 && $left -gt 0 && $(<error) == "ipctool clean: interrupted: $((3000 - left)) removed" ]] ||
		{ echo "$status, $left left: $(<error)"; false; }
}

@test "SIGTERM in a dry run: JSON is complete, a table ends at once" {
	many 3000
	slow "$IPCTOOL" clean "${chosen[@]}" --json
	eventually test -s output
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	wait "$reader"
	[[ $status -eq 143 ]]
	output=$(<output)
	json_valid "$output"
	holds "$output" '' '.summary.kept == (.objects | length)' '.summary.kept < 3000' '.summary.removed == 0' '.complete == false'
	slow "$IPCTOOL" clean "${chosen[@]}" -o ref,evidence,handle,why,used
	eventually test -s output
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	wait "$reader"
	[[ $status -eq 143 ]]
}

@test "a signal that is ignored, as nohup(1) does, stops nothing" {
	many 3000
	slow bash -c 'trap "" HUP; exec "$@"' - "$IPCTOOL" clean "${acting[@]}" --min-age 0
	eventually eval '(($(segments) < 3000))'
	kill -HUP "$pid"
	wait "$pid"
	wait "$reader"
	[[ $(segments) -eq 0 && ! -s error && $(tail -1 output) == 'removed 3000 objects'* ]]
}

@test "two at once: each segment is removed by one of them, and no failure" {
	many 3000
	"$IPCTOOL" clean --apply --no-syslog --lock other --policy-dir rules --min-age 0 --json >other.json 2>error 3>&- 4>&- &
	pid=$!
	apply --min-age 0 --json
	wait "$pid"
	[[ $status -eq 0 && -z $stderr && ! -s error && $(segments) -eq 0 ]] || { echo "$status: $stderr $(<error)"; false; }
	(($(jq .summary.removed <<<"$output") + $(jq .summary.removed other.json) == 3000))
	[[ $(jq .summary.failed <<<"$output") -eq 0 && $(jq .summary.failed other.json) -eq 0 ]]
}

@test "--if-no-process: certain, or nothing is removed and the status is 6" {
	complains clean 2 '--if-no-process: whose? It goes with --owner' --if-no-process
	many 1
	# In a pid namespace of its own nothing is certain; and whoever asks has a process.
	complains clean 6 '--if-no-process: nothing is removed: processes outside this pid namespace cannot be seen' "${acting[@]}" \
		--min-age 0 --owner "$(id -u)" --if-no-process
	[[ $(segments) -eq 1 ]]
}

@test "progress on a terminal's standard error, when it takes its time; not with --quiet, and not in a pipe" {
	command -v script >/dev/null || skip "script(1) is not installed"
	many 1500
	script -qec "$IPCTOOL clean ${acting[*]} --min-age 0 --save saved --quiet" /dev/null >quiet </dev/null
	[[ ! -s quiet ]] || { cat -v quiet; false; }
	many 1500
	script -qec "$IPCTOOL clean ${acting[*]} --min-age 0 --save again >/dev/null" /dev/null >seen </dev/null
	grep -q '1500 may go, [0-9]* removed' seen || { cat -v seen; false; }
	[[ $(<seen) == *' removed'$'\033[K\r\033[K'* ]] || { cat -v seen; false; }
}
