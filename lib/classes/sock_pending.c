/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that wait in a listening unix socket: the kernel names the sockets that connected, in the order in which
 * they will be accepted. It does not list the other ends, which no process has yet.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "classes/sock_contents.h"
#include "classes/sock_unix.h"
#include "model/idset.h"

/* A socket that connected. */
struct client {
	uint64_t inode, uid;
	size_t name, len; /* in `names`, as ipc_sock_pending has it */
};

struct pending {
	struct ipc_dumping *dumping;
	struct ipc_buf waiting;  /* inodes of who connected: uint32_t, 0 of one that is closed again */
	struct ipc_idset wanted; /* the same */
	struct client *clients;
	size_t count, room;
	struct ipc_buf names;
};

/* ---- what the kernel tells --------------------------------------------------------------------------------------- */

static uint32_t waiting_at(const struct pending *pending, size_t index)
{
	uint32_t inode;

	memcpy(&inode, pending->waiting.data + index * sizeof(inode), sizeof(inode));
	return inode;
}

static int take_listener(const struct nlmsghdr *nlh, void *data)
{
	static const uint16_t least[UNIX_DIAG_ICONS + 1];
	const struct nlattr *table[UNIX_DIAG_ICONS + 1];
	struct pending *pending = data;
	size_t i;
	int r;

	ipc_diag_attributes(nlh, sizeof(struct unix_diag_msg), table, least, UNIX_DIAG_ICONS + 1);
	if (!table[UNIX_DIAG_ICONS])
		return 0;
	r = ipc_buf_append(&pending->waiting, mnl_attr_get_payload(table[UNIX_DIAG_ICONS]),
			   mnl_attr_get_payload_len(table[UNIX_DIAG_ICONS]));
	for (i = 0; r == 0 && i < pending->waiting.len / sizeof(uint32_t); i++)
		if (ipc_idset_add(&pending->wanted, waiting_at(pending, i)) < 0)
			r = -ENOMEM;
	return r;
}

static int add_name(struct pending *pending, const struct ipc_unix_socket *socket)
{
	const char *prefix = socket->abstract ? "@" : socket->name.len && socket->name.data[0] == '@' ? "./" : "";
	int r;

	if (!socket->name.data)
		return 0;
	r = ipc_buf_append(&pending->names, prefix, strlen(prefix));
	return r ? r : ipc_buf_append(&pending->names, socket->name.data, socket->name.len);
}

static int take_client(const struct nlmsghdr *nlh, void *data)
{
	struct pending *pending = data;
	size_t name = pending->names.len;
	struct ipc_unix_socket socket;
	int r;

	ipc_unix_parse(nlh, &socket);
	if (!ipc_idset_has(&pending->wanted, socket.inode))
		return 0;
	r = add_name(pending, &socket);
	if (r == 0 && pending->count == pending->room) {
		size_t room = pending->room ? pending->room * 2 : 64;
		struct client *grown = realloc(pending->clients, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		pending->clients = grown;
		pending->room = room;
	}
	if (r == 0)
		pending->clients[pending->count++] = (struct client){
			.inode = socket.inode, .uid = socket.uid, .name = name, .len = pending->names.len - name};
	return r;
}

static int by_inode(const void *a, const void *b)
{
	const struct client *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int ask(struct pending *pending)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)pending->dumping->object;
	const struct unix_diag_req one = {
		.sdiag_family = AF_UNIX,
		.udiag_states = ~0u,
		.udiag_ino = (uint32_t)sock->base.inode,
		.udiag_show = UDIAG_SHOW_ICONS,
		.udiag_cookie = {(uint32_t)sock->cookie, (uint32_t)(sock->cookie >> 32)},
	};
	const struct unix_diag_req all = {
		.sdiag_family = AF_UNIX,
		.udiag_states = ~(1u << TCP_LISTEN),
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID,
	};
	struct ipc_diag *diag;
	int r = ipc_diag_open(pending->dumping->ctx, &diag);

	if (r)
		return r;
	r = ipc_diag_one(diag, SOCK_DIAG_BY_FAMILY, &one, sizeof(one), sizeof(struct unix_diag_msg), take_listener,
			 pending);
	if (r == -ESTALE)
		r = -ENOENT;
	/* Nobody waits: no need to look at the others. */
	if (r == 0 && pending->waiting.len)
		r = ipc_diag_dump(diag, "unused", &all, sizeof(all), sizeof(struct unix_diag_msg), take_client,
				  pending);
	ipc_diag_close(diag);
	if (pending->count)
		qsort(pending->clients, pending->count, sizeof(*pending->clients), by_inode);
	pending->dumping->result->torn = r == IPC_DIAG_PARTIAL;
	return r == IPC_DIAG_PARTIAL ? 0 : r;
}

/* ---- what is given ----------------------------------------------------------------------------------------------- */

static int give(struct pending *pending, uint64_t index, uint32_t inode)
{
	const struct client key = {.inode = inode}, *client = NULL;
	struct ipc_sock_pending entry;
	struct ipc_arena arena = {0};
	int r;

	ipc_record_init(&ipc_sock_pending_record, &entry);
	entry.status = inode ? IPC_BYTES("ESTAB") : IPC_BYTES("closed by peer");
	if (inode && pending->count)
		client = bsearch(&key, pending->clients, pending->count, sizeof(key), by_inode);
	if (client) {
		if (client->len)
			entry.peer = (struct ipc_bytes){pending->names.data + client->name, client->len};
		entry.uid = client->uid;
		entry.ref = ipc_sock_format_reference(&arena, pending->dumping->object, inode);
	}
	r = ipc_dumping_entry(pending->dumping, index, &ipc_sock_pending_record, &entry);
	ipc_arena_release(&arena);
	return r;
}

static int give_all(struct pending *pending)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < pending->waiting.len / sizeof(uint32_t); i++)
		r = give(pending, i, waiting_at(pending, i));
	return r;
}

int ipc_sock_list_unix(struct ipc_dumping *dumping)
{
	struct pending pending = {.dumping = dumping};
	int r = ask(&pending);

	dumping->result->source = "unix_diag";
	if (r == -ENOENT)
		r = ipc_ctx_fail(dumping->ctx, r, "gone: the socket was closed meanwhile");
	else if (r)
		r = ipc_ctx_fail(dumping->ctx, r, "its connections cannot be listed: %s", strerror(-r));
	else
		r = give_all(&pending);
	free(pending.clients);
	ipc_idset_release(&pending.wanted);
	ipc_buf_release(&pending.waiting);
	ipc_buf_release(&pending.names);
	return r;
}
