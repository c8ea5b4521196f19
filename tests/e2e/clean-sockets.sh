#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files of live sockets that are hard to see: bound through an overlay, from a network namespace that one thread keeps, and from one
# that nothing but the socket keeps. Beside each lies a stale file, which goes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
for command in python3 jq unshare; do
	command -v $command >/dev/null || skip "$command is not installed"
done
enter_private
show_all_processes

work=$(mktemp -d /tmp/sockets.XXXXXX) || exit 1
exec {never}<> <(:)
failed=0 server=
finish() {
	[[ -z $server ]] || kill -KILL "$server" 2>/dev/null
	wait 2>/dev/null
}
trap finish EXIT

cat >"$work/server.py" <<'PYTHON'
import ctypes, os, socket, sys, threading

def serve(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server

def move():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        raise OSError(ctypes.get_errno(), "no network namespace")

def ready():
    print("ready", flush=True)

def thread(path, stay):
    move()
    kept.append(serve(path))
    ready()
    while stay:
        threading.Event().wait()

how, path = sys.argv[1:]
kept = []
if how == "plain":
    kept.append(serve(path))
    ready()
else:
    threading.Thread(target=thread, args=(path, how == "thread"), daemon=True).start()
sys.stdin.read()
PYTHON

# serve HOW PATH: $server does, until `close`.
serve() {
	local deadline=$((SECONDS + 30))
	rm -f "$work/ready"
	python3 "$work/server.py" "$@" <&"$never" >"$work/ready" 2>"$work/error" &
	server=$!
	until [[ -s $work/ready ]]; do
		kill -0 "$server" 2>/dev/null || { echo "server $*: $(<"$work/error")"; exit 1; }
		((SECONDS < deadline)) || { echo "server $*: not ready"; exit 1; }
		read -r -t 0.02 -u "$never"
	done
	[[ $1 != socket ]] || until [[ $(ls "/proc/$server/task" | wc -l) -eq 1 ]]; do
		((SECONDS < deadline)) || { echo "server $*: its thread does not end"; exit 1; }
		read -r -t 0.02 -u "$never"
	done
}

close() {
	kill -KILL "$server"
	wait "$server" 2>/dev/null
	server=
}

stale() {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1" || exit 1
}

# Namespaces of others on this host may end while they are looked at, which is a doubt of its own: again then.
clean() {
	local try
	for try in {1..10}; do
		"$IPCTOOL" clean --min-age 0 "$@" --json -o +state,verdict,evidence sock/unix >"$work/out" 2>"$work/error"
		jq -es 'all(.[]; .complete)' "$work/out" >/dev/null && return
	done
	return 1
}

apply() {
	clean --apply --lock "$work/lock" --no-syslog
}

wrong() {
	echo "FAILED: $*"
	cat "$work/out" "$work/error"
	failed=1
}

kept() {
	[[ -S $1 ]] || wrong "$1 was removed, $2"
}

removed() {
	[[ ! -e $1 ]] || wrong "$1 was kept, $2"
}

# doubt PATH TEXT: so says the evidence, before anything is removed.
doubt() {
	clean
	jq -es --arg ref "sock:$1" --arg text "$2" 'any(.[].objects[];
		.ref == $ref and .state == "unknown" and .verdict == "keep" and any(.evidence[]; contains($text)))' "$work/out" \
		>/dev/null || wrong "$1 is not doubtful because of '$2'"
}

connects() {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$1" || wrong "nobody answers at $1"
}

use_far_inodes
stale /run/first.sock
clean || skip "this host shows root too little to prove anything"
apply
removed /run/first.sock "though nothing speaks for it"

# ---- through an overlay: the socket's file has the device of the overlay, and the inode of the file below it -------

mkdir "$work"/{lower,upper,work,merged} || exit 1
if mount -t overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" none "$work/merged" 2>"$work/error"; then
	serve plain "$work/merged/app.sock"
	stale "$work/upper/stale.sock"
	doubt "$work/upper/app.sock" "same number on another file system"
	apply
	kept "$work/upper/app.sock" "which a socket is bound to through an overlay"
	removed "$work/upper/stale.sock" "beside one that is bound through an overlay"
	connects "$work/merged/app.sock"
	close
	# Two file systems in memory number their files alike, and neither shows the other's.
	mkdir "$work"/{one,other} && mount -t tmpfs none "$work/one" && mount -t tmpfs none "$work/other" || exit 1
	stale "$work/one/same.sock"
	serve plain "$work/other/same.sock"
	[[ $(stat -c %i "$work/one/same.sock") == "$(stat -c %i "$work/other/same.sock")" ]] || wrong "inodes differ"
	apply
	removed "$work/one/same.sock" "because of one of the same number"
	removed "$work/upper/app.sock" "though its server has ended"
	kept "$work/other/same.sock" "which a socket is bound to"
	close
else
	echo "no overlay here: $(<"$work/error")"
fi

# ---- in a network namespace that only a thread is in: it is entered by way of that thread --------------------------

serve thread /run/thread.sock
stale /run/stale.sock
apply
kept /run/thread.sock "which a socket of a thread's network namespace is bound to"
removed /run/stale.sock "beside one of a thread's network namespace"
connects /run/thread.sock
close
apply
removed /run/thread.sock "though its server has ended"

# ---- in one that only the socket keeps: nobody can say what is bound there, so everything stays --------------------

serve socket /run/socket.sock
stale /run/stale.sock
doubt /run/socket.sock "a unix socket that process $server has is in a network namespace that cannot be reached"
doubt /run/stale.sock "a unix socket that process $server has is in a network namespace that cannot be reached"
apply
kept /run/socket.sock "which a socket of a namespace without processes is bound to"
kept /run/stale.sock "which such a socket might be bound to"
connects /run/socket.sock
close
apply
removed /run/socket.sock "though its server has ended"
removed /run/stale.sock "though the odd socket is closed"

# An ordinary server is no reason to keep anything.
serve plain /run/plain.sock
stale /run/stale.sock
apply
kept /run/plain.sock "which a socket is bound to"
removed /run/stale.sock "beside an ordinary server"
close
exit $failed
