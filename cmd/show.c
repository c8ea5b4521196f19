/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool show: everything about each object. */
#include "inspect.h"

static const struct poptOption options[] = {
	OPTIONS_SELECTION,
	OPTIONS_PRESENTATION,
	OPTIONS_END,
};

static int run(struct app *app, int argc, const char **argv)
{
	static const struct inspect mode = {.needs_operand = true, .everything = true, .plain = render_show_new};

	return inspect(&mode, app, argc, argv);
}

extern const struct command command_show;
const struct command command_show = {
	.name = "show",
	.summary = "everything about objects: evidence, holders, waiters, peers, limits",
	.synopsis = "[OPTION]... {CLASS[/KIND] | REF}...",
	.description =
		"Shows each object that the operands name with all its fields, the evidence for its state, and the "
		"processes that hold it or wait for it. A class means all of its objects.",
	.options = options,
	.inspects = true,
	.run = run,
};
