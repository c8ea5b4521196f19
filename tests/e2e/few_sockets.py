# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets of every sort in one process, among thousands of another: each as it is listed with all, and alone."""
import json
import os
import resource
import shutil
import socket
import subprocess
import sys

IPCTOOL = os.environ["IPCTOOL"]
CROWD = 4200  # connections: a dump of TCP sockets has to cost more than it costs to copy a descriptor
TIMES = ("age", "unused", "timer", "timer_expires")
kept = []


def keep(*sockets):
    kept.extend(sockets)
    return sockets[0]


def listener(family, address, reuse=False):
    sock = keep(socket.socket(family))
    if reuse:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    sock.listen(4096)
    return sock


def connect(to, family=None, device=None, **how):
    address = to.getsockname()
    family = family or to.family
    sock = socket.socket(family)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    for option in how.get("options", ()):
        sock.setsockopt(*option)
    sock.connect(how.get("address", address))
    return keep(sock, to.accept()[0])


def crowd():
    """In a process of its own. Returns its pid when all are there."""
    ready = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ready[1])
        assert os.read(ready[0], 1) == b"."
        return pid
    try:
        os.close(ready[0])
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * CROWD, 4 * CROWD))
        server = listener(socket.AF_INET, ("127.0.0.1", 0))
        for _ in range(CROWD):
            connect(server)
        os.write(ready[1], b".")
        os.close(life[1])
        os.read(life[0], 1)
    finally:
        os._exit(0)


def scene():
    any6 = listener(socket.AF_INET6, ("::", 0))
    only4 = listener(socket.AF_INET, ("127.0.0.1", 0))
    for sock in (any6, only4):
        connect(sock)
    connect(any6, family=socket.AF_INET, address=("127.0.0.1", any6.getsockname()[1]))
    connect(any6, address=("::ffff:127.0.0.1", any6.getsockname()[1]))
    connect(only4, device=b"lo")
    group = [listener(socket.AF_INET, ("127.0.0.1", 7070), reuse=True) for _ in range(3)]
    keep(*group)
    full = connect(only4)
    full.send(b"some bytes to be read")
    half = connect(only4)
    half.shutdown(socket.SHUT_WR)
    keep(socket.socket())  # neither bound nor connected
    keep(socket.socket()).bind(("127.0.0.1", 0))  # bound, no more
    itself = keep(socket.socket())
    itself.bind(("127.0.0.1", 0))
    itself.connect(itself.getsockname())
    keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", 0))
    keep(*socket.socketpair())
    keep(*socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
    for name in ("/tmp/few", "\0few"):
        sock = keep(socket.socket(socket.AF_UNIX))
        sock.bind(name)
        sock.listen(3)
        client = keep(socket.socket(socket.AF_UNIX))
        client.connect(name)
        keep(sock.accept()[0])
        client.send(b"hello")
        waiting = keep(socket.socket(socket.AF_UNIX))
        waiting.connect(name)
    keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).bind("/tmp/few-dgram")
    keep(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)).bind((0, 0))
    keep(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))


def ask(*arguments):
    done = subprocess.run([IPCTOOL, *arguments], stdout=subprocess.PIPE, check=False)
    assert done.returncode in (0, 3), (arguments, done.returncode)
    found = {}
    for entry in json.loads(done.stdout)["objects"]:
        for field in TIMES:
            entry.pop(field, None)
        found[entry["ref"]] = entry
    return found


def compare(what, alone, listed):
    for ref in sorted(set(alone) | set(listed)):
        one, all_of = alone.get(ref), listed.get(ref)
        if one == all_of:
            continue
        failures.append(ref)
        if one is None or all_of is None:
            print(f"{what}: {ref} is only {'listed' if one is None else 'found alone'}: {one or all_of}")
            continue
        for field, value in one.items():
            if value != all_of[field]:
                print(f"{what}: {ref}: {field} is {value} alone, and {all_of[field]} listed")


def fields():
    lines = subprocess.run([IPCTOOL, "list", "-H", "sock"], stdout=subprocess.PIPE, check=True, text=True).stdout
    names = [line.split()[0].lower() for line in lines.splitlines()[1:] if line]
    return ",".join(name for name in names if name not in ("verdict", "rule", "why", "result"))


def mine(entry):
    return any(holder["pid"] == os.getpid() for holder in entry["holders"] or [])


failures = []
life = os.pipe()
crowd()
scene()
columns = fields()
everything = ask("list", "sock", "--json", "-o", columns)
assert len(everything) > 2 * CROWD, len(everything)
own = {ref: entry for ref, entry in everything.items() if mine(entry)}
assert len(own) > 30, len(own)
# Of one process nobody reads who else has its sockets, so only what is its own is compared.
compare("--holder", ask("list", "sock", "--json", "-o", columns, "--holder", str(os.getpid())), own)
compare("all at once", ask("show", "--json", *own), own)
for ref in own:
    compare("show", ask("show", "--json", ref), {ref: own[ref]})
if shutil.which("strace"):
    trace = subprocess.run(["strace", "-f", "-e", "trace=pidfd_getfd", IPCTOOL, "list", "sock", "--holder",
                            str(os.getpid())], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, text=True)
    if "pidfd_getfd(" not in trace.stderr:
        failures.append("strace")
        print("TCP sockets of one process were not asked for alone")
os.write(life[1], b".")
print(f"{len(own)} sockets among {len(everything)}, {len(failures)} differ")
sys.exit(1 if failures else 0)
