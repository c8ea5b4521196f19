/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What two looks at a socket tell: that it is there, bound, listening, connected, or gone. How it came to that, and by whom, the
 * kernel does not record.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/sock.h"
#include "events/plain_looks.h"
#include "model/reference_address.h"
#include "model/units.h"

/* ---- as records have it --------------------------------------------------------------------------------------------- */

static const struct {
	const struct ipc_kind *kind;
	uint16_t family, type, protocol; /* family AF_INET: or that of its address */
} numbers[] = {
	{&ipc_kind_sock_unix, AF_UNIX, 0, 0},
	{&ipc_kind_sock_tcp, AF_INET, SOCK_STREAM, IPPROTO_TCP},
	{&ipc_kind_sock_udp, AF_INET, SOCK_DGRAM, IPPROTO_UDP},
	{&ipc_kind_sock_raw, AF_INET, SOCK_RAW, IPPROTO_RAW},
	{&ipc_kind_sock_mptcp, AF_INET, SOCK_STREAM, 262},
	{&ipc_kind_sock_sctp, AF_INET, SOCK_STREAM, IPPROTO_SCTP},
	{&ipc_kind_sock_dccp, AF_INET, SOCK_DCCP, IPPROTO_DCCP},
	{&ipc_kind_sock_packet, AF_PACKET, SOCK_RAW, 0},
	{&ipc_kind_sock_netlink, AF_NETLINK, SOCK_RAW, 0},
	{&ipc_kind_sock_vsock, AF_VSOCK, SOCK_STREAM, 0},
	{&ipc_kind_sock_xdp, AF_XDP, SOCK_RAW, 0},
};

static void fill_numbers(struct ipc_plain_seen *seen, const struct ipc_object *object)
{
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].kind != object->of_kind)
			continue;
		seen->sock.family = numbers[i].family;
		seen->sock.type = numbers[i].type;
		seen->sock.protocol = numbers[i].protocol;
	}
}

/* "127.0.0.1:80", "[::1%lo]:80"; of the kinds that are so addressed. */
static struct ipc_raw_address to_address(struct ipc_bytes text)
{
	static const struct ipc_raw_address none;
	struct ipc_raw_address address = none;
	struct ipc_endpoint end;
	char zone[IF_NAMESIZE];

	if (!text.data || ipc_endpoint_parse(text, &end) < 0)
		return none;
	address.family = end.v6 ? AF_INET6 : AF_INET;
	address.port = end.port;
	memcpy(address.bytes, end.address, end.v6 ? 16 : 4);
	/* Runs where the sockets are. */
	if (end.zone.data && end.zone.len < sizeof(zone)) {
		memcpy(zone, end.zone.data, end.zone.len);
		zone[end.zone.len] = '\0';
		address.scope = if_nametoindex(zone);
	}
	return address;
}

/* "sock:4711", "sock@4026531840:4711" */
static uint64_t inode_of(struct ipc_bytes reference)
{
	const char *colon = reference.data ? memrchr(reference.data, ':', reference.len) : NULL;
	uint64_t inode = 0;

	if (colon)
		ipc_parse_uint(colon + 1, reference.len - (size_t)(colon + 1 - reference.data), &inode);
	return inode;
}

/* 0: none of those that a look shows. */
static uint8_t state_of(const struct ipc_object *object)
{
	const struct ipc_bytes *word = object->status.items, *words;
	unsigned state;

	for (state = TCP_ESTABLISHED; word && object->status.count && state <= TCP_CLOSING; state++) {
		words = ipc_sock_status(state).items;
		if (words && ipc_bytes_equal(*words, *word))
			return (uint8_t)state;
	}
	return 0;
}

static int fill_name(struct ipc_plain_seen *seen, const struct ipc_sock *sock)
{
	char *name;

	if (seen->raw != IPC_RAW_SOCK_UNIX || !sock->local.data || !sock->local.len)
		return 0;
	name = malloc(sock->local.len);
	if (!name)
		return -ENOMEM;
	memcpy(name, sock->local.data, sock->local.len);
	/* An abstract name is told from a path by the NUL that it begins with. */
	if (name[0] == '@')
		name[0] = '\0';
	free(seen->sock.name);
	seen->sock.name = name;
	seen->sock.name_len = sock->local.len;
	return 0;
}

