# SPDX-License-Identifier: GPL-2.0-or-later
# fixtures.bash: what the tests in e2e share: an object of every kind, servers, and running in the sandbox.
# Sourced after set -u; IPCTOOL, MKIPC and SANDBOX come from ctest.

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'

# in_sandbox [OPTION OF sandbox]... -- COMMAND: status 77 where there can be no fresh namespaces.
in_sandbox() {
	"$SANDBOX" --keep "$SOURCE_DIR" --keep "$BUILD_DIR" "$@"
}

skip() {
	echo "skipped: $*"
	exit 77
}

# fixture KIND [KEY=VALUE]...: makes it and waits until it is there. The end of the sandbox takes it away.
fixtures=0
hold=
fixture() {
	local line=/tmp/fixture.$((++fixtures)) pid
	# A pipe with nothing in it: standard input of all of them.
	[[ -n $hold ]] || exec {hold}<> <(:)
	: >"$line"
	"$MKIPC" "$@" <&"$hold" >"$line" 2>"$line.error" &
	pid=$!
	until [[ -s $line ]]; do
		if ! kill -0 "$pid" 2>/dev/null; then
			wait "$pid"
			local status=$?
			echo "$1: $(<"$line.error")"
			((status == 77)) && return
			echo "mkipc $* ended with $status"
			exit 1
		fi
		sleep 0.02
	done
}

fixtures_of_every_kind() {
	fixture pipe readers=2 writers=2 data=hello
	fixture pipe blocked=r
	fixture fifo path=/run/fifo open=rw data=hello
	fixture fifo path=/tmp/nobody
	fixture fifo path=/tmp/waits blocked=w
	fixture fifo path=/tmp/gone open=r unlinked=1
	fixture fifo path="/dev/shm/$HOSTILE" open=r
	fixture mq-sysv key=0x1001 messages=3
	fixture mq-sysv waiter=recv
	fixture mq-posix name=/jobs messages=2
	fixture mq-posix name=/empty waiter=recv
	fixture mq-posix name="/$HOSTILE" hold=0
	fixture shm-sysv key=0x1002 attach=2
	fixture shm-sysv dead_creator=1
	fixture shm-sysv attach=1 dest=1
	fixture shm-posix name=segment map=1
	fixture shm-posix name=deep dir=directory size=64K
	fixture shm-posix name=gone map=1 unlinked=1
	fixture shm-posix name="segment $HOSTILE"
	fixture memfd name=memory map=1 fd=1
	fixture anon children=2
	fixture file path=/tmp/mapped
	fixture sem-sysv key=0x1003 values=1,0,3 waiter=increase
	fixture sem-posix name=lock
	fixture sem-posix name="$HOSTILE" hold=0
	fixture sem-unnamed
	fixture unix path=/run/server.sock listen=5 connect=2 pending=1
	fixture unix path="/tmp/with blank" type=dgram
	fixture unix abstract='name\x00with nul' type=seqpacket listen=1
	fixture unix pair=1 data=hello
	fixture unix path=/tmp/stale stale=1
	fixture tcp listen=3 connect=2 pending=1 data=hello
	fixture tcp family=6 listen=1 connect=1
	fixture tcp timewait=1
	fixture tcp reuseport=2
	fixture mptcp listen=1 connect=1
	fixture sctp listen=1
	fixture dccp listen=1
	fixture udp connect=1
	fixture udp family=6
	fixture raw
	fixture raw family=6
	fixture packet
	fixture netlink
	fixture vsock
	fixture xdp
	fixture signal block=USR1 ignore=HUP queue=USR1
}
