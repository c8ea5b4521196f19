#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# However `monitor` ends (a signal, a time, a number of events, a condition, a reader that is gone, SIGKILL), nothing of it stays attached to
# the kernel, and the exit code is the right one. A reader that does not read makes it lose events, which are counted, and holds
# up neither what is watched nor the end.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare bpftool; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
failed=0 what=
wrong() {
	echo "FAILED: $what: $*"
	failed=1
}
trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT

# Wait until a command succeeds.
until_so() {
	local end=$((SECONDS + 60))
	until "$@"; do
		((SECONDS < end)) || return 1
		read -r -t 0.02 -u "$never"
	done
	return 0
}
exec {never}<> <(:)

started() {
	grep -q '"start"' /run/out
}

# Programs, links and maps that process $1 has loaded, as bpftool asks for them.
loaded() {
	cat /proc/"$1"/fdinfo/* 2>/dev/null |
		awk '$1 == "prog_id:" { print "prog", $2 } $1 == "link_id:" { print "link", $2 } $1 == "map_id:" { print "map", $2 }' |
		sort -u
}

all_gone() {
	local kind id
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || return 1
	done <<<"$had"
}

# begin OPTION...: a monitor of queues in the background, that writes to /run/out
begin() {
	: >/run/out
	# A job of its own: others a shell has ignore SIGINT.
	set -m
	"$IPCTOOL" monitor --source bpf --jsonl "$@" mq/sysv >>/run/out 2>/run/err &
	monitor=$!
	set +m
	if ! until_so started; then
		wrong "no start"
		cat /run/err
		exit 1
	fi
	had=$(loaded $monitor)
	[[ $had == *prog* && $had == *link* ]] || wrong "nothing is attached"
}

# ends CODE [WHY]: the monitor does, with nothing left behind.
ends() {
	local code
	wait $monitor
	code=$?
	((code == $1)) || wrong "exit code $code instead of $1: $(cat /run/err)"
	until_so all_gone || wrong "still attached: $(echo $had)"
}

complete() {
	tail -n 1 /run/out | jq -e '.end and (.complete == '"$1"')' >/dev/null || wrong "the last line is $(tail -n 1 /run/out)"
}

# make COUNT: as many queues, made and removed.
make() {
	python3 - "$1" <<'END'
import ctypes, sys
libc = ctypes.CDLL(None)
for _ in range(int(sys.argv[1])):
    if libc.msgctl(libc.msgget(0, 0o1600), 0, None) < 0:
        sys.exit("no queue")
END
}

"$IPCTOOL" monitor --source bpf --for 1ms mq/sysv >/run/out 2>/run/err
case $? in
0) ;;
1 | 5) skip "$(cat /run/err)" ;;
*) wrong "$(cat /run/err)" ;;
esac

for signal in INT TERM; do
	what=SIG$signal
	begin
	make 3
	kill -$signal $monitor
	ends 0
	complete true
	[[ $(grep -c '"remove"' /run/out) -eq 3 ]] || wrong "what happened before the signal was not told of"
done

what=SIGKILL
begin
kill -KILL $monitor
ends 137 2>/dev/null

what=--for
begin --for 300ms
ends 0
complete true

what=--count
begin --count 3
make 5
ends 0
complete true
[[ $(grep -c '"verb"' /run/out) -eq 3 ]] || wrong "$(grep -c '"verb"' /run/out) events"

what=--until
begin --until 'verb == "remove"' --for 60s
make 2
ends 0
complete true
[[ $(grep -c '"verb"' /run/out) -eq 2 ]] || wrong "$(grep -c '"verb"' /run/out) events"

what='--until that does not come'
begin --until 'verb == "send"' --for 300ms
make 2
ends 7
complete false

# A reader that takes one line and goes: without a further event.
what='closed reader'
mkfifo /run/pipe
"$IPCTOOL" monitor --source bpf --jsonl mq/sysv >/run/pipe 2>/run/err &
monitor=$!
exec {reader}</run/pipe
read -r line <&"$reader"
[[ $line == *'"start"'* ]] || wrong "the first line is $line"
had=$(loaded $monitor)
exec {reader}<&-
wait $monitor
code=$?
((code == 0)) || wrong "exit code $code"
[[ ! -s /run/err ]] || wrong "not quiet: $(cat /run/err)"
until_so all_gone || wrong "still attached: $(echo $had)"

# A reader that does not read: the pipe is full, then the buffer. The makers do not notice, and everything is told of or counted when the
# reader goes on.
what='slow reader'
exec {pipe}<>/run/pipe
"$IPCTOOL" monitor --source bpf --jsonl --buffer 64K mq/sysv >/run/pipe 2>/run/err {pipe}<&- &
monitor=$!
exec {reader}</run/pipe
exec {pipe}<&-
read -r line <&"$reader"
had=$(loaded $monitor)
make 20000 || wrong "the makers were disturbed"
cat <&"$reader" >/run/out &
cat=$!
exec {reader}<&-
# What was lost is told when the buffer is empty, so what is made now is told of last.
until_so grep -q '"lost"' /run/out || wrong "no loss is told of"
python3 -c '
import ctypes
libc = ctypes.CDLL(None)
libc.msgsnd(libc.msgget(0, 0o1600), ctypes.byref(ctypes.c_long(32343)), 0, 0)'
until_so grep -q '"type": 32343' /run/out || wrong "the reader did not get what came last"
kill -TERM $monitor
ends 3
wait $cat
complete false
jq -se 'map(select(.lost)) | all(.since != null)' /run/out >/dev/null || wrong "nobody knows since when"
sum=$(jq -se '[.[] | if .lost then .lost elif .verb then 1 else 0 end] | add' /run/out)
((sum == 40002)) || wrong "$sum of 40002 events are told of or counted"

# Nobody reads, and it is to end.
what='signal while nobody reads'
exec {pipe}<>/run/pipe
"$IPCTOOL" monitor --source bpf --jsonl --buffer 64K mq/sysv >/run/pipe 2>/run/err {pipe}<&- &
monitor=$!
exec {reader}</run/pipe
exec {pipe}<&-
read -r line <&"$reader"
had=$(loaded $monitor)
make 5000
kill -TERM $monitor
wait $monitor
code=$?
((code == 1 || code == 3)) || wrong "exit code $code: $(cat /run/err)"
until_so all_gone || wrong "still attached: $(echo $had)"
exec {reader}<&-

((failed)) || echo "each end leaves nothing behind"
exit $failed
