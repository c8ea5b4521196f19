#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A dump leaves everything as it was: the contents of an object of every kind are written in every format, and what `show` says of
# them, the evidence that the kernel keeps, and what a reader gets afterwards are the same. Then again under strace: no call that
# changes anything.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
. "$here/evidence.bash"

case ${1-start} in
start)
	command -v python3 jq >/dev/null || skip "needs python3 and jq"
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

classes=(pipe fifo mq shm sem sock)

# What `show` says, but for what goes by the clock, what is counted for the user in the whole host, and the standard input and
# output that the command has been given; of a POSIX queue `show` itself moves a time. No pipe of a pipeline must be there
# meanwhile.
shown() {
	local pid processes=()
	for pid in $(</tmp/look/processes); do
		processes+=("signal:$pid")
	done
	"$IPCTOOL" show --json "${classes[@]}" "${processes[@]}" >/tmp/look/show 2>/dev/null </dev/null
	jq -S '.objects | sort_by(.handle)[] | select(any(.holders[]?; .comm == "ipctool") | not) |
		del(.. | .age?, .unused?, .timer_expires?) |
		del(select(.class == "mq" and .kind == "posix") | .used) | del(select(.class == "signal") | .queued)' /tmp/look/show
}

# Every kind, what can be chosen of the contents, and objects by name.
dumps_of_all() {
	"$@" dump --json "${classes[@]}" signal
	"$@" dump --max-bytes 3 "${classes[@]}"
	"$@" dump --message 1 mq
	"$@" dump --offset 2 --length 2 pipe fifo shm
	"$@" dump fifo:/run/fifo fifo:/tmp/waits fifo:/tmp/nobody mq:0x1001 mq:/jobs shm:0x1002 shm:/segment sem:/lock \
		sock:/run/server.sock /tmp/stale
}

dumps_in_every_format() {
	local format
	for format in hex raw text json base64; do
		"$@" dump --format "$format" "${classes[@]}"
	done
	"$@" dump --jsonl "${classes[@]}"
	"$@" dump --output /tmp/look/archive "${classes[@]}"
}

# ---- what there is ------------------------------------------------------------------------------------------------

fixtures_of_every_kind
fixture pipe data=abc packet=1
fixture mq-posix name=/unheld messages=3 hold=0
fixture shm-sysv key=0x1004
fixture signal queue=RTMIN+1,USR1,RTMIN+1 thread=1 thread_queue=USR2
mkdir /tmp/look
python3 "$here/dump_keeper.py" /tmp/look >/tmp/look/kept 2>&1 &
keeper=$!
watched=("$keeper")
until [[ -e /tmp/look/ready ]]; do
	kill -0 "$keeper" || { cat /tmp/look/kept; exit 1; }
	sleep 0.02
done
{ pgrep -P "$$" mkipc; pgrep -P "$(pgrep -d, -P "$$" mkipc)"; echo "$keeper"; } >/tmp/look/processes
status=0

# ---- the same afterwards ------------------------------------------------------------------------------------------

shown >/tmp/look/shown-before
evidence >/tmp/look/before 2>&1
for what in dumps_of_all dumps_in_every_format; do
	"$what" "$IPCTOOL"
done >/tmp/look/out 2>/tmp/look/err </dev/null
evidence >/tmp/look/after 2>&1
shown >/tmp/look/shown-after
for what in "" shown-; do
	diff -U1 "/tmp/look/${what}before" "/tmp/look/${what}after" || { echo "the dumps changed this"; status=1; }
done
echo "$(wc -l </tmp/look/before) lines of evidence, $(wc -l </tmp/look/shown-before) lines shown, $(wc -c </tmp/look/out) bytes dumped"

# ---- the calls ----------------------------------------------------------------------------------------------------

