/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a new segment is filled from: a file, or standard input. */
#include "classes/shm_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "model/bytes.h"

ssize_t ipc_shm_source_read(int fd, void *buffer, size_t len)
{
	struct pollfd input = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while ((n = read(fd, buffer, len)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			poll(&input, 1, -1);
	return n < 0 ? -errno : n;
}

void ipc_shm_source_pass_hole(const struct ipc_shm_source *source, uint64_t *hole, uint64_t *data)
{
	off_t at = source->regular ? lseek(source->fd, 0, SEEK_CUR) : -1, begin, end;

	*hole = 0;
	*data = UINT64_MAX;
	if (at < 0)
		return;
	begin = lseek(source->fd, at, SEEK_DATA);
	if (begin < 0 && errno == ENXIO) /* a hole up to the end */
		begin = lseek(source->fd, 0, SEEK_END);
	end = begin < at ? -1 : lseek(source->fd, begin, SEEK_HOLE);
	if (lseek(source->fd, begin < at ? at : begin, SEEK_SET) < 0 || begin < at)
		return;
	*hole = (uint64_t)(begin - at);
	if (end > begin)
		*data = (uint64_t)(end - begin);
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			n = 0;
	}
	return 0;
}

void ipc_shm_source_close(struct ipc_shm_source *source)
{
	if (source->own)
		close(source->fd);
	source->own = false;
}

/* A file that is not what one may read is a wrong value of the setting. */
int ipc_shm_source_fail(struct ipc_ctx *ctx, const struct ipc_shm_source *source, int error, const char *what)
{
	const bool usage = error == -ENOENT || error == -ENOTDIR || error == -EISDIR || error == -ELOOP ||
			   error == -ENAMETOOLONG || error == -ENXIO;

	return ipc_ctx_fail(ctx, usage ? -EINVAL : error, "%s cannot be %s: %s", source->shown, what, strerror(-error));
}

/*
 * Keep in memory what comes from a pipe, until its end or more than @most bytes: only then is the segment made, for a
 * pipe may take its time, and who is interrupted meanwhile shall leave nothing half made.
 */
static int spool(struct ipc_ctx *ctx, struct ipc_shm_source *source, uint64_t most)
{
	int fd = memfd_create("ipctool", MFD_CLOEXEC), r = 0;
	uint64_t size = 0;
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return ipc_shm_source_fail(ctx, source, -errno, "kept in memory");
	while ((n = ipc_shm_source_read(source->fd, chunk, sizeof(chunk))) > 0 && size <= most) {
		r = write_all(fd, chunk, (size_t)n);
		if (r)
			break;
		size += (uint64_t)n;
	}
	if (r == 0 && n >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r || n < 0) {
		close(fd);
		return r ? ipc_shm_source_fail(ctx, source, r, "kept in memory")
			 : ipc_shm_source_fail(ctx, source, (int)n, "read");
	}
	ipc_shm_source_close(source);
	source->fd = fd;
	source->own = source->regular = true;
	source->size = size;
	return 0;
}

/* Without a size an endless file must end somewhere. */
static uint64_t half_of_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ? UINT32_MAX : (uint64_t)info.totalram * info.mem_unit / 2;
}

int ipc_shm_source_measure(struct ipc_ctx *ctx, struct ipc_shm_source *source, const struct ipc_settings *settings)
{
	bool sized = settings->given & IPC_SET_SIZE;
	uint64_t most = sized ? settings->size : half_of_memory();
	struct stat st;
	off_t at;
	int r;

	if (fstat(source->fd, &st) < 0)
		return ipc_shm_source_fail(ctx, source, -errno, "looked at");
	if (S_ISDIR(st.st_mode))
		return ipc_shm_source_fail(ctx, source, -EISDIR, "read");
	at = lseek(source->fd, 0, SEEK_CUR);
	/* Files of /proc have a size of 0, whatever is in them. */
	if (S_ISREG(st.st_mode) && at >= 0 && at < st.st_size) {
		source->size = (uint64_t)(st.st_size - at);
		return 0;
	}
	r = spool(ctx, source, most);
	if (r == 0 && !sized && source->size > most)
		r = ipc_ctx_fail(ctx, -EINVAL, "%s has no end in sight; give the size", source->shown);
	return r;
}

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int ipc_shm_source_open(struct ipc_ctx *ctx, const struct ipc_settings *settings, struct ipc_shm_source *source)
{
	*source = (struct ipc_shm_source){.fd = -1};
	if (!(settings->given & IPC_SET_FROM))
		return 0;
	source->path = settings->from;
	if (strcmp(settings->from, "-") == 0) {
		snprintf(source->shown, sizeof(source->shown), "standard input");
		source->fd = STDIN_FILENO;
		source->regular = is_regular(source->fd);
		return 0;
	}
	ipc_escape(settings->from, strlen(settings->from), source->shown, sizeof(source->shown));
	do
		source->fd = open(settings->from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (source->fd < 0 && errno == EINTR);
	if (source->fd < 0)
		return ipc_shm_source_fail(ctx, source, -errno, "opened");
	source->own = true;
	source->regular = is_regular(source->fd);
	return 0;
}

int ipc_shm_source_fail_longer(struct ipc_ctx *ctx, const struct ipc_shm_source *source, uint64_t size)
{
	return ipc_ctx_fail(ctx, -EINVAL, "%s has more than the %" PRIu64 " bytes of the segment; make it larger",
			    source->shown, size);
}
