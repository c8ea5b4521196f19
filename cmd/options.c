/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: parsing with popt, and storing what the shared options say. */
#include <stdlib.h>

#include "help.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "suggest.h"

/* ---- values ---------------------------------------------------------------------------------------------------- */

void strings_add(struct strings *strings, const char *string)
{
	strings->items = xrealloc(strings->items, (strings->count + 1) * sizeof(*strings->items));
	strings->items[strings->count++] = xstrdup(string);
}

void strings_release(struct strings *strings)
{
	while (strings->count)
		free(strings->items[--strings->count]);
	free(strings->items);
	*strings = (struct strings){0};
}

static void replace(char **at, const char *string)
{
	free(*at);
	*at = xstrdup(string);
}

int word_find(const struct app *app, const char *option, const struct word *words, const char *name)
{
	struct text known = {0};
	int i;

	for (i = 0; words[i].name; i++)
		if (!strcmp(words[i].name, name))
			return i;
	for (i = 0; words[i].name; i++)
		text_format(&known, "%s%s", i ? ", " : "", words[i].name);
	complain(app, option, "'%s' is none of %s", name, text_cstr(&known));
	text_release(&known);
	return -1;
}

static enum taken take_word(const struct app *app, const char *option, const struct word *words, const char *name,
			    int *out)
{
	int found = word_find(app, option, words, name);

	if (found < 0)
		return TAKEN_BAD;
	*out = found;
	return TAKEN;
}

/* ---- groups ---------------------------------------------------------------------------------------------------- */

static enum taken common_take(struct app *app, int code, const char *argument)
{
	enum taken taken = TAKEN;
	int word;

