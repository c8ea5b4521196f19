/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes along with the contents of sockets: who sent it, in the words that sockets are listed in. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "classes/sock_contents.h"
#include "classes/sock_inet.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ipc_field sender_fields[] = {
	IPC_FIELD(ipc_sock_sender, from, STRING, "address of the sender"),
	IPC_FIELD(ipc_sock_sender, pid, INT, "process that sent it"),
	IPC_FIELD(ipc_sock_sender, uid, UINT, "its user"),
	IPC_FIELD(ipc_sock_sender, gid, UINT, "its group"),
	IPC_FIELD(ipc_sock_sender, passed, UINT, "descriptors that are passed along"),
	IPC_FIELD(ipc_sock_sender, descriptors, STRINGS, "what these are"),
};

const struct ipc_record ipc_sock_sender_record = {
	.name = "sender",
	.size = sizeof(struct ipc_sock_sender),
	.fields = sender_fields,
	.count = COUNT(sender_fields),
};

static const struct ipc_field pending_fields[] = {
	IPC_FIELD(ipc_sock_pending, peer, STRING, "address of who connected"),
	IPC_FIELD(ipc_sock_pending, ref, STRING, "socket of who connected, in the same network namespace"),
	IPC_FIELD(ipc_sock_pending, uid, UINT, "user of that socket"),
	IPC_FIELD(ipc_sock_pending, status, STRING, "state of the connection"),
	IPC_FIELD(ipc_sock_pending, receive_queue, SIZE, "bytes that have come already"),
	IPC_FIELD(ipc_sock_pending, cookie, UINT, "number that no other socket gets while the host is up"),
};

const struct ipc_record ipc_sock_pending_record = {
	.name = "pending",
	.size = sizeof(struct ipc_sock_pending),
	.fields = pending_fields,
	.count = COUNT(pending_fields),
};

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* An abstract name begins with "@", so a relative path that does is written as "./@". */
static struct ipc_bytes format_unix(struct ipc_arena *arena, const struct sockaddr_un *address, size_t len)
{
	size_t size = len - offsetof(struct sockaddr_un, sun_path);
	struct ipc_buf text = {0};
	struct ipc_bytes out;

	if (len <= offsetof(struct sockaddr_un, sun_path))
		return IPC_NO_BYTES;
	if (address->sun_path[0] == '\0') {
		ipc_buf_append(&text, "@", 1);
		ipc_buf_append(&text, address->sun_path + 1, size - 1);
	} else {
		if (address->sun_path[0] == '@')
			ipc_buf_append(&text, "./", 2);
		ipc_buf_append(&text, address->sun_path, strnlen(address->sun_path, size));
	}
	out = text.data ? ipc_arena_bytes(arena, text.data, text.len) : IPC_NO_BYTES;
	ipc_buf_release(&text);
	return out;
}

static struct ipc_bytes interface_name(struct ipc_arena *arena, unsigned index)
{
	char name[IF_NAMESIZE];

	if (!index)
		return IPC_NO_BYTES;
	if (if_indextoname(index, name))
		return ipc_arena_bytes(arena, name, strlen(name));
	return ipc_arena_format(arena, "%u", index);
}

/* Raw sockets have no ports. */
static struct ipc_bytes without_port(struct ipc_bytes text, const struct ipc_sock *sock)
{
	if (sock->base.of_kind == &ipc_kind_sock_raw)
		while (text.len && text.data[--text.len] != ':')
			;
	return text;
}

static struct ipc_bytes format_inet(struct ipc_arena *arena, const struct ipc_sock *sock, const void *address,
				    size_t len)
{
	const struct sockaddr_in *v4 = address;
	const struct sockaddr_in6 *v6 = address;
	struct ipc_inet_end end;

	if (v4->sin_family == AF_INET && len >= sizeof(*v4)) {
		ipc_inet_end_v4(&end, v4->sin_addr.s_addr, ntohs(v4->sin_port));
		return without_port(ipc_inet_format_end(arena, AF_INET, &end, IPC_NO_BYTES), sock);
	}
	if (v6->sin6_family != AF_INET6 || len < sizeof(*v6))
		return IPC_NO_BYTES;
	memcpy(end.address, &v6->sin6_addr, sizeof(end.address));
	end.port = ntohs(v6->sin6_port);
	return without_port(ipc_inet_format_end(arena, AF_INET6, &end, interface_name(arena, v6->sin6_scope_id)), sock);
}

/* "02:00:00:00:00:01%eth0" */
static struct ipc_bytes format_packet(struct ipc_arena *arena, const struct sockaddr_ll *address, size_t len)
{
	struct ipc_bytes zone, out;
	struct ipc_buf text = {0};
	size_t i;

	if (len < sizeof(*address))
		return IPC_NO_BYTES;
	zone = interface_name(arena, (unsigned)address->sll_ifindex);
	for (i = 0; i < address->sll_halen && i < sizeof(address->sll_addr); i++)
		ipc_buf_format(&text, "%s%02x", i ? ":" : "", address->sll_addr[i]);
	if (zone.data)
		ipc_buf_format(&text, "%%%.*s", (int)zone.len, zone.data);
	out = text.data ? ipc_arena_bytes(arena, text.data, text.len) : IPC_NO_BYTES;
	ipc_buf_release(&text);
	return out;
}

struct ipc_bytes ipc_sock_format_address(struct ipc_arena *arena, const struct ipc_sock *sock, const void *address,
					 size_t len)
{
	const struct sockaddr *any = address;
	const struct sockaddr_nl *netlink = address;
	const struct sockaddr_vm *vm = address;

	if (len < sizeof(any->sa_family))
		return IPC_NO_BYTES;
	switch (any->sa_family) {
	case AF_UNIX:
		return format_unix(arena, address, len);
	case AF_INET:
	case AF_INET6:
		return format_inet(arena, sock, address, len);
	case AF_PACKET:
		return format_packet(arena, address, len);
	case AF_NETLINK:
		if (len < sizeof(*netlink))
			return IPC_NO_BYTES;
		return ipc_arena_format(arena, "%.*s:%u", (int)sock->protocol.len, sock->protocol.data,
					netlink->nl_pid);
	case AF_VSOCK:
		if (len < sizeof(*vm))
			return IPC_NO_BYTES;
		return ipc_arena_format(arena, "%u:%u", vm->svm_cid, vm->svm_port);
	default:
		return IPC_NO_BYTES;
	}
}

struct ipc_bytes ipc_sock_format_reference(struct ipc_arena *arena, const struct ipc_object *object, uint64_t inode)
{
	if (object->in && !object->in->own)
		return ipc_arena_format(arena, "sock@%" PRIu64 ":%" PRIu64, object->in->inode, inode);
	return ipc_arena_format(arena, "sock:%" PRIu64, inode);
}
