/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output: a text that is written out in large pieces, and remembers when that failed. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>

#include "text.h"

#define OUTPUT_PIECE 65536
#define OUTPUT_FIRST 4096 /* the first piece: who reads is to see something at once */

struct ending;

struct output {
	struct text text; /* append here, then call output_pace() */
	int fd;
	int error; /* positive errno of the first failed write */
	/* Signals that are kept waiting, which also end the waiting for a reader: with EPIPE. NULL: none are. */
	struct ending *ending;
	bool begun;   /* something was written */
	bool gathers; /* keep everything for now, however much it gets */
	bool hole;    /* the file may have to get longer yet; private */
};

/* Write everything now. Returns false once a write has failed; nothing more is written then. */
bool output_flush(struct output *out);
/* The same as soon as a piece is full. */
static inline bool output_pace(struct output *out)
{
	return out->text.len < (out->begun ? OUTPUT_PIECE : OUTPUT_FIRST) ? !out->error : output_flush(out);
}

/* Append bytes; many of them are not copied. */
bool output_bytes(struct output *out, const char *data, size_t len);
/* Append @length zero bytes. At the end of a regular file many of them become a hole; then output_settle() comes last. */
bool output_zeros(struct output *out, uint64_t length);
/* Write everything, and give a file that ends with a hole its length. */
bool output_settle(struct output *out);

#endif
