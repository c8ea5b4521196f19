/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operands of a command name that not every kind has: objects, or classes. */
#ifndef CMD_CHOSEN_H
#define CMD_CHOSEN_H

#include "codes.h"
#include "options.h"

struct chosen {
	enum ipc_verb verb;      /* what is to be done to them; set by the caller */
	const char **references; /* those of the operands that are no class; borrowed from them */
	int reference_count;
	const struct ipc_kind **kinds; /* of the classes, those that have the verb */
	size_t kind_count;
};

/*
 * Sort @operands into @chosen, of which only the verb is set. False after a message: there are none, nothing of a class has
 * the verb, or a class to be removed has neither a limit nor --all. Give back with chosen_release() in any case.
 */
bool chosen_take(struct chosen *chosen, const struct app *app, const struct operands *operands,
		 const struct selection *selection);
/* Was @kind chosen by its class, rather than an object of it by name? */
bool chosen_has(const struct chosen *chosen, const struct ipc_kind *kind);
/* Make a query of it. CODE_DONE, or the exit code after a message. @out is the caller's, and set also then: maybe to NULL. */
enum code chosen_query(const struct chosen *chosen, const struct selection *selection, struct app *app,
		       struct ipc_query **out);
void chosen_release(struct chosen *chosen);

#endif
