#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual says what the command says: synopses, options, settings, columns, kinds, what can be done to them and what is proof,
# exit statuses, functions; its examples run.
set -eu
export LC_ALL=C

command -v scdoc >/dev/null || { echo "scdoc is missing"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

fail() {
	echo "$*"
	status=1
}

# same WHAT EXPECTED-FILE FOUND-FILE
same() {
	[ -s "$2" ] || fail "$1: nothing to compare with"
	diff -u "$2" "$3" || fail "$1: the command (-) and the manual (+) differ"
}

# ---- the pages build, and are well formed ------------------------------------------------------------------------

for source in "$SOURCE_DIR"/man/*.scd; do
	page=$(basename "$source" .scd)
	scdoc <"$source" >"$dir/$page" 2>"$dir/errors" || echo "scdoc failed" >>"$dir/errors"
	[ ! -s "$dir/errors" ] || fail "$page: $(cat "$dir/errors")"
	grep -qx "[[:space:]]*$page" "$SOURCE_DIR/man/CMakeLists.txt" || fail "$page: not in man/CMakeLists.txt"
	if command -v mandoc >/dev/null; then
		mandoc -T lint -W error "$dir/$page" || fail "$page: mandoc finds errors"
	fi
	# What a reader sees, one line each, without the fonts; requests keep their dot.
	sed 's/\\f[BIRP]//g; s/\\&//g; s/\\-/-/g; s/\\(ti/~/g; s/\\(ha/^/g' "$dir/$page" |
		sed "s/\\\\(aq/'/g; s/\\\\\*(Aq/'/g" | sed 's/\\\\/\\/g; s/\\e/\\/g' >"$dir/$page.text"
done
[ $status -eq 0 ] || exit $status

# section PAGE TITLE: its lines, from one heading of that level to the next.
section() {
	awk -v title="$2" '
		/^\.S[HS] / { inside = inside && $1 == ".SS" && top == ".SH" }
		/^\.S[HS] / && substr($0, 5) == title { inside = 1; top = $1; next }
		inside' "$dir/$1.text"
}

# cells N [FIRST]: the cells of the tables read, N in a row, separated by tabs; the headings are left out unless FIRST is 1.
cells() {
	awk -v columns="$1" -v first="${2-2}" '
		function row() { if (++rows >= first) print line; line = ""; count = 0 }
		/^\.TS/ { rows = 0; count = 0; line = "" }
		/T}/ { line = line (count++ ? "\t" : "") cell; inside = 0; if (count == columns) row() }
		/T{$/ { cell = ""; inside = 1; next }
		inside { cell = cell (cell == "" ? "" : " ") $0 }'
}

# ---- commands ----------------------------------------------------------------------------------------------------

"$IPCTOOL" help >"$dir/help"
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p' "$dir/help")
[ -n "$commands" ] || fail "no commands found in the help"

usage() {
	sed -n '1s/^Usage: //p; 2,$s/^       \(ipctool .*\)/\1/p; /^$/q' "$1"
}

# "-o, --output LIST|+LIST"
options_of_help() {
	sed -n 's/^  \(-., \|    \)\(--[a-z-]*\( [^ ][^ ]*\)\{0,1\}\)\($\|  .*\)/\1\2/p' "$1" | sed 's/^ *//' | sort
}

options_of_page() {
	awk '/^\.RS 4$/ && previous ~ /^(-[A-Za-z0-9], )?--[a-z-]+( [^ ]+)?$/ { print previous } { previous = $0 }' \
		"$dir/$1.text" | sort
}

# "mode=MODE", the same way
settings_of_help() {
	sed -n 's/^  \([a-z-]*=[^ ]*\)\($\|  .*\)/\1/p' "$1" | sort
}

settings_of_page() {
	awk '/^\.RS 4$/ && previous ~ /^[a-z-]+=[^ ]+$/ { print previous } { previous = $0 }' "$dir/$1.text" | sort
}

synopsis() {
	section "$1" SYNOPSIS | sed '/^\./d'
}

