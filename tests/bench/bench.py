#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast ipctool is beside its peers, and how it grows. README.md in this directory tells more."""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import judge  # pylint: disable=wrong-import-position
import measure  # pylint: disable=wrong-import-position
import report  # pylint: disable=wrong-import-position
from shapes import SHAPES, Size  # pylint: disable=wrong-import-position

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SCRIPTS = ("clean", "dump-mq", "dump-shm", "monitor", "remove")
SKIP = 77


# ---- inside the private namespaces -------------------------------------------------------------------------------


def inside(job):
    """Does one job, a shape at one size, and prints its result."""
    shape = SHAPES[job["shape"]]
    size = Size(*job["size"]) if job["size"] else None
    try:
        found = measure.measure(shape, job["label"], size, job["programs"], job["rounds"], job["budget"], job["slow"],
                                job["compared"])
    except (measure.Failure, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {shape.name}: {error}")
    json.dump(found, sys.stdout)


# ---- outside -----------------------------------------------------------------------------------------------------


def programs_of(build):
    programs = {name: os.path.join(build, "tests/bench", name) for name in ("load", "timed", "floor")}
    programs["ipctool"] = os.path.join(build, "ipctool")
    if not shutil.which("fdfind") and shutil.which("fd"):
        programs["fdfind"] = "fd"
    return programs


def sizes_of(shape, options):
    """Labels and sizes: "none" is next to nothing, what that takes is taken off."""
    if not shape.full:
        return [("full", None)]
    by = 20 if options.quick else 1
    return [("none", Size(1)), ("small", shape.small.divided(by)), ("full", shape.full.divided(by))]


def run_shape(shape, options):
    result = {"title": shape.title, "unit": shape.unit, "sizes": {}}
    sandbox = os.path.join(options.build, "tests/fixtures/sandbox")
    for label, size in sizes_of(shape, options):
        job = {
            "shape": shape.name,
            "label": label,
            "slow": options.slow,
            "size": [size.count, size.processes] if size else None,
            "programs": programs_of(options.build),
            # What is over soon is measured more often.
            "rounds": options.rounds * (5 if not size else 1 if label == "full" or options.quick else 2),
            "budget": options.budget / (1 if label == "full" else 2),
            # The formats are all compared at the small size.
            "compared": {"formats": label != "full" or not size} if options.compare and label != "none" else None,
        }
        done = subprocess.run([sandbox, "--keep", options.build, "--keep", SOURCE, "--", sys.executable, "-B", __file__,
                               "--inside", json.dumps(job)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            sys.exit(SKIP if done.returncode == SKIP else 1)
        result["sizes"][label] = json.loads(done.stdout)
        if size:
            result["sizes"][label].update(count=size.count, processes=size.processes)
    return result


def failed(shape, result):
    """Commands of ours that failed, or whose objects differ from those of the peers."""
    for label, size in result["sizes"].items():
        for name, found in size["commands"].items():
            if "error" in found and name.split()[0] == "ipctool":
                yield f"{shape.name} ({label}): {name}: {found['error']}"
        if size["differences"]:
            yield f"{shape.name} ({label}): {len(size['differences'])} differences"


def first_line(*command):
    """That with the version, of what a command prints."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return "not installed"
    lines = [line.strip() for line in done.stdout.splitlines() if "evision:" in line] or done.stdout.splitlines()
    return lines[0].strip() if lines else "unknown"


def document_of(options):
    def field(file, name):
        with open(file, encoding="utf-8") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")

    programs = programs_of(options.build)
    return {
        "schema": 1,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["./bootstrap bench", *options.told]),
        "quick": options.quick,
        "machine": {"cpu": field("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "kernel": platform.release(),
                    "memory_mib": int(field("/proc/meminfo", "MemTotal").split()[0]) // 1024},
        "versions": {
            "ipctool": first_line(programs["ipctool"], "--version"),
            "util-linux": first_line("ipcs", "--version"),
            "iproute2": first_line("ss", "-V"),
            "lsof": first_line("lsof", "-v"),
            "find": first_line("find", "--version"),
            "fdfind": first_line(programs.get("fdfind", "fdfind"), "--version"),
        },
        "shapes": {},
        "targets": [],
    }


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./bootstrap bench", description="Measures ipctool and its peers beside loads in "
                                     "private namespaces, and compares what they list.")
    parser.add_argument("shape", nargs="*", metavar="SHAPE", help="one of these, or all: " + ", ".join(SHAPES))
    parser.add_argument("--quick", action="store_true", help="a twentieth of each size, three rounds: under a minute")
    parser.add_argument("--rounds", type=int, help="runs of each command (7)")
    parser.add_argument("--budget", type=float, default=6, metavar="SECONDS",
                        help="a command that has used so much is left out of further rounds (6)")
    parser.add_argument("--no-slow", dest="slow", action="store_false", help="without the peers that take minutes")
    parser.add_argument("--no-compare", dest="compare", action="store_false", help="do not compare the objects listed")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--report", metavar="FILE", help="write the report to FILE; after a full run of all shapes it is "
                        "docs/performance.md unless said otherwise")
    parser.add_argument("--onto", metavar="FILE", help="take the shapes that are not measured now from FILE, which --json wrote, "
                        "and write docs/performance.md unless said otherwise")
    parser.add_argument("--all", action="store_true", help="run the other scripts of tests/bench too: " + ", ".join(SCRIPTS))
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"), metavar="DIR", help="the build to measure (build)")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name in options.shape:
        if name not in SHAPES:
            parser.error(f"no such shape: {name} (there are {', '.join(SHAPES)})")
    options.build = os.path.realpath(options.build)
    options.rounds = options.rounds or (3 if options.quick else 7)
    if options.quick:
        options.budget = min(options.budget, 1)
    options.told = [*(["--quick"] if options.quick else []), *(["--no-slow"] if not options.slow else []), *options.shape]
    options.earlier = {}
    if options.onto:
        with open(options.onto, encoding="utf-8") as file:
            options.earlier = json.load(file)
        if options.earlier["quick"] or options.quick:
            parser.error("--onto: a quick run stands alone")
    if not options.report and options.slow and (options.onto or not options.told):
        options.report = os.path.join(SOURCE, "docs/performance.md")
    return options


def main():
    options = parse(sys.argv[1:])
    if options.inside:
        inside(json.loads(options.inside))
        return 0
    began = time.monotonic()
    if subprocess.run([programs_of(options.build)["ipctool"], "--version"], stdout=subprocess.DEVNULL, check=False).returncode:
        return 1
    shapes = [SHAPES[name] for name in options.shape or SHAPES]
    document = document_of(options)
    if options.earlier:
        measured = set(options.shape or SHAPES)
        document["shapes"] = options.earlier["shapes"]
        document["targets"] = [target for target in options.earlier["targets"] if target["shape"] not in measured]
    wrong = []
    for shape in shapes:
        print(f"bench: {shape.name} ...", file=sys.stderr, flush=True)
        result = run_shape(shape, options)
        targets = judge.judge(shape, result)
        result["date"] = document["date"]
        document["shapes"][shape.name] = result
        document["targets"] += targets
        wrong += failed(shape, result)
        print("\n".join(report.text(shape, result, targets)), flush=True)
    met = [target["met"] for target in document["targets"]]
    print(f"targets{' (they are for the full sizes)' if options.quick else ''}: {met.count(True)} met, "
          f"{met.count(False)} missed, {met.count(None)} not measured; {time.monotonic() - began:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            shown = [shape for name, shape in SHAPES.items() if name in document["shapes"]]
            document["targets"].sort(key=lambda target: list(SHAPES).index(target["shape"]))
            file.write("\n".join(report.markdown(document, shown)) + "\n")
    for script in SCRIPTS if options.all else ():
        print(f"\n==== {script}.sh", flush=True)
        status = subprocess.run([os.path.join(SOURCE, "tests/bench", f"{script}.sh")], check=False,
                                env={**os.environ, "IPCTOOL_BUILD": options.build, "BUILD_DIR": options.build}).returncode
        if status not in (0, SKIP):
            wrong.append(f"{script}.sh: status {status}")
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
