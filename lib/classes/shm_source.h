/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a new segment is filled from: a file, or standard input. */
#ifndef IPC_CLASSES_SHM_SOURCE_H
#define IPC_CLASSES_SHM_SOURCE_H

#include "classes/change.h"

struct ipc_shm_source {
	const char *path; /* NULL: nothing */
	int fd;
	bool own;     /* to be closed */
	bool regular; /* a file, which may have holes */
	uint64_t size;
	char shown[128]; /* the path, for messages */
};

/*
 * Open what the setting `from` names; nothing without it. The caller closes it, also after a failure. Returns 0 or -errno
 * with text: a file that is not what one may read is -EINVAL, a wrong value of the setting.
 */
int ipc_shm_source_open(struct ipc_ctx *ctx, const struct ipc_settings *settings, struct ipc_shm_source *source);
/*
 * Find its size. What comes from a pipe is kept in memory, until its end or more than the setting `size`. Returns 0 or
 * -errno with text.
 */
int ipc_shm_source_measure(struct ipc_ctx *ctx, struct ipc_shm_source *source, const struct ipc_settings *settings);
/*
 * Pass over what was never written at the position of a file: *@hole bytes. Of what follows *@data bytes are no hole, as far
 * as is known; at its end there is nothing to be read. What is no file, or knows of no holes, has none.
 */
void ipc_shm_source_pass_hole(const struct ipc_shm_source *source, uint64_t *hole, uint64_t *data);
/* read(2) that waits where the descriptor does not, and is not interrupted. Returns -errno without text. */
ssize_t ipc_shm_source_read(int fd, void *buffer, size_t len);
/* Fail with @error: "@source cannot be @what: ...". */
int ipc_shm_source_fail(struct ipc_ctx *ctx, const struct ipc_shm_source *source, int error, const char *what);
/* Fail because it has more than @size bytes. */
int ipc_shm_source_fail_longer(struct ipc_ctx *ctx, const struct ipc_shm_source *source, uint64_t size);
void ipc_shm_source_close(struct ipc_shm_source *source);

#endif
