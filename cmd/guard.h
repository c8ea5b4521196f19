/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guardian: a small process beside a command that undoes something when the command has ended, however it ended. The
 * program itself becomes the command (exec), so its pid, status and signals are the command's own.
 *
 * The guardian is called "ipctool-guard" and has a session of its own, no working directory but "/", /dev/null for its
 * standard streams, every signal blocked, and of the open descriptors only those that close on exec: what the command
 * inherits it does not keep open.
 */
#ifndef CMD_GUARD_H
#define CMD_GUARD_H

#include "codes.h"
#include "command.h"

/* take() and give() run in the guardian and must not print. */
struct guard {
	/*
	 * Try for at most @timeout ns to take what is to be given back. Returns 0, -ETIMEDOUT or -EAGAIN (call again), or
	 * another -errno that ends the attempt. NULL: there is nothing to take.
	 */
	int (*take)(void *data, int64_t timeout);
	/* Give it back: called once, after the guarded process has ended. */
	void (*give)(void *data);
	void *data;
	struct text *why; /* gets the reason, one line, when guard_start() fails; NULL: not asked for */
};

/*
 * Start a guardian and wait until it has taken, at most @timeout ns (0: no longer than one attempt, negative: for ever).
 * 0: from now on, when the calling process ends, whatever it has become, give() is called. -ETIMEDOUT or -EAGAIN from
 * take() alone, or why take() or starting it failed. When the caller dies while the guardian still tries, that ends
 * within 0.2 s, and what it got by then is given back.
 */
int guard_start(struct app *app, const struct guard *guard, int64_t timeout);

/* Execute @argv in place of this program; returns CODE_NOT_EXECUTABLE or CODE_NOT_FOUND after a message. */
int guard_exec(const struct app *app, const char *const *argv);

#endif
