/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records: a C struct described by a table of fields, so that one reader serves every kind and every list. */
#ifndef IPC_MODEL_RECORD_H
#define IPC_MODEL_RECORD_H

#include <ipctool/ipctool.h>

/*
 * How a field is stored at its offset, and what means "not known" (null):
 *   BOOL UINT SIZE KEY ADDRESS MODE   uint64_t          UINT64_MAX
 *   INT TIME DURATION                 int64_t           INT64_MIN
 *   STRING                            struct ipc_bytes  data == NULL
 *   STRINGS                           struct ipc_list of struct ipc_bytes   items == NULL
 *   RECORDS, RECORD                   struct ipc_list of @of                items == NULL
 */
#define IPC_UNKNOWN UINT64_MAX
#define IPC_UNKNOWN_INT INT64_MIN

struct ipc_list {
	const void *items; /* NULL: not known; for an empty list ipc_nothing */
	size_t count;
};

extern const char ipc_nothing[1];
#define IPC_EMPTY_LIST ((struct ipc_list){ipc_nothing, 0})

static inline bool ipc_type_has_members(enum ipc_type type)
{
	return type == IPC_TYPE_RECORDS || type == IPC_TYPE_RECORD;
}

struct ipc_field {
	const char *name; /* lower case; unique within its record */
	enum ipc_type type;
	size_t offset;
	unsigned needs;              /* IPC_NEED_*: what must be collected for it (object.h) */
	const struct ipc_record *of; /* RECORDS */
	const char *help;
};

struct ipc_record {
	const char *name;
	size_t size;                    /* of the C struct, the super's included */
	const struct ipc_record *super; /* its fields come first; its struct is the first member */
	const struct ipc_field *fields;
	size_t count;
};

#define IPC_FIELD(in, member, kind_of, text)                                                                       \
	{                                                                                                          \
		.name = #member, .type = IPC_TYPE_##kind_of, .offset = offsetof(struct in, member), .help = (text) \
	}
#define IPC_FIELD_NEEDS(in, member, kind_of, need, text)                                                             \
	{                                                                                                            \
		.name = #member, .type = IPC_TYPE_##kind_of, .offset = offsetof(struct in, member), .needs = (need), \
		.help = (text)                                                                                       \
	}
#define IPC_FIELD_LIST(in, member, record, need, text)                                                             \
	{                                                                                                          \
		.name = #member, .type = IPC_TYPE_RECORDS, .offset = offsetof(struct in, member), .needs = (need), \
		.of = (record), .help = (text)                                                                     \
	}

/* Set every field of the struct at @at to null. */
void ipc_record_init(const struct ipc_record *record, void *at);
/* Read one field of the struct at @at: for each value that is shown, so it is here to be compiled into loops. */
static inline void ipc_record_get(const void *at, const struct ipc_field *field, struct ipc_value *out)
{
	const void *place = (const char *)at + field->offset;
	const struct ipc_list *list;

	out->type = field->type;
	switch (field->type) {
	case IPC_TYPE_INT:
	case IPC_TYPE_TIME:
	case IPC_TYPE_DURATION:
		out->i = *(const int64_t *)place;
		out->null = out->i == IPC_UNKNOWN_INT;
		break;
	case IPC_TYPE_STRING:
		out->str = *(const struct ipc_bytes *)place;
		out->null = !out->str.data;
		break;
	case IPC_TYPE_STRINGS:
	case IPC_TYPE_RECORDS:
	case IPC_TYPE_RECORD:
		list = place;
		out->list.items = list->items;
		out->list.count = list->count;
		out->list.of = field->of;
		out->null = !list->items;
		break;
	default:
		out->u = *(const uint64_t *)place;
		out->null = out->u == IPC_UNKNOWN;
	}
}

/* Is @field one of @record's own or its super's? */
static inline bool ipc_record_has(const struct ipc_record *record, const struct ipc_field *field)
{
	for (; record; record = record->super) {
		uintptr_t at = (uintptr_t)field - (uintptr_t)record->fields;

		if (at < record->count * sizeof(*field))
			return true;
	}
	return false;
}

/* Compare two values of the same type: <0, 0, >0; null sorts last. Lists compare by count. */
int ipc_value_compare(const struct ipc_value *a, const struct ipc_value *b);

#endif
