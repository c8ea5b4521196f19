#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing that lsipc, ipcs, ss, lsof, lsfd, find and /proc see is missing in ipctool: on this host as it is, and in fresh namespaces
# with an object of every kind and with real servers.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"
. "$here/servers.bash"

case ${1-host} in
host)
	command -v python3 >/dev/null || skip "python3 is not installed"
	[[ $EUID -eq 0 ]] || skip "needs root: an ordinary user sees the files of others with no tool"
	status=0
	echo "==== this host as it is"
	python3 "$here/compare_peers.py" || status=1
	for part in fixtures servers; do
		echo "==== in fresh namespaces: $part"
		in_sandbox --mqueue -- "$0" "$part"
		case $? in
		0) ;;
		77) echo "skipped: no fresh namespaces here" ;;
		*) status=1 ;;
		esac
	done
	exit $status
	;;
fixtures)
	fixtures_of_every_kind
	exec python3 "$here/compare_peers.py" --busy
	;;
servers)
	start_servers || exit 1
	exec python3 "$here/compare_peers.py"
	;;
esac
