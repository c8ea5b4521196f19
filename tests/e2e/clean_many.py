# SPDX-License-Identifier: GPL-2.0-or-later
"""clean_many.py NUMBER DIRECTORY: makes so many IPC objects of five kinds, half of them garbage, and has the others.

Prints "ready" when all are there; DIRECTORY/garbage and DIRECTORY/live have their references, a line each, sorted. For a line on
standard input every live one is used once: a line each tells what cannot be used any more, then "used NUMBER". The end of
standard input ends it, and what it has.
"""
import ctypes
import mmap
import os
import resource
import signal
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
IPC_CREAT, IPC_NOWAIT, SHM_DEST = 0o1000, 0o4000, 0o1000
NOBODYS, SOMEBODYS = 54987, 54988  # users without a process, and with one
QUEUES = 0x6d000000  # keys that the rule of the test names

number, place = int(sys.argv[1]), sys.argv[2]
garbage = []
live = {}  # how each is used; an exception, or False, when it cannot be
kept = []


def must(result):
    if result is None or result < 0 or result == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def by_the_dead(make, count):
    """A list of `count` numbers that make(0), make(1) ... gave in a process that is dead now."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as out:
                for index in range(count):
                    out.write("%d\n" % make(index))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as lines:
        made = [int(line) for line in lines]
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or len(made) != count:
        sys.exit("a child failed")
    return made


# ---- segments: of a dead creator; the same, attached; of a living creator, not attached ---------------------------


def new_segment(_):
    return must(libc.shmget(0, ctypes.c_size_t(4096), IPC_CREAT | 0o600))


def segments(count):
    made = by_the_dead(new_segment, 3 * count // 4)
    for index, segment in enumerate(made):
        if index % 3 < 2:
            garbage.append("shm:%d" % segment)
            continue
        address = must(libc.shmat(segment, None, 0))
        ctypes.memmove(address, b"kept", 4)
        live["shm:%d" % segment] = lambda s=segment, a=address: again(s) == ctypes.string_at(a, 4) == b"kept"
    for index in range(count - len(made)):
        segment = new_segment(index)
        live["shm:%d" % segment] = lambda s=segment: again(s) is not None


def again(segment):
    address = must(libc.shmat(segment, None, 0))
    content = ctypes.string_at(address, 4)
    libc.shmdt(address)
    return content


# ---- queues, all of keys that the rule names: last used by the dead; by a process that lives ----------------------


def use_queue(queue):
    message = (ctypes.c_long * 2)(1, 0)
    must(libc.msgsnd(queue, message, ctypes.c_size_t(4), IPC_NOWAIT))
    must(libc.msgrcv(queue, message, ctypes.c_size_t(4), ctypes.c_long(0), IPC_NOWAIT))
    return True


def new_queue(index):
    queue = must(libc.msgget(QUEUES + index, IPC_CREAT | 0o600))
    use_queue(queue)
    return queue


def queues(count):
    for index, queue in enumerate(by_the_dead(new_queue, count)):
        name = "mq:%d" % queue
        if index % 2:
            garbage.append(name)
        else:
            use_queue(queue)
            live[name] = lambda q=queue: use_queue(q)


# ---- memory: of a user without processes; the same, open; mapped; of root; of a user with a process --------------


def memory(count):
    for index in range(count):
        name = "/many.%d" % index
        path = "/dev/shm" + name
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, b"kept")
        if index % 2:
            os.fchown(fd, NOBODYS, NOBODYS)
            garbage.append("shm:" + name)
        elif index % 8 == 0:
            os.fchown(fd, NOBODYS, NOBODYS)
            live["shm:" + name] = lambda p=path, f=os.dup(fd): os.fstat(f).st_nlink == 1 and stored(p)
        elif index % 8 == 2:
            os.fchown(fd, NOBODYS, NOBODYS)
            live["shm:" + name] = lambda p=path, m=mmap_only(fd): ctypes.string_at(m, 4) == b"kept" and stored(p)
        else:
            owner = 0 if index % 8 == 4 else SOMEBODYS
            os.fchown(fd, owner, owner)
            live["shm:" + name] = lambda p=path: stored(p)
        os.close(fd)


# Python's mmap would keep a descriptor.
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]


def mmap_only(fd):
    os.ftruncate(fd, 4096)
    return must(libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0))


def stored(path):
    with open(path, "rb") as file:
        return file.read(4) == b"kept"


# ---- socket files: of nobody; of a listener; of one that takes datagrams ------------------------------------------


def sockets(count):
    for index in range(count):
        path = "%s/%d.sock" % (place, index)
        kind = socket.SOCK_DGRAM if index % 4 == 2 else socket.SOCK_STREAM
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind(path)
        if index % 2:
            server.close()
            garbage.append("sock:" + path)
            continue
        if kind == socket.SOCK_STREAM:
            server.listen(1)
        kept.append(server)
        live["sock:" + path] = lambda p=path, k=kind: connects(p, k)


def connects(path, kind):
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.connect(path)
    return True


# ---- FIFOs: idle, in the directory of the rule; open there; idle elsewhere ----------------------------------------


def fifos(count):
    os.mkdir(place + "/ruled")
    for index in range(count):
        path = "%s/ruled/%d" % (place, index)
        if index % 4 == 2:
            path = "%s/%d.fifo" % (place, index)
        os.mkfifo(path, 0o600)
        if index % 2:
            garbage.append("fifo:" + path)
        elif index % 4:
            live["fifo:" + path] = lambda p=path: os.stat(p).st_nlink == 1
        else:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            live["fifo:" + path] = lambda p=path, f=fd: through(p, f)


def through(path, fd):
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"kept")
    os.close(writer)
    return os.read(fd, 8) == b"kept"


def works(use):
    try:
        return use()
    except OSError:
        return False


def write(name, references):
    with open(f"{place}/{name}", "w", encoding="ascii") as file:
        file.writelines(reference + "\n" for reference in sorted(references))


# For half of the sockets, a quarter of the FIFOs and an eighth of the memory, each kind being a fifth of all.
descriptors = number * 3 // 16 + 100
resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, max(descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
somebody = os.fork()
if somebody == 0:
    libc.prctl(1, signal.SIGKILL)
    os.setgid(SOMEBODYS)
    os.setuid(SOMEBODYS)
    os.close(1)
    while True:
        signal.pause()
for kind in (segments, queues, memory, sockets, fifos):
    kind(number // 5)
write("garbage", garbage)
write("live", live)
print("ready", flush=True)
for _ in sys.stdin:
    for reference, use in live.items():
        if not works(use):
            print("FAILED: not usable any more:", reference)
    print("used", len(live), flush=True)
os.kill(somebody, signal.SIGKILL)
