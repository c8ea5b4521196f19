/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How TCP and UDP sockets are made and used. */
#include "classes/sock_inet_change.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "classes/limits.h"
#include "model/units.h"

/* ---- addresses --------------------------------------------------------------------------------------------------- */

unsigned ipc_inet_interface(struct ipc_bytes zone)
{
	char name[IF_NAMESIZE];
	uint64_t number;

	if (!zone.len || zone.len >= sizeof(name) || memchr(zone.data, '\0', zone.len))
		return 0;
	memcpy(name, zone.data, zone.len);
	name[zone.len] = '\0';
	/* Where the name of an interface was not known its number was printed. */
	if (!if_nametoindex(name) && ipc_parse_uint(name, zone.len, &number) == 0 && number <= INT32_MAX)
		return (unsigned)number;
	return if_nametoindex(name);
}

socklen_t ipc_inet_address_of(const struct ipc_endpoint *end, union ipc_inet_address *out)
{
	memset(out, 0, sizeof(*out));
	if (!end->v6) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(end->port);
		memcpy(&out->v4.sin_addr, end->address, sizeof(out->v4.sin_addr));
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(end->port);
	memcpy(&out->v6.sin6_addr, end->address, sizeof(out->v6.sin6_addr));
	if (IN6_IS_ADDR_LINKLOCAL(&out->v6.sin6_addr))
		out->v6.sin6_scope_id = ipc_inet_interface(end->zone);
	return sizeof(out->v6);
}

static bool is_any(const struct ipc_endpoint *end)
{
	static const unsigned char zero[16], mapped[16] = {[10] = 0xff, [11] = 0xff};

	if (!end->v6)
		return memcmp(end->address, zero, 4) == 0;
	return memcmp(end->address, zero, 16) == 0 || memcmp(end->address, mapped, 16) == 0;
}

static bool is_multicast(const struct ipc_endpoint *end)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (end->v6 && memcmp(end->address, mapped, sizeof(mapped)) != 0)
		return end->address[0] == 0xff;
	return (end->address[end->v6 ? 12 : 0] & 0xf0) == 0xe0;
}

int ipc_inet_protocol(const struct ipc_sock *sock)
{
	if (ipc_bytes_equal(sock->protocol, IPC_BYTES("udplite")))
		return IPC_PROTOCOL_UDPLITE;
	return sock->base.of_kind == &ipc_kind_sock_udp ? IPPROTO_UDP : IPPROTO_TCP;
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

static const struct ipc_limit low_ports = {
	.name = "net.ipv4.ip_unprivileged_port_start",
	.file = "sys/net/ipv4/ip_unprivileged_port_start",
};

static int fail_low_port(struct ipc_ctx *ctx, int error, unsigned port)
{
	uint64_t first = ipc_limit_read(ctx, &low_ports);

	if (first == IPC_UNKNOWN || port >= first)
		return ipc_ctx_fail(ctx, error, "you may not bind it: %s", strerror(-error));
	return ipc_ctx_fail(ctx, error,
			    "ports below %" PRIu64
			    " are for CAP_NET_BIND_SERVICE (root); %s sets that number, in /proc/%s",
			    first, low_ports.name, low_ports.file);
}

static int fail_bind(struct ipc_ctx *ctx, int error, const struct ipc_endpoint *end, int protocol)
{
	switch (error) {
	case -EADDRINUSE:
		if (!end->port)
			return ipc_ctx_fail(ctx, error,
					    "all ports that the kernel may choose are taken; widen "
					    "/proc/sys/net/ipv4/ip_local_port_range");
		return ipc_inet_fail_in_use(ctx, end, protocol);
	case -EACCES:
	case -EPERM:
		return fail_low_port(ctx, error, end->port);
	case -EADDRNOTAVAIL:
		return ipc_ctx_fail(ctx, error,
				    "no interface of this network namespace has that address; see \"ip address\"");
	case -EINVAL:
		if (end->v6 && !end->zone.data)
			return ipc_ctx_fail(ctx, error,
					    "a link-local address needs its interface: [ADDRESS%%eth0]:PORT");
		return ipc_ctx_fail(ctx, error, "no address to be bound: %s", strerror(-error));
	default:
		return ipc_ctx_fail(ctx, error, "cannot be bound: %s", strerror(-error));
	}
}

/* The address that is asked for, and nothing else. */
static int parse_local(struct ipc_creation *creation, struct ipc_endpoint *out)
{
	struct ipc_bytes local, peer;

	if (ipc_socket_address_ends(creation->ref->locator, &local, &peer) || ipc_endpoint_parse(local, out))
		return ipc_ctx_fail(creation->ctx, -EINVAL, "not an address of the form 127.0.0.1:80 or [::1]:80");
	if (peer.data)
		return ipc_ctx_fail(
			creation->ctx, -EINVAL,
			"a socket is made without a peer, for others to connect to; leave out what follows the "
			"comma");
	if (out->any_port)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "the port is a number; with 0 the kernel chooses one");
	if (out->zone.data && !ipc_inet_interface(out->zone))
		return ipc_ctx_fail(creation->ctx, -EINVAL, "there is no interface of that name; see \"ip link\"");
	return 0;
}

