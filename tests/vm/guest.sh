# SPDX-License-Identifier: GPL-2.0-or-later
# guest.sh: what scripts share that boot one of Debian's kernels in qemu: the guest's files in $root, and what it brings back in
# $results. Emulated, so that it needs neither /dev/kvm nor privileges. Sourced with $here, the directory of these files. Exit 77:
# something that it needs is missing. IPCTOOL_VM_KEEP=DIR keeps what came back.

skip() {
	echo "skipped: $*"
	exit 77
}

# guest_begin VERSION: sets kernel, release, work, root, results and busybox.
guest_begin() {
	[ "$(uname -m)" = x86_64 ] || skip "programs for $(uname -m) do not run on an x86-64 kernel"
	for command in qemu-system-x86_64 busybox python3 ldd; do
		command -v $command >/dev/null || skip "$command is missing"
	done
	# In the guest nothing else is there: busybox must not need a library, and it must have the parts that are used.
	busybox=$(command -v busybox)
	if ldd "$busybox" >/dev/null 2>&1; then
		skip "$busybox is not static (package busybox-static)"
	fi
	kernel=$("$here/kernel.sh" "$1") || {
		status=$?
		[ $status -ne 77 ] || skip "kernel $1 cannot be had"
		exit $status
	}
	release=$(ls "$kernel/lib/modules")
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM

	root=$work/root
	results=$work/results
	for folder in bin sbin etc proc sys dev run tmp var/tmp; do
		mkdir -p "$root/$folder"
	done
	chmod 1777 "$root/tmp" "$root/var/tmp"
	cp "$busybox" "$root/bin/busybox"
	ln -s /bin/busybox "$root/bin/sh"
	ln -s /bin/busybox "$root/sbin/modprobe"
}

# loaded_libraries: where those are that ipctool loads itself, so that ldd does not know of them.
loaded_libraries() {
	PATH=$PATH:/usr/sbin:/sbin ldconfig -p | sed -n 's/^[[:space:]]*lib\(bpf\|smartcols\)\.so\.[0-9]* (.*x86-64.*) => //p'
}

# guest_libraries PROGRAM...: what the dynamic linker needs for them, each at the place where it is looked for.
guest_libraries() {
	loaded=$(loaded_libraries)
	# "NAME => /path (address)" and "/lib64/ld-linux-x86-64.so.2 (address)"
	for program in "$@" $loaded; do
		ldd "$program"
		case $program in
		*.so.*) echo "$program => $program (0x)" ;;
		esac
	done | sed -n 's/^.*=> \(\/.*\) (0x.*$/\1/p; s/^[[:space:]]*\(\/.*\) (0x.*$/\1/p' |
		sort -u |
		while read -r library; do
			case $library in
			"$IPCTOOL_BUILD"/* | */libipctool.so.*) place=/lib/x86_64-linux-gnu ;;
			*) place=$(dirname "$library") ;;
			esac
			mkdir -p "$root$place"
			cp -L "$library" "$root$place/"
		done
}

# guest_modules NAME...: with what they depend on; those that this kernel does not have, or has built in, are left out.
guest_modules() {
	modules=/lib/modules/$release
	mkdir -p "$root$modules"
	cp "$kernel$modules"/modules.* "$root$modules/"
	awk -F '[: ]+' -v names="$*" '
		BEGIN {
			count = split(names, name, " ")
			for (i = 1; i <= count; i++)
				wanted[name[i]]
		}
		{
			module = $1
			sub(/.*\//, "", module)
			sub(/\.ko$/, "", module)
			if (module in wanted)
				for (i = 1; i <= NF; i++)
					if ($i != "")
						print $i
		}' "$kernel$modules/modules.dep" | sort -u |
		while read -r module; do
			mkdir -p "$root$modules/$(dirname "$module")"
			cp "$kernel$modules/$module" "$root$modules/$module"
		done
}

# guest_boot [PARAMETER]...: boots it until it powers off. The first serial line is the console, the second brings the
# results back as one tar file.
guest_boot() {
	(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs"
	started=$(date +%s)
	status=0
	timeout -k 5 "${IPCTOOL_VM_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg -cpu max -m 512 -nodefaults \
		-no-user-config -display none -no-reboot -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
		-append "console=ttyS0 rdinit=/init panic=-1 loglevel=4 mitigations=off $*" \
		-serial "file:$work/console" -serial "file:$work/results.tar" </dev/null || status=$?
	mkdir "$results"
	if [ $status -ne 0 ] || ! tar -x -f "$work/results.tar" -C "$results" 2>/dev/null; then
		echo "the guest (kernel $release) brought back nothing; qemu's status: $status; its console:"
		tail -n 40 "$work/console"
		exit 1
	fi
	[ -z "${IPCTOOL_VM_KEEP-}" ] || cp -R "$results" "$work/console" "$IPCTOOL_VM_KEEP/"
	echo "kernel $release: $(($(date +%s) - started)) s from power on to power off"
}
