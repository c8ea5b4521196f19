/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything about each object, for people: facts as "Key: value", evidence as a list, records as small tables. */
#include <stdlib.h>

#include "render.h"

#define INDENT "  "
#define LINE 100

struct show {
	struct renderer base;
	bool any;
	bool colors;
	struct text cells; /* scratch of one small table */
};

/* Facts that are shown as one: "app (1000)". */
static const struct {
	const char *name, *with, *label;
} joined[] = {
	{"user", "uid", "owner"},
	{"group", "gid", "group"},
	{"class", "kind", "kind"},
};

static bool is_long_list(const struct ipc_value *value)
{
	return value->type == IPC_TYPE_RECORDS;
}

/* "max_bytes" as "Max bytes" */
static void append_label(struct text *out, const char *name, size_t width)
{
	size_t start = out->len, i;

	text_string(out, name);
	for (i = start; i < out->len; i++)
		if (out->data[i] == '_')
			out->data[i] = ' ';
	if (out->data[start] >= 'a' && out->data[start] <= 'z')
		out->data[start] = (char)(out->data[start] - 32);
	text_char(out, ':');
	while (out->len - start < width + 2)
		text_char(out, ' ');
}

static bool get(const struct ipc_object *object, const char *name, struct ipc_value *out)
{
	return !ipc_object_get_by_name(object, name, out) && !out->null;
}

/* What is said besides the value itself: exact bytes, how long ago. */
static void append_value(struct show *show, struct text *out, const struct ipc_value *value)
{
	const struct style *style = &show->base.style;

	format_value(out, value, style);
	if (value->type == IPC_TYPE_SIZE && value->u >= 1024 && !style->bytes) {
		text_string(out, " (");
		text_uint(out, value->u);
		text_string(out, " bytes)");
	} else if (value->type == IPC_TYPE_TIME && style->time != TIME_RELATIVE) {
		text_string(out, " (");
		format_time(out, value->i, TIME_RELATIVE, style->now);
		text_char(out, ')');
	}
}

/* The fields shown, in order: those of -o, or all of the kind. */
static const struct ipc_field *field_at(const struct show *show, const struct ipc_object *object, size_t index)
{
	const struct columns *columns = show->base.columns;
	const struct ipc_record *record = ipc_kind_record(ipc_object_kind(object));

	if (!columns->count)
		return ipc_record_field(record, index);
	return index < columns->count ? columns->items[index].field : NULL;
}

static size_t label_width(const struct show *show, const struct ipc_object *object)
{
	const struct ipc_field *field;
	struct ipc_value value;
	size_t width = 0, i;

	for (i = 0; (field = field_at(show, object, i)); i++) {
		size_t length = strlen(ipc_field_name(field));

		ipc_object_get(object, field, &value);
		if (!value.null && !is_long_list(&value) && length > width)
			width = length;
	}
	return width;
}

