/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the options and operands of a command to a query: most selections are conditions of the filter language. */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "message.h"
#include "selection.h"

/* What the library said about @what, or the plain error when it said nothing. */
static enum code refuse(const struct app *app, const char *what, int error)
{
	const char *why = ipc_ctx_error(app->ctx);

	complain(app, what, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/* One condition written by ourselves cannot be wrong, but for memory. */
static enum code add_condition(const struct app *app, struct ipc_query *query, struct text *condition)
{
	int error = ipc_query_filter(query, text_cstr(condition));

	text_release(condition);
	return error ? refuse(app, "selection", error) : CODE_DONE;
}

bool selection_user(const struct app *app, const char *name, uint64_t *uid)
{
	const struct passwd *user;
	char *end;

	if (isdigit((unsigned char)*name)) {
		errno = 0;
		*uid = strtoul(name, &end, 10);
		if (!errno && !*end && *uid < UINT32_MAX)
			return true;
	}
	user = getpwnam(name);
	if (!user) {
		complain(app, "--owner", "no such user: '%s'", name);
		return false;
	}
	*uid = user->pw_uid;
	return true;
}

static enum code add_owners(const struct selection *selection, const struct app *app, struct ipc_query *query)
{
	struct text condition = {0};
	uint64_t uid;
	size_t i;

	if (!selection->owners.count)
		return CODE_DONE;
	for (i = 0; i < selection->owners.count; i++) {
		if (!selection_user(app, selection->owners.items[i], &uid)) {
			text_release(&condition);
			return CODE_USAGE;
		}
		text_string(&condition, i ? " or uid == " : "uid == ");
		text_uint(&condition, uid);
	}
	return add_condition(app, query, &condition);
}

static enum code add_states(const struct selection *selection, const struct app *app, struct ipc_query *query)
{
	struct text condition = {0};
	size_t i;

	if (!selection->states.count)
		return CODE_DONE;
	for (i = 0; i < selection->states.count; i++)
		text_format(&condition, "%sstate == \"%s\"", i ? " or " : "", selection->states.items[i]);
	return add_condition(app, query, &condition);
}

/* "age > 10m": only what can be one literal gets into the expression. */
static enum code add_limit(const struct app *app, struct ipc_query *query, const char *option, const char *field,
			   const char *limit, const char *examples)
{
	struct text condition = {0};
	const char *c = limit;
	int error = -EINVAL;

	while (c && (isalnum((unsigned char)*c) || *c == '.'))
		c++;
	if (!limit)
		return CODE_DONE;
	if (!*c && isdigit((unsigned char)*limit)) {
		text_format(&condition, "%s > %s", field, limit);
		error = ipc_query_filter(query, text_cstr(&condition));
		text_release(&condition);
	}
	if (error == -EINVAL)
		complain(app, option, "'%s' is not of the form %s", limit, examples);
	else if (error)
		return refuse(app, option, error);
	return error ? CODE_USAGE : CODE_DONE;
}

/* Strings that one call of the library takes one by one. */
static enum code add_each(const struct app *app, struct ipc_query *query, const char *option,
			  const struct strings *strings, int (*add)(struct ipc_query *, const char *))
{
	size_t i;
	int error;

	for (i = 0; i < strings->count; i++) {
		error = add(query, strings->items[i]);
		if (error)
			return refuse(app, option ? option : strings->items[i], error);
	}
	return CODE_DONE;
}

/* A directory that is not there is a wrong option, not a missing object. */
static enum code add_scans(const struct app *app, struct ipc_query *query, const struct strings *scans)
{
	enum code code = add_each(app, query, NULL, scans, ipc_query_scan);

	return code == CODE_MISSING ? CODE_USAGE : code;
}

/* Whatever is wrong with a file of evidence, nothing may be judged without it. */
static enum code read_evidence(const struct app *app, const struct strings *files)
{
	enum code code;
	size_t i;
	int error;

	for (i = 0; i < files->count; i++) {
		error = ipc_ctx_read_evidence(app->ctx, files->items[i]);
		if (error) {
			code = refuse(app, files->items[i], error);
			return code == CODE_MISSING ? CODE_USAGE : code;
		}
	}
	return CODE_DONE;
}

static enum code add_operands(const struct selection *selection, const struct app *app, struct ipc_query *query,
			      const char **operands, int count)
{
	int i, error;

	for (i = 0; i < count; i++) {
		error = ipc_query_add(query, operands[i], selection->literal);
		if (error)
			return refuse(app, operands[i], error);
	}
	return CODE_DONE;
}

static enum code build(const struct selection *selection, struct app *app, const char **operands, int count,
		       struct ipc_query *query)
{
	enum code code;
	int error;

	if ((code = read_evidence(app, &selection->evidence)) ||
	    (code = add_operands(selection, app, query, operands, count)) ||
	    (code = add_owners(selection, app, query)) || (code = add_states(selection, app, query)) ||
	    (code = add_limit(app, query, "--older-than", "age", selection->older_than, "10m, 2h or 1d")) ||
	    (code = add_limit(app, query, "--larger-than", "size", selection->larger_than, "4096, 64K or 1M")) ||
	    (code = add_each(app, query, "--filter", &selection->filters, ipc_query_filter)) ||
	    (code = add_each(app, query, "--match", &selection->matches, ipc_query_match)) ||
	    (code = add_scans(app, query, &selection->scans)) ||
	    (code = add_each(app, query, NULL, &selection->namespaces, ipc_query_namespace)))
		return code;
	if (selection->holder) {
		error = ipc_query_holder(query, selection->holder);
		if (error)
			return refuse(app, "--holder", error);
	}
	if (selection->all_namespaces)
		ipc_query_all_namespaces(query);
	if (selection->all)
		ipc_query_set_view(query, IPC_VIEW_ALL);
	return CODE_DONE;
}

enum code selection_query(const struct selection *selection, struct app *app, const char **operands, int count,
			  struct ipc_query **out)
{
	struct ipc_query *query = NULL;
	enum code code;
	int error;

	if (app_context(app))
		return CODE_FAILED;
	error = ipc_query_new(app->ctx, &query);
	if (error)
		return refuse(app, NULL, error);
	code = build(selection, app, operands, count, query);
	if (code)
		ipc_query_free(query);
	else
		*out = query;
	return code;
}
