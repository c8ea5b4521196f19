/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of 64-bit numbers: cookies already seen, files that sockets are bound to. */
#ifndef IPC_MODEL_IDSET_H
#define IPC_MODEL_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. Eight bytes a slot, at most three quarters full. */
struct ipc_idset {
	uint64_t *slots; /* 0: free */
	size_t room;     /* a power of two */
	size_t count;    /* of occupied slots */
	bool zero;       /* the number 0 is in the set */
};

/* Returns 1 when @id is new, 0 when it was there already, -ENOMEM. */
int ipc_idset_add(struct ipc_idset *set, uint64_t id);
bool ipc_idset_has(const struct ipc_idset *set, uint64_t id);
void ipc_idset_release(struct ipc_idset *set);

#endif
