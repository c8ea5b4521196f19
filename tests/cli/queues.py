#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""queues.py: message queues for the tests of dump, by the system's own calls.

  queues.py send sysv|posix QUEUE SPEC...  messages into QUEUE, an id or a name; SPEC is SIZE or COUNTxSIZE
  queues.py receive sysv|posix QUEUE       take all: their bytes to standard output, "NUMBER LENGTH" lines to standard error
  queues.py make NAME MESSAGES SIZE        a POSIX queue of these limits
  queues.py age                            System V ids that have been used often before: not all begin at 0
  queues.py churn sysv|posix QUEUE COUNT SIZE   COUNT messages stay queued, and each moment the first goes and another comes
  queues.py follow SECONDS COMMAND...      run "ipctool dump --json" on that again and again: is each message one of those?
  queues.py times NAME                     access, modification and change time of a POSIX queue
  queues.py without-copy COMMAND...        run it where msgrcv() is refused, as in a kernel without MSG_COPY
"""
import ctypes
import errno
import json
import os
import random
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
NOWAIT = 0o4000
HEAD = struct.calcsize("@l")  # the type, in front of the bytes
PRIORITIES = 5


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("flags", "maxmsg", "msgsize", "curmsgs", "a", "b", "c", "d")]


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


class SystemV:
    def __init__(self, name):
        self.id = int(name)
        self.buffer = ctypes.create_string_buffer(HEAD + (1 << 13))

    def send(self, number, data, flags=NOWAIT):
        message = struct.pack("@l", number + 1) + data
        check(libc.msgsnd(self.id, message, ctypes.c_size_t(len(data)), flags), "msgsnd")

    def receive(self):
        while True:
            length = libc.msgrcv(self.id, self.buffer, ctypes.c_size_t(len(self.buffer) - HEAD), ctypes.c_long(0), NOWAIT)
            if length >= 0:
                return struct.unpack_from("@l", self.buffer)[0], bytes(memoryview(self.buffer)[HEAD:HEAD + length])
            if ctypes.get_errno() != errno.E2BIG:
                check(length, "msgrcv")
            self.buffer = ctypes.create_string_buffer(10 * len(self.buffer))


class Posix:
    def __init__(self, name, *limits):
        attributes = Attributes(0, *limits) if limits else Attributes()
        self.fd = check(libc.mq_open(name.encode(), os.O_RDWR | os.O_NONBLOCK | (os.O_CREAT if limits else 0), 0o600,
                                     ctypes.byref(attributes) if limits else None), "mq_open")
        check(libc.mq_getattr(self.fd, ctypes.byref(attributes)), "mq_getattr")
        self.buffer = ctypes.create_string_buffer(attributes.msgsize)

    def send(self, number, data):
        check(libc.mq_send(self.fd, data, ctypes.c_size_t(len(data)), number % PRIORITIES), "mq_send")

    def receive(self):
        priority = ctypes.c_uint()
        length = check(libc.mq_receive(self.fd, self.buffer, ctypes.c_size_t(len(self.buffer)), ctypes.byref(priority)),
                       "mq_receive")
        return priority.value, self.buffer.raw[:length]


def queue_of(kind, name):
    return Posix(name) if kind == "posix" else SystemV(name)


def send(kind, name, *specs):
    queue, number = queue_of(kind, name), 0
    for spec in specs:
        count, size = map(int, spec.split("x")) if "x" in spec else (1, int(spec))
        for _ in range(count):
            queue.send(number % 7, random.Random(number).randbytes(size))
            number += 1


def receive(kind, name):
    queue = queue_of(kind, name)
    while True:
        try:
            number, data = queue.receive()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMSG):
                return
            raise
        sys.stdout.buffer.write(data)
        print(number, len(data), file=sys.stderr)


def age():
    for _ in range(20):
        ids = [check(libc.msgget(0, 0o600), "msgget") for _ in range(200)]
        for each in ids[20:] if _ == 19 else ids:
            check(libc.msgctl(each, 0, None), "msgctl")


# ---- traffic ----------------------------------------------------------------------------------------------------------


def numbered(number, size):
    return (b"%09d." % number * (size // 10 + 1))[:size]


def churn(kind, name, count, size):
    queue, count, size = queue_of(kind, name), int(count), int(size)
    for number in range(count):
        queue.send(number, numbered(number, size))
    print("ready", flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1000):
            number += 1
            queue.receive()
            queue.send(number, numbered(number, size))


def judge(dump):
    """What a dump gave must have been sent, and none of it twice: numbers grow within a priority or type."""
    numbers = []
    for message in dump["contents"]:
        data = message["data"].encode()
        numbers.append(int(data[:9]))
        if message["truncated"] or data != numbered(numbers[-1], message["length"]):
            sys.exit(f"not sent: {message}")
    if len(set(numbers)) != len(numbers):
        sys.exit(f"twice: {numbers}")
    if [message["index"] for message in dump["contents"]] != list(range(len(numbers))):
        sys.exit("indices are not in order")
    for priority in range(PRIORITIES):
        same = [n for n, m in zip(numbers, dump["contents"]) if m.get("priority", 0) == priority or "type" in m]
        if same != sorted(same):
            sys.exit(f"not in order: {same}")
    return len(numbers)


def follow(seconds, *command):
    end, rounds, given, torn = time.monotonic() + float(seconds), 0, 0, 0
    while time.monotonic() < end or not given:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            sys.exit(f"{done.returncode}: {done.stderr}")
        dump = json.loads(done.stdout)["dumps"][0]
        if dump["torn"] != (dump["note"] is not None and "all at once" in dump["note"]):
            sys.exit(f"torn is {dump['torn']}, but: {dump['note']}")
        rounds, given, torn = rounds + 1, given + judge(dump), torn + dump["torn"]
    print(rounds, given, torn)


# ---- what else there is -----------------------------------------------------------------------------------------------


def times(name):
    found = os.fstat(Posix(name).fd)
    print(found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)


def without_copy(*command):
    numbers = {"x86_64": 70, "aarch64": 188, "riscv64": 188}
    if os.uname().machine not in numbers:
        sys.exit(77)
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, numbers[os.uname().machine]), (0x06, 0, 0, 0x00050000 | errno.ENOSYS),
               (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    filters = Program(len(program), ctypes.addressof(code))
    check(libc.prctl(38, 1, 0, 0, 0), "no new privileges")
    check(libc.prctl(22, 2, ctypes.byref(filters)), "seccomp")
    os.execvp(command[0], command)


{"send": send, "receive": receive, "make": lambda name, *limits: Posix(name, *map(int, limits)), "age": age, "churn": churn,
 "follow": follow, "times": times, "without-copy": without_copy}[sys.argv[1]](*sys.argv[2:])
