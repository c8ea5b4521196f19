/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System V semaphore sets. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sem.h>

#include "classes/contents.h"
#include "classes/events.h"
#include "classes/sem.h"
#include "classes/sysv.h"
#include "sources/procfs.h"

/*
 * Larger than any set (SEMMSL is at most 65535): GETALL writes as many values as the set has, whatever was known of it
 * before.
 */
#define VALUES_MAX 65536

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	unsigned short *plain; /* VALUES_MAX */
	size_t unread;         /* sets that may not be read */
};

static uint64_t ask(int id, size_t index, int what)
{
	int answer = semctl(id, (int)index, what);

	return answer < 0 ? IPC_UNKNOWN : (uint64_t)answer;
}

struct ipc_sem_value ipc_sem_sysv_value(int id, uint64_t index, uint64_t value)
{
	uint64_t last = ask(id, index, GETPID);

	return (struct ipc_sem_value){
		.index = index,
		.value = value,
		.waiting_increase = ask(id, index, GETNCNT),
		.waiting_zero = ask(id, index, GETZCNT),
		.last_pid = last == IPC_UNKNOWN ? IPC_UNKNOWN_INT : (int64_t)last,
	};
}

/* All values in one call; who waits, and who was last, only one by one. */
static int read_values(struct collect *collect, const struct ipc_sysv_sem *set, struct ipc_list *out)
{
	struct ipc_sem_value *values;
	int id = (int)set->perm.id;
	size_t i;

	if (!collect->plain)
		collect->plain = calloc(VALUES_MAX, sizeof(*collect->plain));
	if (!collect->plain || set->nsems > VALUES_MAX)
		return -ENOMEM;
	if (semctl(id, 0, GETALL, collect->plain))
		return -errno;
	values = ipc_arena_alloc(&collect->run->arena, set->nsems * sizeof(*values) + 1);
	for (i = 0; values && i < set->nsems; i++)
		values[i] = ipc_sem_sysv_value(id, i, collect->plain[i]);
	*out = (struct ipc_list){values, set->nsems};
	return values ? 0 : -ENOMEM;
}

static int emit(const struct ipc_sysv_sem *set, void *data)
{
	struct collect *collect = data;
	struct ipc_sem *object = ipc_run_object(collect->run, collect->kind);
	int err;

	if (!object)
		return -ENOMEM;
	ipc_sysv_fill(collect->run, &object->base, &set->perm, IPC_SPACE_SEM);
	object->base.changed = ipc_sysv_time(set->ctime);
	object->semaphores = set->nsems;
	object->operated = ipc_sysv_time(set->otime);
	/* never operated is the smallest number */
	object->base.used = object->operated > object->base.changed ? object->operated : object->base.changed;
	if (ipc_run_needs(collect->run, IPC_NEED_DETAIL) && !collect->run->ctx->captured) {
		err = read_values(collect, set, &object->values);
		if (err == -ENOMEM)
			return err;
		collect->unread += err == -EACCES || err == -EPERM;
	}
	return ipc_run_emit(collect->run, object);
}

static int collect_ids(struct collect *collect, struct ipc_idset *ids)
{
	struct ipc_sysv_sem set;
	uint64_t id;
	int err = 0;

	while (!err && ipc_idset_take(ids, &id)) {
		err = ipc_sysv_find_sem(collect->run->ctx, id, &set);
		if (!err)
			err = emit(&set, collect);
		else if (err == -ENOENT)
			err = 0;
	}
	ipc_idset_release(ids);
	return err;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct collect collect = {.run = run, .kind = kind};
	struct ipc_idset ids = {0};
	int err;

	if (ipc_sysv_asked_ids(run, kind, &ids))
		err = collect_ids(&collect, &ids);
	else
		err = ipc_sysv_each_sem(run->ctx, emit, &collect);
	free(collect.plain);
	if (collect.unread)
		ipc_run_unread(run, EACCES, "values", "reading values needs read permission, or CAP_IPC_OWNER (root)",
			       "values of %zu semaphore set%s", collect.unread, collect.unread == 1 ? "" : "s");
	return err;
}

/* ---- judgement --------------------------------------------------------------------------------------------------- */

