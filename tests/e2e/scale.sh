#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of objects: what is listed, in every format and with holders from both sources, is what other tools say, object by
# object.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
command -v python3 >/dev/null || skip "python3 is not installed"
[[ $EUID -eq 0 ]] || skip "needs root"
exec python3 -B "$here/scale.py"
