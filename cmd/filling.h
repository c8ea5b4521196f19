/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file of an archive while an object is dumped into it. */
#ifndef CMD_FILLING_H
#define CMD_FILLING_H

#include <ipctool/dump.h>

#include "ending.h"
#include "text.h"

struct filling {
	int fd;
	bool memory; /* bytes stand where they stood in the object, with holes between them; else one after another */
	bool semaphores;       /* entries have values */
	bool taken_out;        /* what is given is nowhere else: it is written at once, and nothing interrupts that */
	struct ending *ending; /* asked between pieces */
	struct text buffer;    /* what is still to be written at `end` */
	uint64_t end;          /* of the file, without the buffer */
	uint64_t given;        /* bytes of the object */
	uint64_t count;        /* messages and entries */
	bool partial;          /* of some message not all could be read */
	struct text values;    /* of semaphores: "1,0,3" */
	int error;             /* positive errno of what could not be written; EINTR: a signal came */
};

/* An ipc_piece_fn for a struct filling. Makes calls on its descriptor alone, so it may run anywhere. */
int filling_take(const struct ipc_piece *piece, void *filling);
/* After the last piece: write what is left, to the disk. False with the error set when that fails. */
bool filling_finish(struct filling *filling);
/* pwrite(2) of all of it. False with errno. */
bool filling_write(int fd, const char *data, size_t len, uint64_t offset);
void filling_release(struct filling *filling);

#endif
