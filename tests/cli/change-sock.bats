#!/usr/bin/env bats
# change-sock.bats: sockets are made, set, sent to and removed, with servers that speak through them.
# shellcheck disable=SC2154 # output, stderr and status are set by run

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	pids=()
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	release_all
}

# A server in Python on what $sock is, made by the first argument; what it gets is a line in the file NAME.log each:
# serve NAME 'PYTHON THAT MAKES sock' [MODE]; MODE "idle" never reads, "deaf" ignores errors.
serve() {
	local name=$1
	python3 -c '
import os, socket, sys, time
from socket import *
log = open(sys.argv[1] + ".log", "a", buffering=1)
exec(sys.argv[2])
mode = sys.argv[3] if len(sys.argv) > 3 else ""
log.write("ready\n")
def get(s):
    while True:
        data = s.recv(1 << 24)
        if not data and s.type != SOCK_DGRAM:
            return
        log.write("%d %s\n" % (len(data), data[:16].decode()))
def run():
    if mode == "idle":
        time.sleep(1000)
    if sock.type == SOCK_DGRAM:
        get(sock)
    peer = sock.accept()[0]
    data = b""
    while peer.type == SOCK_STREAM:
        more = peer.recv(1 << 20)
        if not more:
            log.write("%d %s\n" % (len(data), data[:16].decode()))
            return
        data += more
    get(peer)
while True:
    try:
        run()
    except OSError as error:
        log.write(os.strerror(error.errno) + "\n")
        if mode != "deaf":
            sys.exit(0)
        time.sleep(1000)
' "$@" 3>&- &
	pids+=($!)
	server=$!
	eventually grep -qs ready "$name.log"
}

unix_server() { # NAME TYPE ADDRESS [MODE]
	serve "$1" "sock = socket(AF_UNIX, SOCK_$2); sock.bind('$3'); sock.type == SOCK_DGRAM or sock.listen(${backlog-5})" "${@:4}"
}

inet_server() { # NAME FAMILY TYPE ADDRESS PORT [MODE]
	serve "$1" "sock = socket($2, SOCK_$3); sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1); sock.bind(('$4', $5))
sock.type == SOCK_DGRAM or sock.listen()" "${@:6}"
}

# make NAME ARGUMENTS OF CREATE...: the socket is held in the background; its reference is in $made.
make() {
	local name=$1
	shift
	"$IPCTOOL" create "$@" >"$name.out" 2>"$name.err" 3>&- &
	pids+=($!)
	maker=$!
	eventually test -s "$name.out" || { cat "$name.err" >&2; return 1; }
	made=$(<"$name.out")
}

# refused CODE PATTERN ARGUMENTS...: nothing on standard output, one line that fits the pattern.
refused() {
	local code=$1 pattern=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $code && -z $output && $stderr == *$pattern* && $stderr != *$'\n'* ]] ||
		{ echo "$*: $status: $output: $stderr" >&2; return 1; }
}

# Others can come here: bats keeps its directories for itself.
public() {
	cd "$(mktemp -d /tmp/public.XXXXXX)" || return
	chmod 777 .
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: a unix socket with exactly that mode is held until SIGTERM, and its file goes with it" {
	make a --parents --mode 0666 --backlog 7 "sock:$PWD/x/y/a"
	[ "$(stat -c %a x/y/a)" = 666 ]
	[ "$(stat -c %a x/y)" = 755 ]
	run_ipctool show --json "sock:$PWD/x/y/a"
	holds "$output" '' '.objects | length == 1'
	holds "$(json "$output" '.objects[0]')" '' ".ref == \"$made\"" '.type == "stream"' '.status == ["LISTEN"]' \
		'.backlog == 7' ".local == \"$PWD/x/y/a\"" '.mode == "0666"' owned
	kill -TERM "$maker"
	wait "$maker" || true
	[ ! -e x/y/a ]
}

@test "create: without a mode it is 0666 less the umask; special bits, types and abstract names" {
	umask 027
	make s --type seqpacket sock:./s
	[ "$(stat -c %a s)" = 640 ]
	make d --type dgram --mode 01777 sock:./d
	[ "$(stat -c %a d)" = 1777 ]
	make n --type dgram --mode 0 sock:./n
	[ "$(stat -c %a n)" = 0 ]
	make a 'sock:@x\x00y\xff\x0a'
	run_ipctool show --json "$made"
	holds "$(json "$output" '.objects[0]')" '' '.local == "@x\\x00y\\xff\\x0a"' '.type == "stream"' '.mode == null'
	refused 6 'another socket' create 'sock:@x\x00y\xff\x0a'
}

