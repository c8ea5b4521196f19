/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool dump: what objects contain, without taking it away. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "dumping.h"
#include "findings.h"
#include "message.h"
#include "number.h"
#include "selection.h"

enum {
	OPTION_MESSAGE = OPTION_OF_COMMAND,
	OPTION_OFFSET,
	OPTION_LENGTH,
	OPTION_MAX_BYTES,
	OPTION_ATTACH,
	OPTION_DRAIN,
	OPTION_PEEK_OFFSET,
	OPTION_PTRACE,
	OPTION_DIRECTORY,
	OPTION_QUIET,
};

struct job {
	struct app *app;
	struct operands operands;
	struct selection selection;
	struct chosen chosen;
	bool strict;
	const char *format_option; /* which option chose the format; NULL: none did */
	enum content_format format;
	char *directory; /* of the archive; NULL: to standard output */
	struct ipc_query *query;
	struct ending ending;
	struct outcome outcome;
	struct dumping dumping;
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static enum taken take_format(struct job *job, const struct app *app, enum content_format format, const char *option)
{
	if (job->format_option && job->format != format) {
		complain(app, option, "cannot be combined with %s", job->format_option);
		return TAKEN_BAD;
	}
	job->format = format;
	job->format_option = option;
	return TAKEN;
}

static enum taken take_word(struct job *job, const struct app *app, const char *argument)
{
	int word = word_find(app, "--format", content_words, argument);

	return word < 0 ? TAKEN_BAD : take_format(job, app, (enum content_format)word, "--format");
}

static enum taken take_size(const struct app *app, const char *option, const char *argument, uint64_t least,
			    uint64_t *out)
{
	uint64_t size;
	int error = ipc_size_parse(argument, &size);

	if (error == -ERANGE)
		complain(app, option, "%s does not fit into 64 bits", argument);
	else if (error)
		complain(app, option, "'%s' is not of the form 4096, 64K or 1M", argument);
	else if (size < least)
		complain(app, option, "%s is not %" PRIu64 " or more", argument, least);
	else
		*out = size;
	return error || size < least ? TAKEN_BAD : TAKEN;
}

static enum taken take_message(struct job *job, const struct app *app, const char *argument)
{
	int64_t index;
	enum taken taken = number_take(app, "--message", argument, 0, INT64_MAX, &index);

	if (taken == TAKEN && job->dumping.how.count) {
		complain(app, "--message", "given twice; without it all messages are shown");
		return TAKEN_BAD;
	}
	if (taken == TAKEN) {
		job->dumping.how.first = (uint64_t)index;
		job->dumping.how.count = 1;
	}
	return taken;
}

static enum taken take_directory(struct job *job, const struct app *app, const char *argument)
{
	if (job->directory) {
		complain(app, "--output", "given twice; an archive is one directory");
		return TAKEN_BAD;
	}
	job->directory = xstrdup(argument);
	return TAKEN;
}

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;

	switch (code) {
	case OPTION_CONTENT_FORMAT:
		return take_word(job, app, argument);
	case OPTION_JSON:
		return take_format(job, app, CONTENT_JSON, "--json");
	case OPTION_JSON_LINES:
		return take_format(job, app, CONTENT_JSON_LINES, "--jsonl");
	case OPTION_MESSAGE:
		return take_message(job, app, argument);
	case OPTION_OFFSET:
		return take_size(app, "--offset", argument, 0, &job->dumping.how.offset);
	case OPTION_LENGTH:
		return take_size(app, "--length", argument, 1, &job->dumping.how.length);
	case OPTION_MAX_BYTES:
		return take_size(app, "--max-bytes", argument, 1, &job->dumping.most);
	case OPTION_ATTACH:
		job->dumping.marks |= IPC_DUMP_ATTACH;
		return TAKEN;
	case OPTION_DRAIN:
		job->dumping.marks |= IPC_DUMP_DRAIN;
		return TAKEN;
	case OPTION_PEEK_OFFSET:
		job->dumping.marks |= IPC_DUMP_PEEK_OFFSET;
		return TAKEN;
	case OPTION_PTRACE:
		job->dumping.marks |= IPC_DUMP_PTRACE;
		return TAKEN;
	case OPTION_DIRECTORY:
		return take_directory(job, app, argument);
	case OPTION_QUIET:
		job->dumping.quiet = true;
		return TAKEN;
	case OPTION_STRICT:
		job->strict = true;
		return TAKEN;
	default:
		return selection_take(&job->selection, app, code, argument);
	}
}

