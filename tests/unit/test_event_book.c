/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The book of objects that are known while events are watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events/book.h"

#define MANY 5000

static struct ipc_key key_of(unsigned number)
{
	return (struct ipc_key){IPC_SPACE_FILE, 7, number};
}

static struct ipc_bytes bytes(const char *text)
{
	return (struct ipc_bytes){text, strlen(text)};
}

static int count(const struct ipc_known *known, void *data)
{
	(void)known;
	++*(unsigned *)data;
	return 0;
}

static void test_identity(void **state)
{
	struct ipc_book book = {0};
	struct ipc_known *known;
	unsigned i, met = 0;

	(void)state;
	assert_null(ipc_book_find(&book, key_of(1)));
	for (i = 0; i < MANY; i++)
		assert_non_null(ipc_book_add(&book, key_of(i), IPC_RAW_FIFO, 1, IPC_NO_BYTES));
	known = ipc_book_add(&book, key_of(3), IPC_RAW_FIFO, 1, bytes("late"));
	assert_ptr_equal(known, ipc_book_find(&book, key_of(3)));
	assert_null(known->name.data);
	assert_int_equal(book.count, MANY);
	for (i = 0; i < MANY; i += 2)
		ipc_book_remove(&book, ipc_book_find(&book, key_of(i)));
	for (i = 0; i < MANY; i++)
		assert_int_equal(ipc_book_find(&book, key_of(i)) != NULL, i % 2);
	ipc_book_each(&book, count, &met);
	assert_int_equal(met, MANY / 2);
	ipc_book_release(&book);
	assert_int_equal(book.count, 0);
}

/* Whose end was not seen keeps its name; the latest of that name is meant, however much the book has grown since. */
static void test_names(void **state)
{
	struct ipc_book book = {0};
	struct ipc_known *first, *second, *other;
	char name[16];
	unsigned i;

	(void)state;
	assert_null(ipc_book_named(&book, ~0u, 1, bytes("/a")));
	first = ipc_book_add(&book, key_of(1), IPC_RAW_FIFO, 1, bytes("/a"));
	second = ipc_book_add(&book, key_of(2), IPC_RAW_FIFO, 1, bytes("/a"));
	other = ipc_book_add(&book, key_of(3), IPC_RAW_SHM_POSIX, 1, bytes("/a"));
	for (i = 10; i < MANY; i++) {
		snprintf(name, sizeof(name), "/%u", i);
		ipc_book_add(&book, key_of(i), IPC_RAW_FIFO, 1, bytes(name));
	}
	assert_ptr_equal(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, bytes("/a")), second);
	assert_ptr_equal(ipc_book_named(&book, 1u << IPC_RAW_SHM_POSIX, 1, bytes("/a")), other);
	assert_null(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 2, bytes("/a")));
	assert_null(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, IPC_NO_BYTES));
	ipc_book_remove(&book, second);
	assert_ptr_equal(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, bytes("/a")), first);
	assert_int_equal(ipc_book_rename(&book, first, (struct ipc_bytes){"x\0y", 3}), 0);
	assert_null(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, bytes("/a")));
	assert_ptr_equal(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, (struct ipc_bytes){"x\0y", 3}), first);
	assert_int_equal(ipc_book_rename(&book, first, IPC_NO_BYTES), 0);
	assert_null(ipc_book_named(&book, 1u << IPC_RAW_FIFO, 1, (struct ipc_bytes){"x\0y", 3}));
	ipc_book_release(&book);
}

/* A hundred thousand of one name, as connections to one server are: each goes as quickly as the first. */
static void test_one_name(void **state)
{
	struct ipc_book book = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 100000; i++)
		ipc_book_add(&book, key_of(i), IPC_RAW_SOCK_UNIX, 1, bytes("/run/server"));
	for (i = 0; i < 100000; i++)
		ipc_book_remove(&book, ipc_book_find(&book, key_of(i)));
	assert_null(ipc_book_named(&book, ~0u, 1, bytes("/run/server")));
	ipc_book_release(&book);
}

static void test_sweep(void **state)
{
	struct ipc_book book = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < MANY; i++)
		ipc_book_add(&book, key_of(i), i % 2 ? IPC_RAW_FIFO : IPC_RAW_PIPE, 1, IPC_NO_BYTES)->look = i % 4;
	ipc_book_sweep(&book, 1u << IPC_RAW_FIFO, 2);
	for (i = 0; i < MANY; i++)
		assert_int_equal(ipc_book_find(&book, key_of(i)) == NULL, i % 4 == 1);
	ipc_book_sweep(&book, ~0u, 4);
	assert_int_equal(book.count, 0);
	ipc_book_release(&book);
}

/* Those that were removed last are remembered by their System V key, the latest of one identity first. */
static void test_gone(void **state)
{
	struct ipc_book book = {0};
	struct ipc_known *known;
	uint32_t key = 0;
	unsigned i;

	(void)state;
	assert_false(ipc_book_gone_key(&book, key_of(1), &key));
	for (i = 1; i <= 2 * IPC_BOOK_GONE; i++) {
		known = ipc_book_add(&book, key_of(i), IPC_RAW_SHM_SYSV, 1, IPC_NO_BYTES);
		known->has_sysv_key = true;
		known->sysv_key = 100 + i;
		ipc_book_remove(&book, known);
	}
	for (i = 1; i <= 2 * IPC_BOOK_GONE; i++) {
		assert_int_equal(ipc_book_gone_key(&book, key_of(i), &key), i > IPC_BOOK_GONE);
		assert_int_equal(key, i > IPC_BOOK_GONE ? 100 + i : 0);
	}
	known = ipc_book_add(&book, key_of(IPC_BOOK_GONE + 9), IPC_RAW_SHM_SYSV, 1, IPC_NO_BYTES);
	known->has_sysv_key = true;
	known->sysv_key = 7;
	ipc_book_remove(&book, known);
	assert_true(ipc_book_gone_key(&book, key_of(IPC_BOOK_GONE + 9), &key));
	assert_int_equal(key, 7);
	/* What has no key is not remembered. */
	ipc_book_remove(&book, ipc_book_add(&book, key_of(5), IPC_RAW_FIFO, 1, IPC_NO_BYTES));
	assert_false(ipc_book_gone_key(&book, key_of(5), &key));
	ipc_book_release(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity), cmocka_unit_test(test_names), cmocka_unit_test(test_one_name),
		cmocka_unit_test(test_sweep),    cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
