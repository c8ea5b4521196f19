#!/usr/bin/env bats
# clean-log.bats: each removal of `clean --apply` is recorded, in a file and by syslog; what cannot be recorded is kept.

load helpers

HOSTILE=$'a) b (c\n\t\e[31m"\\\xff", "uid": 7'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	listener=
}

teardown() {
	[[ -z $listener ]] || { kill "$listener" && wait "$listener" || true; }
	rm -f /dev/log
	release_all
	"$IPCTOOL" remove --force held --quiet --all shm/sysv shm/posix 2>/dev/null || true
}

# orphans NUMBER: segments whose creator and last user are dead; their ids are in the file `made`.
orphans() {
	python3 "$IPCTOOL_SOURCE/tests/cli/orphans.py" "$1" 4096 >made
}

clean() {
	run_ipctool clean --apply --min-age 0 --lock "$BATS_TEST_TMPDIR/lock" "$@"
}

# cleans [OPTION]...: without a word on standard error.
cleans() {
	clean "$@"
	[[ $status -eq 0 && -z $stderr ]] || { echo "clean $*: $status: $output: $stderr" >&2; return 1; }
}

# refuses STATUS TEXT [OPTION]...: one line that says so, and nothing is removed.
refuses() {
	local expected=$1 text=$2 before
	shift 2
	before=$(ids)
	fails "$expected" "$text" clean --apply --min-age 0 --lock "$BATS_TEST_TMPDIR/lock" "$@"
	[[ $(ids) == "$before" ]]
}

ids() {
	"$IPCTOOL" list -q shm/sysv
}

count() {
	ids | wc -l
}

# Every line of FILE is one JSON object.
lines() {
	jq -c . "$1" >/dev/null
	[[ $(wc -l <"$1") -eq $(jq -c . "$1" | wc -l) && -z $(tail -c 1 "$1" | tr -d '\n') ]]
}

# ---- the file -------------------------------------------------------------------------------------------------------

@test "--log: a line for each removal, with what it was, the evidence, and by whom" {
	orphans 1
	"$IPCTOOL" create shm/sysv --key 0x4c4f --size 70000 --mode 0640 >/dev/null
	local handle login
	handle=$("$IPCTOOL" show --raw -n -o handle shm:0x4c4f)
	login=$(cat /proc/self/loginuid 2>/dev/null || echo 4294967295)
	cleans --log log
	[[ $(stat -c '%u %a' log) == "$EUID 640" ]]
	lines log
	[[ $(wc -l <log) -eq 2 && -z $(ids) ]]
	holds "$(jq -c 'select(.size == 70000)' log)" '' '.verb == "clean"' '.class == "shm"' '.kind == "sysv"' \
		'.uid == $uid' '.user == $user' '.state == "orphan"' '.name == null' '.rule == null' '.saved == null' \
		".handle == \"$handle\"" '.ref | startswith("shm:")' \
		'.evidence | length == 3 and .[0] == "0 attached (kernel count)" and (.[1] | test("^creator [0-9]+ is dead$"))' \
		'.why == "orphan: " + (.evidence | join("; "))' \
		'.time | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{1,9}Z$")' \
		'.used | test("^20.*Z$")' \
		'.by | keys == ["host", "loginuid", "pid", "uid", "user"]' \
		'.by.uid == $uid and .by.user == $user' ".by.host == \"$(uname -n)\"" \
		".by.loginuid == (if $login == 4294967295 then null else $login end)" \
		'.by.pid | type == "number"' '.result == "removing"' \
		'keys_unsorted == ["time", "verb", "ref", "handle", "class", "kind", "name", "uid", "user", "size", "used",
			"state", "evidence", "rule", "why", "by", "saved", "result"]'
}

@test "the time of a line is the time of the removal, in UTC" {
	orphans 1
	local before after
	before=$(date -u +%FT%T)
	TZ=Asia/Tokyo cleans --log log
	after=$(date -u +%FT%T.9999999999)
	[[ ! $(jq -r .time log) < $before && ! $(jq -r .time log) > $after ]]
}

@test "lines are appended, also behind one that was cut off" {
	orphans 1
	printf '{"time": "2026-01-01", "ve' >log
	chmod 600 log
	cleans --log log
	orphans 2
	cleans --log log
	[[ $(wc -l <log) -eq 4 && $(head -n 1 log) == '{"time": "2026-01-01", "ve' && $(stat -c %a log) == 600 ]]
	tail -n +2 log >rest
	lines rest
	# One that ends well gets no empty line, nor does an empty one.
	: >log
	orphans 1
	cleans --log log
	lines log
}

