/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDP sockets by xdp_diag: frames that bypass the network stack, by interface and queue. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/xdp_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/contents.h"
#include "classes/sock_events.h"

/* Newer than some C libraries' headers. */
#ifndef AF_XDP
#define AF_XDP 44
#endif

/* The frames' memory, shared with the process; it dwarfs what the kernel charges to the socket itself. */
static uint64_t frames_size(const struct nlattr *attr)
{
	struct xdp_diag_umem umem;

	if (!attr)
		return IPC_UNKNOWN;
	memcpy(&umem, mnl_attr_get_payload(attr), sizeof(umem));
	return umem.size;
}

static int take(const struct nlmsghdr *nlh, void *data)
{
	static const uint16_t least[XDP_DIAG_MEMINFO + 1] = {[XDP_DIAG_INFO] = sizeof(struct xdp_diag_info),
							     [XDP_DIAG_UID] = 4,
							     [XDP_DIAG_UMEM] = sizeof(struct xdp_diag_umem)};
	const struct xdp_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[XDP_DIAG_MEMINFO + 1];
	struct ipc_sock_walk *walk = data;
	struct ipc_sock *sock;

	if (ipc_sock_walk_met(walk, msg->xdiag_cookie))
		return 0;
	ipc_diag_attributes(nlh, sizeof(*msg), table, least, XDP_DIAG_MEMINFO + 1);
	sock = ipc_sock_walk_object(walk, msg->xdiag_ino, msg->xdiag_cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(msg->xdiag_type);
	sock->base.status = IPC_EMPTY_LIST;
	if (table[XDP_DIAG_INFO]) {
		const struct xdp_diag_info *info = mnl_attr_get_payload(table[XDP_DIAG_INFO]);

		sock->interface = ipc_sock_interface(walk->run, info->ifindex);
		/* Not bound yet, it is of no queue. */
		if (sock->interface.data)
			sock->local = ipc_arena_format(&walk->run->arena, "%.*s:%u", (int)sock->interface.len,
						       sock->interface.data, info->queue_id);
	}
	if (table[XDP_DIAG_UID])
		sock->base.uid = mnl_attr_get_u32(table[XDP_DIAG_UID]);
	sock->base.size = frames_size(table[XDP_DIAG_UMEM]);
	sock->memory = ipc_sock_memory(table[XDP_DIAG_MEMINFO]);
	return ipc_run_emit(walk->run, sock);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct xdp_diag_req request = {.sdiag_family = AF_XDP, .xdiag_show = XDP_SHOW_INFO | XDP_SHOW_UMEM};

	if (ipc_run_needs(run, IPC_NEED_MEMORY))
		request.xdiag_show |= XDP_SHOW_MEMINFO;
	return ipc_sock_collect(run, kind, "XDP", &request, sizeof(request), sizeof(struct xdp_diag_msg), take);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;

	ipc_sock_fill_event(raw, sock);
	sock->interface = ipc_sock_event_interface(run, raw->local.scope);
	if (sock->interface.data)
		sock->local = ipc_arena_format(&run->arena, "%.*s:%u", (int)sock->interface.len, sock->interface.data,
					       raw->local.port);
}

static bool is_xdp(const struct ipc_raw *raw)
{
	return raw->family == AF_XDP;
}

static const struct ipc_events events = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_xdp);

const struct ipc_kind ipc_kind_sock_xdp = {
	IPC_SOCK_NET_KIND("xdp", "XDP sockets: frames that bypass the network stack"),
	.locators = 1u << IPC_BY_NUMBER,
	.collect = collect,
	.names = ipc_sock_names,
	.identity = ipc_sock_identity,
	.judge = ipc_sock_judge,
	.changes = &ipc_changes_sock_other,
	.contents = &ipc_contents_sock_none,
	.events = &events,
};
