/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a blocked task waits on: by its file descriptor, its queue or the mapping behind its futex. */
#include "sources/blocked_resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sources/procfs.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

void ipc_resolver_begin(struct ipc_resolver *resolver, struct ipc_process *process)
{
	resolver->process = process;
	resolver->have_maps = false;
}

void ipc_resolver_release(struct ipc_resolver *resolver)
{
	ipc_mounts_free(resolver->mounts);
	ipc_buf_release(&resolver->maps);
	ipc_buf_release(&resolver->text);
	free(resolver->shared);
}

ssize_t ipc_resolver_memory(struct ipc_resolver *resolver, uint64_t address, void *out, size_t size)
{
	int fd = ipc_proc_open(resolver->ctx, 0, "%" PRId64 "/mem", resolver->process->pid);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, out, size, (off_t)address);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

int ipc_resolver_why(struct ipc_resolver *resolver, struct ipc_blocked_task *task, const char *why)
{
	task->why = ipc_arena_bytes(resolver->arena, why, strlen(why));
	return task->why.data ? 1 : -ENOMEM;
}

/* ---- file descriptors -------------------------------------------------------------------------------------------- */

static bool read_inode(struct ipc_bytes link, const char *prefix, uint64_t *inode)
{
	return ipc_bytes_starts(link, prefix) && sscanf(link.data + strlen(prefix), "%" SCNu64 "]", inode) == 1;
}

/* A task has its thread's fds, which are not always those of the process. */
static int resolve_fd(struct ipc_resolver *resolver, uint64_t fd, bool queue, struct ipc_blocked_task *task)
{
	struct ipc_ctx *ctx = resolver->ctx;
	struct ipc_file file;
	struct ipc_bytes link;
	char path[96];
	uint64_t inode;
	int err;

	snprintf(path, sizeof(path), "%" PRId64 "/task/%" PRId64 "/fd/%d", resolver->process->pid, resolver->tid,
		 (int)fd);
	err = ipc_proc_link(ctx, &resolver->text, "%s", path);
	if (err)
		return err == -EACCES || err == -EPERM ? err : 0;
	link = (struct ipc_bytes){resolver->text.data, resolver->text.len};
	if (read_inode(link, "pipe:[", &inode)) {
		task->key = (struct ipc_key){IPC_SPACE_PIPE, 0, inode};
		return 1;
	}
	if (read_inode(link, "socket:[", &inode)) {
		task->key = (struct ipc_key){IPC_SPACE_SOCKET, 0, inode};
		return 1;
	}
	if (!link.len || link.data[0] != '/')
		return 0;
	err = ctx->captured ? ipc_file_stat(NULL, ctx->root_fd, link.data + 1, false, &file)
			    : ipc_file_stat(resolver->mounts, ctx->proc_fd, path, true, &file);
	if (err)
		return err == -EACCES || err == -EPERM ? err : 0;
	if (!S_ISFIFO(file.mode) && !(queue && S_ISREG(file.mode)))
		return 0;
	task->key = (struct ipc_key){IPC_SPACE_FILE, file.device, file.inode};
	return 1;
}

static int resolve_fds(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		       const struct ipc_syscall_line *line, struct ipc_blocked_task *task)
{
	bool queue = strncmp(call->name, "mq_", 3) == 0;
	int found = resolve_fd(resolver, line->args[call->first], queue, task);

	if (found == 0 && call->second != call->first)
		found = resolve_fd(resolver, line->args[call->second], queue, task);
	return found == 1 ? ipc_resolver_why(resolver, task, call->name) : found;
}

/* ---- System V ---------------------------------------------------------------------------------------------------- */

static int resolve_ipc_ns(struct ipc_resolver *resolver, enum ipc_space space, uint64_t id,
			  struct ipc_blocked_task *task)
{
	int err = ipc_processes_load(resolver->processes, resolver->process);

	if (err == -ENOMEM)
		return err;
	if (!resolver->process->ipc_ns && !resolver->ctx->captured)
		return -EACCES;
	task->key = (struct ipc_key){space, resolver->process->ipc_ns, (uint32_t)id};
	return 1;
}

static int resolve_msg(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		       const struct ipc_syscall_line *line, struct ipc_blocked_task *task)
{
	int found = resolve_ipc_ns(resolver, IPC_SPACE_MSG, line->args[0], task);

	return found == 1 ? ipc_resolver_why(resolver, task, call->name) : found;
}

/* ---- futexes ----------------------------------------------------------------------------------------------------- */

static bool is_shared_wait(uint64_t operation)
{
	if (operation & FUTEX_PRIVATE_FLAG)
		return false;
	switch (operation & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return true;
	default:
		return false;
	}
}

