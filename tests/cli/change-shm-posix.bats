#!/usr/bin/env bats
# change-shm-posix.bats: POSIX shared memory made, set and removed: what is exact, what is refused, and that nothing half
# made or half changed stays behind.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'

# file_of NAME: mode, owner, group, size.
file_of() {
	stat -c '%a %u %g %s' "/dev/shm/$1"
}

# left: what is in /dev/shm, hidden files too.
left() {
	ls -A /dev/shm
}

# long LENGTH
long() {
	printf "%0$1d" 0
}

# refused STATUS TEXT COMMAND...: it fails with this status, and this text is part of the one line that it says.
refused() {
	local code=$1 text=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $code && $stderr == *"$text"* && $stderr != *$'\n'* && -z $output ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

# done_with OUTPUT COMMAND...
done_with() {
	local text=$1
	shift
	run_ipctool "$@"
	[[ $status -eq 0 && $output == "$text" && -z $stderr ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

setup() {
	rm -rf /dev/shm/* /dev/shm/.[!.]*
}

teardown() {
	release_all
	[[ -z ${small-} ]] || umount /dev/shm
	rm -rf /dev/shm/* /dev/shm/.[!.]*
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: size and mode are exactly those asked for" {
	umask 077
	done_with shm:/a create shm:/a --size 1M --mode 0646
	[[ $(file_of a) == "646 $(id -u) $(id -g) 1048576" ]]
	done_with shm:/b create shm:/b --size 0
	[[ $(file_of b) == "600 $(id -u) $(id -g) 0" ]]
	umask 022
	done_with shm:/c create shm:/c --size 5
	[[ $(file_of c) == "644 $(id -u) $(id -g) 5" ]]
}

@test "create: owner and group" {
	need_root
	done_with shm:/a create shm:/a --size 1 --owner nobody --group 4711 --mode 2640
	[[ $(file_of a) == "2640 $(id -u nobody) 4711 1" ]]
}

@test "create: to give it to another takes root" {
	as_user nobody refused 5 'only root' create shm:/a --size 1 --owner root
	[[ -z $(left) ]]
}

@test "create: one that exists is left alone" {
	done_with shm:/a create shm:/a --size 10 --mode 640
	printf data >/dev/shm/a
	before=$(stat -c '%i %a %s %Y %Z' /dev/shm/a)
	refused 6 exists create shm:/a --size 20
	refused 6 exists create shm:/a --from /dev/null
	done_with shm:/a create shm:/a --size 4 --mode 640 --exist-ok
	refused 6 'another size' create shm:/a --size 5 --exist-ok
	refused 6 'another mode' create shm:/a --size 4 --mode 600 --exist-ok
	[[ $(stat -c '%i %a %s %Y %Z' /dev/shm/a) == "$before" ]]
	mkdir /dev/shm/d
	ln -s nowhere /dev/shm/l
	refused 6 exists create shm:/d --size 1
	refused 6 exists create shm:/l --size 1
	[[ $(left | sort | tr '\n' ' ') == 'a d l ' ]]
}

@test "create: filled from a file and from standard input" {
	printf 'one\0two' >"$BATS_TEST_TMPDIR/from"
	done_with shm:/a create shm:/a --from "$BATS_TEST_TMPDIR/from"
	cmp /dev/shm/a "$BATS_TEST_TMPDIR/from"
	done_with shm:/b create shm:/b --from - --size 9 <"$BATS_TEST_TMPDIR/from"
	printf 'one\0two\0\0' | cmp - /dev/shm/b
	done_with shm:/c create shm:/c --from - < <(printf one; printf two)
	printf onetwo | cmp - /dev/shm/c
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/from"
	done_with shm:/d create shm:/d --from "$BATS_TEST_TMPDIR/from"
	cmp /dev/shm/d "$BATS_TEST_TMPDIR/from"
}

# Standard input may have been set so by another program that shares it.
@test "create: an input that does not block is waited for" {
	python3 -c '
import os, subprocess, sys, time
out, into = os.pipe()
os.set_blocking(out, False)
maker = subprocess.Popen(sys.argv[1:], stdin=out)
time.sleep(0.2)
os.write(into, b"onetwo")
os.close(into)
sys.exit(maker.wait())' "$IPCTOOL" create shm:/a --from -
	printf onetwo | cmp - /dev/shm/a
}

@test "create: what it cannot be filled from leaves nothing behind" {
	printf 12345 >"$BATS_TEST_TMPDIR/from"
	refused 2 'more than the 4 bytes' create shm:/a --from "$BATS_TEST_TMPDIR/from" --size 4
	refused 2 'cannot be opened' create shm:/a --from "$BATS_TEST_TMPDIR/none"
	refused 2 'cannot be read' create shm:/a --from /
	refused 2 'size, or from' create shm:/a
	[[ -z $(left) ]]
}

@test "create: names that shm_open() does not take" {
	refused 2 'no slash but the first' create shm:/a/b --size 1
	refused 2 'begin with sem.' create shm:/sem.a --size 32
	refused 2 "cannot hold '..'" create shm:/.. --size 1
	refused 2 'at most 255 bytes' create "shm:/$(long 256)" --size 1
	[[ -z $(left) ]]
	done_with "shm:/$(long 255)" create "shm:/$(long 255)" --size 1
}

@test "create: a hostile name is the same for every verb" {
	done_with "shm:/$HOSTILE" create "shm:/$HOSTILE" --size 7
	[[ -e /dev/shm/$(printf "${HOSTILE//\\x5c/\\\\}") ]]
	run_ipctool list shm/posix -q
	[[ $output == "shm:/$HOSTILE" ]]
	run_ipctool set "shm:/$HOSTILE" size=8
	[[ $status -eq 0 ]]
	done_with "removed shm:/$HOSTILE" remove "shm:/$HOSTILE"
	[[ -z $(left) ]]
}

@test "create: when there is no room it says how much there is" {
	need_root
	mount -t tmpfs -o size=64K,nr_inodes=3 none /dev/shm
	small=1
	refused 1 '65536 bytes' create shm:/a --size 65537
	head -c 70000 /dev/zero >"$BATS_TEST_TMPDIR/from"
	refused 1 'remount,size=' create shm:/a --from "$BATS_TEST_TMPDIR/from"
	[[ -z $(left) && $(stat -f -c %f /dev/shm) -eq 16 ]]
	done_with shm:/a create shm:/a --size 64K
	refused 1 'remount,size=' set shm:/a size=65M
	[[ $(file_of a) == *65536 ]]
	done_with shm:/b create shm:/b --size 1
	refused 1 'nr_inodes' create shm:/c --size 1
}

@test "create: the limit on file sizes is an answer, not a signal" {
	run --separate-stderr bash -c 'ulimit -f 4; exec "$0" create shm:/a --size 1M' "$IPCTOOL"
	[[ $status -eq 1 && $stderr == *RLIMIT_FSIZE* ]]
	run --separate-stderr bash -c 'ulimit -f 4; exec "$0" create shm:/a --from - </dev/zero' "$IPCTOOL"
	[[ $status -eq 1 && $stderr == *RLIMIT_FSIZE* ]]
	[[ -z $(left) ]]
}

@test "create: killed while it is filled, it leaves nothing" {
	local pid
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	"$IPCTOOL" create shm:/a --from "$BATS_TEST_TMPDIR/fifo" 3>&- &
	pid=$!
	exec {pipe}>"$BATS_TEST_TMPDIR/fifo"
	head -c 200000 /dev/zero >&"$pipe"
	kill -KILL "$pid"
	wait "$pid" || true
	exec {pipe}>&-
	[[ -z $(left) ]]
}

@test "create: of fifty at once for one name, one makes it" {
	local pids=() pid made=0 status
	for ((n = 0; n < 50; n++)); do
		printf '%050d' "$n" | "$IPCTOOL" create shm:/a --from - >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		status=0
		wait "$pid" || status=$?
		((status == 0 || status == 6))
		((status != 0)) || ((++made))
	done
	((made == 1))
	[[ $(left) == a && $(stat -c %s /dev/shm/a) -eq 50 ]]
}

# ---- set -----------------------------------------------------------------------------------------------------

@test "set: size, mode, owner and group" {
	"$IPCTOOL" create shm:/a --size 10 --mode 600
	printf 0123456789 >/dev/shm/a
	run_ipctool set shm:/a size=12 mode=0640
	[[ $status -eq 0 ]]
	[[ $(file_of a) == "640 $(id -u) $(id -g) 12" ]]
	printf '0123456789\0\0' | cmp - /dev/shm/a
	run_ipctool set shm:/a size=4
	[[ $status -eq 0 && $(</dev/shm/a) == 0123 ]]
	need_root
	run_ipctool set shm:/a owner=nobody group=4711 mode=2750
	[[ $status -eq 0 && $(file_of a) == "2750 $(id -u nobody) 4711 4" ]]
}

@test "set: all of it or nothing" {
	"$IPCTOOL" create shm:/a --size 10 --mode 640
	before=$(file_of a)
	refused 1 'not enough room' set shm:/a mode=0666 size=8000000G
	[[ $(file_of a) == "$before" ]]
	exec {fd}</dev/shm/a
	refused 6 SIGBUS set shm:/a mode=0600 size=9
	[[ $(file_of a) == "$before" ]]
	exec {fd}<&-
	need_root
	exec {fd}</dev/shm/a
	refused 6 SIGBUS set shm:/a mode=0600 owner=nobody group=nogroup size=9
	exec {fd}<&-
	[[ $(file_of a) == "$before" ]]
}

@test "set: the new mode does not stand in the way of the new size" {
	"$IPCTOOL" create shm:/a --size 10 --mode 600
	run_ipctool set shm:/a mode=0400 size=20
	[[ $status -eq 0 && $(file_of a) == "400 $(id -u) $(id -g) 20" ]]
}

@test "set: what is mapped is not cut short, but grows" {
	fixture s shm-posix name=s size=8192 map=1
	refused 6 SIGBUS set shm:/s size=4096
	run_ipctool set shm:/s size=16384
	[[ $status -eq 0 && $(file_of s) == *' 16384' ]]
}

@test "set: another user may not" {
	need_root
	"$IPCTOOL" create shm:/a --size 10 --mode 644
	before=$(file_of a)
	as_user nobody refused 5 'only its owner or root' set shm:/a mode=0666
	as_user nobody refused 5 'read and write permission' set shm:/a size=20
	as_user nobody refused 5 'only root' set shm:/a owner=nobody
	chmod 666 /dev/shm/a
	as_user nobody refused 5 'only its owner or root' set shm:/a size=5
	[[ $(file_of a) == "666${before#644}" ]]
	as_user nobody run_ipctool set shm:/a size=20
	[[ $status -eq 0 && $(file_of a) == *' 20' ]]
}

@test "set: values and keys are not for memory" {
	"$IPCTOOL" create shm:/a --size 10
	refused 2 'does not take value' set shm:/a value=1
	refused 4 'no such object' set shm:/b size=1
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: by name, and nothing else" {
	"$IPCTOOL" create shm:/a --size 10
	"$IPCTOOL" create shm:/b --size 10
	mkdir /dev/shm/d
	"$IPCTOOL" create sem:/a
	printf x >/dev/shm/d/x
	done_with 'would remove shm:/a' remove --dry-run shm:/a
	[[ -e /dev/shm/a ]]
	done_with $'removed shm:/a\nremoved shm:/d/x' remove shm:/a shm:/d/x
	[[ $(left | sort | tr '\n' ' ') == 'b d sem.a ' ]]
	refused 4 'no such object' remove shm:/a
	done_with '' remove --missing-ok shm:/a
}

@test "remove: a link is not an object, and not followed" {
	printf precious >"$BATS_TEST_TMPDIR/precious"
	ln -s "$BATS_TEST_TMPDIR/precious" /dev/shm/l
	ln -s "$BATS_TEST_TMPDIR" /dev/shm/d
	refused 4 'no such object' remove --force=held shm:/l
	refused 4 'no such object' remove --force=held shm:/d/precious
	[[ $(<"$BATS_TEST_TMPDIR/precious") == precious && -L /dev/shm/l ]]
}

@test "remove: what is open, mapped or on its way is refused" {
	local how
	for how in fd=1 'fd=0 map=1' 'fd=0 inflight=1'; do
		# shellcheck disable=SC2086 # a list of words
		fixture s shm-posix name=s $how
		refused 6 'in use' remove shm:/s
		refused 6 'in use' remove --force=unknown shm:/s
		refused 6 'in use' remove --dry-run shm:/s
		[[ $(left) == s ]]
		release s
		rm -f /dev/shm/s
	done
}

@test "remove: forced, what is in use lives on, and that is said" {
	fixture s shm-posix name=s map=1 fd=0
	run_ipctool remove --force=held shm:/s
	[[ $status -eq 0 && $output == *'1 process keeps it mapped or open'* ]]
	[[ -z $(left) ]]
	run_ipctool list shm/posix -q
	[[ $output == shm:@* ]]
	ref=$output
	refused 6 'in use' remove "$ref"
	run_ipctool list shm/posix -q
	refused 6 'no name any more' remove --force=held "$ref"
	refused 4 'no name any more' set "$ref" mode=0600
}

@test "remove: who cannot be seen is found out by a lease" {
	need_root
	as_user nobody "$IPCTOOL" create shm:/a --size 10 --mode 666
	exec {fd}</dev/shm/a
	# Not inherited by the command, which is then not to blame.
	# Not inherited by the command, which would then be one that has it.
	without_it() {
		run --separate-stderr "${_fx_prefix[@]}" "$IPCTOOL" remove shm:/a {fd}<&-
	}
	as_user nobody without_it
	[[ $status -eq 6 && $stderr == *'grants no lease'* && -e /dev/shm/a ]]
	exec {fd}<&-
	as_user nobody done_with 'removed shm:/a' remove shm:/a
}

@test "remove: another user may not, forced or not" {
	need_root
	"$IPCTOOL" create shm:/a --size 10 --mode 666
	as_user nobody refused 5 'only its owner or root' remove shm:/a
	as_user nobody refused 5 'owner' remove --force=unknown shm:/a
	as_user nobody refused 5 'owner' remove --force=held shm:/a
	[[ $(left) == a ]]
}

@test "remove: its owner's, though he may not read it" {
	as_user nobody "$IPCTOOL" create shm:/a --size 10 --mode 000
	as_user nobody run_ipctool remove shm:/a
	[[ $status -eq 0 && -z $(left) ]]
	((EUID != 0)) || return 0
	[[ $output == *'could not be told'* ]]
}

@test "remove: a handle of one that was replaced" {
	local handle
	"$IPCTOOL" create shm:/a --size 10
	handle=$("$IPCTOOL" list shm/posix -r -n -o handle)
	mv /dev/shm/a /dev/shm/b
	"$IPCTOOL" create shm:/a --size 10
	run_ipctool remove "$handle"
	[[ $status -eq 4 && $(left | tr '\n' ' ') == 'a b ' ]]
	mv /dev/shm/b /dev/shm/a
	run_ipctool remove "$handle"
	[[ $status -eq 0 && -z $(left) ]]
}

@test "remove: in another mount namespace" {
	local there
	need_root
	_fx_prefix=(unshare --mount sh -c 'mount -t tmpfs none /dev/shm && exec "$@"' sh)
	fixture s shm-posix name=s map=0
	_fx_prefix=()
	there=$(stat -L -c %i "/proc/$(fx s .pid)/ns/mnt")
	"$IPCTOOL" create shm:/s --size 1
	run_ipctool set "shm@$there:/s" mode=0604
	[[ $status -eq 0 && $(stat -c %a "/proc/$(fx s .pid)/root/dev/shm/s") == 604 ]]
	run_ipctool remove --force=held "shm@$there:/s"
	[[ $status -eq 0 && ! -e /proc/$(fx s .pid)/root/dev/shm/s && -e /dev/shm/s ]]
}

@test "remove: two at once for one name both say what became of it" {
	local n one two
	for ((n = 0; n < 20; n++)); do
		"$IPCTOOL" create shm:/a --size 10 >/dev/null
		"$IPCTOOL" remove shm:/a >/dev/null 2>&1 3>&- &
		two=0
		one=0
		"$IPCTOOL" remove shm:/a >/dev/null 2>&1 || one=$?
		wait $! || two=$?
		[[ $one == [046] && $two == [046] ]]
		((one == 0 || two == 0)) || "$IPCTOOL" remove shm:/a
		[[ -z $(left) ]]
	done
}

@test "other verbs are refused with what to do instead" {
	"$IPCTOOL" create shm:/a --size 10
	refused 2 'use a queue' send shm:/a x
	refused 2 'use a queue' receive shm:/a
	refused 2 'make one: sem:/name' post shm:/a
	refused 2 'make one: sem:/name' wait shm:/a
}

# ---- by name alone -------------------------------------------------------------------------------------------

@test "names are looked up as a listing finds them" {
	local name
	printf x >/dev/shm/a
	ln /dev/shm/a /dev/shm/z
	mkdir /dev/shm/d
	printf x >/dev/shm/d/a
	for name in /a /z /d/a; do
		run_ipctool show "shm:$name" --raw -n -o ref,size
		[[ $status -eq 0 && $output == "shm:$name	1" ]] || [[ $name == /z && $status -eq 4 ]]
	done
	run_ipctool list shm:/a shm:/a -q
	[[ $output == shm:/a ]]
	run_ipctool list shm:/a shm:/none -q
	[[ $status -eq 4 && $output == shm:/a ]]
	run_ipctool list shm:/d -q
	[[ $status -eq 4 ]]
}
