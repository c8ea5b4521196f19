#!/usr/bin/env bats
# verbs.bats: every verb on every kind that can be made here, by root, by the owner and by another user, on an object that
# exists, is missing, or is in use: the exit code of each, and a piece of the message of each failure. The codes are the
# table below. What was refused is unchanged.
# shellcheck disable=SC2086,SC2154 # lists of words; the functions share the variables of the loop

load helpers

# A line for each kind and verb, with three codes for each situation: of root, of the owner, who is an ordinary user, and of
# another user. Objects have mode 0600. "=": what there is of this kind is in use already, so there is no third situation.
# remove goes with --force=unknown, clean says what it would do, and nothing waits.
table() {
	local without_bpf=
	# What is in POSIX queues is seen by BPF alone.
	[[ $("$IPCTOOL" --version) == *+bpf* ]] || without_bpf='/^mq.posix  *dump/s/ 0 5 / 1 1 /g'
	sed "s/ *#.*//; /^\$/d; $without_bpf" <<'TABLE'
# kind           verb     exists   missing  in use
fifo/fifo        dump     0 0 5    4 4 4    0 0 5
fifo/fifo        create   6 6 6    0 0 0    6 6 6
fifo/fifo        set      0 0 5    4 4 4    0 0 5
fifo/fifo        send     7 7 5    4 4 4    0 0 5
fifo/fifo        receive  7 7 5    4 4 4    7 7 5
fifo/fifo        post     2 2 2    4 4 4    2 2 2
fifo/fifo        wait     2 2 2    4 4 4    2 2 2
fifo/fifo        remove   0 0 5    4 4 4    6 6 5
fifo/fifo        clean    0 0 0    4 4 4    0 0 0

pipe/pipe        dump     0 0 4    4 4 4    =
pipe/pipe        create   2 2 2    2 2 2    =
pipe/pipe        set      0 0 4    4 4 4    =
pipe/pipe        send     2 2 4    4 4 4    =
pipe/pipe        receive  2 2 4    4 4 4    =
pipe/pipe        post     2 2 4    4 4 4    =
pipe/pipe        wait     2 2 4    4 4 4    =
pipe/pipe        remove   2 2 4    4 4 4    =
pipe/pipe        clean    0 0 4    4 4 4    =

mq/sysv          dump     0 0 5    4 4 4    0 0 5
mq/sysv          create   6 6 6    0 0 0    6 6 6
mq/sysv          set      0 0 5    4 4 4    0 0 5
mq/sysv          send     0 0 5    4 4 4    0 0 5
mq/sysv          receive  0 0 5    4 4 4    7 7 5
mq/sysv          post     2 2 2    4 4 4    2 2 2
mq/sysv          wait     2 2 2    4 4 4    2 2 2
mq/sysv          remove   0 0 5    4 4 4    6 6 5
mq/sysv          clean    0 0 0    4 4 4    0 0 0

mq/posix         dump     0 5 5    4 4 4    0 5 5
mq/posix         create   6 6 6    0 0 0    6 6 6
mq/posix         set      0 0 5    4 4 4    0 0 5
mq/posix         send     0 0 5    4 4 4    0 0 5
mq/posix         receive  0 0 5    4 4 4    0 0 5
mq/posix         post     2 2 5    4 4 4    2 2 5
mq/posix         wait     2 2 5    4 4 4    2 2 5
mq/posix         remove   0 0 5    4 4 4    6 6 5
mq/posix         clean    0 0 5    4 4 4    0 0 5

shm/sysv         dump     0 0 0    4 4 4    0 0 0
shm/sysv         create   6 6 6    0 0 0    6 6 6
shm/sysv         set      0 0 5    4 4 4    0 0 5
shm/sysv         send     2 2 2    4 4 4    2 2 2
shm/sysv         receive  2 2 2    4 4 4    2 2 2
shm/sysv         post     2 2 2    4 4 4    2 2 2
shm/sysv         wait     2 2 2    4 4 4    2 2 2
shm/sysv         remove   0 0 5    4 4 4    6 6 6
shm/sysv         clean    0 0 0    4 4 4    0 0 0

shm/posix        dump     0 0 5    4 4 4    0 0 5
shm/posix        create   6 6 6    0 0 0    6 6 6
shm/posix        set      0 0 5    4 4 4    0 0 5
shm/posix        send     2 2 2    4 4 4    2 2 2
shm/posix        receive  2 2 2    4 4 4    2 2 2
shm/posix        post     2 2 2    4 4 4    2 2 2
shm/posix        wait     2 2 2    4 4 4    2 2 2
shm/posix        remove   0 0 5    4 4 4    6 6 5
shm/posix        clean    0 0 0    4 4 4    0 0 0

shm/memfd        dump     0 0 4    4 4 4    =
shm/memfd        create   2 2 2    2 2 2    =
shm/memfd        set      2 2 4    4 4 4    =
shm/memfd        send     2 2 4    4 4 4    =
shm/memfd        receive  2 2 4    4 4 4    =
shm/memfd        post     2 2 4    4 4 4    =
shm/memfd        wait     2 2 4    4 4 4    =
shm/memfd        remove   2 2 4    4 4 4    =
shm/memfd        clean    0 0 4    4 4 4    =

shm/anon         dump     0 5 4    4 4 4    =
shm/anon         create   2 2 2    2 2 2    =
shm/anon         set      2 2 4    4 4 4    =
shm/anon         send     2 2 4    4 4 4    =
shm/anon         receive  2 2 4    4 4 4    =
shm/anon         post     2 2 4    4 4 4    =
shm/anon         wait     2 2 4    4 4 4    =
shm/anon         remove   2 2 4    4 4 4    =
shm/anon         clean    0 0 4    4 4 4    =

shm/file         dump     0 0 5    4 4 4    =
shm/file         create   2 2 2    2 2 2    =
shm/file         set      2 2 2    4 4 4    =
shm/file         send     2 2 2    4 4 4    =
shm/file         receive  2 2 2    4 4 4    =
shm/file         post     2 2 2    4 4 4    =
shm/file         wait     2 2 2    4 4 4    =
shm/file         remove   2 2 2    4 4 4    =
shm/file         clean    0 0 0    4 4 4    =

sem/sysv         dump     0 0 5    4 4 4    0 0 5
sem/sysv         create   6 6 6    0 0 0    6 6 6
sem/sysv         set      0 0 5    4 4 4    0 0 5
sem/sysv         send     2 2 2    4 4 4    2 2 2
sem/sysv         receive  2 2 2    4 4 4    2 2 2
sem/sysv         post     0 0 5    4 4 4    0 0 5
sem/sysv         wait     0 0 5    4 4 4    7 7 5
sem/sysv         remove   0 0 5    4 4 4    6 6 5
sem/sysv         clean    0 0 0    4 4 4    0 0 0

sem/posix        dump     0 0 5    4 4 4    0 0 5
sem/posix        create   6 6 6    0 0 0    6 6 6
sem/posix        set      0 0 5    4 4 4    0 0 5
sem/posix        send     2 2 2    4 4 4    2 2 2
sem/posix        receive  2 2 2    4 4 4    2 2 2
sem/posix        post     0 0 5    4 4 4    0 0 5
sem/posix        wait     0 0 5    4 4 4    0 0 5
sem/posix        remove   0 0 5    4 4 4    6 6 5
sem/posix        clean    0 0 0    4 4 4    0 0 0

sem/unnamed      dump     0 0 4    4 4 4    =
sem/unnamed      create   2 2 2    2 2 2    =
sem/unnamed      set      2 2 4    4 4 4    =
sem/unnamed      send     2 2 4    4 4 4    =
sem/unnamed      receive  2 2 4    4 4 4    =
sem/unnamed      post     2 2 4    4 4 4    =
sem/unnamed      wait     2 2 4    4 4 4    =
sem/unnamed      remove   2 2 4    4 4 4    =
sem/unnamed      clean    0 0 4    4 4 4    =

sock/unix        dump     0 0 0    4 4 4    0 0 0
sock/unix        create   6 6 6    0 0 0    6 6 6
sock/unix        set      0 0 5    4 4 4    0 0 5
sock/unix        send     1 1 1    4 4 4    0 0 5
sock/unix        receive  2 2 2    4 4 4    2 2 2
sock/unix        post     2 2 2    4 4 4    2 2 2
sock/unix        wait     2 2 2    4 4 4    2 2 2
sock/unix        remove   0 0 5    4 4 4    6 6 6
sock/unix        clean    0 0 0    4 4 4    0 0 0

sock/tcp         dump     0 0 0    4 4 4    =
sock/tcp         create   6 6 6    0 0 0    =
sock/tcp         set      2 2 2    4 4 4    =
sock/tcp         send     0 0 0    4 4 4    =
sock/tcp         receive  2 2 2    4 4 4    =
sock/tcp         post     2 2 2    4 4 4    =
sock/tcp         wait     2 2 2    4 4 4    =
sock/tcp         remove   6 6 6    4 4 4    =
sock/tcp         clean    0 0 0    4 4 4    =

sock/udp         dump     0 0 5    4 4 4    =
sock/udp         create   6 6 6    0 0 0    =
sock/udp         set      2 2 2    4 4 4    =
sock/udp         send     0 0 0    4 4 4    =
sock/udp         receive  2 2 2    4 4 4    =
sock/udp         post     2 2 2    4 4 4    =
sock/udp         wait     2 2 2    4 4 4    =
sock/udp         remove   6 6 6    4 4 4    =
sock/udp         clean    0 0 0    4 4 4    =

sock/netlink     dump     0 0 5    4 4 4    =
sock/netlink     create   2 2 2    2 2 2    =
sock/netlink     set      2 2 2    4 4 4    =
sock/netlink     send     2 2 2    4 4 4    =
sock/netlink     receive  2 2 2    4 4 4    =
sock/netlink     post     2 2 2    4 4 4    =
sock/netlink     wait     2 2 2    4 4 4    =
sock/netlink     remove   2 2 2    4 4 4    =
sock/netlink     clean    0 0 0    4 4 4    =

sock/packet      dump     0 5 5    4 4 4    =
sock/packet      create   2 2 2    2 2 2    =
sock/packet      set      2 2 2    4 4 4    =
sock/packet      send     2 2 2    4 4 4    =
sock/packet      receive  2 2 2    4 4 4    =
sock/packet      post     2 2 2    4 4 4    =
sock/packet      wait     2 2 2    4 4 4    =
sock/packet      remove   2 2 2    4 4 4    =
sock/packet      clean    0 0 0    4 4 4    =

signal/process   dump     0 0 0    4 4 4    =
signal/process   create   2 2 2    2 2 2    =
signal/process   set      2 2 2    4 4 4    =
signal/process   send     0 0 5    4 4 4    =
signal/process   receive  2 2 2    4 4 4    =
signal/process   post     2 2 2    4 4 4    =
signal/process   wait     2 2 2    4 4 4    =
signal/process   remove   2 2 2    4 4 4    =
signal/process   clean    0 0 0    4 4 4    =
TABLE
}

