/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a query could not find or read: references first, then what hides objects or fields. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "findings.h"
#include "message.h"

/* ---- references ------------------------------------------------------------------------------------------------ */

static void append_candidates(struct text *why, const struct ipc_query *query, size_t index)
{
	struct ipc_bytes ref;
	size_t i;

	for (i = 0; ipc_query_candidate(query, index, i, &ref); i++) {
		text_string(why, i ? ", " : " ");
		text_escaped(why, ref);
	}
}

static void report_reference(const struct app *app, const struct ipc_query *query, size_t index, const char *text,
			     enum ipc_match match, struct outcome *outcome)
{
	struct text why = {0};
	enum code code = CODE_MISSING;
	int error = ENOENT;

	switch (match) {
	case IPC_MATCH_ONE:
		return;
	case IPC_MATCH_NONE:
		text_string(&why, ipc_query_complete(query) ? "no such object"
							    : "no such object among those that could be read");
		break;
	case IPC_MATCH_DENIED:
		text_string(&why, "permission denied: whether there is such an object could not be looked up");
		code = CODE_DENIED;
		error = EACCES;
		break;
	case IPC_MATCH_REPLACED:
		text_string(&why, "replaced: this name is now that of");
		append_candidates(&why, query, index);
		error = ESTALE;
		break;
	case IPC_MATCH_MANY:
		text_string(&why, "ambiguous: several objects answer to it:");
		append_candidates(&why, query, index);
		code = CODE_USAGE;
		error = EINVAL;
		break;
	case IPC_MATCH_WRONG_TYPE:
		if (!strncmp(text, "fifo", 4))
			text_string(&why, "exists, but is not a FIFO");
		else if (!strncmp(text, "sock", 4))
			text_string(&why, "exists, but is not a socket");
		else if (!strncmp(text, "shm", 3))
			text_string(&why, "exists, but is not a regular file");
		else
			text_string(&why, "exists, but is neither a FIFO nor a socket");
		code = CODE_USAGE;
		error = EINVAL;
		break;
	}
	outcome_add(outcome, code, text, error, text_cstr(&why));
	complain(app, text, "%s", text_cstr(&why));
	text_release(&why);
}

/* ---- problems -------------------------------------------------------------------------------------------------- */

static bool names_field(const struct columns *columns, const char *word, size_t length)
{
	size_t i;

	for (i = 0; i < columns->count; i++) {
		const char *name = ipc_field_name(columns->items[i].field);

		if (strlen(name) == length && !memcmp(name, word, length))
			return true;
	}
	return false;
}

/* Is one of the columns null because of it? */
static bool is_about(const struct ipc_problem *problem, const struct columns *columns)
{
	const char *word = problem->fields;

	while (word && *word) {
		size_t length = strcspn(word, ",");

		if (names_field(columns, word, length))
			return true;
		word += length;
		word += strspn(word, ",");
	}
	return false;
}

static enum code code_of_problem(const struct ipc_problem *problem, const struct findings_rules *rules)
{
	if (!problem->privilege || rules->strict || (rules->named && is_about(problem, rules->named)))
		return CODE_PARTIAL;
	return CODE_DONE;
}

static void tell_fault(const struct app *app, const struct ipc_problem *problem)
{
	const char *why = problem->why ? problem->why : "";

	if (problem->error && strcmp(why, strerror(problem->error)) && *why)
		complain(app, problem->what, "%s: %s", strerror(problem->error), why);
	else
		complain(app, problem->what, "%s", problem->error ? strerror(problem->error) : why);
}

/* All that a privilege would show, in one line; what has the same reason stands together. */
static void tell_hidden(const struct app *app, const struct ipc_query *query)
{
	struct ipc_problem problem, next;
	struct text line = {0};
	size_t i;

	for (i = 0; ipc_query_problem(query, i, &problem); i++) {
		bool more = ipc_query_problem(query, i + 1, &next) && next.privilege;

		if (!problem.privilege)
			continue;
		text_format(&line, "%s%s", line.len ? "; " : "", problem.what);
		if (problem.why && *problem.why && !(more && next.why && !strcmp(next.why, problem.why)))
			text_format(&line, " (%s)", problem.why);
	}
	if (line.len)
		complain(app, NULL, "not all could be read: %s", text_cstr(&line));
	text_release(&line);
}

void findings_report(const struct app *app, const struct ipc_query *query, const struct findings_rules *rules,
		     struct outcome *outcome)
{
	struct ipc_problem problem;
	enum ipc_match match;
	const char *text;
	bool hidden_counts = false;
	size_t i;

	outcome->complete = ipc_query_complete(query);
	for (i = 0; ipc_query_reference(query, i, &text, &match); i++)
		if (!rules->missing_ok || match != IPC_MATCH_NONE)
			report_reference(app, query, i, text, match, outcome);
	for (i = 0; ipc_query_problem(query, i, &problem); i++) {
		enum code code = code_of_problem(&problem, rules);

		outcome_add(outcome, code, problem.what, problem.error, problem.why);
		if (!problem.privilege)
			tell_fault(app, &problem);
		else if (code)
			hidden_counts = true;
	}
	/* Hidden processes are normal for an ordinary user: a script is told only when it fails for that. */
	if (hidden_counts || app->verbose || (!rules->quiet && isatty(STDERR_FILENO)))
		tell_hidden(app, query);
	if (app->verbose)
		complain(app, NULL, "holders from %s", ipc_query_holder_source(query));
}

void findings_failure(const struct app *app, int error, struct outcome *outcome)
{
	const char *why = ipc_ctx_error(app->ctx);

	if (error == ENOMEM || !*why) /* then the text is of an older failure */
		why = strerror(error);
	outcome->complete = false;
	outcome_add(outcome, code_of_errno(error), app->command->name, error, why);
	complain(app, NULL, "%s", why);
}

void findings_interruption(const struct app *app, uint64_t removed, struct outcome *outcome)
{
	struct text why = {0};

	text_format(&why, "interrupted: %" PRIu64 " removed", removed);
	outcome->complete = false;
	outcome_add(outcome, CODE_FAILED, app->command->name, EINTR, text_cstr(&why));
	complain(app, NULL, "%s", text_cstr(&why));
	text_release(&why);
}
