/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole numbers given to options. */
#ifndef CMD_NUMBER_H
#define CMD_NUMBER_H

#include "options.h"

/* The number from @least to @most that @text spells in decimal. TAKEN_BAD after a message; @option as in "--count". */
enum taken number_take(const struct app *app, const char *option, const char *text, int64_t least, int64_t most,
		       int64_t *out);

#endif
