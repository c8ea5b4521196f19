/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of 64-bit numbers: cookies already seen, files that sockets are bound to. */
#ifndef IPC_MODEL_IDSET_H
#define IPC_MODEL_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * 64 numbers that follow each other share a slot, one bit for each: cookies and inodes are given out in order, and met nearly so. A
 * set of them is small and near at hand; at worst a number takes a slot.
 */
struct ipc_idset_slot {
	uint64_t block; /* the number without its lowest six bits */
	uint64_t bits;  /* 0: a free slot */
};

/* Zero-initialised is empty. At most three quarters full. */
struct ipc_idset {
	struct ipc_idset_slot *slots;
	size_t room;  /* a power of two */
	size_t used;  /* slots */
	size_t count; /* of the numbers in it */
};

/* Returns 1 when @id is new, 0 when it was there already, -ENOMEM. */
int ipc_idset_add(struct ipc_idset *set, uint64_t id);
bool ipc_idset_has(const struct ipc_idset *set, uint64_t id);
/* Take any number out of the set, which is given up by that: nothing else may be asked of it any more. False when it is empty. */
bool ipc_idset_take(struct ipc_idset *set, uint64_t *id);
void ipc_idset_release(struct ipc_idset *set);

#endif
