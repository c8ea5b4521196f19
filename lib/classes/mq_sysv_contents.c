/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What System V queues contain: their messages, copied by the kernel one by one (MSG_COPY), or, when there are many, read
 * by BPF in one walk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

#include "classes/contents.h"
#include "classes/sysv_change.h"
#include "peek/peek.h"

/* Newer than some C libraries' headers. */
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

#define HEAD sizeof(long) /* the type, in front of the bytes of a message */
#define ROOM_FIRST 512    /* the kernel reads the whole buffer before it writes into it: a large one takes time */
/* The kernel looks for each message from the front. So many steps take as long as it takes to load the program. */
#define STEPS_WORTH_BPF 800000

struct entry {
	int64_t type;
};

static const struct ipc_field fields[] = {
	IPC_FIELD(entry, type, INT, "its type, which receivers choose by"),
};

static const struct ipc_record record = {
	.name = "message",
	.size = sizeof(struct entry),
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

struct reading {
	struct ipc_dumping *dumping;
	struct ipc_sysv_msg queue; /* as it was before */
	uint64_t first, end;       /* messages that are wanted of those */
	uint64_t seen;
	int stopped; /* what giving the last one returned */
	char *buffer;
	size_t room;   /* bytes of a message that fit */
	size_t most;   /* bytes that a message can have now (MSGMAX) */
	size_t likely; /* what the last one had: the next one may be as long */
};

static int give(struct reading *reading, uint64_t index, int64_t type, uint64_t length, struct ipc_bytes data)
{
	struct entry entry = {.type = type};

	reading->seen++;
	reading->stopped = ipc_dumping_message(reading->dumping, index, length, data, &record, &entry);
	return reading->stopped;
}

/* ---- BPF --------------------------------------------------------------------------------------------------------- */

static int give_peeked(const struct ipc_peek_message *message, void *data)
{
	return give(data, message->index, message->number, message->length, message->data);
}

static int peek(struct reading *reading)
{
	struct ipc_peek_queue queue = {.first = reading->first,
				       .count = reading->end - reading->first,
				       .messages = reading->end - reading->first,
				       .bytes = reading->queue.bytes};
	struct ipc_dumping *dumping = reading->dumping;
	int r;

	dumping->result->source = "bpf";
	r = ipc_peek_mq_sysv(dumping->ctx, (int)reading->queue.perm.id, &queue, give_peeked, reading);
	dumping->result->unreached = queue.left;
	dumping->result->torn = queue.torn;
	if (r == -ENOENT && !reading->stopped)
		return ipc_ctx_fail(dumping->ctx, -EIDRM, "removed meanwhile");
	if (r == 0 && queue.torn)
		ipc_ctx_set_note(dumping->ctx,
				 "it was in use all the while: the %" PRIu64
				 " messages that were seen may never have been queued all at once",
				 reading->seen);
	return r;
}

/* There was no BPF for this caller; nothing has been given then. */
static bool is_without_bpf(const struct reading *reading, int r)
{
	return !reading->stopped && ipc_peek_cannot(r);
}

/* ---- MSG_COPY ---------------------------------------------------------------------------------------------------- */

static int make_room(struct reading *reading, size_t room)
{
	char *grown = realloc(reading->buffer, HEAD + room);

	if (!grown)
		return ipc_ctx_fail(reading->dumping->ctx, -ENOMEM, "no memory for a message of %zu bytes", room);
	reading->buffer = grown;
	reading->room = room;
	return 0;
}

static size_t longest(void)
{
	struct msginfo info = {0};

	/* it takes another struct for this command */
	return msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&info) < 0 || info.msgmax <= 0 ? ROOM_FIRST
											     : (size_t)info.msgmax;
}

/* Message @index into the buffer, for which room is made. Returns its length or -errno, without text. */
static ssize_t copy_message(struct reading *reading, uint64_t index)
{
	size_t room = reading->likely > ROOM_FIRST ? reading->likely : ROOM_FIRST;
	ssize_t n;
	int r;

	if (room > reading->most)
		room = reading->most;
	for (;;) {
		if (reading->room < room) {
			r = make_room(reading, room);
			if (r)
				return r;
		}
		n = msgrcv((int)reading->queue.perm.id, reading->buffer, room, (long)index, MSG_COPY | IPC_NOWAIT);
		if (n >= 0 || errno != E2BIG || room >= reading->most)
			return n < 0 ? -errno : n;
		room = room < reading->most / 4 ? 4 * room : reading->most;
	}
}

/* MSGMAX has been lowered since message @index was sent: the kernel copies it no more. */
static int reach_otherwise(struct reading *reading, uint64_t index)
{
	struct ipc_peek_queue queue = {.first = index, .count = 1, .messages = 1, .bytes = reading->queue.bytes};
	struct ipc_dumping *dumping = reading->dumping;
	int r = ipc_peek_mq_sysv(dumping->ctx, (int)reading->queue.perm.id, &queue, give_peeked, reading);

	if (!is_without_bpf(reading, r))
		return r;
	dumping->result->unreached++;
	ipc_ctx_set_note(dumping->ctx,
			 "%" PRIu64
			 " longer than MSGMAX (%zu bytes) cannot be copied: it takes CAP_BPF and CAP_PERFMON "
			 "(root), or a larger /proc/sys/kernel/msgmax",
			 dumping->result->unreached, reading->most);
	return 0;
}

