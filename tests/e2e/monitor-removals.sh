#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `ipctool remove` does to a file is told as one removal by the file's own name, by each source; so is what is in /dev/shm when
# that is reached by a second path, of which nobody is told. A directory there is no object.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
export LC_ALL=C
. "$here/monitor.bash"

# Is each of the objects said to be removed?
all_removed() {
	local ref
	for ref in "${objects[@]}"; do
		jq -se --arg ref "$ref" 'any(.[]; .verb == "remove" and .ref == $ref)' /run/told >/dev/null || return 1
	done
}

objects=(fifo:/run/scene.fifo fifo:/dev/shm/scene.fifo shm:/scene sem:/scene sock:/run/scene.socket)
mkdir /run/twice
mount --bind /dev/shm /run/twice || skip "no bind mounts here"
for source in netlink tracepoint; do
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/scene.socket")'
	begin told --verb create,change,remove fifo shm/posix sem/posix sock/unix
	started
	mkfifo /run/scene.fifo /dev/shm/scene.fifo
	: >/dev/shm/scene
	python3 -c 'import ctypes; ctypes.CDLL(None).sem_open(b"/scene", 0o100, 0o600, 1)'
	mkdir /dev/shm/one && mv /dev/shm/one /dev/shm/other && rmdir /dev/shm/other
	"$IPCTOOL" remove --force=unknown "${objects[@]}" >/dev/null || { wrong "$source: not removed"; exit 1; }
	until_so all_removed || wrong "$source: not all are said to be removed"
	kill -TERM "${monitors[told]}"
	wait "${monitors[told]}" || wrong "$source: exit code $?"
	jq -r 'select(.verb == "remove") | .ref' /run/told | sort >/run/got
	printf '%s\n' "${objects[@]}" | sort | diff - /run/got || wrong "$source: these are said to be removed"
	! grep -E 'ipctool-|twice|/one|/other' /run/told || wrong "$source: tells of what nobody is to know"
done

((failed)) || echo "each is removed once, by its own name"
exit $failed
