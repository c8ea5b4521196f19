/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The POSIX queues of the current ipc namespace: as a directory, without mounting anything that others see, and one by one
 * by the kernel's own calls. Names are without their slash, as the kernel takes them.
 */
#ifndef IPC_SOURCES_MQUEUEFS_H
#define IPC_SOURCES_MQUEUEFS_H

#include <limits.h>
#include <mqueue.h>

#include "sources/mounts.h"

/*
 * A directory fd on the mqueue file system of the ipc namespace that the thread is in: a detached mount (fsopen), or, where that is refused, a mounted
 * mqueue that proves to be of this namespace (@mounts). Returns the fd or -errno (-EPERM: an ordinary user and nothing mounted).
 */
int ipc_mqueuefs_open(struct ipc_ctx *ctx, const struct ipc_mounts *mounts);
/* The same by a table of mounts that is read for this. */
int ipc_mqueuefs_open_here(struct ipc_ctx *ctx);
/* How many queues have a name, IPC_UNKNOWN when there is no directory to count them in. */
uint64_t ipc_mqueuefs_count(struct ipc_ctx *ctx);

/* "/name" as a name for the kernel in @out. False when no queue can be called so. */
bool ipc_mqueue_name(struct ipc_bytes name, char out[NAME_MAX + 1]);
/*
 * Open the queue @name without waiting: @access is O_RDONLY, O_WRONLY or O_RDWR. Changes no times and wakes nobody. The
 * descriptor has O_NONBLOCK. Where somebody has a lease on it, as who removes it does, it is tried again for a while.
 * Returns the fd or -errno: -ENOENT, -EACCES, -EAGAIN (the lease stays), -ENOSYS (the kernel has no queues).
 */
int ipc_mqueue_open(const char *name, int access);
/* The same for reading or, where that is not allowed, for writing. */
int ipc_mqueue_open_any(const char *name);
/* 0 or -errno. A library's mq_getattr() may not take an fd that its mq_open() did not give. */
int ipc_mqueue_attributes(int fd, struct mq_attr *out);
/* 0 or -errno. */
int ipc_mqueue_unlink(const char *name);
/* mq_timedsend() and mq_timedreceive(); @until NULL: no limit. Return what the calls do (a length), or -errno. */
int ipc_mqueue_send(int fd, const void *data, size_t len, unsigned priority, const struct timespec *until);
ssize_t ipc_mqueue_receive(int fd, void *buffer, size_t size, unsigned *priority, const struct timespec *until);

#endif