@test "create: owner and group" {
	need_root
	public
	make a --owner nobody --group 1 --mode 0620 sock:./a
	[ "$(stat -c '%U %g %a' a)" = "nobody 1 620" ]
	as_user nobody run_ipctool send "$made" x
	[ "$status" -eq 0 ]
}

@test "create: an ordinary user cannot give it away, and nothing is left behind" {
	public
	as_user nobody refused 5 'CAP_CHOWN' create --owner 1 "sock:$PWD/a"
	[ ! -e a ]
}

@test "create: what exists is left alone" {
	unix_server u STREAM "$PWD/u"
	refused 6 'exists' create "sock:$PWD/u"
	echo text >file
	refused 6 'no socket' create sock:./file
	[ "$(<file)" = text ]
	ln -s nowhere link
	refused 6 'no socket' create sock:./link
	[ ! -e nowhere ]
	refused 2 'cannot be taken over' create --exist-ok "sock:$PWD/u"
}

@test "create: refusals of unix sockets" {
	local long
	cd /tmp
	long=/tmp/$(printf 'x%.0s' {1..102})
	make l "sock:$long"
	[ -S "$long" ]
	refused 1 'holds 107' create "sock:${long}x"
	[ ! -e "${long}x" ]
	refused 4 'no such directory' create sock:/tmp/none/a
	refused 2 'net.core.somaxconn' create --backlog 2000000 sock:/tmp/a
	refused 2 'no backlog' create --backlog 2 --type dgram sock:/tmp/a
	refused 2 'neither owner nor mode' create --mode 0600 sock:@a
	refused 2 'at least one byte' create sock:@
	refused 2 'NUL' create 'sock:/tmp/a\x00b'
	refused 2 'sock:/path' create sock/unix
	[ ! -e a ]
}

@test "create: a server takes it as sd_listen_fds(3) says" {
	cat >server <<-'END'
		import os, socket
		assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
		sock = socket.socket(fileno=3)
		assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
		print(sock.accept()[0].recv(100).decode(), flush=True)
	END
	"$IPCTOOL" create "sock:$PWD/a" -- python3 server >out 3>&- &
	pids+=($!)
	maker=$!
	eventually test -S a
	run_ipctool send "sock:$PWD/a" hello
	[ "$status" -eq 0 ]
	wait "$maker"
	grep -q hello out
	# by the guardian, who sees the server's end when everybody does
	eventually test ! -e a
}

@test "create: tcp and udp, a port that the kernel chooses, an interface" {
	make t --backlog 3 sock:tcp:127.0.0.1:0
	run_ipctool show --json "$made"
	holds "$(json "$output" '.objects[0]')" '' '.kind == "tcp"' '.backlog == 3' '.local | test("^127.0.0.1:[1-9]")'
	make z 'sock:tcp:127.0.0.1%lo:7001'
	run_ipctool show --json 'sock:tcp:127.0.0.1%lo:7001'
	holds "$(json "$output" '.objects[0]')" '' '.interface == "lo"' ".ref == \"$made\""
	make u 'sock:udp:[::1]:7002'
	run_ipctool show --json 'sock:udp:[::1]:7002'
	holds "$(json "$output" '.objects[0]')" '' '.kind == "udp"' ".ref == \"$made\""
	# [::] takes IPv4 too.
	make b 'sock:tcp:[::]:7003'
	refused 6 "$made" create sock:tcp:127.0.0.1:7003
	refused 6 "$made" create 'sock:tcp:[::]:7003'
}

