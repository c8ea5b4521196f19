#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion offers exactly the commands, options, columns, classes and live references that there are; bash takes and quotes them.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/completion/fixtures.bash"

expect_tables

# ---- the function, as readline calls it ----------------------------------------------------------------------------

mkdir "$dir/path"
ln -s "$IPCTOOL" "$dir/path/ipctool"
PATH=$dir/path:$PATH
source "$SOURCE_DIR/completions/ipctool.bash"
[[ $(complete -p ipctool) == *"-F _ipctool ipctool" ]] || fail "not registered: $(complete -p ipctool)"

# replies LINE [CURRENT]: COMPREPLY, sorted, for the line up to the cursor; CURRENT is what readline takes for the word.
replies() {
	COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=() COMP_CWORD=0 COMPREPLY=()
	_ipctool ipctool "${2-}" ""
	printf '%s\n' "${COMPREPLY[@]}" | sort
}

same "bash: commands" "$(offered '')" "$(replies 'ipctool ')"
same "bash: a prefix" "list" "$(replies 'ipctool l' l)"
same "bash: options" "$(offered list --no)" "$(replies 'ipctool list --no' --no)"
same "bash: behind an equals sign" "$(offered list --color '')" "$(replies 'ipctool list --color=' '')"
same "bash: columns" "$(offered list mq -o ref,ma)" "$(replies 'ipctool list mq -o ref,ma' ref,ma)"
same "bash: what can be made" "$(offered create '')" "$(replies 'ipctool create ')"
same "bash: settings" "$(offered set mq:/jobs '')" "$(replies 'ipctool set mq:/jobs ')"
same "bash: behind the equals sign of a setting" "$(offered set mq:/jobs owner= | sed 's/^owner=//')" \
	"$(replies 'ipctool set mq:/jobs owner=' '')"
same "bash: signals" "$(offered send signal:1 --signal '')" "$(replies 'ipctool send signal:1 --signal ')"
same "bash: behind a colon, only what follows it" "/job-two
/jobs" "$(replies 'ipctool show mq:/' /)"
same "bash: a whole reference where the colon breaks no word" "mq:/job-two
mq:/jobs" "$(replies 'ipctool show mq:/' mq:/)"
same "bash: an open quote stays open" "p q" "$(replies "ipctool show 'shm:/p " 'p ')"
# All begin with "/p", and go on with different characters that are both quoted: the backslash of one is not typed for the other.
same "bash: no half quoting" '/p
/p\ q
/p\"r' "$(replies 'ipctool show shm:/p' /p)"
same "bash: nothing for an unknown command" "" "$(replies 'ipctool frobnicate ')"
same "bash: nothing but a file behind a redirection" "" "$(replies 'ipctool list >' '')"
same "bash: what is redirected is no operand" "$(offered list mq -o '')" "$(replies 'ipctool list 2>/dev/null mq -o ')"

# ---- a shell that is typed into --------------------------------------------------------------------------------------

typed "bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'; bind 'set page-completions off'; \
source $SOURCE_DIR/completions/ipctool.bash" bash --norc --noprofile -i

exit $status
