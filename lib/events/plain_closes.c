/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP and UDP sockets that end: the kernel sends their addresses to those who listen to groups of sock_diag, in each network
 * namespace to its own.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>

#include "classes/sock_inet.h"
#include "events/plain_looks.h"

#define CHUNK (32 * 1024)
#define ROOM (1 << 20) /* of a socket, for what comes at once */

struct listener {
	struct listener *next;
	uint64_t ns;
	struct mnl_socket *socket;
};

struct ipc_plain_closes {
	struct listener *listeners;
	bool tcp, udp;
	char buffer[CHUNK] __attribute__((aligned(8)));
};

/* ---- listening ------------------------------------------------------------------------------------------------------- */

static int join(struct mnl_socket *socket, bool tcp, bool udp)
{
	static const struct {
		int group;
		bool udp;
	} groups[] = {
		{SKNLGRP_INET_TCP_DESTROY, false},
		{SKNLGRP_INET6_TCP_DESTROY, false},
		{SKNLGRP_INET_UDP_DESTROY, true},
		{SKNLGRP_INET6_UDP_DESTROY, true},
	};
	int room = ROOM, group, r = 0;
	size_t i;

	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (i = 0; r == 0 && i < sizeof(groups) / sizeof(groups[0]); i++) {
		group = groups[i].group;
		if (groups[i].udp ? udp : tcp)
			r = mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 ? -errno
													     : 0;
	}
	return r;
}

