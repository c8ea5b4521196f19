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

extern const struct ipc_changes ipc_changes_signal_process;

#endif
