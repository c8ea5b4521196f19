#!/usr/bin/env bats
# bounded.bats: what is known before anything is listed limits what is looked at, and changes nothing of what is shown.
# shellcheck disable=SC2154 # output, stderr and status are set by run

load helpers

setup() {
	((EUID == 0)) || need_ptrace
}

# One of each that somebody may have, and beside each one that nobody has, or another process.
world() {
	fixture pipe pipe data=abc
	fixture fifo fifo path=/tmp/f open=rw
	fixture gone fifo path=/tmp/gone open=rw unlinked=1
	fixture lonely fifo path=/tmp/lonely
	fixture seg shm-sysv attach=2
	fixture unattached shm-sysv
	fixture msg mq-sysv
	fixture sem sem-sysv
	fixture queue mq-posix name=q hold=1 messages=1
	fixture oldqueue mq-posix name=old hold=1 unlinked=1
	fixture quiet mq-posix name=quiet
	fixture shm shm-posix name=s map=1 fd=1
	fixture oldshm shm-posix name=t map=1 unlinked=1
	fixture unmapped shm-posix name=u
	fixture named sem-posix name=n hold=1
	fixture unheld sem-posix name=o
	fixture memfd memfd map=1
	fixture anon anon
	fixture file file path=/tmp/mapped fd=1
	fixture stream unix path=/tmp/stream listen=1 connect=1
	fixture abstract unix abstract=a listen=1
	fixture pair unix pair=1
	fixture stale unix path=/tmp/stale stale=1
	fixture tcp tcp connect=1
	fixture udp udp connect=1
	fixture netlink netlink
}

# Of a process: its part of what several have.
_of_pid='
def mine: if type == "array" then map(select(.pid == $pid)) else . end;
def alone: .holders |= mine | .waiters |= mine
	| if has("readers") then .readers |= mine | .writers |= mine else . end
	| if has("peers") and .peers != null then .peers |= map(.holders |= mine) else . end
	| .ref as $ref | if any($shared[]; . == $ref) then del(.flow, .packet, .evidence, .attached) else . end;
'
# Without what time alone changes; and without what the test itself has, and what is closing.
_timeless='
def timeless: del(.age, .unused, .resident, .swapped, .timer_expires);
def sorted: map(timeless) | sort_by(.ref, .kind);
def strange: any(.holders[]?; .comm == "bash" or .comm == "sandbox" or .comm == "jq") or .status == ["TIME-WAIT"];
def fixtures: map(select(strange | not));
'

# of_pid PID SHARED: the objects of a document, one per line, as the process has them; SHARED: references of what others have, too.
of_pid() {
	jq -c --argjson pid "$1" --argjson shared "$2" "$_of_pid$_timeless"'.objects | map(select(any(.holders[]?; .pid == $pid)) | alone) | sorted[]'
}

# What $1 and others have.
shared_with() {
	jq -c --argjson pid "$1" '[.objects[] | select([.holders[]?.pid] | any(. == $pid) and any(. != $pid)) | .ref]'
}

@test "--holder PID shows what a filter on all objects shows, whatever the kind" {
	world
	local everything name pid expected shared shown=0
	run_ipctool list --all --json
	((status == 0))
	everything=$output
	for name in pipe fifo gone seg queue oldqueue shm oldshm named memfd anon file stream abstract pair tcp udp netlink; do
		pid=$(fx $name .pid)
		shared=$(shared_with "$pid" <<<"$everything")
		expected=$(of_pid "$pid" "$shared" <<<"$everything")
		[[ -n $expected ]] || { echo "$name: nothing is held by $pid"; false; }
		run_ipctool list --all --json --holder "$pid"
		((status == 0))
		diff <(of_pid "$pid" "$shared" <<<"$output") <(printf '%s\n' "$expected") || { echo "$name: pid $pid"; false; }
		[[ $(json "$output" '.objects | length') -eq $(wc -l <<<"$expected") ]]
		((shown += 1))
	done
	((shown == 18))
}

