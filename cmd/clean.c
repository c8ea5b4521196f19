/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool clean: take away what is provably garbage. */
#include <stdlib.h>

#include "chosen.h"
#include "cleaning.h"
#include "key_ranges.h"
#include "message.h"
#include "number.h"
#include "policies.h"
#include "selection.h"

#define COLUMNS "ref,user,size,unused,state,verdict,why"
#define MEMBERS \
	"ref,handle,class,kind,name,id,key,uid,user,gid,group,mode,size,used,unused,state,evidence,verdict,rule,result,why"

enum {
	OPTION_APPLY = OPTION_OF_COMMAND,
	OPTION_DRY_RUN,
	OPTION_MIN_AGE,
	OPTION_IF_NO_PROCESS,
	OPTION_KEY,
	OPTION_POLICY,
	OPTION_POLICY_DIRECTORY,
	OPTION_CHECK_POLICY,
	OPTION_MAX,
	OPTION_SAVE,
	OPTION_LOG,
	OPTION_NO_SYSLOG,
	OPTION_LOCK,
	OPTION_QUIET,
};

static const struct poptOption options[] = {
	OPTION_FLAG("apply", '\0', OPTION_APPLY, "remove what may go; without this nothing is changed"),
	OPTION_FLAG("dry-run", 'n', OPTION_DRY_RUN, "say what would be done, which is the default"),
	OPTION_WITH("min-age", '\0', OPTION_MIN_AGE, "keep what was used in this time, 1h when not given", "DURATION"),
	OPTION_WITH("include", '\0', OPTION_INCLUDE,
		    "remove also what is only suspect, or only idle; several with commas", "STATE"),
	OPTION_FLAG("if-no-process", '\0', OPTION_IF_NO_PROCESS, "only when each --owner certainly has no process"),
	OPTION_WITH("key", '\0', OPTION_KEY, "System V objects with this key, or one in this range; again: or this",
		    "KEY[-KEY]"),
	OPTION_WITH("policy", '\0', OPTION_POLICY,
		    "rules of this file first, see ipctool-clean.conf(5); again: and this", "FILE"),
	OPTION_WITH("policy-dir", '\0', OPTION_POLICY_DIRECTORY, "instead of " POLICY_DIRECTORY, "DIR"),
	OPTION_FLAG("check-policy", '\0', OPTION_CHECK_POLICY, "only read the policy files, and tell what is wrong"),
	OPTION_WITH("max", '\0', OPTION_MAX, "stop after as many removals", "N"),
	OPTION_WITH("save", '\0', OPTION_SAVE, "keep contents here first, for 'create --restore'", "DIR"),
	OPTION_WITH("log", '\0', OPTION_LOG, "append a line of JSON for each removal", "FILE"),
	OPTION_FLAG("no-syslog", '\0', OPTION_NO_SYSLOG, "do not tell syslog of each removal"),
	OPTION_WITH("lock", '\0', OPTION_LOCK, "the file that keeps two runs apart", "FILE"),
	OPTION_FLAG("quiet", 'q', OPTION_QUIET, "nothing but failures, and what a rule reports"),
	OPTION_WITH("output", 'o', OPTION_OUTPUT, "columns, separated by commas; +LIST adds to the default ones",
		    "LIST|+LIST"),
	OPTION_FLAG("list-columns", 'H', OPTION_LIST_COLUMNS, "list the columns there are"),
	OPTION_FLAG("noheadings", '\0', OPTION_NO_HEADINGS, "no line of headings"),
	OPTION_FLAG("bytes", 'b', OPTION_BYTES, "sizes in bytes"),
	OPTION_WITH("time-format", '\0', OPTION_TIME_FORMAT, "times for people: short, iso, relative, full or clock",
		    "FORMAT"),
	OPTION_FLAG("notruncate", '\0', OPTION_NO_TRUNCATE, "do not cut columns to the width of the terminal"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as it happens"),
	OPTION_FLAG("raw", 'r', OPTION_RAW, "one line per object, fields separated by one tab"),
	OPTION_FLAG("strict", '\0', OPTION_STRICT, "exit 3 when a missing privilege hides anything"),
	OPTIONS_CHOOSING,
	OPTIONS_END,
};

struct job {
	struct app *app;
	struct operands operands;
	struct selection selection;
	struct presentation presentation;
	struct policies policies;
	struct key_ranges keys;
	bool dry_run, check_policy;
	struct chosen chosen;
	struct scope scope;
	struct columns columns;
	struct cleaning cleaning;
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void replace(char **at, const char *with)
{
	free(*at);
	*at = xstrdup(with);
}

static enum taken take_age(struct job *job, const char *argument)
{
	int64_t age;

	if (ipc_duration_parse(argument, &age)) {
		complain(job->app, "--min-age", "'%s' is not of the form 10m, 2h or 1d", argument);
		return TAKEN_BAD;
	}
	job->cleaning.how.min_age = age ? age : -1;
	return TAKEN;
}

static enum taken take_include(struct job *job, const char *argument)
{
	char *copy = xstrdup(argument), *rest = copy, *name;
	enum taken taken = TAKEN;

	while (taken == TAKEN && (name = strsep(&rest, ","))) {
		int word = word_find(job->app, "--include", include_words, name);

		if (word < 0)
			taken = TAKEN_BAD;
		else
			job->cleaning.how.include |= 1u << word;
	}
	free(copy);
	return taken;
}

static enum taken take_max(struct job *job, const char *argument)
{
	int64_t max;
	enum taken taken = number_take(job->app, "--max", argument, 1, INT64_MAX, &max);

	if (taken == TAKEN)
		job->cleaning.how.max = (uint64_t)max;
	return taken;
}

static enum taken take_own(struct job *job, int code, const char *argument)
{
	switch (code) {
	case OPTION_APPLY:
		job->cleaning.how.apply = true;
		return TAKEN;
	case OPTION_DRY_RUN:
		job->dry_run = true;
		return TAKEN;
	case OPTION_MIN_AGE:
		return take_age(job, argument);
	case OPTION_INCLUDE:
		return take_include(job, argument);
	case OPTION_IF_NO_PROCESS:
		job->cleaning.how.owner_gone = true;
		return TAKEN;
	case OPTION_KEY:
		return key_ranges_take(&job->keys, job->app, "--key", argument);
	case OPTION_POLICY:
		strings_add(&job->policies.files, argument);
		return TAKEN;
	case OPTION_POLICY_DIRECTORY:
		replace(&job->policies.directory, argument);
		return TAKEN;
	case OPTION_CHECK_POLICY:
		job->check_policy = true;
		return TAKEN;
	case OPTION_MAX:
		return take_max(job, argument);
	case OPTION_SAVE:
		replace(&job->cleaning.save, argument);
		return TAKEN;
	case OPTION_LOG:
		replace(&job->cleaning.log, argument);
		return TAKEN;
	case OPTION_NO_SYSLOG:
		job->cleaning.no_syslog = true;
		return TAKEN;
	case OPTION_LOCK:
		replace(&job->cleaning.lock, argument);
		return TAKEN;
	case OPTION_QUIET:
		job->cleaning.quiet = true;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;
	enum taken taken = take_own(job, code, argument);

	if (taken == TAKEN_OTHER)
		taken = presentation_take(&job->presentation, app, code, argument);
	return taken == TAKEN_OTHER ? selection_take(&job->selection, app, code, argument) : taken;
}

/* ---- what goes together -------------------------------------------------------------------------------------------- */

/* Without --apply nothing is removed, recorded or saved: who writes these expects something else. */
static const char *option_that_applies(const struct job *job)
{
	const struct cleaning *cleaning = &job->cleaning;

	if (cleaning->save)
		return "--save";
	if (cleaning->log)
		return "--log";
	if (cleaning->lock)
		return "--lock";
	return cleaning->how.max ? "--max" : NULL;
}

static const char *option_that_shows(const struct job *job)
{
	return job->presentation.format != FORMAT_PLAIN ? job->presentation.format_option
	       : job->presentation.columns              ? "--output"
							: NULL;
}

/* What --check-policy would not look at. */
static const char *beside_check(const struct job *job)
{
	return job->cleaning.how.apply ? "--apply"
	       : job->operands.count   ? job->operands.items[0]
				       : option_that_shows(job);
}

static bool refuse_both(const struct job *job, const char *option, const char *other)
{
	if (other)
		complain(job->app, option, "cannot be combined with %s%s%s", *other == '-' ? "" : "'", other,
			 *other == '-' ? "" : "'");
	return other;
}

/* Who includes what may come back into use has to say whose, or which. */
static bool check_include(const struct job *job)
{
	const struct selection *selection = &job->selection;

	if (!job->cleaning.how.include || selection->owners.count || selection->matches.count || job->keys.count ||
	    (job->chosen.reference_count && !job->chosen.kind_count))
		return true;
	complain(job->app, "--include",
		 "somebody may come back for what is %s: say whose, or which, by --owner, --key, --match or references",
		 job->cleaning.how.include & IPC_INCLUDE_SUSPECT ? "suspect" : "idle");
	return false;
}

static bool check_keys(const struct job *job)
{
	if (!job->keys.count || key_ranges_concern(&job->scope))
		return true;
	complain(job->app, "--key", "'%s' has no keys; only System V objects have: mq/sysv, shm/sysv, sem/sysv",
		 job->operands.items[0]);
	return false;
}

static bool check_options(const struct job *job)
{
	const char *useless = job->cleaning.how.apply ? NULL : option_that_applies(job);

	if ((job->dry_run && refuse_both(job, "--dry-run", job->cleaning.how.apply ? "--apply" : NULL)) ||
	    (job->check_policy && refuse_both(job, "--check-policy", beside_check(job))) ||
	    (job->cleaning.quiet && refuse_both(job, "--quiet", option_that_shows(job))))
		return false;
	if (job->presentation.format == FORMAT_COLUMNS)
		return !refuse_both(job, "--list-columns", job->presentation.columns ? "--output" : NULL);
	if (useless) {
		complain(job->app, useless, "goes with --apply; without it nothing is removed");
		return false;
	}
	return check_keys(job);
}

/* ---- what is looked at --------------------------------------------------------------------------------------------- */

/* What a user has who has no process is used by nobody; that has to be certain for each of them. */
static enum code check_owners(const struct job *job)
{
	const struct strings *owners = &job->selection.owners;
	uint64_t uid;
	size_t i;

	if (!job->cleaning.how.owner_gone)
		return CODE_DONE;
	if (!owners->count)
		complain(job->app, "--if-no-process", "whose? It goes with --owner");
	for (i = 0; i < owners->count; i++) {
		if (!selection_user(job->app, owners->items[i], &uid))
			return CODE_USAGE;
		if (!ipc_user_absent(job->app->ctx, uid))
			continue;
		complain(job->app, "--if-no-process", "nothing is removed: %s", ipc_ctx_error(job->app->ctx));
		return CODE_REFUSED;
	}
	return owners->count ? CODE_DONE : CODE_USAGE;
}

static enum code make_query(struct job *job)
{
	struct cleaning *cleaning = &job->cleaning;
	enum code code;
	size_t i;

	if (job->operands.count && !chosen_take(&job->chosen, job->app, &job->operands, &job->selection))
		return CODE_USAGE;
	if (!check_include(job))
		return CODE_USAGE;
	code = check_owners(job);
	if (!code)
		code = chosen_query(&job->chosen, &job->selection, job->app, &cleaning->query);
	if (!code)
		code = key_ranges_filter(&job->keys, job->app, cleaning->query);
	for (i = 0; !code && i < job->columns.count; i++)
		if (ipc_query_want(cleaning->query, ipc_field_name(job->columns.items[i].field)))
			code = CODE_FAILED;
	return code;
}

/* ---- how it is shown ----------------------------------------------------------------------------------------------- */

/* Without columns a cleaning that acts tells what it does, line by line. */
static bool shows_objects(const struct job *job)
{
	return !job->cleaning.how.apply || job->presentation.columns || job->presentation.format != FORMAT_PLAIN;
}

static bool is_json(const struct job *job)
{
	return job->presentation.format == FORMAT_JSON || job->presentation.format == FORMAT_JSON_LINES;
}

static bool make_columns(struct job *job)
{
	job->scope.columns = is_json(job) ? MEMBERS : COLUMNS;
	return columns_init(&job->columns, job->app, &job->scope, job->presentation.columns);
}

static struct renderer *choose_renderer(const struct job *job)
{
	switch (job->presentation.format) {
	case FORMAT_JSON:
		return render_json_new(false);
	case FORMAT_JSON_LINES:
		return render_json_new(true);
	case FORMAT_RAW:
		return render_raw_new();
	default:
		return render_table_new();
	}
}

static void make_renderer(struct job *job)
{
	if (!shows_objects(job) || job->cleaning.quiet)
		return;
	job->cleaning.renderer = choose_renderer(job);
	renderer_prepare(job->cleaning.renderer, job->app, &job->presentation, &job->columns);
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

static enum code check_policies(struct job *job)
{
	enum code code = policies_read(&job->policies, job->app);

	if (!code && !job->cleaning.quiet)
		policies_sum_up(&job->policies, &job->app->out.text);
	return code;
}

static int clean(struct job *job)
{
	struct cleaning *cleaning = &job->cleaning;
	enum code code = policies_read(&job->policies, job->app);

	if (!code && !make_columns(job))
		code = CODE_USAGE;
	if (!code)
		code = make_query(job);
	if (code)
		return (int)code;
	cleaning->how.policy = job->policies.policy;
	cleaning->bytes = job->presentation.bytes;
	cleaning->document = is_json(job);
	cleaning->sums_up = job->presentation.format == FORMAT_PLAIN && !cleaning->quiet;
	cleaning->rules = (struct findings_rules){
		.named = job->presentation.columns ? &job->columns : NULL,
		.strict = job->presentation.strict,
		.quiet = cleaning->quiet,
	};
	make_renderer(job);
	return cleaning_run(cleaning);
}

static int run_parsed(struct job *job)
{
	scope_init(&job->scope, job->operands.items, job->operands.count);
	scope_for_cleaning(&job->scope);
	if (!check_options(job))
		return CODE_USAGE;
	if (job->presentation.format == FORMAT_COLUMNS) {
		columns_describe(&job->app->out.text, &job->scope, job->presentation.noheadings);
		return CODE_DONE;
	}
	if (app_context(job->app))
		return CODE_FAILED;
	return job->check_policy ? (int)check_policies(job) : clean(job);
}

static void release(struct job *job)
{
	struct cleaning *cleaning = &job->cleaning;

	columns_release(&job->columns);
	scope_release(&job->scope);
	chosen_release(&job->chosen);
	policies_release(&job->policies);
	key_ranges_release(&job->keys);
	selection_release(&job->selection);
	presentation_release(&job->presentation);
	operands_release(&job->operands);
	cleaning_release(cleaning);
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app, .chosen.verb = IPC_VERB_CLEAN, .cleaning.app = app};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = run_parsed(&job);
	release(&job);
	return code;
}

extern const struct command command_clean;
const struct command command_clean = {
	.name = "clean",
	.summary = "take away what is provably garbage",
	.synopsis = "[OPTION]... [CLASS[/KIND] | REF]...",
	.description =
		"Says which objects are garbage, with the proof, and why each other one is kept; with --apply the garbage is "
		"removed. Garbage is what is proven unused, what all users on record have died of, and what was not used for an "
		"hour; rules of policy files protect more, or allow more. Without operands every kind is looked at.",
	.options = options,
	.run = run,
};
