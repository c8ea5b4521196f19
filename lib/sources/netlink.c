/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sock_diag dumps through libmnl: requests, answers held back until they are known to be whole, attributes. */
#include "sources/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "model/bytes.h"

#define CHUNK (32 * 1024) /* the kernel fills no more than this for one recvmsg() */
#define HELD_MAX (256 * 1024)
#define ATTEMPTS 5
#define AHEAD 64
#define PATIENCE 30 /* seconds without any answer after which a dump is given up */

struct look_ahead {
	void (*fn)(const uint32_t *numbers, size_t count, void *data); /* NULL: nobody wants to */
	void *data;
	size_t at;
};

struct ipc_diag {
	struct ipc_ctx *ctx;
	struct mnl_socket *socket; /* NULL in a captured tree */
	unsigned seq;
	bool busy; /* a dump was broken off: the kernel still wants to send the rest of it */
	struct look_ahead ahead;
	char *buffer;
	struct ipc_buf held;
};

/* One dump: where its answers go, and how far it has come. */
struct dump {
	size_t min;
	ipc_diag_fn fn;
	void *data;
	const struct look_ahead *ahead;
	unsigned seq, portid; /* 0: any */
	bool interrupted;
	bool done;
};

/* NULL with errno. */
static struct mnl_socket *open_socket(void)
{
	struct timeval patience = {.tv_sec = PATIENCE};
	struct mnl_socket *socket;
	int error;

	socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		mnl_socket_close(socket);
		errno = error;
		return NULL;
	}
	if (socket)
		setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return socket;
}

int ipc_diag_open(struct ipc_ctx *ctx, struct ipc_diag **out)
{
	struct ipc_diag *diag;
	int r;

	diag = calloc(1, sizeof(*diag));
	if (!diag)
		return -ENOMEM;
	diag->ctx = ctx;
	diag->buffer = malloc(CHUNK);
	if (!diag->buffer) {
		r = -ENOMEM;
		goto fail;
	}
	if (!ctx->captured) {
		diag->socket = open_socket();
		if (!diag->socket) {
			r = -errno;
			goto fail;
		}
	}
	*out = diag;
	return 0;
fail:
	ipc_diag_close(diag);
	return r;
}

void ipc_diag_close(struct ipc_diag *diag)
{
	if (!diag)
		return;
	if (diag->socket)
		mnl_socket_close(diag->socket);
	ipc_buf_release(&diag->held);
	free(diag->buffer);
	free(diag);
}

uint32_t ipc_diag_port(const struct ipc_diag *diag)
{
	return diag->socket ? mnl_socket_get_portid(diag->socket) : 0;
}

/* The errno in the payload of NLMSG_ERROR or NLMSG_DONE, as 0 or a negative number. */
static int control_error(const struct nlmsghdr *nlh)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	if (error > 0)
		error = -error;
	return error > -4096 ? error : -EBADMSG;
}

/* mnl_nlmsg_ok() takes a length beyond INT_MAX for a negative one, and lets it pass. */
static bool message_ok(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (unsigned)left;
}

void ipc_diag_look_ahead(struct ipc_diag *diag, size_t at,
			 void (*ahead)(const uint32_t *numbers, size_t count, void *data), void *data)
{
	diag->ahead = (struct look_ahead){ahead, data, at};
}

/* Tell of the next messages; returns how many that were. */
static size_t look_ahead(const struct look_ahead *ahead, const struct nlmsghdr *nlh, int left)
{
	uint32_t numbers[AHEAD];
	size_t seen, count = 0;

	for (seen = 0; seen < AHEAD && message_ok(nlh, left); seen++, nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type < NLMSG_MIN_TYPE || mnl_nlmsg_get_payload_len(nlh) < ahead->at + sizeof(numbers[0]))
			continue;
		memcpy(&numbers[count++], (const char *)mnl_nlmsg_get_payload(nlh) + ahead->at, sizeof(numbers[0]));
	}
	ahead->fn(numbers, count, ahead->data);
	return seen;
}

/*
 * Look at the messages in @len bytes at @at: control messages always, answers only when @hand_over.
 * Returns 0, what fn returned, or -errno.
 */
static int dump_walk(struct dump *dump, const char *at, size_t len, bool hand_over)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)at;
	int left = (int)len;
	size_t known = 0;
	int r = 0;

	for (; !dump->done && message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (hand_over && dump->ahead->fn && known-- == 0)
			known = look_ahead(dump->ahead, nlh, left) - 1;
		if (!mnl_nlmsg_portid_ok(nlh, dump->portid) || !mnl_nlmsg_seq_ok(nlh, dump->seq))
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			dump->interrupted = true;
		switch (nlh->nlmsg_type) {
		case NLMSG_NOOP:
			break;
		case NLMSG_OVERRUN:
			dump->interrupted = true;
			break;
		case NLMSG_ERROR:
		case NLMSG_DONE:
			dump->done = true;
			return control_error(nlh);
		default:
			if (hand_over && mnl_nlmsg_get_payload_len(nlh) >= dump->min)
				r = dump->fn(nlh, dump->data);
			if (r)
				return r;
		}
	}
	return dump->done || left <= 0 ? 0 : -EBADMSG;
}

