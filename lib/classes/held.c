/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaching an object that has no name through a process that has it. */
#include "classes/held.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

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
