/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaching an object that has no name through a process that has it. */
#include "classes/held.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sources/procfs.h"

/* The link below map_files is named by both ends of the mapping; a hold knows where it begins. */
static int map_path(struct ipc_run *run, const struct ipc_hold *hold, char *out, size_t size)
{
	const struct dirent *entry;
	char start[24];
	int fd, r = -ENOENT;
	DIR *dir;

	fd = ipc_proc_open(run->ctx, O_RDONLY | O_DIRECTORY, "%" PRId64 "/map_files", hold->process->pid);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	snprintf(start, sizeof(start), "%" PRIx64 "-", hold->addr);
	while (r == -ENOENT && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, start, strlen(start)) != 0)
			continue;
		snprintf(out, size, "%" PRId64 "/map_files/%.40s", hold->process->pid, entry->d_name);
		r = 0;
	}
	closedir(dir);
	return r;
}

int ipc_hold_path(struct ipc_run *run, const struct ipc_hold *hold, char *out, size_t size)
{
	if (hold->fd < 0)
		return map_path(run, hold, out, size);
	snprintf(out, size, "%" PRId64 "/fd/%" PRId32, hold->process->pid, hold->fd);
	return 0;
}

int ipc_held_stat(struct ipc_run *run, const struct ipc_held *held, struct ipc_file *out)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_hold *hold = NULL;
	int r = -ENOENT;

	while (holders && r < 0 && (hold = ipc_holders_hold(holders, held, hold))) {
		char path[96];

		r = ipc_hold_path(run, hold, path, sizeof(path));
		if (r == 0)
			r = ipc_file_stat(mounts, run->ctx->proc_fd, path, true, out);
		if (r == 0 && out->inode != held->key.inode)
			r = -ENOENT; /* closed, and the number used again */
	}
	return r;
}
