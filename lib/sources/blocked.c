/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of blocked tasks: every thread's /proc/PID/task/TID/syscall is read once, and found again by key. */
#include "sources/blocked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/blocked_resolve.h"
#include "sources/procfs.h"

#define LOOKS 3 /* at a thread that seems to run */
#define NOBODY SIZE_MAX
#define KERNEL_THREAD 0x00200000u /* PF_KTHREAD */

struct ipc_blocked {
	struct ipc_blocked_task *tasks;
	size_t *next; /* the next task with the same bucket, NOBODY at the end */
	size_t count, room;
	size_t *buckets;
	size_t bucket_count; /* a power of two */
	size_t hidden;
	struct ipc_arena arena;
};

/* What a scan has seen so far. */
struct scan {
	struct ipc_resolver resolver;
	struct ipc_blocked *blocked;
	size_t readable, missing; /* syscall files */
	bool denied;              /* the process at hand shows nothing */
	bool hidden;              /* or not everything */
};

static int add_task(struct ipc_blocked *blocked, const struct ipc_blocked_task *task)
{
	if (blocked->count == blocked->room) {
		size_t room = blocked->room ? blocked->room * 2 : 64;
		struct ipc_blocked_task *tasks = reallocarray(blocked->tasks, room, sizeof(*tasks));

		if (!tasks)
			return -ENOMEM;
		blocked->tasks = tasks;
		blocked->room = room;
	}
	blocked->tasks[blocked->count++] = *task;
	return 0;
}

/*
 * A task of the other word size has other system call numbers. Its stack gives it away; a 64-bit one that put its stack
 * low is told apart by the auxiliary vector, whose entries are as wide as its words.
 */
static bool other_word_size(struct ipc_resolver *resolver, const struct ipc_syscall_line *line)
{
	bool wide = line->stack > UINT32_MAX;
	uint64_t word = 0;

	if (sizeof(long) == 4 || wide)
		return wide != (sizeof(long) == 8);
	if (ipc_proc_read(resolver->ctx, &resolver->text, "%" PRId64 "/auxv", resolver->process->pid) ||
	    resolver->text.len < sizeof(word))
		return true;
	memcpy(&word, resolver->text.data, sizeof(word));
	return word > UINT32_MAX;
}

/* Kernel threads wait on nothing of ours, and nobody but root may see that. */
static bool is_kernel_thread(struct ipc_resolver *resolver)
{
	const char *end;
	unsigned flags = 0;

	if (ipc_proc_read(resolver->ctx, &resolver->text, "%" PRId64 "/stat", resolver->process->pid) ||
	    !resolver->text.data)
		return false;
	end = strrchr(resolver->text.data, ')');
	return end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & KERNEL_THREAD);
}

static int read_file(int dir, const char *path, struct ipc_buf *out)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = ipc_proc_read_fd(fd, out);
	close(fd);
	return r;
}

