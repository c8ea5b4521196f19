# SPDX-License-Identifier: GPL-2.0-or-later
# service-checks.bash: what is tested of ipctool-clean.service, whatever systemd runs it. Sourced behind service.bash, with what is
# to stay there; sets failed. complete=1: this host hides nothing from root.

# What is only suspect or idle as well, of a user who has no process.
everything=(--include suspect,idle --owner "$owner")

both() {
	tr ' ' '\n' <<<"$*" | sed '/^$/d' | sort -u | paste -sd' '
}

# without NAMES LINE...: with these lines more in the unit, the named objects stay, besides what stays anyway.
without() {
	local names=$1 left
	shift
	garbage
	unit_with "$@"
	start_service "${everything[@]}"
	left=$(both "$(present)")
	[[ $left == "$(both "$names $unproven")" ]] ||
		wrong "$*: '$left' stays, not '$(both "$names $unproven")' (status $status): $(<"$here/output")"
	used_stays "$*"
	sweep
}

# ---- as root without a sandbox ---------------------------------------------------------------------------------------------

# A security module may hide processes from root. What that leaves in doubt is kept by the service as well, and no test.
garbage
"$here/ipctool" clean --apply --quiet $OPTIONS || wrong "root without a sandbox: status $?"
orphans_left=$(present)
"$here/ipctool" clean --apply --quiet $OPTIONS "${everything[@]}" || wrong "root without a sandbox: status $?"
unproven=$(present)
sweep
[[ -z $unproven ]] || echo "not proven on this host, because something is hidden from root: $unproven"
if [[ -n ${complete-} ]]; then
	[[ $orphans_left == "set messages fifo" ]] || wrong "root without a sandbox: '$orphans_left' are left of the orphans"
	[[ -z $unproven ]] || wrong "nothing is hidden here"
fi

# ---- the service as it is ---------------------------------------------------------------------------------------------------

garbage
unit_with
start_service
[[ $status == 0 && ! -s $here/output ]] || wrong "the service: status $status: $(<"$here/output")"
[[ $(present) == "$orphans_left" ]] || wrong "the service: '$(present)' is left, not '$orphans_left'"
start_service "${everything[@]}"
[[ $status == 0 && ! -s $here/output ]] || wrong "the service, everything: status $status: $(<"$here/output")"
[[ $(present) == "$unproven" ]] || wrong "the service, everything: '$(present)' is left, not '$unproven'"
used_stays "the service"
sweep
[[ $(stat -c '%U %a' /run/ipctool /run/ipctool/clean.lock) == $'root 755\nroot 600' ]] ||
	wrong "the lock: $(stat -c '%n %U %a' /run/ipctool /run/ipctool/clean.lock)"


# ---- less than it has ---------------------------------------------------------------------------------------------------------

without "messages socket sticky" "CapabilityBoundingSet=~CAP_SYS_PTRACE"
without "set" "CapabilityBoundingSet=~CAP_IPC_OWNER"
without "memory semaphore queue" "CapabilityBoundingSet=~CAP_LEASE"
without "messages memory semaphore queue fifo socket sticky" "CapabilityBoundingSet=~CAP_DAC_OVERRIDE"
without "sticky" "CapabilityBoundingSet=~CAP_FOWNER"
without "segment set messages fifo socket sticky" "CapabilityBoundingSet=~CAP_SYS_ADMIN"
tested="CAP_SYS_PTRACE CAP_IPC_OWNER CAP_LEASE CAP_DAC_OVERRIDE CAP_FOWNER CAP_SYS_ADMIN"
listed=$(sed -n 's/^CapabilityBoundingSet=//p' "$here/ipctool-clean.service")
[[ $(both "$tested") == "$(both "$listed")" ]] || wrong "the unit has other capabilities than those that were tried: $listed"

without "fifo socket sticky" "ReadWritePaths="
without "socket sticky" "RestrictNamespaces=yes"
without "socket sticky" "RestrictAddressFamilies=~AF_NETLINK"
without "fifo" "SystemCallFilter=~bpf"

# Where /dev/mqueue is not mounted, queues are seen through a mount that nobody else sees.
garbage
umount /dev/mqueue
unit_with "SystemCallFilter=~fsopen"
start_service "${everything[@]}"
mount -t mqueue none /dev/mqueue
[[ " $(present) " == *" queue "* ]] || wrong "without fsopen(): the queue is gone"
umount /dev/mqueue
unit_with
start_service "${everything[@]}"
mount -t mqueue none /dev/mqueue
[[ " $(present) " != *" queue "* ]] || wrong "without /dev/mqueue: the queue stays: $(<"$here/output")"
used_stays "without /dev/mqueue"
sweep

# ---- what must not be added -----------------------------------------------------------------------------------------------------

without "fifo socket sticky" "PrivateTmp=yes"
without "segment set messages queue" "PrivateIPC=yes"
