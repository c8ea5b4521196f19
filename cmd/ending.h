/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signals that end a program, kept waiting while it has something in hand: taken one by one where it suits, between
 * two steps rather than in the middle of one, or as what a program waits for. What has to wait long does so in slices,
 * and asks in between.
 */
#ifndef CMD_ENDING_H
#define CMD_ENDING_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised: none is kept waiting, and none comes. */
struct ending {
	sigset_t signals, before;
	bool held;
	int number;     /* of the one that ending_come() saw; 0: none */
	int fd;         /* becomes readable when one has come */
	int64_t looked; /* when ending_come() did; 0: not yet */
};

/* Keep them waiting from now on, but those that are ignored. */
void ending_hold(struct ending *ending);
/* The number of one that has come, or 0. Looks every 10 ms, so that it may be asked often. */
int ending_come(struct ending *ending);
/* Wait for one, which has then done its work. */
void ending_wait(const struct ending *ending);
/*
 * Read a line of @fd, its end left out, of which at most @size - 1 bytes are kept in @line. False when a signal came
 * first or nothing is left to read; ending_come() tells which.
 */
bool ending_line(struct ending *ending, int fd, char *line, size_t size);
/*
 * Let them through again: one that ending_come() told of, and those that wait, do now what they would have done. A second
 * time does nothing.
 */
void ending_release(struct ending *ending);

#endif
