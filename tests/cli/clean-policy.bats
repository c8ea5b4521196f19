#!/usr/bin/env bats
# clean-policy.bats: what policy files say is what `clean` does: each key, which rule decides, what is protected from what, every
# error with its place, and whose files are believed. Where a state needs an initial pid namespace, see tests/e2e/clean-policy.sh.
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are set by run

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	mkdir rules
	made=()
}

teardown() {
	local ref
	release_all
	for ref in "${made[@]}"; do
		"$IPCTOOL" remove --quiet --force=held --missing-ok "$ref" 2>/dev/null
	done
	mountpoint -q /etc/passwd && umount /etc/passwd
	rm -f /dev/shm/*
	return 0
}

need_inih() {
	[[ $("$IPCTOOL" --version) == *+inih* ]] || skip "this build reads no policy files"
}

# segment [ARGUMENT]...: garbage, whose creator has ended; its reference is $ref.
segment() {
	ref=$("$IPCTOOL" create --size 8192 --mode 600 "$@" shm/sysv)
	made+=("$ref")
}

# policy FILE LINE...: writes rules/FILE.
policy() {
	printf '%s\n' "${@:2}" >"rules/$1"
}

clean() {
	run_ipctool clean --policy-dir rules "$@"
}

apply() {
	clean --apply --no-syslog --lock lock "$@"
}

# decides VERDICT RULE REFERENCE [ARGUMENT]...: in a dry run; RULE may be empty.
decides() {
	clean --jsonl "${@:4}" -- "$3"
	[[ $status -eq 0 && -z $stderr ]] || { echo "status $status: $stderr: $output"; return 1; }
	jq -e --arg verdict "$1" --arg rule "$2" '.verdict == $verdict and (.rule // "") == $rule' \
		<<<"${lines[0]}" >/dev/null || { echo "$output"; return 1; }
}

# ends CODE OUTPUT ERROR: both are patterns.
ends() {
	# shellcheck disable=SC2053 # patterns
	[[ $status -eq $1 && $output == $2 && $stderr == ${3-} ]] ||
		{ printf '%s\n' "status $status, expected $1" "$output" "$stderr"; return 1; }
}

exists() {
	"$IPCTOOL" show -q -- "$@" >/dev/null || { echo "gone: $*"; return 1; }
}

# wrong FILE TEXT: `--check-policy` says exactly this of it.
wrong() {
	clean --check-policy --policy "$1"
	ends 2 '' "ipctool clean: $2"
}

# ---- the keys --------------------------------------------------------------------------------------------------

@test "each key: what it names is chosen, and nothing else" {
	need_inih
	local owner mine other
	owner=$(id -un)
	segment --key 0x5432
	mine=$ref
	segment
	other=$ref
	local condition
	for condition in 'class = shm' 'kind = sysv' 'kind = posix shm/sysv' 'key = 0x5432' 'key = 0x5400-0x54ff' \
		"owner = $owner" "owner = $(id -u)" "owner = x ${owner:0:2}*" 'size = 8192' 'size = >= 4K < 9K' \
		'age = < 1d' 'state = orphan' 'state = idle orphan'; do
		policy 1.conf '[chosen]' 'action = protect' "$condition"
		decides protect chosen "$mine" || { echo "$condition"; false; }
	done
	for condition in 'class = sem mq' 'kind = posix' 'key = 0x5433 0x1-0x5431' 'key = private' 'owner = nonesuch 54321 *x*y*z' \
		'size = 8193' 'size = < 8192' 'age = 1d' 'state = held unknown idle suspect' 'name = *'; do
		policy 1.conf '[chosen]' 'action = protect' "$condition"
		decides remove '' "$mine" --min-age 0 || { echo "$condition"; false; }
	done
	policy 1.conf '[private]' 'action = protect' 'key = private'
	decides protect private "$other"
	# All keys that are given, and of each any value.
	policy 1.conf '[chosen]' 'action = protect' 'key = 0x1' '	0x5432' 'size = 1M'
	decides remove '' "$mine" --min-age 0
	policy 1.conf '[chosen]' 'action = protect' 'key = 0x1' '	0x5432' 'key = 0x2' 'size = 1K'
	decides protect chosen "$mine"
}

@test "names: globs on the name as printed" {
	need_inih
	local name=$'/a b\n\\[c]'
	: >"/dev/shm$name"
	: >/dev/shm/other
	local glob
	for glob in '/a*' '*' '/a?b\x0a\x5c[[]c]' '/x* */a?b*' '/[a-c]*c]'; do
		policy 1.conf '[named]' 'action = protect' "name = $glob"
		decides protect named 'shm:/a b\x0a\x5c[c]' || { echo "$glob"; false; }
	done
	policy 1.conf '[named]' 'action = protect' 'name = /other*'
	decides keep '' 'shm:/a b\x0a\x5c[c]'
	decides protect named shm:/other
	policy 1.conf '[named]' 'action = protect' 'name = /o*' 'class = sem'
	decides keep '' shm:/other
	# A semaphore is called as sem_open() calls it.
	fixture s sem-posix name=/sem-1
	policy 1.conf '[named]' 'action = protect' 'name = /sem-1'
	decides protect named sem:/sem-1
}

