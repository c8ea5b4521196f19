#!/usr/bin/env bats
# kinds.bats: every kind as its factory made it: owner, mode, sizes, names, what is special to it, holders, waiters, peers,
# state and evidence. The name of a test begins with its kind. POSIX queues seen through /dev/mqueue are in mqueue.bats.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'
# The tests have a pid namespace of their own, where that nobody was seen proves nothing.
ELSEWHERE='processes outside this pid namespace cannot be seen'

# long PREFIX LENGTH: PREFIX filled up to LENGTH bytes.
long() {
	local name=$1
	while ((${#name} < $2)); do name+=n; done
	printf '%s' "$name"
}

# there_are WHAT: what the tool lists in its refusal of "WHAT", one per line.
there_are() {
	"$IPCTOOL" list "$1" 2>&1 | sed -n 's/.*there are //p' | tr -s ', ' '\n'
}

@test "every kind of every class is tested here" {
	local class kind count=0
	for class in $(there_are x:1); do
		for kind in $(there_are "$class/"); do
			grep -q "^@test \"$kind: " "$BATS_TEST_FILENAME" || { echo "no test: $kind"; false; }
			((++count))
		done
	done
	((count >= 24))
}

# ---- pipe ----------------------------------------------------------------------------------------------------

@test "pipe/pipe: both ends with their processes, and what is in it" {
	fixture p pipe "$HOSTILE_COMM" data=hello readers=2 writers=3
	shows p "pipe:$(fx p .inode)" owned '.class == "pipe"' '.kind == "pipe"' '.ref == "pipe:\($f.inode)"' \
		'.inode == $f.inode' '.device == $f.dev' '.mode == "0600"' '.namespace == null' '.name == null' \
		'.buffered == 5' '.capacity == $f.capacity' '.packet == false' '.waiters == []' '.openers == []' \
		'.readers == ($f.readers | map(by_fd(.pid; .fd; "r")))' \
		'.writers == ($f.writers | map(by_fd(.pid; .fd; "w")))' \
		'.holders == (.readers + .writers | sort_by(.pid))' \
		'[.readers, .writers] | map(length) == [2, 3]' \
		'.flow == ([$f.writers, $f.readers] | map(map("a) b (c[\(.pid)]") | join(", ")) | join(" -> "))' \
		'.state == "held"' '.evidence[0] | startswith("held by \($f.readers[0].pid) (a) b (c), ")' \
		'.evidence[0] | endswith(" and 2 more")' '.changed | test("Z$")' '.age >= 0'
}

@test "pipe/pipe: k ends make k entries" {
	fixture p pipe readers=40 writers=30
	shows p "pipe:$(fx p .inode)" '.holders | length == 70' '.readers | length == 40' '.writers | length == 30' \
		'[.holders[].pid] | unique | length == 70'
}

@test "pipe/pipe: packet mode and capacity" {
	fixture p pipe packet=1 size=131072
	shows p "pipe:$(fx p .inode)" '.packet' '.capacity == 131072' '.buffered == 0'
}

@test "pipe/pipe: who waits for data, and who for room" {
	need_ptrace
	fixture r pipe "$HOSTILE_COMM" blocked=r
	fixture w pipe "$HOSTILE_COMM" blocked=w
	shows r "pipe:$(fx r .inode)" '.waiters == [waits($f.readers[0] | {pid, tid: .pid}; "read")]' '.buffered == 0' \
		'.evidence[1] == "waited on by \($f.readers[0].pid) (a) b (c)"'
	shows w "pipe:$(fx w .inode)" '.waiters == [waits($f.writers[0] | {pid, tid: .pid}; "write")]' \
		'.buffered == .capacity'
}

@test "pipe/pipe: a shell's A | B is A -> B" {
	sleep 1000 3>&- 4>&- | cat >/dev/null 3>&- 4>&- &
	local from to=$!
	from=$(jobs -p)
	eventually grep -qx cat "/proc/$to/comm"
	eventually grep -qx sleep "/proc/$from/comm"
	local inode
	inode=$(readlink "/proc/$to/fd/0")
	inode=${inode//[^0-9]/}
	run_ipctool show --raw -o flow "pipe:$inode"
	kill "$from"
	wait "$to"
	[[ $output == "sleep[$from] -> cat[$to]" ]]
}

@test "pipe/pipe: a process with both ends is its own reader and writer" {
	fixture p pipe "$HOSTILE_COMM" readers=0 writers=0
	shows p "pipe:$(fx p .inode)" '.readers == [by_fd($f.pid; $f.read_fd; "r")]' \
		'.writers == [by_fd($f.pid; $f.write_fd; "w")]' '.holders == .readers + .writers'
}

# ---- fifo ----------------------------------------------------------------------------------------------------

@test "fifo/fifo: hostile path, open for both directions, with data" {
	fixture f fifo "$HOSTILE_COMM" path="/tmp/$HOSTILE" data='a\x00b' open=rw mode=640
	shows f "fifo:$(fx f .path)" owned '.class == "fifo"' '.kind == "fifo"' '.ref == "fifo:" + $f.path' '.name == $f.path' \
		'.inode == $f.inode' '.device == $f.dev' '.mode == "0640"' '.namespace == $ns.mnt' '.status == []' \
		'.buffered == 3' '.capacity == 65536' '.packet == false' '.openers == []' '.waiters == []' \
		'.holders == [by_fd($f.pid; $f.fd; "rw")]' '.readers == .holders' '.writers == .holders' \
		'.flow == "a) b (c[\($f.pid)] -> a) b (c[\($f.pid)]"' \
		'.state == "held"' '.evidence == ["held by \($f.pid) (a) b (c)"]' '.created == .changed or .created < .changed'
}

@test "fifo/fifo: a name of 255 bytes, and the path as a bare operand" {
	local name
	name=$(long 'x\x0a' 258)
	fixture f fifo path="/tmp/$name" open=r
	shows f "/tmp/$name" '.name == $f.path' '.name | length == 263' '.readers | length == 1' '.writers == []' \
		'.flow == "? -> mkipc[\($f.pid)]"'
	cd /tmp
	shows f "./$name" '.name == $f.path'
}

@test "fifo/fifo: blocked openers are named" {
	need_ptrace
	fixture r fifo "$HOSTILE_COMM" path=/tmp/r blocked=r
	fixture w fifo "$HOSTILE_COMM" path=/tmp/w blocked=w
	shows r fifo:/tmp/r '.openers == [waits($f.blocked; "open for reading")]' '.waiters == .openers' '.holders == []' \
		'.state == "held"' '.evidence == ["waited on by \($f.blocked.pid) (a) b (c)"]'
	shows w fifo:/tmp/w '.openers == [waits($f.blocked; "open for writing")]' '.holders == []' '.state == "held"'
}

@test "fifo/fifo: unlinked but open has its device and inode for a name" {
	fixture f fifo "$HOSTILE_COMM" path=/tmp/gone open=w unlinked=1
	shows f "fifo:@$(fx f .dev):$(fx f .inode)" owned '.ref == "fifo:@\($f.dev):\($f.inode)"' '.status == ["deleted"]' \
		'.writers == [by_fd($f.pid; $f.fd; "w")]' '.readers == []' '.flow == "a) b (c[\($f.pid)] -> ?"'
	run_ipctool show fifo:/tmp/gone
	[[ $status -eq 4 ]]
}

@test "fifo/fifo: nobody has it open" {
	fixture f fifo path=/tmp/idle
	shows f fifo:/tmp/idle owned '.holders == []' '.readers == []' '.writers == []' '.openers == []' '.flow == null' \
		'.buffered == null' '.state == "unknown"' ".evidence[-1] == \"$ELSEWHERE\""
}

@test "fifo/fifo: found in each scanned directory, and nowhere else" {
	local dir
	mkdir -p /tmp/deep/er
	for dir in /dev/shm /tmp /var/tmp /tmp/deep/er; do
		mkfifo "$dir/scanned"
	done
	run_ipctool list fifo -q --match '*/scanned'
	rm /dev/shm/scanned /tmp/scanned /var/tmp/scanned
	rm -r /tmp/deep
	[[ $(sort <<<"$output") == $'fifo:/dev/shm/scanned\nfifo:/tmp/deep/er/scanned\nfifo:/tmp/scanned\nfifo:/var/tmp/scanned' ]]
}

@test "fifo/fifo: the same inode number on two file systems is two FIFOs" {
	local a b file
	: >/var/tmp/probe
	: >/dev/shm/probe
	a=$(stat -c %i /var/tmp/probe) b=$(stat -c %i /dev/shm/probe)
	# Numbers are given in turn: use up those that the other file system is ahead by.
	for ((; a < b; a++)); do : >"/var/tmp/burn$a"; done
	for ((; b < a; b++)); do : >"/dev/shm/burn$b"; done
	fixture a fifo path=/var/tmp/same open=rw
	fixture b fifo path=/dev/shm/same open=rw
	rm /var/tmp/probe /dev/shm/probe
	for file in /var/tmp/burn* /dev/shm/burn*; do rm -f "$file"; done
	[[ $(fx a .inode) == "$(fx b .inode)" && $(fx a .dev) != "$(fx b .dev)" ]] || skip "inode numbers are not given in turn"
	shows a fifo:/var/tmp/same '[.holders[].pid] == [$f.pid]'
	shows b fifo:/dev/shm/same '[.holders[].pid] == [$f.pid]'
}

# ---- mq ------------------------------------------------------------------------------------------------------

@test "mq/sysv: messages, limits, last sender" {
	fixture q mq-sysv key=0x1234 messages=3 size=10 mode=640 qbytes=300
	shows q "mq:$(fx q .id)" owned '.class == "mq"' '.kind == "sysv"' '.ref == "mq:\($f.id)"' '.id == $f.id' \
		'.key == "0x00001234"' '.mode == "0640"' '.namespace == $ns.ipc' '.name == null' '.inode == null' \
		'.messages == 3' '.bytes == 30' '.size == 30' '.max_bytes == 300' '.max_messages == null' \
		'.last_sender == $f.pid' '.last_receiver == null' '.sent | test("^2.*Z$")' '.received == null' '.notify == null' \
		'.holders == []' '.waiters == []' '.evidence[0] | startswith("3 messages queued")'
	shows q mq:0x1234 '.id == $f.id'
}

@test "mq/sysv: who waits to receive, and who to send" {
	need_ptrace
	fixture r mq-sysv "$HOSTILE_COMM" waiter=recv
	fixture s mq-sysv "$HOSTILE_COMM" waiter=send qbytes=100 size=10
	shows r "mq:$(fx r .id)" '.waiters == [waits($f.waiter; "msgrcv")]' '.state == "held"' '.messages == 0' \
		'.evidence[0] == "waited on by \($f.waiter.pid) (a) b (c)"'
	shows s "mq:$(fx s .id)" '.waiters == [waits($f.waiter; "msgsnd")]' '.messages == 10' '.bytes == .max_bytes'
}

@test "mq/sysv: a dead sender is evidence" {
	fixture q mq-sysv dead_user=1 data='\x00x'
	shows q "mq:$(fx q .id)" '.last_sender == $f.dead' '.bytes == 2' '.evidence[0] == "1 message queued"' '.key == "0x00000000"' '.state == "unknown"' \
		'.evidence | contains(["last sender \($f.dead) is dead", "nobody was seen waiting"])' \
		".evidence | contains([\"$ELSEWHERE\"])"
}

@test "mq/posix: hostile name, attributes, who has it, who is told; nothing is mounted for that" {
	need_root
	local before
	before=$(</proc/self/mountinfo)
	fixture q mq-posix "$HOSTILE_COMM" name="$HOSTILE" messages=2 maxmsg=5 msgsize=32 notify=1 mode=620
	shows q "mq:$(fx q .name)" owned '.kind == "posix"' '.ref == "mq:" + $f.name' '.name == $f.name' '.id == null' \
		'.key == null' '.inode == $f.inode' '.device == $f.dev' '.mode == "0620"' '.namespace == $ns.ipc' \
		'.messages == 2' '.max_messages == 5' '.message_size == 32' '.bytes == 64' '.size == null' '.max_bytes == null' \
		'.last_sender == null' '.notify == "signal 10 to \($f.pid)"' '.holders == [by_fd($f.pid; $f.fd; "rw")]' \
		'.state == "held"' '.evidence == ["2 messages queued", "held by \($f.pid) (a) b (c)"]' '.status == []'
	[[ $(</proc/self/mountinfo) == "$before" ]]
	run ! mountpoint -q /dev/mqueue
}

@test "mq/posix: who waits to receive, and who to send" {
	need_root
	fixture r mq-posix "$HOSTILE_COMM" name=/r waiter=recv
	fixture s mq-posix "$HOSTILE_COMM" name=/s waiter=send maxmsg=2
	shows r mq:/r '.waiters == [waits($f.waiter; "mq_timedreceive")]' '.messages == 0' '.notify == ""'
	shows s mq:/s '.waiters == [waits($f.waiter; "mq_timedsend")]' '.messages == 2'
}

@test "mq/posix: unlinked but open, and open in no process" {
	need_root
	fixture u mq-posix name=/u unlinked=1
	fixture c mq-posix name=/c hold=0
	shows u "mq:@$(fx u .dev):$(fx u .inode)" owned '.name == "/u"' '.status == ["deleted"]' '[.holders[].pid] == [$f.pid]' \
		'.max_messages == $f.max_messages'
	shows c mq:/c '.holders == []' '.state == "unknown"' ".evidence | contains([\"$ELSEWHERE\"])"
	run_ipctool show mq:/u
	[[ $status -eq 4 ]]
}

@test "mq/posix: a name of 255 bytes" {
	need_root
	fixture q mq-posix name="/$(long q 255)"
	shows q "mq:$(fx q .name)" '.name == $f.name' '.name | length == 256'
}

@test "mq/posix: an ordinary user without /dev/mqueue is told that they are missing" {
	((EUID != 0)) || skip "root is not"
	fixture q mq-posix name=/hidden
	run_ipctool list --json mq/posix
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" '' '.complete == false' '.errors | any(.what == "POSIX message queues" and .errno == 1)'
	run -3 --separate-stderr "$IPCTOOL" list --strict mq/posix
	[[ $stderr == *"POSIX message queues"* ]]
}

# ---- shm -----------------------------------------------------------------------------------------------------

@test "shm/sysv: attached by several" {
	fixture s shm-sysv "$HOSTILE_COMM" key=0x77 size=8192 attach=3 touch=5000 mode=640
	shows s "shm:$(fx s .id)" owned '.class == "shm"' '.kind == "sysv"' '.ref == "shm:\($f.id)"' '.id == $f.id' \
		'.key == "0x00000077"' '.mode == "0640"' '.namespace == $ns.ipc' '.size == 8192' '.resident == 8192' \
		'.swapped == 0' '.attached == 3' '.creator == $f.creator' '.last_user == $f.last_user' '.deleted == false' \
		'.status == []' '.attach_time | test("Z$")' '.state == "held"' \
		'.holders == ($f.attached | map(by_attach(.pid; .addr; "rw")))' '.holders | length == 3' \
		'.evidence[0] == "3 attached (kernel count)"'
	shows s shm:0x77 '.id == $f.id'
}

@test "shm/sysv: a dead creator and nobody attached is an orphan" {
	fixture s shm-sysv dead_creator=1 touch=10
	shows s "shm:$(fx s .id)" '.state == "orphan"' '.attached == 0' '.creator == $f.creator' '.holders == []' \
		'.evidence == ["0 attached (kernel count)", "creator \($f.creator) is dead", "last user \($f.creator) is dead"]'
}

@test "shm/sysv: a living creator makes it idle" {
	fixture s shm-sysv "$HOSTILE_COMM"
	shows s "shm:$(fx s .id)" '.state == "idle"' '.last_user == null' '.attach_time == null' '.detach_time == null' \
		'.evidence | contains(["creator \($f.pid) (a) b (c) is alive", "never attached"])'
}

@test "shm/sysv: marked for removal, attached read-only" {
	fixture s shm-sysv "$HOSTILE_COMM" key=0x78 attach=1 readonly=1 dest=1
	shows s "shm:$(fx s .id)" '.status == ["dest"]' '.deleted' '.key == "0x00000000"' '.state == "held"' \
		'.holders == [by_attach($f.attached[0].pid; $f.attached[0].addr; "r")]'
	run_ipctool show shm:0x78
	[[ $status -eq 4 ]]
}

@test "shm/sysv: locked" {
	fixture s shm-sysv lock=1
	shows s "shm:$(fx s .id)" '.status == ["locked"]'
}

@test "shm/sysv: huge pages" {
	fixture s shm-sysv hugetlb=1 size=2M attach=1
	shows s "shm:$(fx s .id)" '.status | contains(["hugetlb"])' '.size == 2097152' '.attached == 1' \
		'[.holders[].pid] == [$f.attached[0].pid]'
}

@test "shm/sysv: a memfd of the same device and inode has other holders" {
	need_root
	local next=/proc/sys/kernel/shm_next_id
	[[ -e $next ]] || skip "ids cannot be chosen"
	fixture m memfd "$HOSTILE_COMM" map=1
	[[ $(fx m .inode) -lt 2147483647 ]] || skip "no such id"
	fx m .inode >"$next"
	fixture s shm-sysv "$HOSTILE_COMM" attach=1
	[[ $(fx s .inode) == "$(fx m .inode)" ]]
	shows s "shm:$(fx s .id)" '.kind == "sysv"' '.attached == 1' \
		'.holders == [by_attach($f.attached[0].pid; $f.attached[0].addr; "rw")]'
	shows m "shm:@$(fx m .dev):$(fx m .inode)" '.kind == "memfd"' '.attached == 1' \
		'.holders == [by_map($f.pid; $f.addr; "rw"), by_fd($f.pid; $f.fd; "rw")]'
}

@test "shm/posix: hostile name, mapped and open" {
	fixture s shm-posix "$HOSTILE_COMM" name="$HOSTILE" size=8192 map=1 touch=100 mode=604
	shows s "shm:$(fx s .name)" owned '.kind == "posix"' '.ref == "shm:" + $f.name' '.name == $f.name' '.id == null' \
		'.inode == $f.inode' '.device == $f.dev' '.mode == "0604"' '.namespace == $ns.mnt' '.size == 8192' \
		'.resident == 4096' '.attached == 1' '.creator == null' '.deleted == false' '.status == []' '.state == "held"' \
		'.holders == [by_map($f.pid; $f.addr; "rw"), by_fd($f.pid; $f.fd; "rw")]' \
		'.evidence == ["held by \($f.pid) (a) b (c)"]'
}

@test "shm/posix: a name of 255 bytes, and one with spaces at its ends" {
	fixture l shm-posix name="$(long l 255)"
	fixture s shm-posix name=' s '
	shows l "shm:$(fx l .name)" '.name == $f.name' '.name | length == 256'
	shows s 'shm:/ s ' '.name == "/ s "'
}

@test "shm/posix: sub-directories are walked, and are no objects" {
	fixture s shm-posix name=x dir='sub\x0a' fd=0
	shows s 'shm:/sub\x0a/x' '.name == "/sub\\x0a/x"' '.inode == $f.inode'
	run_ipctool list -q shm/posix sem/posix
	[[ $output == 'shm:/sub\x0a/x' ]]
}

@test "shm/posix: unlinked but mapped" {
	fixture s shm-posix "$HOSTILE_COMM" name=gone map=1 fd=0 unlinked=1
	shows s "shm:@$(fx s .dev):$(fx s .inode)" '.ref == "shm:@\($f.dev):\($f.inode)"' '.kind == "posix"' '.deleted' \
		'.name == "/gone"' '.status == ["deleted"]' '.holders == [by_map($f.pid; $f.addr; "rw")]' \
		'if root then owned and .size == $f.size else .size == null end'
	run_ipctool show shm:/gone
	[[ $status -eq 4 ]]
}

@test "shm/posix: a file called x (deleted) is not an unlinked x" {
	fixture named shm-posix "$HOSTILE_COMM" name='x (deleted)' map=1
	fixture gone shm-posix "$HOSTILE_COMM" name=x map=1 unlinked=1
	shows named 'shm:/x (deleted)' '.deleted == false' '.status == []' '.inode == $f.inode' '[.holders[].pid] | unique == [$f.pid]'
	shows gone "shm:@$(fx gone .dev):$(fx gone .inode)" '.deleted' '.name == "/x"' '[.holders[].pid] | unique == [$f.pid]'
	run_ipctool list --count shm/posix
	[[ $output == 2 ]]
}

@test "shm/posix: nobody was seen, which proves nothing here" {
	fixture s shm-posix name=flying fd=0 inflight=1
	shows s shm:/flying '.holders == []' '.attached == 0' '.state == "unknown"' ".evidence[-1] == \"$ELSEWHERE\""
}

@test "shm/memfd: hostile name, seals, mapped and open" {
	fixture m memfd "$HOSTILE_COMM" name="$HOSTILE" size=12288 map=1 sealed=1
	shows m "shm:@$(fx m .dev):$(fx m .inode)" owned '.kind == "memfd"' '.ref == "shm:@\($f.dev):\($f.inode)"' \
		'.name == $f.name' '.inode == $f.inode' '.device == $f.dev' '.size == 12288' '.namespace == null' \
		'.status | sort == ["sealed:grow", "sealed:seal", "sealed:shrink"]' '.attached == 1' '.state == "held"' \
		'.holders == [by_map($f.pid; $f.addr; "rw"), by_fd($f.pid; $f.fd; "rw")]'
}

@test "shm/memfd: mapped only" {
	fixture m memfd "$HOSTILE_COMM" map=1 fd=0 touch=1
	shows m "shm:@$(fx m .dev):$(fx m .inode)" '.holders == [by_map($f.pid; $f.addr; "rw")]' '.name == $f.name' \
		'.state == "held"' '.resident == if root then 4096 else null end' '.size == if root then $f.size else null end'
}

@test "shm/anon: shared by parent and children" {
	fixture a anon "$HOSTILE_COMM" size=16384 children=2 touch=1
	shows a "shm:@$(fx a .dev):$(fx a .inode)" '.kind == "anon"' '.name == null' '.size == 16384' '.attached == 3' \
		'.holders == ($f.maps | map(by_map(.pid; .addr; "rw")))' '.holders | length == 3' '.state == "held"' \
		'.resident == if root then 4096 else null end' '.inode == $f.inode' '.device == $f.dev'
}

@test "shm/file: one file in several processes, by path" {
	fixture f file "$HOSTILE_COMM" path="/tmp/$HOSTILE" size=8192 readonly=1
	shows f "shm:file:$(fx f .path)" owned '.kind == "file"' '.ref == "shm:file:" + $f.path' '.name == $f.path' \
		'.inode == $f.inode' '.device == $f.dev' '.size == 8192' '.deleted == false' '.state == "held"' \
		'.holders | contains([by_map($f.maps[0].pid; $f.maps[0].addr; "rw"), by_map($f.maps[1].pid; $f.maps[1].addr; "r")])' \
		'[.holders[].pid] | unique | length == 2' '.attached == (.holders | length)'
}

@test "shm/file: unlinked" {
	fixture f file path=/tmp/unlinked unlinked=1
	shows f "shm:@$(fx f .dev):$(fx f .inode)" '.kind == "file"' '.deleted' '.name == "/tmp/unlinked"' '.status == ["deleted"]'
}

# ---- sem -----------------------------------------------------------------------------------------------------

@test "sem/sysv: each value, and who waits for an increase" {
	fixture s sem-sysv "$HOSTILE_COMM" key=0x99 values=1,0,3 waiter=increase index=1 mode=640
	shows s "sem:$(fx s .id)" owned '.class == "sem"' '.kind == "sysv"' '.ref == "sem:\($f.id)"' '.id == $f.id' \
		'.key == "0x00000099"' '.mode == "0640"' '.namespace == $ns.ipc' '.semaphores == 3' \
		'.values == ([0, 1, 2] | map({index: ., value: $f.values[.], waiting_increase: $f.waiting_increase[.],
			waiting_zero: 0, last_pid: $f.pid}))' \
		'.state == "held"' '.evidence | contains(["1 waiting for an increase, 0 for zero (kernel count)"])'
	shows s sem:0x99 '.id == $f.id'
	need_ptrace
	shows s sem:0x99 '.waiters == [waits($f.waiter; "semop: increase of 1 on [1]")]'
}

@test "sem/sysv: who waits for zero" {
	fixture s sem-sysv "$HOSTILE_COMM" values=2,0 waiter=zero
	shows s "sem:$(fx s .id)" '[.values[].waiting_zero] == [1, 0]' '[.values[].waiting_increase] == [0, 0]' '.state == "held"'
	need_ptrace
	shows s "sem:$(fx s .id)" '.waiters == [waits($f.waiter; "semop: zero on [0]")]'
}

@test "sem/sysv: a dead operator makes it suspect, a living one idle" {
	fixture d sem-sysv values=1 dead_user=1
	fixture l sem-sysv "$HOSTILE_COMM" values=1
	shows d "sem:$(fx d .id)" '.state == "suspect"' '.values[0].last_pid == $f.dead' '.operated | test("Z$")' \
		'.evidence | contains(["last operator \($f.dead) is dead"])' '.evidence[-1] | startswith("the kernel counts no users")'
	shows l "sem:$(fx l .id)" '.state == "idle"' '.evidence | contains(["last operator \($f.pid) (a) b (c) is alive"])'
}

@test "sem/sysv: 250 semaphores" {
	local values
	values=$(seq -s , 1 250)
	fixture s sem-sysv values="$values"
	shows s "sem:$(fx s .id)" '.semaphores == 250' '[.values[].value] == [range(1; 251)]' '[.values[].index] == [range(250)]'
}

@test "sem/posix: hostile name, value, who maps it" {
	fixture s sem-posix "$HOSTILE_COMM" name="$HOSTILE" value=7 mode=640
	shows s "sem:$(fx s .name)" owned '.kind == "posix"' '.ref == "sem:" + $f.name' '.name == $f.name' '.mode == "0640"' \
		'.inode == $f.inode' '.device == $f.dev' '.namespace == $ns.mnt' '.semaphores == 1' '.state == "held"' \
		'.values == [{index: 0, value: 7, waiting_increase: 0, waiting_zero: null, last_pid: null}]' \
		'.holders == [by_map($f.pid; $f.addr; "rw")]'
	# Not a segment as well.
	run_ipctool list --count shm/posix
	[[ $output == 0 ]]
}

@test "sem/posix: who waits" {
	fixture s sem-posix "$HOSTILE_COMM" name=w waiter=1
	shows s sem:/w '.values[0].value == 0' '.values[0].waiting_increase == 1' '[.holders[].pid] == [$f.pid, $f.waiter.pid]' \
		'.evidence | contains(["waiters on record in it: 1 (stays when one is killed)"])'
	need_ptrace
	shows s sem:/w '.waiters | length == 1' '.waiters[0] | {pid, tid} == $f.waiter'
}

@test "sem/posix: unlinked, and mapped by nobody" {
	fixture u sem-posix name=u unlinked=1 value=2
	fixture c sem-posix name=c hold=0 value=3
	# Its creator has it mapped under the name that it was made by, which the C library changed later.
	shows u "sem:@$(fx u .dev):$(fx u .inode)" '.name | startswith("/")' '.status == ["deleted"]' '[.holders[].pid] == [$f.pid]'
	shows c sem:/c '.values[0].value == 3' '.holders == []' '.state == "unknown"' ".evidence | contains([\"$ELSEWHERE\"])"
}

@test "sem/unnamed: in shared anonymous memory, a memfd and a segment" {
	need_ptrace
	local memory
	for memory in memory=anon 'memory=memfd name=m' 'memory=shm name=/s offset=4160'; do
		fixture s sem-unnamed "$HOSTILE_COMM" $memory
		shows s "sem:@$(fx s .waiter.pid):$(fx s .addr)" '.kind == "unnamed"' '.semaphores == 1' '.values[0].value == 0' \
			'.values[0].waiting_increase == 1' '.inode == $f.inode' '.device == $f.dev' '.state == "held"' \
			'.waiters == [waits($f.waiter; "sem_wait")]' \
			'.holders == [by_map($f.pid; $f.base; "rw"), by_map($f.waiter.pid; $f.base; "rw")]' \
			'.ref == "sem:@\($f.waiter.pid):\($f.addr)"'
		release s
	done
	# What nobody waits for any more is not there.
	run_ipctool list --count sem/unnamed
	[[ $output == 0 ]]
}

# ---- unix sockets ----------------------------------------------------------------------------------------------

@test "sock/unix: a listener, its connections and their other ends" {
	local type
	for type in stream seqpacket; do
		fixture u unix "$HOSTILE_COMM" type=$type path="/tmp/$HOSTILE" listen=7 connect=2 pending=3 data=hello mode=660
		shows u "sock:$(fx u .path)" owned '.class == "sock"' '.kind == "unix"' '.ref == "sock:\($f.inode)"' \
			'.inode == $f.inode' '.name == $f.path' '.local == $f.path' '.mode == "0660"' '.namespace == $ns.net' \
			'.bound_inode == $f.file.inode' '.status == ["LISTEN"]' '.backlog == 7' '.receive_queue == 3' '.peer == null' \
			'.peers == []' '.holders == [by_fd($f.pid; $f.fd; "rw")]' '.cookie > 0' '.state == "held"' '.listener == null' \
			".type == \"$type\""
		shows u "sock:$(fx u '.accepted[1].inode')" '.status == ["ESTAB"]' '.local == $f.path' '.receive_queue == 5' \
			'.peer == "sock:\($f.clients[1].inode)"' '.listener == "sock:\($f.inode)"' '.backlog == null' \
			'.holders == [by_fd($f.pid; $f.accepted[1].fd; "rw")]' \
			'.peers == [{ref: "sock:\($f.clients[1].inode)", holders: [by_fd($f.clients[1].pid; $f.clients[1].fd; "rw")]}]'
		shows u "sock:$(fx u '.clients[0].inode')" '.local == null' '.peer == "sock:\($f.accepted[0].inode)"' '.send_queue > 0' \
			'.peers[0].holders == [by_fd($f.pid; $f.accepted[0].fd; "rw")]'
		release u
	done
}

@test "sock/unix: datagrams, pairs, abstract names with a NUL, the longest path" {
	fixture d unix "$HOSTILE_COMM" type=dgram path=/tmp/d connect=1 data=hello
	shows d sock:/tmp/d '.type == "dgram"' '.receive_queue == 5' '.local == "/tmp/d"' '.peer == null'
	fixture n unix type=dgram path=/tmp/n
	shows n sock:/tmp/n '.status == ["UNCONN"]' '.receive_queue == 0'
	fixture p unix "$HOSTILE_COMM" pair=1 type=dgram data=abc
	shows p "sock:$(fx p .inode)" '.local == null' '.peer == "sock:\($f.peer.inode)"' '.receive_queue == 3' '.name == null' \
		'.peers == [{ref: .peer, holders: [by_fd($f.peer.pid; $f.peer.fd; "rw")]}]'
	fixture a unix abstract='x\x00y\xff' listen=5
	shows a 'sock:@x\x00y\xff' '.name == "@x\\x00y\\xff"' '.local == .name' '.bound_inode == null' '.backlog == 5' \
		'.inode == $f.inode'
	fixture l unix path="$(long /tmp/l 108)"
	shows l "sock:$(fx l .path)" '.local == $f.path' '.local | length == 108'
}

@test "sock/unix: what is in flight has no holder but its socket" {
	fixture u unix path=/tmp/in listen=1 inflight=1
	shows u sock:/tmp/in '.state == "held"' '.inode == $f.inode'
}

@test "sock/unix: a stale socket file is an object of its own" {
	fixture s unix path="/tmp/$HOSTILE" stale=1 mode=600
	shows s "sock:$(fx s .path)" owned '.kind == "unix"' '.ref == "sock:" + $f.path' '.name == $f.path' '.status == ["stale"]' \
		'.inode == $f.file.inode' '.device == $f.file.dev' '.mode == "0600"' '.holders == []' '.type == null' \
		'.bound_inode == $f.file.inode' '.state == "unknown"' \
		'.evidence[0] | test("^no socket of [0-9]+ network namespaces? is bound to it$")'
	run_ipctool list -q sock/unix --match '/tmp/*'
	[[ $output == "sock:$(fx s .path)" ]]
}

# not_stale: no socket file in /tmp is called stale.
not_stale() {
	run_ipctool list -q "$@" sock/unix --filter 'status == stale'
	[[ $status -eq 0 && -z $output ]] || { echo "stale: $output"; return 1; }
}

@test "sock/unix: a renamed file is not stale, and both names lead to its socket" {
	fixture r unix path=/tmp/old rename=/tmp/new listen=1
	shows r sock:/tmp/new '.inode == $f.inode' '.local == "/tmp/old"' '.bound_inode == $f.file.inode' '.state == "held"'
	shows r sock:/tmp/old '.inode == $f.inode'
	not_stale
}

@test "sock/unix: a hard link is not stale" {
	fixture r unix path=/tmp/first listen=1
	ln /tmp/first /tmp/second
	shows r sock:/tmp/second '.inode == $f.inode'
	not_stale
	rm /tmp/second
}

@test "sock/unix: a file that a socket of another network namespace is bound to is not stale" {
	in_new_namespaces --net fixture u unix path=/tmp/foreign listen=1
	not_stale
	run_ipctool show sock:/tmp/foreign
	[[ $status -eq 4 ]]
	run_ipctool list --json sock/unix --match /tmp/foreign --all-namespaces
	holds "$(json "$output" '.objects[0]')" u '.inode == $f.inode' '.namespace != $ns.net' '.status == ["LISTEN"]' \
		'.ref == "sock@\(.namespace):\($f.inode)"' '[.holders[].pid] == [$f.pid]'
	not_stale --all-namespaces
}

@test "sock/unix: a path bound again is ambiguous, and not stale" {
	fixture b unix path=/tmp/twice listen=1 rebind=1
	run_ipctool show sock:/tmp/twice
	[[ $status -eq 2 && -z $output ]]
	[[ $stderr == *" sock:$(fx b .inode), sock:$(fx b .rebound.socket)" || $stderr == *" sock:$(fx b .rebound.socket), sock:$(fx b .inode)" ]]
	# The file is that of the second one.
	shows b "sock:$(fx b .inode)" '.bound_inode == $f.file.inode' '.mode == null'
	shows b "sock:$(fx b .rebound.socket)" '.bound_inode == $f.rebound.inode' '.mode != null'
	not_stale
}

@test "sock/unix: forged lines in /proc/net/unix are not objects" {
	local before
	before=$("$IPCTOOL" list --count sock/unix)
	fixture f unix abstract='x\x0a0000000000000000: 00000002 00000000 00010000 0001 01 99999999 /tmp/forged' listen=1
	[[ $("$IPCTOOL" list --count sock/unix) == "$((before + 1))" ]]
	run_ipctool show sock:99999999
	[[ $status -eq 4 ]]
}

# ---- internet sockets ------------------------------------------------------------------------------------------

@test "sock/tcp: a listener, its connections and their other ends, both families" {
	local family
	for family in 4 6; do
		fixture t tcp "$HOSTILE_COMM" family=$family listen=7 connect=2 pending=1 data=hello
		shows t "sock:tcp:$(fx t .local)" '.kind == "tcp"' '.type == "stream"' '.protocol == "tcp"' '.inode == $f.inode' \
			'.ref == "sock:\($f.inode)"' '.uid == $uid' '.user == $user' '.local == $f.local' '.peer == null' \
			'.status == ["LISTEN"]' '.backlog == 7' '.receive_queue == 1' '.namespace == $ns.net' '.state == "held"' \
			'.holders == [by_fd($f.pid; $f.fd; "rw")]' '.peers == []' '.cookie > 0'
		shows t "sock:$(fx t '.accepted[1].inode')" '.status == ["ESTAB"]' '.local == $f.accepted[1].local' \
			'.peer == $f.accepted[1].peer' '.receive_queue == 5' '.listener == "sock:\($f.inode)"' '.memory > 0' \
			'.peers == [{ref: "sock:\($f.clients[1].inode)", holders: [by_fd($f.clients[1].pid; $f.clients[1].fd; "rw")]}]'
		shows t "sock:tcp:$(fx t '.clients[0].local'),$(fx t '.clients[0].peer')" '.inode == $f.clients[0].inode' \
			'.peers[0].ref == "sock:\($f.accepted[0].inode)"' '.holders == [by_fd($f.clients[0].pid; $f.clients[0].fd; "rw")]'
		# Not accepted yet: no process has it, and its addresses name it.
		shows t "sock:tcp:$(fx t '.pending[0].peer'),$(fx t '.pending[0].local')" '.inode == null' '.holders == []' \
			'.listener == "sock:\($f.inode)"' '.peers[0].ref == "sock:\($f.pending[0].inode)"' '.receive_queue == 5' \
			'.evidence == ["no process has it: its protocol ends it"]' '.state == "held"'
		release t
	done
}

@test "sock/tcp: TIME_WAIT, a port of several, bound to an interface" {
	fixture w tcp timewait=1
	shows w "sock:tcp:$(fx w .timewait.local),$(fx w .timewait.peer)" '.status == ["TIME-WAIT"]' '.inode == null' \
		'.timer == "timewait"' '.timer_expires > 0 and .timer_expires <= 60' '.holders == []' \
		'.ref == "sock:tcp:\($f.timewait.local),\($f.timewait.peer)"'
	fixture g tcp addr=0.0.0.0 reuseport=3
	run_ipctool show "sock:tcp:$(fx g .local)"
	[[ $status -eq 2 && -z $output ]]
	local inode message=$stderr
	for inode in $(fx g '.group[].inode'); do
		[[ $message == *"sock:$inode"* ]]
		shows g "sock:$inode" '.local == $f.local'
	done
	fixture d tcp addr=::1 device=lo listen=1
	shows d "sock:tcp:[::1%lo]:$(fx d .port)" '.interface == "lo"' '.local == "[::1%lo]:\($f.port)"' '.inode == $f.inode'
}

@test "sock/udp: bound, connected, with data" {
	fixture u udp "$HOSTILE_COMM" connect=1 data=hello
	shows u "sock:udp:$(fx u .local)" '.kind == "udp"' '.type == "dgram"' '.status == ["UNCONN"]' '.local == $f.local' \
		'.receive_queue > 0' '.holders == [by_fd($f.pid; $f.fd; "rw")]' '.uid == $uid' '.peer == null'
	shows u "sock:$(fx u '.clients[0].inode')" '.status == ["ESTAB"]' '.peer == $f.local' \
		'.holders == [by_fd($f.clients[0].pid; $f.clients[0].fd; "rw")]'
	fixture s udp family=6
	shows s "sock:udp:$(fx s .local)" '.inode == $f.inode' '.local == $f.local'
}

@test "sock/raw: both families" {
	need_root
	fixture r raw "$HOSTILE_COMM" proto=200 addr=127.0.0.1
	fixture s raw family=6 proto=201
	shows r "sock:$(fx r .inode)" '.kind == "raw"' '.type == "raw"' '.protocol == "200"' '.local == "127.0.0.1:200"' \
		'.holders == [by_fd($f.pid; $f.fd; "rw")]' '.uid == 0' '.state == "held"' '.namespace == $ns.net'
	shows s "sock:$(fx s .inode)" '.protocol == "201"' '[.holders[].pid] == [$f.pid]'
}

@test "sock/packet: protocol and interface" {
	need_root
	fixture p packet "$HOSTILE_COMM" device=lo proto=0x88b5
	fixture q packet type=dgram proto=0x0003
	shows p "sock:$(fx p .inode)" '.kind == "packet"' '.type == "raw"' '.protocol == "0x88b5"' '.interface == "lo"' \
		'.holders == [by_fd($f.pid; $f.fd; "rw")]' '.namespace == $ns.net'
	shows q "sock:$(fx q .inode)" '.type == "dgram"' '.protocol == "all"' '.interface == null'
}

@test "sock/netlink: protocol and port" {
	fixture n netlink "$HOSTILE_COMM" proto=0 groups=1
	fixture g netlink proto=16
	shows n "sock:$(fx n .inode)" '.kind == "netlink"' '.protocol == "route"' '.local == "route:\($f.portid)"' \
		'.holders == [by_fd($f.pid; $f.fd; "rw")]' '.state == "held"' '.namespace == $ns.net'
	shows g "sock:$(fx g .inode)" '.protocol == "generic"'
	shows g "sock:netlink:$(json "$output" '.objects[0].local')" '.inode == $f.inode'
}

# available KIND: skips when the kernel does not answer for it, which the tool has to say.
available() {
	run_ipctool list --json "sock/$1"
	if ((status == 3)); then
		holds "$output" '' '.complete == false' ".errors[0].what == \"sock/$1\"" '.errors[0].why == "not available in this kernel"'
		[[ $stderr == "ipctool list: sock/$1: "*": not available in this kernel" && ${#stderr_lines[@]} -eq 1 ]]
		skip "not available in this kernel"
	fi
	[[ $status -eq 0 ]]
}

@test "sock/mptcp: a listener and a connection" {
	available mptcp
	fixture m mptcp "$HOSTILE_COMM" listen=4 connect=1
	shows m "sock:mptcp:$(fx m .local)" '.kind == "mptcp"' '.protocol == "mptcp"' '.inode == $f.inode' '.backlog == 4' \
		'.status == ["LISTEN"]' '.holders == [by_fd($f.pid; $f.fd; "rw")]'
	shows m "sock:$(fx m '.accepted[0].inode')" '.kind == "mptcp"' '.status == ["ESTAB"]' '.listener == "sock:\($f.inode)"' \
		'.peers[0].ref == "sock:\($f.clients[0].inode)"'
}

@test "sock/sctp: a listener" {
	available sctp
	fixture s sctp "$HOSTILE_COMM" listen=4
	shows s "sock:$(fx s .inode)" '.kind == "sctp"' '.status == ["LISTEN"]' '.holders == [by_fd($f.pid; $f.fd; "rw")]'
}

@test "sock/dccp: a listener" {
	available dccp
	fixture d dccp "$HOSTILE_COMM" listen=4
	shows d "sock:$(fx d .inode)" '.kind == "dccp"' '.status == ["LISTEN"]' '.holders == [by_fd($f.pid; $f.fd; "rw")]'
}

@test "sock/vsock: a listener" {
	available vsock
	fixture v vsock "$HOSTILE_COMM" listen=1
	shows v "sock:$(fx v .inode)" '.kind == "vsock"' '.status == ["LISTEN"]' '.holders == [by_fd($f.pid; $f.fd; "rw")]'
}

@test "sock/xdp: a socket" {
	available xdp
	fixture x xdp "$HOSTILE_COMM"
	shows x "sock:$(fx x .inode)" '.kind == "xdp"' '.holders == [by_fd($f.pid; $f.fd; "rw")]'
}

# ---- signals -------------------------------------------------------------------------------------------------

@test "signal/process: masks, handlers and pending signals of process and thread" {
	fixture s signal "$HOSTILE_COMM" block=INT,SIGUSR1 ignore=HUP,PIPE catch=USR2 queue=RTMIN+1,RTMIN+1,34,RTMAX \
		thread=1 thread_block=QUIT thread_queue=RTMIN+2
	shows s "signal:$(fx s .subject)" owned '.class == "signal"' '.kind == "process"' '.ref == "signal:\($f.subject)"' \
		'.id == $f.subject' '.name == "a) b (c"' '.state == null' '.created | test("Z$")' \
		'.pending == ["SIGRTMIN", "SIGRTMIN+1", "SIGRTMAX"]' \
		'.blocked == ["SIGINT", "SIGUSR1", "SIGRTMIN", "SIGRTMIN+1", "SIGRTMAX"]' \
		'.ignored == ["SIGHUP", "SIGPIPE"]' '.caught - ["SIG32", "SIG33"] == ["SIGUSR2"]' \
		'.uncatchable == ["SIGKILL", "SIGSTOP"]' '.default | contains(["SIGTERM", "SIGRTMIN+15"])' \
		'[.default, .ignored, .caught, .uncatchable] | flatten | unique | length == 64' \
		'.queued >= 5' '.queue_limit > .queued' '[.threads[].tid] == $f.tids' \
		'.threads[0].pending == []' '.threads[1].pending == ["SIGRTMIN+2"]' '.threads[1].comm == "a) b (c"' \
		'.threads[1].blocked | contains(["SIGQUIT", "SIGRTMIN+2"])' '.threads[0].blocked | contains(["SIGINT"])' \
		'.threads[0].blocked | contains(["SIGQUIT"]) | not'
}
