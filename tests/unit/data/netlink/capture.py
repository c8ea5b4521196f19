#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Record what the kernel answers to sock_diag dumps about a known set of sockets, for the unit tests.

Run as root:  unshare -nm sh -c 'mount -t tmpfs t /run && ip link set lo up && exec ./capture.py'
and put the files into place together: the tests look for what they have in common, such as inodes of peers.
"""
import os
import socket
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = 0xFFFFFFFF
keep = []


def made(*args):
    sock = socket.socket(*args)
    keep.append(sock)
    return sock


def unix():
    listener = made(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("/run/app.sock")
    listener.listen(5)
    client = made(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect("/run/app.sock")
    keep.append(listener.accept()[0])
    client.send(b"hello")
    made(socket.AF_UNIX, socket.SOCK_STREAM).connect("/run/app.sock")  # waits to be accepted
    made(socket.AF_UNIX, socket.SOCK_DGRAM).bind(b'\0a\0b\n\x1b\xff"\\')
    os.chdir("/run")
    made(socket.AF_UNIX, socket.SOCK_DGRAM).bind("relative.sock")
    made(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind("/run//./app2.sock")
    left, right = socket.socketpair()
    keep.extend((left, right))
    left.shutdown(socket.SHUT_WR)


def inet():
    server = made(socket.AF_INET, socket.SOCK_STREAM)
    server.bind(("127.0.0.1", 8080))
    server.listen(7)
    client = socket.create_connection(("127.0.0.1", 8080))
    keep.extend((client, server.accept()[0]))
    client.send(b"0123456789")
    both = made(socket.AF_INET6, socket.SOCK_STREAM)
    both.bind(("::", 9090))
    both.listen(3)
    mapped = socket.create_connection(("127.0.0.1", 9090))
    keep.extend((mapped, both.accept()[0]))
    gone = socket.create_connection(("::1", 9090))
    other = both.accept()[0]
    gone.close()  # goes to TIME-WAIT
    other.close()
    for _ in range(2):
        shared = made(socket.AF_INET, socket.SOCK_STREAM)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(("127.0.0.1", 7070))
        shared.listen(1)
    bound = made(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    bound.bind(("0.0.0.0", 68))


def dump(name, request):
    asker = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
    asker.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
    done = False
    with open(os.path.join(HERE, name + ".bin"), "wb") as out:
        while not done:
            data = asker.recv(65536)
            out.write(data)
            at = 0
            while at < len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                done = done or kind in (2, 3)
                at += (size + 3) & ~3


def inet_request(family, protocol):
    return struct.pack("=BBBBI", family, protocol, 1 << 6, 0, ALL) + bytes(48)


unix()
inet()
dump("unix", struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, ALL, 0, 0x77, ALL, ALL))
for label, family in (("4", socket.AF_INET), ("6", socket.AF_INET6)):
    dump("tcp-" + label, inet_request(family, socket.IPPROTO_TCP))
    dump("udp-" + label, inet_request(family, socket.IPPROTO_UDP))
dump("netlink", struct.pack("=BBHIIII", socket.AF_NETLINK, 255, 0, 0, 1, ALL, ALL))
