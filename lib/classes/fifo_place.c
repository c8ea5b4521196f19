/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding a FIFO again, by what it is rather than by its name alone. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/fifo_change.h"
#include "sources/mounts.h"
#include "sources/unlink.h"

static bool is_deleted(const struct ipc_pipe *fifo)
{
	const struct ipc_bytes *words = fifo->base.status.items;
	size_t i;

	for (i = 0; i < fifo->base.status.count; i++)
		if (ipc_bytes_equal(words[i], IPC_BYTES("deleted")))
			return true;
	return false;
}

int ipc_fifo_has_name(struct ipc_ctx *ctx, const struct ipc_pipe *fifo)
{
	if (fifo->reachable && fifo->base.name.data)
		return 0;
	if (is_deleted(fifo))
		return ipc_ctx_fail(ctx, -EIDRM,
				    "has no name any more: it goes with the last process that has it open");
	return ipc_ctx_fail(ctx, -ENOENT,
			    "no name leads to it from here; --namespace PID looks where that process stands");
}

/* On btrfs and overlay stat() says another device than the one that FIFOs are listed by; the table of mounts knows. */
static bool is_on_device(struct ipc_ctx *ctx, int fd, uint64_t device)
{
	struct ipc_mounts *mounts;
	struct ipc_file file;
	bool same;

	if (ipc_mounts_new(ctx, &mounts) < 0)
		return false;
	same = ipc_file_stat(mounts, fd, "", false, &file) == 0 && file.device == device;
	ipc_mounts_free(mounts);
	return same;
}

bool ipc_fifo_is(struct ipc_ctx *ctx, const struct ipc_pipe *fifo, int fd)
{
	const struct ipc_object *object = &fifo->base;
	struct ipc_file file;

	if (ipc_file_stat(NULL, fd, "", false, &file) < 0 || !S_ISFIFO(file.mode) || file.inode != object->inode)
		return false;
	/* An inode is given again as soon as it is free. */
	if (object->birth != IPC_UNKNOWN_INT && file.birth != IPC_UNKNOWN_INT && file.birth != object->birth)
		return false;
	return file.device == object->dev || is_on_device(ctx, fd, object->dev);
}

int ipc_fifo_find(struct ipc_ctx *ctx, const struct ipc_pipe *fifo, struct ipc_fifo_place *out)
{
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	char *name;
	int r = ipc_fifo_has_name(ctx, fifo);

	if (r == 0)
		r = ipc_open_parent(ctx, fifo->base.name, false, 0, &place.dir, &name);
	if (r)
		return r;
	place.name = name;
	place.fd = openat(place.dir, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place.fd < 0)
		r = errno == ENOENT ? ipc_ctx_fail(ctx, -ENOENT, "it is gone")
				    : ipc_ctx_fail(ctx, -errno, "cannot be looked at: %s", strerror(errno));
	else if (!ipc_fifo_is(ctx, fifo, place.fd))
		r = ipc_ctx_fail(ctx, -ESTALE, "replaced: another file has the name by now; it was left alone");
	if (r)
		ipc_fifo_place_release(&place);
	else
		*out = place;
	return r;
}

void ipc_fifo_place_release(struct ipc_fifo_place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	if (place->dir >= 0)
		close(place->dir);
	*place = IPC_NO_FIFO_PLACE;
}

/*
 * The link in /proc that stands for @fd. By numbers: who looks at a task that hangs in opening it resolves the path anew,
 * and "self" would be somebody else there. The thread's: where it is not the first one, that may have ended.
 */
static int link_of(struct ipc_ctx *ctx, int fd, struct ipc_buf *out)
{
	int r = ipc_proc_link(ctx, out, "thread-self");

	return r ? r : ipc_buf_format(out, "/fd/%d", fd);
}

int ipc_fifo_reopen(struct ipc_ctx *ctx, int fd, int flags)
{
	struct ipc_buf path = {0};
	int r = link_of(ctx, fd, &path);

	if (r == 0)
		r = ipc_proc_open(ctx, flags, "%s", path.data);
	ipc_buf_release(&path);
	return r;
}

int ipc_fifo_chmod(struct ipc_ctx *ctx, int fd, mode_t mode)
{
	struct ipc_buf path = {0};
	int r = link_of(ctx, fd, &path);

	if (r == 0 && fchmodat(ctx->proc_fd, path.data, mode, 0) < 0)
		r = -errno;
	ipc_buf_release(&path);
	return r;
}
