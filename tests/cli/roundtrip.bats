#!/usr/bin/env bats
# roundtrip.bats: what list prints, show takes back, and it is the same object: every REF and every HANDLE of every kind.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'

# takes_back CLASS[/KIND] NAME: each object listed there comes back by its reference and by its handle, and NAME's is among them.
takes_back() {
	local ref handle seen=0
	while IFS=$'\t' read -r ref handle; do
		[[ $ref == "${2-}" || $handle == "${2-}" ]] && seen=1
		local word
		for word in "$ref" "$handle"; do
			run "$IPCTOOL" show --raw -n -o ref,handle -- "$word"
			[[ $status -eq 0 ]] || { echo "show $word: $status: $output"; return 1; }
			[[ $output == "$ref"$'\t'"$handle" ]] || { echo "$word came back as $output, not $ref $handle"; return 1; }
		done
	done < <("$IPCTOOL" list -r -n -o ref,handle ${3-} -- "$1" | grep -v "($BASHPID)")
	[[ -z ${2-} || $seen -eq 1 ]] || { echo "$2 is not listed by: list $1"; "$IPCTOOL" list "$1"; return 1; }
}

@test "fifo: hostile path, unlinked, blocked" {
	fixture plain fifo "path=/tmp/$HOSTILE" open=rw
	fixture gone fifo path=/tmp/gone open=r unlinked=1
	fixture blocked fifo path=/tmp/blocked blocked=w
	takes_back fifo "fifo:$(fx plain .path)"
	takes_back fifo "fifo:@$(fx gone .dev):$(fx gone .inode)"
	takes_back fifo fifo:/tmp/blocked
}

@test "mq: id and key, hostile and unlinked POSIX names" {
	fixture sysv mq-sysv key=0x1234
	fixture private mq-sysv
	takes_back mq "mq:$(fx sysv .id)"
	takes_back mq "mq:$(fx private .id)"
	run_ipctool show --raw -n -o ref mq:0x1234
	[[ $output == "mq:$(fx sysv .id)" ]]
	[[ $(id -u) -eq 0 ]] || return 0 # without a mounted mqueue only root sees the others
	fixture posix mq-posix "name=/$HOSTILE"
	fixture gone mq-posix name=/gone unlinked=1
	takes_back mq "mq:$(fx posix .name)"
	takes_back mq "mq:@$(fx gone .dev):$(fx gone .inode)"
}

@test "shm: every kind" {
	fixture sysv shm-sysv key=0x77 attach=1
	fixture posix shm-posix "name=$HOSTILE"
	fixture nested shm-posix name=b dir=sub
	fixture gone shm-posix name=c unlinked=1 map=1
	fixture memfd memfd "name=$HOSTILE" map=1
	fixture anon anon
	fixture file file "path=/tmp/$HOSTILE"
	takes_back shm/sysv "shm:$(fx sysv .id)"
	takes_back shm/posix "shm:$(fx posix .name)"
	takes_back shm/posix shm:/sub/b
	takes_back shm/posix "shm:@$(fx gone .dev):$(fx gone .inode)"
	takes_back shm/memfd "shm:@$(fx memfd .dev):$(fx memfd .inode)"
	takes_back shm/anon "shm:@$(fx anon .dev):$(fx anon .inode)"
	takes_back shm/file "shm:file:$(fx file .path)"
}

@test "sem: every kind" {
	fixture sysv sem-sysv key=0x78 values=1,2
	fixture posix sem-posix "name=x y"
	fixture gone sem-posix name=gone unlinked=1
	fixture unnamed sem-unnamed memory=anon
	takes_back sem/sysv "sem:$(fx sysv .id)"
	takes_back sem/posix 'sem:/x y'
	takes_back sem/posix "sem:@$(fx gone .dev):$(fx gone .inode)"
	takes_back sem/unnamed
}

