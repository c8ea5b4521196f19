#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares `ipctool list --all --json` with every other tool that lists IPC objects: what they see, ipctool has to see.

Each tool's output becomes a set of facts, (object, property, value), spelled alike for all tools; "exists" is one of
them. Objects come and go while the tools run, so a tool runs before and after ipctool: a fact is missing when the
tool stated it both times and ipctool did not in between, in each of a few rounds.

    compare_peers.py [--rounds N] [--busy]

--busy: each tool that can be used here has to see something (there are fixtures of every kind).
Exit: 0 nothing is missing, 1 something is, or a tool failed.
"""
import argparse
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys

IPCTOOL = os.environ.get("IPCTOOL", "ipctool")
SCANNED = [d for d in ("/run", "/tmp", "/var/tmp", "/dev/shm") if os.path.isdir(d)]


class Unusable(Exception):
    """The peer cannot be used here; the text says why."""


def escape(data):
    """As ipctool prints bytes."""
    return "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in data)


def output(*command, ok=(0,)):
    """Standard output of a command, as bytes."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in ok:
        error = done.stderr.decode(errors="replace").strip().splitlines()
        if error and re.search(r"unrecognized|invalid option|unknown option", error[0]):
            raise Unusable(error[0])
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {error}")
    return done.stdout


def need(program):
    if not shutil.which(program):
        raise Unusable(f"{program} is not installed")


# ---- ipctool ------------------------------------------------------------------------------------------------------


def signal_mask(names):
    """The kernel's mask of a list of signal names."""
    mask = 0
    for name in names:
        word, offset = re.fullmatch(r"(SIG(?:RTMIN|RTMAX|[A-Z]\w*|))([+-]?\d*)", name).groups()
        # What the C library keeps for itself has no name but its number.
        number = (0 if word == "SIG" else getattr(signal, word)) + int(offset or 0)
        mask |= 1 << (number - 1)
    return mask


def holder_facts(subject, holders):
    for holder in holders or []:
        pid = holder["pid"]
        if holder["fd"] is not None:
            yield subject, "fd", (pid, holder["fd"])
            yield subject, "access", (pid, holder["fd"], holder["access"])
        if holder["how"] in ("map", "attach"):
            yield subject, "map", pid


COMPARED = ("key", "uid", "gid", "mode", "size", "messages", "bytes", "attached", "creator", "last_user", "last_sender",
            "last_receiver", "semaphores")


def subjects_of(o):
    """The ways in which a peer may name an object."""
    if o["kind"] == "sysv":
        yield f"{o['class']}/{o['kind']}", o["id"]
    elif o["class"] == "sock":
        if o["inode"] is not None:
            yield "sock", o["inode"]
        if o["cookie"] is not None:
            yield "cookie", f"{o['cookie']:x}"
        if o["kind"] != "unix":
            yield o["kind"], o["local"], o["peer"]
        # Where a socket is bound, or was.
        if o["bound_inode"] is not None or o["device"] is not None:
            yield "socket file", o["inode"] if o["bound_inode"] is None else o["bound_inode"]
    elif o["class"] == "pipe":
        yield "pipe", o["inode"]
    else:
        yield "file", o["device"], o["inode"]
        if o["class"] == "fifo":
            yield "fifo", o["inode"]
        if o["name"] is not None:
            yield f"{o['class']}/{o['kind']}", o["name"]
            if o["kind"] == "posix" and o["class"] != "mq":
                yield "/dev/shm", o["name"]


def ipctool_facts():
    """Everything that a peer may know, as ipctool tells it."""
    facts = set()
    # 3: something cannot be read here, and it said so.
    for o in json.loads(output(IPCTOOL, "list", "--all", "--json", ok=(0, 3)))["objects"]:
        for subject in subjects_of(o):
            facts.add((subject, "exists", True))
            facts.update((subject, name, o[name]) for name in COMPARED if o.get(name) is not None)
            facts.update((subject, "status", word) for word in o["status"] or [])
            facts.update(holder_facts(subject, o["holders"]))
    for o in json.loads(output(IPCTOOL, "list", "signal", "--json"))["objects"]:
        subject = ("signal", o["id"])
        facts.add((subject, "exists", True))
        for name in ("blocked", "ignored", "caught", "pending"):
            if o[name] is not None:
                facts.add((subject, name, signal_mask(o[name])))
    return facts


