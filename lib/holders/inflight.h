/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors that are on their way: sent over a unix socket and not received yet, they are nobody's, and no scan of
 * processes shows them. What the kernel tells is how many each socket carries.
 */
#ifndef IPC_HOLDERS_INFLIGHT_H
#define IPC_HOLDERS_INFLIGHT_H

#include "holders/holders.h"

struct ipc_inflight {
	bool counted;   /* does this kernel count all of them (Linux 6.3)? If not, nothing was read */
	size_t sockets; /* that carry some */
	size_t unread;  /* sockets of which it could not be read */
};

/*
 * Ask the sockets of @holders, which was made with IPC_SPACE_SOCKET: one that is only in flight itself is carried by another,
 * and in the end by one that a process has. Cannot fail: what could not be read is counted.
 */
void ipc_inflight_read(struct ipc_ctx *ctx, const struct ipc_holders *holders, struct ipc_inflight *out);

#endif
