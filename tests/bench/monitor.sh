#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# monitor.sh: what watching costs. By how much `ipctool monitor` slows down a System V ping-pong, a getppid loop and a pipe ping-pong,
# in turns with nobody watching; how many events a second are told before the first one is lost; what CPU time ipctool takes for
# 100,000 events a second; how often it wakes up when nothing happens; and other tools on the same scene, where there are any. It
# prints medians and JSON and asserts nothing: monitor.sh [ROUNDS [SECONDS]]
set -u

: "${IPCTOOL_BUILD:=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}}"
: "${BUILD_DIR:=$IPCTOOL_BUILD}" "${SOURCE_DIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${IPCTOOL:=$BUILD_DIR/ipctool}" "${CC:=cc}"
export IPCTOOL BUILD_DIR SOURCE_DIR
arguments=("$@")
. "$SOURCE_DIR/tests/e2e/private.bash"

for tool in python3 "$CC"; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done
[[ -x $IPCTOOL ]] || skip "not built: $IPCTOOL"
enter_private

dir=$(mktemp -d /tmp/bench.XXXXXX) || exit 1
cat >"$dir/peer.c" <<'C'
/*
 * peer getppid N, peer sysv N, peer pipe N: nanoseconds for one call, for one round trip of two processes.
 * peer messages RATE SECONDS WORKERS, peer queues RATE SECONDS WORKERS: as many events a second (a message sent and received, a queue
 * made and removed), by so many processes; prints how many there were, and in how many nanoseconds. RATE 0: as many as there can be.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct message { long type; char text[64]; } message = {.type = 1};

static int64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static void print_each(int64_t begun, long n)
{
	printf("%.1f\n", (double)(now() - begun) / n);
}

static int calls(long n)
{
	int64_t begun = now();
	long i;

	for (i = 0; i < n; i++)
		syscall(SYS_getppid);
	print_each(begun, n);
	return 0;
}

static int sysv(long n)
{
	int there = msgget(IPC_PRIVATE, 0600), back = msgget(IPC_PRIVATE, 0600), failed = 0;
	int64_t begun = now();
	long i;

	if (fork() == 0) {
		for (i = 0; i < n; i++)
			if (msgrcv(there, &message, 64, 0, 0) < 0 || msgsnd(back, &message, 64, 0))
				_exit(1);
		_exit(0);
	}
	for (i = 0; !failed && i < n; i++)
		failed = msgsnd(there, &message, 64, 0) || msgrcv(back, &message, 64, 0, 0) < 0;
	print_each(begun, n);
	msgctl(there, IPC_RMID, NULL);
	msgctl(back, IPC_RMID, NULL);
	wait(NULL);
	return failed;
}

static int pipes(long n)
{
	int there[2], back[2], failed = 0;
	int64_t begun;
	char byte = 0;
	long i;

	if (pipe(there) || pipe(back))
		return 1;
	begun = now();
	if (fork() == 0) {
		for (i = 0; i < n; i++)
			if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	for (i = 0; !failed && i < n; i++)
		failed = write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1;
	print_each(begun, n);
	wait(NULL);
	return failed;
}

static int one_message(int queue)
{
	return msgsnd(queue, &message, 64, 0) || msgrcv(queue, &message, 64, 0, 0) < 0;
}

static int one_queue(int unused)
{
	int id = msgget(IPC_PRIVATE, 0600);

	(void)unused;
	return id < 0 || msgctl(id, IPC_RMID, NULL);
}

/* In steps of a millisecond; what was missed is made up for. Two events each. Returns how many there were, or -1. */
static long pace(int (*one)(int queue), double rate, int64_t begun, int64_t end)
{
	int queue = msgget(IPC_PRIVATE, 0600), failed = 0;
	int64_t at = begun;
	long done = 0;

	while (!failed && at < end) {
		long due = rate > 0 ? (long)((double)(at - begun) / 1e9 * rate) : done + 1000;

		while (!failed && done < due) {
			failed = one(queue);
			done += 2;
		}
		at = now();
		if (rate > 0 && at < end) {
			struct timespec next = {.tv_nsec = 1000000 - at % 1000000};

			nanosleep(&next, NULL);
			at = now();
		}
	}
	msgctl(queue, IPC_RMID, NULL);
	return failed ? -1 : done;
}

