/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool send: a message to a queue, bytes to a FIFO or socket, a signal to a process. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "codes.h"
#include "envelope.h"
#include "input.h"
#include "message.h"
#include "number.h"
#include "target.h"
#include "timeout.h"

#define SIGNALS 128 /* no architecture has more */

enum option_of_send {
	OPTION_TYPE = OPTION_OF_COMMAND,
	OPTION_PRIORITY,
	OPTION_SIGNAL,
	OPTION_VALUE,
	OPTION_FILE,
	OPTION_LIST,
};

struct job {
	struct patience patience;
	bool literal, list;
	enum envelope numbered; /* which option gave the number */
	int64_t number;
	char *value; /* of a signal, in decimal; NULL: none */
	char *file;
	struct target target;
	struct ipc_port *port;
	struct input input;
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static enum taken number(struct job *job, const struct app *app, enum envelope envelope, int64_t number)
{
	if (job->numbered != ENVELOPE_NONE) {
		complain(app, NULL, "--%s: --%s is given already", envelope_name(envelope),
			 envelope_name(job->numbered));
		return TAKEN_BAD;
	}
	job->numbered = envelope;
	job->number = number;
	return TAKEN;
}

static enum taken take_number(struct job *job, const struct app *app, enum envelope envelope, const char *argument)
{
	bool type = envelope == ENVELOPE_TYPE;
	int64_t given;
	enum taken taken = number_take(app, type ? "--type" : "--priority", argument, type ? 1 : 0, INT64_MAX, &given);

	return taken == TAKEN ? number(job, app, envelope, given) : taken;
}

static enum taken take_signal(struct job *job, const struct app *app, const char *argument)
{
	int signal_number = ipc_signal_number(argument);

	if (signal_number >= 0) /* 0 only asks whether it could be sent one */
		return number(job, app, ENVELOPE_SIGNAL, signal_number);
	complain(app, "--signal", "'%s' is no signal; 'ipctool send --list' names them", argument);
	return TAKEN_BAD;
}

static enum taken take_once(const struct app *app, const char *option, char **at, const char *argument)
{
	if (*at) {
		complain(app, option, "given twice");
		return TAKEN_BAD;
	}
	*at = xstrdup(argument);
	return TAKEN;
}

static enum taken take_value(struct job *job, const struct app *app, const char *argument)
{
	int64_t value;
	enum taken taken = number_take(app, "--value", argument, INT_MIN, INT_MAX, &value);

	return taken == TAKEN ? take_once(app, "--value", &job->value, argument) : taken;
}

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_TYPE:
		return take_number(job, app, ENVELOPE_TYPE, argument);
	case OPTION_PRIORITY:
		return take_number(job, app, ENVELOPE_PRIORITY, argument);
	case OPTION_SIGNAL:
		return take_signal(job, app, argument);
	case OPTION_VALUE:
		return take_value(job, app, argument);
	case OPTION_FILE:
		return take_once(app, "--file", &job->file, argument);
	case OPTION_LIST:
		job->list = true;
		return TAKEN;
	case OPTION_LITERAL:
		job->literal = true;
		return TAKEN;
	default:
		return patience_take(&job->patience, app, code, argument);
	}
}

/* ---- does it fit the object? ------------------------------------------------------------------------------------- */

static enum code check_number(const struct app *app, const struct job *job, enum envelope envelope)
{
	static const char *const where[] = {
		[ENVELOPE_TYPE] = "only messages of System V queues have a type",
		[ENVELOPE_PRIORITY] = "only messages of POSIX queues have a priority",
		[ENVELOPE_SIGNAL] = "only processes take signals: signal:PID",
	};

	if (job->numbered == ENVELOPE_NONE || job->numbered == envelope)
		return CODE_DONE;
	complain(app, job->target.operand, "--%s: %s", envelope_name(job->numbered), where[job->numbered]);
	return CODE_USAGE;
}

static enum code check_signal(const struct app *app, const struct job *job, enum envelope envelope, const char *text)
{
	const char *wrong = NULL;

	if (envelope != ENVELOPE_SIGNAL && job->value)
		wrong = "--value: only a signal has one";
	else if (envelope == ENVELOPE_SIGNAL && job->numbered == ENVELOPE_NONE)
		wrong = "say which signal, as in --signal TERM; there is no default";
	else if (envelope == ENVELOPE_SIGNAL && (text || job->file))
		wrong = "a signal carries no bytes; --value N sends a number along";
	if (!wrong)
		return CODE_DONE;
	complain(app, job->target.operand, "%s", wrong);
	return CODE_USAGE;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static struct ipc_message message_of(const struct job *job, const struct text *text)
{
	return (struct ipc_message){.data = {text->data ? text->data : "", text->len}, .number = job->number};
}

static enum code send_signal(struct job *job)
{
	struct ipc_message message = {.number = job->number};
	int error;

	if (job->value)
		message.data = (struct ipc_bytes){job->value, strlen(job->value)};
	error = ipc_port_send(job->port, &message, 0, NULL);
	return error ? target_fail(&job->target, error) : CODE_DONE;
}

static enum code send_message(struct job *job)
{
	enum code code = input_read_all(&job->input, ipc_port_limit(job->port));
	struct ipc_message message = message_of(job, &job->input.text);
	int error;

