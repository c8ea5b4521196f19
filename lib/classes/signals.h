/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signal sets as the kernel prints them, and the names of signals. */
#ifndef IPC_CLASSES_SIGNALS_H
#define IPC_CLASSES_SIGNALS_H

#include <signal.h>

#include "model/arena.h"
#include "model/record.h"

/* Bit n - 1 stands for signal n. */
#define IPC_SIGNAL_BIT(n) (UINT64_C(1) << ((n)-1))
#define IPC_SIGNALS_UNCATCHABLE (IPC_SIGNAL_BIT(SIGKILL) | IPC_SIGNAL_BIT(SIGSTOP))

/* All signals that the kernel has: 1 to 64. */
uint64_t ipc_signals_all(void);
/* The names of @set, in order of number, as a list of struct ipc_bytes. The two or three real-time signals that libc keeps have names of their own. */
struct ipc_list ipc_signals_list(struct ipc_arena *arena, uint64_t set);

#endif
