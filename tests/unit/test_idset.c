/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of numbers: neighbours, far apart ones, the edges, growing, and taking out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/idset.h"

#define MANY 20000

/* In order, scattered, and all in one block of what would be its hash. */
static uint64_t number(unsigned way, uint64_t i)
{
	switch (way) {
	case 0:
		return i;
	case 1:
		return i * 0x9e3779b97f4a7c15u;
	case 2:
		return i << 32;
	default:
		return UINT64_MAX - i;
	}
}

static void holds_what_was_added(void **state)
{
	unsigned way;
	uint64_t i;

	(void)state;
	for (way = 0; way < 4; way++) {
		struct ipc_idset set = {0};

		assert_false(ipc_idset_has(&set, 0));
		for (i = 0; i < MANY; i += 2)
			assert_int_equal(ipc_idset_add(&set, number(way, i)), 1);
		assert_int_equal(set.count, MANY / 2);
		for (i = 0; i < MANY; i++)
			assert_int_equal(ipc_idset_has(&set, number(way, i)), i % 2 == 0);
		for (i = 0; i < MANY; i++)
			assert_int_equal(ipc_idset_add(&set, number(way, i)), i % 2);
		assert_int_equal(set.count, MANY);
		ipc_idset_release(&set);
		assert_int_equal(set.count, 0);
	}
}

/* Numbers that follow each other are what it is for. */
static void neighbours_share_room(void **state)
{
	struct ipc_idset set = {0};
	uint64_t i;

	(void)state;
	for (i = 0; i < 64000; i++)
		assert_int_equal(ipc_idset_add(&set, 1000000 + i), 1);
	assert_true(set.used <= 1001);
	ipc_idset_release(&set);
}

static void gives_each_once(void **state)
{
	struct ipc_idset set = {0}, seen = {0};
	uint64_t i, id;

	(void)state;
	assert_false(ipc_idset_take(&set, &id));
	for (i = 0; i < MANY; i++)
		ipc_idset_add(&set, number(i % 3, i));
	for (i = set.count; i > 0; i--) {
		assert_true(ipc_idset_take(&set, &id));
		assert_int_equal(ipc_idset_add(&seen, id), 1);
	}
	assert_false(ipc_idset_take(&set, &id));
	for (i = 0; i < MANY; i++)
		assert_true(ipc_idset_has(&seen, number(i % 3, i)));
	ipc_idset_release(&set);
	ipc_idset_release(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_was_added),
		cmocka_unit_test(neighbours_share_room),
		cmocka_unit_test(gives_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
