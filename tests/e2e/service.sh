#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit ipctool-clean.service, run by systemd with all of its sandbox: it removes what it should and nothing else, and each
# of its capabilities is needed. The manager is root's own (`systemd --user`): one for a system has to be process 1, and in a pid
# namespace of its own nothing could be proven. Objects live in ipc, network and mount namespaces of their own.
set -u

skip() {
	echo "skipped: $*"
	exit 77
}

systemd=/usr/lib/systemd/systemd
[[ -x $systemd ]] || systemd=/lib/systemd/systemd

# A control group of its own: what the manager makes and starts ends with it.
outside() {
	local hierarchy group queues='' status
	[[ $(id -u) -eq 0 ]] || skip "needs root"
	[[ -x $systemd ]] || skip "systemd is not installed"
	[[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]] || skip "not in the initial pid namespace"
	unshare --ipc --net --mount --cgroup true 2>/dev/null || skip "no fresh namespaces here"
	hierarchy=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[[ -n $hierarchy ]] || skip "no control groups (cgroup2)"
	group=$hierarchy$(sed -n 's/^0:://p' /proc/self/cgroup)/ipctool-service.$$
	mkdir "$group" 2>/dev/null || skip "no control group can be made"
	mkdir /dev/mqueue 2>/dev/null && queues=/dev/mqueue
	(
		echo "$BASHPID" >"$group/cgroup.procs" &&
			exec unshare --ipc --net --mount --cgroup --propagation private "$0" inside
	)
	status=$?
	until grep -qx 'populated 0' "$group/cgroup.events"; do
		find "$group" -name cgroup.procs -exec cat {} + | while read -r pid; do
			kill -KILL "$pid" 2>/dev/null
		done
		sleep 0.01
	done
	find "$group" -depth -type d -exec rmdir {} +
	[[ -z $queues ]] || rmdir $queues
	exit $status
}

[[ ${1-} == inside ]] || outside

# ---- a host of its own -----------------------------------------------------------------------------------------------

mount -t tmpfs -o mode=755 none /run || exit 1
# What the unit runs may be neither in a home directory nor below /tmp.
here=/run/test units=/run/test/units systemctl=(systemctl --user)
mkdir -p $units $here/home /run/systemd/system
cp "$BUILD_DIR"/libipctool.so* "$IPCTOOL" "$MKIPC" "$BUILD_DIR/packaging/ipctool-clean.service" \
	"$SOURCE_DIR"/tests/e2e/service*.bash $here/ || exit 1
for place in /dev/shm /tmp /var/tmp; do
	mount -t tmpfs -o mode=1777 none $place || exit 1
done
mount -t mqueue none /dev/mqueue || exit 1
umount -l -R /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 none /sys/fs/cgroup || exit 1

export XDG_RUNTIME_DIR=/run HOME=$here/home SYSTEMD_UNIT_PATH=$units SYSTEMD_LOG_TARGET=console
unset DBUS_SESSION_BUS_ADDRESS XDG_CONFIG_HOME XDG_STATE_HOME
for unit in default.target basic.target shutdown.target; do
	printf '[Unit]\nDescription=Nothing\n' >$units/$unit
done
. $here/service.bash
install_unit

"$systemd" --user >$here/manager.log 2>&1 &
manager=$!
for ((tries = 0; tries < 1000; tries++)); do
	systemctl --user is-system-running >/dev/null 2>&1 && break
	kill -0 $manager 2>/dev/null || break
	sleep 0.01
done
systemctl --user show -P Version >/dev/null 2>&1 || { cat $here/manager.log; skip "systemd does not run here"; }

used
. $here/service-checks.bash
kill -KILL $manager
release
exit $failed
