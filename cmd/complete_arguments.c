/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion: what may follow an option. */
#include <grp.h>
#include <pwd.h>

#include "complete.h"
#include "scope.h"

static void offer_words(struct completion *completion, const struct word *words)
{
	size_t i;

	for (i = 0; words[i].name; i++)
		completion_offer(completion, words[i].name, words[i].help);
}

static void offer_users(struct completion *completion)
{
	const struct passwd *user;

	setpwent();
	while ((user = getpwent()))
		completion_offer(completion, user->pw_name, NULL);
	endpwent();
}

static void offer_groups(struct completion *completion)
{
	const struct group *group;

	setgrent();
	while ((group = getgrent()))
		completion_offer(completion, group->gr_name, NULL);
	endgrent();
}

static void offer_field(void *data, const struct ipc_kind *kind, const struct ipc_field *field)
{
	const struct ipc_field *member;
	struct text name = {0};
	size_t i;

	(void)kind;
	completion_offer(data, ipc_field_name(field), ipc_field_help(field));
	for (i = 0; ipc_field_type(field) == IPC_TYPE_RECORD && (member = ipc_record_field(ipc_field_record(field), i));
	     i++) {
		text_clear(&name);
		text_format(&name, "%s.%s", ipc_field_name(field), ipc_field_name(member));
		completion_offer(data, text_cstr(&name), ipc_field_help(member));
	}
	text_release(&name);
}

static void offer_fields_of_events(struct completion *completion)
{
	const struct ipc_record *record = ipc_kind_record(ipc_event_kind());
	const struct ipc_field *field;
	size_t i;

	for (i = 0; (field = ipc_record_field(record, i)); i++)
		offer_field(completion, ipc_event_kind(), field);
}

static void offer_fields(struct completion *completion)
{
	struct scope scope;

	if (completion->command && completion->command->of_events) {
		offer_fields_of_events(completion);
		return;
	}
	scope_init(&scope, completion->operands, completion->operand_count);
	if (completion->command && command_verb(completion->command) == IPC_VERB_CLEAN)
		scope_for_cleaning(&scope);
	scope_visit(&scope, offer_field, completion);
	scope_release(&scope);
}

/* Of a list with commas the last item is being typed. */
static void keep_list(struct completion *completion, char prefix)
{
	const char *comma = strrchr(completion->typed, ',');

	if (comma)
		completion_keep(completion, (size_t)(comma - completion->typed) + 1);
	if (*completion->typed == prefix)
		completion_keep(completion, 1);
}

/* Of an expression the last name is being typed. */
static void keep_expression(struct completion *completion)
{
	size_t at = strlen(completion->typed);

	while (at && ((completion->typed[at - 1] >= 'a' && completion->typed[at - 1] <= 'z') ||
		      completion->typed[at - 1] == '_' || completion->typed[at - 1] == '.'))
		at--;
	completion_keep(completion, at);
}

#define SIGNALS 128 /* no architecture has more */

static void offer_signals(struct completion *completion)
{
	int i;

	for (i = 1; i <= SIGNALS; i++)
		if (ipc_signal_name(i))
			completion_offer(completion, ipc_signal_name(i), NULL);
}

void completion_offer_form(struct completion *completion, const char *form)
{
	if (!strcmp(form, "NAME|N"))
		offer_signals(completion);
	else if (!strcmp(form, "TYPE"))
		offer_words(completion, socket_words);
	else if (strstr(form, "USER"))
		offer_users(completion);
	else if (strstr(form, "GROUP"))
		offer_groups(completion);
	else if (strstr(form, "FILE"))
		text_string(completion->out, ":files\n");
	else if (strstr(form, "DIR"))
		text_string(completion->out, ":dirs\n");
}

void completion_offer_argument(struct completion *completion, const struct poptOption *option)
{
	switch (option->val) {
	case OPTION_COLOR:
		offer_words(completion, color_words);
		break;
	case OPTION_HOLDERS_FROM:
		offer_words(completion, source_words);
		break;
	case OPTION_TIME_FORMAT:
		offer_words(completion, time_words);
		break;
	case OPTION_STATE:
		keep_list(completion, ',');
		offer_words(completion, state_words);
		break;
	case OPTION_INCLUDE:
		keep_list(completion, ',');
		offer_words(completion, include_words);
		break;
	case OPTION_FORCE:
		offer_words(completion, force_words);
		break;
	case OPTION_CONTENT_FORMAT:
		offer_words(completion, content_words);
		break;
	case OPTION_EVENT_SOURCE:
		offer_words(completion, event_source_words);
		break;
	case OPTION_EVENT_VERB:
		keep_list(completion, ',');
		offer_words(completion, event_verb_words);
		break;
	case OPTION_OUTPUT:
		keep_list(completion, '+');
		offer_fields(completion);
		break;
	case OPTION_SORT:
		keep_list(completion, '-');
		offer_fields(completion);
		break;
	case OPTION_FILTER:
	case OPTION_EVENT_FILTER:
	case OPTION_EVENT_UNTIL:
		keep_expression(completion);
		offer_fields(completion);
		break;
	default:
		if (option->argDescrip)
			completion_offer_form(completion, option->argDescrip);
		break;
	}
}
