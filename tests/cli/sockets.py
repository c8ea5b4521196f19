#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets for the tests: runs each line of standard input as Python, and answers with a line: what it evaluates to, "ok", or "error ..."."""

import errno
import os
import random
import struct
import sys
import time
from socket import *
from socket import recv_fds, send_fds, socket

SO_PEEK_OFF = 42
KINDS = {"stream": SOCK_STREAM, "dgram": SOCK_DGRAM, "seqpacket": SOCK_SEQPACKET}


def noise(size, seed=1):
    """Bytes that are the same in every run."""
    return random.Random(seed).randbytes(size)


def pair(kind):
    return socketpair(AF_UNIX, KINDS[kind])


def address(family):
    return ("127.0.0.1" if family == AF_INET else "::1", 0)


def bound(family, kind, to=None):
    made = socket(family, KINDS[kind])
    made.bind(address(family) if to is None else to)
    return made


def udp(family):
    """The sending and the receiving end."""
    receiver = bound(family, "dgram")
    sender = bound(family, "dgram")
    sender.connect(receiver.getsockname())
    return sender, receiver


def tcp(family, protocol=0):
    """A listener, a client, and what was accepted."""
    listener = socket(family, SOCK_STREAM, protocol)
    listener.bind(address(family))
    listener.listen(8)
    client = socket(family, SOCK_STREAM, protocol)
    client.connect(listener.getsockname())
    return listener, client, listener.accept()[0]


def send(sender, *messages):
    for message in messages:
        sender.send(message)


def arrived(receiver, size):
    """Waits for that many bytes of a stream."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if len(receiver.recv(size, MSG_PEEK)) >= size:
            return
        time.sleep(0.01)
    raise TimeoutError


def receive(receiver, most=200):
    """Whatever is there, without waiting."""
    got = []
    while len(got) < most:
        try:
            got.append(receiver.recv(1 << 20, MSG_DONTWAIT))
        except BlockingIOError:
            break
        if not got[-1] and receiver.type == SOCK_STREAM:
            break
    return got


def keep(path, data):
    with open(path, "wb") as file:
        file.write(data)


def inode(of):
    return os.fstat(of.fileno()).st_ino


def offset(of):
    return of.getsockopt(SOL_SOCKET, SO_PEEK_OFF)


def fds():
    return len(os.listdir("/proc/self/fd"))


def failure(call):
    """The name of the error that it raises."""
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "none"


def main():
    scope = globals()
    for line in sys.stdin:
        try:
            try:
                result = eval(line, scope)
            except SyntaxError:
                exec(line, scope)
                result = "ok"
            print(result, flush=True)
        except Exception as error:
            print("error", type(error).__name__, error, flush=True)


main()
