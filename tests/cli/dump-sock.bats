#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-sock.bats: what sockets have received and not yet given to their owner; and that he gets all of it afterwards.

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	begin
}

teardown() {
	end
	release_all
}

# begin: a process that makes sockets, as py says; as another user or in other namespaces by the prefixes of the helpers.
begin() {
	rm -f to from
	mkfifo -m 666 to from
	"${_fx_prefix[@]}" python3 "$BATS_TEST_DIRNAME/sockets.py" <to >from 3>&- 4>&- &
	owner=$!
	exec {to}>to {from}<from
}

end() {
	[[ -z $to ]] || exec {to}>&- {from}<&-
	to=
	kill "$owner" && wait "$owner" || true
} 2>/dev/null

# py LINE: one line of Python in that process; what it says is in $reply.
py() {
	printf '%s\n' "$1" >&"$to"
	IFS= read -r -t 30 -u "$from" reply || { echo "no answer: $1"; return 1; }
	[[ $reply != error* ]] || { echo "$1: $reply"; return 1; }
}

# says EXPRESSION VALUE
says() {
	py "$1" || return 1
	[[ $reply == "$2" ]] || { echo "$1: $reply, and not $2"; return 1; }
}

# ref NAME: the reference of that Python object, into $ref.
ref() {
	py "inode($1)" && ref=sock:$reply
}

state() {
	"$IPCTOOL" show --json -- "$1" | jq '.objects[] | del(.age, .unused, .evidence)'
}

need_bpf() {
	need_root
	py 'probe = pair("dgram"); send(probe[0], b"1", b"2")'
	ref 'probe[1]'
	run_ipctool dump --json "$ref"
	[[ $(json "$output" '.dumps[0].source') == bpf ]] && return
	[[ -z ${IPCTOOL_REQUIRE_BPF-} ]] || return 1
	skip "no BPF here"
}

# dumps SOURCE NAME OPTION...: it is read in that way and wholly, into `json` and `raw`; nothing about the socket changes.
dumps() {
	local source=$1 before
	ref "$2" || return 1
	shift 2
	before=$(state "$ref")
	"$IPCTOOL" dump --json "$@" "$ref" >json 2>err || { echo "dump: $?: $(<err)"; return 1; }
	"$IPCTOOL" dump --format raw "$@" "$ref" >raw 2>err || { echo "dump: $?: $(<err)"; return 1; }
	diff <(printf '%s\n' "$before") <(state "$ref") || return 1
	json_valid "$(<json)" || return 1
	if ((EUID == 0)); then
		holds "$(<json)" '' '.complete' '.errors == []' || return 1
	fi
	holds "$(<json)" '' ".dumps[0].source == \"$source\"" '.dumps[0].torn == false' \
		'.dumps[0].unreached == 0' '[.dumps[0].contents[].truncated // false] | any | not'
}

# came CONDITION...: of the dump.
came() {
	holds "$(jq -c '.dumps[0]' json)" '' "$@"
}

# gets NAME: the owner receives what `raw` has, and then there is nothing.
gets() {
	py "keep('$PWD/received', b''.join(receive($1)))" || return 1
	cmp raw received
}

# ---- streams ----------------------------------------------------------------------------------------------------

@test "a unix stream: every byte that is still to be received, and it stays there" {
	need_ptrace
	py 'a, b = pair("stream"); send(a, b"gone", b"a\0b", noise(60000), b"\0\0"); b.recv(4)'
	dumps MSG_PEEK b
	[[ $(wc -c <raw) -eq 60005 ]]
	came '.note == null' '.contents[0].offset == 0'
	gets b
	dumps MSG_PEEK b
	[[ ! -s raw ]]
}

@test "whoever reads the dump slowly keeps no descriptor of the socket from being closed" {
	need_ptrace
	local link dumper name
	py 'a, b = pair("stream"); send(a, noise(150000))'
	py 'c, d = pair("dgram"); send(c, *[noise(20000)] * 5)'
	mkfifo pipe
	for name in b d; do
		ref "$name"
		exec 7<>pipe
		"$IPCTOOL" dump --format hex "$ref" >pipe 2>err 3>&- 7>&- &
		dumper=$!
		# write() has filled the pipe
		eventually grep -q '^1 ' "/proc/$dumper/syscall"
		for link in "/proc/$dumper/fd/"*; do
			[[ $(readlink "$link") != socket:* ]]
		done
		kill -TERM "$dumper"
		wait "$dumper" || true
		exec 7>&-
	done
}