VERBS='dump create set send receive post wait remove clean'
# Kinds of which no object is made here: each refuses every verb that changes one, as sock/netlink does.
OTHER_KINDS='sock/raw sock/mptcp sock/sctp sock/dccp sock/vsock sock/xdp'

# What a failure says, by its code; with 2 it is the sentence of the kind, as `help` prints it.
declare -gA message=(
	[1]='[a-z]'
	[4]='no such object'
	[5]='[Pp]ermission|not permitted|owner|needs that uid|CAP_'
	[6]='exists|already|in use'
	[7]='would block|nobody has it open|nothing is in it|is empty'
)

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	if ((EUID == 0)); then users=(root daemon nobody) owner=daemon; else users=("$(id -un)") owner=${users[0]}; fi
}

teardown() {
	unmake
}

# ---- the objects ----------------------------------------------------------------------------------------------

# describe KIND SITUATION: words of mkipc that make such an object; none: ipctool makes it. And its reference, in which %
# stands before a fact of the fixture, and that of one that is not there.
describe() {
	local held=''
	[[ $2 != held ]] || held=yes
	case $1 in
	fifo/fifo) words=${held:+'fifo path=/tmp/v mode=600 open=rw'} ref=fifo:/tmp/v none=fifo:/tmp/none ;;
	pipe/pipe) words='pipe data=x' ref=pipe:%inode none=pipe:1 ;;
	mq/sysv) words=${held:+'mq-sysv key=0x5151 mode=600 waiter=recv'} ref=mq:0x5151 none=mq:0x5152 ;;
	mq/posix) words=${held:+'mq-posix name=v mode=600 messages=1 hold=1'} ref=mq:/v none=mq:/none ;;
	shm/sysv) words=${held:+'shm-sysv key=0x5151 mode=600 attach=1'} ref=shm:0x5151 none=shm:0x5152 ;;
	shm/posix) words=${held:+'shm-posix name=v mode=600 map=1'} ref=shm:/v none=shm:/none ;;
	shm/memfd) words='memfd fd=1' ref=shm:@%dev:%inode none=shm:@0:1:1 ;;
	shm/anon) words=anon ref=shm:@%dev:%inode none=shm:@0:1:1 ;;
	shm/file) words='file path=/tmp/v' ref=shm:file:/tmp/v none=shm:file:/tmp/none ;;
	sem/sysv) words=${held:+'sem-sysv key=0x5151 mode=600 values=0 waiter=increase'} ref=sem:0x5151 none=sem:0x5152 ;;
	sem/posix) words=${held:+'sem-posix name=v mode=600 value=1 hold=1'} ref=sem:/v none=sem:/none ;;
	sem/unnamed) words=sem-unnamed ref=sem:@%waiter.pid:%addr none=sem:@1:0x1000 ;;
	sock/unix) words="unix path=/tmp/v mode=600 ${held:+listen=5}" ref=sock:/tmp/v none=sock:/tmp/none
		[[ $held ]] || words+='stale=1' ;;
	sock/tcp) words='tcp port=5151 listen=5' ref=sock:tcp:127.0.0.1:5151 none=sock:tcp:127.0.0.1:5152 ;;
	sock/udp) words='udp port=5151' ref=sock:udp:127.0.0.1:5151 none=sock:udp:127.0.0.1:5152 ;;
	sock/netlink) words=netlink ref=sock:%inode none=sock:1 ;;
	sock/packet) words=packet ref=sock:%inode none=sock:1 ;;
	signal/process) words=signal ref=signal:%subject none=signal:4194303 ;;
	*) echo "$1: how is it made?" >&2; return 1 ;;
	esac
}