/* To an interface, so that nothing else reaches it: that is what a zone in a reference says. */
static int bind_interface(struct ipc_creation *creation, const struct ipc_endpoint *end)
{
	char name[IF_NAMESIZE];

	if (!end->zone.data)
		return 0;
	if (!if_indextoname(ipc_inet_interface(end->zone), name))
		return ipc_ctx_fail(creation->ctx, -EINVAL, "there is no such interface; see \"ip link\"");
	if (setsockopt(creation->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) == 0)
		return 0;
	return ipc_ctx_fail(creation->ctx, -errno, "cannot be bound to the interface: %s%s", strerror(errno),
			    errno == EPERM ? "; before Linux 5.7 that takes CAP_NET_RAW (root)" : "");
}

static int bind_local(struct ipc_creation *creation, const struct ipc_endpoint *end, int protocol)
{
	const int on = 1, off = 0;
	union ipc_inet_address address;
	socklen_t len = ipc_inet_address_of(end, &address);
	int r = bind_interface(creation, end);

	if (r)
		return r;
	/* A server that is started again shall not wait for its old connections. UDP would share the port by that. */
	if (protocol == IPPROTO_TCP)
		setsockopt(creation->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* [::] takes IPv4 as well, whatever net.ipv6.bindv6only says. */
	if (end->v6)
		setsockopt(creation->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return bind(creation->fd, &address.any, len) == 0 ? 0 : fail_bind(creation->ctx, -errno, end, protocol);
}

static int create(struct ipc_creation *creation, int type, int protocol)
{
	struct ipc_endpoint end;
	int r = ipc_sock_check_flags(creation);

	if (r == 0 && creation->flags & IPC_CREATE_PARENTS)
		r = ipc_ctx_fail(creation->ctx, -EINVAL, "an address has no directories to be made");
	if (r == 0)
		r = ipc_sock_check_backlog(creation, type);
	if (r == 0)
		r = parse_local(creation, &end);
	if (r == 0)
		r = ipc_sock_open(creation, end.v6 ? AF_INET6 : AF_INET, type, protocol);
	if (r)
		return r;
	r = bind_local(creation, &end, protocol);
	if (r == 0 && type == SOCK_STREAM && listen(creation->fd, ipc_sock_backlog(creation)) < 0)
		r = fail_bind(creation->ctx, -errno, &end, protocol);
	if (r == 0)
		r = ipc_sock_made(creation);
	if (r)
		ipc_sock_unmake(creation);
	return r;
}

static int create_tcp(struct ipc_creation *creation)
{
	return create(creation, SOCK_STREAM, IPPROTO_TCP);
}

static int create_udp(struct ipc_creation *creation)
{
	return create(creation, SOCK_DGRAM, IPPROTO_UDP);
}

/* ---- send -------------------------------------------------------------------------------------------------------- */

/* The address of @family that interface @index has; false: none. */
static bool interface_address(unsigned index, int family, struct ipc_endpoint *end)
{
	struct ifaddrs *all, *one;
	char name[IF_NAMESIZE];
	bool found = false;

	if (!if_indextoname(index, name) || getifaddrs(&all) < 0)
		return false;
	for (one = all; one && !found; one = one->ifa_next) {
		const union ipc_inet_address *address = (const void *)one->ifa_addr;

		if (!address || address->any.sa_family != family || strcmp(one->ifa_name, name) != 0)
			continue;
		if (family == AF_INET)
			memcpy(end->address, &address->v4.sin_addr, 4);
		else
			memcpy(end->address, &address->v6.sin6_addr, 16);
		end->v6 = family == AF_INET6;
		found = true;
	}
	freeifaddrs(all);
	return found;
}

/* A socket on a wildcard is reached by any own address: of its interface, else of loopback. */
static void choose_address(struct ipc_endpoint *end, int family)
{
	static const unsigned char loopback[2][16] = {{127, 0, 0, 1}, {[15] = 1}};

	if (end->zone.data && interface_address(ipc_inet_interface(end->zone), family, end))
		return;
	end->v6 = family == AF_INET6;
	memcpy(end->address, loopback[end->v6], sizeof(end->address));
}

static int connect_end(struct ipc_port *port, const struct ipc_sock *sock, const struct ipc_endpoint *end,
		       ipc_deadline deadline)
{
	union ipc_inet_address address;
	socklen_t len = ipc_inet_address_of(end, &address);

	if (port->fd >= 0)
		close(port->fd);
	port->fd = socket(address.any.sa_family, (port->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC,
			  ipc_inet_protocol(sock));
	if (port->fd < 0)
		return -errno;
	return ipc_sock_connect(port->fd, &address, len, deadline);
}

/* Is it the socket that was found? An address says nothing about that; its cookie does, right before. */
static int open_port(struct ipc_port *port, ipc_deadline deadline)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)port->object;
	struct ipc_endpoint end;
	bool any;
	int r = ipc_sock_reachable(port->ctx, sock);

	if (r)
		return r;
	if (ipc_endpoint_parse(sock->local, &end) || end.any_port || !end.port)
		return ipc_ctx_fail(port->ctx, -EINVAL, "has no address that something could be sent to");
	if (is_multicast(&end))
		return ipc_ctx_fail(port->ctx, -EINVAL,
				    "is bound to a multicast address: what is sent there would leave this host");
	any = is_any(&end);
	if (any)
		choose_address(&end, end.v6 ? AF_INET6 : AF_INET);
	port->stream = ipc_sock_type_number(sock) == SOCK_STREAM;
	/* What fits behind the headers in 65535 bytes. */
	port->limit = port->stream ? 0 : end.v6 ? 65527 : 65507;
	r = connect_end(port, sock, &end, deadline);
	/* [::] takes IPv4 as well, and that may be all that this namespace has. */
	if (any && end.v6 && (r == -EADDRNOTAVAIL || r == -ENETUNREACH || r == -EAFNOSUPPORT)) {
		choose_address(&end, AF_INET);
		port->limit = port->stream ? 0 : 65507;
		r = connect_end(port, sock, &end, deadline);
	}
	return r ? ipc_sock_connect_fail(port->ctx, r) : 0;
}

#define INET_REFUSE                                                                                                    \
	IPC_SOCK_REFUSE, [IPC_VERB_SET] =                                                                              \
				 ("an internet socket has neither owner nor mode that others may set; who reaches it " \
				  "is for its address and a firewall to say")

const struct ipc_changes ipc_changes_sock_tcp = {
	.refuse = {INET_REFUSE},
	.create_takes = IPC_SET_BACKLOG,
	.creates_by = 1u << IPC_BY_ADDRESS,
	.creation_example = "tcp:127.0.0.1:80",
	.create = create_tcp,
	.open = open_port,
	.send = ipc_sock_send,
	.remove_needs = IPC_NEED_HOLDERS,
	.remove = ipc_inet_remove,
};

const struct ipc_changes ipc_changes_sock_udp = {
	.refuse = {INET_REFUSE},
	.creates_by = 1u << IPC_BY_ADDRESS,
	.creation_example = "udp:127.0.0.1:53",
	.create = create_udp,
	.open = open_port,
	.send = ipc_sock_send,
	.remove_needs = IPC_NEED_HOLDERS,
	.remove = ipc_inet_remove,
};
