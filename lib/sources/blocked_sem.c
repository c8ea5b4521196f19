/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of its operations a task blocked in semop() sleeps on. */
#include "sources/blocked_resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sem.h>

#define OPERATIONS_MAX 500 /* the kernel's default limit (SEMOPM) */
#define OPERATIONS_SHOWN 8
#define VALUES_MAX 65536 /* as many as sem_num can tell apart; no set is larger */

static int describe(const struct sembuf *op, struct ipc_buf *out)
{
	if (op->sem_op == 0)
		return ipc_buf_format(out, "zero on [%u]", op->sem_num);
	return ipc_buf_format(out, "%s of %d on [%u]", op->sem_op < 0 ? "increase" : "decrease", abs(op->sem_op),
			      op->sem_num);
}

/*
 * The kernel tries the operations in their order and sleeps on the first that cannot proceed. Values can be had from
 * the namespace that this thread is in, and may have moved on since. Returns its position, or @count when that is not
 * certain.
 */
static size_t find_blocking(struct ipc_resolver *resolver, uint64_t id, const struct sembuf *ops, size_t count)
{
	unsigned short *values;
	size_t i = count;

	if (count == 1)
		return 0;
	if (resolver->ctx->captured || !resolver->own_ipc || resolver->own_ipc != resolver->process->ipc_ns)
		return count;
	values = calloc(VALUES_MAX, sizeof(*values));
	if (values && semctl((int)id, 0, GETALL, values) == 0) {
		for (i = 0; i < count; i++) {
			int value = values[ops[i].sem_num];

			if (ops[i].sem_op == 0 ? value != 0 : value + ops[i].sem_op < 0)
				break;
			values[ops[i].sem_num] = (unsigned short)(value + ops[i].sem_op);
		}
	}
	free(values);
	return i;
}

int ipc_resolve_sem(struct ipc_resolver *resolver, const struct ipc_syscall_line *line, struct ipc_blocked_task *task)
{
	struct sembuf ops[OPERATIONS_MAX];
	size_t count = line->args[2], blocking, i;
	struct ipc_buf why = {0};
	ssize_t n;
	int err;

	if (!count || count > OPERATIONS_MAX)
		return ipc_resolver_why(resolver, task, "semop");
	n = ipc_resolver_memory(resolver, line->args[1], ops, count * sizeof(*ops));
	if (n != (ssize_t)(count * sizeof(*ops)))
		return ipc_resolver_why(resolver, task, "semop");
	blocking = find_blocking(resolver, task->key.inode, ops, count);
	if (blocking < count) {
		task->index = ops[blocking].sem_num;
		task->zero = ops[blocking].sem_op == 0;
	}
	err = ipc_buf_format(&why, "semop: ");
	if (!err && blocking < count)
		err = describe(&ops[blocking], &why);
	for (i = 0; !err && blocking == count && i < count; i++) {
		if (i)
			err = ipc_buf_append(&why, ", ", 2);
		if (!err && i == OPERATIONS_SHOWN) {
			err = ipc_buf_format(&why, "%zu more", count - i);
			break;
		}
		if (!err)
			err = describe(&ops[i], &why);
	}
	if (!err)
		err = ipc_resolver_why(resolver, task, why.data);
	ipc_buf_release(&why);
	return err;
}
