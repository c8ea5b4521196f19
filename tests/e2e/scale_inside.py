# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a function where a load is, in namespaces of their own: scale*.sh begin scale.py, which calls run() for each scene."""
import json
import os
import subprocess
import sys
import tempfile

IPCTOOL = os.environ["IPCTOOL"]
BUILD = os.environ["BUILD_DIR"]
SOURCE = os.environ["SOURCE_DIR"]
TREE = "/run/tree"
SKIP = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def run(task, shape, count=0, processes=1):
    """What task(shape) returns in fresh namespaces that hold this load and no more."""
    command = [os.environ["SANDBOX"], "--keep", SOURCE, "--keep", BUILD, "--", sys.executable, "-B", sys.argv[0], "--inside",
               task, shape, str(count), str(processes)]
    # Into a file: a pipe would be one more object in there.
    with tempfile.TemporaryFile() as answer:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=answer, check=False).returncode
        if status == SKIP:
            skip("no fresh namespaces here")
        answer.seek(0)
        lines = answer.read().decode().splitlines()
    if status or not lines:
        raise SystemExit(f"FAILED: {task} {shape} {count}: ended with {status}")
    print(*lines[:-1], sep="\n", end="\n" if lines[1:] else "")
    return json.loads(lines[-1])


def inside(tasks):
    """The other end of run()."""
    _, _, task, shape, count, processes = sys.argv
    os.makedirs(TREE, exist_ok=True)
    os.chdir(TREE)
    load = None
    if int(count):
        load = subprocess.Popen([f"{BUILD}/tests/bench/load", shape, count, processes], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        if not load.stdout.readline().startswith(b"ready"):
            raise SystemExit(f"the load {shape} failed")
        load.stdout.close()
    print(json.dumps(tasks[task](shape)))
    # The load ends with these namespaces.
    sys.stdout.flush()
    os._exit(0)
