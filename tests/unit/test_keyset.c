/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of keys: what was added is in it, once, and listed; nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/keyset.h"

#define MANY 5000

static struct ipc_key key(uint64_t i)
{
	return (struct ipc_key){IPC_SPACE_FILE + i % 3, i / 3 % 7, i};
}

static void holds_what_was_added(void **state)
{
	struct ipc_keyset set = {0};
	struct ipc_key *list;
	bool met[MANY] = {false};
	size_t i;

	(void)state;
	assert_false(ipc_keyset_has(&set, key(1)));
	assert_null(ipc_keyset_list(&set));
	for (i = 0; i < MANY; i += 2)
		assert_int_equal(ipc_keyset_add(&set, key(i)), 1);
	for (i = 0; i < MANY; i++) {
		struct ipc_key other = key(i);

		assert_int_equal(ipc_keyset_has(&set, other), i % 2 == 0);
		other.device += 7;
		assert_false(ipc_keyset_has(&set, other));
	}
	assert_int_equal(ipc_keyset_add(&set, key(0)), 0);
	assert_int_equal(set.count, MANY / 2);
	list = ipc_keyset_list(&set);
	assert_non_null(list);
	for (i = 0; i < set.count; i++) {
		assert_true(ipc_keyset_has(&set, list[i]));
		assert_false(met[list[i].inode]);
		met[list[i].inode] = true;
	}
	free(list);
	ipc_keyset_release(&set);
	assert_int_equal(set.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
