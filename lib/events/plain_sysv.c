/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What two looks at a System V object tell: from its times, counts and the processes on record. Several operations of one sort
 * between two looks are one event, by the last who did one.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/sem.h>

#include "classes/mq.h"
#include "classes/sem.h"
#include "classes/shm.h"
#include "events/plain_looks.h"
#include "model/record.h"

#define SECOND INT64_C(1000000000)

/* Times on record are whole seconds: it was no earlier, and no later than a second after. */
static void by(struct ipc_plain *plain, struct ipc_raw *raw, int64_t pid, int64_t time)
{
	if (raw && pid != IPC_UNKNOWN_INT)
		ipc_plain_by(plain, raw, pid, time == IPC_UNKNOWN_INT ? INT64_MAX : time + SECOND);
}

static void tell(struct ipc_plain *plain, const struct ipc_plain_seen *seen, enum ipc_event_verb verb, int64_t pid,
		 int64_t time)
{
	by(plain, ipc_plain_seen_record(plain, seen, verb), pid, time);
}

static void tell_create(struct ipc_plain *plain, const struct ipc_plain_seen *seen, const struct ipc_object *object,
			int64_t pid, uint64_t size)
{
	struct ipc_raw *raw = ipc_plain_seen_record(plain, seen, IPC_EVENT_CREATE);

	if (!raw)
		return;
	raw->has = IPC_RAW_NEW | IPC_RAW_KEY | IPC_RAW_MODE;
	raw->key = (uint32_t)object->key;
	raw->mode = (uint32_t)object->mode;
	if (size != IPC_UNKNOWN) {
		raw->has |= IPC_RAW_SIZE;
		raw->bytes = size;
	}
	by(plain, raw, pid, object->changed);
}

/* Owner, mode or limits were set; the kernel does not record by whom. */
static bool was_set(const struct ipc_plain_seen *seen, const struct ipc_object *object)
{
	return seen->changed != object->changed || seen->uid != object->uid || seen->gid != object->gid ||
	       seen->mode != object->mode;
}

static void remember(struct ipc_plain_seen *seen, const struct ipc_object *object)
{
	seen->changed = object->changed;
	seen->uid = object->uid;
	seen->gid = object->gid;
	seen->mode = object->mode;
}

/* ---- message queues ------------------------------------------------------------------------------------------------ */

static void compare_queue(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_mq *mq, bool fresh)
{
	bool sent, received;

	if (fresh) {
		tell_create(plain, seen, &mq->base, IPC_UNKNOWN_INT, IPC_UNKNOWN);
		sent = mq->sent != IPC_UNKNOWN_INT;
		received = mq->received != IPC_UNKNOWN_INT;
	} else {
		sent = mq->sent != seen->mq.sent || mq->last_sender != seen->mq.last_sender ||
		       mq->messages > seen->mq.messages;
		received = mq->received != seen->mq.received || mq->last_receiver != seen->mq.last_receiver ||
			   mq->messages < seen->mq.messages;
		/* As many came as went, in the second of the ones before, but they were others. */
		if (!sent && !received && mq->bytes != seen->mq.bytes)
			sent = received = true;
		if (was_set(seen, &mq->base) || mq->max_bytes != seen->mq.max_bytes)
			tell(plain, seen, IPC_EVENT_CHANGE, IPC_UNKNOWN_INT, 0);
	}
	if (sent)
		tell(plain, seen, IPC_EVENT_SEND, mq->last_sender, mq->sent);
	if (received)
		tell(plain, seen, IPC_EVENT_RECEIVE, mq->last_receiver, mq->received);
	seen->mq.key = mq->base.key;
	seen->mq.messages = mq->messages;
	seen->mq.bytes = mq->bytes;
	seen->mq.max_bytes = mq->max_bytes;
	seen->mq.last_sender = mq->last_sender;
	seen->mq.last_receiver = mq->last_receiver;
	seen->mq.sent = mq->sent;
	seen->mq.received = mq->received;
}

/* ---- shared memory --------------------------------------------------------------------------------------------------- */

