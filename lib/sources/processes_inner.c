/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers that processes have in pid namespaces inside the one of /proc, read once for all of them. */
#include "sources/processes_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "model/record.h"
#include "sources/processes_read.h"

#define SECOND INT64_C(1000000000)
#define TICKS INT64_C(20000000) /* the clock that times of files are taken from may be so much behind, ns */

struct numbered {
	int64_t number;
	struct ipc_process *process;
};

struct ipc_inner {
	struct ipc_ctx *ctx;
	struct numbered *items; /* ascending by number, but for those that came since they were sorted */
	size_t count, room, sorted;
	size_t met;      /* ipc_processes_newcomers() */
	uint64_t own;    /* pid namespace of /proc; 0: not known */
	int64_t read_at; /* real time right before it, ns */
	bool hidden;
};

static int64_t real_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static int add(struct ipc_inner *inner, int64_t number, struct ipc_process *process)
{
	if (inner->count == inner->room) {
		size_t room = inner->room ? 2 * inner->room : 64;
		struct numbered *grown = realloc(inner->items, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		inner->items = grown;
		inner->room = room;
	}
	inner->items[inner->count++] = (struct numbered){number, process};
	return 0;
}

/* The link is a third of the work, and tells of nearly all processes that they have one number. */
static bool is_outside(const struct ipc_inner *inner, int64_t pid)
{
	uint64_t ns;

	return inner->own && ipc_proc_inode_link(inner->ctx, &ns, "%" PRId64 "/ns/pid", pid) == 0 && ns == inner->own;
}

static int read_process(struct ipc_process *process, void *data)
{
	int64_t numbers[IPC_PROCESS_LEVELS];
	struct ipc_inner *inner = data;
	int i, count, r = 0;

	if (is_outside(inner, process->pid))
		return 0;
	count = ipc_process_read_inner(inner->ctx, process->pid, numbers);
	if (count == -ENOMEM)
		return count;
	/* One that has ended has no numbers. */
	if (count < 0 && count != -ENOENT && count != -ESRCH)
		inner->hidden = true;
	for (i = 0; i < count && r == 0; i++)
		r = add(inner, numbers[i], process);
	return r;
}

static int by_number(const void *a, const void *b)
{
	const struct numbered *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return (left->process->pid > right->process->pid) - (left->process->pid < right->process->pid);
}

static void sort(struct ipc_inner *inner)
{
	if (inner->count > inner->sorted)
		qsort(inner->items, inner->count, sizeof(*inner->items), by_number);
	inner->sorted = inner->count;
}

int ipc_inner_new(struct ipc_ctx *ctx, struct ipc_processes *processes, struct ipc_inner **out)
{
	struct ipc_inner *inner = calloc(1, sizeof(*inner));
	size_t i, count = ipc_processes_count(processes);
	int r = 0;

	if (!inner)
		return -ENOMEM;
	inner->ctx = ctx;
	inner->hidden = ipc_processes_hide(processes);
	/* The first process of a namespace is in no other one. */
	if (ipc_proc_inode_link(ctx, &inner->own, "1/ns/pid") < 0)
		inner->own = 0;
	inner->read_at = real_time();
	for (i = 0; i < count && r == 0; i++)
		r = read_process(ipc_processes_peek(processes, i), inner);
	/* The listing is older than this. */
	if (r == 0)
		r = ipc_processes_newcomers(processes, &inner->met, read_process, inner);
	if (r < 0) {
		ipc_inner_free(inner);
		return r;
	}
	sort(inner);
	*out = inner;
	return 0;
}

void ipc_inner_free(struct ipc_inner *inner)
{
	if (inner)
		free(inner->items);
	free(inner);
}

/* The first of them, when there are several. */
static struct ipc_process *lookup(const struct ipc_inner *inner, int64_t number)
{
	size_t low = 0, high = inner->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (inner->items[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < inner->count && inner->items[low].number == number ? inner->items[low].process : NULL;
}

/* Who was there at @when and lives was there when they were read, unless that was before. */
static bool is_older(const struct ipc_inner *inner, int64_t when)
{
	int64_t now = real_time();

	/* What seems to come from the future came by now; not all processes are listed again for each such, but once a second. */
	if (when != IPC_UNKNOWN_INT && when > now)
		when = now - SECOND;
	/* Where times are whole seconds, as some file systems have them, it may be nearly two later. */
	return when != IPC_UNKNOWN_INT && inner->read_at <= when + (when % SECOND ? TICKS : 2 * SECOND);
}

static int read_newcomers(struct ipc_inner *inner, struct ipc_processes *processes)
{
	int64_t now = real_time();
	int r = ipc_processes_newcomers(processes, &inner->met, read_process, inner);

	sort(inner);
	if (r < 0)
		return r;
	inner->read_at = now;
	return 0;
}

int ipc_inner_find(struct ipc_inner *inner, struct ipc_processes *processes, int64_t number, int64_t when,
		   struct ipc_process **out)
{
	struct ipc_process *process = lookup(inner, number);
	int r = 0;

	if (!process && is_older(inner, when)) {
		r = read_newcomers(inner, processes);
		process = lookup(inner, number);
	}
	if (r < 0)
		return r;
	if (!process)
		return inner->hidden ? -EACCES : 0;
	*out = process;
	return 1;
}