@test "a log that may be written and not be read" {
	((EUID)) || skip "root may"
	orphans 1
	: >log
	chmod 200 log
	cleans --log log
	orphans 1
	cleans --log log
	chmod 600 log
	[[ $(grep -c '"verb": "clean"' log) -eq 2 ]]
	jq -c . log >/dev/null
}

@test "names are bytes of strangers: each line stays one object with the same members" {
	local name ref
	for name in "$HOSTILE" plain "$(printf 'n%.0s' {1..255})"; do
		"$IPCTOOL" create --literal "shm:/$name" --size 10 >/dev/null
	done
	ref=$("$IPCTOOL" list --raw -n -o ref shm/posix | grep -F 'a)')
	cleans --log log --include=idle --owner "$(id -un)"
	lines log
	[[ $(wc -l <log) -eq 3 ]]
	[[ $(jq -r 'select(.name != "/plain" and (.name | startswith("/nnn") | not)) | .ref, .uid, .name' log) == \
		"$ref"$'\n'"$EUID"$'\n'"${ref#shm:}" ]]
	jq -s -e 'all(.rule == null and .state == "idle" and (keys | length) == 18)' log
}

@test "a dry run records nothing, and one that removes nothing leaves an empty log" {
	orphans 1
	fails 2 'goes with --apply' clean --min-age 0 --log log
	[[ ! -e log ]]
	cleans --min-age 1h --log log
	[[ -e log && ! -s log && $(count) -eq 1 ]]
}

# ---- what is no file ------------------------------------------------------------------------------------------------

@test "no log: a link, a directory, a FIFO without a reader, what may not be written" {
	orphans 1
	mkdir directory
	mkfifo fifo
	: >file
	ln -s file link
	ln -s nowhere dangling
	refuses 1 'clean: link: the log is a symbolic link, which is not followed' --log link
	refuses 1 'dangling: the log is a symbolic link' --log dangling
	[[ ! -e nowhere && ! -s file ]]
	refuses 1 'directory: the log cannot be opened: Is a directory' --log directory
	refuses 1 'fifo: the log is a FIFO that nobody reads' --log fifo
	refuses 1 'the log cannot be opened: No such file' --log missing/log
	refuses 1 'the log cannot be opened: Bad file' --log /dev/fd/99999
	refuses 1 'the log cannot be opened' --log /dev/fd/999999
	if ((EUID)); then
		refuses 5 'the log cannot be opened: Permission denied' --log /etc/passwd
		refuses 5 'the log cannot be opened: Permission denied' --log /usr/log
	fi
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	refuses 1 'the log cannot be opened: No such device' --log socket
}

@test "a log that is refused leaves no archive behind, and one with an archive that is refused is empty" {
	orphans 1
	refuses 1 'the log cannot be opened' --log missing/log --save saved
	[[ ! -e saved ]]
	refuses 4 'the directory cannot be made' --log log --save missing/saved
	[[ ! -s log ]]
}

@test "/dev/stderr, /dev/stdout, descriptors, a process's own pipe, and /dev/null" {
	orphans 1
	clean --quiet --log /dev/stderr
	[[ $status -eq 0 && -z $output ]]
	jq -e '.verb == "clean"' <<<"$stderr"
	orphans 1
	cleans --quiet --log /dev/stdout
	jq -e '.verb == "clean"' <<<"$output"
	orphans 2
	"$IPCTOOL" clean --apply --min-age 0 --quiet --log /dev/fd/7 7>out
	lines out
	[[ $(wc -l <out) -eq 2 ]]
	orphans 2
	"$IPCTOOL" clean --apply --min-age 0 --quiet --log /dev/stderr 2>&1 | cat >out
	lines out
	orphans 1
	cleans --log /dev/null
	# Behind what is there, and without a newline of its own.
	printf 'begun' >out
	orphans 1
	"$IPCTOOL" clean --apply --min-age 0 --quiet --log /dev/stderr 2>>out
	[[ $(<out) == 'begun{"time"'* ]]
	[[ -z $(ids) ]]
}

@test "standard error that is a socket, as services have it" {
	orphans 2
	python3 -c '
import socket, subprocess, sys
here, there = socket.socketpair()
code = subprocess.run(sys.argv[1:], stderr=there).returncode
there.close()
data = b""
while True:
    more = here.recv(65536)
    if not more:
        break
    data += more
sys.stdout.buffer.write(data)
sys.exit(code)' "$IPCTOOL" clean --apply --min-age 0 --quiet --log /dev/stderr >out
	lines out
	[[ $(wc -l <out) -eq 2 ]]
}

@test "a FIFO with a reader" {
	orphans 3
	mkfifo fifo
	cat fifo >out 3>&- &
	exec 5<>fifo
	cleans --log fifo
	exec 5>&-
	wait $!
	lines out
	[[ $(wc -l <out) -eq 3 ]]
}

