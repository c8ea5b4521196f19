/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of a FIFO: who has it open, and when it is to be removed who may have it that no scan of processes shows. */
#include "classes/fifo_judge.h"

#include <errno.h>
#include <inttypes.h>

#include "classes/fifo_change.h"
#include "classes/pipe.h"
#include "holders/inflight.h"
#include "peek/peek.h"
#include "sources/mounts.h"
#include "sources/procfs.h"

/* May there be holders whom nobody saw? */
static bool is_blind(struct ipc_run *run, const struct ipc_pipe *fifo)
{
	if (fifo->proven)
		return ipc_judge_blind(run, true);
	ipc_evidence(run, "its file system could not be told from others, so holders cannot be matched");
	return true;
}

bool ipc_fifo_stays(const struct ipc_object *object)
{
	return ((const struct ipc_pipe *)object)->reachable && !object->status.count;
}

/* Nobody was seen to have it, where everybody can be seen; but a descriptor may be on its way from one to another. */
static enum ipc_state judge_in_flight(struct ipc_run *run)
{
	const struct ipc_inflight *inflight = ipc_run_inflight(run);

	if (!inflight || !inflight->counted) {
		ipc_evidence(run, "this kernel does not tell of descriptors that are in flight over sockets");
		return IPC_STATE_UNKNOWN;
	}
	if (inflight->sockets) {
		ipc_evidence(run, "%zu unix socket%s descriptors that are on their way: it may be among them",
			     inflight->sockets, inflight->sockets == 1 ? " carries" : "s carry");
		return IPC_STATE_UNKNOWN;
	}
	if (inflight->unread) {
		ipc_evidence(run, "of %zu socket%s it could not be read whether descriptors are on their way",
			     inflight->unread, inflight->unread == 1 ? "" : "s");
		return IPC_STATE_UNKNOWN;
	}
	ipc_evidence(run, "no unix socket carries descriptors that are on their way");
	return IPC_STATE_IDLE;
}

/* Other hosts, and servers, have inodes of their own for the same FIFO: of these this kernel knows nothing. */
static bool is_local(struct ipc_run *run, int fd)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	struct ipc_file file;

	return mounts && ipc_file_stat(mounts, fd, "", false, &file) == 0 && file.mount && file.mount->local;
}

/* What the inode itself knows needs no complete scan. False: it could not be asked. */
static bool ask_inode(struct ipc_run *run, const struct ipc_pipe *fifo, struct ipc_peek_fifo *open)
{
	struct ipc_fifo_place place = IPC_NO_FIFO_PLACE;
	int r;

	if (run->ctx->captured || !ipc_proc_initial_pidns(run->ctx))
		return false;
	r = ipc_fifo_find(run->ctx, fifo, &place);
	if (r == 0)
		r = is_local(run, place.fd) ? ipc_peek_fifo(run->ctx, place.fd, open) : -EREMOTE;
	ipc_fifo_place_release(&place);
	return r == 0;
}

/* It is to be removed: then the kernel is asked, which knows of everybody. */
static enum ipc_state judge_removable(struct ipc_run *run, struct ipc_pipe *fifo)
{
	struct ipc_peek_fifo open = {0};

	if (!ask_inode(run, fifo, &open))
		return fifo->base.blind ? IPC_STATE_UNKNOWN : judge_in_flight(run);
	if (open.files) {
		ipc_evidence(run,
			     "the kernel counts %" PRIu64 " reader%s and %" PRIu64
			     " writer%s whom no process shows: in flight over a socket, or kept by the kernel",
			     open.readers, open.readers == 1 ? "" : "s", open.writers, open.writers == 1 ? "" : "s");
		return IPC_STATE_HELD;
	}
	ipc_evidence(run, "the kernel has no pipe for it: nobody has it open, nor in flight over a socket");
	return IPC_STATE_IDLE;
}

enum ipc_state ipc_fifo_judge(struct ipc_run *run, const struct ipc_object *object)
{
	struct ipc_pipe *fifo = (struct ipc_pipe *)object;
	bool held = ipc_judge_held(run, object);

	/* Of a held one, who is to remove it alone asks whether that is all: those who wait may be let go, holders stay. */
	if (held && (!ipc_run_removes(run) || fifo->base.holders.count))
		return IPC_STATE_HELD;
	fifo->base.blind = is_blind(run, fifo);
	if (held)
		return IPC_STATE_HELD;
	if (!fifo->base.blind)
		ipc_evidence(run, "no process has it open or waits to open it");
	if (ipc_run_removes(run) && ipc_fifo_stays(object))
		return judge_removable(run, fifo);
	return fifo->base.blind ? IPC_STATE_UNKNOWN : IPC_STATE_IDLE;
}
