# SPDX-License-Identifier: GPL-2.0-or-later
"""Unix and TCP sockets as the kernel tells them: a dump of sock_diag written here, /proc/net, and `ss` without processes."""
import os
import re
import shutil
import socket
import struct
import subprocess

from compare_processes import escape, ordered

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_REQUEST, NLM_DUMP, NLM_DUMP_INTERRUPTED = 0x01, 0x300, 0x10
NLMSG_ERROR, NLMSG_DONE = 2, 3
NAME, VFS, PEER, RQLEN, MEMINFO, SHUTDOWN, UID = 0, 1, 2, 4, 5, 6, 7
SHOW = 1 | 2 | 4 | 16 | 32 | 64

STATES = {1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "UNCONN",
          8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECV"}
TYPES = {1: "stream", 2: "dgram", 3: "raw", 5: "seqpacket"}
LISTEN, ESTABLISHED = 10, 1

UNIX_FIELDS = ("ref", "class", "kind", "namespace", "type", "status", "local", "peer", "cookie", "receive_queue", "send_queue",
               "backlog", "memory", "bound_inode", "device", "shutdown", "uid", "listener", "state", "holders", "peers")
TCP_FIELDS = ("ref", "class", "kind", "namespace", "type", "protocol", "inode", "status", "local", "peer", "receive_queue",
              "send_queue", "uid", "listener", "state", "holders", "peers")


class Reference:
    """sock:INODE, with the namespace where it is not our own."""

    def __init__(self, namespace, own):
        self.namespace = namespace
        self.prefix = "" if own else f"@{namespace}"

    def __call__(self, inode):
        return f"sock{self.prefix}:{inode}"


# ---- unix ---------------------------------------------------------------------------------------------------------


def messages(link):
    """The payload of each message of a dump."""
    while True:
        data = link.recv(1 << 18)
        at = 0
        while at < len(data):
            length, kind, flags = struct.unpack_from("=IHH", data, at)
            if flags & NLM_DUMP_INTERRUPTED:
                raise OSError("the dump was interrupted")
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                error = -struct.unpack_from("=i", data, at + 16)[0]
                raise OSError(error, os.strerror(error))
            yield data[at + 16:at + length]
            at += (length + 3) & ~3


def unix_dump():
    """(type, state, inode, cookie, attributes) of each unix socket of this network namespace."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as link:
        request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, SHOW, 0xFFFFFFFF, 0xFFFFFFFF)
        link.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_REQUEST | NLM_DUMP, 1, 0) + request)
        for data in messages(link):
            _, kind, state, _, inode, low, high = struct.unpack_from("=BBBBIII", data)
            attributes, at = {}, 16
            while at + 4 <= len(data):
                length, number = struct.unpack_from("=HH", data, at)
                attributes[number] = data[at + 4:at + length]
                at += (length + 3) & ~3
            yield kind, state, inode, high << 32 | low, attributes


def charged(data):
    """What is charged to a socket: received, reserved, options, and what is to be sent (once)."""
    words = struct.unpack_from("=8I", data)
    return words[0] + words[4] + words[7] + max(words[2], words[5])


def spell(name):
    """A name as ipctool prints it; whether it is a connection's decides nothing here."""
    if not name:
        return None
    return "@" + escape(name[1:]) if name[:1] == b"\0" else escape(name.split(b"\0")[0])


def unix(reference, processes):
    found, listeners = [], {}
    for kind, state, inode, cookie, attributes in unix_dump():
        name = attributes.get(NAME, b"")
        file = struct.unpack("=II", attributes[VFS]) if VFS in attributes else None
        place = file or name
        if state == LISTEN and place:
            listeners.setdefault(place, []).append(inode)
        found.append((kind, state, inode, cookie, spell(name), place, file, attributes))
    rows = {}
    nobody = ()
    for kind, state, inode, cookie, name, place, file, attributes in found:
        receive, send = struct.unpack("=II", attributes[RQLEN])
        peer = struct.unpack("=I", attributes[PEER])[0] if PEER in attributes else 0
        holders = ordered(processes.sockets.get(inode, nobody))
        listener = listeners.get(place) if state == ESTABLISHED and TYPES[kind] != "dgram" else None
        peers = ((reference(peer), ordered(processes.sockets.get(peer, nobody))),) if peer else ()
        rows[inode] = (
            reference(inode), "sock", "unix", reference.namespace, TYPES[kind], (STATES[state],), name,
            reference(peer) if peer else None, cookie, receive, None if state == LISTEN else send,
            send if state == LISTEN else None, charged(attributes[MEMINFO]), file[0] if file else None,
            f"{file[1] >> 20}:{file[1] & 0xFFFFF}" if file else None, ("", "r", "w", "rw")[attributes[SHUTDOWN][0] & 3],
            struct.unpack("=I", attributes[UID])[0], reference(listener[0]) if listener else None, "held", holders, peers)
    return rows


def bound_files():
    """Device and inode of every socket file that a socket is bound to."""
    files = set()
    for *_, attributes in unix_dump():
        if VFS in attributes:
            inode, device = struct.unpack("=II", attributes[VFS])
            files.add((f"{device >> 20}:{device & 0xFFFFF}", inode))
    return files


def proc_net_unix():
    """inode -> (type, status): the kernel's other list. Connections that wait to be accepted have no inode there."""
    rows = {}
    with open("/proc/net/unix", "rb") as file:
        for line in file.read().split(b"\n")[1:]:
            words = line.split(None, 7)
            # A name may hold a newline and pretend to be a line.
            if len(words) < 7 or not re.fullmatch(rb"[0-9a-f]{8,16}:", words[0]) or words[6] == b"0":
                continue
            listening = int(words[3], 16) & 0x10000
            connected = int(words[5], 16) == 3
            rows[int(words[6])] = (TYPES[int(words[4], 16)], ("LISTEN" if listening else "ESTAB" if connected else "UNCONN",))
    return rows, ("type", "status")


# ---- TCP ----------------------------------------------------------------------------------------------------------


def address(text, family):
    """An address of /proc/net/tcp or tcp6: words of the host's byte order."""
    host, port = text.split(":")
    data = b"".join(struct.pack("=I", int(host[at:at + 8], 16)) for at in range(0, len(host), 8))
    port = int(port, 16)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, data), port
    return f"[{socket.inet_ntop(family, data)}]", port


