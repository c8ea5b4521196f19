/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy: files read, their rules in order, and what is wrong in them. */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"

static const char *const actions[] = {
	[IPC_ACTION_REMOVE] = "remove",
	[IPC_ACTION_REPORT] = "report",
	[IPC_ACTION_PROTECT] = "protect",
};

const char *ipc_action_name(enum ipc_action action)
{
	return actions[action];
}

int ipc_policy_new(struct ipc_ctx *ctx, struct ipc_policy **out)
{
	struct ipc_policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	policy->ctx = ipc_ctx_ref(ctx);
	*out = policy;
	return 0;
}

struct ipc_policy *ipc_policy_free(struct ipc_policy *policy)
{
	size_t i;

	if (!policy)
		return NULL;
	for (i = 0; i < policy->rule_count; i++)
		ipc_rule_release(&policy->rules[i]);
	for (i = 0; i < policy->fault_count; i++)
		free((char *)policy->faults[i].why);
	for (i = 0; i < policy->file_count; i++)
		free(policy->files[i]);
	free(policy->rules);
	free(policy->faults);
	free(policy->files);
	ipc_ctx_unref(policy->ctx);
	free(policy);
	return NULL;
}

void *ipc_policy_make_room(void *items, size_t count, size_t size)
{
	/* Every power of two is full. */
	return count & (count - 1) ? items : reallocarray(items, count ? 2 * count : 1, size);
}

int ipc_policy_add(struct ipc_policy *policy, struct ipc_rule *rule)
{
	struct ipc_rule *rules = ipc_policy_make_room(policy->rules, policy->rule_count, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	policy->rules = rules;
	policy->rules[policy->rule_count++] = *rule;
	*rule = (struct ipc_rule){0};
	return 0;
}

int ipc_policy_add_fault(struct ipc_policy *policy, const char *file, unsigned line, unsigned column, const char *why)
{
	struct ipc_policy_fault *faults = ipc_policy_make_room(policy->faults, policy->fault_count, sizeof(*faults));
	char *copy;

	if (!faults)
		return -ENOMEM;
	policy->faults = faults;
	copy = strdup(why);
	if (!copy)
		return -ENOMEM;
	policy->faults[policy->fault_count++] = (struct ipc_policy_fault){file, line, column, copy};
	return 0;
}

int ipc_policy_add_file(struct ipc_policy *policy, const char *path, const char **out)
{
	char *copy, **files = ipc_policy_make_room(policy->files, policy->file_count, sizeof(*files));

	if (!files)
		return -ENOMEM;
	policy->files = files;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	policy->files[policy->file_count++] = copy;
	*out = copy;
	return 0;
}

bool ipc_policy_fault(const struct ipc_policy *policy, size_t index, struct ipc_policy_fault *out)
{
	if (index >= policy->fault_count)
		return false;
	*out = policy->faults[index];
	return true;
}

bool ipc_policy_rule(const struct ipc_policy *policy, size_t index, struct ipc_policy_rule *out)
{
	const struct ipc_rule *rule = policy->rules + index;

	if (index >= policy->rule_count)
		return false;
	*out = (struct ipc_policy_rule){rule->name, rule->file, rule->line, rule->action};
	return true;
}

size_t ipc_policy_files(const struct ipc_policy *policy)
{
	return policy->file_count;
}
