/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One rule as a whole: what is assumed where it says nothing, and what does not go together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define NOT_PROVEN (1u << IPC_STATE_SUSPECT | 1u << IPC_STATE_IDLE)
#define ALL_STATES (1u << IPC_STATE_HELD | 1u << IPC_STATE_UNKNOWN | 1u << IPC_STATE_ORPHAN | NOT_PROVEN)

int ipc_rule_init(struct ipc_rule *rule, const char *name, const char *file, unsigned line)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	*rule = (struct ipc_rule){
		.name = copy,
		.file = file,
		.line = line,
		.min_age = IPC_UNKNOWN_INT,
		.max_age = IPC_UNKNOWN_INT,
		.min_size = IPC_UNKNOWN,
		.max_size = IPC_UNKNOWN,
	};
	return 0;
}

void ipc_rule_release(struct ipc_rule *rule)
{
	while (rule->name_count)
		free(rule->names[--rule->name_count].glob);
	while (rule->owner_count)
		free(rule->owners[--rule->owner_count].glob);
	free(rule->names);
	free(rule->keys);
	free(rule->owners);
	free(rule->name);
	*rule = (struct ipc_rule){0};
}

bool ipc_rule_was_given(const struct ipc_rule *rule, enum ipc_rule_given key)
{
	return rule->given & 1u << key;
}

static bool is_sysv(const struct ipc_kind *kind)
{
	return strcmp(kind->name, "sysv") == 0;
}

/* System V objects have keys, all others names. False: no kind is left. */
static bool settle_kinds(struct ipc_rule *rule)
{
	bool any = false;
	size_t i;

	for (i = 0; i < ipc_kind_count(); i++) {
		const struct ipc_kind *kind = ipc_kind_at(i);

		rule->kinds[i] = kind->waste && (rule->kinds[i] || !ipc_rule_was_given(rule, IPC_GIVEN_KIND)) &&
				 (rule->classes[i] || !ipc_rule_was_given(rule, IPC_GIVEN_CLASS)) &&
				 (!is_sysv(kind) || !ipc_rule_was_given(rule, IPC_GIVEN_NAME)) &&
				 (is_sysv(kind) || !ipc_rule_was_given(rule, IPC_GIVEN_KEY));
		any |= rule->kinds[i];
	}
	return any;
}

/* A semaphore's file is no name of it: whoever writes that protects nothing. */
static bool names_file_of_semaphore(const struct ipc_rule *rule)
{
	bool semaphores = false;
	size_t i;

	for (i = 0; i < ipc_kind_count(); i++)
		semaphores |= rule->kinds[i] && ipc_kind_at(i)->cls == &ipc_class_sem;
	for (i = 0; semaphores && i < rule->name_count; i++)
		if (strncmp(rule->names[i].glob, "/sem.", 5) == 0)
			return true;
	return false;
}

/* Is there anything to say whose, or which, are meant? */
static bool is_limited(const struct ipc_rule *rule)
{
	bool limited = rule->key_count > 0;
	size_t i;

	for (i = 0; i < rule->name_count; i++)
		limited |= !ipc_rule_name_is_all(&rule->names[i]);
	for (i = 0; i < rule->owner_count; i++)
		limited |= !rule->owners[i].glob || rule->owners[i].glob[strspn(rule->owners[i].glob, "*?")];
	return limited;
}

static const char *disagreement(const struct ipc_rule *rule)
{
	if (!ipc_rule_was_given(rule, IPC_GIVEN_ACTION))
		return "a rule without an action: remove, report or protect";
	if (rule->action == IPC_ACTION_REMOVE && rule->states & NOT_PROVEN && !is_limited(rule))
		return "too broad: a rule that removes what is suspect or idle says whose or which, by owner, name or key";
	if (rule->min_age != IPC_UNKNOWN_INT && rule->max_age != IPC_UNKNOWN_INT && rule->min_age >= rule->max_age)
		return "no age is of both sides";
	if (rule->min_size != IPC_UNKNOWN && rule->max_size != IPC_UNKNOWN && rule->min_size >= rule->max_size)
		return "no size is of both sides";
	if (names_file_of_semaphore(rule))
		return "a semaphore is called as by sem_open(3), '/x' and not '/sem.x'; name other classes if such are meant";
	return NULL;
}

int ipc_rule_finish(struct ipc_rule *rule, struct ipc_buf *why)
{
	bool possible = settle_kinds(rule);
	const char *wrong = disagreement(rule);

	/* What was put badly makes no second fault of what is missing then. */
	if (rule->faulty && ipc_rule_was_given(rule, IPC_GIVEN_ACTION))
		return 0;
	if (!wrong && !possible)
		wrong = "nothing is of this class and kind, and has all that is asked for: names are of what is not System V, "
			"keys of what is";
	if (wrong)
		return ipc_buf_append(why, wrong, strlen(wrong)) ? -ENOMEM : -EINVAL;
	if (!rule->states)
		rule->states = rule->action == IPC_ACTION_REMOVE ? 1u << IPC_STATE_ORPHAN : ALL_STATES;
	return 0;
}
