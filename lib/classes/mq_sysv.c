/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System V message queues. */
#include <errno.h>
#include <inttypes.h>

#include "classes/contents.h"
#include "classes/events.h"
#include "classes/mq.h"
#include "classes/sysv.h"

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
};

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int emit(const struct ipc_sysv_msg *msg, void *data)
{
	const struct collect *collect = data;
	struct ipc_mq *object = ipc_run_object(collect->run, collect->kind);

	if (!object)
		return -ENOMEM;
	ipc_sysv_fill(collect->run, &object->base, &msg->perm, IPC_SPACE_MSG);
	object->base.size = msg->bytes;
	object->base.changed = ipc_sysv_time(msg->ctime);
	object->messages = msg->messages;
	object->bytes = msg->bytes;
	object->max_bytes = msg->max_bytes ? msg->max_bytes : IPC_UNKNOWN;
	/* the kernel's 0 is nobody as well as a process of another pid namespace; the time tells which */
	object->last_sender = msg->stime ? msg->lspid : IPC_UNKNOWN_INT;
	object->last_receiver = msg->rtime ? msg->lrpid : IPC_UNKNOWN_INT;
	object->sent = ipc_sysv_time(msg->stime);
	object->received = ipc_sysv_time(msg->rtime);
	/* unknown times are the smallest number */
	object->base.used = latest(object->base.changed, latest(object->sent, object->received));
	return ipc_run_emit(collect->run, object);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct collect collect = {run, kind};
	struct ipc_idset ids = {0};
	struct ipc_sysv_msg msg;
	uint64_t id;
	int err = 0;

	if (!ipc_sysv_asked_ids(run, kind, &ids))
		return ipc_sysv_each_msg(run->ctx, emit, &collect);
	while (!err && ipc_idset_take(&ids, &id)) {
		err = ipc_sysv_find_msg(run->ctx, id, &msg);
		if (!err)
			err = emit(&msg, &collect);
		else if (err == -ENOENT)
			err = 0;
	}
	ipc_idset_release(&ids);
	return err;
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_mq *mq = (const struct ipc_mq *)object;
	bool held = ipc_judge_held(run, object), blind;
	enum ipc_alive sender, receiver;
	enum ipc_state state;

	if (mq->messages)
		ipc_evidence(run, "%" PRIu64 " message%s queued", mq->messages, mq->messages == 1 ? "" : "s");
	if (held)
		return IPC_STATE_HELD;
	ipc_evidence(run, "nobody was seen waiting");
	blind = ipc_sysv_blind(run);
	sender = ipc_judge_pid(run, "last sender", mq->last_sender, object->used);
	receiver = ipc_judge_pid(run, "last receiver", mq->last_receiver, object->used);
	state = ipc_sysv_state(run, (struct ipc_object *)object, sender == IPC_ALIVE || receiver == IPC_ALIVE,
			       blind || (sender == IPC_ALIVE_UNKNOWN && mq->last_sender != IPC_UNKNOWN_INT) ||
				       (receiver == IPC_ALIVE_UNKNOWN && mq->last_receiver != IPC_UNKNOWN_INT),
			       sender == IPC_DEAD || receiver == IPC_DEAD);
	return state == IPC_STATE_SUSPECT && mq->messages ? IPC_STATE_IDLE : state;
}

static const struct ipc_waste waste = {
	.proof = "none: tasks that wait are seen, a quiet user is not",
	.users = "last sender and last receiver",
	.best = "suspect",
};

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

static const struct ipc_events events = {
	.raw = IPC_RAW_MQ_SYSV,
	.space = IPC_SPACE_MSG,
	.range = {
		.life = BIT(CREATE) | BIT(REMOVE),
		.traffic = BIT(OPEN) | BIT(SEND) | BIT(RECEIVE) | BIT(CHANGE) | IPC_EVENTS_WAITS,
		.plain = BIT(CREATE) | BIT(REMOVE) | BIT(SEND) | BIT(RECEIVE) | BIT(CHANGE),
		.unseen = "behind tracepoints, the end of an ipc namespace, which takes its queues with it",
	},
};

const struct ipc_kind ipc_kind_mq_sysv = {
	.name = "sysv",
	.help = "System V message queue (msgget)",
	.cls = &ipc_class_mq,
	.ns = IPC_NS_IPC,
	.leaks = true,
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_KEY,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_MSG),
	.judge_needs = IPC_NEED_WAITERS,
	.collect = collect,
	.names = ipc_sysv_names,
	.identity = ipc_identity_sysv,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_mq_sysv,
	.contents = &ipc_contents_mq_sysv,
	.events = &events,
};
