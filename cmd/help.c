/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool help, and --help of every command. */
#include <stdio.h>

#include <ipctool/clean.h>
#include <ipctool/dump.h>
#include <ipctool/monitor.h>

#include "codes.h"
#include "help.h"
#include "message.h"
#include "options.h"
#include "settings.h"

#define LINE 80
#define VERB_WIDTH 8

/* @string in lines of at most LINE columns, indented by @indent; the first line already has @column columns. */
static void append_wrapped(struct text *out, const char *string, size_t indent, size_t column)
{
	while (*string) {
		size_t length = strcspn(string, " ");

		if (column > indent && column + 1 + length > LINE) {
			text_format(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			text_char(out, ' ');
			column++;
		}
		text_bytes(out, string, length);
		column += length;
		string += length + strspn(string + length, " ");
	}
	text_char(out, '\n');
}

/* "  NAME   what it is", the names in a column @width wide. */
static void append_entry(struct text *out, const char *name, size_t width, const char *help)
{
	size_t length = strlen(name);

	text_format(out, "  %s", name);
	if (length > width)
		text_format(out, "\n%*s", (int)width + 4, "");
	else
		text_format(out, "%*s", (int)(width - length) + 2, "");
	append_wrapped(out, help, width + 4, width + 4);
}

struct listing {
	struct text *out;
	const char *group;
};

static void list_option(void *data, const char *group, const struct poptOption *option)
{
	struct listing *listing = data;
	struct text name = {0};

	if (group && group != listing->group)
		text_format(listing->out, "\n%s:\n", group);
	listing->group = group;
	if (option->shortName)
		text_format(&name, "-%c, ", option->shortName);
	else
		text_string(&name, "    ");
	text_format(&name, "--%s", option->longName);
	if (option->argDescrip)
		text_format(&name, " %s", option->argDescrip);
	append_entry(listing->out, text_cstr(&name), 28, option->descrip);
	text_release(&name);
}

static void list_commands(struct text *out)
{
	struct text name = {0};
	size_t i;

	text_string(out, "\nCommands:\n");
	for (i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		text_clear(&name);
		text_string(&name, commands[i]->name);
		if (commands[i]->alias)
			text_format(&name, ", %s", commands[i]->alias);
		append_entry(out, text_cstr(&name), 14, commands[i]->summary);
	}
	text_release(&name);
}

static void list_classes(struct text *out)
{
	const struct ipc_class *cls = NULL;
	const struct ipc_kind *kind = NULL;

	text_string(out, "\nClasses and their kinds:\n");
	while ((cls = ipc_class_next(cls))) {
		struct text line = {0};
		const char *separator = " (";

		text_string(&line, ipc_class_help(cls));
		while ((kind = ipc_kind_next(kind))) {
			if (ipc_kind_class(kind) != cls)
				continue;
			text_format(&line, "%s%s", separator, ipc_kind_name(kind));
			separator = ", ";
		}
		text_char(&line, ')');
		append_entry(out, ipc_class_name(cls), 14, text_cstr(&line));
		text_release(&line);
	}
}

void help_usage(struct text *out)
{
	text_string(out, "Usage: ipctool [GLOBAL OPTION]... COMMAND [OPTION]... [CLASS[/KIND] | REF]...\n"
			 "Try 'ipctool help'.\n");
}

void help_program(struct text *out)
{
	struct listing listing = {.out = out};
	size_t i;

	text_string(out, "Usage: ipctool [GLOBAL OPTION]... COMMAND [OPTION]... [CLASS[/KIND] | REF]...\n\n");
	append_wrapped(out,
		       "Lists, shows and manages kernel IPC objects: pipes, FIFOs, message queues, shared memory, "
		       "semaphores, sockets and signals.",
		       0, 0);
	list_commands(out);
	list_classes(out);
	options_visit(global_options, "Global options", list_option, &listing);
	text_string(out, "\nExit status:\n");
	for (i = 0; code_table[i].name; i++) {
		char number[12];

		snprintf(number, sizeof(number), "%d", (int)code_table[i].code);
		append_entry(out, number, 2, code_table[i].help);
	}
	text_string(
		out,
		"\n'ipctool help COMMAND' tells about one command, 'ipctool help CLASS/KIND' what can be done to one\nkind.\n");
}

/* What may stand before the equals sign. */
static void list_settings(struct text *out)
{
	const struct ipc_setting *setting = NULL;
	struct text name = {0};

	text_string(out, "\nSettings:\n");
	while ((setting = ipc_setting_next(setting))) {
		if (!settings_used(setting, IPC_VERB_SET))
			continue;
		text_clear(&name);
		text_format(&name, "%s=%s", ipc_setting_name(setting), ipc_setting_form(setting));
		append_entry(out, text_cstr(&name), 28, ipc_setting_help(setting));
	}
	text_release(&name);
}

void help_command(struct text *out, const struct command *command)
{
	struct listing listing = {.out = out};

	text_format(out, "Usage: ipctool %s%s%s\n", command->name, *command->synopsis ? " " : "", command->synopsis);
	if (command->alias)
		text_format(out, "       ipctool %s%s%s\n", command->alias, *command->synopsis ? " " : "",
			    command->synopsis);
	text_char(out, '\n');
	append_wrapped(out, command->description, 0, 0);
	options_visit(command->options, "Options", list_option, &listing);
	if (command_verb(command) == IPC_VERB_SET)
		list_settings(out);
	options_visit(common_options, "General", list_option, &listing);
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

/* "yes", with the settings that go with it: "yes: mode, owner". */
static void append_taken(struct text *out, const struct ipc_kind *kind, enum ipc_verb verb)
{
	const struct ipc_setting *setting = NULL;
	const char *separator = ": ";

	text_string(out, "yes");
	while ((setting = ipc_setting_next(setting))) {
		if (!ipc_kind_takes(kind, verb, setting))
			continue;
		text_format(out, "%s%s", separator, ipc_setting_name(setting));
		separator = ", ";
	}
}

/* What more there is to say under the entry of a verb. */
static void append_detail(struct text *out, const char *name, const char *detail)
{
	size_t indent = VERB_WIDTH + 4 + 10;

	if (!detail)
		return;
	text_format(out, "%*s%-10s", VERB_WIDTH + 4, "", name);
	append_wrapped(out, detail, indent, indent);
}

/* How it is looked into objects of @kind. */
static void append_dump(struct text *out, const struct ipc_kind *kind)
{
	struct ipc_dump_help help = {NULL, NULL, NULL};

	ipc_kind_dump_help(kind, &help);
	append_detail(out, "how", help.read);
	append_detail(out, "needs", help.privilege);
	append_detail(out, "disturbs", help.disturbs);
}

/* How it is proven that nobody needs an object of @kind any more. */
static void append_proof(struct text *out, const struct ipc_kind *kind)
{
	struct ipc_proof proof;

	if (!ipc_kind_proof(kind, &proof))
		return;
	append_detail(out, "unused", proof.unused);
	append_detail(out, "users", proof.users);
	append_detail(out, "best", proof.best);
}

/* "create, open", or NULL for none; the text is @out's. */
static const char *event_verbs(struct text *out, uint32_t verbs)
{
	int verb;

	text_clear(out);
	for (verb = 0; verb < IPC_EVENT_VERBS; verb++)
		if (verbs & 1u << verb)
			text_format(out, "%s%s", out->len ? ", " : "", ipc_event_verb_name((enum ipc_event_verb)verb));
	return out->len ? text_cstr(out) : NULL;
}

/* What is told of objects of @kind as it happens. */
static void append_events(struct text *out, const struct ipc_kind *kind)
{
	struct ipc_event_range range;
	struct text verbs = {0};

	if (!ipc_kind_events(kind, &range)) {
		append_entry(out, "monitor", VERB_WIDTH, "no: nothing tells of these as it happens");
		return;
	}
	append_entry(out, "monitor", VERB_WIDTH, "yes");
	append_detail(out, "life", event_verbs(&verbs, range.life));
	append_detail(out, "traffic", event_verbs(&verbs, range.traffic));
	append_detail(out, "netlink", range.plain ? event_verbs(&verbs, range.plain) : "nothing");
	append_detail(out, "unseen", range.unseen);
	text_release(&verbs);
}

/* What can be done to objects of @kind, verb by verb; else why not, and what to do instead. */
static void help_kind(struct text *out, const struct ipc_kind *kind)
{
	struct text line = {0};
	const char *why;
	int i;

	text_format(&line, "%s/%s:", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
	text_bytes(out, line.data, line.len);
	append_wrapped(out, ipc_kind_help(kind), 0, line.len);
	for (i = 0; i < IPC_VERBS; i++) {
		enum ipc_verb verb = (enum ipc_verb)i;

		text_clear(&line);
		if (ipc_kind_has(kind, verb, &why))
			append_taken(&line, kind, verb);
		else
			text_format(&line, "no: %s", why);
		append_entry(out, ipc_verb_name(verb), VERB_WIDTH, text_cstr(&line));
		if (verb == IPC_VERB_DUMP)
			append_dump(out, kind);
		else if (verb == IPC_VERB_CLEAN)
			append_proof(out, kind);
	}
	append_events(out, kind);
	text_release(&line);
}

/* All kinds of a class, or the one of "CLASS/KIND". False when @word is neither. */
static bool help_class(struct text *out, const char *word)
{
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);
	const struct ipc_kind *kind = NULL;
	bool any = false;

	while ((kind = ipc_kind_next(kind))) {
		const char *name = ipc_class_name(ipc_kind_class(kind));

		if (strlen(name) != length || memcmp(name, word, length) != 0 ||
		    (slash && strcmp(ipc_kind_name(kind), slash + 1) != 0))
			continue;
		if (any)
			text_char(out, '\n');
		help_kind(out, kind);
		any = true;
	}
	return any;
}

/* A command by its whole name, a class, a kind, or what is short for a command. */
static bool help_word(struct app *app, const char *word)
{
	const struct command *command = command_find(word);

	if (!command) {
		if (help_class(&app->out.text, word))
			return true;
		if (strchr(word, '/')) {
			complain(app, word, "no such kind; 'ipctool help' lists them");
			return false;
		}
		command = command_resolve(app, word);
	}
	if (command)
		help_command(&app->out.text, command);
	return command;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct operands operands;
	enum parsed parsed = options_parse(app, argc, argv, NULL, NULL, &operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;
	int i;

	if (parsed == PARSED && !operands.count)
		help_program(&app->out.text);
	for (i = 0; parsed == PARSED && i < operands.count; i++) {
		if (app->out.text.len)
			text_char(&app->out.text, '\n');
		if (!help_word(app, operands.items[i]))
			code = CODE_USAGE;
	}
	operands_release(&operands);
	return code;
}

extern const struct command command_help;
const struct command command_help = {
	.name = "help",
	.summary = "what the program, a command or a kind of object does",
	.synopsis = "[COMMAND | CLASS[/KIND]]...",
	.description =
		"'ipctool help COMMAND' is the same as 'ipctool COMMAND --help'. Of a class or kind: what it is, and "
		"which commands can be applied to it, with the settings that they take, how its contents are read, how "
		"it is proven to be garbage, and what is told of it as it happens; where one cannot, why not and what to "
		"do instead.",
	.operands = OPERANDS_COMMANDS,
	.inspects = true,
	.run = run,
};
