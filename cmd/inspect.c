/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `list` and `show` do alike: select, collect, sort, render, and tell how complete the answer is. */
#include <stdlib.h>

#include "findings.h"
#include "inspect.h"
#include "message.h"
#include "selection.h"
#include "tree.h"

struct job {
	const struct inspect *inspect;
	struct app *app;
	struct selection selection;
	struct presentation presentation;
	struct operands operands;
	struct scope scope;
	struct columns columns;
	struct ipc_query *query;
	struct renderer *renderer;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;
	enum taken taken = selection_take(&job->selection, app, code, argument);

	return taken == TAKEN_OTHER ? presentation_take(&job->presentation, app, code, argument) : taken;
}

/* ---- preparing ------------------------------------------------------------------------------------------------- */

static bool shows_columns(const struct job *job)
{
	switch (job->presentation.format) {
	case FORMAT_PLAIN:
		return !job->inspect->everything || job->presentation.columns;
	case FORMAT_JSON:
	case FORMAT_JSON_LINES:
		return job->presentation.columns;
	case FORMAT_COUNT:
	case FORMAT_COLUMNS:
		return false;
	default:
		return true;
	}
}

static bool check_options(const struct job *job)
{
	const struct presentation *presentation = &job->presentation;
	const struct app *app = job->app;

	if (presentation->columns && (presentation->format == FORMAT_REFS || presentation->format == FORMAT_COUNT ||
				      presentation->format == FORMAT_COLUMNS)) {
		complain(app, "--output", "cannot be combined with %s", presentation->format_option);
		return false;
	}
	if (presentation->format == FORMAT_COLUMNS)
		return true;
	if (job->inspect->needs_operand && !job->operands.count) {
		complain(app, NULL, "which objects? Name a reference, a class or a path");
		return false;
	}
	if (job->selection.all && job->operands.count) {
		complain(app, "--all", "cannot be combined with '%s'", job->operands.items[0]);
		return false;
	}
	return true;
}

static bool want(struct job *job, const char *name)
{
	int error = ipc_query_want(job->query, name);

	if (error)
		complain(job->app, name, "%s", strerror(-error));
	return !error;
}

static bool want_sort(struct job *job)
{
	char *copy, *rest, *name;
	bool good = true;

	if (!job->presentation.sort)
		return true;
	copy = rest = xstrdup(job->presentation.sort);
	while (good && (name = strsep(&rest, ","))) {
		name += *name == '-';
		if (!scope_field(&job->scope, name)) {
			const char *near = scope_suggest(&job->scope, name);

			if (near)
				complain(job->app, "--sort", "no such field: '%s' (did you mean '%s'?)", name, near);
			else
				complain(job->app, "--sort", "no such field: '%s'; -H lists them", name);
			good = false;
		} else {
			good = want(job, name);
		}
	}
	free(copy);
	return good;
}

static bool want_fields(struct job *job)
{
	size_t i;

	if (shows_columns(job)) {
		const char *list = job->presentation.format == FORMAT_REFS ? "ref" : job->presentation.columns;

		if (!columns_init(&job->columns, job->app, &job->scope, list))
			return false;
		if (job->presentation.format == FORMAT_TREE && !list) { /* they are the branches */
			columns_drop(&job->columns, "holders");
			columns_drop(&job->columns, "peers");
		}
		for (i = 0; i < job->columns.count; i++)
			if (!want(job, ipc_field_name(job->columns.items[i].field)))
				return false;
	} else if (job->presentation.format != FORMAT_COUNT) {
		ipc_query_want_all(job->query);
	}
	/* A tree hangs lines by these; a kind that lacks one has no such lines. */
	for (i = 0; job->presentation.format == FORMAT_TREE && tree_fields[i]; i++)
		if (scope_field(&job->scope, tree_fields[i]) && !want(job, tree_fields[i]))
			return false;
	/* `show` heads each object with its reference. */
	return (job->presentation.format != FORMAT_PLAIN || want(job, "ref")) && want_sort(job);
}

