/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening the memory that an object is, through the processes that have it: what they have open, what they map. Nothing is
 * opened that was not identified first.
 */
#ifndef IPC_CLASSES_SHM_REACH_H
#define IPC_CLASSES_SHM_REACH_H

#include "classes/classes.h"

/* One mapping of an object. */
struct ipc_shm_map {
	int64_t pid;
	uint64_t start, end; /* addresses */
	uint64_t offset;     /* in the object, of what `start` shows */
	bool same;           /* MAP_SHARED and readable: what is seen there is the object */
};

struct ipc_shm_maps {
	struct ipc_shm_map *items;
	size_t count, room;
};

/* Append those that process @pid has of @object. Returns 0 or -errno without text. */
int ipc_shm_maps_add(struct ipc_ctx *ctx, const struct ipc_object *object, int64_t pid, struct ipc_shm_maps *maps);
void ipc_shm_maps_release(struct ipc_shm_maps *maps);
/* The next process after entry *@at of @holders that has a mapping or an attachment: its pid, or 0 past the last. */
int64_t ipc_shm_next_mapper(struct ipc_list holders, size_t *at);

/* Is @fd (O_PATH will do) what @object was? */
typedef bool (*ipc_shm_same_fn)(struct ipc_ctx *ctx, const struct ipc_object *object, int fd);
/* A regular file of its inode, device and birth time. */
bool ipc_shm_same_file(struct ipc_ctx *ctx, const struct ipc_object *object, int fd);

/*
 * Open for reading what @path, an O_PATH descriptor known to be the object, stands for; its access time stays where that
 * is allowed. Returns the descriptor or -errno with text.
 */
int ipc_shm_open_found(struct ipc_ctx *ctx, int path);

/* Has one of @holders a lease on what it has open, which would be broken by opening that? */
bool ipc_shm_is_leased(struct ipc_ctx *ctx, struct ipc_list holders);

struct ipc_shm_reached {
	int fd;
	bool shared;        /* a copy of the holder's descriptor, with its position */
	const char *source; /* "file", "map_files", "pidfd_getfd" */
};

/*
 * Open @object for reading through one of @holders (struct ipc_holder). Returns 0 and fills *@out, whose descriptor is the
 * caller's, or -errno with text: -ESRCH (nobody has it any more), -EPERM (a mapping alone, and the capability to open it
 * is missing), -EACCES, -EBUSY (a lease).
 */
int ipc_shm_reach(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_list holders, ipc_shm_same_fn same,
		  struct ipc_shm_reached *out);

#endif
