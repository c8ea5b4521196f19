/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool monitor: who does what to which object, as it happens. */
#include <stdlib.h>

#include "message.h"
#include "number.h"
#include "selection.h"
#include "suggest.h"
#include "watching.h"

#define COLUMNS "time,verb,ref,pid,comm,uid,detail"

enum {
	OPTION_FAILURES = OPTION_OF_COMMAND,
	OPTION_INTERVAL,
	OPTION_BUFFER,
	OPTION_FOR,
	OPTION_EVENT_COUNT,
	OPTION_EXEC,
	OPTION_SINCE_START,
	OPTION_SUMMARY,
	OPTION_RECORD,
};

static const struct poptOption watching_options[] = {
	OPTION_WITH("owner", '\0', OPTION_OWNER, "what processes of this user do; again: or of this one", "USER|UID"),
	OPTION_WITH("holder", '\0', OPTION_HOLDER, "what this process does, or processes of this name", "PID|COMM"),
	OPTION_WITH("match", '\0', OPTION_MATCH, "name fits this shell pattern; again: or this one", "GLOB"),
	OPTION_WITH("verb", '\0', OPTION_EVENT_VERB, "only these, separated by commas: create, remove, send", "LIST"),
	OPTION_WITH("filter", '\0', OPTION_EVENT_FILTER, "expression over the fields of events, see ipctool-filter(5)",
		    "EXPR"),
	OPTION_FLAG("failures", '\0', OPTION_FAILURES, "calls that failed as well"),
	OPTION_WITH("scan", '\0', OPTION_SCAN, "know FIFOs and socket files below DIR from the beginning", "DIR"),
	OPTION_WITH("namespace", '\0', OPTION_NAMESPACE,
		    "what happens in the namespaces of a process, or in that of a file", "PID|FILE"),
	OPTION_FLAG("all-namespaces", '\0', OPTION_ALL_NAMESPACES,
		    "what happens in every ipc, net and mount namespace"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take references as they stand: \\xHH is not decoded"),
	OPTION_FLAG("all", 'a', OPTION_ALL, "everything but signals, with the traffic"),
	OPTIONS_END,
};

static const struct poptOption ending_options[] = {
	OPTION_WITH("for", '\0', OPTION_FOR, "end after this time: 500ms, 10s, 1h", "DURATION"),
	OPTION_WITH("count", '\0', OPTION_EVENT_COUNT, "end after as many events", "N"),
	OPTION_WITH("until", '\0', OPTION_EVENT_UNTIL,
		    "end after an event for which this holds; exit 7 when it does not come", "EXPR"),
	OPTIONS_END,
};

static const struct poptOption source_options[] = {
	OPTION_WITH("source", '\0', OPTION_EVENT_SOURCE, "auto, bpf, fentry, tracepoint or netlink", "SOURCE"),
	OPTION_WITH("interval", '\0', OPTION_INTERVAL, "without BPF: time between two looks, 1s when not given",
		    "DURATION"),
	OPTION_WITH("buffer", '\0', OPTION_BUFFER, "room in the kernel for what was not read yet, 8M when not given",
		    "SIZE"),
	OPTIONS_END,
};

static const struct poptOption telling_options[] = {
	OPTION_WITH("output", 'o', OPTION_OUTPUT, "columns, separated by commas; +LIST adds to the default ones",
		    "LIST|+LIST"),
	OPTION_FLAG("list-columns", 'H', OPTION_LIST_COLUMNS, "list the columns there are"),
	OPTION_FLAG("noheadings", 'n', OPTION_NO_HEADINGS, "no line of headings"),
	OPTION_FLAG("bytes", 'b', OPTION_BYTES, "sizes in bytes"),
	OPTION_WITH("time-format", '\0', OPTION_TIME_FORMAT, "times for people: clock, short, iso, relative or full",
		    "FORMAT"),
	OPTION_FLAG("notruncate", '\0', OPTION_NO_TRUNCATE, "do not cut columns to the width of the terminal"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as it happens"),
	OPTION_FLAG("raw", 'r', OPTION_RAW, "one line per event, fields separated by one tab"),
	OPTION_FLAG("refs", 'q', OPTION_REFS, "references only"),
	OPTION_FLAG("strict", '\0', OPTION_STRICT, "exit 3 when anything asked for cannot be seen"),
	OPTIONS_END,
};

static const struct poptOption options[] = {
	OPTION_FLAG("since-start", '\0', OPTION_SINCE_START, "begin with what is there, as events 'exists'"),
	OPTION_WITH("exec", '\0', OPTION_EXEC, "run this by /bin/sh for each event, its fields in the environment",
		    "COMMAND"),
	OPTION_FLAG("summary", '\0', OPTION_SUMMARY,
		    "instead of events: at the end what was done to each object, and by whom"),
	OPTION_WITH("record", '\0', OPTION_RECORD, "write down who made and took semaphores, as evidence", "FILE"),
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)watching_options, 0, "Selection", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)ending_options, 0, "End", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)source_options, 0, "Source", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)telling_options, 0, "Output", NULL},
	OPTIONS_END,
};

