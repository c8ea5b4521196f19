# SPDX-License-Identifier: GPL-2.0-or-later
"""change.py: judges the steps of tests/vm/change and tests/vm/dump: how each ended, and what it said."""
import glob
import os

FAILURES = ("1", "2", "4", "5", "6", "7", "124", "125")


def text(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def numbers(where):
    return sorted(int(os.path.basename(path).split(".")[0]) for path in glob.glob(os.path.join(where, "*.step")))


def is_own(command):
    return command.startswith(("ipctool ", "su user -c ipctool "))


def judge_step(step, check):
    title, want, status = text(step + ".step").splitlines()
    wanted, command, out, err = (text(f"{step}.{part}") for part in ("text", "command", "out", "err"))
    said = out.rstrip("\n") == wanted[1:] if wanted.startswith("=") else wanted in out + err
    # Of a failure there is one line and nothing else; of a success nothing on standard error.
    lines = len(err.splitlines())
    clean = not is_own(command) or (lines == 1 and not out if want in FAILURES else lines == 0)
    check(f"{title}: {' '.join(command.split())}: {want}", status == want and said and clean,
          f"exit {status}", "wanted", repr(wanted), "output", repr(out), "errors", repr(err))


def judge(where, check):
    where = os.path.join(where, "change")
    for number in numbers(where):
        judge_step(os.path.join(where, str(number)), check)
