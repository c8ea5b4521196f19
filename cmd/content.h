/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How contents are written: one format, fed piece by piece, for as many objects as there are. */
#ifndef CMD_CONTENT_H
#define CMD_CONTENT_H

#include <ipctool/dump.h>

#include "command.h"
#include "outcome.h"

struct content;

/* How the contents of one object ended. */
struct content_end {
	const char *note;  /* what it is worth to know; NULL: nothing */
	const char *error; /* why the rest could not be read; NULL: it was */
	bool cut;          /* not all was wanted */
};

/* What a format does. Those that return bool: false when nothing more can be written. NULL: there is nothing to do. */
struct content_ops {
	/* Before the first object, and after the last. */
	bool (*begin)(struct content *content);
	bool (*end)(struct content *content, const struct outcome *outcome);
	/* Before and after the pieces of content->object. An object of which nothing could be read has neither. */
	bool (*open)(struct content *content);
	bool (*piece)(struct content *content, const struct ipc_piece *piece);
	bool (*close)(struct content *content, const struct content_end *end);
	void (*free)(struct content *content);
	bool bytes_only; /* entries cannot be written, and must not be given */
};

/* Each format's own struct begins with this. */
struct content {
	const struct content_ops *ops;
	struct app *app;
	bool headings; /* a line about each object before its contents: there are several, or a person reads them */
	/* The object under way, and what is known of its dump: the source with the first piece, the rest at its end. */
	const struct ipc_object *object;
	const struct ipc_dump_result *result;
};

/* As hexdump -C shows bytes, equal lines folded; each message under a heading. Entries are a table. */
struct content *content_hex_new(void);
/* The bytes as they are, one after another. Entries are lines of values, separated by tabs. */
struct content *content_raw_new(void);
/* Bytes as a terminal may show them: newlines and tabs as they are, else \xHH. A message ends with a newline. */
struct content *content_text_new(void);
/* As base64(1) encodes them: streams in lines of 76, each message on a line of its own. */
struct content *content_base64_new(void);
/* One document; or with @lines each piece on a line. */
struct content *content_json_new(bool lines);

bool content_begin(struct content *content);
bool content_end(struct content *content, const struct outcome *outcome);
bool content_open(struct content *content);
bool content_piece(struct content *content, const struct ipc_piece *piece);
bool content_close(struct content *content, const struct content_end *end);
/* NULL is allowed. */
void content_free(struct content *content);

/* ---- what formats share ------------------------------------------------------------------------------------------ */

/*
 * What else is known of @piece: the field from position *@at on, which moves behind it; NULL after the last. @out
 * (NULL is allowed) gets its value. Left out is what every piece has anyway: its index and its length.
 */
const struct ipc_field *content_field(const struct ipc_piece *piece, size_t *at, struct ipc_value *out);
/* "# mq:5 (mq/sysv, read by MSG_COPY)", without the end of the line. */
void content_heading(const struct content *content, struct text *out);
/* "# message 0: type 5, 12 bytes" and the end of the line. */
void content_message_heading(const struct ipc_piece *piece, struct text *out);

#endif
