#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The example of a producer and consumers, as a user would run it: twice at once, and nothing is left behind.
set -eu

if [[ -z ${IPCTOOL_SANDBOX-} ]]; then
	exec "$SANDBOX" --keep "$SOURCE_DIR" --keep "${IPCTOOL%/*}" -- "$0" "$@"
fi
PATH=${IPCTOOL%/*}:$PATH
example=$SOURCE_DIR/examples/workers.sh
dir=$(mktemp -d)

"$example" 30 4 >"$dir/first" 2>"$dir/first.err" &
first=$!
"$example" 25 3 >"$dir/second" 2>"$dir/second.err" &
second=$!
status=0
wait $first || { echo "the first run failed"; status=1; }
wait $second || { echo "the second run failed"; status=1; }
cat "$dir"/*.err
[[ $(<"$dir/first") == 9455 ]] || { echo "1² + ... + 30² is 9455, not '$(<"$dir/first")'"; status=1; }
[[ $(<"$dir/second") == 5525 ]] || { echo "1² + ... + 25² is 5525, not '$(<"$dir/second")'"; status=1; }

left=$(ipctool list -q mq shm sem)
[[ -z $left ]] || { echo "left behind: $left"; status=1; }

# Interrupted in the middle it leaves nothing either.
"$example" 100000 2 >/dev/null 2>"$dir/third.err" &
third=$!
until [[ $(ipctool list --count shm/posix) == 1 ]]; do
	kill -0 $third
done
kill -TERM $third
wait $third && { echo "an interrupted run succeeded"; status=1; }
until [[ -z $(ipctool list -q mq shm sem) ]]; do
	((SECONDS < 60)) || { echo "left behind: $(ipctool list -q mq shm sem)"; status=1; break; }
done
exit $status
