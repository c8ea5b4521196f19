# SPDX-License-Identifier: GPL-2.0-or-later
"""The one table of the benchmark: what is made, what is run beside what, and what is aimed at."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Command:
    line: str  # {NAME} is what the load calls so
    group: str = ""  # ratios are to the first command of the group
    slow: bool = False  # once, after all others
    statuses: tuple = (0,)
    streams: bool = False  # when does its first byte come?
    listed: float = 1  # objects that it shows for each that the shape counts; 0: a few

    @property
    def name(self):
        return self.line.replace("{", "").replace("}", "")

    @property
    def program(self):
        return self.line.split()[0]


@dataclasses.dataclass(frozen=True)
class Size:
    count: int
    processes: int = 1

    def divided(self, by):
        return Size(max(1, self.count // by), max(1, self.processes // by))


@dataclasses.dataclass(frozen=True)
class Target:
    """An aim of one command. What `limit` means depends on `kind`:

    times   `other` takes so many times as long, or more       within  it takes so many times as long as `other`, or less
    ms      it takes so many milliseconds, or less             bytes   so many bytes of memory for each object, or less
    first   its first byte comes before this part of the time  growth  time per object, large to small, is so much or less
    """

    kind: str
    command: str
    limit: float
    other: str = ""


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    title: str
    unit: str  # what is counted
    commands: tuple
    targets: tuple = ()
    full: Size | None = None
    small: Size | None = None  # for growth; the time beside a load of one object is subtracted from both
    each: int = 1  # objects of one COUNT of the load


MEMORY = 150
GROWTH = 1.5
EARLY = 0.9


def times(command, other, limit=1):
    return Target("times", command, limit, other)


def within(command, other, limit):
    return Target("within", command, limit, other)


def ms(command, limit):
    return Target("ms", command, limit)


def memory(*commands):
    return tuple(Target("bytes", command, MEMORY) for command in commands)


def early(*commands):
    return tuple(Target("first", command, EARLY) for command in commands)


def grows(*commands):
    return tuple(Target("growth", command, GROWTH) for command in commands)


IDLE = Shape(
    "idle", "An idle host", "processes",
    commands=(
        Command("ipctool list"),
        Command("ipctool --version"),
        Command("ipctool list --all"),
        Command("ipctool list sock"),
        Command("true"),
        Command("ipcs"),
        Command("lsipc"),
        Command("ss -xa"),
        Command("lsfd"),
        Command("lsof", statuses=(0, 1)),
    ),
    targets=(ms("ipctool list", 5), ms("ipctool --version", 2)),
)


def sysv(kind, letter, name):
    return (
        Command(f"ipctool list -r {kind}", kind, streams=True),
        Command(f"ipctool list {kind}", kind),
        Command(f"ipctool list --jsonl {kind}", kind, streams=True),
        Command(f"cat /proc/sysvipc/{name}", kind),
        Command(f"lsipc -{letter}", kind),
        Command(f"ipcs -{letter}", kind),
    )


SYSV = Shape(
    "sysv", "System V: as many queues, sets of semaphores and segments each", "of each",
    full=Size(32000), small=Size(4000),
    commands=(*sysv("mq/sysv", "q", "msg"), Command("floor queues", "mq/sysv"), *sysv("sem/sysv", "s", "sem"),
              *sysv("shm/sysv", "m", "shm")),
    targets=(
        times("ipctool list -r mq/sysv", "cat /proc/sysvipc/msg"),
        times("ipctool list -r mq/sysv", "lsipc -q", 10),
        times("ipctool list -r mq/sysv", "ipcs -q", 8),
        times("ipctool list mq/sysv", "lsipc -q", 5),
        times("ipctool list mq/sysv", "ipcs -q", 5),
        *(target for kind in ("mq/sysv", "sem/sysv", "shm/sysv") for target in (
            *memory(f"ipctool list -r {kind}"), *early(f"ipctool list -r {kind}", f"ipctool list --jsonl {kind}"),
            *grows(f"ipctool list -r {kind}"))),
    ),
)

UNIX = Shape(
    "unix", "Unix sockets, with owners and peers", "sockets",
    full=Size(400000, 100), small=Size(4000, 1),
    commands=(
        Command("ipctool list -r sock/unix", streams=True),
        Command("ipctool list -r sock/unix --holders-from proc", streams=True),
        Command("ipctool list -r sock/unix -o ref,local", streams=True),
        Command("ipctool list sock/unix"),
        Command("ipctool list --jsonl sock/unix", streams=True),
        Command("ipctool list --json sock/unix"),
        Command("floor unix files"),
        Command("floor unix-bare"),
        Command("ss -xa"),
        Command("lsfd"),
        Command("ss -xap", slow=True),
        Command("lsof -U", slow=True, statuses=(0, 1)),
    ),
    targets=(
        times("ipctool list -r sock/unix", "ss -xap", 100),
        times("ipctool list -r sock/unix", "lsfd", 14),
        times("ipctool list -r sock/unix", "lsof -U", 170),
        within("ipctool list -r sock/unix", "floor unix files", 2),
        times("ipctool list -r sock/unix --holders-from proc", "ss -xap", 50),
        *memory("ipctool list -r sock/unix", "ipctool list -r sock/unix --holders-from proc",
                "ipctool list --jsonl sock/unix", "ipctool list sock/unix"),
        *early("ipctool list -r sock/unix", "ipctool list --jsonl sock/unix"),
        *grows("ipctool list -r sock/unix", "ipctool list -r sock/unix --holders-from proc", "ipctool list sock/unix"),
    ),
)

TCP = Shape(
    "tcp", "TCP connections over loopback, both ends with owners", "connections", each=2,
    full=Size(100000, 100), small=Size(4000, 4),
    commands=(
        Command("ipctool list -r sock/tcp", "with owners", streams=True),
        Command("ipctool list -r sock/tcp --holders-from proc", "with owners", streams=True),
        Command("ipctool list --jsonl sock/tcp", "with owners", streams=True),
        Command("ipctool list sock/tcp", "with owners"),
        Command("floor tcp files", "with owners"),
        Command("ss -tanp", "with owners", slow=True),
        Command("ipctool list -r sock/tcp -o status,receive_queue,send_queue,local,peer", "without owners", streams=True),
        Command("floor tcp", "without owners"),
        Command("ss -tan", "without owners"),
    ),
    targets=(
        times("ipctool list -r sock/tcp", "ss -tanp", 6),
        times("ipctool list -r sock/tcp -o status,receive_queue,send_queue,local,peer", "ss -tan"),
        *memory("ipctool list -r sock/tcp", "ipctool list -r sock/tcp --holders-from proc"),
        *early("ipctool list -r sock/tcp", "ipctool list --jsonl sock/tcp"),
        *grows("ipctool list -r sock/tcp"),
    ),
)

PIPES = Shape(
    "pipes", "Pipes", "ends",
    full=Size(100000, 100), small=Size(4000, 4),
    commands=(
        Command("ipctool list -r pipe", streams=True, listed=0.5),
        Command("ipctool list -r pipe --holders-from proc", streams=True, listed=0.5),
        Command("ipctool list pipe", listed=0.5),
        Command("floor files"),
        Command("lsfd"),
        Command("lsof -n", statuses=(0, 1)),
    ),
    targets=(*memory("ipctool list -r pipe", "ipctool list -r pipe --holders-from proc"),
             *grows("ipctool list -r pipe", "ipctool list -r pipe --holders-from proc")),
)

INHERITED = Shape(
    "inherited", "One pipe that every process inherited, both ends", "processes",
    full=Size(4000), small=Size(1000),
    commands=(
        Command("ipctool list -r pipe"),
        Command("ipctool list -r pipe --holders-from proc"),
        Command("floor files"),
        Command("lsfd"),
        Command("lsof -n", statuses=(0, 1)),
    ),
    targets=grows("ipctool list -r pipe", "ipctool list -r pipe --holders-from proc"),
)

ONE = Shape(
    "one", "One object asked for, with its holders, beside unix sockets", "sockets",
    full=Size(400000, 100), small=Size(4000, 1),
    commands=(
        Command("ipctool show sock:{SOCKET}", "one object", listed=0),
        Command("ipctool show pipe:{PIPE}", "one object", listed=0),
        Command("ipctool show fifo:{FIFO}", "one object", listed=0),
        Command("ipctool show shm:{SHM}", "one object", listed=0),
        Command("ipctool show sock:{SOCKET} --holders-from proc", "one object", listed=0),
        Command("floor files", "one object"),
        Command("lsfd -Q 'INODE == {SOCKET}'", "one object"),
        Command("ipctool list -r --all --holder {PID}", "one process", listed=0),
        Command("lsfd -p {PID}", "one process"),
        Command("ipctool list -r --all --holder {WORKER}", "a process with its share of the sockets", listed=0),
        Command("lsfd -p {WORKER}", "a process with its share of the sockets"),
    ),
    targets=(
        *(within(f"ipctool show {ref}", "floor files", 1.5) for ref in ("sock:SOCKET", "pipe:PIPE", "fifo:FIFO", "shm:SHM")),
        ms("ipctool list -r --all --holder PID", 10),
        *grows("ipctool show sock:SOCKET", "ipctool show sock:SOCKET --holders-from proc"),
    ),
)

FILES = Shape(
    "files", "Files scanned for FIFOs and stale sockets, in directories of 500", "files",
    full=Size(200000), small=Size(4000),
    commands=(
        Command("ipctool list -r fifo sock/unix --scan .", listed=0.01),
        Command("ipctool list -r fifo --scan .", listed=0.005),
        Command("find . -type p"),
        Command("find . -type p -o -type s"),
        Command("fdfind -t p"),
        Command("fdfind -u -t p -t s"),
    ),
    targets=(
        times("ipctool list -r fifo sock/unix --scan .", "find . -type p"),
        times("ipctool list -r fifo sock/unix --scan .", "fdfind -t p"),
        times("ipctool list -r fifo --scan .", "find . -type p"),
        times("ipctool list -r fifo --scan .", "fdfind -t p"),
        *grows("ipctool list -r fifo sock/unix --scan ."),
    ),
)

SHM = Shape(
    "shm", "POSIX shared memory, each segment mapped by 10 processes", "segments",
    full=Size(10000, 200), small=Size(1000, 20),
    commands=(
        Command("ipctool list -r shm/posix", streams=True),
        Command("ipctool list -r shm/posix --holders-from proc", streams=True),
        Command("ipctool list shm/posix"),
        Command("ls -l /dev/shm"),
        Command("lsof +D /dev/shm", statuses=(0, 1)),
        Command("lsfd"),
    ),
    targets=grows("ipctool list -r shm/posix", "ipctool list -r shm/posix --holders-from proc"),
)

PROCESSES = Shape(
    "processes", "Processes that have nothing", "processes",
    full=Size(2000), small=Size(200),
    commands=(
        Command("ipctool list"),
        Command("ipctool list --holders-from proc"),
        Command("ipctool list -r signal"),
        Command("floor files"),
        Command("ps -e"),
        Command("lsfd"),
        Command("lsof -n", statuses=(0, 1)),
    ),
    targets=grows("ipctool list", "ipctool list --holders-from proc", "ipctool list -r signal"),
)

ATTACHED = Shape(
    "attached", "One segment of System V that every process attached", "processes",
    full=Size(4000), small=Size(1000),
    commands=(
        Command("ipctool list -r shm/sysv"),
        Command("ipctool list -r shm/sysv --holders-from proc"),
        Command("lsipc -m"),
        Command("lsof -n", statuses=(0, 1)),
    ),
    targets=grows("ipctool list -r shm/sysv", "ipctool list -r shm/sysv --holders-from proc"),
)

NAMESPACES = Shape(
    "namespaces", "Network namespaces, half kept by a process and half by a mount", "namespaces",
    full=Size(1000), small=Size(250),
    commands=(
        Command("ipctool list -r sock --all-namespaces"),
        Command("ipctool list -r --all-namespaces"),
        Command("lsns -t net", statuses=(0, 1)),
    ),
    targets=grows("ipctool list -r sock --all-namespaces", "ipctool list -r --all-namespaces"),
)

SHAPES = {shape.name: shape for shape in (IDLE, SYSV, UNIX, TCP, PIPES, INHERITED, ONE, FILES, SHM, PROCESSES, ATTACHED,
                                          NAMESPACES)}
