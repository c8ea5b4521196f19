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
#include <stdlib.h>

#include "codes.h"
#include "complete.h"

void completion_offer(struct completion *completion, const char *candidate, const char *description)
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

void completion_keep(struct completion *completion, size_t at)
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
	completion_offer(data, text_cstr(&word), option->descrip);
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
				completion_offer_argument(completion, &option);
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
		completion_offer_operands(completion);
		return;
	}
	equals = strncmp(completion->typed, "--", 2) ? NULL : strchr(completion->typed, '=');
	if (equals) {
		bool found = find_option(completion->command, completion->typed, &option);

		completion_keep(completion, (size_t)(equals - completion->typed) + 1);
		if (found)
			completion_offer_argument(completion, &option);
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
