/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operands of a command name: objects, or classes, which for removals a selection has to limit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "message.h"
#include "selection.h"

/* A class or kind rather than a reference. */
static bool is_word(const char *operand)
{
	return !strchr(operand, ':') && *operand != '/' && *operand != '.';
}

/* Does something limit a class? --scan and the namespaces widen it. */
static bool is_limited(const struct selection *selection)
{
	return selection->owners.count || selection->states.count || selection->matches.count ||
	       selection->filters.count || selection->holder || selection->older_than || selection->larger_than;
}

static bool is_called(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && !memcmp(name, text, length);
}

bool chosen_has(const struct chosen *chosen, const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < chosen->kind_count; i++)
		if (chosen->kinds[i] == kind)
			return true;
	return false;
}

static void select_kind(struct chosen *chosen, const struct ipc_kind *kind)
{
	if (chosen_has(chosen, kind))
		return;
	chosen->kinds = xrealloc(chosen->kinds, (chosen->kind_count + 1) * sizeof(*chosen->kinds));
	chosen->kinds[chosen->kind_count++] = kind;
}

/* Those kinds of the class or kind @word that have the verb; false after a message when there are none. */
static bool select_word(struct chosen *chosen, const struct app *app, const char *word)
{
	size_t length = strcspn(word, "/"), matching = 0, selected = 0;
	const struct ipc_kind *kind = NULL;
	const char *why = NULL, *first = NULL;

	while ((kind = ipc_kind_next(kind))) {
		if (!is_called(ipc_class_name(ipc_kind_class(kind)), word, length) ||
		    (word[length] && strcmp(ipc_kind_name(kind), word + length + 1) != 0))
			continue;
		matching++;
		if (ipc_kind_has(kind, chosen->verb, &why)) {
			select_kind(chosen, kind);
			selected++;
		} else if (!first) {
			first = why;
		}
	}
	if (matching && !selected)
		complain(app, word, "%s", first);
	return selected;
}

static bool is_known(const char *word)
{
	size_t length = strcspn(word, "/");
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (is_called(ipc_class_name(ipc_kind_class(kind)), word, length) &&
		    (!word[length] || !strcmp(ipc_kind_name(kind), word + length + 1)))
			return true;
	return false;
}

static bool check_words(const struct app *app, const struct operands *operands, const struct selection *selection)
{
	bool words = false;
	int i;

	for (i = 0; i < operands->count; i++) {
		const char *operand = operands->items[i];

		if (!is_word(operand))
			continue;
		words = true;
		if (!is_known(operand) || selection->all || is_limited(selection))
			continue;
		complain(app, operand, "say which of them, as with --state=orphan or --owner=USER, or --all for all");
		return false;
	}
	if (selection->all && !words) {
		complain(app, "--all", "goes with a class, as in 'remove --all mq'");
		return false;
	}
	return true;
}

bool chosen_take(struct chosen *chosen, const struct app *app, const struct operands *operands,
		 const struct selection *selection)
{
	int i;

	if (!operands->count) {
		complain(app, NULL, "which objects? Name a reference, or a class%s",
			 chosen->verb == IPC_VERB_REMOVE ? " with a selection" : "");
		return false;
	}
	if (chosen->verb == IPC_VERB_REMOVE && !check_words(app, operands, selection))
		return false;
	chosen->references = xcalloc((size_t)operands->count, sizeof(*chosen->references));
	for (i = 0; i < operands->count; i++) {
		const char *operand = operands->items[i];

		if (!is_word(operand) || !is_known(operand))
			chosen->references[chosen->reference_count++] =
				operand; /* the library knows what is wrong with it */
		else if (!select_word(chosen, app, operand))
			return false;
	}
	return true;
}

enum code chosen_query(const struct chosen *chosen, const struct selection *selection, struct app *app,
		       struct ipc_query **out)
{
	enum code code = selection_query(selection, app, chosen->references, chosen->reference_count, out);
	const char *why;
	size_t i;
	int error = 0;

	for (i = 0; !code && !error && i < chosen->kind_count; i++)
		error = ipc_query_add_kind(*out, chosen->kinds[i]);
	if (!error)
		return code;
	why = ipc_ctx_error(app->ctx);
	complain(app, NULL, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

void chosen_release(struct chosen *chosen)
{
	free(chosen->references);
	free(chosen->kinds);
	*chosen = (struct chosen){0};
}
