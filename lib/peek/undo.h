/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processes have undo values (SEM_UNDO) for which semaphore sets: an index, read once for all sets. */
#ifndef IPC_PEEK_UNDO_H
#define IPC_PEEK_UNDO_H

#include "context.h"
#include "model/bytes.h"

struct ipc_undo;

struct ipc_undo_user {
	uint64_t ns; /* inode of the ipc namespace */
	uint64_t id; /* of the set */
	int64_t pid; /* as the calling process numbers them */
	struct ipc_bytes comm;
	char text[16];
};

/* Returns 0 or -ENOMEM; that they could not be read is part of the answer. */
int ipc_undo_new(struct ipc_ctx *ctx, struct ipc_undo **out);
void ipc_undo_free(struct ipc_undo *undo);
/* Why they could not be read; NULL: they were. */
const char *ipc_undo_missing(const struct ipc_undo *undo);
/* Those of set @id of the ipc namespace @ns, each process once, by pid; *@count gets their number. */
const struct ipc_undo_user *ipc_undo_find(const struct ipc_undo *undo, uint64_t ns, uint64_t id, size_t *count);

#endif
