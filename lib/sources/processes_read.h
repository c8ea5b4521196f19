/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of one process below /proc say of it. */
#ifndef IPC_SOURCES_PROCESSES_READ_H
#define IPC_SOURCES_PROCESSES_READ_H

#include "sources/procfs.h"

struct ipc_process_stat {
	char text[2048];
	struct ipc_bytes comm; /* in `text` */
	uint64_t ticks;        /* from the boot to its start */
	bool started;          /* are `ticks` known? */
};

/* Read PID/stat. Returns 0, -errno, -EINVAL when it has no comm. */
int ipc_process_read_stat(struct ipc_ctx *ctx, int64_t pid, struct ipc_process_stat *out);
struct ipc_process_status {
	char text[4096];
	struct ipc_bytes comm; /* in `text`; NULL where a captured tree does not tell */
	uint64_t uids[4];      /* real, effective, saved, file system */
};

/* Read PID/status. Returns 0, -errno, -EINVAL when it has no uids. */
int ipc_process_read_status(struct ipc_ctx *ctx, int64_t pid, struct ipc_process_status *out);
/* Nothing but the uids of it. */
int ipc_process_read_uids(struct ipc_ctx *ctx, int64_t pid, uint64_t uids[4]);
/*
 * The numbers by which PID is known in pid namespaces inside the one of /proc, the outermost first. Returns how many there
 * are (at most IPC_PROCESS_LEVELS; as a rule none), or -errno.
 */
#define IPC_PROCESS_LEVELS 32
int ipc_process_read_inner(struct ipc_ctx *ctx, int64_t pid, int64_t numbers[IPC_PROCESS_LEVELS]);
/* A number that only a thread has can be looked up in /proc as well, but is no process. */
bool ipc_process_exists(struct ipc_ctx *ctx, int64_t pid);

#endif
