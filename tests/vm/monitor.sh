#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In a guest of e2e.sh: the scenes of `monitor` with programs behind tracepoints and behind functions, which tell the same events; both
# are held against what the scene did. MONITOR_SCENES: others than all. MONITOR_SOURCES: fewer ways.
set -u
status=0
cd "$SOURCE_DIR/tests/e2e" || exit 1
for source in ${MONITOR_SOURCES:-tracepoint fentry}; do
	for scene in ${MONITOR_SCENES:-monitor-bpf.sh monitor-sysv.sh monitor-files.sh monitor-sock.sh monitor-signal.sh}; do
		[[ -e $scene ]] || continue
		start=$(cut -d . -f 1 /proc/uptime)
		MONITOR_SOURCE=$source "./$scene"
		s=$?
		echo "$scene, $source: $s, $(($(cut -d . -f 1 /proc/uptime) - start)) s"
		# What is not there in this kernel is said, and no failure.
		[[ $s -eq 0 || $s -eq 77 ]] || status=1
	done
done
exit $status