@test "create: refusals of internet sockets" {
	refused 1 'no interface' create sock:tcp:10.9.9.9:7000
	refused 2 'without a peer' create sock:tcp:127.0.0.1:7000,127.0.0.1:1
	refused 2 'port is a number' create 'sock:tcp:127.0.0.1:*'
	refused 2 'interface' create 'sock:tcp:127.0.0.1%nope:7000'
	refused 2 'interface' create 'sock:tcp:[fe80::1]:7000'
	refused 2 'mode' create --mode 0600 sock:tcp:127.0.0.1:7000
	refused 2 'backlog' create --backlog 1 sock:udp:127.0.0.1:7000
	refused 2 'unix, tcp and udp' create sock:sctp:127.0.0.1:7000
	as_user nobody refused 5 'ip_unprivileged_port_start' create sock:tcp:127.0.0.1:80
}

# ---- set -------------------------------------------------------------------------------------------------------

@test "set: mode, owner and group of the file, also of a stale one" {
	unix_server u STREAM "$PWD/u"
	run_ipctool set "sock:$PWD/u" mode=0640
	[[ $status -eq 0 && $output == *0755*0640* ]]
	[ "$(stat -c %a u)" = 640 ]
	fixture s unix path="$PWD/s" stale=1 mode=600
	run_ipctool set "sock:$PWD/s" mode=0604
	[ "$(stat -c %a s)" = 604 ]
}

@test "set: the owner, as root; others may not" {
	need_root
	public
	unix_server u STREAM "$PWD/u"
	as_user nobody refused 5 'mode' set "sock:$PWD/u" mode=0777
	as_user nobody refused 5 'CAP_CHOWN' set "sock:$PWD/u" owner=1
	run_ipctool set "sock:$PWD/u" mode=0640
	run_ipctool set "sock:$PWD/u" owner=nobody group=1
	[ "$(stat -c '%U %g %a' u)" = "nobody 1 640" ]
}

@test "set: only the file that the socket is bound to" {
	unix_server u STREAM "$PWD/u"
	mv u v
	fixture other unix path="$PWD/u" listen=1 mode=600
	refused 4 'another file' set "$(ref_of "$server")" mode=0777
	[ "$(stat -c %a u)" = 600 ]
	make a sock:@a
	refused 2 'abstract' set "$made" mode=0600
	make t sock:tcp:127.0.0.1:0
	refused 2 'neither owner nor mode' set "$made" mode=0600
}

# ---- send ------------------------------------------------------------------------------------------------------

@test "send: unix sockets of each type get all of it" {
	unix_server stream STREAM "$PWD/stream"
	unix_server dgram DGRAM "$PWD/dgram"
	unix_server packet SEQPACKET "$PWD/packet"
	unix_server abstract STREAM '\0x\0y'
	run_ipctool send "sock:$PWD/dgram" first
	: >empty
	run_ipctool send --file empty "sock:$PWD/dgram"
	run_ipctool send "sock:$PWD/packet" third
	run_ipctool send 'sock:@x\x00y' fourth
	head -c 5000000 /dev/zero | tr '\0' z >big
	run_ipctool send --file big "sock:$PWD/stream"
	[ "$status" -eq 0 ]
	eventually grep -q '^5 first' dgram.log
	eventually grep -q '^0 ' dgram.log
	eventually grep -q '^5 third' packet.log
	eventually grep -q '^6 fourth' abstract.log
	eventually grep -q '^5000000 zzz' stream.log
	# Others see no trace of it.
	run_ipctool list -n -o status "sock:$PWD/dgram"
	[[ $output == *UNCONN* ]]
}

@test "send: tcp and udp, also to those on a wildcard" {
	inet_server t4 AF_INET STREAM 0.0.0.0 7000
	inet_server t6 AF_INET6 STREAM :: 7001
	inet_server u4 AF_INET DGRAM 127.0.0.1 7002
	inet_server u6 AF_INET6 DGRAM :: 7003
	run_ipctool send sock:tcp:0.0.0.0:7000 one
	run_ipctool send 'sock:tcp:[::]:7001' two
	run_ipctool send sock:udp:127.0.0.1:7002 three
	run_ipctool send 'sock:udp:[::]:7003' four
	eventually grep -q '^3 one' t4.log
	eventually grep -q '^3 two' t6.log
	eventually grep -q '^5 three' u4.log
	eventually grep -q '^4 four' u6.log
	head -c 65508 /dev/zero >large
	refused 1 65507 send --file large sock:udp:127.0.0.1:7002
}

