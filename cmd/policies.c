/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy files of a cleaning. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "message.h"
#include "policies.h"

/* "FILE:LINE:COLUMN: why", as compilers write it; a line for each. Returns how many there are. */
static size_t tell_faults(const struct policies *policies, const struct app *app)
{
	struct ipc_policy_fault fault;
	struct text where = {0};
	size_t i;

	for (i = 0; ipc_policy_fault(policies->policy, i, &fault); i++) {
		text_clear(&where);
		text_string(&where, fault.file);
		if (fault.line)
			text_format(&where, ":%u", fault.line);
		if (fault.column)
			text_format(&where, ":%u", fault.column);
		complain(app, text_cstr(&where), "%s", fault.why);
	}
	text_release(&where);
	return i;
}

static size_t count_faults(const struct policies *policies)
{
	struct ipc_policy_fault fault;
	size_t count = 0;

	while (ipc_policy_fault(policies->policy, count, &fault))
		count++;
	return count;
}

static enum code fail(const struct app *app, const char *what, int error)
{
	const char *why = ipc_ctx_error(app->ctx);

	complain(app, what, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/*
 * What is wrong in the text is told at the end, with that of all files. A file that is not there is a wrong option.
 * @faults: how many there were before.
 */
static enum code settle(const struct policies *policies, const struct app *app, const char *path, int error,
			size_t faults)
{
	enum code code;

	if (!error)
		return CODE_DONE;
	if (error == -EINVAL && count_faults(policies) > faults)
		return CODE_USAGE;
	code = fail(app, path, error);
	return error == -EINVAL || code == CODE_MISSING ? CODE_USAGE : code;
}

static enum code read_file(const struct policies *policies, const struct app *app, const char *path)
{
	size_t faults = count_faults(policies);

	return settle(policies, app, path, ipc_policy_read(policies->policy, path), faults);
}

/* The usual directory may be missing: then there are no rules. One that was named may not. */
static enum code read_directory(const struct policies *policies, const struct app *app)
{
	const char *path = policies->directory ? policies->directory : POLICY_DIRECTORY;
	size_t faults = count_faults(policies);
	struct stat st;

	if (policies->directory && stat(path, &st) < 0) {
		enum code code = errno == EACCES ? CODE_DENIED : CODE_USAGE;

		complain(app, "--policy-dir", "'%s': %s", path, strerror(errno));
		return code;
	}
	return settle(policies, app, path, ipc_policy_read_directory(policies->policy, path), faults);
}

enum code policies_read(struct policies *policies, const struct app *app)
{
	enum code code = CODE_DONE;
	size_t i;
	int error = ipc_policy_new(app->ctx, &policies->policy);

	if (error)
		return fail(app, NULL, error);
	for (i = 0; i < policies->files.count; i++)
		code = code_join(code, read_file(policies, app, policies->files.items[i]));
	code = code_join(code, read_directory(policies, app));
	return tell_faults(policies, app) ? code_join(code, CODE_USAGE) : code;
}

static void append_count(struct text *out, size_t count, const char *noun)
{
	text_format(out, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

void policies_sum_up(const struct policies *policies, struct text *out)
{
	struct ipc_policy_rule rule;
	size_t rules = 0;

	while (ipc_policy_rule(policies->policy, rules, &rule))
		rules++;
	append_count(out, rules, "rule");
	text_string(out, " in ");
	append_count(out, ipc_policy_files(policies->policy), "file");
	text_char(out, '\n');
}

void policies_release(struct policies *policies)
{
	policies->policy = ipc_policy_free(policies->policy);
	free(policies->directory);
	strings_release(&policies->files);
}
