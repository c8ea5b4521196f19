/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages in the files of an archive: written so that people can read them, and programs whatever is in them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "format.h"
#include "frame.h"

#define LINE_MAX_BYTES 4096

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* " NAME=VALUE" without a space in the value: words are told apart by spaces. */
static void append_word(struct text *out, const char *name, const struct text *value)
{
	size_t i;

	text_format(out, "%s=", name);
	for (i = 0; i < value->len; i++)
		if (value->data[i] == ' ')
			text_string(out, "\\x20");
		else
			text_char(out, value->data[i]);
	text_char(out, ' ');
}

/* What is known of the piece besides its bytes. */
static void append_record(struct text *out, const struct ipc_piece *piece)
{
	static const struct style style = {.machine = true, .bytes = true};
	const struct ipc_field *field;
	struct text shown = {0};
	struct ipc_value value;
	size_t i;

	for (i = 0; piece->record && (field = ipc_record_field(piece->record, i)); i++) {
		ipc_piece_get(piece, field, &value);
		if (value.null)
			continue;
		text_clear(&shown);
		format_value(&shown, &value, &style);
		append_word(out, ipc_field_name(field), &shown);
	}
	text_release(&shown);
}

void frame_append(struct text *out, const struct ipc_piece *piece)
{
	size_t begin = out->len;

	append_record(out, piece);
	if (piece->type == IPC_PIECE_MESSAGE) {
		text_format(out, "length=%" PRIu64, piece->length);
		if (piece->data.len < piece->length)
			text_format(out, " read=%zu", piece->data.len);
		text_char(out, '\n');
		text_bytes(out, piece->data.data, piece->data.len);
	} else if (out->len > begin) {
		out->len--; /* the last space */
	}
	text_char(out, '\n');
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool parse_word(char *word, struct frame *frame, bool *measured, bool *short_of)
{
	char *equals = strchr(word, '='), *end = NULL;
	uint64_t number = 0;

	if (!equals || equals == word)
		return false;
	*equals = '\0';
	if (strcmp(word, "type") != 0 && strcmp(word, "priority") != 0 && strcmp(word, "length") != 0 &&
	    strcmp(word, "read") != 0)
		return true; /* for people */
	errno = 0;
	if (equals[1] >= '0' && equals[1] <= '9')
		number = strtoull(equals + 1, &end, 10);
	if (!end || *end || errno || number > INT64_MAX)
		return false;
	if (!strcmp(word, "length")) {
		frame->length = number;
		*measured = true;
	} else if (!strcmp(word, "read")) {
		frame->there = number;
		*short_of = true;
	} else {
		frame->number = (int64_t)number;
		frame->numbered = true;
	}
	return true;
}

static bool parse_line(char *line, struct frame *out)
{
	struct frame frame = {0};
	bool measured = false, short_of = false;
	char *word;

	while ((word = strsep(&line, " ")))
		if (!parse_word(word, &frame, &measured, &short_of))
			return false;
	if (!short_of)
		frame.there = frame.length;
	if (!measured || frame.there > frame.length)
		return false;
	*out = frame;
	return true;
}

enum frame_read frame_read_head(FILE *file, struct frame *out)
{
	char line[LINE_MAX_BYTES];
	size_t len = 0;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (c < ' ' || c > '~' || len + 1 == sizeof(line))
			return FRAME_BAD;
		line[len++] = (char)c;
	}
	if (c == EOF)
		return len || ferror(file) ? FRAME_BAD : FRAME_END;
	line[len] = '\0';
	return parse_line(line, out) ? FRAME_READ : FRAME_BAD;
}

bool frame_read_body(FILE *file, const struct frame *frame, char *buffer)
{
	char chunk[4096];
	uint64_t left = frame->there;
	size_t n;

	for (; left; left -= n) {
		size_t most = buffer || left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

		n = fread(buffer ? buffer : chunk, 1, most, file);
		if (!n || (buffer && n < most))
			return false;
	}
	return getc_unlocked(file) == '\n';
}
