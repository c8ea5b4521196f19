/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A summary as JSON, as a table, and as raw lines. */
#include <inttypes.h>

#include "watch_summary.h"

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static void json_string(struct text *out, const char *string)
{
	if (string)
		format_json_text(out, string);
	else
		text_string(out, "null");
}

static void json_counts(struct text *out, const struct summary_entry *entry)
{
	bool any = false;
	int verb;

	text_string(out, "\"operations\": {");
	for (verb = 0; verb < IPC_EVENT_VERBS; verb++) {
		if (!entry->done[verb])
			continue;
		text_format(out, "%s\"%s\": %" PRIu64, any ? ", " : "", ipc_event_verb_name((enum ipc_event_verb)verb),
			    entry->done[verb]);
		any = true;
	}
	text_format(out, "}, \"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"waiters\": %" PRIu64 ", \"waited\": ",
		    entry->sent, entry->received, entry->most_waiters);
	format_seconds(out, entry->waited);
	text_string(out, ", \"first\": \"");
	format_utc(out, entry->begun);
	text_string(out, "\", \"last\": \"");
	format_utc(out, entry->ended);
	text_char(out, '"');
}

static void json_process(struct text *out, const struct summary_entry *entry)
{
	text_string(out, "{\"pid\": ");
	if (entry->pid < 0)
		text_string(out, "null");
	else
		text_int(out, entry->pid);
	text_string(out, ", \"comm\": ");
	json_string(out, entry->name);
	text_string(out, ", \"uid\": ");
	if (entry->has_uid)
		text_uint(out, entry->uid);
	else
		text_string(out, "null");
	text_string(out, ", ");
	json_counts(out, entry);
	text_char(out, '}');
}

static void json_object(struct text *out, const struct summary_entry *entry)
{
	const struct summary_entry *process;

	text_string(out, "{\"ref\": ");
	json_string(out, entry->ref);
	text_string(out, ", \"class\": ");
	json_string(out, entry->class_name);
	text_string(out, ", \"kind\": ");
	json_string(out, entry->kind);
	text_string(out, ", \"name\": ");
	json_string(out, entry->name);
	text_string(out, ", ");
	json_counts(out, entry);
	text_string(out, ", \"processes\": [");
	for (process = entry->first; process; process = process->next) {
		json_process(out, process);
		text_string(out, process->next ? ", " : "");
	}
	text_string(out, "]}");
}

