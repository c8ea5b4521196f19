/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far long work has come: one line on a terminal's standard error, written over and over, and gone at the end. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: not begun, and shows nothing. */
struct progress {
	bool terminal, shown;
	int64_t next; /* when it may be written again, CLOCK_MONOTONIC ns */
};

/* From now on; nothing is shown of what is done within half a second, and nothing at all where nobody watches. */
void progress_begin(struct progress *progress);
/* Time to show something new? Cheap: to be asked for each of thousands of steps. */
bool progress_due(struct progress *progress);
/* Show this line, which has no control characters. */
void progress_show(struct progress *progress, const char *line);
/* Take it away: something else is to be written, or all is done. */
void progress_hide(struct progress *progress);

#endif
