/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaching an object that has no name through a process that has it. */
#include "classes/held.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In libc headers since glibc 2.36 alone; the numbers are the same everywhere but on alpha. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

void ipc_hold_path(const struct ipc_hold *hold, char *out, size_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (hold->fd < 0)
		snprintf(out, size, "%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, hold->process->pid, hold->addr,
			 hold->addr + hold->pages * page);
	else
		snprintf(out, size, "%" PRId64 "/fd/%" PRId32, hold->process->pid, hold->fd);
}

int ipc_held_stat(struct ipc_run *run, const struct ipc_held *held, struct ipc_file *out)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_hold *hold = NULL;
	int r = -ENOENT;

	while (holders && r < 0 && (hold = ipc_holders_hold(holders, held, hold))) {
		char path[96];

		ipc_hold_path(hold, path, sizeof(path));
		r = ipc_file_stat(mounts, run->ctx->proc_fd, path, true, out);
		if (r == 0 && out->inode != held->key.inode)
			r = -ENOENT; /* closed, and the number used again */
	}
	return r;
}

void ipc_lender_release(struct ipc_lender *lender)
{
	if (lender->pid)
		close(lender->pidfd);
	*lender = (struct ipc_lender){0};
}

/* Descriptor @number of process @pid, or -errno. */
static int borrow(struct ipc_lender *lender, int64_t pid, int64_t number)
{
	int fd;

	if (lender->pid != pid) {
		ipc_lender_release(lender);
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		if (fd < 0)
			return -errno;
		*lender = (struct ipc_lender){pid, fd};
	}
	fd = (int)syscall(SYS_pidfd_getfd, lender->pidfd, (int)number, 0);
	return fd < 0 ? -errno : fd;
}

int ipc_lender_copy(struct ipc_lender *lender, const struct ipc_hold *hold)
{
	return borrow(lender, hold->process->pid, hold->fd);
}

/* The same, when it is of the inode that is meant. */
static int copy(int64_t pid, int64_t number, uint64_t inode, struct stat *st)
{
	struct ipc_lender lender = {0};
	int fd = borrow(&lender, pid, number);

	ipc_lender_release(&lender);
	if (fd < 0)
		return fd;
	if (fstat(fd, st) < 0 || st->st_ino != inode) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

int ipc_hold_copy(const struct ipc_hold *hold, const struct ipc_held *held, struct stat *st)
{
	return copy(hold->process->pid, hold->fd, held->key.inode, st);
}

int ipc_holder_copy(struct ipc_ctx *ctx, const struct ipc_holder *holder, uint64_t inode, struct stat *st)
{
	if (holder->pid == IPC_UNKNOWN_INT || holder->fd == IPC_UNKNOWN_INT)
		return -EBADF;
	if (!ipc_proc_same_pids(ctx))
		return -EXDEV;
	return copy(holder->pid, holder->fd, inode, st);
}

static int fail_copy(struct ipc_ctx *ctx, int error, const struct ipc_holder *last)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return ipc_ctx_fail(ctx, -EPERM,
				    "process %" PRId64
				    " has it, and its descriptors may not be copied by you; it takes "
				    "ptrace rights over that process or CAP_SYS_PTRACE (root)",
				    last->pid);
	case -ENOSYS:
		return ipc_ctx_fail(ctx, -ENOSYS,
				    "it is reached through a process that has it, which needs "
				    "pidfd_getfd() (Linux 5.6)");
	case -EXDEV:
		return ipc_ctx_fail(ctx, -ENOTSUP,
				    "this /proc numbers processes otherwise than system calls do; run it "
				    "in the pid namespace that /proc is of");
	case -ESRCH:
	case -EBADF:
		return ipc_ctx_fail(ctx, -ESRCH, "no process that could be seen has it open any more");
	default:
		return ipc_ctx_fail(ctx, error, "a descriptor of process %" PRId64 " cannot be copied: %s", last->pid,
				    strerror(-error));
	}
}

/* Whoever has it by O_PATH can neither use nor ask it, and neither can we. */
static bool is_usable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & O_PATH);
}

int ipc_object_copy(struct ipc_ctx *ctx, const struct ipc_object *object, bool (*fits)(int fd, const void *data),
		    const void *data)
{
	const struct ipc_holder *holders = object->holders.items, *last = NULL;
	int error = -ESRCH, r;
	struct stat st;
	size_t i;

	for (i = 0; i < object->holders.count; i++) {
		/* What one process does not let us have of one descriptor it does not of the next. */
		if (error != -ESRCH && last && holders[i].pid == last->pid)
			continue;
		r = ipc_holder_copy(ctx, &holders[i], object->inode, &st);
		if (r >= 0 && is_usable(r) && (!fits || fits(r, data)))
			return r;
		if (r >= 0)
			close(r);
		/* Gone since is the least to tell of. */
		if (r < 0 && r != -ESRCH && r != -EBADF) {
			error = r;
			last = &holders[i];
		}
	}
	return fail_copy(ctx, error, last);
}
