#!/usr/bin/env bats
# codes.bats: every exit status of the commands that change something, each with its message; and names of hostile bytes in
# the messages of each of them. What each kind answers is in verbs.bats, the codes of list and show are in exit.bats.
# shellcheck disable=SC2030,SC2031,SC2086,SC2154 # output, stderr and status are set by run; lists of words

load helpers

# A newline, an escape sequence, a backslash, a blank and a byte that is no UTF-8; as a reference spells it; and as messages
# show a word of the command line, in which a backslash may have begun an escape.
HOSTILE=$'n\n\e[31m\\ \xff'
SPELLED='n\x0a\x1b[31m\x5c \xff'
SHOWN='n\x0a\x1b[31m\ \xff'
VERBS='create set send receive post wait remove clean'

setup() {
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	umask 022
}

teardown() {
	local name
	for name in q p n s m "$SPELLED" "$(long 255)"; do # by name: not every user can list queues
		"$IPCTOOL" remove --quiet --missing-ok --force=held "mq:/$name" "shm:/$name" "sem:/${name::251}" 2>/dev/null
	done
	release_all
}

# ends CODE MESSAGE COMMAND ARGUMENT...: nothing on standard output, and one line that is "ipctool COMMAND: MESSAGE", where a
# * in MESSAGE stands for anything.
ends() {
	local want=$1 message=$2 expected=
	shift 2
	[[ $want -ne 127 ]] || expected=-127 # bats warns otherwise
	# shellcheck disable=SC2001 # more than one kind of byte
	message=$(sed 's/[][\\()?+@!|]/\\&/g' <<<"$message")
	run $expected --separate-stderr "${_fx_prefix[@]}" "$IPCTOOL" "$@" </dev/null
	# shellcheck disable=SC2053 # a pattern
	[[ $status -eq $want && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $1: "$message ]] ||
		{ printf '%s\n' "$* is $status, expected $want: $message" "$output" "$stderr"; return 1; }
}

# quiet ARGUMENT...: done, without a word.
quiet() {
	run_ipctool "$@" </dev/null
	[[ $status -eq 0 && -z $output && -z $stderr ]] || { echo "$*: $status: $output: $stderr"; return 1; }
}

made() {
	"$IPCTOOL" create --mode 600 "$@"
}

long() {
	printf "%$1s" '' | tr ' ' x
}

# Arguments that each verb needs besides the reference; sets more.
more_of() {
	case $1 in
	set) more=(mode=0600) ;;
	send) more=(text) ;;
	*) more=() ;;
	esac
}

# ---- 0 and 1 -------------------------------------------------------------------------------------------------

@test "0: each verb, one after the other on one object" {
	run_ipctool create --mode 600 mq:/q
	[[ $status -eq 0 && $output == mq:/q && -z $stderr ]]
	run_ipctool set mq:/q mode=0640
	[[ $status -eq 0 && $output == *0600*0640* && -z $stderr ]]
	quiet send mq:/q text
	run_ipctool receive mq:/q
	[[ $status -eq 0 && $output == text && -z $stderr ]]
	run_ipctool remove --force=unknown mq:/q
	[[ $status -eq 0 && $output == 'removed mq:/q' && -z $stderr ]]
	run_ipctool create --mode 600 sem:/s
	[[ $status -eq 0 && $output == sem:/s ]]
	quiet post sem:/s
	quiet wait --nowait sem:/s
	quiet remove --quiet sem:/s
	quiet remove --missing-ok sem:/s
}

