#!/usr/bin/env bats
# start.bats: nothing is loaded or read before there is a need for it.

load helpers

# traced ARGUMENT...: runs the command; $trace gets the names of the files that it opened, and what it asked sock_diag.
traced() {
	command -v strace >/dev/null || skip "needs strace"
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=openat,sendto -o "$BATS_TEST_TMPDIR/trace" \
		"$IPCTOOL" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	trace=$(sed -nE 's/^[0-9]+ +openat\([^,]*, "([^"]*)".* = [0-9]+$/\1/p; s/^[0-9]+ +(sendto\(.*)/\1/p' "$BATS_TEST_TMPDIR/trace")
	[[ -n $trace ]] || skip "strace cannot trace here"
}

has_bpf() {
	[[ $("$IPCTOOL" --version) == *+bpf* ]] || skip "this build has no BPF"
}

@test "help, version, wrong options and the completion of options read neither /proc nor the locale, and load no libbpf" {
	local arguments
	for arguments in --version --help 'help list' 'help shm/posix' 'list --nosuch' '__complete 1 ipctool l' '__complete 3 ipctool list -o s'; do
		# shellcheck disable=SC2086 # words
		traced $arguments
		# A sanitizer looks at its own process.
		run ! grep -E '^/proc/([0-9]|net|sys/fs)|^proc|locale|gconv|libbpf|libelf|sock_diag' <<<"$trace"
	done
}

@test "libbpf is loaded for BPF alone" {
	has_bpf
	traced list --holders-from proc
	run ! grep -E 'libbpf|libelf' <<<"$trace"
	"$IPCTOOL" list --holders-from bpf || skip "no BPF here"
	traced list --holders-from bpf
	[[ $(grep -c '/libbpf\.so\.' <<<"$trace") -eq 1 ]]
}

@test "without libbpf a build that wants it does what it can, and says what is missing" {
	has_bpf
	fixture f fifo path=/tmp/f open=rw
	echo "no library" >"$BATS_TEST_TMPDIR/libbpf.so.1"
	export LD_LIBRARY_PATH=$BATS_TEST_TMPDIR
	run_ipctool list fifo -o ref,holders
	[[ $status -eq 0 && $output == *"$(fx f .pid)"* ]] || { echo "$output $stderr"; false; }
	run_ipctool list fifo -o ref,holders --holders-from bpf
	[[ $stderr == *"BPF needs libbpf: "* && $status -ne 0 ]] || { echo "$status $stderr"; false; }
	run_ipctool monitor --source bpf mq
	[[ $stderr == *"BPF needs libbpf: "* && $status -ne 0 ]] || { echo "$status $stderr"; false; }
}

@test "protocols are counted once a namespace; MPTCP is not looked for where the kernel counts none" {
	local release
	IFS=.- read -ra release < <(uname -r)
	((release[0] * 1000 + release[1] >= 6002)) || skip "this kernel does not count them"
	grep -q '^MPTCP ' /proc/net/protocols || skip "this kernel has no MPTCP"
	traced list sock/mptcp sock/tcp sock/udp sock/netlink sock/packet sock/sctp
	[[ $(grep -c '/net/protocols$' <<<"$trace") -eq 1 ]] || { echo "$trace"; false; }
	traced list sock/mptcp
	run ! grep sendto <<<"$trace"
	fixture m mptcp listen=1
	traced list sock/mptcp -o ref
	[[ $trace == *sendto* && $(<"$BATS_TEST_TMPDIR/out") == *"sock:$(fx m .inode)"* ]]
}

@test "of a process that has nothing of what is listed neither name nor user is read; of one that has, once" {
	fixture p pipe
	fixture f fifo path=/tmp/f open=rw
	traced list fifo -o ref,holders,state --holders-from proc
	run ! grep -E "^$(fx p .pid)/(stat|status|ns/ipc)\$" <<<"$trace"
	[[ $(grep -cE "^$(fx f .pid)/(stat|status)\$" <<<"$trace") -eq 1 ]] || { echo "$trace"; false; }
	grep -q "$(fx f .pid)(" "$BATS_TEST_TMPDIR/out"
	traced list "signal:$(fx p .pid)"
	[[ $(grep -cE "^$(fx p .pid)/status\$" <<<"$trace") -le 2 ]] || { echo "$trace"; false; }
}
