# SPDX-License-Identifier: GPL-2.0-or-later
"""clean_namespaces.py NO-POLICIES: numbers that mean something else elsewhere, or later: segments of several ipc
namespaces that have the same id, and creators whose number has gone to another process. Runs in fresh pid and ipc namespaces, as
root; NO-POLICIES is an empty directory.
"""
import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import time

CLONE_NEWIPC = 0x08000000
SLACK = 3  # seconds after which a process is certainly younger than what it is compared with
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
failures = []


def must(result):
    if result < 0 or result == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def new_segment():
    return must(libc.shmget(0, ctypes.c_size_t(4096), 0o1600))


def by_dead_child():
    """A segment and the number of its creator."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, struct.pack("i", new_segment()))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    segment = struct.unpack("i", os.read(reading, 4))[0]
    os.close(reading)
    return segment, child


def segments(pid="self"):
    """id: time of the last change, as the kernel tells it in the ipc namespace of @pid."""
    command = ["cat", "/proc/sysvipc/shm"]
    if pid != "self":
        command = ["nsenter", f"--ipc=/proc/{pid}/ns/ipc", "--"] + command
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    return {int(line.split()[1]): int(line.split()[13]) for line in lines}


def clean(*options):
    command = [os.environ["IPCTOOL"], "clean", "--apply", "--min-age", "0", "--no-syslog", "--policy-dir", sys.argv[1],
               "--json", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        failures.append(f"{options}: status {done.returncode}: {done.stderr}")
    return {entry["ref"]: entry for entry in json.loads(done.stdout)["objects"]}


def check(what, is_so, *details):
    if not is_so:
        failures.append(f"{what}: {details}")



def in_child(action):
    """A process that does it and stays. Its number and a function that ends it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        action()
        os.write(writing, b"x")
        while True:
            signal.pause()
    os.close(writing)
    if os.read(reading, 1) != b"x":
        sys.exit("a child failed")
    os.close(reading)

    def finish():
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    return child, finish


# ---- the same id in several namespaces -------------------------------------------------------------------------------


def elsewhere(attached):
    must(libc.unshare(CLONE_NEWIPC))
    if attached:
        must(libc.shmat(new_segment(), None, 0))
    else:
        new_segment()
        by_dead_child()


def namespaces():
    one, end_one = in_child(lambda: elsewhere(True))
    two, end_two = in_child(lambda: elsewhere(False))
    own, _ = by_dead_child()
    check("ids begin with 0 in each namespace", own == 0 and 0 in segments(one) and set(segments(two)) == {0, 1},
          own, segments(one), segments(two))

    # What is garbage here and lives there, and the other way round, has one number.
    done = clean("--namespace", str(two), "shm/sysv")
    check("only the chosen namespace is cleaned", 0 in segments() and 0 in segments(one), segments(), segments(one), done)
    check("the garbage of the chosen one is gone", set(segments(two)) == {0}, segments(two), done)
    done = clean("--all-namespaces", "shm/sysv")
    check("garbage of all namespaces is gone", not segments(), segments(), done)
    check("an attached one of another namespace stays", 0 in segments(one), segments(one), done)
    check("one of a living creator stays there", 0 in segments(two), segments(two), done)
    end_one()
    end_two()


# ---- the same number once more ---------------------------------------------------------------------------------------


def again(number):
    """A process with this number, which is free."""
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
        last.write(str(number - 1))
    child, end = in_child(lambda: None)
    check("the number is given again", child == number, child, number)
    return end


def reused():
    at_once, first = by_dead_child()
    end_first = again(first)
    done = clean("shm/sysv")
    check("who may be the creator counts as him", at_once in segments(), done)

    later, second = by_dead_child()
    while time.time() < segments()[later] + SLACK:
        time.sleep(0.05)
    end_second = again(second)
    done = clean("shm/sysv")
    entry = done.get(f"shm:{later}", {})
    check("a younger process is not the creator", later not in segments() and "reused" in entry.get("why", ""), done)
    check("and the other one stays", at_once in segments(), done)
    end_second()
    end_first()
    done = clean("shm/sysv")
    check("until the process of that number is dead", at_once not in segments(), done)


namespaces()
reused()
for failure in failures:
    print("FAILED:", failure)
sys.exit(1 if failures else 0)
