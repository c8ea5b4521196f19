/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents as lines that a terminal may show: what does not print is escaped. */
#include <inttypes.h>
#include <stdlib.h>

#include "content.h"
#include "content_table.h"
#include "message.h"

#define STEP 4096 /* bytes that are escaped at once */

struct lines {
	struct content base;
	struct content_table table;
	uint64_t zeros; /* left out of the object */
	bool within;    /* a line has begun */
};

static bool append_lines(struct lines *lines, struct ipc_bytes data)
{
	struct output *out = &lines->base.app->out;
	size_t at = 0;

	while (at < data.len) {
		size_t length = 0, most = data.len - at < STEP ? data.len - at : STEP;

		while (length < most && data.data[at + length] != '\n' && data.data[at + length] != '\t')
			length++;
		text_escaped(&out->text, (struct ipc_bytes){data.data + at, length});
		at += length;
		if (length < most)
			text_char(&out->text, data.data[at++]);
		if (!output_pace(out))
			return false;
	}
	if (data.len)
		lines->within = data.data[data.len - 1] != '\n';
	return true;
}

static void end_line(struct lines *lines)
{
	if (lines->within)
		text_char(&lines->base.app->out.text, '\n');
	lines->within = false;
}

static bool text_open(struct content *content)
{
	struct lines *lines = (struct lines *)content;
	struct text *out = &content->app->out.text;

	if (!content->headings)
		return true;
	end_line(lines);
	content_heading(content, out);
	text_char(out, '\n');
	return output_pace(&content->app->out);
}

static bool text_piece(struct content *content, const struct ipc_piece *piece)
{
	struct lines *lines = (struct lines *)content;
	struct output *out = &content->app->out;

	if (piece->type == IPC_PIECE_ENTRY) {
		end_line(lines);
		return content_table_add(&lines->table, out, piece);
	}
	if (!content_table_write(&lines->table, out))
		return false;
	if (piece->type == IPC_PIECE_ZEROS)
		lines->zeros += piece->length;
	else if (!append_lines(lines, piece->data))
		return false;
	if (piece->type == IPC_PIECE_MESSAGE) {
		text_char(&out->text, '\n');
		lines->within = false;
	}
	return output_pace(out);
}

static bool text_close(struct content *content, const struct content_end *end)
{
	struct lines *lines = (struct lines *)content;
	struct ipc_value ref;
	struct text what = {0};
	bool good = content_table_write(&lines->table, &content->app->out);

	(void)end;
	if (lines->zeros) {
		if (!ipc_object_get_by_name(content->object, "ref", &ref) && !ref.null)
			text_escaped(&what, ref.str);
		complain(content->app, text_cstr(&what),
			 "%" PRIu64 " bytes that were never written are left out: they are zero", lines->zeros);
	}
	text_release(&what);
	lines->zeros = 0;
	return good;
}

static void text_free(struct content *content)
{
	content_table_release(&((struct lines *)content)->table);
	free(content);
}

struct content *content_text_new(void)
{
	static const struct content_ops ops = {
		.open = text_open, .piece = text_piece, .close = text_close, .free = text_free};
	struct lines *lines = xcalloc(1, sizeof(*lines));

	lines->base.ops = &ops;
	return &lines->base;
}
