/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that POSIX shared memory and named semaphores are: those below /dev/shm, and those unlinked but still held. */
#ifndef IPC_CLASSES_SHM_FILES_H
#define IPC_CLASSES_SHM_FILES_H

#include "classes/classes.h"
#include "sources/mounts.h"

struct ipc_shm_file {
	struct ipc_bytes name; /* below /dev/shm, with a leading slash; without " (deleted)" */
	struct ipc_file file;  /* of an unlinked one that could not be looked at only device and inode are known */
	bool known;            /* the rest of `file` is */
	bool deleted;
};

typedef int (*ipc_shm_file_fn)(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_shm_file *file,
			       void *data);

/* Hand every one to @fn. Returns 0, what @fn returned, or -ENOMEM. Those without a name are left out where only what can leak is asked for. */
int ipc_shm_files_each(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data);

/* Is this file a named semaphore (sem_open) rather than a segment? */
bool ipc_shm_file_is_semaphore(const struct ipc_shm_file *file);

/* Fill the common fields of @object from @file. */
void ipc_shm_file_fill(struct ipc_object *object, const struct ipc_shm_file *file);

/* `/name`, and @MAJOR:MINOR:INODE for what has none: names() of both kinds. */
void ipc_shm_file_names(const struct ipc_object *object, bool deleted, struct ipc_names *names);

#endif
