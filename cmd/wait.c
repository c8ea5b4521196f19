/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool wait: take from a semaphore, also for as long as a command runs. */
#include <errno.h>
#include <stdlib.h>

#include "codes.h"
#include "ending.h"
#include "guard.h"
#include "message.h"
#include "number.h"
#include "target.h"
#include "timeout.h"

#define SLICE (TIMEOUT_SECOND / 10) /* between two looks at signals */

enum option_of_wait { OPTION_INDEX = OPTION_OF_COMMAND, OPTION_ZERO };

struct job {
	struct patience patience;
	bool literal;
	int64_t index;
	struct ipc_waiting how;
	const char *const *words; /* of the command, ending with NULL; NULL: none */
	struct target target;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_INDEX:
		return number_take(app, "--index", argument, 0, INT64_MAX, &job->index);
	case OPTION_ZERO:
		job->how.zero = true;
		return TAKEN;
	case OPTION_LITERAL:
		job->literal = true;
		return TAKEN;
	default:
		return patience_take(&job->patience, app, code, argument);
	}
}

/* ---- in the guardian --------------------------------------------------------------------------------------------- */

static int guard_take(void *data, int64_t timeout)
{
	const struct job *job = data;

	return ipc_semaphore_wait(job->target.app->ctx, job->target.object, &job->how, timeout);
}

static void guard_give(void *data)
{
	const struct job *job = data;

	/* Should it have been removed meanwhile, there is nobody to give it to, nor to tell. */
	ipc_semaphore_post(job->target.app->ctx, job->target.object, job->how.index, 1);
}

static enum code take_guarded(struct job *job)
{
	struct text why = {0};
	struct guard guard = {.take = guard_take, .give = guard_give, .data = job, .why = &why};
	int error = guard_start(job->target.app, &guard, patience_timeout(&job->patience));

	if (error)
		complain(job->target.app, job->target.operand, "%s", text_cstr(&why));
	text_release(&why);
	return error ? code_of_errno(-error) : CODE_DONE;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* The kernel cleans up after a System V waiter that is killed. */
static bool waits_in_kernel(const struct job *job)
{
	return !strcmp(ipc_kind_name(ipc_object_kind(job->target.object)), "sysv");
}

/*
 * A POSIX semaphore counts who waits, and wakes one for each post. A signal must not end a waiter in between, or that wake
 * would be lost to all others: it ends this one between two attempts.
 */
static int wait_in_slices(struct job *job)
{
	struct ending ending;
	struct timeout left;
	int error;

	ending_hold(&ending);
	timeout_start(&left, patience_timeout(&job->patience));
	do {
		if (ending_come(&ending))
			ending_release(&ending);
		error = ipc_semaphore_wait(job->target.app->ctx, job->target.object, &job->how,
					   timeout_slice(&left, SLICE));
	} while ((error == -ETIMEDOUT || error == -EAGAIN) && !timeout_over(&left));
	return error;
}

static enum code take_plainly(struct job *job)
{
	int64_t timeout = patience_timeout(&job->patience);
	int error = waits_in_kernel(job)
			    ? ipc_semaphore_wait(job->target.app->ctx, job->target.object, &job->how, timeout)
			    : wait_in_slices(job);

	return error ? target_fail(&job->target, error) : CODE_DONE;
}

/* Whatever ends this process, or what it becomes, the kernel gives back; where it does not, a guardian does. */
static enum code take_for_command(struct job *job)
{
	int error;

	if (job->how.zero)
		return take_plainly(job); /* nothing is taken */
	job->how.undo = true;
	error = ipc_semaphore_wait(job->target.app->ctx, job->target.object, &job->how,
				   patience_timeout(&job->patience));
	if (error != -ENOTSUP)
		return error ? target_fail(&job->target, error) : CODE_DONE;
	job->how.undo = false;
	job->how.keep = true; /* nobody shall remove it from under the command */
	return take_guarded(job);
}

static enum code wait_for(struct app *app, struct job *job, const char *operand)
{
	enum code code = target_find(&job->target, app, operand, job->literal, IPC_VERB_WAIT, NULL);

	job->how.index = (uint64_t)job->index;
	if (!code)
		code = job->words ? take_for_command(job) : take_plainly(job);
	if (!code && job->words)
		return (enum code)guard_exec(app, job->words);
	return code && job->words ? code_before_command(code) : code;
}

/* The words before "--" are ipctool's; those behind are left as they are, empty ones and ones with dashes too. */
static int split(int argc, const char **argv, struct job *job)
{
	int at = 1;

	while (at < argc && strcmp(argv[at], "--") != 0)
		at++;
	if (at < argc)
		job->words = argv + at + 1;
	return at;
}

static bool check(const struct app *app, const struct job *job, const struct operands *operands)
{
	if (operands->count != 1)
		complain(app, NULL, "one semaphore is asked for, as in sem:/name or sem:32768%s",
			 operands->count ? "; a command stands behind --" : "");
	else if (job->words && !job->words[0])
		complain(app, NULL, "the command behind -- is missing");
	else
		return true;
	return false;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {0};
	struct operands operands = {0};
	int count = split(argc, argv, &job);
	const char **own = xcalloc((size_t)count + 1, sizeof(*own));
	enum parsed parsed;
	enum code code = CODE_DONE;

	memcpy(own, argv, (size_t)count * sizeof(*own));
	parsed = options_parse(app, count, own, take, &job, &operands);
	if (parsed == PARSED_BAD || (parsed == PARSED && !check(app, &job, &operands)))
		code = job.words ? CODE_COMMAND_FAILED : CODE_USAGE;
	else if (parsed == PARSED)
		code = wait_for(app, &job, operands.items[0]);
	target_release(&job.target);
	operands_release(&operands);
	free(own);
	return (int)code;
}

static const struct poptOption options[] = {
	OPTION_WITH("index", '\0', OPTION_INDEX, "which semaphore of a set, from 0", "I"),
	OPTION_FLAG("zero", '\0', OPTION_ZERO, "wait until it is zero, and take nothing (System V)"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take REF as it stands: \\xHH is not decoded"),
	OPTIONS_TIMEOUT,
	OPTIONS_END,
};

extern const struct command command_wait;
const struct command command_wait = {
	.name = "wait",
	.summary = "take from a semaphore: P",
	.synopsis = "[OPTION]... REF [-- COMMAND [ARG]...]",
	.description =
		"Waits until the semaphore is above zero, and takes one from it. With COMMAND it is given back when COMMAND has "
		"ended, whatever ended it, and never before; the exit status is that of COMMAND.",
	.options = options,
	.run = run,
};
