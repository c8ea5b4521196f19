#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same host as an ordinary user: the answer is shorter and says so; nothing fails, nothing crashes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fixtures.bash"

command -v python3 >/dev/null || skip "python3 is not installed"
[[ $EUID -eq 0 ]] || skip "needs root, to become nobody"
id nobody >/dev/null 2>&1 || skip "there is no user nobody"

nobody=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs --)
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
# The build tree may be where nobody cannot go: what the program needs is copied, and found by its new place.
chmod 755 "$directory"
cp "$IPCTOOL" "$directory/ipctool"
cp -L "$BUILD_DIR"/lib/libipctool.so* "$directory" 2>/dev/null || cp -L "$BUILD_DIR"/libipctool.so* "$directory" 2>/dev/null
ipctool=("${nobody[@]}" env LD_LIBRARY_PATH="$directory" "$directory/ipctool")
"${ipctool[@]}" --version >/dev/null || skip "nobody cannot run it here"

status=0
# expect STATUS ARGUMENT...: the exit status, and standard output in $directory/out.
expect() {
	local wanted=$1 got=0
	shift
	timeout 60 "${ipctool[@]}" "$@" >"$directory/out" 2>"$directory/err" </dev/null || got=$?
	if [[ $got -ne $wanted ]]; then
		echo "ipctool $*: exit $got, not $wanted: $(head -c 500 "$directory/err")"
		status=1
	fi
	if grep -q 'Sanitizer\|runtime error' "$directory/err"; then
		echo "ipctool $*: $(head -c 2000 "$directory/err")"
		status=1
	fi
}

expect 0 list
expect 0 list --all
expect 3 list --all --strict
expect 0 list --all --all-namespaces --json
expect 0 list --all --tree
expect 0 list --all --raw
expect 0 list --all --count
expect 0 list --all --jsonl
for class in pipe fifo mq shm sem sock signal; do
	expect 0 show "$class"
	expect 0 list "$class" --json
	python3 -m json.tool "$directory/out" >/dev/null || { echo "list $class --json: no JSON"; status=1; }
done
"${nobody[@]}" "$BASH" -c 'exec sleep 60' &
own=$!
expect 0 show "signal:$own"
kill "$own"

expect 0 list --all --json
python3 - "$directory/out" <<'END' || status=1
import json, sys
document = json.load(open(sys.argv[1], encoding="utf-8"))
assert document["schema"] == 1
assert document["complete"] is False, "the files of root's processes are hidden, and it says complete"
assert document["errors"], "incomplete without a reason"
for error in document["errors"]:
    assert error["what"] and error["why"], error
    print(f"{error['what']}: {error['why']}")
print(f"{len(document['objects'])} objects")
END
exit $status
