/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setting and removing POSIX segments and named semaphores: their files, found by name and known by inode. */
#include "classes/posix_change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "sources/mounts.h"
#include "sources/procfs.h"
#include "sources/unlink.h"

#define SHM_DIR "/dev/shm"

/* ---- the file of an object --------------------------------------------------------------------------------------- */

struct subject {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	const struct ipc_posix_kind *kind;
	struct ipc_buf path;
	int dir;    /* that the file is in, O_PATH; -1 */
	char *name; /* in `path` */
	int fd;     /* of the file, O_PATH; -1 */
	int lease;  /* of the file, with a write lease; -1 */
};

static bool agrees(const struct ipc_object *object, const struct ipc_file *file)
{
	return file->inode == object->inode && S_ISREG(file->mode) &&
	       (file->birth == IPC_UNKNOWN_INT || object->birth == IPC_UNKNOWN_INT || file->birth == object->birth);
}

/* On some file systems stat() says another device than the superblock's, which the table of mounts has. */
static bool is_same(int fd, const void *data)
{
	const struct subject *subject = data;
	struct ipc_mounts *mounts;
	struct ipc_file file;
	bool same;

	if (ipc_file_stat(NULL, fd, "", false, &file) < 0 || !agrees(subject->object, &file))
		return false;
	if (file.device == subject->object->dev)
		return true;
	if (ipc_mounts_new(subject->ctx, &mounts) < 0)
		return false;
	same = ipc_file_stat(mounts, fd, "", false, &file) == 0 && file.device == subject->object->dev;
	ipc_mounts_free(mounts);
	return same;
}

/* "/a/b" is the file /dev/shm/a/b, or /dev/shm/a/sem.b */
static int make_path(struct subject *subject)
{
	struct ipc_bytes name = subject->object->name;
	const char *slash = name.len ? memrchr(name.data, '/', name.len) : NULL;
	size_t before = slash ? (size_t)(slash - name.data) + 1 : 0;

	if (ipc_buf_append(&subject->path, SHM_DIR, strlen(SHM_DIR)) ||
	    ipc_buf_append(&subject->path, name.data, before) ||
	    ipc_buf_append(&subject->path, subject->kind->prefix, strlen(subject->kind->prefix)) ||
	    ipc_buf_append(&subject->path, name.data + before, name.len - before))
		return ipc_ctx_fail(subject->ctx, -ENOMEM, "out of memory");
	return 0;
}

static int identify(struct subject *subject)
{
	int r;

	subject->fd = openat(subject->dir, subject->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (subject->fd < 0) {
		r = -errno;
		return r == -ENOENT ? ipc_ctx_fail(subject->ctx, r, "it is gone")
				    : ipc_ctx_fail(subject->ctx, r, "it cannot be looked at: %s", strerror(-r));
	}
	return is_same(subject->fd, subject)
		       ? 0
		       : ipc_ctx_fail(subject->ctx, -ESTALE, "replaced: another file has the name by now");
}

static void leave(struct subject *subject)
{
	ipc_buf_release(&subject->path);
	if (subject->lease >= 0)
		close(subject->lease);
	if (subject->fd >= 0)
		close(subject->fd);
	if (subject->dir >= 0)
		close(subject->dir);
}

static int reach(struct subject *subject)
{
	int r = make_path(subject);

	if (r == 0)
		r = ipc_open_parent(subject->ctx, (struct ipc_bytes){subject->path.data, subject->path.len}, false, 0,
				    &subject->dir, &subject->name);
	return r ? r : identify(subject);
}

#define LEASE_TRIES 200
#define LEASE_PAUSE 5000000 /* ns; a removal by another holds it for microseconds */

/* Open the very file that `fd` stands for. -EAGAIN: somebody has a lease on it and keeps it. */
static int open_again(const struct subject *subject, int flags, int tries)
{
	const struct timespec pause = {0, LEASE_PAUSE};
	int fd;

	while ((fd = ipc_proc_open(subject->ctx, flags | O_NONBLOCK, "self/fd/%d", subject->fd)) == -EAGAIN && --tries)
		nanosleep(&pause, NULL);
	return fd;
}

static int fail_open(struct ipc_ctx *ctx, int error, int flags)
{
	switch (error) {
	case -EAGAIN:
		return ipc_ctx_fail(ctx, -EBUSY, "somebody holds a lease on it; try again");
	case -EACCES:
		return ipc_ctx_fail(ctx, error,
				    flags == O_RDWR ? "it takes read and write permission"
						    : "it takes read permission");
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be opened: %s", strerror(-error));
	}
}

int ipc_posix_open(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind,
		   bool deleted, int flags)
{
	struct subject subject = {.ctx = ctx, .object = object, .kind = kind, .dir = -1, .fd = -1, .lease = -1};
	int fd;

	if (deleted)
		return ipc_ctx_fail(ctx, -ENOENT, "it has no name any more by which it could be opened");
	fd = reach(&subject);
	if (fd == 0) {
		fd = open_again(&subject, flags, LEASE_TRIES);
		if (fd < 0)
			fd = fail_open(ctx, fd, flags);
	}
	leave(&subject);
	return fd;
}

/* ---- setting ----------------------------------------------------------------------------------------------------- */

/* Works through an O_PATH descriptor: neither permission is needed to change them. */
static int change_mode(const struct subject *subject, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "self/fd/%d", subject->fd);
	return fchmodat(subject->ctx->proc_fd, path, mode, 0) < 0 ? -errno : 0;
}

