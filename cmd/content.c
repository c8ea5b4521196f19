/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the formats of contents share: their steps, the fields of a piece, headings. */
#include <inttypes.h>

#include "content.h"
#include "format.h"

/* ---- steps ------------------------------------------------------------------------------------------------------- */

bool content_begin(struct content *content)
{
	return !content->ops->begin || content->ops->begin(content);
}

bool content_end(struct content *content, const struct outcome *outcome)
{
	return !content->ops->end || content->ops->end(content, outcome);
}

bool content_open(struct content *content)
{
	return !content->ops->open || content->ops->open(content);
}

bool content_piece(struct content *content, const struct ipc_piece *piece)
{
	return content->ops->piece(content, piece);
}

bool content_close(struct content *content, const struct content_end *end)
{
	return !content->ops->close || content->ops->close(content, end);
}

void content_free(struct content *content)
{
	if (content)
		content->ops->free(content);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static bool is_own(const char *name)
{
	static const char *const own[] = {"index", "length", "data"};
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(name, own[i]))
			return true;
	return false;
}

const struct ipc_field *content_field(const struct ipc_piece *piece, size_t *at, struct ipc_value *out)
{
	const struct ipc_field *field;

	while (piece->record && (field = ipc_record_field(piece->record, *at))) {
		++*at;
		if (is_own(ipc_field_name(field)))
			continue;
		if (out)
			ipc_piece_get(piece, field, out);
		return field;
	}
	return NULL;
}

/* ---- headings ---------------------------------------------------------------------------------------------------- */

void content_heading(const struct content *content, struct text *out)
{
	const struct ipc_kind *kind = ipc_object_kind(content->object);
	const char *source = content->result->source;
	struct ipc_value ref;

	text_string(out, "# ");
	if (!ipc_object_get_by_name(content->object, "ref", &ref) && !ref.null)
		text_escaped(out, ref.str);
	text_format(out, " (%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
	if (source && *source)
		text_format(out, ", read by %s", source);
	text_char(out, ')');
}

void content_message_heading(const struct ipc_piece *piece, struct text *out)
{
	static const struct style machine = {.machine = true};
	const struct ipc_field *field;
	struct ipc_value value;
	size_t at = 0;

	text_format(out, "# message %" PRIu64 ": ", piece->index);
	while ((field = content_field(piece, &at, &value))) {
		if (value.null)
			continue;
		text_format(out, "%s ", ipc_field_name(field));
		format_value(out, &value, &machine);
		text_string(out, ", ");
	}
	text_format(out, "%" PRIu64 " byte%s", piece->length, piece->length == 1 ? "" : "s");
	if (piece->data.len < piece->length)
		text_format(out, ", %zu of them read", piece->data.len);
	text_char(out, '\n');
}
