/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packet sockets by packet_diag: who listens to whole frames, on which interface. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include "classes/contents.h"
#include "classes/sock_events.h"

static struct ipc_bytes frame_protocol(struct ipc_arena *arena, unsigned number)
{
	switch (number) {
	case 0:
		return IPC_BYTES("none"); /* bound to no protocol: receives nothing */
	case ETH_P_ALL:
		return IPC_BYTES("all");
	case ETH_P_IP:
		return IPC_BYTES("ip");
	case ETH_P_IPV6:
		return IPC_BYTES("ipv6");
	case ETH_P_ARP:
		return IPC_BYTES("arp");
	default:
		return ipc_arena_format(arena, "0x%04x", number);
	}
}

static int take(const struct nlmsghdr *nlh, void *data)
{
	static const uint16_t least[PACKET_DIAG_MEMINFO + 1] = {
		[PACKET_DIAG_INFO] = sizeof(struct packet_diag_info), [PACKET_DIAG_UID] = 4};
	const struct packet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[PACKET_DIAG_MEMINFO + 1];
	struct ipc_sock_walk *walk = data;
	struct ipc_sock *sock;

	if (ipc_sock_walk_met(walk, msg->pdiag_cookie))
		return 0;
	ipc_diag_attributes(nlh, sizeof(*msg), table, least, PACKET_DIAG_MEMINFO + 1);
	sock = ipc_sock_walk_object(walk, msg->pdiag_ino, msg->pdiag_cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(msg->pdiag_type);
	sock->protocol = frame_protocol(&walk->run->arena, msg->pdiag_num);
	sock->base.status = IPC_EMPTY_LIST;
	if (table[PACKET_DIAG_INFO]) {
		const struct packet_diag_info *info = mnl_attr_get_payload(table[PACKET_DIAG_INFO]);

		sock->interface = ipc_sock_interface(walk->run, info->pdi_index);
		sock->local = sock->interface.data ? sock->interface : IPC_BYTES("*");
	}
	if (table[PACKET_DIAG_UID])
		sock->base.uid = mnl_attr_get_u32(table[PACKET_DIAG_UID]);
	sock->memory = ipc_sock_memory(table[PACKET_DIAG_MEMINFO]);
	return ipc_run_emit(walk->run, sock);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct packet_diag_req request = {.sdiag_family = AF_PACKET, .pdiag_show = PACKET_SHOW_INFO};

	if (ipc_run_needs(run, IPC_NEED_MEMORY))
		request.pdiag_show |= PACKET_SHOW_MEMINFO;
	return ipc_sock_collect(run, kind, "PACKET", &request, sizeof(request), sizeof(struct packet_diag_msg), take);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;

	ipc_sock_fill_event(raw, sock);
	sock->interface = ipc_sock_event_interface(run, raw->local.scope);
	sock->local = sock->interface.data ? sock->interface : IPC_BYTES("*");
}

static bool is_packet(const struct ipc_raw *raw)
{
	return raw->family == AF_PACKET;
}

static const struct ipc_events events = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_packet);

const struct ipc_kind ipc_kind_sock_packet = {
	IPC_SOCK_NET_KIND("packet", "packet sockets: whole frames of an interface"),
	.locators = 1u << IPC_BY_NUMBER,
	.collect = collect,
	.names = ipc_sock_names,
	.identity = ipc_sock_identity,
	.judge = ipc_sock_judge,
	.changes = &ipc_changes_sock_other,
	.contents = &ipc_contents_sock_other,
	.events = &events,
};