@test "TCP streams, over IPv4 and IPv6" {
	need_ptrace
	local family
	for family in AF_INET AF_INET6; do
		py "l, c, s = tcp($family); c.sendall(b'gone' + noise(60000) + b'\\0'); arrived(s, 60005); s.recv(4)"
		dumps MSG_PEEK s
		[[ $(wc -c <raw) -eq 60001 ]]
		gets s
	done
}

@test "an MPTCP stream" {
	need_ptrace
	py 'failure(lambda: socket(AF_INET, SOCK_STREAM, 262))'
	[[ $reply == none ]] || skip "no MPTCP here"
	py 'l, c, s = tcp(AF_INET, 262); c.sendall(b"mptcp\0"); arrived(s, 6)'
	ref s
	fails 2 'MPTCP' dump "sock:tcp:$(json "$("$IPCTOOL" show --json "$ref")" '.objects[0].local'),$(
		json "$("$IPCTOOL" show --json "$ref")" '.objects[0].peer')"
	dumps MSG_PEEK s
	[[ $(<raw) == mptcp ]]
	gets s
}

@test "a range of a stream, which has no messages" {
	need_ptrace
	py 'a, b = pair("stream"); send(a, b"0123456789")'
	ref b
	succeeds dump --format raw --offset 3 --length 4 "$ref"
	[[ $output == 3456 ]]
	succeeds dump --format raw --offset 10 "$ref"
	[[ -z $output ]]
	succeeds dump --format raw --offset 8 --length 1G "$ref"
	[[ $output == 89 ]]
	fails 2 'it is a stream' dump --message 0 "$ref"
	says 'b.recv(100)' "b'0123456789'"
}

@test "the end of a connection is told, and what came before it is there" {
	need_ptrace
	py 'l, c, s = tcp(AF_INET); c.sendall(b"last"); c.shutdown(SHUT_WR); arrived(s, 4)'
	ref s
	run_ipctool dump --format raw "$ref"
	[[ $status -eq 0 && $output == last && $stderr == *'nothing more will come'* ]]
	py 'a, b = pair("stream"); send(a, b"last"); a.close()'
	ref b
	run_ipctool dump --format raw "$ref"
	[[ $status -eq 0 && $output == last && $stderr == *'nothing more will come'* ]]
}

@test "a socket that is not connected has nothing" {
	need_ptrace
	py 'u = socket(AF_UNIX)'
	dumps MSG_PEEK u
	came '.contents == []'
}

# ---- datagrams and packets ---------------------------------------------------------------------------------------

# The lengths of what `messages` sends, and the same for jq.
messages='b"a\0b", b"", noise(20000), b"x", noise(60000, 2), noise(4096, 3), b"", b"end"'
lengths='[3, 0, 20000, 1, 60000, 4096, 0, 3]'

@test "every datagram with its boundary, by BPF: unix, in sequence, UDP over IPv4 and IPv6" {
	need_bpf
	local make
	for make in 'pair("dgram")' 'pair("seqpacket")' 'udp(AF_INET)' 'udp(AF_INET6)'; do
		py "a, b = $make; send(a, b'gone', $messages); b.recv(10)"
		dumps bpf b
		came "[.contents[].length] == $lengths" '[.contents[].index] == [range(8)]'
		[[ $(wc -c <raw) -eq 84103 ]]
		says 'got = receive(b)' ok
		py "keep('$PWD/received', b''.join(got))"
		cmp raw received
		says '[len(m) for m in got]' "$lengths"
	done
}

@test "a queue of several megabytes comes whole" {
	need_bpf
	py 'a, b = udp(AF_INET); b.setsockopt(SOL_SOCKET, 33, 32 << 20); send(a, *[noise(60000, i) for i in range(80)])'
	dumps bpf b
	came '[.contents[].length] == [range(80) | 60000]' '[.contents[].index] == [range(80)]'
	gets b
}

