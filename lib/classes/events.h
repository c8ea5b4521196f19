/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told of a kind as it happens: one const table per kind, at the place where the kind is defined. */
#ifndef IPC_CLASSES_EVENTS_H
#define IPC_CLASSES_EVENTS_H

#include <linux/types.h>

#include "events/event.h"
#include "events/raw.h"

struct ipc_events {
	enum ipc_raw_kind raw;
	enum ipc_space space; /* in which its objects are told apart: by (namespace, id), (device, inode) or inode */
	struct ipc_event_range range;
	/*
	 * Fill what references of this kind are made of beyond id, key, inode, device, namespace and name, which are there. NULL:
	 * nothing. Memory is the run's arena.
	 */
	void (*fill)(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object);
	/* Of several kinds with one `raw`: is it of this one? NULL: yes. */
	bool (*is)(const struct ipc_raw *raw);
};

/* Verbs as bits. */
#define IPC_EVENTS_LIFE                                                                                     \
	(IPC_EVENT_BIT(IPC_EVENT_CREATE) | IPC_EVENT_BIT(IPC_EVENT_OPEN) | IPC_EVENT_BIT(IPC_EVENT_CLOSE) | \
	 IPC_EVENT_BIT(IPC_EVENT_REMOVE))
#define IPC_EVENTS_WAITS (IPC_EVENT_BIT(IPC_EVENT_WAIT) | IPC_EVENT_BIT(IPC_EVENT_WAKE))

#endif
