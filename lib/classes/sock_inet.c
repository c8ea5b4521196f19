/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Internet sockets by inet_diag: TCP, UDP, raw, MPTCP, SCTP and DCCP over IPv4 and IPv6, from one table of protocols.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "classes/contents.h"
#include "classes/sock_events.h"
#include "classes/sock_few.h"
#include "classes/sock_inet.h"
#include "classes/sock_inet_place.h"

/* Newer than some C libraries' headers. */
enum { PROTOCOL_DCCP = 33, PROTOCOL_SCTP = 132, PROTOCOL_UDPLITE = 136, PROTOCOL_MPTCP = 262 };

struct protocol {
	const struct ipc_kind *kind;
	unsigned family;
	unsigned number;
	unsigned type;
	const char *listed;  /* in /proc/net/protocols */
	const char *capture; /* file of a captured tree */
	const char *name;
};

static const struct protocol protocols[] = {
	{&ipc_kind_sock_tcp, AF_INET, IPPROTO_TCP, SOCK_STREAM, "TCP", "tcp-4", "tcp"},
	{&ipc_kind_sock_tcp, AF_INET6, IPPROTO_TCP, SOCK_STREAM, "TCPv6", "tcp-6", "tcp"},
	{&ipc_kind_sock_udp, AF_INET, IPPROTO_UDP, SOCK_DGRAM, "UDP", "udp-4", "udp"},
	{&ipc_kind_sock_udp, AF_INET6, IPPROTO_UDP, SOCK_DGRAM, "UDPv6", "udp-6", "udp"},
	{&ipc_kind_sock_udp, AF_INET, PROTOCOL_UDPLITE, SOCK_DGRAM, "UDP-Lite", "udplite-4", "udplite"},
	{&ipc_kind_sock_udp, AF_INET6, PROTOCOL_UDPLITE, SOCK_DGRAM, "UDPLITEv6", "udplite-6", "udplite"},
	{&ipc_kind_sock_raw, AF_INET, IPPROTO_RAW, SOCK_RAW, "RAW", "raw-4", NULL},
	{&ipc_kind_sock_raw, AF_INET6, IPPROTO_RAW, SOCK_RAW, "RAWv6", "raw-6", NULL},
	{&ipc_kind_sock_mptcp, AF_INET, PROTOCOL_MPTCP, SOCK_STREAM, "MPTCP", "mptcp-4", "mptcp"},
	{&ipc_kind_sock_mptcp, AF_INET6, PROTOCOL_MPTCP, SOCK_STREAM, "MPTCPv6", "mptcp-6", "mptcp"},
	{&ipc_kind_sock_sctp, AF_INET, PROTOCOL_SCTP, SOCK_STREAM, "SCTP", "sctp-4", "sctp"},
	{&ipc_kind_sock_sctp, AF_INET6, PROTOCOL_SCTP, SOCK_STREAM, "SCTPv6", "sctp-6", "sctp"},
	{&ipc_kind_sock_dccp, AF_INET, PROTOCOL_DCCP, SOCK_STREAM, "DCCP", "dccp-4", "dccp"},
	{&ipc_kind_sock_dccp, AF_INET6, PROTOCOL_DCCP, SOCK_STREAM, "DCCPv6", "dccp-6", "dccp"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct inet_walk {
	struct ipc_sock_walk base;
	const struct protocol *protocol;
	bool named_only;
	struct ipc_inet_index listeners, connections;
	struct ipc_idset mptcp; /* inodes of MPTCP sockets, which their TCP subflows report too */
	struct ipc_sock_few few;
	uint64_t alone;               /* the one of these that is asked for alone */
	bool found;                   /* it was told of */
	struct if_nameindex *devices; /* to which the other end may be bound */
	size_t device_count;
	unsigned states; /* of those that are left to be dumped */
};

/* ---- messages ------------------------------------------------------------------------------------------------ */

static void parse_end(const uint32_t address[4], uint16_t port, unsigned family, struct ipc_inet_end *out)
{
	if (family == AF_INET) {
		ipc_inet_end_v4(out, address[0], ntohs(port));
		return;
	}
	memcpy(out->address, address, sizeof(out->address));
	out->port = ntohs(port);
}

void ipc_inet_parse(const struct nlmsghdr *nlh, struct ipc_inet_socket *out)
{
	static const uint16_t least[INET_DIAG_SKV6ONLY + 1] = {[INET_DIAG_SHUTDOWN] = 1, [INET_DIAG_SKV6ONLY] = 1};
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[INET_DIAG_SKV6ONLY + 1];

	ipc_diag_attributes(nlh, sizeof(*msg), table, least, COUNT(table));
	*out = (struct ipc_inet_socket){
		.family = msg->idiag_family,
		.state = msg->idiag_state,
		.inode = msg->idiag_inode,
		.cookie = {msg->id.idiag_cookie[0], msg->id.idiag_cookie[1]},
		.interface = msg->id.idiag_if,
		.timer = msg->idiag_timer,
		.retransmits = msg->idiag_retrans,
		.timer_expires = msg->idiag_expires,
		.receive_queue = msg->idiag_rqueue,
		.send_queue = msg->idiag_wqueue,
		.memory = ipc_sock_memory(table[INET_DIAG_SKMEMINFO]),
		/* Without a process's socket behind it the kernel says 0, which is not root. */
		.uid = msg->idiag_inode ? msg->idiag_uid : IPC_UNKNOWN,
	};
	parse_end(msg->id.idiag_src, msg->id.idiag_sport, msg->idiag_family, &out->local);
	parse_end(msg->id.idiag_dst, msg->id.idiag_dport, msg->idiag_family, &out->peer);
	if (table[INET_DIAG_SHUTDOWN])
		out->shutdown = mnl_attr_get_u8(table[INET_DIAG_SHUTDOWN]);
	if (table[INET_DIAG_SKV6ONLY])
		out->v6only = mnl_attr_get_u8(table[INET_DIAG_SKV6ONLY]);
}

/* Since Linux 6.2, those that listen and those that have left their process included. */
static bool mptcp_is_counted(void)
{
	unsigned version, level;
	struct utsname names;

	return uname(&names) == 0 && sscanf(names.release, "%u.%u", &version, &level) == 2 &&
	       (version > 6 || (version == 6 && level >= 2));
}

/*
 * A dump of MPTCP walks a table of its own, all of it, which takes longer than all other sockets of an idle host together. Nearly
 * every host has the protocol, and few have such sockets.
 */
static bool has_no_mptcp(struct ipc_run *run, const struct protocol *protocol)
{
	return protocol->number == PROTOCOL_MPTCP && !run->ctx->captured &&
	       ipc_sock_protocol_count(run, protocol->listed) == 0 && mptcp_is_counted();
}

static int dump(struct inet_walk *walk, const struct protocol *protocol, unsigned states, bool memory, ipc_diag_fn fn)
{
	struct {
		struct inet_diag_req_v2 fixed;
		struct nlattr header;
		uint32_t protocol;
	} request = {
		.fixed = {.sdiag_family = protocol->family, .idiag_states = states},
		.header = {.nla_len = sizeof(struct nlattr) + sizeof(uint32_t), .nla_type = INET_DIAG_REQ_PROTOCOL},
		.protocol = protocol->number,
	};
	size_t size = sizeof(request);

	if (has_no_mptcp(walk->base.run, protocol))
		return 0;
	if (memory)
		request.fixed.idiag_ext = 1u << (INET_DIAG_SKMEMINFO - 1);
	if (protocol->number <= UINT8_MAX) {
		request.fixed.sdiag_protocol = protocol->number;
		size = sizeof(request.fixed);
	}
	walk->base.inode_at = offsetof(struct inet_diag_msg, idiag_inode);
	return ipc_sock_walk_dump(&walk->base, protocol->capture, &request, size, sizeof(struct inet_diag_msg), fn,
				  walk);
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

static bool is_link_local(const struct ipc_inet_end *end)
{
	return end->address[0] == 0xfe && (end->address[1] & 0xc0) == 0x80;
}

static void fill_addresses(struct ipc_sock *sock, struct ipc_arena *arena, const struct ipc_inet_socket *socket)
{
	struct ipc_bytes none = IPC_NO_BYTES;
	bool has_peer = socket->peer.port || !ipc_inet_end_is_any(&socket->peer);

	sock->local = ipc_inet_format_end(arena, socket->family, &socket->local, sock->interface);
	if (has_peer)
		sock->peer = ipc_inet_format_end(arena, socket->family, &socket->peer,
						 is_link_local(&socket->peer) ? sock->interface : none);
	sock->connected = has_peer;
}

static void fill_timer(struct ipc_sock *sock, const struct ipc_inet_socket *socket)
{
	static const struct ipc_bytes words[] = {[1] = IPC_BYTES("retransmit"),
						 [2] = IPC_BYTES("keepalive"),
						 [3] = IPC_BYTES("timewait"),
						 [4] = IPC_BYTES("persist")};

	if (socket->timer == 0 || socket->timer >= COUNT(words))
		return;
	sock->timer = words[socket->timer];
	sock->timer_expires = (int64_t)socket->timer_expires * 1000000;
}

static struct ipc_bytes raw_protocol(struct ipc_arena *arena, unsigned number)
{
	static const struct {
		unsigned number;
		struct ipc_bytes name;
	} known[] = {
		{IPPROTO_ICMP, IPC_BYTES("icmp")}, {IPPROTO_IGMP, IPC_BYTES("igmp")},  {IPPROTO_TCP, IPC_BYTES("tcp")},
		{IPPROTO_UDP, IPC_BYTES("udp")},   {IPPROTO_GRE, IPC_BYTES("gre")},    {IPPROTO_ESP, IPC_BYTES("esp")},
		{IPPROTO_AH, IPC_BYTES("ah")},     {58, IPC_BYTES("icmpv6")},          {89, IPC_BYTES("ospf")},
		{112, IPC_BYTES("vrrp")},          {PROTOCOL_SCTP, IPC_BYTES("sctp")}, {IPPROTO_RAW, IPC_BYTES("raw")},
	};
	size_t i;

	for (i = 0; i < COUNT(known); i++)
		if (known[i].number == number)
			return known[i].name;
	return ipc_arena_format(arena, "%u", number);
}

static void fill_others(struct ipc_sock *sock, struct inet_walk *walk, const struct ipc_inet_socket *socket)
{
	struct ipc_run *run = walk->base.run;
	uint64_t inode;

	if (ipc_run_needs(run, IPC_NEED_PEERS)) {
		inode = ipc_inet_index_peer(&walk->connections, socket);
		sock->peers = inode ? ipc_sock_peer(run, inode) : IPC_EMPTY_LIST;
	}
	if (ipc_run_needs(run, IPC_NEED_LISTENER) && socket->state != TCP_LISTEN && sock->connected) {
		inode = ipc_inet_index_listener(&walk->listeners, socket);
		if (inode)
			sock->listener = ipc_sock_reference(run, inode);
	}
}

/*
 * DCCP's own states follow the last one of TCP, which was 12 up to Linux 6.7 and is 13 since. The first of them is the
 * client's until the server has sent something; 14 is, up to 6.7, also the short one of being asked to close.
 */
static struct ipc_list status_of(const struct protocol *protocol, unsigned state)
{
	static const struct ipc_bytes partopen = IPC_BYTES("PARTOPEN"), closereq = IPC_BYTES("PASSIVE-CLOSEREQ");

	if (protocol->number != PROTOCOL_DCCP || state < 13)
		return ipc_sock_status(state);
	return (struct ipc_list){state < 15 ? &partopen : &closereq, 1};
}

static int emit(const struct ipc_inet_socket *socket, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_run *run = walk->base.run;
	const struct protocol *protocol = walk->protocol;
	struct ipc_sock *sock;

	if (socket->family != AF_INET && socket->family != AF_INET6)
		return 0;
	sock = ipc_sock_walk_object(&walk->base, socket->inode, socket->cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(protocol->type);
	sock->protocol = protocol->name ? ipc_bytes_of(protocol->name) : raw_protocol(&run->arena, socket->local.port);
	sock->base.status = status_of(protocol, socket->state);
	sock->base.uid = socket->uid;
	sock->interface = ipc_sock_interface(run, socket->interface);
	fill_addresses(sock, &run->arena, socket);
	fill_timer(sock, socket);
	fill_others(sock, walk, socket);
	sock->retransmits = socket->retransmits;
	sock->shutdown = ipc_sock_shutdown(socket->shutdown);
	ipc_sock_fill_queues(sock, socket->state, socket->receive_queue, socket->send_queue);
	sock->memory = socket->memory;
	sock->subflow = socket->inode && ipc_idset_has(&walk->mptcp, socket->inode);
	return ipc_run_emit(run, sock);
}

static int take_message(const struct nlmsghdr *nlh, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	if (ipc_sock_few_lacks(&walk->few, socket.inode))
		return 0;
	return ipc_sock_walk_met(&walk->base, socket.cookie) ? 0 : emit(&socket, walk);
}

/* ---- other sockets that a socket's fields speak of ----------------------------------------------------------- */

static int index_listener(const struct nlmsghdr *nlh, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	return socket.state == TCP_LISTEN ? ipc_inet_index_add(&walk->listeners, &socket) : 0;
}

static int index_connection(const struct nlmsghdr *nlh, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	return socket.peer.port && socket.inode ? ipc_inet_index_add(&walk->connections, &socket) : 0;
}

static int note_mptcp(const struct nlmsghdr *nlh, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	return ipc_idset_add(&walk->mptcp, socket.inode) < 0 ? -ENOMEM : 0;
}

/* The kernel says so itself only along with 300 bytes of TCP statistics for each socket. */
static int find_mptcp(struct inet_walk *walk)
{
	size_t i;
	int r = 0;

	for (i = 0; r != -ENOMEM && i < COUNT(protocols); i++)
		if (protocols[i].kind == &ipc_kind_sock_mptcp &&
		    ipc_sock_protocol_count(walk->base.run, protocols[i].listed) >= 0)
			r = dump(walk, &protocols[i], ~0u, false, note_mptcp);
	/* A kernel that has MPTCP but cannot dump it shows its subflows alone, and then the inode is theirs. */
	return r == -ENOMEM ? r : 0;
}

/* Both families first: an IPv4 connection may come from a listener on [::], and a peer may be of the other one. */
static int make_indexes(struct inet_walk *walk, const struct protocol *protocol)
{
	unsigned connected = ~(1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_TIME_WAIT);
	int r = 0;

	if (ipc_run_needs(walk->base.run, IPC_NEED_LISTENER) && protocol->type == SOCK_STREAM)
		r = dump(walk, protocol, 1u << TCP_LISTEN, false, index_listener);
	if (r == 0 && ipc_run_needs(walk->base.run, IPC_NEED_PEERS) && protocol->type != SOCK_RAW &&
	    walk->states & connected)
		r = dump(walk, protocol, connected, false, index_connection);
	return r;
}

/* ---- a few alone ----------------------------------------------------------------------------------------------- */

/* Below this a dump takes no more than about ten milliseconds, and no descriptor has to be copied. */
#define MANY_SOCKETS 8192

static int ask(struct inet_walk *walk, unsigned family, const struct inet_diag_sockid *id, ipc_diag_fn fn)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u, .id = *id};

	if (ipc_run_needs(walk->base.run, IPC_NEED_MEMORY))
		request.idiag_ext = 1u << (INET_DIAG_SKMEMINFO - 1);
	return ipc_diag_one(walk->base.diag, SOCK_DIAG_BY_FAMILY, &request, sizeof(request),
			    sizeof(struct inet_diag_msg), fn, walk);
}

/* The other end may be bound to any interface: who asks has to name it. */
static void ask_peers(struct inet_walk *walk, unsigned family, const struct inet_diag_sockid *id)
{
	struct inet_diag_sockid other = {.idiag_sport = id->idiag_dport,
					 .idiag_dport = id->idiag_sport,
					 .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}};
	size_t i;

	memcpy(other.idiag_src, id->idiag_dst, sizeof(other.idiag_src));
	memcpy(other.idiag_dst, id->idiag_src, sizeof(other.idiag_dst));
	walk->connections.count = 0;
	/* It is not there: no peer is known of it. */
	ask(walk, family, &other, index_connection);
	for (i = 0; i < walk->device_count; i++) {
		other.idiag_if = walk->devices[i].if_index;
		ask(walk, family, &other, index_connection);
	}
	ipc_inet_index_sort(&walk->connections);
}

static int take_alone(const struct nlmsghdr *nlh, void *data)
{
	struct inet_walk *walk = data;
	struct ipc_inet_socket socket;

	ipc_inet_parse(nlh, &socket);
	if (socket.inode != walk->alone)
		return 0;
	walk->found = true;
	return ipc_sock_walk_met(&walk->base, socket.cookie) ? 0 : emit(&socket, walk);
}

/* What cannot be told of alone is left to a dump. Returns 0 or what emit() returned. */
static int ask_alone(struct inet_walk *walk, struct ipc_lender *lender)
{
	struct inet_diag_sockid id;
	unsigned family;
	int r;

	switch (ipc_inet_place(walk->base.run, lender, walk->alone, &family, &id)) {
	case IPC_INET_NOWHERE:
		return 0;
	case IPC_INET_LISTENS:
		walk->states |= 1u << TCP_LISTEN;
		return 0;
	case IPC_INET_UNTOLD:
		walk->states = ~0u;
		return 0;
	case IPC_INET_CONNECTED:
		break;
	}
	if (ipc_run_needs(walk->base.run, IPC_NEED_PEERS))
		ask_peers(walk, family, &id);
	walk->found = false;
	r = ask(walk, family, &id, take_alone);
	if (!walk->found)
		walk->states = ~0u;
	return walk->found ? r : 0;
}

static int index_listeners(struct inet_walk *walk)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < COUNT(protocols); i++)
		if (protocols[i].kind == &ipc_kind_sock_tcp)
			r = dump(walk, &protocols[i], 1u << TCP_LISTEN, false, index_listener);
	ipc_inet_index_sort(&walk->listeners);
	return r;
}