@test "a reader that has left: what cannot be recorded is kept, and told once" {
	orphans 5
	mkfifo fifo
	exec 5<>fifo 7>fifo 5>&-
	clean --log /dev/fd/7 --save saved
	exec 7>&-
	[[ $status -eq 1 && $(count) -eq 5 && ! -e saved ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"kept: its removal could not be recorded: /dev/fd/7: Broken pipe" && $(wc -l <<<"$stderr") -eq 1 ]]
}

@test "a reader that reads nothing: a pipe full of lines, and the rest is kept" {
	orphans 200
	mkfifo fifo
	exec 5<>fifo
	clean --log fifo
	[[ $status -eq 1 && $stderr == *"could not be recorded: fifo: Resource temporarily unavailable"* ]] ||
		{ echo "$status: $stderr"; return 1; }
	[[ $(wc -l <<<"$stderr") -eq 1 ]]
	timeout 2 cat fifo >out || true
	exec 5>&-
	lines out
	(($(count) > 0 && $(count) + $(wc -l <out) == 200))
}

# ---- no room --------------------------------------------------------------------------------------------------------

@test "a full disk: what cannot be recorded is kept, and nothing is saved of it" {
	need_root
	orphans 5
	mkdir full
	mount -t tmpfs -o size=64k none full
	: >full/log
	head -c 1M /dev/zero >full/rest 2>/dev/null || true
	clean --log full/log --save saved
	[[ $status -eq 1 && $(count) -eq 5 && ! -s full/log && ! -e saved ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"kept: its removal could not be recorded: full/log: No space left on device" ]]
	# JSON has it for each object.
	clean --log full/log --json
	[[ $status -eq 1 ]]
	holds "$output" '' '[.objects[] | select(.result == "kept" and .verdict == "remove")] | length == 5' \
		'.errors | length > 0'
	umount full
}

@test "a disk that gets full meanwhile: as many lines as objects that went" {
	need_root
	orphans 100
	mkdir full
	mount -t tmpfs -o size=64k none full
	head -c 40k /dev/zero >full/rest
	clean --log full/log
	[[ $status -eq 1 ]]
	lines full/log
	(($(count) > 0 && $(count) < 100))
	(($(wc -l <full/log) + $(count) == 100))
	# Those that it tells of are those that went.
	diff <({ jq -r .ref full/log; ids; } | sort) <(sed 's/^/shm:/' made | sort)
	# Once there is room again the next run finishes.
	rm full/rest
	cleans --log full/log
	lines full/log
	[[ $(wc -l <full/log) -eq 100 && $(count) -eq 0 ]]
	umount full
}

@test "a limit on the size of files is a full disk, not the end" {
	orphans 20
	(ulimit -f 8; "$IPCTOOL" clean --apply --min-age 0 --quiet --lock lock --log log 2>errors) || [[ $? -eq 1 ]]
	[[ $(<errors) == *"could not be recorded: log: File too large" ]]
	lines log
	(($(count) > 0 && $(wc -l <log) > 0 && $(wc -l <log) + $(count) == 20))
}

@test "a file system that sets no room aside" {
	need_root
	orphans 5
	mkdir ram
	mount -t ramfs none ram
	cleans --log ram/log
	lines ram/log
	[[ $(wc -l <ram/log) -eq 5 ]]
	umount ram
}

@test "a line that cannot be written after all: nothing is removed, nor saved, and it is told once" {
	orphans 5
	clean --log /dev/full --save saved
	[[ $status -eq 1 && $(count) -eq 5 && ! -e saved ]] || { echo "$status: $output: $stderr"; return 1; }
	[[ $stderr == *"kept: its removal could not be recorded: /dev/full: No space left on device" && $(wc -l <<<"$stderr") -eq 1 ]]
}

# ---- what stays after all -------------------------------------------------------------------------------------------

@test "the line is there before the object goes; what then fails to go gets a second one" {
	need_root
	"$IPCTOOL" create shm:/stays --size 10
	mount -o remount,ro /dev/shm
	clean --log log --save saved --include=idle --owner root shm/posix
	mount -o remount,rw /dev/shm
	[[ $status -eq 1 && -e /dev/shm/stays && ! -e saved ]] || { echo "$status: $output: $stderr"; return 1; }
	lines log
	[[ $(jq -r .result log) == $'removing\nfailed' && $(jq -r .ref log | uniq) == shm:/stays ]]
	holds "$(head -n 1 log)" '' '.saved == "shm-posix-stays"' '.why | startswith("idle")'
	holds "$(tail -n 1 log)" '' '.saved == null' '.why | test("mounted read-only")'
}

