/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list of 32,000 objects is as many system calls, which take twice as long as everything that is done with what they
 * say. Two threads may ask at once: the kernel looks up an index without a lock.
 */
#include "sources/sysvipc_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORTH_IT 4096 /* system calls; they take about a millisecond, a thread takes a tenth of one */
#define MOST 65536    /* where ids are extended, one that is left behind may have an index in the millions */

struct answer {
	union ipc_sysv_any any;
	int error;
};

struct ipc_sysv_ahead {
	enum ipc_sysv_type type;
	int from;
	size_t count, given;
	ipc_sysv_stat_fn stat;
	pthread_t thread;
	bool joined;
	atomic_bool stop; /* nobody wants the rest */
	struct answer answers[];
};

static void *ask(void *data)
{
	struct ipc_sysv_ahead *ahead = data;
	size_t i;

	for (i = 0; i < ahead->count && !ahead->stop; i++) {
		struct answer *answer = &ahead->answers[i];

		memset(answer, 0, sizeof(*answer));
		answer->any.perm.looked = ipc_sysv_tick();
		answer->error = ahead->stat(ahead->type, ahead->from + (int)i, &answer->any);
	}
	return NULL;
}

/* Signals are for the threads of the program. */
static bool start(struct ipc_sysv_ahead *ahead)
{
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&ahead->thread, NULL, ask, ahead) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct ipc_sysv_ahead *ipc_sysv_ahead_begin(enum ipc_sysv_type type, int from, int highest, ipc_sysv_stat_fn stat)
{
	size_t count = highest >= from ? (size_t)(highest - from) + 1 : 0;
	struct ipc_sysv_ahead *ahead;

	if (count < WORTH_IT || count > MOST || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return NULL;
	ahead = malloc(sizeof(*ahead) + count * sizeof(ahead->answers[0]));
	if (!ahead)
		return NULL;
	memset(ahead, 0, sizeof(*ahead));
	ahead->type = type;
	ahead->from = from;
	ahead->count = count;
	ahead->stat = stat;
	atomic_init(&ahead->stop, false);
	if (!start(ahead)) {
		free(ahead);
		return NULL;
	}
	return ahead;
}

static void join(struct ipc_sysv_ahead *ahead)
{
	if (!ahead->joined)
		pthread_join(ahead->thread, NULL);
	ahead->joined = true;
}

int ipc_sysv_ahead_next(struct ipc_sysv_ahead *ahead, union ipc_sysv_any *out)
{
	const struct answer *answer;

	join(ahead);
	if (ahead->given == ahead->count)
		return 1;
	answer = &ahead->answers[ahead->given++];
	*out = answer->any;
	return answer->error;
}

void ipc_sysv_ahead_end(struct ipc_sysv_ahead *ahead)
{
	if (!ahead)
		return;
	ahead->stop = true;
	join(ahead);
	free(ahead);
}
