/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool receive: messages of a queue, bytes of a FIFO or socket. */
#include <errno.h>
#include <signal.h>

#include "codes.h"
#include "delivery.h"
#include "envelope.h"
#include "message.h"
#include "number.h"
#include "timeout.h"

#define SLICE (TIMEOUT_SECOND / 10) /* between two looks at signals and at standard output */
#define SLICE_MILLISECONDS 100

enum option_of_receive {
	OPTION_TYPE = OPTION_OF_COMMAND,
	OPTION_EXCEPT,
	OPTION_PRIORITY,
	OPTION_MESSAGES,
	OPTION_FOLLOW,
	OPTION_LINE,
	OPTION_NULL,
};

struct job {
	struct app *app;
	struct patience patience;
	bool literal, typed, follow;
	struct ipc_choice choice;
	int64_t count; /* 0: not given */
	const char *format_option;
	struct target target;
	struct ipc_port *port;
	struct delivery delivery;
	struct ending ending;
	struct outcome outcome;
	struct ipc_message message; /* received last */
	bool end;                   /* or there was none: the other end has closed */
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static enum taken take_format(struct job *job, enum delivery_format format, const char *option)
{
	if (job->format_option && job->delivery.format != format) {
		complain(job->app, option, "cannot be combined with %s", job->format_option);
		return TAKEN_BAD;
	}
	job->delivery.format = format;
	job->format_option = option;
	return TAKEN;
}

static enum taken refuse_priority(const struct app *app)
{
	complain(app, "--priority", "receiving has no such choice: a POSIX queue gives its highest priority first");
	return TAKEN_BAD;
}

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_TYPE:
		job->typed = true;
		return number_take(app, "--type", argument, -INT64_MAX, INT64_MAX, &job->choice.type);
	case OPTION_EXCEPT:
		job->choice.except = true;
		return TAKEN;
	case OPTION_PRIORITY:
		return refuse_priority(app);
	case OPTION_MESSAGES:
		return number_take(app, "--count", argument, 1, INT64_MAX, &job->count);
	case OPTION_FOLLOW:
		job->follow = true;
		return TAKEN;
	case OPTION_LINE:
		return take_format(job, DELIVERY_LINES, "--line");
	case OPTION_NULL:
		return take_format(job, DELIVERY_NULLS, "--null");
	case OPTION_JSON:
		return take_format(job, DELIVERY_JSON, "--json");
	case OPTION_JSON_LINES:
		return take_format(job, DELIVERY_JSON_LINES, "--jsonl");
	case OPTION_LITERAL:
		job->literal = true;
		return TAKEN;
	default:
		return patience_take(&job->patience, app, code, argument);
	}
}

static const char *wrong_options(const struct job *job)
{
	if (job->choice.except && job->choice.type <= 0)
		return "--except: needs --type with the type to be left, 1 or more";
	if (job->follow && job->patience.nowait)
		return "--follow: cannot be combined with --nowait";
	return NULL;
}

static bool is_fifo(const struct job *job)
{
	return !strcmp(ipc_class_name(ipc_kind_class(ipc_object_kind(job->target.object))), "fifo");
}