@test "the first datagram is had without BPF; that others were not is told, and the status is 3" {
	need_ptrace
	local make
	for make in 'pair("dgram")' 'pair("seqpacket")' 'udp(AF_INET)' 'udp(AF_INET6)'; do
		py "a, b = $make; send(a, noise(40000), b'2')"
		ref b
		py "keep('$PWD/first', noise(40000))"
		without_bpf run_ipctool dump --json "$ref"
		[[ $status -eq 3 && $(wc -l <<<"$stderr") -ge 1 ]]
		holds "$output" '' '[.dumps[0].contents[].length] == [40000]' '.dumps[0].unreached == null' \
			'.dumps[0].source == "MSG_PEEK"' '.dumps[0].note | test("BPF|CAP_BPF")'
		"$IPCTOOL" dump --format raw --message 0 "$ref" >raw
		cmp raw first
		without_bpf succeeds dump --json --message 0 "$ref"
		holds "$output" '' '.dumps[0].unreached == 0'
		says '[len(m) for m in receive(b)]' '[40000, 1]'
	done
}

@test "an empty queue is nothing, and neither is the end of a connection" {
	need_ptrace
	py 'a, b = pair("seqpacket"); c, d = pair("dgram"); e, f = udp(AF_INET)'
	local name
	for name in b d f; do
		dumps MSG_PEEK "$name"
		came '.contents == []'
	done
	py 'a.close()'
	dumps MSG_PEEK b
	came '.contents == []'
}

@test "one empty datagram is a message" {
	need_ptrace
	py 'a, b = pair("dgram"); send(a, b"")'
	ref b
	without_bpf run_ipctool dump --json --message 0 "$ref"
	holds "$output" '' '[.dumps[0].contents[].length] == [0]'
	says 'receive(b)' "[b'']"
}

@test "messages are chosen, and have no offsets" {
	need_bpf
	py 'a, b = pair("dgram"); send(a, b"zero", b"one", b"two")'
	ref b
	succeeds dump --format raw --message 1 "$ref"
	[[ $output == one ]]
	fails 4 'there is no message 3' dump --format raw --message 3 "$ref"
	fails 2 'no offsets' dump --offset 1 "$ref"
	fails 2 'no offsets' dump --length 1 "$ref"
	says 'receive(b)' "[b'zero', b'one', b'two']"
}

@test "who sent it: addresses, and credentials where the owner asks for them" {
	need_bpf
	py 'r = bound(AF_UNIX, "dgram", b"\0receiver"); r.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)'
	py "s = bound(AF_UNIX, 'dgram', b'\\0a\\0b'); t = bound(AF_UNIX, 'dgram', '$PWD/sender'); u = socket(AF_UNIX, SOCK_DGRAM)"
	py 'x = [e.sendto(b"!", b"\0receiver") for e in (s, t, u)]'
	dumps bpf r
	py 'os.getpid()'
	came "[.contents[].pid] == [$reply, $reply, $reply]" '[.contents[].uid] == [0, 0, 0]' '[.contents[].gid] == [0, 0, 0]' \
		".contents[1].from == \"$PWD/sender\"" '.contents[0].from | startswith("@a")'
	py 'a, b = udp(AF_INET6); send(a, b"1", b"2")'
	dumps bpf b
	py 'a.getsockname()[1]'
	came "[.contents[].from] == [\"[::1]:$reply\", \"[::1]:$reply\"]" '[.contents[].pid] == [null, null]'
}

@test "raw, netlink and packet sockets" {
	need_bpf
	py 'n = socket(AF_NETLINK, SOCK_RAW, 0); n.bind((0, 0)); n.send(struct.pack("=IHHII", 17, 18, 0x301, 1, 0) + b"\0")'
	dumps bpf n
	# It does not make the kernel go on with its answer, as receiving does.
	came '.contents | length == 1' '.contents[0].from == "route:0"'
	py "keep('$PWD/received', b''.join(receive(n)))"
	cmp -n "$(wc -c <raw)" raw received
	py 'r = socket(AF_INET, SOCK_RAW, 253); w = socket(AF_INET, SOCK_RAW, 253); x = [w.sendto(noise(n), ("127.0.0.1", 0)) for n in (5, 30000)]'
	eventually dumps bpf r
	came '[.contents[].length] == [25, 30020]' '[.contents[].from] == ["127.0.0.1", "127.0.0.1"]'
	gets r
	py 'p = socket(AF_PACKET, SOCK_RAW, 0x0300); send(w, *[]) or [w.sendto(noise(n), ("127.0.0.1", 0)) for n in (5, 3000)]'
	dumps bpf p
	came '[.contents[].length] | index(39) != null and index(3034) != null' '.contents[0].from == "00:00:00:00:00:00%lo"'
	gets p
}