look_at_calls() {
	# What was there before. Pipes and unix sockets that are not among these are the command's own.
	local pipes sockets
	pipes=$(jq -r 'select(.class == "pipe") | .inode' /tmp/look/shown-before | sort -u | paste -sd '|')
	sockets=$(jq -r 'select(.class == "sock") | .inode // empty' /tmp/look/shown-before | sort -u | paste -sd '|')
	local stream="pipe:\[($pipes)\]>|/(run/fifo|run/kept|tmp/waits)>|TCP|UDP|UNIX[^[]*\[($sockets)(->|])|socket:\[($sockets)]"

	forbidden "uses a System V object" '^(shmat|shmdt|semop|semtimedop|msgsnd|shmget|semget|msgget)\('
	forbidden "takes a message" '^msgrcv\(' 'MSG_COPY\|IPC_NOWAIT|MSG_NOERROR\|MSG_COPY'
	forbidden "changes a System V object" '^(shm|sem|msg)ctl\(.*(IPC_RMID|IPC_SET|SHM_LOCK|SHM_UNLOCK|SETVAL|SETALL)'
	forbidden "uses a POSIX queue" '^mq_(unlink|timedsend|timedreceive|notify)\('
	forbidden "makes or writes a POSIX queue" '^mq_open\(' '"[^"]*(\\"[^"]*)*", O_RDONLY(\|O_NONBLOCK|\|O_CLOEXEC)*\)'
	forbidden "changes a POSIX queue" '^mq_getsetattr\(' '^mq_getsetattr\([^,]*, NULL,'
	forbidden "mounts" '^(mount|umount2|move_mount|pivot_root)\('
	# The C library asks the system's name service for the names of users.
	forbidden "connects, listens or accepts" '^(connect|listen|accept4?|shutdown)\(' \
		'"/(var/)?run/(nscd/socket|systemd/userdb/|dbus/)|/sss/pipes/'
	forbidden "makes a socket that is not netlink" '^(socket|bind)\(' 'AF_NETLINK|^socket\(AF_UNIX'
	forbidden "sends or writes" "^(send|sendto|sendmsg|sendmmsg|write|writev|pwrite64|vmsplice)\([0-9]+<($stream)"
	forbidden "writes to a file" '^(write|writev|pwrite64)\([0-9]+</' '^write(v)?\([12]</dev/null'
	forbidden "receives and does not peek" '^(recvfrom|recvmsg|recvmmsg)\(' '^[a-z]*\([0-9]+<NETLINK:\[(SOCK_DIAG|INET_DIAG)|MSG_PEEK'
	forbidden "sets an option of a socket" '^setsockopt\(' '^setsockopt\([0-9]+<NETLINK:\[SOCK_DIAG|INET_DIAG'
	forbidden "reads or moves what is in a pipe or a socket" "^(read|readv|pread64|preadv|splice)\([0-9]+<($stream)"
	forbidden "fills a pipe that is not its own" "^(tee|splice)\([0-9]+<[^>]*>, [^,]*<($stream)"
	forbidden "sizes a pipe that is not its own" "^fcntl\([0-9]+<($stream).*F_SETPIPE_SZ"
	forbidden "changes flags that others share" '^fcntl\(.*F_SETFL'
	forbidden "changes names" \
		'^(unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|mknod|mknodat|mkdir|mkdirat|rmdir)\('
	forbidden "changes files" '^(truncate|ftruncate|fallocate|f?chmod(at2?)?|f?chown(at)?|lchown|utime.*|setxattr|fsetxattr)\('
	forbidden "opens to write" '^(creat|open|openat|openat2)\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)' '"/dev/null"'
	forbidden "opens a FIFO" '^(open|openat|openat2)\(.*(fifo|waits|nobody|kept)", ' 'O_PATH'
	# Memory by its descriptor or its mapping: a file without a name, opened for reading.
	forbidden "opens what a descriptor leads to" '^(open|openat|openat2)\(.*[0-9]+/fd/[0-9]+", ' \
		'O_PATH|= [0-9]+<(/memfd:|/dev/shm/|/dev/zero|/tmp/mapped|/SYSV)|= -1'
	forbidden "leaves a time of access" '^(open|openat|openat2)\(.*= [0-9]+<(/memfd:|/dev/shm/[^>]|/dev/zero|/tmp/mapped|/SYSV)' \
		'O_PATH|O_NOATIME|O_DIRECTORY'
	forbidden "takes a lease or a lock" '^(flock\(|fcntl\(.*(F_SETLEASE|F_SETLK|F_OFD_SETLK|F_ADD_SEALS|F_SETOWN|F_SETSIG))'
	forbidden "maps what others have for writing" '^mmap\(.*PROT_WRITE.*MAP_SHARED.*<' 'anon_inode:bpf-map'
	forbidden "sends a signal or traces" \
		'^(kill|tkill|tgkill|rt_sigqueueinfo|rt_tgsigqueueinfo|pidfd_send_signal|ptrace|process_vm_writev)\('
	forbidden "loads a module" '^(init_module|finit_module|delete_module)\('
}

if calls_of dumps_of_all; then
	look_at_calls
	name_calls
fi

# ---- what a reader gets -------------------------------------------------------------------------------------------

kill -USR1 "$keeper"
wait "$keeper" || status=1
cat /tmp/look/kept
[[ $(timeout 5 head -c 5 /run/fifo) == hello ]] || { echo "what was in the FIFO is gone"; status=1; }
exit $status
