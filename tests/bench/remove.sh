#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# remove.sh: how long ipctool takes to remove and to make, beside the tools of old, in turns in one sandbox. It prints medians
# and their ratio and asserts nothing: remove.sh [QUEUES [FILES [ROUNDS]]]
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
maker, queues, files, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def timed(command):
    """Milliseconds: elapsed, in the program, in the kernel."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run(*command)
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return [1000 * x for x in (elapsed, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)]


def compare(title, prepare, left, commands, times):
    """Each command in turn on what prepare() makes anew; left() is how much there still is afterwards."""
    taken = {name: [] for name, _ in commands}
    for _ in range(times):
        for name, command in commands:
            prepare()
            taken[name].append(timed(command))
            if left():
                sys.exit(f"{title}: {name} left {left()}")
    print(title)
    first = None
    for name, samples in taken.items():
        elapsed, user, system = (statistics.median(column) for column in zip(*samples))
        first = first or elapsed
        print(f"  {name:45} {elapsed:8.1f} ms (least {min(s[0] for s in samples):.1f}, user {user:.0f}, system {system:.0f})"
              f"  x {elapsed / first:.2f}")
    sys.stdout.flush()


def count_queues():
    with open("/proc/sysvipc/msg") as table:
        return len(table.readlines()) - 1


compare(f"{queues} System V queues", lambda: run(maker, str(queues)), count_queues, [
    ("ipcrm --all=msg", ["ipcrm", "--all=msg"]),
    ("ipctool remove mq/sysv --all --force=held -q", [tool, "remove", "mq/sysv", "--all", "--force=held", "-q"]),
    ("ipctool remove mq/sysv --all", [tool, "remove", "mq/sysv", "--all"]),
], rounds)


def make_files():
    for i in range(files):
        with open(f"/dev/shm/file.{i}", "wb") as file:
            file.write(b"x")


compare(f"{files} files in /dev/shm", make_files, lambda: len(os.listdir("/dev/shm")), [
    ("rm", ["sh", "-c", "rm /dev/shm/*"]),
    ("ipctool remove shm/posix --all --force=held -q", [tool, "remove", "shm/posix", "--all", "--force=held", "-q"]),
    ("ipctool remove shm/posix --all", [tool, "remove", "shm/posix", "--all"]),
], rounds)


def no_queues():
    run("ipcrm", "--all=msg")


compare("one queue made", no_queues, lambda: count_queues() - 1, [
    ("ipcmk -Q", ["ipcmk", "-Q"]),
    ("ipctool create mq/sysv", [tool, "create", "mq/sysv"]),
], 5 * rounds)


def one_message(text):
    def prepare():
        no_queues()
        run(tool, "create", "--key", "0x5151", "mq/sysv")
        if text:
            run(maker, "send")
    return prepare


compare("one message sent", one_message(False), lambda: 0, [
    ("a C program with msgsnd", [maker, "send"]),
    ("ipctool send", [tool, "send", "mq:0x5151", "text"]),
], 5 * rounds)
compare("one message received", one_message(True), lambda: 0, [
    ("a C program with msgrcv", [maker, "receive"]),
    ("ipctool receive", [tool, "receive", "mq:0x5151"]),
], 5 * rounds)
PYTHON
}

if [[ -n ${IPCTOOL_SANDBOX-} && $# -eq 4 ]]; then
	measure "$@"
	exit
fi

# ---- outside ----------------------------------------------------------------------------------------------------

for tool in python3 ipcrm ipcmk "$CC"; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done
[[ -x $IPCTOOL && -x $SANDBOX ]] || skip "not built: $IPCTOOL"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/peer.c" <<'C'
/* peer N: N private queues. peer send, peer receive: one message of the queue 0x5151. */
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

int main(int argc, char **argv)
{
	struct { long type; char text[64]; } message = {1, "text"};
	int left, id = argc > 1 ? msgget(0x5151, 0) : -1;

	if (argc > 1 && !strcmp(argv[1], "send"))
		return msgsnd(id, &message, 4, 0) < 0;
	if (argc > 1 && !strcmp(argv[1], "receive"))
		return msgrcv(id, &message, sizeof(message.text), 0, 0) < 0;
	for (left = argc > 1 ? atoi(argv[1]) : 0; left > 0; left--)
		if (msgget(IPC_PRIVATE, 0600) < 0)
			return 1;
	return 0;
}
C
"$CC" -O2 -o "$dir/peer" "$dir/peer.c" || skip "the C compiler does not work"
"$SANDBOX" --keep "$dir" --keep "$IPCTOOL_BUILD" --keep "$(cd "$(dirname "$0")" && pwd)" -- \
	bash "$(cd "$(dirname "$0")" && pwd)/${0##*/}" "$dir/peer" "${1-32000}" "${2-2000}" "${3-5}"
