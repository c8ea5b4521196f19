/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is queued for a process: by BPF; by ptrace when that is allowed; otherwise the sets of what is pending. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "classes/contents.h"
#include "classes/signal_queued.h"
#include "peek/peek.h"
#include "sources/procfs.h"

#define NS_PER_US 1000

/* A dump of signals under way. */
struct reading {
	struct ipc_dumping *dumping;
	const struct ipc_signal *signal;
	struct ipc_queued queued;
};

static int fail_memory(const struct reading *reading)
{
	return ipc_ctx_fail(reading->dumping->ctx, -ENOMEM, "out of memory");
}

/* ---- BPF --------------------------------------------------------------------------------------------------------- */

static int take(const struct ipc_peek_signal *signal, void *data)
{
	struct reading *reading = data;
	int r = signal->info ? ipc_queued_add(&reading->queued, signal->tid, signal->info)
			     : ipc_queued_end(&reading->queued, signal->tid, signal->pending);

	return r ? fail_memory(reading) : 0;
}

static int read_bpf(struct reading *reading)
{
	struct ipc_dump_result *result = reading->dumping->result;

	result->source = "bpf";
	return ipc_peek_signals(reading->dumping->ctx, (int64_t)reading->signal->base.id, &result->torn, take, reading);
}

/* ---- ptrace ------------------------------------------------------------------------------------------------------ */

static int read_ptrace(struct reading *reading)
{
	struct ipc_dumping *dumping = reading->dumping;
	int64_t stopped = 0;
	bool rest = false;
	int r;

	dumping->result->source = "ptrace";
	r = ipc_signal_trace(dumping->ctx, reading->signal, &reading->queued, &stopped, &rest);
	if (r)
		return r;
	if (rest)
		dumping->result->unreached = IPC_UNKNOWN;
	ipc_ctx_set_note(dumping->ctx, "the process was stopped for %" PRId64 " microseconds%s",
			 (stopped + NS_PER_US - 1) / NS_PER_US,
			 rest ? ", and no longer, although more signals are queued: root reads all of them by BPF"
			      : "");
	return 0;
}

/* ---- status files ------------------------------------------------------------------------------------------------ */

/* The set @name in a status file is what is pending for @tid, 0: for the process. */
static int add_set(struct reading *reading, const struct ipc_buf *status, const char *name, int64_t tid)
{
	uint64_t set = 0;

	if (!ipc_signals_read(status->data, name, &set))
		return 0;
	return ipc_queued_end(&reading->queued, tid, set) ? fail_memory(reading) : 0;
}

static int add_threads(struct reading *reading, int64_t pid, struct ipc_buf *status)
{
	struct ipc_ctx *ctx = reading->dumping->ctx;
	size_t i, count;
	int64_t *tids = ipc_signals_threads(ctx, pid, &count);
	int r = 0;

	for (i = 0; r == 0 && i < count; i++)
		if (ipc_proc_read(ctx, status, "%" PRId64 "/task/%" PRId64 "/status", pid, tids[i]) == 0)
			r = add_set(reading, status, "SigPnd", tids[i]);
	free(tids);
	return r;
}

static int read_status(struct reading *reading)
{
	struct ipc_dumping *dumping = reading->dumping;
	int64_t pid = (int64_t)reading->signal->base.id;
	struct ipc_buf status = {0};
	int r;

	dumping->result->source = "status";
	r = ipc_proc_read(dumping->ctx, &status, "%" PRId64 "/status", pid);
	if (r)
		r = ipc_ctx_fail(dumping->ctx, r == -ENOENT ? -ESRCH : r, "its status cannot be read: %s",
				 strerror(-r));
	if (r == 0)
		r = add_set(reading, &status, "ShdPnd", 0);
	if (r == 0)
		r = add_threads(reading, pid, &status);
	ipc_buf_release(&status);
	if (r == 0 && ipc_queued_count(&reading->queued))
		ipc_ctx_set_note(dumping->ctx, "which signals are pending, but not from whom, with which value and how "
					       "often: that takes root (CAP_BPF and CAP_PERFMON), or --ptrace, which "
					       "stops the process for a moment");
	return r;
}

/* ---- the dump ---------------------------------------------------------------------------------------------------- */

/* Afterwards in case it ended meanwhile and its number was given to another; as long as it is traced it is not. */
static int read_queued(struct reading *reading)
{
	struct ipc_dumping *dumping = reading->dumping;
	int r = read_bpf(reading);

	if (ipc_peek_cannot(r)) {
		dumping->result->torn = false;
		if (dumping->how.flags & IPC_DUMP_PTRACE)
			return read_ptrace(reading);
		r = read_status(reading);
	}
	return r ? r : ipc_signal_identify(dumping->ctx, reading->signal);
}

static int dump(struct ipc_dumping *dumping)
{
	const struct ipc_signal *signal = (const struct ipc_signal *)dumping->object;
	struct reading reading = {.dumping = dumping, .signal = signal};
	int r = ipc_signal_identify(dumping->ctx, signal);

	if (r == 0)
		r = read_queued(&reading);
	if (r == 0)
		r = ipc_queued_give(&reading.queued, dumping);
	ipc_queued_release(&reading.queued);
	return r;
}

const struct ipc_contents ipc_contents_signal_process = {
	.help =
		{
			.read = "the queues of the process and of its threads, in the kernel's memory by BPF; with "
				"--ptrace by PTRACE_PEEKSIGINFO; otherwise the sets of pending signals in /proc, without "
				"senders and values",
			.privilege =
				"CAP_BPF and CAP_PERFMON (root); --ptrace: the user of the process where Yama allows "
				"it, or CAP_SYS_PTRACE; the sets: none",
			.disturbs =
				"nothing; --ptrace stops the process, as a rule for less than a millisecond, and system "
				"calls that any stop interrupts, such as epoll_wait(2), semop(2) and sigwaitinfo(2), "
				"fail there with EINTR",
		},
	.takes = IPC_DUMP_PTRACE | IPC_DUMP_MESSAGES,
	.dump = dump,
};
