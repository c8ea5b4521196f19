#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Twice the load is twice the work and no more, in system calls and instructions; and each object takes little memory.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
command -v python3 >/dev/null || skip "python3 is not installed"
[[ $EUID -eq 0 ]] || skip "needs root"
exec python3 -B "$here/scale_growth.py"
