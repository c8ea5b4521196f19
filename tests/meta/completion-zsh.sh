#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion in zsh: the file parses, and what is typed into a real shell arrives as it should.
# shellcheck source-path=SCRIPTDIR
command -v zsh >/dev/null || { echo "zsh is missing"; exit 77; }
command -v python3 >/dev/null || { echo "python3 is missing to type into zsh"; exit 77; }
source "${BASH_SOURCE[0]%/*}/completion/fixtures.bash"

zsh -n "$SOURCE_DIR/completions/_ipctool" || fail "_ipctool does not parse"
[[ $(head -n 1 "$SOURCE_DIR/completions/_ipctool") == "#compdef ipctool" ]] || fail "_ipctool is not registered"

typed "fpath=($SOURCE_DIR/completions \$fpath); autoload -U compinit; compinit -D -u; unsetopt beep auto_remove_slash; LISTMAX=10000" zsh -f -i

exit $status
