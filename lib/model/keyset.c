/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of keys: open addressing with linear probing. */
#include "model/keyset.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64

/* The slot that holds @key, or the free one where it belongs. */
static struct ipc_key *find(struct ipc_key *slots, size_t room, struct ipc_key key)
{
	size_t at = ipc_key_hash(key) & (room - 1);

	while (slots[at].space != IPC_SPACE_NONE && !ipc_key_equal(slots[at], key))
		at = (at + 1) & (room - 1);
	return &slots[at];
}

static int grow(struct ipc_keyset *set)
{
	size_t room = set->room ? 2 * set->room : FIRST_ROOM, i;
	struct ipc_key *slots;

	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < set->room; i++)
		if (set->slots[i].space != IPC_SPACE_NONE)
			*find(slots, room, set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->room = room;
	return 0;
}

int ipc_keyset_add(struct ipc_keyset *set, struct ipc_key key)
{
	struct ipc_key *slot;
	int r;

	if (2 * set->count >= set->room) {
		r = grow(set);
		if (r < 0)
			return r;
	}
	slot = find(set->slots, set->room, key);
	if (slot->space != IPC_SPACE_NONE)
		return 0;
	*slot = key;
	set->count++;
	return 1;
}

struct ipc_key *ipc_keyset_list(const struct ipc_keyset *set)
{
	struct ipc_key *keys = set->count ? reallocarray(NULL, set->count, sizeof(*keys)) : NULL;
	size_t i, count = 0;

	for (i = 0; keys && i < set->room; i++)
		if (set->slots[i].space != IPC_SPACE_NONE)
			keys[count++] = set->slots[i];
	return keys;
}

bool ipc_keyset_has(const struct ipc_keyset *set, struct ipc_key key)
{
	return set->room && find(set->slots, set->room, key)->space != IPC_SPACE_NONE;
}

void ipc_keyset_release(struct ipc_keyset *set)
{
	free(set->slots);
	*set = (struct ipc_keyset){0};
}
