/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making POSIX segments and named semaphores: a file without a name is made ready, and then gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "classes/posix_change.h"

#define SHM_DIR "/dev/shm"
#define SEM_PREFIX "sem."

/* ---- room -------------------------------------------------------------------------------------------------------- */

int ipc_posix_fail_space(struct ipc_ctx *ctx, int fd, int error)
{
	struct statvfs fs;

	if (error == -EDQUOT)
		return ipc_ctx_fail(ctx, error, "a quota on /dev/shm is used up; see quota(1)");
	if (error == -EFBIG)
		return ipc_ctx_fail(ctx, error, "larger than a file may be");
	if ((error != -ENOSPC && error != -ENOMEM) || fstatvfs(fd, &fs) < 0)
		return ipc_ctx_fail(ctx, error, "%s", strerror(-error));
	if (error == -ENOSPC && fs.f_files && !fs.f_ffree)
		return ipc_ctx_fail(ctx, error,
				    "/dev/shm allows %" PRIuMAX " files, and all are in use; raise it: mount -o "
				    "remount,nr_inodes=N /dev/shm",
				    (uintmax_t)fs.f_files);
	if (error == -ENOMEM && !fs.f_blocks)
		return ipc_ctx_fail(ctx, error, "out of memory");
	return ipc_ctx_fail(ctx, error,
			    "not enough room: /dev/shm has %" PRIuMAX " bytes, of which %" PRIuMAX
			    " are free; raise it: mount -o remount,size=N /dev/shm",
			    (uintmax_t)fs.f_blocks * fs.f_frsize, (uintmax_t)fs.f_bavail * fs.f_frsize);
}

/*
 * Nothing is reserved: as with ftruncate(2), memory is taken when it is touched, and segments that stay sparse are
 * common. But a size that /dev/shm could not back even now would kill its first user (SIGBUS), far from the cause.
 * Beyond the limit on file sizes the kernel would send SIGXFSZ instead of an error.
 */
int ipc_posix_check_size(struct ipc_ctx *ctx, int fd, uint64_t old, uint64_t new)
{
	struct rlimit limit;
	struct statvfs fs;

	if (new > INT64_MAX)
		return ipc_ctx_fail(ctx, -EINVAL, "larger than a file may be");
	if (new <= old)
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && new > limit.rlim_cur)
		return ipc_ctx_fail(ctx, -EFBIG,
				    "files may have %" PRIuMAX " bytes (RLIMIT_FSIZE); raise it: ulimit -f",
				    (uintmax_t)limit.rlim_cur);
	/* No number of blocks: no limit. */
	if (fstatvfs(fd, &fs) == 0 && fs.f_blocks && (new - old - 1) / fs.f_frsize >= fs.f_bavail)
		return ipc_posix_fail_space(ctx, fd, -ENOSPC);
	return 0;
}

/* ---- the name ---------------------------------------------------------------------------------------------------- */

/* shm_open() and sem_open() take a name of one component. */
static int make_file_name(struct ipc_creation *creation, const struct ipc_posix_kind *kind, struct ipc_buf *file)
{
	struct ipc_bytes name = creation->ref->locator;
	size_t most = NAME_MAX - strlen(kind->prefix);

	name.data++;
	name.len--;
	if (!name.len || memchr(name.data, '/', name.len))
		return ipc_ctx_fail(creation->ctx, -EINVAL, "the name of a new %s has no slash but the first",
				    kind->what);
	if (!*kind->prefix && ipc_bytes_starts(name, SEM_PREFIX))
		return ipc_ctx_fail(creation->ctx, -EINVAL,
				    "files whose names begin with sem. are semaphores; make one: sem:/name");
	if (name.len > most)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "the name of a %s has at most %zu bytes", kind->what, most);
	if (ipc_buf_format(file, "%s", kind->prefix) || ipc_buf_append(file, name.data, name.len) ||
	    ipc_buf_append(&creation->locator, creation->ref->locator.data, creation->ref->locator.len))
		return ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
	return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int open_nameless(struct ipc_ctx *ctx, int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
		return ipc_ctx_fail(ctx, -errno, "no permission to write to /dev/shm");
	case EROFS:
		return ipc_ctx_fail(ctx, -errno, "/dev/shm is mounted read-only");
	case EOPNOTSUPP:
	case EISDIR:
		return ipc_ctx_fail(
			ctx, -ENOSYS,
			"the file system of /dev/shm cannot make files without a name; mount a tmpfs there");
	default:
		return ipc_posix_fail_space(ctx, dir, -errno);
	}
}

/* The mode last: a change of owner takes set-id bits away. */
static int give_permissions(const struct ipc_creation *creation, int fd)
{
	unsigned given = creation->settings->given;
	uid_t owner = given & IPC_SET_OWNER ? (uid_t)creation->settings->owner : (uid_t)-1;
	gid_t group = given & IPC_SET_GROUP ? (gid_t)creation->settings->group : (gid_t)-1;

	if (given & (IPC_SET_OWNER | IPC_SET_GROUP) && fchown(fd, owner, group) < 0)
		return ipc_ctx_fail(creation->ctx, -errno,
				    errno == EPERM ? "only root may give it to another user, or to a group that the "
						     "caller is not in"
						   : "its owner cannot be set: %s",
				    strerror(errno));
	if (fchmod(fd, creation->mode) < 0)
		return ipc_ctx_fail(creation->ctx, -errno, "its mode cannot be set: %s", strerror(errno));
	return 0;
}

static int give_name(const struct ipc_creation *creation, int fd, int dir, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "self/fd/%d", fd);
	if (linkat(creation->ctx->proc_fd, path, dir, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == EEXIST)
		return ipc_ctx_fail(creation->ctx, -EEXIST, "exists");
	if (errno == ENOENT)
		return ipc_ctx_fail(creation->ctx, -ENOENT,
				    "the name cannot be given: /proc does not show this process");
	return ipc_posix_fail_space(creation->ctx, fd, -errno);
}

static int make(struct ipc_creation *creation, const struct ipc_posix_kind *kind, int dir, const char *name)
{
	struct stat st;
	int fd, r;

	/* The name is given once; but who fills gigabytes wants to know before. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return ipc_ctx_fail(creation->ctx, -EEXIST, "exists");
	fd = open_nameless(creation->ctx, dir);
	if (fd < 0)
		return fd;
	r = kind->fill(creation, fd);
	if (r == 0)
		r = give_permissions(creation, fd);
	if (r == 0)
		r = give_name(creation, fd, dir, name);
	close(fd);
	return r;
}

int ipc_posix_create(struct ipc_creation *creation, const struct ipc_posix_kind *kind)
{
	struct ipc_buf file = {0};
	int dir, r = make_file_name(creation, kind, &file);

	if (r == 0) {
		dir = open(SHM_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0) {
			r = ipc_ctx_fail(creation->ctx, -errno, "/dev/shm cannot be opened (%s); mount a tmpfs there",
					 strerror(errno));
		} else {
			r = make(creation, kind, dir, file.data);
			close(dir);
		}
	}
	ipc_buf_release(&file);
	return r;
}
