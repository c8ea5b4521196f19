#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What ipctool does not do: wait for the last object before it prints the first, go on for a reader that has left, and read
what nobody asked for. Told by the order and the number of its system calls, as strace sees them."""
import os
import re
import signal
import subprocess
import sys
import tempfile

import scale_inside
from scale_inside import IPCTOOL

# Leaks cannot be looked for under a tracer.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def traced(*arguments, begin=None, deaf=False):
    """The system calls of a run as lines, and its status.

    begin: so many bytes are read of its output, which is then closed. deaf: a broken pipe is no signal to it.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="surrogateescape") as log:
        command = ["strace", "-f", "-qq", "-y", "-o", log.name, IPCTOOL, *arguments]
        with tempfile.TemporaryFile() as out:
            run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out if begin is None else subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, env=ENVIRONMENT, bufsize=0, restore_signals=not deaf)
            if begin is not None:
                os.read(run.stdout.fileno(), begin)
                run.stdout.close()
            status = run.wait()
        return [line.split(None, 1)[1] for line in log], status


class Faults(list):
    def expect(self, true, text):
        if not true:
            self.append(text)


def opened_processes(calls):
    """Numbers of the processes whose files in /proc were opened or read, by the name that was given."""
    found = set()
    for call in calls:
        # strace -y shows the directory that a relative path begins at; what comes back is behind the last bracket.
        given = re.match(r'\w+\((?:AT_FDCWD<[^>]*>|\d+</proc>), "(?:/proc/)?(\d+)(?:/|")', call) or re.match(
            r'\w+\("/proc/(\d+)(?:/|")', call)
        if given:
            found.add(int(given[1]))
    return found


# ---- streaming ----------------------------------------------------------------------------------------------------

WRITE = re.compile(r"writev?\(1<")
NETLINK = re.compile(r"recv(msg|from)\(")

# What is listed, and the calls that read it. Files (FIFOs, POSIX segments) are not among them: a directory is read to its end
# first, to know by which of several paths each one is called.
SOURCES = {
    "unix": (("sock/unix",), NETLINK),
    "tcp": (("sock/tcp",), NETLINK),
    "sysv": (("mq/sysv",), re.compile(r"msgctl\(|read\(\d+</proc/(self/|\d+/)?sysvipc/msg")),
}


def streams(shape):
    """The first output comes before the last object was read; who closes early ends the run."""
    faults = Faults()
    what, source = SOURCES[shape]
    for form in (["--raw"], ["--jsonl"], []):
        calls, status = traced("list", *what, *form)
        name = f"list {' '.join(what)} {' '.join(form)}"
        faults.expect(status == 0, f"{name}: status {status}")
        written = [at for at, call in enumerate(calls) if WRITE.match(call)]
        read = [at for at, call in enumerate(calls) if source.match(call)]
        faults.expect(len(written) > 2, f"{name}: {len(written)} writes: there is not enough to see")
        faults.expect(len(read) > 2, f"{name}: {len(read)} reads: the source is not what it was")
        if len(written) > 2 and len(read) > 2:
            faults.expect(written[0] < read[-1], f"{name}: nothing is printed before the last object is read")
            for deaf, good in ((True, (0,)), (False, (0, -signal.SIGPIPE))):
                early, status = traced("list", *what, *form, begin=100, deaf=deaf)
                seen = sum(source.match(call) is not None for call in early)
                faults.expect(status in good, f"{name}, closed early: status {status}")
                faults.expect(seen < len(read), f"{name}, closed early: reads on to the end: {seen} of {len(read)}")
    return faults


# ---- laziness -----------------------------------------------------------------------------------------------------


