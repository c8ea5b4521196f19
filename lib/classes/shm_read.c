/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents of shared memory from an open descriptor, whichever way that was had. */
#include "classes/shm_read.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "sources/sparse.h"

void ipc_shm_range(const struct ipc_dumping *dumping, uint64_t size, uint64_t *start, uint64_t *end)
{
	*start = dumping->how.offset < size ? dumping->how.offset : size;
	*end = dumping->how.length < size - *start ? *start + dumping->how.length : size;
}

void ipc_shm_shorter(struct ipc_dumping *dumping, uint64_t start, uint64_t end, uint64_t reached)
{
	dumping->result->torn = true;
	ipc_ctx_set_note(dumping->ctx, "it became shorter while it was read: %" PRIu64 " of %" PRIu64 " bytes",
			 reached - start, end - start);
}

int ipc_shm_dump_zeros(struct ipc_dumping *dumping, uint64_t size)
{
	uint64_t start, end;

	ipc_shm_range(dumping, size, &start, &end);
	return start < end ? ipc_dumping_zeros(dumping, start, end - start) : 0;
}

struct giving {
	struct ipc_dumping *dumping;
	int result; /* of the receiver, which may return whatever it likes */
};

static int give_bytes(void *data, uint64_t offset, struct ipc_bytes bytes)
{
	struct giving *giving = data;

	giving->result = ipc_dumping_bytes(giving->dumping, offset, bytes);
	return giving->result;
}

static int give_zeros(void *data, uint64_t offset, uint64_t length)
{
	struct giving *giving = data;

	giving->result = ipc_dumping_zeros(giving->dumping, offset, length);
	return giving->result;
}

/* A write and a change of size leave a trace; of stores through a mapping only the first one to a page may. */
static bool was_changed(const struct stat *before, int fd)
{
	struct stat now;

	return fstat(fd, &now) < 0 || now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

int ipc_shm_dump_fd(struct ipc_dumping *dumping, int fd, bool shared, uint64_t size)
{
	struct giving giving = {.dumping = dumping};
	const struct ipc_sparse_sink sink = {.bytes = give_bytes, .zeros = give_zeros, .data = &giving};
	struct ipc_sparse from = {.fd = fd, .shared = shared};
	uint64_t reached;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return ipc_ctx_fail(dumping->ctx, -errno, "it cannot be looked at: %s", strerror(errno));
	ipc_shm_range(dumping, size < (uint64_t)st.st_size ? size : (uint64_t)st.st_size, &from.start, &from.end);
	r = ipc_sparse_read(&from, &sink, &reached);
	if (r && !giving.result)
		return ipc_ctx_fail(dumping->ctx, r, "it cannot be read: %s", strerror(-r));
	if (r == 0 && reached < from.end)
		ipc_shm_shorter(dumping, from.start, from.end, reached);
	else if (r == 0 || r == IPC_DUMP_ENOUGH)
		dumping->result->torn = was_changed(&st, fd);
	return r;
}
