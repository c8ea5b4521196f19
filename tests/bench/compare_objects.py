# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of objects that are no sockets: System V by /proc/sysvipc and its calls, files by find."""
import ctypes
import os
import re
import subprocess
import time

from compare_processes import escape, libc, ordered

BLOCK = 512

times = {}


def stamp(seconds):
    """Whole seconds as ipctool writes them; 0 is "never"."""
    if seconds not in times:
        times[seconds] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else None
    return times[seconds]


def fine_stamp(text):
    """Seconds with a fraction, as find writes them."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return stamp(int(whole))[:-1] + ("." + fraction if fraction else "") + "Z"


def table(name):
    """/proc/sysvipc/NAME: each line as a dictionary."""
    with open(f"/proc/sysvipc/{name}", encoding="ascii") as file:
        head = next(file).split()
        for line in file:
            row = {name: int(value, 8 if name == "perms" else 10) for name, value in zip(head, line.split())}
            row["mode"] = f"0{row['perms'] & 0o777:03o}"
            yield row


def key_of(row):
    return f"0x{row['key'] & 0xFFFFFFFF:08x}"


# ---- System V -----------------------------------------------------------------------------------------------------

SYSV_FIELDS = ("ref", "class", "kind", "key", "namespace", "uid", "gid", "mode", "changed")
QUEUE_FIELDS = SYSV_FIELDS + ("messages", "bytes", "max_bytes", "last_sender", "last_receiver", "sent", "received")
SEGMENT_FIELDS = SYSV_FIELDS + ("size", "attached", "resident", "swapped", "creator", "last_user", "attach_time", "detach_time",
                                "status", "deleted", "holders")
SET_FIELDS = SYSV_FIELDS + ("semaphores", "operated", "values")

IPC_STAT, GETPID, GETALL, GETNCNT, GETZCNT = 2, 11, 13, 14, 15


def common(row, ipc, name, number):
    return (f"{name}:{number}", name, "sysv", key_of(row), ipc, row["uid"], row["gid"], row["mode"], stamp(row["ctime"]))


def queues(ipc, _processes):
    rows = {}
    # struct msqid_ds of every 64-bit system: owner and mode (48 bytes), three times, bytes, messages, most bytes.
    data = (ctypes.c_ulong * 32)()
    for row in table("msg"):
        if libc.msgctl(row["msqid"], IPC_STAT, data) < 0:
            continue
        rows[row["msqid"]] = common(row, ipc, "mq", row["msqid"]) + (
            row["qnum"], row["cbytes"], data[11], row["lspid"] if row["stime"] else None,
            row["lrpid"] if row["rtime"] else None, stamp(row["stime"]), stamp(row["rtime"]))
    return rows


def segments(ipc, processes):
    rows = {}
    for row in table("shm"):
        number = row["shmid"]
        words = [word for bit, word in ((0o1000, "dest"), (0o2000, "locked"), (0o4000, "hugetlb")) if row["perms"] & bit]
        rows[number] = common(row, ipc, "shm", number) + (
            row["size"], row["nattch"], row["rss"], row["swap"], row["cpid"],
            row["lpid"] if row["atime"] or row["dtime"] else None, stamp(row["atime"]), stamp(row["dtime"]), tuple(words),
            "dest" in words, ordered(processes.attached.get(number, ())))
    return rows


def sets(ipc, _processes):
    rows = {}
    for row in table("sem"):
        number, count = row["semid"], row["nsems"]
        values = (ctypes.c_ushort * count)()
        if libc.semctl(number, 0, GETALL, values) < 0:
            continue
        rows[number] = common(row, ipc, "sem", number) + (count, stamp(row["otime"]), tuple(
            (at, values[at]) + tuple(libc.semctl(number, at, what) for what in (GETNCNT, GETZCNT, GETPID))
            for at in range(count)))
    return rows


def lsipc(option):
    """id -> (key, mode, further numbers) by lsipc, a second opinion on what /proc/sysvipc says."""
    names = {"-q": ("messages", "bytes"), "-m": ("size", "attached"), "-s": ("semaphores",)}[option]
    theirs = {"messages": "MSGS", "bytes": "USEDBYTES", "size": "SIZE", "attached": "NATTCH", "semaphores": "NSEMS"}
    command = ["lsipc", option, "--raw", "--bytes", "--noheadings", "-o", ",".join(["ID", "KEY"] + [theirs[n] for n in names])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = {}
    for line in done.stdout.decode().splitlines():
        words = line.split()
        rows[int(words[0])] = (words[1],) + tuple(int(word) for word in words[2:])
    return rows, ("key",) + names


# ---- files --------------------------------------------------------------------------------------------------------

FILE_FIELDS = ("class", "kind", "name", "device", "inode", "uid", "gid", "mode", "changed")
SHARED_FIELDS = ("ref",) + FILE_FIELDS + ("namespace", "size", "resident", "attached", "holders", "deleted")
FIFO_FIELDS = ("ref",) + FILE_FIELDS + ("namespace", "holders", "readers", "writers")
STALE_FIELDS = ("ref", "class", "kind", "local", "uid", "gid", "mode", "status")


def find(directory, kind):
    command = ["find", directory, "-type", kind, "-printf", r"%D %i %m %U %G %s %b %C@ %p\0"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for entry in done.stdout.split(b"\0")[:-1]:
        device, inode, mode, uid, gid, size, blocks, changed, path = entry.split(b" ", 8)
        device = f"{os.major(int(device))}:{os.minor(int(device))}"
        yield (path, (device, int(inode), int(uid), int(gid), f"{int(mode, 8):04o}", fine_stamp(changed.decode())), int(size),
               int(blocks) * BLOCK)


def shared(mnt, processes):
    """Segments of POSIX shared memory: the files of /dev/shm that are no semaphores."""
    rows = {}
    for path, seen, size, resident in find("/dev/shm", "f"):
        name = path[len(b"/dev/shm"):]
        if re.search(rb"/sem\.[^/]*$", name):
            continue
        name = escape(name)
        maps = processes.mapped.get(seen[:2], [])
        rows[name] = (f"shm:{name}", "shm", "posix", name) + seen + (
            mnt, size, resident, len(maps), ordered(maps + processes.files.get(seen[:2], [])), False)
    return rows


def fifos(tree, mnt, processes):
    rows = {}
    for path, seen, _, _ in find(tree, "p"):
        name = escape(path)
        holders = processes.files.get(seen[:2], ())
        rows[name] = (f"fifo:{name}", "fifo", "fifo", name) + seen + (
            mnt, ordered(holders), ordered(h for h in holders if "r" in h[3]), ordered(h for h in holders if "w" in h[3]))
    return rows


def stale(tree, bound):
    """Socket files that no socket of this network namespace is bound to; `bound` are their device and inode."""
    rows = {}
    for path, seen, _, _ in find(tree, "s"):
        if seen[:2] not in bound:
            name = escape(path)
            rows[name] = (f"sock:{name}", "sock", "unix", name) + seen[2:5] + (("stale",),)
    return rows