/* What this program lacks, whichever process is read. */
static bool is_ours(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

/*
 * A thread that was woken for a moment, and will wait again, seems to run: another look costs little, for few do. The first is
 * not believed alone, because nobody waiting is a reason to let a queue go.
 */
static int read_call(int dir, const char *path, struct ipc_buf *out)
{
	int looks, err = 0;

	for (looks = 0; looks < LOOKS; looks++) {
		err = read_file(dir, path, out);
		if (err || !ipc_bytes_starts((struct ipc_bytes){out->data, out->len}, "running"))
			break;
		sched_yield();
	}
	return err;
}

/* @path below @dir is the system call of thread @tid. Returns 0 or a fatal -errno. */
static int read_task(struct scan *scan, int64_t tid, int dir, const char *path)
{
	struct ipc_resolver *resolver = &scan->resolver;
	struct ipc_process *process = resolver->process;
	struct ipc_blocked_task task = {.pid = process->pid, .tid = tid, .index = IPC_UNKNOWN_INT};
	const struct ipc_blocking_call *call;
	struct ipc_syscall_line line;
	int err = read_call(dir, path, &resolver->text);

	if (err == -EACCES || err == -EPERM)
		scan->hidden = scan->denied = true;
	if (err == -ENOENT)
		scan->missing++;
	if (err)
		return is_ours(err) ? err : 0;
	scan->readable++;
	if (!ipc_syscall_line_parse((struct ipc_bytes){resolver->text.data, resolver->text.len}, &line))
		return 0;
	if (other_word_size(resolver, &line)) {
		scan->hidden = true;
		return 0;
	}
	call = ipc_blocking_call_find(line.number);
	if (!call || !(call->spaces & resolver->spaces))
		return 0;
	resolver->tid = tid;
	err = ipc_resolve(resolver, call, &line, &task);
	if (err == -EACCES || err == -EPERM)
		scan->hidden = true;
	if (err != 1)
		return err == -ENOMEM ? err : 0;
	if (task.key.space != IPC_SPACE_NONE && !(resolver->spaces & IPC_SPACE_BIT(task.key.space)))
		return 0;
	ipc_processes_name(resolver->processes, process);
	task.comm = ipc_arena_bytes(resolver->arena, process->comm.data, process->comm.len);
	return add_task(scan->blocked, &task);
}

static int read_threads(struct scan *scan)
{
	struct ipc_resolver *resolver = &scan->resolver;
	int64_t pid = resolver->process->pid, tid;
	struct dirent *entry;
	char path[32];
	DIR *dir;
	int err;

	if (!resolver->ctx->captured && ipc_proc_threads(resolver->ctx, pid) == 1) {
		snprintf(path, sizeof(path), "%" PRId64 "/syscall", pid);
		return read_task(scan, pid, resolver->ctx->proc_fd, path);
	}

	err = ipc_proc_opendir(resolver->ctx, &dir, "%" PRId64 "/task", pid);
	if (err) {
		if (err == -EACCES || err == -EPERM)
			scan->hidden = true;
		return is_ours(err) ? err : 0;
	}
	while (!err && !scan->denied && (entry = readdir(dir))) {
		tid = strtoll(entry->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		snprintf(path, sizeof(path), "%.20s/syscall", entry->d_name);
		err = read_task(scan, tid, dirfd(dir), path);
	}
	closedir(dir);
	return err;
}

static int read_process(struct ipc_process *process, void *data)
{
	struct scan *scan = data;
	int err;

	ipc_resolver_begin(&scan->resolver, process);
	scan->hidden = scan->denied = false;
	err = read_threads(scan);
	if (!err && scan->hidden && !is_kernel_thread(&scan->resolver))
		scan->blocked->hidden++;
	return err;
}

static int by_pid(const void *a, const void *b)
{
	const struct ipc_blocked_task *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Those that came since the listing and that holders were read of. */
static int read_latecomers(struct scan *scan)
{
	struct ipc_blocked *blocked = scan->blocked;
	size_t before = blocked->count;
	int r;

	if (ipc_processes_alone(scan->resolver.processes))
		return 0;
	r = ipc_processes_latecomers(scan->resolver.processes, read_process, scan);
	if (blocked->count > before)
		qsort(blocked->tasks, blocked->count, sizeof(*blocked->tasks), by_pid);
	return r;
}

static int read_processes(struct scan *scan)
{
	struct ipc_resolver *resolver = &scan->resolver;
	size_t count = ipc_processes_count(resolver->processes), i;
	int err = 0;

	for (i = 0; !err && i < count; i++)
		err = read_process(ipc_processes_peek(resolver->processes, i), scan);
	if (!err)
		err = read_latecomers(scan);
	if (err)
		return err;
	return scan->missing && !scan->readable && !scan->blocked->hidden && !resolver->ctx->captured ? -ENOTSUP : 0;
}

static size_t bucket_of(const struct ipc_blocked *blocked, struct ipc_key key)
{
	return ipc_key_hash(key) & (blocked->bucket_count - 1);
}

/* Chains run in ascending order, so that waiters come out by pid. */
static int index_tasks(struct ipc_blocked *blocked)
{
	size_t i, bucket;

	blocked->bucket_count = 64;
	while (blocked->bucket_count < blocked->count)
		blocked->bucket_count *= 2;
	blocked->buckets = malloc(blocked->bucket_count * sizeof(*blocked->buckets));
	blocked->next = malloc((blocked->count ? blocked->count : 1) * sizeof(*blocked->next));
	if (!blocked->buckets || !blocked->next)
		return -ENOMEM;
	for (i = 0; i < blocked->bucket_count; i++)
		blocked->buckets[i] = NOBODY;
	for (i = blocked->count; i-- > 0;) {
		bucket = bucket_of(blocked, blocked->tasks[i].key);
		blocked->next[i] = blocked->buckets[bucket];
		blocked->buckets[bucket] = i;
	}
	return 0;
}

int ipc_blocked_new(struct ipc_ctx *ctx, struct ipc_processes *processes, unsigned spaces, struct ipc_blocked **out)
{
	struct ipc_blocked *blocked = calloc(1, sizeof(*blocked));
	struct scan scan = {.blocked = blocked, .resolver = {.ctx = ctx, .processes = processes, .spaces = spaces}};
	int err;

	if (!blocked)
		return -ENOMEM;
	scan.resolver.arena = &blocked->arena;
	if (!ctx->captured && (spaces & IPC_SPACE_BIT(IPC_SPACE_SEM)) &&
	    ipc_proc_inode_link(ctx, &scan.resolver.own_ipc, "thread-self/ns/ipc"))
		scan.resolver.own_ipc = 0;
	/* without them a device is that of stat() */
	if (!ctx->captured && (spaces & IPC_SPACE_BIT(IPC_SPACE_FILE)) && ipc_mounts_new(ctx, &scan.resolver.mounts))
		scan.resolver.mounts = NULL;
	err = read_processes(&scan);
	if (!err)
		err = index_tasks(blocked);
	if (!err && blocked->arena.failed)
		err = -ENOMEM;
	ipc_resolver_release(&scan.resolver);
	if (err) {
		ipc_blocked_free(blocked);
		return err;
	}
	*out = blocked;
	return 0;
}

void ipc_blocked_free(struct ipc_blocked *blocked)
{
	if (!blocked)
		return;
	free(blocked->tasks);
	free(blocked->next);
	free(blocked->buckets);
	ipc_arena_release(&blocked->arena);
	free(blocked);
}

size_t ipc_blocked_count(const struct ipc_blocked *blocked)
{
	return blocked->count;
}

const struct ipc_blocked_task *ipc_blocked_get(const struct ipc_blocked *blocked, size_t index)
{
	return index < blocked->count ? &blocked->tasks[index] : NULL;
}

const struct ipc_blocked_task *ipc_blocked_next(const struct ipc_blocked *blocked, struct ipc_key key, size_t *at)
{
	size_t i;

	if (*at > blocked->count)
		return NULL;
	for (i = *at ? blocked->next[*at - 1] : blocked->buckets[bucket_of(blocked, key)]; i != NOBODY;
	     i = blocked->next[i]) {
		if (ipc_key_equal(blocked->tasks[i].key, key)) {
			*at = i + 1;
			return &blocked->tasks[i];
		}
	}
	*at = blocked->count + 1;
	return NULL;
}

size_t ipc_blocked_hidden(const struct ipc_blocked *blocked)
{
	return blocked->hidden;
}
