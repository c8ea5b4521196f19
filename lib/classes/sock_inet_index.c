/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which internet socket is at the other end, and which listener one came from: a sorted table of end points. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/sock_inet.h"

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

void ipc_inet_end_v4(struct ipc_inet_end *end, uint32_t address, uint16_t port)
{
	memcpy(end->address, mapped, sizeof(mapped));
	memcpy(end->address + sizeof(mapped), &address, sizeof(address));
	end->port = port;
}

static bool is_v4(const struct ipc_inet_end *end)
{
	return memcmp(end->address, mapped, sizeof(mapped)) == 0;
}

bool ipc_inet_end_is_any(const struct ipc_inet_end *end)
{
	static const unsigned char zero[16];

	return memcmp(end->address + (is_v4(end) ? sizeof(mapped) : 0), zero, is_v4(end) ? 4 : 16) == 0;
}

static int end_compare(const struct ipc_inet_end *a, const struct ipc_inet_end *b)
{
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address));
}

static int entry_compare(const void *a, const void *b)
{
	const struct ipc_inet_entry *x = a, *y = b;
	int order = end_compare(&x->local, &y->local);

	return order ? order : end_compare(&x->peer, &y->peer);
}

int ipc_inet_index_add(struct ipc_inet_index *index, const struct ipc_inet_socket *socket)
{
	if (index->count == index->room) {
		size_t room = index->room ? index->room * 2 : 64;
		struct ipc_inet_entry *grown = realloc(index->items, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		index->items = grown;
		index->room = room;
	}
	index->items[index->count++] = (struct ipc_inet_entry){
		.local = socket->local,
		.peer = socket->peer,
		.inode = socket->inode,
		.interface = socket->interface,
		.any_family = socket->family == AF_INET6 && !socket->v6only,
		.v4 = socket->family == AF_INET,
	};
	return 0;
}

void ipc_inet_index_sort(struct ipc_inet_index *index)
{
	if (index->count)
		qsort(index->items, index->count, sizeof(*index->items), entry_compare);
}

void ipc_inet_index_release(struct ipc_inet_index *index)
{
	free(index->items);
	*index = (struct ipc_inet_index){0};
}

/* The first entry that is not before (@local, @peer); @peer NULL: any. */
static size_t lower_bound(const struct ipc_inet_index *index, const struct ipc_inet_end *local,
			  const struct ipc_inet_end *peer)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct ipc_inet_entry *entry = &index->items[middle];
		int order = end_compare(&entry->local, local);

		if (order == 0 && peer)
			order = end_compare(&entry->peer, peer);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t ipc_inet_index_peer(const struct ipc_inet_index *index, const struct ipc_inet_socket *socket)
{
	uint64_t found = 0;
	size_t at;

	if (!socket->peer.port)
		return 0;
	for (at = lower_bound(index, &socket->peer, &socket->local); at < index->count; at++) {
		const struct ipc_inet_entry *entry = &index->items[at];

		if (end_compare(&entry->local, &socket->peer) != 0 || end_compare(&entry->peer, &socket->local) != 0)
			break;
		/* TCP can connect a socket to itself, and UDP allows several with the same pair. */
		if (entry->inode == socket->inode || entry->inode == 0)
			continue;
		/* SCTP tells of a socket and of its association. */
		if (found == entry->inode)
			continue;
		if (found)
			return 0;
		found = entry->inode;
	}
	return found;
}

/*
 * The listeners on exactly @local, narrowed to those that may take @socket: the only one of them, 0 for none, and
 * *@several.
 */
static uint64_t only_listener(const struct ipc_inet_index *index, const struct ipc_inet_end *local,
			      const struct ipc_inet_socket *socket, bool *several)
{
	uint64_t found = 0;
	size_t at;

	for (at = lower_bound(index, local, NULL);
	     at < index->count && end_compare(&index->items[at].local, local) == 0; at++) {
		const struct ipc_inet_entry *entry = &index->items[at];

		if (is_v4(&socket->local) && !entry->v4 && !entry->any_family)
			continue;
		if (entry->interface && entry->interface != socket->interface)
			continue;
		*several |= found != 0 && found != entry->inode;
		found = entry->inode;
	}
	return found;
}

uint64_t ipc_inet_index_listener(const struct ipc_inet_index *index, const struct ipc_inet_socket *socket)
{
	struct ipc_inet_end any = {.port = socket->local.port};
	bool several = false;
	uint64_t found;

	/* The kernel looks for the exact address first, then for the wildcards, the own family before the other. */
	found = only_listener(index, &socket->local, socket, &several);
	if (!found && is_v4(&socket->local)) {
		ipc_inet_end_v4(&any, 0, socket->local.port);
		found = only_listener(index, &any, socket, &several);
		memset(any.address, 0, sizeof(any.address));
	}
	if (!found)
		found = only_listener(index, &any, socket, &several);
	return several ? 0 : found;
}
