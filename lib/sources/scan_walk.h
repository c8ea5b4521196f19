/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two halves of the scan share: where it begins and what it keeps (scan.c), and the walk downwards
 * (scan_walk.c).
 */
#ifndef IPC_SOURCES_SCAN_WALK_H
#define IPC_SOURCES_SCAN_WALK_H

#include <fcntl.h>
#include <limits.h>

#include "sources/scan.h"

#define IPC_SCAN_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
/* Of a whole path: who nests deeper than that does it on purpose. */
#define IPC_SCAN_PATH_MAX (16 * PATH_MAX)

/* Types of directory entries; a file's type is the same number in the upper bits of its mode. */
enum { IPC_DT_UNKNOWN = 0, IPC_DT_FIFO = 1, IPC_DT_DIR = 4, IPC_DT_REGULAR = 8, IPC_DT_SOCK = 12 };
#define IPC_DT_BIT(type) (1u << (type))
#define IPC_DT_OF_MODE(mode) (((mode)&S_IFMT) >> 12)

struct ipc_scan_level;

struct ipc_scan_walk {
	struct ipc_scan *scan;
	struct ipc_scan_trouble *trouble;
	const struct ipc_mounts *mounts;
	unsigned types;          /* IPC_DT_BIT()s looked for */
	int base;                /* what absolute paths are relative to; AT_FDCWD for the thread's own root */
	ipc_scan_enter_fn enter; /* is told of each directory; or NULL */
	void *enter_data;
	bool plain_open;      /* this kernel has no openat2() */
	struct ipc_buf path;  /* of the last level, or of the entry looked at; without the slash of "/" */
	struct ipc_buf names; /* directories still to be visited, each terminated: a stack */
	struct ipc_scan_level *levels;
	size_t depth, room;
	char buf[65536] __attribute__((aligned(8)));
};

/* Walk down from the directory walk->path, open as @fd (taken over), which is on @mount. Returns 0 or -ENOMEM. */
int ipc_scan_walk_down(struct ipc_scan_walk *walk, int fd, const struct ipc_mount *mount);
/* May what is on @mount be looked at? Counts what may not. */
bool ipc_scan_may_enter(struct ipc_scan_walk *walk, const struct ipc_mount *mount);
/* walk->path as people know it. */
const char *ipc_scan_shown(const struct ipc_scan_walk *walk);
/* Keep the file at walk->path. Returns 0 or -ENOMEM. */
int ipc_scan_keep(struct ipc_scan *scan, const struct ipc_buf *path, const struct ipc_file *file);
void ipc_scan_note(size_t *count, char **first, const char *path);
void ipc_scan_note_error(struct ipc_scan_trouble *trouble, int error, const char *path);

static inline void ipc_scan_cut(struct ipc_buf *buf, size_t len)
{
	buf->len = len;
	if (buf->data)
		buf->data[len] = '\0';
}

#endif
