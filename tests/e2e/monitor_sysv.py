#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
monitor_sysv.py [WORD]...: uses System V objects, and prints for each call what `ipctool monitor --failures` has to tell of
it, one JSON object per line. What not all sources tell is among it when the word is given: "fork", segments that a child inherits
attached; "detach", "exec" and "exit", those that end so; "destroy", that a segment goes with its last attachment.
"""
import ctypes
import json
import os
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
libc.msgsnd.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.msgrcv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int]
libc.msgrcv.restype = ctypes.c_ssize_t

CREAT, EXCL, NOWAIT = 0o1000, 0o2000, 0o4000
RMID, SET, STAT = 0, 1, 2
GETVAL, SETVAL, SETALL = 12, 16, 17
LOCK, UNLOCK, RDONLY = 11, 12, 0o10000
NOERROR, EXCEPT, COPY = 0o10000, 0o20000, 0o40000
UNDO = 0x1000
E2BIG, EAGAIN, EEXIST, EINVAL, ENOENT, ENOMSG, EIDRM = 7, 11, 17, 22, 2, 42, 43
TOLD = 64  # operations of one semop()
words = sys.argv[1:]


def expect(verb, ref, key, **detail):
    told = {"pid": os.getpid(), "verb": verb, "ref": ref, "key": None if key is None else f"0x{key:08x}"}
    os.write(1, (json.dumps({**told, "detail": detail}) + "\n").encode())


def check(result, error=None):
    """The call does what it is here for, or fails as it is to."""
    got = ctypes.get_errno() if result in (-1, ctypes.c_void_p(-1).value) else None
    if got != error:
        sys.exit(f"a call gave {result}, {os.strerror(got) if got else 'no error'}")
    return result


def message(kind, size=0):
    return ctypes.create_string_buffer(struct.pack("l", kind) + b"x" * size, 8 + max(size, 64))


def child(of):
    """Runs of() in a child; returns its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            of()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid):
    if os.waitpid(pid, 0)[1]:
        sys.exit("a child failed")


def asleep(pid, calls):
    """Waits until a child sleeps in one of the system calls that have these numbers."""
    while True:
        with open(f"/proc/{pid}/syscall") as file:
            if file.read().split(" ")[0] in calls:
                return
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            sys.exit("a child ended instead of waiting")
        time.sleep(0.001)


# ---- message queues --------------------------------------------------------------------------------------------------


def queues():
    key = 0x4D51
    queue = check(libc.msgget(key, CREAT | EXCL | 0o640))
    ref = f"mq:{queue}"
    expect("create", ref, key, mode="0640")
    check(libc.msgget(key, CREAT | 0o600))
    expect("open", ref, key, mode="0600")
    check(libc.msgget(key, 0))
    expect("open", ref, key)
    check(libc.msgget(key, CREAT | EXCL), EEXIST)
    expect("create", f"mq:0x{key:08x}", key, errno=EEXIST)
    check(libc.msgget(0x4E4F, 0), ENOENT)
    expect("open", "mq:0x00004e4f", 0x4E4F, errno=ENOENT)

    def send(kind, size):
        check(libc.msgsnd(queue, message(kind, size), size, 0))
        expect("send", ref, key, type=kind, bytes=size)

    def receive(room, kind, flags, got, size):
        check(libc.msgrcv(queue, message(0), room, kind, flags))
        expect("receive", ref, key, type=got, bytes=size)

    send(3, 5)
    check(libc.msgrcv(queue, message(0), 64, 0, COPY | NOWAIT))  # only looks
    check(libc.msgrcv(queue, message(0), 2, 0, 0), E2BIG)
    expect("receive", ref, key, errno=E2BIG)
    receive(2, 0, NOERROR, 3, 2)
    send(1, 0)
    send(2, 7)
    receive(64, 1, EXCEPT, 2, 7)
    receive(64, -9, 0, 1, 0)
    check(libc.msgsnd(queue, message(0, 1), 1, 0), EINVAL)
    expect("send", ref, key, errno=EINVAL)
    check(libc.msgrcv(queue, message(0), 64, 0, NOWAIT), ENOMSG)
    expect("receive", ref, key, errno=ENOMSG)
    state = ctypes.create_string_buffer(256)
    check(libc.msgctl(queue, STAT, state))
    struct.pack_into("I", state, 20, 0o600)
    check(libc.msgctl(queue, SET, state))
    expect("change", ref, key, mode="0600")

    def wait_for_message():
        expect("wait", ref, key)
        expect("wake", ref, key, waited=True)
        receive(64, 0, 0, 4, 1)

    pid = child(wait_for_message)
    asleep(pid, MSGRCV)
    send(4, 1)
    ended(pid)

    def wait_in_vain():
        expect("wait", ref, key)
        check(libc.msgrcv(queue, message(0), 64, 0, 0), EIDRM)
        expect("wake", ref, key, waited=True, errno=EIDRM)
        expect("receive", ref, key, errno=EIDRM)

    pid = child(wait_in_vain)
    asleep(pid, MSGRCV)
    check(libc.msgctl(queue, RMID, None))
    expect("remove", ref, key)
    ended(pid)
    check(libc.msgctl(queue, RMID, None), EINVAL)
    expect("remove", ref, key, errno=EINVAL)