@test "<pid>: a number for what protects and reports; unknown here for what removes" {
	need_inih
	: >/dev/shm/torch_99_1_0
	: >/dev/shm/torch_x_1_0
	policy 1.conf '[torch]' 'action = protect' 'name = /torch_<pid>_*_*'
	decides protect torch shm:/torch_99_1_0
	decides keep '' shm:/torch_x_1_0
	policy 1.conf '[torch]' 'action = remove' 'name = /torch_<pid>_*' 'age = 0'
	decides keep '' shm:/torch_x_1_0
	clean --jsonl shm:/torch_99_1_0
	holds "${lines[0]}" '' '.verdict == "keep"'
	apply --min-age 0
	exists shm:/torch_99_1_0
}

# ---- actions -----------------------------------------------------------------------------------------------------

@test "the first rule that matches decides: in a file, and over files" {
	need_inih
	segment
	policy 50.conf '[first]' 'action = report' 'class = shm' '[second]' 'action = protect'
	decides report first "$ref"
	policy 60.conf '[third]' 'action = protect'
	decides report first "$ref"
	policy 40.conf '[before]' 'action = remove' 'age = 0'
	decides remove before "$ref"
	policy 5.conf.bak '[not]' 'action = protect'
	policy .1.conf '[not]' 'action = protect'
	decides remove before "$ref"
	# Bytes, not numbers or a language: "9" comes after "40", and "B" before "a".
	policy 9.conf '[nine]' 'action = protect'
	decides remove before "$ref"
	printf '[x]\naction = report\n' >x
	printf '[y]\naction = protect\n' >y
	decides report x "$ref" --policy x
	decides protect y "$ref" --policy y --policy x
	decides report x "$ref" --policy x --policy y
	# No condition fits: the state alone.
	rm rules/*
	policy 1.conf '[none]' 'action = protect' 'class = mq'
	decides remove '' "$ref" --min-age 0
}

@test "protect wins over --apply, --include and --min-age 0" {
	need_inih
	local set
	segment
	set=sem:$(ipcmk -S 1 | grep -o '[0-9]*$')
	made+=("$set")
	policy 1.conf '[mine]' 'action = protect' "owner = $(id -u)"
	apply --min-age 0 --include idle,suspect --owner "$(id -u)"
	ends 0 'removed 0 *protected 2*'
	exists "$ref" "$set"
	apply --min-age 0 --include idle,suspect "$ref" "$set"
	ends 0 'removed 0 *'
	exists "$ref" "$set"
	rm rules/1.conf
	apply --min-age 0 --include idle "$ref" "$set"
	ends 0 '*removed 2 *'
}

@test "report: it is told of, also when all else is quiet, and stays" {
	need_inih
	segment
	policy 1.conf '[big]' 'action = report' 'size = 4K'
	apply --min-age 0
	ends 0 "reported $ref: rule big of rules/1.conf*"
	apply --min-age 0 --quiet
	ends 0 "reported $ref: rule big of rules/1.conf"
	exists "$ref"
}

@test "remove: an orphan alone, unless the rule says more" {
	need_inih
	local set
	segment
	set=sem:$(ipcmk -S 1 | grep -o '[0-9]*$')
	made+=("$set")
	policy 1.conf '[go]' 'action = remove' "owner = $(id -u)" 'age = 0'
	decides remove go "$ref"
	decides keep '' "$set"
	policy 1.conf '[go]' 'action = remove' "owner = $(id -u)" 'age = 0' 'state = idle'
	decides remove '' "$ref" --min-age 0
	decides remove go "$set"
	apply
	ends 0 '*removed 1 *'
	exists "$ref"
	fails 4 '' show -q "$set"
}

@test "remove: what is suspect goes by a rule, without --include" {
	need_inih
	fixture s sem-sysv values=1 dead_user=1
	local set
	set=sem:$(fx s .id)
	decides keep '' "$set" --min-age 0
	policy 1.conf '[go]' 'action = remove' "owner = $(id -un)" 'age = 0' 'state = suspect'
	decides remove go "$set"
	apply "$set"
	ends 0 "removed $set: suspect: *"
	fails 4 '' show -q "$set"
}

@test "remove: age keeps what is younger, with the reason, and --min-age can only add to it" {
	need_inih
	segment
	policy 1.conf '[old]' 'action = remove' 'age = 2d'
	clean --jsonl
	holds "${lines[0]}" '' '.verdict == "keep" and .rule == "old"' '.why | test("^used .* ago, and kept until that was 2d ago$")'
	decides keep old "$ref" --min-age 0
	policy 1.conf '[old]' 'action = remove' 'age = 0'
	decides remove old "$ref"
	decides keep old "$ref" --min-age 1h
	policy 1.conf '[old]' 'action = remove'
	decides keep old "$ref"
	decides remove old "$ref" --min-age 0
}

@test "rules and the command's own choice: what is not looked at is no rule's concern" {
	need_inih
	segment
	policy 1.conf '[go]' 'action = remove' 'age = 0'
	apply mq sem
	ends 0 'removed 0 *'
	apply --owner 54321
	ends 0 'removed 0 *'
	exists "$ref"
	apply
	ends 0 '*removed 1 *'
}

# ---- how files are written -----------------------------------------------------------------------------------------

@test "line ends, a mark at the beginning, comments, indented values" {
	need_inih
	segment --key 0x77
	printf '\xef\xbb\xbf# c\r\n\r\n[rule of mine]\r\naction: protect\r\n\tkey = 0x1\r\n' >file
	wrong file 'file:5:2: a key begins in the first column: this line would continue the one before'
	printf '\xef\xbb\xbf# c\r\n\r\n[rule of mine]\r\naction: protect\r\nkey=\t0x1\r\n\r\n ; c\r\n  0x2   0x3\r\n\t0x77' >file
	decides protect 'rule of mine' "$ref" --policy file
}

@test "--check-policy: every error at once, of all files, with file, line and column; else how much is there" {
	need_inih
	segment
	policy 10.conf 'name = /x' '[a]' 'action = remov' 'nmae = /y' '[b]' 'state = idle held  idel' 'action = remove' '[b]'
	policy 20.conf '[ok]' 'action = protect'
	policy 30.conf '[c]' 'action = protect' 'owner = root ; me' 'key = 5' '  0x9-0x1'
	printf '[d' >e
	clean --check-policy --policy e
	ends 2 '' 'ipctool clean: e:1:1: a rule without an action: remove, report or protect
ipctool clean: e:1:3: the name of a rule ends with '"']'"'
ipctool clean: rules/10.conf:1:1: a key before the first '"'?rule]'"'
ipctool clean: rules/10.conf:3:10: '"'remov'"' is no action: there are remove, report and protect (did you mean '"'remove'"'[?])
ipctool clean: rules/10.conf:4:1: '"'nmae'"' is no key of a rule (did you mean '"'name'"'[?])
ipctool clean: rules/10.conf:6:20: '"'idel'"' is no state: there are held, unknown, orphan, suspect and idle (did you mean '"'idle'"'[?])
ipctool clean: rules/10.conf:7:10: what is held, or unknown, is never removed
ipctool clean: rules/10.conf:8:1: a rule without an action: remove, report or protect
ipctool clean: rules/10.conf:8:2: there is a rule '"'b'"' in line 5 already
ipctool clean: rules/30.conf:3:14: a comment has a line of its own; a value that begins like one is put in brackets: [[];] or [[]#]
ipctool clean: rules/30.conf:4:7: '"'5'"' is no key: 0x5432, 0x5400-0x54ff or private
ipctool clean: rules/30.conf:5:3: a range that ends before it begins'
	# The same without the option, and nothing goes.
	apply --min-age 0
	[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 10 ]]
	exists "$ref"
	rm rules/10.conf rules/30.conf
	clean --check-policy
	ends 0 '1 rule in 1 file'
	policy 30.conf '[c]' 'action = protect' '[d]' 'action = report'
	: >empty
	clean --check-policy --policy empty
	ends 0 '3 rules in 3 files'
	exists "$ref"
}

@test "--check-policy: what is printed of a hostile file is escaped, and in its line" {
	need_inih
	printf '[a]\naction = protect\nclass = \033[31m\n' >file
	wrong file 'file:3:9: a control character'
	printf '[a]\naction = \xff\x9b31m\n' >file
	wrong file 'file:2:10: *\\xff\\x9b31m*is no action: there are remove, report and protect'
	printf '[a\xc3\xa4\xff]\naction = protect\n' >file
	segment
	clean --policy file --raw -n -o rule,why
	ends 0 '*a\\xc3\\xa4\\xff*rule a\\xc3\\xa4\\xff of file*'
	printf 'x\0y\n' >$'rules/n\n.conf'
	clean --check-policy
	ends 2 '' 'ipctool clean: rules/n\\x0a.conf:1:2: a NUL byte'
	rm rules/*
	head -c 2000000 /dev/zero >file
	wrong file 'file: larger than 1 MiB, so hardly a policy file'
	head -c 1000000 /dev/urandom >file
	clean --check-policy --policy file
	[[ $status -eq 2 && -z $output ]]
	run ! grep -q '[^ -~]' <<<"$stderr"
	{ printf '[a]\naction = protect\nname = /'; printf 'x%.0s' {1..300}; echo; } >file
	wrong file 'file:3:198: a line has at most 197 bytes; further values go into indented lines below'
}

# ---- whose files are believed ----------------------------------------------------------------------------------------

@test "files that others may write to are refused, and nothing is removed" {
	need_inih
	segment
	policy 1.conf '[a]' 'action = protect' 'class = mq'
	local mode
	for mode in 664 646 666 2; do
		chmod "$mode" rules/1.conf
		apply --min-age 0
		ends 5 '' "ipctool clean: rules: 1.conf: its mode 0$(printf %03d "$mode") lets others change the rules; chmod go-w it"
	done
	chmod 644 rules/1.conf
	for mode in 775 1777; do
		chmod "$mode" rules
		apply --min-age 0
		ends 5 '' "ipctool clean: rules: its mode $(printf %04d "$mode") lets others change the rules; chmod go-w it"
	done
	chmod 755 rules
	cp rules/1.conf f
	chmod 620 f
	apply --min-age 0 --policy f
	ends 5 '' 'ipctool clean: f: its mode 0620 lets others change the rules; chmod go-w it'
	exists "$ref"
	# Beside one with a fault: both are told.
	echo nonsense >g
	apply --min-age 0 --policy f --policy g
	ends 3 '' '*f: its mode 0620 lets others *g:1:*'
	exists "$ref"
	chmod 600 f
	clean --min-age 0 --policy f
	ends 0 '*would remove 1 *'
}

@test "files of others are refused, but for root's" {
	need_root
	need_inih
	policy 1.conf '[a]' 'action = protect'
	segment
	chown nobody rules/1.conf
	apply --min-age 0
	ends 5 '' "ipctool clean: rules: 1.conf: it belongs to user $(id -u nobody), who could change the rules; chown it to root, or to yourself"
	chown 0 rules/1.conf
	chown nobody rules
	apply --min-age 0
	ends 5 '' "ipctool clean: rules: it belongs to user $(id -u nobody), *"
	exists "$ref"
	chmod 755 .
	as_user nobody clean --check-policy
	ends 0 '1 rule in 1 file'
	chmod 600 rules/1.conf
	as_user nobody clean --check-policy
	ends 5 '' 'ipctool clean: rules: 1.conf: Permission denied'
}

@test "what cannot be read fails: nothing is removed for want of a rule" {
	need_inih
	segment
	mkfifo rules/1.conf
	apply --min-age 0
	ends 2 '' 'ipctool clean: rules/1.conf: not a regular file'
	rm rules/1.conf
	mkdir rules/1.conf
	apply --min-age 0
	ends 2 '' 'ipctool clean: rules/1.conf: not a regular file'
	rmdir rules/1.conf
	ln -s nothing rules/1.conf
	apply --min-age 0
	ends 2 '' 'ipctool clean: rules: 1.conf: No such file or directory'
	rm rules/1.conf
	ln -s /dev/zero rules/1.conf
	apply --min-age 0
	ends 2 '' 'ipctool clean: rules/1.conf: not a regular file'
	rm rules/1.conf
	apply --min-age 0 --policy none
	ends 2 '' 'ipctool clean: none: No such file or directory'
	if ((EUID)); then
		policy 1.conf '[a]' 'action = protect'
		chmod 0 rules/1.conf
		apply --min-age 0
		ends 5 '' 'ipctool clean: rules: 1.conf: Permission denied'
		chmod 0 rules
		apply --min-age 0
		ends 5 '' 'ipctool clean: rules: Permission denied'
		chmod 755 rules
		rm -f rules/1.conf
	fi
	exists "$ref"
	# A link is followed: what counts is the file.
	printf '[a]\naction = protect\n' >real
	ln -s ../real rules/1.conf
	decides protect a "$ref"
}

@test "a FIFO among the files is not opened: whoever waits to write goes on waiting" {
	need_inih
	mkfifo rules/1.conf
	# shellcheck disable=SC2016 # the inner shell expands
	sh -c 'echo x >rules/1.conf; echo woken >woken' 3>&- &
	local writer=$!
	eventually grep -q '^State:.S' "/proc/$writer/status"
	clean --check-policy
	[[ $status -eq 2 ]]
	kill "$writer"
	wait "$writer" || true
	[[ ! -e woken ]]
}

@test "a build without inih: rules that cannot be read keep everything" {
	[[ $("$IPCTOOL" --version) == *-inih* ]] || skip "this build reads policy files"
	segment
	: >f
	clean --policy f
	ends 2 '' 'ipctool clean: f: this build reads no policy files: it was made without inih'
	: >rules/README
	clean --min-age 0
	ends 0 '*would remove 1 *'
	: >rules/1.conf
	apply --min-age 0
	ends 1 '' 'ipctool clean: rules: there are policy files in it, and this build, made without inih, cannot tell what they protect'
	exists "$ref"
}

# ---- what is shipped ---------------------------------------------------------------------------------------------------

@test "the shipped file is without errors, and is no longer than a line may be" {
	need_inih
	cp "$IPCTOOL_SOURCE"/packaging/clean.d/*.conf rules
	clean --check-policy
	ends 0 '[1-9]* rules in 1 file'
	# What it has in comments for others to use is right as well.
	sed -n '/^# \[/,/^#\{0,1\}$/s/^# \{0,1\}//p' rules/50-known.conf >examples
	[[ $(grep -c '^\[' examples) -ge 4 ]]
	clean --check-policy --policy examples
	ends 0 '[1-9]* rules in 2 files'
}

@test "the examples of the manual can be pasted" {
	need_inih
	local page=$IPCTOOL_SOURCE/man/ipctool-clean.conf.5.scd count=0 example
	# Literal blocks with a section in them, one file each.
	awk '/^```/ { inside = !inside; if (inside) block = ""; else if (block ~ /(^|\n)\[/) printf "%s", block > ("example." ++n); next }
		inside { block = block $0 "\n" }' "$page"
	for example in example.*; do
		clean --check-policy --policy "$example"
		ends 0 '[1-9]* rule* in 1 file'
		((++count))
	done
	((count >= 8))
}

@test "the shipped file protects whom it says" {
	need_root
	need_inih
	cp "$IPCTOOL_SOURCE"/packaging/clean.d/50-known.conf rules
	local user id=70000 users=(postgres oracle grid db2inst1 db2fenc1 dasusr1 prdadm orap01 sapadm sdb sybase informix mqm
		firebird irisusr zabbix apache www-data)
	grep -vE "^($(IFS='|'; echo "${users[*]}")):" /etc/passwd >passwd
	for user in "${users[@]}"; do
		echo "$user:x:$((++id)):65534::/:/bin/false" >>passwd
	done
	chmod 644 passwd
	mount --bind passwd /etc/passwd
	segment
	for user in "${users[@]}"; do
		"$IPCTOOL" set "$ref" owner="$user" >/dev/null
		clean --jsonl --min-age 0 "$ref"
		holds "${lines[0]}" '' '.verdict == "protect"' '.state == "orphan"' || { echo "$user"; false; }
	done
	"$IPCTOOL" set "$ref" owner=54321 >/dev/null
	decides remove '' "$ref" --min-age 0
	segment --key 0x52574801
	decides protect informix-memory "$ref"
	local name
	for name in PostgreSQL.1804289383 ora_ORCL_98304_0 libpod_lock libpod_rootless_lock_1000 lttng-ust-wait-8-1000 jack-shm-registry; do
		: >"/dev/shm/$name"
		clean --jsonl "shm:/$name"
		holds "${lines[0]}" '' '.verdict == "protect"' || { echo "$name"; false; }
	done
}
