#!/usr/bin/env bats
# set.bats: what `set` does alike for all kinds: its grammar, before and after, all or nothing, exit codes.

load helpers

setup() {
	unset unset
}

teardown() {
	"$IPCTOOL" remove --quiet --force=held --all mq sem shm 2>/dev/null
	release_all
}

# fails STATUS MESSAGE ARGUMENT...: nothing on standard output, and this line alone on standard error.
fails() {
	complains set "$@"
}

@test "2: what is no reference and no setting changes nothing" {
	local ref
	ref=$("$IPCTOOL" create --mode 600 mq/sysv)
	fails 2 'which object, and which settings? Write REF NAME=VALUE...'
	fails 2 'which object, and which settings? Write REF NAME=VALUE...' "$ref"
	fails 2 'which object, and which settings? Write REF NAME=VALUE...' mode=640
	fails 2 'operand 1 is empty (an unset variable?)' "$unset" mode=640
	fails 2 'operand 2 is empty (an unset variable?)' "$ref" "$unset"
	fails 2 'mode: its value is empty (an unset variable?)' "$ref" "mode=$unset"
	fails 2 'mode: not of the form NAME=VALUE, as in mode=0640' "$ref" mode
	fails 2 '=640: not of the form NAME=VALUE, as in mode=0640' "$ref" =640
	fails 2 "mod: no such setting (did you mean 'mode'?)" "$ref" mod=640
	fails 2 "mode: '9' is not of the form 0640" "$ref" mode=9
	fails 2 'mode: given twice' "$ref" mode=640 mode=644
	fails 2 'mq: one object is asked for: write a reference, as in mq:/name or sem:32768' mq mode=640
	fails 2 "$ref: set of mq/sysv does not take size; it takes mode, owner, group, max-bytes" "$ref" size=5
	run_ipctool set "$ref" frobnicate=1
	[[ $status -eq 2 && $stderr == 'ipctool set: frobnicate: no such setting: there are mode, owner, '* ]]
	# One that is wrong spoils the others.
	run_ipctool set "$ref" mode=640 owner=no.such.user
	[[ $status -eq 2 && -z $output ]]
	[[ $("$IPCTOOL" show -o mode -n -r "$ref") == 0600 ]]
}

@test "2: kinds that have nothing to set say so" {
	fixture f memfd
	local ref
	for ref in "signal:$$" "$("$IPCTOOL" list -q shm/memfd | head -n 1)"; do
		run_ipctool set "$ref" mode=600
		[[ $status -eq 2 && -z $output && $stderr == "ipctool set: $ref: "* && $stderr != *"not there yet"* ]] ||
			{ echo "$ref: $status $stderr"; false; }
	done
}

@test "before and after, in columns" {
	local ref
	ref=$("$IPCTOOL" create --mode 600 --max-bytes 4096 mq:0x51)
	run_ipctool set mq:0x51 mode=0640
	[[ $status -eq 0 && -z $stderr && $output == "$ref: mode 0600 -> 0640" ]]
	run_ipctool set "$ref" mode=600 max-bytes=1K
	[[ $status -eq 0 && ${lines[0]} == "$ref: mode      0640 -> 0600" && ${lines[1]} == "$ref: max-bytes 4096 -> 1024" ]]
	[[ $("$IPCTOOL" show -o mode,max_bytes -n -r "$ref") == $'0600\t1024' ]]
}

@test "values of semaphores: all, a list, single ones" {
	local ref
	ref=$("$IPCTOOL" create --number 3 --value 1,0,3 sem/sysv)
	run_ipctool set "$ref" 'value[2]=9' 'value[0]=4'
	[[ $status -eq 0 && ${lines[0]} == "$ref: value[2] 3 -> 9" && ${lines[1]} == "$ref: value[0] 1 -> 4" ]]
	run_ipctool set "$ref" value=7
	[[ $status -eq 0 && $output == "$ref: value 4,0,9 -> 7,7,7" ]]
	run_ipctool set "$ref" value=1,2,3
	[[ $status -eq 0 && $output == "$ref: value 7,7,7 -> 1,2,3" ]]
	fails 2 'value[1]: semaphore 1 is given twice' "$ref" 'value[1]=1' 'value[1]=2'
	fails 2 'value: given twice' "$ref" 'value[1]=1' value=2
	run_ipctool set "$ref" 'value[3]=1' 'value[0]=0'
	[[ $status -eq 2 && $("$IPCTOOL" show --json "$ref" | jq -c '[.objects[0].values[].value]') == '[1,2,3]' ]]
	run_ipctool set --json "$ref" value=4 'mode=600'
	holds "$output" '' '.changes[0].before == [1,2,3] and .changes[0].after == [4,4,4]' '.changes[1].after == "0600"'
}

@test "JSON, also of failures" {
	local ref
	ref=$("$IPCTOOL" create --mode 600 --max-bytes 4096 mq/sysv)
	run_ipctool set --json "$ref" mode=640 max-bytes=1K
	json_valid "$output"
	[[ $status -eq 0 && -z $stderr && $(jq -r '.changes[0].ref' <<<"$output") == "$ref" ]]
	holds "$output" '' '.schema == 1 and .complete and .errors == []' \
		'[.changes[] | .setting, .before, .after] == ["mode", "0600", "0640", "max-bytes", 4096, 1024]'
	run_ipctool set --json mq:77777 mode=640
	[[ $status -eq 4 && $stderr == 'ipctool set: mq:77777: no such object'* ]]
	holds "$output" '' '.changes == [] and (.complete | not)' '.errors | length == 1' '.errors[0].what == "mq:77777" and .errors[0].errno == 2'
	run_ipctool set --json "$ref" size=1
	[[ $status -eq 2 ]]
	holds "$output" '' '.changes == [] and .errors[0].errno == 22'
	run_ipctool set --json "signal:$$" mode=1
	[[ $status -eq 2 ]]
	holds "$output" '' '.changes == [] and (.errors | length) == 1'
}

@test "4: missing, and replaced" {
	local handle ref
	run_ipctool set mq:77777 mode=600
	[[ $status -eq 4 && -z $output && $stderr == 'ipctool set: mq:77777: no such object'* ]]
	handle=$("$IPCTOOL" create --handle --mode 600 mq:0x51)
	ref=mq:${handle##*:}
	run_ipctool set "$handle" mode=640
	[[ $status -eq 0 ]]
	run_ipctool set "${handle/0x00000051/0x00000052}" mode=600
	[[ $status -eq 4 && $stderr == *": replaced: this name is now that of $ref" ]]
	[[ $("$IPCTOOL" show -o mode -n -r "$ref") == 0640 ]]
}

@test "5: somebody else's" {
	need_root
	local ref
	ref=$("$IPCTOOL" create --mode 644 mq/sysv)
	as_user nobody run_ipctool set "$ref" mode=600
	[[ $status -eq 5 && -z $output && $stderr == "ipctool set: $ref: "* ]] || { echo "$status $stderr"; false; }
	[[ $("$IPCTOOL" show -o mode -n -r "$ref") == 0644 ]]
}

@test "help names the settings" {
	run_ipctool set --help
	[[ $status -eq 0 && $output == *$'\nSettings:\n'*'  mode=MODE '*'  value=N'* && $output != *'  number='* ]]
}

@test "JSON of a reference that is none says so" {
	run_ipctool set --json mq:bad:x mode=0600
	[[ $status -eq 2 ]]
	json_valid "$output"
	holds "$output" '' '.changes == []' '.errors[0].what == "mq:bad:x"' '.errors[0].why | startswith("not a locator")'
}
