/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one object that a command works on. */
#ifndef CMD_TARGET_H
#define CMD_TARGET_H

#include <ipctool/change.h>

#include "codes.h"
#include "command.h"
#include "outcome.h"

struct target {
	struct app *app;
	const char *operand; /* as the user wrote it: messages say this */
	struct ipc_query *query;
	struct ipc_set *set;
	const struct ipc_object *object;
	struct outcome outcome; /* what target_find() told, for JSON */
};

/*
 * Find the one object that @operand names and check that its kind has @verb. @wants: names of further fields, ending
 * with NULL; or NULL. A class is refused: one object is asked for. Anything but CODE_DONE: said on standard error.
 * Give back with target_release() in any case; zero-initialised is empty.
 */
enum code target_find(struct target *target, struct app *app, const char *operand, bool literal, enum ipc_verb verb,
		      const char *const *wants);
/* The library failed with @error (negative) on it: say why, and return the code. */
enum code target_fail(const struct target *target, int error);
void target_release(struct target *target);

#endif
