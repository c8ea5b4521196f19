// SPDX-License-Identifier: LGPL-2.1-or-later
/* Records: reading, clearing and comparing what a table of fields describes. */
#include "model/record.h"

#include <errno.h>
#include <string.h>

#include "model/bytes.h"

const char ipc_nothing[1] = "";

static bool is_signed(enum ipc_type type)
{
	return type == IPC_TYPE_INT || type == IPC_TYPE_TIME || type == IPC_TYPE_DURATION;
}

static void field_init(const struct ipc_field *field, void *at)
{
	char *place = (char *)at + field->offset;

	switch (field->type) {
	case IPC_TYPE_INT:
	case IPC_TYPE_TIME:
	case IPC_TYPE_DURATION:
		*(int64_t *)(void *)place = IPC_UNKNOWN_INT;
		return;
	case IPC_TYPE_STRING:
		*(struct ipc_bytes *)(void *)place = IPC_NO_BYTES;
		return;
	case IPC_TYPE_STRINGS:
	case IPC_TYPE_RECORDS:
	case IPC_TYPE_RECORD:
		*(struct ipc_list *)(void *)place = (struct ipc_list){NULL, 0};
		return;
	default:
		*(uint64_t *)(void *)place = IPC_UNKNOWN;
	}
}

void ipc_record_init(const struct ipc_record *record, void *at)
{
	for (; record; record = record->super) {
		for (size_t i = 0; i < record->count; i++)
			field_init(&record->fields[i], at);
	}
}

int ipc_value_compare(const struct ipc_value *a, const struct ipc_value *b)
{
	if (a->null || b->null)
		return a->null - b->null;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	switch (a->type) {
	case IPC_TYPE_STRING:
		return ipc_bytes_compare(a->str, b->str);
	case IPC_TYPE_STRINGS:
	case IPC_TYPE_RECORDS:
	case IPC_TYPE_RECORD:
		return (a->list.count > b->list.count) - (a->list.count < b->list.count);
	default:
		if (is_signed(a->type))
			return (a->i > b->i) - (a->i < b->i);
		return (a->u > b->u) - (a->u < b->u);
	}
}

struct ipc_bytes ipc_value_string(const struct ipc_value *value, size_t index)
{
	if (value->null || value->type != IPC_TYPE_STRINGS || index >= value->list.count)
		return IPC_NO_BYTES;
	return ((const struct ipc_bytes *)value->list.items)[index];
}

int ipc_value_member(const struct ipc_value *value, size_t index, const struct ipc_field *field, struct ipc_value *out)
{
	if (value->null || !ipc_type_has_members(value->type) || index >= value->list.count)
		return -EINVAL;
	if (!ipc_record_has(value->list.of, field))
		return -EINVAL;
	ipc_record_get((const char *)value->list.items + index * value->list.of->size, field, out);
	return 0;
}

const struct ipc_field *ipc_record_field(const struct ipc_record *record, size_t index)
{
	size_t above = 0;

	for (const struct ipc_record *super = record->super; super; super = super->super)
		above += super->count;
	for (; record; record = record->super) {
		if (index >= above)
			return index - above < record->count ? &record->fields[index - above] : NULL;
		if (record->super)
			above -= record->super->count;
	}
	return NULL;
}

const struct ipc_field *ipc_record_find(const struct ipc_record *record, const char *name)
{
	for (; record; record = record->super) {
		for (size_t i = 0; i < record->count; i++) {
			if (strcmp(record->fields[i].name, name) == 0)
				return &record->fields[i];
		}
	}
	return NULL;
}

const char *ipc_field_name(const struct ipc_field *field)
{
	return field->name;
}

enum ipc_type ipc_field_type(const struct ipc_field *field)
{
	return field->type;
}

const char *ipc_field_help(const struct ipc_field *field)
{
	return field->help;
}

const struct ipc_record *ipc_field_record(const struct ipc_field *field)
{
	return field->of;
}
