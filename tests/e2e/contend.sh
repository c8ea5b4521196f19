#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `wait SEMAPHORE -- COMMAND` under fire: 50 shells contend for a semaphore of value 1, and a killer sends SIGKILL to commands and to
# ipctool at random moments. Never are two commands inside at once, and at the end the value is right and no guardian is left.
# CONTEND_SHELLS and CONTEND_SECONDS change the size.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"

shells=${CONTEND_SHELLS-50} seconds=${CONTEND_SECONDS-6}

case ${1-start} in
start)
	in_sandbox -- "$0" inside
	status=$?
	[[ $status -ne 77 ]] || skip "no fresh namespaces here"
	exit $status
	;;
inside) ;;
esac

section=$BUILD_DIR/tests/fixtures/section
work=$(mktemp -d) || exit 1

# A shell that contends: each turn is one process, first ipctool, then what it becomes; its number is in $work/pid.N.
contend() {
	local semaphore=$1 number=$2 pid status
	local entered=0 killed=0 wrong=0
	while [[ ! -e $work/stop ]]; do
		"$IPCTOOL" wait "$semaphore" -- sh -c 'exec "$@"' - "$section" "$work/inside" 0.004 2>>"$work/errors" &
		pid=$!
		echo "$pid" >"$work/pid.$number"
		# bash tells on its standard error what was killed.
		wait "$pid" 2>/dev/null
		status=$?
		case $status in
		0) ((++entered)) ;;
		137) ((++killed)) ;;
		*) ((++wrong)) ; echo "exit $status" >>"$work/errors" ;;
		esac
	done
	echo "$entered $killed $wrong" >"$work/counts.$number"
}

comm_of() {
	comm=
	{ read -r comm <"/proc/$1/comm"; } 2>/dev/null
}

# Only what the shells started: their numbers are known, and a guardian's is not among them. Half of the time it shall be one inside.
kill_at_random() {
	local pid comm tries kills_command=0 kills_tool=0
	exec {never}<> <(:)
	while [[ ! -e $work/stop ]]; do
		read -r -t "0.0$((RANDOM % 20 + 5))" -u "$never"
		wanted=$((RANDOM % 2))
		for ((tries = 0; tries < shells; tries++)); do
			{ read -r pid <"$work/pid.$((RANDOM % shells))"; } 2>/dev/null || continue
			comm_of "$pid"
			[[ $comm == section || ($comm == ipctool && $wanted -eq 0) || ($comm == sh && $wanted -eq 0) ]] || continue
			kill -KILL "$pid" 2>/dev/null || continue
			if [[ $comm == ipctool ]]; then
				((++kills_tool))
			else
				((++kills_command))
			fi
			break
		done
	done
	echo "$kills_command $kills_tool" >"$work/kills"
}

value_of() {
	"$IPCTOOL" list -r -o values "$1"
}

none_left() {
	! grep -qsx 'ipctool-guard\|ipctool' /proc/[0-9]*/comm
}

eventually() {
	local deadline=$((SECONDS + 10))
	until "$@"; do
		((SECONDS < deadline)) || return 1
		read -r -t 0.02 -u "$never" || : # the loop's status is that of its last command
	done
}

is_one() {
	[[ $(value_of "$1") == 1 ]]
}

failed=0
fail() {
	echo "FAILED: $*"
	failed=1
}

exec {never}<> <(:)

# fire SEMAPHORE
fire() {
	local semaphore=$1 number jobs=() sum_entered=0 sum_killed=0 sum_wrong=0 entered killed wrong commands tools report
	rm -f "$work"/*
	"$section" "$work/inside" >/dev/null || { fail "the section cannot be prepared"; return; }
	is_one "$semaphore" || { fail "$semaphore does not begin with 1: $(value_of "$semaphore")"; return; }
	for ((number = 0; number < shells; number++)); do
		contend "$semaphore" "$number" 2>/dev/null &
		jobs+=($!)
	done
	kill_at_random 2>/dev/null &
	jobs+=($!)
	read -r -t "$seconds" -u "$never"
	: >"$work/stop"
	wait "${jobs[@]}"
	for ((number = 0; number < shells; number++)); do
		read -r entered killed wrong <"$work/counts.$number" || { fail "shell $number did not end well"; continue; }
		((sum_entered += entered, sum_killed += killed, sum_wrong += wrong))
	done
	read -r commands tools <"$work/kills"
	eventually none_left || fail "a guardian is left: $(grep -sx 'ipctool-guard\|ipctool' /proc/[0-9]*/comm)"
	eventually is_one "$semaphore" || fail "$semaphore ended with $(value_of "$semaphore") instead of 1"
	report=$("$section" "$work/inside") || fail "mutual exclusion was broken"
	((sum_wrong == 0)) || fail "$sum_wrong turns ended in another way: $(sort "$work/errors" | uniq -c | head)"
	((sum_entered >= shells && commands > 0 && tools > 0)) || fail "too little happened to prove anything"
	echo "$semaphore: $shells shells, $seconds s: $sum_entered turns done, $sum_killed killed" \
		"($commands of them the command, $tools ipctool); inside: $report; value $(value_of "$semaphore")"
}

id=$(ipcmk -S 1 | tr -cd '0-9\n') || exit 1
"$IPCTOOL" post "sem:$id" || exit 1
"$IPCTOOL" create sem:/contended --value 1 >/dev/null || exit 1
fire "sem:$id"
fire sem:/contended
exit $failed
