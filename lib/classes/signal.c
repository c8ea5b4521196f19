/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signals of a process and its threads: pending, blocked, ignored, caught; and the queue that real-time signals fill. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classes/classes.h"
#include "classes/contents.h"
#include "classes/events.h"
#include "classes/signals.h"
#include "model/idset.h"
#include "sources/processes.h"
#include "sources/procfs.h"

struct thread {
	int64_t tid;
	struct ipc_bytes comm;
	struct ipc_list pending;
	struct ipc_list blocked;
};

static const struct ipc_field thread_fields[] = {
	IPC_FIELD(thread, tid, INT, "thread"),
	IPC_FIELD(thread, comm, STRING, "its name"),
	IPC_FIELD(thread, pending, STRINGS, "pending for this thread alone"),
	IPC_FIELD(thread, blocked, STRINGS, "blocked by this thread"),
};

static const struct ipc_record thread_record = {
	.name = "thread",
	.size = sizeof(struct thread),
	.fields = thread_fields,
	.count = sizeof(thread_fields) / sizeof(thread_fields[0]),
};

static const struct ipc_field fields[] = {
	IPC_FIELD(ipc_signal, pending, STRINGS, "pending for the process or its main thread"),
	IPC_FIELD(ipc_signal, blocked, STRINGS, "blocked by the main thread"),
	IPC_FIELD(ipc_signal, ignored, STRINGS, "ignored by the process"),
	IPC_FIELD(ipc_signal, caught, STRINGS, "handled by the process"),
	{.name = "default",
	 .type = IPC_TYPE_STRINGS,
	 .offset = offsetof(struct ipc_signal, defaulted),
	 .help = "left to the default action"},
	IPC_FIELD(ipc_signal, uncatchable, STRINGS, "cannot be blocked, ignored or caught by anybody"),
	IPC_FIELD(ipc_signal, queued, UINT, "signals queued for this user's processes"),
	IPC_FIELD(ipc_signal, queue_limit, UINT, "how many may be (RLIMIT_SIGPENDING)"),
	IPC_FIELD_LIST(ipc_signal, threads, &thread_record, IPC_NEED_THREADS, "each thread's own sets"),
};

