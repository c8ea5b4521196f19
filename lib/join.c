/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of a run, each read at first use and once: processes, holders, blocked tasks, mounts, the directory scan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "classes/sock.h"
#include "holders/inflight.h"
#include "peek/undo.h"
#include "query.h"
#include "sources/blocked.h"
#include "sources/mounts.h"
#include "sources/scan.h"
#include "sources/users.h"

/* Where servers leave their FIFOs and socket files. */
static const char *const scan_dirs[] = {"/run", "/tmp", "/var/tmp", "/dev/shm"};
#define SCAN_DIRS (sizeof(scan_dirs) / sizeof(scan_dirs[0]))

enum { TRIED_PROCESSES = 1, TRIED_BLOCKED = 2, TRIED_INFLIGHT = 4, TRIED_UNDO = 8 };

/* Why processes hide, and what would help. */
static const char *why_hidden(int error)
{
	if (error == EMFILE || error == ENFILE)
		return "more open files must be allowed (ulimit -n)";
	if (error != EACCES && error != EPERM)
		return "who has what is read in /proc";
	return geteuid() == 0 ? "a security policy hides them even from root; --holders-from bpf may see their files"
			      : "other users' processes can be read with CAP_SYS_PTRACE (root)";
}

void ipc_run_report_hidden(struct ipc_run *run, int error, const char *what, size_t count)
{
	ipc_run_problem(run, error == EACCES || error == EPERM, error, why_hidden(error), "%s of %zu process%s", what,
			count, count == 1 ? "" : "es");
}

int ipc_run_new(struct ipc_query *query, struct ipc_run **out)
{
	struct ipc_run *run;
	struct timespec now;

	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	run->refs = 1;
	run->ctx = ipc_ctx_ref(query->ctx);
	run->query = query;
	clock_gettime(CLOCK_REALTIME, &now);
	run->now = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	run->up = INT64_MAX;
	if (!run->ctx->captured && clock_gettime(CLOCK_BOOTTIME, &now) == 0)
		run->up = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	run->users = ipc_users_new(run->ctx);
	*out = run;
	return 0;
}

struct ipc_run *ipc_run_ref(struct ipc_run *run)
{
	run->refs++;
	return run;
}

static void release_view(struct ipc_mount_view *view)
{
	ipc_scan_free(view->scan);
	ipc_scan_free(view->shm_files);
	ipc_mounts_free(view->mounts);
	*view = (struct ipc_mount_view){0};
}

void ipc_run_unref(struct ipc_run *run)
{
	if (!run || --run->refs > 0)
		return;
	free(run->inflight);
	ipc_undo_free(run->undo);
	ipc_blocked_free(run->blocked);
	ipc_run_release_holders(run);
	free(run->pending);
	ipc_processes_free(run->processes);
	release_view(&run->own);
	release_view(&run->other);
	ipc_users_free(run->users);
	ipc_ns_set_release(&run->places);
	ipc_keyset_release(&run->met);
	free(run->sorts);
	free(run->blank);
	ipc_buf_release(&run->protocols);
	ipc_buf_release(&run->spelling);
	ipc_buf_release(&run->reference);
	ipc_buf_release(&run->identity);
	ipc_arena_release(&run->arena);
	ipc_ctx_unref(run->ctx);
	free(run);
}

unsigned ipc_run_spaces(const struct ipc_run *run, bool *maps)
{
	const struct ipc_kind *kind = NULL;
	unsigned spaces = 0;

	*maps = false;
	while ((kind = ipc_kind_next(kind))) {
		if (!ipc_query_looks_at(run->query, kind))
			continue;
		spaces |= kind->spaces | (ipc_run_removes(run) ? kind->removal_spaces : 0);
		*maps |= kind->maps;
	}
	return spaces;
}

/*
 * The sources of the whole host are made where the caller stands, whichever namespace needs them first: its mounts tell
 * devices apart, and the BPF library reads files.
 */
