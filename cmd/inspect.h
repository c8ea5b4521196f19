/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `list` and `show` do alike: select, collect, sort, render, and tell how complete the answer is. */
#ifndef CMD_INSPECT_H
#define CMD_INSPECT_H

#include "options.h"
#include "render.h"

struct inspect {
	bool needs_operand;              /* "never everything" */
	bool everything;                 /* the plain format shows all fields unless -o says which */
	struct renderer *(*plain)(void); /* the format without options */
};

/* Run app->command. Returns an exit code. */
int inspect(const struct inspect *inspect, struct app *app, int argc, const char **argv);

#endif
