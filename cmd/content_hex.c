/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents as hexdump -C shows bytes: sixteen in a line, equal lines folded into one "*". */
#include <stdlib.h>

#include "content.h"
#include "content_table.h"

#define LINE 16

/* Bytes that follow each other. */
struct run {
	uint64_t offset; /* of the next line */
	unsigned char line[LINE], before[LINE];
	size_t filled;  /* of `line` */
	bool begun;     /* there were bytes */
	bool has_above; /* a whole line was written, `before` */
	bool folded;    /* and equal ones after it were not */
};

struct hex {
	struct content base;
	struct run run;
	struct content_table table;
	bool later;  /* there was an object before */
	bool headed; /* the object's heading is written */
	bool any;    /* it had a piece */
};

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* At least eight digits. */
static void append_offset(struct text *out, uint64_t offset)
{
	int digits = 8;

	while (digits < 16 && offset >> (digits * 4))
		digits++;
	while (digits--)
		text_char(out, "0123456789abcdef"[offset >> (digits * 4) & 15]);
}

static void append_line(struct text *out, uint64_t offset, const unsigned char *bytes, size_t count)
{
	char *at;
	size_t i;

	append_offset(out, offset);
	at = text_reserve(out, LINE * 4 + 6);
	memset(at, ' ', LINE * 3 + 4);
	for (i = 0; i < count; i++) {
		at[2 + i * 3 + i / 8] = "0123456789abcdef"[bytes[i] >> 4];
		at[3 + i * 3 + i / 8] = "0123456789abcdef"[bytes[i] & 15];
	}
	at += LINE * 3 + 4;
	*at++ = '|';
	for (i = 0; i < count; i++)
		*at++ = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '.';
	*at++ = '|';
	*at++ = '\n';
	out->len = (size_t)(at - out->data);
}

/* A whole line; one that is equal to the one above is left out, and said so once. */
static void put_line(struct run *run, struct text *out, const unsigned char *bytes)
{
	bool equal = run->has_above && !memcmp(bytes, run->before, LINE);

	if (!equal)
		append_line(out, run->offset, bytes, LINE);
	else if (!run->folded)
		text_string(out, "*\n");
	run->folded = equal;
	if (!equal)
		memcpy(run->before, bytes, LINE);
	run->has_above = true;
	run->offset += LINE;
}

static bool put_bytes(struct run *run, struct output *out, const unsigned char *bytes, size_t count)
{
	run->begun |= count > 0;
	while (count) {
		size_t more = LINE - run->filled < count ? LINE - run->filled : count;

		if (more == LINE) {
			put_line(run, &out->text, bytes);
		} else {
			memcpy(run->line + run->filled, bytes, more);
			run->filled += more;
			if (run->filled == LINE) {
				run->filled = 0;
				put_line(run, &out->text, run->line);
			}
		}
		bytes += more;
		count -= more;
		if (!output_pace(out))
			return false;
	}
	return true;
}

/* However many there are, few lines of them are looked at: the others are equal to those. */
static bool put_zeros(struct run *run, struct output *out, uint64_t count)
{
	static const unsigned char zeros[LINE * 3];
	/* What fills a line that is begun, and two more: the second one is folded. */
	uint64_t first = (LINE - run->filled) % LINE + UINT64_C(2) * LINE, folded;

	if (count <= first)
		return put_bytes(run, out, zeros, (size_t)count);
	if (!put_bytes(run, out, zeros, (size_t)first))
		return false;
	folded = (count - first) / LINE * LINE;
	run->offset += folded;
	return put_bytes(run, out, zeros, (size_t)(count - first - folded));
}

/* What is left of a line, and where the bytes end. Of no bytes nothing is written. */
static bool end_run(struct run *run, struct output *out)
{
	if (run->filled)
		append_line(&out->text, run->offset, run->line, run->filled);
	if (run->begun) {
		append_offset(&out->text, run->offset + run->filled);
		text_char(&out->text, '\n');
	}
	*run = (struct run){0};
	return output_pace(out);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static void head(struct hex *hex, const char *end)
{
	struct text *out = &hex->base.app->out.text;

	if (!hex->headed) {
		content_heading(&hex->base, out);
		text_string(out, end);
	}
	hex->headed = true;
}

/* Bytes at @offset come next: those before end when they do not reach up to it. */
static bool begin_bytes(struct hex *hex, uint64_t offset)
{
	struct output *out = &hex->base.app->out;

	if (hex->run.begun && hex->run.offset + hex->run.filled == offset)
		return true;
	if (!content_table_write(&hex->table, out) || !end_run(&hex->run, out))
		return false;
	hex->run.offset = offset;
	return true;
}

static bool put_message(struct hex *hex, const struct ipc_piece *piece)
{
	struct output *out = &hex->base.app->out;

	if (!content_table_write(&hex->table, out) || !end_run(&hex->run, out))
		return false;
	head(hex, "\n");
	content_message_heading(piece, &out->text);
	return put_bytes(&hex->run, out, (const unsigned char *)piece->data.data, piece->data.len) &&
	       end_run(&hex->run, out);
}

static bool hex_open(struct content *content)
{
	struct hex *hex = (struct hex *)content;

	if (content->headings && hex->later)
		text_char(&content->app->out.text, '\n');
	hex->later = true;
	hex->headed = hex->any = false;
	return true;
}

static bool hex_piece(struct content *content, const struct ipc_piece *piece)
{
	struct hex *hex = (struct hex *)content;
	struct output *out = &content->app->out;

	hex->any = true;
	if (content->headings)
		head(hex, "\n");
	switch (piece->type) {
	case IPC_PIECE_BYTES:
		return begin_bytes(hex, piece->offset) &&
		       put_bytes(&hex->run, out, (const unsigned char *)piece->data.data, piece->data.len);
	case IPC_PIECE_ZEROS:
		return begin_bytes(hex, piece->offset) && put_zeros(&hex->run, out, piece->length);
	case IPC_PIECE_MESSAGE:
		return put_message(hex, piece);
	case IPC_PIECE_ENTRY:
		head(hex, "\n");
		return end_run(&hex->run, out) && content_table_add(&hex->table, out, piece);
	}
	return true;
}

static bool hex_close(struct content *content, const struct content_end *end)
{
	struct hex *hex = (struct hex *)content;
	bool messages = ipc_kind_dump_takes(ipc_object_kind(content->object)) & IPC_DUMP_MESSAGES;

	if (!hex->any && !end->error && (content->headings || messages))
		head(hex, ": empty\n");
	return content_table_write(&hex->table, &content->app->out) && end_run(&hex->run, &content->app->out);
}

static void hex_free(struct content *content)
{
	content_table_release(&((struct hex *)content)->table);
	free(content);
}

struct content *content_hex_new(void)
{
	static const struct content_ops ops = {
		.open = hex_open, .piece = hex_piece, .close = hex_close, .free = hex_free};
	struct hex *hex = xcalloc(1, sizeof(*hex));

	hex->base.ops = &ops;
	return &hex->base;
}
