/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that end, by the kernel's proc connector: what they leave or detach shows in a look, which is then due. Without it
 * that shows when the interval is over, so nothing is said when it cannot be had.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "events/plain.h"

#define ROOM (16 * 1024)

struct ipc_plain_exits {
	struct mnl_socket *socket;
	bool listens; /* kernels before 6.6 count who does, and do not notice when one is closed */
	char buffer[ROOM] __attribute__((aligned(8)));
};

/* The C library's header of netlink messages, that of the connector, then the event. */
#define EVENT_AT (sizeof(struct nlmsghdr) + offsetof(struct cn_msg, data))
/* The headers are in the machine's byte order, the filter reads in that of the network. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AS_READ(word) __builtin_bswap32(word)
#else
#define AS_READ(word) (word)
#endif

/* Every fork and exec of the host comes by as well: nobody is to be woken for them, nor for the end of one thread of several. */
static int keep_exits(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EVENT_AT + offsetof(struct proc_event, what)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AS_READ(PROC_EVENT_EXIT), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EVENT_AT + offsetof(struct proc_event, event_data.exit.process_pid)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 EVENT_AT + offsetof(struct proc_event, event_data.exit.process_tgid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0u),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int request(struct ipc_plain_exits *exits, enum proc_cn_mcast_op what)
{
	char room[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(what))] __attribute__((aligned(4))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct cn_msg *message;

	message = mnl_nlmsg_put_extra_header(nlh, sizeof(*message) + sizeof(what));
	message->id.idx = CN_IDX_PROC;
	message->id.val = CN_VAL_PROC;
	message->len = sizeof(what);
	memcpy(message->data, &what, sizeof(what));
	nlh->nlmsg_type = NLMSG_DONE;
	return mnl_socket_sendto(exits->socket, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

int ipc_plain_exits_new(struct ipc_plain *plain)
{
	struct ipc_plain_exits *exits;
	int r = -EPERM;

	if (!plain->looks)
		return 0;
	exits = calloc(1, sizeof(*exits));
	if (!exits)
		return -ENOMEM;
	exits->socket = mnl_socket_open2(NETLINK_CONNECTOR, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (exits->socket && keep_exits(mnl_socket_get_fd(exits->socket)) == 0 &&
	    mnl_socket_bind(exits->socket, CN_IDX_PROC, MNL_SOCKET_AUTOPID) == 0)
		r = request(exits, PROC_CN_MCAST_LISTEN);
	exits->listens = r == 0;
	if (r == 0)
		r = ipc_plain_poll(plain, mnl_socket_get_fd(exits->socket));
	if (r < 0) {
		ipc_plain_exits_free(exits);
		return 0;
	}
	plain->exits = exits;
	return 0;
}

int ipc_plain_exits_read(struct ipc_plain *plain)
{
	struct ipc_plain_exits *exits = plain->exits;
	bool any = false;

	/* Which they were does not matter, and not how many: ENOBUFS says the same. */
	while (mnl_socket_recvfrom(exits->socket, exits->buffer, sizeof(exits->buffer)) >= 0 || errno == ENOBUFS)
		any = true;
	if (any)
		ipc_plain_looks_soon(plain);
	return 0;
}

void ipc_plain_exits_free(struct ipc_plain_exits *exits)
{
	if (!exits)
		return;
	if (exits->listens)
		request(exits, PROC_CN_MCAST_IGNORE);
	if (exits->socket)
		mnl_socket_close(exits->socket);
	free(exits);
}
