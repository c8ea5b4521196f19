#!/usr/bin/env bats
# change-sem-sysv.bats: System V semaphore sets made, set, posted, waited for and removed; what is refused, and what is left
# alone because it is another one by now.

load helpers

teardown() {
	release_all
	# in the sandbox, whose ipc namespace is its own
	ipcrm --all=sem
}

# make [OPTION]...: a set, its reference into $s.
make() {
	s=$("$IPCTOOL" create "$@")
}

# values REF VALUE...: exactly these, by another tool.
values() {
	local found
	found=$(ipcs --semaphores --id "${1#sem:}" | awk '/^[0-9]/ { printf "%s ", $2 }')
	[[ $found == "${*:2} " ]] || { echo "values of $1: $found, not ${*:2}" >&2; return 1; }
}

sets() {
	"$IPCTOOL" list sem/sysv --count
}

# waiting REF INDEX COUNT: so many tasks are blocked on an increase of it.
waiting() {
	[[ $(ipcs --semaphores --id "${1#sem:}" | awk -v i="$2" '$1 == i { print $3 }') == "$3" ]]
}

# The fields of the set of $1 in /proc/sysvipc/sem: key semid perms nsems uid gid cuid cgid otime ctime.
fact() {
	awk -v id="${1#sem:}" -v field="$2" '$2 == id { print $field }' /proc/sysvipc/sem
}

# ---- create --------------------------------------------------------------------------------------------------

@test "create: by key, with number, values, and exactly this mode" {
	umask 077
	make sem:0x5345 --value 1,0,3 --mode 0666
	[[ $s =~ ^sem:[0-9]+$ ]]
	shows '' sem:0x5345 ".ref == \"$s\"" '.kind == "sysv"' '.key == "0x00005345"' '.mode == "0666"' owned \
		'[.values[].value] == [1, 0, 3]'
}

@test "create: one value is for all; without any they are 0; by default there is one" {
	make sem/sysv --number 4 --value 7
	values "$s" 7 7 7 7
	make sem/sysv --number 2
	values "$s" 0 0
	umask 027
	make sem/sysv
	values "$s" 0
	[[ $(fact "$s" 3) == 640 ]]
	make sem/sysv --value 32767
	values "$s" 32767
}

@test "create: values and numbers that cannot be" {
	fails 2 '2 values for 3 semaphores' create sem/sysv --number 3 --value 1,2
	fails 2 'SEMVMX' create sem/sysv --value 32768
	fails 2 'at least one' create sem/sysv --number 0
	fails 2 '0777' create sem/sysv --mode 1600
	fails 2 'not of the form' create sem/sysv --value 1,,2
	fails 2 'does not take size' create sem/sysv --size 4
	[[ $(sets) -eq 0 ]]
}

@test "create: who waits for sem_otime sees a set with its values" {
	make sem/sysv --value 2,1
	(($(fact "$s" 9) > 0))
	make sem/sysv
	(($(fact "$s" 9) > 0))
}

@test "create: owner, group, and a mode that the maker may not use himself" {
	make sem/sysv --value 5 --mode 0000
	[[ $(fact "$s" 3) == 0 ]]
	((EUID)) || values "$s" 5
	# nobody may look into it, and ipcrm --all would leave it
	run_ipctool remove --force=unknown "$s"
	[[ $status -eq 0 && $(sets) -eq 0 ]]
	need_root
	make sem:0x5346 --owner nobody --group 12345 --value 3 --mode 0640
	values "$s" 3
	shows '' "$s" ".uid == $(id -u nobody)" '.gid == 12345' '.mode == "0640"'
}

@test "create: what cannot be finished is taken away again" {
	need_root
	run --separate-stderr unshare --user --map-root-user "$IPCTOOL" create sem:0x5345 --owner 4711
	[[ $status -eq 2 && -z $output && $stderr == *'no such user'* ]]
	[[ $(sets) -eq 0 ]]
}

@test "create: one that exists is left alone" {
	make sem:0x5345 --value 1,2 --mode 0640
	fails 6 'exists' create sem:0x5345 --value 9
	fails 6 'another number' create sem:0x5345 --exist-ok --number 3
	fails 6 'another mode' create sem:0x5345 --exist-ok --mode 0600
	succeeds create sem:0x5345 --exist-ok --number 2 --mode 0640
	values "$s" 1 2
	[[ $(sets) -eq 1 ]]
}