# ---- the peek offset ----------------------------------------------------------------------------------------------

@test "--peek-offset reaches every datagram, says so, and puts the offset back" {
	need_ptrace
	local make
	for make in 'pair("dgram")' 'pair("seqpacket")' 'udp(AF_INET)' 'udp(AF_INET6)'; do
		py "a, b = $make; send(a, $messages)"
		dumps SO_PEEK_OFF b --peek-offset --max-bytes 1G
		came '.note | test("SO_PEEK_OFF was set .* put back to -1")'
		says 'offset(b)' -1
		[[ $(wc -c <raw) -eq 84103 ]]
		says 'got = receive(b)' ok
		py "keep('$PWD/received', b''.join(got))"
		cmp raw received
		says '[len(m) for m in got]' "$lengths"
	done
}

@test "--peek-offset knows boundaries, also of what is larger than its room, and of the first that is empty" {
	need_ptrace
	py 'a, b = pair("dgram"); a.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 20); large = 0'
	py 'large = 300000 if failure(lambda: a.send(noise(300000))) == "none" else a.send(noise(100000))'
	py 'x = large'
	py large
	local large=$reply
	py 'send(a, b"", b"x")'
	ref b
	run_ipctool dump --json --peek-offset "$ref"
	[[ $status -eq 0 ]]
	holds "$output" '' "[.dumps[0].contents[].length] == [$large, 0, 1]" '[.dumps[0].contents[].truncated] == [false, false, false]'
	py 'c, d = pair("dgram"); send(c, b"", b"1", b"22")'
	ref d
	run_ipctool dump --json --peek-offset "$ref"
	holds "$output" '' '[.dumps[0].contents[].length] == [0, 1, 2]'
	run_ipctool dump --json --peek-offset "$ref"
	holds "$output" '' '[.dumps[0].contents[].length] == [0, 1, 2]'
	says 'receive(d)' "[b'', b'1', b'22']"
}

@test "an offset that the owner uses is not moved, and is put back" {
	need_ptrace
	py 'a, b = pair("dgram"); send(a, b"abc", b"de"); b.setsockopt(SOL_SOCKET, SO_PEEK_OFF, 3)'
	py 'c, d = pair("stream"); send(c, b"abcde"); d.setsockopt(SOL_SOCKET, SO_PEEK_OFF, 3)'
	local name
	for name in b d; do
		ref "$name"
		without_bpf run_ipctool dump --json "$ref"
		[[ $status -eq 3 ]]
		holds "$output" '' '.dumps[0].contents == []' '.dumps[0].note | test("its owner uses SO_PEEK_OFF")'
		says "offset($name)" 3
		run_ipctool dump --format raw --peek-offset "$ref"
		[[ $status -eq 0 && $output == abcde && $stderr == *'put back to 3'* ]]
		says "offset($name)" 3
	done
	says 'b.recv(10, MSG_PEEK), offset(b)' "(b'de', 5)"
	need_bpf
	for name in b d; do
		ref "$name"
		run_ipctool dump --format raw "$ref"
		[[ $status -eq 0 && $output == abcde ]]
	done
	says 'offset(b), offset(d)' '(5, 3)'
}

@test "a signal while the offset is set waits until it is put back" {
	need_ptrace
	command -v strace >/dev/null || skip "needs strace"
	local signal tracer
	for signal in INT TERM; do
		py 'a, b = pair("dgram"); send(a, b"1", b"2", b"3"); b.setsockopt(SOL_SOCKET, SO_PEEK_OFF, 7000)'
		ref b
		# Each look takes its time, so the signal comes between them.
		env --default-signal=INT strace -qq -o trace -e trace=recvmsg,setsockopt -e inject=recvmsg:delay_exit=100000 \
			"$IPCTOOL" dump --format raw --peek-offset "$ref" >out 2>err 3>&- &
		tracer=$!
		eventually moved
		kill -"$signal" "$(pgrep -P "$tracer" -x ipctool)"
		wait "$tracer" || true
		grep -q "killed by SIG$signal" trace
		[[ ! -s out ]]
		says 'offset(b)' 7000
	done
}

