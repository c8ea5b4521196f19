/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far long work has come. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define PATIENCE 500000000 /* ns before the first line */
#define INTERVAL 100000000 /* ns between two lines */

static int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void put(const char *text, int length)
{
	ssize_t n = write(STDERR_FILENO, text, (size_t)length);

	(void)n; /* it is nothing that anybody has to have */
}

void progress_begin(struct progress *progress)
{
	*progress = (struct progress){.terminal = isatty(STDERR_FILENO), .next = clock_now() + PATIENCE};
}

bool progress_due(struct progress *progress)
{
	return progress->terminal && clock_now() >= progress->next;
}

void progress_show(struct progress *progress, const char *line)
{
	char text[128];
	int length = snprintf(text, sizeof(text), "\r%.100s\033[K", line);

	put(text, length);
	progress->shown = true;
	progress->next = clock_now() + INTERVAL;
}

void progress_hide(struct progress *progress)
{
	if (progress->shown)
		put("\r\033[K", 4);
	progress->shown = false;
}
