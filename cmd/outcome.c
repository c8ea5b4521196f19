/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of a command. */
#include <stdlib.h>

#include "outcome.h"

void outcome_add(struct outcome *outcome, enum code code, const char *what, int error, const char *why)
{
	struct failure *failure;

	outcome->failures = xrealloc(outcome->failures, (outcome->count + 1) * sizeof(*outcome->failures));
	failure = &outcome->failures[outcome->count++];
	*failure = (struct failure){.what = xstrdup(what), .error = error, .why = xstrdup(why ? why : "")};
	outcome->code = code_join(outcome->code, code);
}

void outcome_release(struct outcome *outcome)
{
	while (outcome->count) {
		free(outcome->failures[--outcome->count].what);
		free(outcome->failures[outcome->count].why);
	}
	free(outcome->failures);
	*outcome = (struct outcome){0};
}
