/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a query could not find or read: as failures, exit code and messages. */
#ifndef CMD_FINDINGS_H
#define CMD_FINDINGS_H

#include "columns.h"
#include "outcome.h"

struct findings_rules {
	const struct columns *named; /* columns that were asked for with -o, or NULL */
	bool strict;                 /* a missing privilege is a failure */
	bool missing_ok;             /* a reference that names nothing is none */
	bool quiet;                  /* not a word of what is hidden while that is no failure */
};

/* Add what the last run of @query could not find or read to @outcome, and tell it on standard error. */
void findings_report(const struct app *app, const struct ipc_query *query, const struct findings_rules *rules,
		     struct outcome *outcome);
/* The same when the run as a whole failed, with the positive @error. */
void findings_failure(const struct app *app, int error, struct outcome *outcome);
/* The same when a signal ended it, with @removed objects taken away by then. */
void findings_interruption(const struct app *app, uint64_t removed, struct outcome *outcome);

#endif
