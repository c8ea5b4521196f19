#!/usr/bin/env bats
# clean-save.bats: `clean --apply --save DIR` keeps what it removes, so that `create --restore DIR` makes it again.

load helpers

HOSTILE=$'a) b (c\n\t\e[31m"\\\xff'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

teardown() {
	release_all
	"$IPCTOOL" remove --force held --quiet --all shm/sysv shm/posix sem/sysv sem/posix mq/posix 2>/dev/null || true
}

# orphans NUMBER [SIZE]: segments whose creator and last user are dead; their ids are in the file `made`.
orphans() {
	python3 "$IPCTOOL_SOURCE/tests/cli/orphans.py" "$1" "${2-4096}" >made
}

clean() {
	run_ipctool clean --apply --no-syslog --min-age 0 --lock "$BATS_TEST_TMPDIR/lock" "$@"
}

# cleans NUMBER [OPTION]...: it removes so many objects, without a word on standard error.
cleans() {
	local number=$1
	shift
	clean "$@"
	[[ $status -eq 0 && -z $stderr && $(grep -c '^removed [a-z]*:' <<<"$output") -eq $number ]] ||
		{ echo "clean $*: $status: $output: $stderr" >&2; return 1; }
}

# With what only somebody's rule would remove.
idle=(--include=idle,suspect --owner "$(id -un)")

ids() {
	"$IPCTOOL" list -q shm/sysv
}

count() {
	ids | wc -l
}

# field REF NAME
field() {
	"$IPCTOOL" show --raw -n -o "$2" -- "$1"
}

# The last user on record and its times. A clean that attached it would have changed them.
trace() {
	"$IPCTOOL" list --raw -n -o id,last_user,attach_time,detach_time shm/sysv
}

# Queues of POSIX are read by BPF alone.
need_peek() {
	((EUID == 0)) || skip "needs BPF"
	"$IPCTOOL" --version | grep -q '+bpf' || skip "this build has no BPF"
}

# ---- what comes back ------------------------------------------------------------------------------------------------

@test "System V segments come back: bytes, holes, key, mode, size; their times cannot" {
	head -c 10000 /dev/urandom >content
	truncate -s 4M content
	printf 'the end' >>content
	truncate -s 8M content
	"$IPCTOOL" create shm/sysv --key 0x5301 --mode 0640 --from content
	"$IPCTOOL" create shm/sysv --mode 0604 --size 5000
	orphans 1 100000
	cleans 3 --save saved
	[[ -z $(ids) && $(stat -c %a saved) == 700 && -z $(find saved -type f ! -perm 600) ]]
	[[ $(stat -c %b saved/shm-sysv-0) -lt 200 ]] || [[ $(stat -f -c %T .) != tmpfs ]]
	succeeds create --restore saved
	[[ $(wc -l <<<"$output") -eq 3 && $(field shm:0x5301 mode,size,uid) == $'0640\t8388608\t'"$EUID" ]]
	"$IPCTOOL" dump --attach shm:0x5301 2>/dev/null >out
	cmp content out
	[[ $("$IPCTOOL" list --raw -n -o key,mode,size shm/sysv --sort size) == \
		$'0x00000000\t0604\t5000\n0x00000000\t0600\t100000\n0x00005301\t0640\t8388608' ]]
	local id
	id=$("$IPCTOOL" list -q shm/sysv --filter 'size == 100000')
	"$IPCTOOL" dump --attach "$id" 2>/dev/null | head -n 1 | cmp - made
}

@test "a segment keeps its owner" {
	need_root
	printf content >content
	as_user nobody "$IPCTOOL" create shm/sysv --key 0x5302 --mode 0600 --from /dev/stdin <content
	cleans 1 --save saved
	succeeds create --restore saved
	[[ $(field shm:0x5302 uid,mode) == "$(id -u nobody)"$'\t0600' ]]
	as_user nobody "$IPCTOOL" dump --attach shm:0x5302 2>/dev/null >out
	cmp content out
}