@test "sock: unix names of every sort, and a stale file" {
	fixture listener unix "path=/tmp/$HOSTILE" listen=3 connect=2
	fixture abstract unix 'abstract=x\x00y' listen=1
	fixture rebound unix path=/tmp/again rebind=1
	fixture stale unix path=/tmp/stale stale=1
	fixture pair unix pair=1
	takes_back sock/unix "sock:$(fx listener .inode)"
	takes_back sock/unix "sock:$(fx abstract .inode)"
	takes_back sock/unix sock:/tmp/stale
	# By name: the listener, not what it accepted.
	run_ipctool show -r -n -o ref "sock:$(fx listener .path)"
	[[ $output == "sock:$(fx listener .inode)" ]]
	run_ipctool show -r -n -o ref 'sock:@x\x00y'
	[[ $output == "sock:$(fx abstract .inode)" ]]
}

@test "sock: tcp over IPv4 and IPv6, TIME_WAIT, SO_REUSEPORT, udp, raw, packet, netlink" {
	fixture four tcp listen=3 connect=1
	fixture six tcp family=6 listen=3 connect=1
	fixture wait tcp timewait=1
	fixture port tcp reuseport=2
	fixture udp udp connect=1
	takes_back sock/tcp
	takes_back sock/udp
	takes_back sock/netlink
	if [[ $(id -u) -eq 0 ]]; then
		fixture raw raw proto=200
		fixture packet packet
		takes_back sock/raw
		takes_back sock/packet
	fi
	# An address that two listeners share names neither: the candidates are listed.
	run_ipctool show "sock:tcp:127.0.0.1:$(fx port .port)"
	[[ $status -eq 2 ]]
	[[ $stderr == *"sock:$(fx port '.group[0].inode')"* || $output == *"sock:$(fx port '.group[0].inode')"* ]]
}

@test "pipe and signal" {
	fixture pipe pipe readers=2 writers=2
	# Not all of them: processes of the test itself come and go.
	local handle
	handle=$("$IPCTOOL" show -r -n -o handle "signal:$(fx pipe .pid)")
	run_ipctool show -r -n -o ref -- "$handle"
	[[ $output == "signal:$(fx pipe .pid)" ]]
	run_ipctool show -r -n -o ref "pipe:$(fx pipe .inode)"
	[[ $output == "pipe:$(fx pipe .inode)" ]]
}

@test "a handle of an object that was replaced says so and exits 4" {
	mkfifo /tmp/f
	local handle
	handle=$("$IPCTOOL" show -r -n -o handle fifo:/tmp/f)
	rm /tmp/f
	mkfifo /tmp/f
	run_ipctool show -- "$handle"
	[[ $status -eq 4 ]]
	[[ $stderr == *replaced* ]]
}

@test "objects of another namespace carry it, and are found by it" {
	need_root
	unshare --ipc --net --mount --propagation private sh -c '
		mount -t tmpfs tmpfs /dev/shm && ipcmk -Q >/dev/null && : >/dev/shm/inside && mkfifo /dev/shm/pipe &&
		echo ready >&3 && exec sleep 1000' 3>"$BATS_TEST_TMPDIR/ready" &
	local child=$!
	eventually test -s "$BATS_TEST_TMPDIR/ready"
	local ipc mnt
	ipc=$(readlink "/proc/$child/ns/ipc"); ipc=${ipc//[^0-9]/}
	mnt=$(readlink "/proc/$child/ns/mnt"); mnt=${mnt//[^0-9]/}
	run_ipctool list -q --all-namespaces mq shm fifo
	[[ $output == *"mq@$ipc:0"* ]]
	[[ $output == *"shm@$mnt:/inside"* ]]
	[[ $output == *"fifo@$mnt:/dev/shm/pipe"* ]]
	takes_back mq "mq@$ipc:0" --all-namespaces
	takes_back shm/posix "shm@$mnt:/inside" --all-namespaces
	takes_back fifo "fifo@$mnt:/dev/shm/pipe" --all-namespaces
	# The caller's own queue of that number does not answer.
	run_ipctool show mq:0
	[[ $status -eq 4 ]]
	run_ipctool list -q --namespace "$child" mq
	[[ $output == "mq@$ipc:0" ]]
	kill "$child"
}
