/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending signals: to the process that was listed, and never to a later one of its number. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/signals.h"
#include "model/bytes.h"
#include "model/units.h"
#include "sources/processes_read.h"

/* The same number everywhere but on alpha. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

#define SIGNALS 64

static int fail_gone(struct ipc_ctx *ctx)
{
	return ipc_ctx_fail(ctx, -ESRCH, "the process has ended");
}

/* ---- which process ----------------------------------------------------------------------------------------------- */

/* Field @wanted of a stat line, counted as proc(5) does; @at is behind the comm, where field 3 follows a blank. */
static const char *field_of(const char *at, int wanted)
{
	int field;

	for (field = 2; field < wanted && at; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at;
}

/* Ended, and not waited for. Of a process whose first thread alone has ended the others still take signals. */
static bool is_dead(const struct ipc_process_stat *stat)
{
	const char *behind = stat->comm.data + stat->comm.len + 1;
	const char *state = field_of(behind, 3), *threads = field_of(behind, 20);
	int64_t count;

	return state && (*state == 'Z' || *state == 'X') && threads && sscanf(threads, "%" SCNd64, &count) == 1 &&
	       count <= 1;
}

/* Who had the number then and has it now had it all the time. */
int ipc_signal_identify(struct ipc_ctx *ctx, const struct ipc_signal *signal)
{
	struct ipc_process_stat stat;
	int r = ipc_process_read_stat(ctx, (int64_t)signal->base.id, &stat);

	if (r == -ENOENT || r == -ESRCH)
		return fail_gone(ctx);
	if (r)
		return ipc_ctx_fail(ctx, r, "its start time cannot be read: %s", strerror(-r));
	if (!stat.started || signal->ticks == IPC_UNKNOWN)
		return ipc_ctx_fail(ctx, -ESRCH,
				    "its start time is not known, so it cannot be told from a later process");
	if (stat.ticks != signal->ticks)
		return ipc_ctx_fail(ctx, -ESTALE, "replaced: the process has ended, and another one has its number");
	return is_dead(&stat) ? ipc_ctx_fail(ctx, -ESRCH, "dead already; its parent has not waited for it yet") : 0;
}

/*
 * Its directory in /proc stands for the process as a pidfd does, and does not pass to a later one of its number. And it
 * means what this /proc means by the number, which in another pid namespace than /proc's would be another process.
 */
static int open_port(struct ipc_port *port, ipc_deadline deadline)
{
	const struct ipc_signal *signal = (const struct ipc_signal *)port->object;
	int fd = ipc_proc_open(port->ctx, O_DIRECTORY, "%" PRIu64, port->object->id), r;

	(void)deadline;
	if (fd < 0)
		return fd == -ENOENT ? fail_gone(port->ctx)
				     : ipc_ctx_fail(port->ctx, fd, "its directory in /proc cannot be opened: %s",
						    strerror(-fd));
	r = ipc_signal_identify(port->ctx, signal);
	if (r)
		close(fd);
	else
		port->fd = fd;
	return r;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* The value that goes along: a decimal number as sigqueue(3) takes it. */
static int parse_value(struct ipc_ctx *ctx, struct ipc_bytes text, int *out)
{
	bool negative = text.len && text.data[0] == '-';
	uint64_t value, most = negative ? (uint64_t)INT_MAX + 1 : INT_MAX;

	if (ipc_parse_uint(text.data + negative, text.len - negative, &value) || value > most)
		return ipc_ctx_fail(ctx, -EINVAL, "the value of a signal is a decimal number of %d to %d", INT_MIN,
				    INT_MAX);
	*out = (int)(negative ? -(int64_t)value : (int64_t)value);
	return 0;
}

static int fail(const struct ipc_port *port, int error, int number)
{
	const struct ipc_object *object = port->object;

	switch (error) {
	case ESRCH:
		return fail_gone(port->ctx);
	case EPERM:
		if (object->uid == geteuid() || object->uid == IPC_UNKNOWN)
			return ipc_ctx_fail(port->ctx, -EPERM,
					    "may not be sent a signal by you: a security module or a "
					    "filter of system calls forbids it");
		return ipc_ctx_fail(port->ctx, -EPERM,
				    "it belongs to uid %" PRIu64 "; who sends it a signal needs that uid or CAP_KILL",
				    object->uid);
	case EAGAIN:
		return ipc_ctx_fail(
			port->ctx, -EAGAIN,
			"as many signals are pending for the processes of its user as its RLIMIT_SIGPENDING "
			"allows: raise that (ulimit -i), or send without a value");
	case EINVAL:
		if (number >= 0 && number <= SIGNALS && !ipc_proc_same_pids(port->ctx))
			return ipc_ctx_fail(port->ctx, -ENOTSUP,
					    "it is outside this pid namespace, where no signal from here reaches");
		return ipc_ctx_fail(port->ctx, -EINVAL, "there is no signal %d", number);
	case ENOSYS:
		return ipc_ctx_fail(port->ctx, -ENOSYS,
				    "needs pidfd_send_signal() (Linux 5.1), which sends to no other "
				    "process of the same number");
	default:
		return ipc_ctx_fail(port->ctx, -error, "%s", strerror(error));
	}
}

static int send_signal(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	siginfo_t info = {.si_code = SI_QUEUE};
	int number, value = 0, r = 0;

	(void)deadline;
	if (message->number < 0 || message->number > SIGNALS)
		return ipc_ctx_fail(port->ctx, -EINVAL, "there is no signal %" PRId64 "; signals are 1 to %d",
				    message->number, SIGNALS);
	number = (int)message->number;
	if (message->data.len)
		r = parse_value(port->ctx, message->data, &value);
	if (r)
		return r;
	info.si_signo = number;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	if (syscall(SYS_pidfd_send_signal, port->fd, number, message->data.len ? &info : NULL, 0) < 0)
		return fail(port, errno, number);
	*sent = message->data.len;
	return 0;
}

const struct ipc_changes ipc_changes_signal_process = {
	.refuse =
		{
			[IPC_VERB_CREATE] = "a process is made by running it; there is nothing to make of signals",
			[IPC_VERB_SET] = "a process chooses itself which signals it blocks, ignores and catches",
			[IPC_VERB_RECEIVE] =
				("a signal goes to its process alone; let that process catch it (trap in a shell), or "
				 "look at what is pending with \"ipctool dump\""),
			[IPC_VERB_POST] = "a process is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "a process is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] = "a process is ended by a signal: \"ipctool send signal:PID --signal TERM\"",
		},
	.open = open_port,
	.send = send_signal,
};