static int diag_send(struct ipc_diag *diag, unsigned type, unsigned flags, const void *request, size_t size)
{
	struct nlmsghdr *nlh;

	if (size > CHUNK / 2)
		return -EINVAL;
	nlh = mnl_nlmsg_put_header(diag->buffer);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++diag->seq;
	memcpy(mnl_nlmsg_put_extra_header(nlh, size), request, size);
	return mnl_socket_sendto(diag->socket, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static ssize_t diag_receive(struct ipc_diag *diag)
{
	ssize_t len;

	do
		len = mnl_socket_recvfrom(diag->socket, diag->buffer, CHUNK);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

/* Hand over what was held back. */
static int dump_flush(struct ipc_diag *diag, struct dump *dump)
{
	bool done = dump->done;
	int r;

	dump->done = false;
	r = dump_walk(dump, diag->held.data, diag->held.len, true);
	dump->done = done;
	ipc_buf_clear(&diag->held);
	return r;
}

/*
 * Ask once and hand the answers over; an interrupted dump only when it is the @last attempt.
 * Returns 0, what fn returned, -errno, or 1 when the dump was interrupted before fn saw anything.
 */
static int dump_once(struct ipc_diag *diag, struct dump *dump, const void *request, size_t size, bool last)
{
	bool streaming = false;
	ssize_t len;
	int r;

	dump->done = dump->interrupted = false;
	ipc_buf_clear(&diag->held);
	r = diag_send(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request, size);
	if (r < 0)
		return r;
	dump->seq = diag->seq;
	dump->portid = mnl_socket_get_portid(diag->socket);
	while (!dump->done) {
		len = diag_receive(diag);
		if (len == -ENOBUFS) {
			/*
			 * What the kernel had to drop may have been the end of the dump: waiting for it could take
			 * for ever.
			 */
			dump->interrupted = true;
			break;
		}
		if (len <= 0)
			return len ? (int)len : -EBADMSG;
		r = dump_walk(dump, diag->buffer, len, streaming);
		if (r)
			return r;
		if (streaming)
			continue;
		if (dump->interrupted && !last)
			return 1;
		r = ipc_buf_append(&diag->held, diag->buffer, len);
		if (r < 0)
			return r;
		if (diag->held.len >= HELD_MAX) {
			streaming = true;
			r = dump_flush(diag, dump);
			if (r)
				return r;
		}
	}
	if (dump->interrupted && !streaming && !last)
		return 1;
	r = streaming ? 0 : dump_flush(diag, dump);
	return r == 0 && dump->interrupted ? IPC_DIAG_PARTIAL : r;
}

static int read_all(int fd, struct ipc_buf *out)
{
	ssize_t len;

	for (;;) {
		if (ipc_buf_reserve(out, CHUNK) < 0)
			return -ENOMEM;
		len = read(fd, out->data + out->len, CHUNK);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? -errno : 0;
		out->len += len;
	}
}

static int dump_captured(struct ipc_diag *diag, const char *name, struct dump *dump)
{
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "netlink/%s.bin", name);
	fd = openat(diag->ctx->root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ipc_buf_clear(&diag->held);
	r = read_all(fd, &diag->held);
	close(fd);
	if (r == 0)
		r = dump_walk(dump, diag->held.data, diag->held.len, true);
	return r == 0 && dump->interrupted ? IPC_DIAG_PARTIAL : r;
}

/* The kernel refuses a second dump on a socket while the rest of a first one waits (EBUSY). */
static int diag_renew(struct ipc_diag *diag)
{
	struct mnl_socket *fresh = open_socket();

	if (!fresh)
		return -errno;
	mnl_socket_close(diag->socket);
	diag->socket = fresh;
	diag->busy = false;
	return 0;
}

int ipc_diag_dump(struct ipc_diag *diag, const char *name, const void *request, size_t size, size_t min, ipc_diag_fn fn,
		  void *data)
{
	struct dump dump = {.min = min, .fn = fn, .data = data, .ahead = &diag->ahead};
	int attempt, r = 0;

	if (diag->ctx->captured)
		return dump_captured(diag, name, &dump);
	for (attempt = 1; attempt <= ATTEMPTS; attempt++) {
		r = diag->busy ? diag_renew(diag) : 0;
		if (r < 0)
			return r;
		diag->busy = true;
		r = dump_once(diag, &dump, request, size, attempt == ATTEMPTS);
		diag->busy = !dump.done;
		if (r != 1)
			break;
	}
	return r;
}

int ipc_diag_one(struct ipc_diag *diag, unsigned type, const void *request, size_t size, size_t min, ipc_diag_fn fn,
		 void *data)
{
	struct dump dump = {.min = min, .fn = fn, .data = data, .ahead = &diag->ahead};
	ssize_t len;
	int r;

	if (diag->ctx->captured)
		return -EOPNOTSUPP;
	r = diag->busy ? diag_renew(diag) : 0;
	if (r == 0)
		r = diag_send(diag, type, NLM_F_ACK, request, size);
	dump.seq = diag->seq;
	dump.portid = mnl_socket_get_portid(diag->socket);
	while (r == 0 && !dump.done) {
		len = diag_receive(diag);
		if (len <= 0)
			return len ? (int)len : -EBADMSG;
		r = dump_walk(&dump, diag->buffer, len, fn != NULL);
	}
	/* What follows when @fn broke off (the acknowledgement) is not of this number, and passed over. */
	return r;
}

void ipc_diag_attributes(const struct nlmsghdr *nlh, size_t fixed, const struct nlattr **table, const uint16_t *least,
			 size_t count)
{
	const struct nlattr *attr;

	memset(table, 0, count * sizeof(*table));
	if (mnl_nlmsg_get_payload_len(nlh) < fixed)
		return;
	mnl_attr_for_each(attr, nlh, fixed)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type < count && !table[type] && mnl_attr_get_payload_len(attr) >= least[type])
			table[type] = attr;
	}
}
