/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V semaphore sets are changed, used and removed; making them has a file of its own. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include "classes/sem.h"
#include "classes/sem_sysv_change.h"
#include "classes/sysv_change.h"
#include "sources/deadline.h"

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Values as they were, to be put back when a later step fails. */
struct change {
	struct ipc_ctx *ctx;
	const struct ipc_settings *settings;
	const struct ipc_sysv_sem *now;
	int id;
	unsigned short *before; /* NULL: there is only one step */
	size_t done;            /* of the values that have an index */
};

static int fail_values(const struct change *change, int error)
{
	return ipc_sysv_fail(change->ctx, error, &change->now->perm, "setting its values");
}

/* All at once. */
static int set_all(struct change *change)
{
	unsigned short *values = ipc_sem_sysv_new_values(change->now->nsems);
	uint64_t i;
	int r;

	if (!values)
		return ipc_ctx_fail(change->ctx, -ENOMEM, "out of memory");
	for (i = 0; i < change->now->nsems; i++)
		values[i] = ipc_sem_sysv_value_for(change->settings, i);
	r = semctl(change->id, 0, SETALL, (union ipc_sem_argument){.values = values}) < 0 ? -errno : 0;
	free(values);
	return r ? fail_values(change, r) : 0;
}

/* One by one: with SETALL what others do to the rest meanwhile would be lost. */
static int set_some(struct change *change)
{
	const struct ipc_setting_value *values = change->settings->values;

	for (; change->done < change->settings->value_count; change->done++)
		if (semctl(change->id, (int)values[change->done].index, SETVAL,
			   (union ipc_sem_argument){.value = (int)values[change->done].value}) < 0)
			return fail_values(change, -errno);
	return 0;
}

static void put_back_one(const struct change *change, uint64_t index)
{
	int value = ipc_sem_sysv_value_for(change->settings, index);

	/* One that was used meanwhile is left: putting it back would lose what was done. */
	if (change->before[index] != value && semctl(change->id, (int)index, GETVAL) == value)
		semctl(change->id, (int)index, SETVAL, (union ipc_sem_argument){.value = change->before[index]});
}

static void put_back(const struct change *change)
{
	uint64_t i;

	for (i = 0; change->settings->indexed && i < change->done; i++)
		put_back_one(change, change->settings->values[i].index);
	for (i = 0; !change->settings->indexed && i < change->now->nsems; i++)
		put_back_one(change, i);
}

/* Before anything is changed: what there is to put back, and whether owner and mode may be changed at all. */
static int prepare(struct change *change)
{
	static const struct ipc_settings as_it_is;
	int r = 0;

	if (change->settings->given & IPC_SET_PERMS)
		r = ipc_sem_sysv_set_perms(change->ctx, &as_it_is, &change->now->perm);
	else if (!change->settings->indexed || change->settings->value_count == 1)
		return 0;
	if (r)
		return r;
	change->before = ipc_sem_sysv_new_values(change->now->nsems);
	if (!change->before)
		return ipc_ctx_fail(change->ctx, -ENOMEM, "out of memory");
	if (semctl(change->id, 0, GETALL, (union ipc_sem_argument){.values = change->before}) < 0)
		return ipc_sysv_fail(change->ctx, -errno, &change->now->perm,
				     "reading its values (in order to put them back)");
	return 0;
}

static int change_values(struct change *change)
{
	int r = prepare(change);

	if (r)
		return r;
	r = change->settings->indexed ? set_some(change) : set_all(change);
	if (r) {
		if (change->before && change->settings->indexed)
			put_back(change);
		return r;
	}
	if (!(change->settings->given & IPC_SET_PERMS))
		return 0;
	r = ipc_sem_sysv_set_perms(change->ctx, change->settings, &change->now->perm);
	if (r)
		put_back(change);
	return r;
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct ipc_sysv_sem now;
	struct change change = {.ctx = ctx, .settings = settings, .now = &now, .id = (int)object->id};
	int r = ipc_sysv_check_mode(ctx, settings);

	if (r == 0)
		r = ipc_sysv_again_sem(ctx, object, &now);
	if (r == 0)
		r = ipc_sem_sysv_check_values(ctx, settings, now.nsems);
	if (r)
		return r;
	if (!(settings->given & IPC_SET_VALUE))
		return ipc_sem_sysv_set_perms(ctx, settings, &now.perm);
	r = change_values(&change);
	free(change.before);
	return r;
}

