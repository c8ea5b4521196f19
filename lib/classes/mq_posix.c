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

#include "classes/held.h"
#include "classes/mq.h"
#include "classes/posix.h"
#include "sources/mqueuefs.h"
#include "sources/procfs.h"

#define DELETED " (deleted)"

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	int dir;
	uint64_t device;
	size_t unread; /* queues that may not be opened */
};

/* ---- what an open queue tells ------------------------------------------------------------------------------------ */

static void read_attributes(struct ipc_mq *mq, int fd)
{
	struct mq_attr attr;

	/* the library's mq_getattr() may not take an fd that its mq_open() did not give */
	if (syscall(SYS_mq_getsetattr, fd, NULL, &attr))
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

/* Takes @fd, an open queue or -errno. */
static void read_queue(struct collect *collect, struct ipc_mq *mq, int fd)
{
	if (fd < 0) {
		collect->unread += fd == -EACCES || fd == -EPERM;
		return;
	}
	if (ipc_run_needs(collect->run, IPC_NEED_DETAIL) && !collect->run->ctx->captured)
		read_attributes(mq, fd);
	if (ipc_run_needs(collect->run, IPC_NEED_QUEUE_TEXT))
		read_text(collect->run, mq, fd);
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

static void fill(struct ipc_mq *mq, const struct stat *st)
{
	mq->base.uid = st->st_uid;
	mq->base.gid = st->st_gid;
	mq->base.mode = st->st_mode & 07777;
	/* sending and receiving set all three times; reading the queue's text sets the other two as well */
	mq->base.changed = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int emit_listed(struct collect *collect, const char *file)
{
	struct ipc_mq *mq;
	struct stat st;
	int fd;

	if (fstatat(collect->dir, file, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return 0;
	mq = new_queue(collect, st.st_ino);
	if (!mq)
		return -ENOMEM;
	mq->base.name = ipc_arena_format(&collect->run->arena, "/%s", file);
	fill(mq, &st);
	if (wants_open(collect->run)) {
		fd = openat(collect->dir, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
		read_queue(collect, mq, fd < 0 ? -errno : fd);
	}
	return ipc_run_emit(collect->run, mq);
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

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct collect collect = {.run = run, .kind = kind};
	struct stat st;
	int err;

	collect.dir = ipc_mqueuefs_open(run->ctx, ipc_run_mounts(run));
	if (collect.dir == -ENODEV || (collect.dir == -ENOENT && run->ctx->captured))
		return 0;
	if (collect.dir == -EPERM) {
		ipc_run_problem(
			run, true, EPERM,
			"needs CAP_SYS_ADMIN (root), or /dev/mqueue mounted in this ipc namespace with a queue in it",
			"POSIX message queues");
		ipc_run_deny_targets(run, kind);
		return 0;
	}
	if (collect.dir < 0)
		return collect.dir;
	err = fstat(collect.dir, &st) ? -errno : 0;
	collect.device = st.st_dev;
	if (!err)
		err = each_listed(&collect);
	if (!err && !ipc_run_named_only(run, kind))
		err = each_unlinked(&collect);
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
};
