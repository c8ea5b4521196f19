#!/usr/bin/env bats
# fixtures.bats: each factory of mkipc makes what it says, as other tools or the raw /proc see it, and leaves nothing.
# The name of a test begins with the kind it proves, and a colon.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'
# The same bytes as they stand.
HOSTILE_BYTES=$'a) b (c\n\t\x1b[31m"\\\xff'

# dev_inode PATH: "MAJ:MIN INODE" as stat(1) sees it.
dev_inode() {
	stat "${@:2}" -c '%Hd:%Ld %i' -- "$1"
}

made() {
	echo "$(fx "$1" .dev) $(fx "$1" .inode)"
}

# fd_is PID FD TEXT: what the descriptor links to.
fd_is() {
	local target
	target=$(readlink "/proc/$1/fd/$2")
	[[ $target == "$3" ]] || { echo "/proc/$1/fd/$2 -> $target, not $3" >&2; return 1; }
}

# maps PID INODE: the process maps an inode of that number.
maps() {
	awk -v inode="$2" '$5 == inode { found = 1 } END { exit !found }' "/proc/$1/maps"
}

blocked_in() {
	local number
	# Not readable under some security policies: then state S has to do.
	number=$(cut -d' ' -f1 "/proc/$1/syscall" 2>/dev/null) || number=$2
	[[ " ${*:2} " == *" $number "* ]] && grep -q '^State:.S' "/proc/$1/status"
}

gone() {
	[[ ! -e /proc/$1 ]]
}

# unix_has INODE PATTERN: the line of /proc/net/unix.
unix_line() {
	awk -v inode="$1" '$7 == inode' /proc/net/unix
}

# ---- the factory itself -------------------------------------------------------------------------------------

