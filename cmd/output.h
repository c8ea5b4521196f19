/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output: a text that is written out in large pieces, and remembers when that failed. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>

#include "text.h"

#define OUTPUT_PIECE 65536

struct output {
	struct text text; /* append here, then call output_pace() */
	int fd;
	int error; /* positive errno of the first failed write */
};

/* Write everything now. Returns false once a write has failed; nothing more is written then. */
bool output_flush(struct output *out);
/* The same as soon as a piece is full. */
static inline bool output_pace(struct output *out)
{
	return out->text.len < OUTPUT_PIECE ? !out->error : output_flush(out);
}

#endif