# ---- semaphores --------------------------------------------------------------------------------------------------------


def sets():
    key = 0x53454D
    semaphores = check(libc.semget(key, 3, CREAT | EXCL | 0o600))
    ref = f"sem:{semaphores}"
    expect("create", ref, key, mode="0600", size=3)
    check(libc.semget(key, 0, 0))
    expect("open", ref, key)
    check(libc.semget(key, 3, CREAT | EXCL), EEXIST)
    expect("create", f"sem:0x{key:08x}", key, errno=EEXIST)
    check(libc.semctl(semaphores, 1, SETVAL, 2))
    expect("change", ref, key, index=1, value=2)
    check(libc.semctl(semaphores, 1, GETVAL))
    check(libc.semctl(semaphores, 0, SETALL, struct.pack("3H", 1, 0, 0)))
    expect("change", ref, key)

    def operate(*operations, error=None):
        packed = b"".join(struct.pack("Hhh", *operation) for operation in operations)
        check(libc.semop(semaphores, packed, len(operations)), error)
        if error:
            expect("change", ref, key, errno=error)
            return
        for at, (index, adjust, flags) in enumerate(operations[:TOLD]):
            more = {"more": len(operations) - TOLD} if at == TOLD - 1 and len(operations) > TOLD else {}
            undo = {"undo": True} if flags & UNDO else {}
            expect("change", ref, key, index=index, adjust=adjust, **undo, **more)

    operate((0, -1, UNDO), (1, 2, 0), (2, 0, 0))
    operate((0, 1, UNDO))
    operate(*[(index % 2, 1, 0) for index in range(TOLD + 6)])
    operate(*[(index % 2, -1, 0) for index in range(TOLD)])
    operate((2, -1, NOWAIT), error=EAGAIN)
    moment = struct.pack("ll", 0, 50000000)
    check(libc.semtimedop(semaphores, struct.pack("Hhh", 2, -1, 0), 1, moment), EAGAIN)
    expect("wait", ref, key)
    expect("wake", ref, key, waited=True, errno=EAGAIN)
    expect("change", ref, key, errno=EAGAIN)

    def wait_for_increase():
        expect("wait", ref, key)
        expect("wake", ref, key, waited=True)
        operate((2, -1, 0))

    pid = child(wait_for_increase)
    asleep(pid, SEMOP)
    operate((2, 1, 0))
    ended(pid)
    state = ctypes.create_string_buffer(256)
    check(libc.semctl(semaphores, 0, STAT, state))
    struct.pack_into("I", state, 20, 0o644)
    check(libc.semctl(semaphores, 0, SET, state))
    expect("change", ref, key, mode="0644")
    check(libc.semctl(semaphores, 0, RMID))
    expect("remove", ref, key)
    # who keeps nothing of his own to himself
    semaphores = check(libc.semget(0, 1, 0o600))
    check(libc.semctl(semaphores, 0, RMID))
    expect("create", f"sem:{semaphores}", 0, mode="0600", size=1)
    expect("remove", f"sem:{semaphores}", 0)


