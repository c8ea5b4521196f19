#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# service.sh [VERSION]: boots this machine's systemd as process 1 on one of Debian's kernels (default 6.1), where nothing is hidden
# from root, and has it run ipctool-clean.timer and ipctool-clean.service: tests/vm/service, with what tests/e2e/service.sh tests.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${IPCTOOL_BUILD:=$here/../../build}"
: "${IPCTOOL:=$IPCTOOL_BUILD/ipctool}"
: "${MKIPC:=$IPCTOOL_BUILD/tests/fixtures/mkipc}"
. "$here/guest.sh"

systemd=/usr/lib/systemd
[ -x $systemd/systemd ] || systemd=/lib/systemd
for program in bash ipcs ipcrm setpriv unshare pkill systemctl journalctl $systemd/systemd $systemd/systemd-journald; do
	command -v "$program" >/dev/null || skip "$program is missing"
done
guest_begin "${1:-6.1}"

# ---- the guest's files ----------------------------------------------------------------------------------

units="sysinit.target basic.target sockets.target timers.target paths.target slices.target local-fs.target swap.target
	shutdown.target umount.target systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket
	dev-mqueue.mount"
programs=
for program in bash ipcs ipcrm setpriv unshare pkill systemctl journalctl; do
	programs="$programs $(command -v $program)"
done
test=$root/opt/test
mkdir -p "$root/usr/lib" "$root/usr/lib64"
mv "$root/bin" "$root/sbin" "$root/usr/"
for folder in bin sbin lib lib64; do
	ln -s usr/$folder "$root/$folder"
done
mkdir -p "$test" "$root/root" "$root$systemd/system" "$root/etc/systemd/system"
for unit in $units; do
	cp "$systemd/system/$unit" "$root$systemd/system/"
done
# shellcheck disable=SC2086 # a list of words
cp -L $programs "$root/bin/"
cp $systemd/systemd $systemd/systemd-journald "$root$systemd/"
# shellcheck disable=SC2086 # a list of words
guest_libraries $programs $systemd/systemd $systemd/systemd-journald "$IPCTOOL" "$MKIPC"
cp "$IPCTOOL" "$MKIPC" "$IPCTOOL_BUILD"/packaging/ipctool-clean.* "$here/../e2e/service.bash" "$here/../e2e/service-checks.bash" "$test/"
cp "$here/service" "$test/"
cp "$here/service-init" "$root/init"
cp -R "$here/units/." "$root/etc/systemd/system/"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
echo 'ID=test' >"$root/etc/os-release"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
guest_modules unix_diag

: "${IPCTOOL_VM_TIMEOUT:=550}"
guest_boot systemd.show_status=0
cat "$results/report"
exit "$(cat "$results/status")"
