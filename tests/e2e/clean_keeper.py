# SPDX-License-Identifier: GPL-2.0-or-later
"""clean_keeper.py: has IPC objects in ways that are hard to see, and says afterwards whether it still can use them.

Prints one line of JSON, {name: reference}, when all is there. For each line on standard input every object is used once, and
a line tells the names of those that cannot be used any more; names that begin as one of those on the line, between "|", are
left out. The end of standard input ends it.
"""
import array
import ctypes
import json
import mmap
import os
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
libc.sem_open.restype = ctypes.c_void_p
libc.sem_post.argtypes = libc.sem_trywait.argtypes = [ctypes.c_void_p]
IPC_RMID, IPC_NOWAIT, SEM_UNDO = 0, 0o4000, 0x1000

references = {}
uses = {}  # how each is used; an exception, or False, when it cannot be
alive = []


def must(result):
    if result < 0 or result == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def in_dead_child(action):
    """What it returns is sent back; the child, who did it, is dead then."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writing, struct.pack("q", action() or 0))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    answer = os.read(reading, 8)
    os.close(reading)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("a child failed")
    return struct.unpack("q", answer)[0]


def has(name, reference, use):
    references[name] = reference
    uses[name] = use


# ---- System V ----------------------------------------------------------------------------------------------------


def new_segment():
    return must(libc.shmget(0, ctypes.c_size_t(4096), 0o1600))


def attach(segment):
    return must(libc.shmat(segment, None, 0))


def touch(segment):
    return must(libc.shmdt(attach(segment))) == 0


def segments():
    by_creator = new_segment()
    in_dead_child(lambda: touch(by_creator))
    has("segment of a creator who lives", f"shm:{by_creator}", lambda: in_dead_child(lambda: touch(by_creator)) == 1)

    by_user = in_dead_child(new_segment)
    touch(by_user)
    has("segment of a user who lives", f"shm:{by_user}", lambda: touch(by_user))

    for name, remove in (("attached segment", False), ("marked segment", True)):
        segment = in_dead_child(new_segment)
        address = attach(segment)
        ctypes.memmove(address, b"kept", 4)
        if remove:
            must(libc.shmctl(segment, IPC_RMID, None))
        has(name, f"shm:{segment}", lambda segment=segment, address=address:
            ctypes.string_at(address, 4) == b"kept" and touch(segment))


def operate(semaphores, *operations):
    packed = b"".join(struct.pack("Hhh", *operation) for operation in operations)
    return must(libc.semop(semaphores, packed, ctypes.c_size_t(len(operations)))) == 0


def semaphores():
    quiet = must(libc.semget(0, 1, 0o1600))
    operate(quiet, (0, 1, 0))
    has("set of a quiet user", f"sem:{quiet}", lambda: operate(quiet, (0, -1, IPC_NOWAIT)) and operate(quiet, (0, 1, 0)))

    # Somebody else was the last one to operate it, and is dead; this process has something to be undone.
    undone = must(libc.semget(0, 2, 0o1600))
    operate(undone, (0, 5, 0))
    operate(undone, (0, -1, SEM_UNDO))

    def use():
        return in_dead_child(lambda: operate(undone, (0, 1, 0), (0, -1, IPC_NOWAIT), (1, 1, 0))) == 1

    use()
    has("set with something to be undone", f"sem:{undone}", use)


def send(queue):
    return must(libc.msgsnd(queue, struct.pack("l", 1) + b"text", ctypes.c_size_t(4), IPC_NOWAIT)) == 0


def receive(queue):
    buffer = ctypes.create_string_buffer(64)
    return must(libc.msgrcv(queue, buffer, ctypes.c_size_t(56), ctypes.c_long(0), IPC_NOWAIT)) == 4


def queues():
    quiet = must(libc.msgget(0, 0o1600))
    send(quiet)
    receive(quiet)
    has("queue of a quiet user", f"mq:{quiet}", lambda: send(quiet) and receive(quiet))

    full = must(libc.msgget(0, 0o1600))
    in_dead_child(lambda: send(full))
    # Without another message: that would make this process one of its users.
    has("queue with a message", f"mq:{full}", lambda: must(libc.msgctl(full, 2, ctypes.create_string_buffer(256))) == 0)


# ---- files -------------------------------------------------------------------------------------------------------


def fly(descriptor):
    """Into a message that nobody has received yet: no process has it open then."""
    ours, theirs = socket.socketpair()
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])
    os.close(descriptor)
    alive.extend((ours, theirs))


def file_is(path, inode):
    return os.stat(path).st_ino == inode


def memory():
    for name, keep in (("open memory", None), ("mapped memory", "map"), ("flying memory", "fly")):
        path = "/dev/shm/" + name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, 4096)
        inode = os.fstat(descriptor).st_ino
        if keep == "map":
            alive.append(mmap.mmap(descriptor, 4096))
            os.close(descriptor)
            # mmap.mmap() has a descriptor of its own, which would be the one that is found
            for number in os.listdir("/proc/self/fd"):
                if os.path.exists(f"/proc/self/fd/{number}") and os.stat(f"/proc/self/fd/{number}").st_ino == inode:
                    os.close(int(number))
        elif keep == "fly":
            fly(descriptor)
        has(name, "shm:/" + name, lambda path=path, inode=inode: file_is(path, inode))


def named_semaphore():
    semaphore = libc.sem_open(b"/kept", os.O_CREAT | os.O_EXCL, 0o600, 1)
    if not semaphore:
        sys.exit("sem_open")
    with open("/proc/self/maps", encoding="utf-8") as maps:
        if not any("/dev/shm/sem." in line and "(deleted)" in line for line in maps):
            print("the C library does not map it through a deleted name", file=sys.stderr)
    inode = os.stat("/dev/shm/sem.kept").st_ino
    has("named semaphore", "sem:/kept", lambda: file_is("/dev/shm/sem.kept", inode) and
        must(libc.sem_trywait(semaphore)) == 0 and must(libc.sem_post(semaphore)) == 0)


def posix_queues():
    for name, flying in (("/open", False), ("/flying", True)):
        queue = must(libc.mq_open(name.encode(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, None))
        if flying:
            fly(queue)

        def use(name=name):
            descriptor = must(libc.mq_open(name.encode(), os.O_RDWR | os.O_NONBLOCK))
            os.close(descriptor)
            return True
        has(("flying" if flying else "open") + " queue", "mq:" + name, use)


def fifos():
    for name, flying in (("open", False), ("flying", True)):
        path = f"/run/{name}.fifo"
        os.mkfifo(path, 0o600)
        # both ends: who only writes, or only reads, is another matter
        descriptor = os.open(path, os.O_RDWR)
        inode = os.fstat(descriptor).st_ino
        if flying:
            fly(descriptor)
        has(f"{name} FIFO", "fifo:" + path, lambda path=path, inode=inode: file_is(path, inode))
    # One end alone, so that nobody who asks the kernel for a reader finds one.
    os.mkfifo("/run/writer.fifo", 0o600)
    reader = os.open("/run/writer.fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open("/run/writer.fifo", os.O_WRONLY)
    os.close(reader)
    inode = os.fstat(writer).st_ino
    fly(writer)
    has("FIFO with a flying writer", "fifo:/run/writer.fifo", lambda: file_is("/run/writer.fifo", inode))


def broken(gone):
    for name, use in uses.items():
        if any(word and name.startswith(word) for word in gone):
            continue
        try:
            if not use():
                yield name
        except OSError as error:
            yield f"{name} ({error.strerror})"


for make in (segments, semaphores, queues, memory, named_semaphore, posix_queues, fifos):
    make()
print(json.dumps(references), flush=True)
for line in sys.stdin:
    print(", ".join(broken(line.strip().split("|"))), flush=True)
