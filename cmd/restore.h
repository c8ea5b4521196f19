/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `create --restore`: makes objects again of an archive. */
#ifndef CMD_RESTORE_H
#define CMD_RESTORE_H

#include "options.h"

struct restore_order {
	const char *directory;
	const struct operands *references; /* which objects; none: all */
	bool literal, parents;
	const struct presentation *presentation; /* plain, JSON, or JSON lines */
};

/* Do it, and say what came of each. Returns the exit code. */
int restore_run(struct app *app, const struct restore_order *order);

#endif
