# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces that processes, descriptors or mounts keep, and reading inside one."""
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import traceback

from compare_processes import libc, numbers


def all_of(kind):
    """Returns inode -> a path that leads there, and those that lsns knows besides."""
    found = {}
    for pid in numbers("/proc"):
        try:
            found.setdefault(os.stat(f"/proc/{pid}/ns/{kind}").st_ino, f"/proc/{pid}/ns/{kind}")
            for fd in numbers(f"/proc/{pid}/fd"):
                link = re.fullmatch(rf"{kind}:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
                if link:
                    found.setdefault(int(link[1]), f"/proc/{pid}/fd/{fd}")
            with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    words = line.split()
                    if words[words.index("-") + 1] == "nsfs" and words[3].startswith(f"{kind}:["):
                        found.setdefault(int(words[3][len(kind) + 2:-1]), f"/proc/{pid}/root{words[4]}")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    if not shutil.which("lsns"):
        return found, []
    done = subprocess.run(["lsns", "--json", "--type", kind, "--output", "NS"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    known = json.loads(done.stdout)["namespaces"] if done.stdout.strip() else []
    return found, [entry["ns"] for entry in known if entry["ns"] not in found]


def inside(kind, path, read):
    """What read() returns in that namespace; a child goes there."""
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            namespace = os.open(path, os.O_RDONLY)
            if libc.setns(namespace, 0) == 0:
                with os.fdopen(ends[1], "wb") as out:
                    pickle.dump(read(), out)
                status = 0
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stderr)
        os._exit(status)
    os.close(ends[1])
    with os.fdopen(ends[0], "rb") as answer:
        data = answer.read()
    if os.waitpid(child, 0)[1] != 0:
        raise OSError(f"cannot read in {kind} namespace {path}")
    return pickle.loads(data)
