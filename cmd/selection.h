/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the options and operands of a command to a query. */
#ifndef CMD_SELECTION_H
#define CMD_SELECTION_H

#include "codes.h"
#include "options.h"

/* The user that @name means, by name or number. False after a message: there is none. */
bool selection_user(const struct app *app, const char *name, uint64_t *uid);
/* Make a query of what was selected. CODE_DONE, or the exit code after a message. @out is the caller's. */
enum code selection_query(const struct selection *selection, struct app *app, const char **operands, int count,
			  struct ipc_query **out);

#endif
