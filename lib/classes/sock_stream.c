/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes of a stream socket: by MSG_PEEK, which stops at what is passed along, and what lies behind that by BPF or by
 * the peek offset.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "classes/sock_contents.h"

#define UNKNOWN_ROOM 65536 /* at first, where the socket does not tell how much is there */
#define TRIES 16

struct stream {
	struct ipc_sock_reading *reading;
	uint64_t limit;               /* bytes from the beginning that are wanted */
	int64_t there;                /* as the socket says; -1: it does not */
	struct ipc_sock_peeked front; /* what MSG_PEEK shows */
	bool urgent;                  /* a byte that is received apart */
	/* while it is given */
	uint64_t at;      /* offset of what comes next */
	uint64_t missing; /* bytes before that which could not be read */
	bool differs;     /* BPF shows other bytes than MSG_PEEK does */
	int result;       /* of giving the last part that BPF showed */
};

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* -1: the socket does not tell. */
static int64_t bytes_there(const struct ipc_sock_reading *reading)
{
	int bytes = 0;

	return ioctl(reading->fd, SIOCINQ, &bytes) < 0 || bytes < 0 ? -1 : bytes;
}

/* ---- what is passed along ---------------------------------------------------------------------------------------- */

static void tell_passed(struct stream *stream, uint64_t offset, const struct ipc_sock_sender *sender)
{
	const struct ipc_bytes *items = sender->descriptors.items;
	char what[128], *end = what;
	size_t i;

	*what = '\0';
	for (i = 0; items && i < sender->descriptors.count; i++) {
		if ((size_t)(end - what) + items[i].len * 4 + 4 > sizeof(what))
			break;
		end += snprintf(end, sizeof(what) - (size_t)(end - what), "%s", i ? ", " : ": ");
		ipc_escape(items[i].data, items[i].len, end, sizeof(what) - (size_t)(end - what));
		end += strlen(end);
	}
	ipc_sock_note(stream->reading, "%" PRIu64 " descriptor%s along with bytes before offset %" PRIu64 "%s%s",
		      sender->passed, sender->passed == 1 ? " comes" : "s come", offset, what,
		      items && i < sender->descriptors.count ? ", ..." : "");
}

/* Bytes that come next, and what came along with them. */
static int give(struct stream *stream, struct ipc_bytes data, uint64_t length, const struct ipc_sock_sender *sender)
{
	uint64_t offset = stream->at;
	bool passed = sender->passed && sender->passed != IPC_UNKNOWN;
	bool known = passed || sender->pid != IPC_UNKNOWN_INT;

	stream->at += length;
	stream->missing += length - data.len;
	if (passed)
		tell_passed(stream, stream->at, sender);
	if (!data.len)
		return 0;
	return ipc_dumping_part(stream->reading->dumping, offset, data, known ? &ipc_sock_sender_record : NULL, sender);
}

/* ---- by MSG_PEEK ------------------------------------------------------------------------------------------------- */

static int give_front(struct stream *stream)
{
	const struct ipc_buf *data = &stream->front.data;

	return give(stream, (struct ipc_bytes){data->data + stream->at, data->len - stream->at}, data->len - stream->at,
		    &stream->front.sender);
}

/* As much as there is, of what is wanted. 0 or -errno without text. */
static int peek_front(struct stream *stream)
{
	size_t room = stream->there > 0 ? (size_t)stream->there : UNKNOWN_ROOM;
	int i, r = 0;

	for (i = 0; r == 0 && i < TRIES; i++) {
		if (room > stream->limit)
			room = (size_t)stream->limit;
		r = ipc_sock_peek(stream->reading, room, &stream->front);
		/* As much as was asked for: there may be more by now, or there was before. */
		if (stream->front.data.len < room || room == stream->limit)
			break;
		if (stream->there >= 0 && bytes_there(stream->reading) <= stream->there)
			break;
		stream->there = bytes_there(stream->reading);
		room *= 2;
	}
	return r;
}

/* Behind a byte that was sent out of band SIOCINQ says zero while there are others. */
static bool stands_at_mark(const struct ipc_sock_reading *reading)
{
	int at = 0;

	return reading->protocol == IPPROTO_TCP && ioctl(reading->fd, SIOCATMARK, &at) == 0 && at;
}

