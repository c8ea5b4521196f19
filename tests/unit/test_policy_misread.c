/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inih can be built to read some things in another way, and its versions differ. Here is one that does: whatever it does with a
 * line, no rule comes of it that nobody wrote.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ini.h>

#include "policy/policy.h"

static const char text[] = "[a]\naction = protect\nname = /x\n  /y\n";

enum way { READS_WELL, SEES_NOTHING, CUTS_VALUES, MIXES_RULES, HAS_NO_ROOM, TELLS_TWICE, REFUSES, FAILS };

static enum way way;

static int tell(ini_handler handler, void *user, const char *section, const char *key, const char *value)
{
#if INI_HANDLER_LINENO
	return handler(user, section, key, value, 1);
#else
	return handler(user, section, key, value);
#endif
}

/* Takes the place of the library's: it knows the text above, and no other. */
int ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user)
{
	static const char *const keys[] = {NULL, "action", "name", "name"};
	static const char *const values[] = {NULL, "protect", "/x", "/y"};
	char line[200], value[16];
	int size = way == HAS_NO_ROOM ? 8 : sizeof(line);

	for (size_t i = 0; reader(line, size, stream); i++) {
		if (!keys[i] || way == SEES_NOTHING)
			continue;
		snprintf(value, sizeof(value), "%s", values[i]);
		if (way == CUTS_VALUES)
			value[strlen(value) - 1] = '\0';
		tell(handler, user, way == MIXES_RULES ? "b" : "a", keys[i], value);
		if (way == TELLS_TWICE)
			tell(handler, user, "a", keys[i], value);
	}
	return way == REFUSES ? 3 : way == FAILS ? -2 : 0;
}

static void whatever_it_does(void **state)
{
	static const char misread[] = "the INI library of this host reads this line in another way than it is meant";
	struct ipc_policy_fault fault;
	struct ipc_policy_rule rule;
	struct ipc_policy *policy;
	struct ipc_ctx *ctx;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	for (way = READS_WELL; way <= FAILS; way++) {
		int r;

		assert_int_equal(ipc_policy_new(ctx, &policy), 0);
		r = ipc_policy_parse(policy, "f", text, sizeof(text) - 1);
		assert_int_equal(r, way == READS_WELL ? 0 : way == FAILS ? -ENOMEM : -EINVAL);
		assert_int_equal(ipc_policy_rule(policy, 0, &rule), way == READS_WELL);
		if (r == -EINVAL) {
			assert_true(ipc_policy_fault(policy, 0, &fault));
			if (way == REFUSES)
				assert_string_equal(fault.why, "the INI library of this host refuses this line");
			else if (strcmp(fault.why, misread) != 0)
				assert_true(ipc_policy_fault(policy, 1, &fault) && !strcmp(fault.why, misread));
		}
		ipc_policy_free(policy);
	}
	ipc_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_it_does)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
