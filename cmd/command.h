/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a subcommand is: one file that defines one `const struct command`, and one line in commands.c.
 *
 * Help, dispatch and completion read nothing but these tables.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <popt.h>
#include <stdbool.h>

#include <ipctool/change.h>

#include "output.h"

struct command;

enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };

/* What one run of the program carries from main to a command. */
struct app {
	const struct command *command; /* NULL while the global options are read */
	struct output out;             /* standard output; main finishes it */
	struct ipc_ctx *ctx;           /* made by app_context() */
	enum when color;
	enum ipc_holder_source holder_source;
	bool verbose;
};

/* What the words are that are no options: completion offers these. */
enum operand_kind { OPERANDS_OBJECTS, OPERANDS_COMMANDS, OPERANDS_NONE };

/* An option of other commands that makes no sense for one, and what to do instead. */
struct option_hint {
	const char *option; /* without the dashes; NULL ends a table */
	const char *hint;
};

struct command {
	const char *name;
	const char *alias;                /* a second name, or NULL */
	const char *summary;              /* one line for the list of commands: no capital, no full stop */
	const char *synopsis;             /* what follows the name: "[OPTION]... REF..." */
	const char *description;          /* a paragraph for --help */
	const struct poptOption *options; /* its groups, see options.h; NULL: none but the common ones */
	const struct option_hint *hints;  /* NULL: none */
	enum operand_kind operands;
	bool of_events; /* its fields are those of events */
	bool inspects;  /* changes nothing: an unambiguous prefix of its name will do */
	bool hidden;    /* not for people: left out of help and completion */
	/* @argv[0] is the command's name. Returns an exit code (codes.h). */
	int (*run)(struct app *app, int argc, const char **argv);
};

extern const struct command *const commands[]; /* ends with NULL */

/* The command called exactly @name, hidden ones too; or NULL. */
const struct command *command_find(const char *name);
/*
 * The command that a user means by @name: also an unambiguous prefix of one that inspects.
 * NULL after a message on standard error.
 */
const struct command *command_resolve(struct app *app, const char *name);

/* What @command does to objects; IPC_VERBS when it only inspects. */
enum ipc_verb command_verb(const struct command *command);

/* Make app->ctx unless it is there. Returns 0, or an exit code after a message. */
int app_context(struct app *app);
/* Should colours be written to standard output? */
bool app_colors(const struct app *app);

#endif
