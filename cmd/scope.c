/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which kinds a command line looks at, told from the beginning of its operands. */
#include <stdlib.h>

#include "scope.h"
#include "suggest.h"
#include "text.h"

static void add(struct scope *scope, const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < scope->count; i++)
		if (scope->kinds[i] == kind)
			return;
	scope->kinds = xrealloc(scope->kinds, (scope->count + 1) * sizeof(*scope->kinds));
	scope->kinds[scope->count++] = kind;
}

/* The kinds of the class called by the first @length bytes of @class_name; @kind_name NULL: all of them. */
static void add_class(struct scope *scope, const char *class_name, size_t length, const char *kind_name)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind))) {
		const char *name = ipc_class_name(ipc_kind_class(kind));

		if (strlen(name) == length && !memcmp(name, class_name, length) &&
		    (!kind_name || !strcmp(ipc_kind_name(kind), kind_name)))
			add(scope, kind);
	}
}

void scope_init(struct scope *scope, const char **operands, int count)
{
	const struct ipc_kind *kind = NULL;
	int i;

	*scope = (struct scope){0};
	for (i = 0; i < count; i++) {
		const char *operand = operands[i];
		size_t length = strcspn(operand, "/@+:");

		if (operand[0] == '/' || operand[0] == '.') {
			add_class(scope, "fifo", 4, NULL);
			add_class(scope, "sock", 4, NULL);
		} else {
			add_class(scope, operand, length, operand[length] == '/' ? operand + length + 1 : NULL);
		}
	}
	if (!scope->count)
		while ((kind = ipc_kind_next(kind)))
			add(scope, kind);
}

void scope_for_cleaning(struct scope *scope)
{
	size_t i, left = 0;

	for (i = 0; i < scope->count; i++)
		if (ipc_kind_has(scope->kinds[i], IPC_VERB_CLEAN, NULL))
			scope->kinds[left++] = scope->kinds[i];
	if (left)
		scope->count = left;
	scope->cleaning = true;
}

void scope_release(struct scope *scope)
{
	free(scope->kinds);
	*scope = (struct scope){0};
}

static bool has(const struct scope *scope, const struct ipc_field *field)
{
	return scope->cleaning || !ipc_field_of_cleaning(field);
}

const struct ipc_field *scope_field(const struct scope *scope, const char *name)
{
	const struct ipc_field *field = NULL;
	char *lower = xstrdup(name), *c;
	size_t i;

	for (c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	for (i = 0; i < scope->count && !field; i++)
		field = ipc_record_find(ipc_kind_record(scope->kinds[i]), lower);
	free(lower);
	return field && has(scope, field) ? field : NULL;
}

const struct ipc_class *scope_class(const struct scope *scope)
{
	const struct ipc_class *cls = scope->count ? ipc_kind_class(scope->kinds[0]) : NULL;
	size_t i;

	for (i = 1; i < scope->count; i++)
		if (ipc_kind_class(scope->kinds[i]) != cls)
			return NULL;
	return cls;
}

void scope_visit(const struct scope *scope, scope_visit_fn visit, void *data)
{
	const struct ipc_field *field;
	size_t i, j, earlier;

	for (i = 0; i < scope->count; i++) {
		const struct ipc_record *record = ipc_kind_record(scope->kinds[i]);

		for (j = 0; (field = ipc_record_field(record, j)); j++) {
			for (earlier = 0; earlier < i; earlier++)
				if (ipc_record_find(ipc_kind_record(scope->kinds[earlier]), ipc_field_name(field)))
					break;
			if (earlier == i && has(scope, field))
				visit(data, scope->kinds[i], field);
		}
	}
}

static void offer(void *data, const struct ipc_kind *kind, const struct ipc_field *field)
{
	(void)kind;
	suggest_offer(data, ipc_field_name(field));
}

const char *scope_suggest(const struct scope *scope, const char *name)
{
	struct suggestion near;

	suggest_begin(&near, name);
	scope_visit(scope, offer, &near);
	return suggest_best(&near);
}
