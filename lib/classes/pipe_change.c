/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How anonymous pipes are changed, through a process that has them; and the capacity of all pipes, named ones too. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/held.h"
#include "classes/limits.h"
#include "classes/pipe.h"

#define CAPACITY_MAX (UINT64_C(1) << 31)

static const struct ipc_limit pipe_max_size = {"pipe-max-size", "sys/fs/pipe-max-size", 0, "bytes in one pipe"};
static const struct ipc_limit user_pages = {"pipe-user-pages-soft", "sys/fs/pipe-user-pages-soft", 0,
					    "pages in all pipes of one user"};

static int fail_resize(struct ipc_ctx *ctx, int error, int fd, uint64_t capacity)
{
	uint64_t most;
	int bytes;

	switch (error) {
	case EPERM:
		most = ipc_limit_read(ctx, &pipe_max_size);
		if (most == IPC_UNKNOWN || capacity > most)
			return ipc_limit_fail(ctx, -EPERM, &pipe_max_size, IPC_UNKNOWN,
					      "a larger capacity takes CAP_SYS_RESOURCE");
		return ipc_limit_fail(ctx, -EPERM, &user_pages, IPC_UNKNOWN,
				      "a larger capacity takes CAP_SYS_RESOURCE");
	case EBUSY:
		if (ioctl(fd, FIONREAD, &bytes) < 0)
			bytes = 0;
		return ipc_ctx_fail(ctx, -EBUSY,
				    "holds more than that: %d bytes, in pages that may be partly filled; have it read "
				    "first",
				    bytes);
	case EINVAL:
		return ipc_ctx_fail(ctx, -EINVAL, "the kernel gives no pipe a capacity of %" PRIu64 " bytes", capacity);
	case ENOMEM:
		return ipc_ctx_fail(ctx, -ENOMEM, "no memory for a capacity of %" PRIu64 " bytes", capacity);
	default:
		return ipc_ctx_fail(ctx, -error, "its capacity cannot be changed: %s", strerror(error));
	}
}

int ipc_pipe_resize(struct ipc_ctx *ctx, int fd, uint64_t capacity, int *before)
{
	if (!capacity || capacity > CAPACITY_MAX)
		return ipc_ctx_fail(ctx, -EINVAL, "a capacity is 1 byte to 2 GiB");
	*before = fcntl(fd, F_GETPIPE_SZ);
	if (fcntl(fd, F_SETPIPE_SZ, (unsigned)capacity) < 0)
		return fail_resize(ctx, errno, fd, capacity);
	return 0;
}

/* All of them are of the kernel's one pipe file system; where no process could be looked at its device is not known. */
bool ipc_pipe_is(int fd, const void *data)
{
	const struct ipc_object *object = data;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && (object->dev == IPC_UNKNOWN || st.st_dev == object->dev);
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	int fd = ipc_object_copy(ctx, object, ipc_pipe_is, object), before, r;

	if (fd < 0)
		return fd;
	r = ipc_pipe_resize(ctx, fd, settings->capacity, &before);
	close(fd);
	return r;
}

const struct ipc_changes ipc_changes_pipe = {
	.refuse =
		{
			[IPC_VERB_CREATE] = "a pipe lives in its processes; make one that a name reaches: fifo:/path",
			[IPC_VERB_SEND] =
				"a pipe belongs to the processes at its ends; make one that all can write to: fifo:/path",
			[IPC_VERB_RECEIVE] =
				("what is in a pipe is for the process at its end; look at it with \"ipctool dump\", or make "
				 "one that all can read: fifo:/path"),
			[IPC_VERB_POST] = "a pipe is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "a pipe is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] =
				"a pipe goes with its last holder; end that process, which \"ipctool show\" names",
		},
	.set_takes = IPC_SET_CAPACITY,
	.set_needs = IPC_NEED_HOLDERS,
	.set = set,
};
