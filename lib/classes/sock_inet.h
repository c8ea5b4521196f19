/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internet sockets: end points, and the index that finds listeners and the other ends of local connections. */
#ifndef IPC_CLASSES_SOCK_INET_H
#define IPC_CLASSES_SOCK_INET_H

#include <netinet/in.h>

#include "classes/sock.h"

/* IPv4 addresses are kept as IPv4-mapped IPv6 ones, so that a connection between the two families matches. */
struct ipc_inet_end {
	unsigned char address[16];
	uint16_t port; /* host order */
};

/* One socket, as inet_diag or /proc/net/raw gives it. */
struct ipc_inet_socket {
	unsigned family;
	unsigned state;
	uint64_t inode;
	uint32_t cookie[2];
	unsigned interface; /* index, 0: not bound to one */
	struct ipc_inet_end local, peer;
	bool v6only;
	unsigned timer, retransmits;
	uint64_t timer_expires; /* ms */
	uint64_t receive_queue, send_queue, memory;
	uint64_t uid;
	unsigned shutdown;
};

/* What a message of inet_diag says of a socket. */
void ipc_inet_parse(const struct nlmsghdr *nlh, struct ipc_inet_socket *out);
void ipc_inet_end_v4(struct ipc_inet_end *end, uint32_t address, uint16_t port); /* address in network order */
/* The address alone, as inet_ntop() writes it, without a terminator. Returns its length. */
size_t ipc_inet_format_address(unsigned family, const struct ipc_inet_end *end, char out[INET6_ADDRSTRLEN]);
/* "127.0.0.1:80", "[fe80::1%eth0]:80"; @zone absent: none. Absent without memory. */
struct ipc_bytes ipc_inet_format_end(struct ipc_arena *arena, unsigned family, const struct ipc_inet_end *end,
				     struct ipc_bytes zone);
bool ipc_inet_end_is_any(const struct ipc_inet_end *end);

struct ipc_inet_entry {
	struct ipc_inet_end local, peer;
	uint64_t inode;
	unsigned interface;
	bool any_family; /* a listener on [::] that takes IPv4 too */
	bool v4;
};

/* Zero-initialised is empty. */
struct ipc_inet_index {
	struct ipc_inet_entry *items;
	size_t count, room;
};

/* Returns 0 or -ENOMEM. */
int ipc_inet_index_add(struct ipc_inet_index *index, const struct ipc_inet_socket *socket);
/* After the last addition, before the first look-up. */
void ipc_inet_index_sort(struct ipc_inet_index *index);
void ipc_inet_index_release(struct ipc_inet_index *index);
/* The inode of the socket whose own end is @socket's peer and the other way round; 0 when there is none. */
uint64_t ipc_inet_index_peer(const struct ipc_inet_index *index, const struct ipc_inet_socket *socket);
/*
 * In an index of listeners: the one that @socket came from; 0 when there is none, or when several share the address
 * and nobody knows.
 */
uint64_t ipc_inet_index_listener(const struct ipc_inet_index *index, const struct ipc_inet_socket *socket);

/*
 * Sockets of @kind from /proc/net/raw and raw6, for kernels without raw_diag. Returns 0, what @fn returned, or
 * -errno.
 */
int ipc_inet_read_raw(struct ipc_run *run, int (*fn)(const struct ipc_inet_socket *socket, void *data), void *data);

#endif