# ---- System V -----------------------------------------------------------------------------------------------------

PROC_SYSV = {
    "msg": ("mq/sysv", "msqid", {"qnum": "messages", "cbytes": "bytes", "lspid": "last_sender", "lrpid": "last_receiver"}),
    "shm": ("shm/sysv", "shmid", {"size": "size", "nattch": "attached", "cpid": "creator", "lpid": "last_user"}),
    "sem": ("sem/sysv", "semid", {"nsems": "semaphores"}),
}


def number_facts(subject, names, row):
    for theirs, ours in names.items():
        value = int(row[theirs])
        # 0 of a pid is "none" or "of another pid namespace": ipctool says null.
        if value or not re.search("pid", theirs):
            yield subject, ours, value


def proc_sysvipc():
    for name, (kind, number, names) in PROC_SYSV.items():
        path = f"/proc/sysvipc/{name}"
        if not os.path.exists(path):
            raise Unusable(f"no {path}")
        with open(path, encoding="ascii") as file:
            head, *lines = [line.split() for line in file]
        for line in lines:
            row = dict(zip(head, line))
            subject = (kind, int(row[number]))
            yield subject, "exists", True
            yield subject, "key", f"0x{int(row['key']) & 0xFFFFFFFF:08x}"
            yield subject, "uid", int(row["uid"])
            yield subject, "gid", int(row["gid"])
            yield subject, "mode", f"0{int(row['perms'], 8) & 0o777:03o}"
            yield from number_facts(subject, names, row)


def lsipc():
    need("lsipc")
    for option, kind, names in (
        ("-q", "mq/sysv", {"usedbytes": "bytes", "msgs": "messages", "lspid": "last_sender", "lrpid": "last_receiver"}),
        ("-m", "shm/sysv", {"size": "size", "nattch": "attached", "cpid": "creator", "lpid": "last_user"}),
        ("-s", "sem/sysv", {"nsems": "semaphores"}),
    ):
        # It exits 1 when there are none.
        text = output("lsipc", option, "-J", "-b", ok=(0, 1))
        for row in next(iter(json.loads(text).values())) if text.strip() else []:
            subject = (kind, int(row["id"]))
            yield subject, "exists", True
            yield subject, "key", row["key"]
            yield from number_facts(subject, names, row)


def ipcs():
    need("ipcs")
    for option, kind in (("-q", "mq/sysv"), ("-m", "shm/sysv"), ("-s", "sem/sysv")):
        for line in output("ipcs", option).decode().splitlines():
            words = line.split()
            if not words or not words[0].startswith("0x"):
                continue
            subject = (kind, int(words[1]))
            yield subject, "exists", True
            yield subject, "key", words[0]
            yield subject, "mode", f"0{int(words[3], 8) & 0o777:03o}"
            if option == "-m":
                yield subject, "size", int(words[4])
                yield subject, "attached", int(words[5])
            elif option == "-q":
                yield subject, "messages", int(words[5])
            else:
                yield subject, "semaphores", int(words[4])


# ---- sockets ------------------------------------------------------------------------------------------------------

ss_skipped = 0


def ss_holders(line):
    for pid, fd in re.findall(r",pid=(\d+),fd=(\d+)\)", line):
        yield int(pid), int(fd)


def ss_unix():
    global ss_skipped
    need("ss")
    for line in output("ss", "-xapH").decode(errors="surrogateescape").splitlines():
        # Names are printed as they are, so blanks in them may make a line unreadable.
        row = re.match(r"u_\S+\s+(\S+)\s+(\d+)\s+(\d+)\s+(.*?) (\d+)\s+(\S+) (\d+)(\s|$)", line)
        if not row:
            ss_skipped += 1
            continue
        subject = ("sock", int(row[5]))
        yield subject, "exists", True
        if row[1] in ("LISTEN", "ESTAB"):
            yield subject, "status", row[1]
        for holder in ss_holders(line[row.end():]):
            yield subject, "fd", holder