static int paces(int (*one)(int queue), double rate, double seconds, int workers)
{
	int64_t begun = now(), end = begun + (int64_t)(seconds * 1e9);
	long all = 0, done;
	int ends[2], i;

	if (pipe(ends))
		return 1;
	for (i = 0; i < workers; i++)
		if (fork() == 0) {
			done = pace(one, rate / workers, begun, end);
			_exit(done < 0 || write(ends[1], &done, sizeof(done)) != sizeof(done));
		}
	close(ends[1]);
	for (i = 0; i < workers; i++) {
		if (read(ends[0], &done, sizeof(done)) != sizeof(done))
			return 1;
		all += done;
	}
	printf("%ld %lld\n", all, (long long)(now() - begun));
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[2]) : 0;

	if (argc == 3 && !strcmp(argv[1], "getppid"))
		return calls(n);
	if (argc == 3 && !strcmp(argv[1], "sysv"))
		return sysv(n);
	if (argc == 3 && !strcmp(argv[1], "pipe"))
		return pipes(n);
	if (argc == 5 && !strcmp(argv[1], "messages"))
		return paces(one_message, n, atof(argv[3]), atoi(argv[4]));
	if (argc == 5 && !strcmp(argv[1], "queues"))
		return paces(one_queue, n, atof(argv[3]), atoi(argv[4]));
	return 2;
}
C
"$CC" -O2 -o "$dir/peer" "$dir/peer.c" || skip "the C compiler does not work"

python3 - "$dir" "${1-7}" "${2-3}" <<'PYTHON'
import contextlib, json, os, platform, shutil, signal, statistics, subprocess, sys, time

tool = os.environ["IPCTOOL"]
place, rounds, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
peer = f"{place}/peer"
tick = os.sysconf("SC_CLK_TCK")
results = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count(),
           "version": subprocess.run([tool, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]}


