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
/* A virtual address, hexadecimal with or without 0x. Returns as ipc_parse_hex. */
int ipc_parse_address(struct ipc_bytes text, uint64_t *out);

#endif