@test "semaphores come back with their values, POSIX segments with bytes and holes, whatever their names" {
	head -c 3000 /dev/urandom >content
	truncate -s 1M content
	"$IPCTOOL" create sem/sysv --key 0x5303 --value 3,0,32767 --mode 0620
	"$IPCTOOL" create --literal "sem:/$HOSTILE" --value 7 --mode 0640
	"$IPCTOOL" create --literal "shm:/$HOSTILE" --from content --mode 0604
	"$IPCTOOL" create shm:/empty --size 0
	cleans 4 --save saved "${idle[@]}"
	[[ -z $("$IPCTOOL" list -q shm/posix sem/sysv sem/posix) ]]
	succeeds create --restore saved
	[[ $(field sem:0x5303 values,mode) == $'3,0,32767\t0620' ]]
	run_ipctool show --literal --raw -n -o values,mode -- "sem:/$HOSTILE"
	[[ $output == $'7\t0640' ]]
	cmp content "/dev/shm/$HOSTILE"
	[[ $(stat -c '%a %s' "/dev/shm/$HOSTILE" /dev/shm/empty) == $'604 1048576\n644 0' ]]
}

@test "a POSIX queue comes back with its messages, their priorities and order" {
	need_peek
	head -c 5000 /dev/urandom >big
	printf 'x\n\0y' >odd
	"$IPCTOOL" create mq:/q --max-messages 4 --message-size 5000 --mode 0622
	"$IPCTOOL" send mq:/q --priority 3 --file big
	"$IPCTOOL" send mq:/q --priority 9 --file odd
	"$IPCTOOL" send mq:/q --priority 3 --file odd
	cleans 1 --save saved "${idle[@]}" mq/posix
	succeeds create --restore saved
	[[ $(field mq:/q mode,max_messages,message_size,messages) == $'0622\t4\t5000\t3' ]]
	local file
	for file in odd big odd; do
		"$IPCTOOL" receive mq:/q >out
		cmp "$file" out
	done
}

@test "what the manifest and the log tell of each other" {
	orphans 3
	cleans 3 --save saved --log log
	diff <(jq -r .saved log) <(sed -n 's/^file=//p' saved/manifest)
	diff <(jq -r .handle log) <(sed -n 's/^handle=//p' saved/manifest)
	diff <(sed -n 's/^object=//p' saved/manifest) <(sed 's/^/shm:/' made)
	local id
	while read -r id; do
		[[ $(head -n 1 "saved/shm-sysv-$id") == "$id" ]]
	done <made
}

# ---- the directory --------------------------------------------------------------------------------------------------

@test "nothing to save: no directory is left, and one that was there stays as it was" {
	cleans 0 --save saved
	[[ ! -e saved ]]
	mkdir -m 700 saved
	cleans 0 --save saved
	[[ -z $(ls -A saved) ]]
}

@test "an archive is written once; another day is another directory" {
	orphans 1
	cleans 1 --save "saved-$(date +%F)"
	orphans 1
	local before
	before=$(cat saved-*/manifest)
	fails 6 'has a manifest already' clean --apply --min-age 0 --no-syslog --lock lock --save "saved-$(date +%F)"
	[[ $(count) -eq 1 && $(cat saved-*/manifest) == "$before" ]]
}

@test "a directory that others could write to, a link, a file: nothing is removed" {
	orphans 1
	mkdir -m 700 open
	chmod 770 open
	ln -s open link
	: >file
	fails 6 'may be written by others' clean --apply --min-age 0 --no-syslog --lock lock --save open
	fails 2 'symbolic link' clean --apply --min-age 0 --no-syslog --lock lock --save link
	fails 2 'cannot be opened' clean --apply --min-age 0 --no-syslog --lock lock --save file
	[[ $(count) -eq 1 ]]
}

