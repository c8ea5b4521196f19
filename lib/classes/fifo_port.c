/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes through a FIFO, without waiting longer than was asked: neither for the other end nor for room or data. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classes/fifo_change.h"
#include "sources/deadline.h"

#define CHUNK ((size_t)64 * 1024) /* as much as a FIFO holds unless somebody enlarged it */

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int fail_open(const struct ipc_port *port, int error)
{
	const struct ipc_object *object = port->object;
	bool sends = port->verb == IPC_VERB_SEND;

	switch (error) {
	case -ENXIO:
		return ipc_ctx_fail(port->ctx, -EAGAIN, "nobody has it open for reading");
	case -EINTR:
		return ipc_ctx_fail(port->ctx, -ETIMEDOUT, "nobody opened it for %s in that time",
				    sends ? "reading" : "writing");
	case -ENOBUFS:
		return ipc_alarm_fail(port->ctx);
	case -EACCES:
		return ipc_ctx_fail(port->ctx, -EACCES,
				    "no permission to %s it: it belongs to uid %" PRIu64 ", gid %" PRIu64
				    " and has mode %04" PRIo64,
				    sends ? "write to" : "read", object->uid, object->gid, object->mode);
	default:
		return ipc_ctx_fail(port->ctx, error, "cannot be opened: %s", strerror(-error));
	}
}

/*
 * Without O_NONBLOCK, so that the other end sees who waits for it and wakes him at once. -EINTR: the deadline passed.
 */
static int open_waiting(struct ipc_ctx *ctx, int found, int flags, ipc_deadline deadline)
{
	struct ipc_alarm alarm;
	int fd, r = ipc_alarm_arm(&alarm, deadline);

	if (r)
		return r;
	do
		fd = ipc_fifo_reopen(ctx, found, flags);
	while (fd == -EINTR && !ipc_deadline_passed(deadline));
	ipc_alarm_disarm(&alarm);
	if (fd >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int ipc_fifo_open(struct ipc_port *port, ipc_deadline deadline)
{
	int fd, flags = port->verb == IPC_VERB_SEND ? O_WRONLY : O_RDONLY;
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	int r = ipc_fifo_find(port->ctx, (const struct ipc_pipe *)port->object, &place);

	if (r)
		return r;
	if (deadline == IPC_NO_WAIT)
		fd = ipc_fifo_reopen(port->ctx, place.fd, flags | O_NONBLOCK);
	else
		fd = open_waiting(port->ctx, place.fd, flags, deadline);
	ipc_fifo_place_release(&place);
	if (fd < 0)
		return fail_open(port, fd);
	port->fd = fd;
	port->stream = true;
	return 0;
}

/* Until something of @events, or the end of the other side. Returns 0, -EAGAIN, -ETIMEDOUT or -errno, without text. */
static int await(const struct ipc_port *port, short events, ipc_deadline deadline)
{
	struct pollfd poller = {.fd = port->fd, .events = events};
	int n;

	do
		n = poll(&poller, 1, ipc_deadline_poll(deadline));
	while (n < 0 ? errno == EINTR : n == 0 && !ipc_deadline_passed(deadline));
	if (n < 0)
		return -errno;
	return n ? 0 : deadline == IPC_NO_WAIT ? -EAGAIN : -ETIMEDOUT;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/*
 * A write without a reader raises SIGPIPE, which ends a program that does not expect it. It is kept back in this thread and
 * taken away again; one that was pending before is not ours.
 */
struct pipe_signal {
	sigset_t mask;
	bool was_pending;
};

static void hold_back(struct pipe_signal *state)
{
	sigset_t set;

	sigpending(&set);
	state->was_pending = sigismember(&set, SIGPIPE) == 1;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &state->mask);
}

static void let_go(const struct pipe_signal *state, bool raised)
{
	const struct timespec now = {0};
	sigset_t set;

	if (raised && !state->was_pending) {
		sigemptyset(&set);
		sigaddset(&set, SIGPIPE);
		while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &state->mask, NULL);
}

static int write_all(const struct ipc_port *port, struct ipc_bytes data, ipc_deadline deadline, size_t *sent)
{
	int r = 0;

	while (r == 0 && *sent < data.len) {
		ssize_t n = write(port->fd, data.data + *sent, data.len - *sent);

		if (n >= 0)
			*sent += (size_t)n;
		else if (errno == EAGAIN)
			r = await(port, POLLOUT, deadline);
		else if (errno != EINTR)
			r = -errno;
	}
	return r;
}

int ipc_fifo_send(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	struct pipe_signal state;
	int r;

	if (message->number)
		return ipc_ctx_fail(port->ctx, -EINVAL, "a FIFO carries bytes, without types or priorities");
	hold_back(&state);
	r = write_all(port, message->data, deadline, sent);
	let_go(&state, r == -EPIPE);
	switch (r) {
	case 0:
		return 0;
	case -EPIPE:
		return ipc_ctx_fail(port->ctx, r, "the reader has gone");
	case -EAGAIN:
	case -ETIMEDOUT:
		return ipc_ctx_fail(port->ctx, r, "full: nobody has read enough of it");
	default:
		return ipc_ctx_fail(port->ctx, r, "cannot be written to: %s", strerror(-r));
	}
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/*
 * The kernel tells the end (POLLHUP) from the beginning, when no writer has come yet since this end was opened; read() gives
 * 0 for both.
 */
static ssize_t read_some(struct ipc_port *port, ipc_deadline deadline)
{
	ssize_t n;
	int r;

	do {
		r = await(port, POLLIN, deadline);
		if (r)
			return r;
		n = read(port->fd, port->buffer, port->room);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR)); /* another reader was faster */
	return n < 0 ? -errno : n;
}

static int make_room(struct ipc_port *port)
{
	if (port->buffer)
		return 0;
	port->buffer = malloc(CHUNK);
	if (!port->buffer)
		return ipc_ctx_fail(port->ctx, -ENOMEM, "out of memory");
	port->room = CHUNK;
	return 0;
}

int ipc_fifo_receive(struct ipc_port *port, const struct ipc_choice *choice, ipc_deadline deadline,
		     struct ipc_message *out, bool *end)
{
	ssize_t n;
	int r;

	if (choice->type || choice->except)
		return ipc_ctx_fail(port->ctx, -EINVAL, "a FIFO carries bytes, without types to choose from");
	r = make_room(port);
	if (r)
		return r;
	n = read_some(port, deadline);
	if (n == -EAGAIN || n == -ETIMEDOUT)
		return ipc_ctx_fail(port->ctx, (int)n, "nothing is in it");
	if (n < 0)
		return ipc_ctx_fail(port->ctx, (int)n, "cannot be read: %s", strerror((int)-n));
	*out = (struct ipc_message){.data = {port->buffer, (size_t)n}};
	*end = n == 0;
	return 0;
}
