/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents as base64(1) encodes them: streams in lines of 76 characters, each message in a line of its own. */
#include <stdlib.h>

#include "base64.h"
#include "content.h"

#define STEP (BASE64_LINE * 64) /* bytes of zeros that are encoded at once */

struct encoder {
	struct content base;
	unsigned char line[BASE64_LINE];
	size_t filled;
};

static void put_line(struct encoder *encoder, const unsigned char *bytes, size_t count)
{
	struct text *out = &encoder->base.app->out.text;

	base64_append(out, bytes, count);
	text_char(out, '\n');
}

/* Bytes of a stream: what does not fill a line waits for more. */
static bool put_bytes(struct encoder *encoder, const unsigned char *bytes, size_t count)
{
	while (count) {
		size_t more = BASE64_LINE - encoder->filled < count ? BASE64_LINE - encoder->filled : count;

		if (more == BASE64_LINE) {
			put_line(encoder, bytes, more);
		} else {
			memcpy(encoder->line + encoder->filled, bytes, more);
			encoder->filled += more;
		}
		if (encoder->filled == BASE64_LINE) {
			put_line(encoder, encoder->line, BASE64_LINE);
			encoder->filled = 0;
		}
		bytes += more;
		count -= more;
		if (!output_pace(&encoder->base.app->out))
			return false;
	}
	return true;
}

static bool put_zeros(struct encoder *encoder, uint64_t count)
{
	static const unsigned char zeros[STEP];

	while (count) {
		size_t more = count < STEP ? (size_t)count : STEP;

		if (!put_bytes(encoder, zeros, more))
			return false;
		count -= more;
	}
	return true;
}

static bool end_stream(struct encoder *encoder)
{
	if (encoder->filled)
		put_line(encoder, encoder->line, encoder->filled);
	encoder->filled = 0;
	return output_pace(&encoder->base.app->out);
}

static bool base64_piece(struct content *content, const struct ipc_piece *piece)
{
	struct encoder *encoder = (struct encoder *)content;
	const unsigned char *bytes = (const unsigned char *)piece->data.data;

	switch (piece->type) {
	case IPC_PIECE_BYTES:
		return put_bytes(encoder, bytes, piece->data.len);
	case IPC_PIECE_ZEROS:
		return put_zeros(encoder, piece->length);
	case IPC_PIECE_MESSAGE:
		if (!end_stream(encoder))
			return false;
		put_line(encoder, bytes, piece->data.len);
		break;
	case IPC_PIECE_ENTRY: /* never given: see bytes_only */
		break;
	}
	return output_pace(&content->app->out);
}

static bool base64_close(struct content *content, const struct content_end *end)
{
	(void)end;
	return end_stream((struct encoder *)content);
}

static void base64_free(struct content *content)
{
	free(content);
}

struct content *content_base64_new(void)
{
	static const struct content_ops ops = {
		.piece = base64_piece, .close = base64_close, .free = base64_free, .bytes_only = true};
	struct encoder *encoder = xcalloc(1, sizeof(*encoder));

	encoder->base.ops = &ops;
	return &encoder->base;
}
