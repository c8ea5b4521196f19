/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as a policy file. What is refused has faults with a place in the text and a reason, and leaves no
 * rule behind; each rule that is taken has an action and states that fit it, and can be matched with an object.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ipc_ctx *ctx; /* one for all inputs: making it looks at the whole host */

static unsigned count_lines(const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

static void check_faults(const struct ipc_policy *policy, unsigned lines)
{
	struct ipc_policy_fault fault, before = {0};

	for (size_t i = 0; ipc_policy_fault(policy, i, &fault); i++) {
		if (!fault.line || fault.line > lines || !fault.column || fault.column > 198 || !*fault.why)
			abort();
		if (strpbrk(fault.why, "\n\r") || strcmp(fault.file, "fuzz") != 0)
			abort();
		if (fault.line < before.line || (fault.line == before.line && fault.column < before.column))
			abort();
		before = fault;
	}
}

static void match(const struct ipc_rule *rule, const struct ipc_kind *kind, const char *name)
{
	struct ipc_object object;
	struct ipc_pids pids;
	size_t i;

	ipc_record_init(&ipc_object_record, &object);
	object.of_kind = kind;
	object.name = ipc_bytes_of(name);
	object.user = IPC_BYTES("user");
	object.uid = 1000;
	object.key = 0x5432;
	object.unused = INT64_C(3600000000000);
	object.size = 4096;
	if (ipc_rule_matches(rule, &object, &pids) && pids.count && !strstr(name, "77"))
		abort();
	for (i = 0; i < pids.count && i < IPC_PIDS_MAX; i++)
		if (pids.numbers[i] < 1 || (rule->action == IPC_ACTION_REMOVE && pids.numbers[i] > 1 << 22))
			abort();
}

static void check_rule(const struct ipc_rule *rule)
{
	unsigned in_use = 1u << IPC_STATE_HELD | 1u << IPC_STATE_UNKNOWN;

	if (!rule->name || !*rule->name || !rule->states || rule->faulty)
		abort();
	if (rule->action == IPC_ACTION_REMOVE && rule->states & in_use)
		abort();
	if (rule->action == IPC_ACTION_REMOVE && rule->states != 1u << IPC_STATE_ORPHAN && !rule->name_count &&
	    !rule->key_count && !rule->owner_count)
		abort();
	for (size_t i = 0; i < ipc_kind_count(); i++) {
		match(rule, ipc_kind_at(i), "/a_77_b");
		match(rule, ipc_kind_at(i), "/x7770000000-077_a_77");
		match(rule, ipc_kind_at(i), NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_policy *policy;
	struct ipc_policy_rule rule;
	int r;

	if (!ipc_policy_built())
		return 0;
	if ((!ctx && ipc_ctx_new(&ctx)) || ipc_policy_new(ctx, &policy))
		abort();
	r = ipc_policy_parse(policy, "fuzz", (const char *)data, size);
	check_faults(policy, count_lines(data, size));
	if (r == -EINVAL) {
		if (!policy->fault_count || ipc_policy_rule(policy, 0, &rule))
			abort();
	} else if (r == 0) {
		if (policy->fault_count)
			abort();
		for (size_t i = 0; i < policy->rule_count; i++)
			check_rule(&policy->rules[i]);
	} else if (r != -ENOMEM) {
		abort();
	}
	ipc_policy_free(policy);
	return 0;
}
