/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One event: plain values, in the shape of an object, so that formats and filters need nothing of their own. */
#ifndef IPC_EVENTS_EVENT_H
#define IPC_EVENTS_EVENT_H

#include <ipctool/monitor.h>

#include "classes/classes.h"

#define IPC_EVENT_BIT(verb) (1u << (verb))

/* What an event says beyond who, what and when. Members that do not apply are unknown, and not printed. */
struct ipc_event_detail {
	uint64_t bytes;
	uint64_t messages;
	int64_t type;
	uint64_t priority;
	uint64_t index;
	int64_t adjust;
	int64_t value;
	uint64_t undo; /* bool */
	uint64_t more; /* operations of the same call that are not told of */
	uint64_t mode;
	uint64_t size;
	struct ipc_bytes access; /* "r", "w", "rw" */
	int64_t fd;
	uint64_t address;
	uint64_t first, last; /* bool */
	struct ipc_bytes local, peer;
	struct ipc_bytes status; /* "ESTAB" */
	uint64_t backlog;
	struct ipc_bytes shutdown;
	struct ipc_bytes signal;  /* "TERM" */
	struct ipc_bytes target;  /* comm of the process that is signalled */
	int64_t thread;           /* that the signal is for, alone */
	struct ipc_bytes renamed; /* the new name */
	int64_t waited;
	int64_t error; /* errno */
	struct ipc_bytes why;
	uint64_t lost;
	int64_t since;
};

struct ipc_event {
	struct ipc_object
		base; /* ref, class_name, kind_name, name, key, id, inode, device, namespace: of its object; uid: who did it */
	enum ipc_event_verb did;
	int64_t time;
	struct ipc_bytes verb;
	int64_t pid, tid;
	struct ipc_bytes comm;
	struct ipc_list detail; /* of one struct ipc_event_detail */
	struct ipc_event_detail details;
};

extern const struct ipc_kind ipc_kind_event;

/* Everything unknown, `detail` leading to `details`. */
void ipc_event_init(struct ipc_event *event, enum ipc_event_verb verb);

#endif
