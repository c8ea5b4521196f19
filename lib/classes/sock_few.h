/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few sockets that alone are asked for: those of one process, or of references by inode. */
#ifndef IPC_CLASSES_SOCK_FEW_H
#define IPC_CLASSES_SOCK_FEW_H

#include "run.h"

/* Zero-initialised: all sockets are asked for. */
struct ipc_sock_few {
	bool active;
	uint64_t *inodes; /* sorted: of those that may be of the kind at hand */
	size_t count;
};

/*
 * Which sockets of @kind alone are asked for, if that is known. The kernel tells of which protocol a descriptor is without anybody
 * opening it; what nobody has, or nobody may be asked about, may be of any kind. Returns 0 or -ENOMEM.
 */
int ipc_sock_few_init(struct ipc_sock_few *few, struct ipc_run *run, const struct ipc_kind *kind);
void ipc_sock_few_release(struct ipc_sock_few *few);
/* Is the socket of @inode none of those that are asked for? */
bool ipc_sock_few_lacks(const struct ipc_sock_few *few, uint64_t inode);

#endif
