# SPDX-License-Identifier: GPL-2.0-or-later
# service.bash: what the tests of ipctool-clean.service share: objects that go and objects that stay, and the unit run with less
# than it has. Sourced after set -u, with $here (programs and scratch files), $units (where drop-ins are read) and the array
# systemctl.

owner=54321 # of what is left behind; has no process
other=54322 # has some
failed=0

wrong() {
	echo "$*"
	failed=1
}

# ---- objects ---------------------------------------------------------------------------------------------------------

holding=()
within=()
exec {open}<> <(:)

# hold UID KIND [KEY=VALUE]...: an object of mkipc, which holds it to the end
hold() {
	local uid=$1 made=$here/made
	shift
	: >"$made"
	"${within[@]}" setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all -- "$here/mkipc" "$@" <&"$open" >"$made" &
	holding+=($!)
	until [[ -s $made ]]; do
		kill -0 $! 2>/dev/null || { echo "mkipc $* failed"; exit 1; }
		sleep 0.01
	done
}

# The same, left behind by processes that were killed.
leave() {
	local pid
	hold "$@"
	pid=${holding[-1]}
	unset 'holding[-1]'
	pkill -KILL -P "$pid"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
}

release() {
	((${#holding[@]})) || return 0
	kill "${holding[@]}" 2>/dev/null
	wait "${holding[@]}" 2>/dev/null
	holding=()
}

# What is to go: one for each capability and way.
garbage() {
	mkdir -p /tmp/private /tmp/sticky
	chown $owner /tmp/private && chmod 700 /tmp/private
	chown $other /tmp/sticky && chmod 1777 /tmp/sticky
	leave $owner shm-sysv key=0x5001 mode=600
	leave $owner sem-sysv key=0x5002 values=1 mode=600 dead_user=1
	leave $owner mq-sysv key=0x5003 messages=1 mode=600 dead_user=1
	leave $owner shm-posix name=/left mode=600 fd=0
	leave $owner sem-posix name=left mode=600
	leave $owner mq-posix name=/left mode=600
	leave $owner fifo path=/tmp/private/fifo
	leave $owner unix path=/tmp/private/socket stale=1
	leave $owner unix path=/tmp/sticky/socket stale=1
}

sweep() {
	ipcrm -M 0x5001 -S 0x5002 -Q 0x5003 2>/dev/null
	rm -f /dev/shm/left /dev/shm/sem.left /dev/mqueue/left /tmp/private/* /tmp/sticky/*
}

# The names of garbage that is there.
present() {
	local all=()
	! ipcs -m | grep -q '^0x00005001 ' || all+=(segment)
	! ipcs -s | grep -q '^0x00005002 ' || all+=(set)
	! ipcs -q | grep -q '^0x00005003 ' || all+=(messages)
	[[ ! -e /dev/shm/left ]] || all+=(memory)
	[[ ! -e /dev/shm/sem.left ]] || all+=(semaphore)
	[[ ! -e /dev/mqueue/left ]] || all+=(queue)
	[[ ! -e /tmp/private/fifo ]] || all+=(fifo)
	[[ ! -e /tmp/private/socket ]] || all+=(socket)
	[[ ! -e /tmp/sticky/socket ]] || all+=(sticky)
	echo "${all[*]}"
}

# What is to stay: in use, or perhaps used again by somebody who is there.
used() {
	hold $other shm-sysv key=0x6001 attach=1
	hold $other shm-posix name=/held
	hold $other shm-posix name=/idle fd=0
	hold $other sem-posix name=held
	hold $other mq-posix name=/held
	hold $other fifo path=/tmp/waits blocked=r
	hold $other fifo path=/tmp/held open=r
	hold $other fifo path=/tmp/idle
	within=(unshare --net)
	hold 0 unix path=/tmp/elsewhere listen=1
	within=()
}

used_stays() {
	local path
	for path in /dev/shm/held /dev/shm/idle /dev/shm/sem.held /dev/mqueue/held /tmp/waits /tmp/held /tmp/idle /tmp/elsewhere; do
		[[ -e $path ]] || wrong "$1: $path is gone"
	done
	ipcs -m | grep -q '^0x00006001 ' || wrong "$1: the segment that is attached is gone"
}

# ---- the service -------------------------------------------------------------------------------------------------------

install_unit() {
	mkdir -p "$units/ipctool-clean.service.d" "$here/policy"
	sed -e "s|^ExecStart=[^ ]*|ExecStart=$here/ipctool|" -e "s|^EnvironmentFile=.*|EnvironmentFile=$here/clean.env|" \
		"$here/ipctool-clean.service" >"$units/ipctool-clean.service"
}

# unit_with LINE...: what it has besides; none: nothing.
unit_with() {
	{
		echo '[Service]'
		echo "StandardOutput=append:$here/output"
		echo "StandardError=append:$here/output"
		printf '%s\n' "$@"
	} >"$units/ipctool-clean.service.d/test.conf"
	"${systemctl[@]}" daemon-reload
}

OPTIONS="--min-age 0 --policy-dir $here/policy"

# start OPTION...: the service; its status is in $status, what it printed in $here/output.
start_service() {
	: >"$here/output"
	echo "CLEAN_OPTIONS=$OPTIONS $*" >"$here/clean.env"
	"${systemctl[@]}" start ipctool-clean.service 2>>"$here/output"
	status=$("${systemctl[@]}" show -P ExecMainStatus ipctool-clean.service)
	"${systemctl[@]}" reset-failed ipctool-clean.service 2>/dev/null
}

# As from the timer; then what is only suspect or idle as well, of a user who has no process.
clean_all() {
	start_service
	start_service --include suspect,idle --owner $owner
}
