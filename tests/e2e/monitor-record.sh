#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor --record` learns of who makes and takes semaphores, and what `--evidence` does with it: it keeps what a process on
# record that is alive may use, and nothing else. The file survives the recorder, a full disk, and a second recorder.
set -u

arguments=("$@")
. "$SOURCE_DIR/tests/e2e/private.bash"
enter_private
show_all_processes
command -v python3 >/dev/null || skip "no python3"

work=$(mktemp -d) || exit 1
mkdir "$work/empty"
trap 'end_descendants; rm -rf "$work"' EXIT
failed=0
fail() {
	echo "$*"
	failed=1
}
# says FILTER WHAT DOCUMENT
says() {
	jq -e "$1" >/dev/null <<<"$3" || fail "$2: not $1: $3"
}
# line REGEX: a filter for documents with such a line of evidence.
line() {
	jq -cn --arg re "$1" '"any(.objects[0].evidence[]; test(\($re | tojson)))"' -r
}
# until_true WHAT COMMAND...: a condition that has to come.
until_true() {
	local what=$1 tries
	shift
	for ((tries = 0; tries < 600; tries++)); do
		"$@" && return
		sleep 0.05
	done
	fail "did not come: $what"
	return 1
}
has() {
	grep -q -- "$2" "$1" 2>/dev/null
}
recorder=
# record NAME OPTION...: a monitor that records to $work/FILE, from its first line on.
record() {
	local name=$1
	shift
	"$IPCTOOL" monitor --source bpf --record "$file" --jsonl "$@" >"$work/$name.out" 2>"$work/$name.error" &
	recorder=$!
	until has "$work/$name.out" '"start"'; do
		if ! kill -0 "$recorder" 2>/dev/null; then
			wait "$recorder"
			return
		fi
		sleep 0.02
	done
}
# end SIGNAL STATUS
end() {
	kill "-$1" "$recorder"
	wait "$recorder" 2>/dev/null
	local status=$?
	((status == $2)) || fail "the recorder ended with $status, not $2"
}
# show REFERENCE OPTION...: state and evidence
show() {
	"$IPCTOOL" show --json -o ref,state,evidence "$@"
}
clean() {
	"$IPCTOOL" clean --policy-dir "$work/empty" --min-age 0s --json --include=suspect,idle --owner root -o ref,state,verdict,why "$@"
}

# Makes a set, has it taken by a child that dies, and stays until a line comes.
cat >"$work/user.py" <<'PYTHON'
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)

def operate(made, change):
    if libc.semop(made, (ctypes.c_short * 3)(0, change, 0), 1):
        sys.exit(os.strerror(ctypes.get_errno()))

made = libc.semget(int(sys.argv[1], 0), 1, 0o1600)
libc.semctl(made, 0, 16, 1)  # SETVAL
operate(made, 2)
child = os.fork()
if child == 0:
    operate(made, -1)
    os._exit(0)
os.waitpid(child, 0)
print(made, child, flush=True)
sys.stdin.readline()
PYTHON
# user NAME KEY: one of those; $set is its reference, $user its process, $child who took it.
user() {
	mkfifo "$work/$1.in"
	python3 "$work/user.py" "$2" <>"$work/$1.in" >"$work/$1" &
	user=$!
	until_true "a set of $1" test -s "$work/$1" || exit 1
	read -r set child <"$work/$1"
	set=sem:$set
}

# ---- learning ----------------------------------------------------------------------------------------------------------

file=$work/evidence
# Watching something else: semaphores are recorded all the same, and not told of.
if ! record first mq; then
	grep -q 'CAP_BPF\|does not take\|no BPF' "$work/first.error" && skip "$(<"$work/first.error")"
	fail "$(<"$work/first.error")"
	exit 1
fi
[[ $(stat -c %a "$file") == 600 ]] || fail "the mode of the record is $(stat -c %a "$file")"
user one 0x5432
one=$set one_user=$user
until_true "a line of who made it" has "$file" "^created sem/sysv .* id=${one#sem:} key=0x00005432 .* pid=$one_user start=[0-9]* uid=0 comm=python3\$"
until_true "a line of who took it" has "$file" "^taken sem/sysv .* id=${one#sem:} .* pid=$child .* comm=python3\$"
has "$work/first.out" sem/ && fail "told of what was not asked for: $(<"$work/first.out")"