@test "send: gives up in time" {
	backlog=0 unix_server full STREAM "$PWD/full" idle
	run_ipctool send --nowait "sock:$PWD/full" x
	[ "$status" -eq 0 ]
	refused 7 'backlog is full' send --nowait "sock:$PWD/full" x
	refused 7 'does not accept' send --timeout 100ms "sock:$PWD/full" x
	unix_server dgram DGRAM "$PWD/dgram" idle
	run -0 fill "sock:$PWD/dgram"
	refused 7 'does not read' send --timeout 100ms "sock:$PWD/dgram" x
	inet_server tcp AF_INET STREAM 127.0.0.1 7000 idle
	head -c 50000000 /dev/zero >big
	run_ipctool send --timeout 200ms --file big sock:tcp:127.0.0.1:7000
	[ "$status" -eq 7 ]
}

# Send until it is full.
fill() {
	local n
	for ((n = 0; n < 2000; n++)); do
		"$IPCTOOL" send --nowait "$1" x 2>/dev/null || return 0
	done
	return 1
}

@test "send: what cannot be reached says why" {
	fixture stale unix path="$PWD/stale" stale=1
	refused 1 'nobody is bound' send "sock:$PWD/stale" x
	serve bound "sock = socket(AF_UNIX); sock.bind('$PWD/bound')" idle
	refused 1 'does not listen' send "sock:$PWD/bound" x
	serve udp "sock = socket(AF_INET, SOCK_DGRAM); sock.bind(('127.0.0.1', 7000)); sock.connect(('127.0.0.1', 7001))" idle
	refused 2 'is connected' send sock:udp:127.0.0.1:7000,127.0.0.1:7001 x
	serve paired "other = socket(AF_UNIX, SOCK_DGRAM); other.bind('$PWD/other')
sock = socket(AF_UNIX, SOCK_DGRAM); sock.bind('$PWD/paired'); sock.connect('$PWD/other')" idle
	refused 2 'is connected: its peer alone' send "sock:$PWD/paired" x
	serve group "sock = socket(AF_INET, SOCK_DGRAM); sock.bind(('224.0.0.5', 7000))" idle
	refused 2 'multicast' send sock:udp:224.0.0.5:7000 x
	unix_server moved STREAM "$PWD/moved"
	mv moved away
	refused 4 'gone' send "$(ref_of "$server")" x
}

@test "send: not to what other users keep for themselves" {
	need_root
	public
	unix_server secret STREAM "$PWD/secret"
	chmod 700 secret
	as_user nobody refused 5 'you may not' send "sock:$PWD/secret" x
}

# The reference of the only socket that this process has.
ref_of() {
	"$IPCTOOL" list -q --holder "$1" sock
}

@test "receive, post and wait are refused with a reason" {
	unix_server u STREAM "$PWD/u"
	refused 2 'create sock:' receive "sock:$PWD/u"
	refused 2 'no semaphore' post "sock:$PWD/u"
	refused 2 'no semaphore' wait "sock:$PWD/u"
}

# ---- remove ----------------------------------------------------------------------------------------------------

@test "remove: a stale file" {
	fixture s unix path="$PWD/s" stale=1
	run_ipctool remove --dry-run --force=unknown "sock:$PWD/s"
	[ "$status" -eq 0 ]
	[ -S s ]
	run_ipctool remove --force=unknown "sock:$PWD/s"
	[ "$status" -eq 0 ]
	[ ! -e s ]
	run_ipctool remove "sock:$PWD/s"
	[ "$status" -eq 4 ]
}

@test "remove: a live unix socket is shut down through its holder, and its file goes" {
	need_ptrace
	unix_server u STREAM "$PWD/u"
	refused 6 "held by $server" remove "sock:$PWD/u"
	refused 6 'held' remove --force=unknown "sock:$PWD/u"
	run_ipctool remove --dry-run --force=held "sock:$PWD/u"
	[ "$status" -eq 0 ]
	[ -S u ]
	kill -0 "$server"
	run_ipctool remove --force=held "sock:$PWD/u"
	[ "$status" -eq 0 ]
	[ ! -e u ]
	eventually grep -q 'Invalid argument' u.log
	unix_server d DGRAM "$PWD/d" deaf
	run_ipctool remove --force=held "sock:$PWD/d"
	[[ $status -eq 0 && ! -e d ]]
	eventually grep -q '^0 ' d.log
	unix_server a SEQPACKET '\0name'
	run_ipctool remove --force=held sock:@name
	[ "$status" -eq 0 ]
	eventually grep -q 'Invalid argument' a.log
}