@test "--holder PID: the default view and single classes leave out the same" {
	world
	local pid cls everything shared
	for pid in "$(fx oldshm .pid)" "$(fx oldqueue .pid)" "$(fx named .pid)" "$(fx queue .pid)" "$(fx stream .pid)"; do
		for cls in '' fifo mq shm sem sock shm/posix sem/posix mq/posix; do
			# shellcheck disable=SC2086 # no class is no operand
			run_ipctool list $cls --json
			everything=$output
			shared=$(shared_with "$pid" <<<"$everything")
			# shellcheck disable=SC2086
			run_ipctool list $cls --json --holder "$pid"
			diff <(of_pid "$pid" "$shared" <<<"$output") <(of_pid "$pid" "$shared" <<<"$everything") ||
				{ echo "$cls, $pid"; false; }
		done
	done
}

@test "--holder COMM shows what a filter on all objects shows" {
	world
	fixture other fifo path=/tmp/other open=rw comm=else
	fixture third shm-posix name=third map=1 comm=else
	run_ipctool list --all --json
	expected=$(jq -c "$_timeless"'.objects | fixtures | map(select(any(.holders[]?; .comm == "else"))) | sorted[]' <<<"$output")
	[[ $expected == *'"ref":"fifo:/tmp/other"'*'"ref":"shm:/third"'* ]]
	run_ipctool list --all --json --holder else
	diff <(jq -c "$_timeless"'.objects | fixtures | sorted[]' <<<"$output") <(printf '%s\n' "$expected")
}

@test "--holder: a file with two names, and one whose name no holder knows, are found in the directory" {
	fixture shm shm-posix name=a map=1 fd=1
	local all
	ln /dev/shm/a /dev/shm/0
	run_ipctool list -q shm/posix
	all=$output
	run_ipctool list -q shm/posix --holder "$(fx shm .pid)"
	[[ $status -eq 0 && -n $output && $output == "$all" ]]
	mv /dev/shm/a /dev/shm/c
	rm /dev/shm/0
	run_ipctool list -q shm/posix --holder "$(fx shm .pid)"
	[[ $status -eq 0 && $output == shm:/c ]]
}

@test "--holder: a FIFO that was renamed, or has several names, has the name that the directories give it" {
	mkdir /tmp/d
	fixture fifo fifo path=/tmp/d/old open=rw
	local all pid
	pid=$(fx fifo .pid)
	mv /tmp/d/old /tmp/d/new
	run_ipctool list -q fifo
	[[ $status -eq 0 && $output == fifo:/tmp/d/new ]]
	run_ipctool list -q fifo --holder "$pid"
	[[ $status -eq 0 && $output == fifo:/tmp/d/new ]]
	for name in a z old; do
		ln /tmp/d/new /tmp/d/$name
		run_ipctool list -q fifo
		all=$output
		run_ipctool list -q fifo --holder "$pid"
		[[ $status -eq 0 && -n $output && $output == "$all" ]]
	done
	# The name by which it was opened goes, the last one stays.
	rm /tmp/d/new /tmp/d/a /tmp/d/old
	run_ipctool list -q fifo
	[[ $status -eq 0 && $output == fifo:/tmp/d/z ]]
	run_ipctool list -q fifo --holder "$pid"
	[[ $status -eq 0 && $output == fifo:/tmp/d/z ]]
	rm /tmp/d/z
	run_ipctool list -q fifo --holder "$pid"
	[[ $status -eq 0 && $output == fifo:@* ]]
}

@test "a number that no socket has keeps from no other" {
	fixture pair unix pair=1
	run_ipctool list -q sock:0 "sock:$(fx pair .inode)" sock:4294967296
	[[ $status -eq 4 && $output == "sock:$(fx pair .inode)" ]]
	[[ $stderr == *sock:0* && $stderr == *sock:4294967296* && $stderr != *"sock:$(fx pair .inode)"* ]]
}

