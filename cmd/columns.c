/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns: parsing -o, and reading one field from objects of several kinds. */
#include <stdlib.h>

#include "columns.h"
#include "message.h"

#define MIXED_COLUMNS "ref,kind,state,user,mode,size,age,holders"

const char *columns_default(const struct scope *scope)
{
	const struct ipc_class *cls = scope_class(scope);

	if (scope->columns)
		return scope->columns;
	return cls ? ipc_class_columns(cls) : MIXED_COLUMNS;
}

/* The field that @name means, and of "detail.bytes" the member. NULL: there is none. */
static const struct ipc_field *find(const struct scope *scope, const char *name, const struct ipc_field **member)
{
	const char *dot = strchr(name, '.');
	const struct ipc_field *field;
	char *copy = xstrdup(name), *c;

	*member = NULL;
	if (dot)
		copy[dot - name] = '\0';
	field = scope_field(scope, copy);
	if (field && dot) {
		for (c = copy + (dot - name) + 1; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + 32);
		if (ipc_field_type(field) == IPC_TYPE_RECORD)
			*member = ipc_record_find(ipc_field_record(field), copy + (dot - name) + 1);
		field = *member ? field : NULL;
	}
	free(copy);
	return field;
}

/* "DETAIL.BYTES" */
static char *make_heading(const struct ipc_field *field, const struct ipc_field *member)
{
	struct text heading = {0};
	char *c;

	text_format(&heading, "%s%s%s", ipc_field_name(field), member ? "." : "", member ? ipc_field_name(member) : "");
	text_cstr(&heading);
	for (c = heading.data; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 32);
	return heading.data;
}

/* @shown: how many default columns there are, which +LIST may name again. */
static bool add(struct columns *columns, const struct app *app, const struct scope *scope, const char *name,
		size_t shown)
{
	const struct ipc_field *member, *field = find(scope, name, &member);
	struct column *column;
	size_t i;

	if (!field) {
		const char *near = scope_suggest(scope, name);

		if (near)
			complain(app, "--output", "no such column: '%s' (did you mean '%s'?)", name, near);
		else
			complain(app, "--output", "no such column: '%s'; -H lists them", name);
		return false;
	}
	for (i = 0; i < columns->count; i++) {
		if (columns->items[i].member == member &&
		    !strcmp(ipc_field_name(columns->items[i].field), ipc_field_name(field))) {
			if (i < shown)
				return true;
			complain(app, "--output", "column '%s' is given twice",
				 ipc_field_name(member ? member : field));
			return false;
		}
	}
	columns->items = xrealloc(columns->items, (columns->count + 1) * sizeof(*columns->items));
	column = &columns->items[columns->count++];
	*column = (struct column){.field = field, .member = member, .heading = make_heading(field, member)};
	columns->members |= member != NULL;
	return true;
}

static bool add_list(struct columns *columns, const struct app *app, const struct scope *scope, const char *list)
{
	char *copy = xstrdup(list), *rest = copy, *name;
	size_t shown = columns->count;
	bool good = true;

	while (good && (name = strsep(&rest, ",")))
		good = add(columns, app, scope, name, shown);
	free(copy);
	return good;
}

bool columns_init(struct columns *columns, const struct app *app, const struct scope *scope, const char *list)
{
	bool more = list && list[0] == '+', good = true;

	*columns = (struct columns){0};
	if (!list || more)
		good = add_list(columns, app, scope, columns_default(scope));
	if (good && list)
		good = add_list(columns, app, scope, list + more);
	return good;
}

void columns_drop(struct columns *columns, const char *name)
{
	size_t i;

	for (i = 0; i < columns->count; i++) {
		if (strcmp(ipc_field_name(columns->items[i].field), name) != 0)
			continue;
		free(columns->items[i].heading);
		columns->count--;
		memmove(&columns->items[i], &columns->items[i + 1], (columns->count - i) * sizeof(*columns->items));
		return;
	}
}

/* ---- what there is --------------------------------------------------------------------------------------------- */

struct description {
	struct text *out;
	const struct scope *scope;
};

static const char *type_name(enum ipc_type type)
{
	static const char *const names[] = {
		[IPC_TYPE_BOOL] = "yes/no",   [IPC_TYPE_INT] = "number",   [IPC_TYPE_UINT] = "number",
		[IPC_TYPE_SIZE] = "size",     [IPC_TYPE_KEY] = "key",      [IPC_TYPE_ADDRESS] = "address",
		[IPC_TYPE_MODE] = "mode",     [IPC_TYPE_TIME] = "time",    [IPC_TYPE_DURATION] = "duration",
		[IPC_TYPE_STRING] = "string", [IPC_TYPE_STRINGS] = "list", [IPC_TYPE_RECORDS] = "records",
		[IPC_TYPE_RECORD] = "record",
	};

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}

/* "all", or the classes that have a field of this name. */
static void append_classes(struct text *out, const struct scope *scope, const char *name)
{
	const struct ipc_class *last = NULL;
	size_t start = out->len, having = 0, i;

	for (i = 0; i < scope->count; i++) {
		const struct ipc_class *cls = ipc_kind_class(scope->kinds[i]);

		if (!ipc_record_find(ipc_kind_record(scope->kinds[i]), name))
			continue;
		having++;
		if (cls == last)
			continue;
		last = cls;
		text_format(out, "%s%s", out->len > start ? "," : "", ipc_class_name(cls));
	}
	if (having == scope->count && !scope_class(scope)) {
		out->len = start;
		text_string(out, "all");
	}
}