static void make_at_home(struct ipc_run *run, unsigned source, int (*make)(void *data))
{
	if (run->tried & source)
		return;
	run->tried |= source;
	ipc_ns_at_home(run->ctx, make, run);
}

static int make_processes(void *data)
{
	struct ipc_run *run = data;
	int64_t only = ipc_run_only_process(run);
	int r;

	run->one_process = only != 0;
	r = ipc_processes_new(run->ctx, only, &run->processes);
	if (r < 0)
		ipc_run_problem(run, false, -r, "processes are listed in /proc", "/proc");
	return 0;
}

struct ipc_processes *ipc_run_processes(struct ipc_run *run)
{
	make_at_home(run, TRIED_PROCESSES, make_processes);
	return run->processes;
}

static int make_inflight(void *data)
{
	struct ipc_run *run = data;

	if (!ipc_run_all_holders(run))
		return 0;
	run->inflight = malloc(sizeof(*run->inflight));
	if (run->inflight)
		ipc_inflight_read(run->ctx, run->holders, run->inflight);
	return 0;
}

const struct ipc_inflight *ipc_run_inflight(struct ipc_run *run)
{
	make_at_home(run, TRIED_INFLIGHT, make_inflight);
	return run->inflight;
}

static int make_undo(void *data)
{
	struct ipc_run *run = data;

	ipc_undo_new(run->ctx, &run->undo);
	return 0;
}

struct ipc_undo *ipc_run_undo(struct ipc_run *run)
{
	make_at_home(run, TRIED_UNDO, make_undo);
	return run->undo;
}

static int make_blocked(void *data)
{
	struct ipc_run *run = data;
	unsigned spaces;
	size_t hidden;
	bool maps;
	int r;

	if (!ipc_run_processes(run))
		return 0;
	spaces = ipc_run_spaces(run, &maps);
	r = ipc_blocked_new(run->ctx, run->processes, spaces, &run->blocked);
	if (r < 0) {
		ipc_run_problem(run, false, -r, "waiting tasks are read from /proc/PID/syscall", "waiting tasks");
		return 0;
	}
	hidden = ipc_blocked_hidden(run->blocked);
	if (hidden)
		ipc_run_report_hidden(run, EPERM, "system calls", hidden);
	return 0;
}

struct ipc_blocked *ipc_run_blocked(struct ipc_run *run)
{
	make_at_home(run, TRIED_BLOCKED, make_blocked);
	return run->blocked;
}

/* The view of the mount namespace that collect() stands in; of others one is kept at a time. */
static struct ipc_mount_view *view(struct ipc_run *run)
{
	if (!run->ns || run->ns->type != IPC_NS_MNT || run->ns->own)
		return &run->own;
	if (run->other.ns != run->ns) {
		release_view(&run->other);
		run->other.ns = run->ns;
	}
	return &run->other;
}

struct ipc_mounts *ipc_run_mounts(struct ipc_run *run)
{
	struct ipc_mount_view *of = view(run);
	int r;

	if (!of->mounts) {
		r = ipc_mounts_new(run->ctx, &of->mounts);
		if (r < 0)
			ipc_run_problem(run, r == -EACCES || r == -EPERM, -r,
					"mounts are listed in /proc/self/mountinfo", "mounts");
	}
	return of->mounts;
}

static void report_scan(struct ipc_run *run, const struct ipc_scan_trouble *trouble)
{
	if (trouble->denied)
		ipc_run_problem(run, true, EACCES, "needs CAP_DAC_READ_SEARCH (root)",
				"%zu director%s not scanned, such as %s", trouble->denied,
				trouble->denied == 1 ? "y" : "ies",
				trouble->first_denied ? trouble->first_denied : "?");
	if (trouble->failed)
		ipc_run_problem(run, false, trouble->first_error, "these directories could not be read",
				"%zu director%s not scanned, such as %s", trouble->failed,
				trouble->failed == 1 ? "y" : "ies",
				trouble->first_failed ? trouble->first_failed : "?");
}