: >"$dir/rest"
for command in $commands; do
	"$IPCTOOL" "$command" --help >"$dir/command"
	usage "$dir/command" >"$dir/expected"
	if [ ! -f "$dir/ipctool-$command.1" ]; then
		# A command without options of its own is told of in ipctool(1).
		cat "$dir/expected" >>"$dir/rest"
		options_of_help "$dir/command" >"$dir/expected"
		options_of_page ipctool.1 >"$dir/found"
		comm -23 "$dir/expected" "$dir/found" | sed "s/^/$command: not in ipctool(1): /" >"$dir/missing"
		[ ! -s "$dir/missing" ] || fail "$(cat "$dir/missing")"
		continue
	fi
	synopsis "ipctool-$command.1" >"$dir/found"
	same "synopsis of $command" "$dir/expected" "$dir/found"
	options_of_help "$dir/command" >"$dir/expected"
	options_of_page "ipctool-$command.1" >"$dir/found"
	same "options of $command" "$dir/expected" "$dir/found"
	settings_of_help "$dir/command" >"$dir/expected"
	settings_of_page "ipctool-$command.1" >"$dir/found"
	if [ -s "$dir/expected" ] || [ -s "$dir/found" ]; then
		same "settings of $command" "$dir/expected" "$dir/found"
	fi
done

{ usage "$dir/help"; cat "$dir/rest"; } >"$dir/expected"
synopsis ipctool.1 >"$dir/found"
same "synopsis of ipctool" "$dir/expected" "$dir/found"
options_of_help "$dir/help" >"$dir/expected"
options_of_page ipctool.1 >"$dir/found"
same "global options" "$dir/expected" "$dir/found"

for page in "$dir"/ipctool-*.1; do
	command=$(basename "$page" .1)
	echo "$commands" | grep -qx "${command#ipctool-}" || fail "$command(1): no such command"
done

# ---- exit statuses -------------------------------------------------------------------------------------------------

sed -n '/^Exit status:/,/^$/s/^  \([0-9][0-9]*\)\($\| .*\)/\1/p' "$dir/help" >"$dir/codes"
section ipctool.1 "EXIT STATUS" | cells 2 | cut -f 1 >"$dir/found"
same "exit statuses" "$dir/codes" "$dir/found"
for page in "$dir"/ipctool-*.1; do
	page=$(basename "$page")
	section "$page" "EXIT STATUS" | cells 2 | cut -f 1 >"$dir/found"
	[ -s "$dir/found" ] || fail "$page: no exit statuses"
	grep -vxFf "$dir/codes" "$dir/found" && fail "$page: no exit statuses of the command, above"
done

# ---- classes and kinds ---------------------------------------------------------------------------------------------

"$IPCTOOL" __complete 2 ipctool list '' | cut -f 1 | grep '^[a-z]*/[a-z]*$' | sort >"$dir/expected"
section ipctool.1 "CLASSES AND KINDS" | cells 2 | cut -f 1 | tr -s ', ' '\n' | sort >"$dir/found"
same "kinds" "$dir/expected" "$dir/found"

# ---- what can be done to which kind --------------------------------------------------------------------------------

# abilities: "KIND<tab>VERB<tab>yes|no<tab>SETTINGS" for every kind and verb, as `ipctool help` tells them.
abilities() {
	cut -f 1 "$dir/kinds" | while read -r kind; do
		"$IPCTOOL" help "$kind" | awk -v kind="$kind" '
			function tell() { if (verb != "") print kind "\t" verb "\t" able "\t" rest }
			/^  [a-z]/ {
				tell()
				verb = $1
				able = $2
				sub(/:$/, "", able)
				rest = $0
				sub(/^ *[^ ]+ *[^ ]+ ?/, "", rest)
			}
			/^            / { sub(/^ */, ""); rest = rest " " $0 }
			END { tell() }'
	done
}

# by_kind: rows whose first cell has several kinds, once for each.
by_kind() {
	awk -F '\t' '{ n = split($1, kinds, ", *"); row = $0; sub(/^[^\t]*/, "", row); for (i = 1; i <= n; i++) print kinds[i] row }' | sort
}

