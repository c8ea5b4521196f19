/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tracefs and debugfs alone tell, wherever these are mounted or not: the numbers of tracepoints, and how the kernel preempts. */
#ifndef IPC_EVENTS_TRACEFS_H
#define IPC_EVENTS_TRACEFS_H

#include <stdbool.h>
#include <stdint.h>

/* Open its root. Where it is mounted nowhere a mount of our own is made that nobody else sees and that ends with the descriptor. Returns it or -errno. */
int ipc_tracefs_open(void);
/* The number of event @name, "GROUP/NAME". Returns 0, -ENOENT (there is no such event), or -errno. */
int ipc_tracefs_event(int tracefs, const char *name, uint64_t *id);

/* May a thread lose the processor anywhere in the kernel? Also when nothing tells. */
bool ipc_kernel_preempts(void);

#endif
