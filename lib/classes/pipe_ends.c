/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pipes and FIFOs share: their fields, the two ends with the processes that have them, and what is in between. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/held.h"
#include "classes/pipe.h"
#include "sources/blocked.h"
#include "sources/procfs.h"

#define CAN_READ 1
#define CAN_WRITE 2
/* Processes that `flow` names at either end; the lists name all. */
#define FLOW_NAMES 4

static const struct ipc_field fields[] = {
	IPC_FIELD_NEEDS(ipc_pipe, buffered, SIZE, IPC_NEED_DETAIL, "bytes written and not yet read"),
	IPC_FIELD_NEEDS(ipc_pipe, capacity, SIZE, IPC_NEED_DETAIL, "bytes that fit in"),
	IPC_FIELD_NEEDS(ipc_pipe, packet, BOOL, IPC_NEED_DETAIL, "packet mode: each write is read as one"),
	IPC_FIELD_LIST(ipc_pipe, openers, &ipc_waiter_record, IPC_NEED_WAITERS, "tasks blocked in opening it"),
	IPC_FIELD_LIST(ipc_pipe, readers, &ipc_holder_record, IPC_NEED_HOLDERS, "processes that have the read end"),
	IPC_FIELD_LIST(ipc_pipe, writers, &ipc_holder_record, IPC_NEED_HOLDERS, "processes that have the write end"),
	IPC_FIELD_NEEDS(ipc_pipe, flow, STRING, IPC_NEED_HOLDERS,
			"who writes to whom: writer[pid] -> reader[pid]; ?: nobody visible"),
};

const struct ipc_record ipc_pipe_record = {
	.name = "pipe",
	.size = sizeof(struct ipc_pipe),
	.super = &ipc_object_record,
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

/* ---- the ends -------------------------------------------------------------------------------------------------- */

static struct ipc_list with_access(struct ipc_run *run, const struct ipc_list *holders, char letter)
{
	const struct ipc_holder *all = holders->items;
	struct ipc_holder *some;
	size_t i, count = 0;

	some = ipc_arena_alloc(&run->arena, holders->count * sizeof(*some) + 1);
	if (!some)
		return (struct ipc_list){0};
	for (i = 0; i < holders->count; i++)
		if (all[i].access.data && memchr(all[i].access.data, letter, all[i].access.len))
			some[count++] = all[i];
	return (struct ipc_list){some, count};
}

/* Does this /proc show every process, with all its files? Then an end without a holder is an end that nobody has. */
static bool sees_all(struct ipc_run *run)
{
	return ipc_run_holders(run) && !ipc_run_hidden_holders(run) && !run->one_process &&
	       ipc_proc_initial_pidns(run->ctx);
}

/* Holders are ordered by process: one that has an end several times is named once. */
static int name_ends(struct ipc_run *run, struct ipc_buf *text, const struct ipc_list *ends)
{
	const struct ipc_holder *holders = ends->items;
	size_t i, processes = 0;
	int r = 0;

	for (i = 0; i < ends->count && r == 0; i++) {
		if (i > 0 && holders[i].pid == holders[i - 1].pid)
			continue;
		if (processes++ >= FLOW_NAMES)
			continue;
		if (processes > 1)
			r = ipc_buf_append(text, ", ", 2);
		if (r == 0 && holders[i].comm.data)
			r = ipc_buf_append(text, holders[i].comm.data, holders[i].comm.len);
		if (r == 0)
			r = ipc_buf_format(text, "[%" PRId64 "]", holders[i].pid);
	}
	if (r == 0 && !processes)
		r = ipc_buf_format(text, "%s", sees_all(run) ? "(none)" : "?");
	if (r == 0 && processes > FLOW_NAMES)
		r = ipc_buf_format(text, ", +%zu", processes - FLOW_NAMES);
	return r;
}

static void fill_flow(struct ipc_run *run, struct ipc_pipe *pipe)
{
	struct ipc_buf text = {0};

	if (!pipe->readers.count && !pipe->writers.count)
		return;
	if (name_ends(run, &text, &pipe->writers) == 0 && ipc_buf_append(&text, " -> ", 4) == 0 &&
	    name_ends(run, &text, &pipe->readers) == 0)
		pipe->flow = ipc_arena_bytes(&run->arena, text.data, text.len);
	ipc_buf_release(&text);
}

static void fill_openers(struct ipc_run *run, struct ipc_pipe *pipe)
{
	struct ipc_blocked *blocked = ipc_run_blocked(run);
	const struct ipc_blocked_task *task;
	struct ipc_waiter *openers;
	size_t at = 0, count = 0;

	if (!blocked)
		return;
	while ((task = ipc_blocked_next(blocked, pipe->base.wait, &at)))
		count += task->in_open;
	openers = ipc_arena_alloc(&run->arena, count * sizeof(*openers) + 1);
	if (!openers)
		return;
	pipe->openers = (struct ipc_list){openers, count};
	for (at = 0; (task = ipc_blocked_next(blocked, pipe->base.wait, &at));)
		if (task->in_open)
			*openers++ = (struct ipc_waiter){task->pid, task->tid, task->comm, task->why};
}

void ipc_pipe_fill_ends(struct ipc_run *run, struct ipc_pipe *pipe)
{
	if (ipc_run_needs(run, IPC_NEED_HOLDERS)) {
		pipe->base.holders = ipc_run_list_holders(run, pipe->base.hold);
		if (pipe->base.holders.items) {
			pipe->readers = with_access(run, &pipe->base.holders, 'r');
			pipe->writers = with_access(run, &pipe->base.holders, 'w');
			fill_flow(run, pipe);
		}
	}
	if (ipc_run_needs(run, IPC_NEED_WAITERS))
		fill_openers(run, pipe);
}

/* ---- what is in between ---------------------------------------------------------------------------------------- */

static int look_into(struct ipc_run *run, struct ipc_pipe *pipe, const struct ipc_held *held,
		     const struct ipc_hold *hold, struct ipc_lender *lender, struct ipc_file *file)
{
	int fd, waiting, capacity, flags, r;

	fd = ipc_lender_copy(lender, hold);
	if (fd < 0)
		return fd;
	r = ipc_file_stat(ipc_run_mounts(run), fd, "", false, file);
	if (r == 0 && (file->inode != held->key.inode || !S_ISFIFO(file->mode)))
		r = -ESRCH; /* closed meanwhile, and the number used again */
	if (r < 0)
		goto out;
	if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting >= 0)
		pipe->buffered = (uint64_t)waiting;
	capacity = fcntl(fd, F_GETPIPE_SZ);
	if (capacity >= 0)
		pipe->capacity = (uint64_t)capacity;
	/* The mode belongs to the writing description. */
	flags = fcntl(fd, F_GETFL);
	if (hold->access & CAN_WRITE && flags >= 0)
		pipe->packet = (flags & O_DIRECT) != 0;
out:
	close(fd);
	return r;
}

