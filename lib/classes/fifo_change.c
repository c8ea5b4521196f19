/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How FIFOs are changed and removed; making and using them has files of its own. */
#include "classes/fifo_change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/held.h"
#include "model/bytes.h"
#include "peek/peek.h"
#include "sources/unlink.h"

/* ---- changing ---------------------------------------------------------------------------------------------------- */

struct change {
	struct ipc_ctx *ctx;
	const struct ipc_pipe *fifo;
	const struct ipc_settings *settings;
	int fd;  /* on the FIFO, perhaps O_PATH */
	int end; /* a copy of a descriptor of who has it open; -1 */
	struct stat before;
	int capacity_before;
};

static bool is_fifo(int fd, const void *data)
{
	const struct change *change = data;

	return ipc_fifo_is(change->ctx, change->fifo, fd);
}

/* An unlinked one is reached through who has it. */
static int reach(struct change *change)
{
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	int r = ipc_fifo_find(change->ctx, change->fifo, &place);

	if (r == 0) {
		change->fd = place.fd;
		place.fd = -1;
		ipc_fifo_place_release(&place);
	} else if (!change->fifo->reachable && change->fifo->base.holders.count) {
		r = ipc_object_copy(change->ctx, &change->fifo->base, is_fifo, change);
		change->fd = r;
	}
	if (r < 0)
		return r;
	return fstat(change->fd, &change->before) < 0
		       ? ipc_ctx_fail(change->ctx, -errno, "cannot be looked at: %s", strerror(errno))
		       : 0;
}

static int set_capacity(struct change *change)
{
	if (!(change->settings->given & IPC_SET_CAPACITY))
		return 0;
	if (!change->fifo->base.holders.count)
		return ipc_ctx_fail(change->ctx, -EINVAL,
				    "nobody that can be seen has it open, so it has no buffer yet");
	change->end = ipc_object_copy(change->ctx, &change->fifo->base, is_fifo, change);
	if (change->end < 0)
		return change->end;
	return ipc_pipe_resize(change->ctx, change->end, change->settings->capacity, &change->capacity_before);
}

static int fail_set(struct change *change, int error, const char *what)
{
	if (error == -EPERM)
		return ipc_ctx_fail(change->ctx, error, "only its owner, uid %u, or root may change its %s",
				    (unsigned)change->before.st_uid, what);
	if (error == -EROFS)
		return ipc_ctx_fail(change->ctx, error, "its file system is mounted read-only");
	return ipc_ctx_fail(change->ctx, error, "its %s cannot be set: %s", what, strerror(-error));
}

static int set_mode(struct change *change)
{
	int r;

	if (!(change->settings->given & IPC_SET_MODE))
		return 0;
	r = ipc_fifo_chmod(change->ctx, change->fd, (mode_t)change->settings->mode);
	return r ? fail_set(change, r, "mode") : 0;
}

/* Last, because who gives it away may change nothing of it afterwards. */
static int set_owner(struct change *change)
{
	const struct ipc_settings *settings = change->settings;
	uid_t owner = settings->given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1;
	gid_t group = settings->given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1;

	if (!(settings->given & (IPC_SET_OWNER | IPC_SET_GROUP)))
		return 0;
	if (fchownat(change->fd, "", owner, group, AT_EMPTY_PATH) == 0) {
		/* The kernel takes set-id bits away then. Root may give them back; nobody else needs to. */
		if (settings->given & IPC_SET_MODE && settings->mode & (S_ISUID | S_ISGID))
			ipc_fifo_chmod(change->ctx, change->fd, (mode_t)settings->mode);
		return 0;
	}
	if (errno == EPERM && change->before.st_uid == geteuid())
		return ipc_ctx_fail(
			change->ctx, -EPERM,
			"only root (CAP_CHOWN) may give it to another user, or to a group that one is not in");
	return fail_set(change, -errno, "owner and group");
}

