/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs share: which kind has which, and running an operation where its object lives. */
#ifndef IPC_CHANGE_H
#define IPC_CHANGE_H

#include "classes/change.h"

/* Fail with the sentence that @kind has for a @verb that it lacks. 0 when it has it. */
int ipc_change_allowed(struct ipc_ctx *ctx, const struct ipc_kind *kind, enum ipc_verb verb);
/* Refuse settings that are not among @takes. */
int ipc_change_takes(struct ipc_ctx *ctx, const struct ipc_kind *kind, enum ipc_verb verb,
		     const struct ipc_settings *settings, unsigned takes);
/* Run @fn in the namespace of @object. */
int ipc_change_call(struct ipc_ctx *ctx, const struct ipc_object *object, int (*fn)(void *data), void *data);

#endif
