#!/usr/bin/env bats
# change-sem-posix.bats: POSIX named semaphores made, set, posted, waited for and removed, together with programs that use
# them through the C library.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'

# refused STATUS TEXT COMMAND...: it fails with this status, and this text is part of the one line that it says.
refused() {
	local code=$1 text=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $code && $stderr == *"$text"* && $stderr != *$'\n'* && -z $output ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

# quietly COMMAND...: it succeeds and says nothing.
quietly() {
	run_ipctool "$@"
	[[ $status -eq 0 && -z $output && -z $stderr ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

# has NAME VALUE [WAITERS]: what the kernel's bytes say.
has() {
	local word
	word=$(od -An -t u4 -N 8 "/dev/shm/sem.$1")
	# shellcheck disable=SC2086 # two words
	set -- "$2" "${3:-0}" $word
	[[ $1 == "$3" && $2 == "$4" ]]
}

# program SCRIPT [ARGUMENT]...: Python with the semaphores of the C library; sem(NAME) opens one.
program() {
	command -v python3 >/dev/null || skip "needs python3"
	python3 -c '
import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
c.sem_open.restype = ctypes.c_void_p
c.sem_open.argtypes = [ctypes.c_char_p, ctypes.c_int]
for name in "sem_wait", "sem_trywait", "sem_post":
    getattr(c, name).argtypes = [ctypes.c_void_p]
c.sem_getvalue.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
def sem(name):
    s = c.sem_open(os.fsencode(name), 0)
    if not s: sys.exit("sem_open: %d" % ctypes.get_errno())
    return s
def value(s):
    v = ctypes.c_int()
    c.sem_getvalue(s, ctypes.byref(v))
    return v.value
'"$1" "${@:2}"
}

setup() {
	rm -rf /dev/shm/* /dev/shm/.[!.]*
}

teardown() {
	release_all
	rm -rf /dev/shm/* /dev/shm/.[!.]*
}

# ---- create and set ------------------------------------------------------------------------------------------

@test "create: value and mode are exactly those asked for" {
	umask 027
	run_ipctool create sem:/a
	[[ $status -eq 0 && $output == sem:/a ]]
	[[ $(stat -c '%a %s' /dev/shm/sem.a) == '640 32' ]]
	has a 0
	run_ipctool create sem:/b --value 2147483647 --mode 0606
	[[ $status -eq 0 && $(stat -c %a /dev/shm/sem.b) == 606 ]]
	has b 2147483647
	shows_value() { run_ipctool show "$1" --json && holds "$output" '' "$2"; }
	shows_value sem:/b '.objects[0].values[0].value == 2147483647'
}

@test "create: owner and group" {
	need_root
	run_ipctool create sem:/a --owner nobody --group 4711 --mode 0660
	[[ $status -eq 0 && $(stat -c '%a %u %g' /dev/shm/sem.a) == "660 $(id -u nobody) 4711" ]]
}

@test "create: a program opens it with sem_open()" {
	"$IPCTOOL" create sem:/a --value 3
	[[ $(program 's = sem("/a"); c.sem_wait(s); c.sem_post(s); c.sem_post(s); print(value(s))') == 4 ]]
	has a 4
}

@test "create: what is refused leaves nothing behind" {
	refused 2 'largest value' create sem:/a --value 2147483648
	refused 2 'has one value' create sem:/a --value 1,2
	refused 2 'no slash but the first' create sem:/d/a
	refused 2 'at most 251 bytes' create "sem:/$(printf '%0252d' 0)"
	refused 2 'does not take size' create sem:/a --size 32
	[[ -z $(ls -A /dev/shm) ]]
	"$IPCTOOL" create "sem:/$(printf '%0251d' 0)"
	"$IPCTOOL" create "sem:/$HOSTILE" --value 1
	run_ipctool list sem/posix -q --match '/a*'
	[[ $output == "sem:/$HOSTILE" ]]
	quietly wait --nowait "sem:/$HOSTILE"
}

@test "create: one that exists is left alone" {
	"$IPCTOOL" create sem:/a --value 3 --mode 600
	refused 6 exists create sem:/a --value 4
	refused 6 'another mode' create sem:/a --mode 640 --exist-ok
	run_ipctool create sem:/a --mode 600 --exist-ok
	[[ $status -eq 0 ]]
	has a 3
}

@test "set: value, mode, all or nothing" {
	"$IPCTOOL" create sem:/a --value 3 --mode 600
	run_ipctool set sem:/a value=5 mode=0640
	[[ $status -eq 0 && $(stat -c %a /dev/shm/sem.a) == 640 ]]
	has a 5
	run_ipctool set sem:/a 'value[0]=0'
	[[ $status -eq 0 ]]
	has a 0
	refused 2 'has one value' set sem:/a 'value[1]=1' mode=0600
	refused 2 'has one value' set sem:/a value=1,2 mode=0600
	refused 2 'largest value' set sem:/a value=2147483648 mode=0600
	[[ $(stat -c %a /dev/shm/sem.a) == 640 ]]
	has a 0
}

# ---- post and wait -------------------------------------------------------------------------------------------

@test "post and wait: up and down" {
	"$IPCTOOL" create sem:/a
	quietly post sem:/a
	quietly post sem:/a --count 4
	has a 5
	quietly wait sem:/a
	quietly wait sem:/a --nowait
	quietly wait sem:/a --timeout 1h
	has a 2
	refused 2 'index 0' post sem:/a --index 1
	refused 2 'index 0' wait sem:/a --index 1
	refused 2 'become zero' wait sem:/a --zero
	has a 2
}

@test "post: all of it or nothing" {
	"$IPCTOOL" create sem:/a --value 2147483000
	refused 1 'nothing was added' post sem:/a --count 648
	has a 2147483000
	quietly post sem:/a --count 647
	refused 1 'nothing was added' post sem:/a
	has a 2147483647
}

@test "wait: not for ever" {
	"$IPCTOOL" create sem:/a
	refused 7 'it is 0' wait sem:/a --nowait
	refused 7 'timed out' wait sem:/a --timeout 50ms
	has a 0 0
	refused 4 'no such object' wait sem:/b --nowait
	refused 4 'no such object' post sem:/b
}

@test "post wakes a program that waits, and so does a value" {
	fixture s sem-posix name=s waiter=1
	eventually has s 0 1
	quietly post sem:/s
	eventually has s 0 0
	release s
	fixture s sem-posix name=s waiter=1
	eventually has s 0 1
	run_ipctool set sem:/s value=3
	eventually has s 2 0
}

@test "wait is woken by a program's sem_post()" {
	local pids=() pid
	program 'pass'
	"$IPCTOOL" create sem:/a
	for ((n = 0; n < 5; n++)); do
		"$IPCTOOL" wait sem:/a --timeout 60s 3>&- &
		pids+=($!)
	done
	eventually has a 0 5
	program 's = sem("/a"); [c.sem_post(s) for n in range(6)]'
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	has a 1 0
}

@test "one post lets in as many as it says, and no more" {
	local pids=() pid
	"$IPCTOOL" create sem:/a
	for ((n = 0; n < 20; n++)); do
		"$IPCTOOL" wait sem:/a 3>&- &
		pids+=($!)
	done
	eventually has a 0 20
	quietly post sem:/a --count 7
	eventually has a 0 13
	[[ $(jobs -r | wc -l) -ge 13 ]]
	quietly post sem:/a --count 13
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	has a 0 0
}

@test "many at once: none is lost, none is added" {
	local pids=() pid
	"$IPCTOOL" create sem:/a --value 1
	for ((n = 0; n < 10; n++)); do
		for ((m = 0; m < 20; m++)); do
			"$IPCTOOL" wait sem:/a --timeout 60s && "$IPCTOOL" post sem:/a || exit 1
		done 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	has a 1 0
}

# ---- what is no semaphore, and whose it is not ---------------------------------------------------------------

@test "a file that is no semaphore is not touched" {
	printf '%032d' 0 >/dev/shm/sem.bad
	refused 2 'not a semaphore' post sem:/bad
	refused 2 'not a semaphore' wait sem:/bad --nowait
	refused 2 'not a semaphore' set sem:/bad value=1 mode=0600
	[[ $(</dev/shm/sem.bad) == "$(printf '%032d' 0)" && $(stat -c %a /dev/shm/sem.bad) != 600 ]]
	# Another length is no semaphore at all, but memory.
	printf '%033d' 0 >/dev/shm/sem.long
	refused 4 'no such object' post sem:/long
	refused 2 'make one: sem:/name' post shm:/sem.long
	ln -s sem.bad /dev/shm/sem.link
	refused 4 'no such object' post sem:/link
}

@test "another user takes permission to read and write" {
	need_root
	"$IPCTOOL" create sem:/a --mode 644 --value 1
	as_user nobody refused 5 'read and write permission' post sem:/a
	as_user nobody refused 5 'read and write permission' wait sem:/a
	as_user nobody refused 5 'read and write permission' set sem:/a value=2
	as_user nobody refused 5 'only its owner or root' set sem:/a mode=0666
	chmod 666 /dev/shm/sem.a
	as_user nobody quietly post sem:/a
	as_user nobody quietly wait sem:/a
	has a 1
	as_user nobody refused 5 'only its owner or root' remove sem:/a
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: by name, unless it is in use" {
	"$IPCTOOL" create sem:/a
	"$IPCTOOL" create shm:/a --size 1
	run_ipctool remove sem:/a
	[[ $status -eq 0 && $output == 'removed sem:/a' && $(ls -A /dev/shm) == a ]]
	refused 4 'no such object' remove sem:/a
	fixture s sem-posix name=s
	refused 6 'in use' remove sem:/s
	refused 6 'in use' remove --force=unknown sem:/s
	run_ipctool remove --force=held sem:/s
	[[ $status -eq 0 && $output == *'1 process keeps it mapped or open'* ]]
	[[ $(ls -A /dev/shm) == a ]]
}

@test "remove: one that a program waits for" {
	fixture s sem-posix name=s waiter=1
	refused 6 'in use' remove sem:/s
	has s 0 1
}

@test "remove: a handle of one that was replaced" {
	local handle
	"$IPCTOOL" create sem:/a
	handle=$("$IPCTOOL" list sem/posix -r -n -o handle)
	mv /dev/shm/sem.a /dev/shm/sem.b
	"$IPCTOOL" create sem:/a
	run_ipctool remove "$handle"
	[[ $status -eq 4 && -e /dev/shm/sem.a && -e /dev/shm/sem.b ]]
	run_ipctool post "$handle"
	[[ $status -eq 4 ]]
	has a 0
}

@test "other verbs are refused with what to do instead" {
	"$IPCTOOL" create sem:/a
	refused 2 'use a queue' send sem:/a x
	refused 2 'use a queue' receive sem:/a
}
