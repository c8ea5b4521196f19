/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What POSIX queues contain: their messages as BPF finds them in the kernel, or, when that is asked for, received. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/held.h"
#include "classes/mq_posix_open.h"
#include "peek/peek.h"
#include "sources/mqueuefs.h"
#include "sources/umask_call.h"

struct entry {
	uint64_t priority;
};

static const struct ipc_field fields[] = {
	IPC_FIELD(entry, priority, UINT, "its priority; higher ones are received first"),
};

static const struct ipc_record record = {
	.name = "message",
	.size = sizeof(struct entry),
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

/* ---- reaching the queue ------------------------------------------------------------------------------------------ */

static bool is_readable(int fd, const void *data)
{
	(void)data;
	return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

/* What has no name is reached through who has it open. */
static int open_queue(const struct ipc_dumping *dumping, int access)
{
	const struct ipc_object *object = dumping->object;
	char name[NAME_MAX + 1];
	int fd, r;

	if (((const struct ipc_mq *)object)->deleted) {
		fd = ipc_object_copy(dumping->ctx, object, is_readable, NULL);
		return fd < 0 ? fd : ipc_mq_posix_identify(dumping->ctx, object, fd, "reading");
	}
	r = ipc_mq_posix_name(dumping->ctx, object, name);
	if (r)
		return r;
	fd = ipc_mqueue_open(name, access);
	/* Without writing no message can be put back; it can be taken all the same. */
	if (fd == -EACCES && access == O_RDWR)
		fd = ipc_mqueue_open(name, O_RDONLY);
	return ipc_mq_posix_identify(dumping->ctx, object, fd, "reading");
}

static int read_attributes(const struct ipc_dumping *dumping, int fd, struct mq_attr *out)
{
	int r = ipc_mqueue_attributes(fd, out);

	return r ? ipc_ctx_fail(dumping->ctx, r, "it cannot be looked at: %s", strerror(-r)) : 0;
}

/* ---- by BPF ------------------------------------------------------------------------------------------------------ */

struct peeking {
	struct ipc_dumping *dumping;
	uint64_t given;
	int stopped; /* what giving the last one returned */
};

static int give_peeked(const struct ipc_peek_message *message, void *data)
{
	struct entry entry = {.priority = (uint64_t)message->number};
	struct peeking *peeking = data;

	peeking->given++;
	peeking->stopped =
		ipc_dumping_message(peeking->dumping, message->index, message->length, message->data, &record, &entry);
	return peeking->stopped;
}

/* What else there is for who has no BPF. The error says whether it is the caller's lack or the system's. */
static int fail_peek(struct ipc_ctx *ctx, int error)
{
	char why[sizeof(ctx->error)];

	if (error == -EPERM)
		return ipc_ctx_fail(ctx, error,
				    "permission denied: its messages can be seen by BPF alone, which needs CAP_BPF and "
				    "CAP_PERFMON (root); --drain takes the messages out instead");
	memcpy(why, ctx->error, sizeof(why));
	return ipc_ctx_fail(ctx, -ENOSYS,
			    "its messages can be seen by BPF alone: %s; --drain takes the messages out instead", why);
}

/* Takes @fd. */
static int peek(struct ipc_dumping *dumping, int fd, const struct mq_attr *attr)
{
	uint64_t first = dumping->how.first, behind = (uint64_t)attr->mq_curmsgs - first;
	struct ipc_peek_queue queue = {.first = first, .count = dumping->how.count};
	struct peeking peeking = {.dumping = dumping};
	int r;

	queue.messages = queue.count < behind ? queue.count : behind;
	queue.bytes = queue.messages * (uint64_t)attr->mq_msgsize;
	r = ipc_peek_mq_posix(dumping->ctx, fd, &queue, give_peeked, &peeking);
	dumping->result->torn = queue.torn;
	dumping->result->unreached = queue.left;
	if (r && r == peeking.stopped)
		return r;
	if (ipc_peek_cannot(r))
		return fail_peek(dumping->ctx, r);
	if (r == 0 && queue.torn)
		ipc_ctx_set_note(dumping->ctx,
				 "it was in use all the while: the %" PRIu64
				 " messages that were seen may never have been queued all at once",
				 peeking.given);
	return r;
}

/* ---- by receiving ------------------------------------------------------------------------------------------------ */

struct drain {
	struct ipc_dumping *dumping;
	int fd;
	char *buffer;
	size_t room;
	unsigned priority;
};

static const struct timespec no_wait; /* a time in the past: a copied descriptor may be one that waits */

static int hold_signals(void *data)
{
	ipc_signals_hold(data);
	return 0;
}

static int release_signals(void *data)
{
	ipc_signals_release(data);
	return 0;
}

/* @stopped: what the receiver returned instead of taking the message. */
static int put_back(const struct drain *drain, size_t len, int stopped)
{
	struct ipc_ctx *ctx = drain->dumping->ctx;
	int r = ipc_mqueue_send(drain->fd, drain->buffer, len, drain->priority, &no_wait);

	if (r == -EAGAIN || r == -ETIMEDOUT)
		return ipc_ctx_fail(
			ctx, -EIO,
			"a message of %zu bytes with priority %u is lost: it could not be handed on, and the "
			"queue became full before it could be put back",
			len, drain->priority);
	if (r)
		return ipc_ctx_fail(
			ctx, -EIO,
			"a message of %zu bytes with priority %u is lost: it could not be handed on, nor put "
			"back: %s",
			len, drain->priority, r == -EBADF ? "the queue is open for reading alone" : strerror(-r));
	ipc_ctx_set_note(
		ctx, "a message of %zu bytes could not be handed on and was put back, behind those of its priority %u",
		len, drain->priority);
	return stopped;
}

static int take_one(struct drain *drain, uint64_t index)
{
	ssize_t len = ipc_mqueue_receive(drain->fd, drain->buffer, drain->room, &drain->priority, &no_wait);
	struct entry entry = {.priority = drain->priority};
	int r;

	if (len < 0)
		return (int)len;
	r = ipc_dumping_message(drain->dumping, index, (uint64_t)len, (struct ipc_bytes){drain->buffer, (size_t)len},
				&record, &entry);
	return r && r != IPC_DUMP_ENOUGH ? put_back(drain, (size_t)len, r) : r;
}

/* Between receiving a message and giving it no signal may end the program, in whichever thread it would. */
static int take_undisturbed(struct drain *drain, uint64_t index)
{
	struct ipc_ctx *ctx = drain->dumping->ctx;
	sigset_t before;
	int r;

	ipc_ns_at_home(ctx, hold_signals, &before);
	r = take_one(drain, index);
	ipc_ns_at_home(ctx, release_signals, &before);
	return r;
}

/* As many as were queued at the beginning: who sends on must not keep it going for ever. */
static int take_all(struct drain *drain, uint64_t messages)
{
	struct ipc_ctx *ctx = drain->dumping->ctx;
	uint64_t index;
	struct mq_attr attr;
	int r = 0;

	for (index = 0; r == 0 && index < messages; index++)
		r = take_undisturbed(drain, index);
	if (r == 0 && ipc_mqueue_attributes(drain->fd, &attr) == 0 && attr.mq_curmsgs)
		ipc_ctx_set_note(ctx, "%ld message%s came meanwhile and %s left in the queue", (long)attr.mq_curmsgs,
				 attr.mq_curmsgs == 1 ? "" : "s", attr.mq_curmsgs == 1 ? "was" : "were");
	/* Somebody else took the rest. */
	return r == -EAGAIN || r == -ETIMEDOUT ? 0 : r;
}

/* Takes @fd. */
static int drain(struct ipc_dumping *dumping, int fd, const struct mq_attr *attr)
{
	struct drain drain = {.dumping = dumping, .fd = fd, .room = (size_t)attr->mq_msgsize};
	int r;

	drain.buffer = malloc(drain.room);
	r = drain.buffer ? take_all(&drain, (uint64_t)attr->mq_curmsgs)
			 : ipc_ctx_fail(dumping->ctx, -ENOMEM, "out of memory");
	free(drain.buffer);
	close(fd);
	return r;
}

/* ---- dump() ------------------------------------------------------------------------------------------------------ */

static int dump(struct ipc_dumping *dumping)
{
	bool drains = dumping->how.flags & IPC_DUMP_DRAIN;
	struct mq_attr attr = {0};
	int fd, r;

	if (drains && dumping->how.first)
		return ipc_ctx_fail(
			dumping->ctx, -EINVAL,
			"--drain takes messages from the front: those before a chosen one cannot be left out");
	fd = open_queue(dumping, drains ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	dumping->result->source = drains ? "drain" : "bpf";
	r = read_attributes(dumping, fd, &attr);
	/* An empty queue takes no privilege to be looked into. */
	if (r == 0 && (uint64_t)attr.mq_curmsgs > dumping->how.first)
		return drains ? drain(dumping, fd, &attr) : peek(dumping, fd, &attr);
	close(fd);
	return r;
}

const struct ipc_contents ipc_contents_mq_posix = {
	.help =
		{
			.read = "BPF copies the messages out of the kernel's memory; --drain receives them",
			.privilege =
				"CAP_BPF and CAP_PERFMON (root); with --drain permission to read the queue, and to write "
				"it so that a message can be put back",
			.disturbs =
				"nothing; --drain takes the messages out of the queue and lets blocked senders go on",
		},
	.takes = IPC_DUMP_MESSAGES | IPC_DUMP_DRAIN,
	.dump = dump,
};