def spell_address(end):
    return f"{end[0]}:{end[1]}"


def tcp_table(name, family):
    """(local, remote, state, send, receive, uid, inode) of each line."""
    if not os.path.exists(f"/proc/net/{name}"):
        return
    known = {}
    with open(f"/proc/net/{name}", encoding="ascii") as file:
        next(file)
        for line in file:
            words = line.split()
            ends = []
            for text in words[1:3]:
                if text not in known:
                    known[text] = address(text, family)
                ends.append(known[text])
            send, receive = words[4].split(":")
            yield ends[0], ends[1], int(words[3], 16), int(send, 16), int(receive, 16), int(words[7]), int(words[9])


def tcp(reference, processes):
    """TCP sockets by inode; those without one by both ends."""
    found = list(tcp_table("tcp", socket.AF_INET)) + list(tcp_table("tcp6", socket.AF_INET6))
    ends, listeners = {}, {}
    for local, remote, state, _, _, _, inode in found:
        if state == LISTEN:
            listeners.setdefault(local, []).append(inode)
        elif inode:
            ends[local, remote] = inode
    rows = {}
    for local, remote, state, send, receive, uid, inode in found:
        key = inode or (spell_address(local), spell_address(remote))
        peer = listener = 0
        if state != LISTEN:
            peer = ends.get((remote, local), 0)
            wild = "[::]" if local[0][0] == "[" else "0.0.0.0"
            came = listeners.get(local) or listeners.get((wild, local[1])) or []
            listener = came[0] if len(came) == 1 else 0
        holders = ordered(processes.sockets.get(inode, ())) if inode else ()
        rows[key] = (
            reference(inode) if inode else f"sock{reference.prefix}:tcp:{key[0]},{key[1]}", "sock", "tcp", reference.namespace,
            "stream", "tcp", inode or None, (STATES[state],), spell_address(local),
            None if state == LISTEN else spell_address(remote), receive, None if state == LISTEN else send, uid,
            reference(listener) if listener else None, "held", holders,
            ((reference(peer), ordered(processes.sockets.get(peer, ()))),) if peer else ())
    return rows


def ss_tcp():
    """inode -> what /proc/net/tcp does not tell: cookie and backlog; and once more the addresses."""
    rows = {}
    if not shutil.which("ss"):
        return None, ()
    done = subprocess.run(["ss", "-HtaneO"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for line in done.stdout.decode(errors="replace").splitlines():
        state, receive, send, local, remote, rest = line.split(None, 5)
        inode = re.search(r"\bino:(\d+)", rest)
        if not inode or "*" in local.rpartition(":")[0] or "%" in local:
            continue
        listening = state == "LISTEN"
        rows[int(inode[1])] = (
            (state,), local, None if listening else remote, int(receive), None if listening else int(send),
            int(send) if listening else None, int(re.search(r"\bsk:([0-9a-f]+)", rest)[1], 16))
    return rows, ("status", "local", "peer", "receive_queue", "send_queue", "backlog", "cookie")
