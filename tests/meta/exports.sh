#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The functions that the library exports, those of its version script, and those of the header are the same.
set -eu
export LC_ALL=C

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

sed -n '/^IPC_EXPORT/s/.*[ *]\(ipc_[a-z0-9_]*\)(.*/\1/p' "$SOURCE_DIR"/include/ipctool/*.h | sort >"$dir/header"
sed -n 's/^[[:space:]]*\(ipc_[a-z0-9_]*\);$/\1/p' "$SOURCE_DIR/lib/libipctool.sym" >"$dir/script-as-written"
sort "$dir/script-as-written" >"$dir/script"
# nm prints NAME@@VERSION; an export without one has escaped the version script.
"$NM" -D --defined-only --with-symbol-versions "$BUILD_DIR/libipctool.so" | sed 's/^[0-9a-f]* *[A-Za-z] //' |
	sed '/^LIBIPCTOOL_[0-9.]*\(@@*LIBIPCTOOL_[0-9.]*\)*$/d' | sort >"$dir/versioned"
sed 's/@@*.*//' "$dir/versioned" >"$dir/library"

status=0
count=$(cat "$SOURCE_DIR"/include/ipctool/*.h | grep -c '^IPC_EXPORT')
[ "$(wc -l <"$dir/header")" -eq "$count" ] || { echo "the header has $count IPC_EXPORT, not all were understood"; status=1; }
if grep -v '@@LIBIPCTOOL_[0-9.]*$' "$dir/versioned"; then
	echo "exported above without a version"
	status=1
fi
diff -u "$dir/script-as-written" "$dir/script" || { echo "libipctool.sym is not sorted"; status=1; }
diff -u "$dir/header" "$dir/script" || { echo "header (-) and libipctool.sym (+) differ"; status=1; }
diff -u "$dir/script" "$dir/library" || { echo "libipctool.sym (-) and the library (+) differ"; status=1; }
exit $status
