/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the descriptors of processes are, read ahead of their turn by a few threads: most of the time goes into the links
 * below /proc/PID/fd, which the kernel makes at their first use. Pipes and sockets are told wholly; what needs more
 * than its own link is left to who asked.
 */
#ifndef IPC_HOLDERS_LINKS_H
#define IPC_HOLDERS_LINKS_H

#include <dirent.h>

#include "holders/holders_index.h"

enum ipc_link_kind { IPC_LINK_SOCKET, IPC_LINK_PIPE, IPC_LINK_OTHER };

struct ipc_link {
	uint64_t inode; /* of a pipe or socket */
	int32_t fd;
	uint8_t kind;
	uint8_t access; /* as in struct ipc_hold */
};

/* The wanted descriptors of one process. */
struct ipc_links {
	int error;   /* 0 or -errno: the directory could not be read */
	DIR *dir;    /* open when there are any of IPC_LINK_OTHER, else NULL */
	size_t seen; /* descriptors, wanted or not */
	struct ipc_link *items;
	size_t count, room;
};

struct ipc_links_ahead;

/*
 * Begin with the processes that are listed, in their order. NULL when that does not pay or threads cannot be made: then
 * read one after the other.
 */
struct ipc_links_ahead *ipc_links_ahead_new(struct ipc_ctx *ctx, const struct ipc_holders_want *want,
					    const struct ipc_holders *holders);
void ipc_links_ahead_free(struct ipc_links_ahead *ahead); /* NULL is allowed */
/* Those of the next process; valid until the next call. */
const struct ipc_links *ipc_links_ahead_next(struct ipc_links_ahead *ahead);

/* "pipe:[4711]": is it @prefix, and with which inode? */
bool ipc_link_parse(struct ipc_bytes name, const char *prefix, uint64_t *inode);
/* The link's own permission bits say how it was opened; an O_PATH descriptor has none. Returns 0 or -errno. */
int ipc_link_access(int dir, const char *fd, uint8_t *access);

#endif
