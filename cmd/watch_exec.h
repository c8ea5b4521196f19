/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command for each event: started one after the other, while events are read on. */
#ifndef CMD_WATCH_EXEC_H
#define CMD_WATCH_EXEC_H

#include <signal.h>
#include <sys/types.h>

#include <ipctool/monitor.h>

#include "command.h"
#include "outcome.h"

struct assignments;

/* Zero-initialised: no command. */
struct execution {
	const struct app *app;
	const char *command;              /* NULL: none */
	bool apart;                       /* its standard output is to go where errors go */
	sigset_t signals;                 /* that are held back while it runs: those of who started ipctool */
	bool pipe_ignored;                /* SIGPIPE was, by who started ipctool */
	int fd;                           /* readable when a child has ended */
	pid_t pid;                        /* of the one that runs; 0: none does */
	pid_t group;                      /* that all of them are in */
	int keeps;                        /* is open as long as that is to be */
	bool stopped;                     /* they are asked to end: that is no failure */
	struct assignments *first, *last; /* of the events that are waiting */
	size_t waiting;
	uint64_t run, failed, dropped;
	int status; /* of the last one that failed, as waitpid(2) tells it */
};

/* From now on children are told of through `fd`, and `group` is theirs. False after a message. */
bool execution_begin(struct execution *execution, const struct app *app, const char *command);
/* Once more for @event, when its turn comes. So many can wait; of the others it is counted that they were left out. */
void execution_add(struct execution *execution, const struct ipc_object *event);
/* Look after the one that runs, and start the next one; to be called when `fd` is readable, and after adding. */
void execution_step(struct execution *execution);
/* Is there something that runs, or waits to be run? */
bool execution_busy(const struct execution *execution);
/* What waits is left out, and the one that runs gets signal @number: somebody wants all of it to end. */
void execution_stop(struct execution *execution, int number);
/* Tell what failed. */
void execution_report(const struct execution *execution, struct outcome *outcome);
void execution_release(struct execution *execution);

#endif
