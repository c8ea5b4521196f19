#!/usr/bin/env bats
# remove.bats: what `remove` does alike for all kinds: its grammar, selections, formats, exit codes, and what it never does.

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
	complains remove "$@"
}

# made [N]: as many queues that are the caller's alone, so that a doubt about them is no obstacle; sets refs.
made() {
	local j
	refs=()
	for ((j = 0; j < ${1-1}; j++)); do
		refs+=("$("$IPCTOOL" create --mode 600 mq/sysv)")
	done
}

# there REF...: these queues, and no others.
there() {
	[[ $("$IPCTOOL" list -q mq | sort) == "$(printf '%s\n' "$@" | sort)" ]] || { "$IPCTOOL" list mq; return 1; }
}

# ---- what never removes anything ------------------------------------------------------------------------------

@test "2: no operand, an empty one, an empty locator: nothing is removed" {
	made 2
	fails 2 'which objects? Name a reference, or a class with a selection'
	fails 2 'which objects? Name a reference, or a class with a selection' --all
	fails 2 'which objects? Name a reference, or a class with a selection' --owner "$(id -un)" --force=held
	fails 2 'operand 1 is empty (an unset variable?)' "$unset"
	fails 2 'operand 2 is empty (an unset variable?)' --force=held "${refs[0]}" "$unset"
	fails 2 'operand 1 is empty (an unset variable?)' --all --force=held "$unset"
	local class word option
	for class in pipe fifo mq shm sem sock signal; do
		for word in "$class:$unset" "$class@$unset:1" "$class+$unset:1" "$class@1:$unset" "$class/$unset"; do
			for option in '' --all --force=held --owner=root; do
				# shellcheck disable=SC2086 # none is no word
				run_ipctool remove $option "${refs[0]}" "$word"
				[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 ]] ||
					{ echo "$option $word: $status $output $stderr"; false; }
			done
		done
	done
	there "${refs[@]}"
}

@test "2: a class without a selection" {
	made
	local advice='say which of them, as with --state=orphan or --owner=USER, or --all for all' option
	fails 2 "mq: $advice" mq
	fails 2 "mq/sysv: $advice" mq/sysv
	fails 2 "mq: $advice" "${refs[0]}" mq
	# What widens is no selection, nor is what says how.
	for option in --force=held --scan=. "--namespace=$$" --all-namespaces --dry-run --missing-ok --literal; do
		fails 2 "mq: $advice" "$option" mq
	done
	fails 2 "--all: goes with a class, as in 'remove --all mq'" --all "${refs[0]}"
	for option in --owner --holder --state --older-than --larger-than --match --filter; do
		fails 2 "$option: the argument is empty" "$option=$unset" mq
	done
	there "${refs[@]}"
}

@test "2: wrong options and words" {
	made
	fails 2 "--force: 'all' is none of unknown, held" --force=all "${refs[0]}"
	fails 2 "--force: '${refs[0]}' is none of unknown, held" --force "${refs[0]}"
	fails 2 '--jsonl: cannot be combined with --json' --json --jsonl "${refs[0]}"
	run_ipctool remove bogus --all
	[[ $status -eq 2 && -z $output && $stderr == 'ipctool remove: bogus: '* ]]
	run_ipctool remove mq/bogus --all
	[[ $status -eq 2 && -z $output && $stderr == 'ipctool remove: mq/bogus: '* ]]
	there "${refs[@]}"
}