# ---- segments ------------------------------------------------------------------------------------------------------------


def segments():
    key = 0x53484D
    segment = check(libc.shmget(key, 8192, CREAT | EXCL | 0o600))
    ref = f"shm:{segment}"
    expect("create", ref, key, mode="0600", size=8192)
    check(libc.shmget(key, 0, 0))
    expect("open", ref, key)
    check(libc.shmget(key, 16384, 0), EINVAL)
    expect("open", f"shm:0x{key:08x}", key, errno=EINVAL)

    def attach(flags, access):
        address = check(libc.shmat(segment, None, flags))
        expect("attach", ref, key, address=f"0x{address:x}", access=access)
        return address

    def detach(address):
        check(libc.shmdt(address))
        if "detach" in words:
            expect("detach", ref, key, address=f"0x{address:x}")

    one = attach(0, "rw")
    other = attach(RDONLY, "r")
    detach(one)
    detach(other)
    check(libc.shmdt(4096), EINVAL)  # of no segment
    check(libc.shmctl(segment, LOCK, None))
    expect("change", ref, key, status="locked")
    check(libc.shmctl(segment, UNLOCK, None))
    expect("change", ref, key, status="unlocked")
    state = ctypes.create_string_buffer(256)
    check(libc.shmctl(segment, STAT, state))
    struct.pack_into("I", state, 20, 0o660)
    check(libc.shmctl(segment, SET, state))
    expect("change", ref, key, mode="0660")

    one = attach(0, "rw")
    other = attach(RDONLY, "r")
    # The kernel looks at mappings from the lowest address up.
    inherited = sorted([(one, "rw"), (other, "r")])

    def inherit():
        if "fork" in words:
            for address, access in inherited:
                expect("attach", ref, key, address=f"0x{address:x}", access=access)

    def lose(how, but=None):
        if how in words:
            for address, access in inherited:
                if address != but:
                    expect("detach", ref, key, address=f"0x{address:x}")

    def detach_one():
        inherit()
        detach(one)
        lose("exit", but=one)

    def execute():
        inherit()
        lose("exec")
        os.execvp("true", ["true"])

    def share():
        inherit()
        # The memory of posix_spawn()'s child is its parent's until it is another program.
        ended(os.posix_spawn("/bin/true", ["true"], os.environ))
        lose("exit")

    def be_killed():
        inherit()
        lose("exit")
        os.kill(os.getpid(), 9)

    ended(child(detach_one))
    ended(child(execute))
    ended(child(share))
    os.waitpid(child(be_killed), 0)
    check(libc.shmctl(segment, RMID, None))
    expect("remove", ref, key)
    detach(one)
    detach(other)
    if "destroy" in words:
        expect("close", ref, key, last=True)
    check(libc.shmat(segment, None, 0), EINVAL)
    expect("attach", ref, key, errno=EINVAL)

    # one that is there for a moment
    segment = check(libc.shmget(0x5350, 4096, CREAT | 0o600))
    check(libc.shmctl(segment, RMID, None))
    expect("create", f"shm:{segment}", 0x5350, mode="0600", size=4096)
    expect("remove", f"shm:{segment}", 0x5350)


# What children are seen to wait in; semop() may be semtimedop() inside. x86-64 and the rest of the 64-bit world differ.
MSGRCV, SEMOP = (("70",), ("65", "220")) if os.uname().machine == "x86_64" else (("188",), ("193", "192"))

queues()
sets()
segments()
# The end: nothing comes behind.
last = check(libc.msgget(0xE4D, CREAT | 0o600))
check(libc.msgctl(last, RMID, None))
expect("create", f"mq:{last}", 0xE4D, mode="0600")
expect("remove", f"mq:{last}", 0xE4D)
