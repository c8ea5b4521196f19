# SPDX-License-Identifier: GPL-2.0-or-later
"""--raw, tables, --refs, --count and --json say what --jsonl says."""
import collections
import json
import os
import re

from compare_run import Run

SHOWN = 12


def raw_value(field, value):
    """A value of JSON as --raw spells it."""
    if value is None:
        return "?" if field in ("holders", "readers", "writers") else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        # A process stands there once, with however many descriptors.
        once = field in ("holders", "readers", "writers")
        return ",".join(dict.fromkeys(map(raw_entry, value)) if once else map(raw_entry, value))
    return str(value)


def raw_entry(entry):
    if isinstance(entry, str):
        return entry
    if "index" in entry:
        return str(entry["value"])
    if "ref" in entry:
        return entry["ref"]
    if "pending" in entry:
        return " ".join(f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in entry.items())
    return f"{'?' if entry['pid'] is None else entry['pid']}({entry['comm']})"


def own_line(run):
    """What only a line of the comparison itself holds: its processes, and the pipe that the output goes into."""
    pids = (run.pid, os.getpid())
    precise = re.compile(rf'(?<!\d)({pids[0]}|{pids[1]})\(|"pid": ({pids[0]}|{pids[1]}),'
                         rf"|signal:({pids[0]}|{pids[1]})\b|pipe:{run.pipe}\b").search
    quick = [text for pid in pids for text in (f"{pid}(", f'"pid": {pid},', f"signal:{pid}")] + [f"pipe:{run.pipe}"]

    def own(line):
        for text in quick:
            if text in line:
                return precise(line) is not None
        return False
    return own


class Formats:
    """One query in all formats."""

    def __init__(self, ipctool, query, columns):
        self.ipctool = ipctool
        self.query = ["list", *query]
        self.columns = ",".join(columns)
        self.found = []
        self.refs, self.raw, self.lines, self.dropped, self.count = [], [], [], set(), 0
        run = Run(ipctool, *self.query, "--jsonl", "-o", self.columns)
        own = own_line(run)
        for line in run.lines():
            if line.startswith('{"end"'):
                continue
            record = json.loads(line)
            self.count += 1
            if own(line):
                self.dropped.add(record["ref"])
                continue
            self.refs.append(record["ref"])
            self.raw.append("\t".join([value if type(value) is str else raw_value(field, value)
                                       for field, value in record.items()]))
            self.lines.append(line)
        self.found += run.end()

    def same(self, what, arguments, wanted, take=str, ref=lambda line: line.split("\t", 1)[0]):
        """`take` makes of a line of that output what is compared (None: nothing), `ref` tells whose line it is."""
        run = Run(self.ipctool, *self.query, *arguments)
        own = own_line(run)
        seen = []
        for line in run.lines():
            value = take(line)
            if value is not None and not own(line) and ref(value) not in self.dropped:
                seen.append(value)
        self.found += run.end()
        self.found += differences(what, wanted, seen)

    def differences(self):
        self.same("--raw", ["--raw", "-o", self.columns], self.raw)
        self.same("--refs", ["--refs"], self.refs)
        self.same("the table", ["-n", "-o", "ref"], self.refs)
        # The first column of a table is the reference; it holds blanks where names do.
        if not any(" " in ref for ref in self.refs):
            self.same("the default table", ["-n"], self.refs, lambda line: line.split(" ", 1)[0])
        document = Document()
        self.same("--json", ["--json", "-o", self.columns], self.lines, document.take, lambda line: line[9:line.index('"', 9)])
        self.found += document.faults()
        self.same("--count", ["--count"], [str(self.count)])
        return self.found

class Document:
    """--json by its lines: the frame has to be that of one valid document, the objects are lines as --jsonl has them."""

    def __init__(self):
        self.frame, self.commas, self.last = [], True, None

    def take(self, line):
        if not line.startswith("  {"):
            self.frame.append(line)
            return None
        if self.last is not None:
            self.commas = self.commas and self.last == ","
        self.last = line[-1]
        return line[2:-1] if self.last == "," else line[2:]

    def faults(self):
        try:
            rest = json.loads("".join(self.frame))
        except ValueError as error:
            return [f"--json: {error}"]
        wrong = [] if rest == {"schema": 1, "objects": [], "complete": True, "errors": []} else [f"--json: it has {rest}"]
        return wrong if self.commas and self.last != "," else wrong + ["--json: its objects are no list"]


def differences(what, wanted, seen):
    if seen == wanted:
        return []
    # The order of a source may change, its objects may not.
    lacks, more = (collections.Counter(a) - collections.Counter(b) for a, b in ((wanted, seen), (seen, wanted)))
    found = [f"{what} lacks {line[:200]}" for line in list(lacks)[:SHOWN]]
    found += [f"{what} has {line[:200]}, --jsonl has not" for line in list(more)[:SHOWN]]
    return found
