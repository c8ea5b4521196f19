# SPDX-License-Identifier: GPL-2.0-or-later
"""What /proc tells of processes: who has which descriptors open and what mapped, and their signals."""
import ctypes
import fcntl
import os
import stat
import struct
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from compare_peers import escape  # noqa: E402  pylint: disable=wrong-import-position

ACCESS = {0o000: "", 0o400: "r", 0o200: "w", 0o600: "rw"}
PIDFD_GETFD = 438

libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def numbers(path):
    return [int(name) for name in os.listdir(path) if name.isdigit()]


class Processes:
    """Every process but this one, at one moment.

    comms: pid -> (comm, uid). sockets, pipes: inode -> [(pid, fd, "fd", access)]. files: (device, inode) -> the same,
    of FIFOs and plain files. mapped: (device, inode) -> [(pid, address, "map", access)]. attached: number of the segment ->
    [(pid, address, "attach", access)].
    """

    def __init__(self, descriptors=True, maps=False):
        self.comms = {}
        self.sockets, self.pipes, self.files, self.mapped, self.attached = {}, {}, {}, {}, {}
        ours = os.readlink("/proc/self/ns/ipc")
        for pid in numbers("/proc"):
            if pid == os.getpid():
                continue
            try:
                uid = [line for line in read(f"/proc/{pid}/status").split(b"\n") if line.startswith(b"Uid:")][0].split()[2]
                self.comms[pid] = (escape(read(f"/proc/{pid}/comm")[:-1]), int(uid))
                if descriptors:
                    self._descriptors(pid)
                if maps:
                    self._maps(pid, os.readlink(f"/proc/{pid}/ns/ipc") == ours)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue

    def _descriptors(self, pid):
        directory = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in os.listdir(directory):
                link = os.readlink(name, dir_fd=directory)
                if link.startswith("socket:["):
                    table, key = self.sockets, int(link[8:-1])
                elif link.startswith("pipe:["):
                    table, key = self.pipes, int(link[6:-1])
                elif link.startswith("/"):
                    seen = os.stat(name, dir_fd=directory)
                    if not stat.S_ISFIFO(seen.st_mode) and not stat.S_ISREG(seen.st_mode):
                        continue
                    table, key = self.files, (f"{os.major(seen.st_dev)}:{os.minor(seen.st_dev)}", seen.st_ino)
                else:
                    continue
                mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
                table.setdefault(key, []).append((pid, int(name), "fd", ACCESS[mode & 0o600]))
        finally:
            os.close(directory)

    def _maps(self, pid, same_ipc):
        for line in read(f"/proc/{pid}/maps").split(b"\n"):
            words = line.split(None, 5)
            if len(words) < 6 or words[1][3:4] != b"s":
                continue
            addr = f"0x{int(words[0].split(b'-')[0], 16):x}"
            access = words[1][:2].decode().replace("-", "")
            if words[5].startswith(b"/SYSV"):
                if same_ipc:
                    self.attached.setdefault(int(words[4]), []).append((pid, addr, "attach", access))
                continue
            device = ":".join(str(int(part, 16)) for part in words[3].split(b":"))
            self.mapped.setdefault((device, int(words[4])), []).append((pid, addr, "map", access))


# ---- pipes --------------------------------------------------------------------------------------------------------

PIPE_FIELDS = ("ref", "class", "kind", "device", "uid", "gid", "mode", "state", "holders", "readers", "writers", "buffered",
               "capacity", "packet")


def pipes(processes):
    """Pipes by their inode. Capacity and contents are asked of a copy of a holder's descriptor."""
    rows = {}
    for inode, holders in processes.pipes.items():
        pid, fd = holders[0][:2]
        seen = os.stat(f"/proc/{pid}/fd/{fd}")
        process = os.pidfd_open(pid)
        copy = libc.syscall(PIDFD_GETFD, process, fd, 0)
        os.close(process)
        if copy < 0:
            raise OSError(ctypes.get_errno(), f"pidfd_getfd {pid} {fd}")
        capacity = fcntl.fcntl(copy, 1032)  # F_GETPIPE_SZ
        buffered = struct.unpack("i", fcntl.ioctl(copy, termios.FIONREAD, b"\0\0\0\0"))[0]
        os.close(copy)
        packet = any(flags_of(*holder[:2]) & os.O_DIRECT for holder in holders[:2])
        rows[inode] = (
            f"pipe:{inode}", "pipe", "pipe", f"{os.major(seen.st_dev)}:{os.minor(seen.st_dev)}", seen.st_uid, seen.st_gid,
            f"{stat.S_IMODE(seen.st_mode):04o}", "held", ordered(holders), ordered(h for h in holders if "r" in h[3]),
            ordered(h for h in holders if "w" in h[3]), buffered, capacity, packet)
    return rows


def flags_of(pid, fd):
    return int(read(f"/proc/{pid}/fdinfo/{fd}").split(b"flags:")[1].split()[0], 8)


def ordered(holders):
    """The same order on both sides."""
    return tuple(sorted(holders, key=repr))


# ---- signals ------------------------------------------------------------------------------------------------------

# Not QUEUED: the kernel counts the signals of all processes of a user, also of those outside these namespaces.
SIGNAL_FIELDS = ("ref", "class", "kind", "name", "uid", "gid", "pending", "blocked", "ignored", "caught", "queue_limit",
                 "threads")


def status_of(path):
    return dict(line.split(":\t", 1) for line in read(path).decode(errors="surrogateescape").splitlines() if ":\t" in line)


def signals(processes):
    rows = {}
    for pid in processes.comms:
        status = status_of(f"/proc/{pid}/status")
        threads = []
        for tid in sorted(numbers(f"/proc/{pid}/task")):
            seen = status_of(f"/proc/{pid}/task/{tid}/status")
            threads.append((tid, escape(read(f"/proc/{pid}/task/{tid}/comm")[:-1]), int(seen["SigPnd"], 16),
                            int(seen["SigBlk"], 16)))
        rows[pid] = (
            f"signal:{pid}", "signal", "process", processes.comms[pid][0], int(status["Uid"].split()[1]),
            int(status["Gid"].split()[1]), int(status["SigPnd"], 16) | int(status["ShdPnd"], 16), int(status["SigBlk"], 16),
            int(status["SigIgn"], 16), int(status["SigCgt"], 16), int(status["SigQ"].split("/")[1]), tuple(threads))
    return rows
