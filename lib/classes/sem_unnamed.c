/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unnamed semaphores (sem_init) in shared memory: nothing lists them, but a process that waits for one shows where it
 * is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/contents.h"
#include "classes/sem.h"
#include "classes/shm_files.h"
#include "sources/blocked.h"
#include "sources/procfs.h"

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	struct ipc_buf maps;
};

/* The mapping that the semaphore is in, as one of its waiters has it. */
static bool find_map(struct collect *collect, const struct ipc_blocked_task *task, struct ipc_map_line *map)
{
	const char *at, *end;

	if (ipc_proc_read(collect->run->ctx, &collect->maps, "%" PRId64 "/task/%" PRId64 "/maps", task->pid, task->tid))
		return false;
	at = collect->maps.data;
	end = at + collect->maps.len;
	while (at && ipc_proc_next_map(&at, end, map))
		if (task->address >= map->start && task->address < map->end) {
			map->path.len = ipc_proc_decode((char *)map->path.data, map->path.len, "\n");
			return true;
		}
	return false;
}

/* A named one is listed by its file. */
static bool is_named(struct collect *collect, const struct ipc_blocked_task *task, const struct ipc_map_line *map)
{
	struct ipc_shm_file file = {.name = map->path};
	char path[96];

	if (task->key.space != IPC_SPACE_FILE || task->offset != 0 || !map->path.len)
		return false;
	snprintf(path, sizeof(path), "%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, task->pid, map->start, map->end);
	file.known = ipc_file_stat(NULL, collect->run->ctx->proc_fd, path, true, &file.file) == 0;
	return ipc_shm_file_is_semaphore(&file);
}

static bool read_value(struct collect *collect, const struct ipc_blocked_task *task, struct ipc_sem_value *value)
{
	unsigned char bytes[16];
	ssize_t n;
	int fd;

	if (task->address % 8)
		return false;
	fd = ipc_proc_open(collect->run->ctx, 0, "%" PRId64 "/mem", task->pid);
	if (fd < 0)
		return false;
	n = pread(fd, bytes, sizeof(bytes), (off_t)task->address);
	close(fd);
	/* whoever waits has counted itself */
	return n == sizeof(bytes) && ipc_sem_decode(bytes, value) && value->waiting_increase > 0;
}

static bool same_word(const struct ipc_blocked_task *a, const struct ipc_blocked_task *b)
{
	return a->offset == b->offset && ipc_key_equal(a->key, b->key);
}

static bool fill_waiters(struct ipc_run *run, struct ipc_sem *sem, const struct ipc_blocked_task *const *tasks,
			 size_t count)
{
	struct ipc_waiter *waiters = ipc_arena_alloc(&run->arena, count * sizeof(*waiters));
	struct ipc_sem_place *places = ipc_arena_alloc(&run->arena, count * sizeof(*places));
	size_t i;

	if (!waiters || !places)
		return false;
	for (i = 0; i < count; i++) {
		waiters[i] = (struct ipc_waiter){tasks[i]->pid, tasks[i]->tid, tasks[i]->comm, IPC_BYTES("sem_wait")};
		places[i] = (struct ipc_sem_place){tasks[i]->pid, tasks[i]->address};
	}
	sem->base.waiters = (struct ipc_list){waiters, count};
	sem->places = (struct ipc_list){places, count};
	return true;
}

/* Where it is: a file's path, or what stands for the memory in /proc/PID/maps, and the offset in it. */
static struct ipc_bytes name_of(struct ipc_run *run, const struct ipc_blocked_task *task,
				const struct ipc_map_line *map)
{
	if (task->key.space == IPC_SPACE_SHM)
		return ipc_arena_format(&run->arena, "shm:%" PRIu64 "+0x%" PRIx64, task->key.inode, task->offset);
	return ipc_arena_format(&run->arena, "%.*s+0x%" PRIx64, (int)map->path.len, map->path.data, task->offset);
}

/* @tasks all wait for one word. */
static int emit(struct collect *collect, const struct ipc_blocked_task *const *tasks, size_t count)
{
	const struct ipc_blocked_task *first = tasks[0];
	struct ipc_run *run = collect->run;
	struct ipc_sem_value decoded, *value;
	struct ipc_map_line map;
	struct ipc_sem *sem;

	if (!find_map(collect, first, &map) || is_named(collect, first, &map) || !read_value(collect, first, &decoded))
		return 0;
	sem = ipc_run_object(run, collect->kind);
	value = ipc_arena_alloc(&run->arena, sizeof(*value));
	if (!sem || !value || !fill_waiters(run, sem, tasks, count))
		return -ENOMEM;
	*value = decoded;
	sem->values = (struct ipc_list){value, 1};
	sem->semaphores = 1;
	sem->base.name = name_of(run, first, &map);
	sem->base.status = IPC_EMPTY_LIST;
	sem->base.hold = first->key;
	sem->base.inode = first->key.inode;
	if (first->key.space != IPC_SPACE_SHM)
		sem->base.dev = first->key.device;
	return ipc_run_emit(run, sem);
}

static int compare(const void *a, const void *b)
{
	const struct ipc_blocked_task *left = *(const struct ipc_blocked_task *const *)a;
	const struct ipc_blocked_task *right = *(const struct ipc_blocked_task *const *)b;

#define ORDER_BY(member)                   \
	if (left->member != right->member) \
	return left->member < right->member ? -1 : 1
	ORDER_BY(key.space);
	ORDER_BY(key.device);
	ORDER_BY(key.inode);
	ORDER_BY(offset);
	ORDER_BY(pid);
	ORDER_BY(tid);
#undef ORDER_BY
	return 0;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_blocked *blocked = ipc_run_blocked(run);
	struct collect collect = {.run = run, .kind = kind};
	const struct ipc_blocked_task **tasks;
	size_t i, count = 0, group;
	int err = 0;

	if (!blocked || !ipc_blocked_count(blocked))
		return 0;
	tasks = calloc(ipc_blocked_count(blocked), sizeof(*tasks));
	if (!tasks)
		return -ENOMEM;
	for (i = 0; i < ipc_blocked_count(blocked); i++)
		if (ipc_blocked_get(blocked, i)->in_futex)
			tasks[count++] = ipc_blocked_get(blocked, i);
	qsort(tasks, count, sizeof(*tasks), compare);
	for (i = 0; !err && i < count; i += group) {
		for (group = 1; i + group < count && same_word(tasks[i], tasks[i + group]); group++)
			;
		err = emit(&collect, tasks + i, group);
	}
	ipc_buf_release(&collect.maps);
	free(tasks);
	return err;
}

/* Each waiter has it at an address of its own: any of them will do. */
static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)object;
	const struct ipc_sem_place *places = sem->places.items;
	size_t i;

	for (i = 0; i < sem->places.count; i++)
		if (!ipc_names_add(names, false, "@%" PRId64 ":0x%" PRIx64, places[i].pid, places[i].address))
			return;
}