static struct renderer *choose_renderer(const struct job *job)
{
	switch (job->presentation.format) {
	case FORMAT_JSON:
		return render_json_new(false);
	case FORMAT_JSON_LINES:
		return render_json_new(true);
	case FORMAT_RAW:
	case FORMAT_REFS:
		return render_raw_new();
	case FORMAT_COUNT:
		return render_count_new();
	case FORMAT_TREE:
		return render_table_new();
	default:
		return job->inspect->plain();
	}
}

static void make_renderer(struct job *job)
{
	job->renderer = choose_renderer(job);
	renderer_prepare(job->renderer, job->app, &job->presentation, &job->columns);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

#define STOPPED 1 /* the output takes nothing more */

static int hand_over(const struct ipc_object *object, void *data)
{
	struct job *job = data;

	return job->renderer->ops->object(job->renderer, object) ? 0 : STOPPED;
}

/* Several fields: the first one named decides last, which a stable sort does from the end. */
static void sort(struct job *job, struct ipc_set *set)
{
	char *copy = xstrdup(job->presentation.sort), *comma;

	do {
		const char *name;

		comma = strrchr(copy, ',');
		name = comma ? comma + 1 : copy;
		/* Names are taken in upper case too: the field has its own spelling. */
		ipc_set_sort(set, ipc_field_name(scope_field(&job->scope, name + (*name == '-'))), *name == '-');
		if (comma)
			*comma = '\0';
	} while (comma);
	free(copy);
}

static int run_collected(struct job *job)
{
	struct ipc_set *set = NULL;
	int result = ipc_query_collect(job->query, &set);
	size_t i;

	if (result)
		return result;
	if (job->presentation.sort)
		sort(job, set);
	if (job->presentation.format == FORMAT_TREE) {
		result = tree_draw(job->renderer, set) ? 0 : STOPPED;
	} else {
		for (i = 0; i < ipc_set_count(set) && !result; i++)
			result = hand_over(ipc_set_get(set, i), job);
	}
	ipc_set_free(set);
	return result;
}

static enum code run_query(struct job *job)
{
	const struct findings_rules rules = {
		.named = job->presentation.columns ? &job->columns : NULL,
		.strict = job->presentation.strict,
	};
	struct renderer *renderer = job->renderer;
	struct outcome outcome = {0};
	int result = renderer->ops->begin(renderer) ? 0 : STOPPED;
	enum code code;

	if (!result && (job->presentation.sort || job->presentation.format == FORMAT_TREE))
		result = run_collected(job);
	else if (!result)
		result = ipc_query_run(job->query, hand_over, job);

	if (result < 0)
		findings_failure(job->app, -result, &outcome);
	else if (result == 0)
		findings_report(job->app, job->query, &rules, &outcome);
	if (result != STOPPED)
		renderer->ops->end(renderer, &outcome);
	code = outcome.code;
	outcome_release(&outcome);
	return code;
}

static enum code prepare_and_run(struct job *job)
{
	enum code code;

	if (!check_options(job))
		return CODE_USAGE;
	code = selection_query(&job->selection, job->app, job->operands.items, job->operands.count, &job->query);
	if (code)
		return code;
	scope_init(&job->scope, job->operands.items, job->operands.count);
	if (job->presentation.format == FORMAT_COLUMNS) {
		columns_describe(&job->app->out.text, &job->scope, job->presentation.noheadings);
		return CODE_DONE;
	}
	if (!want_fields(job))
		return CODE_USAGE;
	make_renderer(job);
	return run_query(job);
}

int inspect(const struct inspect *inspect, struct app *app, int argc, const char **argv)
{
	struct job job = {.inspect = inspect, .app = app};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	enum code code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = prepare_and_run(&job);
	if (job.renderer)
		job.renderer->ops->free(job.renderer);
	columns_release(&job.columns);
	scope_release(&job.scope);
	ipc_query_free(job.query);
	selection_release(&job.selection);
	presentation_release(&job.presentation);
	operands_release(&job.operands);
	return (int)code;
}
