/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts of the current mount namespace, and stat() that says which superblock a file is on and never waits for a
 * server.
 */
#ifndef IPC_SOURCES_MOUNTS_H
#define IPC_SOURCES_MOUNTS_H

#include "sources/procfs.h"

struct ipc_mount {
	uint64_t id;
	uint64_t parent; /* id of the mount that it stands on */
	uint64_t device; /* makedev of the superblock, as mountinfo shows it */
	char *root;      /* the part of the file system that is mounted; for nsfs "ipc:[4026532000]" */
	char *path;
	char *type;  /* "tmpfs", "nsfs" */
	bool local;  /* no network, FUSE or automount file system: looking at it cannot hang */
	bool bare;   /* of the kernel's own (proc, cgroup): holds no FIFO or socket file, so walking it is a waste */
	size_t next; /* private: with the same hash of parent and path */
	size_t next_device; /* private: with the same hash of the device */
};

struct ipc_mounts;

int ipc_mounts_new(struct ipc_ctx *ctx, struct ipc_mounts **out);
/* Those of the mount namespace that process @pid is in. Returns 0 or -errno. */
int ipc_mounts_new_of(struct ipc_ctx *ctx, int64_t pid, struct ipc_mounts **out);
void ipc_mounts_free(struct ipc_mounts *mounts);
/* False for the table of a captured tree: ids and devices in it say nothing about files that can be looked at here. */
bool ipc_mounts_live(const struct ipc_mounts *mounts);
size_t ipc_mounts_count(const struct ipc_mounts *mounts);
const struct ipc_mount *ipc_mounts_get(const struct ipc_mounts *mounts, size_t index);
/* By mount id (statx) in O(1); NULL when it is not of this namespace. */
const struct ipc_mount *ipc_mounts_find(const struct ipc_mounts *mounts, uint64_t id);
/* The first mount of the superblock @device in O(1), or NULL. */
const struct ipc_mount *ipc_mounts_of_device(const struct ipc_mounts *mounts, uint64_t device);
/*
 * The mount that a look-up of the absolute @path arrives on when its parent directory is on @in (NULL: on none of the
 * table): the topmost one that is mounted there, else @in itself. Touches nothing.
 */
const struct ipc_mount *ipc_mounts_enter(const struct ipc_mounts *mounts, const struct ipc_mount *in, const char *path);
/*
 * The mount that the absolute @path is on: by the table alone, so @path should have no symbolic links and no "..".
 * NULL when not known.
 */
const struct ipc_mount *ipc_mounts_of_path(const struct ipc_mounts *mounts, const char *path);

struct ipc_file {
	uint64_t device; /* of the superblock (mountinfo); stat's when the mount is not known */
	uint64_t inode;
	bool device_proven; /* some mount of the table has that device; else only stat() may know it (btrfs) */
	uint64_t mode;      /* with the file type */
	uint64_t uid, gid, size, links;
	uint64_t blocks;               /* of 512 bytes */
	int64_t changed;               /* the later of mtime and ctime, ns */
	int64_t used;                  /* the latest of atime, mtime, ctime and the birth, ns */
	int64_t birth;                 /* IPC_UNKNOWN_INT when the file system keeps none */
	const struct ipc_mount *mount; /* NULL when not known */
};
/*
 * statx(@dir, @path) without following a final link and without synchronising with a server (AT_STATX_DONT_SYNC).
 * @path "": the fd @dir itself. @follow: follow a final (magic) link. @mounts may be NULL. Returns 0 or -errno.
 */
int ipc_file_stat(const struct ipc_mounts *mounts, int dir, const char *path, bool follow, struct ipc_file *out);

#endif