document=$(show "$one")
says '.objects[0].state == "suspect"' "without the record" "$document"
document=$(show --evidence "$file" "$one")
says '.objects[0].state == "held"' "with the record" "$document"
says "$(line "^created by $one_user \\(python3\\), recorded at 2[0-9-]*T[0-9:.]*Z\$")" "who made it" "$document"
says "$(line "^creator $one_user \\(python3\\) is alive\$")" "who made it" "$document"
says "$(line "^taken last by $child \\(python3\\), recorded at ")" "who took it" "$document"
says "$(line "^last taker $child is dead\$")" "who took it" "$document"
document=$("$IPCTOOL" list --evidence "$file" --json -o ref,state sem/sysv)
says ".objects == [{\"ref\": \"$one\", \"state\": \"held\"}]" "list" "$document"
document=$(clean "$one")
says '.objects[0].verdict == "remove"' "clean without the record" "$document"
document=$(clean --evidence "$file" "$one")
says '.objects[0] | .verdict == "keep" and (.why | startswith("in use")) and .state == "held"' "clean with the record" "$document"
"$IPCTOOL" remove --evidence "$file" "$one" 2>"$work/error"
[[ $? == 6 ]] || fail "remove with the record: $(<"$work/error")"

# ---- two recorders, and one that is killed -------------------------------------------------------------------------------

"$IPCTOOL" monitor --record "$file" mq >"$work/out" 2>"$work/error"
[[ $? == 6 ]] && has "$work/error" 'another ipctool records to it' || fail "a second recorder: $(<"$work/error")"
end KILL 137
before=$(<"$file")

# Who made it dies: it is told, and makes nothing abandoned. A number that is given out again would be told from it.
kill "$one_user" && wait "$one_user"
document=$(show --evidence "$file" "$one")
says '.objects[0].state == "suspect"' "its maker is dead" "$document"
says "$(line "^creator $one_user is dead\$")" "its maker is dead" "$document"
says "$(line "^the kernel counts no users of this kind")" "its maker is dead" "$document"
document=$(clean --evidence "$file" "$one")
says '.objects[0].verdict == "remove"' "clean of what a dead process made" "$document"
sed "s/ pid=$one_user start=[0-9]*/ pid=$$ start=1/" "$file" >"$work/reused" && chmod 600 "$work/reused"
document=$(show --evidence "$work/reused" "$one")
says '.objects[0].state == "suspect"' "a number that was given out again" "$document"
says "$(line "^creator $$ is dead: its number was reused later\$")" "a number that was given out again" "$document"

# The next one goes on with what the file has; what is gone leaves it.
record second sem mq
[[ $(grep -c " id=${one#sem:} " "$file") == 2 && $(head -3 "$file") == "$(head -3 <<<"$before")" ]] || fail "not taken over: $(<"$file")"
user two 0
until_true "a line of the second set" has "$file" "^created sem/sysv .* id=${set#sem:} key=0x00000000 .* pid=$user "
"$IPCTOOL" remove --quiet "$one"
until_true "the end of its lines" eval "! has $file ' id=${one#sem:} '"
has "$file" " id=${set#sem:} " || fail "the other one left as well"

# ---- a named semaphore ---------------------------------------------------------------------------------------------------

