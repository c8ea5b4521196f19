# helpers.bash: what every CLI test loads: real objects from mkipc, ipctool runs, JSON checks.
#
#   load helpers                                  # first line of a .bats file
#
#   fixture q mq-sysv key=0x1234 messages=2       # makes it, waits until it is there, skips on a missing privilege
#   fx q .id                                      # a fact from its JSON line; any jq path: fx q '.waiter.pid'
#   fx_json q                                     # the whole line
#   release q                                     # takes it away now; without this, teardown does
#   without_bpf run_ipctool dump mq:/x            # as one who may not use BPF
#   as_user nobody fixture q mq-sysv              # made by another user (tests that run as root)
#   run_ipctool list mq                           # sets $status, $output, $stderr, as `run` does
#   json_valid "$output"                          # one JSON document, in UTF-8, by a real parser
#   json "$output" '.objects[0].ref'              # one value out of a document
#   succeeds set mq:1 mode=600                    # ipctool does it, without a word on standard error
#   fails 6 'in use' remove mq:1                  # it ends with this status, says this in one line, and prints nothing
#   holds "$output" q '.count == 2' '.id == $f.id'   # jq conditions that are all true of it; $f is the JSON of fixture q
#   shows q mq:0x1234 '.id == $f.id'              # `show --json` gives this one object, and it is so
#   eventually test ! -e /proc/123                # polls a condition, at most 10 seconds
#   run ! grep x FILE                             # how to say "not": a bare `! grep` never fails a test
#   need_root                                     # skips the test for an ordinary user
#
# A file with a teardown of its own calls `release_all` in it. In a fixture's JSON, bytes are spelled as
# ipctool prints them (\xHH), so they compare as strings. Arguments of mkipc: `mkipc --help`.
#
# Every file runs wholly inside the sandbox; tests/cli/run does that:
#   tests/cli/run [--user nobody] [--mqueue] FILE.bats...
# Programs come from the build tree, $IPCTOOL_BUILD (default: build/), or from $IPCTOOL, $MKIPC and $SANDBOX.

bats_require_minimum_version 1.5.0

IPCTOOL_SOURCE=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${IPCTOOL_BUILD:=$IPCTOOL_SOURCE/build}"

# The first of the given names below the build tree that can be executed.
_built() {
	local name
	for name; do
		if [[ -x $IPCTOOL_BUILD/$name ]]; then
			printf '%s\n' "$IPCTOOL_BUILD/$name"
			return
		fi
	done
	printf '%s\n' "$IPCTOOL_BUILD/$1"
}

: "${IPCTOOL:=$(_built ipctool cmd/ipctool)}"
: "${MKIPC:=$(_built mkipc tests/fixtures/mkipc)}"
: "${SANDBOX:=$(_built sandbox tests/fixtures/sandbox)}"

if [[ -z ${IPCTOOL_SANDBOX-} ]]; then
	echo "run it in the sandbox: tests/cli/run ${BATS_TEST_FILENAME-FILE.bats}" >&2
	exit 77
fi

# ---- JSON -------------------------------------------------------------------------------------------------

if command -v jq >/dev/null; then
	_json() { jq -r "$1"; }
	_json_one() { jq -s -e 'length == 1' >/dev/null; }
else
	# Enough of jq's paths for these tests: .a.b[0].c, and arrays and objects printed compactly.
	_json() {
		python3 -c '
import json, re, sys
value = json.load(sys.stdin)
for name, index in re.findall(r"\.([A-Za-z_]\w*)|\[(-?\d+)\]", sys.argv[1]):
    try:
        value = value.get(name) if name else value[int(index)]
    except (IndexError, AttributeError):
        value = None
    if value is None:
        break
print(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))' "$1"
	}
	_json_one() { python3 -c 'import json, sys; json.load(sys.stdin)' 2>/dev/null; }
fi

json() {
	printf '%s\n' "$1" | _json "$2"
}

json_valid() {
	if ! printf '%s' "$1" | iconv -f UTF-8 -t UTF-8 >/dev/null; then
		echo "not UTF-8: $1" >&2
		return 1
	fi
	if ! printf '%s\n' "$1" | _json_one; then
		echo "not one JSON document: $1" >&2
		return 1
	fi
}