/* Of all that can be received from, FIFOs alone keep no boundaries; this is known before one hangs in opening it. */
static const char *wrong_for_object(const struct job *job)
{
	bool streams = is_fifo(job);

	if (job->typed && envelope_of(ipc_object_kind(job->target.object)) != ENVELOPE_TYPE)
		return "--type: only messages of System V queues have a type";
	if (streams && job->count)
		return "--count: a stream has no messages to be counted; head -c takes a number of bytes";
	if (streams && (job->delivery.format == DELIVERY_LINES || job->delivery.format == DELIVERY_NULLS))
		return "--line and --null: a stream has no messages that could be told apart";
	return NULL;
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static enum code fail(struct job *job, int error)
{
	const char *why = ipc_ctx_error(job->app->ctx);
	enum code code = code_of_errno(-error);

	outcome_add(&job->outcome, code, job->target.operand, -error, *why ? why : strerror(-error));
	return target_fail(&job->target, error);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* How it went with what was tried. */
enum step {
	STEP_DONE,
	STEP_STOP, /* a signal came, or nobody reads standard output any more */
	STEP_FAIL, /* said on standard error */
};

typedef int (*attempt_fn)(struct job *job, int64_t timeout);

/*
 * Try in slices until it does something else than time out. Before each it is made sure that standard output takes
 * what comes, so that nothing is taken in vain.
 */
static enum step repeat(struct job *job, attempt_fn attempt, enum code *code)
{
	struct timeout left;
	enum delivery_state state;
	int error;

	timeout_start(&left, patience_timeout(&job->patience));
	for (;;) {
		if (ending_come(&job->ending))
			return STEP_STOP;
		state = delivery_state(&job->delivery, SLICE_MILLISECONDS);
		if (state == DELIVERY_GONE)
			return STEP_STOP;
		if (state == DELIVERY_BUSY)
			continue;
		error = attempt(job, timeout_slice(&left, SLICE));
		if (!error)
			return STEP_DONE;
		if ((error != -ETIMEDOUT && error != -EAGAIN) || timeout_over(&left))
			break;
	}
	*code = fail(job, error);
	return STEP_FAIL;
}

static int attempt_receive(struct job *job, int64_t timeout)
{
	return ipc_port_receive(job->port, &job->choice, timeout, &job->message, &job->end);
}

/*
 * Wait for the next writer of a FIFO. The port that saw the last one leave is kept until then: without any reader the
 * kernel would throw away what a writer left in the FIFO. And it is asked first: that writer may have come and gone.
 */
static int attempt_next_writer(struct job *job, int64_t timeout)
{
	struct ipc_port *next;
	int error = attempt_receive(job, 0);

	if (error == -EAGAIN)
		return 0; /* one is there, and has written nothing yet */
	if (error || !job->end)
		return error;
	error = ipc_port_open(job->app->ctx, job->target.object, IPC_VERB_RECEIVE, timeout, &next);
	if (error)
		return error;
	ipc_port_close(job->port);
	job->port = next;
	return 0;
}

static bool has_enough(const struct job *job, int64_t received)
{
	if (job->count)
		return received == job->count;
	return !job->follow && !job->delivery.streams;
}

/* Whoever follows has what was wanted when it is stopped; others have not. */
static enum code stopped(struct job *job)
{
	if (job->follow)
		return CODE_DONE;
	outcome_add(&job->outcome, CODE_FAILED, job->target.operand, EINTR, "interrupted");
	return CODE_FAILED;
}

static enum code receive_all(struct job *job)
{
	int64_t received = 0;
	enum code code = CODE_DONE;
	enum step step;

	do {
		step = repeat(job, attempt_receive, &code);
		if (step == STEP_DONE && job->end) {
			if (!job->follow || !is_fifo(job))
				return CODE_DONE;
			step = repeat(job, attempt_next_writer, &code);
		}
		if (step == STEP_DONE && !job->end) {
			code = delivery_write(&job->delivery, &job->message);
			received++;
		}
		if (step == STEP_STOP)
			return stopped(job);
	} while (!code && !has_enough(job, received));
	return code;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* Once the document is begun, it is also ended. */
static enum code receive_and_end(struct job *job)
{
	enum code code;

	job->delivery.streams = ipc_port_streams(job->port);
	ending_hold(&job->ending);
	delivery_begin(&job->delivery, job->target.object);
	code = receive_all(job);
	job->outcome.complete = !code;
	delivery_end(&job->delivery, &job->outcome);
	return code;
}

/* A document that says why there is nothing; none where the command line is wrong. */
static enum code end_without(struct job *job, struct outcome *outcome, enum code code)
{
	outcome->complete = false;
	if (code != CODE_USAGE) {
		delivery_begin(&job->delivery, NULL);
		delivery_end(&job->delivery, outcome);
	}
	return code;
}

static enum code receive_from(struct job *job, const char *operand)
{
	static const char *const wants[] = {"ref", NULL};
	const char *wrong;
	enum code code;
	int error;

	job->delivery.target = &job->target;
	job->delivery.ending = &job->ending;
	code = target_find(&job->target, job->app, operand, job->literal, IPC_VERB_RECEIVE, wants);
	if (code)
		return end_without(job, &job->target.outcome, code);
	wrong = wrong_for_object(job);
	if (wrong) {
		complain(job->app, operand, "%s", wrong);
		return CODE_USAGE;
	}
	if (!delivery_check(&job->delivery))
		return CODE_FAILED;
	error = ipc_port_open(job->app->ctx, job->target.object, IPC_VERB_RECEIVE, patience_timeout(&job->patience),
			      &job->port);
	if (!error)
		return receive_and_end(job);
	code = fail(job, error);
	return end_without(job, &job->outcome, code);
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app};
	struct operands operands = {0};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &operands);
	enum code code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;
	const char *wrong = wrong_options(&job);

	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is noticed before more is taken */
	if (parsed == PARSED && (wrong || operands.count != 1)) {
		complain(app, NULL, "%s", wrong ? wrong : "one object is asked for, as in mq:/name or fifo:/path");
		code = CODE_USAGE;
	} else if (parsed == PARSED) {
		code = receive_from(&job, operands.items[0]);
	}
	ipc_port_close(job.port);
	delivery_release(&job.delivery);
	outcome_release(&job.outcome);
	target_release(&job.target);
	operands_release(&operands);
	ending_release(&job.ending);
	return (int)code;
}

static const struct poptOption format_options[] = {
	OPTION_FLAG("line", '\0', OPTION_LINE, "a newline after each message"),
	OPTION_FLAG("null", '0', OPTION_NULL, "a NUL after each message"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as soon as it is there"),
	OPTIONS_END,
};

static const struct poptOption options[] = {
	OPTION_WITH("type", '\0', OPTION_TYPE,
		    "the first message of type N (System V queues); -N: of the lowest type up to N", "N"),
	OPTION_FLAG("except", '\0', OPTION_EXCEPT, "with --type: the first one of another type"),
	OPTION_WITH("priority", '\0', OPTION_PRIORITY, "refused: a POSIX queue always gives its highest priority first",
		    "N"),
	OPTION_WITH("count", '\0', OPTION_MESSAGES, "receive N messages instead of one", "N"),
	OPTION_FLAG("follow", '\0', OPTION_FOLLOW, "go on until a signal comes; of a FIFO, with the next writer"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take REF as it stands: \\xHH is not decoded"),
	OPTIONS_TIMEOUT,
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)format_options, 0, "Output", NULL},
	OPTIONS_END,
};

extern const struct command command_receive;
const struct command command_receive = {
	.name = "receive",
	.summary = "take a message or bytes",
	.synopsis = "[OPTION]... REF",
	.description =
		"Takes the next message of a queue, or all bytes of a FIFO up to its end, and writes them to standard output "
		"as they are. Each message is written out before the next is taken; one that cannot be written goes back "
		"to its queue, or to standard error.",
	.options = options,
	.run = run,
};
