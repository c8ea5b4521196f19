/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean", and how several exit codes become one: cmd/suggest.c, cmd/codes.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../cmd/codes.h"
#include "../../cmd/suggest.h"

static const char *nearest(const char *typed)
{
	static const char *const words[] = {"list", "show", "remove", "receive", "max_messages", NULL};
	struct suggestion near;
	size_t i;

	suggest_begin(&near, typed);
	for (i = 0; words[i]; i++)
		suggest_offer(&near, words[i]);
	return suggest_best(&near);
}

static void test_suggest(void **state)
{
	char longest[4096];

	(void)state;
	assert_string_equal(nearest("lsit"), "list");
	assert_string_equal(nearest("LIST"), "list");
	assert_string_equal(nearest("recieve"), "receive");
	assert_string_equal(nearest("max"), "max_messages");
	assert_null(nearest("zzz"));
	assert_null(nearest(""));
	memset(longest, 'l', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(longest));
}

static void test_join(void **state)
{
	(void)state;
	assert_int_equal(code_join(CODE_DONE, CODE_DONE), CODE_DONE);
	assert_int_equal(code_join(CODE_DONE, CODE_MISSING), CODE_MISSING);
	assert_int_equal(code_join(CODE_MISSING, CODE_DONE), CODE_MISSING);
	assert_int_equal(code_join(CODE_MISSING, CODE_MISSING), CODE_MISSING);
	assert_int_equal(code_join(CODE_MISSING, CODE_USAGE), CODE_PARTIAL);
	assert_int_equal(code_join(CODE_PARTIAL, CODE_MISSING), CODE_PARTIAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
