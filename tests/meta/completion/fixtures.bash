# SPDX-License-Identifier: GPL-2.0-or-later
# fixtures.bash: what the tests of completion stand on: a sandbox, a few objects in it, and lists of what there is to offer.
#
#   source fixtures.bash        # enters the sandbox (the script starts again in it), makes the objects, sets $dir and $status
# shellcheck shell=bash

set -u
export LC_ALL=C HOME=/tmp

if [[ -z ${IPCTOOL_SANDBOX-} ]]; then
	exec "$SANDBOX" --keep "$SOURCE_DIR" --keep "$BUILD_DIR" -- "$0"
fi

dir=$(mktemp -d)
status=0

fail() {
	echo "$*"
	status=1
}

# make KIND [KEY=VALUE]...: they are held until the sandbox ends.
made=0
make() {
	local report=$dir/made.$((++made))
	sleep 600 | "$MKIPC" "$@" >"$report" &
	until [[ -s $report ]]; do
		kill -0 $! 2>/dev/null || { echo "mkipc $* failed"; exit 1; }
		sleep 0.02
	done
}

make mq-posix name=/jobs
make mq-posix name=/job-two
make mq-sysv key=0x1234
make shm-posix 'name=/a b\x0ac"d'"'"'e\x5cf$(g)`h`*[i]!j;k&l|m<n>~#^{o}'
make shm-posix 'name=/p q'
make shm-posix 'name=/p"r'
make sem-posix name=/only
make fifo path=/run/named:fifo
mkdir '/tmp/some dir'
touch '/tmp/some file' /tmp/some:colon

# Memory without a name may come and go with any process, the ones of this test included.
lasting() {
	grep -v '^shm:@'
}

# offered WORD...: what the command offers for the last WORD, without descriptions, sorted.
offered() {
	"$IPCTOOL" __complete $# ipctool "$@" | cut -f 1 | sort
}

# same WHAT EXPECTED FOUND
same() {
	diff -u <(printf '%s\n' "$2") <(printf '%s\n' "$3") || fail "$1: expected (-) and found (+) differ"
}

# What has to be offered is what the command's own tables and lists hold.
expect_tables() {
	local found expected help options

	same "commands" "$("$IPCTOOL" help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p' | sort)" "$(offered '')"
	for command in $(offered ''); do
		help=$("$IPCTOOL" "$command" --help)
		options=$(sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' <<<"$help" | sort)
		same "options of $command" "$options" "$(offered "$command" --)"
	done
	same "global options" "$("$IPCTOOL" help | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' | sort)" "$(offered --)"

	expected=$("$IPCTOOL" list -H -n | awk '{ print tolower($1) }' | sort)
	same "columns" "$expected" "$(offered list -o '')"
	same "columns to sort by" "$expected" "$(offered list --sort '')"
	same "columns after a comma" "$(sed 's/^/ref,/' <<<"$expected")" "$(offered list -o ref,)"
	same "columns of one class" "$("$IPCTOOL" list -H -n mq | awk '{ print "--output=" tolower($1) }' | sort)" \
		"$(offered list mq --output=)"

	found=$(offered list '')
	for class in pipe fifo mq shm sem sock signal; do
		grep -qx "$class" <<<"$found" || fail "class $class is not offered"
	done
	same "references alone" "$("$IPCTOOL" list -q | sort)" "$(grep : <<<"$found")"
	for class in fifo mq shm sem; do
		same "references of $class" "$("$IPCTOOL" list -q "$class" | lasting | sort)" "$(offered show "$class:" | lasting)"
	done
	[[ $(offered show mq: | wc -l) == 3 ]] || fail "not the three queues: $(offered show mq:)"
	same "nothing of another class" "" "$(offered show mq:/ | grep -v '^mq:/')"
	same "states" "held
idle
orphan
suspect
unknown" "$(offered list --state '')"
	same "no candidates for a number" "" "$(offered list --older-than '')"
	expect_changes
	expect_cleaning
}

# able VERB: the kinds that have it, as help tells them.
able() {
	local kind
	for kind in $(offered help '' | grep /); do
		"$IPCTOOL" help "$kind" | grep -q "^  $1 *yes" && echo "$kind"
	done
}

# settings KIND VERB: what it takes there.
settings() {
	"$IPCTOOL" help "$1" | sed -n "s/^  $2 *yes: //p" | tr -s ', ' '\n'
}

# Of the commands that change something: only what they can be applied to, their settings, and signals.
expect_changes() {
	local verb class kind reference

	for verb in send receive post wait set; do
		same "references for $verb" \
			"$(able $verb | cut -d / -f 1 | sort -u | while read -r class; do "$IPCTOOL" list -q "$class"; done | grep -v '@' |
				grep -Fxf <("$IPCTOOL" list -q) | sort)" "$(offered $verb '')"
	done
	same "kinds to be removed" "$(able remove)" "$(offered remove '' | grep '^[a-z]*/')"
	same "classes to be removed" "$(able remove | cut -d / -f 1 | sort -u)" "$(offered remove '' | grep -x '[a-z]*')"

	# What can be made: of each class something with a name, and without one what may have a key.
	same "what can be made" "$({
		able create | sed 's,/.*,:,'
		for kind in $(able create); do settings "$kind" create | grep -qx key && echo "$kind"; done
	} | sort -u)" "$(offered create '')"
	same "what can be made without a name" "mq/sysv
