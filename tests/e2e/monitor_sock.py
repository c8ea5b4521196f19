#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
monitor_sock.py DIRECTORY: uses sockets of many kinds, pipes and a FIFO, with files in DIRECTORY, and prints for each call what `ipctool
monitor --failures` has to tell of it, one JSON object per line. Descriptors are left out.
"""
import ctypes
import errno
import json
import os
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.vmsplice.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
libc.tee.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint]

NOTHING = {"local": None, "peer": None}


def tell(verb, ref, kind, name, pid, detail):
    detail = {key: value for key, value in detail.items() if value is not None}
    line = {"pid": pid, "verb": verb, "ref": ref, "kind": kind, "name": name, "detail": detail}
    os.write(1, (json.dumps(line) + "\n").encode())


def inode(end):
    return os.fstat(end if isinstance(end, int) else end.fileno()).st_ino


def ref(sock):
    return f"sock:{inode(sock)}"


def address(of):
    """As ipctool writes it."""
    if not of:
        return None
    if isinstance(of, bytes):
        return "@" + "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in of[1:])
    if isinstance(of, str):
        return of if not of.startswith("@") else "./" + of
    if not of[1]:
        return None
    return f"[{of[0]}]:{of[1]}" if ":" in of[0] else f"{of[0]}:{of[1]}"


class Sock:
    """A socket, and what of its calls is told."""

    def __init__(self, sock, kind, local=None, peer=None):
        self.sock, self.kind, self.local, self.peer = sock, kind, local, peer
        self.ref = ref(sock)

    def tell(self, verb, **detail):
        pid = detail.pop("pid", os.getpid())
        tell(verb, detail.pop("ref", self.ref), self.kind, detail.get("local", self.local), pid,
             {"local": self.local, "peer": self.peer, **detail})

    def state(self, status, **detail):
        """Others than a process change a connection as well; the reader leaves open who did it."""
        self.tell("change", status=status, pid=0, **detail)

    def send(self, data, **detail):
        assert self.sock.send(data) == len(data)
        self.tell("send", bytes=len(data), **detail)

    def receive(self, size, **detail):
        self.tell("receive", bytes=len(self.sock.recv(size)), **detail)

    def close(self):
        self.tell("close", last=True)
        self.sock.close()


def make(kind, *what):
    made = Sock(socket.socket(*what), kind)
    made.tell("create")
    return made


def bind(sock, where, local=None):
    sock.sock.bind(where)
    sock.local = local or address(where)
    sock.tell("bind")


def listen(sock, backlog):
    sock.sock.listen(backlog)
    if sock.kind == "tcp":
        sock.state("LISTEN")
    sock.tell("listen", backlog=backlog)


def fails(error, call, *arguments):
    try:
        call(*arguments)
    except OSError as exception:
        assert exception.errno == error, exception
        return
    sys.exit(f"{call} did not fail")


# ---- unix --------------------------------------------------------------------------------------------------------------


def stream(directory):
    path = f"{directory}/stream.sock"
    server = make("unix", socket.AF_UNIX, socket.SOCK_STREAM)
    client = make("unix", socket.AF_UNIX, socket.SOCK_STREAM)
    fails(errno.ENOENT, client.sock.connect, path)
    client.tell("connect", errno=errno.ENOENT)
    bind(server, path)
    listen(server, 5)
    client.sock.connect(path)
    client.tell("connect", peer=path)
    accepted = Sock(server.sock.accept()[0], "unix", path, client.ref)
    accepted.tell("accept")
    client.peer = accepted.ref
    client.send(b"hello")
    accepted.sock.recv(3, socket.MSG_PEEK)  # only looks
    accepted.receive(100)
    accepted.sock.sendmsg([b"12", b"345"])
    accepted.tell("send", bytes=5)
    assert os.readv(client.sock.fileno(), [bytearray(2), bytearray(9)]) == 5
    client.tell("receive", bytes=5)
    os.writev(client.sock.fileno(), [b"x", b"yz"])
    client.tell("send", bytes=3)
    assert len(accepted.sock.recvmsg(10)[0]) == 3
    accepted.tell("receive", bytes=3)
    accepted.sock.setblocking(False)
    fails(errno.EAGAIN, accepted.sock.recv, 1)
    accepted.tell("receive", errno=errno.EAGAIN)
    client.sock.shutdown(socket.SHUT_WR)
    client.tell("change", shutdown="w")
    accepted.sock.recv(1)  # the end of what comes is nothing
    client.close()
    accepted.peer = None
    accepted.close()
    server.close()
    os.unlink(path)
    tell("remove", f"sock:{path}", "unix", path, os.getpid(), {"local": path})


def relative(directory):
    os.chdir(directory)
    server = make("unix", socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bind(server, "@here")
    listen(server, 0)
    os.unlink("@here")
    path = f"{directory}/@here"
    tell("remove", server.ref, "unix", path, os.getpid(), {"local": path})
    server.close()
    os.chdir("/")


def datagrams():
    server = make("unix", socket.AF_UNIX, socket.SOCK_DGRAM)
    bind(server, b"\0a\0b\\ c")
    sender = make("unix", socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.sock.sendto(b"unnamed", b"\0a\0b\\ c")
    sender.tell("send", bytes=7, peer=server.local)
    server.receive(100)
    bind(sender, b"\0sender")
    sender.sock.sendto(b"", b"\0a\0b\\ c")
    sender.tell("send", bytes=0, peer=server.local)
    server.sock.recvfrom(100)
    server.tell("receive", bytes=0, peer="@sender")
    sender.sock.connect(b"\0a\0b\\ c")
    sender.peer = server.ref
    sender.tell("connect")
    sender.send(b"connected")
    server.sock.recv(2)
    server.tell("receive", bytes=2)
    sender.close()
    server.close()


def pair():
    one, other = (Sock(sock, "unix") for sock in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    one.peer, other.peer = other.ref, one.ref
    one.tell("create")
    other.tell("create")
    one.send(b"")
    other.receive(10)
    os.write(other.sock.fileno(), b"abc")
    other.tell("send", bytes=3)
    assert os.read(one.sock.fileno(), 10) == b"abc"
    one.tell("receive", bytes=3)
    one.close()
    other.peer = None
    other.close()


def asleep(pid, call):
    while True:
        with open(f"/proc/{pid}/syscall") as file:
            if file.read().split()[0] in call:
                return
        os.sched_yield()


def waiting(directory):
    path = f"{directory}/waiting.sock"
    server = make("unix", socket.AF_UNIX, socket.SOCK_STREAM)
    bind(server, path)
    listen(server, 1)
    client = make("unix", socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        client.sock.close()
        accepted = Sock(server.sock.accept()[0], "unix", path, client.ref)
        server.tell("wait")
        server.tell("wake", waited=True)
        accepted.tell("accept")
        accepted.sock.recv(10)
        accepted.tell("wait")
        accepted.tell("wake", waited=True)
        accepted.tell("receive", bytes=4)
        accepted.close()
        os._exit(0)
    asleep(child, ("43", "288", "202", "242"))
    client.sock.connect(path)
    client.tell("connect", peer=path)
    asleep(child, ("45", "207"))
    with open("/proc/net/unix") as file:
        inodes = {line.split()[6] for line in file if line.rstrip().endswith(path)}
    client.peer = f"sock:{(inodes - {str(inode(server.sock))}).pop()}"
    client.send(b"woke")
    assert os.waitpid(child, 0)[1] == 0
    client.peer = None
    client.close()
    server.close()
    os.unlink(path)
    tell("remove", f"sock:{path}", "unix", path, os.getpid(), {"local": path})


# ---- internet ----------------------------------------------------------------------------------------------------------


def tcp(family, host, port):
    server = make("tcp", family, socket.SOCK_STREAM)
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bind(server, (host, port))
    listen(server, 3)
    client = make("tcp", family, socket.SOCK_STREAM)
    client.peer = server.local
    client.sock.connect((host, port))
    client.state("SYN-SENT")
    client.local = address(client.sock.getsockname())
    client.state("ESTAB")
    client.tell("connect", status="ESTAB")
    accepted = Sock(server.sock.accept()[0], "tcp", server.local, client.local)
    accepted.state("ESTAB", ref=f"sock:tcp:{accepted.local},{accepted.peer}")
    accepted.tell("accept")
    client.send(b"hello")
    accepted.receive(100)
    client.close()
    client.state("FIN-WAIT-1")
    accepted.sock.recv(1)
    accepted.state("CLOSE-WAIT")
    accepted.close()
    accepted.state("LAST-ACK")
    for status in ("FIN-WAIT-2", "UNCONN"):
        client.state(status, ref=f"sock:tcp:{client.local},{client.peer}")
    accepted.state("UNCONN", ref=f"sock:tcp:{accepted.local},{accepted.peer}")
    server.close()
    server.state("UNCONN")


def refused():
    client = make("tcp", socket.AF_INET, socket.SOCK_STREAM)
    bind(client, ("127.0.0.1", 4714))
    fails(errno.ECONNREFUSED, client.sock.connect, ("127.0.0.1", 4))
    client.state("SYN-SENT", peer="127.0.0.1:4")
    client.state("UNCONN", peer="127.0.0.1:4")
    client.tell("connect", errno=errno.ECONNREFUSED)
    client.close()


def udp(family, host):
    server = make("udp", family, socket.SOCK_DGRAM)
    bind(server, (host, 4712))
    client = make("udp", family, socket.SOCK_DGRAM)
    client.sock.sendto(b"12345678", (host, 4712))
    client.local = address(client.sock.getsockname())
    client.tell("send", bytes=8, peer=server.local)
    sender = address(server.sock.recvfrom(4)[1])
    server.tell("receive", bytes=4, peer=sender)
    client.sock.connect((host, 4712))
    client.local, client.peer = address(client.sock.getsockname()), server.local
    client.tell("connect")
    several(client, server)
    client.close()
    server.close()


class Message(ctypes.Structure):
    """struct mmsghdr"""

    _fields_ = [("name", ctypes.c_void_p), ("name_len", ctypes.c_uint), ("vector", ctypes.c_void_p),
                ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_len", ctypes.c_size_t),
                ("flags", ctypes.c_size_t), ("len", ctypes.c_uint)]


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


def several(client, server):
    vectors = [Vector(b"one", 3), Vector(b"three", 5)]
    messages = (Message * 2)(*(Message(vector=ctypes.addressof(vector), count=1) for vector in vectors))
    assert libc.sendmmsg(client.sock.fileno(), messages, 2, 0) == 2
    client.tell("send", bytes=8, messages=2)
    rooms = [ctypes.create_string_buffer(8) for _ in range(2)]
    vectors = [Vector(ctypes.cast(room, ctypes.c_char_p), 8) for room in rooms]
    messages = (Message * 2)(*(Message(vector=ctypes.addressof(vector), count=1) for vector in vectors))
    assert libc.recvmmsg(server.sock.fileno(), messages, 2, 0, None) == 2
    server.tell("receive", bytes=8, messages=2)


def others():
    raw = Sock(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), "raw", "0.0.0.0:1")
    raw.tell("create")
    raw.close()
    one, other = (make("netlink", socket.AF_NETLINK, socket.SOCK_RAW, 2) for _ in range(2))
    bind(one, (7001, 0), "usersock:7001")
    bind(other, (7002, 0), "usersock:7002")
    one.sock.sendto(struct.pack("IHHII", 20, 16, 0, 0, 7001) + b"data", (7002, 0))
    one.tell("send", bytes=20, peer="usersock:7002")
    other.sock.recvfrom(100)
    other.tell("receive", bytes=20, peer="usersock:7001")
    one.close()
    other.close()


# ---- pipes and FIFOs -----------------------------------------------------------------------------------------------------


def passes(verb, kind, end, name, size):
    ref = f"pipe:{inode(end)}" if kind == "pipe" else f"fifo:{name}"
    tell(verb, ref, kind, name, os.getpid(), {"bytes": size})


def pipes(directory):
    ends, more = os.pipe(), os.pipe()

    def sent(size, pipe=ends):
        passes("send", "pipe", pipe[1], None, size)

    def received(size, pipe=ends):
        passes("receive", "pipe", pipe[0], None, size)

    os.write(ends[1], b"four")
    sent(4)
    os.writev(ends[1], [b"5", b"67"])
    sent(3)
    os.read(ends[0], 5)
    received(5)
    os.readv(ends[0], [bytearray(1), bytearray(9)])
    received(2)
    vector = Vector(b"vmsplice", 8)
    assert libc.vmsplice(ends[1], ctypes.byref(vector), 1, 0) == 8
    sent(8)
    assert libc.tee(ends[0], more[1], 3, 0) == 3
    sent(3, more)
    assert libc.splice(ends[0], None, more[1], None, 8, 0) == 8
    received(8)
    sent(8, more)
    os.read(more[0], 100)
    received(11, more)
    with open("/proc/self/exe", "rb") as file:
        assert os.sendfile(more[1], file.fileno(), 0, 10) == 10
    sent(10, more)
    os.close(ends[1])
    os.read(ends[0], 1)  # the end of what comes is nothing
    path = f"{directory}/fifo"
    os.mkfifo(path)
    fifo = os.open(path, os.O_RDWR)
    os.write(fifo, b"in it")
    passes("send", "fifo", fifo, path, 5)
    os.read(fifo, 9)
    passes("receive", "fifo", fifo, path, 5)


def main():
    directory = sys.argv[1]
    stream(directory)
    relative(directory)
    datagrams()
    pair()
    waiting(directory)
    tcp(socket.AF_INET, "127.0.0.1", 4711)
    tcp(socket.AF_INET6, "::1", 4711)
    refused()
    udp(socket.AF_INET, "127.0.0.1")
    udp(socket.AF_INET6, "::1")
    others()
    pipes(directory)


main()
