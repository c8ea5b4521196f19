#!/usr/bin/env bats
# selection.bats: which objects: classes, references, views, conditions, directories, namespaces; and which command.

load helpers

# selects EXPECTED ARGUMENT...: `list -q` gives these references, blank-separated, in any order, and exits 0 in silence.
selects() {
	local expected=$1
	shift
	run_ipctool list -q "$@"
	[[ $status -eq 0 && -z $stderr ]] || { echo "list $*: $status $stderr"; return 1; }
	[[ $(sort <<<"$output") == "$(tr ' ' '\n' <<<"$expected" | sort)" ]] || { echo "list $*: $output, not $expected"; return 1; }
}

# refuses MESSAGE ARGUMENT...: `ipctool ARGUMENT...` exits 2 with exactly this line.
refuses() {
	local message=$1
	shift
	run_ipctool "$@"
	[[ $status -eq 2 && -z $output && $stderr == "ipctool ${1:+$1: }$message" && ${#stderr_lines[@]} -eq 1 ]] ||
		{ echo "$*: $status, $output, $stderr"; return 1; }
}

# ---- what there is to select from --------------------------------------------------------------------------------

@test "the default view is what can leak; --all is all but signals; a class is all of it" {
	fixture fifo fifo path=/tmp/f
	fixture msg mq-sysv
	fixture seg shm-sysv
	fixture shm shm-posix name=s
	fixture sem sem-sysv
	fixture named sem-posix name=n
	fixture unnamed sem-unnamed memory=shm name=/u
	fixture listener unix path=/tmp/l listen=1 connect=1
	fixture pair unix pair=1
	fixture stale unix path=/tmp/stale stale=1
	fixture tcp tcp connect=1
	fixture udp udp connect=1
	fixture netlink netlink
	fixture pipe pipe
	fixture memfd memfd
	fixture anon anon
	fixture file file path=/tmp/mapped
	local leaks more reference
	leaks="fifo:/tmp/f mq:$(fx msg .id) shm:$(fx seg .id) shm:/s shm:/u sem:$(fx sem .id) sem:/n sock:$(fx listener .inode)
		sock:/tmp/stale sock:$(fx tcp .inode) sock:$(fx udp .inode)"
	more="pipe:$(fx pipe .inode) shm:@$(fx memfd .dev):$(fx memfd .inode) shm:@$(fx anon .dev):$(fx anon .inode)
		shm:file:/tmp/mapped sock:$(fx pair .inode) sock:$(fx listener '.accepted[0].inode') sock:$(fx netlink .inode)
		sock:$(fx listener '.clients[0].inode') sock:$(fx tcp '.accepted[0].inode') sock:$(fx tcp '.clients[0].inode')"
	run_ipctool list -q
	for reference in $leaks; do
		grep -qxF "$reference" <<<"$output" || { echo "not in the default view: $reference"; false; }
	done
	for reference in $more; do
		! grep -qxF "$reference" <<<"$output" || { echo "in the default view: $reference"; false; }
	done
	run_ipctool list -q --all
	for reference in $leaks $more; do
		grep -qxF "$reference" <<<"$output" || { echo "not in --all: $reference"; false; }
	done
	run ! grep -q ^signal: <<<"$output"
	run_ipctool list -q pipe fifo mq shm sem sock signal
	for reference in $leaks $more "signal:$(fx pipe .pid)"; do
		grep -qxF "$reference" <<<"$output" || { echo "not in its class: $reference"; false; }
	done
}

@test "classes, kinds and references mix, and nothing comes twice" {
	fixture a mq-sysv key=0x21
	fixture b mq-sysv key=0x22
	fixture s shm-sysv
	fixture p shm-posix name=p
	local a b s
	a="mq:$(fx a .id)" b="mq:$(fx b .id)" s="shm:$(fx s .id)"
	selects "$a $b" mq/sysv
	selects "$a $b $s" mq/sysv shm/sysv
	selects "$a $s shm:/p" mq:0x21 shm/sysv shm:/p
	selects "$a" "$a" mq:0x21 "$a"
	selects "$a $b" mq:0x21 mq/sysv mq
	run_ipctool show -q mq:0x22 shm:/p mq:0x21
	[[ $status -eq 0 && $output == "$b"$'\nshm:/p\n'"$a" ]]
	# A condition holds for references too.
	selects "$a" "$a" "$b" --filter 'key == 0x21'
}

@test "--literal takes a reference as it stands" {
	mkfifo '/tmp/a\x41' /tmp/aA
	selects fifo:/tmp/aA 'fifo:/tmp/a\x41'
	selects 'fifo:/tmp/a\x5cx41' --literal 'fifo:/tmp/a\x41'
	selects 'fifo:/tmp/a\x5cx41' 'fifo:/tmp/a\x5cx41'
	selects 'fifo:/tmp/new\x0aline' --literal fifo:$'/tmp/new\nline' <<<"$(mkfifo $'/tmp/new\nline')"
	rm -f /tmp/a* /tmp/new*
}

@test "a path is taken from the working directory, and a final link is not followed" {
	mkdir /tmp/dir
	mkfifo /tmp/dir/f
	ln -s f /tmp/dir/link
	cd /tmp/dir
	selects fifo:/tmp/dir/f ./f
	selects fifo:/tmp/dir/f fifo:./f
	run_ipctool show -r -o inode ../dir/f
	[[ $output == "$(stat -c %i f)" ]]
	selects fifo:/tmp/dir/f ../dir/f fifo --match '/tmp/dir*'
	selects fifo:/tmp/dir/f /tmp/dir/f
	run_ipctool show ./link
	[[ $status -eq 2 && $stderr == 'ipctool show: ./link: exists, but is neither a FIFO nor a socket' ]]
	cd /
	rm -r /tmp/dir
}

# ---- conditions ----------------------------------------------------------------------------------------------

@test "--owner: a name, a number, and any of several" {
	need_root
	fixture r mq-sysv
	as_user nobody fixture n mq-sysv
	selects "mq:$(fx r .id)" --owner root mq/sysv
	selects "mq:$(fx n .id)" --owner nobody mq/sysv
	selects "mq:$(fx n .id)" --owner="$(id -u nobody)" mq/sysv
	selects "mq:$(fx r .id) mq:$(fx n .id)" --owner root --owner nobody mq/sysv
	selects '' --owner daemon mq/sysv
}

@test "--holder: a process, or a command name" {
	fixture s shm-posix comm='a) b (c' name=held map=1
	fixture o shm-posix name=other map=1
	fixture u unix comm='a) b (c' path=/tmp/u listen=1
	selects shm:/held --holder "$(fx s .pid)" shm
	selects shm:/held --holder 'a) b (c' shm
	selects "sock:$(fx u .inode)" --holder "$(fx u .pid)" sock
	run_ipctool list -q --all --holder 'a) b (c'
	grep -qxF shm:/held <<<"$output"
	grep -qxF "sock:$(fx u .inode)" <<<"$output"
	run ! grep -qxF shm:/other <<<"$output"
	# The same by the other options, and a process that is not there holds nothing.
	selects shm:/held --filter "holders.pid == $(fx s .pid)" shm
	selects '' --holder 4194303 shm
}

@test "--state: one, and several" {
	fixture h shm-sysv attach=1
	fixture i shm-sysv
	fixture o shm-sysv dead_creator=1
	local held idle orphan
	held="shm:$(fx h .id)" idle="shm:$(fx i .id)" orphan="shm:$(fx o .id)"
	selects "$held" --state held shm/sysv
	selects "$idle" --state idle shm/sysv
	selects "$orphan" --state orphan shm/sysv
	selects "$orphan $idle" --state orphan,idle shm/sysv
	selects "$orphan $held" --state orphan --state held shm/sysv
	selects '' --state suspect shm/sysv
}

@test "--larger-than and --older-than" {
	fixture a shm-sysv size=64K
	fixture b shm-sysv size=65537
	fixture q mq-sysv
	selects "shm:$(fx b .id)" --larger-than 64K shm/sysv mq/sysv
	selects "shm:$(fx b .id)" --larger-than 65536 shm/sysv
	selects "shm:$(fx a .id) shm:$(fx b .id)" --larger-than 65.5KB shm/sysv
	selects '' --larger-than 1M shm/sysv
	selects '' --older-than 1d shm/sysv
	eventually selects "shm:$(fx a .id) shm:$(fx b .id)" --older-than 50ms shm/sysv
	# What has no age is not old.
	fixture t tcp
	selects '' --older-than 0s sock/tcp
}

@test "--match: the whole name with its slash, * matches slashes, and any of several" {
	fixture a shm-posix name=torch_1_a
	fixture b shm-posix name=x dir=torch_d
	fixture c shm-posix name='odd\x0a'
	fixture q mq-sysv
	selects 'shm:/torch_1_a shm:/torch_d/x' --match '/torch_*' shm/posix mq/sysv
	selects shm:/torch_d/x --match '*/x' shm/posix
	selects '' --match 'torch_*' shm/posix
	selects 'shm:/odd\x0a' --match '/odd\x0a' shm/posix
	selects 'shm:/odd\x0a shm:/torch_d/x' --match '/odd*' --match '*x' shm/posix
	selects shm:/torch_1_a --match '/torch_[0-9]_?' shm/posix
}

@test "--filter: every operator, precedence, and a bare field" {
	fixture a shm-sysv size=4096 key=0x51
	fixture b shm-sysv size=1M key=0x52 attach=1
	fixture c shm-posix name=named size=2M map=1
	local a b c=shm:/named
	a="shm:$(fx a .id)" b="shm:$(fx b .id)"
	local kinds=(shm/sysv shm/posix)
	selects "$a" --filter 'size == 4096' "${kinds[@]}"
	selects "$b $c" --filter 'size != 4K' "${kinds[@]}"
	selects "$a" --filter 'size < 1M' "${kinds[@]}"
	selects "$a $b" --filter 'size <= 1MiB' "${kinds[@]}"
	selects "$c" --filter 'size > 1M' "${kinds[@]}"
	selects "$b $c" --filter 'size >= 1M' "${kinds[@]}"
	selects "$b $c" --filter 'size > 1MB' "${kinds[@]}"
	selects "$c" --filter 'name =~ "^/na.ed$"' "${kinds[@]}"
	selects "$a $b" --filter 'name !~ named' "${kinds[@]}"
	selects "$c" --filter name "${kinds[@]}"
	selects "$a $b" --filter 'not name' "${kinds[@]}"
	selects "$a" --filter 'not holders' "${kinds[@]}"
	selects "$b $c" --filter 'holders.how == attach or holders.how == map' "${kinds[@]}"
	selects "$a $c" --filter 'size == 4096 or size == 2M and kind == posix' "${kinds[@]}"
	selects "$c" --filter '(size == 4096 or size == 2M) and kind == posix' "${kinds[@]}"
	selects "$b" --filter 'key == 0x52' "${kinds[@]}"
	selects "$b" --filter 'key == 82' "${kinds[@]}"
	selects "$a $b $c" --filter 'mode == 0600 and user == '"$(id -un)" "${kinds[@]}"
	selects "$c" --filter 'SIZE > 4096' --filter "not attached == 0 and class == 'shm'" --filter 'kind == "posix"' "${kinds[@]}"
	# A field of another class is not known: it fits nothing but its opposites.
	selects '' --filter 'messages >= 0' "${kinds[@]}"
	selects "$a $b $c" --filter 'messages != 0' "${kinds[@]}"
	selects "$b" --filter 'evidence =~ "^1 attached"' "${kinds[@]}"
	selects "$a $b $c" --filter 'changed >= 2020-01-01 and age < 1d' "${kinds[@]}"
}

@test "--filter: lists, records and hostile text" {
	fixture l tcp listen=3 connect=1
	fixture p shm-posix name='a\x0a"b\x5c' map=1
	fixture s sem-sysv values=0,7 waiter=increase index=0
	selects "sock:$(fx l .inode)" --filter 'status == LISTEN and holders == 1' sock/tcp
	selects "sock:$(fx l '.accepted[0].inode')" --filter "peers.holders.pid == $(fx l '.clients[0].pid') and listener" sock/tcp
	selects 'shm:/a\x0a"b\x5c' --filter 'name == "/a\x0a\"b\x5c"' shm/posix
	selects 'shm:/a\x0a"b\x5c' --filter 'name =~ "\x0a.b\x5c$"' shm/posix
	selects "sem:$(fx s .id)" --filter 'values.value == 7 and values.waiting_increase > 0 and values == 2' sem/sysv
	selects '' --filter 'values.value == 6' sem/sysv
}

@test "a bad expression is refused with its column" {
	refuses "--filter: column 7: the expression ends here; expected a value" list --filter 'size >'
	refuses "--filter: column 1: unknown field 'sise' (did you mean 'size'?)" list --filter 'sise > 1'
	refuses "--filter: column 10: expected a size such as 4096, 64M or 1.5GiB, not 'x'" list --filter 'size == "x"'
	refuses "--filter: column 10: the expression ends here; expected 'and', 'or' or ')'" list --filter '(size > 1'
	local expression
	for expression in 'size = 1' 'size == 1 and' 'not' '()' 'size == 1)' 'size == 1 2' 'name == "x' 'name == "\q"' 'name =~ "["' \
		'size >= 64Q' 'age > 5' 'mode == 9' 'and' 'size == 1 & uid == 0' 'holders == x' 'holders.nothing == 1' 'key =~ 1' 'size == 99999999999999999999'; do
		run_ipctool list --filter "$expression"
		[[ $status -eq 2 && -z $output && ${#stderr_lines[@]} -eq 1 ]] || { echo "$expression: $status $stderr"; false; }
		[[ $stderr =~ ^'ipctool list: --filter: column '[1-9][0-9]*': '.+ ]] || { echo "$expression: $stderr"; false; }
	done
	# What stands in it cannot write to the terminal.
	run_ipctool list --filter $'size == \x1b[31m'
	[[ $status -eq 2 && $stderr != *$'\x1b'* && ${#stderr_lines[@]} -eq 1 ]]
	run_ipctool list --filter "$(printf '(%.0s' {1..100000})"
	[[ $status -eq 2 && ${#stderr_lines[@]} -eq 1 ]]
}

@test "bad values of the other options are refused" {
	refuses "--owner: no such user: 'nosuchuser'" list --owner nosuchuser
	refuses "--owner: no such user: '4294967296'" list --owner 4294967296
	refuses "--owner: no such user: '-1'" list --owner=-1
	refuses "--holder: not a process number" list --holder 0
	refuses "--state: 'stale' is none of held, unknown, orphan, suspect, idle" list --state stale
	refuses "--state: '' is none of held, unknown, orphan, suspect, idle" list --state held,
	refuses "--older-than: '10' is not of the form 10m, 2h or 1d" list --older-than 10
	refuses "--older-than: '1d or 1' is not of the form 10m, 2h or 1d" list --older-than '1d or 1'
	refuses "--larger-than: '-1' is not of the form 4096, 64K or 1M" list --larger-than=-1
	refuses "--larger-than: '99999999999999999999' is not of the form 4096, 64K or 1M" list --larger-than 99999999999999999999
	refuses "/nowhere: No such file or directory" list --scan /nowhere
	refuses "/etc/passwd: Not a directory" list --scan /etc/passwd
	refuses "--sort: no such field: 'sise' (did you mean 'size'?)" list --sort sise
	refuses "--output: no such column: 'sise' (did you mean 'size'?)" list -o sise
	refuses "--output: no such column: 'attached'; -H lists them" list -o attached mq
	refuses "--output: column 'ref' is given twice" list -o ref,REF
	refuses "--all: cannot be combined with 'mq'" list --all mq
	refuses "--raw: cannot be combined with --json" list --json --raw
	refuses "--output: cannot be combined with --refs" list -q -o ref
	refuses "--color: 'blue' is none of auto, always, never" list --color blue
	refuses "--time-format: 'long' is none of short, iso, relative, full, clock" list --time-format long
	refuses "--jsn: unknown option (did you mean '--json'?)" list --jsn
	refuses "-Z: unknown option" list -Z
	refuses "-o: needs an argument" list -o
}

@test "an empty argument of any option is refused: it is an unset variable" {
	local option count=0
	for option in $("$IPCTOOL" list --help | grep -oE -- '--[a-z-]+ [[A-Z]' | cut -d' ' -f1); do
		refuses "$option: the argument is empty" list "$option" ''
		refuses "$option: the argument is empty" list "$option="
		((++count))
	done
	((count >= 13))
}

# ---- directories and namespaces ----------------------------------------------------------------------------------

@test "--scan adds a directory, and finds nothing twice" {
	need_root
	mount -t tmpfs none /mnt
	mkfifo /mnt/f
	mkdir /mnt/sub
	fixture s unix path=/mnt/sub/s stale=1
	selects '' --match '/mnt/*' fifo sock/unix
	selects 'fifo:/mnt/f sock:/mnt/sub/s' --scan /mnt --match '/mnt/*' fifo sock/unix
	selects 'sock:/mnt/sub/s' --scan /mnt/sub --match '/mnt/*' fifo sock/unix
	selects 'fifo:/mnt/f' --scan /mnt --scan /mnt/sub --scan /mnt/ --match '/mnt/*' fifo
	cd /mnt
	selects 'fifo:/mnt/f' --scan . --match '/mnt/*' fifo
	# A reference needs no scan.
	selects 'fifo:/mnt/f' fifo:/mnt/f
	cd /
	release s
	umount /mnt
}

@test "--scan of a directory that is scanned anyhow finds nothing twice" {
	mkdir -p /tmp/inner
	mkfifo /tmp/inner/f
	selects fifo:/tmp/inner/f --scan /tmp/inner --scan /tmp --match '*/inner/f' fifo
	rm -r /tmp/inner
}

@test "--namespace: those of a process, or of a file; by name, then by reference" {
	need_root
	in_new_namespaces '--ipc --net' fixture q mq-sysv key=0x91
	fixture own mq-sysv key=0x91
	local ipc net
	ipc=$(readlink "/proc/$(fx q .pid)/ns/ipc"); ipc=${ipc//[^0-9]/}
	net=$(readlink "/proc/$(fx q .pid)/ns/net"); net=${net//[^0-9]/}
	selects "mq:$(fx own .id)" mq
	selects "mq@$ipc:$(fx q .id)" --namespace "$(fx q .pid)" mq
	selects "mq@$ipc:$(fx q .id)" --namespace "/proc/$(fx q .pid)/ns/ipc" mq
	selects "mq@$ipc:$(fx q .id) mq:$(fx own .id)" --namespace "$(fx q .pid)" --namespace $$ mq
	selects "mq@$ipc:$(fx q .id) mq:$(fx own .id)" --all-namespaces mq
	selects "mq@$ipc:$(fx q .id)" "mq@$ipc:$(fx q .id)"
	selects "mq@$ipc:$(fx q .id)" "mq@$ipc:0x91"
	selects "mq@$ipc:$(fx q .id)" --namespace "$(fx q .pid)" mq:0x91
	run_ipctool show "mq@$net:$(fx q .id)"
	[[ $status -eq 4 ]]
	run_ipctool list --namespace 4194303
	[[ $status -eq 4 && $stderr == 'ipctool list: 4194303: no such process' && -z $output ]]
	refuses "/etc/passwd: not a namespace: give a process number or a file like /run/netns/NAME" list --namespace /etc/passwd
}

@test "--all-namespaces: what only a bind mount or a descriptor keeps" {
	need_root
	local net ipc kept child
	: >/run/kept
	unshare --net=/run/kept true
	net=$(stat -L -c %i /run/kept)
	run_ipctool list -q --all-namespaces sock/netlink
	grep -q "^sock@$net:" <<<"$output"
	selects "$(grep "^sock@$net:" <<<"$output" | paste -sd ' ')" --namespace /run/kept sock
	umount /run/kept
	rm /run/kept
	in_new_namespaces --ipc fixture q mq-sysv
	child=$(fx q .pid)
	ipc=$(stat -L -c %i "/proc/$child/ns/ipc")
	exec {kept}<"/proc/$child/ns/ipc"
	# Its only process goes, and the queue with it; another one is made by way of the descriptor.
	release q
	nsenter --ipc="/dev/fd/$kept" ipcmk -Q
	run_ipctool list -q --all-namespaces mq
	[[ $output =~ ^mq@$ipc:[0-9]+$ ]]
	exec {kept}<&-
	selects '' --all-namespaces mq/sysv
}

# ---- commands and their help -----------------------------------------------------------------------------------

@test "an inspecting command may be cut short, and its alias too" {
	fixture q mq-sysv
	local command
	for command in list ls li lis l; do
		run_ipctool "$command" -q mq/sysv
		[[ $status -eq 0 && $output == "mq:$(fx q .id)" ]] || { echo "$command: $status $output $stderr"; false; }
	done
	for command in show sh; do
		run_ipctool "$command" -q "mq:$(fx q .id)"
		[[ $status -eq 0 && $output == "mq:$(fx q .id)" ]]
	done
	run_ipctool s mq:4242
	[[ $status -eq 2 && $stderr == 'ipctool: s: ambiguous command: '*show*set* ]]
	# Messages bear the whole name.
	run_ipctool sh mq:4242
	[[ $stderr == 'ipctool show: mq:4242: no such object'* ]]
}

@test "no command, an unknown one, an empty one" {
	run_ipctool
	[[ $status -eq 2 && -z $output && ${stderr_lines[0]} == 'Usage: ipctool '* ]]
	run_ipctool nosuch
	[[ $status -eq 2 && $stderr == "ipctool: nosuch: no such command; 'ipctool help' lists them" ]]
	run_ipctool shwo
	[[ $status -eq 2 && $stderr == "ipctool: shwo: no such command (did you mean 'show'?)" ]]
	run_ipctool ''
	[[ $status -eq 2 && $stderr == 'ipctool: the command is empty' ]]
	run_ipctool __comp
	[[ $status -eq 2 ]]
	run_ipctool $'x\x1b[31m\n'
	[[ $status -eq 2 && $stderr != *$'\x1b'* && ${#stderr_lines[@]} -eq 1 ]]
	run_ipctool --nosuch list
	[[ $status -eq 2 && $stderr == 'ipctool: --nosuch: unknown option' ]]
}

@test "help CMD is CMD --help, for every command" {
	local help command count=0
	run_ipctool help
	[[ $status -eq 0 && -z $stderr && ${lines[0]} == 'Usage: ipctool '* ]]
	help=$output
	for command in --help -h; do
		run_ipctool "$command"
		[[ $status -eq 0 && $output == "$help" ]]
	done
	for command in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p' <<<"$help"); do
		run_ipctool help "$command"
		[[ $status -eq 0 && ${lines[0]} == "Usage: ipctool $command "* ]]
		help=$output
		run_ipctool "$command" --help
		[[ $status -eq 0 && $output == "$help" && -z $stderr ]]
		run_ipctool "$command" -h
		[[ $status -eq 0 && $output == "$help" ]]
		((++count))
	done
	((count >= 3))
	run_ipctool help nosuch
	[[ $status -eq 2 && -z $output ]]
	run_ipctool --version
	[[ $status -eq 0 && $output =~ ^'ipctool '[0-9]+\.[0-9]+\.[0-9]+' '.*[+-]bpf' '.*[+-]smartcols$ ]]
}

@test "options stand before or after operands, and -- ends them" {
	fixture q mq-sysv
	run_ipctool list mq/sysv -q
	[[ $status -eq 0 && $output == "mq:$(fx q .id)" ]]
	run_ipctool list -q -- mq/sysv
	[[ $status -eq 0 && $output == "mq:$(fx q .id)" ]]
	run_ipctool list -- -q
	[[ $status -eq 2 && $stderr == "ipctool list: -q: "* ]]
	run_ipctool list -nqr mq/sysv
	[[ $status -eq 2 ]]
	run_ipctool list -rno id mq/sysv
	[[ $status -eq 0 && $output == "$(fx q .id)" ]]
}
