# SPDX-License-Identifier: GPL-2.0-or-later
# servers.bash: real servers for the tests in e2e, run inside the sandbox as nobody; one that is not installed is said and left out.

as_nobody() {
	setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all -- "$@"
}

# await WHAT CONDITION...: at most 20 seconds.
await() {
	local deadline=$((SECONDS + 20))
	until "${@:2}" >/dev/null 2>&1; do
		if ((SECONDS >= deadline)); then
			echo "$1 did not start"
			return 1
		fi
		sleep 0.05
	done
}

# System V and POSIX shared memory, unnamed semaphores, unix sockets, tcp, pipes; two sessions, one waiting for the other.
start_postgresql() {
	local bin data=/tmp/postgresql client
	bin=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | tail -n 1)
	[[ -n $bin ]] || bin=$(dirname "$(command -v postgres 2>/dev/null)" 2>/dev/null)
	if [[ ! -x $bin/postgres ]]; then
		echo "postgresql: not installed"
		return
	fi
	client=("$bin/psql" -h /tmp -d postgres -U nobody -qAt)
	install -d -o nobody -m 700 "$data"
	as_nobody "$bin/initdb" -D "$data" -A trust -U nobody --no-sync --locale=C >/tmp/initdb.log 2>&1 || { tail /tmp/initdb.log; return 1; }
	as_nobody "$bin/postgres" -D "$data" -k /tmp -c listen_addresses=127.0.0.1 -c fsync=off >/tmp/postgresql.log 2>&1 &
	await postgresql "${client[@]}" -c 'select 1' || { tail /tmp/postgresql.log; return 1; }
	"${client[@]}" -c 'create table t (i int)'
	"${client[@]}" -c 'begin; lock table t; select pg_sleep(1000)' >/dev/null 2>&1 &
	await "a session with a lock" postgresql_has "granted" || return
	"${client[@]}" -c 'select * from t' >/dev/null 2>&1 &
	await "a session that waits" postgresql_has "not granted" || return
	"$bin/psql" -h 127.0.0.1 -d postgres -U nobody -qAt -c 'select pg_sleep(1000)' >/dev/null 2>&1 &
	echo "postgresql: $("${client[@]}" -c 'show server_version')"
}

postgresql_has() {
	[[ $("${client[@]}" -c "select count(*) from pg_locks where relation = 't'::regclass and $1") != 0 ]]
}

start_dbus() {
	if ! command -v dbus-daemon >/dev/null; then
		echo "dbus-daemon: not installed"
		return
	fi
	printf '%s\n' '<busconfig><listen>unix:path=/run/bus</listen><policy context="default"><allow own="*"/>' \
		'<allow send_destination="*"/><allow eavesdrop="true"/></policy></busconfig>' >/tmp/bus.conf
	dbus-daemon --config-file=/tmp/bus.conf --nofork --nopidfile >/tmp/dbus.log 2>&1 &
	await dbus-daemon test -S /run/bus || { cat /tmp/dbus.log; return 1; }
	if command -v dbus-monitor >/dev/null; then
		dbus-monitor --address unix:path=/run/bus >/dev/null 2>&1 &
	fi
	echo "dbus-daemon: $(dbus-daemon --version | head -n 1)"
}

start_nginx() {
	if ! command -v nginx >/dev/null; then
		echo "nginx: not installed"
		return
	fi
	printf '%s\n' 'daemon off; pid /tmp/nginx.pid; error_log /tmp/nginx.log; worker_processes 2; events {}' \
		'http { access_log off; server { listen 127.0.0.1:8080 reuseport; listen unix:/run/nginx.sock; } }' >/tmp/nginx.conf
	nginx -c /tmp/nginx.conf >/dev/null 2>&1 &
	await nginx test -S /run/nginx.sock || { cat /tmp/nginx.log; return 1; }
	echo "nginx: $(nginx -v 2>&1)"
}

start_redis() {
	if ! command -v redis-server >/dev/null; then
		echo "redis-server: not installed"
		return
	fi
	as_nobody redis-server --port 6379 --bind 127.0.0.1 --unixsocket /tmp/redis.sock --save '' --dir /tmp >/tmp/redis.log 2>&1 &
	await redis-server test -S /tmp/redis.sock || { cat /tmp/redis.log; return 1; }
	echo "redis-server: $(redis-server --version)"
}

start_tmux() {
	if ! command -v tmux >/dev/null; then
		echo "tmux: not installed"
		return
	fi
	as_nobody tmux -S /tmp/tmux.sock -f /dev/null new-session -d 'cat | sort' || return 1
	echo "tmux: $(tmux -V)"
}

start_servers() {
	start_postgresql && start_dbus && start_nginx && start_redis && start_tmux
}