# ---- what cannot be saved -------------------------------------------------------------------------------------------

@test "what may not be read is kept, and the others go; the exit code tells" {
	((EUID)) || skip "root may"
	head -c 5000 /dev/urandom >content
	"$IPCTOOL" create shm/sysv --key 0x5304 --mode 0200 --from content
	local before
	before=$(trace)
	orphans 2
	clean --save saved
	[[ $status -eq 1 && $(count) -eq 1 && $(field shm:0x5304 size) == 5000 ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"kept: its contents could not be saved: permission denied: "* && $(wc -l <<<"$stderr") -eq 1 ]]
	[[ $(trace) == "$before" && $(grep -c ^object= saved/manifest) -eq 2 ]]
	# Without --save it goes.
	cleans 1
}

@test "a full disk: the large one is kept without a mark, the small one goes" {
	need_root
	head -c 4M /dev/urandom >content
	mkdir small
	mount -t tmpfs -o size=1M none small
	"$IPCTOOL" create shm/sysv --key 0x5305 --from content
	local before large
	before=$(trace)
	large=$(ids)
	orphans 1
	clean --save small/saved --log log
	[[ $status -eq 1 && $(ids) == "$large" && $(trace) == "$before" ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"$large: kept: its contents could not be saved: small/saved has no room for it: No space left on device" ]]
	[[ $(ls small/saved) == $'manifest\nshm-sysv-'"$(<made)" ]]
	[[ $(jq -r .saved log) == "shm-sysv-$(<made)" ]]
	rm -r small/saved
	# Without anything else to save there is no directory.
	clean --save small/saved
	[[ $status -eq 1 && ! -e small/saved ]]
	umount small
}

@test "a disk without files left, and a limit on their size" {
	need_root
	mkdir small
	mount -t tmpfs -o size=1M,nr_inodes=6 none small
	orphans 5
	clean --save small/saved
	[[ $status -eq 1 && $(count) -gt 0 && $(count) -lt 5 ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"cannot be made, so it was not kept: No space left"* ]]
	(($(grep -c ^object= small/saved/manifest) + $(count) == 5))
	umount small
	orphans 1 100000
	(ulimit -f 20; "$IPCTOOL" clean --apply --no-syslog --min-age 0 --lock lock --save saved --quiet 2>errors) || [[ $? -eq 1 ]]
	[[ $(<errors) == *"shm:$(<made): kept: its contents could not be saved: "*"File too large"* ]]
	[[ $(ids) == "shm:$(<made)" && -z $(grep "^object=shm:$(<made)$" saved/manifest) && ! -e saved/shm-sysv-$(<made) ]]
}

@test "a queue that can only be emptied is no queue that is saved" {
	"$IPCTOOL" create mq:/q
	echo content | "$IPCTOOL" send mq:/q --file -
	without_bpf clean --save saved "${idle[@]}" mq/posix
	[[ $status -eq 1 && $stderr == *"mq:/q: kept: its contents could not be saved: "* && ! -e saved ]] ||
		{ echo "$status: $output: $stderr"; return 1; }
	[[ $(field mq:/q messages) == 1 || $EUID -ne 0 ]]
	[[ $("$IPCTOOL" receive mq:/q) == content ]]
}

@test "what was saved and then not removed is not in the archive" {
	need_root
	orphans 1
	"$IPCTOOL" create shm:/stays --size 10
	mount -o remount,ro /dev/shm
	clean --save saved --log log "${idle[@]}"
	mount -o remount,rw /dev/shm
	[[ $status -eq 1 && $stderr == *"shm:/stays: its file system is mounted read-only" && -e /dev/shm/stays && $(count) -eq 0 ]] ||
		{ echo "$status: $output: $stderr"; return 1; }
	[[ $(grep ^object= saved/manifest) == "object=shm:$(<made)" ]]
	[[ $(ls saved) == $'manifest\nshm-sysv-'"$(<made)" ]]
	[[ $(jq -r 'select(.ref != "shm:/stays") | .result' log) == removing ]]
	[[ $(jq -r 'select(.ref == "shm:/stays") | .result' log) == $'removing\nfailed' ]]
	# Nothing else was saved: no archive at all.
	mount -o remount,ro /dev/shm
	clean --save other "${idle[@]}"
	mount -o remount,rw /dev/shm
	[[ $status -eq 1 && ! -e other ]]
}

