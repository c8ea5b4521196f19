/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of system calls that block on IPC objects, by the numbers of the architecture that this is compiled for. */
#include "sources/blocked_syscalls.h"

#include <stdlib.h>
#include <sys/syscall.h>

#define BIT(space) IPC_SPACE_BIT(IPC_SPACE_##space)
#define STREAMS (BIT(PIPE) | BIT(FILE) | BIT(SOCKET))
#define MEMORY (BIT(FILE) | BIT(MEMFD) | BIT(ANON) | BIT(SHM))

#define FD(call, spaces)                                       \
	{                                                      \
		SYS_##call, #call, IPC_BLOCKS_FD, spaces, 0, 0 \
	}

/* Programs and libraries differ in which of several calls of one purpose they use; `why` names the purpose. */
static const struct ipc_blocking_call calls[] = {
	FD(read, STREAMS),
	FD(write, STREAMS),
	{SYS_readv, "read", IPC_BLOCKS_FD, STREAMS, 0, 0},
	{SYS_writev, "write", IPC_BLOCKS_FD, STREAMS, 0, 0},
	{SYS_preadv2, "read", IPC_BLOCKS_FD, STREAMS, 0, 0},
	{SYS_pwritev2, "write", IPC_BLOCKS_FD, STREAMS, 0, 0},
	FD(vmsplice, BIT(PIPE) | BIT(FILE)),
	{SYS_splice, "splice", IPC_BLOCKS_FD, STREAMS, 0, 2},
	{SYS_tee, "tee", IPC_BLOCKS_FD, BIT(PIPE) | BIT(FILE), 0, 1},
	{SYS_sendfile, "sendfile", IPC_BLOCKS_FD, STREAMS, 0, 1},
#ifdef SYS_recvfrom /* a few architectures have socketcall alone */
	FD(recvfrom, BIT(SOCKET)),
	FD(recvmsg, BIT(SOCKET)),
	FD(sendto, BIT(SOCKET)),
	FD(sendmsg, BIT(SOCKET)),
	FD(sendmmsg, BIT(SOCKET)),
	{SYS_accept4, "accept", IPC_BLOCKS_FD, BIT(SOCKET), 0, 0},
	FD(connect, BIT(SOCKET)),
#endif
#ifdef SYS_recvmmsg
	FD(recvmmsg, BIT(SOCKET)),
#endif
#ifdef SYS_recvmmsg_time64
	{SYS_recvmmsg_time64, "recvmmsg", IPC_BLOCKS_FD, BIT(SOCKET), 0, 0},
#endif
#ifdef SYS_accept
	FD(accept, BIT(SOCKET)),
#endif
#ifdef SYS_mq_timedreceive
	FD(mq_timedreceive, BIT(FILE)),
	FD(mq_timedsend, BIT(FILE)),
#endif
#ifdef SYS_mq_timedreceive_time64
	{SYS_mq_timedreceive_time64, "mq_timedreceive", IPC_BLOCKS_FD, BIT(FILE), 0, 0},
	{SYS_mq_timedsend_time64, "mq_timedsend", IPC_BLOCKS_FD, BIT(FILE), 0, 0},
#endif
#ifdef SYS_msgrcv
	{SYS_msgrcv, "msgrcv", IPC_BLOCKS_MSG, BIT(MSG), 0, 0},
	{SYS_msgsnd, "msgsnd", IPC_BLOCKS_MSG, BIT(MSG), 0, 0},
#endif
#ifdef SYS_semop
	{SYS_semop, "semop", IPC_BLOCKS_SEM, BIT(SEM), 0, 0},
#endif
#ifdef SYS_semtimedop
	{SYS_semtimedop, "semop", IPC_BLOCKS_SEM, BIT(SEM), 0, 0},
#endif
#ifdef SYS_semtimedop_time64
	{SYS_semtimedop_time64, "semop", IPC_BLOCKS_SEM, BIT(SEM), 0, 0},
#endif
#ifdef SYS_ipc
	{SYS_ipc, "ipc", IPC_BLOCKS_OPAQUE, BIT(MSG) | BIT(SEM), 0, 0},
#endif
#ifdef SYS_futex
	{SYS_futex, "futex", IPC_BLOCKS_FUTEX, MEMORY, 0, 0},
#endif
#ifdef SYS_futex_time64
	{SYS_futex_time64, "futex", IPC_BLOCKS_FUTEX, MEMORY, 0, 0},
#endif
#ifdef SYS_open
	{SYS_open, "open", IPC_BLOCKS_OPEN, BIT(FILE), 0, 1},
#endif
	{SYS_openat, "open", IPC_BLOCKS_OPEN, BIT(FILE), 1, 2},
#ifdef SYS_openat2
	{SYS_openat2, "open", IPC_BLOCKS_OPEN2, BIT(FILE), 1, 2},
#endif
};

const struct ipc_blocking_call *ipc_blocking_call_find(uint64_t number)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if ((uint64_t)calls[i].number == number)
			return &calls[i];
	return NULL;
}

static bool next_number(const char **at, int base, uint64_t *out)
{
	char *end;

	*out = strtoull(*at, &end, base);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

/* "running", "-1 SP PC" (blocked, but in no system call) or "NUMBER ARG ARG ARG ARG ARG ARG SP PC" */
bool ipc_syscall_line_parse(struct ipc_bytes line, struct ipc_syscall_line *out)
{
	const char *at = line.data;
	size_t i;

	if (!line.len || *at < '0' || *at > '9' || !next_number(&at, 10, &out->number))
		return false;
	for (i = 0; i < 6; i++)
		if (!next_number(&at, 16, &out->args[i]))
			return false;
	/* a kernel thread has all of them 0 */
	return next_number(&at, 16, &out->stack) && out->stack != 0;
}
