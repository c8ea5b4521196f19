/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What making and using unix, TCP and UDP sockets has in common. */
#ifndef IPC_CLASSES_SOCK_CHANGE_H
#define IPC_CLASSES_SOCK_CHANGE_H

#include "classes/change.h"
#include "classes/sock.h"

/* Is @word the kernel's own word for the state of @sock? */
bool ipc_sock_is(const struct ipc_sock *sock, const char *word);

/* ---- making ---------------------------------------------------------------------------------------------------- */

/* creation->fd: a new socket, closed on exec. Returns 0 or -errno with text. */
int ipc_sock_open(struct ipc_creation *creation, int family, int type, int protocol);
/* Text for a socket() that failed. */
int ipc_sock_open_fail(struct ipc_ctx *ctx, int error);
/* After a failure: close what create() opened. */
void ipc_sock_unmake(struct ipc_creation *creation);
/*
 * May a socket of @type have the backlog of the settings? Returns 0 or -EINVAL with text, also for one that the kernel
 * would cut without a word.
 */
int ipc_sock_check_backlog(const struct ipc_creation *creation, int type);
/* What to pass to listen(). */
int ipc_sock_backlog(const struct ipc_creation *creation);
/* The inode of creation->fd as the locator. Returns 0 or -errno with text. */
int ipc_sock_made(struct ipc_creation *creation);
/* IPC_CREATE_EXIST_OK has no sense for a socket. Returns 0 or -EINVAL with text. */
int ipc_sock_check_flags(const struct ipc_creation *creation);

/* ---- sending --------------------------------------------------------------------------------------------------- */

/* Does anybody but its peer reach @sock? Returns 0 or -errno with text. */
int ipc_sock_reachable(struct ipc_ctx *ctx, const struct ipc_sock *sock);
/* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET; -1 for others. */
int ipc_sock_type_number(const struct ipc_sock *sock);
/*
 * Connect @fd, which then does not block any more. Returns 0, -EAGAIN or -ETIMEDOUT at the deadline, or -errno, without
 * text. A full backlog of a unix socket is waited for as well.
 */
int ipc_sock_connect(int fd, const void *address, unsigned size, ipc_deadline deadline);
/* Text for an error of ipc_sock_connect(). */
int ipc_sock_connect_fail(struct ipc_ctx *ctx, int error);
/* send() of the kinds on a connected socket: all of it, datagrams whole. SIGPIPE is not raised. */
int ipc_sock_send(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent);

/* The same for one datagram to @address by a socket that is not connected and may block. */
int ipc_sock_send_to(struct ipc_port *port, const struct ipc_message *message, const void *address, unsigned size,
		     ipc_deadline deadline, size_t *sent);

/* What all three refuse. */
#define IPC_SOCK_REFUSE                                                                                             \
	[IPC_VERB_RECEIVE] = ("what a socket receives belongs to the process that has it; look at it with "         \
			      "\"ipctool dump\", or make one for a command: ipctool create sock:/path -- COMMAND"), \
	[IPC_VERB_POST] = "a socket is no semaphore; make one: sem:/name",                                          \
	[IPC_VERB_WAIT] = "a socket is no semaphore; make one: sem:/name"

#endif