/* Returns 0, what emit() returned, or -errno; walk->states says which are left to be looked for in a dump. */
static int collect_alone(struct inet_walk *walk)
{
	struct ipc_lender lender = {0};
	size_t i;
	int r = 0;

	walk->states = 0;
	walk->protocol = &protocols[0];
	/* What is not available says so when it is listed. */
	if (ipc_run_needs(walk->base.run, IPC_NEED_LISTENER) && index_listeners(walk) == -ENOMEM)
		r = -ENOMEM;
	for (i = 0; r == 0 && i < walk->few.count && walk->states != ~0u; i++) {
		walk->alone = walk->few.inodes[i];
		r = ask_alone(walk, &lender);
	}
	ipc_lender_release(&lender);
	walk->listeners.count = walk->connections.count = 0;
	return r;
}

/* Is it worth while to ask for a few TCP sockets alone, of @sockets that there are? A question takes two thirds of what one costs. */
static bool few_are_asked_alone(struct inet_walk *walk, int64_t sockets)
{
	if (!walk->few.active || walk->named_only || sockets < MANY_SOCKETS)
		return false;
	if (ipc_run_needs(walk->base.run, IPC_NEED_PEERS) && !walk->devices)
		walk->devices = if_nameindex();
	while (walk->devices && walk->devices[walk->device_count].if_index)
		walk->device_count++;
	return walk->few.count <= (uint64_t)sockets / (4 * (2 + walk->device_count));
}

