/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How POSIX message queues are made: by the kernel's call on a name, so that no mount is needed; and the limits on them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/limits.h"
#include "classes/mq.h"
#include "model/reference.h"
#include "sources/mqueuefs.h"
#include "sources/umask_call.h"

/* What the kernel allows whatever the files below /proc/sys/fs/mqueue say. */
#define HARD_MESSAGES 65536u
#define HARD_SIZE (16u << 20)
#define PRIORITIES 32768 /* MQ_PRIO_MAX */

static const struct ipc_limit msg_max = {"msg_max", "sys/fs/mqueue/msg_max", 0, "messages in a queue"};
static const struct ipc_limit size_max = {"msgsize_max", "sys/fs/mqueue/msgsize_max", 0, "bytes in a message"};
static const struct ipc_limit queues_max = {"queues_max", "sys/fs/mqueue/queues_max", 0,
					    "POSIX queues in this ipc namespace"};
static const struct ipc_limit msg_default = {"msg_default", "sys/fs/mqueue/msg_default", 0, ""};
static const struct ipc_limit size_default = {"msgsize_default", "sys/fs/mqueue/msgsize_default", 0, ""};

/* What mq_open() takes without attributes: the default, and no more than the limit. */
static uint64_t get_default(struct ipc_ctx *ctx, const struct ipc_limit *standard, const struct ipc_limit *limit,
			    uint64_t builtin)
{
	uint64_t value = ipc_limit_read(ctx, standard), most = ipc_limit_read(ctx, limit);

	if (value == IPC_UNKNOWN)
		value = builtin;
	return value < most ? value : most;
}

static int check_range(struct ipc_ctx *ctx, const char *what, uint64_t value, uint64_t most)
{
	if (value >= 1 && value <= most)
		return 0;
	return ipc_ctx_fail(ctx, -EINVAL, "%s must be 1 to %" PRIu64 ", whatever /proc/sys/fs/mqueue allows", what,
			    most);
}

static int choose_attributes(const struct ipc_creation *creation, struct mq_attr *attr)
{
	const struct ipc_settings *settings = creation->settings;
	uint64_t messages = settings->max_messages, size = settings->message_size;
	int r;

	if (!(settings->given & IPC_SET_MAX_MESSAGES))
		messages = get_default(creation->ctx, &msg_default, &msg_max, 10);
	if (!(settings->given & IPC_SET_MESSAGE_SIZE))
		size = get_default(creation->ctx, &size_default, &size_max, 8192);
	r = check_range(creation->ctx, "max-messages", messages, HARD_MESSAGES);
	if (r == 0)
		r = check_range(creation->ctx, "message-size", size, HARD_SIZE);
	if (r == 0)
		*attr = (struct mq_attr){.mq_maxmsg = (long)messages, .mq_msgsize = (long)size};
	return r;
}

static int fail_value(struct ipc_ctx *ctx, const struct mq_attr *attr)
{
	if ((uint64_t)attr->mq_maxmsg > ipc_limit_read(ctx, &msg_max))
		return ipc_limit_fail(ctx, -EINVAL, &msg_max, IPC_UNKNOWN, "too many messages");
	if ((uint64_t)attr->mq_msgsize > ipc_limit_read(ctx, &size_max))
		return ipc_limit_fail(ctx, -EINVAL, &size_max, IPC_UNKNOWN, "the messages are too large");
	return ipc_ctx_fail(ctx, -EINVAL, "the kernel does not take these attributes");
}

/* As the kernel reckons: the messages, and for each a header of six words, and as many for each priority in use. */
static uint64_t cost(const struct mq_attr *attr)
{
	uint64_t messages = (uint64_t)attr->mq_maxmsg, words = 6 * sizeof(long);
	uint64_t priorities = messages < PRIORITIES ? messages : PRIORITIES;

	return messages * ((uint64_t)attr->mq_msgsize + words) + priorities * words;
}

