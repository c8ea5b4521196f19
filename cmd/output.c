/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output: a text that is written out in large pieces, and bytes that go there without a detour. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ending.h"
#include "output.h"

#define PATIENCE 100 /* milliseconds between two looks whether a signal came */
#define GRACE 10     /* looks: for so long who reads may take nothing before what is left is given up for a signal */
#define ZEROS 65536  /* bytes that stand for all zeros */
#define REPEATED 64  /* times in one system call */

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Wait until a piece can be written without blocking, or a signal comes. */
static bool await_reader(struct output *out)
{
	struct pollfd poll_fd = {.fd = out->fd, .events = POLLOUT};

	unsigned looks = 0;

	while (poll(&poll_fd, 1, PATIENCE) <= 0) {
		if (!ending_come(out->ending) || ++looks < GRACE)
			continue;
		out->error = EPIPE; /* the signal itself does the rest */
		return false;
	}
	return true;
}

/* A pipe that is ready takes this much without blocking, when nobody else writes to it. */
static size_t piece_size(const struct output *out)
{
	struct stat st;

	return fstat(out->fd, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

static bool write_all(struct output *out, const char *data, size_t len)
{
	size_t done = 0, most = out->ending ? piece_size(out) : SIZE_MAX;

	while (!out->error && done < len) {
		size_t left = len - done;
		ssize_t n;

		if (out->ending && !await_reader(out))
			break;
		n = write(out->fd, data + done, left < most ? left : most);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	return !out->error;
}

bool output_flush(struct output *out)
{
	if (out->gathers)
		return !out->error;
	out->begun = true;
	write_all(out, out->text.data, out->text.len);
	text_clear(&out->text);
	return !out->error;
}

bool output_bytes(struct output *out, const char *data, size_t len)
{
	if (len >= OUTPUT_PIECE / 2 && !out->gathers)
		return output_flush(out) && write_all(out, data, len);
	text_bytes(&out->text, data, len);
	return output_pace(out);
}

/* ---- zeros ------------------------------------------------------------------------------------------------------- */

static bool append_zeros(struct output *out, size_t len)
{
	memset(text_reserve(&out->text, len), 0, len);
	out->text.len += len;
	return output_pace(out);
}

/* Is what comes next the first that this file has there, so that leaving it out makes it zero? */
static bool at_end_of_file(const struct output *out)
{
	int flags = fcntl(out->fd, F_GETFL);
	struct stat st;

	return flags >= 0 && !(flags & O_APPEND) && fstat(out->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       lseek(out->fd, 0, SEEK_CUR) >= st.st_size;
}

static bool write_zeros(struct output *out, uint64_t length)
{
	char *zeros = xcalloc(1, ZEROS);
	struct iovec pieces[REPEATED];
	size_t i;

	for (i = 0; i < REPEATED; i++)
		pieces[i] = (struct iovec){zeros, ZEROS};
	while (!out->error && length) {
		uint64_t whole = length / ZEROS;
		ssize_t n;

		if (out->ending || !whole) {
			size_t len = whole ? ZEROS : (size_t)length;

			write_all(out, zeros, len);
			length -= len;
			continue;
		}
		n = writev(out->fd, pieces, whole < REPEATED ? (int)whole : REPEATED);
		if (n >= 0)
			length -= (uint64_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	free(zeros);
	return !out->error;
}

bool output_zeros(struct output *out, uint64_t length)
{
	if (length < OUTPUT_PIECE)
		return append_zeros(out, (size_t)length);
	if (!output_flush(out))
		return false;
	if (length > INT64_MAX || !at_end_of_file(out))
		return write_zeros(out, length);
	if (lseek(out->fd, (off_t)length, SEEK_CUR) < 0)
		out->error = errno;
	out->hole = true;
	return !out->error;
}

bool output_settle(struct output *out)
{
	struct stat st;
	off_t end;

	if (!output_flush(out) || !out->hole)
		return !out->error;
	end = lseek(out->fd, 0, SEEK_CUR);
	if (fstat(out->fd, &st) < 0 || (st.st_size < end && ftruncate(out->fd, end) < 0))
		out->error = errno;
	out->hole = false;
	return !out->error;
}
