/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Datagrams and packets of a socket: the first by MSG_PEEK, those behind it by BPF or by the peek offset. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "classes/sock_contents.h"

static int give(struct ipc_sock_reading *reading, uint64_t index, uint64_t length, struct ipc_bytes data,
		const struct ipc_sock_sender *sender)
{
	/* An empty message is there, too. */
	if (!data.data)
		data.data = "";
	return ipc_dumping_message(reading->dumping, index, length, data, &ipc_sock_sender_record, sender);
}

static struct ipc_bytes bytes_of(const struct ipc_buf *buf)
{
	return (struct ipc_bytes){buf->data, buf->len};
}

static int give_peeked(struct ipc_sock_reading *reading, uint64_t index, const struct ipc_sock_peeked *peeked)
{
	return give(reading, index, peeked->length, bytes_of(&peeked->data), &peeked->sender);
}

/* ---- all by BPF -------------------------------------------------------------------------------------------------- */

#define DIFFERS 1 /* what BPF says of the first message is not what MSG_PEEK says */
#define STOPPED 2 /* nothing more is wanted; see walk.result */
#define TRIES 3

struct walk {
	struct ipc_sock_reading *reading;
	struct ipc_sock_peeked *first; /* NULL: it could not be peeked at */
	uint64_t count;
	int result;          /* of giving the last one */
	uint64_t short_ones; /* messages of which a part could not be read */
	struct ipc_arena arena;
};

static bool is_first(const struct ipc_peek_buffer *buffer, const struct ipc_sock_peeked *first)
{
	return buffer->length == first->length && buffer->data.len <= first->data.len &&
	       memcmp(buffer->data.data, first->data.data, buffer->data.len) == 0;
}

/* MSG_PEEK knows the message as a whole and what its descriptors are, BPF who sent it. */
static int give_first(struct walk *walk, const struct ipc_peek_buffer *buffer)
{
	struct ipc_sock_sender sender = walk->first->sender;

	if (sender.pid == IPC_UNKNOWN_INT)
		sender.pid = buffer->pid;
	if (sender.uid == IPC_UNKNOWN)
		sender.uid = buffer->uid;
	if (sender.gid == IPC_UNKNOWN)
		sender.gid = buffer->gid;
	return give(walk->reading, 0, walk->first->length, bytes_of(&walk->first->data), &sender);
}

/* As late as can be: its owner may receive it at any time. */
static int look_again(void *data)
{
	struct walk *walk = data;

	return walk->first && ipc_sock_peek(walk->reading, 0, walk->first) ? DIFFERS : 0;
}

static int take(const struct ipc_peek_buffer *buffer, void *data)
{
	struct walk *walk = data;
	struct ipc_sock_sender sender;
	struct ipc_arena_mark mark = ipc_arena_mark(&walk->arena);

	walk->count++;
	if (buffer->index == 0 && walk->first) {
		if (!is_first(buffer, walk->first))
			return DIFFERS;
		walk->result = give_first(walk, buffer);
		return walk->result ? STOPPED : 0;
	}
	ipc_record_init(&ipc_sock_sender_record, &sender);
	sender.from = ipc_sock_format_address(&walk->arena, walk->reading->sock, buffer->from.data, buffer->from.len);
	sender.pid = buffer->pid;
	sender.uid = buffer->uid;
	sender.gid = buffer->gid;
	if (walk->reading->domain == AF_UNIX)
		sender.passed = buffer->descriptors;
	walk->short_ones += buffer->data.len < buffer->length;
	walk->result = give(walk->reading, buffer->index, buffer->length, buffer->data, &sender);
	ipc_arena_rewind(&walk->arena, mark);
	return walk->result ? STOPPED : 0;
}

/*
 * *@given: messages were handed over, and what is returned is as of dump(). Else DIFFERS, or an error of which BPF may be
 * the reason.
 */
static int give_by_bpf(struct ipc_sock_reading *reading, struct ipc_sock_peeked *first, bool *given)
{
	struct ipc_dump_result *result = reading->dumping->result;
	struct walk walk = {.reading = reading, .first = first};
	int r = ipc_peek_sock(reading->dumping->ctx, reading->fd, look_again, take, &walk, &result->torn);

	ipc_arena_release(&walk.arena);
	*given = r == STOPPED || (r == 0 && (walk.count || !first));
	if (!*given)
		return r ? r : DIFFERS; /* it was there a moment ago */
	result->source = "bpf";
	if (walk.short_ones)
		ipc_sock_note(reading, "the ends of %" PRIu64 " long messages could not be read", walk.short_ones);
	result->unreached += walk.short_ones;
	return walk.result;
}

/* ---- the first --------------------------------------------------------------------------------------------------- */

/* At the end of a connection a look at the next packet gives none, of no bytes. */
static bool is_end(const struct ipc_sock_reading *reading, const struct ipc_sock_peeked *peeked)
{
	return reading->type == SOCK_SEQPACKET && reading->events & (POLLRDHUP | POLLHUP) && !peeked->length &&
	       !peeked->sender.passed;
}

static bool wants_more(const struct ipc_dump_how *how)
{
	return how->first > 0 || how->count > 1;
}

/* What there is besides what was given, if anything, is not known. */
static void tell_unreached(struct ipc_sock_reading *reading, const char *why)
{
	reading->dumping->result->unreached = UINT64_MAX;
	ipc_sock_note(reading, "%s", why);
	ipc_sock_note_offset(reading);
}

static int give_alone(struct ipc_sock_reading *reading, const struct ipc_sock_peeked *first)
{
	ipc_sock_let_go(reading);
	return give_peeked(reading, 0, first);
}

