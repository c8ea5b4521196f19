/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making FIFOs: under their name only when they are what was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "classes/fifo_change.h"
#include "sources/umask_call.h"
#include "sources/unlink.h"

/* The limit is the file system's: it has none in /proc. */
static int fail_full(struct ipc_ctx *ctx, int dir)
{
	struct statfs fs;

	if (fstatfs(dir, &fs) == 0 && fs.f_files && !fs.f_ffree)
		return ipc_ctx_fail(ctx, -ENOSPC,
				    "its file system has room for %" PRIu64 " files, and all are there; see \"df -i\"",
				    (uint64_t)fs.f_files);
	return ipc_ctx_fail(ctx, -ENOSPC, "its file system is full; see \"df\"");
}

static int fail_create(struct ipc_ctx *ctx, int dir, int error)
{
	switch (error) {
	case -EACCES:
		return ipc_ctx_fail(ctx, error, "no permission to write to its directory");
	case -EPERM:
		return ipc_ctx_fail(ctx, error, "its file system takes no FIFOs, or its directory is immutable");
	case -EROFS:
		return ipc_ctx_fail(ctx, error, "its file system is mounted read-only");
	case -ENAMETOOLONG:
		return ipc_ctx_fail(ctx, error, "its name is too long; most file systems take 255 bytes");
	case -ENOSPC:
		return fail_full(ctx, dir);
	case -EDQUOT:
		return ipc_ctx_fail(ctx, error, "your quota on its file system is used up; see quota(1)");
	case -ENOENT:
		return ipc_ctx_fail(ctx, error, "its directory is gone, or takes no files");
	default:
		return ipc_ctx_fail(ctx, error, "cannot be made: %s", strerror(-error));
	}
}

/* ---- one that is there already ----------------------------------------------------------------------------------- */

static const char *what_is(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFSOCK:
		return "a socket file";
	default:
		return "a device";
	}
}

static int set_locator(struct ipc_creation *creation)
{
	struct ipc_bytes path = creation->ref->locator;
	int r = ipc_buf_append(&creation->locator, path.data, path.len);

	return r ? ipc_ctx_fail(creation->ctx, r, "out of memory") : 0;
}

static int fail_exists(struct ipc_creation *creation, int dir, const char *name)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ipc_ctx_fail(creation->ctx, -EEXIST, "existed a moment ago");
	if (!S_ISFIFO(st.st_mode))
		return ipc_ctx_fail(creation->ctx, -EEXIST, "exists: %s", what_is(st.st_mode));
	r = set_locator(creation);
	return r ? r : ipc_ctx_fail(creation->ctx, -EEXIST, "exists");
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The FIFO that was made as @name a moment ago: its descriptor, or -errno with text. */
static int open_made(const struct ipc_creation *creation, int dir, const char *name, struct stat *st)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd < 0)
		return fail_create(creation->ctx, dir, -errno);
	if (fstat(fd, st) == 0 && S_ISFIFO(st->st_mode) && st->st_nlink == 1)
		return fd;
	r = ipc_ctx_fail(creation->ctx, -ESTALE, "somebody else replaced it at once");
	close(fd);
	return r;
}

static int set_mode(const struct ipc_creation *creation, int fd)
{
	int r = ipc_fifo_chmod(creation->ctx, fd, creation->mode);

	return r ? ipc_ctx_fail(creation->ctx, r, "its mode cannot be set: %s", strerror(-r)) : 0;
}

/* An access list of the directory, or its group, may have taken bits away. Nobody was let in who should not be. */
static int complete_mode(const struct ipc_creation *creation, int dir, const char *name)
{
	struct ipc_unlinking made = {.ctx = creation->ctx, .dir = dir, .name = name, .rename = true};
	struct stat st = {0};
	char text[sizeof(creation->ctx->error)];
	int r, fd = open_made(creation, dir, name, &st);

	if (fd < 0)
		return fd;
	r = (st.st_mode & 07777) == creation->mode ? 0 : set_mode(creation, fd);
	close(fd);
	if (r) {
		memcpy(text, creation->ctx->error, sizeof(text));
		made.inode = st.st_ino;
		ipc_unlink_same(&made);
		memcpy(creation->ctx->error, text, sizeof(text));
	}
	return r;
}

static int make_directly(struct ipc_creation *creation, int dir, const char *name)
{
	if (mkfifoat(dir, name, creation->mode) < 0)
		return errno == EEXIST ? fail_exists(creation, dir, name) : fail_create(creation->ctx, dir, -errno);
	return complete_mode(creation, dir, name);
}

/* Fill in what was asked for while the mode lets nobody in. */
static int give_away(const struct ipc_creation *creation, int fd)
{
	const struct ipc_settings *settings = creation->settings;
	uid_t owner = settings->given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1;
	gid_t group = settings->given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1;

	if (fchownat(fd, "", owner, group, AT_EMPTY_PATH) == 0)
		return set_mode(creation, fd);
	if (errno == EPERM)
		return ipc_ctx_fail(
			creation->ctx, -EPERM,
			"only root (CAP_CHOWN) may give it to another user, or to a group that one is not in");
	return ipc_ctx_fail(creation->ctx, -errno, "its owner or group cannot be set: %s", strerror(errno));
}

static int finish(struct ipc_creation *creation, int dir, const char *private, const char *name)
{
	struct stat st;
	int r, fd = open_made(creation, dir, private, &st);

	if (fd < 0)
		return fd;
	r = give_away(creation, fd);
	close(fd);
	if (r)
		return r;
	r = ipc_rename_new(dir, private, name);
	if (r == -EEXIST)
		return fail_exists(creation, dir, name);
	return r ? fail_create(creation->ctx, dir, r) : 0;
}

/* The owner can be set afterwards alone: so under a name that nobody expects, and the right one when it is complete. */
static int make_aside(struct ipc_creation *creation, int dir, const char *name)
{
	char private[IPC_PRIVATE_NAME_SIZE];
	int r = ipc_private_name(creation->ctx, private);

	if (r)
		return r;
	if (mkfifoat(dir, private, 0) < 0)
		return fail_create(creation->ctx, dir, -errno);
	r = finish(creation, dir, private, name);
	if (r)
		unlinkat(dir, private, 0);
	return r;
}

int ipc_fifo_create(struct ipc_creation *creation)
{
	bool wary = creation->flags & IPC_CREATE_OWN_LINKS, parents = creation->flags & IPC_CREATE_PARENTS;
	sigset_t before;
	char *name;
	int dir, r;

	r = (wary ? ipc_open_parent_warily : ipc_open_parent)(creation->ctx, creation->ref->locator, parents,
							      0777 & ~creation->umask, &dir, &name);
	if (r)
		return r;
	ipc_signals_hold(&before);
	if (creation->settings->given & (IPC_SET_OWNER | IPC_SET_GROUP))
		r = make_aside(creation, dir, name);
	else
		r = make_directly(creation, dir, name);
	ipc_signals_release(&before);
	close(dir);
	return r ? r : set_locator(creation);
}
