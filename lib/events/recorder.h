/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is learnt of who makes and takes semaphores, kept in a file: soon after it was learnt, by a thread that the events need not
 * wait for, and whole or not at all.
 */
#ifndef IPC_EVENTS_RECORDER_H
#define IPC_EVENTS_RECORDER_H

#include "events/monitor.h"

#define IPC_RECORDED_RAWS (1u << IPC_RAW_SEM_SYSV | 1u << IPC_RAW_SEM_POSIX)
/* What has to be told of them. Who waited is learnt as well where waits are watched, which costs too much to ask for them. */
#define IPC_RECORDED_VERBS                                                                                   \
	(IPC_EVENT_BIT(IPC_EVENT_CREATE) | IPC_EVENT_BIT(IPC_EVENT_OPEN) | IPC_EVENT_BIT(IPC_EVENT_CHANGE) | \
	 IPC_EVENT_BIT(IPC_EVENT_REMOVE))

/*
 * Begin with what the file at @path has, which nobody else may have written or record to, or with an empty one. A file of another
 * boot is begun anew, with a note in the context. Returns 0 or -errno with text.
 */
int ipc_recorder_new(struct ipc_ctx *ctx, const char *path, struct ipc_recorder **out);
void ipc_recorder_free(struct ipc_recorder *recorder);
/*
 * The book is full: what the file had of objects that are there gets into it, the rest of what is watched has gone, and the file is
 * written. @knows: the source tells who does what; else nothing new is learnt. Returns 0 or -errno with text.
 */
int ipc_recorder_join(struct ipc_monitor *monitor, bool knows);
/* Readable when ipc_recorder_tick() has something to do. */
int ipc_recorder_fd(const struct ipc_recorder *recorder);
/* @verb was done to @known, of a recorded kind. */
void ipc_recorder_see(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb,
		      struct ipc_known *known);
/* Write, when it is time. */
void ipc_recorder_tick(struct ipc_monitor *monitor);
/* Write now. Returns 0 or -errno with text. */
int ipc_recorder_save(struct ipc_monitor *monitor);
/* Why the last attempt failed, or NULL. */
const char *ipc_recorder_trouble(const struct ipc_recorder *recorder);

#endif
