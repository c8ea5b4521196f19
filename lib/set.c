/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects kept after a run, and the reading of their fields. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"

struct ipc_set {
	struct ipc_run *run; /* owns the memory of the objects */
	struct ipc_object **objects;
	size_t count;
};

int ipc_query_collect(struct ipc_query *query, struct ipc_set **out)
{
	struct ipc_set *set;
	int r;

	set = calloc(1, sizeof(*set));
	if (!set)
		return ipc_ctx_fail(query->ctx, -ENOMEM, "out of memory");
	r = ipc_query_execute(query, NULL, NULL);
	if (r < 0) {
		free(set);
		return r;
	}
	set->run = ipc_run_ref(query->run);
	set->objects = query->kept;
	set->count = query->kept_count;
	query->kept = NULL;
	query->kept_count = query->kept_room = 0;
	*out = set;
	return 0;
}

size_t ipc_set_count(const struct ipc_set *set)
{
	return set->count;
}

const struct ipc_object *ipc_set_get(const struct ipc_set *set, size_t index)
{
	return index < set->count ? set->objects[index] : NULL;
}

/* A merge sort beside the value it sorts by: values are read once for each object, not once for each comparison. */
struct keyed {
	struct ipc_value value;
	struct ipc_object *object;
};

static void merge(struct keyed *items, struct keyed *spare, size_t count, int sign)
{
	size_t half = count / 2, left = 0, right = half, out = 0;

	if (count < 2)
		return;
	merge(items, spare, half, sign);
	merge(items + half, spare, count - half, sign);
	memcpy(spare, items, half * sizeof(*items));
	while (left < half) {
		int order = -1;

		if (right < count) {
			order = ipc_value_compare(&spare[left].value, &items[right].value);
			/* Null stays last in either direction. */
			if (!spare[left].value.null && !items[right].value.null)
				order *= sign;
		}
		items[out++] = order <= 0 ? spare[left++] : items[right++];
	}
}

int ipc_set_sort(struct ipc_set *set, const char *name, bool descending)
{
	const struct ipc_field *field = ipc_query_field(name, NULL, NULL);
	struct keyed *items;
	size_t i;

	if (!field)
		return ipc_ctx_fail(set->run->ctx, -ENOENT, "no kind has such a field");
	items = malloc(2 * set->count * sizeof(*items) + 1);
	if (!items)
		return ipc_ctx_fail(set->run->ctx, -ENOMEM, "out of memory");
	for (i = 0; i < set->count; i++) {
		items[i].object = set->objects[i];
		ipc_object_get(set->objects[i], field, &items[i].value);
	}
	merge(items, items + set->count, set->count, descending ? -1 : 1);
	for (i = 0; i < set->count; i++)
		set->objects[i] = items[i].object;
	free(items);
	return 0;
}

struct ipc_set *ipc_set_free(struct ipc_set *set)
{
	if (set) {
		ipc_run_unref(set->run);
		free(set->objects);
		free(set);
	}
	return NULL;
}

const struct ipc_kind *ipc_object_kind(const struct ipc_object *object)
{
	return object->of_kind;
}

void ipc_object_get(const struct ipc_object *object, const struct ipc_field *field, struct ipc_value *out)
{
	const struct ipc_record *record = object->of_class->record;

	if (!ipc_record_has(record, field)) {
		field = ipc_record_find(record, field->name);
		if (!field) {
			*out = (struct ipc_value){.type = IPC_TYPE_STRING, .null = true};
			return;
		}
	}
	ipc_record_get(object, field, out);
}

void ipc_object_get_all(const struct ipc_object *object, const struct ipc_field *const *fields, size_t count,
			struct ipc_value *out)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (fields[i])
			ipc_record_get(object, fields[i], &out[i]);
		else
			out[i] = (struct ipc_value){.type = IPC_TYPE_STRING, .null = true};
	}
}

int ipc_object_get_by_name(const struct ipc_object *object, const char *name, struct ipc_value *out)
{
	const struct ipc_field *field = ipc_record_find(object->of_class->record, name);

	if (!field)
		return -ENOENT;
	ipc_record_get(object, field, out);
	return 0;
}
