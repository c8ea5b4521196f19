#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One scene, watched by both sources of `monitor` at once: of what both can see they tell the same, for each object in the same order.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
exec "$here/monitor_scene.py" agree queues
