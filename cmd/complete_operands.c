/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion: commands, classes, kinds, live objects, and what can be set of them. */
#include <inttypes.h>
#include <stdlib.h>

#include "complete.h"
#include "settings.h"

#define MOST_REFERENCES 1000

static void offer_commands(struct completion *completion)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			completion_offer(completion, commands[i]->name, commands[i]->summary);
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
			completion_offer(completion, ipc_class_name(cls), ipc_class_help(cls));
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
		completion_offer(completion, text_cstr(&word), ipc_kind_help(kind));
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
		completion_offer(completion, text_cstr(&ref), text_cstr(&description));
		append_spelling(&ref, object, completion->typed);
		if (*text_cstr(&ref))
			completion_offer(completion, text_cstr(&ref), text_cstr(&description));
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
		completion_offer(completion, text_cstr(&word), ipc_class_help(cls));
	}
	while ((kind = ipc_kind_next(kind))) {
		if (!ipc_kind_takes(kind, IPC_VERB_CREATE, settings_find("key")))
			continue; /* only what may have a key may also have no name */
		text_clear(&word);
		text_format(&word, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		completion_offer(completion, text_cstr(&word), ipc_kind_help(kind));
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
			completion_keep(completion, length + 1);
			completion_offer_form(completion, ipc_setting_form(setting));
			break;
		}
		text_clear(&word);
		text_format(&word, "%s=", ipc_setting_name(setting));
		completion_offer(completion, text_cstr(&word), ipc_setting_help(setting));
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

void completion_offer_operands(struct completion *completion)
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
