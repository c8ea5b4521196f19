/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processes that /proc shows: one directory listing, and one read for each thing that is asked of a process. */
#include "sources/processes.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model/arena.h"
#include "model/record.h"
#include "sources/processes_inner.h"
#include "sources/processes_read.h"

#define SECOND 1000000000ll
#define MILLISECOND 1000000ll

enum { READ_STAT = 1, READ_STATUS = 2, READ_NAMESPACE = 4 };

struct ipc_processes {
	struct ipc_ctx *ctx;
	struct ipc_arena arena;
	struct ipc_process *items;
	size_t count;
	/* Those that came after the listing, as they were met, each in memory of its own: others point to it. */
	struct ipc_process **late;
	size_t late_count, late_room;
	void *late_by_pid; /* the same as a tree */
	bool alone;        /* one process was asked for */
	int64_t boot;      /* real time of the boot, ns */
	long ticks;        /* clock ticks a second */
	uint64_t *uids;    /* every uid that some process has, ascending; made at first use */
	size_t uid_count;
	bool uids_made;
	bool hidden;             /* known with `uids`: some processes are not shown */
	struct ipc_inner *inner; /* made at first use */
};

/*
 * Start times count from the boot; the two clocks together say when that was to the millisecond, /proc/stat only to
 * the second.
 */
static int64_t boot_time(struct ipc_ctx *ctx)
{
	struct timespec real, boot;
	struct ipc_buf stat = {0};
	int64_t seconds, when = IPC_UNKNOWN_INT;
	const char *line;

	if (!ctx->captured && clock_gettime(CLOCK_REALTIME, &real) == 0 && clock_gettime(CLOCK_BOOTTIME, &boot) == 0)
		when = (real.tv_sec - boot.tv_sec) * SECOND + real.tv_nsec - boot.tv_nsec;
	/* The clocks are read one after the other: rounded, a start time is the same in each run. */
	if (when != IPC_UNKNOWN_INT)
		return (when + MILLISECOND / 2) / MILLISECOND * MILLISECOND;
	if (ipc_proc_read(ctx, &stat, "stat") == 0 && (line = strstr(stat.data, "\nbtime ")) &&
	    sscanf(line, " btime %" SCNd64, &seconds) == 1 && seconds >= 0 && seconds < INT64_MAX / SECOND)
		when = seconds * SECOND;
	ipc_buf_release(&stat);
	return when;
}

