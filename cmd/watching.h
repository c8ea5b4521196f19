/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watching: from the sources of events to what is written and run, until there is a reason to end. */
#ifndef CMD_WATCHING_H
#define CMD_WATCHING_H

#include <ipctool/monitor.h>

#include "ending.h"
#include "watch_events.h"
#include "watch_exec.h"
#include "watch_summary.h"

/* Conditions that events have to meet; the array is owned. */
struct conditions {
	struct ipc_condition **items;
	size_t count;
};

enum watch_end {
	WATCH_ON,        /* there is none yet */
	WATCH_MET,       /* --until */
	WATCH_COUNTED,   /* --count */
	WATCH_OVER,      /* --for */
	WATCH_SIGNALLED, /* somebody wants it to end */
	WATCH_UNREAD,    /* the output takes nothing more */
	WATCH_FAILED,
};

struct watching {
	struct app *app;
	struct ipc_query *query;
	struct ipc_watch how;
	struct conditions filters;
	struct ipc_condition *until; /* NULL: none */
	int64_t span;                /* --for, ns; negative: for ever */
	uint64_t count;              /* --count; 0: all */
	const char *command;         /* --exec, or NULL */
	bool strict;
	struct telling telling;
	struct summary *summary; /* instead of events; NULL: none */

	struct ipc_monitor *monitor; /* the rest is watching_run()'s */
	struct ending ending;
	struct execution execution;
	struct outcome outcome;
	enum watch_end end;
	bool unsaved; /* what was learnt could not be written the last time */
	uint64_t told, taken;
};

/* Watch until the end. Returns an exit code. */
int watching_run(struct watching *watching);
void watching_release(struct watching *watching);

#endif
