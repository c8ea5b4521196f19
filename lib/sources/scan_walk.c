/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk downwards: directory entries tell the type, so only what is looked for is ever stat'ed.
 *
 * Directories are opened one below the other, which no path length limits and no renamed or linked parent misleads.
 * Of the chain from the top to the current one only the last few are kept open; those above are found again through
 * "..".
 */
#include <errno.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sources/scan_walk.h"

#define KEPT_OPEN 16 /* directories of the chain */

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* The kernel's struct linux_dirent64. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* A directory of the chain. */
struct ipc_scan_level {
	int fd; /* -1: closed for the time being */
	const struct ipc_mount *mount;
	size_t path_len;   /* of its own path within walk.path */
	size_t names_from; /* where its unvisited directories begin in walk.names */
	dev_t device;      /* once closed: to know it again */
	ino_t inode;
};

const char *ipc_scan_shown(const struct ipc_scan_walk *walk)
{
	return walk->path.len ? walk->path.data : "/";
}

static int append_name(struct ipc_scan_walk *walk, const char *name)
{
	int r = ipc_buf_append(&walk->path, "/", 1);

	return r < 0 ? r : ipc_buf_append(&walk->path, name, strlen(name));
}

/* May what is mounted here be looked at? */
bool ipc_scan_may_enter(struct ipc_scan_walk *walk, const struct ipc_mount *mount)
{
	if (!mount)
		return true;
	if (!mount->local)
		ipc_scan_note(&walk->trouble->foreign, &walk->trouble->first_foreign, ipc_scan_shown(walk));
	return mount->local && !mount->bare;
}

