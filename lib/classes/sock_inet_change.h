/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TCP and UDP sockets: what making, using and removing them share. */
#ifndef IPC_CLASSES_SOCK_INET_CHANGE_H
#define IPC_CLASSES_SOCK_INET_CHANGE_H

#include <netinet/in.h>

#include "classes/sock_change.h"
#include "model/reference_address.h"

/* Newer than some C libraries' headers. */
#define IPC_PROTOCOL_UDPLITE 136

union ipc_inet_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The index of the interface called @zone, or of that number, in the namespace of the thread; 0: there is none. */
unsigned ipc_inet_interface(struct ipc_bytes zone);
/* @end for the kernel; a link-local address has its interface in it. Returns the size. */
socklen_t ipc_inet_address_of(const struct ipc_endpoint *end, union ipc_inet_address *out);
/* IPPROTO_TCP, IPPROTO_UDP or UDP-Lite. */
int ipc_inet_protocol(const struct ipc_sock *sock);
/* remove(): the kernel ends the socket of that cookie. */
int ipc_inet_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how);
/* bind() said EADDRINUSE: who has it. Returns -EADDRINUSE with text. */
int ipc_inet_fail_in_use(struct ipc_ctx *ctx, const struct ipc_endpoint *end, int protocol);

#endif