# One that nobody has; a queue with a message, a free semaphore.
make_idle() {
	local options=(--mode 600)
	case $1 in
	shm/*) options+=(--size 4096) ;;
	sem/sysv) options+=(--number 1 --value 1) ;;
	sem/posix) options+=(--value 1) ;;
	esac
	as "$owner" "$IPCTOOL" create "${options[@]}" "$ref" >/dev/null || return
	[[ $1 != mq/* ]] || as "$owner" "$IPCTOOL" send "$ref" x
}

as() {
	local user=$1
	shift
	if [[ $user == root || $EUID -ne 0 ]]; then "$@"; else as_user "$user" "$@"; fi
}

# make KIND SITUATION: sets ref, before: what `show` says of it, and printed: its reference there.
make() {
	local words none fact maker=$owner
	unmake
	describe "$1" "$2" || return
	if [[ $2 == missing ]]; then
		ref=$none
	elif [[ -z $words ]]; then
		make_idle "$1" || return
	else
		[[ $1 != sock/packet ]] || maker=root # an ordinary user may not
		# shellcheck disable=SC2086 # words
		as "$maker" fixture v $words || return
		while [[ $ref =~ %([a-z.]+) ]]; do
			fact=${BASH_REMATCH[1]}
			ref=${ref/"%$fact"/$(fx v ".$fact")}
		done
	fi
	before=$(look)
	printed=$(sed -n 's/.*{"ref": "\([^"]*\)".*/\1/p' <<<"$before")
	[[ $2 == missing || $before == *'"ref"'* ]] || { echo "$1 was not made: $before" >&2; return 1; }
}

