#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `monitor` tells without BPF, as root and as an ordinary user: each event of a scene (monitor_scene.py); and what it says when
# the kernel gives it no room, or not enough.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare setpriv; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}

"$here/monitor_scene.py" plain queues lose || wrong "as root"

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs --)
chmod 1777 /run
# Where nobody may not go, what is needed is copied.
cp "$IPCTOOL" "$here/monitor_scene.py" /run
cp -L "$BUILD_DIR"/libipctool.so* /run 2>/dev/null
export LD_LIBRARY_PATH=/run IPCTOOL=/run/ipctool
"${nobody[@]}" /run/ipctool --version >/dev/null || skip "nobody cannot run it here"
"${nobody[@]}" /run/monitor_scene.py plain || wrong "as nobody"

# told WORD...: what a monitor that ends at once says; the rest is a command to run it by
says() {
	local what=$1
	shift
	"$@" "$IPCTOOL" monitor --source netlink --jsonl --for 1ms fifo shm/posix mq/posix >/run/out 2>/run/err ||
		wrong "exit code $? of $*: $(cat /run/err)"
	jq -e --arg what "$what" 'select(.end) | .complete == false and any(.errors[].why; contains($what))' /run/out >/dev/null ||
		wrong "not said: $what in $(cat /run/out)"
	grep -qF "$what" /run/err || wrong "not on standard error: $what"
}

says 'POSIX message queues: needs CAP_SYS_ADMIN' "${nobody[@]}"
mkdir -m 700 /run/closed
says '/run/closed: needs CAP_DAC_READ_SEARCH' "${nobody[@]}"
if unshare --user --map-root-user true 2>/dev/null; then
	mkdir -p /run/a/b /run/c
	limited() {
		unshare --user --map-root-user bash -c 'echo "$2" >"/proc/sys/user/$1" && exec "${@:3}"' - "$@"
	}
	says 'the limit fs.inotify.max_user_watches is reached' limited max_inotify_watches 2
	says 'the limit fs.inotify.max_user_instances is reached' limited max_inotify_instances 0
fi

((failed == 0)) && echo "as it was done"
exit $failed