/* ---- the kinds ----------------------------------------------------------------------------------------------- */

/*
 * May the kernel be asked? It is not where a question would make it load a protocol that is not in use (see
 * netlink.h).
 */
static bool may_ask(struct ipc_run *run, const struct protocol *protocol, int64_t sockets)
{
	if (sockets >= 0 || run->ctx->captured)
		return true;
	return sockets != -ENOENT &&
	       (protocol->number == IPPROTO_TCP || protocol->number == IPPROTO_UDP || protocol->number == IPPROTO_RAW);
}

static unsigned wanted_states(const struct inet_walk *walk, const struct protocol *protocol)
{
	if (!walk->named_only)
		return walk->states;
	return protocol->type == SOCK_DGRAM ? 1u << TCP_CLOSE : 1u << TCP_LISTEN;
}

static int take_raw(const struct ipc_inet_socket *socket, void *data)
{
	const uint32_t inode[2] = {(uint32_t)socket->inode, (uint32_t)(socket->inode >> 32)};

	return ipc_sock_walk_met(&((struct inet_walk *)data)->base, inode) ? 0 : emit(socket, data);
}

static int collect_protocol(struct inet_walk *walk, const struct protocol *protocol, int64_t sockets)
{
	struct ipc_run *run = walk->base.run;
	int r;

	walk->protocol = protocol;
	r = dump(walk, protocol, wanted_states(walk, protocol), ipc_run_needs(run, IPC_NEED_MEMORY), take_message);
	if (r == -ENOENT && protocol->number == IPPROTO_RAW && protocol->family == AF_INET)
		r = ipc_inet_read_raw(run, take_raw, walk);
	else if (r == -ENOENT && protocol->number == IPPROTO_RAW)
		return 0; /* read with the IPv4 ones */
	if (r == -ENOENT && run->ctx->captured)
		return 0;
	return r < 0 ? ipc_sock_unavailable(run, protocol->kind, r, sockets) : r;
}

