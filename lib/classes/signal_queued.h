/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queued signals: collected from wherever they can be read, then given as entries that say what their siginfo means. */
#ifndef IPC_CLASSES_SIGNAL_QUEUED_H
#define IPC_CLASSES_SIGNAL_QUEUED_H

#include "classes/contents.h"
#include "classes/signals.h"

/* Zero-initialised is empty. */
struct ipc_queued {
	struct ipc_buf entries;
	uint64_t seen; /* in the queue that is collected */
};

/* A signal of the queue of thread @tid, 0: of the process. Both return 0 or -ENOMEM. */
int ipc_queued_add(struct ipc_queued *queued, int64_t tid, const siginfo_t *info);
/* The end of that queue: what of the set @pending was not in it follows without a siginfo. */
int ipc_queued_end(struct ipc_queued *queued, int64_t tid, uint64_t pending);
size_t ipc_queued_count(const struct ipc_queued *queued);
/* Returns what ipc_dumping_entry() does. */
int ipc_queued_give(const struct ipc_queued *queued, struct ipc_dumping *dumping);
void ipc_queued_release(struct ipc_queued *queued);

/*
 * Stop the process, read what is queued for it and for its threads, and let it go on; in a thread that the kernel relieves
 * of what it traces when it ends, however that comes about. Nothing is left of it, on failure either.
 * @stopped: for how many nanoseconds; @rest: more is queued than could be read in the time that a process may be stopped.
 * 0 or -errno with text: -EPERM, -EBUSY (traced or stopped already), -ETIMEDOUT (it does not stop), -ESRCH, -ESTALE.
 */
int ipc_signal_trace(struct ipc_ctx *ctx, const struct ipc_signal *signal, struct ipc_queued *out, int64_t *stopped,
		     bool *rest);

#endif
