/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watching: from the sources of events to what is written and run, until there is a reason to end. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "findings.h"
#include "message.h"
#include "timeout.h"
#include "watching.h"

#define STOPPED 1        /* there is a reason to end */
#define PAUSED 2         /* as many as should be taken without a look at anything else */
#define BATCH 4096       /* events between two such looks */
#define LAST_BATCHES 64  /* how many of them are read when it has ended: more are not of that time */
#define BREATH 1000000   /* ns: when events follow one another faster they are read together */
#define ROOMY (1u << 20) /* bytes: a smaller buffer is not left to itself for so long */

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * TIMEOUT_SECOND + ts.tv_nsec;
}

/* ---- one event ------------------------------------------------------------------------------------------------------ */

static int end(struct watching *watching, enum watch_end why)
{
	watching->end = why;
	return STOPPED;
}

static bool is_selected(const struct watching *watching, const struct ipc_object *event)
{
	size_t i;

	for (i = 0; i < watching->filters.count; i++)
		if (!ipc_condition_holds(watching->filters.items[i], event))
			return false;
	return true;
}

static bool tell(struct watching *watching, const struct ipc_object *event)
{
	if (watching->command)
		execution_add(&watching->execution, event);
	if (!watching->summary)
		return telling_event(&watching->telling, event);
	summary_add(watching->summary, event);
	return true;
}

