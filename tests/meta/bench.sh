#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of the benchmark is consistent: targets name commands that are run, every shape can be made and compared, and both
# texts tell of each.
set -eu
cd "$SOURCE_DIR/tests/bench"
python3 -B - "$BUILD_DIR/tests/bench/load" <<'END'
import re
import subprocess
import sys

from compare import SHAPES as COMPARED
from report import KINDS
from shapes import SHAPES

wrong = []


def check(right, text):
    if not right:
        wrong.append(text)


readme = open("README.md", encoding="utf-8").read()
report = open("../../docs/performance.md", encoding="utf-8").read()
made = set(re.findall(r"[a-z]+", subprocess.run([sys.argv[1]], stderr=subprocess.PIPE, text=True, check=False).stderr))
check(set(SHAPES) == set(COMPARED), f"bench.py and compare.py differ in shapes: {set(SHAPES) ^ set(COMPARED)}")
for name, shape in SHAPES.items():
    commands = [command.name for command in shape.commands]
    check(len(commands) == len(set(commands)), f"{name}: a command is there twice")
    check(shape.commands[0].program == "ipctool", f"{name}: ratios are to a command of ipctool, the first one")
    check(shape.full is None or (shape.small and shape.small.count < shape.full.count), f"{name}: no smaller size")
    check(shape.full is None or name in made, f"{name}: load does not make it")
    for target in shape.targets:
        check(target.kind in KINDS, f"{name}: target of unknown kind {target.kind}")
        check(target.command in commands, f"{name}: target of a command that is not run: {target.command}")
        check(target.other in commands or (target.kind not in ("times", "within") and not target.other),
              f"{name}: target beside a command that is not run: {target.other}")
        check(target.kind != "first" or any(c.streams for c in shape.commands if c.name == target.command),
              f"{name}: no first byte is measured of {target.command}")
    check(f"| `{name}` |" in readme, f"{name}: not in tests/bench/README.md")
    check(f"## {name}: " in report, f"{name}: not in docs/performance.md; run ./bootstrap bench")
print("\n".join(wrong) or f"{len(SHAPES)} shapes")
sys.exit(bool(wrong))
END
