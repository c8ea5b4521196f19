#!/usr/bin/env bats
# change-shm-sysv.bats: System V segments made, filled, set and removed; what is refused, and what is left alone because it
# is in use or another one by now.

load helpers

teardown() {
	release_all
	# in the sandbox, whose ipc namespace is its own
	ipcrm --all=shm
}

# make [OPTION]...: a segment, its reference into $m.
make() {
	m=$("$IPCTOOL" create "$@")
}

segments() {
	"$IPCTOOL" list shm/sysv --count
}

# attach REF [PROGRAM]: attaches the segment and runs the Python PROGRAM on its address p.
ATTACHER='
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
p = libc.shmat(int(sys.argv[1]), None, 0o10000)
if p == ctypes.c_void_p(-1).value:
    sys.exit("shmat: %d" % ctypes.get_errno())
exec(sys.argv[2])'
attach() {
	python3 -c "$ATTACHER" "${1#shm:}" "${2-}"
}

# contents REF LENGTH: its first bytes.
contents() {
	attach "$1" "sys.stdout.buffer.write(ctypes.string_at(p, $2))"
}

# The fields of the segment of $1 in /proc/sysvipc/shm: key shmid perms size cpid lpid nattch uid gid ...
fact() {
	awk -v id="${1#shm:}" -v field="$2" '$2 == id { print $field }' /proc/sysvipc/shm
}

attached() {
	[[ $(fact "$1" 7) == "$2" ]]
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: by key, with exactly this mode and size" {
	umask 077
	make shm:0x5348 --size 1M --mode 0666
	[[ $m =~ ^shm:[0-9]+$ ]]
	shows '' shm:0x5348 ".ref == \"$m\"" '.kind == "sysv"' '.key == "0x00005348"' '.mode == "0666"' '.size == 1048576' \
		'.attached == 0' '.last_user == null' owned
	umask 027
	make shm/sysv --size 5
	[[ $(fact "$m" 3)-$(fact "$m" 4) == 640-5 ]]
}

@test "create: sizes that cannot be" {
	fails 2 'needs a size' create shm/sysv
	fails 2 'SHMMIN' create shm/sysv --size 0
	fails 2 "SHMMAX allows $(</proc/sys/kernel/shmmax) bytes" create shm/sysv --size 18446744073709551615
	fails 2 '0777' create shm/sysv --size 5 --mode 1600
	[[ $(segments) -eq 0 ]]
}

@test "create: one that exists is left alone" {
	make shm:0x5348 --size 5 --mode 0640
	fails 6 'exists' create shm:0x5348 --size 4096
	fails 6 'another size' create shm:0x5348 --exist-ok --size 6
	fails 6 'another mode' create shm:0x5348 --exist-ok --size 5 --mode 0600
	succeeds create shm:0x5348 --exist-ok --size 5 --mode 0640
	[[ $(segments) -eq 1 && $(fact "$m" 4) -eq 5 ]]
}

@test "create: owner and group" {
	need_root
	make shm/sysv --size 5 --owner nobody --group 12345 --mode 0600
	shows '' "$m" ".uid == $(id -u nobody)" '.gid == 12345' '.mode == "0600"'
}

@test "create: what cannot be finished is taken away again" {
	need_root
	run --separate-stderr unshare --user --map-root-user "$IPCTOOL" create shm:0x5348 --size 5 --owner 4711
	[[ $status -eq 2 && -z $output && $stderr == *'no such user'* ]]
	[[ $(segments) -eq 0 ]]
}

@test "create: limits are told with their values and the use" {
	need_root
	local page before_number before_pages before_size
	page=$(getconf PAGESIZE)
	before_number=$(</proc/sys/kernel/shmmni) before_pages=$(</proc/sys/kernel/shmall)
	before_size=$(</proc/sys/kernel/shmmax)
	echo 2 >/proc/sys/kernel/shmmni
	make shm/sysv --size "$((page + 1))"
	make shm/sysv --size 1
	fails 1 'SHMMNI allows 2 segments in this ipc namespace, 2 are in use; raise /proc/sys/kernel/shmmni' \
		create shm/sysv --size 1
	echo "$before_number" >/proc/sys/kernel/shmmni
	echo 4 >/proc/sys/kernel/shmall
	fails 1 'SHMALL allows 4 pages of memory in all segments of this ipc namespace, 3 are in use' \
		create shm/sysv --size "$((page + 1))"
	echo "$before_pages" >/proc/sys/kernel/shmall
	echo 4096 >/proc/sys/kernel/shmmax
	fails 2 'SHMMAX allows 4096 bytes in one segment; raise /proc/sys/kernel/shmmax' create shm/sysv --size 4097
	echo "$before_size" >/proc/sys/kernel/shmmax
}

