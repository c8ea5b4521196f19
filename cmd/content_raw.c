/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents as they are: bytes behind bytes, for a file or a program. */
#include <stdlib.h>

#include "content.h"
#include "format.h"

static void append_entry(struct text *out, const struct ipc_piece *piece)
{
	static const struct style machine = {.machine = true};
	struct ipc_value value;
	size_t at = 0;

	text_uint(out, piece->index);
	while (content_field(piece, &at, &value)) {
		text_char(out, '\t');
		format_value(out, &value, &machine);
	}
	text_char(out, '\n');
}

static bool raw_piece(struct content *content, const struct ipc_piece *piece)
{
	struct output *out = &content->app->out;

	switch (piece->type) {
	case IPC_PIECE_BYTES:
	case IPC_PIECE_MESSAGE:
		return output_bytes(out, piece->data.data, piece->data.len);
	case IPC_PIECE_ZEROS:
		return output_zeros(out, piece->length);
	case IPC_PIECE_ENTRY:
		append_entry(&out->text, piece);
		break;
	}
	return output_pace(out);
}

static bool raw_end(struct content *content, const struct outcome *outcome)
{
	(void)outcome;
	return output_settle(&content->app->out);
}

static void raw_free(struct content *content)
{
	free(content);
}

struct content *content_raw_new(void)
{
	static const struct content_ops ops = {.piece = raw_piece, .end = raw_end, .free = raw_free};
	struct content *content = xcalloc(1, sizeof(*content));

	content->ops = &ops;
	return content;
}