@test "remove: a file that took the name of a live socket's stays" {
	need_ptrace
	unix_server u STREAM "$PWD/u"
	local ref
	ref=$(ref_of "$server")
	mv u v
	echo precious >u
	run_ipctool remove --force=held "$ref"
	[[ $status -eq 0 && $output$stderr == *'that file stays'* ]]
	[ "$(<u)" = precious ]
	[ -S v ]
}

@test "remove: a connection of unix sockets, but not its listener" {
	need_ptrace
	serve pair "listener = socket(AF_UNIX); listener.bind('$PWD/l'); listener.listen()
client = socket(AF_UNIX); client.connect('$PWD/l'); sock = listener.accept()[0]
log.write('inode %d\n' % os.fstat(sock.fileno()).st_ino); log.write('ready\n')
log.write('end of file %r\n' % client.recv(1))" idle
	run_ipctool remove --force=held "sock:$(sed -n 's/^inode //p' pair.log)"
	[ "$status" -eq 0 ]
	eventually grep -q "end of file b''" pair.log
	[ -S l ]
	run_ipctool send "sock:$PWD/l" x
	[ "$status" -eq 0 ]
}

@test "remove: other users' sockets" {
	need_root
	public
	unix_server u STREAM "$PWD/u"
	inet_server t AF_INET STREAM 127.0.0.1 7000
	as_user nobody refused 5 'user' remove --force=held "sock:$PWD/u"
	as_user nobody refused 5 'CAP_NET_ADMIN' remove --force=held sock:tcp:127.0.0.1:7000
	[ -S u ]
	kill -0 "$server"
}

# Skips where the kernel cannot.
destroy() {
	run_ipctool remove --force=held "$@"
	[[ $stderr != *CONFIG_INET_DIAG_DESTROY* ]] || skip "the kernel has no SOCK_DESTROY"
}

@test "remove: tcp sockets that listen, are connected, or wait" {
	need_root
	inet_server t AF_INET STREAM 127.0.0.1 7000
	refused 6 "held by $server" remove sock:tcp:127.0.0.1:7000
	run_ipctool remove --dry-run --force=held sock:tcp:127.0.0.1:7000
	[ "$status" -eq 0 ]
	kill -0 "$server"
	destroy sock:tcp:127.0.0.1:7000
	[ "$status" -eq 0 ]
	eventually grep -q 'Invalid argument' t.log
	fixture e tcp addr=127.0.0.1 port=7001 listen=1 connect=1
	run_ipctool list -q --filter 'status == ESTAB and local =~ ":7001$"' sock/tcp
	destroy "$output"
	[ "$status" -eq 0 ]
	run_ipctool list -q --filter 'status == ESTAB' sock/tcp
	[ -z "$output" ]
	fixture w tcp addr=127.0.0.1 port=7002 listen=1 connect=1 timewait=1
	run_ipctool list -q --filter 'status == "TIME-WAIT" and peer =~ ":7002$"' sock/tcp
	[ -n "$output" ]
	destroy "$output"
	[[ $status -eq 0 || $stderr == *TIME-WAIT* ]]
}

@test "remove: of several that share a port, the one that was named" {
	need_root
	local n ref pids_of=()
	for n in 1 2 3 4; do
		inet_server "r$n" AF_INET STREAM 127.0.0.1 7000
		pids_of[n]=$server
	done
	ref=$(ref_of "${pids_of[3]}")
	destroy "$ref"
	[ "$status" -eq 0 ]
	eventually grep -q 'Invalid argument' r3.log
	for n in 1 2 4; do
		kill -0 "${pids_of[n]}"
	done
}

@test "remove: a udp socket is gone when its process closes it, and refused when not" {
	need_root
	inet_server good AF_INET DGRAM 127.0.0.1 7000
	destroy sock:udp:127.0.0.1:7000
	[ "$status" -eq 0 ]
	grep -q 'connection abort' good.log
	inet_server deaf AF_INET6 DGRAM ::1 7001 deaf
	refused 6 'stays bound' remove --force=held 'sock:udp:[::1]:7001'
	grep -q 'connection abort' deaf.log
}