@test "1: standard output that takes nothing" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	local words
	made mq:/q >/dev/null
	"$IPCTOOL" send mq:/q text
	for words in 'set mq:/q mode=0640' 'receive mq:/q' 'send --list' 'remove --force=unknown mq:/q' 'create mq:/q'; do
		run --separate-stderr bash -c 'exec "$@" >/dev/full' - "$IPCTOOL" $words
		[[ $status -eq 1 && ${stderr_lines[-1]} == "ipctool ${words%% *}: standard output: No space left on device" ]] ||
			{ echo "$words: $status: $stderr"; false; }
		# What was done and could not be told of is told of here.
		case $words in
		receive*) [[ ${stderr_lines[0]} == 'ipctool receive: mq:/q: a message could not be written'*'put back'* ]] ;;
		create*) [[ ${stderr_lines[0]} == 'ipctool create: mq:/q: was made, but '* ]] ;;
		*) [[ ${#stderr_lines[@]} -eq 1 ]] ;;
		esac
	done
	[[ $("$IPCTOOL" show -r -o mode mq:/q) ]]
}

@test "1: what the kernel refuses for other reasons" {
	fixture stale unix path=/tmp/stale stale=1
	ends 1 'sock:/tmp/stale: *' send sock:/tmp/stale text
	ends 1 "$SHOWN: cannot be read: No such file or directory; nothing was sent" send --file "$HOSTILE" sock:/tmp/stale
	local name
	name=$(long 256)
	ends 1 "fifo:./$name: *too long*" create "fifo:./$name"
	made --value 2147483647 sem:/s >/dev/null
	ends 1 'sem:/s: *' post sem:/s
	[[ $("$IPCTOOL" show --json sem:/s | jq '.objects[0].values[0].value') -eq 2147483647 ]]
	# No queue may be made any more: the limit, and where it is raised.
	run --separate-stderr bash -c 'ulimit -q 0 && exec "$@"' - "$IPCTOOL" create mq:/limited
	[[ $status -eq 1 && -z $output && $stderr == 'ipctool create: mq:/limited: '*'limit'* && ${#stderr_lines[@]} -eq 1 ]] ||
		{ echo "$status: $stderr"; false; }
	ends 4 'mq:/limited: no such object*' remove mq:/limited
}

@test "3: what few descriptors leave unread is told; all is read as long as one process after the other can be" {
	local limit all
	# So many that /proc is read ahead, where there is more than one processor.
	coproc KEEPER { exec python3 -c '
import os, sys
told, tell = os.pipe()
wait, end = os.pipe()
for _ in range(32):
    if os.fork() == 0:
        os.close(end)
        for _ in range(70):
            os.pipe()
        os.write(tell, b"x")
        os.read(wait, 1)
        os._exit(0)
for _ in range(32):
    os.read(told, 1)
print("ready", flush=True)
sys.stdin.read()
'; }
	read -r _ <&"${KEEPER[0]}"
	all=$((32 * 70))
	for limit in 16 12 10; do
		run --separate-stderr bash -c 'ulimit -n "$1" && exec "${@:2}"' - "$limit" \
			"$IPCTOOL" list pipe --holders-from proc -o ref
		# Of some the test has left little: then not even /proc can be listed.
		[[ ($status =~ ^[13]$ && $stderr == *'open files'*) || ($status -eq 0 && ${#lines[@]} -ge $all) ]] ||
			{ echo "$limit: $status, ${#lines[@]}: $stderr"; false; }
		((limit < 16 || status == 0)) || { echo "$limit: $stderr"; false; }
	done
}

@test "1: without /proc nothing that exists can be found" {
	need_root
	local verb more
	for verb in set send receive post wait remove clean; do
		more_of "$verb"
		LD_LIBRARY_PATH=$IPCTOOL_BUILD ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 run --separate-stderr \
			unshare --mount bash -c 'mount -t tmpfs none /proc && exec "$@"' - "$IPCTOOL" "$verb" mq:1 "${more[@]}"
		[[ $status -eq 1 && -z $output && $(grep -v ^== <<<"$stderr") == "ipctool $verb: /proc cannot be read: it is not mounted" ]] ||
			{ echo "$verb: $status: $stderr"; false; }
	done
}

# ---- 2 and 3 -------------------------------------------------------------------------------------------------

@test "2: options, words, settings and values of hostile bytes are shown escaped" {
	local verb more
	for verb in $VERBS; do
		ends 2 "--$SHOWN: unknown option" "$verb" "--$HOSTILE"
		more_of "$verb"
		ends 2 "$SHOWN:1: unknown class '$SPELLED'; there are pipe, *" "$verb" "$HOSTILE:1" "${more[@]}"
		ends 2 "mq:/$SHOWN: bad escape at offset 11: *" "$verb" "mq:/$HOSTILE" "${more[@]}"
		ends 2 "$SHOWN: *" "$verb" "$HOSTILE" "${more[@]}"
	done
	made mq:/q >/dev/null
	made sem:/s >/dev/null
	ends 2 "$SHOWN: no such setting: there are mode, *" set mq:/q "$HOSTILE=1"
	ends 2 "mode: '$SPELLED' is not of the form 0640" set mq:/q "mode=$HOSTILE"
	ends 2 "owner: no such user*" set mq:/q "owner=$HOSTILE"
	ends 2 "--mode: '$SPELLED' is not of the form 0640" create --mode "$HOSTILE" mq/sysv
	ends 2 "--type: '$SPELLED' is not of the form *" create --type "$HOSTILE" sock:./s
	ends 2 "--signal: '$SHOWN' is no signal; *" send --signal "$HOSTILE" "signal:$$"
	ends 2 "--type: '$SHOWN' is not a whole number" receive --type "$HOSTILE" mq:/q
	ends 2 "--timeout: '$SHOWN' is not of the form *" receive --timeout "$HOSTILE" mq:/q
	ends 2 "--timeout: '$SHOWN' is not of the form *" wait --timeout "$HOSTILE" sem:/s
	ends 2 "--count: '$SHOWN' is not a whole number" post --count "$HOSTILE" sem:/s
	ends 2 "--index: '$SHOWN' is not a whole number" post --index "$HOSTILE" sem:/s
	ends 2 "--force: '$SHOWN' is none of unknown, held" remove --force "$HOSTILE" mq:/q
	ends 2 "--state: '$SHOWN' is none of *" remove --state "$HOSTILE" mq
	ends 2 "--owner: no such user: '$SHOWN'" remove --owner "$HOSTILE" mq
	ends 2 "--filter: *" remove --filter "$HOSTILE" mq
	ends 2 "--include: '$SHOWN' is none of suspect, idle" clean --include "$HOSTILE" mq
	ends 2 "--key: '$SHOWN' is not of the form 0x5432, 0x5400-0x54ff or private" clean --key "$HOSTILE" mq
	ends 2 "--min-age: '$SHOWN' is not of the form *" clean --min-age "$HOSTILE" mq
	ends 2 "--max: '$SHOWN' is not a whole number" clean --apply --max "$HOSTILE" mq
	ends 2 "--policy-dir: '$SHOWN': No such file or directory" clean --policy-dir "$HOSTILE" mq
	ends 4 "$SHOWN: No such file or directory" remove --namespace "$HOSTILE" --all mq
	ends 2 "shm:/m: $SPELLED cannot be opened: No such file or directory" create --from "$HOSTILE" --size 4 shm:/m
	ends 2 "--ftok: the file cannot be looked at: No such file or directory" create --ftok "$HOSTILE:1" mq/sysv
	[[ -z $(ls -A) && $("$IPCTOOL" list --count shm/posix mq/sysv) -eq 0 ]]
}

@test "2: a setting or a choice that the kind does not take, by its name" {
	made "mq:/$SPELLED" >/dev/null
	ends 2 "mq:/$SPELLED: set of mq/posix does not take size; it takes mode, owner, group" set "mq:/$SPELLED" size=4
	ends 2 "mq:/$SPELLED: a priority is 0 to *" send --priority 99999 "mq:/$SPELLED" x
}

@test "3: several objects fail for different reasons" {
	fixture busy mq-sysv waiter=recv
	run_ipctool remove "mq:$(fx busy .id)" mq:77777 shm:77777
	[[ $status -eq 3 && -z $output && ${#stderr_lines[@]} -eq 3 ]]
	[[ $stderr == *"mq:$(fx busy .id): in use: "* && $stderr == *'mq:77777: no such object'* && $stderr == *'shm:77777: no such object'* ]]
}

# ---- 4, 5, 6, 7 ----------------------------------------------------------------------------------------------

@test "4: missing objects, of names with hostile bytes and of the longest names" {
	local verb more name reference
	name=$(long 255)
	for verb in set send receive post wait remove; do
		more_of "$verb"
		for reference in "mq:/$name" "shm:/$name" "sem:/${name::251}" "fifo:./$name" "sock:./$name" "sock:@${name::107}"; do
			ends 4 "$reference: no such object*" "$verb" "$reference" "${more[@]}"
		done
		for reference in mq:/ shm:/ sem:/ fifo:./ sock:./ sock:@; do
			run_ipctool "$verb" "$reference$SPELLED" "${more[@]}"
			[[ $status -eq 4 && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $verb: $reference$SPELLED: no such object"* ]]
			run_ipctool "$verb" --literal "$reference$HOSTILE" "${more[@]}"
			[[ $status -eq 4 && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $verb: $reference$SHOWN: no such object"* ]]
		done
	done
	run_ipctool create --literal "fifo:./$HOSTILE/x"
	[[ $status -eq 4 && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool create: fifo:./$SHOWN/x: no such directory on the way: $SPELLED" ]]
}

# hostile_object REFERENCE [SETTING]...: each message about it names it, in one line.
hostile_object() {
	local reference=$1 want verb more
	run_ipctool create --mode 600 "${@:2}" "$reference"
	[[ $status -eq 0 && $output == "$reference" && -z $stderr ]] || { echo "$reference: $status: $stderr"; return 1; }
	for verb in create set send receive post wait remove; do
		more_of "$verb"
		case $verb in
		create) want=6 more=("${@:2}") ;;
		post) want=2 ;;
		*) want='[257]' ;;
		esac
		[[ $verb != receive && $verb != wait && $verb != send ]] || more+=(--nowait)
		if [[ $verb == create || $EUID -ne 0 ]]; then
			run_ipctool "$verb" "$reference" "${more[@]}"
		else
			as_user nobody run_ipctool "$verb" "$reference" "${more[@]}"
			want='[2456]'
		fi
		[[ $status -ne 0 ]] || continue
		# shellcheck disable=SC2053 # a pattern
		[[ $status == $want && ${#stderr_lines[@]} -eq 1 && $stderr == "ipctool $verb: $reference: "* ]] ||
			{ echo "$verb $reference: $status, expected $want: $stderr"; return 1; }
	done
	run_ipctool remove --force=held --missing-ok "$reference"
	[[ $status -eq 0 && ( $output == "removed $reference" || -z $output ) && -z $stderr ]] || { echo "$output $stderr"; return 1; }
}

@test "5, 6, 7: objects whose names are hostile bytes, or as long as can be" {
	local name
	name=$(long 255)
	for name in "$SPELLED" "$name"; do
		hostile_object "mq:/$name"
		hostile_object "shm:/$name" --size 4096
		hostile_object "sem:/${name::251}" --value 0
		hostile_object "fifo:/tmp/$name"
	done
	[[ -z $(ls -A /dev/shm) ]]
}

@test "5: others' objects, by each verb" {
	need_root
	made --value 1 sem:/s >/dev/null
	made mq:/q >/dev/null
	as_user nobody ends 5 'mq:/q: *ermission*' set mq:/q mode=0666
	as_user nobody ends 5 'mq:/q: *ermission*' send mq:/q text
	as_user nobody ends 5 'mq:/q: *ermission*' receive --nowait mq:/q
	as_user nobody ends 5 'mq:/q: *ermission*' remove --force=held mq:/q
	as_user nobody ends 5 'sem:/s: *permission*' post sem:/s
	as_user nobody ends 5 'sem:/s: *permission*' wait --nowait sem:/s
	mkdir -m 700 /tmp/closed
	as_user nobody ends 5 'fifo:/tmp/closed/f: *ermission*' create fifo:/tmp/closed/f
	rmdir /tmp/closed
	[[ $("$IPCTOOL" show --json sem:/s | jq '.objects[0].values[0].value') -eq 1 ]]
}

@test "6: exists, and in use with its holder, whose name is hostile" {
	fixture p shm-posix name=p map=1 "$HOSTILE_COMM"
	ends 6 'shm:/p: exists*' create --size 4096 shm:/p
	ends 6 "shm:/p: in use: *$(fx p .pid) (a) b (c)*(--force=held overrides)" remove --force=unknown shm:/p
	fixture n shm-posix name=n map=1 comm='x\x0ay\x1b[31m'
	ends 6 "shm:/n: in use: *$(fx n .pid) (x\x0ay\x1b[31m)*" remove --force=unknown shm:/n
	[[ -e /dev/shm/p && -e /dev/shm/n ]]
}

@test "7: nothing to take, no room, no other end" {
	made mq:/q --max-messages 1 >/dev/null
	made sem:/s --value 0 >/dev/null
	made fifo:./f >/dev/null
	local limit
	for limit in --nowait --timeout=10ms; do
		ends 7 'mq:/q: *' receive "$limit" mq:/q
		ends 7 'sem:/s: *' wait "$limit" sem:/s
		ends 7 'fifo:./f: *' send "$limit" fifo:./f text
	done
	"$IPCTOOL" send mq:/q text
	ends 7 'mq:/q: *' send --nowait mq:/q text
	ends 7 'mq:/q: *' send --timeout 10ms mq:/q text
}

# ---- 124 to 127 ----------------------------------------------------------------------------------------------

@test "124 to 127: with a command, whose own status is any other" {
	made sem:/s --value 0 >/dev/null
	ends 124 'sem:/s: *' wait --nowait sem:/s -- touch ran
	ends 124 'sem:/s: *' wait --timeout 10ms sem:/s -- touch ran
	"$IPCTOOL" post sem:/s
	ends 125 "sem:/$SHOWN: no such object*" wait --literal "sem:/$HOSTILE" -- touch ran
	ends 126 "$PWD: Permission denied" wait --nowait sem:/s -- "$PWD"
	ends 127 "./$SHOWN: No such file or directory" wait --nowait sem:/s -- "./$HOSTILE"
	[[ $("$IPCTOOL" show --json sem:/s | jq '.objects[0].values[0].value') -eq 1 ]]
	: >taken
	ends 125 'sock:./taken: exists*' create sock:./taken -- touch ran
	ends 125 "sock:./none/x: *" create sock:./none/x -- touch ran
	ends 126 "$PWD: Permission denied" create sock:./s -- "$PWD"
	ends 127 "./no$SHOWN: No such file or directory" create --literal "sock:./$HOSTILE" -- "./no$HOSTILE"
	# No socket file is left of a command that did not run.
	[[ $(ls -A) == taken ]] || { ls -A; false; }
	run_ipctool wait sem:/s -- bash -c 'exit 42'
	[[ $status -eq 42 && -z $stderr ]]
	run_ipctool create sock:./s -- bash -c 'exit 7'
	[[ $status -eq 7 && -z $stderr ]]
}
