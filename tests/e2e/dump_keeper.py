# SPDX-License-Identifier: GPL-2.0-or-later
"""dump_keeper.py DIRECTORY: has something of everything that can be read only once, and on SIGUSR1 reads it.

Writes DIRECTORY/ready when all is there. Then, on SIGUSR1, what is missing, different or set otherwise is printed, and the exit
status is 1.
"""
import array
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mq_open.restype = ctypes.c_int
O_DIRECT = 0o40000
SO_PEEK_OFF = 42
LONG = bytes(n * 7 % 251 for n in range(9000))
DATAGRAMS = [b"first", b"", b"x" * 2000, b"last"]

reads = []  # (what it is, what must come out, how it is read)
options = []  # (what it is, what it is now, how it is looked at)
alive = []  # sockets that nothing else keeps open


def must(result):
    if result < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    return result


def each(call, count):
    return lambda: [call() for _ in range(count)]


def keep(what, value):
    options.append((what, value(), value))


def pipes():
    reading, writing = os.pipe()
    os.write(writing, LONG)
    reads.append(("pipe", LONG, lambda: os.read(reading, 65536)))
    reading_packets, writing_packets = os.pipe2(O_DIRECT)
    for packet in (b"one", b"two", b"three"):
        os.write(writing_packets, packet)
    reads.append(("pipe of packets", [b"one", b"two", b"three"], each(lambda: os.read(reading_packets, 4096), 3)))
    os.mkfifo("/run/kept")
    reading_fifo = os.open("/run/kept", os.O_RDONLY | os.O_NONBLOCK)
    os.write(os.open("/run/kept", os.O_WRONLY), LONG[:5000])
    reads.append(("FIFO", LONG[:5000], lambda: os.read(reading_fifo, 65536)))
    for name, end in (("pipe", reading), ("packets", reading_packets), ("FIFO", reading_fifo)):
        keep(f"size of the {name}", lambda end=end: fcntl.fcntl(end, 1032))
        keep(f"flags of the {name}", lambda end=end: fcntl.fcntl(end, fcntl.F_GETFL))


def queues():
    queue = must(libc.msgget(0, 0o1600))
    for number, text in ((3, b"three"), (1, b""), (2, b"y" * 3000), (1, b"one again")):
        must(libc.msgsnd(queue, struct.pack("l", number) + text, len(text), 0))

    def receive():
        buffer = ctypes.create_string_buffer(8192)
        length = must(libc.msgrcv(queue, buffer, 4096, 0, 0o4000))
        return struct.unpack("l", buffer.raw[:8])[0], buffer.raw[8:8 + length]

    reads.append(("System V queue", [(3, b"three"), (1, b""), (2, b"y" * 3000), (1, b"one again")], each(receive, 4)))

    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK
    posix = must(libc.mq_open(b"/kept", flags, 0o600, (ctypes.c_long * 8)(0, 10, 8192, 0)))
    for priority, text in ((1, b"low"), (9, b"high"), (1, b"z" * 8192), (0, b"")):
        must(libc.mq_send(posix, text, ctypes.c_size_t(len(text)), priority))

    def receive_posix():
        buffer, priority = ctypes.create_string_buffer(8192), ctypes.c_uint()
        length = must(libc.mq_receive(posix, buffer, ctypes.c_size_t(8192), ctypes.byref(priority)))
        return priority.value, buffer.raw[:length]

    reads.append(("POSIX queue", [(9, b"high"), (1, b"low"), (1, b"z" * 8192), (0, b"")], each(receive_posix, 4)))


def option_of(kept, option):
    try:
        return kept.getsockopt(socket.SOL_SOCKET, option)
    except OSError as error:  # not of this kind of socket
        return error.errno


def look_after(what, kept):
    keep(f"flags of the {what}", lambda: fcntl.fcntl(kept, fcntl.F_GETFL))
    for option in (socket.SO_PASSCRED, socket.SO_RCVBUF, SO_PEEK_OFF):
        keep(f"option {option} of the {what}", lambda option=option: option_of(kept, option))


def unix_sockets():
    for what, offset in (("unix stream", None), ("unix stream with a peek offset", 5)):
        ours, theirs = socket.socketpair()
        theirs.send(LONG)
        if offset:
            ours.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, offset)
        look_after(what, ours)
        reads.append((what, LONG, lambda ours=ours: ours.recv(65536)))
        alive.append(theirs)
    for what, kind in (("unix datagrams", socket.SOCK_DGRAM), ("unix records", socket.SOCK_SEQPACKET)):
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        for datagram in DATAGRAMS:
            theirs.send(datagram)
        look_after(what, ours)
        reads.append((what, DATAGRAMS, each(lambda ours=ours: ours.recv(65536), 4)))
        alive.append(theirs)

    ours, theirs = socket.socketpair()
    passed, _ = os.pipe()
    theirs.sendmsg([b"here"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [passed]))])
    look_after("socket with a descriptor in flight", ours)

    def receive():
        data, extra, _, _ = ours.recvmsg(100, 100)
        fds = array.array("i", extra[0][2][:4])
        return data, len(extra), os.path.sameopenfile(fds[0], passed)

    reads.append(("socket with a descriptor in flight", (b"here", 1, True), receive))
    alive.append(theirs)


def inet_sockets():
    listening = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listening.getsockname())
    theirs, _ = listening.accept()
    theirs.send(LONG)
    look_after("tcp", ours)
    reads.append(("tcp", LONG, lambda: ours.recv(len(LONG), socket.MSG_WAITALL)))
    pending = socket.create_connection(listening.getsockname())
    pending.send(b"before it is accepted")

    def accept():
        accepted, peer = listening.accept()
        return accepted.recv(100), peer

    reads.append(("tcp to be accepted", (b"before it is accepted", pending.getsockname()), accept))

    receiving, sending = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiving.bind(("127.0.0.1", 0))
    sending.connect(receiving.getsockname())
    for datagram in DATAGRAMS:
        sending.send(datagram)
    look_after("udp", receiving)
    alive.extend([theirs, pending, sending])
    reads.append(("udp", DATAGRAMS, each(lambda: receiving.recv(65536), 4)))


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
    pipes()
    queues()
    unix_sockets()
    inet_sockets()
    os.kill(os.getpid(), signal.SIGUSR2)
    reads.append(("signal", signal.SIGUSR2, lambda: signal.sigtimedwait([signal.SIGUSR2], 0).si_signo))
    open(sys.argv[1] + "/ready", "w").close()
    signal.sigwait([signal.SIGUSR1])

    # What blocks now has lost something.
    signal.alarm(20)
    wrong = [what for what, before, value in options if value() != before]
    for what, wanted, read in reads:
        got = read()
        if got != wanted:
            wrong.append(f"{what}: {str(got)[:100]}")
    for line in wrong:
        print("not as it was:", line)
    print(f"{len(reads)} objects read to their end, {len(options)} options looked at")
    sys.exit(1 if wrong else 0)


main()
