/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX message queues: the files of the namespace's mqueue file system, and those unlinked but still open. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/file_events.h"
#include "classes/held.h"
#include "classes/mq.h"
#include "classes/posix.h"
#include "sources/mqueuefs.h"
#include "sources/procfs.h"

#define DELETED " (deleted)"

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	int dir; /* of all queues, or -errno */
	uint64_t device;
	struct ipc_keyset met; /* queues that were looked up by name */
	size_t unread;         /* queues that may not be opened */
};

/* ---- what an open queue tells ------------------------------------------------------------------------------------ */

static void read_attributes(struct ipc_mq *mq, int fd)
{
	struct mq_attr attr;

	if (ipc_mqueue_attributes(fd, &attr))
		return;
	mq->messages = (uint64_t)attr.mq_curmsgs;
	mq->max_messages = (uint64_t)attr.mq_maxmsg;
	mq->message_size = (uint64_t)attr.mq_msgsize;
}

static struct ipc_bytes describe_notify(struct ipc_run *run, int how, int number, int64_t pid)
{
	if (how == SIGEV_SIGNAL)
		return ipc_arena_format(&run->arena, "signal %d to %" PRId64, number, pid);
	return ipc_arena_format(&run->arena, "%s %" PRId64, how == SIGEV_THREAD ? "thread of" : "nothing to", pid);
}

/* "QSIZE:129 NOTIFY:0 SIGNO:10 NOTIFY_PID:8260": bytes in the queue, and who registered with mq_notify() */
static void read_text(struct ipc_run *run, struct ipc_mq *mq, int fd)
{
	struct ipc_buf text = {0};
	int how, number;
	int64_t pid;

	if (ipc_proc_read_fd(fd, &text) == 0 && text.data &&
	    sscanf(text.data, "QSIZE:%" SCNu64 " NOTIFY:%d SIGNO:%d NOTIFY_PID:%" SCNd64, &mq->bytes, &how, &number,
		   &pid) == 4) {
		mq->notify = pid ? describe_notify(run, how, number, pid) : ipc_arena_bytes(&run->arena, "", 0);
	}
	ipc_buf_release(&text);
}

static bool is_readable(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

/* Takes @fd, an open queue or -errno. */
static void read_queue(struct collect *collect, struct ipc_mq *mq, int fd)
{
	if (fd < 0) {
		collect->unread += fd == -EACCES || fd == -EPERM;
		return;
	}
	if (ipc_run_needs(collect->run, IPC_NEED_DETAIL) && !collect->run->ctx->captured)
		read_attributes(mq, fd);
	if (ipc_run_needs(collect->run, IPC_NEED_QUEUE_TEXT)) {
		if (is_readable(fd))
			read_text(collect->run, mq, fd);
		else
			collect->unread++;
	}
	close(fd);
}

static bool wants_open(const struct ipc_run *run)
{
	return ipc_run_needs(run, IPC_NEED_QUEUE_TEXT) || (ipc_run_needs(run, IPC_NEED_DETAIL) && !run->ctx->captured);
}

/* ---- collecting -------------------------------------------------------------------------------------------------- */

static struct ipc_mq *new_queue(struct collect *collect, uint64_t inode)
{
	struct ipc_mq *mq = ipc_run_object(collect->run, collect->kind);

	if (!mq)
		return NULL;
	mq->base.dev = collect->device;
	mq->base.inode = inode;
	mq->base.hold = mq->base.wait = (struct ipc_key){IPC_SPACE_FILE, collect->device, inode};
	mq->base.status = IPC_EMPTY_LIST;
	return mq;
}

/* A queue may carry any time that somebody gave it. */
static int64_t to_ns(const struct timespec *time)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)time->tv_sec, INT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
		return IPC_UNKNOWN_INT;
	return ns;
}

