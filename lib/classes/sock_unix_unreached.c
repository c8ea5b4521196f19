/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets that processes have and no dump shows: the kernel names the protocol of any descriptor. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "classes/sock_unix.h"
#include "holders/holders.h"
#include "sources/procfs.h"

enum answer { OTHER, UNIX, GONE };

/* Does the descriptor still lead to the socket of @inode? What cannot be read may. */
static bool is_still(struct ipc_ctx *ctx, const char *path, uint64_t inode)
{
	struct ipc_buf link = {0};
	char expected[40];
	bool still;
	int r;

	snprintf(expected, sizeof(expected), "socket:[%" PRIu64 "]", inode);
	r = ipc_proc_link(ctx, &link, "%s", path);
	still = r == 0 ? strcmp(link.data, expected) == 0 : r != -ENOENT && r != -ESRCH;
	ipc_buf_release(&link);
	return still;
}

/*
 * By a descriptor of the process or thread @base. Asking takes no reference to the socket. There are a lot of TCP sockets, of which
 * one call is enough; that another socket has the descriptor by now matters for the rest alone.
 */
static enum answer ask(struct ipc_ctx *ctx, const char *base, int32_t fd, uint64_t inode)
{
	char path[80], protocol[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/fd/%" PRId32, base, fd);
	n = getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1);
	if (n < 0 && (errno == ENOENT || errno == ESRCH))
		return GONE;
	if (n > 0 && strncmp(protocol, "UNIX", (size_t)n < 4 ? (size_t)n : 4) != 0)
		return OTHER;
	return is_still(ctx, path + strlen("/proc/"), inode) ? UNIX : GONE;
}

/* A thread may have descriptors of its own, and the first one may have ended. What cannot be read may be a unix socket. */
static enum answer ask_threads(struct ipc_ctx *ctx, const struct ipc_hold *hold, uint64_t inode)
{
	enum answer answer = GONE;
	struct dirent *entry;
	char base[64];
	DIR *dir;
	int r = ipc_proc_opendir(ctx, &dir, "%" PRId64 "/task", hold->process->pid);

	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? GONE : UNIX;
	while (answer == GONE && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(base, sizeof(base), "%" PRId64 "/task/%.20s", hold->process->pid, entry->d_name);
		answer = ask(ctx, base, hold->fd, inode);
	}
	closedir(dir);
	return answer;
}

/* A process that has the socket, when it is a unix one or may be one; 0 when it is of another family, or nobody has it any more. */
static int64_t find_holder(struct ipc_ctx *ctx, const struct ipc_holders *holders, const struct ipc_held *held)
{
	const struct ipc_hold *hold = NULL;
	enum answer answer = GONE;
	char base[32];

	while ((hold = ipc_holders_hold(holders, held, hold))) {
		snprintf(base, sizeof(base), "%" PRId64, hold->process->pid);
		answer = ask(ctx, base, hold->fd, held->key.inode);
		if (answer == GONE)
			answer = ask_threads(ctx, hold, held->key.inode);
		if (answer != GONE)
			break;
	}
	return answer == UNIX ? hold->process->pid : 0;
}

int ipc_unix_look_unreached(struct ipc_unix_files *files, struct ipc_sock_walk *walk)
{
	struct ipc_holders *holders = ipc_run_all_holders(walk->run);
	const struct ipc_held *held;
	bool again = false;
	size_t at = 0;
	int r = 0, error;

	if (!holders || ipc_holders_hidden(holders, &error)) {
		files->doubt =
			"files of some processes could not be read, which may be sockets of another network namespace";
		return 0;
	}
	while (r == 0 && !files->unreached && (held = ipc_holders_next(holders, IPC_SPACE_SOCKET, &at))) {
		int64_t pid;

		if (ipc_idset_has(&files->sockets, held->key.inode))
			continue;
		pid = find_holder(walk->run->ctx, holders, held);
		if (pid && !again) {
			again = true;
			r = ipc_unix_look_everywhere(files, walk);
			if (ipc_idset_has(&files->sockets, held->key.inode))
				continue;
			/* It may have been closed before that look. */
			pid = find_holder(walk->run->ctx, holders, held);
		}
		files->unreached = pid;
	}
	return r;
}
