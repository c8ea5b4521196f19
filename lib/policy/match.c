/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a rule match an object? What is not known of an object matches no condition. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define PRINTED_SIZE (4 * 4096 + 1)
#define DIGITS "0123456789"
#define PID_DIGITS 10
#define PID_LAST (4 << 20) /* PID_MAX_LIMIT of the kernel: a larger number is something else, a time for example */

/* ---- what it takes ----------------------------------------------------------------------------------------------- */

static unsigned needs_of(const struct ipc_kind *kind, const char *field)
{
	const struct ipc_field *found = ipc_record_find(kind->cls->record, field);

	return found ? found->needs : 0;
}

static unsigned rule_needs(const struct ipc_rule *rule, const struct ipc_kind *kind)
{
	unsigned needs = 0;
	size_t i;

	if (rule->name_count)
		needs |= needs_of(kind, "name");
	if (rule->key_count)
		needs |= needs_of(kind, "key");
	for (i = 0; i < rule->owner_count; i++)
		needs |= needs_of(kind, rule->owners[i].glob ? "user" : "uid");
	if (rule->min_age != IPC_UNKNOWN_INT || rule->max_age != IPC_UNKNOWN_INT)
		needs |= needs_of(kind, "unused");
	if (rule->min_size != IPC_UNKNOWN || rule->max_size != IPC_UNKNOWN)
		needs |= needs_of(kind, "size");
	return needs;
}

unsigned ipc_policy_needs(const struct ipc_policy *policy, const struct ipc_kind *kind)
{
	size_t i, index = ipc_kind_index(kind);
	unsigned needs = 0;

	for (i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].kinds[index])
			needs |= rule_needs(&policy->rules[i], kind);
	return needs;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool glob_matches(const char *glob, const char *text)
{
	return fnmatch(glob, text, FNM_NOESCAPE) == 0;
}

static void add_pid(struct ipc_pids *pids, int64_t number)
{
	if (pids->count < IPC_PIDS_MAX)
		pids->numbers[pids->count] = number;
	pids->count++;
}

/*
 * The numbers of @printed with what the pattern wants before and behind them. Each is a whole number, never a part of a
 * longer one, and is tried once, so this takes no more than the square of the length.
 */
static bool matches_with_number(const struct ipc_rule_name *name, char *printed, int64_t last, struct ipc_pids *pids)
{
	char *at = printed + name->literal, *end;
	bool matches = false;

	if (at > printed && strchr(DIGITS, at[-1]))
		at += strspn(at, DIGITS);
	for (at += strcspn(at, DIGITS); *at; at = end + strcspn(end, DIGITS)) {
		int64_t number = strtoll(at, NULL, 10);
		char first = *at;
		bool good;

		end = at + strspn(at, DIGITS);
		if (first == '0' || end - at > PID_DIGITS || number > last || !glob_matches(name->tail, end))
			continue;
		*at = '\0';
		good = glob_matches(name->glob, printed);
		*at = first;
		if (good)
			add_pid(pids, number);
		matches |= good;
	}
	return matches;
}

static bool name_matches(const struct ipc_rule_name *name, char *printed, int64_t last, struct ipc_pids *pids)
{
	if (strncmp(name->glob, printed, name->literal) != 0)
		return false;
	return name->has_pid ? matches_with_number(name, printed, last, pids) : glob_matches(name->glob, printed);
}

static bool names_match(const struct ipc_rule *rule, const struct ipc_object *object, struct ipc_pids *pids)
{
	int64_t last = rule->action == IPC_ACTION_REMOVE ? PID_LAST : INT64_MAX;
	char printed[PRINTED_SIZE];
	bool matches = false;
	size_t i;

	if (!rule->name_count)
		return true;
	if (!object->name.data ||
	    ipc_escape(object->name.data, object->name.len, printed, sizeof(printed)) >= sizeof(printed))
		return false;
	for (i = 0; i < rule->name_count; i++) {
		if (!name_matches(&rule->names[i], printed, last, pids))
			continue;
		matches = true;
		if (!rule->names[i].has_pid) {
			pids->count = 0;
			break;
		}
	}
	return matches;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static bool keys_match(const struct ipc_rule *rule, const struct ipc_object *object)
{
	size_t i;

	for (i = 0; i < rule->key_count; i++)
		if (object->key >= rule->keys[i].first && object->key <= rule->keys[i].last)
			return true;
	return !rule->key_count;
}

static bool owner_matches(const struct ipc_rule_owner *owner, const struct ipc_object *object)
{
	char printed[1024];

	if (!owner->glob)
		return object->uid == owner->uid;
	return object->user.data &&
	       ipc_escape(object->user.data, object->user.len, printed, sizeof(printed)) < sizeof(printed) &&
	       glob_matches(owner->glob, printed);
}

static bool owners_match(const struct ipc_rule *rule, const struct ipc_object *object)
{
	size_t i;

	for (i = 0; i < rule->owner_count; i++)
		if (owner_matches(&rule->owners[i], object))
			return true;
	return !rule->owner_count;
}

static bool age_matches(const struct ipc_rule *rule, const struct ipc_object *object)
{
	bool at_least = rule->min_age != IPC_UNKNOWN_INT && rule->action != IPC_ACTION_REMOVE;
	bool less = rule->max_age != IPC_UNKNOWN_INT;

	if ((at_least || less) && object->unused == IPC_UNKNOWN_INT)
		return false;
	return (!at_least || object->unused >= rule->min_age) && (!less || object->unused < rule->max_age);
}

static bool size_matches(const struct ipc_rule *rule, const struct ipc_object *object)
{
	bool at_least = rule->min_size != IPC_UNKNOWN, less = rule->max_size != IPC_UNKNOWN;

	if ((at_least || less) && object->size == IPC_UNKNOWN)
		return false;
	return (!at_least || object->size >= rule->min_size) && (!less || object->size < rule->max_size);
}

bool ipc_rule_matches(const struct ipc_rule *rule, const struct ipc_object *object, struct ipc_pids *pids)
{
	pids->count = 0;
	/* The cheap ones first: there may be many objects. */
	return rule->kinds[ipc_kind_index(object->of_kind)] && keys_match(rule, object) && age_matches(rule, object) &&
	       size_matches(rule, object) && owners_match(rule, object) && names_match(rule, object, pids);
}