struct job {
	struct app *app;
	struct operands operands;
	struct selection selection;
	struct presentation presentation;
	struct strings filters;
	char *until, *command, *record;
	struct scope scope;
	struct columns columns;
	uint64_t *uids;
	bool summary;
	struct watching watching;
};

/* ---- options -------------------------------------------------------------------------------------------------------- */

static void replace(char **at, const char *with)
{
	free(*at);
	*at = xstrdup(with);
}

static enum taken take_duration(const struct job *job, const char *option, const char *argument, int64_t *out)
{
	if (!ipc_duration_parse(argument, out) && *out > 0)
		return TAKEN;
	complain(job->app, option, "'%s' is not of the form 500ms, 10s or 1h", argument);
	return TAKEN_BAD;
}

static enum taken take_buffer(struct job *job, const char *argument)
{
	if (!ipc_size_parse(argument, &job->watching.how.buffer) && job->watching.how.buffer)
		return TAKEN;
	complain(job->app, "--buffer", "'%s' is not of the form 65536, 512K or 64M", argument);
	return TAKEN_BAD;
}

static enum taken refuse_verb(const struct job *job, const char *name)
{
	struct suggestion near;
	struct text known = {0};
	size_t i;

	if (!strcmp(name, ipc_event_verb_name(IPC_EVENT_EXISTS))) {
		complain(job->app, "--verb", "'%s' comes with --since-start", name);
		return TAKEN_BAD;
	}
	suggest_begin(&near, name);
	for (i = 0; event_verb_words[i].name; i++) {
		suggest_offer(&near, event_verb_words[i].name);
		text_format(&known, "%s%s", i ? ", " : "", event_verb_words[i].name);
	}
	if (suggest_best(&near))
		complain(job->app, "--verb", "no such verb: '%s' (did you mean '%s'?)", name, suggest_best(&near));
	else
		complain(job->app, "--verb", "'%s' is none of %s", name, text_cstr(&known));
	text_release(&known);
	return TAKEN_BAD;
}

static bool is_word(const struct word *words, const char *name)
{
	for (; words->name; words++)
		if (!strcmp(words->name, name))
			return true;
	return false;
}

static enum taken take_verbs(struct job *job, const char *argument)
{
	char *copy = xstrdup(argument), *rest = copy, *name;
	enum taken taken = TAKEN;

	while (taken == TAKEN && (name = strsep(&rest, ","))) {
		if (is_word(event_verb_words, name))
			job->watching.how.verbs |= 1u << ipc_event_verb_find(name);
		else
			taken = refuse_verb(job, name);
	}
	free(copy);
	return taken;
}

static enum taken take_source(struct job *job, const char *argument)
{
	int word = word_find(job->app, "--source", event_source_words, argument);

	if (word < 0)
		return TAKEN_BAD;
	job->watching.how.source = (enum ipc_event_source)word;
	return TAKEN;
}

static enum taken take_count(struct job *job, const char *argument)
{
	int64_t count;
	enum taken taken = number_take(job->app, "--count", argument, 1, INT64_MAX, &count);

	if (taken == TAKEN)
		job->watching.count = (uint64_t)count;
	return taken;
}

