#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What packaging/ has is well formed: systemd has nothing to say about the units and does not find that the service may do too much,
# the scripts are sound, and the prefix /usr gives the paths of a distribution.
set -eu

units=$BUILD_DIR/packaging
packaging=$SOURCE_DIR/packaging
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "$*"
	exit 1
}

# ---- units ------------------------------------------------------------------------------------------------

# In tenths; systemd 252 counts 26. What it counts are the things that the service cannot do without.
EXPOSURE=30

cp "$units/ipctool-clean.timer" "$dir"
# The command has to be there, and is not installed.
sed "s|^ExecStart=[^ ]*|ExecStart=$IPCTOOL|" "$units/ipctool-clean.service" >"$dir/ipctool-clean.service"
# As root it leaves files in /run/systemd.
analyze() {
	if unshare --mount true 2>/dev/null; then
		unshare --mount --propagation private sh -c 'mount -t tmpfs none /run && exec systemd-analyze "$@"' sh "$@"
	else
		systemd-analyze "$@"
	fi
}

if command -v systemd-analyze >/dev/null; then
	said=$(analyze verify --man=no "$dir/ipctool-clean.service" "$dir/ipctool-clean.timer" 2>&1) ||
		fail "systemd-analyze verify: status $?: $said"
	[ -z "$said" ] || fail "systemd-analyze verify: $said"
	if systemd-analyze --help | grep -q -e --offline; then
		said=$(analyze security --no-pager --offline=yes --threshold=$EXPOSURE "$dir/ipctool-clean.service" 2>&1) ||
			fail "the service may do too much: $said"
		echo "$said" | tail -n 1
	fi
else
	echo "systemd-analyze is missing: the units were not verified"
fi

# Each capability with what it is for.
awk '/^CapabilityBoundingSet=/ && last !~ /^#/ { print "no reason given: " $0; bad = 1 } { last = $0 } END { exit bad }' \
	"$units/ipctool-clean.service"
for name in bindir sysconfdir; do
	run=$(grep -l "@$name@" "$units/ipctool-clean.service" "$units/cron.d/ipctool-clean") && fail "not configured: $run"
done

# ---- scripts ----------------------------------------------------------------------------------------------

for script in slurm/epilog.sh container/entrypoint.sh; do
	[ -x "$packaging/$script" ] || fail "$script is not executable"
	sh -n "$packaging/$script"
	if command -v shellcheck >/dev/null; then
		shellcheck "$packaging/$script"
	fi
done

# Comments, settings, and one line of five times, a user and a command.
grep -vE '^(#.*|[A-Z]+=[^ ]+|)$' "$units/cron.d/ipctool-clean" >"$dir/entries"
if [ "$(wc -l <"$dir/entries")" -ne 1 ] || ! grep -qE '^([0-9*,/-]+ ){4}[0-9*,/-]+	root	[^%]*$' "$dir/entries"; then
	fail "not an entry for cron: $(cat "$dir/entries")"
fi

# ---- a distribution's paths ---------------------------------------------------------------------------------

"$CMAKE" -S "$SOURCE_DIR" -B "$dir/usr" -DCMAKE_C_COMPILER="$CC" -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_TESTING=OFF \
	>"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
for line in "ExecStart=/usr/bin/ipctool clean --apply --quiet \$CLEAN_OPTIONS" "EnvironmentFile=-/etc/ipctool/clean.env"; do
	grep -qxF "$line" "$dir/usr/packaging/ipctool-clean.service" || fail "with the prefix /usr the service has no line $line"
done
if grep -q 'inih ON' "$dir/log"; then
	grep -q '"/etc/ipctool/clean.d' "$dir/usr/packaging/cmake_install.cmake" || fail "with the prefix /usr the policy does not go to /etc"
fi
grep -rqF 'IPCTOOL_SYSCONFDIR=\"/etc\"' "$dir/usr/cmd" || fail "with the prefix /usr the command reads other policies than /etc's"