def ss_internet():
    need("ss")
    for option, kind in (("-t", "tcp"), ("-u", "udp"), ("-w", "raw"), ("-M", "mptcp"), ("-S", "sctp"), ("-d", "dccp")):
        try:
            text = output("ss", option, "-anepOH").decode(errors="replace")
        except Unusable:
            continue
        for line in text.splitlines():
            state, _, _, local, peer, *_ = line.split()
            inode = re.search(r" ino:(\d+) ", line + " ")
            cookie = re.search(r" sk:([0-9a-f]+)", line)
            # "*:80" is one of IPv6 that takes IPv4 too, and a name of a device stands before the port.
            if "*" not in local.rpartition(":")[0] and "%" not in local:
                unconnected = peer.endswith(":*")
                yield (kind, local, None if unconnected else peer), "exists", True
                yield (kind, local, None if unconnected else peer), "status", state
            subjects = [("sock", int(inode[1]))] if inode and inode[1] != "0" else []
            if cookie:
                subjects.append(("cookie", cookie[1]))
            for subject in subjects:
                yield subject, "exists", True
                for holder in ss_holders(line):
                    yield subject, "fd", holder


def ss_other():
    need("ss")
    for family in ("link", "netlink", "vsock", "xdp"):
        try:
            text = output("ss", "-f", family, "-anepOH").decode(errors="replace")
        except Unusable:
            continue
        for line in text.splitlines():
            for pattern, name, base in ((r"\bino:(\d+)", "sock", 10), (r"\bsk:([0-9a-f]+)", "cookie", 16)):
                found = re.search(pattern, line)
                # Netlink sockets of the kernel itself have neither.
                if found and int(found[1], base):
                    subject = (name, int(found[1]) if base == 10 else found[1])
                    yield subject, "exists", True
                    for holder in ss_holders(line):
                        yield subject, "fd", holder


def proc_net():
    """The kernel's own tables."""
    with open("/proc/net/unix", "rb") as file:
        for line in file.read().split(b"\n")[1:]:
            # A name may hold a newline and pretend to be a line: only the ones of the right shape count.
            row = re.match(rb"[0-9a-f]{8,16}: [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{4} [0-9A-F]{2} +(\d+)( |$)", line)
            # 0: a connection that waits to be accepted.
            if row and int(row[1]):
                yield ("sock", int(row[1])), "exists", True
    for name, column in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("raw", 9), ("raw6", 9), ("packet", 8),
                         ("netlink", 9)):
        if not os.path.exists(f"/proc/net/{name}"):
            continue
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in file.read().splitlines()[1:]:
                words = line.split()
                if name == "netlink" and words[2] == "0":
                    continue  # the kernel's own end
                if words[column] != "0":
                    yield ("sock", int(words[column])), "exists", True


# ---- files --------------------------------------------------------------------------------------------------------


def device(number):
    return f"{os.major(number)}:{os.minor(number)}"


