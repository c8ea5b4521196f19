/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tasks that hang in open() of a FIFO until the other end comes: they have no fd yet, so the path itself is resolved.
 */
#include "sources/blocked_resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sources/procfs.h"

enum { WAITS_FOR_PARTNER, WAITS_ELSEWHERE, WAITS_SOMEWHERE };

/* wchan names the kernel function in which the task sleeps; "0" where the kernel keeps its symbols to itself. */
static int where_it_waits(struct ipc_resolver *resolver)
{
	int err = ipc_proc_read(resolver->ctx, &resolver->text, "%" PRId64 "/task/%" PRId64 "/wchan",
				resolver->process->pid, resolver->tid);

	if (err || resolver->text.len == 0 || strcmp(resolver->text.data, "0") == 0)
		return WAITS_SOMEWHERE;
	if (strstr(resolver->text.data, "wait_for_partner") || strstr(resolver->text.data, "fifo_open"))
		return WAITS_FOR_PARTNER;
	return WAITS_ELSEWHERE;
}

/* A string of the process; stops at a page that is not mapped. Returns 0 or -errno. */
static int read_path(struct ipc_resolver *resolver, uint64_t address, char path[PATH_MAX])
{
	const size_t page = 4096;
	size_t len = 0;

	while (len < PATH_MAX) {
		size_t piece = page - (address + len) % page;
		ssize_t n;

		if (piece > PATH_MAX - len)
			piece = PATH_MAX - len;
		n = ipc_resolver_memory(resolver, address + len, path + len, piece);
		if (n <= 0)
			return n < 0 ? (int)n : -EFAULT;
		if (memchr(path + len, '\0', (size_t)n))
			return 0;
		len += (size_t)n;
	}
	return -ENAMETOOLONG;
}

/*
 * O_PATH fd of @path as the process means it, or -errno. A FIFO opened so wakes nobody. Absolute links lead to the root
 * of the process, which only openat2 (5.6) can do for us; before, they are followed from our own root, as all links of
 * a relative path are.
 */
static int open_below(int base, const char *path, bool absolute)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = absolute ? RESOLVE_IN_ROOT : 0};
	int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(base, absolute ? path + strspn(path, "/") : path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_base(struct ipc_resolver *resolver, bool absolute, int dirfd, struct ipc_buf *name)
{
	char link[96];
	int n = snprintf(link, sizeof(link), "%" PRId64 "/task/%" PRId64 "/", resolver->process->pid, resolver->tid);
	int err = 0;

	if (absolute)
		snprintf(link + n, sizeof(link) - (size_t)n, "root");
	else if (dirfd == AT_FDCWD)
		snprintf(link + n, sizeof(link) - (size_t)n, "cwd");
	else
		snprintf(link + n, sizeof(link) - (size_t)n, "fd/%d", dirfd);
	if (!absolute)
		err = ipc_proc_link(resolver->ctx, name, "%s", link);
	if (err)
		return err;
	return ipc_proc_open(resolver->ctx, O_PATH | O_DIRECTORY, "%s", link);
}

/* What is at @path now: fills @file and returns 0, or -errno. task->path gets the absolute path. */
static int look_at(struct ipc_resolver *resolver, int dirfd, const char *path, bool sure, struct ipc_blocked_task *task,
		   struct ipc_file *file)
{
	const struct ipc_mount *mount;
	bool absolute = path[0] == '/';
	struct ipc_buf name = {0};
	int base = -1, fd = -1, err;

	if (resolver->ctx->captured) {
		task->path = ipc_arena_bytes(resolver->arena, path, strlen(path));
		return absolute ? ipc_file_stat(NULL, resolver->ctx->root_fd, path + strspn(path, "/"), false, file)
				: -ENOENT;
	}
	base = open_base(resolver, absolute, dirfd, &name);
	err = base < 0 ? base : 0;
	if (!err && !absolute)
		err = ipc_buf_append(&name, "/", 1);
	if (!err)
		err = ipc_buf_append(&name, path, strlen(path));
	if (err)
		goto out;
	task->path = ipc_arena_bytes(resolver->arena, name.data, name.len);
	/* a server that is gone must not take us along: only a task that surely waits for a FIFO has passed it */
	mount = resolver->mounts ? ipc_mounts_of_path(resolver->mounts, name.data) : NULL;
	if (!sure && mount && !mount->local) {
		err = -ENOENT;
		goto out;
	}
	fd = open_below(base, path, absolute);
	err = fd < 0 ? fd : ipc_file_stat(resolver->mounts, fd, "", false, file);
out:
	if (fd >= 0)
		close(fd);
	if (base >= 0)
		close(base);
	ipc_buf_release(&name);
	return err;
}

int ipc_resolve_open(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		     const struct ipc_syscall_line *line, struct ipc_blocked_task *task)
{
	uint64_t flags = line->args[call->second];
	int dirfd = call->first ? (int)line->args[call->first - 1] : AT_FDCWD;
	int waits = where_it_waits(resolver);
	struct ipc_file file;
	char path[PATH_MAX];
	int err;

	if (waits == WAITS_ELSEWHERE)
		return 0;
	if (call->on == IPC_BLOCKS_OPEN2 &&
	    ipc_resolver_memory(resolver, flags, &flags, sizeof(flags)) != sizeof(flags))
		return 0;
	if (flags & (O_PATH | O_DIRECTORY) || (flags & O_ACCMODE) == O_RDWR)
		return 0;
	err = read_path(resolver, line->args[call->first], path);
	if (err)
		return err == -EACCES || err == -EPERM ? err : 0;
	err = look_at(resolver, dirfd, path, waits == WAITS_FOR_PARTNER, task, &file);
	if (err == -ENOMEM || err == -EACCES || err == -EPERM)
		return err;
	if (!err && S_ISFIFO(file.mode))
		task->key = (struct ipc_key){IPC_SPACE_FILE, file.device, file.inode};
	else if (waits != WAITS_FOR_PARTNER)
		return 0;
	task->in_open = true;
	return ipc_resolver_why(resolver, task,
				(flags & O_ACCMODE) == O_RDONLY ? "open for reading" : "open for writing");
}
