/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How POSIX message queues are set, used and removed: by the kernel's calls on a name, so that no mount is needed.
 *
 * Their file system has no rename and no link: a queue keeps its name until it is unlinked, and a descriptor of it with a
 * count of links is proof that the name still leads there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/mq_posix_open.h"
#include "sources/deadline.h"
#include "sources/mqueuefs.h"
#include "sources/unlink.h"

#define PRIORITIES 32768 /* MQ_PRIO_MAX */

/* ---- finding the queue again ------------------------------------------------------------------------------------- */

static int fail_owner(struct ipc_ctx *ctx, const struct ipc_object *object, const char *what)
{
	return ipc_ctx_fail(ctx, -EPERM, "permission denied: %s is for its owner (user %" PRIu64 ") and root", what,
			    object->uid);
}

/*
 * A queue that its owner may neither read nor write has a descriptor all the same where mqueue is mounted: one that is
 * good for its attributes alone.
 */
static int open_path(struct ipc_ctx *ctx, const char *name)
{
	int dir = ipc_mqueuefs_open_here(ctx), fd;

	if (dir < 0)
		return -EACCES;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	close(dir);
	return fd;
}

/* ---- owner and mode ---------------------------------------------------------------------------------------------- */

/* fchmod() refuses a descriptor that is a path alone. */
static int change_mode(struct ipc_ctx *ctx, int fd, mode_t mode)
{
	char path[32];

	if (fchmod(fd, mode) == 0)
		return 0;
	if (errno != EBADF)
		return -errno;
	snprintf(path, sizeof(path), "self/fd/%d", fd);
	return fchmodat(ctx->proc_fd, path, mode, 0) ? -errno : 0;
}

static int change_owner(int fd, uid_t uid, gid_t gid)
{
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
}

static int fail_set(struct ipc_ctx *ctx, const struct ipc_object *object, int error, bool owner)
{
	if (error == -EPERM && owner)
		return ipc_ctx_fail(ctx, error,
				    "permission denied: only root may give it to another user; its owner (user %" PRIu64
				    ") may set the group to one of his own",
				    object->uid);
	if (error == -EPERM)
		return fail_owner(ctx, object, "changing its mode");
	if (error == -EINVAL)
		return ipc_ctx_fail(ctx, error, "this user namespace has no such user or group");
	return ipc_ctx_fail(ctx, error, "it cannot be changed: %s", strerror(-error));
}

/* All or nothing. On the way it allows no more than the old mode and the new one both do. */
static int set_all(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings, int fd,
		   const struct stat *old)
{
	bool owner = settings->given & (IPC_SET_OWNER | IPC_SET_GROUP), moded = settings->given & IPC_SET_MODE;
	uid_t uid = settings->given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1;
	gid_t gid = settings->given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1;
	mode_t before = old->st_mode & 07777, mode = moded ? (mode_t)settings->mode : before;
	int r, undo = 0;

	r = moded ? change_mode(ctx, fd, owner ? mode & before : mode) : 0;
	if (r || !owner)
		return r ? fail_set(ctx, object, r, false) : 0;
	r = change_owner(fd, uid, gid);
	if (r) {
		undo = moded ? change_mode(ctx, fd, before) : 0;
	} else {
		if (moded)
			r = change_mode(ctx, fd, mode);
		if (r == 0)
			return 0;
		undo = change_owner(fd, old->st_uid, old->st_gid);
		undo = undo ? undo : change_mode(ctx, fd, before);
	}
	if (undo)
		return ipc_ctx_fail(ctx, r, "it cannot be changed (%s), nor could what was changed be undone: %s",
				    strerror(-r), strerror(-undo));
	return fail_set(ctx, object, r, true);
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int fd, r = ipc_mq_posix_name(ctx, object, name);

	if (r)
		return r;
	fd = ipc_mqueue_open_any(name);
	if (fd == -EACCES)
		fd = open_path(ctx, name);
	if (fd == -EACCES && geteuid() != object->uid)
		return fail_owner(ctx, object, "changing it");
	if (fd == -EACCES)
		return ipc_ctx_fail(ctx, fd,
				    "its mode %04" PRIo64 " lets you neither read nor write it; it can be changed "
				    "where /dev/mqueue is mounted, or by root",
				    object->mode);
	fd = ipc_mq_posix_identify(ctx, object, fd, "changing it");
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) ? -errno : set_all(ctx, object, settings, fd, &st);
	close(fd);
	return r;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static int open_port(struct ipc_port *port, ipc_deadline deadline)
{
	bool sends = port->verb == IPC_VERB_SEND;
	char name[NAME_MAX + 1];
	struct mq_attr attr;
	int r = ipc_mq_posix_name(port->ctx, port->object, name);

	(void)deadline;
	if (r)
		return r;
	port->fd = ipc_mq_posix_identify(port->ctx, port->object, ipc_mqueue_open(name, sends ? O_WRONLY : O_RDONLY),
					 sends ? "sending" : "receiving");
	if (port->fd < 0)
		return port->fd;
	r = ipc_mqueue_attributes(port->fd, &attr);
	if (r)
		return ipc_ctx_fail(port->ctx, r, "it cannot be looked at: %s", strerror(-r));
	port->limit = (size_t)attr.mq_msgsize;
	if (sends)
		return 0;
	port->room = port->limit;
	port->buffer = malloc(port->room);
	return port->buffer ? 0 : ipc_ctx_fail(port->ctx, -ENOMEM, "out of memory");
}

