/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What making and using unix, TCP and UDP sockets has in common: backlog, connecting and sending until a deadline. */
#include "classes/sock_change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "classes/limits.h"
#include "sources/deadline.h"

bool ipc_sock_is(const struct ipc_sock *sock, const char *word)
{
	const struct ipc_bytes *words = sock->base.status.items;

	return sock->base.status.count && ipc_bytes_equal(words[0], ipc_bytes_of(word));
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static const struct ipc_limit somaxconn = {
	.name = "net.core.somaxconn",
	.file = "sys/net/core/somaxconn",
	.what = "waiting connections",
};

int ipc_sock_check_backlog(const struct ipc_creation *creation, int type)
{
	uint64_t asked = creation->settings->backlog, most;

	if (!(creation->settings->given & IPC_SET_BACKLOG))
		return 0;
	if (type == SOCK_DGRAM)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "a datagram socket has no connections and so no backlog");
	most = ipc_limit_read(creation->ctx, &somaxconn);
	if (asked <= INT_MAX && (most == IPC_UNKNOWN || asked <= most))
		return 0;
	return ipc_limit_fail(creation->ctx, -EINVAL, &somaxconn, IPC_UNKNOWN, "the backlog would be cut silently");
}

int ipc_sock_open_fail(struct ipc_ctx *ctx, int error)
{
	static const struct ipc_limit files = {
		.name = "fs.file-max", .file = "sys/fs/file-max", .what = "open files on this host"};
	struct rlimit own;

	switch (error) {
	case -EMFILE:
		if (getrlimit(RLIMIT_NOFILE, &own) < 0)
			break;
		return ipc_ctx_fail(ctx, error, "no socket can be had: a process may have %ju descriptors (ulimit -n)",
				    (uintmax_t)own.rlim_cur);
	case -ENFILE:
		return ipc_limit_fail(ctx, error, &files, IPC_UNKNOWN, "no socket can be had");
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
	case -ESOCKTNOSUPPORT:
		return ipc_ctx_fail(ctx, -ENOSYS, "this kernel has no such sockets: %s", strerror(-error));
	}
	return ipc_ctx_fail(ctx, error, "no socket can be had: %s", strerror(-error));
}

int ipc_sock_open(struct ipc_creation *creation, int family, int type, int protocol)
{
	creation->fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (creation->fd >= 0)
		return 0;
	return ipc_sock_open_fail(creation->ctx, -errno);
}

void ipc_sock_unmake(struct ipc_creation *creation)
{
	if (creation->fd >= 0)
		close(creation->fd);
	if (creation->dir >= 0)
		close(creation->dir);
	creation->fd = creation->dir = -1;
	ipc_buf_clear(&creation->locator);
	ipc_buf_clear(&creation->file);
}

int ipc_sock_backlog(const struct ipc_creation *creation)
{
	return creation->settings->given & IPC_SET_BACKLOG ? (int)creation->settings->backlog : SOMAXCONN;
}

int ipc_sock_made(struct ipc_creation *creation)
{
	struct stat st;

	if (fstat(creation->fd, &st) < 0)
		return ipc_ctx_fail(creation->ctx, -errno, "cannot be looked at: %s", strerror(errno));
	if (ipc_buf_format(&creation->locator, "%" PRIu64, (uint64_t)st.st_ino))
		return ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
	return 0;
}

int ipc_sock_check_flags(const struct ipc_creation *creation)
{
	if (!(creation->flags & IPC_CREATE_EXIST_OK))
		return 0;
	return ipc_ctx_fail(creation->ctx, -EINVAL,
			    "a socket belongs to its process: one that exists cannot be taken over");
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

int ipc_sock_type_number(const struct ipc_sock *sock)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (ipc_bytes_equal(sock->type, ipc_sock_type(types[i])))
			return types[i];
	return -1;
}

