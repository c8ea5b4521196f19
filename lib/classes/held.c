/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaching an object that has no name through a process that has it. */
#include "classes/held.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

int ipc_hold_copy(const struct ipc_hold *hold, const struct ipc_held *held, struct stat *st)
{
	int process, fd, r;

	process = (int)syscall(SYS_pidfd_open, (pid_t)hold->process->pid, 0);
	if (process < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, process, hold->fd, 0);
	r = fd < 0 ? -errno : fd;
	close(process);
	if (r < 0)
		return r;
	if (fstat(fd, st) < 0 || st->st_ino != held->key.inode) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}
