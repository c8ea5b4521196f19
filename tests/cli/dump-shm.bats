#!/usr/bin/env bats
# dump-shm.bats: what shared memory contains, byte for byte, with its holes, through whoever has it; what is refused; and that nothing
# shows afterwards: no time, no attachment, no page, no descriptor.

load helpers

setup() {
	data=$BATS_TEST_TMPDIR/data
	got=$BATS_TEST_TMPDIR/got
	facts=$BATS_TEST_TMPDIR/facts
	head -c 1000003 /dev/urandom >"$data"
}

teardown() {
	let_go
	release_all
	# in the sandbox, whose namespaces are its own
	ipcrm --all=shm
	rm -f /dev/shm/dump.*
}

# ---- who has it -----------------------------------------------------------------------------------------------

# A process that makes an object, says what it is called, and does as it is told, line by line, until the end of input.
HOLDER='
import ctypes, fcntl, mmap, os, signal, sys
kind, path, skip, size, facts = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
data = open(path, "rb").read()
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = libc.mmap.restype = ctypes.c_void_p
signals = []
signal.signal(signal.SIGIO, lambda number, frame: signals.append(number))

def check(result):
    if result in (-1, ctypes.c_void_p(-1).value):
        sys.exit("errno %d" % ctypes.get_errno())
    return result

def mapped(name):
    for line in open("/proc/self/maps"):
        if name in line:
            return "shm:@%d:%d:%s" % tuple([int(x, 16) for x in line.split()[3].split(":")] + [line.split()[4]])

def of(fd):
    st = os.fstat(fd)
    return "shm:@%d:%d:%d" % (os.major(st.st_dev), os.minor(st.st_dev), st.st_ino)

def tell(text):
    open(facts + ".new", "w").write(text + "\n")
    os.rename(facts + ".new", facts)

fd = address = memory = None
if kind == "sysv":
    id = check(libc.shmget(0x44554d50, ctypes.c_size_t(size), 0o1600))
    address = check(libc.shmat(id, None, 0))
    ctypes.memmove(address + skip, data, len(data))
    ref = "shm:%d" % id
elif kind == "anon":
    memory = mmap.mmap(-1, size)
    memory[skip:skip + len(data)] = data
    ref = mapped("/dev/zero")
else:
    if kind == "memfd":
        fd = os.memfd_create("dump")
        os.fchmod(fd, 0o600)
    else:
        fd = os.open("/dev/shm/dump.held", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if kind == "unlinked":
            os.unlink("/dev/shm/dump.held")
    os.ftruncate(fd, size)
    os.pwrite(fd, data, skip)
    os.lseek(fd, 7, 0)
    ref = of(fd) if kind != "named" else "shm:/dump.held"
tell(ref)
for line in sys.stdin:
    word = line.split()
    if word[0] == "map":  # and close it, as programs do
        memory = check(libc.mmap(None, ctypes.c_size_t(size), 1, 1, fd, ctypes.c_long(0)))
        sum(ctypes.string_at(memory, size)[::4096])
        os.close(fd)
    elif word[0] == "detach":
        check(libc.shmdt(ctypes.c_void_p(address)))
    elif word[0] == "attach":  # anew, so that none of its pages are in the tables
        address = check(libc.shmat(id, None, 0))
    elif word[0] == "write":
        ctypes.memmove(address + skip, data, len(data))
    elif word[0] == "remove":
        check(libc.shmctl(id, 0, None))
    elif word[0] == "lease":
        # of a descriptor for writing that memfd_create() made the kernel does not know that it writes
        leased = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY) if kind == "memfd" else fd
        fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    elif word[0] == "hide":
        os.fchmod(fd, 0)
    tell("%s %s %s" % (word[0], len(signals), os.lseek(fd, 0, 1) if kind == "memfd" and not memory else ""))'

# hold KIND [SKIP [SIZE]]: the data at SKIP of an object of SIZE bytes; its reference into $ref, the process into $holder.
hold() {
	local skip=${2-0}
	rm -f "$facts"
	# shellcheck disable=SC2093 # a redirection alone
	exec {holding}> >(exec "${_fx_prefix[@]}" python3 -c "$HOLDER" "$1" "$data" "$skip" \
		"${3-$(($(stat -c %s "$data") + skip))}" "$facts" 3>&- 4>&-)
	holder=$!
	eventually test -s "$facts"
	ref=$(<"$facts")
}

