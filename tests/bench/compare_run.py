# SPDX-License-Identifier: GPL-2.0-or-later
"""A run of ipctool whose output is read line by line."""
import os
import tempfile


class Run:
    """`pid` and `pipe` (the inode of its standard output) tell what in that output is of this run itself."""

    def __init__(self, ipctool, *arguments):
        self.arguments = arguments
        self.errors = tempfile.TemporaryFile()
        ends = os.pipe()
        # subprocess would have a pipe of its own for a moment, in which ipctool may see it.
        self.pid = os.posix_spawnp(ipctool, [ipctool, *arguments], os.environ, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, ends[1], 1),
            (os.POSIX_SPAWN_DUP2, self.errors.fileno(), 2)])
        os.close(ends[1])
        self.output = os.fdopen(ends[0], "rb")
        self.pipe = os.fstat(ends[0]).st_ino

    def lines(self):
        for line in self.output:
            yield line.decode("ascii")[:-1]

    def end(self):
        """What is wrong with how it ended."""
        self.output.close()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace").strip()
        self.errors.close()
        return [f"ipctool {' '.join(self.arguments)}: status {status}: {text}"] if status or text else []