mq:" "$(offered create mq)"
	same "one object is enough" "" "$(offered create mq/sysv '')"

	for reference in fifo:/run/named:fifo mq:/jobs shm:/p sem:/only; do
		class=${reference%%:*}
		same "settings of $class" \
			"$(able set | grep "^$class/" | while read -r kind; do settings "$kind" set; done | sed 's/$/=/' | sort -u)" \
			"$(offered set $reference '')"
	done
	same "settings behind another" "mode=" "$(offered set mq:/jobs owner=root mo)"
	same "owners" "$(getent passwd | sed 's/\([^:]*\):.*/owner=\1/' | sort -u)" "$(offered set mq:/jobs owner= | sort -u)"
	same "owners of new ones" "$(getent passwd | cut -d : -f 1 | sort -u)" "$(offered create --owner '' | sort -u)"
	same "groups" "$(getent group | sed 's/\([^:]*\):.*/group=\1/' | sort -u)" "$(offered set mq:/jobs group= | sort -u)"
	same "no candidates for a mode" "" "$(offered set mq:/jobs mode=)"

	same "signals" "$("$IPCTOOL" send --list | cut -f 2 | sort)" "$(offered send signal:1 --signal '')"
	same "signals behind an equals sign" "--signal=TERM" "$(offered send signal:1 --signal=TER)"
	same "types of sockets" "dgram
seqpacket
stream" "$(offered create sock:/run/x --type '')"
	same "doubts" "held
unknown" "$(offered remove --force '')"
	same "files to fill memory from" ":files" "$(offered create shm:/new --from '')"
	same "files to send" ":files" "$(offered send mq:/jobs --file '')"
	same "a command of its own" ":files" "$(offered wait sem:/only -- '')"
	same "a command for a socket" ":files" "$(offered create sock:/run/x -- --li)"
}

# Of `clean`: what can be garbage, and the columns that it alone has.
expect_cleaning() {
	same "kinds to be cleaned" "$(able clean)" "$(offered clean '' | grep '^[a-z]*/')"
	same "classes to be cleaned" "$(able clean | cut -d / -f 1 | sort -u)" "$(offered clean '' | grep -x '[a-z]*')"
	same "columns of clean" "$("$IPCTOOL" clean -H --noheadings | awk '{ print tolower($1) }' | sort)" "$(offered clean -o '')"
	same "columns that clean alone has" "result
rule
verdict
why" "$(comm -13 <(offered list -o '') <(offered clean -o ''))"
	same "what to include" "idle
suspect" "$(offered clean --include '')"
	same "what else to include" "suspect,idle
suspect,suspect" "$(offered clean --include suspect,)"
	same "owners to clean after" "$(getent passwd | cut -d : -f 1 | sort -u)" "$(offered clean --owner '' | sort -u)"
	same "no candidates for a key" "" "$(offered clean --key '')"
	same "files with rules" ":files" "$(offered clean --policy '')"
	same "directories with rules" ":dirs" "$(offered clean --policy-dir '')"
	same "directories to save into" ":dirs" "$(offered clean --save '')"
}