/* Tasks that the kernel counts; they are there even when this /proc does not show them. */
static bool counted_waiters(struct ipc_run *run, const struct ipc_list *list)
{
	const struct ipc_sem_value *values = list->items;
	uint64_t increase = 0, zero = 0;
	size_t i;

	for (i = 0; i < list->count; i++) {
		increase += values[i].waiting_increase != IPC_UNKNOWN ? values[i].waiting_increase : 0;
		zero += values[i].waiting_zero != IPC_UNKNOWN ? values[i].waiting_zero : 0;
	}
	ipc_evidence(run, "%" PRIu64 " waiting for an increase, %" PRIu64 " for zero (kernel count)", increase, zero);
	return increase || zero;
}

static int compare_pids(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* The last operators, each once, in ascending order. */
static size_t list_pids(const struct ipc_list *list, int64_t *pids)
{
	const struct ipc_sem_value *values = list->items;
	size_t i, count = 0;

	for (i = 0; i < list->count; i++)
		pids[i] = values[i].last_pid;
	qsort(pids, list->count, sizeof(*pids), compare_pids);
	for (i = 0; i < list->count; i++)
		if (pids[i] != IPC_UNKNOWN_INT && (!count || pids[count - 1] != pids[i]))
			pids[count++] = pids[i];
	return count;
}

static enum ipc_state judge_users(struct ipc_run *run, struct ipc_sem *sem, bool unknown)
{
	int64_t *pids = ipc_arena_alloc(&run->arena, sem->values.count * sizeof(*pids) + 1);
	bool alive = false, dead = false;
	size_t i, count;

	if (!pids)
		return IPC_STATE_UNKNOWN;
	count = list_pids(&sem->values, pids);
	for (i = 0; i < count; i++) {
		/* in the initial pid namespace nobody is foreign: the semaphore was never operated on */
		if (pids[i] == 0 && (sem->operated == IPC_UNKNOWN_INT || ipc_proc_initial_pidns(run->ctx)))
			continue;
		switch (ipc_judge_pid(run, "last operator", pids[i], sem->base.used)) {
		case IPC_ALIVE:
			alive = true;
			break;
		case IPC_DEAD:
			dead = true;
			break;
		case IPC_ALIVE_UNKNOWN:
			unknown = true;
			break;
		}
	}
	/* Who operated on it last may be dead, and another one that did before still rely on it. */
	if (ipc_run_removes(run) && ipc_judge_undo(run, &sem->base))
		return IPC_STATE_HELD;
	return ipc_sysv_state(run, &sem->base, alive, unknown, dead);
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)object;
	bool held = ipc_judge_held(run, object);
	enum ipc_alive learnt;

	if (sem->values.items)
		held |= counted_waiters(run, &sem->values);
	learnt = ipc_judge_learnt(run, object);
	if (held || learnt == IPC_ALIVE)
		return IPC_STATE_HELD;
	if (sem->values.items)
		return judge_users(run, (struct ipc_sem *)object, learnt == IPC_ALIVE_UNKNOWN);
	ipc_evidence(run, "its values could not be read");
	return IPC_STATE_UNKNOWN;
}

static const struct ipc_waste waste = {
	.proof = "none: tasks that wait and pending undo are seen, a quiet user is not",
	.users = "the last process of each semaphore",
	.best = "suspect",
};

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

static const struct ipc_events events = {
	.raw = IPC_RAW_SEM_SYSV,
	.space = IPC_SPACE_SEM,
	.range = {
		.life = BIT(CREATE) | BIT(REMOVE),
		.traffic = BIT(OPEN) | BIT(CHANGE) | IPC_EVENTS_WAITS,
		.plain = BIT(CREATE) | BIT(CHANGE) | BIT(REMOVE),
		.unseen = "what the kernel gives back at the end of a process (SEM_UNDO) and, behind tracepoints, the end of an "
			  "ipc namespace, which takes its sets with it",
	},
};

const struct ipc_kind ipc_kind_sem_sysv = {
	.name = "sysv",
	.help = "System V semaphore set (semget)",
	.cls = &ipc_class_sem,
	.ns = IPC_NS_IPC,
	.leaks = true,
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_KEY,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_SEM),
	.judge_needs = IPC_NEED_WAITERS | IPC_NEED_DETAIL,
	.collect = collect,
	.names = ipc_sysv_names,
	.identity = ipc_identity_sysv,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_sem_sysv,
	.contents = &ipc_contents_sem_sysv,
	.events = &events,
};
