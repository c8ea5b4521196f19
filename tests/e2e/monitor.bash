# SPDX-License-Identifier: GPL-2.0-or-later
# monitor.bash: monitors in the background, each writing to /run/NAME, and what they tell compared with what was done. Sourced after
# enter_private (private.bash). MONITOR_SOURCE: another source than tracepoints. columns: what of events is written, when that is set;
# patience: for how many seconds a condition is waited for.

source=${MONITOR_SOURCE:-tracepoint}
failed=0
wrong() {
	echo "FAILED: $*"
	failed=1
}
trap 'end_descendants' EXIT
exec {never}<> <(:)
declare -A monitors

# Wait until a command succeeds. Under emulation all programs of several monitors take minutes.
until_so() {
	local end=$((SECONDS + ${patience:-300}))
	until "$@"; do
		((SECONDS < end)) || return 1
		read -r -t 0.02 -u "$never"
	done
	return 0
}

# begin NAME OPERAND|OPTION...: several begin at the same time; started waits for all of them.
begin() {
	: >"/run/$1"
	"$IPCTOOL" monitor --source "$source" --jsonl ${columns:+-o "$columns"} "${@:2}" >>"/run/$1" 2>"/run/$1.err" &
	monitors[$1]=$!
}

begun() {
	[[ -s /run/$1 ]] || ! kill -0 "${monitors[$1]}" 2>/dev/null
}

started() {
	local name
	for name in "${!monitors[@]}"; do
		until_so begun "$name" && grep -q '"start"' "/run/$name" && continue
		! grep -qE 'CAP_BPF|this build has no BPF' "/run/$name.err" || skip "$(<"/run/$name.err")"
		wrong "no start of $name: $(cat "/run/$name" "/run/$name.err")"
		exit 1
	done
}

# All end, with nothing lost. What an older kernel cannot tell of they say.
ended() {
	local name
	kill -TERM "${monitors[@]}"
	for name in "${!monitors[@]}"; do
		wait "${monitors[$name]}" || wrong "$name: exit code $?"
		jq -se '.[-1].end and (.[-1] | .complete or all(.errors[]; .why | endswith("can tell)"))) and
			all(.[]; .lost | not)' "/run/$name" >/dev/null ||
			wrong "$name: $(tail -n 1 "/run/$name")"
	done
	monitors=()
}

# compare NAME FORETOLD TOLD: of the scene (/run/scene) and of the monitor's output what the expressions select; $shape makes both
# comparable. The order is that of each object, as nobody foretells more.
compare() {
	jq -c "select($2) | $shape" /run/scene | jq -cS -s 'group_by(.ref)[][]' >/run/expected
	jq -c "select(.verb) | select($3) | $shape" "/run/$1" | jq -cS -s 'group_by(.ref)[][]' >/run/got
	[[ -s /run/expected ]] || wrong "$1: nothing is foretold"
	diff /run/expected /run/got || wrong "$1 tells something else"
}