static void describe_one(const struct description *description, const struct ipc_field *field,
			 const struct ipc_field *member)
{
	struct text *out = description->out;
	size_t start = out->len;
	char *heading = make_heading(field, member);

	text_string(out, heading);
	free(heading);
	do
		text_char(out, ' ');
	while (out->len - start < 18);
	text_format(out, "%-9s ", type_name(ipc_field_type(member ? member : field)));
	start = out->len;
	append_classes(out, description->scope, ipc_field_name(field));
	do
		text_char(out, ' ');
	while (out->len - start < 20);
	text_string(out, ipc_field_help(member ? member : field));
	text_char(out, '\n');
}

static void describe(void *data, const struct ipc_kind *kind, const struct ipc_field *field)
{
	const struct ipc_field *member;
	size_t i;

	(void)kind;
	describe_one(data, field, NULL);
	/* Those of a record can be columns of their own. */
	for (i = 0; ipc_field_type(field) == IPC_TYPE_RECORD && (member = ipc_record_field(ipc_field_record(field), i));
	     i++)
		describe_one(data, field, member);
}

void columns_describe(struct text *out, const struct scope *scope, bool noheadings)
{
	struct description description = {.out = out, .scope = scope};

	if (!noheadings)
		text_format(out, "%-18s%-9s %-20s%s\n", "COLUMN", "TYPE", "CLASSES", "HELP");
	scope_visit(scope, describe, &description);
}

void columns_release(struct columns *columns)
{
	while (columns->count)
		free(columns->items[--columns->count].heading);
	free(columns->items);
	free(columns->of_kind);
	free(columns->values);
	*columns = (struct columns){0};
}

static void look_up(struct columns *columns, const struct ipc_kind *kind)
{
	size_t i;

	columns->kind = kind;
	columns->of_kind = xrealloc(columns->of_kind, columns->count * sizeof(*columns->of_kind));
	columns->values = xrealloc(columns->values, columns->count * sizeof(*columns->values));
	for (i = 0; i < columns->count; i++)
		columns->of_kind[i] = ipc_record_find(ipc_kind_record(kind), ipc_field_name(columns->items[i].field));
}

static void read_members(struct columns *columns)
{
	size_t i;

	for (i = 0; i < columns->count; i++) {
		struct ipc_value record = columns->values[i];

		if (columns->items[i].member && !record.null &&
		    ipc_value_member(&record, 0, columns->items[i].member, &columns->values[i]) < 0)
			columns->values[i].null = true;
	}
}

const struct ipc_value *columns_read(struct columns *columns, const struct ipc_object *object)
{
	const struct ipc_kind *kind = ipc_object_kind(object);

	if (kind != columns->kind)
		look_up(columns, kind);
	ipc_object_get_all(object, columns->of_kind, columns->count, columns->values);
	if (columns->members)
		read_members(columns);
	return columns->values;
}

bool column_is_right(const struct column *column)
{
	switch (ipc_field_type(column_field(column))) {
	case IPC_TYPE_INT:
	case IPC_TYPE_UINT:
	case IPC_TYPE_SIZE:
	case IPC_TYPE_DURATION:
		return true;
	default:
		return false;
	}
}

bool column_is_elastic(const struct column *column)
{
	const char *name = ipc_field_name(column_field(column));

	switch (ipc_field_type(column_field(column))) {
	case IPC_TYPE_STRINGS:
	case IPC_TYPE_RECORDS:
	case IPC_TYPE_RECORD:
		return true;
	case IPC_TYPE_STRING:
		return !strcmp(name, "ref") || !strcmp(name, "handle") || !strcmp(name, "name") ||
		       !strcmp(name, "container") || !strcmp(name, "local") || !strcmp(name, "peer") ||
		       !strcmp(name, "rule") || !strcmp(name, "why");
	default:
		return false;
	}
}

const char *column_color(const struct column *column, const struct ipc_value *value)
{
	static const struct {
		const char *field, *word, *color;
	} colors[] = {
		{"state", "held", "\033[32m"},     {"state", "orphan", "\033[31m"},
		{"state", "suspect", "\033[33m"},  {"state", "unknown", "\033[35m"},
		{"state", "idle", "\033[36m"},     {"verdict", "remove", "\033[31m"},
		{"verdict", "report", "\033[33m"}, {"verdict", "protect", "\033[32m"},
		{"verb", "create", "\033[32m"},    {"verb", "remove", "\033[31m"},
		{"verb", "signal", "\033[33m"},    {"verb", "lost", "\033[35m"},
	};
	size_t i;

	if (value->null || value->type != IPC_TYPE_STRING)
		return NULL;
	for (i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (strlen(colors[i].word) == value->str.len &&
		    !memcmp(colors[i].word, value->str.data, value->str.len) &&
		    !strcmp(ipc_field_name(column->field), colors[i].field))
			return colors[i].color;
	return NULL;
}