/* Is some file system with @device mounted where the process can see it? */
static bool is_mounted(struct ipc_resolver *resolver, uint64_t device)
{
	char word[32];

	if (ipc_proc_read(resolver->ctx, &resolver->text, "%" PRId64 "/mountinfo", resolver->process->pid))
		return false;
	snprintf(word, sizeof(word), " %u:%u ", major(device), minor(device));
	return resolver->text.data && strstr(resolver->text.data, word);
}

/*
 * Any file may be called "/SYSV00000000 (deleted)". The real ones are on file systems that the kernel mounted for
 * itself: the first of all (0:1), and those of huge pages, which no mountinfo shows.
 */
static int resolve_map(struct ipc_resolver *resolver, const struct ipc_map_line *map, struct ipc_blocked_task *task)
{
	bool memfd = ipc_bytes_starts(map->path, "/memfd:"), segment = ipc_bytes_starts(map->path, "/SYSV");
	bool anon = ipc_bytes_starts(map->path, "/dev/zero") || ipc_bytes_starts(map->path, "/anon_hugepage") ||
		    ipc_bytes_starts(map->path, "[anon_shmem:");
	bool internal = major(map->device) == 0 && (memfd || segment || anon) &&
			(map->device == makedev(0, 1) || !is_mounted(resolver, map->device));

	if (internal && segment)
		return resolve_ipc_ns(resolver, IPC_SPACE_SHM, map->inode, task);
	task->key = (struct ipc_key){internal ? memfd ? IPC_SPACE_MEMFD : IPC_SPACE_ANON : IPC_SPACE_FILE, map->device,
				     map->inode};
	return 1;
}

static int keep_shared(struct ipc_resolver *resolver, const struct ipc_map_line *map)
{
	if (resolver->shared_count == resolver->shared_room) {
		size_t room = resolver->shared_room ? 2 * resolver->shared_room : 64;
		struct ipc_map_line *grown = reallocarray(resolver->shared, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		resolver->shared = grown;
		resolver->shared_room = room;
	}
	resolver->shared[resolver->shared_count++] = *map;
	return 0;
}

static int read_maps(struct ipc_resolver *resolver)
{
	struct ipc_map_line map;
	const char *at, *end;
	int err;

	if (resolver->have_maps)
		return 0;
	resolver->shared_count = 0;
	err = ipc_proc_read(resolver->ctx, &resolver->maps, "%" PRId64 "/task/%" PRId64 "/maps", resolver->process->pid,
			    resolver->tid);
	if (err)
		return err;
	at = resolver->maps.data;
	end = at + resolver->maps.len;
	while (!err && ipc_proc_next_map(&at, end, &map))
		/* pthread_join() waits for a private word by the shared call */
		if (map.shared)
			err = keep_shared(resolver, &map);
	resolver->have_maps = !err;
	return err;
}

static int compare_address(const void *key, const void *item)
{
	const uint64_t *address = key;
	const struct ipc_map_line *map = item;

	return *address < map->start ? -1 : *address >= map->end;
}

static int resolve_futex(struct ipc_resolver *resolver, const struct ipc_syscall_line *line,
			 struct ipc_blocked_task *task)
{
	const struct ipc_map_line *map = NULL;
	uint64_t address = line->args[0];
	int found;

	if (!is_shared_wait(line->args[1]))
		return 0;
	found = read_maps(resolver);
	if (found)
		return found == -EACCES || found == -EPERM || found == -ENOMEM ? found : 0;
	if (resolver->shared_count)
		map = bsearch(&address, resolver->shared, resolver->shared_count, sizeof(*map), compare_address);
	if (!map)
		return 0;
	found = resolve_map(resolver, map, task);
	if (found != 1)
		return found;
	task->in_futex = true;
	task->address = address;
	task->offset = map->offset + (address - map->start);
	return ipc_resolver_why(resolver, task, "futex");
}

int ipc_resolve(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		const struct ipc_syscall_line *line, struct ipc_blocked_task *task)
{
	switch (call->on) {
	case IPC_BLOCKS_FD:
		return resolve_fds(resolver, call, line, task);
	case IPC_BLOCKS_MSG:
		return resolve_msg(resolver, call, line, task);
	case IPC_BLOCKS_SEM: {
		int found = resolve_ipc_ns(resolver, IPC_SPACE_SEM, line->args[0], task);

		return found == 1 ? ipc_resolve_sem(resolver, line, task) : found;
	}
	case IPC_BLOCKS_FUTEX:
		return resolve_futex(resolver, line, task);
	case IPC_BLOCKS_OPEN:
	case IPC_BLOCKS_OPEN2:
		return ipc_resolve_open(resolver, call, line, task);
	case IPC_BLOCKS_OPAQUE:
		break;
	}
	return -EPERM;
}
