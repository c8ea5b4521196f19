/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets as records of events tell of them: what all kinds have in common. */
#include "classes/sock_events.h"

void ipc_sock_fill_event(const struct ipc_raw *raw, struct ipc_sock *sock)
{
	sock->type = ipc_sock_type(raw->type);
	sock->bound_device = IPC_UNKNOWN;
}

struct ipc_bytes ipc_sock_event_interface(struct ipc_run *run, unsigned index)
{
	if (index && !(run->ns && run->ns->own))
		return ipc_arena_format(&run->arena, "%u", index);
	return ipc_sock_interface(run, index);
}
