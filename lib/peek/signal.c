/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signals queued for a process by BPF: the whole of them at once, in a ring buffer that is made large enough. */
#include <errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "peek/peek_bpf.h"
#include "peek/signal_record.h"

#include "signal.skel.h" /* speaks of the record */

#define RING_FIRST (256u << 10) /* some 3,000 signals */
#define RING_MOST (1u << 30)
#define RING_GROWS 16
#define TRIES 3

_Static_assert(sizeof(siginfo_t) >= PEEK_SIGNAL_INFO, "siginfo_t begins with what the kernel has");

/* Kept until all of it is there: what did not fit, or changed meanwhile, is read anew. */
static int keep(const void *record, size_t size, void *data)
{
	const struct ipc_peek_signal_record *signal = record;
	struct ipc_buf *records = data;

	if (size < sizeof(*signal))
		return -EIO;
	return ipc_buf_append(records, signal, sizeof(*signal));
}

IPC_PEEK_PROGRAM(signal, IPC_PEEK_SIGNALS);

static int run(struct ipc_peek *peek, int64_t pid, uint32_t ring, struct ipc_buf *records)
{
	struct signal_bpf *skeleton;
	void *loaded = NULL;
	int r = ipc_peek_program(peek, &program, ring, &loaded);

	if (r)
		return r;
	ipc_buf_clear(records);
	skeleton = loaded;
	skeleton->bss->wanted_pid = (int)pid;
	skeleton->bss->full = 0;
	skeleton->bss->shared_done = 0;
	r = ipc_peek_run(peek, skeleton->progs.peek_signals, pid, skeleton->maps.ring, keep, records);
	if (r)
		ipc_peek_forget(peek, &program);
	else if (skeleton->bss->full)
		return ring < RING_MOST ? -EAGAIN : ipc_ctx_fail(peek->ctx, -ENOMEM, "too many signals are queued");
	return r == -EIO ? ipc_ctx_fail(peek->ctx, r, "what the BPF program wrote is of another form") : r;
}

static int read_all(struct ipc_peek *peek, int64_t pid, struct ipc_buf *records)
{
	uint32_t ring = RING_FIRST;
	int r;

	while ((r = run(peek, pid, ring, records)) == -EAGAIN)
		ring *= RING_GROWS;
	return r;
}

static bool is_torn(const struct ipc_buf *records)
{
	const struct ipc_peek_signal_record *record = (const void *)records->data;
	size_t i;

	for (i = 0; i < records->len / sizeof(*record); i++)
		if (record[i].end && record[i].torn)
			return true;
	return false;
}

static int give(struct ipc_ctx *ctx, const struct ipc_buf *records, ipc_peek_signal_fn fn, void *data)
{
	const struct ipc_peek_signal_record *record = (const void *)records->data;
	size_t i, count = records->len / sizeof(*record);
	int r = 0;

	if (!count)
		return ipc_ctx_fail(ctx, -ESRCH, "the process has ended");
	if (record->sender_at != offsetof(siginfo_t, si_pid))
		return ipc_ctx_fail(ctx, -ENOSYS, "the kernel has another word size than this program");
	for (i = 0; r == 0 && i < count; i++) {
		siginfo_t info = {0};
		struct ipc_peek_signal signal = {.tid = record[i].tid};

		memcpy(&info, record[i].info, sizeof(record[i].info));
		if (record[i].end)
			signal.pending = record[i].pending;
		else
			signal.info = &info;
		r = fn(&signal, data);
	}
	return r;
}

int ipc_peek_signals(struct ipc_ctx *ctx, int64_t pid, bool *torn, ipc_peek_signal_fn fn, void *data)
{
	struct ipc_buf records = {0};
	struct ipc_peek peek;
	int r = ipc_peek_begin(&peek, ctx), tries = 0;

	if (r)
		return r;
	do
		r = read_all(&peek, pid, &records);
	while (r == 0 && is_torn(&records) && ++tries < TRIES);
	ipc_peek_end(&peek);
	if (r == 0)
		r = give(ctx, &records, fn, data);
	if (r == 0)
		*torn = is_torn(&records);
	ipc_buf_release(&records);
	return r;
}