# What conditions may use: $f is the JSON of the fixture; $ns.ipc, $ns.mnt and $ns.net are the own namespaces; owned: the
# object is of who runs the test; by_fd(PID; FD; ACCESS), by_map and by_attach(PID; ADDRESS; ACCESS) are holders of a
# fixture made with "$HOSTILE_COMM"; root: what only a privilege shows is there.
HOSTILE_COMM='comm=a) b (c'
_conditions='
def holder: {pid: null, comm: "a) b (c", uid: $uid, fd: null, addr: null};
def by_fd($pid; $fd; $access): holder + {pid: $pid, fd: $fd, how: "fd", access: $access};
def by_map($pid; $addr; $access): holder + {pid: $pid, addr: $addr, how: "map", access: $access};
def by_attach($pid; $addr; $access): by_map($pid; $addr; $access) + {how: "attach"};
def waits($task; $why): $task + {comm: "a) b (c", why: $why};
def root: $uid == 0;
def owned: [.uid, .user, .gid, .group] == [$uid, $user, $gid, $group];
'

# holds DOCUMENT FIXTURE CONDITION...: FIXTURE may be empty. Every condition that is not true is printed.
holds() {
	local document=$1 fixture=null program=$_conditions i=0 condition name ns=() wrong
	[[ -z $2 ]] || fixture=$(fx_json "$2")
	shift 2
	for condition; do
		program+="(if [try ($condition)] == [true] then empty else \$ARGS.positional[$((i++))] end), "
	done
	for name in ipc mnt net; do
		ns+=("\"$name\": $(readlink "/proc/self/ns/$name" | tr -cd 0-9)")
	done
	wrong=$(jq -r --argjson f "$fixture" --argjson ns "{$(IFS=,; echo "${ns[*]}")}" --argjson uid "$(id -u)" \
		--argjson gid "$(id -g)" --arg user "$(id -un)" --arg group "$(id -gn)" "$program empty" \
		--args -- "$@" <<<"$document" 2>&1) || wrong="jq: $wrong"
	[[ -z $wrong ]] || { printf 'not so: %s\n' "$wrong" "$document" "fixture: $fixture" >&2; return 1; }
}

# shows FIXTURE REF CONDITION...: root is shown everything; for others the answer may say that it is incomplete.
shows() {
	local fixture=$1 reference=$2
	shift 2
	run_ipctool show --json -- "$reference"
	[[ $status -eq 0 && -z $stderr ]] || { echo "show $reference: $status: $stderr" >&2; return 1; }
	json_valid "$output" || return 1
	if ((EUID == 0)); then
		holds "$output" '' '.complete and .errors == []' || return 1
	fi
	holds "$output" '' '.objects | length == 1' || return 1
	holds "$(json "$output" '.objects[0]')" "$fixture" "$@"
}

# Other processes of the same user can be looked into; Yama may forbid it.
need_ptrace() {
	local scope=/proc/sys/kernel/yama/ptrace_scope
	if ((EUID != 0)) && [[ -r $scope && $(<"$scope") -ne 0 ]]; then
		skip "needs ptrace rights over own processes"
	fi
}

# ---- fixtures -----------------------------------------------------------------------------------------------

declare -gA _fx_json=() _fx_pid=() _fx_in=()

_fx_prefix=()

# as_user USER COMMAND...: a fixture or a program of another user. No privilege is kept.
as_user() {
	local user=$1
	shift
	if [[ $(id -un) == "$user" ]]; then
		"$@"
		return
	fi
	need_root
	_fx_prefix=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --inh-caps=-all --)
	if [[ $(type -t "$1") == function ]]; then
		"$@"
	else
		"${_fx_prefix[@]}" "$@"
	fi
	local rc=$?
	_fx_prefix=()
	return "$rc"
}

# in_new_namespaces "--net --ipc" COMMAND...: the same in fresh namespaces; a fixture or a program.
in_new_namespaces() {
	local options=$1
	shift
	need_root
	# shellcheck disable=SC2206 # a list of words
	_fx_prefix=(unshare $options --)
	"$@"
	local rc=$?
	_fx_prefix=()
	return "$rc"
}

