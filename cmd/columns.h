/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns: which fields a table or a document shows, in which order. */
#ifndef CMD_COLUMNS_H
#define CMD_COLUMNS_H

#include "command.h"
#include "format.h"
#include "scope.h"

struct column {
	const struct ipc_field *field; /* of some kind that has it: name, type, help */
	/* Of the record that the field is, as in "detail.bytes"; NULL: the whole field */
	const struct ipc_field *member;
	char *heading; /* upper case */
};

struct columns {
	struct column *items;
	size_t count;
	/* the object last read: its kind, the fields of that kind (lookups by name are slow), and their values; private */
	const struct ipc_kind *kind;
	const struct ipc_field **of_kind;
	struct ipc_value *values;
	bool members; /* some columns are members of a record */
};

/*
 * The columns that @list ("ref,size", "+holders", NULL for the default ones) names among the fields of @scope.
 * Returns false after a message.
 */
bool columns_init(struct columns *columns, const struct app *app, const struct scope *scope, const char *list);
/* For -H: a line for each field of @scope. */
void columns_describe(struct text *out, const struct scope *scope, bool noheadings);
/* Leave out the column of field @name when it is there. */
void columns_drop(struct columns *columns, const char *name);
void columns_release(struct columns *columns);
/* The default columns of @scope, separated by commas. */
const char *columns_default(const struct scope *scope);
/* The values of all columns for @object, null where its kind does not have one. Borrowed until the next call. */
const struct ipc_value *columns_read(struct columns *columns, const struct ipc_object *object);
/* The field or the member of which it has the values. */
static inline const struct ipc_field *column_field(const struct column *column)
{
	return column->member ? column->member : column->field;
}

/* Numbers stand at the right. */
bool column_is_right(const struct column *column);
/* May be cut on a terminal: lists, and what holds a name. */
bool column_is_elastic(const struct column *column);
/* The colour of @value in @column as a terminal sequence, or NULL. */
const char *column_color(const struct column *column, const struct ipc_value *value);

#endif
