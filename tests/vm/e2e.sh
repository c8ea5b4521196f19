#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# e2e.sh VERSION TEST...: boots one of Debian's kernels (kernel.sh) in qemu and runs tests of tests/e2e there, where root is shown
# everything and no other process interferes. TEST is a file of tests/e2e or a program; what it writes is written here, and its
# status is that of this. The programs of this host that tests use are copied into the guest. E2E_PASS names variables that are
# handed on to the tests. Exit 77: something is missing.
set -u

here=$(cd "$(dirname "$0")" && pwd)
version=$1
shift

skip() {
	echo "skipped: $*"
	exit 77
}

[[ $(uname -m) == x86_64 ]] || skip "programs for $(uname -m) do not run on an x86-64 kernel"
programs=(bash jq unshare nsenter setpriv mount umount ip pgrep stat awk sed grep cat sh timeout cp find)
for command in qemu-system-x86_64 busybox python3 ldd "${programs[@]}"; do
	command -v "$command" >/dev/null || skip "$command is missing"
done
busybox=$(command -v busybox)
! ldd "$busybox" >/dev/null 2>&1 || skip "$busybox is not static (package busybox-static)"
kernel=$("$here/kernel.sh" "$version") || {
	status=$?
	((status != 77)) || skip "kernel $version cannot be had"
	exit $status
}
release=$(ls "$kernel/lib/modules")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# ---- the guest's files ----------------------------------------------------------------------------------------

root=$work/root
mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,run,tmp,var/tmp,usr/bin,usr/sbin,lib,lib64,usr/lib}
chmod 1777 "$root/tmp" "$root/var/tmp"
cp "$busybox" "$root/bin/busybox"
ln -s /bin/busybox "$root/sbin/modprobe"
printf '%s\n' root:x:0:0:root:/:/bin/bash nobody:x:65534:65534:nobody:/:/bin/sh >"$root/etc/passwd"
printf '%s\n' root:x:0: nogroup:x:65534: >"$root/etc/group"

# copy FILE...: to the same place, with the libraries that it needs
copy() {
	local file library
	for file; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
		# "NAME => /path (address)" and "/lib64/ld-linux-x86-64.so.2 (address)"
		ldd "$file" 2>/dev/null | sed -n 's/^.*=> \(\/.*\) (0x.*$/\1/p; s/^[[:space:]]*\(\/.*\) (0x.*$/\1/p'
	done | sort -u | while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		[[ -e $root$library ]] || cp -L "$library" "$root$library"
	done
}

for program in "${programs[@]}"; do
	copy "$(command -v "$program")"
done
python=$(python3 -c 'import sys; print(sys.base_prefix, f"python{sys.version_info[0]}.{sys.version_info[1]}")')
read -r prefix python <<<"$python"
copy "$prefix/bin/$python" "$prefix/lib/$python/lib-dynload/"*.so
(cd / && find "${prefix#/}/lib/$python" -maxdepth 3 -name '*.py' ! -path '*/test/*' ! -path '*/site-packages/*' \
	! -path '*/idlelib/*' ! -path '*/lib2to3/*' ! -path '*/ensurepip/*') |
	(cd / && "$busybox" cpio -o -H newc 2>/dev/null) | (cd "$root" && "$busybox" cpio -id 2>/dev/null)
ln -sf "$prefix/bin/$python" "$root/usr/bin/python3"
ln -sf "$(command -v bash)" "$root/bin/bash"
# Tests look with it at what is left, where it is there.
! command -v bpftool >/dev/null || copy "$(command -v bpftool)"
copy "$IPCTOOL" "$MKIPC" "$SANDBOX" "$@"
# What ipctool loads itself ldd does not know of.
while read -r library; do
	copy "$library"
done < <(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | sed -n 's/^[[:space:]]*lib\(bpf\|smartcols\)\.so\.[0-9]* (.*x86-64.*) => //p')
mkdir -p "$root$SOURCE_DIR/tests"
cp -R "$SOURCE_DIR/tests/e2e" "$root$SOURCE_DIR/tests/"
# Modules with what they depend on.
mkdir -p "$root/lib/modules/$release"
cp "$kernel/lib/modules/$release"/modules.* "$root/lib/modules/$release/"
awk -F '[: ]+' '
	BEGIN {
		split("inet_diag tcp_diag udp_diag raw_diag unix_diag netlink_diag af_packet_diag", names, " ")
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
	}
' "$kernel/lib/modules/$release/modules.dep" | sort -u | while read -r module; do
	mkdir -p "$root/lib/modules/$release/$(dirname "$module")"
	cp "$kernel/lib/modules/$release/$module" "$root/lib/modules/$release/$module"
done

# ---- what runs there ----------------------------------------------------------------------------------------------

{
	cat <<'END'
#!/bin/busybox sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/ LC_ALL=C TZ=UTC
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t tmpfs -o mode=755 none /run
ln -s /proc/self/fd /dev/fd
ip link set lo up
stty -F /dev/ttyS1 raw -echo
exec >/dev/ttyS1 2>&1
status=0
END
	for name in IPCTOOL MKIPC SANDBOX BUILD_DIR SOURCE_DIR ${E2E_PASS-}; do
		printf 'export %s=%q\n' $name "${!name}"
	done
	for test; do
		printf 'echo "== %s"; %q; s=$?; [ $s -eq 0 ] || status=$s; echo "-- status $s"\n' "${test##*/}" "$test"
	done
	cat <<'END'
dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace|Out of memory' && status=1
echo "power off after $(cut -d ' ' -f 1 /proc/uptime) s: $status"
sync
sleep 1
poweroff -f
END
} >"$root/init"
chmod 755 "$root/init"
(cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$work/initramfs"

# ---- boot, run, power off --------------------------------------------------------------------------------------------

timeout -k 5 "${IPCTOOL_VM_TIMEOUT:-900}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nodefaults \
	-no-user-config -display none -no-reboot -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
	-append "console=ttyS0 rdinit=/init panic=-1 loglevel=4 mitigations=off" \
	-serial "file:$work/console" -serial "file:$work/out" </dev/null
tr -d '\r' <"$work/out"
grep -q '^power off after .*: 0$' "$work/out" && exit
grep -q '^power off after' "$work/out" || { echo "the guest did not end by itself; its console:"; tail -n 20 "$work/console"; }
exit 1