@test "create: limits are told with their values and the use" {
	local before
	fails 2 "SEMMSL allows $(awk '{ print $1 }' /proc/sys/kernel/sem) semaphores in one set" create sem/sysv --number 2000000000
	[[ $stderr == *'raise /proc/sys/kernel/sem' ]]
	need_root
	before=$(</proc/sys/kernel/sem)
	echo '5 9 32 3' >/proc/sys/kernel/sem
	make sem/sysv --number 5
	fails 1 'SEMMNS allows 9 semaphores in all sets of this ipc namespace, 5 are in use' create sem/sysv --number 5
	make sem/sysv --number 1
	make sem/sysv --number 1
	fails 1 'SEMMNI allows 3 sets in this ipc namespace, 3 are in use' create sem/sysv
	echo "$before" >/proc/sys/kernel/sem
}

# ---- set -----------------------------------------------------------------------------------------------------

@test "set: owner, group and mode at once" {
	make sem/sysv --value 1
	run_ipctool set "$s" mode=0604
	[[ $status -eq 0 && $output == *0604* ]]
	[[ $(fact "$s" 3) == 604 ]]
	fails 2 '0777' set "$s" mode=4755
	need_root
	run_ipctool set "$s" mode=0600 owner=nobody group=12345
	[[ $status -eq 0 && $(fact "$s" 3)-$(fact "$s" 5)-$(fact "$s" 6) == "600-$(id -u nobody)-12345" ]]
}

@test "set: all values, some values, and values that cannot be" {
	make sem/sysv --number 3
	run_ipctool set "$s" value=4
	[[ $status -eq 0 ]]
	values "$s" 4 4 4
	run_ipctool set "$s" value=1,2,3
	values "$s" 1 2 3
	run_ipctool set "$s" 'value[2]=0' 'value[0]=32767'
	values "$s" 32767 2 0
	fails 2 'the set has 3' set "$s" 'value[3]=1' 'value[0]=1'
	fails 2 'SEMVMX' set "$s" 'value[0]=1' 'value[1]=32768'
	fails 2 '2 values for 3 semaphores' set "$s" value=1,2
	values "$s" 32767 2 0
}

@test "set: releases who waits for the value" {
	make sem/sysv --number 2
	"$IPCTOOL" wait "$s" --index 1 3>&- 4>&- &
	local waiter=$!
	eventually waiting "$s" 1 1
	run_ipctool set "$s" 'value[1]=1'
	wait "$waiter"
	values "$s" 0 0
}

@test "set: all or nothing, for one who may set values and not the mode" {
	need_root
	make sem/sysv --value 5,6 --mode 0666
	as_user nobody fails 5 'is for its owner' set "$s" value=8 mode=0600
	values "$s" 5 6
	as_user nobody run_ipctool set "$s" 'value[0]=8' 'value[1]=9'
	[[ $status -eq 0 ]]
	values "$s" 8 9
}

# ---- post and wait -------------------------------------------------------------------------------------------

@test "post and wait: each counts, at the index that is named" {
	make sem/sysv --value 1,0
	succeeds wait "$s"
	values "$s" 0 0
	succeeds post "$s" --index 1 --count 3
	values "$s" 0 3
	succeeds wait "$s" --index 1 --nowait
	succeeds wait "$s" --zero --nowait
	values "$s" 0 2
	fails 2 'the set has 2' post "$s" --index 2
	fails 2 'the set has 2' wait "$s" --index 65536 --nowait
	fails 2 'the set has 2' wait "$s" --index 4294967296 --nowait
}

@test "post: beyond the largest value nothing is added" {
	make sem/sysv --value 3
	fails 1 'SEMVMX' post "$s" --count 32765
	[[ $stderr == *'(it is 3)'* ]]
	fails 1 'SEMVMX' post "$s" --count 65536
	values "$s" 3
	succeeds post "$s" --count 32764
	values "$s" 32767
}