@test "create: huge pages, or why there are none" {
	local size
	size=$(awk '$1 == "Hugepagesize:" { print $2 }' /proc/meminfo)
	[[ -n $size ]] || skip "this kernel has no huge pages"
	if [[ -d /sys/kernel/mm/hugepages && ! -d /sys/kernel/mm/hugepages/hugepages-8192kB ]]; then
		fails 2 'no huge pages of 8192 KiB' create shm/sysv --size 1 --huge 8M
	fi
	if ((EUID)); then
		fails 5 "/proc/sys/vm/hugetlb_shm_group, which is $(</proc/sys/vm/hugetlb_shm_group)" \
			create shm/sysv --size 1 --huge default
		return
	fi
	run_ipctool create shm/sysv --size "$size"K --huge default
	if [[ $status -eq 0 ]]; then
		[[ $(fact "$output" 4) -eq $((size * 1024)) ]]
	else
		[[ $status -eq 1 && $stderr == *"1 huge page of $size KiB"*'raise /proc/sys/vm/nr_hugepages' ]]
	fi
}

# ---- from ----------------------------------------------------------------------------------------------------

@test "create: filled from a file, as large as it is, or larger with zeros" {
	local file=$BATS_TEST_TMPDIR/file
	head -c 100001 /dev/urandom >"$file"
	make shm/sysv --from "$file"
	[[ $(fact "$m" 4) -eq 100001 && $(fact "$m" 7) -eq 0 ]]
	contents "$m" 100001 | cmp - "$file"
	printf 'abc' >"$file"
	make shm/sysv --from "$file" --size 6
	[[ $(contents "$m" 6 | od -An -c | tr -s ' ') == ' a b c \0 \0 \0' ]]
}

@test "create: filled from standard input, a pipe or a file that was read from already" {
	m=$({ printf 'first '; sleep 0.05; printf 'second'; } | "$IPCTOOL" create shm/sysv --from -)
	[[ $(fact "$m" 4) -eq 12 && $(contents "$m" 12) == 'first second' ]]
	printf 'head\nbody' >"$BATS_TEST_TMPDIR/file"
	m=$({ read -r _; "$IPCTOOL" create shm/sysv --from - --size 4; } <"$BATS_TEST_TMPDIR/file")
	[[ $(contents "$m" 4) == body ]]
	make shm/sysv --from /proc/self/status
	[[ $(contents "$m" 5) == Name: ]]
}

@test "create: filled with a mode that lets nobody write" {
	printf 'abc' >"$BATS_TEST_TMPDIR/file"
	make shm/sysv --from "$BATS_TEST_TMPDIR/file" --mode 0400
	[[ $(fact "$m" 3) -eq 400 && $(contents "$m" 3) == abc ]]
}

@test "create: files that it cannot be filled from leave nothing behind" {
	local file=$BATS_TEST_TMPDIR/file
	printf 'abcd' >"$file"
	: >"$file.empty"
	fails 2 'more than the 3 bytes' create shm:0x5348 --from "$file" --size 3
	run --separate-stderr bash -c '"$0" create shm:0x5348 --from - --size 3 < <(printf abcd)' "$IPCTOOL"
	[[ $status -eq 2 && $stderr == *'standard input has more than the 3 bytes'* ]]
	fails 2 'more than the 5 bytes' create shm:0x5348 --from /dev/zero --size 5
	fails 2 'SHMMIN' create shm:0x5348 --from "$file.empty"
	fails 2 'No such file' create shm:0x5348 --from "$file.missing"
	fails 2 'Is a directory' create shm:0x5348 --from "$BATS_TEST_TMPDIR"
	fails 2 'a\x0a\x1bb cannot be opened' create shm:0x5348 --from $'a\n\eb'
	chmod 0 "$file"
	((EUID == 0)) || fails 5 'Permission denied' create shm:0x5348 --from "$file"
	run --separate-stderr bash -c '"$0" create shm:0x5348 --from - <&-' "$IPCTOOL"
	[[ $status -eq 1 && -z $output ]]
	[[ $(segments) -eq 0 ]]
}

@test "create: who is killed while a pipe fills it has made nothing yet" {
	local reader
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$IPCTOOL" create shm:0x5348 --from "$BATS_TEST_TMPDIR/pipe" 3>&- 4>&- &
	reader=$!
	exec {fd}>"$BATS_TEST_TMPDIR/pipe"
	printf 'abc' >&"$fd"
	eventually test -e "/proc/$reader/fd"
	[[ $(segments) -eq 0 ]]
	kill -KILL "$reader"
	run ! wait "$reader"
	exec {fd}>&-
	[[ $(segments) -eq 0 ]]
}

# ---- set -----------------------------------------------------------------------------------------------------

@test "set: owner, group and mode at once, and nothing else" {
	make shm/sysv --size 5
	run_ipctool set "$m" mode=0604
	[[ $status -eq 0 && $(fact "$m" 3) -eq 604 ]]
	fails 2 'does not take size' set "$m" size=10
	fails 2 '0777' set "$m" mode=2755
	need_root
	run_ipctool set "$m" mode=0600 owner=nobody group=12345
	[[ $status -eq 0 && $(fact "$m" 3)-$(fact "$m" 8)-$(fact "$m" 9) == "600-$(id -u nobody)-12345" ]]
	# the owner may, others not
	as_user nobody run_ipctool set "$m" mode=0640
	[[ $status -eq 0 && $(fact "$m" 3) -eq 640 ]]
	make shm/sysv --size 5
	as_user nobody fails 5 'is for its owner' set "$m" mode=0666
	[[ $(fact "$m" 3) -eq 644 ]]
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: by id and by key, after a dry run that removes nothing" {
	make shm:0x5348 --size 5 --mode 0600
	run_ipctool remove --dry-run --force=unknown shm:0x5348
	[[ $status -eq 0 && $(segments) -eq 1 ]]
	run_ipctool remove --force=unknown shm:0x5348
	[[ $status -eq 0 && $(segments) -eq 0 ]]
	fails 4 '' remove "$m"
}

