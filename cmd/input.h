/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be sent: words of the command line, a file, or standard input. */
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

#include <stdio.h>

#include "codes.h"
#include "command.h"

struct input {
	const struct app *app;
	const char *target; /* what it is sent to, for messages */
	const char *name;   /* where it comes from, for messages */
	int fd;             /* -1: none, text alone */
	struct text text;   /* what was read last */
};

/* @text, or else the file called @file ("-": standard input), or with neither standard input. Says what is wrong. */
enum code input_open(struct input *input, const struct app *app, const char *target, const char *text,
		     const char *file);
/* Read all of it, at most @limit bytes (0: as much as there is) ; larger is an error. Says what is wrong. */
enum code input_read_all(struct input *input, size_t limit);
/* Read what is there next, waiting for some; nothing at the end. Says what is wrong. */
enum code input_read_some(struct input *input);
void input_release(struct input *input);

#endif
