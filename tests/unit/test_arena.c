/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arena: alignment, zeroing, marks, large and impossible sizes. */
#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/arena.h"

static void alloc_is_aligned_and_zeroed(void **state)
{
	struct ipc_arena arena = {0};
	char *last = NULL;

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		char *at = ipc_arena_alloc(&arena, size);

		assert_non_null(at);
		assert_ptr_not_equal(at, last);
		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(at[i], 0);
		memset(at, 0xa5, size);
		last = at;
	}
	assert_false(arena.failed);
	ipc_arena_release(&arena);
	assert_null(arena.top);
}

static void rewind_keeps_what_was_before(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_arena_mark empty = ipc_arena_mark(&arena);
	struct ipc_bytes kept = ipc_arena_bytes(&arena, "kept", 4);
	struct ipc_arena_mark mark = ipc_arena_mark(&arena);
	char *first;

	(void)state;
	first = ipc_arena_alloc(&arena, 100);
	memset(first, 0xff, 100);
	for (int i = 0; i < 100; i++)
		assert_non_null(ipc_arena_alloc(&arena, 10000));
	ipc_arena_rewind(&arena, mark);
	assert_string_equal(kept.data, "kept");
	/* The same place again, and zeroed although it was written to. */
	assert_ptr_equal(ipc_arena_alloc(&arena, 100), first);
	assert_int_equal(first[99], 0);
	ipc_arena_rewind(&arena, empty);
	/* All of it is free again; the first block is kept for the next round. */
	assert_ptr_equal(ipc_arena_alloc(&arena, 1), kept.data);
	ipc_arena_release(&arena);
	assert_null(arena.top);
}

static void a_large_first_block_goes(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_arena_mark empty = ipc_arena_mark(&arena);

	(void)state;
	assert_non_null(ipc_arena_alloc(&arena, 5 << 20));
	ipc_arena_rewind(&arena, empty);
	assert_null(arena.top);
}

static void large_blocks(void **state)
{
	struct ipc_arena arena = {0};
	char *large = ipc_arena_alloc(&arena, 5 << 20);

	(void)state;
	assert_non_null(large);
	large[(5 << 20) - 1] = 1;
	assert_non_null(ipc_arena_alloc(&arena, 1));
	assert_false(arena.failed);
	ipc_arena_release(&arena);
}

static void failure_is_remembered(void **state)
{
	struct ipc_arena arena = {0};

	(void)state;
	assert_null(ipc_arena_alloc(&arena, SIZE_MAX));
	assert_true(arena.failed);
	assert_non_null(ipc_arena_alloc(&arena, 1));
	assert_true(arena.failed);
	ipc_arena_release(&arena);
	assert_false(arena.failed);
	assert_null(ipc_arena_bytes(&arena, "x", SIZE_MAX).data);
	assert_true(arena.failed);
	ipc_arena_release(&arena);
}

static void bytes_and_format(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_bytes bytes = ipc_arena_bytes(&arena, "a\0b", 3);

	(void)state;
	assert_int_equal(bytes.len, 3);
	assert_memory_equal(bytes.data, "a\0b", 4);
	bytes = ipc_arena_bytes(&arena, "", 0);
	assert_non_null(bytes.data);
	assert_int_equal(bytes.len, 0);
	assert_null(ipc_arena_bytes(&arena, NULL, 0).data);
	assert_false(arena.failed);
	bytes = ipc_arena_format(&arena, "%d:%s", 12, "x");
	assert_int_equal(bytes.len, 4);
	assert_string_equal(bytes.data, "12:x");
	ipc_arena_release(&arena);
}

/* Texts of many lengths, so that some end exactly with a block and some just do not fit. */
static void formats_across_blocks(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_bytes texts[4000];

	(void)state;
	for (int i = 0; i < 4000; i++)
		texts[i] = ipc_arena_format(&arena, "%0*d", 1 + i % 97, i % 10);
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(texts[i].len, 1 + i % 97);
		assert_int_equal(strlen(texts[i].data), texts[i].len);
		assert_int_equal(texts[i].data[texts[i].len - 1], '0' + i % 10);
	}
	for (int left = 0; left < 40; left++) {
		ipc_arena_release(&arena);
		ipc_arena_alloc(&arena, 1);
		while (ipc_arena_mark(&arena).used < 65000)
			ipc_arena_alloc(&arena, 1);
		texts[0] = ipc_arena_format(&arena, "%0*d", 440 + left, 7);
		texts[1] = ipc_arena_bytes(&arena, "behind", 6);
		assert_int_equal(strlen(texts[0].data), 440 + left);
		assert_string_equal(texts[1].data, "behind");
	}
	ipc_arena_release(&arena);
}

static void copies(void **state)
{
	struct ipc_arena arena = {0};
	char from[100];

	(void)state;
	memset(from, 'x', sizeof(from));
	for (int i = 0; i < 3000; i++) {
		char *at = ipc_arena_copy(&arena, from, sizeof(from));
		struct ipc_bytes text = ipc_arena_bytes(&arena, from, (size_t)i % 40);

		assert_non_null(at);
		assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
		assert_memory_equal(at, from, sizeof(from));
		/* It is terminated though the memory held something else before. */
		assert_int_equal(strlen(text.data), text.len);
		ipc_arena_rewind(&arena, (struct ipc_arena_mark){arena.top, 0});
	}
	assert_null(ipc_arena_copy(&arena, from, SIZE_MAX));
	assert_true(arena.failed);
	ipc_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_is_aligned_and_zeroed), cmocka_unit_test(rewind_keeps_what_was_before),
		cmocka_unit_test(a_large_first_block_goes),    cmocka_unit_test(large_blocks),
		cmocka_unit_test(failure_is_remembered),       cmocka_unit_test(bytes_and_format),
		cmocka_unit_test(formats_across_blocks),       cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