static int collect_all(struct inet_walk *walk, const int64_t sockets[COUNT(protocols)])
{
	const struct ipc_kind *kind = walk->base.kind;
	struct ipc_run *run = walk->base.run;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < COUNT(protocols); i++)
		/* What is not available says so when it is listed. */
		if (protocols[i].kind == kind && may_ask(run, &protocols[i], sockets[i]) &&
		    make_indexes(walk, &protocols[i]) == -ENOMEM)
			r = -ENOMEM;
	if (r == 0 && kind == &ipc_kind_sock_tcp)
		r = find_mptcp(walk);
	ipc_inet_index_sort(&walk->listeners);
	ipc_inet_index_sort(&walk->connections);
	for (i = 0; r == 0 && i < COUNT(protocols); i++)
		if (protocols[i].kind == kind && may_ask(run, &protocols[i], sockets[i]))
			r = collect_protocol(walk, &protocols[i], sockets[i]);
	return r;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct inet_walk walk = {.named_only = ipc_run_named_only(run, kind), .states = ~0u};
	int64_t sockets[COUNT(protocols)], all = 0;
	bool asked = false;
	size_t i;
	int r;

	for (i = 0; i < COUNT(protocols); i++) {
		if (protocols[i].kind != kind)
			continue;
		sockets[i] = ipc_sock_protocol_count(run, protocols[i].listed);
		all += sockets[i] > 0 ? sockets[i] : 0;
		asked |= may_ask(run, &protocols[i], sockets[i]);
	}
	if (!asked)
		return ipc_sock_unavailable(run, kind, -EPROTONOSUPPORT, 0);
	r = ipc_sock_few_init(&walk.few, run, kind);
	if (r == 0 && !(walk.few.active && !walk.few.count))
		r = ipc_sock_walk_begin(&walk.base, run, kind);
	else
		walk.states = 0;
	if (r == 0 && kind == &ipc_kind_sock_tcp && walk.states && few_are_asked_alone(&walk, all))
		r = collect_alone(&walk);
	if (r == 0 && walk.states)
		r = collect_all(&walk, sockets);
	if (walk.devices)
		if_freenameindex(walk.devices);
	ipc_sock_few_release(&walk.few);
	ipc_inet_index_release(&walk.listeners);
	ipc_inet_index_release(&walk.connections);
	ipc_idset_release(&walk.mptcp);
	ipc_sock_walk_end(&walk.base);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	const char *kind = object->of_kind->name;
	int local = (int)sock->local.len, peer = (int)sock->peer.len;

	/* The MPTCP socket has the better right to the inode that its subflows report too. */
	if (object->inode != IPC_UNKNOWN && !sock->subflow && !ipc_names_add_number(names, false, object->inode))
		return;
	if (sock->local.data) {
		/* Nothing but its two ends names a socket that has left its process (TIME-WAIT). */
		if (sock->peer.data &&
		    !ipc_names_add(names, false, "%s:%.*s,%.*s", kind, local, sock->local.data, peer, sock->peer.data))
			return;
		ipc_names_add(names, sock->connected, "%s:%.*s", kind, local, sock->local.data);
	}
	if (object->inode != IPC_UNKNOWN && sock->subflow)
		ipc_names_add(names, true, "%" PRIu64, object->inode);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static struct ipc_bytes format_event_end(struct ipc_run *run, const struct ipc_raw_address *address, bool peer)
{
	struct ipc_bytes zone = IPC_NO_BYTES;
	struct ipc_inet_end end;
	uint32_t v4;

	if (address->family != AF_INET && address->family != AF_INET6)
		return IPC_NO_BYTES;
	memcpy(&v4, address->bytes, sizeof(v4));
	if (address->family == AF_INET) {
		ipc_inet_end_v4(&end, v4, address->port);
	} else {
		memcpy(end.address, address->bytes, sizeof(end.address));
		end.port = address->port;
	}
	if (!peer || is_link_local(&end))
		zone = ipc_sock_event_interface(run, address->scope);
	return ipc_inet_format_end(&run->arena, address->family, &end, zone);
}

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;

	ipc_sock_fill_event(raw, sock);
	sock->local = format_event_end(run, &raw->local, false);
	sock->peer = format_event_end(run, &raw->remote, true);
	sock->connected = sock->peer.data != NULL;
}