int ipc_sock_reachable(struct ipc_ctx *ctx, const struct ipc_sock *sock)
{
	int type = ipc_sock_type_number(sock);

	if (sock->stale)
		return ipc_ctx_fail(ctx, -ECONNREFUSED,
				    "nobody is bound to this file any more; start its server, or remove the file");
	if (type < 0)
		return ipc_ctx_fail(ctx, -EINVAL, "is neither of type stream nor dgram nor seqpacket");
	if (!sock->local.len)
		return ipc_ctx_fail(ctx, -EINVAL, "has no address that something could be sent to");
	/* The kernel calls a unix datagram socket ESTAB as soon as anybody has connected to it: what counts is its own peer. */
	if (type == SOCK_DGRAM ? !sock->peer.data : ipc_sock_is(sock, "LISTEN"))
		return 0;
	if (type != SOCK_DGRAM && (ipc_sock_is(sock, "UNCONN") || ipc_sock_is(sock, "BOUND-INACTIVE")))
		return ipc_ctx_fail(ctx, -ECONNREFUSED, "does not listen: its process has not called listen() yet");
	return ipc_ctx_fail(ctx, -EINVAL, "is connected: its peer alone can send to it");
}

static int expired(ipc_deadline deadline)
{
	return deadline == IPC_NO_WAIT ? -EAGAIN : -ETIMEDOUT;
}

/* Wait for @events. Returns 0, -EAGAIN or -ETIMEDOUT, or -errno. */
static int wait_for(int fd, short events, ipc_deadline deadline)
{
	struct pollfd poller = {.fd = fd, .events = events};
	int r;

	for (;;) {
		r = poll(&poller, 1, ipc_deadline_poll(deadline));
		if (r > 0)
			return 0;
		if (r == 0 && ipc_deadline_passed(deadline))
			return expired(deadline);
		if (r < 0 && errno != EINTR)
			return -errno;
		/* A signal may come again and again. */
		if (r < 0 && deadline != IPC_NO_WAIT && ipc_deadline_passed(deadline))
			return expired(deadline);
	}
}

static int set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* How long calls on a blocking @fd may take from now on. */
static int set_timeout(int fd, ipc_deadline deadline)
{
	struct timespec left = {0};
	struct timeval timeout;

	ipc_deadline_relative(deadline, &left);
	/* All zero means for ever. */
	timeout = (struct timeval){.tv_sec = left.tv_sec, .tv_usec = left.tv_nsec / 1000};
	if (deadline != IPC_NO_DEADLINE && !timeout.tv_sec && !timeout.tv_usec)
		timeout.tv_usec = 1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ? -errno : 0;
}

/* After a call that waited with such a timeout: 0 to call again, or the error. */
static int wait_again(int error, ipc_deadline deadline)
{
	if (error != -EINTR && error != -EAGAIN)
		return error;
	/* Without waiting there is nothing that a signal could have interrupted. */
	if (ipc_deadline_passed(deadline) && (error == -EAGAIN || deadline != IPC_NO_WAIT))
		return expired(deadline);
	return 0;
}

/*
 * The kernel has no event for "the backlog of that unix socket has room again", so connect() itself has to wait, with a
 * timeout of its own.
 */
static int connect_unix(int fd, const void *address, unsigned size, ipc_deadline deadline)
{
	int r = set_blocking(fd, deadline != IPC_NO_WAIT);

	while (r == 0) {
		r = set_timeout(fd, deadline);
		if (r == 0 && connect(fd, address, size) == 0)
			return set_blocking(fd, false);
		r = wait_again(r ? r : -errno, deadline);
	}
	return r;
}

static int connect_inet(int fd, const void *address, unsigned size, ipc_deadline deadline)
{
	socklen_t len = sizeof(int);
	int error, r = set_blocking(fd, false);

	if (r || connect(fd, address, size) == 0)
		return r;
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;
	r = wait_for(fd, POLLOUT, deadline);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		r = -errno;
	return r ? r : -error;
}

int ipc_sock_connect(int fd, const void *address, unsigned size, ipc_deadline deadline)
{
	const struct sockaddr *any = address;

	return any->sa_family == AF_UNIX ? connect_unix(fd, address, size, deadline)
					 : connect_inet(fd, address, size, deadline);
}