static int apply(struct change *change)
{
	int r = set_capacity(change);

	if (r)
		return r;
	r = set_mode(change);
	if (r == 0) {
		r = set_owner(change);
		if (r && change->settings->given & IPC_SET_MODE)
			ipc_fifo_chmod(change->ctx, change->fd, change->before.st_mode & 07777);
	}
	if (r && change->end >= 0)
		fcntl(change->end, F_SETPIPE_SZ, change->capacity_before);
	return r;
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct change change = {
		.ctx = ctx, .fifo = (const struct ipc_pipe *)object, .settings = settings, .fd = -1, .end = -1};
	int r = reach(&change);

	if (r == 0)
		r = apply(&change);
	if (change.end >= 0)
		close(change.end);
	if (change.fd >= 0)
		close(change.fd);
	return r;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

struct removal {
	struct ipc_ctx *ctx;
	const struct ipc_pipe *fifo;
	const struct ipc_removal *how;
	int *kept; /* what was found, to be kept beyond its end */
};

static bool waits_to_read(const struct ipc_waiter *opener)
{
	return ipc_bytes_equal(opener->why, IPC_BYTES("open for reading"));
}

static size_t count_openers(const struct ipc_pipe *fifo, bool readers)
{
	const struct ipc_waiter *openers = fifo->openers.items;
	size_t i, count = 0;

	for (i = 0; i < fifo->openers.count; i++)
		count += waits_to_read(&openers[i]) == readers;
	return count;
}

/* "4711 (cat), 4712 (tee) and 3 more" */
#define NAMED 3

static int name_openers(const struct ipc_pipe *fifo, struct ipc_buf *out)
{
	const struct ipc_waiter *openers = fifo->openers.items;
	size_t i;
	int r = 0;

	for (i = 0; i < fifo->openers.count && i < NAMED && r == 0; i++) {
		r = ipc_buf_format(out, "%s%" PRId64 " (", i ? ", " : "", openers[i].pid);
		if (r == 0 && openers[i].comm.data)
			r = ipc_buf_escape(out, openers[i].comm);
		if (r == 0)
			r = ipc_buf_append(out, ")", 1);
	}
	if (r == 0 && i < fifo->openers.count)
		r = ipc_buf_format(out, " and %zu more", fifo->openers.count - i);
	return r;
}

static int refuse_openers(const struct removal *removal)
{
	struct ipc_buf who = {0};
	size_t count = removal->fifo->openers.count;
	int r = name_openers(removal->fifo, &who);

	r = ipc_ctx_fail(removal->ctx, -EBUSY,
			 "%s %s in opening it and would do so for ever: %s (--unblock releases %s)",
			 count == 1 ? "a task" : "tasks", count == 1 ? "hangs" : "hang", r == 0 ? who.data : "?",
			 count == 1 ? "it" : "them");
	ipc_buf_release(&who);
	return r;
}

static bool is_it(int fd, const void *data)
{
	const struct removal *removal = data;

	return ipc_fifo_is(removal->ctx, removal->fifo, fd);
}

/*
 * Both ends are opened for an instant, which lets everybody out of open(). There is no way without it: a writer who is quick
 * finds our reading end, and what he writes goes with it; the next write is refused.
 */
static int release_openers(const struct removal *removal, int found)
{
	int fd = ipc_fifo_reopen(removal->ctx, found, O_RDWR | O_NONBLOCK);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int release_known(const struct removal *removal, int found)
{
	int r = release_openers(removal, found);

	if (r == 0 || !removal->fifo->openers.count)
		return 0;
	return ipc_ctx_fail(removal->ctx, r, "who hangs in opening it cannot be released without opening it: %s",
			    strerror(-r));
}

/*
 * The kernel lets nobody write who would find no reader, and touches nothing then: so this finds out who reads, or waits
 * to, wherever he is. Of writers it says nothing. A reader who is found sees a writer come and go. Who has to be certain
 * takes no other failure for an answer.
 */
static int find_reader(const struct removal *removal, int found)
{
	int fd = ipc_fifo_reopen(removal->ctx, found, O_WRONLY | O_NONBLOCK);

	if (fd == -ENXIO || (fd < 0 && !removal->how->certain))
		return 0;
	if (fd < 0)
		return ipc_ctx_fail(removal->ctx, -EBUSY, "whether somebody reads it could not be found out: %s",
				    strerror(-fd));
	close(fd);
	return ipc_ctx_fail(removal->ctx, -EBUSY,
			    "in use: somebody has it open for reading, or waits to, whom no evidence shows "
			    "(--force=held overrides)");
}

/* The inode itself knows of everybody, and asking it disturbs nobody. Where it cannot be asked, a reader can still be found. */
static int find_user(const struct removal *removal, int found)
{
	struct ipc_peek_fifo open = {0};

	if (!removal->how->certain || ipc_peek_fifo(removal->ctx, found, &open))
		return find_reader(removal, found);
	if (!open.files)
		return 0;
	return ipc_ctx_fail(removal->ctx, -EBUSY,
			    "in use: somebody opened it just now (%" PRIu64 " reading, %" PRIu64 " writing)",
			    open.readers, open.writers);
}

static int last_look(int fd, const void *data)
{
	const struct removal *removal = data;

	*removal->kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (removal->how->unblock)
		return release_known(removal, fd);
	return removal->how->force == IPC_FORCE_HELD ? 0 : find_user(removal, fd);
}

/* Holders are ordered by process. */
static size_t count_processes(const struct ipc_list *list)
{
	const struct ipc_holder *holders = list->items;
	size_t i, count = 0;

	for (i = 0; i < list->count; i++)
		count += i == 0 || holders[i].pid != holders[i - 1].pid;
	return count;
}

static int add_note(struct ipc_buf *note, const char *joint, size_t count, const char *one, const char *many)
{
	return count ? ipc_buf_format(note, "%s%zu %s", joint, count, count == 1 ? one : many) : 0;
}

static void tell(const struct removal *removal)
{
	const struct ipc_pipe *fifo = removal->fifo;
	size_t readers = count_openers(fifo, true), writers = count_openers(fifo, false);
	bool dry = removal->how->dry_run;
	struct ipc_buf note = {0};

	if (add_note(&note, dry ? "would be released from open(): " : "released from open(): ", readers,
		     "reader (it sees the end of the file)", "readers (they see the end of the file)") == 0 &&
	    add_note(&note,
		     readers ? ", "
		     : dry   ? "would be released from open(): "
			     : "released from open(): ",
		     writers, "writer (what it writes is lost, or it gets SIGPIPE)",
		     "writers (what they write is lost, or they get SIGPIPE)") == 0 &&
	    add_note(&note, note.len ? "; " : "", count_processes(&fifo->base.holders),
		     "process keeps it open, without a name", "processes keep it open, without a name") == 0 &&
	    note.len)
		ipc_ctx_set_note(removal->ctx, "%s", note.data);
	ipc_buf_release(&note);
}

/* In a sticky directory a file is its owner's. */
static bool is_others(const struct ipc_fifo_place *place)
{
	struct stat dir, file;

	return fstat(place->dir, &dir) == 0 && fstat(place->fd, &file) == 0 && dir.st_mode & S_ISVTX && geteuid() &&
	       geteuid() != dir.st_uid && geteuid() != file.st_uid;
}

static int try_out(const struct removal *removal)
{
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	int r = ipc_fifo_find(removal->ctx, removal->fifo, &place);

	if (r == 0 && faccessat(place.dir, ".", W_OK, AT_EACCESS) < 0)
		r = ipc_ctx_fail(removal->ctx, -errno, "its directory cannot be written to: %s", strerror(errno));
	else if (r == 0 && is_others(&place))
		r = ipc_ctx_fail(removal->ctx, -EPERM,
				 "its directory lets only its owner, the directory's owner or root take it away");
	ipc_fifo_place_release(&place);
	return r;
}

/*
 * Who was on his way through open() when the name went, or had come since the evidence was read, would hang there for
 * ever. As nobody follows, one more instant lets out the last of them.
 */
static int take_away(struct removal *removal)
{
	const struct ipc_object *object = &removal->fifo->base;
	struct ipc_unlinking what = {.ctx = removal->ctx,
				     .dir = -1,
				     .inode = object->inode,
				     .same = is_it,
				     .data = removal,
				     .rename = true,
				     .last_look = last_look};
	int r, kept = -1;
	char *name;

	r = ipc_open_parent(removal->ctx, object->name, false, 0, &what.dir, &name);
	if (r)
		return r;
	what.name = name;
	removal->kept = &kept;
	r = ipc_unlink_same(&what);
	close(what.dir);
	if (kept >= 0) {
		if (r == 0)
			release_openers(removal, kept);
		close(kept);
	}
	removal->kept = NULL;
	return r;
}

static int remove_fifo(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	struct removal removal = {ctx, (const struct ipc_pipe *)object, how, NULL};
	int r = ipc_fifo_has_name(ctx, removal.fifo);

	if (r)
		return r == -EIDRM ? -EBUSY : r; /* unlinked: it lives as long as it is used */
	/* No force overrides this: they could not be reached by anybody. */
	if (removal.fifo->openers.count && !how->unblock)
		return refuse_openers(&removal);
	r = how->dry_run ? try_out(&removal) : take_away(&removal);
	if (r == 0)
		tell(&removal);
	return r;
}

const struct ipc_changes ipc_changes_fifo = {
	.refuse =
		{
			[IPC_VERB_POST] = "a FIFO is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "a FIFO is no semaphore; make one: sem:/name",
		},
	.create_takes = IPC_SET_PERMS,
	.set_takes = IPC_SET_PERMS | IPC_SET_CAPACITY,
	.creates_by = 1u << IPC_BY_PATH,
	.creation_example = "/path",
	.set_needs = IPC_NEED_HOLDERS,
	.remove_needs = IPC_NEED_HOLDERS | IPC_NEED_WAITERS,
	.create = ipc_fifo_create,
	.set = set,
	.open = ipc_fifo_open,
	.send = ipc_fifo_send,
	.receive = ipc_fifo_receive,
	.unblocks = true,
	.remove = remove_fifo,
};