static void fill(struct ipc_mq *mq, const struct stat *st)
{
	mq->base.uid = st->st_uid;
	mq->base.gid = st->st_gid;
	mq->base.mode = st->st_mode & 07777;
	/* creating, sending and receiving set all three times; but reading the queue's text sets the other two as well */
	mq->base.changed = to_ns(&st->st_mtim);
	mq->base.used = mq->base.changed;
}

/* Takes @fd, the open queue or -errno. */
static int emit_named(struct collect *collect, const char *file, const struct stat *st, int fd)
{
	struct ipc_mq *mq = new_queue(collect, st->st_ino);

	if (!mq) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	mq->base.name = ipc_arena_format(&collect->run->arena, "/%s", file);
	fill(mq, st);
	read_queue(collect, mq, fd);
	return ipc_run_emit(collect->run, mq);
}

static int emit_listed(struct collect *collect, const char *file)
{
	struct stat st;
	int fd = -ENOENT;

	if (fstatat(collect->dir, file, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return 0;
	if (wants_open(collect->run)) {
		fd = openat(collect->dir, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
		fd = fd < 0 ? -errno : fd;
	}
	return emit_named(collect, file, &st, fd);
}

static int each_listed(struct collect *collect)
{
	int copy = openat(collect->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int err = 0;

	if (!names) {
		err = -errno;
		if (copy >= 0)
			close(copy);
		return err;
	}
	while (!err && (entry = readdir(names)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = emit_listed(collect, entry->d_name);
	closedir(names);
	return err;
}

/* The path below /proc of a descriptor of it, and what that is. Returns 0 or -errno. */
static int find_descriptor(struct collect *collect, const struct ipc_held *held, char *path, size_t size,
			   struct stat *st)
{
	struct ipc_holders *holders = ipc_run_holders(collect->run);
	const struct ipc_hold *hold = NULL;
	int err = -ENOENT;

	while (err && (hold = ipc_holders_hold(holders, held, hold))) {
		ipc_hold_path(hold, path, size);
		err = fstatat(collect->run->ctx->proc_fd, path, st, 0) ? -errno : 0;
		if (!err && (st->st_dev != held->key.device || st->st_ino != held->key.inode))
			err = -ENOENT;
	}
	return err;
}

static int emit_unlinked(struct collect *collect, const struct ipc_held *held)
{
	static const struct ipc_bytes words[] = {{"deleted", 7}};
	struct ipc_bytes name = held->path;
	struct ipc_mq *mq;
	struct stat st;
	char path[128];
	int err = find_descriptor(collect, held, path, sizeof(path), &st);

	/* a name may end in " (deleted)"; the count of links does not lie */
	if (!err && (st.st_nlink || !S_ISREG(st.st_mode)))
		return 0;
	mq = new_queue(collect, held->key.inode);
	if (!mq)
		return -ENOMEM;
	name.len -= strlen(DELETED);
	mq->base.name = ipc_arena_bytes(&collect->run->arena, name.data, name.len);
	mq->base.status = (struct ipc_list){words, 1};
	/* They are at hand, and who dumps it reaches it through one of them. */
	mq->base.holders = ipc_run_list_holders(collect->run, mq->base.hold);
	mq->deleted = true;
	if (!err)
		fill(mq, &st);
	if (!err && wants_open(collect->run))
		read_queue(collect, mq, ipc_proc_open(collect->run->ctx, O_NONBLOCK, "%s", path));
	return ipc_run_emit(collect->run, mq);
}

static int each_unlinked(struct collect *collect)
{
	struct ipc_holders *holders = ipc_run_holders(collect->run);
	const struct ipc_held *held;
	size_t at = 0;
	int err = 0;

	while (!err && holders && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at)))
		if (held->key.device == collect->device && ipc_bytes_ends(held->path, DELETED))
			err = emit_unlinked(collect, held);
	return err;
}

/* ---- those that somebody has ------------------------------------------------------------------------------------- */

/* The name that a listing would show, when the path that holders are shown under tells it; else NULL. */
static const char *listed_name(struct collect *collect, const struct ipc_held *held)
{
	const char *slash = held->path.len ? memrchr(held->path.data, '/', held->path.len) : NULL;
	struct stat st;

	if (!slash || fstatat(collect->dir, slash + 1, &st, AT_SYMLINK_NOFOLLOW) || st.st_nlink != 1)
		return NULL;
	return st.st_dev == held->key.device && st.st_ino == held->key.inode ? slash + 1 : NULL;
}

static bool is_unlinked(struct collect *collect, const struct ipc_held *held)
{
	struct stat st;
	char path[128];

	return ipc_bytes_ends(held->path, DELETED) && find_descriptor(collect, held, path, sizeof(path), &st) == 0 &&
	       !st.st_nlink;
}

/* The queues that are held; @emits false: can all of them be found so, without a listing? */
static int each_held(struct collect *collect, bool emits)
{
	struct ipc_holders *holders = ipc_run_holders(collect->run);
	const struct ipc_held *held;
	size_t at = 0;
	int err = holders ? 0 : -ENODATA;

	while (!err && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at))) {
		const char *name;

		if (held->key.device != collect->device || (held->mode && !S_ISREG(held->mode)))
			continue;
		name = listed_name(collect, held);
		if (!emits)
			err = name || is_unlinked(collect, held) ? 0 : -ENODATA;
		else if (name)
			err = emit_listed(collect, name);
		else if (!ipc_run_named_only(collect->run, collect->kind))
			err = emit_unlinked(collect, held);
	}
	return err;
}

/* ---- by name alone ----------------------------------------------------------------------------------------------- */

/* Are queues asked for by their names and in no other way? Then the others need not be listed. */
static bool only_names(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_target *target;
	size_t at = 0;

	if (!ipc_run_only_targets(run, kind))
		return false;
	while ((target = ipc_run_next_target(run, kind->cls->name, &at)))
		if (ipc_target_may_name(target, kind) && target->ref.by != IPC_BY_NAME)
			return false;
	return true;
}

/* A name that was given twice is one object. 1: new, 0: met before, or -ENOMEM. */
static int meet(struct collect *collect, const struct stat *st)
{
	return ipc_keyset_add(&collect->met, (struct ipc_key){IPC_SPACE_FILE, st->st_dev, st->st_ino});
}

/* It is there, but it cannot be looked at. */
static int refused(struct collect *collect, const struct ipc_target *target, int error)
{
	char shown[4 * (NAME_MAX + 2)];
	struct ipc_bytes name = target->ref.locator;

	ipc_escape(name.data, name.len, shown, sizeof(shown));
	if (error == -EAGAIN) {
		ipc_run_problem(collect->run, false, EAGAIN, "another program has a lease on it", "mq:%s", shown);
		return 0;
	}
	ipc_run_problem(collect->run, true, -error, "it may be opened neither for reading nor for writing", "mq:%s",
			shown);
	ipc_run_deny_target(collect->run, target);
	return 0;
}

/* Without a directory: opening a queue disturbs neither its messages nor its times. */
static int look_up_opened(struct collect *collect, const struct ipc_target *target, const char *file)
{
	int fd = ipc_mqueue_open_any(file), r;
	struct stat st;

	if (fd == -ENOENT || fd == -ENOSYS)
		return 0;
	if (fd == -EACCES || fd == -EPERM || fd == -EAGAIN)
		return refused(collect, target, fd);
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) ? -errno : meet(collect, &st);
	if (r <= 0) {
		close(fd);
		return r;
	}
	collect->device = st.st_dev;
	return emit_named(collect, file, &st, fd);
}

static int look_up_listed(struct collect *collect, const char *file)
{
	struct stat st;
	int r;

	if (fstatat(collect->dir, file, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	r = meet(collect, &st);
	return r > 0 ? emit_listed(collect, file) : r;
}

static int look_up(struct collect *collect, const struct ipc_target *target)
{
	char file[NAME_MAX + 1];

	if (!ipc_mqueue_name(target->ref.locator, file))
		return 0;
	return collect->dir < 0 ? look_up_opened(collect, target, file) : look_up_listed(collect, file);
}

/* The targets one by one. Without a directory those that are no names cannot be looked for. */
static int each_target(struct collect *collect)
{
	const struct ipc_target *target;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (target = ipc_run_next_target(collect->run, collect->kind->cls->name, &at))) {
		if (!ipc_target_may_name(target, collect->kind))
			continue;
		if (target->ref.by == IPC_BY_NAME)
			r = look_up(collect, target);
		else
			ipc_run_deny_target(collect->run, target);
	}
	ipc_keyset_release(&collect->met);
	return r;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int each_queue(struct collect *collect)
{
	int r;

	if (ipc_run_held_only(collect->run) && each_held(collect, false) == 0)
		return each_held(collect, true);
	r = each_listed(collect);
	return r || ipc_run_named_only(collect->run, collect->kind) ? r : each_unlinked(collect);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct collect collect = {.run = run, .kind = kind};
	bool names = only_names(run, kind);
	struct stat st;
	int err = 0;

	collect.dir = ipc_mqueuefs_open(run->ctx, ipc_run_mounts(run));
	if (collect.dir == -ENODEV || (collect.dir == -ENOENT && run->ctx->captured))
		return 0;
	if (collect.dir == -EPERM && !names)
		ipc_run_problem(
			run, true, EPERM,
			"needs CAP_SYS_ADMIN (root), or /dev/mqueue mounted in this ipc namespace with a queue in it",
			"POSIX message queues");
	if (collect.dir < 0 && collect.dir != -EPERM)
		return collect.dir;
	if (collect.dir >= 0) {
		err = fstat(collect.dir, &st) ? -errno : 0;
		collect.device = st.st_dev;
	}
	if (!err)
		err = names || collect.dir < 0 ? each_target(&collect) : each_queue(&collect);
	if (collect.dir >= 0)
		close(collect.dir);
	if (collect.unread)
		ipc_run_unread(run, EACCES, "messages,bytes,max_messages,message_size,notify",
			       "a queue is looked into by opening it for reading", "contents of %zu POSIX queue%s",
			       collect.unread, collect.unread == 1 ? "" : "s");
	return err;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	if (((const struct ipc_mq *)object)->deleted || ipc_names_add_bytes(names, false, "", object->name))
		ipc_names_add_inode(names, false, object);
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_mq *mq = (const struct ipc_mq *)object;

	if (mq->messages && mq->messages != IPC_UNKNOWN)
		ipc_evidence(run, "%" PRIu64 " message%s queued", mq->messages, mq->messages == 1 ? "" : "s");
	return ipc_judge_posix(run, object);
}

/* One without a name goes with its last user. */
static bool stays(const struct ipc_object *object)
{
	return !((const struct ipc_mq *)object)->deleted;
}

static const struct ipc_waste waste = {
	.proof = "a write lease, which the kernel refuses while anybody has it open, mapped or in flight",
	.users = "a process id in its name, by a rule; all processes of its owner, who is no service",
	.best = "orphan",
	.stays = stays,
};

const struct ipc_kind ipc_kind_mq_posix = {
	.name = "posix",
	.help = "POSIX message queue (mq_open)",
	.cls = &ipc_class_mq,
	.ns = IPC_NS_IPC,
	.leaks = true,
	.locators = 1u << IPC_BY_NAME | 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE),
	.judge_needs = IPC_NEED_HOLDERS | IPC_NEED_WAITERS,
	.collect = collect,
	.names = names,
	.identity = ipc_identity_inode,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_mq_posix,
	.contents = &ipc_contents_mq_posix,
	.events = &ipc_events_mq_posix,
};