static void report(struct ipc_run *run, int error)
{
	switch (error) {
	case 0:
	case -ESRCH:
	case -EBADF:
	case -ENOENT:
		return; /* it went away */
	case -ENOSYS:
		ipc_run_problem(run, false, ENOSYS, "needs pidfd_getfd() (Linux 5.6)", "contents of pipes");
		return;
	default:
		ipc_run_unread(run, -error, "buffered,capacity,packet",
			       "other users' descriptors can be copied with CAP_SYS_PTRACE (root)",
			       "contents of some pipes");
	}
}

bool ipc_pipe_fill_contents(struct ipc_run *run, struct ipc_pipe *pipe, struct ipc_lender *lender,
			    struct ipc_file *file)
{
	/* Writers first: they alone know of packets. */
	static const uint8_t turns[] = {CAN_WRITE, CAN_READ};
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, pipe->base.hold, &holders);
	int64_t refused = 0;
	int r, error = 0;
	size_t i;

	if (!held || run->ctx->captured)
		return false;
	for (i = 0; i < sizeof(turns); i++) {
		const struct ipc_hold *hold = NULL;

		while ((hold = ipc_holders_hold(holders, held, hold))) {
			if (!(hold->access & turns[i]) || hold->fd < 0 || hold->process->pid == refused)
				continue;
			r = look_into(run, pipe, held, hold, lender, file);
			if (r == 0)
				return true;
			if (r == -EPERM || r == -EACCES)
				refused = hold->process->pid;
			if (r != -ESRCH && r != -EBADF)
				error = r;
		}
	}
	report(run, error);
	return false;
}
