#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [VERSION]: boots one of Debian's kernels (5.10, 6.1, 6.12; default 6.1) in qemu, runs tests/vm/init there, which
# reads tests/vm/change and tests/vm/dump, and judges what they bring back (check.py, change.py). Programs come from $IPCTOOL_BUILD
# (default: build/) or from $IPCTOOL and $MKIPC. guest.sh has the rest.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=${1:-6.1}
: "${IPCTOOL_BUILD:=$here/../../build}"
: "${IPCTOOL:=$IPCTOOL_BUILD/ipctool}"
: "${MKIPC:=$IPCTOOL_BUILD/tests/fixtures/mkipc}"
. "$here/guest.sh"

guest_begin "$version"
cp "$here/init" "$root/init"
cp "$here/change" "$here/dump" "$root/"
cp "$IPCTOOL" "$root/bin/ipctool"
cp "$MKIPC" "$root/bin/mkipc"
printf '%s\n' root:x:0:0:root:/:/bin/sh user:x:1000:1000:user:/:/bin/sh \
	gone:x:4242:4242:gone:/:/bin/sh >"$root/etc/passwd"
printf '%s\n' root:x:0: user:x:1000: gone:x:4242: >"$root/etc/group"
guest_libraries "$IPCTOOL" "$MKIPC"
guest_modules inet_diag tcp_diag udp_diag raw_diag unix_diag netlink_diag af_packet_diag mptcp_diag xsk_diag sctp \
	sctp_diag dccp dccp_ipv4 dccp_ipv6 dccp_diag vsock vsock_diag vsock_loopback crc32c_generic crc32c-intel

guest_boot
python3 -B "$here/check.py" "$results" "$version"
