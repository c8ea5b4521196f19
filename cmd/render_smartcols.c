/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table on a terminal: libsmartcols fits the columns to its width. */
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

struct smartcols {
	struct renderer base;
	struct libscols_table *table;
	struct text cell;
};

static void must(const void *at)
{
	if (!at)
		text_no_memory();
}

/* A reference is there to be copied, and an address that was cut reads as another one: neither ever is. */
static bool may_be_cut(const struct column *column)
{
	static const char *const whole[] = {"ref", "handle", "local", "peer"};
	size_t i;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (!strcmp(ipc_field_name(column->field), whole[i]))
			return false;
	return column_is_elastic(column);
}

static bool smartcols_begin(struct renderer *renderer)
{
	struct smartcols *smartcols = (struct smartcols *)renderer;
	bool truncate = !renderer->presentation->notruncate;
	size_t i;

	scols_init_debug(0);
	smartcols->table = scols_new_table();
	must(smartcols->table);
	scols_table_enable_noencoding(smartcols->table, 1); /* all text is safe already, and escaped in our own way */
	scols_table_enable_colors(smartcols->table, app_colors(renderer->app));
	scols_table_enable_noheadings(smartcols->table, renderer->presentation->noheadings);
	if (!truncate)
		scols_table_set_termforce(smartcols->table, SCOLS_TERMFORCE_NEVER);
	for (i = 0; i < renderer->columns->count; i++) {
		const struct column *column = &renderer->columns->items[i];
		int flags = column_is_right(column) ? SCOLS_FL_RIGHT : 0;

		if (truncate && may_be_cut(column))
			flags |= SCOLS_FL_TRUNC;
		must(scols_table_new_column(smartcols->table, column->heading, 0, flags));
	}
	return true;
}

static void set_cell(struct smartcols *smartcols, struct libscols_line *line, size_t index, const char *color)
{
	if (scols_line_refer_data(line, index, xstrdup(text_cstr(&smartcols->cell))) ||
	    (color && scols_cell_set_color(scols_line_get_cell(line, index), color)))
		text_no_memory();
}

static bool smartcols_branch(struct renderer *renderer, const struct ipc_object *object, const char *drawing,
			     size_t width, const char *label)
{
	struct smartcols *smartcols = (struct smartcols *)renderer;
	struct libscols_line *line = scols_table_new_line(smartcols->table, NULL);
	size_t i;

	(void)width;
	must(line);
	for (i = 0; i < renderer->columns->count; i++) {
		struct column *column = &renderer->columns->items[i];
		struct ipc_value value = {.null = true};
		size_t before;

		text_clear(&smartcols->cell);
		if (i == 0 && drawing)
			text_string(&smartcols->cell, drawing);
		if (!object) {
			if (i == 0 && label)
				text_string(&smartcols->cell, label);
			set_cell(smartcols, line, i, NULL);
			continue;
		}
		before = smartcols->cell.len;
		column_get(column, object, &value);
		format_value(&smartcols->cell, &value, &renderer->style);
		if (smartcols->cell.len == before)
			text_char(&smartcols->cell, '-');
		set_cell(smartcols, line, i, column_color(column, &value));
	}
	return true;
}

static bool smartcols_object(struct renderer *renderer, const struct ipc_object *object)
{
	return smartcols_branch(renderer, object, NULL, 0, NULL);
}

/* libsmartcols prints nothing for a table without rows. */
static void write_headings(struct smartcols *smartcols)
{
	struct text *out = &smartcols->base.app->out.text;
	const struct columns *columns = smartcols->base.columns;
	size_t i;

	if (smartcols->base.presentation->noheadings)
		return;
	for (i = 0; i < columns->count; i++) {
		text_string(out, i ? " " : "");
		text_string(out, columns->items[i].heading);
	}
	text_char(out, '\n');
}

static bool smartcols_end(struct renderer *renderer, const struct outcome *outcome)
{
	struct smartcols *smartcols = (struct smartcols *)renderer;
	struct text *out = &renderer->app->out.text;
	char *printed = NULL;

	(void)outcome;
	if (scols_table_is_empty(smartcols->table)) {
		write_headings(smartcols);
		return true;
	}
	if (scols_print_table_to_string(smartcols->table, &printed) < 0)
		text_no_memory();
	text_string(out, printed);
	if (out->len && out->data[out->len - 1] != '\n')
		text_char(out, '\n');
	free(printed);
	return output_pace(&renderer->app->out);
}

static void smartcols_free(struct renderer *renderer)
{
	struct smartcols *smartcols = (struct smartcols *)renderer;

	scols_unref_table(smartcols->table);
	text_release(&smartcols->cell);
	free(smartcols);
}

static const struct renderer_ops smartcols_ops = {
	.begin = smartcols_begin,
	.object = smartcols_object,
	.branch = smartcols_branch,
	.end = smartcols_end,
	.free = smartcols_free,
};

struct renderer *render_smartcols_new(void)
{
	struct smartcols *smartcols = xcalloc(1, sizeof(*smartcols));

	smartcols->base.ops = &smartcols_ops;
	return &smartcols->base;
}
