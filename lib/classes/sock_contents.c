/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sockets contain: whether there can be anything, and which way it is read. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/held.h"
#include "classes/sock_change.h"
#include "classes/sock_contents.h"

/* Newer than some C libraries' headers. */
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* ---- what there can be ------------------------------------------------------------------------------------------- */

static bool is_stream(const struct ipc_sock *sock)
{
	const struct ipc_kind *kind = sock->base.of_kind;

	return ipc_bytes_equal(sock->type, IPC_BYTES("stream")) && kind != &ipc_kind_sock_sctp &&
	       kind != &ipc_kind_sock_dccp;
}

static bool chooses_messages(const struct ipc_dump_how *how)
{
	return how->first || how->count != UINT64_MAX;
}

static bool chooses_bytes(const struct ipc_dump_how *how)
{
	return how->offset || how->length != UINT64_MAX;
}

/* A kind has sockets of either shape, so that each is asked what it is. */
static int check_choice(struct ipc_dumping *dumping, const struct ipc_sock *sock)
{
	if (ipc_sock_is(sock, "LISTEN") && chooses_bytes(&dumping->how))
		return ipc_ctx_fail(dumping->ctx, -EINVAL,
				    "it listens: it has pending connections, which have no offsets");
	if (ipc_sock_is(sock, "LISTEN"))
		return 0;
	if (is_stream(sock) && chooses_messages(&dumping->how))
		return ipc_ctx_fail(dumping->ctx, -EINVAL,
				    "it is a stream: it has bytes, and no messages to choose from");
	if (!is_stream(sock) && chooses_bytes(&dumping->how))
		return ipc_ctx_fail(dumping->ctx, -EINVAL, "it has messages, and so no offsets; choose messages");
	return 0;
}

/* Neither a file alone nor a socket that no process has can be received from. */
static int tell_of_none(struct ipc_dumping *dumping, const struct ipc_sock *sock)
{
	if (sock->stale)
		ipc_ctx_set_note(dumping->ctx,
				 "nobody is bound to this file: there is no socket, and so nothing in it");
	else if (sock->base.of_kind == &ipc_kind_sock_netlink)
		ipc_ctx_set_note(dumping->ctx, "it is the kernel's own end, which keeps nothing");
	else if (ipc_sock_is(sock, "TIME-WAIT"))
		ipc_ctx_set_note(dumping->ctx,
				 "its process has closed it, and nothing of what it received is kept in TIME-WAIT");
	else
		ipc_ctx_set_note(dumping->ctx,
				 "no process has it: it is closed already, or still to be accepted from its listener");
	if (!sock->stale && sock->receive_queue != IPC_UNKNOWN)
		dumping->result->unreached = sock->receive_queue;
	return 0;
}

static int list_pending(struct ipc_dumping *dumping, const struct ipc_sock *sock)
{
	if (sock->base.of_kind == &ipc_kind_sock_unix)
		return ipc_sock_list_unix(dumping);
	if (sock->base.of_kind->contents == &ipc_contents_sock_inet)
		return ipc_sock_list_inet(dumping);
	dumping->result->unreached = UINT64_MAX;
	ipc_ctx_set_note(dumping->ctx, "the kernel does not tell which connections wait to be accepted");
	return 0;
}

/* ---- through its owner's descriptor ------------------------------------------------------------------------------ */

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/* The number of an inode may have gone to another socket since it was listed, a cookie never does. */
static int check_same(struct ipc_dumping *dumping, const struct ipc_sock *sock, int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (sock->cookie == IPC_UNKNOWN || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ||
	    cookie == sock->cookie)
		return 0;
	return ipc_ctx_fail(dumping->ctx, -ESTALE, "replaced: another socket has its inode by now");
}

/* A protocol on top of TCP sees its records when they are received, and they are decrypted then. */
static int check_layers(struct ipc_dumping *dumping, const struct ipc_sock *sock, int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	if (sock->base.of_kind != &ipc_kind_sock_tcp || getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) < 0 || !len ||
	    !*name)
		return 0;
	return ipc_ctx_fail(
		dumping->ctx, -ENOTSUP,
		"the kernel handles \"%.15s\" on it: records are decrypted when they are received, and looking would "
		"do that in its owner's place",
		name);
}

static void look_at(struct ipc_sock_reading *reading)
{
	struct pollfd poller = {.fd = reading->fd, .events = POLLIN | POLLPRI | POLLRDHUP};
	socklen_t len = sizeof(int);
	int offset;

	reading->domain = option(reading->fd, SO_DOMAIN);
	reading->type = option(reading->fd, SO_TYPE);
	reading->protocol = option(reading->fd, SO_PROTOCOL);
	reading->peek_offset =
		getsockopt(reading->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &len) < 0 ? IPC_SOCK_NO_OFFSET : offset;
	if (poll(&poller, 1, 0) > 0)
		reading->events = poller.revents;
}

