/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queued signals by ptrace: the one system call that shows them, to who has stopped their process. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "classes/signal_queued.h"
#include "model/idset.h"
#include "sources/deadline.h"
#include "sources/procfs.h"
#include "sources/umask_call.h"

#define BATCH 128
#define NS_PER_MS INT64_C(1000000)
#define STOP_TIME (1000 * NS_PER_MS) /* for its threads to stop: one that sleeps in the kernel does not */
#define READ_TIME (500 * NS_PER_MS)  /* the kernel counts from the first signal to each: many take long */
#define NAP 20000                    /* ns between looks whether they have */

/* As ptrace(2) has it; C libraries differ in its name. */
struct peek_args {
	uint64_t off;
	uint32_t flags;
	int32_t nr;
};

struct tracee {
	pid_t tid;
	bool stopped;
	bool gone;
	int signal; /* one that was about to be delivered when it stopped, and is when it goes on */
};

struct trace {
	struct ipc_ctx *ctx;
	const struct ipc_signal *signal;
	pid_t pid;
	struct tracee *tracees;
	size_t count, room;
	struct ipc_idset known; /* the same, by tid */
	struct ipc_buf text;    /* of a status file */
	siginfo_t infos[BATCH];
	struct ipc_queued *out;
	int64_t began, ended; /* of the stop; CLOCK_MONOTONIC */
	bool rest;
	int result;
};

static int64_t now(void)
{
	return ipc_deadline_in(1) - 1;
}

/* ---- who may not be traced --------------------------------------------------------------------------------------- */

static int read_status(struct trace *trace, pid_t tid)
{
	return ipc_proc_read(trace->ctx, &trace->text, "%d/task/%d/status", (int)trace->pid, (int)tid);
}

/* 'S', 'T' ..., of the status that was read; 0: not known. */
static char state_of(const struct trace *trace)
{
	const char *state = ipc_signals_line(trace->text.data, "State");

	return state ? *state : '\0';
}

static long tracer_of(const struct trace *trace)
{
	const char *tracer = ipc_signals_line(trace->text.data, "TracerPid");

	return tracer ? strtol(tracer, NULL, 10) : 0;
}

static int fail_traced(const struct trace *trace)
{
	return ipc_ctx_fail(trace->ctx, -EBUSY,
			    "process %ld traces it already (a debugger, strace), and there can be one tracer alone",
			    tracer_of(trace));
}

/* Whoever stopped it waits to see that, and it has nothing else to do than to stay so: it is left alone. */
static int check(struct trace *trace)
{
	struct ipc_ctx *ctx = trace->ctx;
	int r;

	if (!ipc_proc_same_pids(ctx))
		return ipc_ctx_fail(ctx, -ENOTSUP,
				    "it cannot be traced: /proc is of another pid namespace than the caller");
	r = read_status(trace, trace->pid);
	if (r)
		return ipc_ctx_fail(ctx, -ESRCH, "the process has ended");
	if (tracer_of(trace))
		return fail_traced(trace);
	if (state_of(trace) == 'T')
		return ipc_ctx_fail(
			ctx, -EBUSY,
			"it is stopped by a signal (SIGSTOP, SIGTSTP), which tracing would mix up with; let it "
			"go on (SIGCONT), or look as root without --ptrace");
	return 0;
}