@test "wait: would block, timed out, and not zero" {
	make sem/sysv --number 2 --value 0,1
	fails 7 'would block' wait "$s" --nowait
	fails 7 'timed out' wait "$s" --timeout 50ms
	fails 7 'not zero' wait "$s" --index 1 --zero --timeout 50ms
	values "$s" 0 1
}

@test "wait: until somebody posts, and until it is zero" {
	make sem/sysv --number 2 --value 0,1
	"$IPCTOOL" wait "$s" --timeout 30s 3>&- 4>&- &
	local one=$!
	"$IPCTOOL" wait "$s" --index 1 --zero 3>&- 4>&- &
	local zero=$!
	eventually waiting "$s" 0 1
	succeeds post "$s"
	wait "$one"
	succeeds wait "$s" --index 1
	wait "$zero"
	values "$s" 0 0
}

@test "wait: a signal that stops and continues it changes nothing" {
	make sem/sysv
	"$IPCTOOL" wait "$s" --timeout 30s 3>&- 4>&- &
	local waiter=$! n
	eventually waiting "$s" 0 1
	for n in 1 2 3; do
		kill -STOP "$waiter"
		eventually grep -q '^State:.T' "/proc/$waiter/status"
		kill -CONT "$waiter"
		eventually waiting "$s" 0 1
	done
	succeeds post "$s"
	wait "$waiter"
	values "$s" 0
}

@test "wait: removed meanwhile" {
	make sem/sysv
	local status=0
	"$IPCTOOL" wait "$s" 2>"$BATS_TEST_TMPDIR/said" 3>&- 4>&- &
	local waiter=$!
	eventually waiting "$s" 0 1
	ipcrm --semaphore-id "${s#sem:}"
	wait "$waiter" || status=$?
	[[ $status -eq 4 && $(<"$BATS_TEST_TMPDIR/said") == *'removed while waiting'* ]]
	fails 4 '' wait "$s"
	fails 4 '' post "$s"
}

@test "post and wait: who may not is told why" {
	need_root
	make sem/sysv --value 1 --mode 0604
	as_user nobody fails 5 'mode 0604' wait "$s" --nowait
	as_user nobody fails 5 'mode 0604' post "$s"
	as_user nobody fails 7 'not zero' wait "$s" --zero --nowait
	values "$s" 1
	as_user nobody fails 5 'is for its owner' remove "$s" --force=held
	[[ $(sets) -eq 1 ]]
}

@test "wait for a command: given back when it ends, and not before" {
	make sem/sysv --value 1
	run_ipctool wait "$s" -- sh -c "ipcs --semaphores --id ${s#sem:} | grep -q '^0 *0 ' && exit 7"
	[[ $status -eq 7 ]]
	values "$s" 1
	run -127 "$IPCTOOL" wait "$s" -- /nonexistent
	values "$s" 1
}

@test "wait for a command: SIGKILL gives it back, before and after the command began" {
	make sem/sysv --value 1
	"$IPCTOOL" wait "$s" -- sleep 1000 3>&- 4>&- &
	local holder=$!
	eventually grep -qx sleep "/proc/$holder/comm"
	values "$s" 0
	"$IPCTOOL" wait "$s" -- true 3>&- 4>&- &
	local waiter=$!
	eventually waiting "$s" 0 1
	kill -KILL "$waiter"
	run ! wait "$waiter"
	values "$s" 0
	kill -KILL "$holder"
	eventually values "$s" 1
}

@test "wait for a command: thirty shells and SIGKILL at random break nothing" {
	make sem/sysv --value 1
	local n count="$BATS_TEST_TMPDIR/count" inside="$BATS_TEST_TMPDIR/inside"
	export count inside
	echo 0 >"$count"
	cat >"$BATS_TEST_TMPDIR/section" <<-'END'
		mkdir "$inside" 2>/dev/null || { echo broken >>"$count.broken"; exit 1; }
		read -r n <"$count"
		echo $((n + 1)) >"$count"
		rmdir "$inside"
	END
	for n in {1..30}; do
		"$IPCTOOL" wait "$s" --timeout 60s -- sh "$BATS_TEST_TMPDIR/section" 3>&- 4>&- &
	done
	for n in {1..30}; do
		"$IPCTOOL" wait "$s" --timeout 60s -- sleep 0.001 3>&- 4>&- &
		((n % 2)) || kill -KILL $!
	done 2>/dev/null
	wait
	[[ ! -e $count.broken && $(<"$count") -eq 30 ]]
	values "$s" 1
}

