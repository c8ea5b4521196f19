/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receive queue of a socket by BPF: parts are put together, once a socket of our own has shown them to be right. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "model/record.h"
#include "peek/peek_bpf.h"
#include "peek/sock_record.h"

#include "sock.skel.h" /* speaks of the record */

#define RING (1u << 20) /* more is queued seldom, and is read in further runs */
#define PROTOCOL_UDPLITE 136

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

struct reader {
	struct ipc_buf data;
	struct ipc_peek_sock_record head; /* of the buffer that `data` is of */
	bool open;                        /* there is such a one */
	int family;
	uint64_t offset;     /* of that buffer in its stream */
	const __s64 *urgent; /* a byte there that is none of the stream's, or -1 */
	ipc_peek_buffer_fn fn;
	void *fn_data;
};

union sender {
	struct sockaddr_storage any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_nl netlink;
};

/* As recvfrom() would give it to this socket: an IPv6 one sees IPv4 addresses as mapped ones. */
static size_t make_ip(const struct ipc_peek_sock_record *head, int family, union sender *out)
{
	struct in6_addr *address = &out->v6.sin6_addr;

	if (family == AF_INET) {
		out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)head->port};
		memcpy(&out->v4.sin_addr, head->from, sizeof(out->v4.sin_addr));
		return sizeof(out->v4);
	}
	out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = (in_port_t)head->port};
	if (head->version == 6) {
		memcpy(address, head->from, sizeof(*address));
	} else {
		address->s6_addr[10] = address->s6_addr[11] = 0xff;
		memcpy(&address->s6_addr[12], head->from, 4);
	}
	if (IN6_IS_ADDR_LINKLOCAL(address))
		out->v6.sin6_scope_id = head->interface;
	return sizeof(out->v6);
}

static struct ipc_bytes sender_of(const struct reader *reader, union sender *out)
{
	const struct ipc_peek_sock_record *head = &reader->head;

	if (reader->family == AF_NETLINK) {
		out->netlink = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = head->port};
		return (struct ipc_bytes){(const char *)out, sizeof(out->netlink)};
	}
	if (head->version)
		return (struct ipc_bytes){(const char *)out, make_ip(head, reader->family, out)};
	return head->from_size ? (struct ipc_bytes){head->from, head->from_size} : IPC_NO_BYTES;
}

static uint64_t number_or_unknown(uint32_t number)
{
	return number == UINT32_MAX ? IPC_UNKNOWN : number;
}

/* What TCP sent out of band lies in the row, but its receiver does not find it there. */
static void cut_urgent(struct reader *reader, uint64_t *length)
{
	uint64_t at = (uint64_t)*reader->urgent - reader->offset;

	if (*reader->urgent < 0 || (uint64_t)*reader->urgent < reader->offset || at >= *length)
		return;
	(*length)--;
	if (at >= reader->data.len)
		return;
	memmove(reader->data.data + at, reader->data.data + at + 1, reader->data.len - at - 1);
	reader->data.len--;
}

/* Hand over the buffer that was put together, whether all of it could be read or not. */
static int close_buffer(struct reader *reader)
{
	const struct ipc_peek_sock_record *head = &reader->head;
	struct ipc_peek_buffer buffer = {.index = head->index, .length = head->length};
	union sender sender;

	if (!reader->open)
		return 0;
	reader->open = false;
	cut_urgent(reader, &buffer.length);
	reader->offset += head->length;
	buffer.data = (struct ipc_bytes){reader->data.len ? reader->data.data : "", reader->data.len};
	buffer.from = sender_of(reader, &sender);
	buffer.pid = head->pid ? head->pid : IPC_UNKNOWN_INT;
	buffer.uid = number_or_unknown(head->uid);
	buffer.gid = number_or_unknown(head->gid);
	buffer.descriptors = head->descriptors;
	return reader->fn(&buffer, reader->fn_data);
}