/* One call of either direction, as often as it takes. */
struct transfer {
	struct ipc_port *port;
	const struct ipc_message *message; /* to be sent; NULL: receive */
	unsigned priority;
	ssize_t len; /* what came */
};

static int transfer_once(struct transfer *transfer, const struct timespec *until)
{
	struct ipc_port *port = transfer->port;

	if (transfer->message)
		return ipc_mqueue_send(port->fd, transfer->message->data.data, transfer->message->data.len,
				       transfer->priority, until);
	transfer->len = ipc_mqueue_receive(port->fd, port->buffer, port->room, &transfer->priority, until);
	return transfer->len < 0 ? (int)transfer->len : 0;
}

/* The kernel's deadline is on a clock that may be set meanwhile: ours decides. */
static int transfer_until(struct transfer *transfer, ipc_deadline deadline)
{
	struct mq_attr flags = {.mq_flags = deadline == IPC_NO_WAIT ? O_NONBLOCK : 0};
	struct timespec until;
	bool limited;
	int r;

	if (syscall(SYS_mq_getsetattr, transfer->port->fd, &flags, NULL))
		return -errno;
	do {
		limited = deadline != IPC_NO_WAIT && ipc_deadline_realtime(deadline, &until);
		r = transfer_once(transfer, limited ? &until : NULL);
	} while (r == -EINTR || (r == -ETIMEDOUT && !ipc_deadline_passed(deadline)));
	return r;
}

static int fail_transfer(struct ipc_ctx *ctx, int error, const char *what)
{
	switch (error) {
	case -EAGAIN:
		return ipc_ctx_fail(ctx, error, "the queue is %s", what);
	case -ETIMEDOUT:
		return ipc_ctx_fail(ctx, error, "timed out: the queue stayed %s", what);
	default:
		return ipc_ctx_fail(ctx, error, "%s", strerror(-error));
	}
}

static int send_message(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	struct transfer transfer = {.port = port, .message = message, .priority = (unsigned)message->number};
	int r;

	if (message->number < 0 || message->number >= PRIORITIES)
		return ipc_ctx_fail(port->ctx, -EINVAL, "a priority is 0 to %d", PRIORITIES - 1);
	if (message->data.len > port->limit)
		return ipc_ctx_fail(port->ctx, -EMSGSIZE, "the message has %zu bytes; this queue takes at most %zu",
				    message->data.len, port->limit);
	r = transfer_until(&transfer, deadline);
	if (r)
		return fail_transfer(port->ctx, r, "full");
	*sent = message->data.len;
	return 0;
}

static int receive_message(struct ipc_port *port, const struct ipc_choice *choice, ipc_deadline deadline,
			   struct ipc_message *out, bool *end)
{
	struct transfer transfer = {.port = port};
	int r;