static int identity(const struct ipc_object *object, struct ipc_buf *out)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)object;
	const struct ipc_sem_place *first = sem->places.items;

	return ipc_buf_format(out, "%" PRIu64 ".%" PRIu64 ".%" PRIx64, object->hold.device, object->hold.inode,
			      first->address);
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_sem_value *value = ((const struct ipc_sem *)object)->values.items;

	ipc_evidence(run, "in %.*s", (int)object->name.len, object->name.data);
	ipc_evidence(run, "waiters on record in it: %" PRIu64, value->waiting_increase);
	return ipc_judge_held(run, object) ? IPC_STATE_HELD : IPC_STATE_UNKNOWN;
}

static const struct ipc_changes changes = {
	.refuse =
		{
			[IPC_VERB_CREATE] =
				"an unnamed semaphore lies in the memory of programs; make one that a name reaches: sem:/name",
			[IPC_VERB_SET] =
				"an unnamed semaphore lies in the memory of programs, which alone may change it",
			[IPC_VERB_SEND] = "a semaphore carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "a semaphore carries no messages; use a queue: mq:/name",
			[IPC_VERB_POST] =
				"an unnamed semaphore lies in the memory of programs, which alone may post it; use one with a name: sem:/name",
			[IPC_VERB_WAIT] =
				"an unnamed semaphore lies in the memory of programs, which alone may take it; use one with a name: sem:/name",
			[IPC_VERB_REMOVE] = "an unnamed semaphore goes with the memory that it lies in",
		},
};

const struct ipc_kind ipc_kind_sem_unnamed = {
	.name = "unnamed",
	.help = "POSIX unnamed semaphore in shared memory (sem_init), while somebody waits for it",
	.cls = &ipc_class_sem,
	.ns = IPC_NS_NONE,
	.locators = 1u << IPC_BY_MEMORY,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE) | IPC_SPACE_BIT(IPC_SPACE_MEMFD) | IPC_SPACE_BIT(IPC_SPACE_ANON) |
		  IPC_SPACE_BIT(IPC_SPACE_SHM),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.names = names,
	.identity = identity,
	.judge = judge,
	.changes = &changes,
	.contents = &ipc_contents_sem_unnamed,
};
