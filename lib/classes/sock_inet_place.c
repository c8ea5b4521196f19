/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where one TCP socket is found in the kernel's tables, asked through a copy of its holder's descriptor. */
#include "classes/sock_inet_place.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holders/holders.h"
#include "sources/procfs.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

static uint16_t port_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port;
}

static void put_end(const union address *end, uint32_t address[4], uint16_t *port)
{
	memset(address, 0, 4 * sizeof(*address));
	if (end->any.sa_family == AF_INET)
		address[0] = end->v4.sin_addr.s_addr;
	else
		memcpy(address, &end->v6.sin6_addr, sizeof(end->v6.sin6_addr));
	*port = port_of(end);
}

static enum ipc_inet_place place_of(int fd, uint64_t inode, unsigned *family, struct inet_diag_sockid *id)
{
	union address local = {0}, peer = {0};
	socklen_t len = sizeof(local);
	struct stat st;
	int interface;

	if (fstat(fd, &st) < 0 || st.st_ino != inode || option(fd, SO_PROTOCOL) != IPPROTO_TCP ||
	    getsockname(fd, &local.any, &len) < 0 ||
	    (local.any.sa_family != AF_INET && local.any.sa_family != AF_INET6))
		return IPC_INET_UNTOLD;
	if (!port_of(&local))
		return IPC_INET_NOWHERE;
	if (option(fd, SO_ACCEPTCONN) == 1)
		return IPC_INET_LISTENS;
	len = sizeof(peer);
	if (getpeername(fd, &peer.any, &len) < 0 || peer.any.sa_family != local.any.sa_family)
		return IPC_INET_UNTOLD;
	interface = option(fd, SO_BINDTOIFINDEX);
	*family = local.any.sa_family;
	*id = (struct inet_diag_sockid){.idiag_if = interface > 0 ? (uint32_t)interface : 0,
					.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}};
	put_end(&local, id->idiag_src, &id->idiag_sport);
	put_end(&peer, id->idiag_dst, &id->idiag_dport);
	return IPC_INET_CONNECTED;
}

enum ipc_inet_place ipc_inet_place(struct ipc_run *run, struct ipc_lender *lender, uint64_t inode, unsigned *family,
				   struct inet_diag_sockid *id)
{
	const struct ipc_key key = {.space = IPC_SPACE_SOCKET, .inode = inode};
	enum ipc_inet_place place;
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, key, &holders);
	const struct ipc_hold *hold = held ? ipc_holders_hold(holders, held, NULL) : NULL;
	int fd;

	if (!hold || hold->fd < 0 || !ipc_proc_same_pids(run->ctx))
		return IPC_INET_UNTOLD;
	fd = ipc_lender_copy(lender, hold);
	if (fd < 0)
		return IPC_INET_UNTOLD;
	place = place_of(fd, inode, family, id);
	close(fd);
	return place;
}
