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
};

/* Add what the last run of @query could not find or read to @outcome, and tell it on standard error. */
void findings_report(const struct app *app, const struct ipc_query *query, const struct findings_rules *rules,
		     struct outcome *outcome);

#endif
