/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One cleaning at a time: a lock on a file, which ends with the process however that ends. */
#ifndef CMD_RUNLOCK_H
#define CMD_RUNLOCK_H

#include "codes.h"
#include "command.h"

/* Zero-initialised has to go through runlock_take() before runlock_release(). */
struct runlock {
	int fd; /* -1: none */
};

/*
 * Lock @path; NULL: the one of this user (root: /run/ipctool/clean.lock). Does not wait. CODE_DONE, or the exit code after a message:
 * CODE_REFUSED when another process has it, which the message names. @lock is set in any case.
 */
enum code runlock_take(struct runlock *lock, const struct app *app, const char *path);
void runlock_release(struct runlock *lock);

#endif
