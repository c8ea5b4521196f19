/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread with a umask of its own: the process's belongs to the program that uses the library. */
#include "sources/umask_call.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

/* ---- signals ----------------------------------------------------------------------------------------------------- */

void ipc_signals_hold(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

void ipc_signals_release(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static bool is_default(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL;
}

bool ipc_signals_end(void)
{
	static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	sigset_t pending;
	size_t i;

	sigpending(&pending);
	for (i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigismember(&pending, ending[i]) == 1 && is_default(ending[i]))
			return true;
	return false;
}

/* What a fault of the thread itself raises must find its handler there. */
static bool is_of_thread(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
	       number == SIGSYS;
}

/*
 * The program's handlers run in the thread that waits, which has the umask that they know. What ends the program without a
 * handler is for the worker to take: so it can put that off while something is half made.
 */
static void share_out(const sigset_t *before, sigset_t *waiting, sigset_t *working)
{
	int number;

	*waiting = *working = *before;
	for (number = 1; number <= SIGRTMAX; number++)
		if (!is_of_thread(number))
			sigaddset(is_default(number) ? waiting : working, number);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

struct call {
	int (*fn)(void *data, mode_t umask);
	void *data;
	sigset_t mask;
	int result;
};

static void *run(void *data)
{
	struct call *call = data;

	pthread_sigmask(SIG_SETMASK, &call->mask, NULL);
	if (unshare(CLONE_FS) < 0)
		call->result = -errno;
	else
		call->result = call->fn(call->data, umask(0));
	return NULL;
}

int ipc_umask_call(int (*fn)(void *data, mode_t umask), void *data)
{
	struct call call = {.fn = fn, .data = data};
	sigset_t before, waiting;
	pthread_t thread;
	int r;

	/* Held until both have their share: the thread may be half way through before this one runs again. */
	ipc_signals_hold(&before);
	share_out(&before, &waiting, &call.mask);
	r = pthread_create(&thread, NULL, run, &call);
	pthread_sigmask(SIG_SETMASK, &waiting, NULL);
	if (r == 0)
		pthread_join(thread, NULL);
	ipc_signals_release(&before);
	return r ? -r : call.result;
}
