#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kernel.sh VERSION: gets one of Debian's kernels and prints the directory that has it: vmlinuz and
# lib/modules/RELEASE. Nothing is installed and the system's package lists are not touched: apt reads a configuration of
# its own in the cache, ${XDG_CACHE_HOME:-~/.cache}/ipctool-vm. IPCTOOL_VM_MIRROR names another archive than
# deb.debian.org. 77: not to be had.
set -eu

skip() {
	echo "kernel.sh: $*" >&2
	exit 77
}

version=$1
case $version in
5.10) suite=bullseye ;;
6.1) suite=bookworm ;;
6.12) suite=bookworm-backports ;;
*)
	echo "kernel.sh: no kernel $version: 5.10, 6.1 or 6.12" >&2
	exit 1
	;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipctool-vm
kernel=$cache/$version
if [ -e "$kernel/vmlinuz" ]; then
	echo "$kernel"
	exit
fi

for command in apt-get apt-cache dpkg-deb busybox; do
	command -v $command >/dev/null || skip "$command is missing"
done
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e $keys ] || skip "$keys is missing (package debian-archive-keyring)"

mkdir -p "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/tree"
mirror=${IPCTOOL_VM_MIRROR:-http://deb.debian.org/debian}
echo "deb [arch=amd64 signed-by=$keys] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$work/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$work";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "2";
END
export APT_CONFIG="$work/apt.conf"

# apt-get update succeeds when nothing answers, unless it is told that every error counts.
apt-get -q -q --error-on=any update >&2 || skip "the archive of $suite cannot be reached"
package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
[ -n "$package" ] || skip "$suite has no linux-image-amd64"
case $package in
"linux-image-$version"[.-]*) ;;
*) skip "$suite has $package, not $version" ;;
esac
(cd "$work" && apt-get -q -q download "$package") >&2 || skip "$package cannot be downloaded"

# Of 400 MB of modules only those of sockets and of what they depend on.
dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -x -C "$work/tree" --wildcards --no-anchored \
	'./boot/vmlinuz-*' './lib/modules/*/modules.*' './lib/modules/*/kernel/net/*' './lib/modules/*/kernel/lib/*' \
	'./lib/modules/*/kernel/crypto/*' './lib/modules/*/kernel/arch/x86/crypto/*'
release=$(ls "$work/tree/lib/modules")
# Newer packages compress modules; uncompressed, the guest needs no decompressor.
find "$work/tree/lib/modules" -name '*.ko.xz' -exec busybox unxz {} +
busybox depmod -b "$work/tree" "$release"
mv "$work/tree/boot/vmlinuz-$release" "$work/tree/vmlinuz"
rmdir "$work/tree/boot"
# Another run may have been faster.
mv -T "$work/tree" "$kernel" 2>/dev/null || [ -e "$kernel/vmlinuz" ]
echo "$kernel"
