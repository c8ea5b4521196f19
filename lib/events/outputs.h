/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipes and sockets that the watcher's own output goes through: to tell of what passes there would make more of it, for ever. */
#ifndef IPC_EVENTS_OUTPUTS_H
#define IPC_EVENTS_OUTPUTS_H

struct ipc_ctx;

/* Enter them in the programs' @map. Returns 0 or -errno. */
int ipc_outputs_enter(struct ipc_ctx *ctx, int map);

#endif
