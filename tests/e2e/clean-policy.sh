#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What rules do with objects that only an initial pid namespace can prove unused: a process id in a name, what is idle, and the
# shipped rules as they are.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
command -v jq >/dev/null || skip "jq is not installed"
enter_private

work=$(mktemp -d /tmp/policy.XXXXXX) || exit 1
rules=$work/rules
mkdir "$rules"
pids=()
finish() {
	((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
	wait
	rm -rf "$work"
}
trap finish EXIT

[[ $("$IPCTOOL" --version) == *+inih* ]] || skip "this build reads no policy files"

failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}

# A number that was a process a moment ago, and one that is.
dead=$(sh -c 'echo $$')
sleep 600 &
pids+=($!)
live=$!

segment() {
	local name
	for name; do
		echo content >"/dev/shm/$name"
	done
}

# held NAME: somebody has it mapped.
held() {
	mkfifo "$work/in"
	"$MKIPC" shm-posix name="$1" map=1 <>"$work/in" >"$work/held" &
	pids+=($!)
	until [[ -s $work/held ]]; do
		kill -0 $! || exit 1
		sleep 0.01
	done
	rm "$work/in"
}

# policy LINE...
policy() {
	printf '%s\n' "$@" >"$rules/1.conf"
}

# clean [ARGUMENT]...: with --apply; its JSON is in $work/last.
clean() {
	local status=0
	"$IPCTOOL" clean --apply --no-syslog --lock "$work/lock" --policy-dir "$rules" --json "$@" >"$work/last" 2>"$work/error" ||
		status=$?
	((status == 0 || status == 3)) || wrong "clean $*: status $status: $(<"$work/error")"
}

# became RESULT RULE WHY REFERENCE: WHY is a regular expression.
became() {
	jq -e --arg ref "$4" --arg result "$1" --arg rule "$2" --arg why "$3" \
		'any(.objects[]; .ref == $ref and .result == $result and (.rule // "") == $rule and (.why | test($why)))' \
		"$work/last" >/dev/null ||
		wrong "$4 is not $1 by '$2' with '$3': $(jq -c --arg ref "$4" '.objects[] | select(.ref == $ref) | [.result, .rule, .why, .evidence]' "$work/last")"
	if [[ $1 == removed ]]; then
		"$IPCTOOL" show -q -- "$4" >/dev/null 2>&1 && wrong "$4 is still there"
	else
		"$IPCTOOL" show -q -- "$4" >/dev/null || wrong "$4 is gone"
	fi
}

segment first
[[ $("$IPCTOOL" show -r -o state -- shm:/first) == idle ]] || skip "root is not shown enough here to prove anything"

# ---- a process id in the name -------------------------------------------------------------------------------------------

names=("t_${dead}_1" "t_${live}_1" "t_0${dead}_1" "t_x_1" "t_${dead}")
segment "${names[@]}" t_4194305_1
held "t_${dead}_held"
policy '[torch]' 'action = remove' 'class = shm' 'name = /t_<pid>_*' 'age = 0'
clean
became removed torch "^orphan: .*$dead.* is dead" "shm:/t_${dead}_1"
became kept torch "alive.*$live" "shm:/t_${live}_1"
became kept '' 'held by' "shm:/t_${dead}_held"
for name in "t_0${dead}_1" t_x_1 "t_$dead" t_4194305_1 first; do
	became kept '' 'somebody may come back' "shm:/$name"
done

# Its age counts as well, and the process that holds it back may end.
segment "t_${dead}_2"
policy '[torch]' 'action = remove' 'class = shm' 'name = /t_<pid>_*'
clean
became kept torch 'used .* ago, and kept until that was 1h ago' "shm:/t_${dead}_2"
became kept torch 'alive' "shm:/t_${live}_1"
kill "$live"
wait "$live" 2>/dev/null
clean --min-age 0
became removed torch "^orphan: .*$dead.* is dead" "shm:/t_${dead}_2"
became removed torch "^orphan: .*$live.* is dead" "shm:/t_${live}_1"

# What protects and reports takes any number for one; a rule that comes first decides.
segment "t_${dead}_3"
policy '[spare]' 'action = protect' 'name = /t_<pid>_3' '[torch]' 'action = remove' 'name = /t_<pid>_*' 'age = 0'
clean
became kept spare 'rule spare of' "shm:/t_${dead}_3"
# One pattern without a number is enough: then its state alone counts.
policy '[both]' 'action = remove' 'name = /t_<pid>_3 /t_*' 'age = 0'
clean
became kept '' 'somebody may come back' "shm:/t_${dead}_3"
# Semaphores, FIFOs
segment "sem.loky-${dead}-x"
mkfifo "/tmp/pipe-$dead-in" "/tmp/pipe-$$-in"
policy '[loky]' 'action = remove' 'kind = sem/posix' 'name = /loky-<pid>-*' 'age = 0' '[pipes]' 'action = remove' \
	'class = fifo' 'name = /tmp/pipe-<pid>-*' 'age = 0'
clean --scan /tmp
became removed pipes "^orphan: .*$dead.* is dead" "fifo:/tmp/pipe-$dead-in"
became kept pipes "alive" "fifo:/tmp/pipe-$$-in"
# Six bytes are no semaphore, so nothing is said of it; a real one is.
[[ -e /dev/shm/sem.loky-$dead-x ]] || wrong "what is no semaphore was removed"
rm "/dev/shm/sem.loky-$dead-x" "/tmp/pipe-$$-in"
"$IPCTOOL" create "sem:/loky-$dead-y" >/dev/null || exit 1
clean
became removed loky "^orphan: .*$dead.* is dead" "sem:/loky-$dead-y"

# ---- what is idle -----------------------------------------------------------------------------------------------------------

rm -f /dev/shm/t_*
segment mine yours
chown 54321 /dev/shm/yours
policy '[mine]' 'action = remove' 'name = /m*' 'state = idle' 'age = 0'
clean
became removed mine '^idle: ' shm:/mine
became kept '' 'somebody may come back' shm:/first
became kept '' 'used .* ago' shm:/yours
policy '[keep]' 'action = protect' 'owner = 54321' '[all]' 'action = remove' 'name = /first' 'state = idle orphan' 'age = 0'
clean --min-age 0 --include idle --match '/*'
became removed all '^idle: ' shm:/first
became kept keep 'rule keep of' shm:/yours
rm /dev/shm/yours

# ---- the shipped rules -----------------------------------------------------------------------------------------------------

cp "$SOURCE_DIR"/packaging/clean.d/50-known.conf "$rules/1.conf"
sleep 600 &
pids+=($!)
live=$!
gone=("torch_${dead}_37_0" "sgl_shm_mm_${dead}_ab12" "multi_tokenizer_args_$dead" "__KMP_REGISTERED_LIB_${dead}_0" "org.mozilla.ipc.$dead.4")
stay=("torch_${live}_37_0" "sgl_shm_mm_${live}_ab12" "multi_tokenizer_args_$live" "__KMP_REGISTERED_LIB_${live}_0" "org.mozilla.ipc.$live.4")
plain=(psm_5a1c09e2 nccl-Xy12Zq cuda.shm.3e8.4d2.1 vader_segment.node.1000.1.0 psm2_shm.2955100000 fastrtps_port7413)
spared=(PostgreSQL.1804289383 ora_ORCL_98304_0 libpod_lock libpod_rootless_lock_1000 lttng-ust-wait-8)
segment "${gone[@]}" "${stay[@]}" "${plain[@]}" "${spared[@]}"
chown 54321 "${spared[@]/#//dev/shm/}"
"$IPCTOOL" create "sem:/loky-$dead-ab" >/dev/null && "$IPCTOOL" create "sem:/loky-$live-ab" >/dev/null &&
	"$IPCTOOL" create sem:/mp-ab >/dev/null || exit 1
mkfifo "/tmp/clr-debug-pipe-$dead-77-in" "/tmp/clr-debug-pipe-$live-77-in" /tmp/nagios.cmd
clean --scan /tmp
for name in "${gone[@]}"; do
	became kept "$(jq -r --arg ref "shm:/$name" '.objects[] | select(.ref == $ref).rule' "$work/last")" '1h ago' "shm:/$name"
done
clean --scan /tmp --min-age 0
for name in "${gone[@]/#/shm:/}" "sem:/loky-$dead-ab" "fifo:/tmp/clr-debug-pipe-$dead-77-in"; do
	became removed "$(jq -r --arg ref "$name" '.objects[] | select(.ref == $ref).rule' "$work/last")" "^orphan: .*$dead" "$name"
done
for name in "${stay[@]/#/shm:/}" "sem:/loky-$live-ab" "fifo:/tmp/clr-debug-pipe-$live-77-in"; do
	became kept "$(jq -r --arg ref "$name" '.objects[] | select(.ref == $ref).rule' "$work/last")" "alive" "$name"
done
for name in "${plain[@]/#/shm:/}" sem:/mp-ab; do
	became kept '' 'somebody may come back' "$name"
done
# Their owner has no process: without the rules they would go.
for name in "${spared[@]/#/shm:/}" fifo:/tmp/nagios.cmd; do
	became kept "$(jq -r --arg ref "$name" '.objects[] | select(.ref == $ref and .verdict == "protect").rule' "$work/last")" \
		'^rule [a-z-]* of ' "$name"
done

((failed == 0)) || exit 1