static enum taken take_own(struct job *job, int code, const char *argument)
{
	switch (code) {
	case OPTION_EVENT_VERB:
		return take_verbs(job, argument);
	case OPTION_EVENT_FILTER:
		strings_add(&job->filters, argument);
		return TAKEN;
	case OPTION_EVENT_SOURCE:
		return take_source(job, argument);
	case OPTION_FAILURES:
		job->watching.how.failures = true;
		return TAKEN;
	case OPTION_INTERVAL:
		return take_duration(job, "--interval", argument, &job->watching.how.interval);
	case OPTION_BUFFER:
		return take_buffer(job, argument);
	case OPTION_FOR:
		return take_duration(job, "--for", argument, &job->watching.span);
	case OPTION_EVENT_COUNT:
		return take_count(job, argument);
	case OPTION_EVENT_UNTIL:
		replace(&job->until, argument);
		return TAKEN;
	case OPTION_EXEC:
		replace(&job->command, argument);
		return TAKEN;
	case OPTION_SINCE_START:
		job->watching.how.since_start = true;
		return TAKEN;
	case OPTION_SUMMARY:
		job->summary = true;
		return TAKEN;
	case OPTION_RECORD:
		replace(&job->record, argument);
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
		taken = selection_take(&job->selection, app, code, argument);
	return taken == TAKEN_OTHER ? presentation_take(&job->presentation, app, code, argument) : taken;
}

/* ---- what goes together --------------------------------------------------------------------------------------------- */

static bool check_options(const struct job *job)
{
	const struct presentation *presentation = &job->presentation;
	const struct app *app = job->app;

	if (presentation->columns && (presentation->format == FORMAT_REFS || presentation->format == FORMAT_COLUMNS)) {
		complain(app, "--output", "cannot be combined with %s", presentation->format_option);
		return false;
	}
	if (presentation->columns && job->summary) {
		complain(app, "--output", "cannot be combined with --summary, which has columns of its own");
		return false;
	}
	if (job->selection.all && job->operands.count) {
		complain(app, "--all", "cannot be combined with '%s'", job->operands.items[0]);
		return false;
	}
	return true;
}

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

static bool add_condition(const struct job *job, const char *option, const char *expression, struct ipc_condition **out)
{
	int error = ipc_condition_new(job->app->ctx, expression, out);

	if (error)
		complain(job->app, option, "%s", ipc_ctx_error(job->app->ctx));
	return !error;
}

static bool add_conditions(struct job *job)
{
	struct conditions *filters = &job->watching.filters;
	size_t i;

	filters->items = xcalloc(job->filters.count + 1, sizeof(struct ipc_condition *));
	for (i = 0; i < job->filters.count; i++, filters->count++)
		if (!add_condition(job, "--filter", job->filters.items[i], &filters->items[i]))
			return false;
	return !job->until || add_condition(job, "--until", job->until, &job->watching.until);
}

/* Of events the owner is who acts, not whose object it is. */
static bool take_owners(struct job *job)
{
	struct strings *owners = &job->selection.owners;
	size_t i;

	job->uids = xcalloc(owners->count + 1, sizeof(*job->uids));
	for (i = 0; i < owners->count; i++)
		if (!selection_user(job->app, owners->items[i], &job->uids[i]))
			return false;
	job->watching.how.uids = job->uids;
	job->watching.how.uid_count = owners->count;
	strings_release(owners);
	return true;
}

static bool choose_columns(struct job *job)
{
	bool json = job->presentation.format == FORMAT_JSON || job->presentation.format == FORMAT_JSON_LINES;
	const char *list = job->presentation.format == FORMAT_REFS ? "ref" : job->presentation.columns;

	job->scope.columns = json ? NULL : COLUMNS;
	return columns_init(&job->columns, job->app, &job->scope, list);
}

static int run_parsed(struct job *job)
{
	const struct ipc_kind *events = ipc_event_kind();
	struct watching *watching = &job->watching;
	enum code code;

	job->scope.kinds = xcalloc(1, sizeof(*job->scope.kinds));
	job->scope.kinds[job->scope.count++] = events;
	if (!check_options(job))
		return CODE_USAGE;
	if (job->presentation.format == FORMAT_COLUMNS) {
		columns_describe(&job->app->out.text, &job->scope, job->presentation.noheadings);
		return CODE_DONE;
	}
	if (!choose_columns(job) || !take_owners(job))
		return CODE_USAGE;
	code = selection_query(&job->selection, job->app, job->operands.items, job->operands.count, &watching->query);
	if (code)
		return (int)code;
	if (!add_conditions(job))
		return CODE_USAGE;
	watching->how.record = job->record;
	watching->command = job->command;
	watching->strict = job->presentation.strict;
	telling_init(&watching->telling, job->app, &job->presentation, &job->columns);
	if (job->summary) {
		watching->telling.sums_up = true;
		watching->summary = summary_new();
	}
	return watching_run(watching);
}

static void release(struct job *job)
{
	watching_release(&job->watching);
	ipc_query_free(job->watching.query);
	columns_release(&job->columns);
	scope_release(&job->scope);
	selection_release(&job->selection);
	presentation_release(&job->presentation);
	strings_release(&job->filters);
	operands_release(&job->operands);
	free(job->uids);
	free(job->until);
	free(job->command);
	free(job->record);
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {
		.app = app,
		.presentation.time = TIME_CLOCK,
		.watching = {.app = app, .span = -1},
	};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = run_parsed(&job);
	release(&job);
	return code;
}

static const struct option_hint hints[] = {
	{"state", "events have no state; 'ipctool list --state' has, and --verb chooses what was done"},
	{"older-than", "events are told as they happen"},
	{"larger-than", "write --filter 'detail.bytes > 64K', or of sizes 'detail.size > 1M'"},
	{"sort", "events are told in the order in which they happen"},
	{"tree", "events are no tree; --summary tells what was done to each object, and by whom"},
	{"timeout", "is called --for here"},
	{"evidence", "goes with 'show', 'clean' and 'remove'; --record writes such a file"},
	{"output-format", "is chosen by --json, --jsonl or --raw"},
	{NULL, NULL},
};

extern const struct command command_monitor;
const struct command command_monitor = {
	.name = "monitor",
	.summary = "who does what to which object, as it happens",
	.synopsis = "[OPTION]... [CLASS[/KIND] | REF]...",
	.description =
		"Tells of objects that come and go: create, first open, last close, remove. Of classes, kinds and references that "
		"are named, and with --all, it tells of the traffic as well: attach, send, receive, wait, wake, change. A "
		"reference may be that of an object that is yet to come.",
	.options = options,
	.hints = hints,
	.of_events = true,
	.inspects = true,
	.run = run,
};
