/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which kinds a command line looks at, and which fields these have. */
#ifndef CMD_SCOPE_H
#define CMD_SCOPE_H

#include <ipctool/change.h>

struct scope {
	const struct ipc_kind **kinds;
	size_t count;
	const char *columns; /* those shown by default; NULL: as the class has them */
	bool cleaning;       /* fields that a cleaning fills in count too */
};

/* Of the operands of a command (classes, kinds, references, paths); all kinds when there are none. */
void scope_init(struct scope *scope, const char **operands, int count);
/* Only the kinds that can be garbage, unless none of them can be, with the fields that a cleaning fills in. */
void scope_for_cleaning(struct scope *scope);
void scope_release(struct scope *scope);
/* The first field called @name (any case) of these kinds, or NULL. */
const struct ipc_field *scope_field(const struct scope *scope, const char *name);
/* The class that all of them belong to, or NULL. */
const struct ipc_class *scope_class(const struct scope *scope);
/* The nearest field name, or NULL. */
const char *scope_suggest(const struct scope *scope, const char *name);

/* Called for each field of the kinds, once for each name. @kind: the first that has it. */
typedef void (*scope_visit_fn)(void *data, const struct ipc_kind *kind, const struct ipc_field *field);
void scope_visit(const struct scope *scope, scope_visit_fn visit, void *data);

#endif
