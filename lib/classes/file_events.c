/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told, as it happens, of the kinds that are files. How records of them become events: lib/events/files.c. */
#include "classes/file_events.h"

#include "classes/events.h"
#include "classes/mq.h"
#include "classes/pipe.h"
#include "classes/sem.h"
#include "classes/shm.h"

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)
#define NAMED (BIT(CREATE) | BIT(OPEN) | BIT(CLOSE) | BIT(REMOVE))

#define OTHER_NAMESPACE "what is done through another mount namespace"
#define MAPPED "the end of what is mapped only, whose descriptor was closed before"
#define BY_EXEC "descriptors that close at exec(2), or go with a message that nobody receives"

/* No name leads to it any more, as far as is known. */
static bool is_unlinked(const struct ipc_raw *raw, const struct ipc_object *object)
{
	return !object->name.data || (raw->has & IPC_RAW_LINKED && !raw->links);
}

static void fill_fifo(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_pipe *fifo = (struct ipc_pipe *)object;

	(void)run;
	fifo->reachable = !is_unlinked(raw, object);
	fifo->proven = true;
}

const struct ipc_events ipc_events_fifo = {
	.raw = IPC_RAW_FIFO,
	.space = IPC_SPACE_FILE,
	.range =
		{
			.life = NAMED,
			.traffic = BIT(SEND) | BIT(RECEIVE) | BIT(CHANGE) | IPC_EVENTS_WAITS,
			.plain = NAMED | BIT(CHANGE),
			.unseen = OTHER_NAMESPACE
			"; behind tracepoints, the removal of one that nobody has opened and that lies in no "
			"directory that was looked at (--scan), and " BY_EXEC,
		},
	.fill = fill_fifo,
};

const struct ipc_events ipc_events_pipe = {
	.raw = IPC_RAW_PIPE,
	.space = IPC_SPACE_PIPE,
	.range =
		{
			.life = BIT(CREATE) | BIT(CLOSE),
			.traffic = BIT(SEND) | BIT(RECEIVE) | IPC_EVENTS_WAITS,
			.unseen = "behind tracepoints, " BY_EXEC,
		},
};

static void fill_mq(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	(void)run;
	((struct ipc_mq *)object)->deleted = is_unlinked(raw, object);
}

const struct ipc_events ipc_events_mq_posix = {
	.raw = IPC_RAW_MQ_POSIX,
	.space = IPC_SPACE_FILE,
	.range =
		{
			.life = NAMED,
			.traffic = BIT(SEND) | BIT(RECEIVE) | IPC_EVENTS_WAITS,
			.plain = NAMED,
			.unseen =
				"one that is removed as a file of /dev/mqueue rather than by mq_unlink(3); behind tracepoints, " BY_EXEC,
		},
	.fill = fill_mq,
};

static void fill_shm(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	(void)run;
	((struct ipc_shm *)object)->deleted = is_unlinked(raw, object);
}

const struct ipc_events ipc_events_shm_posix = {
	.raw = IPC_RAW_SHM_POSIX,
	.space = IPC_SPACE_FILE,
	.range =
		{
			.life = NAMED,
			.traffic = BIT(ATTACH) | BIT(DETACH) | BIT(CHANGE),
			.plain = NAMED | BIT(CHANGE),
			.unseen = OTHER_NAMESPACE
			"; closing the descriptor is no end of what is mapped, and behind tracepoints the end of that "
			"is told only when it is unmapped by the process, not when it ends with that",
		},
	.fill = fill_shm,
};

const struct ipc_events ipc_events_shm_memfd = {
	.raw = IPC_RAW_SHM_MEMFD,
	.space = IPC_SPACE_MEMFD,
	.range =
		{
			.life = BIT(CREATE) | BIT(CLOSE),
			.traffic = BIT(OPEN) | BIT(ATTACH) | BIT(DETACH) | BIT(CHANGE),
			.unseen = "behind tracepoints, " MAPPED ", and " BY_EXEC,
		},
};

static void fill_sem(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	(void)run;
	((struct ipc_sem *)object)->deleted = is_unlinked(raw, object);
}

/* Taking and giving one back is done in memory: the kernel sees those alone who have to wait. */
const struct ipc_events ipc_events_sem_posix = {
	.raw = IPC_RAW_SEM_POSIX,
	.space = IPC_SPACE_FILE,
	.range =
		{
			.life = NAMED,
			.traffic = IPC_EVENTS_WAITS,
			.plain = NAMED,
			.unseen =
				"sem_post(3), and sem_wait(3) that need not wait, which no system call is made for; " OTHER_NAMESPACE
				"; behind tracepoints, sem_close(3)",
		},
	.fill = fill_sem,
};