cp "$dir/expected" "$dir/kinds"
abilities >"$dir/abilities"
verbs=$(awk -F '\t' 'NR == 1 { kind = $1 } $1 == kind { print $2 }' "$dir/abilities")
# shellcheck disable=SC2086 # words
columns=$(($(echo $verbs | wc -w) + 1))
awk -F '\t' '$1 != kind { if (kind != "") print row; kind = row = $1 } { row = row "\t" ($3 == "yes" ? "yes" : "-") } END { print row }' \
	"$dir/abilities" | sort >"$dir/expected"
section ipctool.1 "COMMANDS AND KINDS" | cells "$columns" | by_kind >"$dir/found"
same "commands and kinds" "$dir/expected" "$dir/found"
{ echo KIND; echo "$verbs"; } >"$dir/expected"
section ipctool.1 "COMMANDS AND KINDS" | cells "$columns" 1 | head -n 1 | tr '\t' '\n' >"$dir/found"
same "headings of commands and kinds" "$dir/expected" "$dir/found"
for command in create set; do
	awk -F '\t' -v verb=$command '$2 == verb && $3 == "yes" { print $1 "\t" ($4 == "" ? "none" : $4) }' "$dir/abilities" | sort >"$dir/expected"
	section "ipctool-$command.1" "SETTINGS OF EACH KIND" | cells 2 | by_kind >"$dir/found"
	same "settings of each kind with $command" "$dir/expected" "$dir/found"
done

# ---- how it is looked into which kind ------------------------------------------------------------------------------

# help_of VERB: "KIND<tab>WORD<tab>SENTENCE" for all that `ipctool help` tells of it, for every kind that has it.
help_of() {
	cut -f 1 "$dir/kinds" | while read -r kind; do
		"$IPCTOOL" help "$kind" | awk -v kind="$kind" -v verb="$1" '
			function tell() { if (what != "") print kind "\t" what "\t" rest; what = "" }
			/^  [a-z]/ { tell(); inside = $1 == verb && $2 == "yes"; next }
			inside && /^            [a-z]/ { tell(); what = $1; rest = $0; sub(/^ *[^ ]+ */, "", rest); next }
			inside { sub(/^ */, ""); rest = rest " " $0 }
			END { tell() }'
	done
}

# The page has a table of how, needs and disturbs for each kind, or for several with the same sentences, under a heading that names
# them.
help_of dump | sort >"$dir/expected"
section ipctool-dump.1 KINDS | sed -n 's/^\.SS //p' | while read -r title; do
	section ipctool-dump.1 "$title" | cells 2 1 | sed "s|^|$title	|"
done | by_kind >"$dir/found"
same "how each kind is dumped" "$dir/expected" "$dir/found"

# ---- what is proof for which kind ----------------------------------------------------------------------------------

# Three sentences for each: the proof, the users on record, the best state.
help_of clean | cut -f 1,3 | awk -F '\t' '$1 != kind { if (kind != "") print row; kind = row = $1 } { row = row "\t" $2 }
	END { print row }' | sort >"$dir/expected"
section ipctool-clean.1 "WHAT IS PROOF" | cells 4 | by_kind >"$dir/found"
same "what is proof for each kind" "$dir/expected" "$dir/found"

# ---- what is told of which kind ------------------------------------------------------------------------------------

# A row of life, traffic, and what is told without BPF; and a sentence where something is not seen.
help_of monitor >"$dir/events"
awk -F '\t' '$2 == "unseen" { next } $1 != kind { if (kind != "") print row; kind = row = $1; traffic = 0 }
	$2 == "netlink" && !traffic { row = row "\t-" } { row = row "\t" $3; traffic = traffic || $2 == "traffic" }
	END { print row }' "$dir/events" | sort >"$dir/expected"
section ipctool-monitor.1 "EVENTS OF EACH KIND" >"$dir/section"
sed '/^\.SS /,$d' "$dir/section" | cells 4 | by_kind >"$dir/found"
same "what is told of each kind" "$dir/expected" "$dir/found"
awk -F '\t' '$2 == "unseen" { print $1 "\t" $3 }' "$dir/events" | sort >"$dir/expected"
section ipctool-monitor.1 "Not seen of a kind" | cells 2 | by_kind >"$dir/found"
same "what is not seen of each kind" "$dir/expected" "$dir/found"

