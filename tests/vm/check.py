#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py DIR VERSION: judges what tests/vm/init has brought back from the guest with kernel VERSION into DIR."""
import json
import os
import sys

import change

where, version = sys.argv[1], tuple(int(part) for part in sys.argv[2].split("."))
failures = []
skipped = []


def text(name):
    with open(os.path.join(where, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def check(what, ok, *details):
    print("ok  " if ok else "FAIL", what, *([] if ok else details))
    if not ok:
        failures.append(what)


def fixture(name):
    """What mkipc made; None where this kernel cannot."""
    line = text(name + ".fixture").strip()
    made = json.loads(line) if line else {"failed": True}
    if made.get("failed"):
        skipped.append(f"{name}: {text(name + '.fixture.err').strip()}")
        return None
    return made


def answer(name, status):
    got = int(text(name + ".status"))
    check(f"{name}: exit {status}", got == status, f"exit {got}", text(name + ".err"))
    return json.loads(text(name + ".json"))


# ---- modules: only those that answer questions about what exists anyway may come ---------------------------

before, after = (set(text("modules." + when).split()) for when in ("before", "after"))
loaded = after - before
others = sorted(module for module in loaded if not module.endswith("_diag"))
check("listing everything loads no protocol", not others, others)
check("the protocols were not there before", not before & {"sctp", "dccp", "vsock"}, sorted(before))
check("the kernel can load modules by itself", "unix_diag" in loaded, sorted(loaded))
quiet = answer("quiet-all", 0)
check("nothing is missing while no such protocol is there", quiet["complete"] and not quiet["errors"], quiet["errors"])
named = answer("quiet-named", 3)
check("a protocol that was asked for by name is reported",
      {"sock/sctp", "sock/dccp", "sock/vsock"} <= {error["what"] for error in named["errors"]}, named["errors"])

# ---- what is there -------------------------------------------------------------------------------------------

# A socket family without a diagnostics module is told in one line, and makes the answer partial.
modules = {line.split()[0] for line in text("modules.end").splitlines()}
no_xdp = fixture("xdp") is not None and "xsk_diag" not in modules
status = 3 if no_xdp else 0
listed = answer("list", 0)
by_proc = answer("proc", status)
everything = by_proc["objects"]
by_ref = {entry["ref"]: entry for entry in everything}
expected = ["1 xdp socket"] if no_xdp else []
check("errors name what cannot be listed, and nothing else", [e["what"] for e in by_proc["errors"]] == expected,
      by_proc["errors"])
check("holders come from /proc when asked", "holders from proc" in text("proc.err"), text("proc.err"))


def find(**fields):
    found = [o for o in everything if all(o.get(key) == value for key, value in fields.items())]
    return found[0] if len(found) == 1 else None


def holds(entry, pid):
    return any(holder["pid"] == pid for holder in entry["holders"] or [])


# ---- states, by root in the initial pid namespace ---------------------------------------------------------------

def state(name, wanted, words, /, **fields):
    made = fixture(name)
    if not made:
        return
    for key, value in list(fields.items()):
        if callable(value):
            fields[key] = value(made)
    entry = find(**fields)
    if not entry:
        check(f"{name} is listed", False, fields)
        return
    evidence = "; ".join(entry["evidence"])
    check(f"{name} is {wanted}", entry["state"] == wanted and all(word in evidence for word in words),
          entry["state"], evidence)
    if wanted == "held" and not entry["waiters"]:
        check(f"{name} is held by its processes", entry["holders"], entry)
    if wanted in ("idle", "orphan"):
        check(f"{name} is named without --all", entry["ref"] in {o["ref"] for o in listed["objects"]})


for name, cls in (("shm", "shm"), ("sem", "sem"), ("mq", "mq")):
    kind = {"class": cls, "kind": "posix"}
    state(f"{name}-idle", "idle", ["nobody has it open"], name="/idle", **kind)
    state(f"{name}-orphan", "orphan", ["owner 4242 has no process"], name="/orphan", **kind)
    state(f"{name}-held", "held", ["held by"], name="/held", **kind)
state("fifo-idle", "idle", ["no process has it open"], name="/run/idle", kind="fifo")
state("fifo-held", "held", ["held by"], name="/run/held", kind="fifo")
state("fifo-blocked", "held", ["waited on by"], name="/run/blocked", kind="fifo")
state("unix-stale", "orphan", ["no socket"], ref="sock:/run/stale")
state("unix-held", "held", ["held by"], inode=lambda made: made["inode"], kind="unix")
sysv = {"kind": "sysv", "class": "shm"}
state("sysv-orphan", "orphan", ["0 attached", "creator", "is dead", "last user"], key="0x00001001", **sysv)
state("sysv-unused", "orphan", ["0 attached", "is dead", "never attached"], key="0x00001002", **sysv)
state("sysv-idle", "idle", ["0 attached", "is alive"], key="0x00001003", **sysv)
state("sysv-held", "held", ["2 attached"], key="0x00001004", **sysv)
state("sem-suspect", "suspect", ["is dead"], key="0x00001005", kind="sysv", **{"class": "sem"})

made = fixture("sysv-orphan")
entry = find(key="0x00001001", **sysv)
check("creator and last user are those that died",
      entry and entry["attached"] == 0 and entry["creator"] == entry["last_user"] == made["creator"], entry)

# ---- huge pages: to be seen through an attachment alone ------------------------------------------------------------

if fixture("huge-held"):
    entry = find(key="0x00002002", **sysv)
    check("an attached segment of huge pages says hugetlb", entry and entry["status"] == ["hugetlb"], entry)
    check("and has the size of one page", entry and entry["size"] == 2 << 20, entry)
if fixture("huge-idle"):
    check("an unattached one is listed", find(key="0x00002001", **sysv))
check("no other segment says hugetlb", sum("hugetlb" in (o["status"] or []) for o in everything) == 1)

# ---- sockets with diagnostics of their own -----------------------------------------------------------------------


def socket(name, kind, inode, pid, **fields):
    entry = next((o for o in everything if o["class"] == "sock" and o["kind"] == kind and o["inode"] == inode), None)
    if not entry:
        check(f"{name}: {kind} socket {inode} is listed", False)
        return
    entry = dict(entry, peers=[peer["ref"] for peer in entry["peers"] or []])
    wrong = {key: entry.get(key) for key, value in fields.items() if entry.get(key) != value}
    check(f"{name}: {kind} socket {inode} is listed", not wrong, wrong, "wanted", fields)
    check(f"{name}: {kind} socket {inode} is held by {pid}", entry["state"] == "held" and holds(entry, pid), entry)


def stream(name, kind):
    made = fixture(name)
    if not made:
        return
    local = made["local"]
    socket(name, kind, made["inode"], made["pid"], local=local, status=["LISTEN"])
    for client, server in zip(made["clients"], made["accepted"]):
        ends = client["local"]
        # The client of a DCCP connection does not count it as open before the server has sent something.
        opened = "PARTOPEN" if kind == "dccp" else "ESTAB"
        socket(name, kind, client["inode"], client["pid"], local=ends, peer=local, status=[opened],
               peers=[f"sock:{server['inode']}"])
        socket(name, kind, server["inode"], server["pid"], local=local, peer=ends, status=["ESTAB"],
               peers=[f"sock:{client['inode']}"], listener=f"sock:{made['inode']}")


for name, kind in (("sctp-4", "sctp"), ("sctp-6", "sctp"), ("dccp-4", "dccp"), ("dccp-6", "dccp"),
                   ("mptcp-4", "mptcp"), ("tcp-4", "tcp")):
    stream(name, kind)
for name, local, protocol in (("raw-4", "127.0.0.1:253", "253"), ("raw-6", "[::1]:254", "254")):
    made = fixture(name)
    socket(name, "raw", made["inode"], made["pid"], local=local, protocol=protocol, user="root")
check("raw sockets are told by raw_diag", "raw_diag" in modules)
for name, fields in (("vsock", {"local": "*:7000", "status": ["LISTEN"]}), ("vsock-bound", {"local": "*:7001"})):
    made = fixture(name)
    if made:
        socket(name, "vsock", made["inode"], made["pid"], **fields)
made = fixture("packet")
socket("packet", "packet", made["inode"], made["pid"], type="raw", protocol="0x88b5", interface="lo", user="root")
made = fixture("packet-dgram")
socket("packet-dgram", "packet", made["inode"], made["pid"], type="dgram", protocol="ip", user="root")
made = fixture("netlink")
socket("netlink", "netlink", made["inode"], made["pid"])
made = fixture("xdp")
if made and not no_xdp:
    socket("xdp", "xdp", made["inode"], made["pid"], user="root", interface=None, local=None)
elif no_xdp:
    print("ok   xdp: this kernel has no xsk_diag, and the listing says so")

# ---- references are taken back ---------------------------------------------------------------------------------------

for what in ("ref", "handle"):
    shown = [line.split("\t", 3) for line in text(what + "s.shown").splitlines()]
    wrong = []
    for code, reference, line, errors in shown:
        entry = json.loads(line) if line else {}
        if code != "0" or entry.get(what) != reference:
            wrong.append((reference, code, errors))
    check(f"each of {len(shown)} {what}s is shown again", len(shown) > 40 and not wrong, wrong)

# ---- holders by BPF and by /proc -------------------------------------------------------------------------------------


def holders(document):
    """Who has what, without what the two runs of the command have themselves."""
    keys = ("pid", "comm", "uid", "fd", "addr", "how", "access")
    lines = set()
    for entry in document["objects"]:
        lines.add((entry["ref"], "state", entry["state"]))
        for holder in entry["holders"] or []:
            if holder["comm"] != "ipctool":
                lines.add((entry["ref"],) + tuple(holder.get(key) for key in keys))
        for waiter in entry["waiters"] or []:
            lines.add((entry["ref"], "waiter", waiter["pid"], waiter["why"]))
    return lines


if version < (5, 12):
    # No iterator over mappings yet: said, not silently answered from elsewhere.
    refused = answer("bpf", 3)
    check("a kernel without the iterators says so", any(e["what"] == "holders" for e in refused["errors"]),
          refused["errors"])
else:
    by_bpf = answer("bpf", status)
    check("holders come from BPF when asked", "holders from bpf" in text("bpf.err"), text("bpf.err"))
    one, other = holders(by_bpf), holders(by_proc)
    check(f"BPF and /proc agree in {len(one)} facts", one == other, "BPF alone:", sorted(map(str, one - other)),
          "/proc alone:", sorted(map(str, other - one)))

# ---- what changes objects --------------------------------------------------------------------------------------------

change.judge(where, check)

# ---- the kernel is well ----------------------------------------------------------------------------------------------

alarms = ("WARNING:", "BUG:", "Oops", "Call Trace")
bad = [line for line in text("dmesg").splitlines() if any(word in line for word in alarms)]
check("the kernel complains about nothing", not bad, bad)

for reason in skipped:
    print("not here:", reason)
print(f"booted in {text('booted').strip()} s, done after {text('finished').strip()} s of the guest's time")
if failures:
    print(f"{len(failures)} FAILED")
    sys.exit(1)