/* An urgent byte that is received apart is looked at, and told of. */
static void look_at_urgent(struct stream *stream)
{
	struct ipc_sock_reading *reading = stream->reading;
	unsigned char byte;

	if (!(reading->events & POLLPRI) || recv(reading->fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return;
	stream->urgent = true;
	ipc_sock_note(reading, "an urgent byte, 0x%02x, is received apart (MSG_OOB)", byte);
}

/* ---- by BPF ------------------------------------------------------------------------------------------------------ */

/* Is the beginning of @data, which stands at stream->at, what MSG_PEEK showed? */
static bool agrees(const struct stream *stream, struct ipc_bytes data)
{
	const struct ipc_buf *front = &stream->front.data;
	size_t common;

	if (stream->at >= front->len)
		return true;
	common = front->len - stream->at < data.len ? front->len - (size_t)stream->at : data.len;
	return memcmp(front->data + stream->at, data.data, common) == 0;
}

static int take(const struct ipc_peek_buffer *buffer, void *data)
{
	struct stream *stream = data;
	const struct ipc_buf *front = &stream->front.data;
	struct ipc_bytes bytes = buffer->data;
	struct ipc_sock_sender sender;

	ipc_record_init(&ipc_sock_sender_record, &sender);
	if (!agrees(stream, buffer->data)) {
		stream->differs = true;
		return 1;
	}
	sender.pid = buffer->pid;
	sender.uid = buffer->uid;
	sender.gid = buffer->gid;
	sender.passed = buffer->descriptors;
	/* What these are is known of the first ones, which MSG_PEEK stopped at. */
	if (buffer->descriptors && stream->at + buffer->length == front->len)
		sender.descriptors = stream->front.sender.descriptors;
	/* MSG_PEEK may have shown more of it. */
	if (bytes.len < buffer->length && stream->at + buffer->length <= front->len)
		bytes = (struct ipc_bytes){front->data + stream->at, (size_t)buffer->length};
	stream->result = give(stream, bytes, buffer->length, &sender);
	return stream->result ? 1 : 0;
}

/* What MSG_PEEK showed and is not given yet. */
static int give_rest(struct stream *stream)
{
	return stream->at < stream->front.data.len ? give_front(stream) : 0;
}

/* As dump(). Where BPF cannot help, what MSG_PEEK showed is given, and told @why @behind bytes more are not. */
static int give_by_bpf(struct stream *stream, const char *why, uint64_t behind)
{
	struct ipc_sock_reading *reading = stream->reading;
	struct ipc_dump_result *result = reading->dumping->result;
	int r = ipc_peek_sock(reading->dumping->ctx, reading->fd, NULL, take, stream, &result->torn);
	bool cannot = ipc_peek_cannot(r);

	ipc_sock_let_go(reading);
	if (stream->result || r == 0) {
		result->source = "bpf";
		return stream->result ? stream->result : give_rest(stream);
	}
	if (!stream->differs && !cannot)
		return r;
	result->torn |= stream->differs;
	result->unreached = behind;
	r = give_rest(stream);
	ipc_sock_note(reading, "%s; %s", why,
		      cannot ? reading->dumping->ctx->error : "BPF shows something else, or what changes too fast");
	ipc_sock_note_offset(reading);
	return r;
}

/* ---- by the peek offset ------------------------------------------------------------------------------------------ */

struct part {
	struct part *next;
	struct ipc_sock_peeked peeked;
};

struct parts {
	struct part *first, **last;
	uint64_t wanted; /* bytes that are still wanted */
	size_t room;
	bool urgent; /* TCP: an urgent byte ends the first part; the offset counts it, and the kernel does not */
};

static int gather(struct ipc_sock_reading *reading, void *data)
{
	struct parts *parts = data;
	struct part *part;
	int r;

	for (;;) {
		part = calloc(1, sizeof(*part));
		if (!part)
			return ipc_sock_peek_fail(reading, -ENOMEM);
		*parts->last = part;
		parts->last = &part->next;
		if (parts->room > parts->wanted)
			parts->room = (size_t)parts->wanted;
		r = ipc_sock_peek_on(reading, parts->room, &part->peeked);
		if (r)
			return r == -EAGAIN ? 0 : ipc_sock_peek_fail(reading, r);
		parts->wanted -= part->peeked.data.len;
		if (!part->peeked.data.len || !parts->wanted)
			return 0;
		if (parts->urgent)
			r = ipc_sock_set_offset(reading, (int)part->peeked.data.len + 1);
		if (r)
			return ipc_sock_peek_fail(reading, r);
		parts->urgent = false;
	}
}

static int give_by_offset(struct stream *stream)
{
	struct parts parts = {.last = &parts.first, .wanted = stream->limit, .room = UNKNOWN_ROOM};
	struct part *part;
	int r;

	parts.urgent = stream->urgent && stream->reading->protocol == IPPROTO_TCP;
	stream->reading->dumping->result->source = "SO_PEEK_OFF";
	if (stream->there > 0)
		parts.room = (size_t)stream->there;
	r = ipc_sock_with_offset(stream->reading, gather, &parts);
	ipc_sock_let_go(stream->reading);
	while ((part = parts.first)) {
		const struct ipc_buf *bytes = &part->peeked.data;

		if (r == 0 && bytes->len)
			r = give(stream, (struct ipc_bytes){bytes->data, bytes->len}, bytes->len, &part->peeked.sender);
		parts.first = part->next;
		ipc_sock_peeked_release(&part->peeked);
		free(part);
	}
	return r;
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

/*
 * Bytes behind those of `front`. SIOCINQ counts a byte that unix sockets receive apart. TCP counts nothing behind such
 * a one, even if that has been received: what was seen when it was listed has to do, in which the end of the connection
 * is a byte.
 */
static uint64_t bytes_behind(const struct stream *stream)
{
	const struct ipc_sock_reading *reading = stream->reading;
	uint64_t listed = reading->sock->receive_queue, there = stream->there > 0 ? (uint64_t)stream->there : 0;
	uint64_t seen = stream->front.data.len + stream->urgent;

	if (reading->protocol == IPPROTO_TCP && listed != IPC_UNKNOWN) {
		listed -= listed && reading->events & (POLLRDHUP | POLLHUP);
		there = listed > there ? listed : there;
	}
	return there > seen ? there - seen : 0;
}

static int read_front(struct stream *stream)
{
	struct ipc_sock_reading *reading = stream->reading;
	int r = peek_front(stream);
	uint64_t behind;

	/* Not connected, so that there is nothing; or received meanwhile. */
	if (r == -EAGAIN || r == -ENOTCONN || r == -EINVAL)
		return 0;
	if (r)
		return ipc_sock_peek_fail(reading, r);
	behind = bytes_behind(stream);
	if (stream->front.data.len >= stream->limit || !behind) {
		ipc_sock_let_go(reading);
		return give_front(stream);
	}
	return give_by_bpf(stream, "MSG_PEEK stops at descriptors, another sender, or an urgent byte", behind);
}

int ipc_sock_read_stream(struct ipc_sock_reading *reading)
{
	const struct ipc_dump_how *how = &reading->dumping->how;
	struct stream stream = {.reading = reading, .limit = add_up(how->offset, how->length)};
	bool error = reading->events & POLLERR, there;
	int r = 0;

	look_at_urgent(&stream);
	stream.there = bytes_there(reading);
	/*
	 * An error that waits for the owner is taken away by who finds nothing else, or by who looks behind the end.
	 * From an offset on unix sockets show an urgent byte as any other.
	 */
	there = stream.there > 0 ||
		((stream.there < 0 || stands_at_mark(reading)) && reading->events & POLLIN && !error);
	if (there && how->flags & IPC_DUMP_PEEK_OFFSET && !error && !(stream.urgent && reading->domain == AF_UNIX))
		r = give_by_offset(&stream);
	else if (there && reading->peek_offset >= 0)
		r = give_by_bpf(&stream, IPC_SOCK_OFFSET_USED, stream.there < 0 ? UINT64_MAX : (uint64_t)stream.there);
	else if (there)
		r = read_front(&stream);
	reading->dumping->result->unreached += stream.missing;
	if (r == 0 && reading->events & POLLRDHUP)
		ipc_sock_note(reading, "nothing more will come: its peer has shut the connection down");
	ipc_sock_peeked_release(&stream.front);
	return r;
}
