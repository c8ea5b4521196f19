#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [VERSION]: boots one of Debian's kernels (5.10, 6.1, 6.12; default 6.1) in qemu, runs tests/vm/init there, which
# reads tests/vm/change and tests/vm/dump, and judges what they bring back (check.py, change.py). Emulated, so that it needs
# neither /dev/kvm nor privileges. Programs come from $IPCTOOL_BUILD (default: build/) or from $IPCTOOL and $MKIPC. Exit 77:
# something that it needs is missing.
# IPCTOOL_VM_KEEP=DIR keeps what came back.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=${1:-6.1}
: "${IPCTOOL_BUILD:=$here/../../build}"
: "${IPCTOOL:=$IPCTOOL_BUILD/ipctool}"
: "${MKIPC:=$IPCTOOL_BUILD/tests/fixtures/mkipc}"

skip() {
	echo "skipped: $*"
	exit 77
}

[ "$(uname -m)" = x86_64 ] || skip "programs for $(uname -m) do not run on an x86-64 kernel"
for command in qemu-system-x86_64 busybox python3 ldd; do
	command -v $command >/dev/null || skip "$command is missing"
done
# In the guest nothing else is there: busybox must not need a library, and it must have the parts that are used.
busybox=$(command -v busybox)
if ldd "$busybox" >/dev/null 2>&1; then
	skip "$busybox is not static (package busybox-static)"
fi
kernel=$("$here/kernel.sh" "$version") || {
	status=$?
	[ $status -ne 77 ] || skip "kernel $version cannot be had"
	exit $status
}
release=$(ls "$kernel/lib/modules")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# ---- the guest's files ----------------------------------------------------------------------------------

root=$work/root
for folder in bin sbin etc proc sys dev run tmp var/tmp; do
	mkdir -p "$root/$folder"
done
chmod 1777 "$root/tmp" "$root/var/tmp"
cp "$busybox" "$root/bin/busybox"
ln -s /bin/busybox "$root/bin/sh"
ln -s /bin/busybox "$root/sbin/modprobe"
cp "$here/init" "$root/init"
cp "$here/change" "$here/dump" "$root/"
cp "$IPCTOOL" "$root/bin/ipctool"
cp "$MKIPC" "$root/bin/mkipc"
printf '%s\n' root:x:0:0:root:/:/bin/sh user:x:1000:1000:user:/:/bin/sh \
	gone:x:4242:4242:gone:/:/bin/sh >"$root/etc/passwd"
printf '%s\n' root:x:0: user:x:1000: gone:x:4242: >"$root/etc/group"

# "NAME => /path (address)" and "/lib64/ld-linux-x86-64.so.2 (address)": each to the place where it is looked for.
{ ldd "$IPCTOOL"; ldd "$MKIPC"; } | sed -n 's/^.*=> \(\/.*\) (0x.*$/\1/p; s/^[[:space:]]*\(\/.*\) (0x.*$/\1/p' |
	sort -u |
	while read -r library; do
		case $library in
		"$IPCTOOL_BUILD"/* | */libipctool.so.*) place=/lib/x86_64-linux-gnu ;;
		*) place=$(dirname "$library") ;;
		esac
		mkdir -p "$root$place"
		cp -L "$library" "$root$place/"
	done

# Modules with what they depend on; those that this kernel does not have, or has built in, are not in modules.dep.
modules=/lib/modules/$release
mkdir -p "$root$modules"
cp "$kernel$modules"/modules.* "$root$modules/"
awk -F '[: ]+' '
	BEGIN {
		split("inet_diag tcp_diag udp_diag raw_diag unix_diag netlink_diag af_packet_diag mptcp_diag xsk_diag sctp" \
		      " sctp_diag dccp dccp_ipv4 dccp_ipv6 dccp_diag vsock vsock_diag vsock_loopback" \
		      " crc32c_generic crc32c-intel", names, " ")
		for (i in names)
			wanted[names[i]]
	}
	{
		name = $1
		sub(/.*\//, "", name)
		sub(/\.ko$/, "", name)
		if (name in wanted)
			for (i = 1; i <= NF; i++)
				if ($i != "")
					print $i
	}' "$kernel$modules/modules.dep" | sort -u |
	while read -r module; do
		mkdir -p "$root$modules/$(dirname "$module")"
		cp "$kernel$modules/$module" "$root$modules/$module"
	done

(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs"

# ---- boot, run, power off -------------------------------------------------------------------------------

# The first serial line is the console, the second brings the results back as one tar file.
started=$(date +%s)
status=0
timeout -k 5 "${IPCTOOL_VM_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg -cpu max -m 512 -nodefaults -no-user-config \
	-display none -no-reboot -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
	-append "console=ttyS0 rdinit=/init panic=-1 loglevel=4 mitigations=off" \
	-serial "file:$work/console" -serial "file:$work/results.tar" </dev/null || status=$?
mkdir "$work/results"
if [ $status -ne 0 ] || ! tar -x -f "$work/results.tar" -C "$work/results" 2>/dev/null; then
	echo "the guest (kernel $release) brought back nothing; qemu's status: $status; its console:"
	tail -n 40 "$work/console"
	exit 1
fi
[ -z "${IPCTOOL_VM_KEEP-}" ] || cp -R "$work/results" "$work/console" "$IPCTOOL_VM_KEEP/"
echo "kernel $release: $(($(date +%s) - started)) s from power on to power off"
python3 -B "$here/check.py" "$work/results" "$version"
