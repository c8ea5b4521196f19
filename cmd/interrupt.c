/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals that would end the program, kept waiting. */
#include <stddef.h>

#include "interrupt.h"

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2};

void interrupt_init(struct interrupt *interrupt)
{
	sigemptyset(&interrupt->held);
	sigprocmask(SIG_BLOCK, NULL, &interrupt->before);
}

void interrupt_hold(struct interrupt *interrupt)
{
	struct sigaction action;
	size_t i;

	/* A blocked signal waits even when it is ignored; nohup(1) means it not to count. */
	for (i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
			sigaddset(&interrupt->held, ending[i]);
	sigprocmask(SIG_BLOCK, &interrupt->held, NULL);
}

bool interrupt_came(const struct interrupt *interrupt)
{
	sigset_t pending;
	size_t i;

	if (sigpending(&pending) < 0)
		return false;
	for (i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigismember(&interrupt->held, ending[i]) == 1 && sigismember(&interrupt->before, ending[i]) == 0 &&
		    sigismember(&pending, ending[i]) == 1)
			return true;
	return false;
}

void interrupt_release(const struct interrupt *interrupt)
{
	sigprocmask(SIG_SETMASK, &interrupt->before, NULL);
}
