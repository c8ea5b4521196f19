/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vsock sockets by vsock_diag: between virtual machines and their host. */
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/vm_sockets_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/contents.h"
#include "classes/sock_events.h"

/* "CID:PORT"; the kernel's wildcard is all ones. */
static struct ipc_bytes address(struct ipc_arena *arena, uint32_t cid, uint32_t port)
{
	if (cid == UINT32_MAX)
		return port == UINT32_MAX ? IPC_BYTES("*:*") : ipc_arena_format(arena, "*:%u", port);
	return ipc_arena_format(arena, "%u:%u", cid, port);
}

static int take(const struct nlmsghdr *nlh, void *data)
{
	const struct vsock_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct ipc_sock_walk *walk = data;
	struct ipc_sock *sock;

	if (ipc_sock_walk_met(walk, msg->vdiag_cookie))
		return 0;
	sock = ipc_sock_walk_object(walk, msg->vdiag_ino, msg->vdiag_cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(msg->vdiag_type);
	sock->base.status = ipc_sock_status(msg->vdiag_state);
	sock->shutdown = ipc_sock_shutdown(msg->vdiag_shutdown);
	sock->local = address(&walk->run->arena, msg->vdiag_src_cid, msg->vdiag_src_port);
	sock->connected = msg->vdiag_state != TCP_LISTEN && msg->vdiag_dst_cid != UINT32_MAX;
	if (sock->connected)
		sock->peer = address(&walk->run->arena, msg->vdiag_dst_cid, msg->vdiag_dst_port);
	return ipc_run_emit(walk->run, sock);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct vsock_diag_req request = {.sdiag_family = AF_VSOCK,
					       .vdiag_states = ipc_run_named_only(run, kind) ? 1u << TCP_LISTEN : ~0u};

	return ipc_sock_collect(run, kind, "AF_VSOCK", &request, sizeof(request), sizeof(struct vsock_diag_msg), take);
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	if (object->inode != IPC_UNKNOWN && !ipc_names_add_number(names, false, object->inode))
		return;
	if (sock->peer.data && !ipc_names_add(names, false, "vsock:%.*s,%.*s", (int)sock->local.len, sock->local.data,
					      (int)sock->peer.len, sock->peer.data))
		return;
	if (sock->local.data)
		ipc_names_add(names, sock->connected, "vsock:%.*s", (int)sock->local.len, sock->local.data);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;
	uint32_t local, peer;

	ipc_sock_fill_event(raw, sock);
	memcpy(&local, raw->local.bytes, sizeof(local));
	memcpy(&peer, raw->remote.bytes, sizeof(peer));
	if (raw->local.family)
		sock->local = address(&run->arena, local, raw->local.scope);
	sock->connected = raw->remote.family != 0;
	if (sock->connected)
		sock->peer = address(&run->arena, peer, raw->remote.scope);
}

static bool is_vsock(const struct ipc_raw *raw)
{
	return raw->family == AF_VSOCK;
}

static const struct ipc_events events = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_vsock);

const struct ipc_kind ipc_kind_sock_vsock = {
	IPC_SOCK_NET_KIND("vsock", "vsock sockets between virtual machines and their host"),
	.leaks = true,
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_ADDRESS,
	.collect = collect,
	.names = names,
	.identity = ipc_sock_identity,
	.judge = ipc_sock_judge,
	.changes = &ipc_changes_sock_other,
	.contents = &ipc_contents_sock_other,
	.events = &events,
};
