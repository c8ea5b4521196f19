/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MSG_PEEK: a look at what a socket has received, with what comes along, and the peek offset that looks further. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "classes/sock_contents.h"
#include "sources/procfs.h"
#include "sources/umask_call.h"

/* Newer than some C libraries' headers. */
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* As many as can be passed at once (SCM_MAX_FD), and what else may come: credentials, a label, times. */
#define CONTROL_ROOM 4096

void ipc_sock_note(struct ipc_sock_reading *reading, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Without memory there is one note less. */
	ipc_buf_format(&reading->notes, "%s%s", reading->notes.len ? "; " : "", text);
}

void ipc_sock_let_go(struct ipc_sock_reading *reading)
{
	if (reading->fd >= 0)
		close(reading->fd);
	reading->fd = -1;
}

void ipc_sock_note_offset(struct ipc_sock_reading *reading)
{
	if (reading->peek_offset != IPC_SOCK_NO_OFFSET && !(reading->events & POLLERR))
		ipc_sock_note(reading, "--peek-offset reaches it, at the cost of a mark");
}

bool ipc_sock_may_peek(const struct ipc_sock_reading *reading, const char **why)
{
	*why = NULL;
	if (reading->peek_offset >= 0)
		*why = IPC_SOCK_OFFSET_USED;
	else if (reading->events & POLLERR)
		*why = "an error waits there for its owner, which MSG_PEEK would take away";
	return !*why;
}

int ipc_sock_peek_fail(struct ipc_sock_reading *reading, int error)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;

	switch (error) {
	case -ENOMEM:
		return ipc_ctx_fail(ctx, error, "out of memory");
	case -EACCES:
	case -EPERM:
		return ipc_ctx_fail(ctx, -EPERM, "a security module does not let you receive from it: %s",
				    strerror(-error));
	case -EOPNOTSUPP:
		return ipc_ctx_fail(ctx, -ENOTSUP, "this kernel cannot peek at sockets of this kind");
	default:
		return ipc_ctx_fail(ctx, error, "cannot be peeked at: %s", strerror(-error));
	}
}

/* ---- what comes along -------------------------------------------------------------------------------------------- */

/* What a descriptor of our own is, as a reference where it has one. */
static struct ipc_bytes describe(struct ipc_ctx *ctx, struct ipc_arena *arena, int fd)
{
	struct ipc_buf link = {0};
	struct ipc_bytes out;
	uint64_t inode;

	if (ipc_proc_link(ctx, &link, "self/fd/%d", fd) < 0 || !link.data)
		out = IPC_BYTES("?");
	else if (sscanf(link.data, "pipe:[%" SCNu64 "]", &inode) == 1)
		out = ipc_arena_format(arena, "pipe:%" PRIu64, inode);
	else if (sscanf(link.data, "socket:[%" SCNu64 "]", &inode) == 1)
		out = ipc_arena_format(arena, "sock:%" PRIu64, inode);
	else
		out = ipc_arena_bytes(arena, link.data, link.len);
	ipc_buf_release(&link);
	return out;
}

/* Copies of what is passed along are ours now: they are looked at and closed at once. */
static void take_descriptors(struct ipc_ctx *ctx, const struct cmsghdr *header, struct ipc_sock_peeked *out)
{
	size_t i, count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	struct ipc_bytes *items = ipc_arena_alloc(&out->arena, (count ? count : 1) * sizeof(*items));
	int fd;

	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (items)
			items[i] = describe(ctx, &out->arena, fd);
		close(fd);
	}
	out->sender.passed = count;
	if (items)
		out->sender.descriptors = (struct ipc_list){items, count};
}

static void take_control(struct ipc_ctx *ctx, struct msghdr *message, struct ipc_sock_peeked *out)
{
	struct cmsghdr *header;
	struct ucred owner;
	int fd;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET)
			continue;
		switch (header->cmsg_type) {
		case SCM_RIGHTS:
			take_descriptors(ctx, header, out);
			break;
		case SCM_PIDFD:
			memcpy(&fd, CMSG_DATA(header), sizeof(fd));
			if (header->cmsg_len >= CMSG_LEN(sizeof(fd)) && fd >= 0)
				close(fd);
			break;
		case SCM_CREDENTIALS:
			memcpy(&owner, CMSG_DATA(header), sizeof(owner));
			out->sender.pid = owner.pid ? owner.pid : IPC_UNKNOWN_INT;
			out->sender.uid = owner.uid;
			out->sender.gid = owner.gid;
			break;
		}
	}
}

/* ---- peeking ----------------------------------------------------------------------------------------------------- */