# order WORD: it is done when this returns; what it said into $said.
order() {
	rm -f "$facts"
	echo "$1" >&"$holding"
	eventually test -s "$facts"
	said=$(<"$facts")
}

let_go() {
	[[ -n ${holding-} ]] || return 0
	exec {holding}>&-
	unset holding
	wait "$holder" || :
}

# ---- what must not change -------------------------------------------------------------------------------------

# All that is known of $1 but how old it is and how many processes an ordinary user cannot look into, and of its holder the
# descriptors. A copy of the descriptor of a memfd has no way to leave its access time.
state_of() {
	"$IPCTOOL" show --json -- "$1" | jq -S '.objects | del(.[].age, .[].unused, .[].evidence) |
		del(.[] | select(.kind == "memfd") | .used)'
	[[ -z ${holding-} ]] || find "/proc/$holder/fd" -printf '%f %l\n' | sort
	[[ $1 != shm:/* ]] || stat -c '%x %y %z %b' "/dev/shm${1#shm:}"
	sed 's/  */ /g' /proc/sysvipc/shm
}

# gives REF [OPTION]...: exactly the bytes in $expected (default: the data), quietly, and leaves no mark.
gives() {
	local reference=$1 before
	shift
	before=$(state_of "$reference")
	"$IPCTOOL" dump --format raw "$@" -- "$reference" >"$got" 2>"$got.error"
	cmp "$got" "${expected-$data}"
	[[ ! -s $got.error ]] || { cat "$got.error" >&2; return 1; }
	diff <(echo "$before") <(state_of "$reference")
}

# The same of what is mapped alone: without a privilege not even its size is known, only that of the mapping.
gives_mapped() {
	if ((EUID == 0)); then
		gives "$1"
		[[ $(source_of "$1") == map_files ]]
		return
	fi
	local before file=${expected-$data} size
	size=$(stat -c %s "$file")
	before=$(state_of "$1")
	run --separate-stderr -3 bash -c '"$1" dump -- "$2" >"$3"' - "$IPCTOOL" "$1" "$got"
	[[ $stderr == *"what is mapped was read, its size cannot be told without CAP_CHECKPOINT_RESTORE (root)" ]]
	[[ $(stat -c %s "$got") -eq $(((size + 4095) / 4096 * 4096)) ]]
	cmp --bytes="$size" "$got" "$file"
	diff <(echo "$before") <(state_of "$1")
	[[ $(source_of "$1") == memory ]]
}

source_of() {
	"$IPCTOOL" dump --json -- "$1" | jq -r '.dumps[0].source'
}

# The second of the clock goes on, so that a time that is rewritten shows.
next_second() {
	local now=$EPOCHSECONDS
	while ((EPOCHSECONDS == now)); do sleep 0.05; done
}

# part OFFSET LENGTH [FILE]: a file of that part of the data, its name on standard output.
part() {
	tail -c "+$(($1 + 1))" "${3-$data}" | head -c "$2" >"$BATS_TEST_TMPDIR/part"
	echo "$BATS_TEST_TMPDIR/part"
}

# spread SKIP SIZE: what an object of SIZE bytes has with the data at SKIP.
spread() {
	expected=$BATS_TEST_TMPDIR/expected
	rm -f "$expected"
	truncate -s "$2" "$expected"
	dd if="$data" of="$expected" bs=4096 oflag=seek_bytes seek="$1" conv=notrunc status=none
}

# ---- POSIX segments ---------------------------------------------------------------------------------------------

@test "a POSIX segment, whole and in parts" {
	cp "$data" /dev/shm/dump.a
	next_second
	gives shm:/dump.a
	expected=$(part 12345 77777) gives shm:/dump.a --offset 12345 --length 77777
	expected=$(part 1000002 1) gives shm:/dump.a --offset 1000002
	expected=$(part 1000000 3) gives shm:/dump.a --offset 1000000 --length 1M
	expected=/dev/null gives shm:/dump.a --offset 1000003
	expected=/dev/null gives shm:/dump.a --offset 8T
	[[ $(source_of shm:/dump.a) == file ]]
}

@test "an empty POSIX segment" {
	: >/dev/shm/dump.a
	expected=/dev/null gives shm:/dump.a
}

@test "holes at the start, in the middle and at the end are told as such" {
	truncate -s 3000001 /dev/shm/dump.a
	dd if="$data" of=/dev/shm/dump.a bs=4096 count=3 seek=100 conv=notrunc status=none
	dd if="$data" of=/dev/shm/dump.a bs=4096 count=1 seek=110 conv=notrunc status=none
	expected=$(part 0 3000001 /dev/shm/dump.a) gives shm:/dump.a
	expected=$(part 1999 410000 /dev/shm/dump.a) gives shm:/dump.a --offset 1999 --length 410000
	run -0 jq -c '[.dumps[0].contents[] | [.offset, .length, .zero]]' <<<"$("$IPCTOOL" dump --json shm:/dump.a)"
	[[ $output == '[[0,409600,true],[409600,12288,false],[421888,28672,true],[450560,4096,false],[454656,2545345,true]]' ]]
}

@test "10 GiB of which two bytes are there" {
	truncate -s 10G /dev/shm/dump.big
	printf A | dd of=/dev/shm/dump.big conv=notrunc status=none
	printf Z | dd of=/dev/shm/dump.big conv=notrunc bs=1 oflag=seek_bytes seek=$(((10 << 30) - 1)) status=none
	timeout 5 "$IPCTOOL" dump shm:/dump.big >"$got"
	[[ $(stat -c %s "$got") -eq $((10 << 30)) && $(stat -c %b "$got") -lt 100 ]]
	[[ $(head -c 1 "$got")$(tail -c 1 "$got") == AZ ]]
	[[ $("$IPCTOOL" dump --offset 10737418200 shm:/dump.big | sha256sum) == "$(tail -c 40 /dev/shm/dump.big | sha256sum)" ]]
	cmp <("$IPCTOOL" dump --length 20000001 shm:/dump.big) <(head -c 20000001 /dev/shm/dump.big)
}

@test "a segment that becomes shorter, grows, or is written while it is read" {
	run -0 python3 - "$IPCTOOL" <<-'END'
	import os, subprocess, sys
	path = "/dev/shm/dump.a"
	for change, complaint in (
	        (lambda fd: os.ftruncate(fd, 5 << 20), "it became shorter while it was read: %d of %d bytes"),
	        (lambda fd: os.ftruncate(fd, 1), "it became shorter while it was read: %d of %d bytes"),
	        (lambda fd: os.ftruncate(fd, 20 << 20), "it changed meanwhile"),
	        (lambda fd: os.pwrite(fd, b"x", 1), "it changed meanwhile")):
	    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
	    old = os.urandom(9 << 20)
	    os.write(fd, old)
	    process = subprocess.Popen([sys.argv[1], "dump", "shm:/dump.a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	    first = os.read(process.stdout.fileno(), 1)
	    change(fd)
	    rest, errors = process.communicate()
	    all = first + rest
	    if "%d" in complaint:
	        complaint %= len(all), len(old)
	    assert process.returncode == 0 and all == old[:len(all)], (process.returncode, len(all))
	    assert errors.decode() .startswith("ipctool dump: shm:/dump.a: " + complaint), errors
	    assert len(all) == len(old) or "shorter" in complaint
	    os.close(fd)
	END
}

@test "a POSIX segment of somebody else" {
	need_root
	install -m 600 "$data" /dev/shm/dump.a
	run -5 as_user nobody "$IPCTOOL" dump shm:/dump.a
	[[ $output == *'shm:/dump.a: it takes read permission' ]]
	chmod 644 /dev/shm/dump.a
	as_user nobody "$IPCTOOL" dump shm:/dump.a | cmp - "$data"
}

@test "a segment that somebody holds a lease on" {
	hold named
	order lease
	fails 6 'somebody holds a lease on it; try again' dump "$ref"
}

@test "an unlinked POSIX segment, open or mapped" {
	hold unlinked 4096 2000001
	spread 4096 2000001
	gives "$ref"
	[[ $(source_of "$ref") == file ]]
	order map
	gives_mapped "$ref"
}

# ---- memory without a name --------------------------------------------------------------------------------------

@test "a memfd, open or mapped, and the position of its holder" {
	need_ptrace
	hold memfd
	gives "$ref"
	expected=$(part 100000 1) gives "$ref" --offset 100000 --length 1
	order nothing
	[[ $said == 'nothing 0 7' ]]
	order map
	gives_mapped "$ref"
}

@test "a memfd that may not be opened is read through a copy of the descriptor" {
	need_ptrace
	hold memfd 5000 2000000
	spread 5000 2000000
	order hide
	if ((EUID)); then
		gives "$ref"
		[[ $(source_of "$ref") == pidfd_getfd ]]
	fi
	let_go
	hold memfd 5000 2000000
	order lease
	gives "$ref"
	[[ $(source_of "$ref") == pidfd_getfd ]]
	order nothing
	[[ $said == 'nothing 0 7' ]]
}

@test "anonymous memory of which all pages are in use" {
	need_ptrace
	truncate -s 1003520 "$data"
	hold anon
	gives "$ref"
	expected=$(part 7999 9000) gives "$ref" --offset 7999 --length 9000
	[[ $(source_of "$ref") == "$( ((EUID)) && echo memory || echo map_files)" ]]
}

@test "anonymous memory with pages that nobody touched" {
	need_ptrace
	truncate -s 1003520 "$data"
	hold anon 40960 2048000
	spread 40960 2048000
	if ((EUID)); then
		fails 5 'of the pages that are wanted 255 are not in the tables' dump "$ref"
		[[ $stderr == *CAP_CHECKPOINT_RESTORE* ]]
		expected=$(part 4 1000000) gives "$ref" --offset 40964 --length 1000000
	else
		gives "$ref"
	fi
}

@test "a file that processes share" {
	fixture f file path="$BATS_TEST_TMPDIR/shared" size=20000
	dd if="$data" of="$BATS_TEST_TMPDIR/shared" bs=20000 count=1 conv=notrunc status=none
	expected=$(part 0 20000) gives "shm:file:$BATS_TEST_TMPDIR/shared"
	rm "$BATS_TEST_TMPDIR/shared"
	if ((EUID == 0)); then
		expected=$(part 0 20000) gives "$("$IPCTOOL" list shm/file --noheadings -o ref --filter "inode == $(fx f .inode)")"
	fi
}

@test "a holder that ends while its memory is read" {
	need_ptrace
	head -c 9M /dev/urandom >"$data"
	hold memfd
	coproc DUMP { exec "$IPCTOOL" dump "$ref" 2>"$got.error" 3>&-; }
	local from=${DUMP[0]} pid=$DUMP_PID
	head -c 1 <&"$from" >"$got"
	kill -9 "$holder"
	cat <&"$from" >>"$got"
	wait "$pid"
	cmp "$got" "$data"
	[[ ! -s $got.error ]]
	run -4 "$IPCTOOL" dump "$ref"
}

# ---- System V segments --------------------------------------------------------------------------------------------

@test "a System V segment through who has it attached" {
	need_ptrace
	hold sysv 8192 3000001
	spread 8192 3000001
	next_second
	gives "$ref"
	expected=$(part 7999 9000 "$expected") gives "$ref" --offset 7999 --length 9000
	expected=/dev/null gives "$ref" --offset 3000001
	[[ $(source_of "$ref") == "$( ((EUID)) && echo memory || echo map_files)" ]]
	# its file is younger than the segment once it is written
	order detach
	order attach
	order write
	gives "$ref"
	# marked for destruction, and still attached
	order remove
	gives "$ref"
}

@test "a System V segment of one byte, and one that nobody ever touched" {
	need_ptrace
	printf x >"$data"
	hold sysv
	gives "$ref"
	let_go
	fixture s shm-sysv size=10000001
	truncate -s 10000001 "$data"
	printf '\0' | dd of="$data" conv=notrunc status=none
	gives "shm:$(fx s .id)"
	[[ $(source_of "shm:$(fx s .id)") == counters ]]
}

@test "1 GiB of a System V segment that is mostly empty" {
	need_ptrace
	hold sysv $((600 << 20)) $((1 << 30))
	next_second
	local before
	before=$(state_of "$ref")
	timeout 5 "$IPCTOOL" dump "$ref" >"$got"
	[[ $(stat -c %s "$got") -eq $((1 << 30)) && $(stat -c %b "$got") -lt 3000 ]]
	cmp --ignore-initial=$((600 << 20)):0 --bytes=1000003 "$got" "$data"
	diff <(echo "$before") <(state_of "$ref")
}

@test "pages that an attached process has not in its tables" {
	need_ptrace
	hold sysv
	order detach
	order attach
	next_second
	if ((EUID == 0)); then
		gives "$ref"
		return
	fi
	local before
	before=$(state_of "$ref")
	fails 5 'of the pages that are wanted 245 are not in the tables' dump "$ref"
	[[ $stderr == *CAP_CHECKPOINT_RESTORE*--attach* ]]
	diff <(echo "$before") <(state_of "$ref")
	run --separate-stderr -0 "$IPCTOOL" dump --attach --json "$ref"
	[[ $stderr == *'attaching it overwrites: last user'* ]]
	[[ $(jq -r '.dumps[0].source' <<<"$output") == attach ]]
}

@test "a System V segment that nobody has attached" {
	hold sysv 4096 2000001
	spread 4096 2000001
	order detach
	next_second
	local before resident
	before=$(state_of "$ref")
	resident=$(awk 'NR == 2 { print $15 }' /proc/sysvipc/shm)
	fails 6 'nobody visible has it attached, and attaching it would rewrite the record of its last user' dump "$ref"
	[[ $stderr == *"(process $holder, attach time 20"*": --attach does so" ]]
	diff <(echo "$before") <(state_of "$ref")

	"$IPCTOOL" dump --attach "$ref" >"$got" 2>"$got.error"
	cmp "$got" "$expected"
	grep -qx "ipctool dump: $ref: attaching it overwrites: last user $holder, attach time 20.*Z, detach time 20.*Z, attached 0" \
		"$got.error"
	[[ $(wc -l <"$got.error") -eq 1 ]]
	# attached no more, and no page was made
	run -0 awk 'NR == 2 { print $7, $6 == '"$holder"', $15 }' /proc/sysvipc/shm
	[[ $output == "0 0 $resident" ]]
	"$IPCTOOL" dump --attach --offset 7999 --length 9000 "$ref" 2>/dev/null | cmp - "$(part 7999 9000 "$expected")"
}

@test "--attach where it is not needed, and where it is not possible" {
	need_ptrace
	hold sysv
	gives "$ref" --attach
	let_go
	cp "$data" /dev/shm/dump.a
	fails 2 'only System V segments can be attached' dump --attach shm:/dump.a
}

@test "a System V segment of somebody else" {
	need_root
	hold sysv
	run -5 as_user nobody "$IPCTOOL" dump "$ref"
	[[ $output == *'attached 1 times, by processes that cannot be seen'*CAP_SYS_PTRACE*--attach* ]]
	run -5 as_user nobody "$IPCTOOL" dump --attach "$ref"
	[[ $output == *'attaching it needs more than its mode 0600 gives you'* && $output != *overwrites* ]]
	order detach
	run -6 as_user nobody "$IPCTOOL" dump "$ref"
	[[ $output == *'nobody visible has it attached'* ]]
}

@test "root without the capability to open mappings" {
	need_root
	command -v setpriv >/dev/null || skip "needs setpriv"
	hold sysv 8192 3000001
	spread 8192 3000001
	local before
	before=$(state_of "$ref")
	setpriv --bounding-set -sys_admin,-checkpoint_restore --inh-caps=-all "$IPCTOOL" dump "$ref" >"$got"
	cmp "$got" "$expected"
	diff <(echo "$before") <(state_of "$ref")
}

# ---- elsewhere ----------------------------------------------------------------------------------------------------

@test "segments of other namespaces" {
	need_root
	in_new_namespaces "--ipc" fixture s shm-sysv size=300000 touch=200000 attach=1
	local ns
	ns=$(readlink "/proc/$(fx s '.attached[0].pid')/ns/ipc" | tr -cd 0-9)
	"$IPCTOOL" dump "shm@$ns:$(fx s .id)" | cmp - <(head -c 200000 /dev/zero | tr '\0' x; head -c 100000 /dev/zero)

	in_new_namespaces "--mount" bash -c 'mount -t tmpfs none /dev/shm && cp "$1" /dev/shm/dump.there && : >"$2" &&
			while [[ ! -e $2.end ]]; do sleep 0.05; done' \
		- "$data" "$facts" >/dev/null 2>&1 3>&- 4>&- &
	eventually test -e "$facts"
	ns=$(readlink "/proc/$!/ns/mnt" | tr -cd 0-9)
	"$IPCTOOL" dump "shm@$ns:/dump.there" | cmp - "$data"
	: >"$facts.end"
	wait "$!" || true
}