static int take(const struct ipc_object *event, void *data)
{
	struct watching *watching = data;
	int pause = ++watching->taken % BATCH ? 0 : PAUSED;

	if (ipc_event_verb(event) == IPC_EVENT_LOST) {
		if (!telling_lost(&watching->telling, event))
			return end(watching, WATCH_UNREAD);
		return pause;
	}
	if (!is_selected(watching, event))
		return pause;
	if (!tell(watching, event))
		return end(watching, WATCH_UNREAD);
	if (watching->until && ipc_condition_holds(watching->until, event))
		return end(watching, WATCH_MET);
	return ++watching->told == watching->count ? end(watching, WATCH_COUNTED) : pause;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------- */

/* It is tried again; whoever watches the log should know before the end. */
static void say_unsaved(struct watching *watching)
{
	const char *why = ipc_monitor_unsaved(watching->monitor);

	if (why && !watching->unsaved)
		complain(watching->app, "--record", "%s", why);
	watching->unsaved = why;
}

/* Take what there is, and write it at once. Returns PAUSED when there is more. */
static int read_events(struct watching *watching)
{
	int r = ipc_monitor_read(watching->monitor, take, watching);

	if (r < 0) {
		findings_failure(watching->app, -r, &watching->outcome);
		end(watching, WATCH_FAILED);
	}
	if (!output_flush(&watching->app->out))
		end(watching, WATCH_UNREAD);
	execution_step(&watching->execution);
	say_unsaved(watching);
	return r;
}

enum { FD_EVENTS, FD_SIGNALS, FD_CHILDREN, FD_READER, FDS };

/* Wait for something to do, but not past the end. */
static void await(const struct watching *watching, struct pollfd *fds, const struct timeout *timeout, bool at_once)
{
	int64_t left = at_once ? 0 : timeout_slice(timeout, INT64_MAX);
	const struct timespec ts = {(time_t)(left / TIMEOUT_SECOND), (long)(left % TIMEOUT_SECOND)};
	bool for_ever = !at_once && timeout->end == INT64_MAX;

	fds[FD_EVENTS] = (struct pollfd){.fd = ipc_monitor_fd(watching->monitor), .events = POLLIN};
	fds[FD_SIGNALS] = (struct pollfd){.fd = watching->ending.fd, .events = POLLIN};
	fds[FD_CHILDREN] = (struct pollfd){.fd = watching->execution.fd, .events = POLLIN};
	/* Nothing is asked for: that nobody reads it any more is told anyway. */
	fds[FD_READER] = (struct pollfd){.fd = watching->app->out.fd};
	if (ppoll(fds, FDS, for_ever ? NULL : &ts, NULL) < 0)
		fds[FD_EVENTS].revents = fds[FD_SIGNALS].revents = fds[FD_CHILDREN].revents = fds[FD_READER].revents =
			0;
}

static void watch(struct watching *watching)
{
	bool roomy = !watching->how.buffer || watching->how.buffer >= ROOMY;
	struct pollfd fds[FDS];
	struct timeout timeout;
	int64_t last = 0;
	int r = PAUSED; /* what was there at the start wakes nobody up */

	timeout_start(&timeout, watching->span);
	while (watching->end == WATCH_ON) {
		await(watching, fds, &timeout, r == PAUSED);
		if (fds[FD_SIGNALS].revents) {
			end(watching, WATCH_SIGNALLED);
		} else if (fds[FD_READER].revents & (POLLERR | POLLHUP | POLLNVAL)) {
			end(watching, WATCH_UNREAD);
		} else if (r == PAUSED || fds[FD_EVENTS].revents) {
			int64_t begun = now();

			/* One wakeup for each event would cost more than the event. */
			if (r != PAUSED && roomy && begun - last < BREATH)
				nanosleep(&(struct timespec){0, BREATH}, NULL);
			last = begun;
			r = read_events(watching);
		} else if (fds[FD_CHILDREN].revents) {
			execution_step(&watching->execution);
		}
		if (watching->end == WATCH_ON && timeout_over(&timeout))
			end(watching, WATCH_OVER);
	}
}

/* What happened before the end is told as well. */
static void read_the_rest(struct watching *watching)
{
	enum watch_end why = watching->end;
	int i, r = PAUSED;

	if (why != WATCH_OVER && why != WATCH_SIGNALLED)
		return;
	watching->end = WATCH_ON;
	for (i = 0; r == PAUSED && i < LAST_BATCHES; i++)
		r = read_events(watching);
	if (watching->end == WATCH_ON)
		watching->end = why;
}

/* ---- before and after ----------------------------------------------------------------------------------------------- */

/* What is told of a kind begins with its name: "sock/udp: ". Returns what follows, or NULL. */
static const char *behind_kind(const char *blind)
{
	size_t length = strcspn(blind, " :");

	return blind[length] == ':' && blind[length + 1] == ' ' && memchr(blind, '/', length) ? blind + length : NULL;
}

/* Sentence @index, together with those that say the same of other kinds. */
static void say_blind(struct watching *watching, size_t index, enum code code)
{
	const char *blind = ipc_monitor_blind(watching->monitor, index), *other, *rest = behind_kind(blind);
	struct text line = {0};
	size_t i;

	text_bytes(&line, blind, rest ? (size_t)(rest - blind) : strlen(blind));
	for (i = 0; rest && (other = ipc_monitor_blind(watching->monitor, i)); i++) {
		const char *same = behind_kind(other);

		if (i == index || !same || strcmp(same, rest) != 0)
			continue;
		if (i < index) { /* it was told there */
			text_release(&line);
			return;
		}
		text_string(&line, ", ");
		text_bytes(&line, other, (size_t)(same - other));
	}
	text_string(&line, rest ? rest : "");
	complain(watching->app, NULL, "not seen: %s", text_cstr(&line));
	outcome_add(&watching->outcome, code, ipc_monitor_source(watching->monitor), 0, text_cstr(&line));
	watching->outcome.complete = false;
	text_release(&line);
}

/* What the user should know of how it is watched, before anything else. */
static void say_how(struct watching *watching)
{
	const struct ipc_monitor *monitor = watching->monitor;
	const char *fallback = ipc_monitor_fallback(monitor);
	enum code code = watching->strict ? CODE_PARTIAL : CODE_DONE;
	size_t i;

	watching->outcome.complete = true;
	if (fallback) {
		complain(watching->app, NULL, "%s; %s", fallback, ipc_monitor_method(monitor));
		outcome_add(&watching->outcome, code, ipc_monitor_source(monitor), 0, fallback);
	}
	for (i = 0; ipc_monitor_blind(monitor, i); i++)
		say_blind(watching, i, code);
	if (watching->app->verbose)
		complain(watching->app, NULL, "events from %s: %s", ipc_monitor_source(monitor),
			 ipc_monitor_method(monitor));
}

static int take_signal(struct ending *ending)
{
	ending->looked = 0; /* there is one */
	return ending_come(ending);
}

/* Commands that are still to be run are, unless somebody wants it to end. */
static void finish_commands(struct watching *watching)
{
	struct execution *execution = &watching->execution;

	if (watching->end == WATCH_SIGNALLED)
		execution_stop(execution, take_signal(&watching->ending));
	while (execution_busy(execution)) {
		struct pollfd fds[] = {{.fd = execution->fd, .events = POLLIN},
				       {.fd = watching->ending.fd, .events = POLLIN}};

		if (poll(fds, 2, -1) > 0 && fds[1].revents) {
			execution_stop(execution, SIGTERM);
			return;
		}
		execution_step(execution);
	}
}

static void report_loss(struct watching *watching)
{
	uint64_t lost = ipc_monitor_lost(watching->monitor);
	struct text why = {0};

	if (!lost)
		return;
	text_format(&why, "%" PRIu64 " events were lost; a larger --buffer or fewer verbs would help", lost);
	watching->outcome.complete = false;
	/* What was waited for has happened, whatever else did. */
	outcome_add(&watching->outcome, watching->end == WATCH_MET ? CODE_DONE : CODE_PARTIAL,
		    ipc_monitor_source(watching->monitor), 0, text_cstr(&why));
	complain(watching->app, NULL, "%s", text_cstr(&why));
	text_release(&why);
}

/* What was learnt is written down as it comes; the rest is now. */
static void save(struct watching *watching)
{
	if (ipc_monitor_save(watching->monitor) >= 0)
		return;
	watching->outcome.complete = false;
	outcome_add(&watching->outcome, CODE_FAILED, "--record", 0, ipc_ctx_error(watching->app->ctx));
	complain(watching->app, "--record", "%s", ipc_ctx_error(watching->app->ctx));
}

/* What was waited for, and did not happen. */
static void report_end(struct watching *watching)
{
	if (!watching->until || watching->end == WATCH_FAILED || watching->end == WATCH_MET)
		return;
	watching->outcome.complete = false;
	outcome_add(&watching->outcome, CODE_TIMEOUT, "--until", 0, "it did not happen");
}

/* SIGINT and SIGTERM are how one ends it: they did their work. Others do what they would have done. */
static void settle_signal(struct watching *watching)
{
	int number = take_signal(&watching->ending);

	if (number == SIGINT || number == SIGTERM)
		watching->ending.number = 0;
}

static void prepare(struct watching *watching)
{
	struct app *app = watching->app;

	watching->execution.apart = telling_is_json(&watching->telling);
	signal(SIGPIPE, SIG_IGN);
	ending_hold(&watching->ending);
	app->out.ending = &watching->ending;
	say_how(watching);
}

static enum code open_monitor(struct watching *watching)
{
	int error = ipc_monitor_new(watching->query, &watching->how, &watching->monitor);
	const char *why = ipc_ctx_error(watching->app->ctx);

	if (!error) {
		if (*ipc_ctx_note(watching->app->ctx))
			complain(watching->app, "--record", "%s", ipc_ctx_note(watching->app->ctx));
		return CODE_DONE;
	}
	complain(watching->app, NULL, "%s", *why ? why : strerror(-error));
	switch (-error) {
	case EBUSY: /* another run has the record */
		return CODE_REFUSED;
	case EPERM:
	case EACCES:
		return CODE_DENIED;
	case EINVAL:
		return CODE_USAGE;
	default:
		return CODE_FAILED;
	}
}

int watching_run(struct watching *watching)
{
	enum code code;

	if (!execution_begin(&watching->execution, watching->app, watching->command))
		return CODE_FAILED;
	watching->how.group = (uint32_t)watching->execution.group;
	code = open_monitor(watching);
	if (code)
		return (int)code;
	prepare(watching);
	if (!telling_begin(&watching->telling, watching->monitor))
		end(watching, WATCH_UNREAD);
	watch(watching);
	read_the_rest(watching);
	save(watching);
	report_loss(watching);
	finish_commands(watching);
	execution_report(&watching->execution, &watching->outcome);
	report_end(watching);
	if (watching->end != WATCH_UNREAD) {
		if (watching->summary)
			summary_print(watching->summary, &watching->telling);
		telling_end(&watching->telling, &watching->outcome);
	}
	/* The kernel takes its time for each tracepoint: whoever reads has the whole by now. */
	watching->monitor = ipc_monitor_free(watching->monitor);
	settle_signal(watching);
	watching->app->out.ending = NULL;
	ending_release(&watching->ending);
	return (int)watching->outcome.code;
}

void watching_release(struct watching *watching)
{
	size_t i;

	for (i = 0; i < watching->filters.count; i++)
		ipc_condition_free(watching->filters.items[i]);
	free(watching->filters.items);
	ipc_condition_free(watching->until);
	watching->until = NULL;
	ipc_monitor_free(watching->monitor);
	execution_release(&watching->execution);
	outcome_release(&watching->outcome);
	telling_release(&watching->telling);
	summary_free(watching->summary);
}