/* Message @index could not be copied, or there is no queue any more. */
static int go_on_or_fail(struct reading *reading, uint64_t index, int error)
{
	struct ipc_dumping *dumping = reading->dumping;
	struct ipc_sysv_msg now;

	if ((error == -EINVAL || error == -E2BIG) && ipc_sysv_find_msg(dumping->ctx, reading->queue.perm.id, &now) == 0)
		return reach_otherwise(reading, index);
	if (error == -ENOMEM)
		return ipc_ctx_fail(dumping->ctx, error, "out of memory");
	return ipc_sysv_fail(dumping->ctx, error, &reading->queue.perm, "copying its messages");
}

static int copy_messages(struct reading *reading)
{
	uint64_t index;
	ssize_t n;
	long type;
	int r = 0;

	reading->most = longest();
	for (index = reading->first; r == 0 && index < reading->end; index++) {
		n = copy_message(reading, index);
		if (n == -ENOMSG)
			return 0;
		if (n == -ENOSYS)
			return -ENOSYS;
		if (n < 0) {
			r = go_on_or_fail(reading, index, (int)n);
			continue;
		}
		reading->likely = (size_t)n;
		memcpy(&type, reading->buffer, HEAD);
		r = give(reading, index, type, (uint64_t)n, (struct ipc_bytes){reading->buffer + HEAD, (size_t)n});
	}
	return r;
}

/* The kernel counts in seconds: what was received and what was sent within one may look like nothing. */
static bool is_changed(const struct reading *reading, const struct ipc_sysv_msg *now)
{
	const struct ipc_sysv_msg *before = &reading->queue;

	return before->messages != now->messages || before->bytes != now->bytes || before->lspid != now->lspid ||
	       before->lrpid != now->lrpid || before->stime != now->stime || before->rtime != now->rtime;
}

static int copy(struct reading *reading)
{
	struct ipc_dumping *dumping = reading->dumping;
	struct ipc_sysv_msg now = {0};
	int r;

	dumping->result->source = "MSG_COPY";
	r = copy_messages(reading);
	free(reading->buffer);
	if (r && r != IPC_DUMP_ENOUGH)
		return r;
	dumping->result->torn = ipc_sysv_find_msg(dumping->ctx, reading->queue.perm.id, &now) ||
				is_changed(reading, &now) ||
				reading->seen + dumping->result->unreached != reading->end - reading->first;
	if (dumping->result->torn)
		ipc_ctx_set_note(dumping->ctx,
				 "it was in use meanwhile: the %" PRIu64
				 " messages that were seen may never have been queued all at once; %" PRIu64
				 " were queued before, %" PRIu64 " afterwards",
				 reading->seen, reading->queue.messages, now.messages);
	return r;
}

/* ---- dump() ------------------------------------------------------------------------------------------------------ */

/* MSG_COPY asks for it, BPF does not. */
static int check_permission(const struct reading *reading)
{
	const struct ipc_sysv_perm *perm = &reading->queue.perm;
	struct msqid_ds ds;

	if (msgctl((int)perm->id, IPC_STAT, &ds) == 0)
		return 0;
	if (errno != EACCES)
		return ipc_sysv_fail(reading->dumping->ctx, -errno, perm, "reading it");
	return ipc_ctx_fail(reading->dumping->ctx, -EACCES,
			    "permission denied: its mode %04" PRIo64
			    " does not allow reading to you (it belongs to user %" PRIu64 ", group %" PRIu64
			    "); root may (CAP_IPC_OWNER)",
			    perm->mode, perm->uid, perm->gid);
}

static bool is_worth_bpf(const struct reading *reading)
{
	uint64_t first = reading->first, end = reading->end;

	/* The ends are checked first, so that no square overflows. */
	return end > STEPS_WORTH_BPF || (end * end - first * first) / 2 > STEPS_WORTH_BPF;
}

static int read_messages(struct reading *reading)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;
	bool tried = is_worth_bpf(reading);
	char why[sizeof(ctx->error)];
	int r;

	if (tried) {
		r = peek(reading);
		if (!is_without_bpf(reading, r))
			return r;
	}
	r = copy(reading);
	if (r != -ENOSYS || reading->stopped)
		return r;
	r = peek(reading);
	if (!is_without_bpf(reading, r))
		return r;
	memcpy(why, ctx->error, sizeof(why));
	return ipc_ctx_fail(ctx, -ENOSYS,
			    "this kernel cannot copy messages: it was built without CONFIG_CHECKPOINT_RESTORE; %s",
			    why);
}

static int dump(struct ipc_dumping *dumping)
{
	const struct ipc_dump_how *how = &dumping->how;
	struct reading reading = {.dumping = dumping, .first = how->first};
	int r = ipc_sysv_again_msg(dumping->ctx, dumping->object, &reading.queue);

	if (r == 0)
		r = check_permission(&reading);
	if (r)
		return r;
	dumping->result->source = "MSG_COPY";
	reading.end = reading.queue.messages;
	if (reading.end <= reading.first)
		return 0;
	if (how->count < reading.end - reading.first)
		reading.end = reading.first + how->count;
	return read_messages(&reading);
}

const struct ipc_contents ipc_contents_mq_sysv = {
	.help =
		{
			.read = "the kernel copies messages without taking them (MSG_COPY); many are read from its memory by BPF, "
				"in one walk",
			.privilege = "permission to read the queue; for BPF, CAP_BPF and CAP_PERFMON (root)",
			.disturbs = "nothing",
		},
	.takes = IPC_DUMP_MESSAGES,
	.dump = dump,
};
