/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V semaphore sets are made, and the limits on them. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include "classes/limits.h"
#include "classes/sem_sysv_change.h"
#include "classes/sysv_change.h"
#include "sources/umask_call.h"

/* GETALL and SETALL take as many values as the set has, whatever was known of it before; a set has no more than these. */
#define VALUES_MAX 65536

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static const struct ipc_limit semmsl = {"SEMMSL", "sys/kernel/sem", 0, "semaphores in one set"};
static const struct ipc_limit semmns = {"SEMMNS", "sys/kernel/sem", 1, "semaphores in all sets of this ipc namespace"};
static const struct ipc_limit semmni = {"SEMMNI", "sys/kernel/sem", 3, "sets in this ipc namespace"};

struct usage {
	uint64_t sets, semaphores;
};

static int add_usage(const struct ipc_sysv_sem *set, void *data)
{
	struct usage *usage = data;

	usage->sets++;
	usage->semaphores += set->nsems;
	return 0;
}

/* ENOSPC: the semaphores of all sets, or the number of sets. */
static int explain_full(struct ipc_ctx *ctx, uint64_t number)
{
	uint64_t most = ipc_limit_read(ctx, &semmns);
	struct usage usage = {0};
	char happened[64];

	if (ipc_sysv_each_sem(ctx, add_usage, &usage))
		usage = (struct usage){IPC_UNKNOWN, IPC_UNKNOWN};
	if (most == IPC_UNKNOWN || (number <= most && (usage.sets == IPC_UNKNOWN || usage.semaphores <= most - number)))
		return ipc_limit_fail(ctx, -ENOSPC, &semmni, usage.sets, "no further set can be made");
	snprintf(happened, sizeof(happened), "there is no room for %" PRIu64 " semaphore%s more", number,
		 number == 1 ? "" : "s");
	return ipc_limit_fail(ctx, -ENOSPC, &semmns, usage.semaphores, happened);
}

static int fail_number(struct ipc_ctx *ctx, uint64_t number)
{
	char happened[64];

	snprintf(happened, sizeof(happened), "a set of %" PRIu64 " cannot be made", number);
	return ipc_limit_fail(ctx, -EINVAL, &semmsl, IPC_UNKNOWN, happened);
}

static int explain_create(struct ipc_creation *creation, int error, uint64_t number)
{
	struct ipc_ctx *ctx = creation->ctx;

	switch (error) {
	case -EEXIST:
		return ipc_sysv_key_taken(creation, "a semaphore set");
	case -ENOSPC:
		return explain_full(ctx, number);
	case -EINVAL:
		return fail_number(ctx, number);
	case -ENOSYS:
		return ipc_ctx_fail(ctx, error, "this kernel has no System V IPC");
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be made: %s", strerror(-error));
	}
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

int ipc_sem_sysv_check_values(struct ipc_ctx *ctx, const struct ipc_settings *settings, uint64_t number)
{
	size_t count = settings->value_count, i;

	if (!(settings->given & IPC_SET_VALUE))
		return 0;
	for (i = 0; i < count; i++) {
		if (settings->values[i].value > IPC_SEM_SYSV_VALUE_MAX)
			return ipc_ctx_fail(ctx, -EINVAL,
					    "%" PRIu64 " is too large; a semaphore goes up to %d (SEMVMX)",
					    settings->values[i].value, IPC_SEM_SYSV_VALUE_MAX);
		if (settings->indexed && settings->values[i].index >= number)
			return ipc_ctx_fail(ctx, -EINVAL,
					    "there is no semaphore %" PRIu64 ": the set has %" PRIu64 ", from 0 on",
					    settings->values[i].index, number);
	}
	if (!settings->indexed && count != 1 && count != number)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "%zu values for %" PRIu64 " semaphore%s; give one for all, or one for each", count,
				    number, plural(number));
	return 0;
}

unsigned short ipc_sem_sysv_value_for(const struct ipc_settings *settings, uint64_t index)
{
	size_t i;

	if (!settings->indexed && settings->value_count)
		return (unsigned short)settings->values[settings->value_count == 1 ? 0 : index].value;
	for (i = 0; i < settings->value_count; i++)
		if (settings->values[i].index == index)
			return (unsigned short)settings->values[i].value;
	return 0;
}

