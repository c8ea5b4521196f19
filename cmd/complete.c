/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipctool __complete: what the shells' completions ask.
 *
 *     ipctool __complete INDEX WORD...
 *
 * The WORDs are those of the command line as the program would get them (unquoted, not split at ':' or '='); WORD 0
 * is the program's name. INDEX is the number of the word to complete; it may be one past the last word, which then is
 * empty.
 *
 * Each line of the answer is CANDIDATE or CANDIDATE<TAB>DESCRIPTION. A candidate is the whole word and begins with
 * what was typed; the shell has to quote it. Two lines are no candidates: ":files" and ":dirs" ask the shell to offer
 * files or directories (in "--option=" for what follows the '=').
 * The answer is empty, and the exit code still 0, when there is nothing to offer; nothing is written to standard error.
 */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>

#include "codes.h"
#include "options.h"
#include "scope.h"
#include "settings.h"

#define MOST_REFERENCES 1000

struct completion {
	struct text *out;
	const struct command *command; /* NULL: the command is being typed */
	const char *typed;             /* of the word, what a candidate must begin with */
	const char *head;              /* before it: what a candidate repeats, "--sort=" or "ref,size," */
	size_t head_length;
	const char **operands;              /* of the command, the word being completed left out */
	int operand_count, operands_before; /* the word being completed */
	size_t references;
};

static void offer(struct completion *completion, const char *candidate, const char *description)
{
	struct text *out = completion->out;

	if (strncmp(candidate, completion->typed, strlen(completion->typed)))
		return;
	text_bytes(out, completion->head, completion->head_length);
	text_string(out, candidate);
	if (description && *description) {
		text_char(out, '\t');
		text_string(out, description);
	}
	text_char(out, '\n');
}

