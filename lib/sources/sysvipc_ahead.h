/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The second half of a long list of System V objects, asked for by another thread while the first one is handed over. */
#ifndef IPC_SOURCES_SYSVIPC_AHEAD_H
#define IPC_SOURCES_SYSVIPC_AHEAD_H

#include "sources/sysvipc_text.h"

/* What the kernel says of the object at @index: returns 0, or -errno. */
typedef int (*ipc_sysv_stat_fn)(enum ipc_sysv_type type, int index, union ipc_sysv_any *out);

struct ipc_sysv_ahead;

/*
 * Begin to ask for those from @from on to @highest, in the namespaces of this thread. NULL when that is not worth a thread, or none can
 * be had: they are then asked for as usual.
 */
struct ipc_sysv_ahead *ipc_sysv_ahead_begin(enum ipc_sysv_type type, int from, int highest, ipc_sysv_stat_fn stat);
/*
 * One after the other, for each index: returns 0, the -errno of stat(), or 1 behind the last. Waits for all of them when it is called
 * first.
 */
int ipc_sysv_ahead_next(struct ipc_sysv_ahead *ahead, union ipc_sysv_any *out);
void ipc_sysv_ahead_end(struct ipc_sysv_ahead *ahead);

#endif