static int look_at(struct ipc_scan_walk *walk, const struct ipc_scan_level *level, const char *name, unsigned char type)
{
	struct ipc_file file;
	int r;

	if (type == IPC_DT_UNKNOWN && walk->mounts) {
		/* It may be a mount point: those are looked at from above only once they are known to answer. */
		r = append_name(walk, name);
		if (r == 0 && ipc_mounts_enter(walk->mounts, level->mount, walk->path.data) != level->mount)
			type = IPC_DT_DIR;
		ipc_scan_cut(&walk->path, level->path_len);
		if (r < 0)
			return r;
	}
	if (type != IPC_DT_DIR) {
		r = ipc_file_stat(walk->mounts, level->fd, name, false, &file);
		if (r == 0 && S_ISDIR(file.mode))
			type = IPC_DT_DIR;
	}
	if (type == IPC_DT_DIR)
		return ipc_buf_append(&walk->names, name, strlen(name) + 1);
	if (r == 0 && !(walk->types & IPC_DT_BIT(IPC_DT_OF_MODE(file.mode))))
		return 0;
	if (append_name(walk, name) < 0)
		return -ENOMEM;
	if (r < 0)
		ipc_scan_note_error(walk->trouble, -r, walk->path.data);
	else
		r = ipc_scan_keep(walk->scan, &walk->path, &file);
	ipc_scan_cut(&walk->path, level->path_len);
	return r == -ENOMEM ? r : 0;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int read_level(struct ipc_scan_walk *walk, const struct ipc_scan_level *level)
{
	for (;;) {
		long n = syscall(SYS_getdents64, level->fd, walk->buf, sizeof(walk->buf)), at;

		if (n < 0)
			ipc_scan_note_error(walk->trouble, errno, ipc_scan_shown(walk));
		if (n <= 0)
			return 0;
		for (at = 0; at < n;) {
			const struct entry *entry = (const struct entry *)(walk->buf + at);
			int r;

			at += entry->length;
			if (!((walk->types | IPC_DT_BIT(IPC_DT_UNKNOWN) | IPC_DT_BIT(IPC_DT_DIR)) &
			      IPC_DT_BIT(entry->type & 31)))
				continue;
			if (is_dots(entry->name))
				continue;
			r = look_at(walk, level, entry->name, entry->type);
			if (r < 0)
				return r;
		}
	}
}

/* Open a directory below @fd. @same: the table has no mount there, so one that has come since is not entered unseen. */
static int open_below(struct ipc_scan_walk *walk, int fd, const char *name, bool same)
{
	struct open_how how = {.flags = IPC_SCAN_OPEN, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
	int child;

	if (same && !walk->plain_open) {
		child = (int)syscall(SYS_openat2, fd, name, &how, sizeof(how));
		/* EPERM: some sandboxes refuse calls that they do not know in this way. */
		if (child >= 0 || (errno != ENOSYS && errno != EPERM))
			return child < 0 ? -errno : child;
		walk->plain_open = errno == ENOSYS;
	}
	child = openat(fd, name, IPC_SCAN_OPEN);
	return child < 0 ? -errno : child;
}

/* Close the one that is now too far up to be kept. */
static void close_distant(struct ipc_scan_walk *walk)
{
	struct ipc_scan_level *level;
	struct stat st;

	if (walk->depth <= KEPT_OPEN)
		return;
	level = &walk->levels[walk->depth - 1 - KEPT_OPEN];
	if (level->fd < 0 || fstat(level->fd, &st) < 0)
		return;
	level->device = st.st_dev;
	level->inode = st.st_ino;
	close(level->fd);
	level->fd = -1;
}

/* Takes over @fd of the directory at walk->path. */
static int push(struct ipc_scan_walk *walk, int fd, const struct ipc_mount *mount)
{
	struct ipc_scan_level *level;
	int r;

	if (walk->depth == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 64;
		struct ipc_scan_level *grown = realloc(walk->levels, room * sizeof(*grown));

		if (!grown) {
			close(fd);
			return -ENOMEM;
		}
		walk->levels = grown;
		walk->room = room;
	}
	level = &walk->levels[walk->depth++];
	*level = (struct ipc_scan_level){
		.fd = fd, .mount = mount, .path_len = walk->path.len, .names_from = walk->names.len};
	close_distant(walk);
	r = walk->enter ? walk->enter(ipc_scan_shown(walk), walk->enter_data) : 0;
	return r < 0 ? r : read_level(walk, level);
}

/* The parent again, through its child; -ESTALE when the child was moved elsewhere meanwhile. */
static int reopen(const struct ipc_scan_level *parent, const struct ipc_scan_level *child)
{
	struct stat st;
	int fd;

	if (child->fd < 0)
		return -ESTALE;
	fd = openat(child->fd, "..", IPC_SCAN_OPEN);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_dev == parent->device && st.st_ino == parent->inode)
		return fd;
	close(fd);
	return -ESTALE;
}

static void pop(struct ipc_scan_walk *walk)
{
	struct ipc_scan_level *child = &walk->levels[--walk->depth];

	if (walk->depth && child[-1].fd < 0 && walk->names.len) {
		struct ipc_scan_level *parent = child - 1;

		ipc_scan_cut(&walk->path, parent->path_len);
		parent->fd = reopen(parent, child);
		if (parent->fd < 0) {
			if (walk->names.len > parent->names_from)
				ipc_scan_note_error(walk->trouble, -parent->fd, ipc_scan_shown(walk));
			parent->fd = -1;
			ipc_scan_cut(&walk->names, parent->names_from);
		}
	}
	if (child->fd >= 0)
		close(child->fd);
}

/* Visit the last directory on the stack of names. */
static int descend(struct ipc_scan_walk *walk)
{
	const struct ipc_scan_level *level = &walk->levels[walk->depth - 1];
	const struct ipc_mount *mount = level->mount;
	size_t start = walk->names.len - 1;
	const char *name;
	int fd, r;

	while (start > level->names_from && walk->names.data[start - 1])
		start--;
	name = walk->names.data + start;
	ipc_scan_cut(&walk->path, level->path_len);
	r = append_name(walk, name);
	if (r < 0)
		return r;
	if (walk->mounts)
		mount = ipc_mounts_enter(walk->mounts, mount, walk->path.data);
	if (mount != level->mount && !ipc_scan_may_enter(walk, mount))
		fd = -ENOENT; /* said, or not worth a word */
	else if (walk->path.len > IPC_SCAN_PATH_MAX)
		fd = -ENAMETOOLONG;
	else
		fd = open_below(walk, level->fd, name, mount == level->mount);
	walk->names.len = start;
	if (fd == -EXDEV)
		ipc_scan_note(&walk->trouble->foreign, &walk->trouble->first_foreign, walk->path.data);
	else if (fd < 0)
		ipc_scan_note_error(walk->trouble, -fd, walk->path.data);
	return fd < 0 ? 0 : push(walk, fd, mount);
}

int ipc_scan_walk_down(struct ipc_scan_walk *walk, int fd, const struct ipc_mount *mount)
{
	int r;

	r = push(walk, fd, mount);
	while (walk->depth) {
		if (r == 0 && walk->names.len > walk->levels[walk->depth - 1].names_from)
			r = descend(walk);
		else
			pop(walk);
	}
	ipc_scan_cut(&walk->names, 0);
	return r;
}