static int change_owner(const struct subject *subject, uid_t owner, gid_t group)
{
	return fchownat(subject->fd, "", owner, group, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_mode(const struct subject *subject, mode_t mode)
{
	int r = change_mode(subject, mode);

	if (r == -EPERM)
		return ipc_ctx_fail(subject->ctx, r, "only its owner or root may change its mode");
	return r ? ipc_ctx_fail(subject->ctx, r, "its mode cannot be changed: %s", strerror(-r)) : 0;
}

static int set_owner(const struct subject *subject, const struct ipc_settings *settings)
{
	int r = change_owner(subject, settings->given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1,
			     settings->given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1);

	if (r == -EPERM)
		return ipc_ctx_fail(subject->ctx, r,
				    settings->given & IPC_SET_OWNER
					    ? "only root may give it to another user"
					    : "only root may give it to any group, and its owner to one that he is in");
	return r ? ipc_ctx_fail(subject->ctx, r, "its owner cannot be changed: %s", strerror(-r)) : 0;
}

/* A change of owner takes set-id bits away: those that were asked for are given once more. */
static int set_permissions(const struct subject *subject, const struct ipc_settings *settings)
{
	const unsigned owners = IPC_SET_OWNER | IPC_SET_GROUP;
	int r = 0;

	if (settings->given & IPC_SET_MODE)
		r = set_mode(subject, (mode_t)settings->mode);
	if (r == 0 && settings->given & owners)
		r = set_owner(subject, settings);
	if (r == 0 && settings->given & owners && settings->given & IPC_SET_MODE && settings->mode & 06000)
		r = set_mode(subject, (mode_t)settings->mode);
	return r;
}

static void restore(const struct subject *subject, const struct stat *st)
{
	struct stat now;

	if (fstat(subject->fd, &now) == 0 && (now.st_uid != st->st_uid || now.st_gid != st->st_gid))
		change_owner(subject, st->st_uid, st->st_gid);
	if (fstat(subject->fd, &now) == 0 && now.st_mode != st->st_mode)
		change_mode(subject, st->st_mode & 07777);
}

/* The contents last, for they may not be reversible; but opened first, as the new mode may forbid it. */
static int set_all(const struct subject *subject, const struct ipc_settings *settings)
{
	bool contents = settings->given & subject->kind->contents;
	struct stat before;
	int fd = -1, r;

	if (fstat(subject->fd, &before) < 0)
		return ipc_ctx_fail(subject->ctx, -errno, "it cannot be looked at: %s", strerror(errno));
	if (contents) {
		fd = open_again(subject, O_RDWR, LEASE_TRIES);
		if (fd < 0)
			return fail_open(subject->ctx, fd, O_RDWR);
	}
	r = set_permissions(subject, settings);
	if (r == 0 && contents)
		r = subject->kind->apply(subject->ctx, fd, settings);
	if (r)
		restore(subject, &before);
	if (fd >= 0)
		close(fd);
	return r;
}

int ipc_posix_set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind, bool deleted,
		  const struct ipc_settings *settings)
{
	struct subject subject = {.ctx = ctx, .object = object, .kind = kind, .dir = -1, .fd = -1, .lease = -1};
	int r;

	if (deleted)
		return ipc_ctx_fail(ctx, -ENOENT, "it has no name any more by which it could be opened");
	r = reach(&subject);
	if (r == 0)
		r = set_all(&subject, settings);
	leave(&subject);
	return r;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* Processes; the list is in the order of their numbers. */
static uint64_t count_holders(const struct ipc_object *object)
{
	const struct ipc_holder *holders = object->holders.items;
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < object->holders.count; i++)
		count += i == 0 || holders[i].pid != holders[i - 1].pid;
	return count;
}

static void note_holders(struct ipc_ctx *ctx, const struct ipc_object *object)
{
	uint64_t count = count_holders(object);

	if (count)
		ipc_ctx_set_note(ctx, "%" PRIu64 " process%s it mapped or open; it lives on until %s go", count,
				 count == 1 ? " keeps" : "es keep", count == 1 ? "that one lets it" : "they let it");
	else
		ipc_ctx_set_note(ctx, "somebody who cannot be seen keeps it mapped or open; it lives on until then");
}

static bool is_unknown(const struct ipc_object *object)
{
	return !object->state.data || ipc_bytes_equal(object->state, IPC_BYTES("unknown"));
}

/* In a directory such as /dev/shm only owners take files away. */
static bool is_protected(const struct subject *subject)
{
	struct stat dir;

	return fstat(subject->dir, &dir) == 0 && dir.st_mode & S_ISVTX && dir.st_uid != geteuid() &&
	       subject->object->uid != geteuid();
}

/* No lease can be had, so what the listing found decides, as for kinds without such a proof. */
static int decide_without_proof(const struct subject *subject, const struct ipc_removal *how, int error)
{
	const struct ipc_object *object = subject->object;

	if (how->certain)
		return ipc_ctx_fail(subject->ctx, -EBUSY, "no lease can be had on it, which would prove it unused: %s",
				    error == -EACCES       ? "that takes its owner with read permission, or CAP_LEASE"
				    : error == -EOPNOTSUPP ? "its file system may be a view of another"
							   : strerror(-error));
	if (object->holders.count)
		note_holders(subject->ctx, object);
	if (!is_unknown(object) || how->force != IPC_FORCE_NONE)
		return 0;
	if (ipc_removal_private(subject->ctx, object))
		return 0;
	if (error != -EACCES && error != -EPERM)
		return ipc_ctx_fail(subject->ctx, -EBUSY,
				    "may be in use: no lease can be had on it: %s (--force=unknown overrides)",
				    strerror(-error));
	if (is_protected(subject))
		return ipc_ctx_fail(subject->ctx, -EPERM, "only its owner or root may take it away");
	return ipc_ctx_fail(subject->ctx, -EACCES,
			    "whether it is in use only root, or its owner with read permission, can find out "
			    "(--force=unknown overrides)");
}

/*
 * An overlay grants leases on files that are mapped: the mapping is one of the file below. Memory is where POSIX objects are
 * made.
 */
static bool knows_mappings(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* A write lease is granted when nobody else has the file open or mapped, wherever he is. */
static int prove(struct subject *subject, const struct ipc_removal *how)
{
	/* Somebody else's lease is use; who wants certainty does not wait for its end. */
	int fd = open_again(subject, O_RDONLY, how->certain ? 1 : LEASE_TRIES), r = fd;

	if (fd >= 0) {
		r = how->certain && !knows_mappings(fd) ? -EOPNOTSUPP : ipc_lease_take(fd);
		if (r == 0)
			subject->lease = fd;
		else
			close(fd);
	}
	if (r == 0)
		return 0;
	if (r != -EAGAIN)
		return decide_without_proof(subject, how, r);
	if (how->force == IPC_FORCE_HELD) {
		note_holders(subject->ctx, subject->object);
		return 0;
	}
	return ipc_ctx_fail(
		subject->ctx, -EBUSY,
		"in use: somebody has it open or mapped, for the kernel grants no lease on it (--force=held "
		"overrides)");
}

/* Who opened it since waits for our lease: for him it is put back. */
static int look_last(int fd, const void *data)
{
	const struct subject *subject = data;

	(void)fd;
	if (subject->lease < 0 || ipc_lease_kept(subject->lease))
		return 0;
	return ipc_ctx_fail(subject->ctx, -EBUSY, "in use: somebody opened it just now (--force=held overrides)");
}

static int unlink_subject(const struct subject *subject, enum ipc_force force)
{
	const struct ipc_unlinking what = {
		.ctx = subject->ctx,
		.dir = subject->dir,
		.name = subject->name,
		.inode = subject->object->inode,
		.same = is_same,
		.data = subject,
		.rename = true,
		.last_look = force == IPC_FORCE_HELD ? NULL : look_last,
	};

	return ipc_unlink_same(&what);
}

int ipc_posix_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_posix_kind *kind,
		     bool deleted, const struct ipc_removal *how)
{
	struct subject subject = {.ctx = ctx, .object = object, .kind = kind, .dir = -1, .fd = -1, .lease = -1};
	int r;

	if (deleted)
		return ipc_ctx_fail(ctx, -EBUSY,
				    "it has no name any more, and goes with the last process that has it; "
				    "\"ipctool show\" names them");
	r = reach(&subject);
	if (r == 0)
		r = prove(&subject, how);
	if (r == 0 && !how->dry_run)
		r = unlink_subject(&subject, how->force);
	leave(&subject);
	return r;
}
