/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V message queues are made, used and removed. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/limits.h"
#include "classes/mq.h"
#include "classes/sysv_change.h"
#include "sources/deadline.h"
#include "sources/umask_call.h"

#define HEAD sizeof(long) /* the type, in front of the bytes of a message */
#define ROOM_FIRST 8192   /* what a message may have unless the host was set up otherwise */

static const struct ipc_limit msgmni = {"MSGMNI", "sys/kernel/msgmni", 0, "message queues in this ipc namespace"};
static const struct ipc_limit msgmnb = {"MSGMNB", "sys/kernel/msgmnb", 0, "bytes in a queue without CAP_SYS_RESOURCE"};
static const struct ipc_limit msgmax = {"MSGMAX", "sys/kernel/msgmax", 0, "bytes in a message"};

/* What the kernel answers to @command, IPC_INFO or MSG_INFO; false when it does not. */
static bool read_info(int command, struct msginfo *out)
{
	/* it takes another struct for these commands */
	return msgctl(0, command, (struct msqid_ds *)(void *)out) >= 0;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static bool beyond_msgmnb(uint64_t bytes)
{
	struct msginfo info;

	return read_info(IPC_INFO, &info) && bytes > (uint64_t)info.msgmnb;
}

/* EPERM has two meanings: the queue is somebody else's, or it would hold more than MSGMNB. */
static int explain_eperm(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_msg *now)
{
	bool given = settings->given & IPC_SET_MAX_BYTES;
	uint64_t bytes = given ? settings->max_bytes : now->max_bytes;
	uid_t me = geteuid();
	char happened[64];

	if (!beyond_msgmnb(bytes) || (me != now->perm.uid && me != now->perm.cuid && me != 0))
		return ipc_sysv_fail(ctx, -EPERM, &now->perm, "changing it");
	if (given) {
		snprintf(happened, sizeof(happened), "max-bytes cannot be %" PRIu64, bytes);
		return ipc_limit_fail(ctx, -EPERM, &msgmnb, IPC_UNKNOWN, happened);
	}
	return ipc_ctx_fail(ctx, -EPERM,
			    "its max-bytes is %" PRIu64
			    ", more than MSGMNB: without root it can only be changed together with a smaller max-bytes",
			    bytes);
}

static int explain_set(struct ipc_ctx *ctx, int error, const struct ipc_settings *settings,
		       const struct ipc_sysv_msg *now)
{
	return error == -EPERM ? explain_eperm(ctx, settings, now)
			       : ipc_sysv_fail_set(ctx, error, IPC_SYSV_MSG, &now->perm);
}

/* All at once: the kernel takes them together or not at all. @now: how the queue is. */
static int apply(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_msg *now)
{
	uint64_t bytes = settings->given & IPC_SET_MAX_BYTES ? settings->max_bytes : now->max_bytes;
	struct msqid_ds ds = {.msg_perm = ipc_sysv_perm_to_set(settings, &now->perm), .msg_qbytes = (msglen_t)bytes};

	if (ds.msg_qbytes != bytes)
		return ipc_ctx_fail(ctx, -EINVAL, "max-bytes cannot be more than %lu", ULONG_MAX);
	if (msgctl((int)now->perm.id, IPC_SET, &ds) < 0)
		return explain_set(ctx, -errno, settings, now);
	return 0;
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct ipc_sysv_msg now;
	int r = ipc_sysv_check_mode(ctx, settings);

	if (r == 0)
		r = ipc_sysv_again_msg(ctx, object, &now);
	return r ? r : apply(ctx, settings, &now);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int explain_create(struct ipc_creation *creation, int error)
{
	struct ipc_ctx *ctx = creation->ctx;
	struct msginfo info;

	switch (error) {
	case -EEXIST:
		return ipc_sysv_key_taken(creation, "a message queue");
	case -ENOSPC:
		return ipc_limit_fail(ctx, error, &msgmni,
				      read_info(MSG_INFO, &info) ? (uint64_t)info.msgpool : IPC_UNKNOWN,
				      "no further queue can be made");
	case -ENOSYS:
		return ipc_ctx_fail(ctx, error, "this kernel has no System V IPC");
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be made: %s", strerror(-error));
	}
}

/* What msgget() cannot give it. */
static int finish(struct ipc_creation *creation, int id)
{
	const unsigned later = IPC_SET_OWNER | IPC_SET_GROUP | IPC_SET_MAX_BYTES;
	struct ipc_sysv_msg now;
	int r;

	if (!(creation->settings->given & later))
		return 0;
	r = ipc_sysv_find_msg(creation->ctx, (uint64_t)id, &now);
	if (r)
		return ipc_ctx_fail(creation->ctx, r, "the new queue cannot be looked at: %s", strerror(-r));
	return apply(creation->ctx, creation->settings, &now);
}

static int create(struct ipc_creation *creation)
{
	int id, r = ipc_sysv_check_mode(creation->ctx, creation->settings);
	sigset_t before;

	if (r)
		return r;
	ipc_signals_hold(&before);
	id = msgget(ipc_sysv_new_key(creation), IPC_CREAT | IPC_EXCL | (int)(creation->mode & 0777));
	r = id < 0 ? explain_create(creation, -errno) : finish(creation, id);
	if (r == 0)
		r = ipc_sysv_created(creation, id);
	if (id >= 0 && r)
		msgctl(id, IPC_RMID, NULL);
	ipc_signals_release(&before);
	return r;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* The queue as it was when it was opened: for messages about it. */
static const struct ipc_sysv_msg *seen(const struct ipc_port *port)
{
	return port->own;
}

/* The most that a message may have; 0 when there is no limit that is known. */
static size_t longest(const struct ipc_sysv_msg *queue)
{
	struct msginfo info;
	uint64_t most = queue->max_bytes;

	if (read_info(IPC_INFO, &info) && (!most || (uint64_t)info.msgmax < most))
		most = (uint64_t)info.msgmax;
	return (size_t)most;
}

static int open_queue(struct ipc_port *port, ipc_deadline deadline)
{
	struct ipc_sysv_msg queue, *own;
	int r = ipc_sysv_again_msg(port->ctx, port->object, &queue);

	(void)deadline;
	if (r)
		return r;
	own = malloc(sizeof(*own));
	if (!own)
		return ipc_ctx_fail(port->ctx, -ENOMEM, "out of memory");
	*own = queue;
	port->own = own;
	port->limit = longest(&queue);
	return 0;
}

/* Room for a message of @len bytes in the port's buffer. */
static int make_room(struct ipc_port *port, size_t len)
{
	char *grown;

	if (len > SSIZE_MAX - HEAD)
		return ipc_ctx_fail(port->ctx, -EMSGSIZE, "a message of %zu bytes is too long", len);
	if (port->room >= HEAD + len)
		return 0;
	grown = realloc(port->buffer, HEAD + len);
	if (!grown)
		return ipc_ctx_fail(port->ctx, -ENOMEM, "no memory for a message of %zu bytes", len);
	port->buffer = grown;
	port->room = HEAD + len;
	return 0;
}

/* One call of msgsnd() or msgrcv(). */
struct transfer {
	int id;
	bool send;
	void *buffer;
	size_t len; /* of the message, or the room for it */
	long type;
	int flags;
};

/* Returns the bytes that went, or -errno. */
static ssize_t transfer_once(const struct transfer *transfer, int flags)
{
	ssize_t n;

	flags |= transfer->flags;
	if (transfer->send)
		n = msgsnd(transfer->id, transfer->buffer, transfer->len, flags);
	else
		n = msgrcv(transfer->id, transfer->buffer, transfer->len, transfer->type, flags);
	return n < 0 ? -errno : n;
}

/* The same until @deadline: -EAGAIN or -ETIMEDOUT then. What need not wait needs no alarm either. */
static ssize_t transfer_until(const struct transfer *transfer, ipc_deadline deadline)
{
	ssize_t n = transfer_once(transfer, IPC_NOWAIT);
	struct ipc_alarm alarm;
	int r;

	if (n != -EAGAIN && n != -ENOMSG)
		return n;
	if (deadline == IPC_NO_WAIT)
		return -EAGAIN;
	r = ipc_alarm_arm(&alarm, deadline);
	if (r)
		return r;
	do
		n = transfer_once(transfer, 0);
	while (n == -EINTR && !ipc_deadline_passed(deadline));
	ipc_alarm_disarm(&alarm);
	return n == -EINTR ? -ETIMEDOUT : n;
}

static int explain(struct ipc_port *port, int error, const struct ipc_sysv_perm *perm, const char *what)
{
	if (error == -ENOBUFS)
		return ipc_alarm_fail(port->ctx);
	return ipc_sysv_fail(port->ctx, error, perm, what);
}

/* Would wait for ever rather than fail, so it is not even tried. @now: the queue as it is. */
static int check_length(struct ipc_ctx *ctx, const struct ipc_sysv_msg *now, size_t len)
{
	struct msginfo info;
	char happened[64];

	if (now->max_bytes && len > now->max_bytes)
		return ipc_ctx_fail(ctx, -EMSGSIZE,
				    "a message of %zu bytes is too long: this queue takes %" PRIu64
				    "; \"ipctool set\" can give it a larger max-bytes",
				    len, now->max_bytes);
	if (read_info(IPC_INFO, &info) && len > (uint64_t)info.msgmax) {
		snprintf(happened, sizeof(happened), "a message of %zu bytes is too long", len);
		return ipc_limit_fail(ctx, -EMSGSIZE, &msgmax, IPC_UNKNOWN, happened);
	}
	return 0;
}

static int look_again(struct ipc_port *port, struct ipc_sysv_msg *now)
{
	int r = ipc_sysv_find_msg(port->ctx, port->object->id, now);

	return r ? ipc_sysv_fail(port->ctx, r == -ENOENT ? -EIDRM : r, &seen(port)->perm, "looking at it") : 0;
}

static int explain_full(struct ipc_port *port, int error)
{
	struct ipc_sysv_msg now;
	int r = look_again(port, &now);

	if (r)
		return r;
	return ipc_ctx_fail(port->ctx, error,
			    "%sthe queue is full: %" PRIu64 " of %" PRIu64 " bytes in %" PRIu64 " message%s",
			    error == -ETIMEDOUT ? "timed out: " : "", now.bytes, now.max_bytes, now.messages,
			    now.messages == 1 ? "" : "s");
}

static int send_message(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	struct transfer transfer = {.id = (int)port->object->id, .send = true, .len = message->data.len};
	long type = message->number ? (long)message->number : 1;
	struct ipc_sysv_msg now;
	ssize_t n;
	int r;

	if (message->number < 0 || message->number > LONG_MAX)
		return ipc_ctx_fail(port->ctx, -EINVAL, "the type of a message is 1 to %ld", LONG_MAX);
	r = look_again(port, &now);
	if (r == 0)
		r = check_length(port->ctx, &now, transfer.len);
	if (r == 0)
		r = make_room(port, transfer.len);
	if (r)
		return r;
	memcpy(port->buffer, &type, HEAD);
	if (transfer.len)
		memcpy(port->buffer + HEAD, message->data.data, transfer.len);
	transfer.buffer = port->buffer;
	n = transfer_until(&transfer, deadline);
	if (n == -EAGAIN || n == -ETIMEDOUT)
		return explain_full(port, (int)n);
	if (n < 0)
		return explain(port, (int)n, &now.perm, "sending to it");
	*sent = transfer.len;
	return 0;
}

static int check_choice(struct ipc_ctx *ctx, const struct ipc_choice *choice)
{
	if (choice->except && choice->type <= 0)
		return ipc_ctx_fail(ctx, -EINVAL, "only a type above 0 can be excepted");
	if (choice->type > LONG_MAX || choice->type < -LONG_MAX)
		return ipc_ctx_fail(ctx, -EINVAL, "the type of a message is 1 to %ld", LONG_MAX);
	return 0;
}

static int explain_empty(struct ipc_port *port, const struct ipc_choice *choice, int error)
{
	const char *late = error == -ETIMEDOUT ? "timed out: " : "";
	int64_t type = choice->type;

	if (!type)
		return ipc_ctx_fail(port->ctx, error, "%sthe queue is empty", late);
	return ipc_ctx_fail(port->ctx, error, "%sno message of %s%" PRId64 " is queued", late,
			    choice->except ? "another type than "
			    : type < 0     ? "a type up to "
					   : "type ",
			    type < 0 ? -type : type);
}

/*
 * The first message is longer than the buffer, and was left in the queue: as much room as all of the queue needs. The
 * limits say nothing here, they may have been lowered since it was sent.
 */
static int grow(struct ipc_port *port)
{
	struct ipc_sysv_msg now;
	size_t room = 2 * (port->room - HEAD);
	int r = look_again(port, &now);

	if (r)
		return r;
	return make_room(port, now.bytes > room ? (size_t)now.bytes : room);
}

static int receive(struct ipc_port *port, const struct ipc_choice *choice, ipc_deadline deadline,
		   struct ipc_message *out, bool *end)
{
	struct transfer transfer = {
		.id = (int)port->object->id, .type = (long)choice->type, .flags = choice->except ? MSG_EXCEPT : 0};
	ssize_t n = -E2BIG;
	long type;
	int r = check_choice(port->ctx, choice);

	if (r == 0)
		r = make_room(port, ROOM_FIRST);
	while (r == 0 && n == -E2BIG) {
		transfer.buffer = port->buffer;
		transfer.len = port->room - HEAD;
		n = transfer_until(&transfer, deadline);
		if (n == -E2BIG)
			r = grow(port);
	}
	if (r)
		return r;
	if (n == -EAGAIN || n == -ETIMEDOUT)
		return explain_empty(port, choice, (int)n);
	if (n < 0)
		return explain(port, (int)n, &seen(port)->perm, "receiving from it");
	memcpy(&type, port->buffer, HEAD);
	*out = (struct ipc_message){.data = {port->buffer + HEAD, (size_t)n}, .number = type};
	*end = false;
	return 0;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* The kernel counts no users, but it notes the last ones. A time of 0 is "never", and then a pid says nothing. */
static bool used_since(const struct ipc_mq *mq, const struct ipc_sysv_msg *now)
{
	return mq->sent != ipc_sysv_time(now->stime) || mq->received != ipc_sysv_time(now->rtime) ||
	       (now->stime && mq->last_sender != now->lspid) || (now->rtime && mq->last_receiver != now->lrpid) ||
	       mq->messages != now->messages;
}

static int look_once_more(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	struct ipc_sysv_msg now;
	int r = ipc_sysv_again_msg(ctx, object, &now);

	if (r == 0 && how->force != IPC_FORCE_HELD && used_since((const struct ipc_mq *)object, &now))
		r = ipc_ctx_fail(ctx, -EBUSY, "used since it was looked at (--force=held overrides)");
	return r;
}

static int remove_queue(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	struct ipc_sysv_msg now;
	int r = ipc_sysv_just_looked(object) ? 0 : look_once_more(ctx, object, how);

	if (r || how->dry_run || msgctl((int)object->id, IPC_RMID, NULL) == 0)
		return r;
	r = -errno;
	if (r == -EINVAL || r == -EIDRM)
		return ipc_ctx_fail(ctx, -ENOENT, "gone already");
	/* Whose it is by now is part of the reason. */
	if (ipc_sysv_again_msg(ctx, object, &now))
		return ipc_ctx_fail(ctx, r, "removing it failed: %s", strerror(-r));
	return ipc_sysv_fail(ctx, r, &now.perm, "removing it");
}

const struct ipc_changes ipc_changes_mq_sysv = {
	.refuse =
		{
			[IPC_VERB_POST] = "a queue is no semaphore; send it a message, or make a semaphore: sem:/name",
			[IPC_VERB_WAIT] = "a queue is no semaphore; receive a message, or make a semaphore: sem:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_KEY | IPC_SET_FTOK | IPC_SET_MAX_BYTES,
	.set_takes = IPC_SET_PERMS | IPC_SET_MAX_BYTES,
	.creates_by = 1u << IPC_BY_KEY,
	.creation_example = "0x4d51",
	.creates_unnamed = true,
	.create = create,
	.set = set,
	.open = open_queue,
	.send = send_message,
	.receive = receive,
	.remove = remove_queue,
};
