/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaching an object that has no name through a process that has it. */
#ifndef IPC_CLASSES_HELD_H
#define IPC_CLASSES_HELD_H

#include <sys/stat.h>

#include "holders/holders.h"
#include "run.h"
#include "sources/mounts.h"

/* Path below /proc of the object as @hold has it: "PID/fd/N" or "PID/map_files/START-END". */
void ipc_hold_path(const struct ipc_hold *hold, char *out, size_t size);

/* Stat @held through the first holder that allows it, and check that it is the same inode. Returns 0 or why the last one did not. */
int ipc_held_stat(struct ipc_run *run, const struct ipc_held *held, struct ipc_file *out);

/*
 * A copy of the descriptor by which @hold has @held: it shares the open file, so that nothing is opened anew, and
 * counts as no further reader or writer. @st: what it is, of the same inode as @held; the device is for the caller to
 * compare, as @held may have another one for a file than stat() says. Returns the fd, -ESRCH when the number, or that
 * of the process, has gone to another by now, or -errno; -ENOSYS before Linux 5.6.
 */
int ipc_hold_copy(const struct ipc_hold *hold, const struct ipc_held *held, struct stat *st);

#endif
