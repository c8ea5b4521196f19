/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents of shared memory from an open descriptor, whichever way that was had. */
#ifndef IPC_CLASSES_SHM_READ_H
#define IPC_CLASSES_SHM_READ_H

#include "classes/contents.h"

/* The wanted part of an object of @size bytes: from *@start to *@end, which are equal when nothing of it is. */
void ipc_shm_range(const struct ipc_dumping *dumping, uint64_t size, uint64_t *start, uint64_t *end);

/* Note that reading ended @reached bytes from the beginning, before @end: the object has become shorter. Torn. */
void ipc_shm_shorter(struct ipc_dumping *dumping, uint64_t start, uint64_t end, uint64_t reached);

/* ipc_dumping_zeros() of all that is wanted of @size bytes. */
int ipc_shm_dump_zeros(struct ipc_dumping *dumping, uint64_t size);

/*
 * Give the wanted part of the file @fd, of which @size bytes are the object (UINT64_MAX: all it has), with its holes as
 * zeros. @shared: its position is another process's too. A file that became shorter meanwhile, or was written, is torn.
 * Returns 0, what a receiver returned, or -errno with text.
 */
int ipc_shm_dump_fd(struct ipc_dumping *dumping, int fd, bool shared, uint64_t size);

#endif
