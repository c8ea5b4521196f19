#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The public headers compile alone: as strict C11, and as C++17.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '#include <ipctool/%s.h>\n' clean dump change ipctool >"$dir/alone.c"
echo 'extern int nothing_else;' >>"$dir/alone.c"
cp "$dir/alone.c" "$dir/alone.cc"
flags="-Wall -Wextra -Werror -fsyntax-only -I $SOURCE_DIR/include"

# shellcheck disable=SC2086 # flags are words
"$CC" -std=c11 -Wpedantic $flags "$dir/alone.c"

cxx=
for candidate in ${CXX:-} c++ g++ clang++; do
	if command -v "$candidate" >/dev/null 2>&1; then
		cxx=$candidate
		break
	fi
done
if [ -z "$cxx" ]; then
	echo "C11 passed; no C++ compiler to try C++17 with"
	exit 77
fi
# shellcheck disable=SC2086
"$cxx" -std=c++17 $flags "$dir/alone.cc"
