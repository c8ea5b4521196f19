/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures that a limit caused, told with the limit, its value, the use made of it, and what raises it. */
#ifndef IPC_CLASSES_LIMITS_H
#define IPC_CLASSES_LIMITS_H

#include "context.h"

/* One limit, as a number in a file below /proc. */
struct ipc_limit {
	const char *name; /* "MSGMNI" */
	const char *file; /* "sys/kernel/msgmni", below /proc */
	unsigned word;    /* which number in the file, from 0: sys/kernel/sem has four */
	const char *what; /* "message queues in this ipc namespace" */
};

/*
 * Its value now, IPC_UNKNOWN when it cannot be read. Limits of a namespace are those of the calling thread's, whatever
 * /proc it is.
 */
uint64_t ipc_limit_read(struct ipc_ctx *ctx, const struct ipc_limit *limit);
/*
 * Fail with @error and "@happened: MSGMNI allows 32000 message queues in this ipc namespace, 32000 are in use; raise
 * /proc/sys/kernel/msgmni". What is not known is left out; @used IPC_UNKNOWN: not known, or no matter.
 */
int ipc_limit_fail(struct ipc_ctx *ctx, int error, const struct ipc_limit *limit, uint64_t used, const char *happened);

#endif
