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
	for command in list show help; do
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
