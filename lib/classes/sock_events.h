/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told of sockets as it happens: one set of verbs for all kinds, and what their records have in common. */
#ifndef IPC_CLASSES_SOCK_EVENTS_H
#define IPC_CLASSES_SOCK_EVENTS_H

#include "classes/events.h"
#include "classes/sock.h"

/* What a record says of all sockets alike; a kind's own fill() adds the addresses. */
void ipc_sock_fill_event(const struct ipc_raw *raw, struct ipc_sock *sock);
/* As ipc_sock_interface() of an interface of the record's namespace, which the thread need not be in. */
struct ipc_bytes ipc_sock_event_interface(struct ipc_run *run, unsigned index);

#define IPC_SOCK_LIFE (IPC_EVENT_BIT(IPC_EVENT_BIND) | IPC_EVENT_BIT(IPC_EVENT_LISTEN) | IPC_EVENT_BIT(IPC_EVENT_CLOSE))
#define IPC_SOCK_TRAFFIC                                                                                        \
	(IPC_EVENT_BIT(IPC_EVENT_CREATE) | IPC_EVENT_BIT(IPC_EVENT_CONNECT) | IPC_EVENT_BIT(IPC_EVENT_ACCEPT) | \
	 IPC_EVENT_BIT(IPC_EVENT_SEND) | IPC_EVENT_BIT(IPC_EVENT_RECEIVE) | IPC_EVENT_BIT(IPC_EVENT_CHANGE) |   \
	 IPC_EVENTS_WAITS)
/* What looks at intervals show */
#define IPC_SOCK_PLAIN                                                                        \
	(IPC_SOCK_LIFE | IPC_EVENT_BIT(IPC_EVENT_CREATE) | IPC_EVENT_BIT(IPC_EVENT_CONNECT) | \
	 IPC_EVENT_BIT(IPC_EVENT_ACCEPT))
#define IPC_SOCK_UNSEEN "what io_uring, preadv2 or 32-bit programs send and receive, and data that is mapped"

/* A table of events for the name of a const struct ipc_events. */
#define IPC_SOCK_EVENTS(number, fill_it, is_it)                                               \
	{                                                                                     \
		.raw = (number), .space = IPC_SPACE_SOCKET, .fill = (fill_it), .is = (is_it), \
		.range = {                                                                    \
			.life = IPC_SOCK_LIFE,                                                \
			.traffic = IPC_SOCK_TRAFFIC,                                          \
			.plain = IPC_SOCK_PLAIN,                                              \
			.unseen = IPC_SOCK_UNSEEN,                                            \
		},                                                                            \
	}

#endif
