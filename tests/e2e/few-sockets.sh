#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A few sockets among thousands are asked for one by one: the answer is that of a listing of all, field by field.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"

if [[ ${1-} != inside ]]; then
	command -v python3 >/dev/null || skip "python3 is not installed"
	[[ $EUID -eq 0 ]] || skip "needs root: descriptors of other processes are copied"
	in_sandbox -- "$0" inside
	status=$?
	((status == 77)) && skip "no fresh namespaces here"
	exit $status
fi
ip link set lo up 2>/dev/null
exec python3 "$here/few_sockets.py"