moved() {
	py 'offset(b)' && [[ $reply -ne 7000 ]]
}

@test "sockets without a peek offset say so" {
	need_root
	py 'r = socket(AF_INET, SOCK_RAW, 253); w = socket(AF_INET, SOCK_RAW, 253); w.sendto(b"1", ("127.0.0.1", 0))'
	ref r
	eventually fails 2 'no peek offset' dump --peek-offset "$ref"
}

# ---- what comes along ---------------------------------------------------------------------------------------------

@test "descriptors that are passed along are named, closed, and still come" {
	need_ptrace
	py 'r, w = os.pipe(); null = os.open("/dev/null", 0); a, b = pair("dgram")'
	py 'send_fds(a, [b"one"], [r, null]); send_fds(a, [b"two"], [w, b.fileno()])'
	py 'os.fstat(r).st_ino'
	local pipe=pipe:$reply
	ref b
	without_bpf run_ipctool dump --json --message 0 "$ref"
	holds "$output" '' '.dumps[0].contents[0].passed == 2' ".dumps[0].contents[0].descriptors == [\"$pipe\", \"/dev/null\"]"
	run_ipctool dump --json --peek-offset "$ref"
	holds "$output" '' "[.dumps[0].contents[].descriptors] == [[\"$pipe\", \"/dev/null\"], [\"$pipe\", \"$ref\"]]"
	py 'before = fds(); got = [recv_fds(b, 10, 9)[:2] for i in range(2)]'
	says '[m for m, f in got], [len(f) for m, f in got], fds() - before' "([b'one', b'two'], [2, 2], 4)"
}

@test "none of them stays open while others are read" {
	need_ptrace
	py 'null = os.open("/dev/null", 0); a, b = pair("dgram"); x = [send_fds(a, [b"m"], [null] * 9) for i in range(8)]'
	ref b
	# 72 would not fit.
	run --separate-stderr bash -c "ulimit -n 40; exec \"\$1\" dump --json --peek-offset $ref" - "$IPCTOOL"
	[[ $status -eq 0 ]]
	holds "$output" '' '[.dumps[0].contents[].passed] == [range(8) | 9]'
}

@test "descriptors in a stream are told with their place, and what lies behind them is reached" {
	need_ptrace
	py 'r, w = os.pipe(); a, b = pair("stream"); send(a, b"plain"); send_fds(a, [b"with"], [r, w]); send(a, b"behind")'
	py 'os.fstat(r).st_ino'
	local pipe=pipe:$reply
	ref b
	without_bpf run_ipctool dump --json "$ref"
	[[ $status -eq 3 ]]
	holds "$output" '' '.dumps[0].unreached == 6' \
		".dumps[0].note | test(\"2 descriptors come along with bytes before offset 9: $pipe, $pipe\")"
	without_bpf run_ipctool dump --format raw --length 7 "$ref"
	[[ $status -eq 0 && $output == plainwi ]]
	run_ipctool dump --format raw --peek-offset "$ref"
	[[ $status -eq 0 && $output == plainwithbehind && $stderr == *"before offset 9: $pipe, $pipe"* ]]
	says 'offset(b)' -1
	if ((EUID == 0)); then
		need_bpf
		ref b
		run_ipctool dump --format raw "$ref"
		[[ $status -eq 0 && $output == plainwithbehind && $stderr == *"before offset 9: $pipe, $pipe"* ]]
	fi
	py 'got = recv_fds(b, 100, 9)'
	says 'got[0], len(got[1]), b.recv(100)' "(b'plainwith', 2, b'behind')"
}