/* ---- using ------------------------------------------------------------------------------------------------------- */

/*
 * The set, if it is still the one that was looked at and has semaphore @index. Its change time moves also when somebody sets
 * a value; who takes or gives meanwhile must not be told that the set was replaced, so the rest has to do.
 */
static int look(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, struct ipc_sysv_sem *out)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)object;
	struct ipc_sysv_sem now;
	int r = ipc_sysv_again_sem(ctx, object, &now);

	if (r == -ESTALE && ipc_sysv_find_sem(ctx, object->id, &now) == 0 && now.perm.key == object->key &&
	    now.perm.uid == object->uid && now.perm.gid == object->gid && now.perm.mode == object->mode &&
	    now.nsems == sem->semaphores)
		r = 0;
	if (r)
		return r;
	if (index >= now.nsems || index > USHRT_MAX)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "there is no semaphore %" PRIu64 ": the set has %" PRIu64 ", from 0 on", index,
				    now.nsems);
	*out = now;
	return 0;
}

static int fail_too_large(struct ipc_ctx *ctx, int id, uint64_t index, uint64_t count)
{
	int value = semctl(id, (int)index, GETVAL);
	char is[32] = "";

	if (value >= 0)
		snprintf(is, sizeof(is), " (it is %d)", value);
	return ipc_ctx_fail(ctx, -ERANGE,
			    "adding %" PRIu64
			    " would raise it above %d (SEMVMX)%s, the most that a semaphore can be; nothing was added",
			    count, IPC_SEM_SYSV_VALUE_MAX, is);
}

static int post(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, uint64_t count)
{
	struct sembuf op = {.sem_num = (unsigned short)index, .sem_op = (short)count};
	struct ipc_sysv_sem now;
	int r = look(ctx, object, index, &now);

	if (r)
		return r;
	/* An operation of 0 would wait for zero. */
	if (!count)
		return ipc_ctx_fail(ctx, -EINVAL, "there is nothing to add; the count is at least 1");
	if (count > IPC_SEM_SYSV_VALUE_MAX)
		return fail_too_large(ctx, (int)object->id, index, count);
	while (semop((int)object->id, &op, 1) < 0) {
		if (errno == ERANGE)
			return fail_too_large(ctx, (int)object->id, index, count);
		if (errno != EINTR)
			return ipc_sysv_fail(ctx, -errno, &now.perm, "posting it");
	}
	return 0;
}

static int explain_wait(struct ipc_ctx *ctx, int error, const struct ipc_waiting *how, ipc_deadline deadline,
			const struct ipc_sysv_sem *now)
{
	const char *value = how->zero ? "not zero" : "zero";

	switch (error) {
	case -EAGAIN:
		if (deadline == IPC_NO_WAIT)
			return ipc_ctx_fail(ctx, error, "would block: its value is %s", value);
		return ipc_ctx_fail(ctx, -ETIMEDOUT, "timed out: its value is still %s", value);
	case -EIDRM:
	case -EINVAL:
		return ipc_ctx_fail(ctx, -EIDRM, "removed while waiting for it");
	case -ENOSPC:
	case -ENOMEM:
		return ipc_ctx_fail(ctx, error, "the kernel has no room to note %s: %s",
				    how->undo ? "what it is to give back (SEMMNU)" : "who waits", strerror(-error));
	case -ERANGE:
		return ipc_ctx_fail(ctx, error,
				    "the kernel is to give back %d already for this process, and no more (SEMAEM)",
				    IPC_SEM_SYSV_VALUE_MAX);
	default:
		return ipc_sysv_fail(ctx, error, &now->perm, "waiting for it");
	}
}

/*
 * SEM_UNDO: the kernel notes it for the process, whatever it executes later, and gives back when the last of its threads
 * has ended, however it ended. Threads share the note; this one is the caller's (or one that shares it).
 */
