#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers at work (PostgreSQL, nginx, dbus-daemon) while everything is allowed to `clean --apply`: nothing of theirs goes, and
# they answer. Killed, they leave garbage, which goes; and PostgreSQL starts again with its data.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
. "$here/servers.bash"
for command in python3 jq setpriv psql; do
	command -v $command >/dev/null || skip "$command is not installed"
done
[[ -n $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null) || -n $(command -v postgres) ]] ||
	skip "PostgreSQL is not installed"
enter_private

failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}

trap end_descendants EXIT

mkdir /run/no-policies
chmod 755 /run/no-policies
run() {
	local status=0
	"$IPCTOOL" clean --apply --min-age 0 --no-syslog --policy-dir /run/no-policies --json "$@" \
		>/run/last 2>/run/last.error </dev/null || status=$?
	# 3: another process of the host has just ended, and a namespace with it
	((status == 0 || status == 3)) || wrong "clean $*: status $status: $(<"/run/last.error")"
	echo "clean --apply $*: $(jq -r '[.objects[].result] | group_by(.) | map("\(length) \(.[0])") | join(", ")' /run/last)"
}

inventory() {
	awk 'FNR > 1 { print FILENAME, $1, $2, $8, $14 }' /proc/sysvipc/{shm,sem,msg}
	find /dev/shm /tmp /run \( -type s -o -type p -o -path '/dev/shm/*' \) -printf '%i %p\n' | sort
}

answers() {
	local query="select count(*) from pg_class; create temporary table x as select generate_series(1, 10000) i; select sum(i) from x"
	[[ $("${client[@]}" -c "$query" | tail -n 1) == 50005000 ]] || wrong "$1: PostgreSQL does not answer"
	if [[ -S /run/bus ]]; then
		DBUS_SESSION_BUS_ADDRESS=unix:path=/run/bus dbus-send --session --print-reply=literal \
			--dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.GetId >/dev/null ||
			wrong "$1: dbus-daemon does not answer"
	fi
	[[ ! -S /run/nginx.sock ]] || python3 - <<'PYTHON' || wrong "$1: nginx does not answer"
import socket
client = socket.socket(socket.AF_UNIX)
client.connect("/run/nginx.sock")
client.sendall(b"GET / HTTP/1.0\r\n\r\n")
assert client.recv(100).startswith(b"HTTP/1.1")
PYTHON
}

# Here, so that its variables are known to answers().
bin=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | tail -n 1)
[[ -n $bin ]] || bin=$(dirname "$(command -v postgres)")
client=("$bin/psql" -h /tmp -d postgres -U nobody -qAt)
start_postgresql || exit 1
start_dbus
start_nginx
"${client[@]}" -c "set max_parallel_workers_per_gather = 4; set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;
	create table big as select generate_series(1, 100000) i; analyze big" || wrong "no table"

# ---- at work ------------------------------------------------------------------------------------------------------------

# garbage OWNER
garbage() {
	python3 - "$1" <<'PYTHON'
import ctypes, os, pwd, sys
libc = ctypes.CDLL(None, use_errno=True)
if os.fork() == 0:
    os._exit(libc.shmget(0, ctypes.c_size_t(4096), 0o1600) < 0)
os.wait()
with open("/dev/shm/forgotten", "w") as file:
    os.fchown(file.fileno(), pwd.getpwnam(sys.argv[1]).pw_uid, -1)
PYTHON
}

before=$(inventory)
for owner in nobody root; do
	garbage "$owner"
	run --include suspect,idle --owner "$owner"
	run
	[[ ! -e /dev/shm/forgotten ]] || wrong "memory that nobody uses was left"
	after=$(inventory)
	[[ $after == "$before" ]] || wrong "clean --owner $owner changed more than its garbage: $(diff <(echo "$before") <(echo "$after"))"
	answers "after clean --owner $owner"
done
echo "$(grep -c . <<<"$before") objects of servers at work, all there"

# ---- killed ---------------------------------------------------------------------------------------------------------------

postmaster=$(head -n 1 /tmp/postgresql/postmaster.pid)
segments=$(awk 'FNR > 1 { print $2 }' /proc/sysvipc/shm)
[[ -n $segments ]] || wrong "PostgreSQL has no System V segment"
all=("$postmaster" $(descendants "$postmaster"))
kill -KILL "${all[@]}"
for pid in "${all[@]}"; do
	await "the end of process $pid" eval '[[ ! -e /proc/'"$pid"' ]]'
done
run
for segment in $segments; do
	! awk '{ print $2 }' /proc/sysvipc/shm | grep -qx "$segment" ||
		wrong "the segment of PostgreSQL was left: $(jq -c --arg r "shm:$segment" '.objects[] | select(.ref == $r)' /run/last)"
done
[[ -e /tmp/postgresql/postmaster.pid && -e /tmp/.s.PGSQL.5432.lock ]] || wrong "a file that is none of ours is gone"
run --include idle --owner nobody
[[ -z $(ls /dev/shm) ]] || wrong "left in /dev/shm: $(ls /dev/shm)"
if jq -e .complete /run/last >/dev/null; then
	[[ ! -e /tmp/.s.PGSQL.5432 ]] || wrong "the socket file of PostgreSQL was left"
else
	echo "this host hides something from root: socket files were never proven to be stale"
fi

as_nobody "$bin/postgres" -D /tmp/postgresql -k /tmp -c listen_addresses= -c fsync=off >/tmp/postgresql.log 2>&1 &
await "PostgreSQL again" "${client[@]}" -c 'select 1' || { tail -n 5 /tmp/postgresql.log; exit 1; }
[[ $("${client[@]}" -c 'select count(*) from big') == 100000 ]] || wrong "its data is not there"
answers "started again"
exit $failed
