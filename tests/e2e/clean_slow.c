/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence does not grow old while a cleaning is slow, because contents are saved or a disk does not keep up: when an
 * object's turn comes it was looked at a moment ago, and what came into use in the meantime is kept by its new evidence. The
 * time of a look is told by the object itself: when it was used last, and how long ago that was then.
 */
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include <ipctool/clean.h>

#include "clean_stage.h"

#define SEGMENTS 40
#define SLOW 0.050
#define LASTS 0.250 /* as lib/clean.c has it */
#define SLACK 0.400 /* for a host that is busy with other things */

struct slow {
	unsigned removed, kept;
	double oldest;
	int second;    /* the set that comes into use while the first one takes its time */
	char why[512]; /* it was kept */
	int sets[2];
	pid_t user; /* who uses it */
};

static int64_t value_of(const struct ipc_object *object, const char *name)
{
	struct ipc_value value = {0};

	if (ipc_object_get_by_name(object, name, &value) || value.null)
		die(name);
	return value.i;
}

static double age_of_look(const struct ipc_object *object)
{
	int64_t looked = value_of(object, "used") + value_of(object, "unused");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)(now.tv_sec * INT64_C(1000000000) + now.tv_nsec - looked) / 1e9;
}

static bool is(const struct ipc_object *object, const char *field, const char *word)
{
	struct ipc_value value;

	return ipc_object_get_by_name(object, field, &value) == 0 && !value.null && value.str.len == strlen(word) &&
	       memcmp(value.str.data, word, value.str.len) == 0;
}

/* ---- many, each of which takes its time -------------------------------------------------------------------------- */

static const char *save_slowly(const struct ipc_object *object, void *data)
{
	struct slow *slow = data;
	double age = age_of_look(object);

	if (age > slow->oldest)
		slow->oldest = age;
	pause_for(SLOW);
	return NULL;
}

static int count(const struct ipc_object *object, void *data)
{
	struct slow *slow = data;
	struct ipc_value value;

	if (is(object, "result", "removed"))
		slow->removed++;
	else
		slow->kept++;
	if (ipc_object_get_by_name(object, "id", &value) == 0 && (int)value.u == slow->second &&
	    ipc_object_get_by_name(object, "why", &value) == 0)
		snprintf(slow->why, sizeof(slow->why), "%.*s", (int)value.str.len, value.str.data);
	return 0;
}

static void clean_kind(struct ipc_ctx *ctx, const char *kind, const struct ipc_cleaning *how)
{
	struct ipc_query *query;
	struct ipc_cleaned done;

	if (ipc_query_new(ctx, &query) || ipc_query_add(query, kind, false) || ipc_query_clean(query, how, &done)) {
		fprintf(stderr, "%s: %s\n", kind, ipc_ctx_error(ctx));
		exit(1);
	}
	ipc_query_free(query);
}

static void in_dead_child(void (*make)(void *data), void *data)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		make(data);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		die("child");
}

static void make_segments(void *unused)
{
	unsigned i;

	(void)unused;
	for (i = 0; i < SEGMENTS; i++)
		if (shmget(IPC_PRIVATE, 4096, 0600) < 0)
			die("shmget");
}

static bool many(struct ipc_ctx *ctx)
{
	struct slow slow = {.second = -1};
	const struct ipc_cleaning how = {
		.min_age = -1, .apply = true, .before = save_slowly, .tell = count, .data = &slow};

	in_dead_child(make_segments, NULL);
	clean_kind(ctx, "shm/sysv", &how);
	printf("%u of %u segments removed in %.1f s or more; the oldest evidence had %.0f ms\n", slow.removed, SEGMENTS,
	       SEGMENTS * SLOW, slow.oldest * 1e3);
	return slow.removed == SEGMENTS && slow.oldest < LASTS + SLACK;
}

/* ---- one that comes into use meanwhile --------------------------------------------------------------------------- */

static void operate(int set)
{
	struct sembuf up = {0, 1, 0};

	if (semop(set, &up, 1) < 0)
		die("semop");
}

static void make_sets(void *data)
{
	int *sets = data;

	for (unsigned i = 0; i < 2; i++)
		operate(sets[i]);
}

/* While one waits, somebody uses the other, and lives. */
static const char *let_use(const struct ipc_object *object, void *data)
{
	struct slow *slow = data;
	struct ipc_value id;
	char done;
	int told[2];

	if (slow->second >= 0 || ipc_object_get_by_name(object, "id", &id) || pipe(told) < 0)
		return NULL;
	slow->second = (int)id.u == slow->sets[0] ? slow->sets[1] : slow->sets[0];
	slow->user = fork();
	if (slow->user == 0) {
		operate(slow->second);
		close(told[1]);
		for (;;)
			pause();
	}
	close(told[1]);
	if (slow->user < 0 || read(told[0], &done, 1) != 0)
		die("user");
	close(told[0]);
	pause_for(LASTS + 0.1);
	return NULL;
}

static bool one(struct ipc_ctx *ctx)
{
	int sets[2] = {semget(IPC_PRIVATE, 1, 0600), semget(IPC_PRIVATE, 1, 0600)};
	struct slow slow = {.second = -1, .sets = {sets[0], sets[1]}};
	const struct ipc_cleaning how = {.min_age = -1,
					 .include = IPC_INCLUDE_SUSPECT,
					 .apply = true,
					 .before = let_use,
					 .tell = count,
					 .data = &slow};

	in_dead_child(make_sets, sets);
	clean_kind(ctx, "sem/sysv", &how);
	if (slow.user > 0) {
		kill(slow.user, SIGKILL);
		waitpid(slow.user, NULL, 0);
	}
	printf("of two sets %u was removed; the other one: %s\n", slow.removed, slow.why);
	return slow.removed == 1 && slow.kept == 1 && strstr(slow.why, "is alive") &&
	       semctl(slow.second, 0, GETVAL) >= 0;
}

int main(void)
{
	struct ipc_ctx *ctx;
	bool good;

	enter_stage();
	if (ipc_ctx_new(&ctx) < 0)
		die("context");
	good = many(ctx);
	good &= one(ctx);
	ipc_ctx_unref(ctx);
	return !good;
}
