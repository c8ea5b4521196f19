/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table on a terminal: libsmartcols fits the columns to its width. */
#include <dlfcn.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

/*
 * Nearly half of the symbols that would be looked up at every start are its own, so it is loaded for the table that needs
 * it. This is the one name that it has had.
 */
#define SONAME "libsmartcols.so.1"
#define FUNCTIONS(_)               \
	_(cell_set_color)          \
	_(init_debug)              \
	_(line_get_cell)           \
	_(line_refer_data)         \
	_(new_table)               \
	_(print_table_to_string)   \
	_(table_enable_colors)     \
	_(table_enable_noencoding) \
	_(table_enable_noheadings) \
	_(table_is_empty)          \
	_(table_new_column)        \
	_(table_new_line)          \
	_(table_set_termforce)     \
	_(unref_table)

#define MEMBER(name) __typeof__(scols_##name) *(name);
#define LOOK_UP(name) (functions->name = (__typeof__(functions->name))dlsym(handle, "scols_" #name)) &&
static struct functions {
	FUNCTIONS(MEMBER)
} scols;

static bool load(struct functions *functions)
{
	void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	return handle && FUNCTIONS(LOOK_UP) true;
}

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

	scols.init_debug(0);
	smartcols->table = scols.new_table();
	must(smartcols->table);
	scols.table_enable_noencoding(smartcols->table, 1); /* all text is safe already, and escaped in our own way */
	scols.table_enable_colors(smartcols->table, app_colors(renderer->app));
	scols.table_enable_noheadings(smartcols->table, renderer->presentation->noheadings);
	if (!truncate)
		scols.table_set_termforce(smartcols->table, SCOLS_TERMFORCE_NEVER);
	for (i = 0; i < renderer->columns->count; i++) {
		const struct column *column = &renderer->columns->items[i];
		int flags = column_is_right(column) ? SCOLS_FL_RIGHT : 0;

		if (truncate && may_be_cut(column))
			flags |= SCOLS_FL_TRUNC;
		must(scols.table_new_column(smartcols->table, column->heading, 0, flags));
	}
	return true;
}

static void set_cell(struct smartcols *smartcols, struct libscols_line *line, size_t index, const char *color)
{
	if (scols.line_refer_data(line, index, xstrdup(text_cstr(&smartcols->cell))) ||
	    (color && scols.cell_set_color(scols.line_get_cell(line, index), color)))
		text_no_memory();
}

static bool smartcols_branch(struct renderer *renderer, const struct ipc_object *object, const char *drawing,
			     size_t width, const char *label)
{
	struct smartcols *smartcols = (struct smartcols *)renderer;
	struct libscols_line *line = scols.table_new_line(smartcols->table, NULL);
	const struct ipc_value *values = object ? columns_read(renderer->columns, object) : NULL;
	size_t i;

	(void)width;
	must(line);
	for (i = 0; i < renderer->columns->count; i++) {
		size_t before;

		text_clear(&smartcols->cell);
		if (i == 0 && drawing)
			text_string(&smartcols->cell, drawing);
		if (!values) {
			if (i == 0 && label)
				text_string(&smartcols->cell, label);
			set_cell(smartcols, line, i, NULL);
			continue;
		}
		before = smartcols->cell.len;
		format_value(&smartcols->cell, &values[i], &renderer->style);
		if (smartcols->cell.len == before)
			text_char(&smartcols->cell, '-');
		set_cell(smartcols, line, i, column_color(&renderer->columns->items[i], &values[i]));
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
	if (scols.table_is_empty(smartcols->table)) {
		write_headings(smartcols);
		return true;
	}
	if (scols.print_table_to_string(smartcols->table, &printed) < 0)
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

	scols.unref_table(smartcols->table);
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
	struct smartcols *smartcols;

	if (!load(&scols))
		return NULL;
	smartcols = xcalloc(1, sizeof(*smartcols));
	smartcols->base.ops = &smartcols_ops;
	return &smartcols->base;
}
