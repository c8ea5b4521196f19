/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a file in pieces: data by one buffer, and what it was never given (holes) as mere lengths, in no time. */
#ifndef IPC_SOURCES_SPARSE_H
#define IPC_SOURCES_SPARSE_H

#include <ipctool/ipctool.h>

/* What is read. */
struct ipc_sparse {
	int fd;
	/* The descriptor is a copy of another process's: its position is not to be moved, so holes cannot be looked for. */
	bool shared;
	uint64_t start, end; /* the wanted part, in bytes; start <= end, which fits into off_t */
};

/* Where it goes, in ascending order. What is not 0 ends the reading, which returns it. */
struct ipc_sparse_sink {
	int (*bytes)(void *data, uint64_t offset, struct ipc_bytes bytes);
	int (*zeros)(void *data, uint64_t offset, uint64_t length);
	void *data;
};

/*
 * Hand the wanted part over. *@reached: how far it went; less than `end` where the file ended before. A file system that
 * does not know its holes gives everything as data. Returns 0, what the sink returned, or -errno.
 */
int ipc_sparse_read(const struct ipc_sparse *from, const struct ipc_sparse_sink *to, uint64_t *reached);

#endif
