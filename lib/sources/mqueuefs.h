/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A view of the POSIX queues of the current ipc namespace without mounting anything that others see. */
#ifndef IPC_SOURCES_MQUEUEFS_H
#define IPC_SOURCES_MQUEUEFS_H

#include "sources/mounts.h"

/*
 * A directory fd on the mqueue file system of the ipc namespace that the thread is in: a detached mount (fsopen), or, where that is refused, a mounted
 * mqueue that proves to be of this namespace (@mounts). Returns the fd or -errno (-EPERM: an ordinary user and nothing mounted).
 */
int ipc_mqueuefs_open(struct ipc_ctx *ctx, const struct ipc_mounts *mounts);

#endif
