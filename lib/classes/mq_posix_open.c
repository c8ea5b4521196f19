/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a POSIX queue once more: what refusals mean, and whether it is still the same. */
#include "classes/mq_posix_open.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/mqueuefs.h"

static int fail_denied(struct ipc_ctx *ctx, const struct ipc_object *object, const char *what)
{
	return ipc_ctx_fail(ctx, -EACCES,
			    "permission denied: its mode %04" PRIo64
			    " does not allow %s to you (it belongs to user %" PRIu64 ", group %" PRIu64
			    "); root may (CAP_DAC_OVERRIDE)",
			    object->mode, what, object->uid, object->gid);
}

static int fail_open(struct ipc_ctx *ctx, const struct ipc_object *object, int error, const char *what)
{
	switch (error) {
	case -ENOENT:
		return ipc_ctx_fail(ctx, error, "gone already");
	case -EACCES:
		return fail_denied(ctx, object, what);
	case -EAGAIN:
		return ipc_ctx_fail(ctx, -EBUSY,
				    "in use: another program keeps a lease on it; it is being removed, perhaps");
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be opened: %s", strerror(-error));
	}
}

static int compare(struct ipc_ctx *ctx, const struct ipc_object *object, const struct stat *st)
{
	if (st->st_dev == object->dev && st->st_ino == object->inode)
		return 0;
	return ipc_ctx_fail(ctx, -ESTALE, "replaced: another queue has this name now");
}

int ipc_mq_posix_identify(struct ipc_ctx *ctx, const struct ipc_object *object, int fd, const char *what)
{
	struct stat st;
	int r;

	if (fd < 0)
		return fail_open(ctx, object, fd, what);
	r = fstat(fd, &st) ? ipc_ctx_fail(ctx, -errno, "it cannot be looked at: %s", strerror(errno))
			   : compare(ctx, object, &st);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int ipc_mq_posix_name(struct ipc_ctx *ctx, const struct ipc_object *object, char name[NAME_MAX + 1])
{
	if (((const struct ipc_mq *)object)->deleted)
		return ipc_ctx_fail(ctx, -ENOENT, "it has no name any more; only those who have it open reach it");
	return ipc_mqueue_name(object->name, name) ? 0 : ipc_ctx_fail(ctx, -EINVAL, "no queue can have this name");
}