unmake() {
	release_all
	"$IPCTOOL" remove --quiet --missing-ok --force=held {mq,shm,sem}:{0x5151,0x5152,/v,/none} 2>/dev/null || true
	rm -f /tmp/v /tmp/none
}

# All that can be told of it, but for its ages and for the signals that are queued to other processes of its user. Of a POSIX
# queue `show` itself moves a time.
look() {
	"$IPCTOOL" show --json -- "$ref" 2>&1 | sed 's/"age": *[0-9.]*//; s/"unused": *[0-9.]*//; s/"queued": *[0-9]*//
		/"ref": "mq:\//s/"used": *"[^"]*"//'
}

# ---- the verbs ------------------------------------------------------------------------------------------------

# words_of KIND VERB: sets args.
words_of() {
	case $2 in
	dump) args=(dump "$ref") ;;
	create)
		args=(create "$ref")
		case $1 in
		fifo/* | mq/* | sem/posix) ;;
		sem/sysv) args+=(--number 1) ;;
		shm/sysv | shm/posix) args+=(--size 4096) ;;
		# A command takes the socket, which would be held; where there is one already nothing is.
		sock/unix | sock/tcp | sock/udp) [[ $situation != missing ]] || args+=(-- true) ;;
		*) args=(create "$1") ;;
		esac
		;;
	set)
		args=(set "$ref" mode=0640)
		[[ $1 != pipe/pipe ]] || args=(set "$ref" capacity=131072)
		;;
	send)
		args=(send --nowait "$ref" text)
		[[ $1 != signal/process ]] || args=(send "$ref" --signal WINCH)
		;;
	receive | wait) args=("$2" --nowait "$ref") ;;
	post | clean) args=("$2" "$ref") ;;
	remove) args=(remove --force=unknown "$ref") ;;
	esac
}

complain() {
	printf '%s\n' "$kind, $situation, $user: ipctool ${args[*]}: $code" "$text" "$@" >&2
	bad=yes
}

holders_of_fixture() {
	fx_json v | jq -r '[.. | objects | .pid // empty] | unique | join("|")'
}

# One line that names the object and the cause.
check_failure() {
	local piece=${message[$code]-} object=$ref
	if ((code == 2)); then
		piece=$(sed -n "s/^ $verb no: //p" <<<"$sentences")
		object=${args[1]}
		[[ $object != -* ]] || object=$ref
	fi
	# What is removed, dumped or cleaned is named as `list` does.
	[[ $verb != remove && $verb != dump && $verb != clean || $code -ne 6 && $code -ne 5 || -z $printed ]] || object=$printed
	[[ $text == "ipctool $verb: $object: "* && $text != *$'\n'* && -n $piece ]] || complain
	if ((code == 2)); then [[ $text == *": $piece" ]]; else [[ $text =~ $piece ]]; fi || complain "expected: $piece"
	if [[ $code -eq 6 && $verb == remove && $user != nobody ]]; then
		grep -qwE "$(holders_of_fixture)" <<<"$text" || complain 'no holder is named'
	fi
}

# Whom it was refused, of the users up to the last one, has left it as it was.
check_unchanged() {
	local after
	[[ $situation != missing ]] || return 0
	after=$(look)
	[[ $after == "$before" ]] || complain 'it changed:' "$before" "$after"
}

# try_situation SITUATION: puts the codes of all verbs and users into codes. Who succeeds may have changed the object: it is
# made anew then.
try_situation() {
	local fresh='' user verb args code text ref before printed
	situation=$1
	for verb in $VERBS; do
		codes[$verb]+=${codes[$verb]:+ }
		for user in "${users[@]}"; do
			[[ $fresh ]] || make "$kind" "$situation" || return
			words_of "$kind" "$verb"
			code=0
			text=$(as "$user" "$IPCTOOL" "${args[@]}" 2>&1 >/dev/null </dev/null) || code=$?
			codes[$verb]+=" $code"
			fresh=
			((code == 0)) || { check_failure; fresh=yes; }
			# Looking into it does not change it, and neither does saying what would be done.
			[[ $verb != dump && $verb != clean ]] || { check_unchanged; fresh=yes; }
		done
		[[ -z $fresh ]] || check_unchanged
	done
}

# Of three codes the owner's alone, where there are no other users.
columns() {
	if ((EUID == 0)); then tr -s ' '; else sed -E 's/ [0-9]+ ([0-9]+) [0-9]+/ \1/g' < <(tr -s ' '); fi
}

# matrix KIND: what the table says is what happens.
matrix() {
	local kind=$1 verb want situation sentences bad=''
	local -A codes=()
	sentences=$("$IPCTOOL" help "$kind" | awk '/^  [a-z]/ { print "" } { gsub(/  +/, " "); printf "%s", $0 }')
	for situation in exists missing held; do
		[[ $situation != held ]] || ! grep -q "^$kind .*=$" < <(table) || continue
		try_situation "$situation"
	done
	for verb in $VERBS; do
		want=$(table | grep "^$kind  *$verb ") || want=missing
		want=$(columns <<<"${want#*"$verb"}")
		[[ $(tr -s ' ' <<<"${codes[$verb]}") == "${want%% =}" ]] ||
			{ printf '%-16s %-9s%s    the table has:%s\n' "$kind" "$verb" "${codes[$verb]}" "$want" >&2; bad=yes; }
	done
	[[ -z $bad ]]
}

# ---- the tests ------------------------------------------------------------------------------------------------

@test "every kind and every verb has its line" {
	local kind want
	want=$(for kind in $("$IPCTOOL" __complete 2 ipctool list '' | cut -f 1 | grep '^[a-z]*/[a-z]*$'); do
		[[ " $OTHER_KINDS " == *" $kind "* ]] || printf "$kind %s\n" $VERBS
	done | sort)
	[[ $(table | awk '{ print $1, $2 }' | sort) == "$want" ]]
	[[ $("$IPCTOOL" help mq/sysv | awk '/^  [a-z]/ { printf "%s ", $1 }') == "$VERBS monitor " ]]
	for kind in $(table | cut -d ' ' -f 1 | sort -u); do
		grep -q "^@test \"$kind\"" "$BATS_TEST_FILENAME" || { echo "no test: $kind"; false; }
	done
}

