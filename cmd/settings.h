/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of objects as options of a command: made of the library's table, so that each is written once. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include <ipctool/change.h>

#include "codes.h"
#include "options.h"

/* The setting called @name: "mode", "value", "value[3]"; or NULL. */
const struct ipc_setting *settings_find(const char *name);
/* Does any kind take @setting with @verb? */
bool settings_used(const struct ipc_setting *setting, enum ipc_verb verb);

/* Called for the option of each setting that objects can be made with. */
void settings_visit(const char *group, option_visit_fn visit, void *data);
/* A table of the same for popt when @table has OPTIONS_SETTINGS in it, else NULL; the caller's to free(). */
struct poptOption *settings_table(const struct poptOption *table);

/* Settings as they stand on the command line. Zero-initialised is empty. */
struct given_settings {
	struct strings names, texts;
};

void settings_give(struct given_settings *given, const char *name, const char *text);
/* Offer an option to it. */
enum taken settings_take(struct given_settings *given, const struct app *app, int code, const char *argument);
void given_settings_release(struct given_settings *given);
/*
 * Make the library's set of @given; app->ctx is there. @option: messages say "--mode" rather than "mode".
 * CODE_DONE, or the exit code after a message. @out is the caller's.
 */
enum code settings_parse(const struct app *app, const struct given_settings *given, bool option,
			 struct ipc_settings **out);

#endif
