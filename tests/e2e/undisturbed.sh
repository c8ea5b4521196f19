#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Looking leaves everything as it was: an object of every kind is listed and shown in every way, and the evidence that the kernel
# keeps, what is blocked, what is buffered and what is mounted is the same afterwards. Then again under strace: no call that could
# change anything.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
. "$here/evidence.bash"

case ${1-start} in
start)
	status=0
	for options in "" --mqueue; do
		echo "==== in fresh namespaces ${options:-without /dev/mqueue}"
		# shellcheck disable=SC2086 # no option is no word
		in_sandbox $options -- "$0" inside
		case $? in
		0) ;;
		77) skip "no fresh namespaces here" ;;
		*) status=1 ;;
		esac
	done
	exit $status
	;;
inside) ;;
esac

# Every way of looking that asks for something of its own.
looks() {
	local class
	"$@" list
	"$@" list --all --json
	"$@" list --all --all-namespaces --raw
	"$@" list --all --tree
	"$@" list --all --holders-from proc -o +holders,waiters,evidence
	# Fails where BPF cannot be used.
	"$@" list --all --holders-from bpf -o +holders,waiters,evidence
	for class in pipe fifo mq shm sem sock signal; do
		"$@" show "$class"
		"$@" show "$class" --json
	done
	"$@" show fifo:/run/fifo fifo:/tmp/waits fifo:/tmp/nobody mq:0x1001 mq:/jobs shm:0x1002 shm:/segment sem:/lock \
		sock:/run/server.sock /tmp/stale
}

fixtures_of_every_kind
unshare --ipc --net --mount sleep infinity &
other=$!
until [[ $(<"/proc/$other/comm") == sleep ]]; do
	sleep 0.02
done
mkdir /tmp/look
status=0

evidence >/tmp/look/before 2>&1
for _ in 1 2; do
	looks "$IPCTOOL" >/tmp/look/out 2>/tmp/look/err </dev/null
done
evidence >/tmp/look/after 2>&1
if ! diff -U1 /tmp/look/before /tmp/look/after; then
	echo "looking changed this"
	status=1
fi
objects=$("$IPCTOOL" list --all --count 2>/dev/null)
echo "$objects objects, $(wc -l </tmp/look/before) lines of evidence"
((objects > 50)) || { echo "too few objects: $(</tmp/look/err)"; status=1; }
[[ $(timeout 5 head -c 5 /run/fifo) == hello ]] || { echo "what was in the FIFO is gone"; status=1; }

# ---- the calls ----------------------------------------------------------------------------------------------------

calls_of looks || exit $status

forbidden "uses a System V object" '^(shmat|shmdt|semop|semtimedop|msgsnd|msgrcv|shmget|semget|msgget)\('
forbidden "changes a System V object" '^(shm|sem|msg)ctl\(.*(IPC_RMID|IPC_SET|SHM_LOCK|SHM_UNLOCK|SETVAL|SETALL)'
forbidden "uses a POSIX queue" '^mq_(open|unlink|timedsend|timedreceive|notify)\('
forbidden "mounts" '^(mount|umount2|move_mount|pivot_root)\('
# The C library asks the system's name service for the names of users.
forbidden "connects, listens or accepts" '^(connect|listen|accept4?)\(' '"/(var/)?run/(nscd/socket|systemd/userdb/|dbus/)|/sss/pipes/'
forbidden "makes a socket that is not netlink" '^(socket|bind)\(' 'AF_NETLINK|^socket\(AF_UNIX'
forbidden "changes names" '^(unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|mknod|mknodat|mkdir|mkdirat|rmdir)\('
forbidden "changes files" '^(truncate|ftruncate|fallocate|f?chmod(at2?)?|f?chown(at)?|lchown|utime.*|setxattr|fsetxattr)\('
forbidden "opens to write" '^(creat|open|openat|openat2)\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)' '"/dev/null"'
forbidden "opens a FIFO" '^(open|openat|openat2)\(.*(fifo|waits|nobody)", ' 'O_PATH'
forbidden "opens what a descriptor leads to" '^(open|openat|openat2)\(.*[0-9]+/fd/[0-9]+", ' 'O_PATH'
forbidden "takes a lease or a lock" '^(flock\(|fcntl\(.*(F_SETLEASE|F_SETLK|F_OFD_SETLK|F_SETPIPE_SZ|F_ADD_SEALS|F_SETOWN|F_SETSIG))'
forbidden "consumes" '^(tee|splice|vmsplice|recvfrom)\('
forbidden "sends a signal or traces" '^(kill|tkill|tgkill|rt_sigqueueinfo|rt_tgsigqueueinfo|pidfd_send_signal|ptrace|process_vm_writev)\('
forbidden "loads a module" '^(init_module|finit_module|delete_module)\('
name_calls
exit $status
