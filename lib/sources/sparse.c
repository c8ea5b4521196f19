/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a file in pieces: data by one buffer, and what it was never given (holes) as mere lengths, in no time. */
#include "sources/sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fits into the second-level cache of any processor, so that a byte comes from memory once: larger gains little. */
#define BUFFER ((size_t)256 << 10)
#define AFTER_HOLE ((size_t)16 << 10) /* read behind a hole, as there may be the next one soon; then ever more */
/* Begins a page on all machines. The kernel copies far slower to where none begins, and holes are whole pages. */
#define PAGE 4096

struct reading {
	const struct ipc_sparse *from;
	const struct ipc_sparse_sink *to;
	char *buffer;
	size_t piece;    /* to be read next */
	bool seeks;      /* are holes to be looked for? */
	bool ended;      /* the file did, at `at` */
	uint64_t at;     /* all before was handed over */
	uint64_t filled; /* no hole is before */
};

/* Where all blocks are there, no hole can be. */
static bool may_have_holes(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_blocks < st.st_size / 512 + (st.st_size % 512 != 0);
}

static bool is_zero(const char *data, size_t len)
{
	return !*data && memcmp(data, data + 1, len - 1) == 0;
}

/*
 * What may be a hole in the @len bytes of the buffer that stand at @base, from `at` on: pages of zeros. Looking at the bytes is
 * much cheaper than the walk through all pages that the kernel takes to find the next hole.
 */
static uint64_t find_zeros(const struct reading *reading, uint64_t base, size_t len)
{
	uint64_t at = reading->at > reading->filled ? reading->at : reading->filled, next;

	for (; at < base + len; at = next) {
		next = (at / PAGE + 1) * PAGE;
		if (next > base + len)
			next = base + len;
		if (is_zero(reading->buffer + (at - base), (size_t)(next - at)))
			return at;
	}
	return base + len;
}

/* The hole at or behind @at, from *@hole to *@data; none: both are the end. */
static void find_hole(const struct reading *reading, uint64_t at, uint64_t *hole, uint64_t *data)
{
	const uint64_t end = reading->from->end;
	off_t found = lseek(reading->from->fd, (off_t)at, SEEK_HOLE);

	*hole = *data = end;
	if (found < 0 || (uint64_t)found >= end)
		return;
	*hole = (uint64_t)found;
	found = lseek(reading->from->fd, found, SEEK_DATA);
	/* 0 too: what was a hole there has been filled since. */
	if (found >= 0 && (uint64_t)found < end)
		*data = (uint64_t)found;
}

/* What the buffer has of the file from `at` to @until. */
static int give_data(struct reading *reading, uint64_t base, uint64_t until)
{
	const struct ipc_bytes bytes = {reading->buffer + (reading->at - base), (size_t)(until - reading->at)};
	uint64_t at = reading->at;

	reading->at = until;
	return bytes.len ? reading->to->bytes(reading->to->data, at, bytes) : 0;
}

/* A hole as far as @until, unless the file has become shorter; where data follows, it has not. */
static int give_hole(struct reading *reading, uint64_t until)
{
	uint64_t at = reading->at, size = until;
	struct stat st;

	if (until == reading->from->end) {
		if (fstat(reading->from->fd, &st) < 0)
			return -errno;
		size = (uint64_t)st.st_size;
	}
	reading->ended = size < until;
	reading->at = size > until ? until : size > at ? size : at;
	reading->piece = AFTER_HOLE;
	return reading->at > at ? reading->to->zeros(reading->to->data, at, reading->at - at) : 0;
}

/* The @len bytes of the buffer, which stand at @base, and the holes among them; the last one may go beyond. */
static int give_piece(struct reading *reading, uint64_t base, size_t len)
{
	const uint64_t end = base + len;
	uint64_t hole, data = end;
	int r = 0;

	while (r == 0 && !reading->ended && reading->at < end) {
		hole = reading->seeks ? find_zeros(reading, base, len) : end;
		if (hole < end) {
			find_hole(reading, hole, &hole, &data);
			reading->filled = hole;
		}
		r = give_data(reading, base, hole < end ? hole : end);
		if (r == 0 && hole < end)
			r = give_hole(reading, data);
	}
	return r;
}

static int read_piece(struct reading *reading)
{
	uint64_t left = reading->from->end - reading->at, at = reading->at;
	ssize_t n;

	do
		n = pread(reading->from->fd, reading->buffer, left < reading->piece ? (size_t)left : reading->piece,
			  (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	reading->ended = n == 0;
	if (reading->piece < BUFFER)
		reading->piece *= 2;
	return give_piece(reading, at, (size_t)n);
}

int ipc_sparse_read(const struct ipc_sparse *from, const struct ipc_sparse_sink *to, uint64_t *reached)
{
	struct reading reading = {.from = from, .to = to, .at = from->start, .piece = BUFFER};
	int r = 0;

	*reached = from->start;
	reading.buffer = aligned_alloc(PAGE, BUFFER);
	if (!reading.buffer)
		return -ENOMEM;
	reading.seeks = !from->shared && may_have_holes(from->fd);
	while (r == 0 && !reading.ended && reading.at < from->end)
		r = read_piece(&reading);
	free(reading.buffer);
	*reached = reading.at;
	return r;
}