/* The last user is who attached, or who detached: whichever was later. */
static void tell_uses(struct ipc_plain *plain, const struct ipc_plain_seen *seen, const struct ipc_shm *shm,
		      bool attached, bool detached)
{
	bool last_detached = detached && (!attached || shm->detach_time >= shm->attach_time);

	if (attached)
		tell(plain, seen, IPC_EVENT_ATTACH, last_detached ? IPC_UNKNOWN_INT : shm->last_user, shm->attach_time);
	if (detached)
		tell(plain, seen, IPC_EVENT_DETACH, last_detached ? shm->last_user : IPC_UNKNOWN_INT, shm->detach_time);
}

static void compare_segment(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_shm *shm, bool fresh)
{
	bool attached, detached, removed = shm->deleted == 1;

	if (fresh) {
		tell_create(plain, seen, &shm->base, shm->creator, shm->base.size);
		attached = shm->attach_time != IPC_UNKNOWN_INT;
		detached = shm->detach_time != IPC_UNKNOWN_INT;
	} else {
		attached = shm->attach_time != seen->shm.attach_time || shm->attached > seen->shm.attached;
		detached = shm->detach_time != seen->shm.detach_time || shm->attached < seen->shm.attached;
		/* As many as before, in the same second, but somebody else's. */
		if (!attached && !detached && shm->last_user != seen->shm.last_user)
			attached = detached = true;
		if (!removed && was_set(seen, &shm->base))
			tell(plain, seen, IPC_EVENT_CHANGE, IPC_UNKNOWN_INT, 0);
	}
	tell_uses(plain, seen, shm, attached, detached);
	/* It lives on until the last detach, but nobody finds it any more. */
	if (removed && !seen->shm.removed)
		tell(plain, seen, IPC_EVENT_REMOVE, IPC_UNKNOWN_INT, 0);
	if (!removed)
		seen->shm.key = shm->base.key;
	seen->shm.attached = shm->attached;
	seen->shm.last_user = shm->last_user;
	seen->shm.attach_time = shm->attach_time;
	seen->shm.detach_time = shm->detach_time;
	seen->shm.removed = removed;
}

static void segment_gone(struct ipc_plain *plain, const struct ipc_plain_seen *seen)
{
	struct ipc_raw *raw;

	if (seen->shm.attached)
		tell(plain, seen, IPC_EVENT_DETACH, IPC_UNKNOWN_INT, 0);
	if (!seen->shm.removed) {
		tell(plain, seen, IPC_EVENT_REMOVE, IPC_UNKNOWN_INT, 0);
		return;
	}
	raw = ipc_plain_seen_record(plain, seen, IPC_EVENT_CLOSE);
	if (raw)
		raw->has |= IPC_RAW_LAST;
}

/* ---- semaphores ------------------------------------------------------------------------------------------------------ */

/*
 * GETALL writes as many values as the set has, whatever was known of it before: at most 65535. NULL: may not be read, is gone, or
 * there is no memory. Runs inside the set's namespace.
 */
static struct ipc_plain_sem *read_values(const struct ipc_sem *sem)
{
	static _Thread_local unsigned short values[65536];
	struct ipc_plain_sem *out = NULL;
	int id = (int)sem->base.id;
	size_t i;

	if (semctl(id, 0, GETALL, values) == 0)
		out = calloc(sem->semaphores, sizeof(*out));
	for (i = 0; out && i < sem->semaphores; i++) {
		out[i].value = values[i];
		out[i].pid = semctl(id, (int)i, GETPID);
	}
	return out;
}

/* Has each semaphore to be looked at? An operation in the second of the one before leaves no other trace than its value. */
static bool may_have_moved(const struct ipc_plain *plain, const struct ipc_plain_seen *seen, const struct ipc_sem *sem)
{
	return sem->operated != seen->sem.operated || sem->base.changed != seen->changed ||
	       (sem->base.used != IPC_UNKNOWN_INT && sem->base.used + 2 * SECOND > plain->looked);
}

/*
 * One event for each semaphore that has another value, or another last user. @set: by SETVAL or SETALL, as far as the times tell,
 * else by semop(). Returns how many there are.
 */