@test "a segment that somebody uses while it is saved is kept, and nothing of it in the archive" {
	python3 -c 'import sys; sys.stdout.buffer.write(b"x" * (1 << 27))' >content
	"$IPCTOOL" create shm/sysv --key 0x5306 --from content
	rm content
	# It attaches the segment when its file begins to grow, and detaches it at once.
	python3 -c '
import ctypes, glob, os, time
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
segment = libc.shmget(0x5306, 0, 0)
open("ready", "w").close()
while not any(os.stat(path).st_size for path in glob.glob("saved/shm-*")):
    time.sleep(0.0001)
libc.shmdt(libc.shmat(segment, None, 0o10000))' 3>&- &
	eventually test -e ready
	clean --save saved
	wait $!
	[[ $(count) -eq 1 && ! -e saved ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $status -eq 1 && $stderr == *"kept: its contents could not be saved: it changed while it was read" ]] ||
		[[ $status -eq 0 && -z $stderr ]]
}

# ---- interruption ---------------------------------------------------------------------------------------------------

# Whatever went is in the archive, whole, and in the log; of one object both may tell too early. The next run does the rest.
accounts() {
	local id gone=0 unremoved early
	ids | sed 's/^shm://' | sort >left
	sed -n 's/^object=shm://p' "$1/manifest" 2>/dev/null | sort >kept || true
	jq -r '.ref | ltrimstr("shm:")' log | sort >logged
	while read -r id; do
		gone=$((gone + 1))
		grep -qx "$id" kept || { echo "$id is neither there nor kept"; return 1; }
		[[ $(head -n 1 "$1/shm-sysv-$id") == "$id" && $(stat -c %s "$1/shm-sysv-$id") -eq 4096 ]]
		grep -qx "$id" logged || { echo "$id is gone, and not in the log"; return 1; }
	done < <(sort made | comm -23 - left)
	unremoved=$(comm -12 left kept | wc -l)
	early=$(comm -12 left logged | wc -l)
	echo "$gone gone; still there: $unremoved kept, $early in the log"
	((unremoved <= 1 && early <= unremoved))
}

@test "SIGKILL at 20 moments: everything that went is kept and logged, and at most one thing that did not" {
	local n amid=0
	for n in {1..20}; do
		rm -f log
		orphans 150
		: >log
		"$IPCTOOL" clean --apply --no-syslog --min-age 0 --quiet --lock lock --log log --save "saved$n" 3>&- &
		# At first all over the run, then where the first ones go.
		if ((n % 2)); then
			sleep "0.0$((RANDOM % 90 + 10))"
		else
			eventually test -s log
		fi
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		accounts "saved$n"
		amid=$((amid + ($(wc -l <left) > 0 && $(wc -l <logged) > 0)))
		"$IPCTOOL" remove --quiet --force held --all shm/sysv
	done
	((amid))
}

@test "after SIGKILL the next run needs another directory, and finishes the job" {
	orphans 150
	: >log
	"$IPCTOOL" clean --apply --no-syslog --min-age 0 --quiet --lock lock --log log --save one 3>&- &
	eventually test -s log
	kill -KILL $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	cleans "$(count)" --log log --save two
	[[ -z $(ids) ]]
	# All of them come back, from the one or the other.
	sed -n 's/^object=shm://p' one/manifest two/manifest 2>/dev/null | sort -u | diff - <(sort made)
}