unsigned short *ipc_sem_sysv_new_values(uint64_t number)
{
	return calloc(number > VALUES_MAX ? number : VALUES_MAX, sizeof(unsigned short));
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static uint64_t choose_number(const struct ipc_settings *settings)
{
	if (settings->given & IPC_SET_NUMBER)
		return settings->number;
	if (!settings->value_count)
		return 1;
	return settings->values[settings->value_count - 1].index + 1;
}

/*
 * A set is visible before it has its values. Many programs therefore wait until sem_otime is not 0 any more: its maker
 * sets the values and then performs a semop(). So does this, with the last step towards the values themselves: semaphore 0
 * gets one less and is then raised by one; where it shall be 0, a wait for zero sets the time. Nobody who waits so ever
 * sees other values, and those who do not wait see semaphore 0 too low for a moment, never too high.
 */
static int initialise(struct ipc_ctx *ctx, const struct ipc_settings *settings, int id, uint64_t number)
{
	unsigned short first = ipc_sem_sysv_value_for(settings, 0), *values;
	struct sembuf last_step = {.sem_op = first ? 1 : 0, .sem_flg = IPC_NOWAIT};
	uint64_t i;
	int r = 0;

	if (settings->given & IPC_SET_VALUE) {
		values = ipc_sem_sysv_new_values(number);
		if (!values)
			return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
		for (i = 0; i < number; i++)
			values[i] = ipc_sem_sysv_value_for(settings, i);
		values[0] = first ? first - 1 : 0;
		r = semctl(id, 0, SETALL, (union ipc_sem_argument){.values = values}) < 0 ? -errno : 0;
		free(values);
	}
	/* EAGAIN: somebody has raised it already, and the time is set. */
	if (r == 0 && semop(id, &last_step, 1) < 0 && errno != EAGAIN)
		r = -errno;
	return r ? ipc_ctx_fail(ctx, r, "its values cannot be set: %s", strerror(-r)) : 0;
}

int ipc_sem_sysv_set_perms(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_perm *now)
{
	struct semid_ds ds = {.sem_perm = ipc_sysv_perm_to_set(settings, now)};

	return semctl((int)now->id, 0, IPC_SET, (union ipc_sem_argument){.set = &ds}) < 0
		       ? ipc_sysv_fail_set(ctx, -errno, IPC_SYSV_SEM, now)
		       : 0;
}

static int complete(struct ipc_creation *creation, int id, uint64_t number)
{
	struct ipc_sysv_perm now = {
		.id = (uint64_t)id, .uid = geteuid(), .gid = getegid(), .mode = creation->mode & 0777};
	int r = initialise(creation->ctx, creation->settings, id, number);

	now.cuid = now.uid;
	if (r == 0)
		r = ipc_sem_sysv_set_perms(creation->ctx, creation->settings, &now);
	return r ? r : ipc_sysv_created(creation, id);
}

/*
 * Until it has its values, the set is closed to all other users, and open to the caller whatever its mode will be: what
 * is left of the gap between semget() and SETALL is for processes of the same user, and of root.
 */
int ipc_sem_sysv_create(struct ipc_creation *creation)
{
	const struct ipc_settings *settings = creation->settings;
	uint64_t number = choose_number(settings);
	sigset_t before;
	int id, r = ipc_sysv_check_mode(creation->ctx, settings);

	if (r)
		return r;
	if (!number)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "a set has at least one semaphore");
	if (number > INT_MAX)
		return fail_number(creation->ctx, number);
	r = ipc_sem_sysv_check_values(creation->ctx, settings, number);
	if (r)
		return r;
	ipc_signals_hold(&before);
	id = semget(ipc_sysv_new_key(creation), (int)number, IPC_CREAT | IPC_EXCL | 0600);
	r = id < 0 ? explain_create(creation, -errno, number) : complete(creation, id, number);
	if (id >= 0 && r)
		semctl(id, 0, IPC_RMID);
	ipc_signals_release(&before);
	return r;
}
