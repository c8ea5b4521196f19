/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command that changes things did, as JSON: one document with a list, or one line for each thing done. */
#ifndef CMD_RESULTS_H
#define CMD_RESULTS_H

#include "format.h"
#include "outcome.h"
#include "output.h"

struct results {
	struct output *out;
	bool lines; /* one entry per line, as it happens */
	bool any, members;
};

/* @name: of the list, "changes". */
void results_begin(struct results *results, const char *name);
/* The next entry, then its members. */
void results_open(struct results *results);
/* The key of a member; its value is to be appended to the text. */
struct text *results_key(struct results *results, const char *name);
/* A member that is a string; NULL: null. */
void results_string(struct results *results, const char *name, const char *string);
void results_close(struct results *results);
void results_end(struct results *results, const struct outcome *outcome);

#endif