def cpu_time(pid):
    """Seconds of a process: in the program, in the kernel."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    return int(fields[11]) / tick, int(fields[12]) / tick


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))


class Watch:
    """A monitor that is attached, with its output to nowhere; `lost` and `status` afterwards."""

    def __init__(self, options, formats=("--jsonl",)):
        self.errors = open(f"{place}/errors", "w+", encoding="utf-8")
        self.child = subprocess.Popen([tool, "monitor", "--source", "tracepoint", "-v", *formats, *options],
                                      stdout=subprocess.DEVNULL, stderr=self.errors)
        self.pid, self.status = self.child.pid, None
        # It says how it gets at the events as soon as it does.
        while "BPF" not in self.said():
            if self.child.poll() is not None:
                print("skipped:", self.said())
                sys.exit(77)
            time.sleep(0.01)

    def said(self):
        with open(f"{place}/errors", encoding="utf-8") as errors:
            return errors.read()

    def settle(self):
        """Wait until it has read all there was."""
        before = None
        while (now := cpu_time(self.pid)) != before:
            before = now
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.status = self.child.wait()
        self.errors.close()


def run(*arguments):
    return subprocess.run([peer, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout.split()


# ---- how much slower others become -----------------------------------------------------------------------------------------


def slowdown(title, scene, number, kind):
    ways = [("nobody watches", None), ("monitor", []), (f"monitor {kind}", [kind]), ("monitor --all", ["--all"])]
    taken = {name: [] for name, _ in ways}
    run(scene, number)
    for _ in range(rounds):
        for name, options in ways:
            with contextlib.nullcontext() if options is None else Watch(options):
                taken[name].append(float(run(scene, number)[0]))
    print(title)
    first = None
    for name, samples in taken.items():
        middle, least = statistics.median(samples), min(samples)
        first = first or (middle, least)
        print(f"  {name:28} {middle:9.0f} ns  x {middle / first[0]:.2f}  (least {least:.0f} ns  x {least / first[1]:.2f})")
        results.setdefault("slowdown", {}).setdefault(scene, {})[name] = {
            "ns": round(middle), "ratio": round(middle / first[0], 2),
            "least": round(least), "least_ratio": round(least / first[1], 2)}
    sys.stdout.flush()


slowdown("one getppid call", "getppid", 1000000, "mq/sysv")
slowdown("a round trip of two processes over System V queues", "sysv", 50000, "mq/sysv")
slowdown("a round trip of two processes over pipes", "pipe", 50000, "pipe")

# ---- the same, less what scheduling adds -----------------------------------------------------------------------------------


def cpu_of_event():
    ways = [("nobody watches", None), ("monitor", []), ("monitor mq/sysv", ["mq/sysv"])]
    taken = {name: [] for name, _ in ways}
    for _ in range(rounds):
        for name, options in ways:
            with contextlib.nullcontext() if options is None else Watch(options):
                child = subprocess.Popen([peer, "messages", "0", "0.5", "1"], stdout=subprocess.PIPE, text=True)
                done = int(child.stdout.read().split()[0])
                usage = os.wait4(child.pid, 0)[2]
                child.returncode = 0
            taken[name].append(1e9 * (usage.ru_utime + usage.ru_stime) / done)
    print("CPU time of a process that sends or receives one message of a System V queue")
    first = None
    for name, samples in taken.items():
        middle = statistics.median(samples)
        first = first or middle
        print(f"  {name:28} {middle:9.0f} ns  + {middle - first:.0f}  (least {min(samples):.0f} ns)")
        results.setdefault("event", {})[name] = {"ns": round(middle), "more": round(middle - first), "least": round(min(samples))}
    sys.stdout.flush()


cpu_of_event()

# ---- what it takes to tell of all of them ----------------------------------------------------------------------------------


def pace(scene, rate, formats, workers=1, length=seconds):
    """Events a second that there were, parts of a CPU that ipctool took, in the program and in the kernel; was any lost?"""
    with Watch(["mq/sysv"], formats) as watch:
        before = cpu_time(watch.pid)
        done, elapsed = (int(number) for number in run(scene, rate, length, workers))
        watch.settle()
        after = cpu_time(watch.pid)
    if watch.status not in (0, 3):
        sys.exit(f"monitor ended with {watch.status}: {watch.said()}")
    elapsed /= 1e9
    return done / elapsed, (after[0] - before[0]) / elapsed, (after[1] - before[1]) / elapsed, watch.status == 3


forms = [("--jsonl", ("--jsonl",)), ("--raw", ("--raw",)), ("--summary", ("--summary",))]
print("CPU time of ipctool, in parts of one CPU, at 100,000 events a second")
for name, formats in forms:
    for scene in ("messages", "queues"):
        samples = [pace(scene, 100000, formats) for _ in range(max(rounds // 2, 1))]
        rate, user, system = (statistics.median(column) for column in list(zip(*samples))[:3])
        lost = any(sample[3] for sample in samples)
        print(f"  {name:10} {scene:9} {user + system:5.2f} (user {user:.2f}, system {system:.2f}) at {rate:.0f} a second"
              f"{', with loss' if lost else ''}")
        results.setdefault("cpu", {}).setdefault(name, {})[scene] = {
            "rate": round(rate), "user": round(user, 3), "system": round(system, 3), "lost": lost}
        sys.stdout.flush()

print("events a second without loss, from as many processes as there are CPUs")
for name, formats in forms[:1] + forms[2:]:
    for scene in ("messages", "queues"):
        best, last = 0, None
        for rate in (100, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 0):
            real, user, system, lost = pace(scene, 1000 * rate, formats, os.cpu_count())
            if lost: # something else may have had the CPUs
                real, user, system, lost = pace(scene, 1000 * rate, formats, os.cpu_count())
            last = (real, user + system, lost)
            # As many as these CPUs can make beside ipctool: more cannot be asked for, but without a pause.
            if not lost:
                best = max(best, real)
            if lost:
                break
        why = f"lost at {last[0]:.0f}" if last[2] else "no more could be made"
        print(f"  {name:10} {scene:9} {best:9.0f}  ({why}; {last[1]:.2f} of a CPU)")
        results.setdefault("sustained", {}).setdefault(name, {})[scene] = {"rate": round(best), "lost": last[2]}
        sys.stdout.flush()

# ---- when nothing happens --------------------------------------------------------------------------------------------------

print("wakeups in 5 seconds in which nothing happens")
for options in ([], ["mq", "sem", "shm/sysv"], ["--record", f"{place}/record", "sem/sysv"]):
    with Watch(options) as watch:
        watch.settle()
        before = switches(watch.pid)
        time.sleep(5)
        woken = switches(watch.pid) - before
    name = " ".join(["monitor", *options]).replace(place, "DIR")
    print(f"  {name:40} {woken}")
    results.setdefault("wakeups", {})[name] = woken
    sys.stdout.flush()

# ---- others ----------------------------------------------------------------------------------------------------------------

print("other tools, on the round trip over System V queues")
calls = "msgget,msgsnd,msgrcv,msgctl"
others = {
    "strace": ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"],
    "strace --seccomp-bpf": ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={calls}"],
    "perf trace": ["perf", "trace", "-o", "/dev/null", "-e", calls],
    "bpftrace": ["bpftrace", "-q", "-o", "/dev/null", "-e", "tracepoint:syscalls:sys_enter_msg* { printf(\"%d %s\\n\", pid, comm); }",
                 "-c"],
}
alone = results["slowdown"]["sysv"]["nobody watches"]["ns"]
for name, command in others.items():
    if not shutil.which(command[0]):
        print(f"  {name:28} is not installed")
        continue
    work = [f"{peer} sysv 5000"] if command[-1] == "-c" else [peer, "sysv", "5000"]
    samples = []
    for _ in range(max(rounds // 2, 1)):
        done = subprocess.run([*command, *work], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if done.returncode == 0 and done.stdout.split():
            samples.append(float(done.stdout.split()[-1]))
    if not samples:
        print(f"  {name:28} does not work here")
        continue
    middle = statistics.median(samples)
    print(f"  {name:28} {middle:9.0f} ns  x {middle / alone:.2f}")
    results.setdefault("others", {})[name] = {"ns": round(middle), "ratio": round(middle / alone, 2)}

print(json.dumps(results))
PYTHON
status=$?
rm -rf "$dir"
exit "$status"