	(void)end;
	if (choice->type || choice->except)
		return ipc_ctx_fail(port->ctx, -EINVAL,
				    "a POSIX queue gives its highest priority first; nothing can be chosen");
	r = transfer_until(&transfer, deadline);
	if (r)
		return fail_transfer(port->ctx, r, "empty");
	out->data = (struct ipc_bytes){port->buffer, (size_t)transfer.len};
	out->number = transfer.priority;
	return 0;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* Who only looks at a queue has it open for microseconds, and would make it seem to be in use. */
#define LOOKS 5
#define PAUSE 2000000 /* ns */

static bool is_proven(const struct ipc_object *object)
{
	return ipc_bytes_equal(object->state, ipc_bytes_of("idle")) ||
	       ipc_bytes_equal(object->state, ipc_bytes_of("orphan"));
}

/* There can be no lease, for what @error says. */
static int without_proof(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how, int error)
{
	if (how->force != IPC_FORCE_NONE || (is_proven(object) && !how->certain))
		return 0;
	if (geteuid() && geteuid() != object->uid)
		return fail_owner(ctx, object, "removing it");
	return ipc_ctx_fail(
		ctx, -EBUSY,
		"may be in use: the proof that it is not, a lease, cannot be had: %s (--force=unknown overrides)",
		error == -EACCES ? "its mode or owner forbids it, and CAP_LEASE would be needed" : strerror(-error));
}

/* 0, -EAGAIN (somebody has it open, or is about to open it), or refused with text. */
static int prove_unused(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how, int fd)
{
	int r;

	/* A lease gets in the way of others: a rehearsal takes none where the complete scan is proof enough. */
	if (how->force == IPC_FORCE_HELD || (how->dry_run && !how->certain && is_proven(object)))
		return 0;
	r = ipc_lease_take(fd);
	if (r == 0)
		return ipc_lease_kept(fd) ? 0 : -EAGAIN;
	return r == -EAGAIN ? r : without_proof(ctx, object, how, r);
}

static int unlink_last(struct ipc_ctx *ctx, const struct ipc_object *object, const char *name, int fd)
{
	struct stat st;
	int r;

	/* The name may have gone to another one since it was opened; the kernel has no call that compares and unlinks. */
	if (fstat(fd, &st) == 0 && !st.st_nlink)
		return -EAGAIN;
	r = ipc_mqueue_unlink(name);
	switch (r) {
	case 0:
		return 0;
	case -ENOENT:
		return ipc_ctx_fail(ctx, r, "gone already");
	case -EPERM:
	case -EACCES:
		return fail_owner(ctx, object, "removing it");
	default:
		return ipc_ctx_fail(ctx, r, "it cannot be removed: %s", strerror(-r));
	}
}

/* -EAGAIN without text: look again. */
static int try_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how,
		      const char *name)
{
	int fd = ipc_mqueue_open_any(name), path, r = 0;
	bool opened = fd >= 0;

	if (fd == -EACCES)
		r = without_proof(ctx, object, how, fd);
	if (r == 0 && (fd == -EACCES || (fd == -EAGAIN && how->force == IPC_FORCE_HELD))) {
		path = open_path(ctx, name);
		fd = path == -EACCES ? fd : path;
	}
	if (r == 0)
		fd = r = ipc_mq_posix_identify(ctx, object, fd, "a look at it");
	if (r < 0)
		return r;
	r = opened ? prove_unused(ctx, object, how, fd) : 0;
	if (r == 0 && !how->dry_run)
		r = unlink_last(ctx, object, name, fd);
	close(fd);
	return r;
}

static void note_holders(struct ipc_ctx *ctx, const struct ipc_object *object)
{
	const struct ipc_holder *holders = object->holders.items;
	size_t i, count = 0;

	/* Ordered by pid: one process may have it open several times. */
	for (i = 0; holders && i < object->holders.count; i++)
		count += !i || holders[i].pid == IPC_UNKNOWN_INT || holders[i].pid != holders[i - 1].pid;
	if (count)
		ipc_ctx_set_note(ctx, "%zu process%s it open; it lives on until %s it", count,
				 count == 1 ? " keeps" : "es keep", count == 1 ? "that closes" : "they close");
}

static int remove_queue(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct timespec pause = {.tv_nsec = PAUSE};
	char name[NAME_MAX + 1];
	unsigned looks = 1;
	int r;

	if (((const struct ipc_mq *)object)->deleted)
		return ipc_ctx_fail(ctx, -EBUSY, "it has no name any more and goes with its last holder");
	r = ipc_mq_posix_name(ctx, object, name);
	if (r)
		return r;
	while ((r = try_remove(ctx, object, how, name)) == -EAGAIN && looks++ < LOOKS)
		nanosleep(&pause, NULL);
	if (r == -EAGAIN)
		return ipc_ctx_fail(ctx, -EBUSY,
				    "in use: the kernel says that somebody has it open (--force=held overrides)");
	if (r == 0 && how->force == IPC_FORCE_HELD)
		note_holders(ctx, object);
	return r;
}

const struct ipc_changes ipc_changes_mq_posix = {
	.refuse =
		{
			[IPC_VERB_POST] = "a queue is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] =
				"a queue is no semaphore; make one: sem:/name, or take a message with \"ipctool receive\"",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_MAX_MESSAGES | IPC_SET_MESSAGE_SIZE,
	.set_takes = IPC_SET_PERMS,
	.creates_by = 1u << IPC_BY_NAME,
	.remove_needs = IPC_NEED_HOLDERS,
	.proves = true,
	.create = ipc_mq_posix_create,
	.set = set,
	.open = open_port,
	.send = send_message,
	.receive = receive_message,
	.remove = remove_queue,
};
