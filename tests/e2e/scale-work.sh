#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Objects are printed as they are read, and only what was asked for is read: told by the system calls.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v strace >/dev/null || skip "strace is not installed"
strace -o /dev/null true 2>/dev/null || skip "strace may trace nothing here"
[[ $EUID -eq 0 ]] || skip "needs root"
exec python3 -B "$here/scale_work.py"
