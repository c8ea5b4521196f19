/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a FIFO: nothing while nobody has it open, else what is in a pipe. */
#include <errno.h>
#include <inttypes.h>

#include "classes/fifo_change.h"
#include "classes/pipe_contents.h"

static bool is_fifo(int fd, const void *data)
{
	const struct ipc_dumping *dumping = data;

	return ipc_fifo_is(dumping->ctx, (const struct ipc_pipe *)dumping->object, fd);
}

/* Nobody has it open as far as can be seen. Root is told what that means; others may be kept from seeing who has it. */
static int nobody(struct ipc_dumping *dumping)
{
	const struct ipc_pipe *fifo = (const struct ipc_pipe *)dumping->object;
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	struct ipc_ctx *ctx = dumping->ctx;
	size_t openers = fifo->openers.count;
	int r = ipc_fifo_find(ctx, fifo, &place);

	if (r)
		return r;
	ipc_fifo_place_release(&place);
	dumping->result->source = "holders";
	if (openers)
		ipc_ctx_set_note(ctx, "empty: nobody who could be seen has it open; %zu task%s in opening it", openers,
				 openers == 1 ? " hangs" : "s hang");
	else if (ipc_bytes_equal(fifo->base.state, IPC_BYTES("idle")))
		ipc_ctx_set_note(ctx, "empty: nobody has it open, and a FIFO holds bytes only while somebody has");
	else if (ctx->euid && fifo->base.uid != ctx->euid)
		return ipc_ctx_fail(ctx, -EPERM,
				    "who has it open, and so what is in it, cannot be seen: it belongs to user %" PRIu64
				    ", and other users' processes can be looked at with CAP_SYS_PTRACE (root)",
				    fifo->base.uid);
	else
		ipc_ctx_set_note(ctx, "empty, as far as can be seen: nobody who could be seen has it open, and a FIFO "
				      "holds bytes only while somebody has");
	return 0;
}

static int dump(struct ipc_dumping *dumping)
{
	int r = -ESRCH;

	if (dumping->object->holders.count)
		r = ipc_pipe_dump(dumping, is_fifo, dumping);
	return r == -ESRCH && !dumping->result->unreached ? nobody(dumping) : r;
}

const struct ipc_contents ipc_contents_fifo = {
	.help =
		{
			.read = IPC_PIPE_DUMP_READ "; one that nobody has open is empty, and is not opened for it",
			.privilege = IPC_PIPE_DUMP_PRIVILEGE,
			.disturbs = IPC_PIPE_DUMP_DISTURBS,
		},
	/* The state tells whether everybody could be seen. */
	.needs = IPC_NEED_HOLDERS | IPC_NEED_WAITERS | IPC_NEED_STATE,
	.takes = IPC_PIPE_DUMP_TAKES,
	.dump = dump,
};