/* Either of two limits: it is that on descriptors when another one cannot be had at all. */
static int fail_too_many(struct ipc_ctx *ctx, const struct mq_attr *attr)
{
	int spare = fcntl(ctx->proc_fd, F_DUPFD_CLOEXEC, 0);
	struct rlimit limit = {0};

	if (spare < 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		return ipc_ctx_fail(ctx, -EMFILE,
				    "too many open files: RLIMIT_NOFILE allows %" PRIu64 "; raise it (ulimit -n)",
				    (uint64_t)limit.rlim_cur);
	}
	close(spare);
	getrlimit(RLIMIT_MSGQUEUE, &limit);
	return ipc_ctx_fail(
		ctx, -EMFILE,
		"it needs %" PRIu64 " bytes: RLIMIT_MSGQUEUE allows %" PRIu64
		" for all POSIX queues of a user together; make it smaller, remove others, or raise the limit "
		"(prlimit --msgqueue)",
		cost(attr), (uint64_t)limit.rlim_cur);
}

static int fail_create(struct ipc_creation *creation, int error, const struct mq_attr *attr)
{
	struct ipc_ctx *ctx = creation->ctx;

	switch (error) {
	case -EEXIST:
		return ipc_ctx_fail(ctx, error, "exists already");
	case -EINVAL:
		return fail_value(ctx, attr);
	case -EMFILE:
		return fail_too_many(ctx, attr);
	case -ENOSPC:
		return ipc_limit_fail(ctx, error, &queues_max, ipc_mqueuefs_count(ctx),
				      "there can be no further queue");
	case -EOVERFLOW:
		return ipc_ctx_fail(ctx, -EINVAL,
				    "max-messages times message-size is more than this machine can count");
	case -ENOSYS:
		return ipc_ctx_fail(ctx, error, "this kernel has no POSIX message queues");
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be made: %s", strerror(-error));
	}
}

static int fail_give(struct ipc_ctx *ctx, int error)
{
	switch (error) {
	case -EPERM:
		return ipc_ctx_fail(
			ctx, error,
			"permission denied: only root may give a queue to another user, and others may set the "
			"group to one of their own; nothing was made");
	case -EINVAL:
		return ipc_ctx_fail(ctx, error, "this user namespace has no such user or group; nothing was made");
	default:
		return ipc_ctx_fail(ctx, error, "its owner cannot be set: %s; nothing was made", strerror(-error));
	}
}

/* Its real mode comes last: until then nobody else gets in. */
static int give_away(const struct ipc_creation *creation, int fd)
{
	const struct ipc_settings *settings = creation->settings;
	uid_t uid = settings->given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1;
	gid_t gid = settings->given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1;

	if (fchown(fd, uid, gid) == 0 && fchmod(fd, creation->mode) == 0)
		return 0;
	return fail_give(creation->ctx, -errno);
}

/* Ours as long as it has a link; back to the maker first, whom the sticky directory lets unlink it. */
static void unmake(int fd, const char *name)
{
	struct stat st;

	if (fchown(fd, geteuid(), (gid_t)-1) == 0 && fstat(fd, &st) == 0 && st.st_nlink)
		ipc_mqueue_unlink(name);
}

int ipc_mq_posix_create(struct ipc_creation *creation)
{
	bool given = creation->settings->given & (IPC_SET_OWNER | IPC_SET_GROUP);
	struct ipc_bytes locator = creation->ref->locator;
	char name[NAME_MAX + 1];
	struct mq_attr attr;
	sigset_t before;
	int fd, r;

	if (!ipc_mqueue_name(locator, name))
		return ipc_ctx_fail(
			creation->ctx, -EINVAL,
			"the name of a queue is a slash and 1 to %d bytes, without a second slash or a zero "
			"byte, and not . or ..",
			NAME_MAX);
	r = choose_attributes(creation, &attr);
	if (r)
		return r;
	if (ipc_buf_append(&creation->locator, locator.data, locator.len))
		return ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
	ipc_signals_hold(&before);
	fd = (int)syscall(SYS_mq_open, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, given ? 0 : creation->mode,
			  &attr);
	if (fd < 0)
		r = fail_create(creation, -errno, &attr);
	else if (given)
		r = give_away(creation, fd);
	if (fd >= 0 && r)
		unmake(fd, name);
	if (fd >= 0)
		close(fd);
	ipc_signals_release(&before);
	return r;
}
