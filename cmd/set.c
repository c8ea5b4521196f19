/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool set: change attributes of one object, all or none, and tell what they were before. */
#include <errno.h>
#include <stdlib.h>

#include "message.h"
#include "results.h"
#include "settings.h"
#include "target.h"

#define MOST_WANTS 32

static const struct poptOption options[] = {
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take the reference as it stands: \\xHH is not decoded"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTIONS_END,
};

/* One setting before and after, as printed. */
struct change {
	const char *name; /* as given: "value[3]" */
	struct text before, after;
};

struct job {
	struct app *app;
	struct operands operands;
	struct given_settings given;
	bool literal, json;
	struct ipc_settings *settings;
	struct target target;
	struct text ref;
	struct change *changes; /* one for each that was given */
	struct outcome outcome;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	(void)app, (void)argument;
	switch (code) {
	case OPTION_LITERAL:
		job->literal = true;
		return TAKEN;
	case OPTION_JSON:
		job->json = true;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static bool take_setting(struct job *job, const char *operand)
{
	const char *equals = strchr(operand, '=');
	char *name;

	if (!equals || equals == operand) {
		complain(job->app, operand, "not of the form NAME=VALUE, as in mode=0640");
		return false;
	}
	name = xstrdup(operand);
	name[equals - operand] = '\0';
	if (equals[1])
		settings_give(&job->given, name, equals + 1);
	else
		complain(job->app, name, "its value is empty (an unset variable?)");
	free(name);
	return equals[1];
}

static enum code take_operands(struct job *job)
{
	int i;

	if (job->operands.count < 2) {
		complain(job->app, NULL, "which object, and which settings? Write REF NAME=VALUE...");
		return CODE_USAGE;
	}
	for (i = 1; i < job->operands.count; i++)
		if (!take_setting(job, job->operands.items[i]))
			return CODE_USAGE;
	if (app_context(job->app))
		return CODE_FAILED;
	return settings_parse(job->app, &job->given, false, &job->settings);
}

/* ---- before and after -------------------------------------------------------------------------------------------- */

/* The field that shows the setting called @name; the values of semaphores are a list, of which none is compared. */
static const char *field_of(const char *name)
{
	const char *field = ipc_setting_field(settings_find(name));

	return field ? field : !strncmp(name, "value", strlen("value")) ? "values" : NULL;
}

static void want_fields(const struct job *job, const char **wants)
{
	size_t count = 0, i, j;

	wants[count++] = "ref";
	for (i = 0; i < job->given.names.count; i++) {
		const char *field = field_of(job->given.names.items[i]);

		for (j = 0; field && j < count; j++)
			if (!strcmp(wants[j], field))
				field = NULL;
		if (field && count < MOST_WANTS - 1)
			wants[count++] = field;
	}
	wants[count] = NULL;
}

static void append(const struct job *job, struct text *out, const struct ipc_value *value)
{
	static const struct style exact = {.machine = true};

	if (job->json)
		format_json(out, value);
	else if (value->null)
		text_char(out, '?');
	else
		format_value(out, value, &exact);
}

static void append_member(const struct job *job, struct text *out, const struct ipc_value *list, size_t index,
			  const char *member)
{
	struct ipc_value value = {.null = true};

	if (ipc_value_member(list, index, ipc_record_find(list->list.of, member), &value))
		value.null = true;
	append(job, out, &value);
}

/* The values of all semaphores, or of the one that "value[3]" means. */
static void append_values(const struct job *job, struct text *out, const struct ipc_value *list, const char *name)
{
	const char *bracket = strchr(name, '[');
	size_t index = bracket ? strtoul(bracket + 1, NULL, 10) : 0, i;

	if (bracket) {
		append_member(job, out, list, index, "value");
		return;
	}
	text_string(out, job->json ? "[" : "");
	for (i = 0; i < list->list.count; i++) {
		text_string(out, !i ? "" : job->json ? ", " : ",");
		append_member(job, out, list, i, "value");
	}
	text_string(out, job->json ? "]" : "");
}

static void read_setting(const struct job *job, const struct ipc_object *object, const char *name, struct text *out)
{
	const char *field = field_of(name);
	struct ipc_value value = {.null = true};

	if (object && field && ipc_object_get_by_name(object, field, &value))
		value.null = true;
	if (!value.null && value.type == IPC_TYPE_RECORDS)
		append_values(job, out, &value, name);
	else
		append(job, out, &value);
}

static void read_before(struct job *job)
{
	struct ipc_value value;
	size_t i;

	if (!ipc_object_get_by_name(job->target.object, "ref", &value) && !value.null)
		text_escaped(&job->ref, value.str);
	job->changes = xcalloc(job->given.names.count, sizeof(*job->changes));
	for (i = 0; i < job->given.names.count; i++) {
		job->changes[i].name = job->given.names.items[i];
		read_setting(job, job->target.object, job->changes[i].name, &job->changes[i].before);
	}
}

/* By another look: what was asked for may not be what the kernel made of it. */
static void read_after(struct job *job, const char **wants)
{
	struct ipc_query *query = NULL;
	struct ipc_set *set = NULL;
	size_t i;
	int error = ipc_query_new(job->app->ctx, &query);

	for (; !error && *wants; wants++)
		error = ipc_query_want(query, *wants);
	if (!error)
		error = ipc_query_add(query, text_cstr(&job->ref), false);
	if (!error)
		error = ipc_query_collect(query, &set);
	for (i = 0; i < job->given.names.count; i++)
		read_setting(job, error ? NULL : ipc_set_get(set, 0), job->changes[i].name, &job->changes[i].after);
	ipc_set_free(set);
	ipc_query_free(query);
}

/* ---- the change -------------------------------------------------------------------------------------------------- */

static enum code apply(struct job *job)
{
	int error = ipc_object_change(job->app->ctx, job->target.object, job->settings);
	const char *why = ipc_ctx_error(job->app->ctx);
	enum code code;

	if (!error)
		return CODE_DONE;
	if (!*why)
		why = strerror(-error);
	code = code_of_errno(-error);
	complain(job->app, job->target.operand, "%s", why);
	outcome_add(&job->outcome, code, job->target.operand, -error, why);
	return code;
}

static enum code change(struct job *job)
{
	const char *wants[MOST_WANTS];
	enum code code;

	want_fields(job, wants);
	code = target_find(&job->target, job->app, job->operands.items[0], job->literal, IPC_VERB_SET, wants);
	if (code)
		return code;
	read_before(job);
	code = apply(job);
	if (!code)
		read_after(job, wants);
	return code;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static size_t longest(const struct job *job, bool before)
{
	size_t most = 0, i;

	for (i = 0; i < job->given.names.count; i++) {
		size_t length = before ? job->changes[i].before.len : strlen(job->changes[i].name);

		if (length > most)
			most = length;
	}
	return most;
}

#define WIDEST 24 /* columns are no wider for one long value among short ones */

static void print_plain(struct job *job)
{
	size_t names = longest(job, false), values = longest(job, true), i;

	if (values > WIDEST)
		values = WIDEST;
	for (i = 0; i < job->given.names.count; i++) {
		struct change *change = &job->changes[i];

		text_format(&job->app->out.text, "%s: %-*s %-*s -> ", text_cstr(&job->ref), (int)names, change->name,
			    (int)values, text_cstr(&change->before));
		text_bytes(&job->app->out.text, change->after.data, change->after.len);
		text_char(&job->app->out.text, '\n');
	}
}

static void print_json(struct job *job, bool changed)
{
	struct results results = {.out = &job->app->out};
	const struct outcome *outcome = job->outcome.count ? &job->outcome : &job->target.outcome;
	size_t i;

	results_begin(&results, "changes");
	for (i = 0; changed && i < job->given.names.count; i++) {
		results_open(&results);
		results_string(&results, "ref", text_cstr(&job->ref));
		results_string(&results, "setting", job->changes[i].name);
		text_string(results_key(&results, "before"), text_cstr(&job->changes[i].before));
		text_string(results_key(&results, "after"), text_cstr(&job->changes[i].after));
		results_close(&results);
	}
	job->outcome.complete = job->target.outcome.complete = changed;
	results_end(&results, outcome);
}

static void job_release(struct job *job)
{
	size_t i;

	for (i = 0; job->changes && i < job->given.names.count; i++) {
		text_release(&job->changes[i].before);
		text_release(&job->changes[i].after);
	}
	free(job->changes);
	text_release(&job->ref);
	target_release(&job->target);
	ipc_settings_free(job->settings);
	given_settings_release(&job->given);
	outcome_release(&job->outcome);
	operands_release(&job->operands);
}

static enum code run_parsed(struct job *job)
{
	enum code code = take_operands(job);

	if (code)
		return code;
	code = change(job);
	if (job->json)
		print_json(job, !code);
	else if (!code)
		print_plain(job);
	return code;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	enum code code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = run_parsed(&job);
	job_release(&job);
	return (int)code;
}

extern const struct command command_set;
const struct command command_set = {
	.name = "set",
	.summary = "change the mode, owner, limits, size or values of an object",
	.synopsis = "[OPTION]... REF NAME=VALUE...",
	.description =
		"Gives the object all of the settings or, when one is refused, none, and prints each as it was before "
		"and as it is now. 'ipctool help CLASS/KIND' says which settings a kind takes. Only value may be given "
		"for several semaphores, as value[0]=1 value[2]=0.",
	.options = options,
	.run = run,
};
