/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judgement that POSIX segments, named semaphores and queues share. */
#include "classes/posix.h"

enum ipc_state ipc_judge_posix(struct ipc_run *run, const struct ipc_object *object)
{
	if (ipc_judge_held(run, object))
		return IPC_STATE_HELD;
	/* Who waits on it has it open or mapped, so waits need not be read. */
	if (ipc_judge_blind(run, false))
		return IPC_STATE_UNKNOWN;
	ipc_evidence(run, "nobody has it open or mapped (complete scan; a lease proves it at removal)");
	return ipc_judge_owner(run, object) == IPC_DEAD ? IPC_STATE_ORPHAN : IPC_STATE_IDLE;
}