static int give_rest(struct ipc_sock_reading *reading, struct ipc_sock_peeked *first)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;
	bool given = false;
	int i, r = DIFFERS;

	for (i = 0; i < TRIES && r == DIFFERS; i++) {
		r = give_by_bpf(reading, first, &given);
		if (given || (r != DIFFERS && !ipc_peek_cannot(r)))
			return r;
		/* The owner may have received it meanwhile. */
		if (r == DIFFERS) {
			reading->dumping->result->torn = true;
			r = ipc_sock_peek(reading, 0, first);
			if (r)
				return r == -EAGAIN ? 0 : ipc_sock_peek_fail(reading, r);
			r = DIFFERS;
		}
	}
	tell_unreached(reading, r == DIFFERS
					? "what lies behind the first message changes too fast, or is not understood"
					: ctx->error);
	return give_alone(reading, first);
}

static int read_from_first(struct ipc_sock_reading *reading)
{
	const struct ipc_dump_how *how = &reading->dumping->how;
	struct ipc_sock_peeked first = {0};
	int r = ipc_sock_peek(reading, 0, &first);

	reading->dumping->result->source = "MSG_PEEK";
	if (r && r != -EAGAIN && r != -ENOTCONN)
		r = ipc_sock_peek_fail(reading, r);
	else if (r || is_end(reading, &first))
		r = 0;
	else if (wants_more(how))
		r = give_rest(reading, &first);
	else
		r = give_alone(reading, &first);
	ipc_sock_peeked_release(&first);
	return r;
}

/* ---- all by the peek offset -------------------------------------------------------------------------------------- */

#define ROOM (256u << 10)
#define MOST (1u << 20) /* messages; a queue is far shorter */

struct messages {
	struct ipc_sock_peeked *items;
	size_t count, room;
	uint64_t bytes;
};

static int add(struct messages *messages, struct ipc_sock_peeked *peeked)
{
	if (messages->count == messages->room) {
		size_t room = messages->room ? messages->room * 2 : 16;
		struct ipc_sock_peeked *grown = realloc(messages->items, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		messages->items = grown;
		messages->room = room;
	}
	messages->bytes += peeked->length;
	messages->items[messages->count++] = *peeked;
	*peeked = (struct ipc_sock_peeked){0};
	return 0;
}

/* The next one. Where it is larger than the room for it, it is looked at again from where it begins. */
static int peek_next(struct ipc_sock_reading *reading, struct messages *messages, struct ipc_sock_peeked *next)
{
	int r = ipc_sock_peek_on(reading, ROOM, next);

	if (r || next->length == next->data.len)
		return r;
	r = ipc_sock_set_offset(reading, (int)messages->bytes);
	return r ? r : ipc_sock_peek_on(reading, (size_t)next->length, next);
}

static int gather(struct ipc_sock_reading *reading, void *data)
{
	struct messages *messages = data;
	struct ipc_sock_peeked next = {0};
	int r = 0;

	while (r == 0 && messages->count < MOST) {
		r = peek_next(reading, messages, &next);
		if (r == 0 && is_end(reading, &next))
			r = -EAGAIN;
		if (r == 0)
			r = add(messages, &next);
	}
	ipc_sock_peeked_release(&next);
	return r == -EAGAIN || r == 0 ? 0 : ipc_sock_peek_fail(reading, r);
}

/*
 * The kernel passes over an empty message that was looked at once, unless there is no offset: so the first one is
 * looked at that way, when it is empty.
 */
static int gather_empty(struct ipc_sock_reading *reading, struct messages *messages)
{
	struct ipc_sock_peeked first = {0};
	const char *why;
	int r;

	if (!ipc_sock_may_peek(reading, &why))
		return 0;
	r = ipc_sock_peek(reading, 0, &first);
	if (r == 0 && first.length == 0 && !is_end(reading, &first))
		r = add(messages, &first);
	ipc_sock_peeked_release(&first);
	return r == 0 || r == -EAGAIN || r == -ENOTCONN ? 0 : ipc_sock_peek_fail(reading, r);
}

static int read_by_offset(struct ipc_sock_reading *reading)
{
	struct messages messages = {0};
	size_t i;
	int r;

	reading->dumping->result->source = "SO_PEEK_OFF";
	r = gather_empty(reading, &messages);
	if (r == 0)
		r = ipc_sock_with_offset(reading, gather, &messages);
	ipc_sock_let_go(reading);
	for (i = 0; i < messages.count; i++) {
		if (r == 0)
			r = give_peeked(reading, i, &messages.items[i]);
		ipc_sock_peeked_release(&messages.items[i]);
	}
	free(messages.items);
	return r;
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

int ipc_sock_read_messages(struct ipc_sock_reading *reading)
{
	bool by_offset = reading->dumping->how.flags & IPC_DUMP_PEEK_OFFSET, may_peek, given;
	const char *why;
	int r;

	if (!(reading->events & (POLLIN | POLLERR)))
		return 0;
	if (by_offset && !(reading->events & POLLERR))
		return read_by_offset(reading);
	may_peek = ipc_sock_may_peek(reading, &why);
	/* Of netlink every look makes the kernel go on with an answer in parts: only where there is no other way. */
	if (may_peek && reading->domain != AF_NETLINK)
		return read_from_first(reading);
	r = give_by_bpf(reading, NULL, &given);
	if (given || !ipc_peek_cannot(r))
		return r;
	if (may_peek)
		return read_from_first(reading);
	tell_unreached(reading, why);
	ipc_sock_note(reading, "%s", reading->dumping->ctx->error);
	return 0;
}