/* Runs inside @ns; the socket stays there. */
static int listen_here(struct ipc_plain *plain, const struct ipc_ns *ns)
{
	struct ipc_plain_closes *closes = plain->closes;
	struct listener *listener = calloc(1, sizeof(*listener));
	int r = 0;

	if (!listener)
		return -ENOMEM;
	listener->ns = ns->inode;
	listener->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!listener->socket || mnl_socket_bind(listener->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	if (r == 0)
		r = join(listener->socket, closes->tcp, closes->udp);
	if (r == 0)
		r = ipc_plain_poll(plain, mnl_socket_get_fd(listener->socket));
	if (r == 0) {
		listener->next = closes->listeners;
		closes->listeners = listener;
		return 0;
	}
	/* Looks show that they are gone, too, only later, and none of those that are gone by then. */
	plain->want.blind(plain->want.data, "TCP and UDP sockets that are open for less than the interval: %s",
			  strerror(-r));
	if (listener->socket)
		mnl_socket_close(listener->socket);
	free(listener);
	return 0;
}

int ipc_plain_closes_new(struct ipc_plain *plain)
{
	struct ipc_plain_closes closes = {
		.tcp = ipc_plain_wants(plain, IPC_RAW_SOCK_TCP, IPC_PLAIN_BIT(CLOSE)),
		.udp = ipc_plain_wants(plain, IPC_RAW_SOCK_UDP, IPC_PLAIN_BIT(CLOSE)),
	};
	int r;

	if (!closes.tcp && !closes.udp)
		return 0;
	plain->closes = calloc(1, sizeof(*plain->closes));
	if (!plain->closes)
		return -ENOMEM;
	plain->closes->tcp = closes.tcp;
	plain->closes->udp = closes.udp;
	r = ipc_plain_each_place(plain, IPC_NS_NET, listen_here);
	if (r == 0 && !plain->closes->listeners) {
		ipc_plain_closes_free(plain->closes);
		plain->closes = NULL;
	}
	return r;
}

bool ipc_plain_closes_has(const struct ipc_plain_closes *closes, enum ipc_raw_kind kind, uint64_t ns)
{
	const struct listener *listener = closes ? closes->listeners : NULL;

	if (!closes || !((kind == IPC_RAW_SOCK_TCP && closes->tcp) || (kind == IPC_RAW_SOCK_UDP && closes->udp)))
		return false;
	while (listener && listener->ns != ns)
		listener = listener->next;
	return listener != NULL;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

struct reading {
	struct ipc_plain *plain;
	const struct listener *listener;
};

static struct ipc_raw_address to_address(const struct ipc_inet_socket *socket, const struct ipc_inet_end *end)
{
	static const unsigned char none[16];
	struct ipc_raw_address address = {.port = end->port, .scope = socket->interface};
	bool v4 = socket->family == AF_INET;

	if (!end->port && memcmp(end->address + (v4 ? 12 : 0), none, v4 ? 4 : 16) == 0)
		return (struct ipc_raw_address){0};
	address.family = (uint16_t)socket->family;
	memcpy(address.bytes, end->address + (v4 ? 12 : 0), v4 ? 4 : 16);
	return address;
}

/* Nobody has looked while it was there: nothing but its addresses is known. */
static void tell_unseen(struct ipc_plain *plain, enum ipc_raw_kind kind, uint64_t ns,
			const struct ipc_inet_socket *socket)
{
	struct ipc_raw *raw = ipc_plain_record(plain, kind, IPC_EVENT_CLOSE, ns, IPC_NO_BYTES);

	if (!raw)
		return;
	raw->family = (uint16_t)socket->family;
	raw->type = kind == IPC_RAW_SOCK_TCP ? SOCK_STREAM : SOCK_DGRAM;
	raw->protocol = kind == IPC_RAW_SOCK_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	raw->local = to_address(socket, &socket->local);
	raw->remote = to_address(socket, &socket->peer);
	raw->has = IPC_RAW_LAST | (raw->local.family ? IPC_RAW_LOCAL : 0u) | (raw->remote.family ? IPC_RAW_REMOTE : 0u);
}

static int take(const struct nlmsghdr *nlh, void *data)
{
	static const uint16_t least[INET_DIAG_PROTOCOL + 1] = {[INET_DIAG_PROTOCOL] = 1};
	const struct nlattr *table[INET_DIAG_PROTOCOL + 1];
	const struct reading *reading = data;
	struct ipc_plain *plain = reading->plain;
	uint64_t ns = reading->listener->ns, cookie;
	struct ipc_inet_socket socket;
	struct ipc_plain_seen *seen;
	enum ipc_raw_kind kind;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct inet_diag_msg))
		return MNL_CB_OK;
	ipc_diag_attributes(nlh, sizeof(struct inet_diag_msg), table, least, INET_DIAG_PROTOCOL + 1);
	ipc_inet_parse(nlh, &socket);
	if (!table[INET_DIAG_PROTOCOL] || (socket.family != AF_INET && socket.family != AF_INET6))
		return MNL_CB_OK;
	kind = mnl_attr_get_u8(table[INET_DIAG_PROTOCOL]) == IPPROTO_TCP ? IPC_RAW_SOCK_TCP : IPC_RAW_SOCK_UDP;
	cookie = (uint64_t)socket.cookie[1] << 32 | socket.cookie[0];
	seen = ipc_plain_seen_socket(plain->looks, ns, cookie);
	if (seen && !seen->sock.ended) {
		ipc_plain_sock_gone(plain, seen);
		seen->sock.ended = true;
	} else if (!seen) {
		tell_unseen(plain, kind, ns, &socket);
	}
	return MNL_CB_OK;
}

static int read_one(struct ipc_plain *plain, const struct listener *listener)
{
	struct reading reading = {plain, listener};
	char *buffer = plain->closes->buffer;
	ssize_t len;

	for (;;) {
		len = mnl_socket_recvfrom(listener->socket, buffer, CHUNK);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == ENOBUFS) {
			ipc_plain_lose(plain);
			ipc_plain_looks_soon(plain);
			continue;
		}
		if (len <= 0)
			return 0;
		mnl_cb_run(buffer, (size_t)len, 0, 0, take, &reading);
	}
}

int ipc_plain_closes_read(struct ipc_plain *plain)
{
	const struct listener *listener;
	int r = 0;

	for (listener = plain->closes->listeners; r == 0 && listener; listener = listener->next)
		r = read_one(plain, listener);
	return r;
}

void ipc_plain_closes_free(struct ipc_plain_closes *closes)
{
	if (!closes)
		return;
	while (closes->listeners) {
		struct listener *listener = closes->listeners;

		closes->listeners = listener->next;
		mnl_socket_close(listener->socket);
		free(listener);
	}
	free(closes);
}
