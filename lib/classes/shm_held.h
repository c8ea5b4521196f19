/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kinds of shared memory have in common that are found through their holders alone: memfds, anonymous
 * memory, mapped files.
 */
#ifndef IPC_CLASSES_SHM_HELD_H
#define IPC_CLASSES_SHM_HELD_H

#include "classes/shm.h"
#include "holders/holders.h"
#include "sources/mounts.h"

/* How processes have an object mapped. */
struct ipc_shm_use {
	uint64_t maps;    /* mappings */
	uint64_t sharers; /* processes with a MAP_SHARED mapping */
	uint64_t longest; /* bytes from the lowest to the highest address of one process's mappings, the most of all */
};

/* @held: of @holders. */
struct ipc_shm_use ipc_shm_held_use(const struct ipc_holders *holders, const struct ipc_held *held);

/* Swap used by mappings, from /proc/PID/smaps: each process is read once in a row. Zero-initialised is empty. */
struct ipc_shm_swap {
	struct ipc_shm_swap_map *maps; /* of `pid`, ascending by address */
	size_t count, room;
	int64_t pid;
	bool known, in_use; /* is any swap in use on this host? */
};

void ipc_shm_swap_release(struct ipc_shm_swap *swap);

/*
 * A new object of @kind for @held: identity, holders, mappings, and what stat() tells where a holder lets us look
 * (then *@file is filled and *@known set). Returns NULL without memory.
 */
struct ipc_shm *ipc_shm_held_object(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
				    struct ipc_file *file, bool *known);
/* `resident` and `swapped` of tmpfs memory of which @file was known. */
void ipc_shm_held_memory(struct ipc_run *run, struct ipc_shm_swap *swap, struct ipc_shm *shm,
			 const struct ipc_file *file);
/* On one of the kernel's hugetlbfs mounts, rather than on its tmpfs? */
bool ipc_shm_held_huge(const struct ipc_held *held);

typedef int (*ipc_shm_held_emit_fn)(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
				    struct ipc_shm_swap *swap);

/* A whole collect() for a kind that is all of @space: @emit gets each object. */
int ipc_shm_held_collect(struct ipc_run *run, const struct ipc_kind *kind, enum ipc_space space,
			 ipc_shm_held_emit_fn emit);
/* The inode alone: many memfds share a name, which is no reference, and anonymous memory has none. */
void ipc_shm_held_names(const struct ipc_object *object, struct ipc_names *names);

#endif