int ipc_sock_connect_fail(struct ipc_ctx *ctx, int error)
{
	switch (error) {
	case -EAGAIN:
		return ipc_ctx_fail(ctx, error, "cannot be connected at once: its backlog is full");
	case -ETIMEDOUT:
		return ipc_ctx_fail(ctx, error, "no connection in time: its process does not accept any");
	case -ECONNREFUSED:
		return ipc_ctx_fail(ctx, error, "refuses connections: nobody listens there any more");
	case -EPROTOTYPE:
		return ipc_ctx_fail(ctx, -ESTALE, "replaced: a socket of another type is there now");
	case -EACCES:
	case -EPERM:
		return ipc_ctx_fail(ctx, error, "you may not connect to it: %s", strerror(-error));
	default:
		return ipc_ctx_fail(ctx, error, "cannot be connected: %s", strerror(-error));
	}
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* An error that a datagram brought back; the next one shall not meet it. */
static int pending_error(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

static int send_fail(struct ipc_port *port, int error, size_t sent)
{
	switch (error) {
	case -EAGAIN:
	case -ETIMEDOUT:
		if (sent)
			return ipc_ctx_fail(port->ctx, error, "its buffer is full: only the first %zu bytes were sent",
					    sent);
		return ipc_ctx_fail(port->ctx, error, "its buffer is full: its process does not read");
	case -EMSGSIZE:
		return ipc_ctx_fail(port->ctx, error, "too large: a message of this socket holds at most %zu bytes%s",
				    port->limit,
				    port->object->of_kind == &ipc_kind_sock_unix
					    ? "; raise /proc/sys/net/core/wmem_max, which is half of that"
					    : "");
	case -ENOBUFS:
	case -ENOMEM:
		return ipc_ctx_fail(port->ctx, error,
				    "the kernel has no memory for a message of that size; send smaller ones");
	case -ECONNREFUSED:
	case -ENOTCONN:
		return ipc_ctx_fail(port->ctx, -ECONNREFUSED, "nobody receives there any more");
	case -EPERM:
		return ipc_ctx_fail(port->ctx, -EINVAL, "is connected by now: its peer alone can send to it");
	case -EPIPE:
	case -ECONNRESET:
		if (!port->stream)
			return ipc_ctx_fail(port->ctx, -EPIPE, "was shut down: nothing can be sent to it any more");
		return ipc_ctx_fail(port->ctx, -EPIPE, "its process has closed the connection");
	default:
		return ipc_ctx_fail(port->ctx, error, "cannot be sent: %s", strerror(-error));
	}
}

static int check_message(struct ipc_port *port, const struct ipc_message *message)
{
	if (message->number)
		return ipc_ctx_fail(port->ctx, -EINVAL, "messages of sockets have neither type nor priority");
	return !port->stream && message->data.len > port->limit ? send_fail(port, -EMSGSIZE, 0) : 0;
}

int ipc_sock_send(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	const struct ipc_bytes *data = &message->data;
	int r = check_message(port, message);
	bool more = data->len || !port->stream; /* an empty datagram is one, an empty piece of a stream is nothing */

	if (r)
		return r;
	while (r == 0 && more) {
		ssize_t len = send(port->fd, data->data + *sent, data->len - *sent, MSG_NOSIGNAL);

		if (len >= 0) {
			*sent += (size_t)len;
			more = port->stream && *sent < data->len;
		} else if (errno == EAGAIN) {
			r = wait_for(port->fd, POLLOUT, deadline);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	/* Where the other end is on this host, it has said by now that nobody is there. */
	if (r == 0 && !port->stream)
		r = pending_error(port->fd);
	return r ? send_fail(port, r, *sent) : 0;
}

int ipc_sock_send_to(struct ipc_port *port, const struct ipc_message *message, const void *address, unsigned size,
		     ipc_deadline deadline, size_t *sent)
{
	int r = check_message(port, message);
	ssize_t len;

	if (r)
		return r;
	while (r == 0) {
		r = set_timeout(port->fd, deadline);
		len = r ? -1
			: sendto(port->fd, message->data.data, message->data.len,
				 MSG_NOSIGNAL | (deadline == IPC_NO_WAIT ? MSG_DONTWAIT : 0), address, size);
		if (len >= 0) {
			*sent = (size_t)len;
			return 0;
		}
		r = wait_again(r ? r : -errno, deadline);
	}
	if (r == -EPROTOTYPE || r == -EACCES)
		return ipc_sock_connect_fail(port->ctx, r);
	return send_fail(port, r, 0);
}