static int by_pid(const void *a, const void *b)
{
	const struct ipc_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void init_process(struct ipc_process *process, int64_t pid)
{
	*process = (struct ipc_process){.pid = pid, .started = IPC_UNKNOWN_INT, .uid = IPC_UNKNOWN};
}

static int add(struct ipc_processes *processes, size_t *room, int64_t pid)
{
	if (processes->count == *room) {
		size_t more = *room ? 2 * *room : 512;
		struct ipc_process *grown = realloc(processes->items, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		processes->items = grown;
		*room = more;
	}
	init_process(&processes->items[processes->count++], pid);
	return 0;
}

struct listing {
	struct ipc_processes *processes;
	size_t room;
	int64_t last;
	bool unsorted;
};

static int list_pid(int64_t pid, void *data)
{
	struct listing *listing = data;

	listing->unsorted = listing->unsorted || pid < listing->last;
	listing->last = pid;
	return add(listing->processes, &listing->room, pid);
}

static int list_all(struct ipc_processes *processes)
{
	struct listing listing = {.processes = processes};
	int r;

	r = ipc_proc_each_pid(processes->ctx, list_pid, &listing);
	if (listing.unsorted && processes->items)
		qsort(processes->items, processes->count, sizeof(*processes->items), by_pid);
	return r;
}

int ipc_processes_new(struct ipc_ctx *ctx, int64_t only, struct ipc_processes **out)
{
	struct ipc_processes *processes;
	size_t room = 0;
	int r = 0;

	processes = calloc(1, sizeof(*processes));
	if (!processes)
		return -ENOMEM;
	processes->ctx = ctx;
	processes->alone = only != 0;
	processes->boot = boot_time(ctx);
	processes->ticks = sysconf(_SC_CLK_TCK);
	if (processes->ticks <= 0)
		processes->ticks = 100;
	if (!only)
		r = list_all(processes);
	else if (ipc_process_exists(processes->ctx, only))
		r = add(processes, &room, only);
	if (r < 0) {
		ipc_processes_free(processes);
		return r;
	}
	*out = processes;
	return 0;
}

static void keep(void *process)
{
	(void)process;
}

void ipc_processes_free(struct ipc_processes *processes)
{
	size_t i;

	if (!processes)
		return;
	tdestroy(processes->late_by_pid, keep);
	for (i = 0; i < processes->late_count; i++)
		free(processes->late[i]);
	free(processes->late);
	ipc_inner_free(processes->inner);
	ipc_arena_release(&processes->arena);
	free(processes->items);
	free(processes->uids);
	free(processes);
}

int64_t ipc_processes_boot(const struct ipc_processes *processes)
{
	return processes->boot;
}

size_t ipc_processes_count(const struct ipc_processes *processes)
{
	return processes->count;
}

bool ipc_processes_alone(const struct ipc_processes *processes)
{
	return processes->alone;
}

/* The size of a directory of descriptors is how many it has. One that is empty may be a kernel's that does not say. */
uint64_t ipc_processes_count_fds(const struct ipc_processes *processes, uint64_t most)
{
	struct ipc_buf text = {0};
	uint64_t count = 0;
	struct stat st;
	char path[32];
	size_t i;

	for (i = 0; i < processes->count && count < most; i++) {
		snprintf(path, sizeof(path), "%" PRId64 "/fd", processes->items[i].pid);
		if (fstatat(processes->ctx->proc_fd, path, &st, 0) == 0 && st.st_size > 0)
			count += (uint64_t)st.st_size;
	}
	if (count == 0 && ipc_proc_read(processes->ctx, &text, "sys/fs/file-nr") == 0 && text.len)
		count = strtoull(text.data, NULL, 10);
	ipc_buf_release(&text);
	return count;
}

static int64_t start_time(const struct ipc_processes *processes, uint64_t ticks)
{
	uint64_t hz = (uint64_t)processes->ticks;

	/* What no clock could have reached is not a time. */
	if (processes->boot == IPC_UNKNOWN_INT || ticks / hz > (uint64_t)(INT64_MAX / SECOND) / 4)
		return IPC_UNKNOWN_INT;
	return processes->boot + (int64_t)(ticks / hz) * SECOND + (int64_t)(ticks % hz * (uint64_t)SECOND / hz);
}

static int load_stat(struct ipc_processes *processes, struct ipc_process *process)
{
	struct ipc_process_stat stat;
	int r;

	process->read |= READ_STAT;
	r = ipc_process_read_stat(processes->ctx, process->pid, &stat);
	if (r < 0)
		return r;
	process->comm = ipc_arena_bytes(&processes->arena, stat.comm.data, stat.comm.len);
	if (!process->comm.data)
		return -ENOMEM;
	if (stat.started) {
		process->started = start_time(processes, stat.ticks);
		process->ticks = stat.ticks;
	}
	return 0;
}

static int load_status(struct ipc_processes *processes, struct ipc_process *process)
{
	struct ipc_process_status status;
	int r;

	process->read |= READ_STATUS;
	r = ipc_process_read_status(processes->ctx, process->pid, &status);
	if (r < 0)
		return r;
	process->uid = status.uids[0];
	if (!process->comm.data && status.comm.data)
		process->comm = ipc_arena_bytes(&processes->arena, status.comm.data, status.comm.len);
	return 0;
}

void ipc_processes_name(struct ipc_processes *processes, struct ipc_process *process)
{
	if (!(process->read & READ_STATUS))
		load_status(processes, process);
	if (!process->comm.data && !(process->read & READ_STAT))
		load_stat(processes, process);
}

void ipc_processes_start(struct ipc_processes *processes, struct ipc_process *process)
{
	if (!(process->read & READ_STAT))
		load_stat(processes, process);
}

static int load_basics(struct ipc_processes *processes, struct ipc_process *process)
{
	int r = 0, other = 0;

	if (!(process->read & READ_STAT))
		r = load_stat(processes, process);
	if (!(process->read & READ_STATUS))
		other = load_status(processes, process);
	return r < 0 ? r : other;
}

int ipc_processes_load(struct ipc_processes *processes, struct ipc_process *process)
{
	int r = load_basics(processes, process);

	if (!(process->read & READ_NAMESPACE)) {
		process->read |= READ_NAMESPACE;
		/* Another user's needs a right that the rest does not: 0 says so. */
		if (ipc_proc_inode_link(processes->ctx, &process->ipc_ns, "%" PRId64 "/ns/ipc", process->pid) < 0)
			process->ipc_ns = 0;
	}
	return r;
}

struct ipc_process *ipc_processes_peek(struct ipc_processes *processes, size_t index)
{
	return index < processes->count ? &processes->items[index] : NULL;
}

struct ipc_process *ipc_processes_get(struct ipc_processes *processes, size_t index)
{
	struct ipc_process *process = ipc_processes_peek(processes, index);

	if (process)
		load_basics(processes, process);
	return process;
}

static struct ipc_process *find_listed(const struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process wanted = {.pid = pid};

	if (!processes->count)
		return NULL;
	return bsearch(&wanted, processes->items, processes->count, sizeof(wanted), by_pid);
}

/* An object may name a process that is younger than the listing: taking it for dead would be wrong. */
static struct ipc_process *find_met_late(struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process wanted = {.pid = pid}, **found = tfind(&wanted, &processes->late_by_pid, by_pid);

	return found ? *found : NULL;
}

static struct ipc_process *add_late(struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process *process;

	if (processes->late_count == processes->late_room) {
		size_t room = processes->late_room ? 2 * processes->late_room : 64;
		struct ipc_process **grown = reallocarray(processes->late, room, sizeof(struct ipc_process *));

		if (!grown)
			return NULL;
		processes->late = grown;
		processes->late_room = room;
	}
	process = malloc(sizeof(*process));
	if (!process)
		return NULL;
	init_process(process, pid);
	if (!tsearch(process, &processes->late_by_pid, by_pid)) {
		free(process);
		return NULL;
	}
	processes->late[processes->late_count++] = process;
	return process;
}

static struct ipc_process *find_late(struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process *process = find_met_late(processes, pid);

	return process || !ipc_process_exists(processes->ctx, pid) ? process : add_late(processes, pid);
}

struct newcomers {
	struct ipc_processes *processes;
	size_t *met;
	int (*fn)(struct ipc_process *process, void *data);
	void *data;
};

static int hand_over(const struct newcomers *newcomers)
{
	int r = 0;

	while (r >= 0 && *newcomers->met < newcomers->processes->late_count)
		r = newcomers->fn(newcomers->processes->late[(*newcomers->met)++], newcomers->data);
	return r < 0 ? r : 0;
}

static int greet(int64_t pid, void *data)
{
	const struct newcomers *newcomers = data;

	if (find_listed(newcomers->processes, pid) || find_met_late(newcomers->processes, pid))
		return 0;
	return add_late(newcomers->processes, pid) ? hand_over(newcomers) : -ENOMEM;
}

int ipc_processes_latecomers(struct ipc_processes *processes, int (*fn)(struct ipc_process *process, void *data),
			     void *data)
{
	size_t met = 0;
	struct newcomers newcomers = {processes, &met, fn, data};

	return hand_over(&newcomers);
}

int ipc_processes_newcomers(struct ipc_processes *processes, size_t *met,
			    int (*fn)(struct ipc_process *process, void *data), void *data)
{
	struct newcomers newcomers = {processes, met, fn, data};
	const size_t before = *met;
	int r;

	r = hand_over(&newcomers);
	if (r == 0)
		r = ipc_proc_each_pid(processes->ctx, greet, &newcomers);
	return r < 0 ? r : (int)(*met - before);
}

struct ipc_process *ipc_processes_lookup(struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process *process;

	if (pid <= 0 || pid > INT32_MAX)
		return NULL;
	process = find_listed(processes, pid);
	return process ? process : find_late(processes, pid);
}

struct ipc_process *ipc_processes_find(struct ipc_processes *processes, int64_t pid)
{
	struct ipc_process *process = ipc_processes_lookup(processes, pid);

	if (process)
		load_basics(processes, process);
	return process;
}

static int by_uid(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A mount of /proc with hidepid=1, 2, 4 or their names hides others' processes, unless the caller is privileged. */
static bool hidepid(struct ipc_ctx *ctx)
{
	struct ipc_buf info = {0};
	const char *at;
	bool hides = false;

	if (ipc_proc_read(ctx, &info, "self/mountinfo") < 0)
		return false;
	for (at = info.data; !hides && (at = strstr(at, "hidepid=")); at++)
		hides = strncmp(at, "hidepid=0", 9) != 0 && strncmp(at, "hidepid=off", 11) != 0;
	ipc_buf_release(&info);
	return hides;
}

/* A pid namespace without its first process has none at all: when it is not shown, more is not. */
bool ipc_processes_hide(const struct ipc_processes *processes)
{
	return !find_listed(processes, 1) || (geteuid() != 0 && hidepid(processes->ctx));
}

static int make_uids(struct ipc_processes *processes)
{
	size_t i, count = 0, out = 0;
	uint64_t *uids;

	uids = malloc((4 * (processes->count + processes->late_count) + 1) * sizeof(*uids));
	if (!uids)
		return -ENOMEM;
	for (i = 0; i < processes->late_count; i++)
		if (ipc_process_read_uids(processes->ctx, processes->late[i]->pid, uids + count) == 0)
			count += 4;
	for (i = 0; i < processes->count; i++) {
		int r = ipc_process_read_uids(processes->ctx, processes->items[i].pid, uids + count);

		if (r == 0)
			count += 4;
		else if (r != -ENOENT && r != -ESRCH)
			processes->hidden = true;
	}
	qsort(uids, count, sizeof(*uids), by_uid);
	for (i = 0; i < count; i++)
		if (!out || uids[out - 1] != uids[i])
			uids[out++] = uids[i];
	if (ipc_processes_hide(processes))
		processes->hidden = true;
	processes->uids = uids;
	processes->uid_count = out;
	processes->uids_made = true;
	return 0;
}

int ipc_processes_have_uid(struct ipc_processes *processes, uint64_t uid)
{
	int r;

	if (!processes->uids_made) {
		r = make_uids(processes);
		if (r < 0)
			return r;
	}
	if (bsearch(&uid, processes->uids, processes->uid_count, sizeof(uid), by_uid))
		return 1;
	return processes->hidden ? -EACCES : 0;
}

int ipc_processes_find_inner(struct ipc_processes *processes, int64_t number, int64_t when, struct ipc_process **out)
{
	int r = 0;

	if (!processes->inner)
		r = ipc_inner_new(processes->ctx, processes, &processes->inner);
	if (r == 0)
		r = ipc_inner_find(processes->inner, processes, number, when, out);
	if (r > 0)
		load_basics(processes, *out);
	return r;
}
