#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
monitor_files.py DIRECTORY [WORD]...: uses objects that are files, and prints for each call what `ipctool monitor --failures` has to
tell of it, one JSON object per line. "functions" among the words: what is only told behind functions of the kernel is foretold as well.
"""
import ctypes
import errno
import json
import mmap
import os
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p
libc.sem_close.argtypes = [ctypes.c_void_p]
base = sys.argv[1]
functions = "functions" in sys.argv[2:]
RDWR, CREAT, EXCL, NONBLOCK = os.O_RDWR, os.O_CREAT, os.O_EXCL, os.O_NONBLOCK
os.umask(0o022)


def foretell(pid, verb, ref, detail, **more):
    os.write(1, (json.dumps({"pid": pid, "verb": verb, "ref": ref, "detail": detail, **more}) + "\n").encode())


def expect(verb, ref, **detail):
    foretell(os.getpid(), verb, ref, detail)


def call(name, *arguments, error=None):
    """A call of the C library does what it is here for, or fails as it is to."""
    result = getattr(libc, name)(*arguments)
    got = ctypes.get_errno() if result in (-1, None) else None
    if got != error:
        sys.exit(f"{name} gave {result}, {os.strerror(got) if got else 'no error'}")
    return result


def refused(error, function, *arguments, **more):
    try:
        function(*arguments, **more)
    except OSError as failure:
        if failure.errno == error:
            return
    sys.exit(f"{function} did not fail")


def child(of):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            of()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid, by=0):
    if os.waitpid(pid, 0)[1] != by:
        sys.exit("a child failed")


def asleep(pid, names):
    """Waits until a child sleeps in one of the system calls that have these numbers."""
    while True:
        with open(f"/proc/{pid}/syscall") as file:
            if file.read().split()[0] in names:
                return
        os.sched_yield()


def escaped(path):
    text = os.fsencode(path)
    return "".join(chr(byte) if 0x20 <= byte < 0x7f and byte != 0x5c else f"\\x{byte:02x}" for byte in text)


# ---- FIFOs -------------------------------------------------------------------------------------------------------------

def fifo(path):
    return "fifo:" + escaped(path)


def fifo_life():
    path, other = base + "/one", base + "/two"
    os.mkfifo(path, 0o640)
    expect("create", fifo(path), mode="0640")
    refused(errno.EEXIST, os.mkfifo, path)
    expect("create", fifo(path), mode="0666", errno=errno.EEXIST)
    refused(errno.ENXIO, os.open, path, os.O_WRONLY | NONBLOCK)
    expect("open", fifo(path), errno=errno.ENXIO)
    both = os.open(path, RDWR)
    expect("open", fifo(path), access="rw", fd=both, first=True)
    copy = os.dup(both)
    reader = os.open(path, os.O_RDONLY | NONBLOCK)
    expect("open", fifo(path), access="r", fd=reader)
    os.close(both)
    os.close(copy)
    expect("close", fifo(path), access="rw")
    os.rename(path, other)
    expect("change", fifo(path), renamed=other)
    os.close(reader)
    expect("close", fifo(other), access="r", last=True)
    # What had the number of a copy is closed.
    reader = os.open(other, os.O_RDONLY | NONBLOCK)
    expect("open", fifo(other), access="r", fd=reader, first=True)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, reader)
    expect("close", fifo(other), access="r", last=True)
    os.close(nothing)
    os.close(reader)
    # Another one in its place removes it.
    os.mkfifo(path, 0o600)
    expect("create", fifo(path), mode="0600")
    os.rename(other, path)
    expect("remove", fifo(path))
    expect("change", fifo(other), renamed=path)
    # To have it in hand is not to have it open.
    os.close(os.open(path, os.O_PATH))
    reader = os.open(path, os.O_RDONLY | NONBLOCK)
    expect("open", fifo(path), access="r", fd=reader, first=True)
    os.unlink(path)
    expect("remove", fifo(path))
    status = os.fstat(reader)
    os.close(reader)
    expect("close", f"fifo:@{os.major(status.st_dev)}:{os.minor(status.st_dev)}:{status.st_ino}", access="r", last=True)
    refused(errno.ENOENT, os.unlink, path)


def fifo_names():
    for name in (b"a b", b"new\nline", b"\xff\\x", b"n" * 255):
        path = os.path.join(os.fsencode(base), name)
        os.mkfifo(path)
        expect("create", fifo(path), mode="0666")
        os.unlink(path)
        expect("remove", fifo(path))
    # As deep as a path can lead, by relative paths of all kinds
    deep, part = base, "d" * 250
    while len(deep) + 2 * len(part) < 4000:
        deep += "/" + part
        os.mkdir(deep)
    longest = deep + "/" + "l" * (4095 - len(deep) - 1)
    if len(os.path.basename(longest)) > 255:
        longest = deep + "/" + "l" * 255
    os.mkfifo(longest)
    expect("create", fifo(longest), mode="0666")
    reader = os.open(longest, os.O_RDONLY | NONBLOCK)
    expect("open", fifo(longest), access="r", fd=reader, first=True)
    os.close(reader)
    expect("close", fifo(longest), access="r", last=True)
    os.chdir(deep)
    os.unlink(os.path.basename(longest))
    expect("remove", fifo(longest))
    os.chdir(base)
    directory = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    os.mkdir("sub")
    os.symlink("sub", "link")
    for given, true in (("./sub/../here", "here"), ("sub//./x", "sub/x"), (base + "/link/y", "sub/y"), ("link/z", "sub/z")):
        os.mkfifo(given)
        expect("create", fifo(f"{base}/{true}"), mode="0666")
        os.unlink(given)
        expect("remove", fifo(f"{base}/{true}"))
    os.chdir("/")
    os.mkfifo("sub/by", dir_fd=directory)
    expect("create", fifo(base + "/sub/by"), mode="0666")
    os.rename("sub/by", "by", src_dir_fd=directory, dst_dir_fd=directory)
    expect("change", fifo(base + "/sub/by"), renamed=base + "/by")
    os.unlink("by", dir_fd=directory)
    expect("remove", fifo(base + "/by"))
    os.close(directory)
    # Gone before anybody can look
    for number in range(50):
        os.mkfifo(f"{base}/short.{number}")
        expect("create", fifo(f"{base}/short.{number}"), mode="0666")
        os.unlink(f"{base}/short.{number}")
        expect("remove", fifo(f"{base}/short.{number}"))


def fifo_waits():
    path = base + "/waited"
    os.mkfifo(path)
    expect("create", fifo(path), mode="0666")

    def read():
        # Of both that were waited for the one that came last is told of first.
        reader = os.open(path, os.O_RDONLY)
        expect("wait", fifo(path))
        expect("wake", fifo(path), waited=True)
        expect("open", fifo(path), access="r", fd=reader)
        os.close(reader)
        expect("close", fifo(path), access="r")

    pid = child(read)
    asleep(pid, opens)
    writer = os.open(path, os.O_WRONLY)
    ended(pid)
    expect("open", fifo(path), access="w", fd=writer, first=True)
    os.close(writer)
    expect("close", fifo(path), access="w", last=True)

    # A child that is killed closes what it has, and wakes from what it waited for.
    def killed():
        reader = os.open(path, os.O_RDONLY | NONBLOCK)
        expect("open", fifo(path), access="r", fd=reader, first=True)
        expect("close", fifo(path), access="r", last=True)
        signal.pause()

    pid = child(killed)
    asleep(pid, pauses)
    os.kill(pid, signal.SIGKILL)
    ended(pid, signal.SIGKILL)

    def interrupted():
        expect("wait", fifo(path))
        expect("wake", fifo(path), waited=True, errno=errno.EINTR)
        expect("open", fifo(path), errno=errno.EINTR)
        os.open(path, os.O_WRONLY)

    pid = child(interrupted)
    asleep(pid, opens)
    os.kill(pid, signal.SIGKILL)
    ended(pid, signal.SIGKILL)
    os.unlink(path)
    expect("remove", fifo(path))


# ---- pipes -------------------------------------------------------------------------------------------------------------

def pipes():
    reader, writer = os.pipe()
    ref = f"pipe:{os.fstat(reader).st_ino}"
    expect("create", ref)

    def hold():
        os.close(writer)
        expect("close", ref, access="r", last=True)

    os.close(os.dup(writer))
    pid = child(lambda: signal.pause())
    asleep(pid, pauses)
    os.close(reader)
    os.close(writer)
    # Its child had both.
    foretell(pid, "close", ref, {"access": "r"})
    foretell(pid, "close", ref, {"access": "w", "last": True})
    os.kill(pid, signal.SIGKILL)
    ended(pid, signal.SIGKILL)
    reader, writer = os.pipe()
    ref = f"pipe:{os.fstat(reader).st_ino}"
    expect("create", ref)
    # close_range(2)
    os.closerange(reader, writer + 1)
    expect("close", ref, access="r")
    expect("close", ref, access="w", last=True)


# ---- queues ------------------------------------------------------------------------------------------------------------

def queues():
    call("mq_open", b"/none", RDWR, error=errno.ENOENT)
    expect("open", "mq:/none", errno=errno.ENOENT)
    one = call("mq_open", b"/one", CREAT | EXCL | RDWR, 0o640, None)
    expect("create", "mq:/one", mode="0640", access="rw", fd=one)
    call("mq_open", b"/one", CREAT | EXCL | RDWR, 0o640, None, error=errno.EEXIST)
    expect("create", "mq:/one", errno=errno.EEXIST)
    # Who asks for one to be made unless it is there opens what is there.
    same = call("mq_open", b"/one", CREAT | os.O_WRONLY, 0o600, None)
    expect("open", "mq:/one", mode="0640", access="w", fd=same)
    call("mq_send", same, b"hello", 5, 7)
    expect("send", "mq:/one", bytes=5, priority=7, fd=same)
    room, priority = ctypes.create_string_buffer(8192), ctypes.c_uint()
    call("mq_receive", one, room, 8192, ctypes.byref(priority))
    expect("receive", "mq:/one", bytes=5, priority=7, fd=one)
    call("mq_receive", one, room, 1, None, error=errno.EMSGSIZE)
    expect("receive", "mq:/one", errno=errno.EMSGSIZE)

    def receive():
        call("mq_receive", one, room, 8192, None)
        expect("wait", "mq:/one")
        expect("wake", "mq:/one", waited=True)
        expect("receive", "mq:/one", bytes=0, fd=one)

    pid = child(receive)
    asleep(pid, receives)
    call("mq_send", same, b"", 0, 0)
    expect("send", "mq:/one", bytes=0, priority=0, fd=same)
    ended(pid)
    os.close(same)
    expect("close", "mq:/one", access="w")
    status = os.fstat(one)
    call("mq_unlink", b"/one")
    expect("remove", "mq:/one")
    call("mq_unlink", b"/one", error=errno.ENOENT)
    expect("remove", "mq:/one", errno=errno.ENOENT)
    os.close(one)
    expect("close", f"mq:@{os.major(status.st_dev)}:{os.minor(status.st_dev)}:{status.st_ino}", access="rw", last=True)


# ---- memory ------------------------------------------------------------------------------------------------------------

def segments():
    call("shm_open", b"/none", RDWR, 0, error=errno.ENOENT)
    expect("open", "shm:/none", errno=errno.ENOENT)
    fd = call("shm_open", b"/one", CREAT | EXCL | RDWR, 0o640)
    expect("create", "shm:/one", mode="0640", access="rw", fd=fd)
    os.ftruncate(fd, 8192)
    expect("change", "shm:/one", size=8192, fd=fd)
    other = call("shm_open", b"/one", os.O_RDONLY, 0)
    expect("open", "shm:/one", access="r", fd=other)
    os.close(other)
    expect("close", "shm:/one", access="r")
    mapped = mmap.mmap(fd, 8192)
    # The module keeps a copy of the descriptor.
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    expect("attach", "shm:/one", size=8192, access="rw", fd=fd, address=f"0x{address:x}")
    os.rename("/dev/shm/one", "/dev/shm/two")
    expect("change", "shm:/one", renamed="/two")
    call("shm_unlink", b"/two")
    expect("remove", "shm:/two")
    call("shm_unlink", b"/two", error=errno.ENOENT)
    expect("remove", "shm:/two", errno=errno.ENOENT)
    mapped.close()
    ref = f"shm:@{os.major(os.fstat(fd).st_dev)}:{os.minor(os.fstat(fd).st_dev)}:{os.fstat(fd).st_ino}"
    expect("detach", ref, address=f"0x{address:x}")
    os.close(fd)
    expect("close", ref, access="rw", last=True)
    # The first one to open it and the last one to close it
    fd = call("shm_open", b"/three", CREAT | RDWR, 0o600)
    expect("create", "shm:/three", mode="0600", access="rw", fd=fd)
    os.close(fd)
    expect("close", "shm:/three", access="rw", last=True)
    fd = call("shm_open", b"/three", CREAT | RDWR, 0o600)
    expect("open", "shm:/three", access="rw", fd=fd, first=True)
    os.close(fd)
    expect("close", "shm:/three", access="rw", last=True)
    os.unlink("/dev/shm/three")
    expect("remove", "shm:/three")


def semaphores():
    # The C library looks first whether it is there.
    name = b"/one"
    semaphore = call("sem_open", name, CREAT | EXCL, 0o600, 1)
    expect("create", "sem:/one")
    call("sem_post", ctypes.c_void_p(semaphore))
    again = call("sem_open", name, 0)
    fd = os.open("/dev/null", os.O_RDONLY)
    os.close(fd)
    expect("open", "sem:/one", access="rw", fd=fd)
    # It has the file already, and so closes this one.
    expect("close", "sem:/one", access="rw")
    call("sem_unlink", name)
    expect("remove", "sem:/one")
    call("sem_unlink", name, error=errno.ENOENT)
    expect("remove", "sem:/one", errno=errno.ENOENT)
    call("sem_close", semaphore)
    call("sem_close", again)


def memfds():
    fd = os.memfd_create("a box")
    status = os.fstat(fd)
    ref = f"shm:@{os.major(status.st_dev)}:{os.minor(status.st_dev)}:{status.st_ino}"
    # No name that could leak
    foretell(os.getpid(), "create", ref, {"access": "rw", "fd": fd}, nameless=True)
    os.ftruncate(fd, 4096)
    foretell(os.getpid(), "change", ref, {"size": 4096, "fd": fd}, nameless=True)
    os.close(fd)
    foretell(os.getpid(), "close", ref, {"access": "rw", "last": True}, nameless=True)


numbers = {"x86_64": ({"2", "257"}, {"34"}, {"243"}), "aarch64": ({"56"}, {"73"}, {"183"})}
opens, pauses, receives = numbers[os.uname().machine]
fifo_life()
fifo_names()
fifo_waits()
pipes()
queues()
segments()
semaphores()
memfds()
# By this the watcher knows that it has seen all.
os.mkfifo(base + "/end")
expect("create", fifo(base + "/end"), mode="0666")
os.unlink(base + "/end")
expect("remove", fifo(base + "/end"))
