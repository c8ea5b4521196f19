/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to each object, and by whom, added up. */
#include <inttypes.h>
#include <stdlib.h>

#include "watch_summary.h"

#define ROOM 64 /* buckets to begin with; a power of two */

/* One object, or one process of one. */
struct entry {
	struct entry *next_hash;
	struct entry *next;         /* in the order of appearance */
	struct entry *object;       /* of a process; NULL: it is an object itself */
	struct entry *first, *last; /* its processes */
	uint64_t hash;
	char *ref, *class_name, *kind, *name; /* escaped; NULL: not known. Of processes `name` is the comm */
	int64_t pid;                          /* negative: not known */
	uint64_t uid;
	bool has_uid;
	uint64_t done[IPC_EVENT_VERBS], events;
	uint64_t sent, received;
	uint64_t waiters, most_waiters;
	int64_t waited; /* ns, all calls together */
	int64_t begun, ended;
};

/* What is read of each event. */
enum { REF, CLASS, KIND, NAME, TIME, PID, COMM, UID, DETAIL, FIELDS };

struct summary {
	struct entry **buckets;
	size_t room, count;
	struct entry *first, *last; /* objects */
	const struct ipc_field *fields[FIELDS], *bytes, *waited;
	struct text key; /* room to make one */
};

struct summary *summary_new(void)
{
	static const char *const names[FIELDS] = {"ref", "class", "kind", "name",  "time",
						  "pid", "comm",  "uid",  "detail"};
	const struct ipc_record *record = ipc_kind_record(ipc_event_kind()), *detail;
	struct summary *summary = xcalloc(1, sizeof(*summary));
	size_t i;

	for (i = 0; i < FIELDS; i++)
		summary->fields[i] = ipc_record_find(record, names[i]);
	detail = ipc_field_record(summary->fields[DETAIL]);
	summary->bytes = ipc_record_find(detail, "bytes");
	summary->waited = ipc_record_find(detail, "waited");
	summary->room = ROOM;
	summary->buckets = xcalloc(ROOM, sizeof(struct entry *));
	return summary;
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *data, size_t len, uint64_t hash)
{
	while (len--)
		hash = (hash ^ (unsigned char)*data++) * UINT64_C(0x100000001b3);
	return hash;
}

static void grow(struct summary *summary)
{
	size_t room = summary->room * 2, i;
	struct entry **buckets = xcalloc(room, sizeof(struct entry *)), *entry;

	for (i = 0; i < summary->room; i++) {
		while ((entry = summary->buckets[i])) {
			summary->buckets[i] = entry->next_hash;
			entry->next_hash = buckets[entry->hash & (room - 1)];
			buckets[entry->hash & (room - 1)] = entry;
		}
	}
	free(summary->buckets);
	summary->buckets = buckets;
	summary->room = room;
}

static struct entry *add(struct summary *summary, uint64_t hash, struct entry *object)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));
	struct entry **last = object ? &object->last : &summary->last,
		     **first = object ? &object->first : &summary->first;

	if (summary->count++ == summary->room)
		grow(summary);
	entry->hash = hash;
	entry->object = object;
	entry->next_hash = summary->buckets[hash & (summary->room - 1)];
	summary->buckets[hash & (summary->room - 1)] = entry;
	if (*last)
		(*last)->next = entry;
	else
		*first = entry;
	*last = entry;
	return entry;
}

