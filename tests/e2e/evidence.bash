# SPDX-License-Identifier: GPL-2.0-or-later
# evidence.bash: what the tests share that prove that looking leaves everything as it was: the kernel's evidence, to be compared
# before and after, and the system calls that were made. Sourced after set -u; `status` is set to 1 when something is wrong.
# Files that are not evidence belong into /tmp/look.

# Processes to be looked at besides those of mkipc.
watched=()

evidence() {
	local pid path
	head -v -n -0 /proc/sysvipc/*
	ipcs -m -t; ipcs -m -p; ipcs -q -t; ipcs -q -p; ipcs -s -t
	echo "== files"
	find /dev/shm /run /tmp /var/tmp ! -type d ! -name 'fixture.*' ! -path '/tmp/look/*' ! -path "$BUILD_DIR/*" \
		-printf '%y %i %m %u %s %A@ %T@ %C@ %p\n' | sort
	for path in /dev/mqueue/*; do
		[[ -f $path ]] && stat -c '%n %i %a %u %Y' "$path" && cat "$path"
	done
	echo "== mounts"; cat /proc/self/mountinfo
	echo "== modules"; cut -d' ' -f1 /proc/modules 2>/dev/null
	echo "== sockets"
	# Queues, but no timers and no reference counts.
	awk '{ print FILENAME, $2, $3, $4, $5, $10 }' /proc/net/tcp /proc/net/tcp6
	awk '{ print FILENAME, $2, $3, $4, $5, $10, $13 }' /proc/net/udp /proc/net/udp6 /proc/net/raw /proc/net/raw6
	cut -d' ' -f4- /proc/net/unix | sort
	awk '{ print FILENAME, $3, $4, $NF }' /proc/net/packet
	awk '$3 != 0 { print FILENAME, $2, $3, $4, $5, $6, $9, $10 }' /proc/net/netlink
	echo "== processes"
	for pid in $(pgrep -P "$$" mkipc) $(pgrep -P "$(pgrep -d, -P "$$" mkipc)") "${watched[@]}"; do
		echo "$pid $(cut -d' ' -f1 "/proc/$pid/syscall") $(cat "/proc/$pid/wchan") $(ls "/proc/$pid/fd" | tr '\n' ' ')"
		grep -E '^(State|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|TracerPid)' "/proc/$pid/status"
		cut -d' ' -f1,2,5- "/proc/$pid/maps"
	done
}

# calls_of COMMAND ARGUMENT...: the calls that `COMMAND ARGUMENT... IPCTOOL` makes, where COMMAND puts more behind. Their file
# descriptors are told with what they are. False where there is no strace.
calls_of() {
	if ! strace -o /dev/null true 2>/dev/null; then
		echo "strace is not installed or not permitted: the calls were not looked at"
		return 1
	fi
	"$@" strace -f -qq -yy -A -o /tmp/look/calls "$IPCTOOL" >/dev/null 2>&1 </dev/null
	# A process number, a call and its arguments; what strace cannot know by name begins with "syscall_".
	sed -E 's/^[0-9]+ +//' /tmp/look/calls | grep -vE '^(\+\+\+|---|<\.\.\.)' | sort -u >/tmp/look/sorted
}

name_calls() {
	local calls
	calls=$(cut -d'(' -f1 /tmp/look/sorted | sort -u)
	echo "$(wc -l <<<"$calls") different calls:" $calls
}

# forbidden WHY PATTERN [EXCEPT]
forbidden() {
	local found
	found=$(grep -E "$2" /tmp/look/sorted | grep -vE "${3-^$}" | cut -c1-200 | head -n 5)
	[[ -z $found ]] && return
	printf '%s:\n%s\n' "$1" "$found"
	status=1
}
