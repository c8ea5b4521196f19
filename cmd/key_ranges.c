/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V keys that an option chooses. */
#include <stdlib.h>

#include "key_ranges.h"
#include "message.h"

#define PRIVATE "private" /* IPC_PRIVATE, as policy files call it */

/* The key that @text begins with, 0x and up to eight digits; NULL, or what follows it. */
static const char *take_key(const char *text, uint32_t *key)
{
	const char *digits = text + 2;
	size_t length;

	if (strncmp(text, "0x", 2) != 0 && strncmp(text, "0X", 2) != 0)
		return NULL;
	length = strspn(digits, "0123456789abcdefABCDEF");
	if (!length || length > 8)
		return NULL;
	*key = (uint32_t)strtoul(digits, NULL, 16);
	return digits + length;
}

static bool parse(const char *text, struct key_range *range)
{
	const char *rest;

	*range = (struct key_range){0, 0};
	if (!strcmp(text, PRIVATE))
		return true;
	rest = take_key(text, &range->first);
	range->last = range->first;
	if (rest && *rest == '-')
		rest = take_key(rest + 1, &range->last);
	return rest && !*rest;
}

enum taken key_ranges_take(struct key_ranges *ranges, const struct app *app, const char *option, const char *text)
{
	struct key_range range;

	if (!parse(text, &range)) {
		complain(app, option, "'%s' is not of the form 0x5432, 0x5400-0x54ff or " PRIVATE, text);
		return TAKEN_BAD;
	}
	if (!range.first && strcmp(text, PRIVATE) != 0) {
		complain(app, option, "0x0 is IPC_PRIVATE, no key; '" PRIVATE "' means the objects without one");
		return TAKEN_BAD;
	}
	if (range.last < range.first) {
		complain(app, option, "'%s' ends before it begins", text);
		return TAKEN_BAD;
	}
	ranges->items = xrealloc(ranges->items, (ranges->count + 1) * sizeof(*ranges->items));
	ranges->items[ranges->count++] = range;
	return TAKEN;
}

bool key_ranges_concern(const struct scope *scope)
{
	const struct ipc_setting *setting = NULL;
	size_t i;

	while ((setting = ipc_setting_next(setting)) && strcmp(ipc_setting_name(setting), "key") != 0)
		;
	for (i = 0; setting && i < scope->count; i++)
		if (ipc_kind_takes(scope->kinds[i], IPC_VERB_CREATE, setting))
			return true;
	return false;
}

enum code key_ranges_filter(const struct key_ranges *ranges, const struct app *app, struct ipc_query *query)
{
	struct text condition = {0};
	int error;
	size_t i;

	if (!ranges->count)
		return CODE_DONE;
	for (i = 0; i < ranges->count; i++)
		text_format(&condition, "%s(key >= 0x%08x and key <= 0x%08x)", i ? " or " : "",
			    (unsigned)ranges->items[i].first, (unsigned)ranges->items[i].last);
	error = ipc_query_filter(query, text_cstr(&condition));
	text_release(&condition);
	if (error)
		complain(app, "--key", "%s", ipc_ctx_error(app->ctx));
	return error ? code_of_errno(-error) : CODE_DONE;
}

void key_ranges_release(struct key_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct key_ranges){0};
}
