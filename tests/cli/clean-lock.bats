#!/usr/bin/env bats
# clean-lock.bats: one `clean --apply` at a time: where the lock is, what a second run says, and what is no lock.

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	unset XDG_RUNTIME_DIR
	holder=
	rm -rf /run/ipctool "/tmp/ipctool-$EUID" 2>/dev/null || true
}

teardown() {
	[[ -z $holder ]] || end_holder
	release_all
	"$IPCTOOL" remove --force held --quiet --all shm/sysv 2>/dev/null || true
}

# A segment whose creator and last user are dead: its id.
orphan() {
	python3 "$IPCTOOL_SOURCE/tests/cli/orphans.py" 1 4096
}

clean() {
	run_ipctool clean --apply --no-syslog --min-age 0 "$@"
}

# cleans [OPTION]...: it removes the orphan that there is.
cleans() {
	clean "$@"
	[[ $status -eq 0 && -z $stderr && $output == "removed shm:"* ]] ||
		{ echo "clean $*: $status: $output: $stderr" >&2; return 1; }
}

# refuses STATUS TEXT [OPTION]...: one line that says so, and nothing is removed.
refuses() {
	local expected=$1 text=$2 before
	shift 2
	before=$(ids)
	fails "$expected" "$text" clean --apply --no-syslog --min-age 0 "$@"
	[[ $(ids) == "$before" ]]
}

ids() {
	"$IPCTOOL" list -q shm/sysv
}

default_path() {
	if ((EUID)); then
		echo "/tmp/ipctool-$EUID/clean.lock"
	else
		echo /run/ipctool/clean.lock
	fi
}

# hold FILE: another process has the lock, as ipctool takes it.
hold() {
	mkdir -p "$(dirname "$1")"
	python3 -c '
import fcntl, os, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
open("held", "w").close()
time.sleep(1000)' "$1" 3>&- &
	holder=$!
	eventually test -e held
}

end_holder() {
	kill -KILL "$holder"
	wait "$holder" || true
	holder=
	rm -f held
}

@test "the lock of root and the one of a user: where it is, who may use it, and that it stays" {
	local path
	path=$(default_path)
	umask 0
	orphan
	cleans
	[[ $(stat -c '%u %a %s' "$path") == "$EUID 600 0" ]]
	[[ $(stat -c '%u %a' "$(dirname "$path")") == "$EUID $([[ $EUID -eq 0 ]] && echo 755 || echo 700)" ]]
	local inode
	inode=$(stat -c %i "$path")
	orphan
	cleans
	[[ $(stat -c %i "$path") == "$inode" ]]
}

@test "the lock of a session lies in XDG_RUNTIME_DIR, if that is the user's own" {
	((EUID)) || skip "root has no such lock"
	mkdir -m 700 session
	mkdir -m 777 open
	orphan
	XDG_RUNTIME_DIR=$PWD/session cleans
	[[ -f session/ipctool-clean.lock && ! -e /tmp/ipctool-$EUID ]]
	local directory
	for directory in "$PWD/open" /usr "$PWD/missing" session ""; do
		orphan
		XDG_RUNTIME_DIR=$directory cleans
		rm "/tmp/ipctool-$EUID/clean.lock"
	done
	ln -s session link
	orphan
	XDG_RUNTIME_DIR=$PWD/link cleans
	[[ -f /tmp/ipctool-$EUID/clean.lock ]]
}

@test "a second run is refused, and told who has the lock; a dry run needs none" {
	local path
	path=$(default_path)
	orphan
	hold "$path"
	refuses 6 "clean: $path: another cleaning runs: process $holder (python3)"
	succeeds clean --min-age 0 --output ref,verdict --raw --noheadings
	[[ $output == *remove* ]]
	succeeds clean --check-policy --quiet
	# Another lock is another lock.
	cleans --lock other
	end_holder
	orphan
	cleans
}

@test "--quiet says so as well, and JSON ends with it" {
	hold lock
	refuses 6 'another cleaning runs' --lock lock --quiet
	clean --lock lock --json
	[[ $status -eq 6 ]]
	json_valid "$output"
}

