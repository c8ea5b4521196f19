/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch: prints what happens to objects, one line for each event, until it is interrupted.
 *
 *	cc watch.c $(pkg-config --cflags --libs ipctool) -o watch
 *	./watch mq shm:/cache
 *
 * Each argument is a class, a kind or a reference, as `ipctool monitor` takes them. The line "watching" on standard error says
 * that nothing will be missed from then on. The exit status is 1 when it cannot be watched, and 3 when events were lost.
 */
#define _GNU_SOURCE /* ppoll() */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <ipctool/monitor.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	interrupted = signal;
}

/* A name holds any byte that its creator chose: escape it before a terminal sees it. */
static void print_text(const struct ipc_object *event, const char *field)
{
	struct ipc_value value;
	char text[4096];

	if (ipc_object_get_by_name(event, field, &value) < 0 || value.null)
		return;
	ipc_escape(value.str.data, value.str.len, text, sizeof(text));
	printf(" %s", text);
}

/* Called for each event; @event is valid until it returns. Anything but 0 would end the reading, and go on with the next one. */
static int print_event(const struct ipc_object *event, void *data)
{
	struct ipc_value pid;

	(void)data;
	fputs(ipc_event_verb_name(ipc_event_verb(event)), stdout);
	print_text(event, "ref");
	print_text(event, "name");
	if (ipc_object_get_by_name(event, "pid", &pid) == 0 && !pid.null)
		printf(" by %" PRId64, pid.i);
	print_text(event, "comm");
	putchar('\n');
	return 0;
}

/* What will not be seen, which depends on the privileges and the kernel. */
static void report_monitor(const struct ipc_monitor *monitor)
{
	const char *text;
	size_t i;

	if (ipc_monitor_fallback(monitor))
		fprintf(stderr, "watch: without BPF: %s\n", ipc_monitor_fallback(monitor));
	for (i = 0; (text = ipc_monitor_blind(monitor, i)); i++)
		fprintf(stderr, "watch: not seen: %s\n", text);
	fprintf(stderr, "watching: %s\n", ipc_monitor_method(monitor));
}

/* @signals: those to be had while it waits; at any other time one could come just before, and be noticed with the next event. */
static int watch(struct ipc_monitor *monitor, const sigset_t *signals)
{
	struct pollfd fd = {.fd = ipc_monitor_fd(monitor), .events = POLLIN};
	int r = 0;

	while (r == 0 && !interrupted) {
		if (ppoll(&fd, 1, NULL, signals) < 0 && errno != EINTR)
			return -errno;
		r = ipc_monitor_read(monitor, print_event, NULL);
		/* Whoever reads it sees an event when it happens. */
		if (fflush(stdout) != 0)
			return -EIO;
	}
	return r;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = interrupt};
	const struct ipc_watch how = {.source = IPC_EVENTS_AUTO};
	struct ipc_monitor *monitor = NULL;
	struct ipc_query *query = NULL;
	struct ipc_ctx *ctx = NULL;
	sigset_t ends, before;
	int error, i, status = 1;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	error = ipc_ctx_new(&ctx);
	if (error < 0) {
		fprintf(stderr, "watch: %s\n", strerror(-error));
		return 1;
	}

	error = ipc_query_new(ctx, &query);
	for (i = 1; error == 0 && i < argc; i++)
		error = ipc_query_add(query, argv[i], false);
	if (error == 0)
		error = ipc_monitor_new(query, &how, &monitor);
	if (error == 0) {
		report_monitor(monitor);
		error = watch(monitor, &before);
		status = ipc_monitor_lost(monitor) ? 3 : 0;
	}
	if (error < 0) {
		fprintf(stderr, "watch: %s: %s\n", ipc_ctx_error(ctx), strerror(-error));
		status = 1;
	}

	ipc_monitor_free(monitor);
	ipc_query_free(query);
	ipc_ctx_unref(ctx);
	return status;
}