static size_t tell_values(struct ipc_plain *plain, const struct ipc_plain_seen *seen, const struct ipc_sem *sem,
			  const struct ipc_plain_sem *now, bool set)
{
	static const struct ipc_plain_sem never;
	size_t i, count = 0;

	for (i = 0; i < sem->semaphores; i++) {
		const struct ipc_plain_sem *before = i < seen->sem.count ? &seen->sem.values[i] : &never;
		int delta = (int)now[i].value - (int)before->value;
		struct ipc_raw *raw;

		if (!delta && now[i].pid == before->pid)
			continue;
		count++;
		raw = ipc_plain_seen_record(plain, seen, IPC_EVENT_CHANGE);
		if (!raw)
			continue;
		raw->index = (uint32_t)i;
		raw->has = IPC_RAW_INDEX;
		if (set) {
			raw->number = now[i].value;
			raw->has |= IPC_RAW_VALUE;
		} else if (delta) {
			raw->number = delta;
			raw->has |= IPC_RAW_ADJUST;
		}
		by(plain, raw, now[i].pid, set ? sem->base.changed : sem->operated);
	}
	return count;
}

static void tell_moves(struct ipc_plain *plain, const struct ipc_plain_seen *seen, const struct ipc_sem *sem,
		       const struct ipc_plain_sem *now)
{
	bool operated = sem->operated != seen->sem.operated, changed = was_set(seen, &sem->base), set = changed;

	if (operated && changed) {
		tell(plain, seen, IPC_EVENT_CHANGE, IPC_UNKNOWN_INT, 0);
		set = changed = false;
	}
	if (!operated && !changed) /* in the second of the one before: whichever that was */
		set = sem->operated < sem->base.changed;
	/* What was taken was given back, or the values may not be read. */
	if (!(now && tell_values(plain, seen, sem, now, set)) && (operated || changed))
		tell(plain, seen, IPC_EVENT_CHANGE, IPC_UNKNOWN_INT, 0);
}

static void compare_set(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_sem *sem, bool fresh)
{
	bool look = fresh || may_have_moved(plain, seen, sem);
	struct ipc_plain_sem *now = look ? read_values(sem) : NULL;

	if (fresh) {
		tell_create(plain, seen, &sem->base, IPC_UNKNOWN_INT, sem->semaphores);
		if (now)
			tell_values(plain, seen, sem, now, sem->operated == IPC_UNKNOWN_INT);
	} else if (look) {
		tell_moves(plain, seen, sem, now);
	}
	if (now) {
		free(seen->sem.values);
		seen->sem.values = now;
		seen->sem.count = sem->semaphores;
	}
	seen->sem.key = sem->base.key;
	seen->sem.operated = sem->operated;
}

/* ---- all three ------------------------------------------------------------------------------------------------------- */

static uint64_t key_of(const struct ipc_plain_seen *seen)
{
	switch (seen->key.space) {
	case IPC_SPACE_MSG:
		return seen->mq.key;
	case IPC_SPACE_SHM:
		return seen->shm.key;
	default:
		return seen->sem.key;
	}
}

bool ipc_plain_sysv_replaced(const struct ipc_plain_seen *seen, const struct ipc_object *object)
{
	bool removed = object->of_kind == &ipc_kind_shm_sysv && ((const struct ipc_shm *)object)->deleted == 1;

	/* Nothing but its removal takes a segment's key away; and no time goes back. */
	return (!removed && key_of(seen) != object->key) || object->changed < seen->changed;
}

int ipc_plain_sysv_compare(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_object *object,
			   bool fresh)
{
	switch (seen->key.space) {
	case IPC_SPACE_MSG:
		compare_queue(plain, seen, (const struct ipc_mq *)object, fresh);
		break;
	case IPC_SPACE_SHM:
		compare_segment(plain, seen, (const struct ipc_shm *)object, fresh);
		break;
	default:
		compare_set(plain, seen, (const struct ipc_sem *)object, fresh);
		break;
	}
	remember(seen, object);
	return 0;
}

void ipc_plain_sysv_gone(struct ipc_plain *plain, const struct ipc_plain_seen *seen)
{
	if (seen->key.space == IPC_SPACE_SHM)
		segment_gone(plain, seen);
	else
		tell(plain, seen, IPC_EVENT_REMOVE, IPC_UNKNOWN_INT, 0);
}

void ipc_plain_sysv_release(struct ipc_plain_seen *seen)
{
	if (seen->key.space == IPC_SPACE_SEM) {
		free(seen->sem.values);
		seen->sem.values = NULL;
		seen->sem.count = 0;
	}
	if (seen->key.space == IPC_SPACE_SHM)
		seen->shm.removed = false;
}
