#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what ipctool lists, object by object, with what the kernel and other tools say of the same objects.

    compare.py [--tree DIR] [--prove] SHAPE...

Runs in the namespaces of a load (load.c) that rests: nothing but the processes of this comparison may change meanwhile, and
these, and the pipe between them, are left out by their numbers. All is compared both ways: an object that ipctool does
not list, one that nobody else knows, one listed twice, a field with another value. Each format has to say what JSON says.

--prove: afterwards changes each field of what ipctool said, and leaves objects out; each change has to be found.
The variable IPCTOOL names the command. Exit: 0 all is the same, 1 something differs.
bench.py and e2e/scale.py import compare().
"""
import argparse
import collections
import gc
import json
import os
import sys

import compare_objects as objects
import compare_namespaces as spaces
import compare_processes as processes
import compare_sockets as sockets
from compare_formats import Formats
from compare_peers import signal_mask
from compare_run import Run

SHOWN = 12  # differences of one comparison
MANY = 50000  # objects


# ---- what is compared ----------------------------------------------------------------------------------------------


class Scene:
    """What every comparison of one shape shares."""

    def __init__(self, ipctool, tree):
        self.ipctool = ipctool
        self.tree = tree
        self.ipc, self.net, self.mnt = (os.stat(f"/proc/self/ns/{name}").st_ino for name in ("ipc", "net", "mnt"))
        self.processes = processes.Processes(maps=True)
        self.compared = 0


# ---- the kinds ----------------------------------------------------------------------------------------------------

Kind = collections.namedtuple("Kind", "operands key fields rows seconds holders")


def lsipc(option):
    return lambda scene: objects.lsipc(option)


KINDS = {
    "mq": Kind(("mq/sysv",), "id", objects.QUEUE_FIELDS, lambda s: objects.queues(s.ipc, s.processes),
               {"lsipc": lsipc("-q")}, False),
    "sem": Kind(("sem/sysv",), "id", objects.SET_FIELDS, lambda s: objects.sets(s.ipc, s.processes), {"lsipc": lsipc("-s")},
                False),
    "shm": Kind(("shm/sysv",), "id", objects.SEGMENT_FIELDS, lambda s: objects.segments(s.ipc, s.processes),
                {"lsipc": lsipc("-m")}, True),
    "unix": Kind(("sock/unix", "--filter", "status != stale"), "inode", sockets.UNIX_FIELDS,
                 lambda s: sockets.unix(sockets.Reference(s.net, True), s.processes),
                 {"/proc/net/unix": lambda s: sockets.proc_net_unix()}, True),
    "tcp": Kind(("sock/tcp",), "inode", sockets.TCP_FIELDS,
                lambda s: sockets.tcp(sockets.Reference(s.net, True), s.processes), {"ss": lambda s: sockets.ss_tcp()}, True),
    "pipe": Kind(("pipe",), "inode", processes.PIPE_FIELDS, lambda s: processes.pipes(s.processes), {}, True),
    "posix": Kind(("shm/posix",), "name", objects.SHARED_FIELDS, lambda s: objects.shared(s.mnt, s.processes), {}, True),
    "signal": Kind(("signal",), "id", processes.SIGNAL_FIELDS, lambda s: processes.signals(s.processes), {}, False),
    "fifo": Kind(("fifo", "--scan", "{tree}", "--match", "{tree}/*"), "name", objects.FIFO_FIELDS,
                 lambda s: objects.fifos(s.tree, s.mnt, s.processes), {}, True),
    "stale": Kind(("sock/unix", "--scan", "{tree}", "--match", "{tree}/*", "--filter", "status == stale"), "local",
                  objects.STALE_FIELDS, lambda s: objects.stale(s.tree, sockets.bound_files()), {}, False),
}

SHAPES = {
    "idle": tuple(KINDS),
    "sysv": ("mq", "sem", "shm"),
    "unix": ("unix",),
    "tcp": ("tcp",),
    "pipes": ("pipe",),
    "inherited": ("pipe",),
    "one": (),
    "files": ("fifo", "stale"),
    "shm": ("posix",),
    "processes": ("signal",),
    "attached": ("shm",),
    "namespaces": (),
}

# Columns that a second peer knows besides.
MORE = {"tcp": ("backlog", "cookie"), "pipe": ("inode",), "mq": ("id",), "sem": ("id",), "shm": ("id",), "unix": ("inode",),
        "signal": ("id",)}


def columns_of(name):
    return KINDS[name].fields + MORE.get(name, ())


# ---- one comparison -----------------------------------------------------------------------------------------------


class Comparison:
    """Takes the records of ipctool, and tells how they differ from the rows of the peers."""

    def __init__(self, name, scene, expected, seconds, left_out, spread=False):
        self.kind = KINDS[name]
        self.name = name
        self.comms = scene.processes.comms
        self.expected = expected
        self.seconds = seconds
        self.left_out = left_out
        self.spread = spread
        self.rows = {}
        self.wrong = []
        self.converters = [(field, CONVERT.get(field)) for field in self.kind.fields]
        self.second_fields = sorted({field for _, fields in seconds.values() for field in fields})
        self.second_rows = {}
        self.holding = any(field in self.kind.fields for field in ("holders", "peers"))

    def having(self, holders):
        """Holders as the peers spell them, without the processes of the comparison itself."""
        if holders is None:
            return None
        found = []
        for holder in holders:
            pid = holder["pid"]
            if pid in self.left_out:
                continue
            if self.comms.get(pid) != (holder["comm"], holder["uid"]):
                self.wrong.append(f"{self.name}: holder {pid}: comm and uid are {self.comms.get(pid)}, ipctool says "
                                  f"{(holder['comm'], holder['uid'])}")
            at = holder["addr"] if holder["fd"] is None else holder["fd"]
            if holder["fd"] is not None and holder["addr"] is not None:
                self.wrong.append(f"{self.name}: holder {pid} has both fd {at} and address {holder['addr']}")
            found.append((pid, at, holder["how"], holder["access"]))
        if len(found) > 1:
            found.sort(key=repr)
        return tuple(found)

    def key(self, record):
        key = record[self.kind.key]
        key = (record["local"], record["peer"]) if key is None else key
        return (record["namespace"], key) if self.spread else key

    def take(self, record):
        if self.holding and record["holders"]:
            if all(holder["pid"] in self.left_out for holder in record["holders"]):
                return
        if record.get("id") in self.left_out and self.name == "signal":
            return
        key = self.key(record)
        if key in self.rows:
            self.wrong.append(f"{self.name} {key}: listed twice")
        self.rows[key] = tuple([convert(self, record[field]) if convert else record[field]
                                for field, convert in self.converters])
        if self.second_fields:
            self.second_rows[key] = {field: CONVERT.get(field, same)(self, record[field]) for field in self.second_fields}

    def differences(self):
        for key, row in self.expected.items():
            ours = self.rows.get(key)
            if ours is None:
                yield f"{self.name} {key}: ipctool does not list it"
            elif ours != row:
                for field, value, wanted in zip(self.kind.fields, ours, row):
                    if value != wanted:
                        yield f"{self.name} {key}: {field} is {short(wanted)}, ipctool says {short(value)}"
        for key in self.rows.keys() - self.expected.keys():
            yield f"{self.name} {key}: only ipctool lists it"
        for peer, (rows, fields) in self.seconds.items():
            for key, row in (rows or {}).items():
                ours = self.second_rows.get(key)
                if ours is None:
                    yield f"{self.name} {key}: ipctool does not list it, {peer} does"
                    continue
                for field, wanted in zip(fields, row):
                    if ours[field] != wanted:
                        yield f"{self.name} {key}: {field} is {short(wanted)} by {peer}, ipctool says {short(ours[field])}"
        yield from self.wrong


def same(_comparison, value):
    return value


def short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "..."


def holders_of_peers(comparison, peers):
    return None if peers is None else tuple((peer["ref"], comparison.having(peer["holders"])) for peer in peers)


VALUES = ("index", "value", "waiting_increase", "waiting_zero", "last_pid")

CONVERT = {
    "holders": Comparison.having,
    "readers": Comparison.having,
    "writers": Comparison.having,
    "peers": holders_of_peers,
    "status": lambda c, value: tuple(value),
    "values": lambda c, value: None if value is None else tuple(tuple(entry[name] for name in VALUES) for entry in value),
    "threads": lambda c, value: tuple((thread["tid"], thread["comm"], signal_mask(thread["pending"]),
                                       signal_mask(thread["blocked"])) for thread in sorted(value, key=lambda t: t["tid"])),
    **{name: lambda c, value: None if value is None else signal_mask(value)
       for name in ("pending", "blocked", "ignored", "caught")},
}


def operands(scene, kind):
    return [word.format(tree=scene.tree) for word in kind.operands]


def records_of(run):
    """The records of --jsonl; the last line is checked, not given."""
    ended = False
    for line in run.lines():
        record = json.loads(line)
        if record.get("end"):
            if not record["complete"] or record["errors"]:
                raise RuntimeError(f"{' '.join(run.arguments)}: incomplete: {record['errors']}")
            ended = True
            continue
        if ended:
            raise RuntimeError(f"{' '.join(run.arguments)}: goes on behind its end")
        yield record
    if not ended:
        raise RuntimeError(f"{' '.join(run.arguments)}: does not tell its end")


def expectation(name, scene):
    kind = KINDS[name]
    return kind.rows(scene), {peer: read(scene) for peer, read in kind.seconds.items()}


def limited(found):
    found = list(found)
    return found[:SHOWN] + ([f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else [])


def compare_kind(name, scene, expected, seconds, source, query=None, keep=None, spread=False):
    """One kind, with holders from that source; spread: over namespaces."""
    arguments = [*(query or ["list", *operands(scene, KINDS[name])]), "--jsonl", "-o", ",".join(columns_of(name))]
    run = Run(scene.ipctool, *arguments, *(["--holders-from", source] if source else []))
    comparison = Comparison(name, scene, expected, seconds, {os.getpid(), run.pid}, spread)
    scene.compared += len(expected)
    found = []
    try:
        for record in records_of(run):
            if name == "pipe" and record["inode"] == run.pipe:
                continue
            if keep is not None:
                keep.append(record)
            comparison.take(record)
    except (RuntimeError, ValueError) as error:
        found.append(str(error))
    ended = run.end()
    return ended + limited([*found, *comparison.differences()])


# ---- one object, one process --------------------------------------------------------------------------------------


def restricted(rows, fields, pid):
    """Rows as they are when one process alone is looked at."""
    kept = {}
    for key, row in rows.items():
        values = dict(zip(fields, row))
        if not any(holder[0] == pid for holder in values["holders"]):
            continue
        for field in ("holders", "readers", "writers"):
            if field in values:
                values[field] = tuple(holder for holder in values[field] if holder[0] == pid)
        if "peers" in values:
            values["peers"] = tuple((ref, tuple(holder for holder in holders if holder[0] == pid))
                                    for ref, holders in values["peers"])
        if "attached" in values:
            values["attached"] = sum(holder[2] == "map" for holder in values["holders"])
        # Writers alone know of packets.
        if "packet" in values and not values["writers"]:
            values["packet"] = None
        kept[key] = tuple(values.values())
    return kept


def few(keys):
    """The first, the middle and the last; of very many the middle one alone, because each costs a look at all processes."""
    keys = sorted(keys, key=repr)
    wanted = {len(keys) // 2} if len(keys) > MANY else {0, len(keys) // 2, len(keys) - 1}
    return [keys[at] for at in sorted(wanted)] if keys else []


def compare_single(scene, sources):
    """Objects asked for by reference, and all that one process has."""
    found = []
    for name in ("unix", "tcp", "pipe", "posix", "fifo"):
        fields = KINDS[name].fields
        expected, _ = expectation(name, scene)
        for key in few(key for key in expected if not isinstance(key, tuple)):
            for source in sources:
                found += compare_kind(name, scene, {key: expected[key]}, {}, source, query=["list", expected[key][0]])
        holders = fields.index("holders")
        for pid in few({holder[0] for row in expected.values() for holder in row[holders]}):
            for source in sources:
                found += compare_kind(name, scene, restricted(expected, fields, pid), {}, source,
                                      query=["list", *operands(scene, KINDS[name]), "--holder", str(pid)])
    return found


# ---- namespaces ---------------------------------------------------------------------------------------------------

# What lives in a namespace of which kind, and how it is spelled there.
LIVING = {"net": ("unix", "tcp"), "ipc": ("mq", "sem", "shm")}


def compare_namespaces(scene, sources):
    """Every network and ipc namespace that processes, descriptors or mounts keep."""
    found = []
    for kind, names in LIVING.items():
        places, unseen = spaces.all_of(kind)
        found += [f"namespaces: lsns knows {kind}:[{inode}], which nothing in /proc leads to" for inode in unseen]
        own = os.stat(f"/proc/self/ns/{kind}").st_ino
        for name in names:
            expected = {}
            for inode, path in places.items():
                for key, row in spaces.inside(kind, path, lambda: ROWS_IN[name](inode, own, scene.processes)).items():
                    expected[inode, key] = row
            for source in sources if KINDS[name].holders else (None,):
                found += compare_kind(name, scene, expected, {}, source, spread=True,
                                      query=["list", *KINDS[name].operands, "--all-namespaces"])
    return found


def sysv_in(rows):
    def read(inode, own, having):
        result = {}
        for key, row in rows(inode, having).items():
            ref = row[0] if inode == own else row[0].replace(":", f"@{inode}:", 1)
            result[key] = (ref,) + row[1:]
        return result
    return read


ROWS_IN = {
    "unix": lambda inode, own, having: sockets.unix(sockets.Reference(inode, inode == own), having),
    "tcp": lambda inode, own, having: sockets.tcp(sockets.Reference(inode, inode == own), having),
    "mq": sysv_in(objects.queues),
    "sem": sysv_in(objects.sets),
    "shm": sysv_in(objects.segments),
}


# ---- proof --------------------------------------------------------------------------------------------------------


def another(value):
    """A value that is not this one."""
    if value is None:
        return 7
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return value[:-1] if value else ["SIGUSR1"]


def altered(record, field):
    """Copies of a record, each with one thing of this field changed: the whole, and each member of a list of records."""
    value = record[field]
    if value == [] and field in ("holders", "readers", "writers", "peers", "values", "threads"):
        yield {**record, field: None}
        return
    yield {**record, field: another(value)}
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return
    yield {**record, field: value + value[:1]}
    for member, inner in value[0].items():
        if field == "peers" and member == "holders":
            for copy in altered(value[0], "holders"):
                yield {**record, field: [copy] + value[1:]}
        else:
            yield {**record, field: [{**value[0], member: another(inner)}] + value[1:]}


def unproven(name, scene, expected, seconds, records):
    """What could be wrong in the records without being found."""
    if not expected:
        return []

    def clean(changed):
        comparison = Comparison(name, scene, expected, seconds, {os.getpid()})
        for record in changed:
            comparison.take(record)
        return not any(comparison.differences())

    missed = []
    changes = 0
    # Objects that no process of the comparison has.
    sample = [index for index, record in enumerate(records) if record[KINDS[name].key] in expected and all(
        holder["pid"] in scene.processes.comms for holder in record.get("holders") or ())]
    # The last ones are of the load.
    for index in sample[-3:]:
        record = records[index]
        for field in {*KINDS[name].fields, *Comparison(name, scene, expected, seconds, set()).second_fields}:
            for copy in altered(record, field):
                changes += 1
                if clean(records[:index] + [copy] + records[index + 1:]):
                    missed.append(f"proof: {name}: {field} {short(copy[field])} instead of {short(record[field])} is not found")
        for what, changed in (("left out", records[:index] + records[index + 1:]), ("twice", records + [record]),
                              ("made up", records + [{**record, KINDS[name].key: another(record[KINDS[name].key])}])):
            changes += 1
            if clean(changed):
                missed.append(f"proof: {name}: a record that is {what} is not found")
    print(f"proof: {name}: {changes} changes, {len(missed)} not found")
    if not sample:
        missed.append(f"proof: {name}: there is nothing to change")
    return missed


# ---- shapes -------------------------------------------------------------------------------------------------------


def holder_sources(ipctool):
    """Those that work here, for kinds that have holders."""
    run = Run(ipctool, "list", "pipe", "--count", "--holders-from", "bpf")
    collections.deque(run.lines(), 0)
    return ("proc",) if run.end() else ("proc", "bpf")


def compare(shape, ipctool, tree=None, prove=False, formats=True):
    """The differences, as strings, between what ipctool lists of a shape of load and what others know of it.

    Runs where the load is. tree: the directory of the load `files` (the working one). prove: see above.
    """
    # A million tuples without cycles: to look for these would take longer than all else.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return compared(shape, ipctool, tree, prove, formats)
    finally:
        if collecting:
            gc.enable()


def compared(shape, ipctool, tree, prove, formats):
    scene = Scene(ipctool, os.path.realpath(tree or os.getcwd()))
    sources = holder_sources(ipctool)
    found = []
    for name in SHAPES[shape]:
        expected, seconds = expectation(name, scene)
        for source in sources if KINDS[name].holders else (None,):
            records = [] if prove else None
            found += compare_kind(name, scene, expected, seconds, source, keep=records)
            if prove:
                found += unproven(name, scene, expected, seconds, records)
        if formats:
            found += Formats(ipctool, operands(scene, KINDS[name]), columns_of(name)).differences()
        del expected, seconds
    if shape in ("one", "idle"):
        found += compare_single(scene, sources)
    if shape in ("namespaces", "idle"):
        found += compare_namespaces(scene, sources)
    if not scene.compared and shape != "idle":
        found.append("there was nothing to compare")
    print(f"{shape}: {scene.compared} objects compared, holders by {' and '.join(sources)}", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree")
    parser.add_argument("--prove", action="store_true")
    parser.add_argument("shape", nargs="+", choices=SHAPES)
    options = parser.parse_args()
    status = 0
    for shape in options.shape:
        found = compare(shape, os.environ.get("IPCTOOL", "ipctool"), options.tree, options.prove)
        print(f"{shape}: {'the same' if not found else 'differs'}")
        for line in found:
            print(f"DIFFERENT: {shape}: {line}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
