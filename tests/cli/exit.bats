#!/usr/bin/env bats
# exit.bats: every exit status that list and show can have, each with its one line on standard error.
# A failed write to standard output (1) is in output.bats, options and expressions (2) are in selection.bats.

load helpers

# ends STATUS MESSAGE ARGUMENT...: nothing on standard output, and this line alone on standard error.
ends() {
	local want=$1 message=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $want && -z $output && $stderr == "ipctool $1: $message" ]] ||
		{ echo "$*: $status: $output: $stderr"; return 1; }
}

# What follows when not everything could be looked at.
missing() {
	if ((EUID == 0)); then echo "no such object"; else echo "no such object among those that could be read"; fi
}

# ---- 0 and 1 -------------------------------------------------------------------------------------------------

@test "0: done, also when there is nothing" {
	local command
	for command in 'list mq/sysv' 'list --count mq/sysv' 'show mq/sysv' 'list -q mq/sysv' 'list -H' '--help' 'help show'; do
		run_ipctool $command
		[[ $status -eq 0 && -z $stderr ]] || { echo "$command: $status $stderr"; false; }
	done
}

@test "1: without /proc" {
	need_root
	# The loader finds the library by /proc, too. A sanitizer's own lines begin with ==.
	LD_LIBRARY_PATH=$IPCTOOL_BUILD ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 run --separate-stderr \
		unshare --mount bash -c 'mount -t tmpfs none /proc && exec "$1" list' - "$IPCTOOL"
	[[ $status -eq 1 && -z $output && $(grep -v ^== <<<"$stderr") == 'ipctool list: /proc cannot be read: it is not mounted' ]]
}

# ---- 2: usage ------------------------------------------------------------------------------------------------

@test "2: nothing to show, and empty operands: they never mean everything" {
	unset unset
	fixture q mq-sysv
	ends 2 'which objects? Name a reference, a class or a path' show
	ends 2 'operand 1 is empty (an unset variable?)' show "$unset"
	ends 2 'operand 2 is empty (an unset variable?)' show mq "$unset"
	ends 2 'operand 1 is empty (an unset variable?)' list "$unset"
	ends 2 'operand 1 is empty (an unset variable?)' list --literal "$unset"
	ends 2 'mq:: empty locator; write mq:ID, mq:0xKEY, mq:/name or mq:@MAJOR:MINOR:INODE' show "mq:$unset"
	local class word
	for class in pipe fifo mq shm sem sock signal; do
		for word in "$class:" "$class@:1" "$class+:1" "$class@1:" "$class/" "$class/$class/"; do
			for command in list show; do
				run_ipctool "$command" -- "$word"
				[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $command: $word: "* ]] ||
					{ echo "$command $word: $status $output $stderr"; false; }
			done
		done
	done
	ends 2 "shm:/: empty name: '/'; write shm:ID, shm:0xKEY, shm:/name, shm:file:/path or shm:@MAJOR:MINOR:INODE" show "shm:/$unset"
}

@test "2: what is no reference, with the spelling to use" {
	ends 2 "foo: 'foo' is no class and no reference; write CLASS:LOCATOR, or ./NAME for a file" show foo
	ends 2 "foo:1: unknown class 'foo'; there are pipe, fifo, mq, shm, sem, sock, signal" show foo:1
	ends 2 "mq/foo: no such kind of this class: there are mq/sysv, mq/posix" list mq/foo
	ends 2 "fifo:name: a name needs its slash: 'name'; write fifo:./name" show fifo:name
	ends 2 "mq:name: a name needs its slash: 'name'; write mq:/name" show mq:name
	ends 2 "mq:0x0: '0x0' is IPC_PRIVATE, which names no object; use its id" show mq:0x0
	ends 2 "mq:0x1ffffffff: a key has 32 bits: '0x1ffffffff'" show mq:0x1ffffffff
	ends 2 "mq:99999999999999999999: number too large: '99999999999999999999'" show mq:99999999999999999999
	ends 2 "mq:/a/b: the name of a queue has no slash but the first: '/a/b'" show mq:/a/b
	ends 2 "shm:/../x: a name cannot hold '..': '/../x'" show shm:/../x
	ends 2 'mq:/a\q: bad escape at offset 5: only \xHH is understood; write a backslash as \x5c' show 'mq:/a\q'
	ends 2 'mq:/a\x4: bad escape at offset 5: only \xHH is understood; write a backslash as \x5c' show 'mq:/a\x4'
	ends 2 'fifo:/a\x00b: a path cannot hold a NUL byte: '\''/a\x00b'\' show 'fifo:/a\x00b'
	ends 2 "sem:@1:xyz: not a locator: '@1:xyz'; write sem:ID, sem:0xKEY, sem:/name, sem:@MAJOR:MINOR:INODE or sem:@PID:ADDRESS" \
		show sem:@1:xyz
	# One bad word, and nothing is shown of the good ones.
	fixture q mq-sysv
	ends 2 "foo: 'foo' is no class and no reference; write CLASS:LOCATOR, or ./NAME for a file" show "mq:$(fx q .id)" foo
}

@test "2: a path of another type" {
	: >/tmp/regular
	mkfifo /tmp/fifo
	cd /tmp
	ends 2 '/tmp/regular: exists, but is neither a FIFO nor a socket' show /tmp/regular
	ends 2 './regular: exists, but is neither a FIFO nor a socket' show ./regular
	ends 2 'fifo:/tmp/regular: exists, but is not a FIFO' show fifo:/tmp/regular
	ends 2 'sock:/tmp/fifo: exists, but is not a socket' show sock:/tmp/fifo
	ends 2 'fifo:/tmp: exists, but is not a FIFO' show fifo:/tmp
	ends 2 '/: exists, but is neither a FIFO nor a socket' show /
	ends 2 'shm:file:/tmp/fifo: exists, but is not a regular file' show shm:file:/tmp/fifo
	cd /
	rm /tmp/regular /tmp/fifo
}

@test "2: a reference that several objects answer to lists them" {
	fixture g udp reuseport=2
	run_ipctool show "sock:udp:$(fx g .local)"
	[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 ]]
	local a b
	a="sock:$(fx g '.group[0].inode')" b="sock:$(fx g '.group[1].inode')"
	[[ $stderr == *": ambiguous: several objects answer to it: $a, $b" || $stderr == *": ambiguous: several objects answer to it: $b, $a" ]]
}

