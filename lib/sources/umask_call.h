/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making things with exactly the mode that is asked for, and whole, whatever signals come. */
#ifndef IPC_SOURCES_UMASK_CALL_H
#define IPC_SOURCES_UMASK_CALL_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Run @fn in a thread of its own whose umask is 0, and wait for it; the caller's umask, which @fn is told, stays as it is
 * for all other threads. Returns what @fn returned, or -errno when there can be no such thread.
 * Signals that have a handler are for the caller's thread meanwhile, those that end the program for @fn's, which may hold
 * them back.
 */
int ipc_umask_call(int (*fn)(void *data, mode_t umask), void *data);

/* No signal reaches this thread until they are released again: for what must not be left half done. */
void ipc_signals_hold(sigset_t *before);
void ipc_signals_release(const sigset_t *before);
/* While they are held: is one waiting that will end the program? Long work had better be undone then. */
bool ipc_signals_end(void);

#endif
