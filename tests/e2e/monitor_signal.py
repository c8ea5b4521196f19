#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
monitor_signal.py: sends signals of all sorts, and prints for each what `ipctool monitor signal` has to tell of it, one JSON object per
line. Nobody ("pid": null) is the kernel by itself.
"""
import ctypes
import json
import os
import signal
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
SELF = os.getpid()


def tell(verb, target, name, by, **detail):
    line = {"pid": by, "verb": verb, "ref": f"signal:{target}", "detail": {"signal": name, **detail}}
    os.write(1, (json.dumps(line) + "\n").encode())


def sent(name, target=SELF, by=SELF, **detail):
    tell("signal", target, name, by, **detail)


def got(name, by=SELF):
    tell("receive", by, name, by)


def status(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return next(line.split()[1] for line in file if line.startswith(name))


def child(of):
    """Runs of() in a child that is ready when it sleeps."""
    pid = os.fork()
    if pid == 0:
        try:
            of()
        finally:
            os._exit(0)
    while status(pid, "State:") != "S":
        os.sched_yield()
    return pid


def died(pid):
    """The end of a child, which its parent lets the kernel ignore."""
    os.waitpid(pid, 0)
    sent("CHLD", by=pid, status="ignored")


def to_itself():
    caught = []
    signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
    os.kill(SELF, signal.SIGUSR1)
    sent("USR1")
    got("USR1")
    os.kill(SELF, signal.SIGWINCH)
    sent("WINCH", status="ignored")
    # As many as are sent wait of real-time signals, of the others one.
    numbers = [signal.SIGUSR2, signal.SIGRTMIN + 3]
    for number in numbers:
        signal.signal(number, lambda *_: caught.append(2))
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number, name, second in ((numbers[0], "USR2", {"status": "pending"}), (numbers[1], "RTMIN+3", {})):
        os.kill(SELF, number)
        sent(name)
        os.kill(SELF, number)
        sent(name, **second)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    # Handlers nest: the last that is begun with is told of last.
    got("USR2")
    got("RTMIN+3")
    got("RTMIN+3")


def to_thread():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
    sent("USR1", thread=thread.native_id)
    end.set()
    thread.join()
    got("USR1")


def by_kernel():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    signal.pause()
    sent("ALRM", by=None)
    got("ALRM")
    # Python ignores it, which the kernel need not tell of; what is not asked for is not sent.
    signal.signal(signal.SIGPIPE, lambda *_: None)
    read, write = os.pipe()
    os.close(read)
    try:
        os.write(write, b"x")
    except BrokenPipeError:
        pass
    sent("PIPE", thread=SELF)
    got("PIPE")

    def fault():
        signal.pause()
        ctypes.string_at(0)

    signal.signal(signal.SIGUSR1, lambda *_: None)
    pid = child(fault)
    os.kill(pid, signal.SIGUSR1)
    sent("USR1", pid)
    got("USR1", pid)
    sent("SEGV", pid, None, thread=pid)
    got("SEGV", pid)
    died(pid)


def to_children():
    pid = child(signal.pause)
    os.kill(pid, signal.SIGTERM)
    sent("TERM", pid)
    # That ends it, which all of its threads are told by this one.
    got("KILL", pid)
    died(pid)
    pid = child(signal.pause)
    os.kill(pid, signal.SIGKILL)
    sent("KILL", pid)
    got("KILL", pid)
    died(pid)


signal.signal(signal.SIGTERM, signal.SIG_DFL)
to_itself()
to_thread()
by_kernel()
to_children()
