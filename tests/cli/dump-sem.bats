#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-sem.bats: values, waiters and undo values of semaphores; and that looking changes none of them.

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	local pid
	for pid in "${started[@]}"; do
		kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	"$IPCTOOL" remove --quiet --force=held --all sem 2>/dev/null
	release_all
}

# start COMMAND...: its number into $pid.
started=()
start() {
	"$@" >/dev/null 3>&- 4>&- &
	pid=$!
	started+=("$pid")
}

# What `show` says of it, but for how old it is, and how much else could not be seen.
look() {
	"$IPCTOOL" show --json -- "$1" | jq '.objects[] | del(.age, .unused, .evidence)'
}

# contents REF [OPTION]...: what JSON has of it into $contents; nothing is said, and nothing changes.
contents() {
	local before
	before=$(look "$1")
	run_ipctool dump --json "$@"
	[[ $status -eq 0 && -z $stderr ]] || { echo "dump $*: $status: $stderr"; return 1; }
	json_valid "$output"
	contents=$(json "$output" '.dumps[0].contents')
	diff <(printf '%s\n' "$before") <(look "$1") | head -n 20
	[[ $before == "$(look "$1")" ]]
}

# Undo values are read by BPF.
need_undo() {
	[[ $(json "$contents" '.[0].undo') != null ]] && return
	if ((EUID == 0)) && [[ -n ${IPCTOOL_REQUIRE_BPF-} ]]; then
		echo "no undo values"
		return 1
	fi
	skip "undo values cannot be read here"
}

# undoes REF INDEX COUNT: so many processes will give back to it.
undoes() {
	[[ $("$IPCTOOL" dump --json "$1" | jq ".dumps[0].contents[$2].undo | length") == "$3" ]]
}

taken() {
	[[ $("$IPCTOOL" dump --json "$1" | jq ".dumps[0].contents[$2].value") == "$3" ]]
}

# ---- System V ---------------------------------------------------------------------------------------------------

@test "sysv: values, who waits, who was last" {
	fixture s sem-sysv values=5,0,7 waiter=increase index=1 dead_user=1 mode=0600
	contents "sem:$(fx s .id)"
	holds "$contents" s 'length == 3' 'map(.index) == [0, 1, 2]' 'map(.value) == $f.values' \
		'map(.waiting_increase) == [0, 1, 0]' 'map(.waiting_zero) == [0, 0, 0]' '.[1].last_pid == $f.dead' \
		'all(has("undo"))'
	release s
	fixture z sem-sysv values=3 waiter=zero mode=0600
	contents "sem:$(fx z .id)"
	holds "$contents" z '.[0].waiting_zero == 1' '.[0].waiting_increase == 0'
}

@test "sysv: how it was read" {
	fixture s sem-sysv values=1 mode=0600
	run_ipctool dump --json "sem:$(fx s .id)"
	holds "$(json "$output" '.dumps[0]')" s '.source == "GETALL" and .unreached == 0 and (.torn | not)'
}

@test "sysv: several hundred, each by its number" {
	local s values
	values=$(seq -s, 1000 1499)
	s=$("$IPCTOOL" create --mode 600 sem/sysv --value "$values")
	contents "$s"
	holds "$contents" '' 'map(.value) == [range(1000; 1500)]' 'map(.index) == [range(500)]'
	contents "$s" --message 499
	holds "$contents" '' 'length == 1' '.[0].index == 499 and .[0].value == 1499'
	fails 4 '500' dump --message 500 "$s"
	fails 2 'no offsets' dump --offset 1 "$s"
}

@test "sysv: what two processes are to give back, until they end" {
	local s first second
	s=$("$IPCTOOL" create --mode 600 sem/sysv --value 3,0,9)
	contents "$s"
	need_undo
	holds "$contents" '' 'map(.undo) == [[], [], []]'
	start "$IPCTOOL" wait "$s" -- sleep 1000
	first=$pid
	start "$IPCTOOL" wait "$s" -- sleep 1000
	second=$pid
	eventually taken "$s" 0 1
	eventually undoes "$s" 0 2
	eventually grep -q sleep "/proc/$first/comm"
	eventually grep -q sleep "/proc/$second/comm"
	contents "$s"
	holds "$contents" '' '.[0].value == 1' '.[1].undo == [] and .[2].undo == []' \
		".[0].undo == ([{pid: $first, comm: \"sleep\", adjust: 1}, {pid: $second, comm: \"sleep\", adjust: 1}] | sort_by(.pid))"
	run_ipctool dump --format raw --message 0 "$s"
	[[ $output == *"$first(sleep)+1"* && $output == *"$second(sleep)+1"* ]]
	kill -KILL "$first"
	eventually taken "$s" 0 2
	contents "$s"
	holds "$contents" '' ".[0].undo == [{pid: $second, comm: \"sleep\", adjust: 1}]"
}

