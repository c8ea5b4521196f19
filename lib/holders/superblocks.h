/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which superblock a file of some process is on, as far as /proc can tell: mounts of other namespaces, and mounts
 * that only the kernel has.
 */
#ifndef IPC_HOLDERS_SUPERBLOCKS_H
#define IPC_HOLDERS_SUPERBLOCKS_H

#include "sources/mounts.h"

struct ipc_superblocks;

int ipc_superblocks_new(struct ipc_ctx *ctx, struct ipc_superblocks **out);
void ipc_superblocks_free(struct ipc_superblocks *superblocks);
/* The mounts of the thread's own namespace; NULL when they could not be read. */
const struct ipc_mounts *ipc_superblocks_mounts(const struct ipc_superblocks *superblocks);

/*
 * Does @device belong to a file system that the kernel mounted for itself, where memfds, System V segments and shared
 * anonymous memory live? Any file may be called "/SYSV00000000 (deleted)"; only there is it one. @pid has the file;
 * @link is a magic link to it below /proc.
 */
bool ipc_superblocks_internal(struct ipc_superblocks *superblocks, uint64_t device, int64_t pid, const char *link);

/*
 * The device of the superblock of fd @fd of @pid, whose directory in /proc is @base ("4711", "4711/task/4712"), when
 * ipc_file_stat() could not prove @device: looked up in the mounts of that process. @device itself when they do not
 * tell either.
 */
uint64_t ipc_superblocks_device(struct ipc_superblocks *superblocks, uint64_t device, int64_t pid, const char *base,
				const char *fd);

/*
 * What kept the above from reading since the last call: 0, -EMFILE or -ENFILE. They answered as if nothing were known, and will look
 * again.
 */
int ipc_superblocks_error(struct ipc_superblocks *superblocks);

#endif