static bool is_raw(const struct ipc_raw *raw)
{
	return (raw->family == AF_INET || raw->family == AF_INET6) && raw->type == SOCK_RAW;
}

static bool is_protocol(const struct ipc_raw *raw, unsigned protocol)
{
	return (raw->family == AF_INET || raw->family == AF_INET6) && raw->type != SOCK_RAW &&
	       raw->protocol == protocol;
}

static bool is_mptcp(const struct ipc_raw *raw)
{
	return is_protocol(raw, PROTOCOL_MPTCP);
}

static bool is_sctp(const struct ipc_raw *raw)
{
	return is_protocol(raw, PROTOCOL_SCTP);
}

static bool is_dccp(const struct ipc_raw *raw)
{
	return is_protocol(raw, PROTOCOL_DCCP);
}

static const struct ipc_events events_tcp = IPC_SOCK_EVENTS(IPC_RAW_SOCK_TCP, fill_event, NULL),
			       events_udp = IPC_SOCK_EVENTS(IPC_RAW_SOCK_UDP, fill_event, NULL),
			       events_raw = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_raw),
			       events_mptcp = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_mptcp),
			       events_sctp = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_sctp),
			       events_dccp = IPC_SOCK_EVENTS(IPC_RAW_SOCK_OTHER, fill_event, is_dccp);