# ---- 3: partial ----------------------------------------------------------------------------------------------

@test "3: several references that fail for different reasons" {
	: >/tmp/regular
	run_ipctool show mq:4242 fifo:/tmp/regular
	rm /tmp/regular
	[[ $status -eq 3 && -z $output && ${#stderr_lines[@]} -eq 2 ]]
	[[ ${stderr_lines[0]} == "ipctool show: mq:4242: no such object"* ]]
	[[ ${stderr_lines[1]} == "ipctool show: fifo:/tmp/regular: exists, but is not a FIFO" ]]
}

@test "3: a column of -o that could not be read; without it, 0" {
	need_root
	fixture s sem-sysv mode=600 values=1
	as_user nobody ends_with_values 3
	as_user nobody run_ipctool list --json -o ref,values sem/sysv
	[[ $status -eq 3 ]]
	holds "$output" s '.complete == false' '.objects == [{ref: "sem:\($f.id)", values: null}]' '.errors | length == 1' \
		'.errors[0] == {what: "values of 1 semaphore set", errno: 13,
			why: "reading values needs read permission, or CAP_IPC_OWNER (root)"}'
	as_user nobody run_ipctool list --json -o ref,mode sem/sysv
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' '.complete' '.errors == []'
}

ends_with_values() {
	run_ipctool list -n -o ref,values sem/sysv
	[[ $status -eq $1 && $output == "sem:$(fx s .id) -" ]]
	[[ $stderr == 'ipctool list: not all could be read: values of 1 semaphore set (reading values needs read permission, or CAP_IPC_OWNER (root))' ]]
}

@test "3: a kind that the kernel does not answer for, when it is asked for" {
	local kind
	for kind in sctp dccp vsock xdp none; do
		[[ $kind != none ]] || skip "this kernel answers for all"
		run_ipctool list --jsonl "sock/$kind"
		((status == 0)) || break
	done
	[[ $status -eq 3 && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool list: sock/$kind: "*": not available in this kernel" ]]
	holds "$output" '' '.end' '.complete == false' ".errors[0].what == \"sock/$kind\""
	# Nobody asked for it here.
	run_ipctool list --json --all
	[[ $status -eq 0 && -z $stderr ]]
	if ((EUID == 0)); then
		holds "$output" '' .complete
	fi
}

# ---- 4: missing ----------------------------------------------------------------------------------------------

@test "4: a named object that is not there, of every class" {
	local reference
	for reference in mq:4242 mq:0x4242 shm:4242 shm:/nowhere sem:4242 sem:/nowhere signal:4194303 \
		fifo:/nowhere fifo:/nowhere/else /nowhere sock:/nowhere sock:@nowhere sock:1 sock:tcp:127.0.0.1:1 sock:tcp:127.0.0.1:1,127.0.0.1:2; do
		run_ipctool show "$reference"
		[[ $status -eq 4 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool show: $reference: no such object"* ]] ||
			{ echo "$reference: $status $stderr"; false; }
		((EUID != 0)) || [[ $stderr == "ipctool show: $reference: no such object" ]]
	done
	for reference in pipe:1 fifo:@0:1:1 shm:@0:1:1 shm:file:/nowhere sem:@1:0x1000 mq@1:0; do
		run_ipctool show "$reference"
		[[ $status -eq 4 && -z $output && $stderr == "ipctool show: $reference: no such object"* && ${#stderr_lines[@]} -eq 1 ]]
	done
	ends 4 'mq:/\x0a\x1b[31m: no such object' show $'mq:/\n\x1b[31m'
}

@test "4: what exists is shown all the same, and two missing ones are still 4" {
	fixture q mq-sysv
	run_ipctool show -q mq:4242 "mq:$(fx q .id)" fifo:/nowhere
	[[ $status -eq 4 && $output == "mq:$(fx q .id)" && ${#stderr_lines[@]} -eq 2 ]]
	run_ipctool list -q mq:4242 mq
	[[ $status -eq 4 && $output == "mq:$(fx q .id)" && ${#stderr_lines[@]} -eq 1 ]]
	run_ipctool list --count mq:4242
	[[ $status -eq 4 && $output == 0 ]]
}

@test "4: gone since it was listed, and replaced since" {
	fixture q mq-sysv
	fixture p shm-posix name=again
	local q handle inode
	q="mq:$(fx q .id)"
	handle=$("$IPCTOOL" list -r -o handle shm/posix --match /again)
	inode=$(fx p .inode)
	run_ipctool show -r -o inode -- "$handle"
	[[ $status -eq 0 && $output == "$inode" ]]
	release q
	release p
	run_ipctool show "$q"
	[[ $status -eq 4 && $stderr == "ipctool show: $q: no such object"* ]]
	run_ipctool show -- "$handle"
	[[ $status -eq 4 && $stderr == "ipctool show: $handle: no such object"* ]]
	fixture new shm-posix name=again
	run_ipctool show -- "$handle"
	[[ $status -eq 4 && -z $output && $stderr == "ipctool show: $handle: replaced: this name is now that of shm:/again" ]]
}

@test "4: --namespace of a process that is not there" {
	ends 4 '4194303: no such process' list --namespace 4194303
}

# ---- 5: denied -----------------------------------------------------------------------------------------------

@test "5: a path below a directory that may not be searched" {
	need_root
	mkdir -m 700 /tmp/closed
	mkfifo /tmp/closed/fifo
	local message='permission denied: whether there is such an object could not be looked up'
	as_user nobody ends 5 "fifo:/tmp/closed/fifo: $message" show fifo:/tmp/closed/fifo
	as_user nobody ends 5 "/tmp/closed/fifo: $message" show /tmp/closed/fifo
	# Whether it exists is not told.
	as_user nobody ends 5 "sock:/tmp/closed/nothing: $message" show sock:/tmp/closed/nothing
	as_user nobody run_ipctool show mq:4242 /tmp/closed/fifo
	[[ $status -eq 3 && ${#stderr_lines[@]} -eq 2 ]]
	as_user nobody ends 5 '/tmp/closed/dir: Permission denied' list --scan /tmp/closed/dir
	rm -r /tmp/closed
}

@test "5: --namespace of another user's process" {
	need_root
	fixture q mq-sysv
	as_user nobody ends 5 "$(fx q .pid): the namespaces of another user's process need CAP_SYS_PTRACE (root)" \
		list --namespace "$(fx q .pid)"
}

# ---- not seeing everything -------------------------------------------------------------------------------------

@test "hidden processes: complete is false and the status 0; with --strict it is 3, in one line" {
	need_root
	fixture s shm-posix name=mine map=1
	as_user nobody run_ipctool list --json shm/posix
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' '.complete == false' '.objects | length == 1' '.objects[0].ref == "shm:/mine"' '.objects[0].holders == []' \
		'.objects[0].state == "unknown"' '.objects[0].evidence[0] | test("^files of [0-9]+ processes could not be read$")' \
		'.errors[0].what | test("^files of [0-9]+ processes$")' '.errors[0].errno == 13' '.errors[0].why | contains("CAP_SYS_PTRACE")'
	as_user nobody run_ipctool list -q --strict -o ref,state shm/posix
	[[ $status -eq 2 ]]
	as_user nobody run_ipctool list -r --strict -o ref,state shm/posix
	[[ $status -eq 3 && $output == $'shm:/mine\tunknown' && ${#stderr_lines[@]} -eq 1 ]]
	[[ $stderr =~ ^'ipctool list: not all could be read: files of '[0-9]+' processes' ]]
	# -v says it too, and where the holders come from.
	as_user nobody run_ipctool list -v -q --state held shm/posix
	[[ $status -eq 0 && ${stderr_lines[0]} == 'ipctool list: not all could be read: files of '* ]]
	[[ ${stderr_lines[1]} == 'ipctool list: holders from proc' ]]
	# What needs none of it is complete.
	as_user nobody run_ipctool list --strict -o ref,size shm/sysv
	[[ $status -eq 0 && -z $stderr ]]
	# Root is hidden nothing from.
	run_ipctool list --json --strict shm/posix
	[[ $status -eq 0 ]]
	holds "$output" '' '.complete' '.errors == []'
}

@test "hidepid: processes that /proc does not name are hidden, too" {
	need_root
	fixture s shm-posix name=mine map=1
	local output
	output=$(unshare --mount bash -c 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid nobody --regid "$1" \
		--clear-groups --inh-caps=-all -- "$2" list --json shm/posix signal' - "$(id -g nobody)" "$IPCTOOL")
	holds "$output" '' '.complete == false' '.objects[0] | .ref == "shm:/mine" and .state == "unknown" and .holders == []'
	local status=0
	unshare --mount bash -c 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid nobody --regid "$1" \
		--clear-groups --inh-caps=-all -- "$2" list --strict --count signal' - "$(id -g nobody)" "$IPCTOOL" >/dev/null 2>&1 || status=$?
	[[ $status -eq 3 ]]
}

@test "an unprivileged user sees the own objects, processes and waits" {
	((EUID != 0)) || skip "as root it is everything"
	fixture s shm-posix name=mine map=1
	run_ipctool list --json shm/posix
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" s '.complete == false' '.errors | length > 0' '.objects[0].state == "held"' \
		'[.objects[0].holders[].pid] | unique == [$f.pid]'
	# Those of others, unlinked but open, are not.
	run_ipctool list --strict --count shm/posix
	[[ $status -eq 3 && $output == 1 && ${#stderr_lines[@]} -eq 1 ]]
}

@test "objects and processes that come and go while they are listed" {
	local turn stop=$BATS_TEST_TMPDIR/stop
	(
		exec 3>&- 4>&-
		while [[ ! -e $stop ]]; do
			: >/dev/shm/churn.$RANDOM
			mkfifo "/tmp/churn.$RANDOM"
			sleep 0 | sleep 0
			ipcmk -Q >/dev/null && ipcrm --all=msg
			rm -f /dev/shm/churn.* /tmp/churn.*
		done || exit 1
	) &
	local churn=$!
	for turn in {1..15}; do
		run_ipctool list --all --json
		[[ $status -eq 0 && -z $stderr ]] || break
		json_valid "$output" || break
		((EUID != 0)) || holds "$output" '' '.complete' || break
		run_ipctool list --json signal
		[[ $status -eq 0 && -z $stderr ]] || break
	done
	touch "$stop"
	wait "$churn"
	[[ $turn -eq 15 && $status -eq 0 && -z $stderr ]] || { echo "$turn: $status $stderr"; jq -c 'del(.objects)' <<<"$output"; false; }
}
