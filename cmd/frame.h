/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages in the files of an archive: each is a line of NAME=VALUE words that ends with its length, then its bytes as they
 * are, then a newline. What is no bytes is such a line alone.
 */
#ifndef CMD_FRAME_H
#define CMD_FRAME_H

#include <stdio.h>

#include <ipctool/dump.h>

#include "text.h"

/* A message or an entry, as it is kept. */
void frame_append(struct text *out, const struct ipc_piece *piece);

/* What the line before a message says. */
struct frame {
	int64_t number;  /* type or priority */
	bool numbered;   /* it has one */
	uint64_t length; /* bytes of the message */
	uint64_t there;  /* of which so many follow */
};

enum frame_read { FRAME_READ, FRAME_END, FRAME_BAD };

/* The line before the next message of @file. */
enum frame_read frame_read_head(FILE *file, struct frame *out);
/* Its bytes into @buffer, which has room for frame->there, or past them when it is NULL. False: they are not there. */
bool frame_read_body(FILE *file, const struct frame *frame, char *buffer);

#endif