/* What stands before position @at of the word is repeated by each candidate. */
static void keep_head(struct completion *completion, size_t at)
{
	completion->head_length += at;
	completion->typed += at;
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static void offer_option(void *data, const char *group, const struct poptOption *option)
{
	struct text word = {0};

	(void)group;
	text_format(&word, "--%s", option->longName);
	offer(data, text_cstr(&word), option->descrip);
	text_release(&word);
}

struct lookup {
	const char *name; /* long name of @length bytes, or NULL */
	size_t length;
	char letter;
	struct poptOption found; /* long name NULL: none was */
};

static void look(void *data, const char *group, const struct poptOption *option)
{
	struct lookup *lookup = data;

	(void)group;
	if (lookup->name ? strlen(option->longName) == lookup->length &&
				   !memcmp(option->longName, lookup->name, lookup->length)
			 : option->shortName == lookup->letter)
		lookup->found = *option;
}

static void visit_options(const struct command *command, option_visit_fn visit, void *data)
{
	options_visit(command ? command->options : global_options, NULL, visit, data);
	if (command)
		options_visit(common_options, NULL, visit, data);
}

/* The option that @word is, when it takes an argument; of "-Jo" the last one. False: none. */
static bool find_option(const struct command *command, const char *word, struct poptOption *out)
{
	struct lookup lookup = {0};

	if (!strncmp(word, "--", 2)) {
		lookup.name = word + 2;
		lookup.length = strcspn(word + 2, "=");
	} else {
		lookup.letter = word[strlen(word) - 1];
	}
	visit_options(command, look, &lookup);
	if (!lookup.found.longName || (lookup.found.argInfo & POPT_ARG_MASK) != POPT_ARG_STRING)
		return false;
	*out = lookup.found;
	return true;
}

/* ---- arguments of options -------------------------------------------------------------------------------------- */

static void offer_words(struct completion *completion, const struct word *words)
{
	size_t i;

	for (i = 0; words[i].name; i++)
		offer(completion, words[i].name, words[i].help);
}

static void offer_users(struct completion *completion)
{
	const struct passwd *user;

	setpwent();
	while ((user = getpwent()))
		offer(completion, user->pw_name, NULL);
	endpwent();
}

static void offer_groups(struct completion *completion)
{
	const struct group *group;

	setgrent();
	while ((group = getgrent()))
		offer(completion, group->gr_name, NULL);
	endgrent();
}

static void offer_field(void *data, const struct ipc_kind *kind, const struct ipc_field *field)
{
	(void)kind;
	offer(data, ipc_field_name(field), ipc_field_help(field));
}

static void offer_fields(struct completion *completion)
{
	struct scope scope;

	scope_init(&scope, completion->operands, completion->operand_count);
	scope_visit(&scope, offer_field, completion);
	scope_release(&scope);
}

/* Of a list with commas the last item is being typed. */
static void keep_list(struct completion *completion, char prefix)
{
	const char *comma = strrchr(completion->typed, ',');

	if (comma)
		keep_head(completion, (size_t)(comma - completion->typed) + 1);
	if (*completion->typed == prefix)
		keep_head(completion, 1);
}

/* Of an expression the last name is being typed. */
static void keep_expression(struct completion *completion)
{
	size_t at = strlen(completion->typed);

	while (at && ((completion->typed[at - 1] >= 'a' && completion->typed[at - 1] <= 'z') ||
		      completion->typed[at - 1] == '_'))
		at--;
	keep_head(completion, at);
}

#define SIGNALS 128 /* no architecture has more */

static void offer_signals(struct completion *completion)
{
	int i;

	for (i = 1; i <= SIGNALS; i++)
		if (ipc_signal_name(i))
			offer(completion, ipc_signal_name(i), NULL);
}

/* What its form tells of an argument: "USER|UID". */
static void offer_form(struct completion *completion, const char *form)
{
	if (!strcmp(form, "NAME|N"))
		offer_signals(completion);
	else if (!strcmp(form, "TYPE"))
		offer_words(completion, socket_words);
	else if (strstr(form, "USER"))
		offer_users(completion);
	else if (strstr(form, "GROUP"))
		offer_groups(completion);
	else if (strstr(form, "FILE"))
		text_string(completion->out, ":files\n");
	else if (strstr(form, "DIR"))
		text_string(completion->out, ":dirs\n");
}

static void offer_argument(struct completion *completion, const struct poptOption *option)
{
	switch (option->val) {
	case OPTION_COLOR:
		offer_words(completion, color_words);
		break;
	case OPTION_HOLDERS_FROM:
		offer_words(completion, source_words);
		break;
	case OPTION_TIME_FORMAT:
		offer_words(completion, time_words);
		break;
	case OPTION_STATE:
		keep_list(completion, ',');
		offer_words(completion, state_words);
		break;
	case OPTION_FORCE:
		offer_words(completion, force_words);
		break;
	case OPTION_OUTPUT:
		keep_list(completion, '+');
		offer_fields(completion);
		break;
	case OPTION_SORT:
		keep_list(completion, '-');
		offer_fields(completion);
		break;
	case OPTION_FILTER:
		keep_expression(completion);
		offer_fields(completion);
		break;
	default:
		if (option->argDescrip)
			offer_form(completion, option->argDescrip);
		break;
	}
}

/* ---- operands -------------------------------------------------------------------------------------------------- */

static void offer_commands(struct completion *completion)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			offer(completion, commands[i]->name, commands[i]->summary);
}

/* Can the command be applied to objects of @kind? One that inspects can to all. */
static bool applies(const struct completion *completion, const struct ipc_kind *kind)
{
	enum ipc_verb verb = completion->command ? command_verb(completion->command) : IPC_VERBS;

	return verb == IPC_VERBS || ipc_kind_has(kind, verb, NULL);
}

static bool applies_to_class(const struct completion *completion, const struct ipc_class *cls)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (ipc_kind_class(kind) == cls && applies(completion, kind))
			return true;
	return false;
}

static void offer_classes(struct completion *completion)
{
	const struct ipc_class *cls = NULL;

	while ((cls = ipc_class_next(cls)))
		if (applies_to_class(completion, cls))
			offer(completion, ipc_class_name(cls), ipc_class_help(cls));
}