/* Why the options do not go together; NULL when they do. */
static const char *wrong_options(const struct job *job, const char **option)
{
	const struct dumping *dumping = &job->dumping;

	*option = "--output";
	if (job->directory && job->format_option)
		return "an archive has its own formats: leave out the other one";
	if (job->directory && dumping->most)
		return "cannot be combined with --max-bytes: --length says how much of an object is kept";
	*option = "--quiet";
	if (dumping->quiet && !job->directory)
		return "goes with --output alone";
	*option = "--max-bytes";
	if (dumping->most && dumping->marks & IPC_DUMP_DRAIN)
		return "cannot be combined with --drain: what is cut off would be lost";
	return NULL;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool is_json(const struct job *job)
{
	return job->format == CONTENT_JSON || job->format == CONTENT_JSON_LINES;
}

static struct content *make_content(enum content_format format)
{
	switch (format) {
	case CONTENT_HEX:
		return content_hex_new();
	case CONTENT_TEXT:
		return content_text_new();
	case CONTENT_BASE64:
		return content_base64_new();
	case CONTENT_JSON:
	case CONTENT_JSON_LINES:
		return content_json_new(format == CONTENT_JSON_LINES);
	case CONTENT_RAW:
		break;
	}
	return content_raw_new();
}

static enum code fail(const struct job *job, int error)
{
	const char *why = ipc_ctx_error(job->app->ctx);

	complain(job->app, NULL, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/* Handles are long, and only JSON has them. */
static int want_fields(struct job *job)
{
	static const char *const names[] = {"ref", "class", "kind", "handle"};
	size_t count = is_json(job) ? 4 : 1, i;
	int error = 0;

	for (i = 0; i < count && !error; i++)
		error = ipc_query_want(job->query, names[i]);
	if (job->directory)
		archive_want(job->query);
	ipc_query_want_verb(job->query, IPC_VERB_DUMP);
	return error;
}

static enum code prepare_query(struct job *job)
{
	enum code code = chosen_query(&job->chosen, &job->selection, job->app, &job->query);
	int error;

	if (code)
		return code;
	error = want_fields(job);
	return error ? fail(job, error) : CODE_DONE;
}

/* Where it all goes. From now on a signal ends it between two steps: what leaves a mark has something to put back. */
static enum code prepare_output(struct job *job)
{
	struct dumping *dumping = &job->dumping;
	enum code code = CODE_DONE;

	/* The end of a reader ends the dump, not the program in the middle of it. */
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (dumping->marks || job->directory) {
		ending_hold(&job->ending);
		job->app->out.ending = &job->ending;
	}
	if (job->directory) {
		dumping->archive = archive_create(job->app, job->directory, &job->ending, &code);
	} else {
		dumping->content = make_content(job->format);
		dumping->content->app = job->app;
		content_begin(dumping->content);
	}
	return code;
}

/* Until the output takes nothing more, or a signal ends it. */
static void dump_all(struct job *job, const struct ipc_set *set)
{
	struct dumping *dumping = &job->dumping;
	bool going = true;
	size_t i;

	dumping->app = job->app;
	dumping->chosen = &job->chosen;
	dumping->ending = &job->ending;
	dumping->outcome = &job->outcome;
	dumping->tells_cut = !is_json(job);
	if (dumping->content)
		dumping->content->headings = ipc_set_count(set) > 1 || isatty(job->app->out.fd);
	for (i = 0; going && i < ipc_set_count(set); i++)
		going = dumping_add(dumping, ipc_set_get(set, i)) && !ending_come(&job->ending);
}

static enum code dump_found(struct job *job, const struct ipc_set *set)
{
	const struct findings_rules rules = {.strict = job->strict};
	enum code code = prepare_output(job);

	if (code)
		return code;
	if (set) {
		dump_all(job, set);
		findings_report(job->app, job->query, &rules, &job->outcome);
	}
	if (job->dumping.incomplete)
		job->outcome.complete = false;
	if (job->dumping.content && !job->app->out.error)
		content_end(job->dumping.content, &job->outcome);
	return code_join(job->outcome.code, archive_close(job->dumping.archive));
}

/* While processes and directories are read nothing has begun, and a signal ends it at once. */
static enum code run_query(struct job *job)
{
	struct ipc_set *set = NULL;
	int error = ipc_query_collect(job->query, &set);
	enum code code;

	if (error)
		outcome_add(&job->outcome, fail(job, error), "dump", -error, ipc_ctx_error(job->app->ctx));
	code = dump_found(job, set);
	ipc_set_free(set);
	return code;
}

static enum code run_parsed(struct job *job)
{
	const char *option, *wrong = wrong_options(job, &option);
	enum code code;

	if (wrong)
		complain(job->app, option, "%s", wrong);
	if (wrong || !chosen_take(&job->chosen, job->app, &job->operands, &job->selection))
		return CODE_USAGE;
	if (!job->format_option)
		job->format = isatty(job->app->out.fd) ? CONTENT_HEX : CONTENT_RAW;
	code = prepare_query(job);
	return code ? code : run_query(job);
}

/* As others see a program that was interrupted: the signal does what it would have done. */
static int finish(struct job *job, enum code code)
{
	int signal = job->ending.number;

	output_settle(&job->app->out);
	job->app->out.ending = NULL;
	ending_release(&job->ending);
	return signal ? 128 + signal : (int)code;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app, .chosen.verb = IPC_VERB_DUMP};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED)
		code = finish(&job, run_parsed(&job));
	content_free(job.dumping.content);
	dumping_release(&job.dumping);
	ipc_query_free(job.query);
	chosen_release(&job.chosen);
	selection_release(&job.selection);
	outcome_release(&job.outcome);
	operands_release(&job.operands);
	free(job.directory);
	return code;
}

static const struct poptOption choice_options[] = {
	OPTION_WITH("message", '\0', OPTION_MESSAGE, "only message N of each; the first one is 0", "N"),
	OPTION_WITH("offset", '\0', OPTION_OFFSET, "leave out the first SIZE bytes of each", "SIZE"),
	OPTION_WITH("length", '\0', OPTION_LENGTH, "then at most SIZE bytes of each", "SIZE"),
	OPTION_WITH("max-bytes", '\0', OPTION_MAX_BYTES, "of what there is at most SIZE bytes of each", "SIZE"),
	OPTIONS_END,
};

static const struct poptOption mark_options[] = {
	OPTION_FLAG("attach", '\0', OPTION_ATTACH,
		    "attach System V segments that nobody has attached; rewrites their last user and times"),
	OPTION_FLAG("drain", '\0', OPTION_DRAIN, "take the messages of POSIX queues out, as their receiver would"),
	OPTION_FLAG("peek-offset", '\0', OPTION_PEEK_OFFSET,
		    "look behind the first datagram by SO_PEEK_OFF, which is put back afterwards"),
	OPTION_FLAG("ptrace", '\0', OPTION_PTRACE, "stop processes for a moment to read their queued signals"),
	OPTIONS_END,
};

static const struct poptOption format_options[] = {
	OPTION_WITH("format", '\0', OPTION_CONTENT_FORMAT,
		    "raw, hex, text, json or base64; without it hex on a terminal, else raw", "FORMAT"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as soon as it is known"),
	OPTION_WITH("output", '\0', OPTION_DIRECTORY, "keep each object in a file of DIR, for 'create --restore'",
		    "DIR"),
	OPTION_FLAG("quiet", 'q', OPTION_QUIET, "with --output: do not say what was kept"),
	OPTION_FLAG("strict", '\0', OPTION_STRICT, "exit 3 when a missing privilege hides anything"),
	OPTIONS_END,
};

static const struct poptOption options[] = {
	OPTIONS_CHOOSING,
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)choice_options, 0, "Part", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)mark_options, 0, "What leaves a mark", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)format_options, 0, "Output", NULL},
	OPTIONS_END,
};

extern const struct command command_dump;
const struct command command_dump = {
	.name = "dump",
	.summary = "what objects contain, without taking it away",
	.synopsis = "[OPTION]... {CLASS[/KIND] | REF}...",
	.description =
		"Writes what the objects contain that the operands name: messages, bytes, values. They stay as they are, "
		"nobody is woken, and no mark is left unless an option asks for it. A class means all of its objects "
		"that can be looked into.",
	.options = options,
	.inspects = true,
	.run = run,
};
