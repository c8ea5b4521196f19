/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signals: a process as their receiver, their sets as the kernel prints them, and their names. */
#ifndef IPC_CLASSES_SIGNALS_H
#define IPC_CLASSES_SIGNALS_H

#include <signal.h>

#include "classes/classes.h"
#include "model/arena.h"
#include "model/record.h"

/* A process as it was listed. */
struct ipc_signal {
	struct ipc_object base;
	struct ipc_list pending; /* of the process: SigPnd of its main thread and ShdPnd */
	struct ipc_list blocked;
	struct ipc_list ignored;
	struct ipc_list caught;
	struct ipc_list defaulted; /* neither ignored nor caught, so the default action applies */
	struct ipc_list uncatchable;
	uint64_t queued;
	uint64_t queue_limit;
	struct ipc_list threads;

	uint64_t ticks; /* start of the process as the kernel counts it; no field */
};

/* Bit n - 1 stands for signal n. */
#define IPC_SIGNAL_BIT(n) (UINT64_C(1) << ((n)-1))
#define IPC_SIGNALS_UNCATCHABLE (IPC_SIGNAL_BIT(SIGKILL) | IPC_SIGNAL_BIT(SIGSTOP))

/* All signals that the kernel has: 1 to 64. */
uint64_t ipc_signals_all(void);
/* The names of @set, in order of number, as a list of struct ipc_bytes. The two or three real-time signals that libc keeps have names of their own. */
struct ipc_list ipc_signals_list(struct ipc_arena *arena, uint64_t set);

/* The value of "Name:" in the text of a status file, to the end of its line; NULL without. */
const char *ipc_signals_line(const char *status, const char *name);
/* The same as a set. Returns false, and @out untouched, without. */
bool ipc_signals_read(const char *status, const char *name, uint64_t *out);
/* The numbers of the threads of @pid, in their order: the caller's to free. NULL: none (any more). */
int64_t *ipc_signals_threads(struct ipc_ctx *ctx, int64_t pid, size_t *count);

/* What has the number now must be what was listed. 0, or -errno with text: -ESRCH (ended), -ESTALE (another has its number). */
int ipc_signal_identify(struct ipc_ctx *ctx, const struct ipc_signal *signal);

extern const struct ipc_changes ipc_changes_signal_process;

#endif
