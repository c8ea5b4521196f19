/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool remove: take objects away that nobody uses. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <ipctool/change.h>

#include "chosen.h"
#include "ending.h"
#include "findings.h"
#include "message.h"
#include "results.h"
#include "selection.h"

enum {
	OPTION_UNBLOCK = OPTION_OF_COMMAND,
	OPTION_MISSING_OK,
	OPTION_INTERACTIVE,
	OPTION_DRY_RUN,
	OPTION_QUIET,
};

static const struct poptOption options[] = {
	OPTION_WITH("force", '\0', OPTION_FORCE, "override a doubt: unknown (may be in use) or held (is in use)",
		    "DOUBT"),
	OPTION_FLAG("unblock", '\0', OPTION_UNBLOCK, "release tasks that hang in the opening of a FIFO first"),
	OPTION_FLAG("missing-ok", '\0', OPTION_MISSING_OK, "objects that do not exist are no failure"),
	OPTION_FLAG("interactive", 'i', OPTION_INTERACTIVE, "ask before each"),
	OPTION_FLAG("dry-run", 'n', OPTION_DRY_RUN, "say what would happen, and remove nothing"),
	OPTION_FLAG("quiet", 'q', OPTION_QUIET, "do not say what was removed"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as it happens"),
	OPTION_FLAG("all", 'a', OPTION_ALL, "with a class: all of its objects"),
	OPTIONS_CHOOSING,
	OPTIONS_END,
};

/* What became of one object. */
enum fate {
	FATE_REMOVED,
	FATE_WOULD_REMOVE,
	FATE_KEPT,
	FATE_REFUSED,
	FATE_MISSING,
	FATE_DENIED,
	FATE_FAILED,
};

static const char *const fate_names[] = {
	[FATE_REMOVED] = "removed", [FATE_WOULD_REMOVE] = "would-remove", [FATE_KEPT] = "kept",
	[FATE_REFUSED] = "refused", [FATE_MISSING] = "missing",           [FATE_DENIED] = "denied",
	[FATE_FAILED] = "failed",
};

struct job {
	struct app *app;
	struct operands operands;
	struct selection selection;
	struct presentation presentation;
	struct ipc_removal how;
	bool missing_ok, interactive, quiet;
	struct chosen chosen;
	struct ipc_query *query;
	struct results results;
	struct ending ending;
	bool holding;
	bool at_once; /* somebody watches: nothing is kept in the buffer */
	struct outcome outcome;
	size_t removed;
	bool no_answers; /* standard input has ended */
};

static enum taken take_force(struct job *job, const struct app *app, const char *argument)
{
	int word = word_find(app, "--force", force_words, argument);

	if (word < 0)
		return TAKEN_BAD;
	job->how.force = (enum ipc_force)(IPC_FORCE_UNKNOWN + word);
	return TAKEN;
}

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_FORCE:
		return take_force(job, app, argument);
	case OPTION_UNBLOCK:
		job->how.unblock = true;
		return TAKEN;
	case OPTION_DRY_RUN:
		job->how.dry_run = true;
		return TAKEN;
	case OPTION_MISSING_OK:
		job->missing_ok = true;
		return TAKEN;
	case OPTION_INTERACTIVE:
		job->interactive = true;
		return TAKEN;
	case OPTION_QUIET:
		job->quiet = true;
		return TAKEN;
	case OPTION_JSON:
	case OPTION_JSON_LINES:
		return presentation_take(&job->presentation, app, code, argument);
	default:
		return selection_take(&job->selection, app, code, argument);
	}
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static enum code fail(const struct job *job, int error)
{
	const char *why = ipc_ctx_error(job->app->ctx);

	complain(job->app, NULL, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/* Handles are long, and only JSON has them; a state may take a look at every process. */
static int want_fields(const struct job *job)
{
	bool json = job->presentation.format != FORMAT_PLAIN;
	int error = ipc_query_want(job->query, "ref");

	if (!error && json)
		error = ipc_query_want(job->query, "name");
	if (!error && json)
		error = ipc_query_want(job->query, "handle");
	if (!error && job->interactive)
		error = ipc_query_want(job->query, "state");
	return error;
}

static enum code prepare(struct job *job)
{
	enum code code = chosen_query(&job->chosen, &job->selection, job->app, &job->query);
	int error;

	if (code)
		return code;
	error = want_fields(job);
	ipc_query_want_removal(job->query, job->how.force);
	return error ? fail(job, error) : CODE_DONE;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void append_field(struct text *out, const struct ipc_object *object, const char *name)
{
	struct ipc_value value;

	if (!ipc_object_get_by_name(object, name, &value) && !value.null)
		text_escaped(out, value.str);
}

static void tell_json(struct job *job, const struct ipc_object *object, enum fate fate, const char *why,
		      const char *note)
{
	static const char *const fields[] = {"ref", "handle", "class", "kind", "name"};
	struct results *results = &job->results;
	struct ipc_value value;
	size_t i;

	results_open(results);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (ipc_object_get_by_name(object, fields[i], &value))
			value.null = true;
		format_json(results_key(results, fields[i]), &value);
	}
	results_string(results, "result", fate_names[fate]);
	results_string(results, "why", why);
	results_string(results, "note", *note ? note : NULL);
	results_close(results);
}

static void tell_plain(struct job *job, const struct ipc_object *object, enum fate fate, const char *note)
{
	static const char *const words[] = {
		[FATE_REMOVED] = "removed ",
		[FATE_WOULD_REMOVE] = "would remove ",
		[FATE_KEPT] = "kept ",
		[FATE_MISSING] = "already gone: ",
	};
	struct text *out = &job->app->out.text;

	if (fate >= sizeof(words) / sizeof(words[0]) || !words[fate] || job->quiet)
		return;
	text_string(out, words[fate]);
	append_field(out, object, "ref");
	if (*note) {
		text_string(out, ": ");
		text_safe(out, note);
	}
	text_char(out, '\n');
	output_pace(&job->app->out);
}

/* @why: of a failure, which is told on standard error too. */
static void tell(struct job *job, const struct ipc_object *object, enum fate fate, const char *why, const char *note)
{
	if (job->presentation.format != FORMAT_PLAIN)
		tell_json(job, object, fate, why, note);
	else if (!why)
		tell_plain(job, object, fate, note);
	if (job->at_once)
		output_flush(&job->app->out);
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

static enum fate fate_of(enum code code)
{
	switch (code) {
	case CODE_REFUSED:
		return FATE_REFUSED;
	case CODE_MISSING:
		return FATE_MISSING;
	case CODE_DENIED:
		return FATE_DENIED;
	default:
		return FATE_FAILED;
	}
}

static void fail_object(struct job *job, const struct ipc_object *object, int error, const char *why)
{
	enum code code = code_of_errno(-error);
	struct text ref = {0};

	append_field(&ref, object, "ref");
	complain(job->app, text_cstr(&ref), "%s", why);
	outcome_add(&job->outcome, code, text_cstr(&ref), -error, why);
	text_release(&ref);
	tell(job, object, fate_of(code), why, "");
}

/* Who named an object wants to know that it is not there; who selected it has what he wants. */
static bool may_be_gone(const struct job *job, const struct ipc_object *object)
{
	return job->missing_ok || chosen_has(&job->chosen, ipc_object_kind(object));
}

static void settle(struct job *job, const struct ipc_object *object, int error)
{
	const char *why = ipc_ctx_error(job->app->ctx);

	if (!error) {
		tell(job, object, job->how.dry_run ? FATE_WOULD_REMOVE : FATE_REMOVED, NULL,
		     ipc_ctx_note(job->app->ctx));
		job->removed += !job->how.dry_run;
	} else if ((error == -ENOENT || error == -EIDRM) && may_be_gone(job, object)) {
		tell(job, object, FATE_MISSING, NULL, "");
	} else {
		fail_object(job, object, error, *why ? why : strerror(-error));
	}
}

/* "remove mq:5 (mq/sysv, idle)? " */
static void ask(const struct job *job, const struct ipc_object *object)
{
	const struct ipc_kind *kind = ipc_object_kind(object);
	const char *note = ipc_ctx_note(job->app->ctx);
	struct output err = {.fd = STDERR_FILENO};

	text_string(&err.text, "remove ");
	append_field(&err.text, object, "ref");
	text_format(&err.text, " (%s/%s, ", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
	append_field(&err.text, object, "state");
	text_string(&err.text, *note ? "; " : "");
	text_safe(&err.text, note);
	text_string(&err.text, ")? ");
	output_flush(&job->app->out);
	output_flush(&err);
	text_release(&err.text);
}

static bool is_yes(struct job *job, const struct ipc_object *object)
{
	char answer[16];

	if (job->no_answers)
		return false;
	ask(job, object);
	if (!ending_line(&job->ending, STDIN_FILENO, answer, sizeof(answer))) {
		ssize_t n = write(STDERR_FILENO, "\n", 1);

		(void)n; /* it only ends the line of the question */
		job->no_answers = true;
		return false;
	}
	return !strcasecmp(answer, "y") || !strcasecmp(answer, "yes");
}

static void remove_object(struct job *job, const struct ipc_object *object)
{
	struct ipc_removal how = job->how;
	bool asks = job->interactive && !how.dry_run;
	const char *why;
	int error;

	if (!ipc_kind_has(ipc_object_kind(object), IPC_VERB_REMOVE, &why)) {
		fail_object(job, object, -ENOTSUP, why);
		return;
	}
	if (asks) {
		/* No question about what would be refused anyway. */
		how.dry_run = true;
		error = ipc_object_remove(job->app->ctx, object, &how);
		if (!error && !is_yes(job, object)) {
			tell(job, object, FATE_KEPT, NULL, "");
			return;
		}
		if (error) {
			settle(job, object, error);
			return;
		}
	}
	settle(job, object, ipc_object_remove(job->app->ctx, object, &job->how));
}

/* Returns the signal that ends it early, or 0. */
static int remove_next(const struct ipc_object *object, void *data)
{
	struct job *job = data;
	int signal;

	/* Before the first one, while processes and directories are read, a signal may end it at once. */
	if (!job->holding)
		ending_hold(&job->ending);
	job->holding = true;
	signal = ending_come(&job->ending);
	if (!signal)
		remove_object(job, object);
	return signal;
}

/*
 * As they are found: thousands need no memory, and each was looked at a moment before it goes. Not so while a user thinks
 * about each, or while the query stands in another namespace.
 */
static bool as_found(const struct job *job)
{
	return !job->interactive && !job->selection.namespaces.count && !job->selection.all_namespaces;
}

/* Returns the signal that ended it early, 0, or -errno of the query. */
static int remove_all(struct job *job)
{
	struct ipc_set *set = NULL;
	size_t i;
	int result;

	if (as_found(job))
		return ipc_query_run(job->query, remove_next, job);
	result = ipc_query_collect(job->query, &set);
	for (i = 0; !result && i < ipc_set_count(set); i++)
		result = remove_next(ipc_set_get(set, i), job);
	ipc_set_free(set);
	return result;
}

/* What was not found, and what could not be read; or why nothing could. */
static void say_rest(struct job *job, int result)
{
	const struct findings_rules rules = {.missing_ok = job->missing_ok};

	if (result < 0)
		findings_failure(job->app, -result, &job->outcome);
	else
		findings_report(job->app, job->query, &rules, &job->outcome);
	if (result > 0)
		findings_interruption(job->app, job->removed, &job->outcome);
}

/* As others see a program that was interrupted: once all is written the signal does what it would have done. */
static int end_by(struct job *job, int signal)
{
	output_flush(&job->app->out);
	ending_release(&job->ending);
	return 128 + signal;
}

static int run_parsed(struct job *job)
{
	bool json = job->presentation.format != FORMAT_PLAIN;
	enum code code;
	int result;

	code = chosen_take(&job->chosen, job->app, &job->operands, &job->selection) ? prepare(job) : CODE_USAGE;
	if (code)
		return (int)code;
	job->at_once = isatty(job->app->out.fd);
	job->results = (struct results){.out = &job->app->out, .lines = job->presentation.format == FORMAT_JSON_LINES};
	/* The end of a reader is no reason to stop half-way. */
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (json)
		results_begin(&job->results, "results");
	result = remove_all(job);
	say_rest(job, result);
	if (json)
		results_end(&job->results, &job->outcome);
	if (result > 0)
		return end_by(job, result);
	ending_release(&job->ending);
	return (int)job->outcome.code;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app, .chosen.verb = IPC_VERB_REMOVE};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = run_parsed(&job);
	ipc_query_free(job.query);
	chosen_release(&job.chosen);
	selection_release(&job.selection);
	presentation_release(&job.presentation);
	outcome_release(&job.outcome);
	operands_release(&job.operands);
	return code;
}

extern const struct command command_remove;
const struct command command_remove = {
	.name = "remove",
	.alias = "rm",
	.summary = "take objects away that nobody uses",
	.synopsis = "[OPTION]... {CLASS[/KIND] | REF}...",
	.description =
		"Removes the objects that the operands name. What is in use, or may be, is refused (exit status 6) unless "
		"--force says otherwise. A class needs a selection, or --all; without operands nothing is removed. When "
		"one cannot be removed the others are.",
	.options = options,
	.run = run,
};
