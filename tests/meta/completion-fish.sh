#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion in fish: the file parses, fish offers what there is, and what is typed into a real shell arrives as it should.
# shellcheck source-path=SCRIPTDIR
command -v fish >/dev/null || { echo "fish is missing"; exit 77; }
source "${BASH_SOURCE[0]%/*}/completion/fixtures.bash"

fish --no-execute "$SOURCE_DIR/completions/ipctool.fish" || fail "ipctool.fish does not parse"

mkdir "$dir/path"
ln -s "$IPCTOOL" "$dir/path/ipctool"

# fish_offers LINE: what fish makes of it; its own tool for that.
fish_offers() {
	PATH=$dir/path:$PATH fish --no-config -c "source $SOURCE_DIR/completions/ipctool.fish; complete -C \$argv[1]" "$1" |
		cut -f 1 | sort
}

same "fish: commands" "$(offered '')" "$(fish_offers 'ipctool ')"
same "fish: options" "$(offered list --)" "$(fish_offers 'ipctool list --')"
same "fish: queues" "$(offered show mq:)" "$(fish_offers 'ipctool show mq:')"
same "fish: what can be made" "$(offered create '')" "$(fish_offers 'ipctool create ')"
same "fish: settings" "$(offered set mq:/jobs '')" "$(fish_offers 'ipctool set mq:/jobs ')"
same "fish: behind the equals sign of a setting" "$(offered set mq:/jobs owner=)" "$(fish_offers 'ipctool set mq:/jobs owner=')"
same "fish: signals" "$(offered send signal:1 --signal '')" "$(fish_offers 'ipctool send signal:1 --signal ')"
same "fish: columns" "$(offered list mq -o ref,ma)" "$(fish_offers 'ipctool list mq -o ref,ma')"

typed "source $SOURCE_DIR/completions/ipctool.fish; function fish_prompt; echo '\$ '; end; set -g fish_autosuggestion_enabled 0" fish --no-config -i

exit $status
