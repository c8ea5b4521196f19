#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Which part includes which: cmd the public headers alone; in the library, classes -> holders -> sources -> model.
# shellcheck disable=SC2013 # names of headers are words
set -eu
cd "$SOURCE_DIR"

# The rows say what a part may include besides the system's headers and the public ones: folders, or single files.
allowed() {
	case $1 in
	cmd) echo "cmd/" ;;
	examples) echo "" ;;
	lib/model) echo "lib/model/" ;;
	lib/sources) echo "lib/model/ lib/sources/ lib/context.h" ;;
	lib/bpf) echo "lib/bpf/" ;;
	lib/peek) echo "lib/model/ lib/sources/ lib/bpf/ lib/peek/ lib/context.h" ;;
	lib/holders) echo "lib/model/ lib/sources/ lib/bpf/ lib/holders/ lib/context.h" ;;
	lib/policy) echo "lib/model/ lib/policy/ lib/classes/list.h lib/context.h" ;;
	lib/events/bpf) echo "lib/bpf/ lib/events/" ;;
	lib | lib/classes | lib/events) echo "lib/" ;;
	*) return 1 ;;
	esac
}

# The project's file that `#include "$2"` in file $1 means; nothing for one that the build generates.
resolve() {
	for base in "$(dirname "$1")" lib; do
		if [ -f "$base/$2" ]; then
			realpath --relative-to=. "$base/$2"
			return
		fi
	done
}

status=0
files=$(find include lib cmd examples -name '*.[ch]' | sort)
[ -n "$files" ]
for file in $files; do
	part=$(dirname "$file")
	case $part in
	include*) rule="" ;;
	*) rule=$(allowed "$part") || { echo "$file: no rule for the folder $part"; status=1; continue; } ;;
	esac

	for name in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
		target=$(resolve "$file" "$name")
		if [ -z "$target" ]; then
			case $name in
			*.skel.h) continue ;;
			esac
			echo "$file: \"$name\" is no file of the project"
			status=1
			continue
		fi
		fits=no
		for prefix in $rule; do
			case $target in
			"$prefix"*) fits=yes ;;
			esac
		done
		[ $fits = yes ] || { echo "$file: must not include $target"; status=1; }
	done

	# Angle brackets are for the system and the public headers: none of our own folders by that way.
	for name in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$file"); do
		case $name in
		ipctool/ipctool.h | ipctool/change.h | ipctool/clean.h | ipctool/dump.h | ipctool/monitor.h) ;;
		ipctool/* | model/* | sources/* | holders/* | peek/* | classes/* | policy/* | context.h | run.h)
			echo "$file: must not include <$name>"
			status=1
			;;
		esac
	done
done
exit $status
