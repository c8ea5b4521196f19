#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The installed package is usable: the example is built against it by pkg-config and by CMake, and finds real queues.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/prefix

fail() {
	echo "$*"
	exit 1
}

"$CMAKE" --install "$BUILD_DIR" --prefix "$prefix" >"$dir/install.log" 2>&1 || { cat "$dir/install.log"; exit 1; }
pc=$(find "$prefix" -name ipctool.pc)
libdir=$(dirname "$(find "$prefix" -name 'libipctool.so')")
[ -n "$pc" ] || fail "no ipctool.pc installed"
for header in change clean dump ipctool monitor; do
	[ -f "$prefix/include/ipctool/$header.h" ] || fail "$header.h is not installed"
done
[ -x "$prefix/bin/ipctool" ] || fail "no command installed"

# What runs it unattended. A build that cannot read policies has none.
for file in lib/systemd/system/ipctool-clean.service lib/systemd/system/ipctool-clean.timer; do
	[ -f "$prefix/$file" ] || fail "$file is not installed"
done
for file in README.md cron.d/ipctool-clean slurm/epilog.sh container/entrypoint.sh; do
	[ -f "$prefix/share/doc/ipctool/examples/$file" ] || fail "the example $file is not installed"
done
[ -x "$prefix/share/doc/ipctool/examples/slurm/epilog.sh" ] || fail "the epilog is not executable"
[ ! -e "$prefix/etc/cron.d" ] || fail "the line for cron is active"
policy=$prefix/etc/ipctool/clean.d
mkdir "$dir/none"
: >"$dir/empty.conf"
if "$IPCTOOL" clean --check-policy --policy-dir "$dir/none" --policy "$dir/empty.conf" >/dev/null 2>&1; then
	"$IPCTOOL" clean --check-policy --policy-dir "$policy" || fail "the installed policy is refused"
elif [ -e "$policy/50-known.conf" ]; then
	fail "a policy is installed, and cannot be read"
fi

# The command finds the library of its own prefix.
"$prefix/bin/ipctool" --version >/dev/null || fail "the installed command does not run"
# What is loaded later it finds as well, where BPF works here.
if "$IPCTOOL" list pipe -q --holders-from bpf >/dev/null 2>&1; then
	"$prefix/bin/ipctool" list pipe -q --holders-from bpf >/dev/null || fail "the installed command has no BPF"
fi

# pkg-config
export PKG_CONFIG_PATH="${pc%/*}"
case $(pkg-config --cflags ipctool) in
*"$SOURCE_DIR"*) fail "ipctool.pc points into the source tree" ;;
esac
# shellcheck disable=SC2046 # pkg-config prints words
for example in list-queues watch; do
	"$CC" -std=c11 -Wall -Wextra -Werror "$SOURCE_DIR/examples/$example.c" $(pkg-config --cflags --libs ipctool) \
		-o "$dir/$example"
done

# find_package
mkdir "$dir/project"
cp "$SOURCE_DIR/examples/list-queues.c" "$dir/project"
cat >"$dir/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(ipctool 0.1 REQUIRED)
add_executable(list-queues list-queues.c)
target_link_libraries(list-queues PRIVATE ipctool::ipctool)
END
{
	"$CMAKE" -S "$dir/project" -B "$dir/project/build" -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$prefix" &&
		"$CMAKE" --build "$dir/project/build"
} >"$dir/project.log" 2>&1 || { cat "$dir/project.log"; exit 1; }

# Both in an ipc namespace of their own that holds two queues and nothing else.
command -v ipcmk >/dev/null || { echo "installed and built; ipcmk is missing to run it"; exit 77; }
unshare=
for options in "--ipc" "--ipc --map-root-user"; do
	# shellcheck disable=SC2086 # options are words
	if unshare $options true 2>/dev/null; then
		unshare="unshare $options"
		break
	fi
done
[ -n "$unshare" ] || { echo "installed and built; no right to make an ipc namespace to run it in"; exit 77; }

for program in "$dir/list-queues" "$dir/project/build/list-queues"; do
	# shellcheck disable=SC2016,SC2086 # the inner shell expands, unshare is words
	LD_LIBRARY_PATH=$libdir $unshare sh -eu -c '
		ids=$( { ipcmk -Q; ipcmk -Q; } | sed "s/.*: *//")
		out=$("$1") || status=$?
		echo "$out"
		# 3: POSIX queues may be out of reach here (no mount, no privilege); those of System V are not.
		[ "${status:-0}" -eq 0 ] || [ "$status" -eq 3 ]
		for id in $ids; do
			echo "$out" | grep -q "^mq:$id	0	0\$" || { echo "mq:$id is missing"; exit 1; }
		done
		[ "$(echo "$out" | grep -c "^mq:")" -eq 2 ] || { echo "not exactly two queues"; exit 1; }
	' sh "$program"
done

# The other example tells of both queues, wherever its events come from, and ends when it is asked to.
if [ "$(id -u)" -ne 0 ]; then
	echo "installed, built and run but for watch, which root alone can see queues with here"
	exit 0
fi
# shellcheck disable=SC2016,SC2086 # the inner shell expands, unshare is words
LD_LIBRARY_PATH=$libdir $unshare sh -eu -c '
	"$1" mq/sysv >"$2/out" 2>"$2/err" &
	watch=$!
	trap "kill -KILL $watch 2>/dev/null || :" EXIT
	until grep -q "^watching" "$2/err"; do
		kill -0 $watch 2>/dev/null || { cat "$2/err"; exit 1; }
		sleep 0.05
	done
	for id in $( { ipcmk -Q; ipcmk -Q; } | sed "s/.*: *//"); do
		until grep -qE "^create mq:$id( |\$)" "$2/out"; do
			kill -0 $watch
			sleep 0.05
		done
	done
	kill -TERM $watch
	wait $watch
' sh "$dir/watch" "$dir"
