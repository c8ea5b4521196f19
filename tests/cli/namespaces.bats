#!/usr/bin/env bats
# namespaces.bats: objects of several mount namespaces, references there, and pids of a namespace that is not /proc's.

load helpers

# in_other_mounts COMMAND...: a fixture in a mount namespace with file systems of its own on /dev/shm and /srv.
in_other_mounts() {
	need_root
	_fx_prefix=(unshare --mount sh -c 'mount -t tmpfs none /dev/shm && mount -t tmpfs none /srv && exec "$@"' sh)
	"$@"
	local rc=$?
	_fx_prefix=()
	return "$rc"
}

# mounts_of FIXTURE: the inode of its mount namespace.
mounts_of() {
	readlink "/proc/$(fx "$1" .pid)/ns/mnt" | tr -cd 0-9
}

@test "objects of several mount namespaces keep their names when they are sorted" {
	local name
	for name in b c a; do
		in_other_mounts fixture "$name" shm-posix name="$name"
	done
	run_ipctool list shm/posix --all-namespaces --sort name --raw -n -o name,ref
	[[ $status -eq 0 ]]
	[[ $output == "/a	shm@$(mounts_of a):/a
/b	shm@$(mounts_of b):/b
/c	shm@$(mounts_of c):/c" ]]
}

@test "under --namespace a path is meant there, whatever it leads to here" {
	in_other_mounts fixture f fifo path=/srv/theirs
	run_ipctool show fifo:/srv/theirs --namespace "$(fx f .pid)" --raw -n -o ref
	[[ $status -eq 0 && $output == "fifo@$(mounts_of f):/srv/theirs" ]]
	run_ipctool show fifo:/srv/theirs --all-namespaces
	[[ $status -eq 4 ]]
}

@test "users of foreign mount namespaces are looked up in the caller's" {
	in_other_mounts fixture a shm-posix name=a
	command -v strace >/dev/null || skip "needs strace"
	ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=setns,openat \
		"$IPCTOOL" list shm/posix --namespace "$(fx a .pid)" -o ref,user,holders >/dev/null || skip "strace cannot trace here"
	local thread
	thread=$(awk '/setns\(.*= 0/ { print $1; exit }' "$BATS_TEST_TMPDIR/trace")
	[[ -n $thread ]]
	grep -q '"/etc/' "$BATS_TEST_TMPDIR/trace"
	run ! awk -v thread="$thread" '/setns\(.*= 0/ { inside = 1 } inside && $1 == thread && /"\/(etc|lib|usr|sys)\// { found = 1 }
		END { exit !found }' "$BATS_TEST_TMPDIR/trace"
}

@test "a pid on record of another pid namespace than that of /proc is not called dead" {
	need_root
	run unshare --ipc --pid --fork bash -c '
		exec 3< <(exec "$0" shm-sysv < <(sleep 60))
		read -r -u 3
		"$1" list shm/sysv --json' "$MKIPC" "$IPCTOOL"
	[[ $status -eq 0 ]]
	[[ $(json "$output" '.objects[0].state') == unknown ]]
	[[ $(json "$output" '.objects[0].evidence[1]') == *" is a number of another pid namespace than this /proc" ]]
}

@test "a FIFO that is given for a namespace is not opened" {
	mkfifo /tmp/trap
	(echo x >/tmp/trap) &
	local writer=$!
	run_ipctool list mq --namespace /tmp/trap
	[[ $status -eq 2 && $stderr == "ipctool list: /tmp/trap: not a namespace: give a process number or a file like /run/netns/NAME" ]]
	kill -0 "$writer"
	kill "$writer"
}
