/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses in references of sockets and of semaphores in memory: tcp:[::1%lo]:80,[::1]:4711 and 0x7f0000001000. */
#ifndef IPC_MODEL_REFERENCE_ADDRESS_H
#define IPC_MODEL_REFERENCE_ADDRESS_H

#include "model/bytes.h"

/* Does @text begin with a protocol that has addresses? */
bool ipc_socket_address_begins(struct ipc_bytes text);
/*
 * Append @text in its normal form: internet addresses as inet_ntop prints them, the zone inside the brackets; netlink,
 * packet, vsock and xdp as they stand. Returns 0, -ENOMEM or -EINVAL with one line in @why (appended).
 */
int ipc_socket_address_normalise(struct ipc_bytes text, struct ipc_buf *out, struct ipc_buf *why);

/* One internet end point: "127.0.0.1:80", "[::1%lo]:80". Borrows from what it was parsed of. */
struct ipc_endpoint {
	bool v6;
	unsigned char address[16]; /* network order; of IPv4 the first 4 bytes */
	struct ipc_bytes zone;     /* an interface; absent: none */
	bool any_port;             /* "*" */
	uint16_t port;             /* host order */
};

/* Parse @text. Returns 0 or -EINVAL. */
int ipc_endpoint_parse(struct ipc_bytes text, struct ipc_endpoint *out);
/*
 * The end points in an internet address "tcp:LOCAL[,PEER]" in normal form; @peer absent when there is none. Returns 0 or
 * -EINVAL.
 */
int ipc_socket_address_ends(struct ipc_bytes text, struct ipc_bytes *local, struct ipc_bytes *peer);
/* A virtual address, hexadecimal with or without 0x. Returns as ipc_parse_hex. */
int ipc_parse_address(struct ipc_bytes text, uint64_t *out);

#endif
