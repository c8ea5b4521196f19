# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures the commands of one shape beside its load. Runs inside the private namespaces that bench.py made."""
import contextlib
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time

OUTPUT = "/tmp/output"  # in memory, and private
DIRECTORY = "/mnt"  # where the load makes files: a file system of its own, which no default of any command scans
PATIENCE = 600  # seconds for one command


class Failure(Exception):
    pass


@contextlib.contextmanager
def loaded(load, shape, size):
    """The load is there; gives what it names."""
    subprocess.run(["mount", "-t", "tmpfs", "bench", DIRECTORY], check=True)
    os.chdir(DIRECTORY)
    if shape.full is None:
        yield {}
        return
    child = subprocess.Popen([load, shape.name, str(size.count), str(size.processes)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        words = child.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise Failure(f"the load {shape.name} {size.count} is not ready: status {child.wait()}")
        yield dict(word.split("=", 1) for word in words[1:])
    finally:
        child.stdin.close()
        child.wait()


class Measured:
    """The runs of one command."""

    def __init__(self, command, words, timed):
        self.command = command
        self.words = words
        self.timed = timed
        self.runs = []
        self.first = []
        self.more = {}
        self.spent = 0
        self.error = None if shutil.which(words[0]) else "not installed"

    def run_timed(self, output, *more):
        """The numbers that `timed` prints, and what the command said on standard error."""
        done = subprocess.run([self.timed, output, *self.words, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=True)
        return [int(word) for word in done.stdout.split()], done.stderr.decode(errors="replace").strip()

    def run(self, output=OUTPUT):
        began = time.monotonic()
        try:
            (wall, user, system, memory, status, size, first), said = self.run_timed(output)
        except subprocess.TimeoutExpired:
            self.error = f"took more than {PATIENCE} s"
            return
        self.spent += time.monotonic() - began
        if status not in self.command.statuses:
            self.error = f"status {status}" + (f": {said.splitlines()[0][:100]}" if said else "")
            return
        if output == "-":
            self.first.append((first / 1000, wall / 1000))
            return
        run = {"wall": wall / 1000, "cpu": (user + system) / 1000, "memory": memory, "size": size}
        if self.command.program == "floor":
            with open(OUTPUT, encoding="ascii") as file:
                run["reading"], run["loading"] = reading_of(file.read())
        self.runs.append(run)

    def ask(self, label):
        """Where holders came from; beside next to nothing, what the command needs when they come by BPF.

        So memory for each object is told apart from what loading BPF takes, which is not done for a few objects.
        """
        if self.command.program != "ipctool" or self.error:
            return
        _, said = self.run_timed(OUTPUT, "-v")
        source = re.search(r"holders from (\w+)", said)
        self.more["holders"] = source[1] if source else None
        if label == "none" and "--holders-from" not in self.words:
            numbers, _ = self.run_timed(OUTPUT, "--holders-from", "bpf")
            self.more["memory_by_bpf_kib"] = numbers[3]

    def result(self):
        if self.error or not self.runs:
            return {"error": self.error or "not run"}

        def median(name):
            return round(statistics.median(run[name] for run in self.runs), 3)

        found = {"runs": len(self.runs), "wall_ms": median("wall"), "wall_min_ms": min(run["wall"] for run in self.runs),
                 "cpu_ms": median("cpu"), "cpu_min_ms": min(run["cpu"] for run in self.runs),
                 "memory_kib": max(run["memory"] for run in self.runs),
                 "output_bytes": self.runs[-1]["size"], **self.more}
        if "reading" in self.runs[0]:
            found.update(reading_ms=median("reading"), loading_ms=median("loading"))
        if self.first:
            found.update(first_byte_ms=statistics.median(first for first, _ in self.first),
                         last_byte_ms=statistics.median(last for _, last in self.first))
        return found


def reading_of(text):
    """Milliseconds of reading, and of loading and unloading a BPF program, as floor prints them."""
    loading = re.search(r"([\d.]+) ms to load", text)
    return float(text.split()[0]), float(loading[1]) if loading else 0.0


def words_of(command, programs, names):
    words = [word.format(**names) for word in shlex.split(command.line)]
    return [programs.get(words[0], words[0]), *words[1:]]


def measure(shape, label, size, programs, rounds, budget, slow, compared):
    """One round after the other, each with every command; one that used up its budget (seconds) is left out of further rounds.

    label: peers are run at the size "full" only. slow: the slow ones too. compared: what compare() takes, or None.
    Gives the results of the commands, and the differences found.
    """
    commands = [command for command in shape.commands if command.program == "ipctool" or label == "full"]
    with loaded(programs["load"], shape, size) as names:
        all_of = [Measured(command, words_of(command, programs, names), programs["timed"]) for command in commands]
        for number in range(rounds):
            for measured in all_of:
                if not measured.error and not measured.command.slow and (not number or measured.spent < budget):
                    measured.run()
        for measured in all_of:
            measured.ask(label)
            for _ in range(min(3, rounds) if measured.command.streams and label == "full" else 0):
                if not measured.error:
                    measured.run("-")
        for measured in all_of:
            if measured.command.slow and slow and not measured.error:
                print(f"bench: {shape.name}: {measured.command.name} ...", file=sys.stderr, flush=True)
                measured.run()
        differences = None
        if compared is not None:
            print(f"bench: {shape.name}: comparing ...", file=sys.stderr, flush=True)
            import compare  # pylint: disable=import-outside-toplevel

            differences = compare.compare(shape.name, programs["ipctool"], tree=DIRECTORY, **compared)
        return {"commands": {measured.command.name: measured.result() for measured in all_of}, "differences": differences}
