/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Evidence from what was learnt while watching: it can only speak for an object, never against it. */
#include <inttypes.h>

#include "evidence.h"
#include "run.h"
#include "sources/processes.h"

/* Sets have times in whole seconds, and what was seen of them is a little later. */
#define SLACK INT64_C(2000000000)

static const char *const roles[] = {[IPC_LEARNT_CREATED] = "creator", [IPC_LEARNT_TAKEN] = "last taker"};
static const char *const deeds[] = {[IPC_LEARNT_CREATED] = "created", [IPC_LEARNT_TAKEN] = "taken last"};

static struct ipc_key key_of(const struct ipc_object *object)
{
	return object->wait.space == IPC_SPACE_SEM ? object->wait : object->hold;
}

/* Is it about @object, and not about an earlier one of the same number? */
static bool is_about(const struct ipc_learnt *learnt, const struct ipc_object *object)
{
	if (learnt->key.space == IPC_SPACE_SEM)
		return object->key == learnt->sysv_key && object->changed != IPC_UNKNOWN_INT &&
		       object->changed >= learnt->changed - SLACK;
	if (learnt->birth != IPC_UNKNOWN_INT && object->birth != IPC_UNKNOWN_INT)
		return learnt->birth == object->birth;
	return object->birth == IPC_UNKNOWN_INT || object->birth <= learnt->time + SLACK;
}

/* A set that was changed when nobody watched may be a later one, in a later namespace of the same number. */
static bool is_certain(const struct ipc_learnt *learnt, const struct ipc_object *object)
{
	return learnt->key.space != IPC_SPACE_SEM || object->changed <= learnt->changed;
}

static void tell(struct ipc_run *run, const struct ipc_learnt *learnt, const struct ipc_object *object)
{
	struct ipc_buf time = {0};

	if (!ipc_run_needs(run, IPC_NEED_EVIDENCE) || ipc_learnt_print_time(&time, learnt->time))
		return;
	ipc_evidence(run, "%s by %" PRId64 " (%s), recorded at %s%s", deeds[learnt->role], learnt->pid, learnt->comm,
		     time.data,
		     is_certain(learnt, object) ? "" : "; it was changed since, so that may have been an earlier set");
	ipc_buf_release(&time);
}

static enum ipc_alive judge(struct ipc_run *run, const struct ipc_learnt *learnt)
{
	struct ipc_processes *processes = ipc_run_processes(run);
	struct ipc_process *process = processes ? ipc_processes_find(processes, learnt->pid) : NULL;

	if (learnt->ticks == IPC_UNKNOWN || !process || process->started == IPC_UNKNOWN_INT)
		return ipc_judge_pid(run, roles[learnt->role], learnt->pid, learnt->time);
	if (learnt->ticks == process->ticks)
		return ipc_judge_pid(run, roles[learnt->role], learnt->pid, IPC_UNKNOWN_INT);
	ipc_evidence(run, "%s %" PRId64 " is dead: its number was reused later", roles[learnt->role], learnt->pid);
	return IPC_DEAD;
}

enum ipc_alive ipc_judge_learnt(struct ipc_run *run, const struct ipc_object *object)
{
	enum ipc_alive all = IPC_DEAD, one;
	const struct ipc_learnt *learnt;
	size_t i, count = run->ctx->learnt ? ipc_learnt_find(run->ctx->learnt, key_of(object), &learnt) : 0;

	for (i = 0; i < count; i++) {
		if (!is_about(&learnt[i], object))
			continue;
		tell(run, &learnt[i], object);
		one = judge(run, &learnt[i]);
		if (one == IPC_ALIVE || (one == IPC_ALIVE_UNKNOWN && all == IPC_DEAD))
			all = one;
	}
	return all;
}
