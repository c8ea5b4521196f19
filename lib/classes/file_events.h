/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told, as it happens, of the kinds that are files. */
#ifndef IPC_CLASSES_FILE_EVENTS_H
#define IPC_CLASSES_FILE_EVENTS_H

/* classes/events.h */
struct ipc_events;

extern const struct ipc_events ipc_events_fifo, ipc_events_pipe, ipc_events_mq_posix, ipc_events_shm_posix,
	ipc_events_shm_memfd, ipc_events_sem_posix;

#endif
