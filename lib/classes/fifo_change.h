/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs of FIFOs share: finding the file again, and opening what was found rather than what has its name. */
#ifndef IPC_CLASSES_FIFO_CHANGE_H
#define IPC_CLASSES_FIFO_CHANGE_H

#include "classes/change.h"
#include "classes/pipe.h"

/* Where a FIFO is. */
struct ipc_fifo_place {
	int dir;          /* its directory; -1: none */
	const char *name; /* in it */
	int fd;           /* O_PATH on the FIFO itself; -1: none */
};
#define IPC_NO_FIFO_PLACE ((struct ipc_fifo_place){.dir = -1, .fd = -1})

/* Does a name lead to it from here? 0; else -EIDRM (unlinked) or -ENOENT (one that was not looked at), with text. */
int ipc_fifo_has_name(struct ipc_ctx *ctx, const struct ipc_pipe *fifo);
/* Is the file behind @fd the FIFO that was listed? */
bool ipc_fifo_is(struct ipc_ctx *ctx, const struct ipc_pipe *fifo, int fd);
/* Find it by its name, without opening it. Returns 0, -ENOENT, -EIDRM, -ESTALE or -errno, with text. */
int ipc_fifo_find(struct ipc_ctx *ctx, const struct ipc_pipe *fifo, struct ipc_fifo_place *out);
void ipc_fifo_place_release(struct ipc_fifo_place *place);

/*
 * Open the very file behind @fd, which may be O_PATH, with @flags, whatever has its name by now. Returns the fd or -errno;
 * -EINTR when a signal came while it waited.
 */
int ipc_fifo_reopen(struct ipc_ctx *ctx, int fd, int flags);
/* chmod() of the file behind @fd, which may be O_PATH. Returns 0 or -errno. */
int ipc_fifo_chmod(struct ipc_ctx *ctx, int fd, mode_t mode);

/* fifo_port.c */
int ipc_fifo_open(struct ipc_port *port, ipc_deadline deadline);
int ipc_fifo_send(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent);
int ipc_fifo_receive(struct ipc_port *port, const struct ipc_choice *choice, ipc_deadline deadline,
		     struct ipc_message *out, bool *end);

/* fifo_create.c */
int ipc_fifo_create(struct ipc_creation *creation);

#endif