# Standard input and the report of mkipc are anonymous pipes: no file of the helpers shows up in any listing.
# The first opening is for both directions, so that neither side waits for the other.
fixture() {
	local name=$1 in out write read pid line fd errors=$BATS_TEST_TMPDIR/mkipc.$1
	shift
	if [[ -n ${_fx_pid[$name]-} ]]; then
		echo "fixture $name exists" >&2
		return 1
	fi
	exec {in}<> <(:) {out}<> <(:)
	exec {write}>"/dev/fd/$in" {read}<"/dev/fd/$out"
	(
		exec <"/dev/fd/$in" >"/dev/fd/$out" 2>"$errors"
		# Whoever keeps a writing end of another fixture's input keeps that fixture alive; 3 and 4 are bats' own.
		for fd in "$in" "$out" "$write" "$read" "${_fx_in[@]}" 3 4; do
			exec {fd}>&-
		done
		exec "${_fx_prefix[@]}" "$MKIPC" "$@"
	) &
	pid=$!
	exec {in}>&- {out}>&-
	if IFS= read -r -t 30 -u "$read" line; then
		exec {read}<&-
		_fx_json[$name]=$line
		_fx_pid[$name]=$pid
		_fx_in[$name]=$write
		return 0
	fi
	exec {read}<&- {write}>&-
	local status=0
	wait "$pid" || status=$?
	line=$(<"$errors")
	if ((status == 77)); then
		skip "${line:-mkipc $*: not possible here}"
	fi
	echo "mkipc $* ended with $status: $line" >&2
	return 1
}

fx_json() {
	printf '%s\n' "${_fx_json[$1]}"
}

fx() {
	fx_json "$1" | _json "$2"
}

# Ends the fixture as its user would, and gives mkipc's exit status.
release() {
	local name=$1 fd=${_fx_in[$1]} pid=${_fx_pid[$1]} status=0
	unset "_fx_in[$name]" "_fx_pid[$name]" "_fx_json[$name]"
	exec {fd}>&-
	wait "$pid" || status=$?
	if ((status)); then
		echo "mkipc of $name ended with $status: $(<"$BATS_TEST_TMPDIR/mkipc.$name")" >&2
	fi
	return "$status"
}

release_all() {
	local name status=0
	for name in "${!_fx_pid[@]}"; do
		release "$name" || status=$?
	done
	return "$status"
}

teardown() {
	release_all
}

# ---- running and waiting ------------------------------------------------------------------------------------

run_ipctool() {
	run --separate-stderr "${_fx_prefix[@]}" "$IPCTOOL" "$@"
}

# The root of a user namespace in which nobody else exists does not count.
need_root() {
	if ((EUID != 0 || $(awk '{ users += $3 } END { printf "%.0f", users }' /proc/self/uid_map) < 2)); then
		skip "needs root"
	fi
}

eventually() {
	local deadline=$((SECONDS + 10))
	until "$@"; do
		if ((SECONDS >= deadline)); then
			echo "not reached: $*" >&2
			return 1
		fi
		sleep 0.01
	done
}

succeeds() {
	run_ipctool "$@"
	[[ $status -eq 0 && -z $stderr ]] || { echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

fails() {
	local expected=$1 text=$2
	shift 2
	run_ipctool "$@"
	[[ $status -eq $expected && $stderr == *"$text"* && -z $output && $(wc -l <<<"$stderr") -eq 1 ]] ||
		{ echo "ipctool $*: $status: $output: $stderr" >&2; return 1; }
}

# Root without what it takes to use BPF; an ordinary user has it not anyway.
without_bpf() {
	if ((EUID == 0)); then
		_fx_prefix=(setpriv --bounding-set "-bpf,-perfmon,-sys_admin" --inh-caps "-bpf,-perfmon,-sys_admin" --)
	fi
	"$@"
	local rc=$?
	_fx_prefix=()
	return "$rc"
}

# complains COMMAND STATUS MESSAGE ARGUMENT...: nothing on standard output, and this line alone on standard error.
complains() {
	local command=$1 want=$2 message=$3
	shift 3
	run_ipctool "$command" "$@"
	[[ $status -eq $want && -z $output && $stderr == "ipctool $command: $message" ]] ||
		{ echo "$*: $status: $output: $stderr"; return 1; }
}