static int take_part(const void *record, size_t size, void *data)
{
	const struct ipc_peek_sock_record *head = record;
	struct reader *reader = data;
	int r;

	if (size < sizeof(*head) + head->size || head->from_size > sizeof(head->from))
		return -EIO;
	if (!reader->open || head->index != reader->head.index) {
		r = close_buffer(reader);
		if (r)
			return r;
		reader->head = *head;
		reader->open = true;
		ipc_buf_clear(&reader->data);
	}
	return ipc_buf_append(&reader->data, (const char *)record + sizeof(*head), head->size);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

struct look {
	struct ipc_peek *peek;
	struct sock_bpf *skeleton;
	bool torn;
};

/* Buffers of @fd, in as many runs as the ring buffer needs. */
static int read_queue(struct look *look, int fd, unsigned shape, struct reader *reader)
{
	struct sock_bpf__bss *bss = look->skeleton->bss;
	uint64_t before;
	int r;

	bss->wanted_fd = fd;
	bss->shape = shape;
	bss->first = 0;
	bss->torn = 0;
	reader->urgent = &bss->urgent;
	do {
		before = bss->first;
		bss->full = 0;
		r = ipc_peek_run(look->peek, look->skeleton->progs.peek_sock, getpid(), look->skeleton->maps.ring,
				 take_part, reader);
		/* What the ring buffer had no room for comes again. */
		if (bss->full && reader->open && reader->head.index >= bss->next_index)
			reader->open = false;
		bss->first = bss->next_index;
	} while (r == 0 && bss->full && bss->first > before);
	if (r == 0)
		r = close_buffer(reader);
	look->torn |= bss->torn;
	return r;
}

/* ---- a socket of our own ----------------------------------------------------------------------------------------- */

#define TRIAL (40 * 1024) /* more than one piece of memory holds */

static void fill_trial(unsigned char *bytes)
{
	uint32_t i, state = 1;

	for (i = 0; i < TRIAL; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(state >> 24);
	}
}

struct trial {
	const unsigned char *bytes;
	size_t seen; /* right bytes of the one buffer there is */
	bool wrong;
};

static int compare_trial(const struct ipc_peek_buffer *buffer, void *data)
{
	struct trial *trial = data;

	trial->wrong |= buffer->index != 0 || buffer->length != TRIAL || buffer->data.len > TRIAL ||
			!buffer->data.len || memcmp(buffer->data.data, trial->bytes, buffer->data.len) != 0;
	trial->seen = buffer->data.len;
	return 0;
}

static int try_with(struct look *look, int fd, const unsigned char *bytes, bool pages, struct trial *trial)
{
	struct reader reader = {.family = AF_UNIX, .fn = compare_trial, .fn_data = trial};
	int r;

	*trial = (struct trial){.bytes = bytes};
	look->skeleton->bss->with_pages = pages;
	r = read_queue(look, fd, PEEK_SOCK_UNIX, &reader);
	ipc_buf_release(&reader.data);
	return r;
}

/*
 * A kernel with buffers of another kind must not give nonsense. So a datagram of our own is read first: it tells
 * whether buffers are understood at all, and whether those parts are that lie in pages of their own.
 */
static int try_out(struct look *look)
{
	unsigned char bytes[TRIAL];
	struct trial trial;
	int pair[2], r = 0;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return ipc_ctx_fail(look->peek->ctx, -ENOSYS, "no socket to try BPF out can be had: %s",
				    strerror(errno));
	fill_trial(bytes);
	if (send(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) != TRIAL)
		r = ipc_ctx_fail(look->peek->ctx, -ENOSYS, "nothing can be sent to try BPF out: %s", strerror(errno));
	if (r == 0)
		r = try_with(look, pair[1], bytes, true, &trial);
	if (r == 0 && (trial.wrong || trial.seen < TRIAL))
		r = try_with(look, pair[1], bytes, false, &trial);
	if (r == 0 && (trial.wrong || !trial.seen))
		r = ipc_ctx_fail(look->peek->ctx, -ENOSYS,
				 "this kernel keeps what sockets received otherwise than known");
	close(pair[0]);
	close(pair[1]);
	look->torn = false;
	return r;
}

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static int option_of(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

/* -1: not known. */
static int shape_of(int fd, int family)
{
	int type = option_of(fd, SO_TYPE), protocol = option_of(fd, SO_PROTOCOL);

	switch (family) {
	case AF_UNIX:
		return type == SOCK_STREAM ? PEEK_SOCK_UNIX_STREAM : PEEK_SOCK_UNIX;
	case AF_INET:
	case AF_INET6:
		if (type == SOCK_RAW)
			return PEEK_SOCK_RAW;
		if (type == SOCK_DGRAM && (protocol == IPPROTO_UDP || protocol == PROTOCOL_UDPLITE))
			return PEEK_SOCK_UDP;
		return type == SOCK_STREAM && protocol == IPPROTO_TCP ? PEEK_SOCK_TCP : -1;
	case AF_NETLINK:
		return PEEK_SOCK_NETLINK;
	case AF_PACKET:
		return PEEK_SOCK_PLAIN;
	default:
		return -1;
	}
}

IPC_PEEK_PROGRAM(sock, IPC_PEEK_SOCK);

static int look_into(struct look *look, int fd, unsigned shape, int (*ready)(void *data), struct reader *reader)
{
	void *loaded = NULL;
	int r = ipc_peek_program(look->peek, &program, RING, &loaded);

	if (r)
		return r;
	look->skeleton = loaded;
	look->skeleton->bss->page_size = (__u32)sysconf(_SC_PAGESIZE);
	if (!look->skeleton->bss->tried)
		r = try_out(look);
	look->skeleton->bss->tried = r == 0;
	look->skeleton->bss->inline_urgent = option_of(fd, SO_OOBINLINE) > 0;
	if (r == 0 && ready)
		r = ready(reader->fn_data);
	if (r == 0)
		r = read_queue(look, fd, shape, reader);
	if (r)
		ipc_peek_forget(look->peek, &program);
	return r;
}

int ipc_peek_sock(struct ipc_ctx *ctx, int fd, int (*ready)(void *data), ipc_peek_buffer_fn fn, void *data, bool *torn)
{
	int family = option_of(fd, SO_DOMAIN), shape = shape_of(fd, family), r;
	struct reader reader = {.family = family, .fn = fn, .fn_data = data};
	struct look look = {0};
	struct ipc_peek peek;

	if (shape < 0)
		return ipc_ctx_fail(ctx, -ENOSYS, "how sockets of this kind keep what they received is not known");
	r = ipc_peek_begin(&peek, ctx);
	if (r)
		return r;
	look.peek = &peek;
	r = look_into(&look, fd, (unsigned)shape, ready, &reader);
	*torn |= look.torn;
	ipc_buf_release(&reader.data);
	ipc_peek_end(&peek);
	return r;
}
