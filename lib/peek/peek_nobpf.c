/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of the peeks where the build has no BPF. */
#include <errno.h>
#include <unistd.h>

#include "peek/peek.h"

void ipc_peek_free(struct ipc_peek_loaded *peeks)
{
	(void)peeks; /* there are none */
}

static int fail(struct ipc_ctx *ctx)
{
	return ipc_ctx_fail(ctx, -ENOTSUP, "this build has no BPF support");
}

int ipc_peek_mq_posix(struct ipc_ctx *ctx, int fd, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data)
{
	(void)queue, (void)fn, (void)data;
	close(fd);
	return fail(ctx);
}

int ipc_peek_mq_sysv(struct ipc_ctx *ctx, int id, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data)
{
	(void)id, (void)queue, (void)fn, (void)data;
	return fail(ctx);
}

int ipc_peek_sem_undo(struct ipc_ctx *ctx, int id, ipc_peek_undo_fn fn, void *data)
{
	(void)id, (void)fn, (void)data;
	return fail(ctx);
}

int ipc_peek_sem_users(struct ipc_ctx *ctx, ipc_peek_sem_user_fn fn, void *data)
{
	(void)fn, (void)data;
	return fail(ctx);
}

int ipc_peek_fifo(struct ipc_ctx *ctx, int fd, struct ipc_peek_fifo *out)
{
	(void)fd, (void)out;
	return fail(ctx);
}

int ipc_peek_signals(struct ipc_ctx *ctx, int64_t pid, bool *torn, ipc_peek_signal_fn fn, void *data)
{
	(void)pid, (void)torn, (void)fn, (void)data;
	return fail(ctx);
}

int ipc_peek_sock(struct ipc_ctx *ctx, int fd, int (*ready)(void *data), ipc_peek_buffer_fn fn, void *data, bool *torn)
{
	(void)fd, (void)ready, (void)fn, (void)data, (void)torn;
	return fail(ctx);
}
