/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cleaning under way: contents kept, removals recorded and told, and the sum of it. */
#ifndef CMD_CLEANING_H
#define CMD_CLEANING_H

#include <ipctool/clean.h>

#include "archive.h"
#include "ending.h"
#include "findings.h"
#include "journal.h"
#include "progress.h"
#include "render.h"
#include "runlock.h"

struct cleaning {
	struct app *app;
	struct ipc_query *query;
	struct ipc_cleaning how;      /* all but its functions and their data */
	char *save, *log, *lock;      /* directory and files, or NULL */
	bool no_syslog, quiet, bytes; /* bytes: sizes as plain numbers */
	bool document;                /* what the renderer writes has to be completed, whatever happens */
	bool sums_up;                 /* for people, in the last line */
	struct findings_rules rules;
	struct renderer *renderer; /* NULL: a line for each thing done */

	/* private to cleaning.c and cleaning_tell.c */
	struct ipc_cleaned done;
	uint64_t removed, left, failed; /* told so far; left: by the limit */
	struct ending ending;
	struct progress progress;
	struct runlock runlock;
	struct archive *archive;
	struct journal *journal;
	enum code unsaved; /* before() kept the next object that is told for this, and `why` */
	struct text why, summary;
	struct outcome outcome;
	bool unseen;  /* a privilege would have shown more */
	bool at_once; /* somebody watches: nothing is kept in the buffer */
	bool broken;  /* a record could not be written: nothing more is removed */
};

/* Do it. Returns an exit code, or 128 and the number of the signal that ended it. */
int cleaning_run(struct cleaning *cleaning);
/* Everything but the application and what the renderer reads is given back. A signal that ended it takes effect. */
void cleaning_release(struct cleaning *cleaning);

/* ---- cleaning_tell.c --------------------------------------------------------------------------------------------- */

#define CLEANING_BROKEN (-ECANCELED) /* the output takes nothing more, and there is nothing else to be done */

/* As struct ipc_cleaning has it; @data: the cleaning. */
int cleaning_tell(const struct ipc_object *object, void *data);
/* What is left to say when nothing more will be told, and the sum of it. */
void cleaning_sum_up(struct cleaning *cleaning);

#endif
