# SPDX-License-Identifier: GPL-2.0-or-later
# private.bash: a place where everything can be proven and cleaned: objects in ipc, mount and network namespaces of their own, while
# the processes stay those of the host. Nothing else belongs to these namespaces, so `clean --apply` may be let loose there.
# Sourced after set -u; IPCTOOL, MKIPC and so on come from ctest.

skip() {
	echo "skipped: $*"
	exit 77
}

# Each directory of objects is a fresh one; where the programs and tests are is shown in it again.
hide_directories() {
	local place keep number=0 kept=()
	mount -t tmpfs -o mode=1777 none /dev/shm || exit 1
	for keep in "$SOURCE_DIR" "$BUILD_DIR" "$@"; do
		mkdir "/dev/shm/keep.$number" && mount --rbind "$keep" "/dev/shm/keep.$number" || exit 1
		kept+=("$keep")
		((++number))
	done
	for place in /tmp /var/tmp /run; do
		mount -t tmpfs -o mode=1777 none "$place" || exit 1
	done
	for keep in "${!kept[@]}"; do
		mkdir -p "${kept[keep]}" && mount --move "/dev/shm/keep.$keep" "${kept[keep]}" &&
			rmdir "/dev/shm/keep.$keep" || exit 1
	done
	ip link set lo up 2>/dev/null || :
}

# enter_private [DIRECTORY TO KEEP]...: begins the calling script again in such a place; returns there.
enter_private() {
	if [[ ${IPCTOOL_PRIVATE-} == "$$" ]]; then
		unset IPCTOOL_PRIVATE
		hide_directories "$@"
		return
	fi
	[[ $(id -u) -eq 0 ]] || skip "needs root"
	[[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]] || skip "not in the initial pid namespace"
	unshare --ipc --net --mount --propagation private true 2>/dev/null || skip "no fresh namespaces here"
	# exec keeps the number of the process, by which the script knows itself.
	IPCTOOL_PRIVATE=$$ exec unshare --ipc --net --mount --propagation private "$0" "${arguments[@]}"
}

# One process that even root is not shown would be a reason to keep everything. After enter_private.
show_all_processes() {
	readlink /proc/1/ns/net >/dev/null || mount --bind "/proc/$$" /proc/1 || skip "not all processes can be seen"
}

# In memory inodes count from 1, and a socket of somebody else's fresh file system with the same number is a doubt: be far off.
use_far_inodes() {
	mkdir /run/far && (cd /run/far && seq $((20000 + RANDOM)) | xargs touch) && rm -r /run/far || exit 1
}

# Whoever was started by process $1, with all that came of it.
descendants() {
	local child
	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}

# For the end of a script that starts servers.
end_descendants() {
	exec 2>/dev/null
	kill -KILL $(descendants $$)
	wait
}
