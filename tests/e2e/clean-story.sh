#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A night on a host, as its administrator sees it: a program with a segment and a semaphore set is killed, a training job leaves its
# memory, a server its socket file, and PostgreSQL is at work. Then the command of ipctool-clean.service runs, with the policy that
# is installed with it: nothing but PostgreSQL's and what lives is left, and PostgreSQL answers.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/private.bash"
. "$here/servers.bash"
for command in python3 jq setpriv; do
	command -v $command >/dev/null || skip "$command is not installed"
done
bin=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | tail -n 1)
[[ -n $bin ]] || bin=$(dirname "$(command -v postgres)")
[[ -x $bin/postgres && -x $bin/psql ]] || skip "PostgreSQL is not installed"
"$IPCTOOL" --version | grep -q '+inih' || skip "this build reads no policies"
enter_private
show_all_processes

failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}

trap end_descendants EXIT

# What ipctool shows, but for what goes with its last user anyway, and for FIFOs that other processes of this host have elsewhere.
shown() {
	"$IPCTOOL" list -q shm/sysv shm/posix sem mq fifo 2>/run/list.error | grep -v '^fifo:@' | sort
	"$IPCTOOL" list -q --state orphan,suspect,idle,unknown sock/unix 2>>/run/list.error | sort
}

# ---- what lives -----------------------------------------------------------------------------------------------------------

client=("$bin/psql" -h /tmp -d postgres -U nobody -qAt)
start_postgresql || exit 1
"${client[@]}" -c 'create table kept as select generate_series(1, 10000) i' || wrong "no table"
query="select sum(i) from kept"

cat >/run/jobs.py <<'PYTHON'
"""jobs.py NAME: what a program of this sort makes; then it waits to be killed."""
import ctypes, os, pwd, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
CREATE = 0o1000


def solver():
    segment = libc.shmget(0, ctypes.c_size_t(1 << 20), CREATE | 0o600)
    libc.shmat(segment, None, 0)
    locks = libc.semget(0x736f6c76, 3, CREATE | 0o600)
    libc.semop(locks, (ctypes.c_short * 3)(0, 1, 0), ctypes.c_size_t(1))
    return [f"shm:{segment}", f"sem:{locks}"]


def training():
    names = [f"/torch_{os.getpid()}_{7919 * index}_{index}" for index in range(20)]
    for name in names:
        with open("/dev/shm" + name, "wb") as file:
            file.write(bytes(4096))
    return ["shm:" + name for name in names]


def server():
    path = sys.argv[2]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    kept.append(listener)
    return ["sock:" + path]


kept = []
# Here, because nobody may not be able to start this interpreter.
user = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
print(*globals()[sys.argv[1]](), sep="\n", flush=True)
signal.pause()
PYTHON
chmod 1777 /run

# job NAME [ARGUMENT]: its references are in /run/NAME.refs and its process in $job.
job() {
	rm -f "/run/$1.refs"
	python3 -B /run/jobs.py "$@" >"/run/$1.refs" 2>/run/job.error &
	job=$!
	await "$1" test -s "/run/$1.refs" || { cat /run/job.error; exit 1; }
}

job training
mv /run/training.refs /run/living.refs
job server /run/living.sock
cat /run/server.refs >>/run/living.refs
before=$(shown)
[[ ! -s /run/list.error ]] || echo "list: $(head -n 1 /run/list.error)"
echo "$(grep -c . <<<"$before") objects of PostgreSQL and of what lives"

# ---- what is left ----------------------------------------------------------------------------------------------------------

: >/run/garbage
for name in solver training server; do
	job $name /run/left.sock
	kill -KILL "$job"
	wait "$job" 2>/dev/null
	cat /run/$name.refs >>/run/garbage
done
left=$(shown)
while read -r reference; do
	grep -qxF -- "$reference" <<<"$left" || wrong "$reference is not listed before"
done </run/garbage

# ---- the night ---------------------------------------------------------------------------------------------------------------

# Of a set nothing but its key and its owner tell that it is this program's: that is for a rule of the site to say.
mkdir /run/clean.d
cp "$SOURCE_DIR/packaging/clean.d/50-known.conf" /run/clean.d/
cat >/run/clean.d/10-site.conf <<'POLICY'
[locks of the solver]
action = remove
kind = sem/sysv
key = 0x736f6c76
state = suspect
POLICY
"$IPCTOOL" clean --check-policy --policy-dir /run/clean.d || wrong "the policies have faults"

# What the unit says, with the options that an administrator puts into its environment file.
service=$(sed -n 's/^ExecStart=//p' "$SOURCE_DIR/packaging/systemd/ipctool-clean.service.in")
[[ $service == "@bindir@/ipctool clean --apply "*'$CLEAN_OPTIONS' ]] || wrong "the unit starts something else: $service"
CLEAN_OPTIONS="--min-age 0 --no-syslog --log /run/log --policy-dir /run/clean.d"
read -r -a service <<<"${service/'$CLEAN_OPTIONS'/$CLEAN_OPTIONS}"
# A namespace of others on this host may end while it is looked at, and so cast doubt on what is garbage: the next night then.
for night in {1..5}; do
	status=0
	said=$("$IPCTOOL" "${service[@]:1}" 2>&1 </dev/null) || status=$?
	((status == 0 || status == 3)) || wrong "the service ended with status $status"
	[[ -z $said ]] || echo "the service said: $said"
	after=$(shown)
	[[ $after != "$before" ]] || break
	echo "night $night: $(comm -13 <(echo "$before") <(echo "$after") | grep -c .) pieces of garbage were not proven to be any"
done
[[ $after == "$before" ]] || wrong "there is more or less than what lives: $(diff <(echo "$before") <(echo "$after"))"
[[ $(jq -r .ref /run/log | sort) == "$(sort /run/garbage)" ]] ||
	wrong "the log has other objects: $(diff <(jq -r .ref /run/log | sort) <(sort /run/garbage))"
[[ ! -e /run/left.sock ]] || wrong "the socket file is there"
[[ -z $(awk 'FNR > 1 && $1 == 0x736f6c76' /proc/sysvipc/sem) ]] || wrong "the set is there"
[[ $("$IPCTOOL" list -q --state orphan,suspect 2>/dev/null) == "" ]] || wrong "garbage is listed: $("$IPCTOOL" list --state orphan,suspect)"
[[ $("${client[@]}" -c "$query") == 50005000 ]] || wrong "PostgreSQL does not answer"
while read -r reference; do
	grep -qxF -- "$reference" <<<"$after" || [[ $reference == sock:* && -S ${reference#*:} ]] || wrong "$reference is gone"
done </run/living.refs
python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("/run/living.sock")' || wrong "the living server does not answer"
echo "$(grep -c . /run/log) removed by ${service[*]:1}; PostgreSQL answers"
exit $failed
