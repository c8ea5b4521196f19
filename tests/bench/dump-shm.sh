#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-shm.sh: how long ipctool takes to give the contents of shared memory, beside cat, in turns in one sandbox. It prints
# medians and their ratio and asserts nothing: dump-shm.sh [MIB [ROUNDS]]
set -eu

: "${IPCTOOL_BUILD:=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}}"
: "${IPCTOOL:=$IPCTOOL_BUILD/ipctool}" "${SANDBOX:=$IPCTOOL_BUILD/tests/fixtures/sandbox}"
: "${MKIPC:=$IPCTOOL_BUILD/tests/fixtures/mkipc}"
export IPCTOOL MKIPC

skip() {
	echo "skipped: $*" >&2
	exit 77
}

# ---- inside the sandbox -----------------------------------------------------------------------------------------

measure() {
	python3 - "$@" <<'PYTHON'
import json, os, resource, statistics, subprocess, sys, time

tool, mkipc = os.environ["IPCTOOL"], os.environ["MKIPC"]
mib, rounds = int(sys.argv[1]), int(sys.argv[2])
size = mib << 20


def timed(command, pipe):
    """Milliseconds: elapsed, in the program, in the kernel."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if pipe:
        subprocess.run(["sh", "-c", '"$@" | cat', "-", *command], check=True, stdout=subprocess.DEVNULL)
    else:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return [1000 * x for x in (elapsed, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)]


def compare(title, commands, pipe=False):
    taken = {name: [] for name, _ in commands}
    for _ in range(rounds):
        for name, command in commands:
            taken[name].append(timed(command, pipe))
    print(title)
    first = None
    for name, samples in taken.items():
        elapsed, user, system = (statistics.median(column) for column in zip(*samples))
        first = first or elapsed
        print(f"  {name:45} {elapsed:8.1f} ms (least {min(s[0] for s in samples):.1f}, user {user:.0f}, system {system:.0f})"
              f"  x {elapsed / first:.2f}")
    sys.stdout.flush()


def make(name, pieces):
    """A segment with random data at each (offset, length) and holes between."""
    with open(f"/dev/shm/{name}", "wb") as file:
        file.truncate(size)
        for offset, length in pieces:
            file.seek(offset)
            for start in range(0, length, 1 << 20):
                file.write(os.urandom(min(1 << 20, length - start)))


def beside_cat(title, name, pipe=False):
    compare(title, [
        ("cat", ["cat", f"/dev/shm/{name}"]),
        ("ipctool dump --format raw", [tool, "dump", "--format", "raw", f"shm:/{name}"]),
    ], pipe)


make("full", [(0, size)])
beside_cat(f"{mib} MiB of POSIX shared memory to /dev/null", "full")
beside_cat(f"{mib} MiB of it into a pipe", "full", pipe=True)
os.remove("/dev/shm/full")
make("pierced", [(0, 4096), (8192, size - 8192)])
beside_cat(f"{mib} MiB with one page missing", "pierced")
os.remove("/dev/shm/pierced")
make("islands", [(at, 4096) for at in range(0, size, 1 << 20)])
beside_cat(f"{mib} MiB with a page in each MiB", "islands")
os.remove("/dev/shm/islands")
make("empty", [(size // 2, 4096)])
beside_cat(f"{mib} MiB with one page", "empty")
os.remove("/dev/shm/empty")

holder = subprocess.Popen([mkipc, "shm-sysv", f"size={size}", f"touch={size // 2}", "attach=1"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE)
segment = json.loads(holder.stdout.readline())
map_of = next(line for line in open(f"/proc/{segment['attached'][0]['pid']}/maps") if "/SYSV" in line).split()[0]
compare(f"{mib} MiB of a System V segment, half of them in use", [
    ("cat /proc/PID/map_files/...", ["cat", f"/proc/{segment['attached'][0]['pid']}/map_files/{map_of}"]),
    ("ipctool dump --format raw", [tool, "dump", "--format", "raw", f"shm:{segment['id']}"]),
])
holder.stdin.close()
holder.wait()
PYTHON
}

if [[ -n ${IPCTOOL_SANDBOX-} && $# -eq 2 ]]; then
	measure "$@"
	exit
fi

# ---- outside ----------------------------------------------------------------------------------------------------

command -v python3 >/dev/null || skip "needs python3"
((EUID == 0)) || skip "needs root"
[[ -x $IPCTOOL && -x $SANDBOX && -x $MKIPC ]] || skip "not built: $IPCTOOL"
"$SANDBOX" --keep "$IPCTOOL_BUILD" --keep "$(cd "$(dirname "$0")" && pwd)" -- \
	bash "$(cd "$(dirname "$0")" && pwd)/${0##*/}" "${1-1024}" "${2-9}"