/* A list of words, in lines of a readable width that begin at column @indent. */
static void append_words(struct text *out, const struct ipc_value *list, size_t indent)
{
	size_t column = indent, i;

	for (i = 0; i < list->list.count; i++) {
		struct ipc_bytes word = ipc_value_string(list, i);

		if (i)
			text_char(out, ',');
		if (i && column + word.len > LINE) {
			text_format(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		text_escaped(out, word);
		column += word.len + 1;
	}
}

/* One fact, or nothing when it is not known or said by another one. */
static void show_fact(struct show *show, const struct ipc_object *object, const struct ipc_field *field, size_t width)
{
	struct text *out = &show->base.app->out.text;
	const char *name = ipc_field_name(field);
	struct ipc_value value, with;
	size_t i;

	ipc_object_get(object, field, &value);
	if (value.null || is_long_list(&value) || !strcmp(name, "ref"))
		return;
	for (i = 0; !show->base.columns->count && i < sizeof(joined) / sizeof(joined[0]); i++) {
		bool first = !strcmp(joined[i].name, name), second = !strcmp(joined[i].with, name);

		if (second && get(object, joined[i].name, &with))
			return;
		if (first && get(object, joined[i].with, &with)) {
			bool kind = !strcmp(name, "class");

			text_string(out, INDENT);
			append_label(out, joined[i].label, width);
			format_value(out, &value, &show->base.style);
			text_string(out, kind ? "/" : " (");
			format_value(out, &with, &show->base.style);
			text_string(out, kind ? "\n" : ")\n");
			return;
		}
	}
	if (value.type == IPC_TYPE_STRINGS && !value.list.count)
		return;
	text_string(out, INDENT);
	append_label(out, name, width);
	if (!strcmp(name, "evidence")) {
		while (out->data[out->len - 1] == ' ')
			out->len--;
		for (i = 0; i < value.list.count; i++) {
			text_string(out, "\n" INDENT INDENT "- ");
			text_escaped(out, ipc_value_string(&value, i));
		}
	} else if (value.type == IPC_TYPE_STRINGS) {
		append_words(out, &value, strlen(INDENT) + width + 2);
	} else {
		struct column state = {.field = field};
		const char *color = show->colors ? column_color(&state, &value) : NULL;

		if (color)
			text_string(out, color);
		append_value(show, out, &value);
		if (color)
			text_string(out, "\033[0m");
	}
	while (out->data[out->len - 1] == ' ')
		out->len--;
	text_char(out, '\n');
}

static size_t count_fields(const struct ipc_record *record)
{
	size_t count = 0;

	while (ipc_record_field(record, count))
		count++;
	return count;
}

/* A column is left out when no entry has a value in it. */
static void show_records(struct show *show, const char *name, const struct ipc_value *list)
{
	struct text *out = &show->base.app->out.text;
	size_t columns = count_fields(list->list.of), rows = list->list.count, row, i;
	size_t *widths = xcalloc(columns, sizeof(*widths));
	size_t *ends = xcalloc((rows + 1) * columns, sizeof(*ends));
	struct ipc_value value;

	text_clear(&show->cells);
	for (row = 0; row < rows; row++) {
		for (i = 0; i < columns; i++) {
			size_t start = show->cells.len;

			if (!ipc_value_member(list, row, ipc_record_field(list->list.of, i), &value))
				format_value(&show->cells, &value, &show->base.style);
			if (show->cells.len - start > widths[i])
				widths[i] = show->cells.len - start;
			ends[row * columns + i] = show->cells.len;
		}
	}
	text_string(out, INDENT);
	append_label(out, name, 0);
	text_string(out, "\n" INDENT);
	for (i = 0; i < columns; i++) {
		const char *heading = ipc_field_name(ipc_record_field(list->list.of, i)), *c;
		size_t length = strlen(heading);

		if (!widths[i])
			continue;
		if (length > widths[i])
			widths[i] = length;
		text_string(out, INDENT);
		for (c = heading; *c; c++)
			text_char(out, (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c));
		for (; length < widths[i]; length++)
			text_char(out, ' ');
	}
	for (row = 0; row < rows; row++) {
		while (out->data[out->len - 1] == ' ')
			out->len--;
		text_string(out, "\n" INDENT);
		for (i = 0; i < columns; i++) {
			size_t cell = row * columns + i, start = cell ? ends[cell - 1] : 0, length = ends[cell] - start;

			if (!widths[i])
				continue;
			text_string(out, INDENT);
			if (length)
				text_bytes(out, show->cells.data + start, length);
			else
				text_char(out, '-');
			for (length += !length; length < widths[i]; length++)
				text_char(out, ' ');
		}
	}
	while (out->data[out->len - 1] == ' ')
		out->len--;
	text_char(out, '\n');
	free(ends);
	free(widths);
}

static bool show_begin(struct renderer *renderer)
{
	((struct show *)renderer)->colors = app_colors(renderer->app);
	return true;
}

static bool show_object(struct renderer *renderer, const struct ipc_object *object)
{
	struct show *show = (struct show *)renderer;
	struct text *out = &renderer->app->out.text;
	size_t width = label_width(show, object), i;
	const struct ipc_field *field;
	struct ipc_value value;

	if (show->any)
		text_char(out, '\n');
	show->any = true;
	if (get(object, "ref", &value))
		format_value(out, &value, &renderer->style);
	text_char(out, '\n');
	for (i = 0; (field = field_at(show, object, i)); i++)
		show_fact(show, object, field, width);
	for (i = 0; (field = field_at(show, object, i)); i++) {
		ipc_object_get(object, field, &value);
		if (!value.null && is_long_list(&value) && value.list.count)
			show_records(show, ipc_field_name(field), &value);
	}
	return output_pace(&renderer->app->out);
}

static bool show_end(struct renderer *renderer, const struct outcome *outcome)
{
	(void)renderer;
	(void)outcome;
	return true;
}

static void show_free(struct renderer *renderer)
{
	struct show *show = (struct show *)renderer;

	text_release(&show->cells);
	free(show);
}

static const struct renderer_ops show_ops = {
	.begin = show_begin,
	.object = show_object,
	.end = show_end,
	.free = show_free,
};

struct renderer *render_show_new(void)
{
	struct show *show = xcalloc(1, sizeof(*show));

	show->base.ops = &show_ops;
	return &show->base;
}
