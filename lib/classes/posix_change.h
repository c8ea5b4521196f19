/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What POSIX segments and named semaphores share in being made, set and removed: both are regular files below /dev/shm. All of it
 * runs in the object's mount namespace. Functions return 0 or -errno with text.
 */
#ifndef IPC_CLASSES_POSIX_CHANGE_H
#define IPC_CLASSES_POSIX_CHANGE_H

#include "classes/change.h"

/* What tells the two kinds apart. */
struct ipc_posix_kind {
	const char *prefix; /* of the last component of the file's name, which the object's name has not: "sem." */
	const char *what;   /* "segment" */
	/* Write what @fd, new and empty, shall hold. */
	int (*fill)(const struct ipc_creation *creation, int fd);
	unsigned contents; /* IPC_SET_*: settings that need the file open for writing */
	/* Apply those of `contents`, all of them or none; called last. */
	int (*apply)(struct ipc_ctx *ctx, int fd, const struct ipc_settings *settings);
};

/* ---- making (posix_create.c) ----------------------------------------------------------------------------------- */

/*
 * Make the file of creation->ref, filled and with its final owner and mode, without a name; then give it the name: it
 * is there whole, or not at all.
 */
int ipc_posix_create(struct ipc_creation *creation, const struct ipc_posix_kind *kind);
/* May the file grow from @old to @new bytes: the limit on file sizes, and the memory that /dev/shm has left. */
int ipc_posix_check_size(struct ipc_ctx *ctx, int fd, uint64_t old, uint64_t new);
/* Fail for a write or a change of size that failed with @error, a negative errno: what a full /dev/shm has, and how to raise it. */
int ipc_posix_fail_space(struct ipc_ctx *ctx, int fd, int error);

/* ---- existing objects (posix_change.c) ------------------------------------------------------------------------- */

/*
 * Open the file of @object, found by its name, with @flags (O_RDONLY, O_RDWR) once it is known to be the very one: no
 * other file is opened, not even for a moment. Returns the descriptor, -ENOENT (no such name, or @deleted: it has none any
 * more), -ESTALE, -EACCES, -EBUSY (somebody holds a lease on it).
 */
int ipc_posix_open(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind,
		   bool deleted, int flags);
/* All of @settings, or none. */
int ipc_posix_set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind, bool deleted,
		  const struct ipc_settings *settings);
int ipc_posix_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind,
		     bool deleted, const struct ipc_removal *how);

#endif
