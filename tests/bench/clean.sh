#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# clean.sh: how long `clean --apply` takes for thousands of pieces of garbage, beside the loops of old, which prove nothing; for a
# number and for twice that; and how much memory for 100,000. It prints medians and ratios, and fails when twice as much takes
# three times as long or when memory grows beyond 4 KiB for each: clean.sh [NUMBER [ROUNDS]]
set -u

: "${IPCTOOL_BUILD:=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}}"
: "${BUILD_DIR:=$IPCTOOL_BUILD}" "${SOURCE_DIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${IPCTOOL:=$BUILD_DIR/ipctool}" "${CC:=cc}"
export IPCTOOL BUILD_DIR SOURCE_DIR
arguments=("$@")
. "$SOURCE_DIR/tests/e2e/private.bash"

for tool in python3 ipcrm ipcs find awk xargs "$CC"; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done
[[ -x $IPCTOOL ]] || skip "not built: $IPCTOOL"
enter_private

dir=$(mktemp -d /tmp/bench.XXXXXX) || exit 1
cat >"$dir/maker.c" <<'C'
/* maker KIND N [DIRECTORY]: N objects, whose maker is dead afterwards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>

static int segment(const char *path)
{
	(void)path;
	return shmget(IPC_PRIVATE, 4096, 0600) < 0;
}

static int queue(const char *path)
{
	struct { long type; char text[4]; } message = {1, "text"};
	int id = msgget(IPC_PRIVATE, 0600);

	(void)path;
	return id < 0 || msgsnd(id, &message, 4, 0) || msgrcv(id, &message, 4, 0, 0) < 0;
}

static int set(const char *path)
{
	struct sembuf up = {0, 1, 0};
	int id = semget(IPC_PRIVATE, 1, 0600);

	(void)path;
	return id < 0 || semop(id, &up, 1);
}

static int memory(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	return fd < 0 || write(fd, "x", 1) != 1 || fchown(fd, 54987, 54987) || close(fd);
}

static int fifo(const char *path)
{
	return mkfifo(path, 0600);
}

static int sock(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) || close(fd);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*make)(const char *path); } kinds[] = {
		{"segment", segment}, {"queue", queue}, {"set", set}, {"memory", memory}, {"fifo", fifo}, {"sock", sock}};
	int n = argc > 2 ? atoi(argv[2]) : 0, i;
	char path[64];
	size_t kind;

	for (kind = 0; kind < 6; kind++)
		for (i = 0; strcmp(kinds[kind].name, argv[1]) == 0 && i < n; i++) {
			snprintf(path, sizeof(path), "%s/%s.%d", argc > 3 ? argv[3] : "", argv[1], i);
			if (kinds[kind].make(path)) {
				perror(path);
				return 1;
			}
		}
	return 0;
}
C
"$CC" -O2 -o "$dir/maker" "$dir/maker.c" || skip "the C compiler does not work"
# As many as there may be, in this ipc namespace alone.
echo 32768 >/proc/sys/kernel/shmmni
echo 32000 >/proc/sys/kernel/msgmni
echo "32000 1024000000 500 32000" >/proc/sys/kernel/sem
mkdir /run/garbage "$dir/no-policies"

python3 - "$dir" "${1-10000}" "${2-3}" <<'PYTHON'
import json, os, statistics, subprocess, sys, time

tool = os.environ["IPCTOOL"]
place, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
failures = []


def make(kind, count):
    where = "/dev/shm" if kind == "memory" else "/run/garbage"
    subprocess.run([f"{place}/maker", kind, str(count), where], check=True)


def left(kind):
    table = {"segment": "shm", "queue": "msg", "set": "sem"}.get(kind)
    if table:
        with open(f"/proc/sysvipc/{table}", encoding="ascii") as lines:
            return len(lines.readlines()) - 1
    return len(os.listdir("/dev/shm" if kind == "memory" else "/run/garbage"))


def timed(command):
    """Milliseconds elapsed, in the program, in the kernel; KiB of memory at most."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command}: status {child.returncode}: {errors.decode()}")
    return 1000 * (time.perf_counter() - start), 1000 * usage.ru_utime, 1000 * usage.ru_stime, usage.ru_maxrss


def clean(*options):
    return [tool, "clean", "--apply", "--min-age", "0", "--no-syslog", "--policy-dir", f"{place}/no-policies", "--quiet",
            *options]


def shell(text):
    return ["bash", "-c", "set -o pipefail; " + text]


def medians(kind, command, count, times):
    samples = []
    for _ in range(times):
        make(kind, count)
        samples.append(timed(command))
        if left(kind):
            sys.exit(f"{command} left {left(kind)} of {count}")
    return [statistics.median(column) for column in zip(*samples)]


def line(name, numbers, ratio):
    elapsed, user, system, memory = numbers
    print(f"  {name:52} {elapsed:8.0f} ms (user {user:.0f}, system {system:.0f}), {memory / 1024:.0f} MiB  {ratio}")
    sys.stdout.flush()


def compare(title, kind, ours, theirs):
    print(title)
    old = medians(kind, theirs, number, rounds)
    line(theirs[-1].split("; ")[-1][:52], old, "x 1.00")
    new = medians(kind, ours, number, rounds)
    line(" ".join(["ipctool", "clean", "--apply", *ours[9:]]), new, f"x {new[0] / old[0]:.2f}")
    twice = medians(kind, ours, 2 * number, rounds)
    growth = twice[0] / new[0]
    line("twice as many", twice, f"x {growth:.2f} of {number}")
    if growth > 3:
        failures.append(f"{title}: twice as many take {growth:.2f} times as long")


def provable(kind, *options):
    """Where root is not shown everything, these are never garbage."""
    make(kind, 1)
    ours = clean(*options)
    subprocess.run(ours, check=False)
    if not left(kind):
        return True
    subprocess.run(shell("rm -f /run/garbage/*; ipcrm --all=msg"), check=True)
    print(f"{kind}: not provable on this host")
    return False


def bulk(flag, column):
    return shell(f"ipcs -{flag} | awk '$2 ~ /^[0-9]+$/ {column} {{ print \"-{flag}\", $2 }}' | xargs -r ipcrm")


root = ("--owner", "root")
compare(f"{number} orphan segments", "segment", clean("shm/sysv"), bulk("m", "&& $6 == 0"))
if provable("queue", "--include", "suspect", *root, "mq/sysv"):
    compare(f"{number} suspect queues", "queue", clean("--include", "suspect", *root, "mq/sysv"), bulk("q", ""))
compare(f"{number} suspect sets", "set", clean("--include", "suspect", *root, "sem/sysv"), bulk("s", ""))
compare(f"{number} POSIX segments of a user without processes", "memory", clean("shm/posix"),
        shell("find /dev/shm -type f -user 54987 -delete"))
if provable("sock", "sock"):
    compare(f"{number} stale socket files", "sock", clean("sock"), shell("find /run/garbage -type s -delete"))
if provable("fifo", "--include", "idle", *root, "fifo"):
    compare(f"{number} idle FIFOs", "fifo", clean("--include", "idle", *root, "fifo"),
            shell("find /run/garbage -type p -delete"))

many = medians("memory", clean("shm/posix"), 10 * number, 1)
line(f"{10 * number} POSIX segments", many, f"{1024 * many[3] / (10 * number):.0f} bytes for each")
if many[3] > 4 * 10 * number:
    failures.append("more than 4 KiB of memory for each object")
for failure in failures:
    print("FAILED:", failure)
sys.exit(1 if failures else 0)
PYTHON
