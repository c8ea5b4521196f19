/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a command waits. */
#include <errno.h>
#include <time.h>

#include "message.h"
#include "timeout.h"

const struct poptOption timeout_options[] = {
	OPTION_WITH("timeout", '\0', OPTION_TIMEOUT, "give up after this time: 500ms, 5s, 1m30s", "DURATION"),
	OPTION_FLAG("nowait", '\0', OPTION_NOWAIT, "do not wait at all"),
	OPTIONS_END,
};

static enum taken take_duration(struct patience *patience, const struct app *app, const char *argument)
{
	int error = ipc_duration_parse(argument, &patience->timeout);

	if (error) {
		complain(app, "--timeout",
			 error == -ERANGE ? "'%s' is too long; without --timeout there is no end to it"
					  : "'%s' is not of the form 500ms, 5s or 1m30s",
			 argument);
		return TAKEN_BAD;
	}
	patience->timed = true;
	return TAKEN;
}

enum taken patience_take(struct patience *patience, const struct app *app, int code, const char *argument)
{
	enum taken taken = TAKEN;

	if (code == OPTION_TIMEOUT)
		taken = take_duration(patience, app, argument);
	else if (code == OPTION_NOWAIT)
		patience->nowait = true;
	else
		return TAKEN_OTHER;
	if (taken == TAKEN && patience->timed && patience->nowait) {
		complain(app, "--nowait", "cannot be combined with --timeout");
		return TAKEN_BAD;
	}
	return taken;
}

int64_t patience_timeout(const struct patience *patience)
{
	if (patience->nowait)
		return 0;
	return patience->timed ? patience->timeout : -1;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * TIMEOUT_SECOND + ts.tv_nsec;
}

void timeout_start(struct timeout *timeout, int64_t ns)
{
	int64_t start = now();

	timeout->end = ns < 0 || ns > INT64_MAX - start ? INT64_MAX : start + ns;
}

int64_t timeout_slice(const struct timeout *timeout, int64_t slice)
{
	int64_t left = timeout->end - now();

	if (left < 0)
		left = 0;
	return left < slice ? left : slice;
}

bool timeout_over(const struct timeout *timeout)
{
	return timeout->end <= now();
}
