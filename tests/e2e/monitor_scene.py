#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
monitor_scene.py plain|agree WORD...: a scene of objects of all kinds, watched by `ipctool monitor`. Each step is waited for, so that
what is told of it is known exactly. plain: without BPF, each event against what was foretold. agree: by both sources at
once, which have to tell the same of what both can see. Words: "queues", POSIX queues can be seen; "lose", more happens than is kept.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading

PATIENCE = 60
IPCTOOL = os.environ["IPCTOOL"]
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]
libc.sem_open.restype = ctypes.c_void_p
libc.sem_close.argtypes = [ctypes.c_void_p]
mode, words = sys.argv[1], sys.argv[2:]
KINDS = ["fifo", "shm/posix", "sem/posix", "mq/sysv", "sem/sysv", "shm/sysv", "sock/unix", "sock/tcp", "sock/udp"]
if "queues" in words:
    KINDS.append("mq/posix")


class Monitor:
    """One that runs, and what it has told so far."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([IPCTOOL, "monitor", "--jsonl", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.changed = threading.Condition()
        self.lines = []
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()
        with self.changed:
            self.changed.wait_for(lambda: self.lines or self.ended, PATIENCE)
        if not self.lines:
            why = self.process.stderr.read()
            if "CAP_BPF" in why or "does not take" in why or "no BPF" in why:
                print("skipped:", why.strip())
                sys.exit(77)
            sys.exit(f"no start: {why}")

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def events(self):
        """What this process did, or nobody knows who."""
        return [line for line in self.lines if line.get("verb") and line["pid"] in (None, os.getpid())]

    def told(self):
        return [(event["verb"], event["ref"]) for event in self.events()]

    def wait(self, expected):
        """Until it has told all of that."""
        def enough():
            told = self.told()
            return self.ended or all(told.count(one) >= expected.count(one) for one in expected)
        with self.changed:
            if not self.changed.wait_for(enough, PATIENCE) or self.ended:
                told = self.told()
                missing = [one for one in expected if told.count(one) < expected.count(one)]
                self.process.kill()
                sys.exit(f"not told of: {missing} in {told}\n{self.process.stderr.read()}")

    def end(self, code=0):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        with self.changed:
            self.changed.wait_for(lambda: self.ended, PATIENCE)
        if self.process.returncode != code:
            sys.exit(f"exit code {self.process.returncode}: {self.process.stderr.read()}")
        return self.lines[-1]


def check(result):
    if result in (-1, None, ctypes.c_void_p(-1).value):
        sys.exit(f"a call failed: {os.strerror(ctypes.get_errno())}")
    return result


# ---- the scene -------------------------------------------------------------------------------------------------------

foretold = []


def step(*events):
    """What was just done is to be told of so."""
    foretold.extend(tuple(event.split(" ", 1)) for event in events)
    for monitor in monitors:
        monitor.wait([one for one in foretold if monitor.plain or one[0] != "close" or "sem:" not in one[1]])


def fifos():
    path, new = "/run/scene.fifo", "/run/renamed fifo"
    os.mkfifo(path, 0o640)
    step(f"create fifo:{path}")
    end = os.open(path, os.O_RDWR)
    step(f"open fifo:{path}")
    os.close(end)
    step(f"close fifo:{path}")
    os.rename(path, new)
    step(f"change fifo:{path}")
    os.unlink(new)
    step(f"remove fifo:{new}")
    os.makedirs("/run/new/dir")
    os.mkfifo("/run/new/dir/one")
    step("create fifo:/run/new/dir/one")
    os.unlink("/run/new/dir/one")
    step("remove fifo:/run/new/dir/one")
    os.removedirs("/run/new/dir")


def segments():
    fd = os.open("/dev/shm/scene", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    step("create shm:/scene")
    os.ftruncate(fd, 4096)
    step("change shm:/scene")
    os.close(fd)
    step("close shm:/scene")
    fd = os.open("/dev/shm/scene", os.O_RDONLY)
    step("open shm:/scene")
    os.close(fd)
    step("close shm:/scene")
    os.rename("/dev/shm/scene", "/dev/shm/other")
    step("change shm:/scene")
    os.unlink("/dev/shm/other")
    step("remove shm:/other")


def semaphores():
    semaphore = check(libc.sem_open(b"/scene", os.O_CREAT, 0o600, 1))
    step("create sem:/scene")
    fd = os.open("/dev/shm/sem.scene", os.O_RDWR)
    step("open sem:/scene")
    os.close(fd)
    step("close sem:/scene")
    check(libc.sem_close(semaphore))
    step("close sem:/scene")
    check(libc.sem_unlink(b"/scene"))
    step("remove sem:/scene")


def queues():
    queue = check(libc.mq_open(b"/scene", os.O_CREAT | os.O_RDWR, 0o600, None))
    step("create mq:/scene")
    check(libc.mq_close(queue))
    step("close mq:/scene")
    queue = check(libc.mq_open(b"/scene", os.O_RDONLY))
    step("open mq:/scene")
    check(libc.mq_close(queue))
    step("close mq:/scene")
    check(libc.mq_unlink(b"/scene"))
    step("remove mq:/scene")


def system_v():
    message = ctypes.create_string_buffer(b"\1" + bytes(63))
    queue = check(libc.msgget(0x5C01, 0o1600))
    step(f"create mq:{queue}")
    check(libc.msgsnd(queue, message, 5, 0))
    step(f"send mq:{queue}")
    check(libc.msgrcv(queue, message, 50, 0, 0))
    step(f"receive mq:{queue}")
    state = ctypes.create_string_buffer(256)
    check(libc.msgctl(queue, 2, state))
    state[20:24] = (0o640).to_bytes(4, sys.byteorder)
    check(libc.msgctl(queue, 1, state))
    step(f"change mq:{queue}")
    check(libc.msgctl(queue, 0, None))
    step(f"remove mq:{queue}")

    segment = check(libc.shmget(0x5C02, 4096, 0o1600))
    step(f"create shm:{segment}")
    memory = check(libc.shmat(segment, None, 0))
    step(f"attach shm:{segment}")
    check(libc.shmdt(memory))
    step(f"detach shm:{segment}")
    check(libc.shmctl(segment, 0, None))
    step(f"remove shm:{segment}")

    operation = ctypes.c_short * 3
    number = check(libc.semget(0x5C03, 3, 0o1600))
    step(f"create sem:{number}")
    check(libc.semctl(number, 1, 16, 2))
    step(f"change sem:{number}")
    check(libc.semop(number, operation(1, -1, 0), 1))
    step(f"change sem:{number}")
    check(libc.semop(number, operation(2, 1, 0), 1))
    step(f"change sem:{number}")
    check(libc.semctl(number, 0, 0))
    step(f"remove sem:{number}")


def ref(sock):
    return f"sock:{os.fstat(sock.fileno()).st_ino}"


def sockets():
    path = "/run/scene.socket"
    server = socket.socket(socket.AF_UNIX)
    at = ref(server)
    step(f"create {at}")
    server.bind(path)
    step(f"bind {at}")
    server.listen()
    step(f"listen {at}")
    client = socket.socket(socket.AF_UNIX)
    step(f"create {ref(client)}")
    client.connect(path)
    connection = server.accept()[0]
    ends = [ref(client), ref(connection)]
    step(f"connect {ends[0]}", f"accept {ends[1]}")
    client.close()
    connection.close()
    step(*(f"close {end}" for end in ends))
    os.unlink(path)
    step(f"remove {at}")
    server.close()
    step(f"close {at}")

    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    at = ref(server)
    step(f"create {at}", f"bind {at}", f"listen {at}")
    client = socket.socket()
    client.connect(server.getsockname())
    connection = server.accept()[0]
    ends = [ref(client), ref(connection)]
    step(f"create {ends[0]}", f"connect {ends[0]}", f"accept {ends[1]}")
    client.close()
    connection.close()
    step(*(f"close {end}" for end in ends))
    server.close()
    step(f"close {at}")

    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("::1", 0))
    at = ref(server)
    step(f"create {at}", f"bind {at}")
    server.close()
    step(f"close {at}")


def play():
    fifos()
    segments()
    semaphores()
    if "queues" in words:
        queues()
    system_v()
    sockets()


# ---- comparing -------------------------------------------------------------------------------------------------------


def by_object(events):
    """The verbs of each object, in their order."""
    objects = {}
    for verb, name in events:
        objects.setdefault(name, []).append(verb)
    return objects


def unseen(end):
    """Kinds and verbs that a monitor has said not to see: "mq/sysv, sem/sysv: open, wait, wake"."""
    pairs = set()
    for error in end["errors"]:
        kinds, _, verbs = error["why"].partition(": ")
        pairs.update((kind, verb) for kind in kinds.split(", ") for verb in verbs.split(", "))
    return pairs


def compare_plain(monitor):
    end = monitor.end()
    if by_object(monitor.told()) != by_object(foretold):
        sys.exit(f"told:     {by_object(monitor.told())}\nforetold: {by_object(foretold)}")
    if end["complete"] or not {("mq/sysv", "wait"), ("shm/sysv", "open"), ("sock/tcp", "send")} <= unseen(end):
        sys.exit(f"it does not say what it cannot see: {end}")
    # Who did it the kernel records of some.
    done = {(event["verb"], event["kind"], event["class"]): event for event in monitor.events()}
    for known in [("send", "sysv", "mq"), ("create", "sysv", "shm"), ("attach", "sysv", "shm")]:
        if done[known]["pid"] != os.getpid() or not done[known]["comm"].startswith("python"):
            sys.exit(f"who did it? {done[known]}")
    for unknown in [("remove", "sysv", "mq"), ("open", "fifo", "fifo"), ("close", "tcp", "sock")]:
        if done[unknown]["pid"] is not None or done[unknown]["comm"] is not None:
            sys.exit(f"who can know? {done[unknown]}")
    print(f"{len(foretold)} events as foretold")


def compare_both(plain, other):
    skip = unseen(plain.end())
    other.end()

    def seen(monitor):
        return [(event["verb"], event["ref"]) for event in monitor.events()
                if (f"{event['class']}/{event['kind']}", event["verb"]) not in skip]

    one, two = by_object(seen(plain)), by_object(seen(other))
    if set(seen(plain)) != set(seen(other)):
        sys.exit(f"plain alone: {set(seen(plain)) - set(seen(other))}\nBPF alone: {set(seen(other)) - set(seen(plain))}")
    # Each object's verbs in the same order, as often as one tells of them in a row.
    for name in one:
        orders = [[verb for at, verb in enumerate(verbs) if not at or verbs[at - 1] != verb]
                  for verbs in (one[name], two[name])]
        if orders[0] != orders[1]:
            sys.exit(f"{name}: {orders[0]} without BPF, {orders[1]} with it")
    print(f"both tell the same: {len(set(seen(plain)))} pairs of verb and object")


# ---- more than is kept -----------------------------------------------------------------------------------------------


def lose():
    monitor = Monitor("--source", "netlink", "fifo")
    monitor.process.send_signal(signal.SIGSTOP)
    os.mkfifo("/run/first")
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        count = int(file.read())
    for number in range(count // 2 + 100):
        os.mkfifo(f"/run/f{number % 2}")
        os.unlink(f"/run/f{number % 2}")
    os.mkfifo("/run/last")
    monitor.process.send_signal(signal.SIGCONT)
    # The state is right again, whatever was lost.
    monitor.wait([("create", "fifo:/run/first"), ("create", "fifo:/run/last")])
    os.unlink("/run/last")
    monitor.wait([("remove", "fifo:/run/last")])
    monitor.end(3)
    if not any(line.get("lost") for line in monitor.lines):
        sys.exit("nothing was lost")
    if monitor.told().count(("create", "fifo:/run/last")) != 1:
        sys.exit("told twice")
    print("what was lost is counted, and the state is right afterwards")


if mode == "plain":
    monitors = [Monitor("--source", "netlink", "--interval", "100ms", *KINDS)]
    monitors[0].plain = True
    play()
    compare_plain(monitors[0])
    if "lose" in words:
        lose()
else:
    monitors = [Monitor("--source", "netlink", "--interval", "100ms", *KINDS), Monitor("--source", "bpf", *KINDS)]
    monitors[0].plain, monitors[1].plain = True, False
    play()
    compare_both(*monitors)
