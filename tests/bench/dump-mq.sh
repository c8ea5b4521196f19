#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-mq.sh: how long ipctool takes to show what message queues hold, beside a C program that copies message after message
# (MSG_COPY) and one that takes them all out, in turns in one sandbox. It prints medians and their ratio and asserts nothing:
# dump-mq.sh [MESSAGES [ROUNDS]]
set -eu

: "${IPCTOOL_BUILD:=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}}"
: "${IPCTOOL:=$IPCTOOL_BUILD/ipctool}" "${SANDBOX:=$IPCTOOL_BUILD/tests/fixtures/sandbox}" "${CC:=cc}"
export IPCTOOL

skip() {
	echo "skipped: $*" >&2
	exit 77
}

# ---- inside the sandbox -----------------------------------------------------------------------------------------

measure() {
	python3 - "$@" <<'PYTHON'
import os, resource, statistics, subprocess, sys, time

tool = os.environ["IPCTOOL"]
peer, most, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
without_bpf = ["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", "--inh-caps", "-bpf,-perfmon,-sys_admin", "--"]


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **options).returncode


def timed(command):
    """Milliseconds: elapsed, in the program, in the kernel."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if run(*command):
        return None
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return [1000 * x for x in (elapsed, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)]


def compare(kind, count, size, commands):
    """Each command in turn on a queue that is made anew."""
    taken = {name: [] for name, _ in commands}
    print(f"{count} messages of {size} bytes, {kind}")
    for _ in range(rounds):
        for name, command in commands:
            if run(peer, kind, "fill", str(count), str(size)):
                print("  such a queue cannot be made here")
                return
            taken[name].append(timed(command))
    first = None
    for name, samples in taken.items():
        if None in samples:
            print(f"  {name:45} failed")
            continue
        elapsed, user, system = (statistics.median(column) for column in zip(*samples))
        first = first or elapsed
        print(f"  {name:45} {elapsed:8.1f} ms (least {min(s[0] for s in samples):.1f}, user {user:.0f}, system {system:.0f})"
              f"  x {elapsed / first:.2f}")
    sys.stdout.flush()


def limit(name, value):
    try:
        with open(name, "w") as file:
            file.write(str(value))
    except OSError:
        pass


try:
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (resource.RLIM_INFINITY,) * 2)
except (AttributeError, OSError, ValueError):
    run("true")
for name, value in (("kernel/msgmnb", 1 << 30), ("fs/mqueue/msg_max", 65536), ("fs/mqueue/msgsize_max", 65536)):
    limit("/proc/sys/" + name, value)

sysv = [
    ("a C program, MSG_COPY one by one", [peer, "sysv", "copy"]),
    ("a C program that takes them out", [peer, "sysv", "take"]),
    ("ipctool dump, without BPF", [*without_bpf, tool, "dump", "--format", "raw", "mq:0x5151"]),
    ("ipctool dump", [tool, "dump", "--format", "raw", "mq:0x5151"]),
    ("ipctool dump --json", [tool, "dump", "--json", "mq:0x5151"]),
]
for count in (10, 1000, most):
    compare("sysv", count, 64, sysv)
compare("sysv", most // 10, 8192, sysv)
posix = [
    ("a C program that takes them out", [peer, "posix", "take"]),
    ("ipctool dump --drain", [tool, "dump", "--drain", "--format", "raw", "mq:/bench"]),
    ("ipctool dump", [tool, "dump", "--format", "raw", "mq:/bench"]),
    ("ipctool dump --json", [tool, "dump", "--json", "mq:/bench"]),
]
compare("posix", 10, 64, posix)
compare("posix", most // 2, 8, posix)
compare("posix", most, 64, posix)
compare("posix", most // 10, 8192, posix)
PYTHON
}

if [[ -n ${IPCTOOL_SANDBOX-} && $# -eq 3 ]]; then
	measure "$@"
	exit
fi

# ---- outside ----------------------------------------------------------------------------------------------------

for tool in python3 setpriv "$CC"; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done
[[ -x $IPCTOOL && -x $SANDBOX ]] || skip "not built: $IPCTOOL"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/peer.c" <<'C'
/* peer sysv|posix fill COUNT SIZE: the queue 0x5151 or /bench anew. peer sysv copy: print its messages. peer KIND take. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <unistd.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static struct { long type; char text[65536]; } message = {.type = 1};

static int sysv(char **argv)
{
	int id = msgget(0x5151, IPC_CREAT | 0600), copies = !strcmp(argv[2], "copy"), count, size, i;
	struct msqid_ds ds;
	ssize_t n;

	if (strcmp(argv[2], "fill")) {
		for (i = 0; (n = msgrcv(id, &message, 8192, copies ? i : 0, IPC_NOWAIT | (copies ? MSG_COPY : 0))) >= 0; i++)
			if (write(1, message.text, n) != n)
				return 1;
		return i == 0;
	}
	count = atoi(argv[3]), size = atoi(argv[4]);
	msgctl(id, IPC_RMID, NULL);
	id = msgget(0x5151, IPC_CREAT | 0600);
	msgctl(id, IPC_STAT, &ds);
	ds.msg_qbytes = (msglen_t)count * size;
	if (msgctl(id, IPC_SET, &ds))
		msgctl(id, IPC_STAT, &ds);
	while (count--)
		if (msgsnd(id, &message, size, IPC_NOWAIT))
			return 1;
	return 0;
}

static int posix(char **argv)
{
	struct mq_attr attr = {0};
	mqd_t queue;
	ssize_t n;
	int count;

	if (strcmp(argv[2], "fill")) {
		queue = mq_open("/bench", O_RDONLY | O_NONBLOCK);
		while ((n = mq_receive(queue, message.text, sizeof(message.text), NULL)) >= 0)
			if (write(1, message.text, n) != n)
				return 1;
		return 0;
	}
	count = atoi(argv[3]);
	attr.mq_maxmsg = count, attr.mq_msgsize = atoi(argv[4]);
	mq_unlink("/bench");
	queue = mq_open("/bench", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
	while (queue >= 0 && count--)
		if (mq_send(queue, message.text, attr.mq_msgsize, count % 10))
			return 1;
	return queue < 0;
}

int main(int argc, char **argv)
{
	memset(message.text, 'x', sizeof(message.text));
	return argc < 3 ? 2 : strcmp(argv[1], "posix") ? sysv(argv) : posix(argv);
}
C
"$CC" -O2 -o "$dir/peer" "$dir/peer.c" -lrt || skip "the C compiler does not work"
"$SANDBOX" --keep "$dir" --keep "$IPCTOOL_BUILD" --keep "$(cd "$(dirname "$0")" && pwd)" -- \
	bash "$(cd "$(dirname "$0")" && pwd)/${0##*/}" "$dir/peer" "${1-10000}" "${2-7}"
