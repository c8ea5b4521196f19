#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Twice the load is twice the work: counted in system calls and in instructions, which do not depend on how busy the machine
is. And each object takes little memory."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

import scale_inside
from scale_inside import IPCTOOL

ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}

# A load of four times the size may take at most so many times more than one of twice, above one of the size itself, as that
# took above the first one: what is there once does not count. Twice is linear, four times quadratic.
FACTOR = 2.2
# What is too little to tell from chance, such as where a buffer ends.
SLACK = {"system calls": 40, "instructions": 100_000}

# What is listed of a shape, and the size of the smallest load.
SHAPES = {
    "inherited": (["pipe"], 100, 1),
    "attached": (["shm/sysv"], 100, 1),
    "namespaces": (["sock/unix", "--all-namespaces"], 12, 1),
    "processes": (["signal"], 100, 1),
    "unix": (["sock/unix"], 1500, 4),
    "tcp": (["sock/tcp"], 500, 4),
    "pipes": (["pipe"], 1000, 4),
    "shm": (["shm/posix"], 200, 10),
    "sysv": (["mq/sysv", "sem/sysv", "shm/sysv"], 800, 1),
    "files": (["fifo", "--scan", scale_inside.TREE], 5000, 1),
}


def system_calls(arguments):
    with tempfile.NamedTemporaryFile("r") as log:
        subprocess.run(["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", log.name, IPCTOOL, *arguments],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
        total = re.search(r"^\s*(\d+)\s+total", log.read(), re.M)
        return int(total[1])


def by_perf(arguments):
    """The least of three runs."""
    counts = []
    for _ in range(3):
        with tempfile.NamedTemporaryFile("r") as log:
            subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "-o", log.name, IPCTOOL, *arguments],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
            counts.append(int(re.search(r"^(\d+),", log.read(), re.M)[1]))
    return min(counts)


def by_valgrind(arguments):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", IPCTOOL, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    # 3: newer system calls are unknown to it, and something could not be read.
    if done.returncode not in (0, 3):
        raise subprocess.CalledProcessError(done.returncode, done.args)
    return int(re.search(rb"Collected : (\d+)", done.stderr)[1])


# Instructions are those of the program, not of the kernel. BPF is more than valgrind knows.
COUNTERS = {"system calls": (system_calls,), "instructions": (by_perf, by_valgrind)}
SOURCES = {system_calls: ("proc", "bpf"), by_perf: ("proc", "bpf"), by_valgrind: ("proc",)}


def works(counter):
    try:
        return counter(["--version"]) > 0
    except (OSError, subprocess.CalledProcessError, TypeError):
        return False


def chosen():
    """What counts here: name -> function."""
    found = {name: next(filter(works, counters), None) for name, counters in COUNTERS.items()}
    return {name: counter for name, counter in found.items() if counter}


def counted(shape):
    """[command, counter, number] of each."""
    result = []
    for name in os.environ["SCALE_COUNTERS"].split(","):
        counter = globals()[name]
        for source in SOURCES[counter]:
            holders = ["--holders-from", source]
            if subprocess.run([IPCTOOL, "list", "pipe", "--count", *holders], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0:
                command = ["list", *SHAPES[shape][0], "--raw", *holders]
                result.append([" ".join(command), name, counter(command)])
    return result


def too_fast(name, once, twice, four):
    return four - twice > FACTOR * (twice - once) + SLACK[name]


def growth(faults):
    counters = chosen()
    if not counters:
        print("growth: left out: neither strace nor perf nor valgrind can count here")
        return
    print(f"growth: counting {' and '.join(counters)} ({', '.join(counter.__name__ for counter in counters.values())})")
    os.environ["SCALE_COUNTERS"] = ",".join(counter.__name__ for counter in counters.values())
    names = {counter.__name__: name for name, counter in counters.items()}
    # The processes are part of the load: of twice the load there are twice as many.
    scenes = [(shape, times * size[1], times * size[2]) for shape, size in SHAPES.items() for times in (1, 2, 4)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda scene: scale_inside.run("counted", *scene), scenes))
    for at, (shape, (_, count, _)) in enumerate(SHAPES.items()):
        for (command, counter, once), (_, _, twice), (_, _, four) in zip(*answers[3 * at:3 * at + 3]):
            name = names[counter]
            print(f"{shape}: {command}: {name}: {once} for {count}, {twice - once} more for {2 * count}, "
                  f"{four - twice} more for {4 * count}")
            if too_fast(name, once, twice, four):
                faults.append(f"{shape}: {command}: {name} are {once} for {count}, {twice} for {2 * count}, {four} for "
                              f"{4 * count}: that is more than linear")


# ---- memory -------------------------------------------------------------------------------------------------------

OBJECTS = 20000
PER_OBJECT = 150  # bytes
# What is there once: buffers that a few objects do not fill, of netlink (32 KiB), of the output (64 KiB) and of lists of /proc
# (32 KiB); and the kernel counts pages per processor, so the peak is known to 128 KiB for each of two.
ONCE = 384 << 10

# With BPF the kernel's types are read first, which takes 12 MB: that hides how little follows. The index is the same.
MEMORY = {"unix": ("sock/unix", OBJECTS, 20), "pipes": ("pipe", OBJECTS, 20), "sysv": ("mq/sysv", OBJECTS, 1)}


def peak(shape):
    """Most memory, in bytes, of a list in each streaming format."""
    result = {}
    for source in ("proc", "bpf"):
        for form in ("--raw", "--jsonl"):
            command = ["list", MEMORY[shape][0], form, "--holders-from", source]
            done = subprocess.run([f"{scale_inside.BUILD}/tests/bench/timed", "/dev/null", IPCTOOL, *command],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
            words = done.stdout.split()
            if words[4] == b"0":
                result[" ".join(command)] = int(words[3]) * 1024
    return result


def sanitized():
    """A sanitizer has memory, and instructions, of its own."""
    done = subprocess.run(["ldd", IPCTOOL], stdout=subprocess.PIPE, check=False)
    return b"libasan" in done.stdout or b"__asan_init" in open(IPCTOOL, "rb").read()


def memory(faults):
    for shape, (_, count, processes) in MEMORY.items():
        # A few: where there is none, nobody is looked for.
        idle, loaded = scale_inside.run("peak", shape, 40), scale_inside.run("peak", shape, count, processes)
        for command, most in loaded.items():
            more = most - idle[command]
            print(f"{shape}: {command}: {more // 1024} KiB more for {count} objects, {more / count:.0f} bytes each")
            if more > PER_OBJECT * count + ONCE:
                faults.append(f"{shape}: {command}: {count} objects take {more} bytes more than 40")


def main():
    faults = []
    # Of the smallest of the figures below, what is quadratic would be found.
    assert too_fast("system calls", 90, 360, 1440) and not too_fast("system calls", 90, 180, 360)
    growth(faults)
    if sanitized():
        print("memory: left out: this is a build with sanitizers")
    else:
        memory(faults)
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        scale_inside.inside({"counted": counted, "peak": peak})
    sys.exit(main())