/* Directories that were named, but are on file systems that a scan keeps away from. */
static void report_unscanned(struct ipc_run *run, const struct ipc_mounts *mounts)
{
	const struct ipc_strings *scans = &run->query->scans;
	size_t i;

	for (i = 0; i < scans->count; i++) {
		const struct ipc_mount *mount = ipc_mounts_of_path(mounts, scans->items[i]);

		if (mount && (!mount->local || mount->bare))
			ipc_run_problem(run, false, 0,
					"not scanned: only local file systems are, others may never answer", "%s",
					scans->items[i]);
	}
}

const char **ipc_query_scan_dirs(const struct ipc_query *query, size_t *count)
{
	const char **dirs = malloc((SCAN_DIRS + query->scans.count) * sizeof(*dirs));
	size_t i;

	*count = 0;
	if (!dirs)
		return NULL;
	for (i = 0; i < SCAN_DIRS; i++)
		dirs[(*count)++] = scan_dirs[i];
	for (i = 0; i < query->scans.count; i++)
		dirs[(*count)++] = query->scans.items[i];
	return dirs;
}

/* Of others not even the inode is looked at. */
static enum ipc_scan_types types_looked_for(const struct ipc_query *query)
{
	const struct ipc_kind *kind = NULL;
	bool fifos = false, sockets = false;

	while ((kind = ipc_kind_next(kind))) {
		if (!ipc_query_looks_at(query, kind))
			continue;
		fifos |= kind->cls == &ipc_class_fifo;
		sockets |= kind == &ipc_kind_sock_unix;
	}
	return fifos == sockets ? IPC_SCAN_RENDEZVOUS : fifos ? IPC_SCAN_FIFOS : IPC_SCAN_SOCKETS;
}

struct ipc_scan *ipc_run_scan(struct ipc_run *run)
{
	struct ipc_mount_view *of = view(run);
	const char **dirs;
	size_t count;
	int r;

	if (of->scan || !ipc_run_mounts(run))
		return of->scan;
	dirs = ipc_query_scan_dirs(run->query, &count);
	if (!dirs)
		return NULL;
	r = ipc_scan_new(run->ctx, of->mounts, dirs, count, types_looked_for(run->query), &of->scan);
	free(dirs);
	if (r < 0) {
		ipc_run_problem(run, false, -r, "directories are scanned for FIFOs and socket files", "directory scan");
		return NULL;
	}
	report_scan(run, ipc_scan_trouble(of->scan));
	report_unscanned(run, of->mounts);
	return of->scan;
}

struct ipc_scan *ipc_run_shm_files(struct ipc_run *run)
{
	static const char *const dirs[] = {"/dev/shm"};
	struct ipc_mount_view *of = view(run);
	int r;

	if (of->shm_files || !ipc_run_mounts(run))
		return of->shm_files;
	r = ipc_scan_new(run->ctx, of->mounts, dirs, 1, IPC_SCAN_REGULAR, &of->shm_files);
	if (r < 0) {
		ipc_run_problem(run, false, -r, "POSIX shared memory is listed there", "/dev/shm");
		return NULL;
	}
	report_scan(run, ipc_scan_trouble(of->shm_files));
	return of->shm_files;
}

struct ipc_list ipc_run_list_waiters(struct ipc_run *run, struct ipc_key key)
{
	struct ipc_blocked *blocked = ipc_run_blocked(run);
	const struct ipc_blocked_task *task;
	struct ipc_waiter *waiters;
	size_t at = 0, count = 0;

	if (!blocked)
		return (struct ipc_list){0};
	while (ipc_blocked_next(blocked, key, &at))
		count++;
	if (!count)
		return IPC_EMPTY_LIST;
	waiters = ipc_arena_alloc(&run->arena, count * sizeof(*waiters));
	if (!waiters)
		return (struct ipc_list){0};
	for (at = 0, count = 0; (task = ipc_blocked_next(blocked, key, &at)); count++)
		waiters[count] = (struct ipc_waiter){task->pid, task->tid, task->comm, task->why};
	return (struct ipc_list){waiters, count};
}
