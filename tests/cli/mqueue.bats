#!/usr/bin/env bats
# mqueue.bats: POSIX queues where /dev/mqueue is mounted, as root and as an ordinary user. Without it: kinds.bats.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'

@test "found through the mount, and nothing is mounted for that" {
	local before
	[[ $(stat -f -c %T /dev/mqueue) == mqueue ]]
	before=$(</proc/self/mountinfo)
	fixture q mq-posix "$HOSTILE_COMM" name="$HOSTILE" messages=2 maxmsg=5 msgsize=32 notify=1
	shows q "mq:$(fx q .name)" owned '.kind == "posix"' '.ref == "mq:" + $f.name' '.name == $f.name' '.inode == $f.inode' \
		'.device == $f.dev' '.mode == "0600"' '.namespace == $ns.ipc' '.messages == 2' '.max_messages == 5' \
		'.message_size == 32' '.bytes == 64' '.notify == "signal 10 to \($f.pid)"' '.state == "held"' \
		'.holders == [by_fd($f.pid; $f.fd; "rw")]'
	[[ $(</proc/self/mountinfo) == "$before" ]]
}

@test "waiting processes, unlinked queues, and no queue listed twice" {
	fixture r mq-posix "$HOSTILE_COMM" name=/r waiter=recv
	fixture u mq-posix name=/u unlinked=1
	fixture c mq-posix name=/c hold=0
	shows u "mq:@$(fx u .dev):$(fx u .inode)" '.status == ["deleted"]' '[.holders[].pid] == [$f.pid]'
	shows c mq:/c '.holders == []' '.status == []'
	run_ipctool list -q mq/posix
	[[ $(sort <<<"$output") == $(sort <<<"mq:/r
mq:/c
mq:@$(fx u .dev):$(fx u .inode)") ]]
	need_ptrace
	shows r mq:/r '.waiters == [waits($f.waiter; "mq_timedreceive")]'
}

@test "a queue that may not be read is a row with what is known, and named as unread" {
	need_root
	fixture q mq-posix name=/closed mode=600
	as_user nobody run_ipctool list --json mq/posix
	[[ $status -eq 0 && -z $stderr ]]
	holds "$output" q '.objects | length == 1' '.objects[0].ref == "mq:/closed"' '.objects[0].uid == 0' '.objects[0].mode == "0600"' \
		'.objects[0].messages == null' '.objects[0].inode == $f.inode' '.complete == false' \
		'.errors | any(.errno == 13 and (.what | contains("1 POSIX queue")))'
	as_user nobody run_ipctool list -o ref,messages mq/posix
	[[ $status -eq 3 && ${lines[1]} == "mq:/closed "*- ]]
	as_user nobody run_ipctool list -o ref,mode mq/posix
	[[ $status -eq 0 ]]
}

@test "the mount of another ipc namespace is not taken for the own one" {
	need_root
	fixture q mq-posix name=/outside
	in_new_namespaces --ipc run_ipctool list --json mq
	[[ $status -eq 0 ]]
	holds "$output" '' '.objects == []' '.complete'
}
