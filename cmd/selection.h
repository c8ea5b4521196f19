/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the options and operands of a command to a query. */
#ifndef CMD_SELECTION_H
#define CMD_SELECTION_H

#include "codes.h"
#include "options.h"

/* Make a query of what was selected. CODE_DONE, or the exit code after a message. @out is the caller's. */
enum code selection_query(const struct selection *selection, struct app *app, const char **operands, int count,
			  struct ipc_query **out);

#endif