	if (code)
		return code;
	error = ipc_port_send(job->port, &message, patience_timeout(&job->patience), NULL);
	return error ? target_fail(&job->target, error) : CODE_DONE;
}

/* A stream that broke off: how far it came matters, as nobody can take it back. */
static enum code fail_stream(const struct job *job, int error, uint64_t sent)
{
	const char *why = ipc_ctx_error(job->target.app->ctx);

	complain(job->target.app, job->target.operand, "%s; %" PRIu64 " bytes were sent", *why ? why : strerror(-error),
		 sent);
	return code_of_errno(-error);
}

static enum code send_stream(struct job *job)
{
	int64_t timeout = patience_timeout(&job->patience);
	uint64_t total = 0;
	enum code code = CODE_DONE;

	if (job->input.fd >= 0)
		code = input_read_some(&job->input);
	while (!code && job->input.text.len) {
		struct ipc_message message = message_of(job, &job->input.text);
		size_t sent = 0;
		int error = ipc_port_send(job->port, &message, timeout, &sent);

		total += sent;
		if (error)
			return fail_stream(job, error, total);
		code = input_read_some(&job->input);
	}
	if (code)
		complain(job->target.app, job->target.operand, "broken off; %" PRIu64 " bytes were sent", total);
	return code;
}

static enum code send_to(struct app *app, struct job *job, const char *text)
{
	enum envelope envelope = envelope_of(ipc_object_kind(job->target.object));
	enum code code;
	int error;

	if ((code = check_number(app, job, envelope)) || (code = check_signal(app, job, envelope, text)))
		return code;
	if (envelope != ENVELOPE_SIGNAL && (code = input_open(&job->input, app, job->target.operand, text, job->file)))
		return code;
	error = ipc_port_open(app->ctx, job->target.object, IPC_VERB_SEND, patience_timeout(&job->patience),
			      &job->port);
	if (error)
		return target_fail(&job->target, error);
	if (envelope == ENVELOPE_SIGNAL)
		return send_signal(job);
	return ipc_port_streams(job->port) ? send_stream(job) : send_message(job);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static enum code list_signals(struct app *app, const struct operands *operands)
{
	struct text *out = &app->out.text;
	int i;

	if (operands->count > 1 || (operands->count && strcmp(operands->items[0], "signal") != 0)) {
		complain(app, "--list", "lists signals, and takes nothing but 'signal'");
		return CODE_USAGE;
	}
	for (i = 1; i <= SIGNALS; i++)
		if (ipc_signal_name(i))
			text_format(out, "%d\t%s\n", i, ipc_signal_name(i));
	return CODE_DONE;
}

static enum code send_operands(struct app *app, struct job *job, const struct operands *operands)
{
	const char *text = operands->count > 1 ? operands->items[1] : NULL;
	enum code code;

	if (job->list)
		return list_signals(app, operands);
	if (operands->count < 1 || operands->count > 2) {
		complain(app, NULL,
			 operands->count ? "too many operands; quote a TEXT of several words"
					 : "say where to, as in mq:/name or fifo:/path");
		return CODE_USAGE;
	}
	if (text && job->file) {
		complain(app, "--file", "cannot be combined with TEXT");
		return CODE_USAGE;
	}
	code = target_find(&job->target, app, operands->items[0], job->literal, IPC_VERB_SEND, NULL);
	return code ? code : send_to(app, job, text);
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.input = {.fd = -1}};
	struct operands operands = {0};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &operands);
	enum code code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is told as an error */
	if (parsed == PARSED)
		code = send_operands(app, &job, &operands);
	input_release(&job.input);
	ipc_port_close(job.port);
	target_release(&job.target);
	operands_release(&operands);
	free(job.value);
	free(job.file);
	return (int)code;
}

static const struct poptOption options[] = {
	OPTION_WITH("type", '\0', OPTION_TYPE, "type of the message (System V queues; default 1)", "N"),
	OPTION_WITH("priority", '\0', OPTION_PRIORITY, "priority of the message (POSIX queues; default 0)", "N"),
	OPTION_WITH("signal", '\0', OPTION_SIGNAL, "which signal (processes): TERM, SIGTERM, 15, RTMIN+1", "NAME|N"),
	OPTION_WITH("value", '\0', OPTION_VALUE, "a number that goes along with the signal", "N"),
	OPTION_WITH("file", '\0', OPTION_FILE, "send what is in FILE; - is standard input", "FILE"),
	OPTION_FLAG("list", '\0', OPTION_LIST, "list the signals: number and name"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take REF as it stands: \\xHH is not decoded"),
	OPTIONS_TIMEOUT,
	OPTIONS_END,
};

extern const struct command command_send;
const struct command command_send = {
	.name = "send",
	.summary = "send a message, bytes or a signal",
	.synopsis = "[OPTION]... REF [TEXT]",
	.description =
		"Sends TEXT as it stands, or a file, or standard input: to a queue or datagram socket as one message, to a FIFO or "
		"stream socket as it comes. A process is sent a signal.",
	.options = options,
	.run = run,
};