def no_process_is_read(_shape):
    faults = Faults()
    for kind in ("mq/sysv", "sem/sysv", "shm/sysv"):
        calls, status = traced("list", kind, "-o", "ref")
        others = opened_processes(calls)
        faults.expect(status == 0, f"list {kind} -o ref: status {status}")
        faults.expect(not others, f"list {kind} -o ref reads processes: {sorted(others)}")
        faults.expect(not any(re.match(r"getdents64\(\d+</proc>", call) for call in calls),
                      f"list {kind} -o ref reads the list of processes")
    for arguments in (["mq"], ["mq", "--raw"], ["fifo", "shm", "sem", "-o", "ref"]):
        calls, _ = traced("list", *arguments)
        faults.expect(not any(re.match(r"socket\(AF_NETLINK", call) for call in calls),
                      f"list {' '.join(arguments)} opens a netlink socket")
    return faults


def one_process_is_read(_shape):
    """--holder PID reads that process alone."""
    faults = Faults()
    with open("/proc/self/stat", encoding="ascii") as file:
        own = int(file.read().split()[0])
    with open(f"/proc/self/task/{own}/children", encoding="ascii") as file:
        load = int(file.read().split()[0])
    with open(f"/proc/{load}/task/{load}/children", encoding="ascii") as file:
        pid = int(file.read().split()[3])
    for what in (["sock/unix"], ["pipe"], ["shm/posix"], ["--all"]):
        for source in ("proc", "auto"):
            calls, status = traced("list", *what, "-o", "ref,holders", "--holder", str(pid), "--holders-from", source)
            name = f"list {' '.join(what)} -o ref,holders --holder {pid} --holders-from {source}"
            faults.expect(status == 0, f"{name}: status {status}")
            looked = {int(found[1]) for call in calls for found in
                      [re.match(r'openat\((?:AT_FDCWD<[^>]*>|\d+<[^>]*>), "(?:/proc/)?(\d+)/(?:fd|maps)\b', call)] if found}
            faults.expect(looked <= {pid}, f"{name}: reads files of {len(looked)} processes")
            faults.expect(what == ["shm/posix"] or pid in looked, f"{name}: reads no file of it")
    return faults


def bytes_received(calls):
    answers = [re.search(r"= (\d+)$", call) for call in calls if NETLINK.match(call)]
    return sum(int(answer[1]) for answer in answers if answer)


def asked(_shape):
    """Bytes that netlink answered, by what was asked."""
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
        inode = next(line.split()[6] for line in file.readlines()[1:] if line.split()[5] == "03")
    answer = {}
    for command in (["show", f"sock:{inode}"], ["list", f"sock:{inode}"], ["list", f"sock:{inode}", "-o", "ref,local"]):
        calls, status = traced(*command)
        answer[" ".join(command).replace(inode, "INODE")] = [status, bytes_received(calls), len(opened_processes(calls))]
    return answer


def version():
    faults = Faults()
    calls, status = traced("--version")
    faults.expect(status == 0, f"--version: status {status}")
    for pattern, what in ((r'open(at)?\(.*"/proc/|readlink(at)?\(.*"/proc/(?!self/exe")', "reads /proc"),
                          (r'open(at)?\(\d+</proc', "reads /proc"),
                          (r'openat\(.*/libbpf\.so.*= \d', "loads libbpf"), (r'openat\(.*/libelf.*= \d', "loads libelf")):
        faults.expect(not any(re.match(pattern, call) for call in calls), f"--version {what}")
    return faults


def main():
    faults = Faults(version())
    for shape, count, processes in (("unix", 8000, 20), ("tcp", 3000, 10), ("sysv", 6000, 1)):
        faults += scale_inside.run("streams", shape, count, processes)
    faults += scale_inside.run("no_process_is_read", "sysv", 300)
    faults += scale_inside.run("one_process_is_read", "unix", 600, 20)
    few, more = (scale_inside.run("asked", "unix", count, 4) for count in (400, 4000))
    for command, (status, received, _) in more.items():
        faults.expect(status == 0, f"{command}: status {status}")
        faults.expect(received <= few[command][1] + 4096, f"{command}: netlink answers with {few[command][1]} bytes where there "
                      f"are 400 sockets, with {received} where there are 4000")
    faults.expect(more["list sock:INODE -o ref,local"][2] == 0, "list sock:INODE -o ref,local reads processes")
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        scale_inside.inside({task.__name__: task for task in (streams, no_process_is_read, one_process_is_read, asked)})
    sys.exit(main())
