/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sockets need beyond other objects: their files, which have names that come and go by themselves, and the addresses of both ends.
 *
 * The file of a unix socket has a place in the book of its own. A record of its removal tells of the file; the event is about the
 * socket while that lives, and else about the stale file, as a list would show it.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "classes/sock_contents.h"
#include "classes/sock_unix.h"
#include "events/monitor.h"

/* ---- files of sockets ------------------------------------------------------------------------------------------------ */

static struct ipc_key file_key(uint64_t device, uint64_t inode)
{
	return (struct ipc_key){IPC_SPACE_FILE, device, inode};
}

static struct ipc_known *enter(struct ipc_monitor *monitor, struct ipc_key key, uint64_t ns, struct ipc_bytes name,
			       uint64_t socket)
{
	struct ipc_known *known = ipc_book_add(&monitor->book, key, IPC_RAW_SOCK_UNIX, ns, name);

	if (!known)
		return NULL;
	/* The inode of one that is gone is given again. */
	if (name.data && !ipc_bytes_equal(known->name, name) && ipc_book_rename(&monitor->book, known, name) < 0)
		return NULL;
	known->raw = IPC_RAW_SOCK_UNIX;
	known->ns = ns;
	known->socket = socket;
	known->look = monitor->look;
	return known;
}

int ipc_event_know_socket_file(struct ipc_monitor *monitor, const struct ipc_object *object)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	uint64_t ns = object->in ? object->in->inode : 0;
	const struct ipc_known *known;

	if (object->of_kind != &ipc_kind_sock_unix)
		return 0;
	if (sock->stale)
		return enter(monitor, file_key(object->dev, object->inode), ns, object->name, 0) ? 0 : -ENOMEM;
	if (sock->bound_device == IPC_UNKNOWN || sock->connected)
		return 0;
	known = enter(monitor, file_key(sock->bound_device, sock->bound_inode), ns, object->name, object->inode);
	return known ? 0 : -ENOMEM;
}

/* Of a file that nothing is known of: where it would be looked for. */
static uint32_t own_namespace(const struct ipc_monitor *monitor)
{
	const struct ipc_ns_set *places = &monitor->query->run->places;
	size_t i;

	for (i = 0; i < places->count; i++)
		if (places->items[i].type == IPC_NS_NET && places->items[i].own)
			return (uint32_t)places->items[i].inode;
	return 0;
}

/* Of a record about a file, one about what it is the file of. */
static void translate(struct ipc_monitor *monitor, struct ipc_raw *here)
{
	struct ipc_known *known = ipc_book_find(&monitor->book, file_key(ipc_event_device(here->dev), here->inode));

	here->id = here->inode;
	here->inode = known ? known->socket : 0;
	here->name_is = IPC_RAW_NAME_NONE;
	/* Whoever removes it may be in any network namespace. */
	here->ns = known && known->ns ? (uint32_t)known->ns : own_namespace(monitor);
	if (known && here->verb == IPC_EVENT_REMOVE && !here->error && !(here->has & IPC_RAW_LINKED && here->links))
		ipc_book_remove(&monitor->book, known);
}

const struct ipc_raw *ipc_event_socket(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes name,
				       struct ipc_raw *here)
{
	struct ipc_known *known;

	/* The socket's own records have the file's inode in `id`. */
	if (raw->kind != IPC_RAW_SOCK_UNIX || !raw->dev)
		return raw;
	if (!raw->id) {
		memcpy(here, raw, offsetof(struct ipc_raw, name));
		translate(monitor, here);
		return here;
	}
	if (raw->error)
		return raw;
	if (raw->verb == IPC_EVENT_BIND) {
		if (raw->name_is == IPC_RAW_NAME_SOCKET && raw->second)
			name = ipc_event_path(monitor, raw, true);
		enter(monitor, file_key(ipc_event_device(raw->dev), raw->id), raw->ns, name, raw->inode);
	} else if (raw->verb == IPC_EVENT_CLOSE && raw->has & IPC_RAW_LAST) {
		known = ipc_book_find(&monitor->book, file_key(ipc_event_device(raw->dev), raw->id));
		if (known && known->socket == raw->inode)
			known->socket = 0;
	}
	return raw;
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

static struct ipc_bytes format_name(struct ipc_arena *arena, const char *bytes, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!len || len > sizeof(address.sun_path))
		return IPC_NO_BYTES;
	memcpy(address.sun_path, bytes, len);
	return ipc_sock_format_address(arena, NULL, &address, offsetof(struct sockaddr_un, sun_path) + len);
}

struct ipc_bytes ipc_event_socket_name(struct ipc_arena *arena, const struct ipc_raw *raw)
{
	return format_name(arena, raw->name, raw->name_at);
}

struct ipc_bytes ipc_event_socket_peer_name(struct ipc_arena *arena, const struct ipc_raw *raw)
{
	if (raw->name_is != IPC_RAW_NAME_SOCKET || raw->second || raw->name_len <= IPC_RAW_NAME_PEER)
		return IPC_NO_BYTES;
	return format_name(arena, raw->name + IPC_RAW_NAME_PEER, raw->name_len - IPC_RAW_NAME_PEER);
}

/* ---- detail ------------------------------------------------------------------------------------------------------------ */

void ipc_event_socket_detail(const struct ipc_raw *raw, const struct ipc_object *object,
			     struct ipc_event_detail *detail)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	detail->local = sock->local;
	detail->peer = sock->peer;
	if (raw->has & IPC_RAW_STATE) {
		struct ipc_list status = ipc_sock_status(raw->state);

		if (status.count)
			detail->status = *(const struct ipc_bytes *)status.items;
	}
	if (raw->has & IPC_RAW_SHUTDOWN)
		detail->shutdown = ipc_sock_shutdown((unsigned)raw->number);
	if (raw->has & IPC_RAW_MESSAGES)
		detail->messages = raw->index;
}

/* What the kernel did with it, include/trace/events/signal.h. A signal that waits already is not noted again. */
static struct ipc_bytes signal_result(unsigned result)
{
	static const struct ipc_bytes words[] = {IPC_NO_BYTES, IPC_BYTES("ignored"), IPC_BYTES("pending"),
						 IPC_BYTES("overflow"), IPC_BYTES("unexplained")};

	return result < sizeof(words) / sizeof(words[0]) ? words[result] : IPC_NO_BYTES;
}

void ipc_event_signal_detail(const struct ipc_raw *raw, const struct ipc_object *object,
			     struct ipc_event_detail *detail)
{
	detail->target = object->name;
	if (raw->peer)
		detail->thread = (int64_t)raw->peer;
	if (raw->has & IPC_RAW_STATE)
		detail->status = signal_result(raw->state);
}
