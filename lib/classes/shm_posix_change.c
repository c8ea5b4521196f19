/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How POSIX shared memory is made, set and removed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/posix_change.h"
#include "classes/shm.h"
#include "classes/shm_source.h"
#include "sources/umask_call.h"
#include "sources/unlink.h"

/* ---- contents ---------------------------------------------------------------------------------------------------- */

#define CHUNK ((size_t)256 << 10)

static int resize(struct ipc_ctx *ctx, int fd, uint64_t size)
{
	int r;

	while ((r = ftruncate(fd, (off_t)size)) < 0 && errno == EINTR)
		;
	return r < 0 ? ipc_posix_fail_space(ctx, fd, -errno) : 0;
}

static int write_all(struct ipc_ctx *ctx, int fd, const char *data, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ipc_posix_fail_space(ctx, fd, -errno);
		data += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* A copy under way. */
struct copy {
	struct ipc_ctx *ctx;
	const struct ipc_shm_source *source;
	int fd;
	uint64_t most;   /* bytes that it may have */
	uint64_t at;     /* so far */
	uint64_t filled; /* of these, without holes */
	char *buffer;
};

/* The next piece; holes stay holes. Returns its length, 0 at the end, or -errno with text. */
static ssize_t copy_piece(struct copy *copy)
{
	uint64_t hole, data;
	ssize_t n;
	int r = 0;

	ipc_shm_source_pass_hole(copy->source, &hole, &data);
	if (hole > copy->most - copy->at)
		return ipc_shm_source_fail_longer(copy->ctx, copy->source, copy->most);
	copy->at += hole;
	n = ipc_shm_source_read(copy->source->fd, copy->buffer, data < CHUNK ? (size_t)data : CHUNK);
	if (n < 0)
		return ipc_shm_source_fail(copy->ctx, copy->source, (int)n, "read");
	if ((uint64_t)n > copy->most - copy->at)
		return ipc_shm_source_fail_longer(copy->ctx, copy->source, copy->most);
	r = ipc_posix_check_size(copy->ctx, copy->fd, copy->filled, copy->filled + (uint64_t)n);
	if (r == 0)
		r = write_all(copy->ctx, copy->fd, copy->buffer, (size_t)n, copy->at);
	copy->at += (uint64_t)n;
	copy->filled += (uint64_t)n;
	return r ? r : n;
}

/* Copy @source to the end; what is longer than @most is an error. */
static int copy_all(struct ipc_ctx *ctx, const struct ipc_shm_source *source, int fd, uint64_t most)
{
	struct copy copy = {.ctx = ctx, .source = source, .fd = fd, .most = most, .buffer = malloc(CHUNK)};
	ssize_t n = copy.buffer ? 1 : ipc_ctx_fail(ctx, -ENOMEM, "out of memory");

	while (n > 0) {
		n = copy_piece(&copy);
		if (n > 0 && ipc_signals_end())
			n = ipc_ctx_fail(ctx, -EINTR, "interrupted; nothing was made");
	}
	free(copy.buffer);
	if (n == 0) /* it may end with a hole */
		n = ipc_posix_check_size(ctx, fd, copy.filled, copy.at);
	return n ? (int)n : resize(ctx, fd, copy.at);
}

static int fill_from(const struct ipc_creation *creation, int fd)
{
	const struct ipc_settings *settings = creation->settings;
	struct ipc_shm_source source;
	int r = ipc_shm_source_open(creation->ctx, settings, &source);

	if (r == 0)
		r = copy_all(creation->ctx, &source, fd, settings->given & IPC_SET_SIZE ? settings->size : UINT64_MAX);
	ipc_shm_source_close(&source);
	return r;
}

static int fill(const struct ipc_creation *creation, int fd)
{
	const struct ipc_settings *settings = creation->settings;
	int r = 0;

	if (settings->given & IPC_SET_SIZE)
		r = ipc_posix_check_size(creation->ctx, fd, 0, settings->size);
	if (r == 0 && settings->given & IPC_SET_FROM)
		r = fill_from(creation, fd);
	if (r == 0 && settings->given & IPC_SET_SIZE)
		r = resize(creation->ctx, fd, settings->size);
	return r;
}

/*
 * Whoever maps what is cut off dies of SIGBUS when he touches it. A lease proves that nobody has it; this descriptor
 * itself does not count.
 */
static int shrink(struct ipc_ctx *ctx, int fd, uint64_t size)
{
	int r = ipc_lease_take(fd);

	if (r == -EAGAIN)
		return ipc_ctx_fail(
			ctx, -EBUSY,
			"in use: who has it mapped would die of SIGBUS behind its new end; it can only grow");
	if (r == -EACCES)
		return ipc_ctx_fail(ctx, r,
				    "only its owner or root can find out that nobody uses it, so as to shrink it");
	if (r)
		return ipc_ctx_fail(ctx, -EBUSY, "whether it is in use cannot be told (no lease: %s); it can only grow",
				    strerror(-r));
	r = ipc_lease_kept(fd) ? resize(ctx, fd, size)
			       : ipc_ctx_fail(ctx, -EBUSY, "somebody opened it just now; it can only grow");
	return r;
}

static int apply_size(struct ipc_ctx *ctx, int fd, const struct ipc_settings *settings)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return ipc_ctx_fail(ctx, -errno, "it cannot be looked at: %s", strerror(errno));
	if (settings->size < (uint64_t)st.st_size)
		return shrink(ctx, fd, settings->size);
	r = ipc_posix_check_size(ctx, fd, (uint64_t)st.st_size, settings->size);
	return r ? r : resize(ctx, fd, settings->size);
}

static const struct ipc_posix_kind posix_kind = {
	.prefix = "",
	.what = "segment",
	.fill = fill,
	.contents = IPC_SET_SIZE,
	.apply = apply_size,
};

/* ---- operations -------------------------------------------------------------------------------------------------- */

static int create(struct ipc_creation *creation)
{
	if (!(creation->settings->given & (IPC_SET_SIZE | IPC_SET_FROM)))
		return ipc_ctx_fail(creation->ctx, -EINVAL,
				    "shm/posix needs: size, or from with a file to fill it from");
	return ipc_posix_create(creation, &posix_kind);
}

static bool is_deleted(const struct ipc_object *object)
{
	return ((const struct ipc_shm *)object)->deleted == 1;
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	return ipc_posix_set(ctx, object, &posix_kind, is_deleted(object), settings);
}

static int take_away(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	return ipc_posix_remove(ctx, object, &posix_kind, is_deleted(object), how);
}

const struct ipc_changes ipc_changes_shm_posix = {
	.refuse =
		{
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_SIZE | IPC_SET_FROM,
	.creates_by = 1u << IPC_BY_NAME,
	.set_takes = IPC_SET_PERMS | IPC_SET_SIZE,
	.remove_needs = IPC_NEED_HOLDERS,
	.proves = true,
	.create = create,
	.set = set,
	.remove = take_away,
};