static void clear(const struct ipc_sock_reading *reading, struct ipc_sock_peeked *peeked)
{
	ipc_buf_clear(&peeked->data);
	ipc_arena_release(&peeked->arena);
	peeked->length = 0;
	ipc_record_init(&ipc_sock_sender_record, &peeked->sender);
	/* No other sockets pass any. */
	if (reading->domain == AF_UNIX)
		peeked->sender.passed = 0;
}

void ipc_sock_peeked_release(struct ipc_sock_peeked *peeked)
{
	ipc_buf_release(&peeked->data);
	ipc_arena_release(&peeked->arena);
	*peeked = (struct ipc_sock_peeked){0};
}

/* Returns the length of what is there, or -errno. */
static ssize_t receive(struct ipc_sock_reading *reading, size_t room, struct ipc_sock_peeked *out)
{
	union {
		struct cmsghdr align;
		char bytes[CONTROL_ROOM];
	} control;
	struct sockaddr_storage from;
	struct iovec row = {.iov_len = room};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &row,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	/* Of a stream MSG_TRUNC would mean to throw away what is there; packet sockets refuse what they do not know. */
	int flags = MSG_PEEK | MSG_DONTWAIT | (reading->stream ? 0 : MSG_TRUNC) |
		    (reading->domain == AF_UNIX ? MSG_CMSG_CLOEXEC : 0);
	ssize_t n;

	clear(reading, out);
	if (ipc_buf_reserve(&out->data, room + 1))
		return -ENOMEM;
	row.iov_base = out->data.data;
	do
		n = recvmsg(reading->fd, &message, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_control(reading->dumping->ctx, &message, out);
	out->data.len = (size_t)n < room ? (size_t)n : room;
	out->data.data[out->data.len] = '\0';
	out->length = (uint64_t)n;
	out->sender.from = ipc_sock_format_address(&out->arena, reading->sock, &from, message.msg_namelen);
	return n;
}

int ipc_sock_peek_on(struct ipc_sock_reading *reading, size_t room, struct ipc_sock_peeked *out)
{
	ssize_t n = receive(reading, room, out);

	return n < 0 ? (int)n : 0;
}

#define MESSAGE_ROOM 65536
#define TRIES 8

int ipc_sock_peek(struct ipc_sock_reading *reading, size_t room, struct ipc_sock_peeked *out)
{
	ssize_t n;
	int i;

	if (reading->stream)
		return ipc_sock_peek_on(reading, room, out);
	/* Netlink learns the room of its receiver from every call, and makes its next answers as large. */
	room = reading->domain == AF_NETLINK ? 0 : MESSAGE_ROOM;
	for (i = 0; i < TRIES; i++) {
		n = receive(reading, room, out);
		if (n < 0)
			return (int)n;
		if ((size_t)n <= room)
			return 0;
		room = (size_t)n;
	}
	return -EAGAIN;
}

/* ---- the peek offset --------------------------------------------------------------------------------------------- */

int ipc_sock_set_offset(struct ipc_sock_reading *reading, int offset)
{
	return setsockopt(reading->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) < 0 ? -errno : 0;
}

/* The signals of the thread at home as well: one that ended the program would end this thread. */
static int hold_home(void *data)
{
	ipc_signals_hold(data);
	return 0;
}

static int release_home(void *data)
{
	ipc_signals_release(data);
	return 0;
}

static int run_with_offset(struct ipc_sock_reading *reading, int (*fn)(struct ipc_sock_reading *reading, void *data),
			   void *data)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;
	int before = (int)reading->peek_offset, back, r;

	r = ipc_sock_set_offset(reading, 0);
	if (r)
		return ipc_ctx_fail(ctx, r, "its SO_PEEK_OFF cannot be set: %s", strerror(-r));
	r = fn(reading, data);
	back = ipc_sock_set_offset(reading, before);
	if (back)
		return ipc_ctx_fail(ctx, back, "its SO_PEEK_OFF was set, and cannot be put back to %d: %s", before,
				    strerror(-back));
	ipc_sock_note(reading, "its SO_PEEK_OFF was set to read on, and put back to %d", before);
	return r;
}

int ipc_sock_with_offset(struct ipc_sock_reading *reading, int (*fn)(struct ipc_sock_reading *reading, void *data),
			 void *data)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;
	sigset_t home, here;
	int r;

	if (reading->peek_offset == IPC_SOCK_NO_OFFSET)
		return ipc_ctx_fail(
			ctx, -ENOTSUP,
			"this socket has no peek offset; unix and UDP sockets have one, and TCP ones since Linux 6.9");
	ipc_ns_at_home(ctx, hold_home, &home);
	ipc_signals_hold(&here);
	r = run_with_offset(reading, fn, data);
	ipc_signals_release(&here);
	ipc_ns_at_home(ctx, release_home, &home);
	return r;
}
