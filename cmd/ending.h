/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signals that ask a program to end (SIGINT, SIGTERM, SIGHUP), taken one by one where it suits: between two steps
 * rather than in the middle of one, or as what a program waits for.
 */
#ifndef CMD_ENDING_H
#define CMD_ENDING_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ending {
	sigset_t signals, before;
	int fd;         /* becomes readable when one has come */
	int64_t looked; /* when ending_come() did; 0: not yet */
};

/* Keep them waiting from now on, but those that are ignored. */
void ending_hold(struct ending *ending);
/* The number of one that has come, which is then forgotten; or 0. Looks every 10 ms, so that it may be asked often. */
int ending_come(struct ending *ending);
/* Wait for one. */
void ending_wait(const struct ending *ending);
/*
 * Read a line of @fd, its end left out, of which at most @size - 1 bytes are kept in @line. False when a signal came
 * first or nothing is left to read; ending_come() tells which.
 */
bool ending_line(struct ending *ending, int fd, char *line, size_t size);
/* Let them through again: those that wait strike now. A second time does nothing. */
void ending_release(struct ending *ending);

#endif
