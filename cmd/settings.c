/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of objects as options of a command. */
#include <errno.h>
#include <stdlib.h>

#include "message.h"
#include "settings.h"
#include "suggest.h"

/* Nothing stands here: options_visit() and options_parse() put the options of the settings in its place. */
const struct poptOption settings_options[] = {OPTIONS_END};

const struct ipc_setting *settings_find(const char *name)
{
	const struct ipc_setting *setting = NULL;
	size_t length = strlen(name);

	/* value[3] */
	if (length && name[length - 1] == ']' && !strncmp(name, "value[", strlen("value[")))
		length = strlen("value");
	while ((setting = ipc_setting_next(setting))) {
		const char *known = ipc_setting_name(setting);

		if (strlen(known) == length && !memcmp(known, name, length))
			return setting;
	}
	return NULL;
}

bool settings_used(const struct ipc_setting *setting, enum ipc_verb verb)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (ipc_kind_has(kind, verb, NULL) && ipc_kind_takes(kind, verb, setting))
			return true;
	return false;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static struct poptOption option_of(const struct ipc_setting *setting, int number)
{
	return (struct poptOption)OPTION_WITH(ipc_setting_name(setting), '\0', OPTION_SETTING + number,
					      ipc_setting_help(setting), ipc_setting_form(setting));
}

void settings_visit(const char *group, option_visit_fn visit, void *data)
{
	const struct ipc_setting *setting = NULL;
	struct poptOption option;
	int number;

	for (number = 0; (setting = ipc_setting_next(setting)); number++) {
		if (!settings_used(setting, IPC_VERB_CREATE))
			continue;
		option = option_of(setting, number);
		visit(data, group, &option);
	}
}

struct building {
	struct poptOption *items;
	size_t count;
};

static void build(void *data, const char *group, const struct poptOption *option)
{
	struct building *building = data;

	(void)group;
	building->items[building->count++] = *option;
}

struct poptOption *settings_table(const struct poptOption *table)
{
	const struct ipc_setting *setting = NULL;
	struct building building = {0};
	size_t room = 1; /* and one that ends it */

	while (table->longName || table->shortName || table->arg) {
		if (table->arg == settings_options)
			break;
		table++;
	}
	if (!table->arg)
		return NULL;
	while ((setting = ipc_setting_next(setting)))
		room++;
	building.items = xcalloc(room, sizeof(*building.items));
	settings_visit(NULL, build, &building);
	return building.items;
}

/* ---- what was given ---------------------------------------------------------------------------------------------- */

void settings_give(struct given_settings *given, const char *name, const char *text)
{
	strings_add(&given->names, name);
	strings_add(&given->texts, text);
}

enum taken settings_take(struct given_settings *given, const struct app *app, int code, const char *argument)
{
	const struct ipc_setting *setting = NULL;
	int number;

	(void)app;
	if (code < OPTION_SETTING)
		return TAKEN_OTHER;
	for (number = 0; (setting = ipc_setting_next(setting)); number++) {
		if (code != OPTION_SETTING + number)
			continue;
		settings_give(given, ipc_setting_name(setting), argument);
		return TAKEN;
	}
	return TAKEN_OTHER;
}

void given_settings_release(struct given_settings *given)
{
	strings_release(&given->names);
	strings_release(&given->texts);
}

/* @name is no setting: which are, and which is near. */
static void say_unknown(const struct app *app, const char *name)
{
	const struct ipc_setting *setting = NULL;
	struct text known = {0};
	struct suggestion near;

	suggest_begin(&near, name);
	while ((setting = ipc_setting_next(setting))) {
		if (!settings_used(setting, IPC_VERB_SET))
			continue;
		suggest_offer(&near, ipc_setting_name(setting));
		text_format(&known, "%s%s", known.len ? ", " : "", ipc_setting_name(setting));
	}
	if (suggest_best(&near))
		complain(app, name, "no such setting (did you mean '%s'?)", suggest_best(&near));
	else
		complain(app, name, "no such setting: there are %s", text_cstr(&known));
	text_release(&known);
}

static enum code put(const struct app *app, struct ipc_settings *settings, const char *name, const char *text,
		     bool option)
{
	struct text shown = {0};
	const char *why;
	int error;

	if (!settings_find(name)) {
		say_unknown(app, name);
		return CODE_USAGE;
	}
	error = ipc_settings_put(settings, name, text);
	if (!error)
		return CODE_DONE;
	why = ipc_ctx_error(app->ctx);
	text_format(&shown, "%s%s", option ? "--" : "", name);
	complain(app, text_cstr(&shown), "%s", *why ? why : strerror(-error));
	text_release(&shown);
	return error == -ENOMEM ? CODE_FAILED : CODE_USAGE;
}

enum code settings_parse(const struct app *app, const struct given_settings *given, bool option,
			 struct ipc_settings **out)
{
	struct ipc_settings *settings;
	enum code code = CODE_DONE;
	size_t i;

	if (ipc_settings_new(app->ctx, &settings))
		text_no_memory();
	for (i = 0; i < given->names.count && !code; i++)
		code = put(app, settings, given->names.items[i], given->texts.items[i], option);
	if (code)
		ipc_settings_free(settings);
	else
		*out = settings;
	return code;
}