/* Takes @fd. */
static int read_copy(struct ipc_dumping *dumping, const struct ipc_sock *sock, int fd)
{
	struct ipc_sock_reading reading = {.dumping = dumping, .sock = sock, .fd = fd, .stream = is_stream(sock)};
	int r = check_same(dumping, sock, fd);

	if (r == 0)
		r = check_layers(dumping, sock, fd);
	if (r == 0) {
		look_at(&reading);
		dumping->result->source = "MSG_PEEK";
		r = reading.stream ? ipc_sock_read_stream(&reading) : ipc_sock_read_messages(&reading);
	}
	ipc_sock_let_go(&reading);
	if (reading.notes.len)
		ipc_ctx_set_note(dumping->ctx, "%s", reading.notes.data);
	ipc_buf_release(&reading.notes);
	return r;
}

/* Files of other file systems may have the same inode. */
static bool is_socket(int fd, const void *data)
{
	struct stat st;

	(void)data;
	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A socket that is listed is somebody's; who cannot see whose has no right to. */
static int copy_descriptor(struct ipc_dumping *dumping)
{
	struct ipc_ctx *ctx = dumping->ctx;
	int fd = ipc_object_copy(ctx, dumping->object, is_socket, NULL);

	if (fd != -ESRCH || dumping->object->holders.count)
		return fd;
	if (ctx->euid)
		return ipc_ctx_fail(ctx, -EPERM,
				    "you cannot see which process has it; it takes ptrace rights over that process or "
				    "CAP_SYS_PTRACE (root)");
	return ipc_ctx_fail(
		ctx, fd,
		"no process that could be seen has it open: it was closed meanwhile, or is itself on its way in a "
		"message");
}

static int dump(struct ipc_dumping *dumping)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)dumping->object;
	int fd, r;

	if (sock->stale)
		return tell_of_none(dumping, sock);
	r = check_choice(dumping, sock);
	if (r)
		return r;
	if (ipc_sock_is(sock, "LISTEN"))
		return list_pending(dumping, sock);
	if (sock->base.inode == IPC_UNKNOWN)
		return tell_of_none(dumping, sock);
	if (sock->subflow)
		return ipc_ctx_fail(dumping->ctx, -ENOTSUP,
				    "it is a path of an MPTCP socket, which has what comes by it: dump sock/mptcp");
	fd = copy_descriptor(dumping);
	return fd < 0 ? fd : read_copy(dumping, sock, fd);
}

/* ---- the kinds --------------------------------------------------------------------------------------------------- */

#define CONTENTS(how_read, how_disturbs, needs_nothing)                                                             \
	{                                                                                                           \
		.help =                                                                                             \
			{                                                                                           \
				.read = (how_read),                                                                 \
				.privilege =                                                                        \
					"ptrace rights over a process that has it; CAP_BPF and CAP_PERFMON (root) " \
					"for messages behind the first" needs_nothing,                              \
				.disturbs = (how_disturbs),                                                         \
			},                                                                                          \
		.needs = IPC_NEED_HOLDERS | IPC_NEED_QUEUES,                                                        \
		.takes = IPC_DUMP_RANGE | IPC_DUMP_MESSAGES | IPC_DUMP_PEEK_OFFSET | IPC_DUMP_HOLDS, .dump = dump,  \
	}

const struct ipc_contents ipc_contents_sock_unix = CONTENTS(
	"streams and the first message by MSG_PEEK through a copy of a holder's descriptor, further messages and "
	"what lies behind passed descriptors by BPF or --peek-offset; of a listener its pending connections by "
	"unix_diag",
	"nothing; a datagram sender that waits for room wakes and goes on waiting; --peek-offset sets "
	"SO_PEEK_OFF, which the owner shares, and puts it back",
	"; none for a listener's connections");

const struct ipc_contents ipc_contents_sock_inet = CONTENTS(
	"streams and the first datagram by MSG_PEEK through a copy of a holder's descriptor, further datagrams by "
	"BPF or --peek-offset; of a listener its pending connections by inet_diag",
	"nothing; TCP may acknowledge earlier what it would have acknowledged anyway; --peek-offset sets "
	"SO_PEEK_OFF, which the owner shares, and puts it back",
	"; none for a listener's connections");

const struct ipc_contents ipc_contents_sock_other = CONTENTS(
	"streams and the first message by MSG_PEEK through a copy of a holder's descriptor, further messages of "
	"netlink and packet sockets by BPF",
	"nothing; without BPF a netlink dump under way goes on by a part", "");

const struct ipc_contents ipc_contents_sock_none = {
	.refuse = "the frames of an XDP socket lie in memory of its process, and not in the kernel; ask that program",
};
