/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making files with exactly the mode that is asked for. */
#ifndef IPC_SOURCES_UMASK_CALL_H
#define IPC_SOURCES_UMASK_CALL_H

#include <sys/types.h>

/*
 * Run @fn in a thread of its own whose umask is 0, and wait for it; the caller's umask, which @fn is told, stays as it is
 * for all other threads. Returns what @fn returned, or -errno when there can be no such thread.
 */
int ipc_umask_call(int (*fn)(void *data, mode_t umask), void *data);

#endif