static char *take_text(const struct ipc_value *value)
{
	struct text text = {0};

	if (value->null)
		return NULL;
	text_escaped(&text, value->str);
	text_cstr(&text);
	return text.data;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static struct entry *find_object(struct summary *summary, const struct ipc_value *values)
{
	struct text *key = &summary->key;
	struct entry *entry;
	uint64_t hash;

	text_clear(key);
	if (!values[REF].null)
		text_escaped(key, values[REF].str);
	else if (!values[NAME].null)
		text_escaped(key, values[NAME].str);
	hash = hash_of(text_cstr(key), key->len, UINT64_C(0xcbf29ce484222325));
	hash = hash_of(values[KIND].str.data, values[KIND].str.len, hash);
	for (entry = summary->buckets[hash & (summary->room - 1)]; entry; entry = entry->next_hash)
		if (!entry->object && entry->hash == hash && !strcmp(entry->ref, text_cstr(key)) &&
		    strlen(entry->kind) == values[KIND].str.len &&
		    !memcmp(entry->kind, values[KIND].str.data, values[KIND].str.len))
			return entry;
	entry = add(summary, hash, NULL);
	entry->ref = xstrdup(text_cstr(key));
	entry->class_name = take_text(&values[CLASS]);
	entry->kind = take_text(&values[KIND]);
	entry->name = take_text(&values[NAME]);
	return entry;
}

static struct entry *find_process(struct summary *summary, struct entry *object, const struct ipc_value *values)
{
	int64_t pid = values[PID].null ? -1 : values[PID].i;
	char *comm = take_text(&values[COMM]);
	struct entry *entry;
	uint64_t hash;

	hash = hash_of((const char *)&pid, sizeof(pid), object->hash);
	if (comm)
		hash = hash_of(comm, strlen(comm), hash);
	for (entry = summary->buckets[hash & (summary->room - 1)]; entry; entry = entry->next_hash)
		if (entry->object == object && entry->pid == pid && is_same(entry->name, comm))
			break;
	if (entry) {
		free(comm);
		return entry;
	}
	entry = add(summary, hash, object);
	entry->pid = pid;
	entry->name = comm;
	entry->has_uid = !values[UID].null;
	if (entry->has_uid)
		entry->uid = values[UID].u;
	return entry;
}

/* ---- counting ------------------------------------------------------------------------------------------------------- */

static void count(const struct summary *summary, struct entry *entry, enum ipc_event_verb verb,
		  const struct ipc_value *values)
{
	struct ipc_value value;

	entry->done[verb]++;
	if (!entry->events++)
		entry->begun = values[TIME].i;
	entry->ended = values[TIME].i;
	if (verb == IPC_EVENT_SEND || verb == IPC_EVENT_RECEIVE) {
		if (!ipc_value_member(&values[DETAIL], 0, summary->bytes, &value) && !value.null)
			*(verb == IPC_EVENT_SEND ? &entry->sent : &entry->received) += value.u;
	} else if (verb == IPC_EVENT_WAIT) {
		if (++entry->waiters > entry->most_waiters)
			entry->most_waiters = entry->waiters;
	} else if (verb == IPC_EVENT_WAKE) {
		entry->waiters -= entry->waiters > 0;
		if (!ipc_value_member(&values[DETAIL], 0, summary->waited, &value) && !value.null)
			entry->waited += value.i;
	}
}

void summary_add(struct summary *summary, const struct ipc_object *event)
{
	enum ipc_event_verb verb = ipc_event_verb(event);
	struct ipc_value values[FIELDS];
	struct entry *object;
	size_t i;

	for (i = 0; i < FIELDS; i++)
		ipc_object_get(event, summary->fields[i], &values[i]);
	object = find_object(summary, values);
	count(summary, object, verb, values);
	if (!values[PID].null || !values[COMM].null)
		count(summary, find_process(summary, object, values), verb, values);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static void json_string(struct text *out, const char *string)
{
	if (string)
		format_json_text(out, string);
	else
		text_string(out, "null");
}

static void json_counts(struct text *out, const struct entry *entry)
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

static void json_process(struct text *out, const struct entry *entry)
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

static void json_object(struct text *out, const struct entry *entry)
{
	const struct entry *process;

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
	const struct entry *entry;

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

static void append_operations(struct text *out, const struct entry *entry)
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
static void fill_cell(struct table *table, const struct entry *entry, int column)
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

static void measure(struct table *table, const struct entry *entry)
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

static void write_row(struct table *table, const struct entry *entry)
{
	int column;

	for (column = 0; column < COLUMNS; column++) {
		fill_cell(table, entry, column);
		write_cell(table, column);
	}
}

/* Do for each object, and then for each of its processes. */
static void each(const struct summary *summary, struct output *out, struct table *table,
		 void (*act)(struct table *table, const struct entry *entry))
{
	const struct entry *entry, *process;

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
	const struct entry *entry;

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

static void entry_free(struct entry *entry)
{
	free(entry->ref);
	free(entry->class_name);
	free(entry->kind);
	free(entry->name);
	free(entry);
}

struct summary *summary_free(struct summary *summary)
{
	struct entry *entry;
	size_t i;

	if (!summary)
		return NULL;
	for (i = 0; i < summary->room; i++) {
		while ((entry = summary->buckets[i])) {
			summary->buckets[i] = entry->next_hash;
			entry_free(entry);
		}
	}
	free(summary->buckets);
	text_release(&summary->key);
	free(summary);
	return NULL;
}
