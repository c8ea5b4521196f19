/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread with a umask of its own: the process's belongs to the program that uses the library. */
#include "sources/umask_call.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

struct call {
	int (*fn)(void *data, mode_t umask);
	void *data;
	int result;
};

static void *run(void *data)
{
	struct call *call = data;

	if (unshare(CLONE_FS) < 0)
		call->result = -errno;
	else
		call->result = call->fn(call->data, umask(0));
	return NULL;
}

int ipc_umask_call(int (*fn)(void *data, mode_t umask), void *data)
{
	struct call call = {fn, data, 0};
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run, &call);

	if (r)
		return -r;
	pthread_join(thread, NULL);
	return call.result;
}