#define INET_KIND(text, describe, leak, change)                                                                      \
	{                                                                                                            \
		IPC_SOCK_NET_KIND(#text, describe),                                                                  \
			.leaks = (leak), .locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_ADDRESS, .collect = collect, \
			.names = names, .identity = ipc_sock_identity, .judge = ipc_sock_judge,                      \
			.changes = &ipc_changes_sock_##change, .contents = &ipc_contents_sock_inet,                  \
			.events = &events_##text,                                                                    \
	}

const struct ipc_kind ipc_kind_sock_tcp = INET_KIND(tcp, "TCP sockets over IPv4 and IPv6", true, tcp);
const struct ipc_kind ipc_kind_sock_udp = INET_KIND(udp, "UDP and UDP-Lite sockets over IPv4 and IPv6", true, udp);
const struct ipc_kind ipc_kind_sock_raw = INET_KIND(raw, "raw sockets over IPv4 and IPv6", false, other);
const struct ipc_kind ipc_kind_sock_mptcp = INET_KIND(mptcp, "multipath TCP sockets", true, other);
const struct ipc_kind ipc_kind_sock_sctp = INET_KIND(sctp, "SCTP sockets", true, other);
const struct ipc_kind ipc_kind_sock_dccp = INET_KIND(dccp, "DCCP sockets", true, other);