@test "the log and the lock cannot be the same file, whatever its name" {
	orphans 1
	: >lock
	ln lock link
	refuses 2 "--log: '$BATS_TEST_TMPDIR/lock' is the file of the lock as well" --log "$BATS_TEST_TMPDIR/lock"
	refuses 2 "--log: 'link' is the file of the lock as well" --log link
	refuses 2 "--log: '/dev/fd/7' is the file of the lock as well" --log /dev/fd/7 7>>lock
	[[ ! -s lock ]]
	clean --log link --json
	[[ $status -eq 2 ]]
	holds "$output" '' '.errors | length > 0'
}

# ---- syslog ---------------------------------------------------------------------------------------------------------

# What syslog is told goes into the file `syslog`, a datagram a line.
listen() {
	need_root
	python3 -c '
import os, socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
with open("syslog", "wb", buffering=0) as file:
    while True:
        file.write(log.recv(65536).rstrip(b"\0\n") + b"\n")' 3>&- &
	listener=$!
	eventually test -S /dev/log
	eventually test -e syslog
}

@test "syslog: one notice of a daemon for each removal" {
	listen
	orphans 1
	"$IPCTOOL" create shm/sysv --key 0x4c4f --size 70000 >/dev/null
	local handle ref
	handle=$("$IPCTOOL" show --raw -n -o handle shm:0x4c4f)
	ref=$("$IPCTOOL" show --raw -n -o ref shm:0x4c4f)
	cleans
	eventually grep -q 'size=70000' syslog
	[[ $(wc -l <syslog) -eq 2 ]]
	grep -E "^<29>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} ipctool\[[0-9]+\]: removed ref=\"$ref\" uid=0 size=70000 state=\"orphan\" by=0 why=\"orphan: 0 attached \(kernel count\); creator [0-9]+ is dead; [^\"]*\" handle=\"${handle//+/\\+}\"$" syslog
}

@test "syslog: what a user removed is told as his" {
	listen
	as_user nobody "$IPCTOOL" create shm/sysv --size 10 >/dev/null
	as_user nobody cleans --lock "/tmp/lock-of-nobody"
	eventually grep -q "uid=$(id -u nobody) size=10 .* by=$(id -u nobody) " syslog
}

@test "syslog: names cannot make up values, and long ones are cut between bytes" {
	listen
	"$IPCTOOL" create --literal "shm:/$HOSTILE" --size 10 >/dev/null
	local prefix
	for prefix in a aa aaa aaaa; do
		"$IPCTOOL" create --literal "shm:/$prefix$(printf '\xc3\xbc%.0s' {1..125})" --size 11 >/dev/null
	done
	cleans --include=idle --owner root
	eventually eval '(($(grep -c "size=1" syslog) == 5))'
	[[ $(wc -l <syslog) -eq 5 ]]
	grep -F 'ref="shm:/a) b (c\x0a\x09\x1b[31m\x22\x5c\xff\x22, \x22uid\x22: 7" uid=0 size=10 ' syslog
	[[ -z $(tr -d '[:print:]\n' <syslog) ]]
	# Of a long name the reference fits; its handle, which has it once more, does not.
	[[ $(grep -Ec 'ref="shm:/a*(\\xc3\\xbc){125}" uid=0 size=11 .* handle="[^"]*:/a*(\\xc3\\xbc)+(\\xc3)?\.\.\."$' syslog) -eq 4 ]]
}

@test "syslog: --no-syslog tells it nothing, nor does a dry run; without it nothing is amiss" {
	listen
	orphans 2
	succeeds clean --min-age 0
	cleans --no-syslog
	orphans 1
	"$IPCTOOL" create shm/sysv --size 77 >/dev/null
	cleans
	eventually grep -q 'size=77' syslog
	[[ $(wc -l <syslog) -eq 2 ]]
	kill "$listener"
	wait "$listener" || true
	listener=
	orphans 1
	cleans
	rm /dev/log
	orphans 1
	cleans
	[[ -z $(ids) ]]
}

# ---- interruption ---------------------------------------------------------------------------------------------------

@test "SIGTERM: the object at hand is finished and recorded, the others stay" {
	local n killed=0 status
	for n in 1 2 3 4 5; do
		orphans 500
		rm -f log
		"$IPCTOOL" clean --apply --min-age 0 --quiet --lock lock --log log --save "saved$n" 2>errors 3>&- &
		eventually test -s log
		kill -TERM $!
		status=0
		wait $! || status=$?
		[[ $status -eq 143 || $status -eq 0 ]] || { echo "$status"; cat errors; return 1; }
		killed=$((killed + (status == 143)))
		lines log
		diff <({ jq -r .ref log; ids; } | sort) <(sed 's/^/shm:/' made | sort)
		diff <(jq -r .saved log | sort) <(sed -n 's/^file=//p' "saved$n/manifest" | sort)
		"$IPCTOOL" remove --quiet --force held --all shm/sysv
	done
	((killed))
}
