#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# entrypoint.sh COMMAND...: an entry point for a container whose /dev/shm outlives it (a volume, or one that the containers of a
# pod share): takes away the POSIX shared memory and semaphores that an earlier run has left, then becomes COMMAND.
#
# In a container nobody can see who else has these objects, so they are never taken for abandoned by themselves. Say by their names
# which are this program's own:
#	IPCTOOL_CLEAN="/myapp_* /myapp-cache"    globs for names as `ipctool list` prints them, separated by blanks
# and, where neither /run nor /tmp can be written to, in which file the lock is: IPCTOOL_CLEAN_LOCK=FILE.
# What matches is removed when the kernel grants a lease on it, which proves that nobody has it open or mapped, in this container or
# in any other; what is in use stays. Of an object that is closed at the moment and will be opened again nothing is known: share
# names with nobody who does that. Nothing else is touched: not System V objects, not FIFOs, not socket files.
set -u

[ $# -gt 0 ] || {
	echo "usage: entrypoint.sh COMMAND [ARGUMENT]..." >&2
	exit 2
}

if [ -n "${IPCTOOL_CLEAN-}" ]; then
	set -f
	options=${IPCTOOL_CLEAN_LOCK:+--lock=$IPCTOOL_CLEAN_LOCK}
	for glob in $IPCTOOL_CLEAN; do
		options="$options --match $glob"
	done
	# That cleaning fails is no reason not to start: what was left is what there was yesterday.
	# shellcheck disable=SC2086 # options are words
	ipctool clean shm/posix sem/posix --apply --quiet --no-syslog --include idle --min-age 0 $options ||
		echo "entrypoint.sh: cleaning ended with $?" >&2
	set +f
fi
exec "$@"