@test "the holder's name is printed escaped" {
	python3 -c '
import fcntl, time
open("/proc/self/comm", "w").write("a\n\x1b[31m\\")
file = open("lock", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
open("held", "w").close()
time.sleep(1000)' 3>&- &
	holder=$!
	eventually test -e held
	refuses 6 "process $holder (a\\x0a\\x1b[31m\\x5c)" --lock lock
}

@test "a holder in another pid namespace has no number here" {
	need_root
	hold lock
	run --separate-stderr unshare --pid --fork --mount-proc "$IPCTOOL" clean --apply --no-syslog --lock lock
	[[ $status -eq 6 && $stderr == *"another cleaning runs: a process of another pid namespace" ]]
}

@test "whoever is killed has the lock no more" {
	local n
	for n in 1 2 3; do
		hold lock
		refuses 6 "process $holder " --lock lock
		end_holder
		orphan
		cleans --lock lock
	done
}

@test "two at once: one of them cleans, the other is refused; never both" {
	local n one two
	for n in 1 2 3 4 5; do
		python3 "$IPCTOOL_SOURCE/tests/cli/orphans.py" 200 4096 >/dev/null
		"$IPCTOOL" clean --apply --no-syslog --min-age 0 --quiet --lock lock --log one 2>errors 3>&- &
		one=$!
		"$IPCTOOL" clean --apply --no-syslog --min-age 0 --quiet --lock lock --log two 2>>errors 3>&- &
		two=$!
		local of_one=0 of_two=0
		wait "$one" || of_one=$?
		wait "$two" || of_two=$?
		[[ "$of_one $of_two" == @("0 6"|"6 0"|"0 0") ]] || { echo "$of_one $of_two"; cat errors; return 1; }
		[[ -z $(ids) ]]
	done
	[[ $(cat one two | wc -l) -eq 1000 ]]
}

@test "a second run that is refused writes no log and makes no directory" {
	orphan
	hold lock
	refuses 6 'another cleaning' --lock lock --log log --save saved
	[[ ! -e log && ! -e saved ]]
}

# ---- what is no lock ------------------------------------------------------------------------------------------------

@test "in its place: a FIFO, a directory, a link, a socket, something of somebody else" {
	orphan
	mkfifo fifo
	mkdir directory
	: >file
	ln -s file link
	ln -s nowhere dangling
	refuses 1 'fifo: is no regular file' --lock fifo
	refuses 1 'directory: the lock cannot be opened: Is a directory' --lock directory
	refuses 1 'link: is a symbolic link, which is not followed' --lock link
	refuses 1 'dangling: is a symbolic link' --lock dangling
	[[ ! -e nowhere ]]
	refuses 1 'the lock cannot be opened: No such file' --lock missing/lock
	refuses 1 'is no regular file' --lock /dev/null
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	refuses 1 'the lock cannot be opened: No such device' --lock socket
	cleans --lock file
}

@test "a file of another user is not locked, nor one that cannot be written" {
	orphan
	if ((EUID)); then
		refuses 5 'the lock cannot be opened: Permission denied' --lock /etc/passwd
		refuses 5 'the lock cannot be opened: Permission denied' --lock /usr/lock
		mkdir -m 500 closed
		refuses 5 'the lock cannot be opened: Permission denied' --lock closed/lock
		: >readable
		chmod 400 readable
		refuses 5 'the lock cannot be opened: Permission denied' --lock readable
	else
		install -m 666 -o nobody /dev/null foreign
		refuses 1 'foreign: belongs to somebody else' --lock foreign
	fi
}

@test "the user's directory below /tmp: made by somebody else, open to others, a link, a file" {
	((EUID)) || skip "root's is below /run"
	local path=/tmp/ipctool-$EUID
	orphan
	mkdir -m 777 "$path"
	chmod 777 "$path"
	refuses 1 'yours not alone'
	rmdir "$path"
	mkdir elsewhere
	ln -s "$PWD/elsewhere" "$path"
	refuses 1 'is no directory'
	[[ ! -e elsewhere/clean.lock ]]
	rm "$path"
	: >"$path"
	refuses 1 'is no directory'
	rm "$path"
	cleans
}

@test "root's directory: somebody else's, open to others, a link; a user's that root made" {
	need_root
	orphan
	mkdir /run/ipctool
	chown nobody /run/ipctool
	refuses 1 'yours not alone'
	chown 0 /run/ipctool
	chmod 775 /run/ipctool
	refuses 1 'yours not alone'
	rmdir /run/ipctool
	ln -s "$PWD" /run/ipctool
	refuses 1 'is no directory'
	rm /run/ipctool
	local path
	path=/tmp/ipctool-$(id -u nobody)
	mkdir "$path"
	as_user nobody fails 1 'yours not alone' clean --apply
	rmdir "$path"
}

@test "where nothing can be written: --lock is offered" {
	need_root
	orphan
	mount -t tmpfs -o ro none /run
	refuses 1 'the directory of the lock cannot be made: Read-only file system (--lock FILE names another one)'
	cleans --lock lock
	umount /run
	mkdir -m 755 /run/ipctool
	mount -t tmpfs -o ro,mode=755 none /run/ipctool
	orphan
	refuses 1 'the lock cannot be opened: Read-only file system (--lock FILE'
	umount /run/ipctool
}

@test "a full disk has room for a lock that is there" {
	need_root
	orphan
	mkdir full
	mount -t tmpfs -o size=64k,nr_inodes=3 none full
	: >full/lock
	head -c 1M /dev/zero >full/rest 2>/dev/null || true
	cleans --lock full/lock
	orphan
	refuses 1 'the lock cannot be opened: No space left on device' --lock full/other
	umount full
}
