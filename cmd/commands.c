/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of subcommands, and how a name is looked up in it. */
#include <string.h>

#include "command.h"
#include "message.h"
#include "suggest.h"

extern const struct command command_list, command_show, command_dump, command_create, command_set, command_send,
	command_receive, command_post, command_wait, command_remove, command_clean, command_monitor, command_help,
	command_complete;

const struct command *const commands[] = {
	&command_list,   &command_show,  &command_dump,    &command_monitor,  &command_create,
	&command_set,    &command_send,  &command_receive, &command_post,     &command_wait,
	&command_remove, &command_clean, &command_help,    &command_complete, NULL,
};

const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name) || (commands[i]->alias && !strcmp(commands[i]->alias, name)))
			return commands[i];
	return NULL;
}

enum ipc_verb command_verb(const struct command *command)
{
	int verb = 0;

	while (verb < IPC_VERBS && strcmp(ipc_verb_name((enum ipc_verb)verb), command->name) != 0)
		verb++;
	return (enum ipc_verb)verb;
}

/* Commands that begin with @prefix, as "list, limits" in @names. A command counts once, whichever of its names fits. */
static size_t find_prefix(const char *prefix, const struct command **found, struct text *names)
{
	const struct command *command;
	size_t count = 0, length = strlen(prefix), i;

	for (i = 0; (command = commands[i]); i++) {
		if (command->hidden)
			continue;
		if (strncmp(command->name, prefix, length) &&
		    !(command->alias && !strncmp(command->alias, prefix, length)))
			continue;
		if (count++)
			text_string(names, ", ");
		text_string(names, command->name);
		*found = command;
	}
	return count;
}

static void say_unknown(struct app *app, const char *name)
{
	struct suggestion near;
	size_t i;

	suggest_begin(&near, name);
	for (i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		suggest_offer(&near, commands[i]->name);
		if (commands[i]->alias)
			suggest_offer(&near, commands[i]->alias);
	}
	if (suggest_best(&near))
		complain(app, name, "no such command (did you mean '%s'?)", suggest_best(&near));
	else
		complain(app, name, "no such command; 'ipctool help' lists them");
}

const struct command *command_resolve(struct app *app, const char *name)
{
	const struct command *found = command_find(name);
	struct text names = {0};
	size_t count;

	if (found)
		return found;
	if (!*name) {
		complain(app, NULL, "the command is empty");
		return NULL;
	}
	count = find_prefix(name, &found, &names);
	if (count == 1 && found->inspects) {
		text_release(&names);
		return found;
	}
	if (count == 1)
		complain(app, name, "write out the command: '%s' changes things", found->name);
	else if (count > 1)
		complain(app, name, "ambiguous command: %s", text_cstr(&names));
	else
		say_unknown(app, name);
	text_release(&names);
	return NULL;
}
