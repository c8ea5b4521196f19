/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that wait in a listening internet socket: those that no process has yet and that came to its address. The
 * kernel does not tell the order in which they will be accepted.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "classes/sock_contents.h"
#include "classes/sock_inet.h"

enum { PROTOCOL_DCCP = 33, PROTOCOL_SCTP = 132, PROTOCOL_MPTCP = 262 };

struct pending {
	struct ipc_dumping *dumping;
	const struct ipc_sock *listener;
	bool found; /* the listener, as it was listed */
	uint64_t backlog;
	struct ipc_inet_index listeners, connections;
	struct ipc_inet_socket *waiting;
	size_t count, room;
};

/* ---- what the kernel tells --------------------------------------------------------------------------------------- */

static int take_listener(const struct nlmsghdr *nlh, void *data)
{
	struct pending *pending = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	if (socket.state != TCP_LISTEN)
		return 0;
	if ((socket.cookie[0] | (uint64_t)socket.cookie[1] << 32) == pending->listener->cookie) {
		pending->found = true;
		pending->backlog = socket.receive_queue;
	}
	return ipc_inet_index_add(&pending->listeners, &socket);
}

/* SCTP counts a connection to the listener until it is accepted. */
static bool is_of_listener(const struct pending *pending, const struct ipc_inet_socket *socket)
{
	return socket->inode && socket->inode == pending->listener->base.inode;
}

/* A connection whose owner has closed it has no process either, but goes through other states. */
static int take_connection(const struct nlmsghdr *nlh, void *data)
{
	struct pending *pending = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	/* SCTP tells of the listener itself once more. */
	if (!socket.peer.port)
		return 0;
	if (socket.inode && !is_of_listener(pending, &socket))
		return ipc_inet_index_add(&pending->connections, &socket);
	if (pending->count == pending->room) {
		size_t room = pending->room ? pending->room * 2 : 64;
		struct ipc_inet_socket *grown = realloc(pending->waiting, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		pending->waiting = grown;
		pending->room = room;
	}
	pending->waiting[pending->count++] = socket;
	return 0;
}

static unsigned protocol_of(const struct ipc_kind *kind)
{
	if (kind == &ipc_kind_sock_mptcp)
		return PROTOCOL_MPTCP;
	if (kind == &ipc_kind_sock_sctp)
		return PROTOCOL_SCTP;
	return kind == &ipc_kind_sock_dccp ? PROTOCOL_DCCP : IPPROTO_TCP;
}

static int ask_about(struct pending *pending, struct ipc_diag *diag, uint8_t family, unsigned states, ipc_diag_fn fn)
{
	unsigned protocol = protocol_of(pending->listener->base.of_kind);
	struct {
		struct inet_diag_req_v2 fixed;
		struct nlattr header;
		uint32_t protocol;
	} request = {
		.fixed = {.sdiag_family = family, .sdiag_protocol = (uint8_t)protocol, .idiag_states = states},
		.header = {.nla_len = sizeof(struct nlattr) + sizeof(uint32_t), .nla_type = INET_DIAG_REQ_PROTOCOL},
		.protocol = protocol,
	};
	size_t size = protocol > UINT8_MAX ? sizeof(request) : sizeof(request.fixed);
	int r;

	if (protocol > UINT8_MAX)
		request.fixed.sdiag_protocol = 0;
	r = ipc_diag_dump(diag, "unused", &request, size, sizeof(struct inet_diag_msg), fn, pending);
	pending->dumping->result->torn |= r == IPC_DIAG_PARTIAL;
	return r == IPC_DIAG_PARTIAL ? 0 : r;
}

/* Both families: a listener on [::] may take IPv4 connections, and one of the other family may take them from it. */
static int ask(struct pending *pending)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const unsigned waiting = 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT | 1u << TCP_SYN_RECV;
	struct ipc_diag *diag;
	size_t i;
	int r = ipc_diag_open(pending->dumping->ctx, &diag);

	if (r)
		return r;
	for (i = 0; i < 2 && r == 0; i++)
		r = ask_about(pending, diag, families[i], 1u << TCP_LISTEN, take_listener);
	for (i = 0; i < 2 && r == 0 && pending->found; i++)
		r = ask_about(pending, diag, families[i], waiting, take_connection);
	ipc_diag_close(diag);
	ipc_inet_index_sort(&pending->listeners);
	ipc_inet_index_sort(&pending->connections);
	return r;
}

/* ---- what is given ----------------------------------------------------------------------------------------------- */

static int give(struct pending *pending, uint64_t index, const struct ipc_inet_socket *socket)
{
	struct ipc_list status = ipc_sock_status(socket->state);
	uint64_t inode = ipc_inet_index_peer(&pending->connections, socket);
	struct ipc_arena arena = {0};
	struct ipc_sock_pending entry;
	int r;

	ipc_record_init(&ipc_sock_pending_record, &entry);
	entry.peer = ipc_inet_format_end(&arena, socket->family, &socket->peer, IPC_NO_BYTES);
	if (inode)
		entry.ref = ipc_sock_format_reference(&arena, pending->dumping->object, inode);
	if (status.count)
		entry.status = *(const struct ipc_bytes *)status.items;
	entry.receive_queue = socket->receive_queue;
	/* The end of the connection counts as a byte there. */
	if (socket->state == TCP_CLOSE_WAIT && entry.receive_queue)
		entry.receive_queue--;
	entry.cookie = socket->cookie[0] | (uint64_t)socket->cookie[1] << 32;
	r = ipc_dumping_entry(pending->dumping, index, &ipc_sock_pending_record, &entry);
	ipc_arena_release(&arena);
	return r;
}

static int give_all(struct pending *pending)
{
	uint64_t index = 0, whole = 0;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < pending->count; i++) {
		const struct ipc_inet_socket *socket = &pending->waiting[i];

		bool own = is_of_listener(pending, socket);

		if (!own && ipc_inet_index_listener(&pending->listeners, socket) != pending->listener->base.inode)
			continue;
		whole += own || socket->state != TCP_SYN_RECV;
		r = give(pending, index++, socket);
	}
	if (r || whole >= pending->backlog)
		return r;
	pending->dumping->result->unreached = pending->backlog - whole;
	ipc_ctx_set_note(pending->dumping->ctx,
			 "others listen on the same address: the kernel does not tell whose the other connections are");
	return 0;
}

int ipc_sock_list_inet(struct ipc_dumping *dumping)
{
	struct pending pending = {.dumping = dumping, .listener = (const struct ipc_sock *)dumping->object};
	int r = ask(&pending);

	dumping->result->source = "inet_diag";
	if (r)
		r = ipc_ctx_fail(dumping->ctx, r, "its connections cannot be listed: %s", strerror(-r));
	else if (!pending.found)
		r = ipc_ctx_fail(dumping->ctx, -ENOENT, "gone: the socket was closed meanwhile");
	else
		r = give_all(&pending);
	free(pending.waiting);
	ipc_inet_index_release(&pending.listeners);
	ipc_inet_index_release(&pending.connections);
	return r;
}
