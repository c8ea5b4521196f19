/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How TCP and UDP sockets are ended by the kernel (SOCK_DESTROY), and who has an address that somebody wants. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "classes/sock_inet_change.h"
#include "sources/netlink.h"

/* Newer than some C libraries' headers. */
#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21
#endif

/* ---- remove ------------------------------------------------------------------------------------------------------ */

static int put_end(struct ipc_bytes text, uint32_t address[4], uint16_t *port, bool *v6)
{
	struct ipc_endpoint end;

	if (ipc_endpoint_parse(text, &end))
		return -EINVAL;
	memcpy(address, end.address, sizeof(end.address));
	*port = htons(end.port);
	*v6 = end.v6;
	return 0;
}

/* The socket as inet_diag names it. */
static int make_request(const struct ipc_sock *sock, struct inet_diag_req_v2 *out)
{
	struct inet_diag_req_v2 request = {.sdiag_protocol = (uint8_t)ipc_inet_protocol(sock), .idiag_states = ~0u};
	bool v6, unused;
	int r = put_end(sock->local, request.id.idiag_src, &request.id.idiag_sport, &v6);

	if (r == 0 && sock->peer.data)
		r = put_end(sock->peer, request.id.idiag_dst, &request.id.idiag_dport, &unused);
	if (r)
		return r;
	request.sdiag_family = v6 ? AF_INET6 : AF_INET;
	request.id.idiag_if = ipc_inet_interface(sock->interface);
	request.id.idiag_cookie[0] = (uint32_t)sock->cookie;
	request.id.idiag_cookie[1] = (uint32_t)(sock->cookie >> 32);
	*out = request;
	return 0;
}

#define TRIES 512

/*
 * The kernel looks the socket up by its address, and compares the cookie then. Of several that share an address
 * (SO_REUSEPORT) it takes the one that a packet from the given peer would go to. So where there is no peer, others are
 * made up until it takes the one that is meant.
 */
static int destroy(struct ipc_diag *diag, struct inet_diag_req_v2 *request, bool may_share)
{
	int i, r = ipc_diag_one(diag, SOCK_DESTROY, request, sizeof(*request), 0, NULL, NULL);

	for (i = 1; i < TRIES && r == -ENOENT && may_share; i++) {
		request->id.idiag_dst[0] = htonl(0x7f000001);
		request->id.idiag_dport = htons((uint16_t)i);
		r = ipc_diag_one(diag, SOCK_DESTROY, request, sizeof(*request), 0, NULL, NULL);
	}
	return r;
}

/* Process and command that have it, for messages; "another process" when they are not known. */
static const char *holder_of(const struct ipc_sock *sock, char *out, size_t size)
{
	const struct ipc_holder *holder = sock->base.holders.items;
	char comm[64];

	if (!sock->base.holders.count || holder->pid == IPC_UNKNOWN_INT)
		return "its process";
	ipc_escape(holder->comm.data, holder->comm.len, comm, sizeof(comm));
	snprintf(out, size, "process %" PRId64 " (%s)", holder->pid, comm);
	return out;
}

/* A TCP socket that neither listens nor is connected is in none of the tables that the kernel looks into. */
static bool is_bound_only(const struct ipc_sock *sock)
{
	return ipc_inet_protocol(sock) == IPPROTO_TCP &&
	       (ipc_sock_is(sock, "UNCONN") || ipc_sock_is(sock, "BOUND-INACTIVE"));
}

static int fail_destroy(struct ipc_ctx *ctx, const struct ipc_sock *sock, int error)
{
	char holder[96];

	switch (error) {
	case -ENOENT:
	case -ESTALE:
		if (is_bound_only(sock))
			return ipc_ctx_fail(ctx, -ENOSYS,
					    "is bound and does nothing else: the kernel ends no such sockets; end %s",
					    holder_of(sock, holder, sizeof(holder)));
		return ipc_ctx_fail(ctx, -ENOENT, "gone: the socket was closed meanwhile");
	case -EPERM:
	case -EACCES:
		return ipc_ctx_fail(ctx, -EPERM,
				    "ending sockets takes CAP_NET_ADMIN (root) over their network namespace");
	case -EOPNOTSUPP:
		if (ipc_sock_is(sock, "TIME-WAIT"))
			return ipc_ctx_fail(
				ctx, -ENOSYS,
				"this kernel ends no sockets in TIME-WAIT; they go by themselves within a minute");
		return ipc_ctx_fail(
			ctx, -ENOSYS,
			"the kernel was built without CONFIG_INET_DIAG_DESTROY; end the process that has it");
	default:
		return ipc_ctx_fail(ctx, error, "cannot be ended: %s", strerror(-error));
	}
}

static void tell(struct ipc_ctx *ctx, const struct ipc_sock *sock, bool dry_run)
{
	const char *what = "its calls fail with ECONNABORTED, and its peer gets a reset";
	char holder[96];

	if (!sock->base.holders.count)
		return; /* TIME-WAIT */
	if (ipc_sock_is(sock, "LISTEN"))
		what = "its accept() fails with EINVAL, connections that it accepted stay, and so does its claim on the port "
		       "until it closes the descriptor";
	else if (ipc_inet_protocol(sock) != IPPROTO_TCP)
		what = "its call fails with ECONNABORTED";
	ipc_ctx_set_note(ctx, "%sended; %s keeps the descriptor: %s", dry_run ? "to be " : "",
			 holder_of(sock, holder, sizeof(holder)), what);
}