# Command lines for typed.py that every shell has to get right.
cases() {
	local tab=$'\t'
	cat <<-END
	ipctool li${tab}list
	ipctool show fif«» --js${tab}show${tab}fifo${tab}--json
	ipctool show sem:${tab}show${tab}sem:/only
	ipctool show fifo:/run/na${tab}show${tab}fifo:/run/named:fifo
	ipctool show mq:/job«»s${tab}show${tab}mq:/jobs
	ipctool show mq:/job-${tab}show${tab}mq:/job-two
	ipctool show 'shm:/a${tab}show${tab}$HOSTILE
	ipctool show shm:/a${tab}show${tab}$HOSTILE
	ipctool show "shm:/a${tab}show${tab}$HOSTILE
	ipctool show shm:/a\x5c b${tab}show${tab}$HOSTILE
	ipctool list --color=al${tab}list${tab}--color=always
	ipctool list --color al${tab}list${tab}--color${tab}always
	ipctool list -o ref,ev${tab}list${tab}-o${tab}ref,evidence
	ipctool list --output=+cont${tab}list${tab}--output=+container
	ipctool list --filter 'size > 1 and evi${tab}list${tab}--filter${tab}size > 1 and evidence
	ipctool list --scan=/tmp/some\x5c d${tab}list${tab}--scan=/tmp/some dir/
	ipctool list --scan /tmp/some\x5c d${tab}list${tab}--scan${tab}/tmp/some dir/
	ipctool ls --scan ~/some\x5c d${tab}ls${tab}--scan${tab}/tmp/some dir/
	ipctool show /tmp/some:${tab}show${tab}/tmp/some:colon
	ipctool show '/tmp/some f${tab}show${tab}/tmp/some file
	ipctool cre«» mq/s«» --mo«» 0600${tab}create${tab}mq/sysv${tab}--mode${tab}0600
	ipctool create fif«»/run/new --par${tab}create${tab}fifo:/run/new${tab}--parents
	ipctool create shm:/new --from=/tmp/some\x5c f${tab}create${tab}shm:/new${tab}--from=/tmp/some file
	ipctool set mq:/job-«»owner=roo${tab}set${tab}mq:/job-two${tab}owner=root
	ipctool set mq:/job-«»mo«»0600${tab}set${tab}mq:/job-two${tab}mode=0600
	ipctool send signal:1 --signal TER${tab}send${tab}signal:1${tab}--signal${tab}TERM
	ipctool send mq:/job-«»--fi«»/tmp/some:${tab}send${tab}mq:/job-two${tab}--file${tab}/tmp/some:colon
	ipctool wait sem«»--now${tab}wait${tab}sem:/only${tab}--nowait
	ipctool wait sem:/only -- /tmp/some:${tab}wait${tab}sem:/only${tab}--${tab}/tmp/some:colon
	ipctool remove --force=he«»fifo:/run/na${tab}remove${tab}--force=held${tab}fifo:/run/named:fifo
	ipctool cle«» --app«» --inc${tab}clean${tab}--apply${tab}--include
	ipctool clean --policy=/tmp/some\x5c f${tab}clean${tab}--policy=/tmp/some file
	END
}

# As ipctool prints it, in the form that typed.py decodes: each backslash is \x5c there.
HOSTILE=$("$IPCTOOL" list -q shm | grep '^shm:/a' | sed 's/\\/\\x5c/g')
[[ -n $HOSTILE ]] || fail "the segment with the hostile name is not listed"

# typed INIT SHELL...
typed() {
	if ! command -v python3 >/dev/null; then
		echo "python3 is missing: nothing was typed into a real shell"
		return
	fi
	cases >"$dir/cases"
	python3 "$SOURCE_DIR/tests/meta/completion/typed.py" "$dir/bin" "$@" <"$dir/cases" || fail "typed into ${2##*/}: see above"
}