{ echo exists; "$IPCTOOL" __complete 3 ipctool monitor --verb '' | cut -f 1; } >"$dir/expected"
section ipctool-monitor.1 VERBS | cells 2 | cut -f 1 >"$dir/found"
same "verbs of events" "$dir/expected" "$dir/found"

# ---- columns -------------------------------------------------------------------------------------------------------

# columns CLASS...: "NAME TYPE" of each column of that class.
columns() {
	"$IPCTOOL" list -H -n "$@" | awk '{ print $1 "\t" $2 }' | sort
}

columns pipe mq shm sem sock signal >"$dir/every"
"$IPCTOOL" list -H -n | awk '{ print $1 "\t" $2 }' | sort | diff -u - "$dir/every" ||
	fail "classes are missing in this test"
"$IPCTOOL" list -H -n | awk '$3 == "all" { print $1 "\t" $2 }' | sort >"$dir/common"
section ipctool-list.1 "Columns of all classes" | cells 3 | cut -f 1,2 | sort >"$dir/found"
same "columns of all classes" "$dir/common" "$dir/found"
for title in "pipe and fifo" mq shm sem sock signal; do
	# shellcheck disable=SC2046 # words
	columns $(echo "$title" | sed 's/ and / /') | comm -23 - "$dir/common" >"$dir/expected"
	section ipctool-list.1 "Columns of $title" | cells 3 | cut -f 1,2 | sort >"$dir/found"
	same "columns of $title" "$dir/expected" "$dir/found"
done

"$IPCTOOL" monitor -H -n | awk '{ sub(/^DETAIL\./, ""); print $1 "\t" $2 }' >"$dir/expected"
section ipctool-monitor.1 FIELDS | cells 3 | awk -F '\t' '{ print toupper($1) "\t" $2 }' >"$dir/found"
same "columns of events" "$dir/expected" "$dir/found"

# Members of records: every one that the manual names is one, and no list of records is left out.
section ipctool-list.1 "Members of records" | cells 2 >"$dir/members"
cut -f 1 "$dir/members" | tr -s ', ' '\n' | sort >"$dir/found"
awk '$2 == "records" { print $1 }' "$dir/every" | sort >"$dir/expected"
same "records" "$dir/expected" "$dir/found"
while IFS='	' read -r names members; do
	for name in $(echo "$names" | tr -s ', ' '\n' | tr '[:upper:]' '[:lower:]'); do
		# The members are the words outside parentheses.
		for member in $(echo "$members" | sed 's/([^)]*)//g; s/ or / /g' | tr -s ', ' '\n'); do
			"$IPCTOOL" list --count --filter "$name.$member" "signal:$$" >/dev/null ||
				fail "no such member: $name.$member"
		done
	done
done <"$dir/members"

# ---- the library -----------------------------------------------------------------------------------------------------

header=$SOURCE_DIR/include/ipctool/ipctool.h
sed -n '/^IPC_EXPORT/s/.*[ *]\(ipc_[a-z0-9_]*\)(.*/\1/p' "$SOURCE_DIR"/include/ipctool/*.h | sort >"$dir/expected"
section libipctool.3 FUNCTIONS | cells 2 | cut -f 1 | tr -s ', ' '\n' | sort >"$dir/found"
same "functions" "$dir/expected" "$dir/found"
sed -n '/^enum ipc_type/,/^}/s/^[[:space:]]*\(IPC_TYPE_[A-Z]*\),.*/\1/p' "$header" | sort >"$dir/expected"
section libipctool.3 VALUES | cells 3 | cut -f 1 | sort >"$dir/found"
same "types of values" "$dir/expected" "$dir/found"

# ---- examples --------------------------------------------------------------------------------------------------------