struct search {
	const struct inet_diag_req_v2 *request;
	bool found;
};

static int compare_cookie(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct search *search = data;

	search->found =
		memcmp(msg->id.idiag_cookie, search->request->id.idiag_cookie, sizeof(msg->id.idiag_cookie)) == 0;
	return search->found;
}

#define PATIENCE 20
#define PAUSE 5000000 /* ns */

/*
 * Of UDP the kernel takes no more than the connection: a port that was asked for stays bound until the process closes the
 * socket, which it may do because of the error.
 */
static int check_closed(struct ipc_ctx *ctx, struct ipc_diag *diag, const struct inet_diag_req_v2 *request,
			const struct ipc_sock *sock)
{
	const struct timespec pause = {.tv_nsec = PAUSE};
	const struct inet_diag_req_v2 all = {
		.sdiag_family = request->sdiag_family, .sdiag_protocol = request->sdiag_protocol, .idiag_states = ~0u};
	struct search search = {.request = request};
	char holder[96];
	int i, r;

	for (i = 0; i < PATIENCE; i++) {
		search.found = false;
		r = ipc_diag_dump(diag, "unused", &all, sizeof(all), sizeof(struct inet_diag_msg), compare_cookie,
				  &search);
		if (r < 0)
			return ipc_ctx_fail(ctx, r, "told to end, by ECONNABORTED; whether it did cannot be seen: %s",
					    strerror(-r));
		if (!search.found && r == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return ipc_ctx_fail(
		ctx, -EBUSY,
		"told to end, by ECONNABORTED, but a UDP port stays bound until its process closes it: end %s",
		holder_of(sock, holder, sizeof(holder)));
}

int ipc_inet_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	struct inet_diag_req_v2 request;
	struct ipc_diag *diag;
	int r;

	if (sock->cookie == IPC_UNKNOWN || make_request(sock, &request))
		return ipc_ctx_fail(ctx, -EINVAL, "has no address that the kernel would find it by");
	tell(ctx, sock, how->dry_run);
	if (how->dry_run)
		return 0;
	r = ipc_diag_open(ctx, &diag);
	if (r)
		return ipc_ctx_fail(ctx, r, "no socket to the kernel can be had: %s", strerror(-r));
	r = destroy(diag, &request, !sock->peer.data);
	if (r)
		r = fail_destroy(ctx, sock, r);
	else if (request.sdiag_protocol != IPPROTO_TCP)
		r = check_closed(ctx, diag, &request, sock);
	ipc_diag_close(diag);
	return r;
}

/* ---- who has an address ------------------------------------------------------------------------------------------ */

struct conflict {
	const struct ipc_endpoint *end;
	bool found;
	uint64_t inode;
	char address[INET6_ADDRSTRLEN];
};

static bool is_zero(const void *address, size_t size)
{
	static const unsigned char zero[16];

	return memcmp(address, zero, size) == 0;
}

/* Sockets of one port get in each other's way when they have the same address, or one of them has them all. */
static int compare(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct conflict *conflict = data;
	const struct ipc_endpoint *end = conflict->end;
	size_t size = msg->idiag_family == AF_INET ? 4 : 16;
	bool same_family = (msg->idiag_family == AF_INET6) == end->v6;

	if (ntohs(msg->id.idiag_sport) != end->port)
		return 0;
	if (!(same_family && memcmp(msg->id.idiag_src, end->address, size) == 0) && !is_zero(msg->id.idiag_src, size) &&
	    !is_zero(end->address, end->v6 ? 16 : 4))
		return 0;
	inet_ntop(msg->idiag_family, msg->id.idiag_src, conflict->address, sizeof(conflict->address));
	conflict->inode = msg->idiag_inode;
	conflict->found = true;
	return 1;
}

static void find_conflict(struct ipc_ctx *ctx, struct conflict *conflict, int protocol)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct ipc_diag *diag;
	size_t i;

	if (ipc_diag_open(ctx, &diag))
		return;
	for (i = 0; i < 2 && !conflict->found; i++) {
		const struct inet_diag_req_v2 request = {
			.sdiag_family = families[i],
			.sdiag_protocol = (uint8_t)protocol,
			.idiag_states = protocol == IPPROTO_TCP ? 1u << TCP_LISTEN | 1u << TCP_CLOSE : ~0u};

		ipc_diag_dump(diag, "unused", &request, sizeof(request), sizeof(struct inet_diag_msg), compare,
			      conflict);
	}
	ipc_diag_close(diag);
}

int ipc_inet_fail_in_use(struct ipc_ctx *ctx, const struct ipc_endpoint *end, int protocol)
{
	struct conflict conflict = {.end = end};

	find_conflict(ctx, &conflict, protocol);
	if (!conflict.found || !conflict.inode)
		return ipc_ctx_fail(ctx, -EADDRINUSE, "another socket has port %u already", end->port);
	return ipc_ctx_fail(ctx, -EADDRINUSE,
			    "sock:%" PRIu64 " has port %u of %s already; \"ipctool show sock:%" PRIu64
			    "\" says whose it is",
			    conflict.inode, end->port, conflict.address, conflict.inode);
}