static void print_json(const struct summary *summary, const struct telling *telling, bool lines)
{
	struct output *out = &telling->app->out;
	const struct summary_entry *entry;

	for (entry = summary->first; entry; entry = entry->next) {
		if (!lines)
			render_json_element(telling->renderer);
		json_object(&out->text, entry);
		if (lines)
			text_char(&out->text, '\n');
		if (!output_pace(out))
			return;
	}
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

enum {
	COLUMN_REF,
	COLUMN_PID,
	COLUMN_COMM,
	COLUMN_SENT,
	COLUMN_RECEIVED,
	COLUMN_WAITERS,
	COLUMN_WAITED,
	COLUMN_FIRST,
	COLUMN_LAST,
	COLUMN_OPERATIONS,
	COLUMNS
};

static const struct {
	const char *heading;
	bool right;
} columns[COLUMNS] = {
	[COLUMN_REF] = {"REF", false},          [COLUMN_PID] = {"PID", true},
	[COLUMN_COMM] = {"COMM", false},        [COLUMN_SENT] = {"SENT", true},
	[COLUMN_RECEIVED] = {"RECEIVED", true}, [COLUMN_WAITERS] = {"WAITERS", true},
	[COLUMN_WAITED] = {"WAITED", true},     [COLUMN_FIRST] = {"FIRST", false},
	[COLUMN_LAST] = {"LAST", false},        [COLUMN_OPERATIONS] = {"OPERATIONS", false},
};

/* How rows are written. */
struct table {
	struct text *out;
	struct style style;
	bool raw;
	size_t widths[COLUMNS];
	struct text cell;
};

static void append_value(struct table *table, enum ipc_type type, uint64_t number)
{
	struct ipc_value value = {.type = type};

	if (type == IPC_TYPE_TIME || type == IPC_TYPE_DURATION)
		value.i = (int64_t)number;
	else
		value.u = number;
	format_value(&table->cell, &value, &table->style);
}

static void append_operations(struct text *out, const struct summary_entry *entry)
{
	bool any = false;
	int verb;

	for (verb = 0; verb < IPC_EVENT_VERBS; verb++) {
		if (!entry->done[verb])
			continue;
		text_format(out, "%s%s=%" PRIu64, any ? " " : "", ipc_event_verb_name((enum ipc_event_verb)verb),
			    entry->done[verb]);
		any = true;
	}
}

/* A process stands under its object; for scripts each row says all. */
static void fill_cell(struct table *table, const struct summary_entry *entry, int column)
{
	struct text *cell = &table->cell;

	text_clear(cell);
	switch (column) {
	case COLUMN_REF:
		if (!entry->object || table->raw)
			text_string(cell, entry->object ? entry->object->ref : entry->ref);
		break;
	case COLUMN_PID:
		if (entry->object && entry->pid >= 0)
			text_int(cell, entry->pid);
		break;
	case COLUMN_COMM:
		if (entry->object && entry->name)
			text_string(cell, entry->name);
		break;
	case COLUMN_SENT:
		append_value(table, IPC_TYPE_SIZE, entry->sent);
		break;
	case COLUMN_RECEIVED:
		append_value(table, IPC_TYPE_SIZE, entry->received);
		break;
	case COLUMN_WAITERS:
		append_value(table, IPC_TYPE_UINT, entry->most_waiters);
		break;
	case COLUMN_WAITED:
		append_value(table, IPC_TYPE_DURATION, (uint64_t)entry->waited);
		break;
	case COLUMN_FIRST:
		append_value(table, IPC_TYPE_TIME, (uint64_t)entry->begun);
		break;
	case COLUMN_LAST:
		append_value(table, IPC_TYPE_TIME, (uint64_t)entry->ended);
		break;
	default:
		append_operations(cell, entry);
		break;
	}
}

static void measure(struct table *table, const struct summary_entry *entry)
{
	int column;

	for (column = 0; column < COLUMNS; column++) {
		fill_cell(table, entry, column);
		if (table->cell.len > table->widths[column])
			table->widths[column] = table->cell.len;
	}
}

static void write_cell(struct table *table, int column)
{
	size_t len = table->cell.len, fill = table->widths[column] > len ? table->widths[column] - len : 0;
	bool last = column + 1 == COLUMNS;

	if (columns[column].right)
		text_format(table->out, "%*s", (int)fill, "");
	text_bytes(table->out, table->cell.data, len);
	if (last)
		text_char(table->out, '\n');
	else if (table->raw)
		text_char(table->out, '\t');
	else
		text_format(table->out, "%*s ", columns[column].right ? 0 : (int)fill, "");
}

static void write_row(struct table *table, const struct summary_entry *entry)
{
	int column;

	for (column = 0; column < COLUMNS; column++) {
		fill_cell(table, entry, column);
		write_cell(table, column);
	}
}

/* Do for each object, and then for each of its processes. */
static void each(const struct summary *summary, struct output *out, struct table *table,
		 void (*act)(struct table *table, const struct summary_entry *entry))
{
	const struct summary_entry *entry, *process;

	for (entry = summary->first; entry; entry = entry->next) {
		act(table, entry);
		for (process = entry->first; process; process = process->next)
			act(table, process);
		if (!output_pace(out))
			return;
	}
}

static void write_headings(struct table *table)
{
	int column;

	for (column = 0; column < COLUMNS; column++) {
		text_clear(&table->cell);
		text_string(&table->cell, columns[column].heading);
		write_cell(table, column);
	}
}

static void print_rows(const struct summary *summary, struct output *out, const struct presentation *presentation)
{
	struct table table = {
		.out = &out->text,
		.raw = presentation->format == FORMAT_RAW,
		.style = {.bytes = presentation->bytes, .time = presentation->time},
	};
	int column;

	table.style.machine = table.raw;
	if (!table.raw) {
		for (column = 0; column < COLUMNS && !presentation->noheadings; column++)
			table.widths[column] = strlen(columns[column].heading);
		each(summary, out, &table, measure);
		if (!presentation->noheadings)
			write_headings(&table);
	}
	each(summary, out, &table, write_row);
	text_release(&table.cell);
}

void summary_print(const struct summary *summary, const struct telling *telling)
{
	const struct presentation *presentation = telling->presentation;
	struct output *out = &telling->app->out;
	const struct summary_entry *entry;

	switch (presentation->format) {
	case FORMAT_JSON:
	case FORMAT_JSON_LINES:
		print_json(summary, telling, presentation->format == FORMAT_JSON_LINES);
		break;
	case FORMAT_REFS:
		for (entry = summary->first; entry; entry = entry->next)
			text_format(&out->text, "%s\n", entry->ref);
		break;
	default:
		print_rows(summary, out, presentation);
		break;
	}
	output_pace(out);
}
