/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks that are blocked in a system call on an IPC object, by /proc/PID/task/TID/syscall: who waits on what. */
#ifndef IPC_SOURCES_BLOCKED_H
#define IPC_SOURCES_BLOCKED_H

#include "model/arena.h"
#include "model/key.h"
#include "model/object.h"
#include "sources/processes.h"

/* One blocked task. Which members are set depends on `key.space`; strings live as long as the index. */
struct ipc_blocked_task {
	int64_t pid, tid;
	struct ipc_bytes comm;
	struct ipc_key key;   /* NONE: a FIFO in whose open() it hangs, but `path` leads there no more */
	struct ipc_bytes why; /* "read", "accept", "msgrcv", "semop: increase of 2 on [0]", "open for reading" */
	bool in_open;         /* blocked in open() of a FIFO: has no fd */
	bool in_futex;        /* shared futex: `address` in the process, `offset` in the object behind it */
	uint64_t address, offset;
	int64_t index;         /* System V: the semaphore that holds it up; IPC_UNKNOWN_INT when not certain */
	bool zero;             /* semop waiting for zero */
	struct ipc_bytes path; /* in_open: the path as the process gave it, made absolute */
};

struct ipc_blocked;

/*
 * Read all threads of @processes. @spaces: IPC_SPACE_BIT()s that are of interest; others are skipped early.
 * Returns 0, -ENOMEM, or -ENOTSUP: this kernel has no /proc/PID/syscall.
 */
int ipc_blocked_new(struct ipc_ctx *ctx, struct ipc_processes *processes, unsigned spaces, struct ipc_blocked **out);
void ipc_blocked_free(struct ipc_blocked *blocked);
size_t ipc_blocked_count(const struct ipc_blocked *blocked);
const struct ipc_blocked_task *ipc_blocked_get(const struct ipc_blocked *blocked, size_t index);
/*
 * Tasks blocked on @key: the first at or behind *@at (start with 0; advanced), NULL at the end. O(1) to find the first.
 */
const struct ipc_blocked_task *ipc_blocked_next(const struct ipc_blocked *blocked, struct ipc_key key, size_t *at);
/*
 * Processes whose waits could not be read: for lack of privilege, or because they are of another word size than this
 * program.
 */
size_t ipc_blocked_hidden(const struct ipc_blocked *blocked);

#endif
