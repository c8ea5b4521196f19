# SPDX-License-Identifier: GPL-2.0-or-later
# typed.py: types command lines into a real shell on a terminal of its own, with a TAB, and looks at what the command then gets.
#
#     typed.py BIN INIT SHELL... <CASES
#
# BIN is a directory for a stand-in called ipctool, which SHELL finds in its PATH: it hands __complete on to $IPCTOOL, and notes all
# other arguments. INIT is a line that the shell gets first. Each case is a line "TYPED<TAB>ARGUMENT<TAB>ARGUMENT...": TYPED is what is
# typed, where «» stands for the TAB key (and is added at the end), and the ARGUMENTs are what has to arrive. \xHH stands for a byte.
import os
import pty
import re
import select
import sys
import time

STAND_IN = """#!/bin/sh
[ "$1" = __complete ] && exec "$IPCTOOL" "$@"
printf '%s\\0' "$@" >"$TYPED_LOG.new"
mv "$TYPED_LOG.new" "$TYPED_LOG"
"""
PATIENCE = 20  # seconds


def decode(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text)


class Terminal:
    def __init__(self, command, environment):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            self.seen += os.read(self.fd, 65536)
        except OSError:
            sys.exit("the shell ended: %r" % self.seen[-2000:])
        return True

    def type(self, data):
        os.write(self.fd, data)

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                return False
            self.read(0.02)
        return True

    def quiet(self):
        while self.read(0.15):
            pass


def main():
    binary, init, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    log = os.path.join(binary, "log")
    os.makedirs(binary, exist_ok=True)
    with open(os.path.join(binary, "ipctool"), "w") as file:
        file.write(STAND_IN)
    os.chmod(file.name, 0o755)
    environment = dict(os.environ, PATH=binary + ":" + os.environ["PATH"], TYPED_LOG=log, TERM="dumb", PS1="$ ")
    cases = [line.rstrip(b"\n").split(b"\t") for line in sys.stdin.buffer if line.strip()]

    terminal = Terminal(command, environment)
    terminal.quiet()
    terminal.type(init.encode() + b"\r")
    terminal.type(b"ipctool ready\r")
    if not terminal.until(lambda: os.path.exists(log)):
        sys.exit("the shell does not get ready: %r" % terminal.seen[-2000:])

    failed = 0
    for case in cases:
        os.unlink(log)
        terminal.quiet()
        terminal.seen = b""
        for number, piece in enumerate((case[0] + "«»".encode()).split("«»".encode())):
            if number:
                terminal.type(b"\t")
                terminal.quiet()
            terminal.type(decode(piece))
        terminal.type(b"\r")
        expected = [decode(argument) for argument in case[1:]]
        if terminal.until(lambda: os.path.exists(log)):
            with open(log, "rb") as file:
                found = file.read().split(b"\0")[:-1]
        else:
            found = None
            terminal.type(b"\x03")
            open(log, "w").close()
        if found != expected:
            failed += 1
            print("typed %r: expected %r, got %r\n  %r" % (case[0].decode(), expected, found, terminal.seen))
    if not cases:
        sys.exit("no cases")
    sys.exit(1 if failed else 0)


main()
