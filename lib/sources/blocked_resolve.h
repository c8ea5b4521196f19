/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the arguments of a blocked system call to the object that it waits on. */
#ifndef IPC_SOURCES_BLOCKED_RESOLVE_H
#define IPC_SOURCES_BLOCKED_RESOLVE_H

#include "sources/blocked.h"
#include "sources/blocked_syscalls.h"
#include "sources/mounts.h"

/* What is known of the process at hand, and buffers that all tasks share. */
struct ipc_resolver {
	struct ipc_ctx *ctx;
	struct ipc_processes *processes;
	struct ipc_mounts *mounts; /* of the thread's mount namespace; NULL when not readable */
	struct ipc_arena *arena;   /* strings of the tasks */
	unsigned spaces;           /* IPC_SPACE_BIT()s that are wanted */
	uint64_t own_ipc;          /* the thread's ipc namespace; 0: not known */
	struct ipc_process *process;
	int64_t tid;
	bool have_maps;              /* `shared` are those of `process` */
	struct ipc_buf maps;         /* where their names are */
	struct ipc_map_line *shared; /* mappings, in ascending order: of thousands of threads each may wait in one */
	size_t shared_count, shared_room;
	struct ipc_buf text;
};

/* Go on with another process. */
void ipc_resolver_begin(struct ipc_resolver *resolver, struct ipc_process *process);
void ipc_resolver_release(struct ipc_resolver *resolver);

/*
 * Fill the key and its details in @task (all null before).
 * Returns 1: blocked on an object of interest; 0: it is not; -EACCES, -EPERM: it cannot be told; -ENOMEM.
 */
int ipc_resolve(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		const struct ipc_syscall_line *line, struct ipc_blocked_task *task);

/* The parts of it that are files of their own. */
int ipc_resolve_sem(struct ipc_resolver *resolver, const struct ipc_syscall_line *line, struct ipc_blocked_task *task);
int ipc_resolve_open(struct ipc_resolver *resolver, const struct ipc_blocking_call *call,
		     const struct ipc_syscall_line *line, struct ipc_blocked_task *task);

/* Up to @size bytes of the process's memory at @address. Returns how many, or -errno. */
ssize_t ipc_resolver_memory(struct ipc_resolver *resolver, uint64_t address, void *out, size_t size);
/* Set task->why; returns 1 or -ENOMEM. */
int ipc_resolver_why(struct ipc_resolver *resolver, struct ipc_blocked_task *task, const char *why);

#endif