	switch (code) {
	case OPTION_COLOR:
		taken = take_word(app, "--color", color_words, argument, &word);
		if (taken == TAKEN)
			app->color = (enum when)word;
		return taken;
	case OPTION_HOLDERS_FROM:
		taken = take_word(app, "--holders-from", source_words, argument, &word);
		if (taken == TAKEN)
			app->holder_source = (enum ipc_holder_source)word;
		return taken;
	case OPTION_VERBOSE:
		app->verbose = true;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

static enum taken take_states(struct selection *selection, const struct app *app, const char *argument)
{
	enum taken taken = TAKEN;
	char *copy = xstrdup(argument), *rest = copy, *item;

	while (taken == TAKEN && (item = strsep(&rest, ","))) {
		if (word_find(app, "--state", state_words, item) < 0)
			taken = TAKEN_BAD;
		else
			strings_add(&selection->states, item);
	}
	free(copy);
	return taken;
}

enum taken selection_take(struct selection *selection, const struct app *app, int code, const char *argument)
{
	switch (code) {
	case OPTION_OWNER:
		strings_add(&selection->owners, argument);
		return TAKEN;
	case OPTION_HOLDER:
		if (selection->holder) {
			complain(app, "--holder", "given twice; write --filter for more than one holder");
			return TAKEN_BAD;
		}
		replace(&selection->holder, argument);
		return TAKEN;
	case OPTION_STATE:
		return take_states(selection, app, argument);
	case OPTION_OLDER_THAN:
		replace(&selection->older_than, argument);
		return TAKEN;
	case OPTION_LARGER_THAN:
		replace(&selection->larger_than, argument);
		return TAKEN;
	case OPTION_MATCH:
		strings_add(&selection->matches, argument);
		return TAKEN;
	case OPTION_FILTER:
		strings_add(&selection->filters, argument);
		return TAKEN;
	case OPTION_SCAN:
		strings_add(&selection->scans, argument);
		return TAKEN;
	case OPTION_NAMESPACE:
		strings_add(&selection->namespaces, argument);
		return TAKEN;
	case OPTION_ALL_NAMESPACES:
		selection->all_namespaces = true;
		return TAKEN;
	case OPTION_EVIDENCE:
		strings_add(&selection->evidence, argument);
		return TAKEN;
	case OPTION_LITERAL:
		selection->literal = true;
		return TAKEN;
	case OPTION_ALL:
		selection->all = true;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

void selection_release(struct selection *selection)
{
	strings_release(&selection->owners);
	strings_release(&selection->states);
	strings_release(&selection->matches);
	strings_release(&selection->filters);
	strings_release(&selection->scans);
	strings_release(&selection->namespaces);
	strings_release(&selection->evidence);
	free(selection->holder);
	free(selection->older_than);
	free(selection->larger_than);
}

static enum taken take_format(struct presentation *presentation, const struct app *app, enum format format,
			      const char *option)
{
	if (presentation->format != FORMAT_PLAIN && presentation->format != format) {
		complain(app, option, "cannot be combined with %s", presentation->format_option);
		return TAKEN_BAD;
	}
	presentation->format = format;
	presentation->format_option = option;
	return TAKEN;
}

enum taken presentation_take(struct presentation *presentation, const struct app *app, int code, const char *argument)
{
	int word;

	switch (code) {
	case OPTION_OUTPUT:
		replace(&presentation->columns, argument);
		return TAKEN;
	case OPTION_SORT:
		replace(&presentation->sort, argument);
		return TAKEN;
	case OPTION_LIST_COLUMNS:
		return take_format(presentation, app, FORMAT_COLUMNS, "--list-columns");
	case OPTION_TREE:
		return take_format(presentation, app, FORMAT_TREE, "--tree");
	case OPTION_JSON:
		return take_format(presentation, app, FORMAT_JSON, "--json");
	case OPTION_JSON_LINES:
		return take_format(presentation, app, FORMAT_JSON_LINES, "--jsonl");
	case OPTION_RAW:
		return take_format(presentation, app, FORMAT_RAW, "--raw");
	case OPTION_REFS:
		return take_format(presentation, app, FORMAT_REFS, "--refs");
	case OPTION_COUNT:
		return take_format(presentation, app, FORMAT_COUNT, "--count");
	case OPTION_NO_HEADINGS:
		presentation->noheadings = true;
		return TAKEN;
	case OPTION_BYTES:
		presentation->bytes = true;
		return TAKEN;
	case OPTION_NO_TRUNCATE:
		presentation->notruncate = true;
		return TAKEN;
	case OPTION_STRICT:
		presentation->strict = true;
		return TAKEN;
	case OPTION_TIME_FORMAT:
		word = word_find(app, "--time-format", time_words, argument);
		if (word < 0)
			return TAKEN_BAD;
		presentation->time = (enum time_format)word;
		return TAKEN;
	default:
		return TAKEN_OTHER;
	}
}

void presentation_release(struct presentation *presentation)
{
	free(presentation->columns);
	free(presentation->sort);
}

/* ---- parsing --------------------------------------------------------------------------------------------------- */

void options_visit(const struct poptOption *table, const char *group, option_visit_fn visit, void *data)
{
	const struct poptOption *option;

	for (option = table; option && (option->longName || option->shortName || option->arg); option++) {
		if (option->arg == settings_options)
			settings_visit(option->descrip, visit, data);
		else if ((option->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE)
			options_visit(option->arg, option->descrip ? option->descrip : group, visit, data);
		else
			visit(data, group, option);
	}
}

static void offer_option(void *data, const char *group, const struct poptOption *option)
{
	(void)group;
	suggest_offer(data, option->longName);
}

/* What the command has to say of an option that it does not take, or NULL. */
static const char *hint_for(const struct command *command, const char *typed)
{
	const struct option_hint *hint;

	for (hint = command ? command->hints : NULL; hint && hint->option; hint++)
		if (!strcmp(hint->option, typed))
			return hint->hint;
	return NULL;
}

static void say_bad_option(const struct app *app, const struct poptOption *table, poptContext context, int error)
{
	const char *typed = poptBadOption(context, POPT_BADOPTION_NOALIAS);
	struct suggestion near;

	if (error == POPT_ERROR_BADOPT && !strncmp(typed, "--", 2) && hint_for(app->command, typed + 2)) {
		complain(app, typed, "%s", hint_for(app->command, typed + 2));
	} else if (error == POPT_ERROR_BADOPT && !strncmp(typed, "--", 2)) {
		suggest_begin(&near, typed + 2);
		options_visit(table, NULL, offer_option, &near);
		if (suggest_best(&near))
			complain(app, typed, "unknown option (did you mean '--%s'?)", suggest_best(&near));
		else
			complain(app, typed, "unknown option");
	} else if (error == POPT_ERROR_BADOPT) {
		complain(app, typed, "unknown option");
	} else if (error == POPT_ERROR_NOARG) {
		complain(app, typed, "needs an argument");
	} else {
		complain(app, typed, "%s", poptStrerror(error));
	}
}

struct wanted {
	int code;
	const char *name;
};

static void find_code(void *data, const char *group, const struct poptOption *option)
{
	struct wanted *wanted = data;

	(void)group;
	if (option->val == wanted->code)
		wanted->name = option->longName;
}

static void say_empty(const struct app *app, const struct poptOption *table, int code)
{
	struct wanted wanted = {.code = code};
	struct text typed = {0};

	options_visit(table, NULL, find_code, &wanted);
	text_format(&typed, "--%s", wanted.name);
	complain(app, text_cstr(&typed), "the argument is empty");
	text_release(&typed);
}

/* The arguments of options that take one must not be empty: an unset variable must never widen a selection. */
static enum taken take_one(struct app *app, const struct poptOption *table, option_fn take, void *data, int code,
			   const char *argument)
{
	enum taken taken;

	if (argument && !*argument) {
		say_empty(app, table, code);
		return TAKEN_BAD;
	}
	taken = common_take(app, code, argument);
	if (taken == TAKEN_OTHER && take)
		taken = take(data, app, code, argument);
	return taken;
}

static enum parsed take_all(struct app *app, poptContext context, const struct poptOption *table, option_fn take,
			    void *data)
{
	int code;

	while ((code = poptGetNextOpt(context)) >= 0) {
		char *argument = poptGetOptArg(context);
		enum taken taken = TAKEN;

		if (code != OPTION_HELP)
			taken = take_one(app, table, take, data, code, argument);
		free(argument);
		if (code == OPTION_HELP)
			return PARSED_HELP;
		if (taken != TAKEN)
			return PARSED_BAD;
	}
	if (code == -1)
		return PARSED;
	say_bad_option(app, table, context, code);
	return PARSED_BAD;
}

static void take_operands(const char **arguments, struct operands *out)
{
	size_t count = 0, i;

	while (arguments && arguments[count])
		count++;
	out->items = xcalloc(count + 1, sizeof(*out->items));
	for (i = 0; i < count; i++)
		out->items[out->count++] = xstrdup(arguments[i]);
}

static enum parsed parse(struct app *app, int argc, const char **argv, const struct poptOption *table, unsigned flags,
			 option_fn take, void *data, struct operands *out)
{
	poptContext context = poptGetContext("ipctool", argc, argv, table, flags);
	enum parsed parsed = take_all(app, context, table, take, data);

	*out = (struct operands){0};
	if (parsed == PARSED)
		take_operands(poptGetArgs(context), out);
	poptFreeContext(context);
	return parsed;
}

enum parsed options_parse(struct app *app, int argc, const char **argv, option_fn take, void *data,
			  struct operands *out)
{
	static const struct poptOption none[] = {OPTIONS_END};
	const struct poptOption *own = app->command->options ? app->command->options : none;
	struct poptOption *settings = settings_table(own);
	const struct poptOption own_and_common[] = {
		{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)own, 0, NULL, NULL},
		{NULL, '\0', POPT_ARG_INCLUDE_TABLE, settings ? settings : (void *)none, 0, NULL, NULL},
		OPTIONS_COMMON,
		OPTIONS_END,
	};
	enum parsed parsed = parse(app, argc, argv, own_and_common, 0, take, data, out);
	int i;

	free(settings);
	if (parsed == PARSED_HELP)
		help_command(&app->out.text, app->command);
	for (i = 0; parsed == PARSED && i < out->count; i++) {
		if (!*out->items[i]) {
			complain(app, NULL, "operand %d is empty (an unset variable?)", i + 1);
			parsed = PARSED_BAD;
		}
	}
	return parsed;
}

static enum taken take_version(void *data, const struct app *app, int code, const char *argument)
{
	(void)app;
	(void)argument;
	if (code != OPTION_VERSION)
		return TAKEN_OTHER;
	*(bool *)data = true;
	return TAKEN;
}

enum parsed options_parse_global(struct app *app, int argc, const char **argv, bool *version, struct operands *out)
{
	enum parsed parsed =
		parse(app, argc, argv, global_options, POPT_CONTEXT_POSIXMEHARDER, take_version, version, out);

	if (parsed == PARSED_HELP)
		help_program(&app->out.text);
	return parsed;
}

void operands_release(struct operands *operands)
{
	while (operands->count)
		free((void *)operands->items[--operands->count]);
	free(operands->items);
	*operands = (struct operands){0};
}