static int remember(struct ipc_plain_seen *seen, const struct ipc_sock *sock)
{
	/* One that has left its process goes on by its last inode: that is what it was known by. */
	if (sock->base.inode != IPC_UNKNOWN)
		seen->sock.inode = sock->base.inode;
	seen->sock.state = state_of(&sock->base);
	seen->sock.file = sock->bound_inode;
	seen->sock.device = seen->raw == IPC_RAW_SOCK_UNIX ? sock->bound_device : IPC_UNKNOWN;
	if (seen->raw == IPC_RAW_SOCK_UNIX) {
		seen->sock.peer = inode_of(sock->peer);
		seen->sock.shared = sock->listener.data != NULL;
	} else {
		seen->sock.local = to_address(sock->local);
		seen->sock.remote = to_address(sock->peer);
		if (seen->sock.local.family)
			seen->sock.family = seen->sock.local.family;
		seen->sock.shared = sock->listener.data != NULL;
	}
	return fill_name(seen, sock);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

static void tell(struct ipc_plain *plain, const struct ipc_plain_seen *seen, enum ipc_event_verb verb)
{
	struct ipc_raw *raw = ipc_plain_seen_record(plain, seen, verb);

	if (raw && verb == IPC_EVENT_CREATE)
		raw->has |= IPC_RAW_NEW;
}

/* What can be seen of a socket's way. */
struct stage {
	bool bound, listens, connected;
};

static struct stage stage_of(const struct ipc_plain_seen *seen)
{
	struct stage stage = {0};
	bool unix_socket = seen->raw == IPC_RAW_SOCK_UNIX;

	stage.listens = seen->sock.state == TCP_LISTEN;
	stage.connected = unix_socket ? seen->sock.state == TCP_ESTABLISHED : seen->sock.remote.port != 0;
	/* A name that comes with a connection is that of the listening socket; a port that comes with one the kernel chose. */
	stage.bound = unix_socket ? seen->sock.name && !seen->sock.shared : seen->sock.local.port && !stage.connected;
	return stage;
}

int ipc_plain_sock_waits(struct ipc_plain *plain, const struct ipc_object *object, struct ipc_idset *accepted)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	(void)plain;
	if (object->of_kind != &ipc_kind_sock_unix || !sock->listener.data || !sock->peer.data)
		return 0;
	return ipc_idset_add(accepted, inode_of(sock->peer)) < 0 ? -ENOMEM : 0;
}

int ipc_plain_sock_compare(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_object *object,
			   bool fresh, struct ipc_idset *accepted)
{
	struct stage before = fresh ? (struct stage){0} : stage_of(seen), now;
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	int r;

	/* What is left of a connection that was told of as closed. */
	if (seen->sock.ended)
		return 0;
	if (fresh)
		fill_numbers(seen, object);
	r = remember(seen, sock);
	if (r < 0)
		return r;
	now = stage_of(seen);
	/* Who accepts a connection gets its socket by that; a unix one has the name of the socket that listens, which may be gone. */
	if (fresh && now.connected && (seen->sock.shared || (seen->sock.name && sock->connected))) {
		tell(plain, seen, IPC_EVENT_ACCEPT);
		return seen->sock.peer && ipc_idset_add(accepted, seen->sock.peer) < 0 ? -ENOMEM : 0;
	}
	if (fresh)
		tell(plain, seen, IPC_EVENT_CREATE);
	if (now.bound && !before.bound)
		tell(plain, seen, IPC_EVENT_BIND);
	if (now.listens && !before.listens)
		tell(plain, seen, IPC_EVENT_LISTEN);
	if (!now.connected || before.connected)
		return 0;
	/* Two that were made as a pair are connected, but never were by anybody. */
	if (seen->raw == IPC_RAW_SOCK_UNIX && !seen->sock.name)
		seen->sock.connects = true;
	else
		tell(plain, seen, IPC_EVENT_CONNECT);
	return 0;
}

void ipc_plain_sock_settle(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_idset *accepted)
{
	if (!seen->sock.connects || !ipc_idset_has(accepted, seen->sock.inode))
		return;
	seen->sock.connects = false;
	tell(plain, seen, IPC_EVENT_CONNECT);
}

void ipc_plain_sock_gone(struct ipc_plain *plain, const struct ipc_plain_seen *seen)
{
	struct ipc_raw *raw;

	if (seen->sock.ended)
		return;
	raw = ipc_plain_seen_record(plain, seen, IPC_EVENT_CLOSE);
	if (raw)
		raw->has |= IPC_RAW_LAST;
}

void ipc_plain_sock_release(struct ipc_plain_seen *seen)
{
	free(seen->sock.name);
}
