#!/usr/bin/env bats
# sandbox.bats: what a command sees inside the sandbox, and that nothing of it remains outside.
# These run in a sandbox themselves: one inside the other.

load helpers

setup() {
	need_root
}

keep() {
	"$SANDBOX" --keep "$IPCTOOL_BUILD" "$@"
}

@test "fresh namespaces of every sort" {
	local name
	for name in ipc mnt net pid uts; do
		[[ $(keep readlink "/proc/self/ns/$name") != "$(readlink "/proc/self/ns/$name")" ]]
	done
	[[ $(keep readlink /proc/self/ns/user) == "$(readlink /proc/self/ns/user)" ]]
}

@test "System V objects, abstract sockets and processes outside are not seen" {
	fixture q mq-sysv
	fixture u unix abstract=outside
	[[ $(keep cat /proc/sysvipc/msg | wc -l) == 1 ]]
	[[ $(keep cat /proc/net/unix | wc -l) == 1 ]]
	[[ $(keep sh -c 'ls -d /proc/[0-9]* | wc -l') -le 4 ]]
}

@test "own tmpfs where objects live; files made there do not come out" {
	local dir
	for dir in /dev/shm /run /tmp /var/tmp; do
		touch "$dir/outside"
		keep sh -c "test ! -e $dir/outside && touch $dir/inside"
		[[ ! -e $dir/inside ]]
		rm "$dir/outside"
	done
}

@test "loopback is up, and nothing else" {
	[[ $(keep ip -o link | wc -l) == 1 ]]
	keep sh -c 'ip -o addr | grep -q 127.0.0.1/8 && ip -o addr | grep -q ::1/128'
}

@test "--mqueue mounts /dev/mqueue, otherwise it is an empty directory" {
	# Not mountpoint(1): mountinfo still lists what the outer sandbox has mounted there, covered by now.
	[[ $(keep --mqueue stat -f -c %T /dev/mqueue) == mqueue ]]
	[[ $(keep stat -f -c %T /dev/mqueue) == tmpfs ]]
	[[ -z $(keep ls /dev/mqueue) ]]
}

@test "--user runs without capabilities and cannot get them back" {
	keep --user nobody sh -c 'test "$(id -un)" = nobody && test "$(id -G)" = "$(id -g)"'
	keep --user nobody grep -q '^CapEff:.0000000000000000' /proc/self/status
	keep --user nobody grep -q '^CapBnd:.0000000000000000' /proc/self/status
	keep --user nobody grep -q '^NoNewPrivs:.1' /proc/self/status
	run -125 --separate-stderr keep --user no-such-user true
}

@test "--keep and the working directory stay reachable below /tmp" {
	mkdir -p /tmp/kept/deep /tmp/here
	touch /tmp/kept/deep/file /tmp/here/file
	keep --keep /tmp/kept/deep test -e /tmp/kept/deep/file
	run ! keep test -e /tmp/kept
	cd /tmp/here
	keep test -e file
	rm -r /tmp/kept /tmp/here
}

@test "the exit status is the command's" {
	run -0 keep true
	run -3 keep sh -c 'exit 3'
	run -137 keep sh -c 'kill -KILL $$'
	run -127 --separate-stderr keep no-such-command
	run -125 --separate-stderr "$SANDBOX"
}

@test "what the command leaves running dies with it" {
	keep sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- & echo started'
	run ! pgrep -x sleep
}

@test "killing the sandbox kills everything in it" {
	keep sleep 1001 3>&- 4>&- &
	local pid=$!
	eventually pgrep -f '^sleep 1001$'
	kill -KILL "$(pgrep -o -f "sandbox .*sleep 1001")"
	eventually eval '! pgrep -f "^sleep 1001\$"'
	run wait "$pid"
}

@test "an ordinary user is told what is missing, status 77" {
	run -77 --separate-stderr setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$SANDBOX" --user nobody true
	[[ ${#stderr_lines[@]} -eq 1 ]]
}