@test "remove: an attached one is safe; forced, it lives on until the last detach" {
	fixture s shm-sysv key=0x5349 attach=2 mode=0600
	m=shm:$(fx s .id)
	fails 6 '2 attached' remove "$m"
	fails 6 '2 attached' remove --force=unknown "$m"
	run_ipctool remove --dry-run --force=held "$m"
	[[ $status -eq 0 && $output$stderr == *'2 attachments: it would live on'* && $(fact "$m" 1) -eq $((0x5349)) ]]
	run_ipctool remove --force=held "$m"
	[[ $status -eq 0 && $output$stderr == *'2 attachments: marked for destruction (dest)'*'its key is free'* ]]
	shows '' "$m" '.status == ["dest"]' '.attached == 2' '.key == "0x00000000"'
	fails 6 'goes with its last detach' remove --force=held "$m"
	make shm:0x5349 --size 5
	release s
	[[ $(segments) -eq 1 ]]
}

# meanwhile COMMAND...: run between the look at $m and its removal; how that went is in $status, $output and $stderr.
meanwhile() {
	local in answer=0
	mkfifo "$BATS_TEST_TMPDIR/answer"
	"$IPCTOOL" remove --interactive --force=unknown "$m" <"$BATS_TEST_TMPDIR/answer" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&- &
	local remover=$!
	exec {in}>"$BATS_TEST_TMPDIR/answer"
	eventually test -s "$BATS_TEST_TMPDIR/err" -o -s "$BATS_TEST_TMPDIR/out"
	"$@"
	echo y >&"$in"
	exec {in}>&-
	rm "$BATS_TEST_TMPDIR/answer"
	wait "$remover" || answer=$?
	status=$answer
	stderr=$(<"$BATS_TEST_TMPDIR/err")
	rm -f "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
}

@test "remove: used, attached, gone or changed since it was looked at" {
	make shm:0x5348 --size 5 --mode 0600
	meanwhile true
	[[ $status -eq 0 && $(segments) -eq 0 ]]

	make shm:0x5348 --size 5 --mode 0600
	meanwhile attach "$m"
	[[ $status -eq 6 && $stderr == *'used since it was looked at'* && $(segments) -eq 1 ]]

	hold() {
		python3 -c "$ATTACHER" "${m#shm:}" 'time.sleep(1000)' 3>&- 4>&- &
		holder=$!
		eventually attached "$m" 1
	}
	local holder
	meanwhile hold
	kill "$holder"
	[[ $status -eq 6 && $stderr == *'1 attached'* && $(segments) -eq 1 ]]
	eventually attached "$m" 0

	meanwhile ipcrm --shmem-id "${m#shm:}"
	[[ $status -eq 4 && $stderr == *'gone already'* ]]
}

@test "remove: what is not one's own" {
	need_root
	make shm:0x5348 --size 5
	as_user nobody fails 5 'is for its owner' remove --force=held "$m"
	[[ $(segments) -eq 1 ]]
}

# ---- what makes no sense -------------------------------------------------------------------------------------

@test "messages and semaphores are refused with what to do instead" {
	make shm/sysv --size 5
	fails 2 'carries no messages' send "$m" text
	fails 2 'carries no messages' receive "$m" --nowait
	fails 2 'no semaphore' post "$m"
	fails 2 'no semaphore' wait "$m" --nowait
	[[ $(segments) -eq 1 ]]
}

# A large file takes a while to be copied, unless it is full of holes: who loses patience then finds no half of it.
@test "create: what is interrupted while it is filled leaves nothing behind" {
	local maker status=0 tries
	head -c 1G /dev/zero >"$BATS_TEST_TMPDIR/big"
	# On a busy machine it may be done before the signal comes; then it says so.
	for ((tries = 0; tries < 10 && status != 143; tries++)); do
		status=0
		"$IPCTOOL" create shm/sysv --key 0x77 --from "$BATS_TEST_TMPDIR/big" >"$BATS_TEST_TMPDIR/said" 3>&- &
		maker=$!
		eventually grep -q '^ *119 ' /proc/sysvipc/shm
		kill -TERM "$maker" || true
		wait "$maker" || status=$?
		[[ ! -s $BATS_TEST_TMPDIR/said ]] || { "$IPCTOOL" remove --force=held shm:0x77 && status=0; }
	done
	[[ $status -eq 143 ]]
	run ! grep '^ *119 ' /proc/sysvipc/shm
}
