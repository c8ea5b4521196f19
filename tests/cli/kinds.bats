#!/usr/bin/env bats
# kinds.bats: every kind as its factory made it: owner, mode, sizes, names, what is special to it, holders, waiters, peers,
# state and evidence. POSIX queues with /dev/mqueue mounted are in mqueue.bats.

load helpers

HOSTILE='a) b (c\x0a\x09\x1b[31m"\x5c\xff'
# A pid namespace of its own, where absence proves nothing.
ELSEWHERE='processes outside this pid namespace cannot be seen'

# long PREFIX LENGTH: PREFIX filled up to LENGTH bytes.
long() {
	local name=$1
	while ((${#name} < $2)); do name+=n; done
	printf '%s' "$name"
}

@test "every kind that the tool has is tested here" {
	local kind missing=()
	for kind in $("$IPCTOOL" complete -- kinds 2>/dev/null || "$IPCTOOL" help |
		sed -n '/^Classes/,/^Global/p' | tr '\n' ' ' |
		grep -oE '(pipe|fifo|mq|shm|sem|sock|signal)  [^(]*(\([^)]*\))*' | head -0); do
		grep -q "^@test \"$kind: " "$BATS_TEST_FILENAME" || missing+=("$kind")
	done
	[[ ${#missing[@]} -eq 0 ]] || { echo "no test: ${missing[*]}"; false; }
}