# examples PAGE: its literal blocks, each followed by an empty line.
examples() {
	section "$1" EXAMPLES | awk '/^\.nf/ { inside = 1; next } /^\.fi/ { inside = 0; print "" } inside && !/^\./'
}

# Each is a program of its own.
section libipctool.3 EXAMPLES | awk -v dir="$dir" '
	/^\.nf/ { file = dir "/example-" ++count ".c"; next }
	/^\.fi/ { close(file); file = "" }
	file != "" && !/^\./ { print >file }'
for example in "$dir"/example-*.c; do
	"$CC" -std=c11 -Wall -Wextra -Werror -fsyntax-only -I "$SOURCE_DIR/include" "$example" ||
		fail "libipctool(3): $(basename "$example" .c)"
done

# Those of policies are files without faults.
mkdir "$dir/policies" "$dir/no-policies"
for page in ipctool-clean.1 ipctool-clean.conf.5; do
	awk -v name="$dir/policies/$page" '
		/^\.nf/ { inside = 1; text = ""; next }
		/^\.fi/ { inside = 0; if (text ~ /(^|\n)\[/) printf "%s", text >(name "-" ++count ".conf"); next }
		inside && !/^\./ { text = text $0 "\n" }' "$dir/$page.text"
	[ -f "$dir/policies/$page-1.conf" ] || fail "$page: no policies"
done
case $("$IPCTOOL" --version) in
*+inih*)
	for example in "$dir"/policies/*.conf; do
		"$IPCTOOL" clean --check-policy --quiet --policy "$example" --policy-dir "$dir/no-policies" 2>"$dir/errors" ||
			fail "$(basename "$example" .conf): $(cat "$dir/errors" "$example")"
	done
	;;
esac

# They run in a sandbox with a queue in it; the command there notes how it ended.
mkdir "$dir/bin"
cat >"$dir/bin/ipctool" <<'END'
#!/bin/sh
# One that watches goes on until it is told to end, and then says that what it waited for did not happen.
case $1 in
monitor) "$IPCTOOL" "$@" --for 100ms ;;
*) "$IPCTOOL" "$@" ;;
esac
ended=$?
[ "$1" != monitor ] || [ $ended -ne 7 ] || ended=0
printf '%s\t%s\n' "$ended" "$(printf '%s' "$*" | tr '\n' ' ')" >>"$LOG"
exit "$ended"
END
chmod +x "$dir/bin/ipctool"
for page in ipctool.1 ipctool-list.1 ipctool-show.1 ipctool-dump.1 ipctool-create.1 ipctool-set.1 ipctool-send.1 \
	ipctool-receive.1 ipctool-post.1 ipctool-wait.1 ipctool-remove.1 ipctool-clean.1 ipctool-monitor.1 ipctool-filter.5; do
	examples $page >"$dir/examples"
	[ -s "$dir/examples" ] || fail "$page: no examples"
	rm -f "$dir/log" "$dir/made"
	ended=0
	# shellcheck disable=SC2016 # the inner shell expands
	PATH=$dir/bin:$PATH LOG=$dir/log USER=${USER:-root} \
		"$SANDBOX" --keep "$dir" --keep "$SOURCE_DIR" --keep "$BUILD_DIR" -- sh -c '
		sleep 600 | "$MKIPC" mq-sysv key=0x52e2c1 messages=2 data=hello >"$1/made" &
		while [ ! -s "$1/made" ] && kill -0 $!; do sleep 0.05; done
		(. "$1/examples")' sh "$dir" </dev/null >"$dir/out" 2>"$dir/errors" || ended=$?
	if [ $ended -eq 77 ]; then
		echo "no sandbox here: the examples were not run"
		break
	fi
	[ -s "$dir/log" ] || fail "$page: the examples did not run: $(cat "$dir/errors")"
	# 4: an object of an example that is not there.
	grep -v '^[04]	' "$dir/log" && fail "$page: examples that fail are above; $(cat "$dir/errors")"
	[ "$(grep -c '\bipctool [a-z]' "$dir/examples")" -le "$(wc -l <"$dir/log")" ] || fail "$page: not every example ran"
done

exit $status
