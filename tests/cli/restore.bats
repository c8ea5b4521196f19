#!/usr/bin/env bats
# restore.bats: `dump --output` keeps objects in a directory, and `create --restore` makes them again as they were.

load helpers

HOSTILE=$'a) b (c\n\t\e[31m"\\\xff'
LONGEST=$(printf 'n%.0s' {1..255})

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	unset refs
	refs=()
}

teardown() {
	release_all
	clear_all
}

# What the tests made lives on without them.
clear_all() {
	local ref
	while IFS= read -r ref; do
		"$IPCTOOL" remove --force held --quiet -- "$ref" 2>/dev/null || true
	done < <("$IPCTOOL" list -q mq shm/sysv shm/posix sem/sysv sem/posix 2>/dev/null)
}

# make ARGUMENT...: `create`, and the reference is remembered in $refs.
make() {
	succeeds create "$@"
	refs+=("$output")
}

# send REF TYPE FILE
send() {
	local option=--type
	[[ $1 != mq:/* ]] || option=--priority
	"$IPCTOOL" send "$option" "$2" --file "$3" -- "$1"
}

# Dump into a directory, whatever it says; POSIX queues take a privilege to be read.
keep() {
	run_ipctool dump --quiet --output "$@"
	if [[ $stderr == *CAP_* || $stderr == *"no BPF"* ]]; then
		skip "to be read it needs a privilege"
	fi
	[[ $status -eq 0 ]] || { echo "dump --output $*: $status: $output: $stderr" >&2; return 1; }
}

remove_all() {
	local ref
	for ref; do
		succeeds remove --force held --quiet -- "$ref"
	done
}

# The stanzas without what differs from one object to another of the same sort, and the files in their order.
stanzas() {
	sed -E '/^(object|handle|file|dumped|source)=/d' "$1/manifest"
}

files() {
	sed -n "s,^file=,$1/,p" "$1/manifest"
}

# alike DIR DIR: every object has the same settings and, byte for byte, the same contents. Of a semaphore it is also known
# who used it last, which is another process by now.
alike() {
	local a b i_file
	sed -i 's/ last_pid=[0-9]*//' "$1"/sem-* "$2"/sem-* 2>/dev/null || true
	diff <(stanzas "$1") <(stanzas "$2")
	mapfile -t a < <(files "$1")
	mapfile -t b < <(files "$2")
	((${#a[@]} == ${#b[@]} && ${#a[@]}))
	for i_file in "${!a[@]}"; do
		cmp "${a[i_file]}" "${b[i_file]}"
	done
}

# comes_back [OPTION]...: what $refs name is dumped (with these options), removed, made again, and dumped once more. The new
# references are in $new.
comes_back() {
	local line
	keep first "$@" -- "${refs[@]}"
	remove_all "${refs[@]}"
	succeeds create --restore first
	new=()
	while IFS= read -r line; do
		new+=("${line##* -> }")
	done <<<"$output"
	((${#new[@]} == ${#refs[@]}))
	keep second "$@" -- "${new[@]}"
	alike first second
	[[ -z $(find first second -type f ! -perm 600) ]]
}

# field REF NAME
field() {
	"$IPCTOOL" show --raw -n -o "$2" -- "$1"
}

# ---- each kind -----------------------------------------------------------------------------------------------

@test "mq/sysv: messages in order, their types and bytes, key, limit and mode" {
	make mq/sysv --key 0x4d51 --mode 0620 --max-bytes 9000
	head -c 5000 /dev/urandom >big
	printf 'two\nlines, \0 and \xff' >odd
	: >empty
	send "${refs[0]}" 7 big
	send "${refs[0]}" 9223372036854775807 empty
	send "${refs[0]}" 1 odd
	send "${refs[0]}" 7 odd
	comes_back
	[[ $(field "${new[0]}" key,mode,max_bytes,messages) == $'0x00004d51\t0620\t9000\t4' ]]
	# In that order.
	"$IPCTOOL" receive -- "${new[0]}" >out
	cmp big out
	"$IPCTOOL" receive --type 1 -- "${new[0]}" >out
	cmp odd out
}

@test "mq/sysv: private, empty, and one that has more bytes than its limit by now" {
	make mq/sysv --mode 0600
	make mq/sysv --key 0x4d52 --max-bytes 6000
	head -c 1000 /dev/zero >zeros
	: >empty
	local n
	for n in 1 2 3 4 5; do
		send "${refs[1]}" "$n" zeros
	done
	send "${refs[1]}" 6 empty
	succeeds set "${refs[1]}" max-bytes=3
	comes_back
	[[ $(field "${new[1]}" max_bytes,messages,bytes) == $'3\t6\t5000' ]]
	[[ $(field "${new[0]}" key,messages) == $'0x00000000\t0' ]]
}

@test "mq/posix: priorities, order, limits and hostile names" {
	local name
	for name in plain "$HOSTILE" -dash .dot "$LONGEST"; do
		make --literal --max-messages 4 --message-size 5000 --mode 0622 "mq:/$name"
	done
	head -c 5000 /dev/urandom >big
	printf 'x\n\0y' >odd
	: >empty
	for name in "${refs[@]}"; do
		send "$name" 3 big
		send "$name" 32767 empty
		send "$name" 3 odd
		send "$name" 0 odd
	done
	comes_back
	[[ "${new[*]}" == "${refs[*]}" ]]
	[[ $(field "${new[1]}" mode,max_messages,message_size,messages) == $'0622\t4\t5000\t4' ]]
	"$IPCTOOL" receive -- "${new[1]}" >out
	cmp empty out
	"$IPCTOOL" receive -- "${new[1]}" >out
	cmp big out
}

@test "mq/posix: a queue that was drained comes back" {
	make mq:/drained --max-messages 4 --message-size 5000
	head -c 5000 /dev/urandom >big
	printf 'x\n\0y' >odd
	send mq:/drained 1 odd
	send mq:/drained 7 big
	keep first --drain mq:/drained
	fails 7 '' receive --nowait mq:/drained
	remove_all mq:/drained
	succeeds create --restore first
	"$IPCTOOL" receive mq:/drained >out
	cmp big out
	"$IPCTOOL" receive mq:/drained >out
	cmp odd out
	fails 7 '' receive --nowait mq:/drained
}

@test "shm/posix: bytes and holes, size, mode and hostile names" {
	local name
	head -c 10000 /dev/urandom >content
	truncate -s 8M content
	printf 'the end' >>content
	truncate -s 16M content
	for name in plain "$HOSTILE" -dash .dot "$LONGEST"; do
		make --literal --from content --mode 0640 "shm:/$name"
	done
	make shm:/nothing --size 0
	comes_back
	[[ "${new[*]}" == "${refs[*]}" ]]
	cmp content /dev/shm/plain
	[[ $(stat -c '%a %s' /dev/shm/plain /dev/shm/nothing) == $'640 16777216\n644 0' ]]
	# Neither the archive nor the segment has grown.
	[[ $(stat -c %b /dev/shm/plain) -lt 200 && $(stat -c %b first/shm-posix-plain) -lt 200 ]]
}

@test "shm/sysv: bytes and holes, key, size and mode" {
	head -c 10000 /dev/urandom >content
	truncate -s 8M content
	printf 'the end' >>content
	make shm/sysv --key 0x5348 --size 20000007 --from content --mode 0604
	comes_back --attach
	[[ $(field "${new[0]}" key,size,mode) == $'0x00005348\t20000007\t0604' ]]
	((EUID != 0)) || [[ $(field "${new[0]}" resident) -lt 200000 ]]
	"$IPCTOOL" dump --attach --format raw -- "${new[0]}" >out 2>/dev/null
	truncate -s 20000007 content
	cmp content out
}

@test "sem/sysv and sem/posix: values, number, key and mode" {
	make sem/sysv --key 0x5345 --value 0,32767,3 --mode 0646
	make sem/sysv --value 7
	make sem:/posix --value 2147483647 --mode 0606
	make --literal --value 0 "sem:/$HOSTILE"
	comes_back
	run_ipctool show --json -- "${new[0]}" "${new[2]}"
	holds "$output" '' '[.objects[] | [.values[].value]] == [[0, 32767, 3], [2147483647]]' \
		'.objects[0].key == "0x00005345"' '[.objects[].mode] == ["0646", "0606"]'
}

@test "fifo: path and mode; a directory that is gone is made with --parents" {
	mkdir dir
	make --literal --mode 0612 "fifo:$PWD/dir/$HOSTILE"
	make --mode 0600 "fifo:$PWD/dir/plain"
	comes_back
	[[ "${new[*]}" == "${refs[*]}" && $(stat -c '%F %a' "dir/$HOSTILE") == 'fifo 612' ]]
	rm -r dir
	run_ipctool create --restore first
	[[ $status -eq 1 && -z $output && $stderr == *'no such directory'* ]]
	succeeds create --restore first --parents
	[[ -p dir/plain && -p dir/$HOSTILE ]]
}

@test "what is in a FIFO cannot be put back, which is told" {
	need_ptrace
	mkfifo "$PWD/full"
	exec {end}<>full
	printf 'some bytes' >&"$end"
	keep first -- "fifo:$PWD/full"
	exec {end}>&-
	rm full
	run_ipctool create --restore first
	[[ $status -eq 3 && $output == "fifo:$PWD/full -> fifo:$PWD/full" && $stderr == *'made, but what was in its buffer'* ]]
	[[ -p full && $(<first/fifo-*) == 'some bytes' ]]
}

@test "owners come back with root, and others are told that they cannot" {
	need_root
	make mq/sysv --key 0x4d53 --owner 65534 --group 65534 --mode 0600
	make mq:/owned --owner 65534 --group 7 --mode 0600
	make shm:/owned --size 100 --owner 65534 --group 7 --mode 0606
	make shm/sysv --key 0x5349 --size 100 --owner 65534 --mode 0600
	make sem:/owned --owner 65534
	make sem/sysv --key 0x5349 --owner 65534 --group 65534 --mode 0600
	make "fifo:$PWD/owned" --owner 65534 --group 7
	comes_back_with_attach() {
		keep first -- "${refs[@]:0:3}" "${refs[@]:4}"
		keep attached --attach -- "${refs[3]}"
		remove_all "${refs[@]}"
	}
	comes_back_with_attach
	succeeds create --restore first
	succeeds create --restore attached
	[[ $(field mq:0x4d53 uid,gid,mode) == $'65534\t65534\t0600' ]]
	[[ $(field mq:/owned uid,gid,mode) == $'65534\t7\t0600' ]]
	[[ $(field shm:/owned uid,gid,mode) == $'65534\t7\t0606' ]]
	[[ $(field shm:0x5349 uid,mode) == $'65534\t0600' ]]
	[[ $(field sem:/owned uid) == 65534 && $(field sem:0x5349 uid,gid) == $'65534\t65534' ]]
	[[ $(stat -c '%u %g' owned) == '65534 7' ]]
	clear_all
	rm owned
	# As another user would have them, and in his own archive.
	cp -r first his
	sed -i 's/^set.owner=65534/set.owner=0/' his/manifest
	mkdir -m 777 his/dir
	sed -i "s,^create=fifo:.*,create=fifo:$PWD/his/dir/owned," his/manifest
	chown -R nobody his
	chmod 755 . his
	as_user nobody run_ipctool create --restore his
	[[ $status -eq 5 && -z $(grep -v '^mq:[0-9]\|^sem:[0-9]' <<<"$output") ]]
	[[ $(grep -c root <<<"$stderr") -ge 3 ]]
	succeeds list -q mq/posix shm/posix sem/posix
	[[ -z $output && -z $(ls his/dir) ]]
}

@test "an archive may be written by hand: a POSIX queue of an ordinary user" {
	mkdir -m 700 first
	printf 'priority=9 length=3\na\nb\npriority=9 length=0\n\npriority=0 sender=x length=2\n\0\xff\n' >first/messages
	cat >first/manifest <<-END
		ipctool-archive=1

		object=mq:/hand
		kind=mq/posix
		create=mq:/hand\x0a
		file=messages
		bytes=$(stat -c %s first/messages)
		count=3
		dumped=2026-01-02T03:04:05Z
		set.mode=0620
		set.owner=$(id -u)
		set.group=$(id -g)
		set.max-messages=3
		set.message-size=3

	END
	chmod 600 first/*
	succeeds create --restore first
	[[ $output == 'mq:/hand -> mq:/hand\x0a' ]]
	"$IPCTOOL" receive 'mq:/hand\x0a' >out
	printf 'a\nb' | cmp - out
	"$IPCTOOL" receive 'mq:/hand\x0a' >out
	[[ ! -s out ]]
	"$IPCTOOL" receive 'mq:/hand\x0a' >out
	printf '\0\xff' | cmp - out
	[[ $(field 'mq:/hand\x0a' mode,max_messages,message_size,messages) == $'0620\t3\t3\t0' ]]
	succeeds remove --force held --quiet 'mq:/hand\x0a'
	# One more than fits: it is not there.
	sed -i 's/^set.max-messages=3/set.max-messages=2/' first/manifest
	fails 1 'message 2 of 3 cannot be sent: the queue is full; nothing was made' create --restore first
	fails 4 '' show 'mq:/hand\x0a'
}

# ---- several, and some of them ---------------------------------------------------------------------------------

several() {
	make mq/sysv --key 0x4d54
	make shm:/several --size 4096
	make sem:/several --value 3
	make "fifo:$PWD/several"
}

@test "several at once; references, handles, keys and paths choose" {
	several
	keep first -- "${refs[@]}"
	local handle
	handle=$(sed -n 's/^handle=//p' first/manifest | grep ^sem)
	remove_all "${refs[@]}"
	succeeds create --restore first mq:0x4d54
	[[ $output == "${refs[0]} -> mq:"* ]]
	succeeds create --restore first "$handle" shm:/\\x73everal
	[[ $output == 'shm:/several -> shm:/several
sem:/several -> sem:/several' ]]
	succeeds create --restore first "$PWD/several"
	[[ $output == "fifo:$PWD/several -> fifo:$PWD/several" ]]
	fails 4 'the archive has no such object' create --restore first sem:/other
	fails 2 'a backslash is written' create --restore first 'sem:/o\ther'
	# A key in another spelling, and one of two objects of different namespaces that get the same name.
	sed -i 's/^object=sem:/object=sem@4026531839:/' first/manifest
	printf 'object=sem:/several\nkind=sem/posix\ncreate=sem:/several\nfile=none\nbytes=0\ncount=0\ndumped=now\nset.value=9\n\n' \
		>>first/manifest
	remove_all shm:/several sem:/several $("$IPCTOOL" list -q mq/sysv)
	succeeds create --restore first mq:0x000004d54 sem:/several
	[[ $output == *'sem:/several -> sem:/several' && ${#lines[@]} -eq 2 ]]
	holds "$("$IPCTOOL" show --json sem:/several)" '' '.objects[0].values[0].value == 9'
	fails 4 'the archive has no such object' create --restore first --literal 'sem:/o\ther'
}

@test "what exists is left as it is, and the others are made" {
	several
	keep first -- "${refs[@]}"
	remove_all "${refs[@]:0:3}"
	printf mine >/dev/shm/several
	run_ipctool create --restore first
	[[ $status -eq 6 && $output == *'sem:/several -> sem:/several'* && $output != *'shm:/several'* && $output != *fifo* ]]
	[[ $(grep -c exists <<<"$stderr") -eq 2 && $(</dev/shm/several) == mine ]]
	run_ipctool create --restore first
	[[ $status -eq 6 && -z $output && $(grep -c exists <<<"$stderr") -eq 4 ]]
	[[ $("$IPCTOOL" list --count mq/sysv) -eq 1 ]]
}

@test "standard output that takes nothing: all are made, and it is told what is there" {
	several
	keep first -- "${refs[@]}"
	remove_all "${refs[@]}"
	local status=0
	"$IPCTOOL" create --restore first >/dev/full 2>errors || status=$?
	[[ $status -eq 1 && $(grep -c 'was made as .*, but standard output did not take this' errors) -eq 4 ]]
	succeeds list --count mq/sysv shm/posix sem/posix
	[[ $output -eq 3 && -p several ]]
	# A reader that reads nothing does not keep a signal away.
	rm several
	remove_all shm:/several
	mkfifo full
	exec {end}<>full
	dd if=/dev/zero of=full bs=4096 oflag=nonblock status=none 2>/dev/null || true
	env --default-signal=TERM "$IPCTOOL" create --restore first shm:/several >full 2>errors 3>&- &
	eventually "$IPCTOOL" show shm:/several >/dev/null
	kill $!
	status=0
	wait $! || status=$?
	exec {end}>&-
	[[ $status -eq 143 && $(<errors) == *'shm:/several: was made as shm:/several, but'* ]]
}

@test "JSON: every object with what came of it" {
	several
	keep first -- "${refs[@]}"
	remove_all "${refs[@]:1}"
	run_ipctool create --restore first --json
	[[ $status -eq 6 ]]
	json_valid "$output"
	holds "$output" '' '.schema == 1' '.complete == false' '[.results[].result] == ["refused", "made", "made", "made"]
		or ([.results[] | select(.object | startswith("mq"))] | .[0].result) == "refused"' \
		'[.results[] | select(.result == "made") | .ref] | sort == (["shm:/several", "sem:/several", "fifo:'"$PWD"'/several"] | sort)' \
		'.results | all((.why == null) == (.result == "made"))' '.errors | length == 1'
	remove_all "${refs[@]:1}"
	run_ipctool create --restore first --jsonl sem:/several
	[[ $status -eq 0 && ${#lines[@]} -eq 2 ]]
	holds "${lines[0]}" '' '. == {object: "sem:/several", kind: "sem/posix", result: "made", ref: "sem:/several", why: null, note: null}'
	holds "${lines[1]}" '' '.end' '.complete'
}

@test "what lives in its processes is kept, and left out with a reason" {
	need_ptrace
	fixture p pipe data=12345
	make sem:/several
	keep first -- "pipe:$(fx p .inode)" sem:/several
	remove_all sem:/several
	run_ipctool create --restore first
	[[ $status -eq 3 && $output == 'sem:/several -> sem:/several' ]]
	[[ $stderr == "ipctool create: pipe:$(fx p .inode): left out: a pipe lives in its processes"* ]]
	[[ $(wc -l <<<"$stderr") -eq 1 && $(stat -c %s first/pipe-pipe-*) -eq 5 ]]
}

@test "a part of a queue is made, and told of" {
	make mq/sysv --key 0x4d55
	printf one >one
	printf two >two
	send "${refs[0]}" 1 one
	send "${refs[0]}" 2 two
	keep first --message 1 -- "${refs[0]}"
	remove_all "${refs[0]}"
	run_ipctool create --restore first
	[[ $status -eq 3 && $stderr == *'made, but only a part of it was dumped'* ]]
	[[ $("$IPCTOOL" receive mq:0x4d55) == two && $(field mq:0x4d55 messages) == 0 ]]
}

# ---- the directory ---------------------------------------------------------------------------------------------

@test "an archive is written once, into a directory that nobody else may write to" {
	make sem:/several
	keep first -- sem:/several
	[[ $(stat -c %a first) == 700 ]]
	fails 6 'has a manifest already' dump --output first sem:/several
	ln -s first link
	fails 2 'is a symbolic link' create --restore link/
	fails 2 'is a symbolic link' dump --output link sem:/several
	fails 4 'No such file' create --restore missing
	mkdir empty
	fails 4 'it has no manifest' create --restore empty
	chmod 770 first
	fails 6 'may be written by others' create --restore first
	mkdir -m 777 open
	fails 6 'may be written by others' dump --output open sem:/several
	[[ -z $(ls open) ]]
	chmod 700 first
	chmod 666 first/manifest
	fails 6 'its file manifest may be written by others' create --restore first
}

@test "what a stranger wrote is not restored" {
	need_root
	make sem:/several
	keep first -- sem:/several
	remove_all sem:/several
	chown nobody first/manifest
	fails 6 'belongs to somebody else' create --restore first
	chown root first/manifest
	chown nobody first
	fails 6 'belongs to somebody else' create --restore first
	fails 6 'belongs to somebody else' dump --output first sem:/several
	chown root first
	succeeds create --restore first
}

@test "a link that another user put on the way is not followed" {
	need_root
	mkdir -p his/dir target
	chmod 755 .
	make --mode 0600 --owner nobody "fifo:$PWD/his/dir/fifo"
	keep first -- "${refs[0]}"
	rm -r his/dir
	ln -s ../target his/dir
	chown -h nobody his his/dir
	fails 1 'a symbolic link of another user on the way is not followed: dir' create --restore first
	fails 1 'a symbolic link of another user on the way is not followed: dir' create --restore first --parents
	[[ -z $(ls -A target) ]]
	# Whoever writes the path himself has seen it.
	succeeds create "fifo:$PWD/his/dir/fifo"
	rm target/fifo
	chown -h root his/dir
	succeeds create --restore first
	[[ -p target/fifo ]]
}

@test "without a mode in the manifest nobody else is let in" {
	several
	keep first -- "${refs[@]}"
	remove_all "${refs[@]}"
	sed -i '/^set.mode=/d' first/manifest
	succeeds create --restore first
	[[ $(field mq:0x4d54 mode) == 0600 && $(stat -c %a several /dev/shm/several /dev/shm/sem.several) == $'600\n600\n600' ]]
}

@test "a dump that fails leaves nothing" {
	fails 4 'no such object' dump --output first sem:/missing
	[[ ! -e first ]]
	mkdir second
	fails 4 'no such object' dump --output second sem:/missing
	[[ -z $(ls -A second) ]]
	make mq/sysv
	fails 4 'there is no message 1' dump --output first --message 1 -- "${refs[0]}"
	fails 4 'there is no message 0' dump --output second --message 0 mq/sysv
	[[ ! -e first && -z $(ls -A second) ]]
}

@test "what was stopped before one object was complete has nothing to restore" {
	mkdir -m 700 first
	printf 'ipctool-archive=1\n\n' >first/manifest
	chmod 600 first/manifest
	fails 4 'it has no object' create --restore first
}

@test "a full disk: a clear line, and only what is complete is in the archive" {
	need_root
	mkdir -m 700 small
	mount -t tmpfs -o size=400k,mode=700 tmpfs small
	head -c 300000 /dev/urandom >content
	make shm:/a --from content
	make shm:/b --from content
	run_ipctool dump --quiet --output small shm:/a shm:/b
	[[ $status -eq 1 && $stderr == *'shm:/b: small/shm-posix-b cannot be written, so it was not kept: No space left'* ]]
	[[ $(wc -l <<<"$stderr") -eq 1 && $(ls small) == $'manifest\nshm-posix-a' ]]
	remove_all shm:/a
	succeeds create --restore small
	cmp content /dev/shm/a
	# Not even a file besides the manifest can be made.
	mkdir -m 700 none
	mount -t tmpfs -o size=400k,nr_inodes=2,mode=700 tmpfs none
	run_ipctool dump --quiet --output none shm:/b
	[[ $status -eq 1 && $stderr == *'none/shm-posix-b cannot be made'* && -z $(ls none) ]]
	umount small none
}

@test "a full disk while messages are taken out: each of them is in the queue or in a file" {
	need_root
	make mq:/spilled --max-messages 3 --message-size 8000
	local n
	for n in 1 2 3; do
		head -c 8000 /dev/urandom >"big$n"
		send mq:/spilled 7 "big$n"
	done
	mkdir -m 700 small
	mount -t tmpfs -o size=12k,mode=700 tmpfs small
	run_ipctool dump --quiet --drain --output small mq:/spilled
	[[ $status -eq 1 && $stderr == *'was put back'*'messages that were taken out of it are in small/mq-posix-spilled' ]]
	[[ $(ls small) == mq-posix-spilled && $(stat -c %s small/mq-posix-spilled) -eq 8024 ]]
	tail -c 8001 small/mq-posix-spilled | head -c 8000 | cmp - big1
	for n in 3 2; do
		"$IPCTOOL" receive mq:/spilled | cmp - "big$n"
	done
	umount small
	# Where no archive can be begun nothing is taken out.
	mount -t tmpfs -o size=12k,nr_inodes=1,mode=700 tmpfs small
	send mq:/spilled 7 big1
	fails 1 'small/manifest cannot be written' dump --quiet --drain --output small mq:/spilled
	"$IPCTOOL" receive mq:/spilled | cmp - big1
	umount small
}

@test "no room for what is restored: nothing half made is left" {
	need_root
	head -c 300000 /dev/urandom >content
	make shm:/a --from content
	keep first -- shm:/a
	remove_all shm:/a
	mount -t tmpfs -o size=100k tmpfs /dev/shm
	fails 1 'not enough room' create --restore first
	[[ -z $(ls -A /dev/shm) ]]
	umount /dev/shm
}

# ---- damage and malice -----------------------------------------------------------------------------------------

@test "missing, changed and strange files" {
	make mq/sysv --key 0x4d56
	make shm:/several --size 4096
	printf one >one
	send "${refs[0]}" 1 one
	keep first -- "${refs[@]}"
	remove_all "${refs[@]}"
	local queue=$(basename first/mq-*)
	cp -r first good
	fresh() { rm -rf first; cp -r good first; }
	rm first/shm-*
	fails 1 'cannot be opened: No such file' create --restore first shm:/several
	fresh
	echo >>first/shm-posix-several
	fails 1 'has 4097 bytes, not 4096' create --restore first shm:/several
	fresh
	ln -sf /etc/passwd first/shm-posix-several
	fails 1 'is a symbolic link' create --restore first shm:/several
	rm first/shm-posix-several
	mkfifo first/shm-posix-several
	fails 1 'is no regular file' create --restore first shm:/several
	fresh
	local text
	for text in 'type=1 length=2\none\n' 'type=1 length=4\none\n' 'type=1 length=1\n' 'type=1\none\n\n\n\n' 'length=3\none\n' \
		'type=1 length=18446744073709551615\n' 'type=1 length=-1\n' 'type=0x1 length=3\none\n' '\n\n\n' 'junk' \
		'type=1 length=3 read=2\non\n' 'type=99999999999999999999 length=3\none\n' ''; do
		printf "$text" >"first/$queue"
		sed -i "s/^bytes=20$/bytes=$(stat -c %s "first/$queue")/" first/manifest
		run_ipctool create --restore first mq:0x4d56
		[[ $status -eq 1 && -z $output && $(wc -l <<<"$stderr") -eq 1 ]] || { echo "$text: $status: $output: $stderr"; false; }
		fresh
	done
	[[ -z $("$IPCTOOL" list -q mq/sysv shm/posix) ]]
}

# tampered TEXT SED-SCRIPT: with the manifest so changed nothing is made, for this reason.
tampered() {
	cp manifest.good first/manifest
	sed -i "$2" first/manifest
	run_ipctool create --restore first
	[[ $status -eq ${3-1} && -z $output && $stderr == *"$1"* && $(wc -l <<<"$stderr") -eq 1 ]] ||
		{ echo "$2: $status: $output: $stderr" >&2; return 1; }
	[[ -z $("$IPCTOOL" list -q mq/sysv shm/posix sem/sysv sem/posix) ]]
}

@test "tampered manifests make nothing" {
	make shm:/several --size 4096 --mode 0600
	keep first -- shm:/several
	remove_all shm:/several
	cp first/manifest manifest.good
	tampered 'does not begin as a manifest does' '1d'
	tampered 'a version that this program does not know' '1s/1/2/'
	tampered 'line 4: not of the form NAME=VALUE' '4s/.*/junk/'
	tampered 'an unknown name' '4s/.*/junk=1/'
	tampered 'not printable ASCII' '4s/$/\\n/'
	tampered 'not printable ASCII' $'4s/$/\xff/'
	tampered 'given twice' '4p'
	tampered "has no 'file'" '/^file=/d'
	tampered 'must have one of' '/^create=/d'
	tampered 'must have one of' 's/^create=\(.*\)/&\ncannot=\1/'
	tampered 'not a number' 's/^bytes=.*/bytes=-1/'
	tampered 'not a number' 's/^bytes=.*/bytes=99999999999999999999/'
	tampered 'no name of a file beside it' 's,^file=.*,file=../first/shm-posix-several,'
	tampered 'no name of a file beside it' 's,^file=.*,file=..,'
	tampered 'no name of a file beside it' 's,^file=.*,file=.,'
	tampered 'none that is known' 's,^kind=.*,kind=shm/other,'
	tampered 'none of this kind' 's,^kind=.*,kind=shm/sysv,'
	tampered 'none of this kind' 's,^create=.*,create=shm/posix,'
	tampered 'none of this kind' "s,^create=.*,create=fifo:$PWD/x,"
	tampered "cannot hold '..'" 's,^create=.*,create=shm:/../x,'
	tampered 'has no slash but the first' 's,^create=.*,create=shm:/a/x,'
	tampered "the manifest's mode: '99999' is not of the form" 's,^set.mode=.*,set.mode=99999,'
	tampered 'owner has no place there' 's,^set.owner=.*,set.owner=root,'
	tampered 'from has no place there' 's,^set.mode=.*,set.from=/etc/passwd,'
	tampered 'number has no place there' 's,^set.mode=.*,set.number=3,'
	tampered 'nonsense has no place there' 's,^set.mode=.*,set.nonsense=3,'
	tampered 'has no size' '/^set.size/d'
	tampered 'more than' 's,^set.size=.*,set.size=4095,'
	tampered 'larger than a file may be' 's,^set.size=.*,set.size=18446744073709551615,'
	tampered 'a socket lives in the processes' 's,^kind=.*,kind=sock/unix,; s,^create=.*,create=sock:/tmp/x,' 3
	[[ ! -e /tmp/x ]]
	# What was written when the dump was stopped is a stanza without an end: the others are made.
	cp manifest.good first/manifest
	printf 'object=sem:/x\nkind=sem' >>first/manifest
	run_ipctool create --restore first
	[[ $status -eq 3 && $output == 'shm:/several -> shm:/several' && $stderr == *'its manifest has no end'* ]]
}

@test "a queue that cannot be filled or given away is not there" {
	make mq/sysv --key 0x4d57 --max-bytes 100
	printf 123456789 >nine
	send "${refs[0]}" 1 nine
	keep first -- "${refs[0]}"
	remove_all "${refs[0]}"
	# More than a message may have here.
	local most file=first/$(basename first/mq-*)
	most=$(($(</proc/sys/kernel/msgmax) + 1))
	cp first/manifest manifest.good
	{ printf 'type=1 length=3\nabc\ntype=1 length=%d\n' "$most"; head -c "$most" /dev/zero; echo; } >"$file"
	sed -i "s/^bytes=.*/bytes=$(stat -c %s "$file")/; s/^count=1/count=2/; s/^set.max-bytes=.*/set.max-bytes=1000/" first/manifest
	run_ipctool create --restore first
	[[ $status -ne 0 && -z $output && $(wc -l <<<"$stderr") -eq 1 ]]
	[[ $stderr == *'message 1 of 2 cannot be sent'* || $stderr == *max-bytes* ]]
	[[ -z $("$IPCTOOL" list -q mq/sysv) ]]
	if ((EUID)); then
		printf 'type=1 length=9\n123456789\n' >"$file"
		cp manifest.good first/manifest
		sed -i 's/^set.max-bytes=.*/set.max-bytes=99999999/' first/manifest
		fails 5 MSGMNB create --restore first
		[[ -z $("$IPCTOOL" list -q mq/sysv) ]]
	fi
}

# ---- signals ---------------------------------------------------------------------------------------------------

# Every file of an archive is told of in its manifest.
is_consistent() {
	local file
	for file in "$1"/*; do
		[[ ! -e $file || $file == */manifest ]] || grep -qx "file=${file##*/}" "$1/manifest" || return 1
	done
}

# interrupted COMMAND...: it runs in the background and gets a signal once $until is true.
interrupted() {
	local status=0
	env --default-signal=INT "$IPCTOOL" "$@" >out 2>errors 3>&- &
	eventually eval "$until"
	kill -INT $! 2>/dev/null || true
	wait $! || status=$?
	((status == 130 || status == 0)) || { echo "$status"; cat errors; return 1; }
}

@test "a signal while an object is dumped leaves no half of it" {
	tr '\0' x </dev/zero | head -c 200M >content || true
	make shm:/large --from content
	rm content
	until='[[ -n $(ls first 2>/dev/null) ]]' interrupted dump --quiet --output first shm:/large
	is_consistent first
	[[ ! -e first/manifest || $(stat -c %s first/shm-posix-large) -eq 209715200 ]]
}

@test "a signal while messages are taken out of a queue comes when they are kept" {
	make mq:/taken --max-messages 10 --message-size 10
	printf x >one
	local n status=0
	for n in {1..10}; do
		send mq:/taken 1 one
	done
	env --default-signal=INT --block-signal=INT sh -c 'kill -INT $$; exec "$@"' sh \
		"$IPCTOOL" dump --drain --output first mq:/taken >out 2>errors || status=$?
	[[ $status -eq 0 || $status -eq 130 ]]
	[[ $(grep -c ^count=10 first/manifest) -eq 1 && $(<out) == $'mq:/taken\tmq-posix-taken\t'* ]]
	fails 7 '' receive --nowait mq:/taken
}

@test "a signal while a queue is filled takes it away again" {
	need_root
	echo 80000 >/proc/sys/kernel/msgmnb || skip "the limits of this ipc namespace cannot be raised"
	mkdir -m 700 first
	yes $'type=1 length=1\nx' | head -n 160000 >first/messages
	cat >first/manifest <<-END
		ipctool-archive=1

		object=mq:1
		kind=mq/sysv
		create=mq:0x4d59
		file=messages
		bytes=$(stat -c %s first/messages)
		count=80000
		dumped=2026-01-02T03:04:05Z
		set.max-bytes=80000

	END
	chmod 600 first/*
	until='"$IPCTOOL" show mq:0x4d59 >/dev/null 2>&1 || ! kill -0 $!' interrupted create --restore first
	if "$IPCTOOL" show mq:0x4d59 >/dev/null 2>&1; then
		[[ $(field mq:0x4d59 messages) -eq 80000 && $(<out) == 'mq:1 -> mq:'* ]]
	else
		[[ ! -s out && $(<errors) == *interrupted* ]]
	fi
}

@test "options that have no place with --restore" {
	mkdir -m 700 empty
	fails 2 'takes no settings' create --restore empty --mode 0600
	fails 2 'given twice' create --restore empty --restore empty
	fails 2 'cannot be combined with --handle' create --restore empty --handle
	fails 2 'cannot be combined with --exist-ok' create --restore empty --exist-ok
	fails 125 'not with a command' create --restore empty -- true
}
