/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing set of 64-bit numbers: open addressing with linear probing. */
#include "model/idset.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 32

#define BLOCK_BITS 6

static uint64_t bit_of(uint64_t id)
{
	return (uint64_t)1 << (id & ((1u << BLOCK_BITS) - 1));
}

/* The slot of @block, or the free one where it belongs. */
static struct ipc_idset_slot *idset_slot(struct ipc_idset_slot *slots, size_t room, uint64_t block)
{
	uint64_t hash = block * 0x9e3779b97f4a7c15u;
	size_t at;

	for (at = (hash ^ hash >> 32) & (room - 1); slots[at].bits && slots[at].block != block;
	     at = (at + 1) & (room - 1))
		;
	return &slots[at];
}

static int idset_grow(struct ipc_idset *set)
{
	size_t room = set->room ? set->room * 2 : FIRST_ROOM;
	struct ipc_idset_slot *slots;
	size_t i;

	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < set->room; i++)
		if (set->slots[i].bits)
			*idset_slot(slots, room, set->slots[i].block) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->room = room;
	return 0;
}

int ipc_idset_add(struct ipc_idset *set, uint64_t id)
{
	struct ipc_idset_slot *slot;
	int r;

	if (set->used + 1 > set->room / 4 * 3) {
		r = idset_grow(set);
		if (r < 0)
			return r;
	}
	slot = idset_slot(set->slots, set->room, id >> BLOCK_BITS);
	if (slot->bits & bit_of(id))
		return 0;
	if (!slot->bits) {
		slot->block = id >> BLOCK_BITS;
		set->used++;
	}
	slot->bits |= bit_of(id);
	set->count++;
	return 1;
}

bool ipc_idset_has(const struct ipc_idset *set, uint64_t id)
{
	return set->room && idset_slot(set->slots, set->room, id >> BLOCK_BITS)->bits & bit_of(id);
}

bool ipc_idset_take(struct ipc_idset *set, uint64_t *id)
{
	struct ipc_idset_slot *slot;

	for (; set->room; set->room--) {
		slot = &set->slots[set->room - 1];
		if (!slot->bits)
			continue;
		*id = slot->block << BLOCK_BITS | (uint64_t)__builtin_ctzll(slot->bits);
		slot->bits &= slot->bits - 1;
		return true;
	}
	return false;
}

void ipc_idset_release(struct ipc_idset *set)
{
	free(set->slots);
	*set = (struct ipc_idset){0};
}