@test "kinds of which there is none here: every verb that would change one is refused" {
	local kind
	for kind in $OTHER_KINDS; do
		[[ $("$IPCTOOL" help "$kind" | grep -E '^  [a-z]+ +no: ' | grep -cv '^  dump ') -eq 8 ]]
		run_ipctool create "$kind"
		[[ $status -eq 2 && $stderr == "ipctool create: $kind: sockets of this kind belong to their program"* ]]
		run_ipctool remove --all "$kind"
		[[ $status -eq 2 && $stderr == "ipctool remove: $kind: the kernel ends sockets of this kind with their last holder"* ]]
	done
}

@test "fifo/fifo" {
	matrix fifo/fifo
}

@test "pipe/pipe" {
	matrix pipe/pipe
}

@test "mq/sysv" {
	matrix mq/sysv
}

@test "mq/posix" {
	matrix mq/posix
}

@test "shm/sysv" {
	matrix shm/sysv
}

@test "shm/posix" {
	matrix shm/posix
}

@test "shm/memfd" {
	matrix shm/memfd
}

@test "shm/anon" {
	matrix shm/anon
}

@test "shm/file" {
	matrix shm/file
}

@test "sem/sysv" {
	matrix sem/sysv
}

@test "sem/posix" {
	matrix sem/posix
}

@test "sem/unnamed" {
	matrix sem/unnamed
}

@test "sock/unix" {
	matrix sock/unix
}

@test "sock/tcp" {
	matrix sock/tcp
}

@test "sock/udp" {
	matrix sock/udp
}

@test "sock/netlink" {
	matrix sock/netlink
}

@test "sock/packet" {
	matrix sock/packet
}

@test "signal/process" {
	matrix signal/process
}
