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

/* Whose descriptors are copied: kept from one copy to the next, because many in a row are of one process. {0} to begin. */
struct ipc_lender {
	int64_t pid; /* 0: none yet */
	int pidfd;
};
void ipc_lender_release(struct ipc_lender *lender);

/*
 * A copy of the descriptor by which @hold has @held: it shares the open file, so that nothing is opened anew, and
 * counts as no further reader or writer. @st: what it is, of the same inode as @held; the device is for the caller to
 * compare, as @held may have another one for a file than stat() says. Returns the fd, -ESRCH when the number, or that
 * of the process, has gone to another by now, or -errno; -ENOSYS before Linux 5.6.
 */
int ipc_hold_copy(const struct ipc_hold *hold, const struct ipc_held *held, struct stat *st);
/* The same for who looks at it himself: not even the inode was compared. */
int ipc_lender_copy(struct ipc_lender *lender, const struct ipc_hold *hold);
/*
 * The same by an entry of an object's `holders`, for who has no index of holders: @inode is the one that fstat() shall
 * see. Also -EXDEV: this /proc numbers processes otherwise than system calls do (ipc_proc_same_pids()), so that
 * the number would be another process's; -EBADF: the entry is no descriptor.
 */
int ipc_holder_copy(struct ipc_ctx *ctx, const struct ipc_holder *holder, uint64_t inode, struct stat *st);
/*
 * A copy of some holder's descriptor of @object, which was collected with its holders: the first that may be copied,
 * is no mere handle (O_PATH), has the object's inode and @fits (NULL: any does). Returns the fd, or -errno with text:
 * -ESRCH (nobody visible has it any more), -EPERM, -ENOTSUP (see -EXDEV above), -ENOSYS.
 */
int ipc_object_copy(struct ipc_ctx *ctx, const struct ipc_object *object, bool (*fits)(int fd, const void *data),
		    const void *data);

#endif