# ---- remove --------------------------------------------------------------------------------------------------

@test "remove: by id and by key, after a dry run that removes nothing" {
	make sem:0x5345 --mode 0600
	run_ipctool remove --dry-run --force=unknown sem:0x5345
	[[ $status -eq 0 && $(sets) -eq 1 ]]
	run_ipctool remove --force=unknown sem:0x5345
	[[ $status -eq 0 && $(sets) -eq 0 ]]
	fails 4 '' remove "$s"
}

@test "remove: who waits is safe unless it is forced, and is told then" {
	local status=0
	make sem/sysv
	"$IPCTOOL" wait "$s" 2>/dev/null 3>&- 4>&- &
	local waiter=$!
	eventually waiting "$s" 0 1
	fails 6 'in use' remove "$s"
	fails 6 'in use' remove --force=unknown "$s"
	run_ipctool remove --dry-run --force=held "$s"
	[[ $status -eq 0 && $output$stderr == *'1 waiting'*'EIDRM'* && $(sets) -eq 1 ]]
	run_ipctool remove --force=held "$s"
	[[ $status -eq 0 && $output$stderr == *'1 waiting'*'EIDRM'* && $(sets) -eq 0 ]]
	wait "$waiter" || status=$?
	[[ $status -eq 4 ]]
}

# meanwhile COMMAND...: run between the look at $s and its removal; how that went is in $status and $stderr.
meanwhile() {
	local in answer=0
	mkfifo "$BATS_TEST_TMPDIR/answer"
	"$IPCTOOL" remove --interactive --force=unknown "$s" <"$BATS_TEST_TMPDIR/answer" \
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

# The kernel notes the last operation in seconds.
use_in_another_second() {
	local since
	since=$(fact "$s" 9)
	eventually used_after "$since"
}

used_after() {
	"$IPCTOOL" post "$s"
	(($(fact "$s" 9) > $1))
}

set_in_another_second() {
	local since
	since=$(fact "$s" 10)
	eventually set_after "$since"
}

set_after() {
	"$IPCTOOL" set "$s" value=1 >/dev/null
	(($(fact "$s" 10) > $1))
}

@test "remove: used, waited for, changed or gone since it was looked at" {
	make sem:0x5345 --mode 0600
	meanwhile true
	[[ $status -eq 0 && $(sets) -eq 0 ]]

	make sem:0x5345 --mode 0600
	meanwhile use_in_another_second
	[[ $status -eq 6 && $stderr == *'used since it was looked at'* && $(sets) -eq 1 ]]

	meanwhile set_in_another_second
	[[ $status -eq 4 && $stderr == *'changed since'* && $(sets) -eq 1 ]]

	take() {
		"$IPCTOOL" wait "$s" 3>&- 4>&- &
		waiter=$!
		eventually waiting "$s" 0 1
	}
	local waiter
	succeeds set "$s" value=0
	meanwhile take
	[[ $status -eq 6 && $stderr == *'1 waiting'* && $(sets) -eq 1 ]]
	succeeds post "$s"
	wait "$waiter"

	meanwhile ipcrm --semaphore-id "${s#sem:}"
	[[ $status -eq 4 && $stderr == *'gone already'* ]]
}

@test "remove: a handle of a set that was replaced" {
	make sem:0x5345
	local handle
	handle=$("$IPCTOOL" list --raw --noheadings -o handle "$s")
	ipcrm --semaphore-id "${s#sem:}"
	make sem:0x5345
	fails 4 '' remove --force=held "$handle"
	[[ $(sets) -eq 1 ]]
}

# ---- what makes no sense -------------------------------------------------------------------------------------

@test "send and receive are refused with what to do instead" {
	make sem/sysv
	fails 2 'carries no messages' send "$s" text
	fails 2 'carries no messages' receive "$s" --nowait
}