# named: a named semaphore whose maker is killed, so that it stays.
named() {
	local number=${#named[@]} maker
	named+=(1)
	mkfifo "$work/jobs$number.in"
	"$MKIPC" sem-posix name=jobs hold=0 <>"$work/jobs$number.in" >"$work/jobs$number" 2>&1 &
	maker=$!
	until_true "a named semaphore" test -s "$work/jobs$number"
	kill -KILL "$maker"
	wait "$maker" 2>/dev/null
}
named=()
named
if until_true "a line of a named semaphore" has "$file" "^created sem/posix "; then
	inode=$(stat -c %i /dev/shm/sem.jobs)
	has "$file" "^created sem/posix namespace=[0-9]* device=[0-9:]* inode=$inode birth=" || fail "named: $(<"$file")"
	document=$(show --evidence "$file" sem:/jobs)
	says '.objects[0].state != "held"' "a named semaphore of a dead process" "$document"
	says "$(line '^creator [0-9]+ is dead$')" "a named semaphore of a dead process" "$document"
	sed -E "s/^(created sem\/posix .*) pid=[0-9]+ start=[-0-9]+/\1 pid=$$ start=$(cut -d' ' -f22 /proc/$$/stat)/" "$file" >"$work/alive"
	chmod 600 "$work/alive"
	document=$(show --evidence "$work/alive" sem:/jobs)
	says '.objects[0].state == "held"' "a named semaphore of a living process" "$document"
	# Another file of that name is another semaphore.
	rm /dev/shm/sem.jobs
	named
	document=$(show --evidence "$work/alive" sem:/jobs)
	says '.objects[0].state != "held" and all(.objects[0].evidence[]; test("recorded") | not)' "a later one" "$document"
fi
end TERM 0
[[ $(ls "$work" | grep -c ipctool-new) == 0 ]] || fail "something is left: $(ls "$work")"

# ---- what is not believed --------------------------------------------------------------------------------------------------

# refused STATUS TEXT FILE
refused() {
	"$IPCTOOL" list --evidence "$3" sem >"$work/out" 2>"$work/error"
	local status=$?
	[[ $status == "$1" && ! -s $work/out && $(<"$work/error") == "ipctool list: $3: $2"* ]] ||
		fail "$3: status $status: $(<"$work/error")"
}
sed 's/^boot=.*/boot=01234567-89ab-cdef-0123-456789abcdef/' "$file" >"$work/old"
sed '4s/ pid=/ bid=/' "$file" >"$work/bad"
cp "$file" "$work/open"
cp "$file" "$work/foreign"
chmod 600 "$work/old" "$work/bad"
chmod 620 "$work/open"
chown nobody "$work/foreign"
refused 2 'it was recorded before the system was started anew' "$work/old"
refused 2 "line 4: no 'pid=' where it belongs" "$work/bad"
refused 2 'No such file or directory' "$work/none"
refused 2 'not a regular file' "$work"
refused 5 'its mode 0620 lets others change what it says' "$work/open"
refused 5 'it belongs to user' "$work/foreign"
ln -s "$file" "$work/link"
for name in bad open foreign link; do
	cp -a "$work/$name" "$work/before"
	"$IPCTOOL" monitor --record "$work/$name" --count 1 sem >"$work/out" 2>"$work/error"
	status=$?
	[[ $status == 2 || $status == 5 ]] && [[ ! -s $work/out ]] && has "$work/error" "$work/$name: " ||
		fail "recording to $name: status $status: $(<"$work/error")"
	cmp -s "$work/$name" "$work/before" || fail "$name was changed"
	rm "$work/before"
done
# One of another boot is begun anew, with a word.
file=$work/old
record third sem
has "$file" "^boot=$(</proc/sys/kernel/random/boot_id)\$" && ! has "$file" '^\(created\|taken\)' || fail "not begun anew: $(<"$file")"
has "$work/third.error" 'was recorded before the system was started anew: it is begun anew' || fail "no word of that: $(<"$work/third.error")"
end TERM 0

# ---- a full disk -----------------------------------------------------------------------------------------------------------

mkdir "$work/small" && mount -t tmpfs -o size=64k none "$work/small" || exit 1
file=$work/small/evidence
record fourth sem
user three 0x33
until_true "a line of the third set" has "$file" " key=0x00000033 .* pid=$user "
before=$(<"$file")
dd if=/dev/zero of="$work/small/full" bs=4k 2>/dev/null
user four 0x44
until_true "a word of the full disk" has "$work/fourth.error" 'cannot be written, and stays as it was: No space left on device'
[[ $(<"$file") == "$before" ]] || fail "on a full disk the old file does not stay: $(<"$file")"
rm "$work/small/full"
end TERM 0
has "$file" " key=0x00000044 .* pid=$user " || fail "with room again nothing was written: $(<"$file")"
[[ $(ls "$work/small") == evidence ]] || fail "something is left: $(ls "$work/small")"
umount "$work/small"

exit "$failed"