@test "every kind that mkipc lists has a test here" {
	local kind missing=()
	for kind in $("$MKIPC" --list); do
		grep -q "^@test \"$kind: " "$BATS_TEST_FILENAME" || missing+=("$kind")
	done
	[[ ${#missing[@]} -eq 0 ]] || { echo "no test: ${missing[*]}"; false; }
}

@test "mkipc refuses unknown kinds, keys and escapes with one line" {
	local arguments
	for arguments in nonsense 'pipe nonsense=1' 'pipe data=\x' 'pipe data=\n' 'fifo' 'pipe readers=x' 'mq-sysv waiter=x'; do
		run --separate-stderr "$MKIPC" $arguments </dev/null
		[ "$status" -eq 1 ]
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
}

@test "a failure after the object was made takes it away" {
	run "$MKIPC" mq-sysv key=0x4242 messages=1 size=100000 </dev/null
	[ "$status" -eq 1 ]
	run ! grep -q 16962 /proc/sysvipc/msg
}

@test "a failure says one line, whatever the name" {
	run --separate-stderr "$MKIPC" fifo path='/nowhere/\x0a\x1b[31m' </dev/null
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr != *$'\x1b'* ]]
}

@test "hundreds of clients" {
	fixture t tcp connect=200
	fixture u unix path=/tmp/u pending=200
	[[ $(fx t '.accepted[199].fd') != null && $(fx u '.pending[199].fd') != null ]]
}

@test "nothing is left when mkipc is killed or told to stop" {
	fixture p pipe
	local reader writer
	reader=$(fx p '.readers[0].pid') writer=$(fx p '.writers[0].pid')
	kill -KILL "$(fx p .pid)"
	eventually gone "$reader"
	eventually gone "$writer"
	run release p
	unset '_fx_pid[p]' '_fx_in[p]'

	fixture q mq-sysv waiter=recv
	local waiter id
	waiter=$(fx q .waiter.pid) id=$(fx q .id)
	kill -TERM "$(fx q .pid)"
	eventually gone "$waiter"
	release q
	run ! sysv msg "$id" qnum
}

@test "one fixture can go while others stay" {
	fixture a pipe
	fixture b pipe
	fixture c pipe
	release a
	[[ -e /proc/$(fx b .pid) ]]
	release b
	[[ -e /proc/$(fx c .pid) ]]
}

@test "comm= takes hostile bytes, for helpers too" {
	fixture p pipe comm='a) b (c\x0a"\xff'
	local pid
	for pid in "$(fx p .pid)" "$(fx p '.readers[0].pid')"; do
		[[ $(<"/proc/$pid/comm") == $'a) b (c\n"\xff' ]]
	done
	json_valid "$(fx_json p)"
}

@test "as_user makes objects of another user" {
	need_root
	as_user nobody fixture q mq-sysv
	[[ $(fx q .uid) == "$(id -u nobody)" ]]
	ipcs -q | grep -w "$(fx q .id)" | grep -w nobody
}

# ---- pipes ----------------------------------------------------------------------------------------------------

@test "pipe: ends in processes of their own" {
	fixture p pipe data=hello readers=2 writers=3
	local i inode
	inode=$(fx p .inode)
	[[ $(fx p .buffered) == 5 ]]
	for i in 0 1; do
		fd_is "$(fx p ".readers[$i].pid")" "$(fx p ".readers[$i].fd")" "pipe:[$inode]"
		grep -q '^flags:.*0$' "/proc/$(fx p ".readers[$i].pid")/fdinfo/$(fx p ".readers[$i].fd")"
	done
	for i in 0 1 2; do
		fd_is "$(fx p ".writers[$i].pid")" "$(fx p ".writers[$i].fd")" "pipe:[$inode]"
		grep -q '^flags:.*1$' "/proc/$(fx p ".writers[$i].pid")/fdinfo/$(fx p ".writers[$i].fd")"
	done
	# Five ends in all, none of them in mkipc.
	[[ $(find /proc/[0-9]*/fd -lname "pipe:\[$inode\]" 2>/dev/null | wc -l) == 5 ]]
	local reader
	reader=$(fx p '.readers[0].pid')
	release p
	gone "$reader"
}

@test "pipe: packet mode, capacity, blocked ends, both ends in one process" {
	fixture p pipe packet=1 size=65536
	(($(awk '/^flags/ { print $2 }' "/proc/$(fx p '.writers[0].pid')/fdinfo/$(fx p '.writers[0].fd')") & 040000))
	[[ $(fx p .packet) == true && $(fx p .capacity) == 65536 ]]
	fixture r pipe blocked=r
	blocked_in "$(fx r '.readers[0].pid')" 0 63
	fixture w pipe blocked=w
	blocked_in "$(fx w '.writers[0].pid')" 1 64
	[[ $(fx w .buffered) == $(fx w .capacity) ]]
	fixture s pipe readers=0 writers=0
	fd_is "$(fx s .pid)" "$(fx s .read_fd)" "pipe:[$(fx s .inode)]"
	fd_is "$(fx s .pid)" "$(fx s .write_fd)" "pipe:[$(fx s .inode)]"
}

@test "fifo: open, with data, with a hostile name" {
	fixture f fifo path="/tmp/$HOSTILE" data='a\x00b' open=rw mode=640
	[[ -p /tmp/$HOSTILE_BYTES ]]
	[[ $(dev_inode "/tmp/$HOSTILE_BYTES") == "$(made f)" ]]
	[[ $(stat -c %a "/tmp/$HOSTILE_BYTES") == 640 ]]
	[[ $(fx f .path) == '/tmp/a) b (c\x0a\x09\x1b[31m"\x5c\xff' && $(fx f .buffered) == 3 ]]
	[[ $(dev_inode "/proc/$(fx f .pid)/fd/$(fx f .fd)" -L) == "$(made f)" ]]
	release f
	[[ ! -e /tmp/$HOSTILE_BYTES ]]
}

@test "fifo: blocked in open, unlinked, not open" {
	fixture r fifo path=/tmp/r blocked=r
	blocked_in "$(fx r .blocked.pid)" 257 56 2
	fixture w fifo path=/tmp/w blocked=w unlinked=1
	blocked_in "$(fx w .blocked.pid)" 257 56 2
	[[ -p /tmp/r && ! -e /tmp/w ]]
	[[ $(find "/proc/$(fx r .blocked.pid)/fd" | wc -l) == 4 ]]
	fixture o fifo path=/tmp/o open=r
	grep -q '^flags:.*0$' "/proc/$(fx o .pid)/fdinfo/$(fx o .fd)"
	fixture v fifo path=/tmp/v open=w unlinked=1
	fd_is "$(fx v .pid)" "$(fx v .fd)" "/tmp/v (deleted)"
	fixture n fifo path=/tmp/n
	[[ -p /tmp/n && $(fx n .fd) == null ]]
	release_all
	[[ -z $(find /tmp -maxdepth 1 -type p) ]]
}

# ---- message queues -------------------------------------------------------------------------------------------

# sysv FILE ID COLUMN
sysv() {
	awk -v id="$2" -v column="$3" \
		'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $2 == id { print $at[column]; found = 1 } END { exit !found }' \
		"/proc/sysvipc/$1"
}

@test "mq-sysv: messages, owner, dead user, waiters" {
	fixture q mq-sysv key=0x1234 messages=3 size=10 mode=640
	[[ $(sysv msg "$(fx q .id)" qnum) == 3 && $(sysv msg "$(fx q .id)" cbytes) == 30 ]]
	[[ $(sysv msg "$(fx q .id)" perms) == 640 && $(sysv msg "$(fx q .id)" key) == $((0x1234)) ]]
	fixture d mq-sysv dead_user=1 data='\x00x'
	gone "$(fx d .dead)"
	[[ $(sysv msg "$(fx d .id)" lspid) == "$(fx d .dead)" && $(fx d .bytes) == 2 ]]
	fixture r mq-sysv waiter=recv messages=1
	blocked_in "$(fx r .waiter.pid)" 70 188
	fixture s mq-sysv waiter=send qbytes=100 size=10
	blocked_in "$(fx s .waiter.pid)" 69 189
	[[ $(fx s .messages) == 10 ]]
	local id
	id=$(fx q .id)
	release q
	run ! sysv msg "$id" qnum
}

@test "mq-posix: attributes, hostile name, waiters, notification" {
	local mount=/dev/mqueue
	fixture q mq-posix name="$HOSTILE" messages=2 maxmsg=5 msgsize=32 notify=1
	fixture r mq-posix name=/r waiter=recv
	blocked_in "$(fx r .waiter.pid)" 243 183
	fixture s mq-posix name=/s waiter=send maxmsg=2
	blocked_in "$(fx s .waiter.pid)" 242 182
	[[ $(fx s .messages) == 2 ]]
	fixture u mq-posix name=/u unlinked=1
	fixture c mq-posix name=/c hold=0
	[[ $(fx c .fd) == null ]]
	fd_is "$(fx u .pid)" "$(fx u .fd)" '/u (deleted)'
	grep -q 'QSIZE:64 .*SIGNO:10 .*NOTIFY_PID:'"$(fx q .pid)" <(tr '\n' ' ' <"/proc/$(fx q .pid)/fd/$(fx q .fd)")
	if [[ $(stat -f -c %T "$mount") == mqueue ]]; then
		[[ $(dev_inode "$mount/$HOSTILE_BYTES") == "$(made q)" ]]
		[[ -e $mount/c && ! -e $mount/u ]]
		release_all
		[[ -z $(ls "$mount") ]]
	fi
}

# ---- shared memory ----------------------------------------------------------------------------------------------

@test "shm-sysv: attachments, dead creator, dest, touch" {
	fixture s shm-sysv key=0x77 size=8192 attach=3 touch=5000
	local id
	id=$(fx s .id)
	[[ $(sysv shm "$id" nattch) == 3 && $(sysv shm "$id" size) == 8192 && $(sysv shm "$id" rss) == 8192 ]]
	[[ $(sysv shm "$id" cpid) == "$(fx s .pid)" ]]
	maps "$(fx s '.attached[2].pid')" "$id"
	grep -q "^$(fx s '.attached[0].addr' | cut -c3-)-.* /SYSV00000077" "/proc/$(fx s '.attached[0].pid')/maps"
	fixture d shm-sysv dead_creator=1 touch=10
	gone "$(fx d .creator)"
	[[ $(sysv shm "$(fx d .id)" cpid) == "$(fx d .creator)" && $(sysv shm "$(fx d .id)" nattch) == 0 ]]
	fixture x shm-sysv key=0x78 attach=1 readonly=1 dest=1
	lsipc -m -i "$(fx x .id)" | grep -qw dest || ipcs -m | grep -w "$(fx x .id)" | grep -qw dest
	release_all
	[[ $(wc -l </proc/sysvipc/shm) == 1 ]]
}

@test "shm-sysv: locked" {
	fixture l shm-sysv lock=1
	ipcs -m | grep -w "$(fx l .id)" | grep -qw locked
}

@test "shm-sysv: huge pages" {
	fixture h shm-sysv hugetlb=1 size=2M
	[[ $(sysv shm "$(fx h .id)" size) == 2097152 ]]
}

@test "shm-posix: named, mapped, unlinked, in a directory, in flight" {
	fixture s shm-posix name="$HOSTILE" size=8192 map=1 touch=100
	[[ $(dev_inode "/dev/shm/$HOSTILE_BYTES") == "$(made s)" ]]
	maps "$(fx s .pid)" "$(fx s .inode)"
	[[ $(dev_inode "/proc/$(fx s .pid)/fd/$(fx s .fd)" -L) == "$(made s)" ]]
	fixture u shm-posix name=/gone map=1 fd=0 unlinked=1
	maps "$(fx u .pid)" "$(fx u .inode)"
	grep -q '/dev/shm/gone (deleted)' "/proc/$(fx u .pid)/maps"
	fixture d shm-posix name=x dir=sub fd=0
	[[ -f /dev/shm/sub/x && $(fx d .name) == /sub/x && $(fx d .fd) == null ]]
	fixture i shm-posix name=flying fd=0 inflight=1
	[[ -z $(find "/proc/$(fx i .pid)/fd" -lname '*flying*') ]]
	release_all
	[[ -z $(ls -A /dev/shm) ]]
}

@test "memfd: name, seals, mapping" {
	fixture m memfd name="$HOSTILE" size=12288 map=1 sealed=1
	[[ $(readlink "/proc/$(fx m .pid)/fd/$(fx m .fd)") == "/memfd:$HOSTILE_BYTES (deleted)" ]]
	[[ $(stat -L -c '%s %i' "/proc/$(fx m .pid)/fd/$(fx m .fd)") == "12288 $(fx m .inode)" ]]
	maps "$(fx m .pid)" "$(fx m .inode)"
	fixture n memfd map=1 fd=0
	maps "$(fx n .pid)" "$(fx n .inode)"
	[[ -z $(find "/proc/$(fx n .pid)/fd" -lname '*memfd*') ]]
}

@test "anon: mapped by parent and children" {
	fixture a anon size=16384 children=2 touch=1
	local i
	[[ $(fx a '.maps[0].pid') == "$(fx a .pid)" ]]
	for i in 0 1 2; do
		grep -q "^$(fx a ".maps[$i].addr" | cut -c3-)-.* rw-s .* $(fx a .inode) .*/dev/zero (deleted)" \
			"/proc/$(fx a ".maps[$i].pid")/maps"
	done
}

@test "file: mapped by two processes" {
	fixture f file path=/tmp/mapped size=8192 readonly=1
	[[ $(dev_inode /tmp/mapped) == "$(made f)" ]]
	grep -q "^$(fx f '.maps[0].addr' | cut -c3-)-.* rw-s .* /tmp/mapped" "/proc/$(fx f '.maps[0].pid')/maps"
	grep -q "^$(fx f '.maps[1].addr' | cut -c3-)-.* r--s .* /tmp/mapped" "/proc/$(fx f '.maps[1].pid')/maps"
	[[ -z $(find "/proc/$(fx f .pid)/fd" -lname /tmp/mapped) ]]
	release f
	[[ ! -e /tmp/mapped ]]
}

# ---- semaphores ---------------------------------------------------------------------------------------------------

@test "sem-sysv: values and waiters" {
	fixture s sem-sysv key=0x99 values=1,0,3 waiter=increase index=1
	[[ $(sysv sem "$(fx s .id)" nsems) == 3 && $(sysv sem "$(fx s .id)" key) == $((0x99)) ]]
	ipcs -s -i "$(fx s .id)" | awk '$1 == 1 && $2 == 0 && $3 == 1 && $4 == 0 { found = 1 } END { exit !found }'
	ipcs -s -i "$(fx s .id)" | awk '$1 == 2 && $2 == 3 { found = 1 } END { exit !found }'
	blocked_in "$(fx s .waiter.pid)" 65 220 193 192
	fixture z sem-sysv values=2 waiter=zero
	ipcs -s -i "$(fx z .id)" | awk '$1 == 0 && $2 == 2 && $4 == 1 { found = 1 } END { exit !found }'
	fixture d sem-sysv values=1 dead_user=1
	gone "$(fx d .dead)"
	ipcs -s -i "$(fx d .id)" | awk -v pid="$(fx d .dead)" '$1 == 0 && $5 == pid { found = 1 } END { exit !found }'
	release_all
	[[ $(wc -l </proc/sysvipc/sem) == 1 ]]
}

@test "sem-posix: file, value, waiter, unlinked" {
	fixture s sem-posix name="$HOSTILE" value=7
	[[ $(dev_inode "/dev/shm/sem.$HOSTILE_BYTES") == "$(made s)" ]]
	[[ $(od -An -tu4 -N4 "/dev/shm/sem.$HOSTILE_BYTES" | tr -d ' ') == 7 ]]
	maps "$(fx s .pid)" "$(fx s .inode)"
	fixture w sem-posix name=/w waiter=1
	blocked_in "$(fx w .waiter.pid)" 202 98
	maps "$(fx w .waiter.pid)" "$(fx w .inode)"
	[[ $(od -An -tu4 -j4 -N4 /dev/shm/sem.w | tr -d ' ') == 1 ]]
	fixture u sem-posix name=/u unlinked=1
	[[ ! -e /dev/shm/sem.u ]]
	maps "$(fx u .pid)" "$(fx u .inode)"
	fixture c sem-posix name=/c hold=0
	run ! maps "$(fx c .pid)" "$(fx c .inode)"
	release_all
	[[ -z $(ls -A /dev/shm) ]]
}

@test "sem-unnamed: a process blocked in each sort of memory" {
	local sort
	for sort in memory=anon 'memory=memfd name=m' 'memory=shm name=/s offset=4160'; do
		fixture s sem-unnamed $sort
		blocked_in "$(fx s .waiter.pid)" 202 98
		maps "$(fx s .pid)" "$(fx s .inode)"
		maps "$(fx s .waiter.pid)" "$(fx s .inode)"
		if [[ -r /proc/$(fx s .waiter.pid)/syscall ]]; then
			# glibc waits on the first word of the semaphore.
			grep -q " $(fx s .addr) " "/proc/$(fx s .waiter.pid)/syscall"
		fi
		release s
	done
	[[ -z $(ls -A /dev/shm) ]]
}

# ---- sockets ------------------------------------------------------------------------------------------------------

@test "unix: bound, listening, connected, pending" {
	local type
	for type in stream seqpacket; do
		fixture u unix type=$type path="/tmp/$HOSTILE" connect=2 pending=3 data=hello mode=660
		[[ $(dev_inode "/tmp/$HOSTILE_BYTES") == "$(json "$(fx_json u)" .file.dev) $(fx u .file.inode)" ]]
		[[ $(stat -c '%a %F' "/tmp/$HOSTILE_BYTES") == '660 socket' ]]
		fd_is "$(fx u .pid)" "$(fx u .fd)" "socket:[$(fx u .inode)]"
		fd_is "$(fx u .pid)" "$(fx u '.accepted[1].fd')" "socket:[$(fx u '.accepted[1].inode')]"
		fd_is "$(fx u '.pending[2].pid')" "$(fx u '.pending[2].fd')" "socket:[$(fx u '.pending[2].inode')]"
		[[ $(unix_line "$(fx u .inode)") == *" 00010000 "* ]]
		ss -xlH | awk '$3 == 3 && $4 == 16 { found = 1 } END { exit !found }'
		release u
		[[ ! -e /tmp/$HOSTILE_BYTES ]]
	done
}

@test "unix: datagram, abstract with a NUL, the longest path" {
	fixture d unix type=dgram path=/tmp/d connect=1 data=hello
	[[ $(unix_line "$(fx d .inode)") == *' /tmp/d' ]]
	fixture a unix abstract='x\x00y' listen=5
	# The kernel prints each NUL of a name as @.
	[[ $(unix_line "$(fx a .inode)") == *' @x@y' ]]
	[[ $(fx a .abstract) == 'x\x00y' ]]
	local path=/tmp/
	while ((${#path} < 108)); do path+=p; done
	fixture l unix path="$path"
	[[ -S $path ]]
}

@test "unix: pair with data and a descriptor in flight" {
	fixture p unix pair=1 type=dgram data=abc inflight=1
	fd_is "$(fx p .pid)" "$(fx p .fd)" "socket:[$(fx p .inode)]"
	fd_is "$(fx p .peer.pid)" "$(fx p .peer.fd)" "socket:[$(fx p .peer.inode)]"
	ss -xaH | awk -v a="$(fx p .inode)" -v b="$(fx p .peer.inode)" '$6 == a && $8 == b { found = 1 } END { exit !found }'
	grep -q 'scm_fds: 1' "/proc/$(fx p .pid)/fdinfo/$(fx p .fd)"
	[[ -z $(find /proc/[0-9]*/fd -lname '*memfd:inflight*' 2>/dev/null) ]]
}

@test "unix: stale, renamed, bound again, in flight" {
	fixture s unix path=/tmp/stale stale=1
	[[ -S /tmp/stale ]]
	run ! grep -q ' /tmp/stale$' /proc/net/unix
	fixture r unix path=/tmp/old rename=/tmp/new listen=1
	[[ -S /tmp/new && ! -e /tmp/old ]]
	grep -q ' /tmp/old$' /proc/net/unix
	[[ $(dev_inode /tmp/new) == "$(fx r .file.dev) $(fx r .file.inode)" ]]
	fixture b unix path=/tmp/twice listen=1 rebind=1
	[[ $(grep -c ' /tmp/twice$' /proc/net/unix) == 2 ]]
	[[ $(stat -c %i /tmp/twice) == "$(fx b .rebound.inode)" && $(fx b .file.inode) != "$(fx b .rebound.inode)" ]]
	fixture i unix path=/tmp/in listen=1 inflight=1
	[[ -z $(find /proc/[0-9]*/fd -lname '*memfd:inflight*' 2>/dev/null) ]]
	release_all
	[[ -z $(find /tmp -maxdepth 1 -type s) ]]
}

@test "tcp: listening, connected, pending, both families" {
	local family
	for family in 4 6; do
		fixture t tcp family=$family connect=2 pending=1 data=hello listen=7
		fd_is "$(fx t .pid)" "$(fx t .fd)" "socket:[$(fx t .inode)]"
		ss -tlnH | awk -v local="$(fx t .local)" '$2 == 1 && $3 == 7 && $4 == local { found = 1 } END { exit !found }'
		ss -tnH | awk -v local="$(fx t '.accepted[1].local')" -v peer="$(fx t '.accepted[1].peer')" \
			'$1 == "ESTAB" && $2 == 5 && $4 == local && $5 == peer { found = 1 } END { exit !found }'
		[[ $(fx t '.clients[0].peer') == "$(fx t .local)" ]]
		release t
	done
	[[ -z $(ss -tlnH) ]]
}

@test "tcp: TIME_WAIT, a port shared by several, bound to a device" {
	fixture w tcp timewait=1
	ss -tanH | awk -v local="$(fx w .timewait.local)" '$1 == "TIME-WAIT" && $4 == local { found = 1 } END { exit !found }'
	fixture g tcp addr=0.0.0.0 reuseport=3
	[[ $(ss -tlnH | awk -v local="$(fx g .local)" '$4 == local' | wc -l) == 3 ]]
	[[ $(fx g '.group[2].local') == "$(fx g .local)" ]]
	fixture d tcp addr=::1 device=lo listen=1
	ss -tlnH | grep -F '[::1]%lo:'"$(fx d .port)"
}

@test "udp: bound and connected" {
	fixture u udp connect=1 data=hello
	ss -uanH | awk -v local="$(fx u .local)" '$2 > 0 && $4 == local { found = 1 } END { exit !found }'
	ss -uanH | awk -v local="$(fx u '.clients[0].local')" -v peer="$(fx u .local)" \
		'$4 == local && $5 == peer { found = 1 } END { exit !found }'
	fixture s udp family=6 reuseport=2
	[[ $(ss -uanH | awk -v local="$(fx s .local)" '$4 == local' | wc -l) == 2 ]]
	release_all
	[[ -z $(ss -uanH) ]]
}

@test "raw: both families" {
	fixture r raw proto=200 addr=127.0.0.1
	awk -v inode="$(fx r .inode)" '$10 == inode && $2 == "0100007F:00C8" { found = 1 } END { exit !found }' /proc/net/raw
	fixture s raw family=6 proto=201
	awk -v inode="$(fx s .inode)" '$10 == inode { found = 1 } END { exit !found }' /proc/net/raw6
}

@test "packet: with and without a device" {
	fixture p packet device=lo
	awk -v inode="$(fx p .inode)" '$9 == inode && $4 == "88b5" && $5 == 1 { found = 1 } END { exit !found }' /proc/net/packet
	fixture q packet type=dgram proto=0x0003
	awk -v inode="$(fx q .inode)" '$9 == inode && $3 == 2 && $4 == "0003" { found = 1 } END { exit !found }' /proc/net/packet
}

@test "netlink: protocol and groups" {
	fixture n netlink proto=0 groups=1
	awk -v inode="$(fx n .inode)" -v portid="$(fx n .portid)" \
		'$10 == inode && $2 == 0 && $3 == portid && $4 == "00000001" { found = 1 } END { exit !found }' /proc/net/netlink
	fixture g netlink proto=16
	awk -v inode="$(fx g .inode)" '$10 == inode && $2 == 16 { found = 1 } END { exit !found }' /proc/net/netlink
}

@test "mptcp: listening and connected" {
	fixture m mptcp connect=1
	fd_is "$(fx m .pid)" "$(fx m .fd)" "socket:[$(fx m .inode)]"
	ss -MlnH | grep -F "$(fx m .local)"
	ss -MnH | grep ESTAB | grep -F "$(fx m '.clients[0].local')"
}

@test "sctp: listening and connected" {
	fixture s sctp connect=1
	ss -SlnH | grep -F "$(fx s .local)"
}

@test "dccp: listening" {
	fixture d dccp listen=1
	ss -dlnH | grep -F "$(fx d .local)"
}

@test "vsock: listening" {
	fixture v vsock listen=1
	fd_is "$(fx v .pid)" "$(fx v .fd)" "socket:[$(fx v .inode)]"
	grep -q '^VSOCK\|^AF_VSOCK' /proc/net/protocols
}

@test "xdp: a socket" {
	fixture x xdp
	fd_is "$(fx x .pid)" "$(fx x .fd)" "socket:[$(fx x .inode)]"
	grep -q '^XDP' /proc/net/protocols
}

# ---- signals ------------------------------------------------------------------------------------------------------

# mask TASK NAME SIGNAL...: exactly these signals in a mask of /proc
mask() {
	local bits=0 signal value
	for signal in "${@:3}"; do
		bits=$((bits | 1 << (signal - 1)))
	done
	value=$(awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status")
	# 32 and 33 belong to the C library, which catches one of them as soon as there is a second thread.
	[[ $((0x$value & ~(3 << 31))) == "$bits" ]] || { echo "$1 $2: $value" >&2; return 1; }
}

@test "signal: masks, handlers and pending signals of process and thread" {
	fixture s signal block=INT,SIGUSR1 ignore=HUP,PIPE catch=USR2 queue=RTMIN+1,RTMIN+1,34,RTMAX \
		thread=1 thread_block=QUIT thread_queue=RTMIN+2
	local subject tid rt
	subject=$(fx s .subject) tid=$(fx s '.tids[1]') rt=$(kill -l RTMIN)
	mask "$subject" SigBlk 2 10 $((rt + 1)) 34 64
	mask "$subject" SigCgt 12
	mask "$subject" ShdPnd $((rt + 1)) 34 64
	mask "$subject" SigPnd
	mask "$subject/task/$tid" SigBlk 3 $((rt + 1)) $((rt + 2)) 34 64
	mask "$subject/task/$tid" SigPnd $((rt + 2))
	mask "$subject" SigIgn 1 13
	# RTMIN+1 twice, 34, RTMAX, and the thread's own.
	[[ $(awk '$1 == "SigQ:" { split($2, q, "/"); print q[1] }' "/proc/$subject/status") -ge 5 ]]
	[[ $(ls "/proc/$subject/task" | wc -l) == 2 ]]
	release s
	gone "$subject"
}
