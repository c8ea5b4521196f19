/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operands of `remove` name: objects, or classes that a selection limits. */
#ifndef CMD_CHOSEN_H
#define CMD_CHOSEN_H

#include "options.h"

struct chosen {
	const char **references; /* those of the operands that are no class; borrowed from them */
	int reference_count;
	const struct ipc_kind **kinds; /* of the classes, those that can be removed */
	size_t kind_count;
};

/*
 * Sort @operands into an empty @chosen. False after a message: there are none, a class has neither a limit nor --all, or
 * nothing of it can be removed. Give back with chosen_release() in any case.
 */
bool chosen_take(struct chosen *chosen, const struct app *app, const struct operands *operands,
		 const struct selection *selection);
/* Was @kind chosen by its class, rather than an object of it by name? */
bool chosen_has(const struct chosen *chosen, const struct ipc_kind *kind);
void chosen_release(struct chosen *chosen);

#endif