@test "urgent bytes are told apart, and what lies behind them is reached" {
	need_ptrace
	py 'l, c, s = tcp(AF_INET); c.sendall(b"front"); c.send(b"!", MSG_OOB); c.sendall(b"behind"); arrived(s, 5)'
	ref s
	eventually shows '' "$ref" '.receive_queue == 12'
	without_bpf run_ipctool dump --json "$ref"
	[[ $status -eq 3 ]]
	holds "$output" '' '.dumps[0].unreached == 6' '.dumps[0].note | test("an urgent byte, 0x21, is received apart")'
	py 'failure(lambda: offset(s))'
	if [[ $reply == none ]]; then
		run_ipctool dump --format raw --peek-offset "$ref"
		[[ $status -eq 0 && $output == frontbehind ]]
	fi
	if ((EUID == 0)); then
		need_bpf
		ref s
		run_ipctool dump --format raw "$ref"
		[[ $status -eq 0 && $output == frontbehind ]]
	fi
	says 's.recv(1, MSG_OOB), s.recv(100), s.recv(100)' "(b'!', b'front', b'behind')"
}

@test "an error that waits for the owner still comes" {
	need_ptrace
	py 'gone = bound(AF_INET, "dgram"); u = socket(AF_INET, SOCK_DGRAM); u.connect(gone.getsockname()); gone.close(); u.send(b"1")'
	ref u
	run_ipctool dump --json "$ref"
	[[ $status -eq 0 || $status -eq 3 ]]
	without_bpf run_ipctool dump --json "$ref"
	[[ $status -eq 3 ]]
	holds "$output" '' '.dumps[0].note | test("an error waits there for its owner")'
	without_bpf run_ipctool dump --json --peek-offset "$ref"
	says 'failure(lambda: u.recv(1, MSG_DONTWAIT))' ECONNREFUSED
	py 'a, b = pair("stream"); send(b, b"unread"); send(a, b"in time"); a.close()'
	ref b
	run_ipctool dump --format raw "$ref"
	[[ $output == 'in time' ]]
	run_ipctool dump --format raw --peek-offset "$ref"
	[[ $output == 'in time' ]]
	says 'b.recv(100)' "b'in time'"
	run_ipctool dump --format raw "$ref"
	[[ -z $output ]]
	says 'failure(lambda: b.recv(100))' ECONNRESET
}

# ---- listeners ----------------------------------------------------------------------------------------------------

@test "a unix listener: who waits to be accepted, in that order, and they all are" {
	py 'l = socket(AF_UNIX); l.bind(b"\0listener"); l.listen(5); c = [socket(AF_UNIX) for i in range(3)]'
	py 'c[1].bind(b"\0client"); x = [e.connect(b"\0listener") for e in c]; x = [e.send(b"hello") for e in c]'
	ref 'c[0]'
	local first=$ref
	ref 'c[1]'
	local second=$ref
	py 'c[2].close()'
	dumps unix_diag l
	came "[.contents[].ref] == [\"$first\", \"$second\", null]" '[.contents[].peer] == [null, "@client", null]' \
		'[.contents[].status] == ["ESTAB", "ESTAB", "closed by peer"]' "[.contents[].uid] == [$EUID, $EUID, null]"
	ref l
	succeeds dump --json --message 1 "$ref"
	holds "$output" '' '[.dumps[0].contents[].peer] == ["@client"]'
	fails 2 'it listens' dump --offset 1 "$ref"
	says '[l.accept()[0].recv(10) for i in range(3)]' "[b'hello', b'hello', b'hello']"
	dumps unix_diag l
	came '.contents == []'
}

@test "a TCP listener: what has come for it, and it is all accepted" {
	local family
	for family in AF_INET AF_INET6; do
		py "l, c, s = tcp($family); d = socket($family); d.connect(l.getsockname()); d.send(b'early')"
		py "e = socket($family); e.connect(l.getsockname()); e.shutdown(SHUT_WR); e.getsockname()[1]"
		py 'e.getsockname()[1]'
		local port=$reply
		ref d
		eventually waits_there "$ref" "$port"
		says '[len(l.accept()) for i in range(2)]' '[2, 2]'
		dumps inet_diag l
		came '.contents == []'
	done
}

waits_there() {
	dumps inet_diag l && came '.contents | length == 2' \
		"[.contents[] | select(.ref == \"$1\") | .status, .receive_queue] == [\"ESTAB\", 5]" \
		"[.contents[] | select(.peer | endswith(\":$2\")) | .status, .receive_queue] == [\"CLOSE-WAIT\", 0]"
}

