/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipes, anonymous and named: the struct that both collectors fill, and what is found out the same way for both. */
#ifndef IPC_CLASSES_PIPE_H
#define IPC_CLASSES_PIPE_H

#include "classes/classes.h"
#include "holders/holders.h"
#include "sources/mounts.h"

struct ipc_lender;

struct ipc_pipe {
	struct ipc_object base;
	uint64_t buffered;       /* bytes written and not yet read */
	uint64_t capacity;       /* bytes */
	uint64_t packet;         /* bool: written with O_DIRECT, each write is a packet */
	struct ipc_list openers; /* of struct ipc_waiter: tasks that hang in open() until the other end comes */
	struct ipc_list readers; /* of struct ipc_holder: the holders that may read */
	struct ipc_list writers; /* of struct ipc_holder: the holders that may write */
	struct ipc_bytes flow;   /* "sort[12] -> head[13]" */

	bool reachable; /* `name` leads to it in the mount namespace that it is listed for; no field */
	bool proven;    /* `dev` is certain to be what other processes' files are compared by; no field */
};

extern const struct ipc_record ipc_pipe_record;
extern const struct ipc_changes ipc_changes_pipe, ipc_changes_fifo;

/* Fill holders, readers, writers and flow, and openers, as far as they are needed. */
void ipc_pipe_fill_ends(struct ipc_run *run, struct ipc_pipe *pipe);
/*
 * Fill buffered, capacity and packet through a copy of a holder's descriptor: the pipe itself is not opened, which
 * its peers would notice. Nobody has it: they stay unknown. Where no holder lets us, that is recorded as a problem of
 * the run. @lender is kept from one pipe to the next; @file, unless it is NULL, gets what was looked at. True when it was.
 */
bool ipc_pipe_fill_contents(struct ipc_run *run, struct ipc_pipe *pipe, struct ipc_lender *lender,
			    struct ipc_file *file);

/* Is what a holder of the anonymous pipe @data, a struct ipc_object, has as @fd a pipe still? For ipc_object_copy(). */
bool ipc_pipe_is(int fd, const void *data);
/*
 * Give the pipe behind @fd, any of its ends, room for @capacity bytes; the kernel rounds up to pages, a power of two of
 * them. *@before is how much it had. Returns 0 or -errno with text.
 */
int ipc_pipe_resize(struct ipc_ctx *ctx, int fd, uint64_t capacity, int *before);

#endif