static const struct ipc_record signal_record = {
	.name = "signal",
	.size = sizeof(struct ipc_signal),
	.super = &ipc_object_record,
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

const struct ipc_class ipc_class_signal = {
	.name = "signal",
	.help = "signals of processes and threads: pending, blocked, ignored, caught",
	.columns = "ref,name,user,pending,blocked,caught,queued,queue_limit",
	.record = &signal_record,
};

/* A comm cannot forge a line: its newlines are escaped there. */
const char *ipc_signals_line(const char *status, const char *name)
{
	size_t len = strlen(name);

	while (status && *status) {
		if (strncmp(status, name, len) == 0 && status[len] == ':') {
			status += len + 1;
			return status + strspn(status, " \t");
		}
		status = strchr(status, '\n');
		status = status ? status + 1 : NULL;
	}
	return NULL;
}

bool ipc_signals_read(const char *status, const char *name, uint64_t *out)
{
	const char *text = ipc_signals_line(status, name);
	char *end;

	if (!text)
		return false;
	*out = strtoull(text, &end, 16);
	return end != text;
}

static struct ipc_list list_set(struct ipc_run *run, const char *status, const char *name)
{
	uint64_t set;

	return ipc_signals_read(status, name, &set) ? ipc_signals_list(&run->arena, set) : (struct ipc_list){0};
}

/* The first of the four ids of "Uid:" and "Gid:" is the real one. */
static uint64_t read_id(const char *status, const char *name)
{
	const char *text = ipc_signals_line(status, name);

	return text ? strtoull(text, NULL, 10) : IPC_UNKNOWN;
}

int64_t *ipc_signals_threads(struct ipc_ctx *ctx, int64_t pid, size_t *count)
{
	const struct dirent *entry;
	int64_t *tids = NULL;
	size_t room = 0;
	DIR *dir;

	*count = 0;
	if (ipc_proc_opendir(ctx, &dir, "%" PRId64 "/task", pid) < 0)
		return NULL;
	while ((entry = readdir(dir))) {
		int64_t tid = strtoll(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		if (*count == room) {
			int64_t *grown = realloc(tids, (room = room ? 2 * room : 16) * sizeof(*tids));

			if (!grown)
				break;
			tids = grown;
		}
		tids[(*count)++] = tid;
	}
	closedir(dir);
	return tids;
}

static void fill_threads(struct ipc_run *run, struct ipc_signal *signal, int64_t pid)
{
	struct ipc_buf text = {0};
	struct thread *threads;
	size_t i, count, out = 0;
	int64_t *tids;

	tids = ipc_signals_threads(run->ctx, pid, &count);
	threads = ipc_arena_alloc(&run->arena, count * sizeof(*threads) + 1);
	for (i = 0; threads && i < count; i++) {
		struct thread *thread = &threads[out];

		if (ipc_proc_read(run->ctx, &text, "%" PRId64 "/task/%" PRId64 "/status", pid, tids[i]) < 0)
			continue; /* it ended meanwhile */
		thread->tid = tids[i];
		thread->pending = list_set(run, text.data, "SigPnd");
		thread->blocked = list_set(run, text.data, "SigBlk");
		if (ipc_proc_read(run->ctx, &text, "%" PRId64 "/task/%" PRId64 "/comm", pid, tids[i]) == 0)
			thread->comm = ipc_arena_bytes(&run->arena, text.data, text.len ? text.len - 1 : 0);
		out++;
	}
	if (threads)
		signal->threads = (struct ipc_list){threads, out};
	ipc_buf_release(&text);
	free(tids);
}

static void fill(struct ipc_run *run, struct ipc_signal *signal, const struct ipc_process *process, const char *status)
{
	uint64_t thread_pending = 0, shared_pending = 0, ignored, caught;
	const char *queue;
	unsigned long long used, limit;

	signal->base.id = (uint64_t)process->pid;
	signal->base.name = process->comm;
	signal->base.created = process->started;
	signal->ticks = process->ticks;
	signal->base.uid = read_id(status, "Uid");
	signal->base.gid = read_id(status, "Gid");
	signal->base.holders = signal->base.waiters = signal->base.status = IPC_EMPTY_LIST;
	if (ipc_signals_read(status, "SigPnd", &thread_pending) && ipc_signals_read(status, "ShdPnd", &shared_pending))
		signal->pending = ipc_signals_list(&run->arena, thread_pending | shared_pending);
	signal->blocked = list_set(run, status, "SigBlk");
	signal->ignored = list_set(run, status, "SigIgn");
	signal->caught = list_set(run, status, "SigCgt");
	if (ipc_signals_read(status, "SigIgn", &ignored) && ipc_signals_read(status, "SigCgt", &caught))
		signal->defaulted = ipc_signals_list(&run->arena, ~(ignored | caught) & ipc_signals_all() &
									  ~IPC_SIGNALS_UNCATCHABLE);
	signal->uncatchable = ipc_signals_list(&run->arena, IPC_SIGNALS_UNCATCHABLE);
	queue = ipc_signals_line(status, "SigQ");
	if (queue && sscanf(queue, "%llu/%llu", &used, &limit) == 2) {
		signal->queued = used;
		signal->queue_limit = limit;
	}
	if (ipc_run_needs(run, IPC_NEED_THREADS))
		fill_threads(run, signal, process->pid);
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, struct ipc_processes *processes,
		struct ipc_process *process, struct ipc_buf *status)
{
	struct ipc_signal *signal;

	ipc_processes_start(processes, process);
	if (ipc_proc_read(run->ctx, status, "%" PRId64 "/status", process->pid) < 0)
		return 0; /* it ended meanwhile */
	signal = ipc_run_object(run, kind);
	if (!signal)
		return -ENOMEM;
	fill(run, signal, process, status->data);
	return ipc_run_emit(run, signal);
}

static int collect_targets(struct ipc_run *run, const struct ipc_kind *kind, struct ipc_processes *processes,
			   struct ipc_buf *status)
{
	const struct ipc_target *target;
	struct ipc_idset seen = {0};
	size_t at = 0;
	int r = 0;

	while (r == 0 && (target = ipc_run_next_target(run, "signal", &at))) {
		struct ipc_process *process =
			ipc_processes_lookup(processes, strtoll(target->ref.locator.data, NULL, 10));

		if (!process)
			continue;
		/* Named twice it is still one. */
		r = ipc_idset_add(&seen, (uint64_t)process->pid);
		if (r == 1)
			r = emit(run, kind, processes, process, status);
	}
	ipc_idset_release(&seen);
	return r;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_processes *processes = ipc_run_processes(run);
	struct ipc_buf status = {0};
	size_t i;
	int r = 0;

	if (!processes)
		return 0;
	/* Every pid namespace has a process 1. Where it does not show, /proc is mounted with hidepid. */
	if (!run->ctx->captured && !ipc_processes_lookup(processes, 1))
		ipc_run_problem(run, true, EACCES, "/proc hides them (hidepid); CAP_SYS_PTRACE (root) shows them",
				"processes of other users");
	if (ipc_run_only_targets(run, kind))
		r = collect_targets(run, kind, processes, &status);
	else
		for (i = 0; r == 0 && i < ipc_processes_count(processes); i++)
			r = emit(run, kind, processes, ipc_processes_peek(processes, i), &status);
	ipc_buf_release(&status);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_names_add_number(names, false, object->id);
}

/* A process number is used again; its start time is not. */
static int identity(const struct ipc_object *object, struct ipc_buf *out)
{
	return ipc_buf_format(out, "%" PRIu64, ((const struct ipc_signal *)object)->ticks);
}

/* A process is nobody's garbage: signals have no state. */
static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	(void)run;
	(void)object;
	return IPC_STATE_NONE;
}

static const struct ipc_events events = {
	.raw = IPC_RAW_SIGNAL,
	.space = IPC_SPACE_NONE,
	.range =
		{
			.life = IPC_EVENT_BIT(IPC_EVENT_SIGNAL),
			.traffic = IPC_EVENT_BIT(IPC_EVENT_RECEIVE),
			.unseen =
				"how the kernel ends all other threads of a process that ends, or begins another program",
		},
};

const struct ipc_kind ipc_kind_signal_process = {
	.name = "process",
	.help = "signals of one process and its threads",
	.cls = &ipc_class_signal,
	.ns = IPC_NS_NONE,
	.signals = true,
	.locators = 1u << IPC_BY_NUMBER,
	.collect = collect,
	.names = names,
	.identity = identity,
	.judge = judge,
	.changes = &ipc_changes_signal_process,
	.contents = &ipc_contents_signal_process,
	.events = &events,
};