@test "connections of listeners that share an address are not guessed at" {
	py 'l = [socket(AF_INET) for i in range(2)]; x = [e.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1) for e in l]; l[0].bind(("127.0.0.1", 0))'
	py 'l[1].bind(l[0].getsockname()); x = [e.listen(9) for e in l]; c = [socket(AF_INET) for i in range(8)]; x = [e.connect(l[0].getsockname()) for e in c]'
	local name some=0
	for name in 'l[0]' 'l[1]'; do
		ref "$name"
		run_ipctool dump --json "$ref"
		[[ $status -eq 0 || $status -eq 3 ]]
		holds "$output" '' '.dumps[0].contents == []'
		some=$((some + $(json "$output" '.dumps[0].unreached')))
	done
	[[ $some -eq 8 ]]
}

# ---- no socket, no right -------------------------------------------------------------------------------------------

@test "a socket file that nobody is bound to, and TIME-WAIT, have nothing" {
	fixture f unix path="$PWD/stale" stale=1
	run_ipctool dump --json "sock:$PWD/stale"
	[[ $status -eq 0 ]]
	holds "$output" '' '.dumps[0].contents == []' '.dumps[0].note | test("nobody is bound")'
	fixture w tcp addr=127.0.0.1 port=7002 listen=1 connect=1 timewait=1
	run_ipctool list -q --filter 'status == "TIME-WAIT" and (peer =~ ":7002$" or local =~ ":7002$")' sock/tcp
	[[ -n $output ]] || skip "no socket in TIME-WAIT"
	run_ipctool dump --json "$(head -n 1 <<<"$output")"
	[[ $status -eq 0 ]]
	holds "$output" '' '.dumps[0].contents == []' '.dumps[0].note | test("TIME-WAIT")'
}

@test "an ordinary user sees what waits at a listener, and nothing of what others receive" {
	need_root
	py 'l, c, s = tcp(AF_INET); c.send(b"secret"); arrived(s, 6); d = socket(AF_INET); d.connect(l.getsockname()); a, b = pair("dgram"); send(a, b"1")'
	local name
	for name in s b; do
		ref "$name"
		as_user nobody fails 5 'ptrace rights' dump "$ref"
		as_user nobody fails 5 'ptrace rights' dump --peek-offset "$ref"
	done
	ref l
	as_user nobody run_ipctool dump --json "$ref"
	[[ $status -eq 0 ]]
	holds "$output" '' '.dumps[0].contents | length == 1'
}

@test "in another network namespace" {
	need_root
	end
	in_new_namespaces --net begin
	py 'x = os.system("ip link set lo up") if False else 0'
	py 'a, b = pair("dgram"); send(a, b"there", b"and there"); l = socket(AF_UNIX); l.bind(b"\0away"); l.listen(5); c = socket(AF_UNIX); c.connect(b"\0away")'
	local netns
	netns=$(stat -L -c %i "/proc/$owner/ns/net")
	py 'inode(b)'
	run_ipctool dump --json "sock@$netns:$reply"
	[[ $status -eq 0 || $status -eq 3 ]]
	holds "$output" '' '.dumps[0].contents[0].length == 5'
	run_ipctool dump --format raw --peek-offset "sock@$netns:$reply"
	[[ $status -eq 0 && $output == 'thereand there' ]]
	says 'offset(b)' -1
	py 'inode(c)'
	local client=$reply
	py 'inode(l)'
	run_ipctool dump --json "sock@$netns:$reply"
	[[ $status -eq 0 ]]
	holds "$output" '' "[.dumps[0].contents[].ref] == [\"sock@$netns:$client\"]"
}

@test "who has gone has nothing any more" {
	need_ptrace
	py 'a, b = pair("dgram"); send(a, b"1")'
	ref b
	kill -KILL "$owner"
	wait "$owner" || true
	fails 4 '' dump "$ref"
}

@test "frames of an XDP socket are refused, with a reason" {
	fixture x xdp
	run_ipctool list -q sock/xdp
	[[ -n $output ]] || skip "this kernel does not list them"
	fails 2 'memory of its process' dump "$output"
}
