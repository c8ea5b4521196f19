/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cleaning: the verdict on each object (verdict.c), and carrying it out (clean.c). */
#ifndef IPC_CLEAN_H
#define IPC_CLEAN_H

#include <ipctool/clean.h>

#include "query.h"

/* IPC_NEED_* of the verdict that @query is to reach on objects of @kind; 0 when it is no cleaning. */
unsigned ipc_verdict_needs(const struct ipc_query *query, const struct ipc_kind *kind);
/* Fill verdict, rule and why of @object, which has just been judged; a rule may make more of its state. */
void ipc_verdict(struct ipc_run *run, struct ipc_object *object);
/* Is there ever anything to clean of @object? False for what goes with its last user. */
bool ipc_clean_concerns(const struct ipc_object *object);

#endif
