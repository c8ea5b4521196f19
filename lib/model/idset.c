/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of 64-bit numbers: open addressing with linear probing. */
#include "model/idset.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64

/* The slot that holds @id, or the free one where it belongs. */
static size_t idset_slot(const uint64_t *slots, size_t room, uint64_t id)
{
	uint64_t hash = id * 0x9e3779b97f4a7c15u;
	size_t at;

	for (at = (hash ^ hash >> 32) & (room - 1); slots[at] != 0 && slots[at] != id; at = (at + 1) & (room - 1))
		;
	return at;
}

static int idset_grow(struct ipc_idset *set)
{
	size_t room = set->room ? set->room * 2 : FIRST_ROOM;
	uint64_t *slots;
	size_t i;

	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < set->room; i++)
		if (set->slots[i])
			slots[idset_slot(slots, room, set->slots[i])] = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->room = room;
	return 0;
}

int ipc_idset_add(struct ipc_idset *set, uint64_t id)
{
	size_t at;
	int r;

	if (id == 0) {
		r = set->zero ? 0 : 1;
		set->zero = true;
		return r;
	}
	if (set->count + 1 > set->room / 4 * 3) {
		r = idset_grow(set);
		if (r < 0)
			return r;
	}
	at = idset_slot(set->slots, set->room, id);
	if (set->slots[at])
		return 0;
	set->slots[at] = id;
	set->count++;
	return 1;
}

bool ipc_idset_has(const struct ipc_idset *set, uint64_t id)
{
	if (id == 0)
		return set->zero;
	return set->room && set->slots[idset_slot(set->slots, set->room, id)] != 0;
}

void ipc_idset_release(struct ipc_idset *set)
{
	free(set->slots);
	*set = (struct ipc_idset){0};
}
