/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the pieces of an object to its file in an archive. */
#include <errno.h>
#include <unistd.h>

#include "filling.h"
#include "frame.h"
#include "output.h"

static bool fail(struct filling *filling, int error)
{
	filling->error = error;
	return false;
}

bool filling_write(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : ENOSPC;
			return false;
		}
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

static bool flush(struct filling *filling)
{
	int error;

	if (!filling_write(filling->fd, filling->buffer.data, filling->buffer.len, filling->end)) {
		error = errno;
		if (ftruncate(filling->fd, (off_t)filling->end) < 0) /* no half of a message */
			error = errno;
		return fail(filling, error);
	}
	filling->end += filling->buffer.len;
	text_clear(&filling->buffer);
	return true;
}

static bool pace(struct filling *filling)
{
	return (filling->buffer.len < OUTPUT_PIECE && !filling->taken_out) || flush(filling);
}

/* Memory: what was never written is a hole here too. */
static bool take_memory(struct filling *filling, const struct ipc_piece *piece)
{
	if (piece->offset > INT64_MAX || piece->length > INT64_MAX - piece->offset)
		return fail(filling, EFBIG);
	if (piece->type == IPC_PIECE_BYTES &&
	    !filling_write(filling->fd, piece->data.data, piece->data.len, piece->offset))
		return fail(filling, errno);
	if (filling->end < piece->offset + piece->length)
		filling->end = piece->offset + piece->length;
	return true;
}

static bool take_stream(struct filling *filling, const struct ipc_piece *piece)
{
	uint64_t left = piece->length;

	if (piece->type == IPC_PIECE_BYTES) {
		text_bytes(&filling->buffer, piece->data.data, piece->data.len);
		return pace(filling);
	}
	for (; left; left--) {
		text_char(&filling->buffer, '\0');
		if (!pace(filling))
			return false;
	}
	return true;
}

static void take_value(struct filling *filling, const struct ipc_piece *piece)
{
	const struct ipc_field *field = piece->record ? ipc_record_find(piece->record, "value") : NULL;
	struct ipc_value value = {.null = true};

	if (field)
		ipc_piece_get(piece, field, &value);
	if (filling->values.len)
		text_char(&filling->values, ',');
	if (value.null || piece->index + 1 != filling->count)
		filling->partial = true;
	else
		text_uint(&filling->values, value.u);
}

static bool take_framed(struct filling *filling, const struct ipc_piece *piece)
{
	frame_append(&filling->buffer, piece);
	filling->count++;
	filling->given += piece->data.len;
	if (piece->type == IPC_PIECE_MESSAGE && piece->data.len < piece->length)
		filling->partial = true;
	if (piece->type == IPC_PIECE_ENTRY && filling->semaphores)
		take_value(filling, piece);
	return pace(filling);
}

int filling_take(const struct ipc_piece *piece, void *data)
{
	struct filling *filling = data;
	bool good;

	if (!filling->taken_out && ending_come(filling->ending)) {
		fail(filling, EINTR);
		return 1;
	}
	switch (piece->type) {
	case IPC_PIECE_BYTES:
	case IPC_PIECE_ZEROS:
		filling->given += piece->length;
		good = filling->memory ? take_memory(filling, piece) : take_stream(filling, piece);
		break;
	default:
		good = take_framed(filling, piece);
	}
	return good ? 0 : 1;
}

bool filling_finish(struct filling *filling)
{
	if (!flush(filling))
		return false;
	/* It may end with a hole. */
	if (ftruncate(filling->fd, (off_t)filling->end) < 0 || fsync(filling->fd) < 0)
		return fail(filling, errno);
	return true;
}

void filling_release(struct filling *filling)
{
	text_release(&filling->buffer);
	text_release(&filling->values);
}
