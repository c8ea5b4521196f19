/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of a FIFO. */
#ifndef IPC_CLASSES_FIFO_JUDGE_H
#define IPC_CLASSES_FIFO_JUDGE_H

#include "run.h"

/* Has it a name that leads to it from here? One without goes with its last user. */
bool ipc_fifo_stays(const struct ipc_object *object);
enum ipc_state ipc_fifo_judge(struct ipc_run *run, const struct ipc_object *object);

#endif
