#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each source file and each test is in the list of its CMakeLists.txt: one that is forgotten there is never built or run.
set -eu
cd "$SOURCE_DIR"

status=0

# listed FILE LIST TEXT: TEXT stands in LIST, outside of comments and as a word of its own.
listed() {
	sed 's/#.*//' "$2" | tr -s ' \t(),>' '[\n*]' | grep -qxF -e "$3" && return
	echo "$1 is not in $2"
	status=1
}

for file in $(find lib -name '*.c' ! -name '*.bpf.c' | sort); do
	listed "$file" lib/CMakeLists.txt "${file#lib/}"
done
for folder in cmd examples tests/fixtures; do
	for file in "$folder"/*.c; do
		listed "$file" "$folder/CMakeLists.txt" "${file##*/}"
	done
done

# tested FUNCTION PREFIX SUFFIX: each file PREFIX*SUFFIX is the argument of a call of FUNCTION.
tested() {
	for file in "$2"*"$3"; do
		[ -f "$file" ] || continue
		name=${file#"$2"}
		name=${name%"$3"}
		grep -q "^[[:space:]]*${1}(${name}[ )]" tests/CMakeLists.txt && continue
		echo "$file is not run: $1($name) is missing in tests/CMakeLists.txt"
		status=1
	done
}

tested add_unit_test tests/unit/test_ .c
tested add_fuzz_test tests/fuzz/fuzz_ .c
tested add_cli_test tests/cli/ .bats
tested add_meta_test tests/meta/ .sh
tested add_e2e_test tests/e2e/ .sh
tested add_e2e_program tests/e2e/ .c
tested add_bench tests/bench/ .sh
exit $status
