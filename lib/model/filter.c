// SPDX-License-Identifier: LGPL-2.1-or-later
/* Testing objects with a parsed filter. */
#include "model/filter.h"

#include <stdlib.h>
#include <string.h>

#include "model/filter_node.h"

/*
 * regexec() wants a terminated text, which bytes need not be. Where the C library has REG_STARTEND it looks beyond NUL
 * bytes too; elsewhere a text ends at the first.
 */
static bool match(const regex_t *pattern, struct ipc_bytes text)
{
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.len};
	char shorter[512];
	char *copy = text.len < sizeof(shorter) ? shorter : malloc(text.len + 1);
	int flags = 0;
	bool found;

	if (!copy)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
#ifdef REG_STARTEND
	flags = REG_STARTEND;
#endif
	found = regexec(pattern, copy, 1, &range, flags) == 0;
	if (copy != shorter)
		free(copy);
	return found;
}

static bool order_holds(int order, enum ipc_filter_op op)
{
	switch (op) {
	case IPC_FILTER_EQUAL:
		return order == 0;
	case IPC_FILTER_LESS:
		return order < 0;
	case IPC_FILTER_LESS_EQUAL:
		return order <= 0;
	case IPC_FILTER_GREATER:
		return order > 0;
	case IPC_FILTER_GREATER_EQUAL:
		return order >= 0;
	default:
		return false;
	}
}

static bool is_list(const struct ipc_value *value)
{
	return value->type == IPC_TYPE_STRINGS || ipc_type_has_members(value->type);
}

static bool value_present(const struct ipc_value *value)
{
	if (is_list(value))
		return value->list.count > 0;
	if (value->type == IPC_TYPE_STRING)
		return value->str.len > 0;
	return value->u != 0;
}

static bool value_holds(const struct ipc_filter_term *test, const struct ipc_value *value)
{
	struct ipc_value entry = {.type = IPC_TYPE_STRING};

	if (value->null)
		return false;
	if (test->op == IPC_FILTER_PRESENT)
		return value_present(value);
	if (test->count) {
		uint64_t count = value->list.count;

		return is_list(value) && order_holds((count > test->value.u) - (count < test->value.u), test->op);
	}
	if (value->type == IPC_TYPE_STRINGS) {
		for (size_t i = 0; i < value->list.count; i++) {
			entry.str = ipc_value_string(value, i);
			if (value_holds(test, &entry))
				return true;
		}
		return false;
	}
	if (value->type != test->value.type)
		return false;
	if (test->op == IPC_FILTER_MATCH)
		return match(&test->pattern, value->str);
	return order_holds(ipc_value_compare(value, &test->value), test->op);
}

/* Does the field that begins with step @index hold for the struct at @at, or for some entry of it? */
static bool step_holds(struct ipc_filter_term *test, size_t index, const void *at, const struct ipc_record *record)
{
	struct ipc_filter_step *step = &test->steps[index];
	struct ipc_value value;

	if (step->record != record) {
		step->field = ipc_record_find(record, step->name);
		step->record = record;
	}
	if (!step->field)
		return false;
	ipc_record_get(at, step->field, &value);
	if (index + 1 == test->step_count)
		return value_holds(test, &value);
	if (value.null || !ipc_type_has_members(value.type))
		return false;
	for (size_t i = 0; i < value.list.count; i++) {
		const void *entry = (const char *)value.list.items + i * value.list.of->size;

		if (step_holds(test, index + 1, entry, value.list.of))
			return true;
	}
	return false;
}

static bool node_holds(const struct ipc_filter_node *node, const void *at, const struct ipc_record *record)
{
	const struct ipc_filter_node *child;

	switch (node->kind) {
	case IPC_FILTER_AND:
		for (child = node->first; child; child = child->next) {
			if (!node_holds(child, at, record))
				return false;
		}
		return true;
	case IPC_FILTER_OR:
		for (child = node->first; child; child = child->next) {
			if (node_holds(child, at, record))
				return true;
		}
		return false;
	case IPC_FILTER_NOT:
		return !node_holds(node->first, at, record);
	default:
		return step_holds(node->test, 0, at, record) != node->test->negate;
	}
}

bool ipc_filter_test(const struct ipc_filter *filter, const struct ipc_object *object, const struct ipc_record *record)
{
	return node_holds(filter->root, object, record);
}

unsigned ipc_filter_needs(const struct ipc_filter *filter)
{
	return filter->needs;
}

void ipc_filter_free(struct ipc_filter *filter)
{
	if (!filter)
		return;
	for (struct ipc_filter_term *test = filter->patterns; test; test = test->next)
		regfree(&test->pattern);
	ipc_arena_release(&filter->arena);
	free(filter);
}
