/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool list: a table of objects. */
#include "inspect.h"

static const struct poptOption options[] = {
	OPTIONS_SELECTION,
	OPTIONS_PRESENTATION,
	OPTIONS_END,
};

static int run(struct app *app, int argc, const char **argv)
{
	static const struct inspect mode = {.plain = render_table_new};

	return inspect(&mode, app, argc, argv);
}

extern const struct command command_list;
const struct command command_list = {
	.name = "list",
	.alias = "ls",
	.summary = "a table of objects",
	.synopsis = "[OPTION]... [CLASS[/KIND] | REF]...",
	.description =
		"Without operands: what a name, key or id can reach and so can leak, that is FIFOs, System V and POSIX "
		"objects, bound or listening sockets, and stale socket files. With a class: all of that class. With "
		"--all: everything but signals.",
	.options = options,
	.inspects = true,
	.run = run,
};
