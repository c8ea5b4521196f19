/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of keys: objects that were met already. */
#ifndef IPC_MODEL_KEYSET_H
#define IPC_MODEL_KEYSET_H

#include <stddef.h>

#include "model/key.h"

/* Zero-initialised is empty. */
struct ipc_keyset {
	struct ipc_key *slots; /* space NONE: free */
	size_t room;           /* a power of two */
	size_t count;
};

/* Returns 1 when @key (not of space NONE) is new, 0 when it was there already, -ENOMEM. */
int ipc_keyset_add(struct ipc_keyset *set, struct ipc_key key);
/* All of them in no particular order: to be freed by the caller. NULL without memory, or when there are none. */
struct ipc_key *ipc_keyset_list(const struct ipc_keyset *set);
bool ipc_keyset_has(const struct ipc_keyset *set, struct ipc_key key);
void ipc_keyset_release(struct ipc_keyset *set);

#endif
