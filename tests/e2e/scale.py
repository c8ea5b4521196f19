#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Middle-sized loads, listed object by object as other tools see them, with holders from both sources."""
import os
import sys

import scale_inside

sys.path.insert(0, os.path.join(scale_inside.SOURCE, "tests", "bench"))
import compare  # noqa: E402  pylint: disable=wrong-import-position

# shape, objects, processes
SCENES = (
    ("unix", 4000, 20),
    ("tcp", 1000, 10),
    ("pipes", 2000, 10),
    ("inherited", 500, 1),
    ("shm", 500, 50),
    ("attached", 500, 1),
    ("sysv", 3000, 1),
    ("files", 20000, 1),
    ("processes", 300, 1),
    ("namespaces", 12, 1),
    ("one", 2000, 10),
    ("idle", 0, 1),
)

# Small ones, in which each field of ipctool's output is changed: the comparison has to notice.
PROVEN = (
    ("unix", 40, 2),
    ("tcp", 3, 1),
    ("pipes", 4, 1),
    ("shm", 20, 12),
    ("attached", 3, 1),
    ("sysv", 3, 1),
    ("files", 400, 1),
    ("processes", 3, 1),
)


def compared(shape):
    return compare.compare(shape, scale_inside.IPCTOOL, scale_inside.TREE)


def proven(shape):
    return compare.compare(shape, scale_inside.IPCTOOL, scale_inside.TREE, prove=True, formats=False)


def main():
    status = 0
    for task, scenes in (("compared", SCENES), ("proven", PROVEN)):
        for shape, count, processes in scenes:
            for difference in scale_inside.run(task, shape, count, processes):
                print(f"FAILED: {shape} {count}: {difference}")
                status = 1
    return status


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        scale_inside.inside({"compared": compared, "proven": proven})
    sys.exit(main())
