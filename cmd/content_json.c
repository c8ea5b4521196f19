/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents as JSON: one document, or one piece per line. However large the object is, little of it is kept. */
#include <inttypes.h>
#include <stdlib.h>

#include "content.h"
#include "format.h"
#include "render.h"

#define PART 65536 /* bytes in one element, wherever the pieces that they come from begin and end */

struct json {
	struct content base;
	bool lines;
	bool any_object, any_element;
	/* Bytes, or @zeros alone, that are not written yet. */
	uint64_t offset, zeros;
	char *part;
	size_t filled;
};

static struct text *text_of(struct json *json)
{
	return &json->base.app->out.text;
}

static void append_object_field(struct json *json, const char *name)
{
	struct ipc_value value;

	if (ipc_object_get_by_name(json->base.object, name, &value))
		value.null = true;
	text_format(text_of(json), "\"%s\": ", name);
	format_json(text_of(json), &value);
}

static void append_identity(struct json *json)
{
	static const char *const names[] = {"ref", "handle", "class", "kind"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		append_object_field(json, names[i]);
		text_string(text_of(json), ", ");
	}
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static void begin_element(struct json *json)
{
	struct text *out = text_of(json);

	if (json->lines) {
		text_char(out, '{');
		append_object_field(json, "ref");
		text_string(out, ", ");
	} else {
		text_string(out, json->any_element ? ",\n    {" : "\n    {");
	}
	json->any_element = true;
}

static bool end_element(struct json *json)
{
	text_string(text_of(json), json->lines ? "}\n" : "}");
	return output_pace(&json->base.app->out);
}

static bool write_part(struct json *json)
{
	uint64_t length = json->filled ? json->filled : json->zeros;
	struct text *out = text_of(json);

	if (!length)
		return true;
	begin_element(json);
	text_format(out, "\"offset\": %" PRIu64 ", \"length\": %" PRIu64 ", \"zero\": %s, \"data\": ", json->offset,
		    length, json->filled ? "false" : "true");
	format_json_string(out, (struct ipc_bytes){json->filled ? json->part : NULL, json->filled});
	json->offset += length;
	json->filled = 0;
	json->zeros = 0;
	return end_element(json);
}

/* Bytes, or zeros, of @offset come next: what else is not written yet goes first. */
static bool begin_part(struct json *json, uint64_t offset, bool zeros)
{
	bool same = zeros ? !json->filled : !json->zeros;

	if ((!same || json->offset + json->filled + json->zeros != offset) && !write_part(json))
		return false;
	if (!json->filled && !json->zeros)
		json->offset = offset;
	return true;
}

static bool add_bytes(struct json *json, struct ipc_bytes data)
{
	while (data.len) {
		size_t more = PART - json->filled < data.len ? PART - json->filled : data.len;

		memcpy(json->part + json->filled, data.data, more);
		json->filled += more;
		data = (struct ipc_bytes){data.data + more, data.len - more};
		if (json->filled == PART && !write_part(json))
			return false;
	}
	return true;
}

static void append_fields(struct json *json, const struct ipc_piece *piece)
{
	const struct ipc_field *field;
	struct ipc_value value;
	size_t at = 0;

	while ((field = content_field(piece, &at, &value))) {
		text_format(text_of(json), ", \"%s\": ", ipc_field_name(field));
		format_json(text_of(json), &value);
	}
}

/* Bytes that something came with are an element of their own. */
static bool write_described(struct json *json, const struct ipc_piece *piece)
{
	begin_element(json);
	text_format(text_of(json), "\"offset\": %" PRIu64 ", \"length\": %" PRIu64 ", \"zero\": false", piece->offset,
		    piece->length);
	append_fields(json, piece);
	text_string(text_of(json), ", \"data\": ");
	format_json_string(text_of(json), piece->data);
	return end_element(json);
}

static bool write_message(struct json *json, const struct ipc_piece *piece)
{
	struct ipc_bytes data = piece->data;

	if (!data.data && !piece->length)
		data.data = "";
	begin_element(json);
	text_format(text_of(json), "\"index\": %" PRIu64 ", \"length\": %" PRIu64, piece->index, piece->length);
	append_fields(json, piece);
	text_format(text_of(json), ", \"truncated\": %s, \"data\": ", data.len < piece->length ? "true" : "false");
	format_json_string(text_of(json), data);
	return end_element(json);
}

static bool write_entry(struct json *json, const struct ipc_piece *piece)
{
	begin_element(json);
	text_format(text_of(json), "\"index\": %" PRIu64, piece->index);
	append_fields(json, piece);
	return end_element(json);
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

static bool json_begin(struct content *content)
{
	struct json *json = (struct json *)content;

	if (!json->lines)
		text_string(text_of(json), "{\"schema\": 1,\n \"dumps\": [");
	return true;
}

static bool json_open(struct content *content)
{
	struct json *json = (struct json *)content;

	if (!json->lines) {
		text_string(text_of(json), json->any_object ? ",\n  {" : "\n  {");
		append_identity(json);
		text_string(text_of(json), "\"contents\": [");
	}
	json->any_object = true;
	json->any_element = false;
	return output_pace(&content->app->out);
}

static bool json_piece(struct content *content, const struct ipc_piece *piece)
{
	struct json *json = (struct json *)content;

	switch (piece->type) {
	case IPC_PIECE_BYTES:
		if (piece->record)
			return write_part(json) && write_described(json, piece);
		return begin_part(json, piece->offset, false) && add_bytes(json, piece->data);
	case IPC_PIECE_ZEROS:
		if (!begin_part(json, piece->offset, true))
			return false;
		json->zeros += piece->length;
		return true;
	case IPC_PIECE_MESSAGE:
		return write_part(json) && write_message(json, piece);
	case IPC_PIECE_ENTRY:
		return write_part(json) && write_entry(json, piece);
	}
	return true;
}

static void append_end(struct json *json, const struct content_end *end)
{
	const struct ipc_dump_result *result = json->base.result;
	struct text *out = text_of(json);
	const char *const texts[] = {end->note, end->error};
	static const char *const names[] = {"note", "error"};
	size_t i;

	text_string(out, "\"source\": ");
	format_json_text(out, result->source ? result->source : "");
	text_string(out, ", \"unreached\": ");
	if (result->unreached == UINT64_MAX)
		text_string(out, "null");
	else
		text_uint(out, result->unreached);
	text_format(out, ", \"torn\": %s, \"cut\": %s", result->torn ? "true" : "false", end->cut ? "true" : "false");
	for (i = 0; i < 2; i++) {
		text_format(out, ", \"%s\": ", names[i]);
		if (texts[i])
			format_json_text(out, texts[i]);
		else
			text_string(out, "null");
	}
}

static bool json_close(struct content *content, const struct content_end *end)
{
	struct json *json = (struct json *)content;
	struct text *out = text_of(json);

	if (!write_part(json))
		return false;
	if (json->lines) {
		text_char(out, '{');
		append_identity(json);
	} else {
		text_string(out, json->any_element ? "\n   ], " : "], ");
	}
	append_end(json, end);
	text_string(out, json->lines ? "}\n" : "}");
	return output_pace(&content->app->out);
}

static bool json_end(struct content *content, const struct outcome *outcome)
{
	struct json *json = (struct json *)content;

	render_json_end(text_of(json), json->lines, json->any_object, outcome);
	return output_pace(&content->app->out);
}

static void json_free(struct content *content)
{
	free(((struct json *)content)->part);
	free(content);
}

struct content *content_json_new(bool lines)
{
	static const struct content_ops ops = {
		.begin = json_begin,
		.end = json_end,
		.open = json_open,
		.piece = json_piece,
		.close = json_close,
		.free = json_free,
	};
	struct json *json = xcalloc(1, sizeof(*json));

	json->base.ops = &ops;
	json->lines = lines;
	json->part = xcalloc(1, PART);
	return &json->base;
}
