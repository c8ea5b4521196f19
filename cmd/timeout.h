/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a command waits: the options for it, and waiting in slices. In nanoseconds; negative: for ever. */
#ifndef CMD_TIMEOUT_H
#define CMD_TIMEOUT_H

#include "options.h"

#define TIMEOUT_SECOND INT64_C(1000000000)

enum timeout_option_code { OPTION_TIMEOUT = OPTION_OF_COMMAND + 256, OPTION_NOWAIT };

extern const struct poptOption timeout_options[];

#define OPTIONS_TIMEOUT                                                                         \
	{                                                                                       \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)timeout_options, 0, "Waiting", NULL \
	}

/* What the options say. Zero-initialised: nothing, so for ever. */
struct patience {
	bool timed, nowait;
	int64_t timeout; /* when timed */
};

enum taken patience_take(struct patience *patience, const struct app *app, int code, const char *argument);
/* Nanoseconds, 0: not at all, negative: for ever. */
int64_t patience_timeout(const struct patience *patience);

/* A timeout that runs. */
struct timeout {
	int64_t end; /* of CLOCK_MONOTONIC */
};

void timeout_start(struct timeout *timeout, int64_t ns);
/* What is left, at most @slice. */
int64_t timeout_slice(const struct timeout *timeout, int64_t slice);
bool timeout_over(const struct timeout *timeout);

#endif