static int wait_for(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_waiting *how,
		    ipc_deadline deadline)
{
	struct sembuf op = {
		.sem_num = (unsigned short)how->index,
		.sem_op = how->zero ? 0 : -1,
		.sem_flg = (short)((how->undo ? SEM_UNDO : 0) | (deadline == IPC_NO_WAIT ? IPC_NOWAIT : 0)),
	};
	struct ipc_sysv_sem now;
	struct timespec left;
	bool timed;
	int r = look(ctx, object, how->index, &now);

	if (r)
		return r;
	do {
		timed = deadline != IPC_NO_WAIT && ipc_deadline_relative(deadline, &left);
		r = semtimedop((int)object->id, &op, 1, timed ? &left : NULL) < 0 ? -errno : 0;
	} while (r == -EINTR);
	return r ? explain_wait(ctx, r, how, deadline, &now) : 0;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* Tasks that wait for any of them now; 0 when they may not be counted: then the state has said so already. */
static uint64_t count_waiters(int id, uint64_t number)
{
	uint64_t count = 0, i;
	int increase, zero;

	for (i = 0; i < number; i++) {
		increase = semctl(id, (int)i, GETNCNT);
		zero = semctl(id, (int)i, GETZCNT);
		if (increase < 0 || zero < 0)
			break;
		count += (uint64_t)increase + (uint64_t)zero;
	}
	return count;
}

/* The time is in seconds; the last processes tell what happened within one. */
static bool used_since(const struct ipc_sem *sem, const struct ipc_sysv_sem *now)
{
	const struct ipc_sem_value *values = sem->values.items;
	size_t i;
	int last;

	if (sem->operated != ipc_sysv_time(now->otime))
		return true;
	for (i = 0; values && i < sem->values.count; i++) {
		last = semctl((int)now->perm.id, (int)i, GETPID);
		if (last >= 0 && values[i].last_pid != IPC_UNKNOWN_INT && values[i].last_pid != last)
			return true;
	}
	return false;
}

static int remove_set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)object;
	bool force = how->force == IPC_FORCE_HELD;
	struct ipc_sysv_sem now;
	uint64_t waiters;
	int r = ipc_sysv_again_sem(ctx, object, &now);

	if (r)
		return r;
	waiters = count_waiters((int)object->id, now.nsems);
	if (waiters && !force)
		return ipc_ctx_fail(ctx, -EBUSY, "in use: %" PRIu64 " waiting for it (--force=held overrides)",
				    waiters);
	if (!force && used_since(sem, &now))
		return ipc_ctx_fail(ctx, -EBUSY, "used since it was looked at (--force=held overrides)");
	if (!how->dry_run && semctl((int)object->id, 0, IPC_RMID) < 0)
		return errno == EINVAL || errno == EIDRM ? ipc_ctx_fail(ctx, -ENOENT, "gone already")
							 : ipc_sysv_fail(ctx, -errno, &now.perm, "removing it");
	if (waiters)
		ipc_ctx_set_note(ctx, "%" PRIu64 " waiting for it %s told that it was removed (EIDRM)", waiters,
				 how->dry_run  ? "would be"
				 : waiters > 1 ? "are"
					       : "is");
	return 0;
}

const struct ipc_changes ipc_changes_sem_sysv = {
	.refuse =
		{
			[IPC_VERB_SEND] =
				"a semaphore carries no messages; post it, or use a queue: mq/sysv or mq:/name",
			[IPC_VERB_RECEIVE] =
				"a semaphore carries no messages; wait for it, or use a queue: mq/sysv or mq:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_KEY | IPC_SET_FTOK | IPC_SET_NUMBER | IPC_SET_VALUE,
	.set_takes = IPC_SET_PERMS | IPC_SET_VALUE,
	.creates_by = 1u << IPC_BY_KEY,
	.creation_example = "0x5345",
	.creates_unnamed = true,
	.create = ipc_sem_sysv_create,
	.set = set,
	.post = post,
	.wait = wait_for,
	.remove = remove_set,
};
