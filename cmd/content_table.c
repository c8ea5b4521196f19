/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries that are no bytes, as a table for people. */
#include <stdlib.h>

#include "content.h"
#include "content_table.h"
#include "format.h"

#define GAP 2 /* between two columns */

struct column {
	const char *name;
	size_t width;
	bool right; /* numbers stand on the right */
	bool known; /* in some row; otherwise it is left out */
};

#define UNKNOWN "-"

static bool is_number(enum ipc_type type)
{
	return type == IPC_TYPE_INT || type == IPC_TYPE_UINT || type == IPC_TYPE_SIZE || type == IPC_TYPE_DURATION;
}

/* The columns of @record, the index first. */
static struct column *make_columns(const struct ipc_record *record, size_t *count)
{
	const struct ipc_piece empty = {.record = record};
	const struct ipc_field *field;
	struct column *columns = xcalloc(1, sizeof(*columns));
	size_t at = 0;

	columns[0] = (struct column){.name = "index", .right = true};
	*count = 1;
	while ((field = content_field(&empty, &at, NULL))) {
		columns = xrealloc(columns, (*count + 1) * sizeof(*columns));
		columns[(*count)++] =
			(struct column){.name = ipc_field_name(field), .right = is_number(ipc_field_type(field))};
	}
	return columns;
}

static void measure(const struct content_table *table, struct column *columns, size_t count)
{
	const char *cell = table->pool.data;
	size_t row, i;

	for (i = 0; i < count; i++)
		columns[i].width = strlen(columns[i].name);
	for (row = 0; row < table->rows; row++)
		for (i = 0; i < count; i++, cell += strlen(cell) + 1) {
			columns[i].known |= strcmp(cell, UNKNOWN) != 0;
			if (strlen(cell) > columns[i].width)
				columns[i].width = strlen(cell);
		}
}

/* The last one that is shown ends its line. */
static size_t last_known(const struct column *columns, size_t count)
{
	while (count > 1 && !columns[count - 1].known)
		count--;
	return count - 1;
}

static void append_cell(struct text *out, const struct column *column, const char *cell, bool last)
{
	int fill = (int)(column->width - strlen(cell));

	text_format(out, "%*s%s%*s", column->right ? fill : 0, "", cell, column->right || last ? 0 : fill, "");
	text_format(out, "%*s", last ? 0 : GAP, "");
}

static void append_headings(struct text *out, const struct column *columns, size_t count)
{
	size_t last = last_known(columns, count), i, c;
	char name[64];

	for (i = 0; i < count; i++) {
		for (c = 0; columns[i].name[c] && c < sizeof(name) - 1; c++)
			name[c] = (char)(columns[i].name[c] -
					 (columns[i].name[c] >= 'a' && columns[i].name[c] <= 'z') * 32);
		name[c] = '\0';
		if (columns[i].known)
			append_cell(out, &columns[i], name, i == last);
	}
	text_char(out, '\n');
}

bool content_table_write(struct content_table *table, struct output *out)
{
	struct column *columns;
	const char *cell = table->pool.data;
	size_t count, last, row, i;
	bool good = true;

	if (!table->rows)
		return !out->error;
	columns = make_columns(table->record, &count);
	measure(table, columns, count);
	last = last_known(columns, count);
	append_headings(&out->text, columns, count);
	for (row = 0; row < table->rows && good; row++) {
		for (i = 0; i < count; i++, cell += strlen(cell) + 1)
			if (columns[i].known)
				append_cell(&out->text, &columns[i], cell, i == last);
		text_char(&out->text, '\n');
		good = output_pace(out);
	}
	free(columns);
	text_clear(&table->pool);
	table->rows = 0;
	return good;
}

bool content_table_add(struct content_table *table, struct output *out, const struct ipc_piece *piece)
{
	static const struct style people = {0};
	struct ipc_value value;
	size_t at = 0;

	if (table->record != piece->record && !content_table_write(table, out))
		return false;
	table->record = piece->record;
	text_uint(&table->pool, piece->index);
	text_char(&table->pool, '\0');
	while (content_field(piece, &at, &value)) {
		size_t start = table->pool.len;

		format_value(&table->pool, &value, &people);
		if (table->pool.len == start)
			text_string(&table->pool, value.null ? UNKNOWN : "none");
		text_char(&table->pool, '\0');
	}
	table->rows++;
	return true;
}

void content_table_release(struct content_table *table)
{
	text_release(&table->pool);
}
