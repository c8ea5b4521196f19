/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading files below /proc (or a captured one) and the little parsers that all users of it share. */
#ifndef IPC_SOURCES_PROCFS_H
#define IPC_SOURCES_PROCFS_H

#include <dirent.h>
#include <sys/types.h>

#include "context.h"
#include "model/bytes.h"

/* Open PATH (relative to /proc, printf-style) O_RDONLY|O_CLOEXEC. Returns the fd or -errno. */
int ipc_proc_open(struct ipc_ctx *ctx, int flags, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for a directory: @out is the caller's to close. Returns 0 or -errno. */
int ipc_proc_opendir(struct ipc_ctx *ctx, DIR **out, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Call @fn with each number of a process that /proc shows. Returns 0, -errno, or what @fn returned when not 0. */
int ipc_proc_each_pid(struct ipc_ctx *ctx, int (*fn)(int64_t pid, void *data), void *data);
/* Read a whole file into @out (cleared first, terminated). Returns 0 or -errno. */
int ipc_proc_read(struct ipc_ctx *ctx, struct ipc_buf *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The rest of an open file into @out (cleared first, terminated). Returns 0 or -errno. */
int ipc_proc_read_fd(int fd, struct ipc_buf *out);
/*
 * readlinkat: the target into @out (cleared first, terminated). Returns 0 or -errno. In a captured tree links are
 * ordinary symbolic links.
 */
int ipc_proc_link(struct ipc_ctx *ctx, struct ipc_buf *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The inode in a link like "ipc:[4026531839]", of PATH. Returns 0, -errno, -EINVAL when it has not that form. */
int ipc_proc_inode_link(struct ipc_ctx *ctx, uint64_t *inode, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* True when this /proc is of the initial pid namespace, so that it can show every process of the host. */
bool ipc_proc_initial_pidns(struct ipc_ctx *ctx);
/*
 * True when this /proc numbers processes as system calls of the caller do, and the kernel in what it tells of System V
 * objects. Not so in a pid namespace that kept the /proc of an outer one. A captured tree is of one piece.
 */
bool ipc_proc_same_pids(struct ipc_ctx *ctx);

/* One line of /proc/PID/maps; strings borrowed from the line. */
struct ipc_map_line {
	uint64_t start, end, offset, device /* makedev */, inode;
	bool read, write, shared;
	/* as printed: a newline still as \012 (see ipc_proc_decode), " (deleted)" kept; empty: no name */
	struct ipc_bytes path;
};
/* Parse the next line at *@at (advanced behind it; lines of another form are passed over). Returns false at the end. */
bool ipc_proc_next_map(const char **at, const char *end, struct ipc_map_line *out);

/*
 * Decode in place the octal escapes of the bytes in @which, as the kernel writes paths: "\n" in maps, " \t\n\\#" in
 * mountinfo. Returns the new length; nothing is added behind it.
 */
size_t ipc_proc_decode(char *text, size_t len, const char *which);

/* How many threads the process has, by the link count of PID/task. 0: it cannot be told. */
unsigned ipc_proc_threads(const struct ipc_ctx *ctx, int64_t pid);

#endif