def lsof():
    need("lsof")
    done = subprocess.run(["lsof", "-nP", "-F", "0pftaDidn"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, check=False)
    pid = None
    for line in done.stdout.split(b"\n"):
        field = {part[:1].decode(): part[1:].decode(errors="replace") for part in line.split(b"\0") if part}
        if "p" in field:
            pid = int(field["p"])
            continue
        subject = None
        number = field.get("f", "").isdigit()
        if field.get("t") == "FIFO" and "i" in field:
            subject = ("pipe" if field.get("n") == "pipe" else "fifo", int(field["i"]))
        elif field.get("t") in ("unix", "raw", "raw6", "netlink") and "i" in field:
            subject = ("sock", int(field["i"]))
        elif field.get("t") in ("IPv4", "IPv6", "pack") and field.get("d", "").isdigit():
            subject = ("sock", int(field["d"]))
        if subject and number:
            yield subject, "exists", True
            yield subject, "fd", (pid, int(field["f"]))
            # "u" is both; what lsof cannot tell is a blank.
            access = {"r": "r", "w": "w", "u": "rw"}.get(field.get("a", ""))
            if access and field["t"] == "FIFO":
                yield subject, "access", (pid, int(field["f"]), access)


def shares(pid, namespace):
    """Is that process in our namespace? /dev/shm is another one in another mount namespace: not a matter of --all."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{namespace}") == os.readlink(f"/proc/self/ns/{namespace}")
    except OSError:
        return False


def lsfd():
    need("lsfd")
    columns = "PID,ASSOC,TYPE,INODE,MAJ:MIN,NAME"
    # A name that is not UTF-8 is not in its JSON either.
    text = output("lsfd", "-J", "-o", columns).decode(errors="replace")
    for row in json.loads(text, strict=False)["lsfd"]:
        subject = None
        name = row.get("name") or ""
        if row.get("type") == "FIFO":
            subject = ("pipe" if name.startswith("pipe:[") else "fifo", row["inode"])
        elif row.get("type") == "SOCK":
            subject = ("any socket", row["inode"])
        elif name.startswith("/memfd:") or name.startswith("/dev/shm/") and shares(row["pid"], "mnt"):
            subject = ("file", row["maj:min"], row["inode"])
        if subject and str(row["assoc"]).isdigit():
            yield subject, "exists", True
            yield subject, "fd", (row["pid"], int(row["assoc"]))
        elif subject and row["assoc"] in ("mem", "shm"):
            yield subject, "exists", True
            yield subject, "map", row["pid"]


def proc_pid():
    """Links of /proc/PID/fd and lines of /proc/PID/maps."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        ours = re.compile(rb"/memfd:|/dev/zero \(deleted\)" + (rb"|/dev/shm/" if shares(pid, "mnt") else b""))
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                link = os.fsencode(os.readlink(f"/proc/{pid}/fd/{fd}"))
                found = re.fullmatch(rb"(pipe|socket):\[(\d+)\]", link)
                if found:
                    subject = ("pipe" if found[1] == b"pipe" else "any socket", int(found[2]))
                    yield subject, "exists", True
                    yield subject, "fd", (int(pid), int(fd))
                    continue
                if ours.match(link):
                    seen = os.stat(f"/proc/{pid}/fd/{fd}")
                    if stat.S_ISREG(seen.st_mode):
                        yield ("file", device(seen.st_dev), seen.st_ino), "fd", (int(pid), int(fd))
            with open(f"/proc/{pid}/maps", "rb") as file:
                for line in file:
                    words = line.split(None, 5)
                    name = words[5] if len(words) > 5 else b""
                    place = ":".join(str(int(part, 16)) for part in words[3].decode().split(":"))
                    if name.startswith(b"/SYSV") and shares(pid, "ipc"):
                        yield ("shm/sysv", int(words[4])), "map", int(pid)
                    elif words[1].endswith(b"s") and ours.match(name):
                        yield ("file", place, int(words[4])), "map", int(pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def find(kind):
    need("find")
    done = subprocess.run(["find", *SCANNED, "-type", kind, "-printf", "%D %i %m %s %U %p\\0"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    for entry in done.stdout.split(b"\0")[:-1]:
        dev, inode, mode, size, uid, path = entry.split(b" ", 5)
        yield int(dev), int(inode), f"0{int(mode, 8):03o}", int(size), int(uid), path


def find_fifos():
    for dev, inode, mode, _, uid, path in find("p"):
        for subject in (("fifo/fifo", escape(path)), ("file", device(dev), inode)):
            yield subject, "exists", True
            yield subject, "mode", mode
            yield subject, "uid", uid


def find_sockets():
    for _, inode, *_ in find("s"):
        yield ("socket file", inode), "exists", True


def find_posix():
    """Files of /dev/shm (segments and named semaphores) and /dev/mqueue."""
    for _, _, mode, size, uid, path in find("f"):
        if not path.startswith(b"/dev/shm/"):
            continue
        name = path[len(b"/dev/shm"):]
        directory, _, base = name.rpartition(b"/")
        is_sem = base.startswith(b"sem.")
        subject = ("/dev/shm", escape(directory + b"/" + (base[4:] if is_sem else base)))
        yield subject, "exists", True
        yield subject, "mode", mode
        yield subject, "uid", uid
        if not is_sem:
            yield subject, "size", size
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mounted = any(line.split()[4] == "/dev/mqueue" for line in file)
    for entry in os.scandir(b"/dev/mqueue") if mounted else ():
        seen = entry.stat(follow_symlinks=False)
        subject = ("mq/posix", "/" + escape(entry.name))
        yield subject, "exists", True
        yield subject, "mode", f"0{stat.S_IMODE(seen.st_mode):03o}"
        yield subject, "uid", seen.st_uid


# ---- signals ------------------------------------------------------------------------------------------------------


def ps():
    need("ps")
    for line in output("ps", "-eo", "pid,blocked,ignored,caught", "--no-headers").decode().splitlines():
        pid, *masks = line.split()
        subject = ("signal", int(pid))
        yield subject, "exists", True
        for name, mask in zip(("blocked", "ignored", "caught"), masks):
            # ps gives the last 8 digits of a mask that fits into them.
            if len(mask) == 16:
                yield subject, name, int(mask, 16)


# ---- comparing ----------------------------------------------------------------------------------------------------

PEERS = {
    "/proc/sysvipc": proc_sysvipc,
    "lsipc": lsipc,
    "ipcs": ipcs,
    "ss -x": ss_unix,
    "ss -t -u -w -M -S -d": ss_internet,
    "ss -f link,netlink,vsock,xdp": ss_other,
    "/proc/net": proc_net,
    "lsof": lsof,
    "lsfd": lsfd,
    "/proc/PID": proc_pid,
    "find -type p": find_fifos,
    "find -type s": find_sockets,
    "find /dev/shm /dev/mqueue": find_posix,
    "ps": ps,
}


def facts_of(peer):
    return set(PEERS[peer]())


def settle(facts, ours):
    """Whose socket a descriptor is, /proc/PID/fd does not tell: one that ipctool lists is compared, others are left to
    the peers that list sockets."""
    known = {subject[1] for subject, _, _ in ours if subject[0] == "sock"}
    settled = set()
    for subject, name, value in facts:
        if subject[0] != "any socket":
            settled.add((subject, name, value))
        elif subject[1] in known:
            settled.add((("sock", subject[1]), name, value))
    return settled


def one_round(peers):
    """Returns per peer the facts that it stated before and after, and those of them that ipctool did not."""
    before = {peer: facts_of(peer) for peer in peers}
    ours = ipctool_facts()
    result = {}
    for peer in peers:
        stated = settle(before[peer] & facts_of(peer), ours)
        result[peer] = stated, stated - ours
    return result, ours


def usable_peers():
    usable = []
    for peer in PEERS:
        try:
            facts_of(peer)
            usable.append(peer)
        except Unusable as why:
            print(f"{peer}: left out: {why}")
    return usable


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()

    peers = usable_peers()
    missing = {}
    for number in range(options.rounds):
        result, ours = one_round(peers)
        for peer in peers:
            missing[peer] = result[peer][1] & missing.get(peer, result[peer][1])
        if not any(missing.values()):
            break

    status = 0
    for peer in peers:
        stated = result[peer][0]
        objects = {subject for subject, _, _ in stated}
        print(f"{peer}: {len(objects)} objects, {len(stated)} facts, {len(missing[peer])} missing")
        if options.busy and not stated:
            print(f"{peer}: saw nothing, although there is something of everything")
            status = 1
    if ss_skipped:
        print(f"ss -x: {ss_skipped} lines could not be read")
    for peer in peers:
        for subject, name, value in sorted(missing[peer], key=repr):
            told = sorted((v for s, n, v in ours if s == subject and n == name), key=repr)
            print(f"MISSING: {peer}: {' '.join(map(str, subject))}: {name} {value}; ipctool: {told or 'nothing'}")
            status = 1
    print(f"compared in {number + 1} rounds: {'something is missing' if status else 'nothing is missing'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
