/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of a command: its exit code so far, and what failed. */
#ifndef CMD_OUTCOME_H
#define CMD_OUTCOME_H

#include "codes.h"
#include "text.h"

/* One entry of "errors" in JSON. */
struct failure {
	char *what;
	int error; /* positive errno, 0 when there is none */
	char *why;
};

/* Zero-initialised is: done, nothing failed, but nothing known to be complete. */
struct outcome {
	enum code code;
	bool complete;
	struct failure *failures;
	size_t count;
	const char *summary; /* a JSON object for the end of a document, or NULL; borrowed */
};

/* Remember a failure; @code CODE_DONE: it does not change the exit code. */
void outcome_add(struct outcome *outcome, enum code code, const char *what, int error, const char *why);
void outcome_release(struct outcome *outcome);

#endif