@test "2: kinds without it say why, and the others go on" {
	local word
	for word in pipe signal pipe/pipe shm/memfd shm/anon shm/file sem/unnamed sock/netlink; do
		run_ipctool remove --all "$word"
		[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool remove: $word: "* &&
			$stderr != *"not there yet"* ]] || { echo "$word: $status: $output: $stderr"; false; }
	done
	made
	run_ipctool remove "signal:$$" "${refs[0]}"
	[[ $status -eq 2 && $output == "removed ${refs[0]}"* && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool remove: signal:$$: "* ]]
	run_ipctool remove --json "signal:$$"
	holds "$output" '' '.results | length == 1' '.results[0].result == "failed"'
}

@test "a prefix removes nothing" {
	made
	local word
	for word in r re rem remov; do
		run_ipctool "$word" "${refs[0]}"
		[[ $status -eq 2 && -z $output ]]
	done
	there "${refs[@]}"
	run_ipctool rm "${refs[0]}"
	[[ $status -eq 0 && $output == "removed ${refs[0]}"* ]]
}

# ---- what is removed ------------------------------------------------------------------------------------------

@test "named ones, each once, and the others stay" {
	made 4
	run_ipctool remove "${refs[1]}" "${refs[2]}" "${refs[1]}" "$("$IPCTOOL" show -o handle -n -r "${refs[2]}")"
	[[ $status -eq 0 && -z $stderr && ${#lines[@]} -eq 2 && ${lines[0]} == "removed ${refs[1]}"* && ${lines[1]} == "removed ${refs[2]}"* ]] ||
		{ echo "$status $output $stderr"; false; }
	there "${refs[0]}" "${refs[3]}"
	run_ipctool remove --quiet "${refs[0]}"
	[[ $status -eq 0 && -z $output && -z $stderr ]]
	there "${refs[3]}"
}

@test "a selection limits a class, and what is named as well" {
	made 3
	"$IPCTOOL" set "${refs[1]}" max-bytes=4096
	run_ipctool remove --filter 'max_bytes == 4096' mq "${refs[0]}" "${refs[1]}"
	[[ $status -eq 0 && -z $stderr && ${#lines[@]} -eq 1 && $output == "removed ${refs[1]}"* ]]
	there "${refs[0]}" "${refs[2]}"
	run_ipctool remove --owner "$(id -u)" --older-than 100d mq
	[[ $status -eq 0 && -z $output && -z $stderr ]]
	local kept
	kept=$("$IPCTOOL" create --number 1 sem/sysv)
	run_ipctool remove --all mq/sysv
	[[ $status -eq 0 && ${#lines[@]} -eq 2 ]]
	there
	[[ $("$IPCTOOL" list -q sem) == "$kept" ]]
}

@test "dry run: what would happen, and nothing happens" {
	made 2
	run_ipctool remove --dry-run --all mq
	[[ $status -eq 0 && ${#lines[@]} -eq 2 && ${lines[0]} == "would remove ${refs[0]}"* ]]
	run_ipctool remove -n -i "${refs[0]}" </dev/null
	[[ $status -eq 0 && $output == "would remove ${refs[0]}"* && -z $stderr ]]
	there "${refs[@]}"
}

@test "interactive: only yes removes" {
	made 6
	run --separate-stderr "$IPCTOOL" remove -i "${refs[@]}" < <(printf '\nn\nYES\nyesterday\ny')
	[[ $status -eq 0 && ${#lines[@]} -eq 6 ]]
	[[ ${lines[0]} == "kept ${refs[0]}" && ${lines[1]} == "kept ${refs[1]}" && ${lines[2]} == "removed ${refs[2]}"* ]]
	[[ ${lines[3]} == "kept ${refs[3]}" && ${lines[4]} == "removed ${refs[4]}"* && ${lines[5]} == "kept ${refs[5]}" ]]
	[[ $stderr == "remove ${refs[0]} (mq/sysv, "*")? remove ${refs[1]} (mq/sysv, "* ]]
	there "${refs[0]}" "${refs[1]}" "${refs[3]}" "${refs[5]}"
	run --separate-stderr bash -c 'exec "$@" <&-' - "$IPCTOOL" remove -i "${refs[0]}"
	[[ $status -eq 0 && $output == "kept ${refs[0]}" ]]
	# What would be refused is not asked about.
	fixture busy mq-sysv waiter=recv
	run --separate-stderr "$IPCTOOL" remove -i "mq:$(fx busy .id)" <<<y
	[[ $status -eq 6 && -z $output && $stderr == "ipctool remove: mq:$(fx busy .id): in use: "* ]] || { echo "$status $stderr"; false; }
}

# ---- JSON -----------------------------------------------------------------------------------------------------

@test "JSON: one document, or lines" {
	made 2
	fixture busy mq-sysv waiter=recv
	local busy
	busy=mq:$(fx busy .id)
	run_ipctool remove --json "${refs[0]}" "$busy" mq:77777
	json_valid "$output"
	[[ $status -eq 3 ]]
	holds "$output" '' '.schema == 1' '.results | length == 2' '[.results[].result] == ["removed", "refused"]' \
		'.results[0] | .class == "mq" and .kind == "sysv" and .name == null and .why == null and (.handle | startswith("mq+"))' \
		'.results[1].note == null and (.results[1].why | startswith("in use: "))' \
		'(["mq:77777", "'"$busy"'"] - [.errors[].what]) == []' '(.errors | length) == 2 or (root | not)'
	run_ipctool remove --jsonl --dry-run "${refs[1]}"
	[[ $status -eq 0 && ${#lines[@]} -eq 2 ]]
	holds "${lines[0]}" '' '.ref == "'"${refs[1]}"'" and .result == "would-remove"'
	holds "${lines[1]}" '' '.end and (.errors == [] or (root | not))'
	run_ipctool remove --json mq/posix --all
	json_valid "$output"
	holds "$output" '' '.results == []'
	run --separate-stderr "$IPCTOOL" remove --json -i "${refs[1]}" <<<n
	holds "$output" '' '[.results[].result] == ["kept"]'
}

# ---- exit codes -----------------------------------------------------------------------------------------------

@test "4: named and missing, unless that is all right; 4: replaced, in any case" {
	made
	local handle other
	run_ipctool remove mq:77777 "${refs[0]}"
	[[ $status -eq 4 && $output == "removed ${refs[0]}"* && $stderr == 'ipctool remove: mq:77777: no such object'* ]]
	run_ipctool remove --missing-ok mq:77777 "${refs[0]}"
	[[ $status -eq 0 && -z $output && -z $stderr ]]
	made
	handle=$("$IPCTOOL" show -o handle -n -r "${refs[0]}")
	other=${handle/0x00000000/0x00000051}
	run_ipctool remove --missing-ok --force=held "$other"
	[[ $status -eq 4 && -z $output && $stderr == "ipctool remove: $other: replaced: this name is now that of ${refs[0]}" ]]
	there "${refs[@]}"
	# A selection that chooses nothing is done.
	run_ipctool remove --match '/no.such.name*' mq
	[[ $status -eq 0 && -z $output && -z $stderr ]]
}

@test "5: denied" {
	need_root
	made
	"$IPCTOOL" set "${refs[0]}" mode=666
	as_user nobody run_ipctool remove --force=held "${refs[0]}"
	[[ $status -eq 5 && -z $output && $stderr == "ipctool remove: ${refs[0]}: "* ]] || { echo "$status $stderr"; false; }
	as_user nobody run_ipctool remove --force=held --json "${refs[0]}"
	holds "$output" '' '.results[0].result == "denied"'
	there "${refs[@]}"
}

@test "6: in use, with who it is; --force=held overrides" {
	fixture busy mq-sysv waiter=recv "$HOSTILE_COMM"
	local busy pid
	busy=mq:$(fx busy .id) pid=$(fx busy .waiter.pid)
	run_ipctool remove "$busy"
	[[ $status -eq 6 && -z $output && $stderr == "ipctool remove: $busy: in use: "*"$pid (a) b (c)"*'(--force=held overrides)' ]] ||
		{ echo "$status $stderr"; false; }
	run_ipctool remove --force=unknown "$busy"
	[[ $status -eq 6 ]]
	run_ipctool remove --force=held "$busy"
	[[ $status -eq 0 && $output == "removed $busy"* ]]
}

@test "6: what others have access to, where a user cannot be excluded; --force=unknown overrides" {
	local ref
	ref=$("$IPCTOOL" create --mode 666 mq/sysv)
	[[ $("$IPCTOOL" show -o state -n -r "$ref") == unknown ]] || skip "everything is known here"
	run_ipctool remove "$ref"
	[[ $status -eq 6 && -z $output && $stderr == "ipctool remove: $ref: may be in use: "*'(--force=unknown overrides)' ]]
	run_ipctool remove --force=unknown "$ref"
	[[ $status -eq 0 && $output == "removed $ref" ]]
	# The caller's own, and nobody else's: a warning.
	made
	run_ipctool remove "${refs[0]}"
	[[ $status -eq 0 && $output == "removed ${refs[0]}: whether it is in use could not be told; it was yours alone" ]]
}

@test "several causes are 3, one cause is its own" {
	fixture busy mq-sysv waiter=recv
	local busy
	busy=mq:$(fx busy .id)
	run_ipctool remove mq:77777 "$busy"
	[[ $status -eq 3 && ${#stderr_lines[@]} -eq 2 ]]
	run_ipctool remove mq:77777 mq:77778
	[[ $status -eq 4 && ${#stderr_lines[@]} -eq 2 ]]
	run_ipctool remove --all mq
	[[ $status -eq 6 && ${#stderr_lines[@]} -eq 1 ]]
}

@test "a reader that goes does not stop it half-way" {
	made 20
	run --separate-stderr bash -c '"$1" remove --all mq | true; echo "${PIPESTATUS[0]}"' - "$IPCTOOL"
	[[ $output == 0 && -z $stderr ]]
	there
	made 2
	[[ -w /dev/full ]] || skip "no /dev/full"
	run --separate-stderr bash -c '"$1" remove --all mq >/dev/full' - "$IPCTOOL"
	[[ $status -eq 1 && $stderr == 'ipctool remove: standard output: No space left on device' ]]
	there
}

# ---- while it runs --------------------------------------------------------------------------------------------

@test "an interruption comes between two objects, and says how far it got" {
	made 3
	mkfifo answers
	(trap - INT TERM; exec "$IPCTOOL" remove --json -i "${refs[@]}" <answers >out 2>err 3>&-) &
	local pid=$! code=0 answers
	exec {answers}>answers
	echo y >&"$answers"
	eventually grep -q "remove ${refs[1]} " err
	kill -TERM "$pid"
	wait "$pid" || code=$?
	exec {answers}>&-
	[[ $code -eq 143 && $(tail -n 1 err) == *'ipctool remove: interrupted: 1 removed' ]] || { echo "$code"; cat err; false; }
	json_valid "$(<out)"
	holds "$(<out)" '' '.results[0].result == "removed"' '(.complete | not)' '.errors[-1].errno == 4'
	there "${refs[1]}" "${refs[2]}"
}

@test "two at once: what the other one removed is no failure of a selection" {
	made 200
	"$IPCTOOL" remove --all mq >out1 2>err1 3>&- &
	local first=$! code=0
	"$IPCTOOL" remove --all mq >out2 2>err2 3>&- || code=$?
	[[ $code -eq 0 ]]
	wait "$first"
	[[ -z $(cat err1 err2) ]]
	there
	[[ $(grep -h '^removed ' out1 out2 | wc -l) -eq 200 && -z $(grep -h '^removed ' out1 out2 | sort | uniq -d) ]]
}

@test "names of any bytes are removed as they are printed" {
	mkfifo $'new\nline\x01 \xff\\' other
	local ref
	ref=$("$IPCTOOL" list -q --scan . fifo | grep -F 'new')
	run_ipctool remove --force=unknown "$ref"
	[[ $status -eq 0 && $output == "removed $ref"* && $(ls) == other ]] || { echo "$status $output $stderr"; false; }
}

@test "help of a kind says which verbs it has" {
	local kind verb
	run_ipctool help mq/sysv
	[[ $status -eq 0 && ${lines[0]} == 'mq/sysv: System V message queue (msgget)' ]]
	[[ $output == *$'\n  create    yes: mode, owner, group, key'* && $output == *$'\n  post      no: '* && $output == *$'\n  remove    yes'* ]]
	run_ipctool help mq
	[[ $status -eq 0 && $output == 'mq/sysv: '*$'\n\nmq/posix: '* ]]
	run_ipctool help mq/bogus
	[[ $status -eq 2 && $stderr == "ipctool help: mq/bogus: no such kind; 'ipctool help' lists them" ]]
	# Every kind answers for every verb, in one sentence.
	for kind in $("$IPCTOOL" __complete 2 ipctool list '' | cut -f 1 | grep '^[a-z]*/[a-z]*$'); do
		run_ipctool help "$kind"
		[[ $status -eq 0 && $output != *"not there yet"* ]]
		for verb in create set send receive post wait remove; do
			[[ $(grep -cE "^  $verb +(yes|no: [a-z\"0-9A-Z].*)" <<<"$output") -eq 1 ]] || { echo "$kind: $verb"; false; }
		done
	done
}