@test "sysv: undo values of either sign, far in the set, of threads that share them" {
	command -v python3 >/dev/null || skip "needs python3"
	local s
	s=$("$IPCTOOL" create --mode 600 sem/sysv --number 400 --value 50)
	cat >holder.py <<'EOF'
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
class Operation(ctypes.Structure):
    _fields_ = [("number", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short)]
def operate(number, change):
    if libc.semop(int(sys.argv[1]), ctypes.byref(Operation(number, change, 0o10000)), 1) < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
def thread():
    operate(399, 5)
    ready.set()
    time.sleep(1000)
ready = threading.Event()
operate(0, -2)
operate(128, 30)
operate(129, 1)
operate(129, -1)
threading.Thread(target=thread, daemon=True).start()
ready.wait()
open("ready", "w")
time.sleep(1000)
EOF
	start python3 holder.py "${s#*:}"
	eventually test -e ready
	contents "$s"
	need_undo
	holds "$contents" '' "[.[] | select(.undo != []) | {index, undo: (.undo | map([.pid, .adjust]))}] ==
		[{index: 0, undo: [[$pid, 2]]}, {index: 128, undo: [[$pid, -30]]}, {index: 399, undo: [[$pid, -5]]}]"
}

@test "sysv: an ordinary user is shown no undo values, and not told so" {
	need_root
	local s
	s=$("$IPCTOOL" create --mode 666 sem/sysv --value 3)
	as_user nobody contents "$s"
	holds "$contents" '' '.[0].value == 3 and .[0].undo == null'
}

@test "sysv: one that may not be read" {
	need_root
	local s
	s=$("$IPCTOOL" create --mode 600 sem/sysv --value 3)
	as_user nobody fails 5 'CAP_IPC_OWNER' dump "$s"
	as_user nobody fails 5 'its mode 0600' dump "$s"
}

@test "sysv: in another ipc namespace, with what is to be given back there" {
	need_root
	local s
	s=$("$IPCTOOL" create --mode 600 sem/sysv --value 1) # the same id here
	start unshare --ipc bash -c 'set -e; s=$("$0" create sem/sysv --value 8); : >ready; exec "$0" wait "$s" -- sleep 1000' "$IPCTOOL"
	eventually test -e ready
	eventually grep -q sleep "/proc/$pid/comm"
	run_ipctool dump --json --namespace "$pid" sem
	[[ $status -eq 0 && -z $stderr ]]
	contents=$(json "$output" '.dumps[0].contents')
	holds "$contents" '' '.[0].value == 7'
	need_undo
	holds "$contents" '' ".[0].undo == [{pid: $pid, comm: \"sleep\", adjust: 1}]"
	contents "$s"
	holds "$contents" '' '.[0].value == 1 and .[0].undo == []'
}

@test "sysv: gone, and replaced" {
	local s handle
	s=$("$IPCTOOL" create --mode 600 sem:0x77)
	handle=$("$IPCTOOL" show "$s" --raw -n -o handle)
	"$IPCTOOL" remove "$s"
	fails 4 '' dump "$s"
	fails 4 '' dump "$handle"
}

# ---- POSIX ------------------------------------------------------------------------------------------------------

@test "posix: value and waiters, and its access time stays" {
	local times
	fixture s sem-posix name=jobs value=7 mode=0600
	touch -a -d '2020-01-01' /dev/shm/sem.jobs
	times=$(stat -c '%x %y %z' /dev/shm/sem.jobs)
	contents sem:/jobs
	holds "$contents" s '. == [{index: 0, value: 7, waiting_increase: 0}]'
	[[ $(stat -c '%x %y %z' /dev/shm/sem.jobs) == "$times" ]]
	fixture w sem-posix name=waits waiter=1 mode=0600
	contents sem:/waits
	holds "$contents" w '. == [{index: 0, value: 0, waiting_increase: 1}]'
	shows w sem:/waits '.waiters | length == 1'
}

@test "posix: of another user" {
	need_root
	fixture s sem-posix name=theirs value=2 mode=0644
	as_user nobody run_ipctool dump --format raw sem:/theirs
	[[ $status -eq 0 && $output == $'0\t2\t0' ]]
	chmod 600 /dev/shm/sem.theirs
	as_user nobody fails 5 'read permission' dump sem:/theirs
}

@test "posix: what is none" {
	head -c 32 /dev/zero | tr '\0' x >/dev/shm/sem.bad
	fails 2 'not a semaphore of glibc' dump sem:/bad
	rm /dev/shm/sem.bad
	fails 4 '' dump sem:/bad
}

@test "posix: unlinked, through who has it mapped" {
	need_ptrace
	local ref
	fixture s sem-posix name=gone value=4 unlinked=1 mode=0600
	ref=$("$IPCTOOL" show sem/posix --json | jq -r '.objects[0].ref')
	[[ $ref == sem:@* ]]
	contents "$ref"
	holds "$contents" s '. == [{index: 0, value: 4, waiting_increase: 0}]'
	release s
	fails 4 '' dump "$ref"
}

# ---- unnamed ----------------------------------------------------------------------------------------------------

@test "unnamed: through who waits for it, in memory of every sort" {
	need_ptrace
	local ref
	fixture a sem-unnamed memory=anon offset=64
	fixture m sem-unnamed memory=memfd offset=4096
	fixture s sem-unnamed memory=shm name=memory
	for name in a m s; do
		ref=sem:@$(fx "$name" .waiter.pid):$(fx "$name" .addr)
		contents "$ref"
		holds "$contents" "$name" '. == [{index: 0, value: 0, waiting_increase: 1}]'
		[[ $(awk '$1 == "State:" { print $2 }' "/proc/$(fx "$name" .waiter.pid)/status") == S ]]
	done
	ref=sem:@$(fx a .waiter.pid):$(fx a .addr)
	release a
	fails 4 '' dump "$ref"
}
