/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool post: give to a semaphore. */
#include "codes.h"
#include "message.h"
#include "number.h"
#include "target.h"

enum option_of_post { OPTION_INDEX = OPTION_OF_COMMAND, OPTION_POST_COUNT };

struct job {
	bool literal;
	int64_t index, count;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_INDEX:
		return number_take(app, "--index", argument, 0, INT64_MAX, &job->index);
	case OPTION_POST_COUNT:
		return number_take(app, "--count", argument, 1, INT64_MAX, &job->count);
	case OPTION_LITERAL:
		job->literal = true;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

static enum code post(struct app *app, const struct job *job, const char *operand)
{
	struct target target;
	enum code code = target_find(&target, app, operand, job->literal, IPC_VERB_POST, NULL);
	int error;

	if (!code) {
		error = ipc_semaphore_post(app->ctx, target.object, (uint64_t)job->index, (uint64_t)job->count);
		if (error)
			code = target_fail(&target, error);
	}
	target_release(&target);
	return code;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.count = 1};
	struct operands operands = {0};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &operands);
	enum code code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED && operands.count != 1) {
		complain(app, NULL, "one semaphore is asked for, as in sem:/name or sem:32768");
		code = CODE_USAGE;
	} else if (parsed == PARSED) {
		code = post(app, &job, operands.items[0]);
	}
	operands_release(&operands);
	return (int)code;
}

static const struct poptOption options[] = {
	OPTION_WITH("index", '\0', OPTION_INDEX, "which semaphore of a set, from 0", "I"),
	OPTION_WITH("count", '\0', OPTION_POST_COUNT, "add this much instead of 1", "N"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take REF as it stands: \\xHH is not decoded"),
	OPTIONS_END,
};

extern const struct command command_post;
const struct command command_post = {
	.name = "post",
	.summary = "give to a semaphore: V",
	.synopsis = "[OPTION]... REF",
	.description =
		"Adds one, or as much as --count says, to a semaphore, and so lets in who waits for it. All of it or nothing is added.",
	.options = options,
	.run = run,
};
