/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that block on IPC objects: which argument says on what. And the line of /proc/PID/syscall that tells the
 * arguments.
 */
#ifndef IPC_SOURCES_BLOCKED_SYSCALLS_H
#define IPC_SOURCES_BLOCKED_SYSCALLS_H

#include "model/bytes.h"
#include "model/key.h"

/* How the object is found. */
enum ipc_blocks_on {
	IPC_BLOCKS_FD,     /* an fd in argument `first`; when that is no IPC object, in argument `second` */
	IPC_BLOCKS_MSG,    /* a queue id in argument 0 */
	IPC_BLOCKS_SEM,    /* a semaphore id in argument 0, struct sembuf[] in 1, its length in 2 */
	IPC_BLOCKS_FUTEX,  /* an address in argument 0, the operation in 1 */
	IPC_BLOCKS_OPEN,   /* a path in argument `first` (relative to the fd before it, if any), flags in `second` */
	IPC_BLOCKS_OPEN2,  /* the same with struct open_how in `second` */
	IPC_BLOCKS_OPAQUE, /* the multiplexed ipc(2): the arguments are not where the others have them */
};

struct ipc_blocking_call {
	long number;
	const char *name;
	enum ipc_blocks_on on;
	unsigned spaces; /* IPC_SPACE_BIT()s of what it may block on */
	int first, second;
};

/* The call of @number, or NULL when it does not block on IPC objects. */
const struct ipc_blocking_call *ipc_blocking_call_find(uint64_t number);

/* A blocked task: what it asked the kernel for. */
struct ipc_syscall_line {
	uint64_t number;
	uint64_t args[6];
	uint64_t stack; /* stack pointer */
};

/* False when the task runs, is a kernel thread, or is blocked outside a system call. */
bool ipc_syscall_line_parse(struct ipc_bytes line, struct ipc_syscall_line *out);

#endif