static void offer_kinds(struct completion *completion)
{
	const struct ipc_kind *kind = NULL;
	struct text word = {0};

	while ((kind = ipc_kind_next(kind))) {
		if (!applies(completion, kind))
			continue;
		text_clear(&word);
		text_format(&word, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		offer(completion, text_cstr(&word), ipc_kind_help(kind));
	}
	text_release(&word);
}

/*
 * What people call it where the reference itself is a number: sock:/path, sock:@abstract, mq:0xKEY. Offered once the typed word
 * goes that way; a name that several objects share is for the command to tell apart.
 */
static void append_spelling(struct text *word, const struct ipc_object *object, const char *typed)
{
	const char *class_name = ipc_class_name(ipc_kind_class(ipc_object_kind(object)));
	const char *locator = strchr(typed, ':');
	struct ipc_value value;

	text_clear(word);
	if (!locator++)
		return;
	if (!strncmp(locator, "0x", 2) && !ipc_object_get_by_name(object, "key", &value) && !value.null && value.u)
		text_format(word, "%s:0x%08" PRIx64, class_name, value.u);
	else if ((*locator == '/' || *locator == '@') && !strcmp(class_name, "sock") &&
		 !ipc_object_get_by_name(object, "name", &value) && !value.null) {
		text_format(word, "%s:", class_name);
		text_escaped(word, value.str);
	}
}

static int offer_reference(const struct ipc_object *object, void *data)
{
	struct completion *completion = data;
	const struct ipc_kind *kind = ipc_object_kind(object);
	struct text ref = {0}, description = {0};
	struct ipc_value value;

	if (applies(completion, kind) && !ipc_object_get_by_name(object, "ref", &value) && !value.null) {
		text_escaped(&ref, value.str);
		text_format(&description, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		if (!strncmp(text_cstr(&ref), completion->typed, strlen(completion->typed)))
			completion->references++;
		offer(completion, text_cstr(&ref), text_cstr(&description));
		append_spelling(&ref, object, completion->typed);
		if (*text_cstr(&ref))
			offer(completion, text_cstr(&ref), text_cstr(&description));
	}
	text_release(&ref);
	text_release(&description);
	return completion->references >= MOST_REFERENCES;
}

/* Live references; when the class is typed, everything of that class. */
static void offer_references(struct completion *completion)
{
	struct ipc_query *query = NULL;
	struct ipc_ctx *ctx = NULL;
	size_t length = strcspn(completion->typed, ":@+/");
	char *class_name = xstrdup(completion->typed);
	int error;

	class_name[length] = '\0';
	error = ipc_ctx_new(&ctx);
	if (!error)
		error = ipc_query_new(ctx, &query);
	if (!error && completion->typed[length])
		error = ipc_query_add(query, class_name, true);
	if (!error)
		error = ipc_query_want(query, "ref");
	if (!error)
		ipc_query_run(query, offer_reference, completion);
	ipc_query_free(query);
	ipc_ctx_unref(ctx);
	free(class_name);
}

static void offer_references_or_files(struct completion *completion)
{
	if (*completion->typed == '/' || *completion->typed == '.')
		text_string(completion->out, ":files\n");
	else
		offer_references(completion);
}

/* What can be made: "mq:" for one with a name, "mq/sysv" for one without. A file has yet to get its name. */
static void offer_new(struct completion *completion)
{
	const struct ipc_class *cls = NULL;
	const struct ipc_kind *kind = NULL;
	struct text word = {0};

	while ((cls = ipc_class_next(cls))) {
		if (!applies_to_class(completion, cls))
			continue;
		text_clear(&word);
		text_format(&word, "%s:", ipc_class_name(cls));
		offer(completion, text_cstr(&word), ipc_class_help(cls));
	}
	while ((kind = ipc_kind_next(kind))) {
		if (!ipc_kind_takes(kind, IPC_VERB_CREATE, settings_find("key")))
			continue; /* only what may have a key may also have no name */
		text_clear(&word);
		text_format(&word, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		offer(completion, text_cstr(&word), ipc_kind_help(kind));
	}
	text_release(&word);
}

/* Can it be set of an object of the class that is typed already? A path says nothing of that. */
static bool fits(const struct completion *completion, const struct ipc_setting *setting)
{
	const char *object = completion->operands[0];
	size_t length = strcspn(object, ":@+/.");
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (ipc_kind_takes(kind, IPC_VERB_SET, setting) &&
		    !strncmp(ipc_class_name(ipc_kind_class(kind)), object, length))
			return true;
	return false;
}

/* "owner=" of what may be set, and what may stand behind it. */
static void offer_setting(struct completion *completion)
{
	const char *equals = strchr(completion->typed, '=');
	const struct ipc_setting *setting = NULL;
	struct text word = {0};

	while ((setting = ipc_setting_next(setting))) {
		size_t length = strlen(ipc_setting_name(setting));

		if (!fits(completion, setting))
			continue;
		if (equals && (size_t)(equals - completion->typed) == length &&
		    !memcmp(completion->typed, ipc_setting_name(setting), length)) {
			keep_head(completion, length + 1);
			offer_form(completion, ipc_setting_form(setting));
			break;
		}
		text_clear(&word);
		text_format(&word, "%s=", ipc_setting_name(setting));
		offer(completion, text_cstr(&word), ipc_setting_help(setting));
	}
	text_release(&word);
}

static void offer_objects(struct completion *completion)
{
	bool first = !completion->operands_before;

	switch (command_verb(completion->command)) {
	case IPC_VERB_CREATE:
		if (first)
			offer_new(completion);
		break;
	case IPC_VERB_SET:
		if (first)
			offer_references_or_files(completion);
		else
			offer_setting(completion);
		break;
	case IPC_VERB_SEND:
	case IPC_VERB_RECEIVE:
	case IPC_VERB_POST:
	case IPC_VERB_WAIT:
		if (first)
			offer_references_or_files(completion);
		break;
	default:
		if (*completion->typed != '/' && *completion->typed != '.') {
			offer_classes(completion);
			offer_kinds(completion);
		}
		offer_references_or_files(completion);
		break;
	}
}

static void offer_operands(struct completion *completion)
{
	if (!completion->command) {
		offer_commands(completion);
		return;
	}
	switch (completion->command->operands) {
	case OPERANDS_COMMANDS:
		offer_commands(completion);
		offer_classes(completion);
		offer_kinds(completion);
		break;
	case OPERANDS_OBJECTS:
		offer_objects(completion);
		break;
	case OPERANDS_NONE:
		break;
	}
}

/* ---- the command line so far ----------------------------------------------------------------------------------- */

/* Behind "--" the words of some commands are those of another program. */
static bool runs_commands(const struct completion *completion)
{
	enum ipc_verb verb = completion->command ? command_verb(completion->command) : IPC_VERBS;

	return verb == IPC_VERB_CREATE || verb == IPC_VERB_WAIT;
}

static void complete(struct completion *completion, const char **words, int count, int index)
{
	struct poptOption option;
	bool options_over = false, awaiting = false, command_begun = false;
	const char *equals;
	int i;

	for (i = 1; i < count; i++) {
		if (i == index) {
			completion->operands_before = completion->operand_count;
			command_begun = options_over && runs_commands(completion);
			if (awaiting) {
				offer_argument(completion, &option);
				return;
			}
			if (!options_over && *completion->typed == '-')
				break;
			continue;
		}
		if (awaiting && i < index) {
			awaiting = false;
		} else if (!options_over && words[i][0] == '-' && words[i][1]) {
			options_over = !strcmp(words[i], "--");
			if (!options_over && !(words[i][1] == '-' && strchr(words[i], '=')))
				awaiting = find_option(completion->command, words[i], &option);
			/* An option behind the word says nothing about it, but its argument is no operand. */
			if (awaiting && i > index) {
				awaiting = false;
				i++;
			}
		} else if (!completion->command && i < index) {
			completion->command = command_find(words[i]);
			if (!completion->command)
				return;
		} else if (completion->command) {
			completion->operands[completion->operand_count++] = words[i];
		}
	}
	if (command_begun) {
		text_string(completion->out, ":files\n");
		return;
	}
	if (options_over || *completion->typed != '-') {
		offer_operands(completion);
		return;
	}
	equals = strncmp(completion->typed, "--", 2) ? NULL : strchr(completion->typed, '=');
	if (equals) {
		bool found = find_option(completion->command, completion->typed, &option);

		keep_head(completion, (size_t)(equals - completion->typed) + 1);
		if (found)
			offer_argument(completion, &option);
	} else {
		visit_options(completion->command, offer_option, completion);
	}
}

static int run(struct app *app, int argc, const char **argv)
{
	struct completion completion = {.out = &app->out.text};
	int count = argc - 2, index = argc > 2 ? atoi(argv[1]) : 0;
	const char **words;

	if (index < 1 || index > count)
		return CODE_USAGE;
	/* One more than there are: the word after the last one, which is empty. */
	words = xcalloc((size_t)count + 1, sizeof(*words));
	memcpy(words, argv + 2, (size_t)count * sizeof(*words));
	words[count] = "";
	if (index == count)
		count++;
	completion.operands = xcalloc((size_t)count, sizeof(*completion.operands));
	completion.typed = completion.head = words[index];
	complete(&completion, words, count, index);
	free(completion.operands);
	free(words);
	return CODE_DONE;
}

extern const struct command command_complete;
const struct command command_complete = {
	.name = "__complete",
	.summary = "candidates for the shells' completions",
	.synopsis = "INDEX WORD...",
	.description = "For the shells' completions.",
	.operands = OPERANDS_NONE,
	.inspects = true,
	.hidden = true,
	.run = run,
};