@test "a reference shows what a list shows: by each source, one by one and all at once" {
	world
	local source everything refs ref
	for source in proc bpf; do
		((EUID == 0)) || [[ $source == proc ]] || continue
		run_ipctool list --all --json --holders-from $source
		[[ $status -eq 0 || $source == bpf ]]
		((status == 0)) || continue
		everything=$(jq -c "$_timeless"'.objects | fixtures | sorted[]' <<<"$output")
		mapfile -t refs < <(jq -r .ref <<<"$everything")
		((${#refs[@]} > 25))
		for ref in "${refs[@]}"; do
			diff <("$IPCTOOL" list --json --holders-from $source -- "$ref" | jq -c "$_timeless"'.objects | sorted[]') \
				<(jq -c --arg ref "$ref" 'select(.ref == $ref)' <<<"$everything") || { echo "$ref by $source"; false; }
		done
		diff <("$IPCTOOL" list --json --holders-from $source -- "${refs[@]}" |
			jq -c "$_timeless"'.objects | sorted[]') <(printf '%s\n' "$everything")
	done
}

@test "other spellings of a reference show the same" {
	world
	local -A spellings=(
		[fifo:/tmp/f]="/tmp/f fifo:@$(fx fifo .dev):$(fx fifo .inode)"
		[shm:$(fx seg .id)]="shm:$(fx seg .key)"
		[shm:/s]="shm:@$(fx shm .dev):$(fx shm .inode)"
		[sem:/n]="sem:@$(fx named .dev):$(fx named .inode)"
		[sock:$(fx stream .inode)]="sock:/tmp/stream /tmp/stream"
		[sock:$(fx abstract .inode)]=sock:@a
	)
	local ref spelling expected
	for ref in "${!spellings[@]}"; do
		expected=$("$IPCTOOL" list --json -- "$ref" | jq -c "$_timeless"'.objects | sorted[]')
		[[ -n $expected ]]
		for spelling in ${spellings[$ref]}; do
			[[ $spelling != shm:0x00000000 && $spelling != shm:0x0 ]] || continue
			diff <("$IPCTOOL" list --json -- "$spelling" | jq -c "$_timeless"'.objects | sorted[]') \
				<(printf '%s\n' "$expected") || { echo "$spelling"; false; }
		done
	done
}

# reads ARGUMENT...: which files and directories below /proc the command opened, each once; and those it listed elsewhere.
reads() {
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -y -e trace=openat,getdents64 -o "$BATS_TEST_TMPDIR/trace" "$IPCTOOL" "$@" >/dev/null
	sed -nE 's:.*openat\([^,]*, "(/proc/)?([0-9]+)/(fd|maps|task|syscall|map_files)[^"]*".*:\2/\3:p
		s:.*getdents64\([0-9]+<([^>]*)>.*:lists \1:p' "$BATS_TEST_TMPDIR/trace" | sort -u
}

@test "--holder PID opens the files of that process alone, and lists no directory of others" {
	command -v strace >/dev/null || skip "needs strace"
	world
	local pid got
	pid=$(fx stream .pid)
	got=$(reads list --holder "$pid")
	[[ $got == *"$pid/fd"* ]] || { echo "$got"; false; }
	run ! grep -vE "^($pid/|lists /proc/$pid/|lists /proc/sys)" <<<"$got"
}

@test "signal:PID reads nobody else; POSIX objects by name read no directory; a System V id reads no list" {
	command -v strace >/dev/null || skip "needs strace"
	world
	local got
	got=$(reads show "signal:$(fx pipe .pid)")
	run ! grep -vE "^(lists /proc/)?$(fx pipe .pid)/" <<<"$got"
	reads list -o ref,size shm:/s sem:/n mq:/q >"$BATS_TEST_TMPDIR/got"
	run ! grep -E 'lists .*(shm|mqueue|/$)' "$BATS_TEST_TMPDIR/got"
	reads list -o ref "mq:$(fx msg .id)" "sem:$(fx sem .id)" "shm:$(fx seg .id)" >/dev/null
	run ! grep sysvipc "$BATS_TEST_TMPDIR/trace"
}
