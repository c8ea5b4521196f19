/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink sockets by netlink_diag: protocol, port and groups; the kernel's own ends have port 0. */
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netlink_diag.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/contents.h"
#include "classes/sock_events.h"

static struct ipc_bytes family_name(struct ipc_arena *arena, unsigned number)
{
	static const struct ipc_bytes names[] = {
		[NETLINK_ROUTE] = IPC_BYTES("route"),
		[NETLINK_USERSOCK] = IPC_BYTES("usersock"),
		[NETLINK_FIREWALL] = IPC_BYTES("firewall"),
		[NETLINK_SOCK_DIAG] = IPC_BYTES("sock_diag"),
		[NETLINK_NFLOG] = IPC_BYTES("nflog"),
		[NETLINK_XFRM] = IPC_BYTES("xfrm"),
		[NETLINK_SELINUX] = IPC_BYTES("selinux"),
		[NETLINK_ISCSI] = IPC_BYTES("iscsi"),
		[NETLINK_AUDIT] = IPC_BYTES("audit"),
		[NETLINK_FIB_LOOKUP] = IPC_BYTES("fib_lookup"),
		[NETLINK_CONNECTOR] = IPC_BYTES("connector"),
		[NETLINK_NETFILTER] = IPC_BYTES("netfilter"),
		[NETLINK_IP6_FW] = IPC_BYTES("ip6_fw"),
		[NETLINK_DNRTMSG] = IPC_BYTES("dnrtmsg"),
		[NETLINK_KOBJECT_UEVENT] = IPC_BYTES("uevent"),
		[NETLINK_GENERIC] = IPC_BYTES("generic"),
		[NETLINK_SCSITRANSPORT] = IPC_BYTES("scsitransport"),
		[NETLINK_ECRYPTFS] = IPC_BYTES("ecryptfs"),
		[NETLINK_RDMA] = IPC_BYTES("rdma"),
		[NETLINK_CRYPTO] = IPC_BYTES("crypto"),
	};

	if (number < sizeof(names) / sizeof(names[0]) && names[number].data)
		return names[number];
	return ipc_arena_format(arena, "%u", number);
}

/* "route:4711", "route:kernel" */
static struct ipc_bytes address(struct ipc_arena *arena, struct ipc_bytes family, unsigned port)
{
	if (port == 0)
		return ipc_arena_format(arena, "%.*s:kernel", (int)family.len, family.data);
	return ipc_arena_format(arena, "%.*s:%u", (int)family.len, family.data, port);
}

static int take(const struct nlmsghdr *nlh, void *data)
{
	static const uint16_t least[NETLINK_DIAG_MEMINFO + 1];
	const struct netlink_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[NETLINK_DIAG_MEMINFO + 1];
	struct ipc_sock_walk *walk = data;
	struct ipc_arena *arena = &walk->run->arena;
	struct ipc_sock *sock;

	if (ipc_sock_walk_met(walk, msg->ndiag_cookie))
		return 0;
	/* The socket that asks is gone when anybody reads of it. */
	if (msg->ndiag_protocol == NETLINK_SOCK_DIAG && msg->ndiag_portid &&
	    msg->ndiag_portid == ipc_diag_port(walk->diag))
		return 0;
	ipc_diag_attributes(nlh, sizeof(*msg), table, least, NETLINK_DIAG_MEMINFO + 1);
	sock = ipc_sock_walk_object(walk, msg->ndiag_ino, msg->ndiag_cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(msg->ndiag_type);
	sock->protocol = family_name(arena, msg->ndiag_protocol);
	sock->base.status = IPC_EMPTY_LIST;
	sock->local = address(arena, sock->protocol, msg->ndiag_portid);
	if (msg->ndiag_dst_portid)
		sock->peer = address(arena, sock->protocol, msg->ndiag_dst_portid);
	sock->memory = ipc_sock_memory(table[NETLINK_DIAG_MEMINFO]);
	return ipc_run_emit(walk->run, sock);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct netlink_diag_req request = {.sdiag_family = AF_NETLINK, .sdiag_protocol = NDIAG_PROTO_ALL};

	if (ipc_run_needs(run, IPC_NEED_MEMORY))
		request.ndiag_show = NDIAG_SHOW_MEMINFO;
	return ipc_sock_collect(run, kind, "NETLINK", &request, sizeof(request), sizeof(struct netlink_diag_msg), take);
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	/* A socket of the kernel itself may have no inode. */
	if (object->inode != IPC_UNKNOWN && !ipc_names_add_number(names, false, object->inode))
		return;
	if (sock->local.data)
		ipc_names_add(names, false, "netlink:%.*s", (int)sock->local.len, sock->local.data);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;

	ipc_sock_fill_event(raw, sock);
	sock->protocol = family_name(&run->arena, raw->protocol);
	if (raw->local.family)
		sock->local = address(&run->arena, sock->protocol, raw->local.scope);
	if (raw->remote.family)
		sock->peer = address(&run->arena, sock->protocol, raw->remote.scope);
}

static bool is_netlink(const struct ipc_raw *raw)
{
	return raw->family == AF_NETLINK;
}

static const struct ipc_events events = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_netlink);

const struct ipc_kind ipc_kind_sock_netlink = {
	IPC_SOCK_NET_KIND("netlink", "netlink sockets: conversations with the kernel"),
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_ADDRESS,
	.collect = collect,
	.names = names,
	.identity = ipc_sock_identity,
	.judge = ipc_sock_judge,
	.changes = &ipc_changes_sock_other,
	.contents = &ipc_contents_sock_other,
	.events = &events,
};
