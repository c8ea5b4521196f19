/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few sockets that alone are asked for, and of which kinds they may be. */
#include "classes/sock_few.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "classes/sock.h"
#include "holders/holders.h"
#include "sources/procfs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* How the names of protocols begin in the kernel. TCP sockets inside an MPTCP one report its inode. */
static const struct {
	const char *begins;
	const struct ipc_kind *kind;
} protocols[] = {
	{"UNIX", &ipc_kind_sock_unix},       {"TCP", &ipc_kind_sock_tcp},        {"MPTCP", &ipc_kind_sock_tcp},
	{"MPTCP", &ipc_kind_sock_mptcp},     {"UDP", &ipc_kind_sock_udp},        {"RAW", &ipc_kind_sock_raw},
	{"SCTP", &ipc_kind_sock_sctp},       {"DCCP", &ipc_kind_sock_dccp},      {"PACKET", &ipc_kind_sock_packet},
	{"NETLINK", &ipc_kind_sock_netlink}, {"AF_VSOCK", &ipc_kind_sock_vsock}, {"XDP", &ipc_kind_sock_xdp},
};

#define ANY (~0u)

/* What is known of each: asked once, although every kind wants to know. */
struct ipc_sock_sorts {
	size_t count;
	struct {
		uint64_t inode;
		unsigned sort; /* bits 1 << (place in `protocols`), or ANY */
	} items[];             /* sorted by inode */
};

static unsigned sort_of_name(const char *name, size_t len)
{
	unsigned sort = 0;
	size_t i;

	for (i = 0; i < COUNT(protocols); i++) {
		size_t begins = strlen(protocols[i].begins);

		if (len >= begins && memcmp(name, protocols[i].begins, begins) == 0)
			sort |= 1u << i;
	}
	return sort ? sort : ANY;
}

/* Does the descriptor still lead to the socket of @inode? */
static bool is_still(struct ipc_ctx *ctx, const char *path, uint64_t inode)
{
	struct ipc_buf link = {0};
	char expected[40];
	bool still;

	snprintf(expected, sizeof(expected), "socket:[%" PRIu64 "]", inode);
	still = ipc_proc_link(ctx, &link, "%s", path) == 0 && strcmp(link.data, expected) == 0;
	ipc_buf_release(&link);
	return still;
}

static unsigned sort_of(struct ipc_run *run, uint64_t inode)
{
	const struct ipc_key key = {.space = IPC_SPACE_SOCKET, .inode = inode};
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, key, &holders);
	const struct ipc_hold *hold = NULL;
	char path[64], name[64];
	ssize_t len;
	int tries;

	for (tries = 0; held && tries < 3 && (hold = ipc_holders_hold(holders, held, hold)); tries++) {
		if (hold->fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd/%" PRId32, hold->process->pid, hold->fd);
		len = getxattr(path, "system.sockprotoname", name, sizeof(name));
		if (len > 0 && is_still(run->ctx, path + strlen("/proc/"), inode))
			return sort_of_name(name, (size_t)len);
	}
	return ANY;
}

static int learn(struct ipc_run *run, const uint64_t *inodes, size_t count)
{
	struct ipc_sock_sorts *sorts = malloc(sizeof(*sorts) + count * sizeof(sorts->items[0]));
	size_t i;

	if (!sorts)
		return -ENOMEM;
	sorts->count = count;
	for (i = 0; i < count; i++) {
		sorts->items[i].inode = inodes[i];
		sorts->items[i].sort = sort_of(run, inodes[i]);
	}
	run->sorts = sorts;
	return 0;
}

static unsigned sort_known(const struct ipc_sock_sorts *sorts, uint64_t inode)
{
	size_t low = 0, high = sorts ? sorts->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorts->items[middle].inode == inode)
			return sorts->items[middle].sort;
		if (sorts->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return ANY;
}

static bool may_be(unsigned sort, const struct ipc_kind *kind)
{
	size_t i;

	if (sort == ANY)
		return true;
	for (i = 0; i < COUNT(protocols); i++)
		if (sort & 1u << i && protocols[i].kind == kind)
			return true;
	return false;
}

int ipc_sock_few_init(struct ipc_sock_few *few, struct ipc_run *run, const struct ipc_kind *kind)
{
	const uint64_t *inodes;
	size_t count, i;

	*few = (struct ipc_sock_few){0};
	if (run->ctx->captured || !ipc_run_few_sockets(run, kind, &inodes, &count))
		return 0;
	/*
	 * Holders that nobody wants are not read for this: that would cost more than it saves. Nor are they before unix sockets, about
	 * which the kernel answers one by one: found there, a socket has its holders read with those of its peer.
	 */
	if (!run->sorts && ipc_run_needs(run, IPC_NEED_HOLDERS) && !(run->bounded && kind == &ipc_kind_sock_unix) &&
	    learn(run, inodes, count) < 0)
		return -ENOMEM;
	few->inodes = malloc((count + 1) * sizeof(*few->inodes));
	if (!few->inodes)
		return -ENOMEM;
	few->active = true;
	/* 0 is no number of a socket: it stands for each that no process has. */
	for (i = 0; i < count; i++)
		if (inodes[i] && may_be(sort_known(run->sorts, inodes[i]), kind))
			few->inodes[few->count++] = inodes[i];
	return 0;
}

void ipc_sock_few_release(struct ipc_sock_few *few)
{
	free(few->inodes);
	*few = (struct ipc_sock_few){0};
}

bool ipc_sock_few_lacks(const struct ipc_sock_few *few, uint64_t inode)
{
	size_t low = 0, high = few->count;

	if (!few->active)
		return false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (few->inodes[middle] == inode)
			return false;
		if (few->inodes[middle] < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return true;
}