/* The kernel has one word for each reason. */
static int fail_seize(struct trace *trace, int error)
{
	struct ipc_ctx *ctx = trace->ctx;

	if (error != EPERM)
		return ipc_ctx_fail(ctx, -error, "it cannot be traced: %s", strerror(error));
	if (tracer_of(trace))
		return fail_traced(trace);
	if (trace->pid == getpid())
		return ipc_ctx_fail(ctx, -EPERM, "a process cannot trace itself");
	if (ipc_proc_read(ctx, &trace->text, "sys/kernel/yama/ptrace_scope") == 0 && trace->text.data[0] != '0')
		return ipc_ctx_fail(ctx, -EPERM,
				    "it may not be traced: that needs CAP_SYS_PTRACE (kernel.yama.ptrace_scope is %c)",
				    trace->text.data[0]);
	return ipc_ctx_fail(
		ctx, -EPERM,
		"it may not be traced: that needs its user and group, or CAP_SYS_PTRACE; and a kernel thread, "
		"or a process that a security module keeps, never may");
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */

/* A thread that has ended meanwhile has nothing to be read; the kernel calls that EPERM as long as it has a number. */
static int seize(struct trace *trace, pid_t tid)
{
	int error;

	if (trace->count == trace->room) {
		size_t room = trace->room ? 2 * trace->room : 16;
		struct tracee *grown = realloc(trace->tracees, room * sizeof(*grown));

		if (!grown)
			return ipc_ctx_fail(trace->ctx, -ENOMEM, "out of memory");
		trace->tracees = grown;
		trace->room = room;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0) {
		error = errno;
		if (error == ESRCH || read_status(trace, tid) || strchr("ZX", state_of(trace)))
			return 0;
		return fail_seize(trace, error);
	}
	trace->tracees[trace->count++] = (struct tracee){.tid = tid};
	/* Without memory it goes on when this thread ends. */
	if (ipc_idset_add(&trace->known, (uint64_t)tid) < 0)
		return ipc_ctx_fail(trace->ctx, -ENOMEM, "out of memory");
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 0;
}

/* Threads that are not traced yet, of which @more tells whether there were any: they may make further ones. */
static int seize_new(struct trace *trace, bool *more)
{
	size_t i, count, before = trace->count;
	int64_t *tids = ipc_signals_threads(trace->ctx, trace->pid, &count);
	int r = 0;

	for (i = 0; r == 0 && i < count; i++)
		if (!ipc_idset_has(&trace->known, (uint64_t)tids[i]))
			r = seize(trace, (pid_t)tids[i]);
	free(tids);
	*more = trace->count > before;
	return r;
}

/* Has it stopped, or ended? */
static bool has_stopped(struct tracee *tracee)
{
	int status;
	pid_t r;

	if (tracee->stopped || tracee->gone)
		return true;
	r = waitpid(tracee->tid, &status, WNOHANG | __WALL | __WNOTHREAD);
	if (r == 0)
		return false;
	tracee->stopped = r == tracee->tid && WIFSTOPPED(status);
	tracee->gone = !tracee->stopped;
	if (tracee->stopped && status >> 16 != PTRACE_EVENT_STOP)
		tracee->signal = WSTOPSIG(status);
	return true;
}

static int wait_stopped(struct trace *trace, int64_t deadline)
{
	static const struct timespec nap = {.tv_nsec = NAP};
	size_t i = 0;

	while (i < trace->count) {
		if (has_stopped(&trace->tracees[i])) {
			i++;
			continue;
		}
		if (ipc_deadline_passed(deadline))
			return ipc_ctx_fail(
				trace->ctx, -ETIMEDOUT,
				"it does not stop: it sleeps in the kernel, or waits for its child of vfork()");
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int stop_all(struct trace *trace)
{
	int64_t deadline = ipc_deadline_in(STOP_TIME);
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		r = seize_new(trace, &more);
		if (r == 0)
			r = wait_stopped(trace, deadline);
	}
	/* As long as it is traced its number is not given to another. */
	return r ? r : ipc_signal_identify(trace->ctx, trace->signal);
}

/* What is not stopped is let go when the thread ends. */
static void release_all(struct trace *trace)
{
	size_t i;

	for (i = 0; i < trace->count; i++)
		if (trace->tracees[i].stopped)
			ptrace(PTRACE_DETACH, trace->tracees[i].tid, NULL, (void *)(intptr_t)trace->tracees[i].signal);
	trace->ended = now();
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int fail_memory(const struct trace *trace)
{
	return ipc_ctx_fail(trace->ctx, -ENOMEM, "out of memory");
}

/* Returns 0, or 1 when the thread has been killed. */
static int read_queue(struct trace *trace, pid_t tid, unsigned flags, int64_t deadline)
{
	struct peek_args args = {.flags = flags, .nr = BATCH};
	int64_t of = flags & PTRACE_PEEKSIGINFO_SHARED ? 0 : tid;
	long i, count;

	while ((count = ptrace(PTRACE_PEEKSIGINFO, tid, &args, trace->infos)) > 0) {
		for (i = 0; i < count; i++)
			if (ipc_queued_add(trace->out, of, &trace->infos[i]))
				return fail_memory(trace);
		args.off += (uint64_t)count;
		if (ipc_deadline_passed(deadline)) {
			trace->rest = true;
			return 0;
		}
	}
	if (count == 0)
		return 0;
	return errno == ESRCH ? 1 : ipc_ctx_fail(trace->ctx, -errno, "its signals cannot be read: %s", strerror(errno));
}

/* The queue, and what of the set is not in it. */
static int read_pending(struct trace *trace, pid_t tid, unsigned flags, const char *set, int64_t deadline)
{
	int64_t of = flags & PTRACE_PEEKSIGINFO_SHARED ? 0 : tid;
	int r = read_queue(trace, tid, flags, deadline);
	uint64_t pending = 0;

	if (r == 0 && read_status(trace, tid) == 0)
		ipc_signals_read(trace->text.data, set, &pending);
	if (r >= 0 && ipc_queued_end(trace->out, of, pending))
		return fail_memory(trace);
	return r;
}

/* What is queued for the process is read through the first thread that is still there. */
static int read_all(struct trace *trace)
{
	int64_t deadline = ipc_deadline_in(READ_TIME);
	bool shared = false;
	size_t i;
	int r;

	for (i = 0; i < trace->count; i++) {
		pid_t tid = trace->tracees[i].tid;

		if (!trace->tracees[i].stopped)
			continue;
		if (shared && ipc_deadline_passed(deadline)) {
			trace->rest = true;
			return 0;
		}
		r = shared ? 0 : read_pending(trace, tid, PTRACE_PEEKSIGINFO_SHARED, "ShdPnd", deadline);
		if (r == 0) {
			shared = true;
			r = read_pending(trace, tid, 0, "SigPnd", deadline);
		}
		if (r < 0)
			return r;
	}
	return shared ? 0 : ipc_ctx_fail(trace->ctx, -ESRCH, "the process has ended");
}

static void *run(void *data)
{
	struct trace *trace = data;

	trace->result = check(trace);
	trace->began = trace->ended = now();
	if (trace->result)
		return NULL;
	trace->result = stop_all(trace);
	if (trace->result == 0)
		trace->result = read_all(trace);
	release_all(trace);
	return NULL;
}

int ipc_signal_trace(struct ipc_ctx *ctx, const struct ipc_signal *signal, struct ipc_queued *out, int64_t *stopped,
		     bool *rest)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	sigset_t before;
	pthread_t thread;
	int r;

	if (!trace)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	trace->ctx = ctx;
	trace->signal = signal;
	trace->pid = (pid_t)signal->base.id;
	trace->out = out;
	ipc_signals_hold(&before);
	r = pthread_create(&thread, NULL, run, trace);
	if (r == 0)
		pthread_join(thread, NULL);
	ipc_signals_release(&before);
	*stopped = trace->ended - trace->began;
	*rest = trace->rest;
	r = r ? ipc_ctx_fail(ctx, -r, "no thread can be made: %s", strerror(r)) : trace->result;
	ipc_buf_release(&trace->text);
	ipc_idset_release(&trace->known);
	free(trace->tracees);
	free(trace);
	return r;
}
