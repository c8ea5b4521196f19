/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages: one escaped line on standard error, written at once. */
#include <unistd.h>

#include "command.h"
#include "message.h"

void complain(const struct app *app, const char *what, const char *format, ...)
{
	struct output err = {.fd = STDERR_FILENO};
	struct text detail = {0};
	va_list args;

	va_start(args, format);
	text_vformat(&detail, format, args);
	va_end(args);
	text_string(&err.text, "ipctool");
	if (app->command && !app->command->hidden)
		text_format(&err.text, " %s", app->command->name);
	text_string(&err.text, ": ");
	if (what) {
		text_safe(&err.text, what);
		text_string(&err.text, ": ");
	}
	text_safe(&err.text, text_cstr(&detail));
	text_char(&err.text, '\n');
	output_flush(&err); /* where should a failure be told? */
	text_release(&err.text);
	text_release(&detail);
}
