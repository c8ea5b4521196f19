/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers that processes have in pid namespaces inside the one of /proc. */
#ifndef IPC_SOURCES_PROCESSES_INNER_H
#define IPC_SOURCES_PROCESSES_INNER_H

#include "sources/processes.h"

struct ipc_inner;

/* Read them of all that @processes has. Returns 0 or -errno. */
int ipc_inner_new(struct ipc_ctx *ctx, struct ipc_processes *processes, struct ipc_inner **out);
void ipc_inner_free(struct ipc_inner *inner);
/* As ipc_processes_find_inner(), but that of the process nothing need have been read. */
int ipc_inner_find(struct ipc_inner *inner, struct ipc_processes *processes, int64_t number, int64_t when,
		   struct ipc_process **out);

#endif
