#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `create sock:/path -- SERVER` with a real server that takes its socket by LISTEN_FDS: dbus-daemon. Clients talk to it; the file is
# there as long as the server runs, and gone when it has ended, also by SIGKILL.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"

case ${1-start} in
start)
	command -v dbus-daemon >/dev/null && command -v dbus-send >/dev/null || skip "dbus-daemon or dbus-send is not installed"
	in_sandbox -- "$0" inside
	status=$?
	[[ $status -ne 77 ]] || skip "no fresh namespaces here"
	exit $status
	;;
inside) ;;
esac

bus=/run/bus.sock
exec {never}<> <(:)

cat >/tmp/bus.conf <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>systemd:</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow own="*"/><allow eavesdrop="true"/></policy>
</busconfig>
END

fail() {
	echo "FAILED: $*"
	sed 's/^/    /' /tmp/server.log
	exit 1
}

eventually() {
	local deadline=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		read -r -t 0.05 -u "$never" || :
	done
}

call() {
	DBUS_SESSION_BUS_ADDRESS=unix:path=$bus timeout 20 dbus-send --session --print-reply=literal \
		--dest=org.freedesktop.DBus /org/freedesktop/DBus "org.freedesktop.DBus.$@"
}

guardian_gone() {
	! grep -qsx ipctool-guard /proc/[0-9]*/comm
}

for signal in TERM KILL; do
	"$IPCTOOL" create "sock:$bus" --mode 0600 -- \
		dbus-daemon --config-file=/tmp/bus.conf --nofork --nopidfile >/tmp/server.log 2>&1 &
	server=$!
	# From the moment that the file is there somebody listens; who comes before the server runs waits for it.
	eventually test -S $bus || fail "there is no $bus"
	call GetId >/tmp/id || fail "the server does not answer"
	grep -q '[0-9a-f]\{32\}' /tmp/id || fail "this is no id of a bus: $(</tmp/id)"
	[[ $(call GetConnectionUnixProcessID string:org.freedesktop.DBus) == *" $server" ]] ||
		fail "it is not process $server that answers"
	[[ $(</proc/$server/comm) == dbus-daemon ]] || fail "process $server is not the server"
	[[ $(stat -c %a $bus) == 600 ]] || fail "the mode is $(stat -c %a $bus)"
	"$IPCTOOL" show --json "sock:$bus" | grep -q "\"pid\": $server," || fail "the server does not hold its socket"
	kill -$signal $server
	wait $server 2>/dev/null
	eventually test ! -e $bus || fail "$bus is left after SIG$signal"
	eventually guardian_gone || fail "the guardian is left after SIG$signal"
	call GetId >/dev/null 2>&1 && fail "somebody answers after SIG$signal"
	echo "$(dbus-daemon --version | head -n 1): served on $bus, ended by SIG$signal, nothing left"
done
exit 0
