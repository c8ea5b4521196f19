/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From one operand to one object that has the verb. */
#include <errno.h>
#include <string.h>

#include "findings.h"
#include "message.h"
#include "selection.h"
#include "target.h"

enum code target_fail(const struct target *target, int error)
{
	const char *why = ipc_ctx_error(target->app->ctx);

	complain(target->app, target->operand, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/* The same, remembered for JSON. */
static enum code refuse(struct target *target, enum code code, int error, const char *why)
{
	complain(target->app, target->operand, "%s", why);
	outcome_add(&target->outcome, code, target->operand, error, why);
	return code;
}

static enum code refuse_error(struct target *target, int error)
{
	const char *why = ipc_ctx_error(target->app->ctx);

	return refuse(target, code_of_errno(-error), -error, *why ? why : strerror(-error));
}

/* What was not found, or was found twice, is told like everywhere. */
static enum code report(struct target *target)
{
	static const struct findings_rules rules;

	findings_report(target->app, target->query, &rules, &target->outcome);
	return target->outcome.code ? target->outcome.code : CODE_MISSING;
}

static enum code collect(struct target *target, enum ipc_verb verb, const char *const *wants)
{
	int error;

	ipc_query_want_verb(target->query, verb);
	for (; wants && *wants; wants++) {
		error = ipc_query_want(target->query, *wants);
		if (error)
			return refuse_error(target, error);
	}
	error = ipc_query_collect(target->query, &target->set);
	if (error)
		return refuse_error(target, error);
	target->object = ipc_set_get(target->set, 0);
	return target->object ? CODE_DONE : report(target);
}

static bool is_reference(const char *operand)
{
	return strchr(operand, ':') || strchr("./", *operand);
}

enum code target_find(struct target *target, struct app *app, const char *operand, bool literal, enum ipc_verb verb,
		      const char *const *wants)
{
	struct selection selection = {.literal = literal};
	const char *why;
	enum code code;

	*target = (struct target){.app = app, .operand = operand};
	if (!is_reference(operand))
		return refuse(target, CODE_USAGE, EINVAL,
			      "one object is asked for: write a reference, as in mq:/name or sem:32768");
	code = selection_query(&selection, app, &operand, 1, &target->query);
	if (code) { /* which has been told */
		outcome_add(&target->outcome, code, operand, code == CODE_USAGE ? EINVAL : 0,
			    app->ctx ? ipc_ctx_error(app->ctx) : "/proc cannot be read");
		return code;
	}
	code = collect(target, verb, wants);
	if (!code && !ipc_kind_has(ipc_object_kind(target->object), verb, &why))
		return refuse(target, CODE_USAGE, ENOTSUP, why);
	return code;
}

void target_release(struct target *target)
{
	ipc_set_free(target->set);
	ipc_query_free(target->query);
	outcome_release(&target->outcome);
	*target = (struct target){0};
}
