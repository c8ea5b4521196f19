/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judgement that POSIX segments, named semaphores and queues share. */
#include "classes/posix.h"

#include <string.h>

/*
 * Accounts of the system, those that systemd gives to services (DynamicUser), and nobody: between two lives of a service they
 * have no process, though its memory is to be found again. logind's RemoveIPC leaves the first out for that reason as well.
 */
static bool is_service(uint64_t uid)
{
	return uid < 1000 || (uid >= 61184 && uid <= 65519) || uid == 65534 || uid == 65535;
}

/* "/results/run1": a file that somebody keeps in memory. */
static bool is_below_directory(const struct ipc_object *object)
{
	return object->name.len > 1 && memchr(object->name.data + 1, '/', object->name.len - 1);
}

enum ipc_state ipc_judge_posix(struct ipc_run *run, const struct ipc_object *object)
{
	if (ipc_judge_held(run, object))
		return IPC_STATE_HELD;
	/* Who waits on it has it open or mapped, so waits need not be read. */
	if (ipc_judge_blind(run, false))
		return IPC_STATE_UNKNOWN;
	ipc_evidence(run, "nobody has it open or mapped (complete scan; a lease proves it at removal)");
	if (ipc_judge_owner(run, object) != IPC_DEAD)
		return IPC_STATE_IDLE;
	if (is_service(object->uid)) {
		ipc_evidence(run, "but that is an account of services, which start again");
		return IPC_STATE_IDLE;
	}
	if (is_below_directory(object)) {
		ipc_evidence(run, "but it lies in a directory, where shm_open() and sem_open() make nothing");
		return IPC_STATE_IDLE;
	}
	return IPC_STATE_ORPHAN;
}
