/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judgement that POSIX segments, named semaphores and queues share. */
#ifndef IPC_CLASSES_POSIX_H
#define IPC_CLASSES_POSIX_H

#include "run.h"

/*
 * Held, unknown, orphan (the owner has no process) or idle. Looking takes no lease: while one is held, opens by others wait. That
 * proof is for removal, and the evidence says so.
 */
enum ipc_state ipc_judge_posix(struct ipc_run *run, const struct ipc_object *object);

#endif
