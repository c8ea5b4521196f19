/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte strings: the escape and its inverse, comparison, the growing buffer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/bytes.h"

static void escape_every_byte(void **state)
{
	char text[8];

	(void)state;
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		char expect[8];

		if (c >= 0x20 && c <= 0x7e && c != '\\')
			snprintf(expect, sizeof(expect), "%c", c);
		else
			snprintf(expect, sizeof(expect), "\\x%02x", c);
		assert_int_equal(ipc_escape(&byte, 1, text, sizeof(text)), strlen(expect));
		assert_string_equal(text, expect);
	}
}

static void escape_cuts_like_snprintf(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(ipc_escape("ab\ncd", 5, NULL, 0), 8);
	assert_int_equal(ipc_escape("ab\ncd", 5, text, 8), 8);
	assert_string_equal(text, "ab\\x0ac");
	/* No half escape, and nothing that followed it. */
	assert_int_equal(ipc_escape("ab\ncd", 5, text, 6), 8);
	assert_string_equal(text, "ab");
	assert_int_equal(ipc_escape("ab", 2, text, 1), 2);
	assert_string_equal(text, "");
	assert_int_equal(ipc_escape(NULL, 0, text, 8), 0);
	assert_string_equal(text, "");
}

static void unescape_is_the_inverse(void **state)
{
	struct ipc_buf out = {0};
	char all[256], text[1100];
	size_t len, bad = 99;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	len = ipc_escape(all, 256, text, sizeof(text));
	assert_true(len < sizeof(text));
	assert_int_equal(ipc_unescape(text, len, &out, &bad), 0);
	assert_int_equal(out.len, 256);
	assert_memory_equal(out.data, all, 256);
	ipc_buf_clear(&out);
	assert_int_equal(ipc_unescape("\\x4A\\x4b", 8, &out, &bad), 0);
	assert_string_equal(out.data, "JK");
	ipc_buf_release(&out);
}

static void unescape_refuses(void **state)
{
	static const struct {
		const char *text;
		size_t bad;
	} cases[] = {
		{"\\", 0},    {"ab\\", 2},  {"a\\n", 1}, {"\\x", 0},     {"\\x4", 0},
		{"\\x4g", 0}, {"\\X41", 0}, {"\\\\", 0}, {"\\x41\\", 4},
	};
	struct ipc_buf out = {0};

	(void)state;
	assert_int_equal(ipc_buf_append(&out, "kept", 4), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t bad = 99;

		assert_int_equal(ipc_unescape(cases[i].text, strlen(cases[i].text), &out, &bad), -EINVAL);
		assert_int_equal(bad, cases[i].bad);
		assert_string_equal(out.data, "kept");
		assert_int_equal(out.len, 4);
	}
	ipc_buf_release(&out);
}

static void compare(void **state)
{
	(void)state;
	assert_true(ipc_bytes_equal(IPC_NO_BYTES, IPC_NO_BYTES));
	assert_false(ipc_bytes_equal(IPC_NO_BYTES, IPC_BYTES("")));
	assert_true(ipc_bytes_equal(IPC_BYTES("a\0b"), IPC_BYTES("a\0b")));
	assert_false(ipc_bytes_equal(IPC_BYTES("a\0b"), IPC_BYTES("a\0c")));
	assert_true(ipc_bytes_compare(IPC_NO_BYTES, IPC_BYTES("")) < 0);
	assert_true(ipc_bytes_compare(IPC_BYTES("a"), IPC_BYTES("ab")) < 0);
	assert_true(ipc_bytes_compare(IPC_BYTES("b"), IPC_BYTES("ab")) > 0);
	assert_true(ipc_bytes_compare(IPC_BYTES("\xff"), IPC_BYTES("a")) > 0);
	assert_true(ipc_bytes_starts(IPC_BYTES("/dev/shm"), "/dev"));
	assert_false(ipc_bytes_starts(IPC_BYTES("/d"), "/dev"));
	assert_false(ipc_bytes_starts(IPC_NO_BYTES, ""));
	assert_true(ipc_bytes_ends(IPC_BYTES("x (deleted)"), " (deleted)"));
	assert_false(ipc_bytes_ends(IPC_BYTES("ed)"), " (deleted)"));
	assert_null(ipc_bytes_of(NULL).data);
	assert_int_equal(ipc_bytes_of("abc").len, 3);
}

static void buffer_grows(void **state)
{
	struct ipc_buf buf = {0};

	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_int_equal(ipc_buf_format(&buf, "%04d", i), 0);
	assert_int_equal(buf.len, 40000);
	assert_int_equal(strlen(buf.data), 40000);
	assert_memory_equal(buf.data + 4 * 1234, "1234", 4);
	assert_int_equal(ipc_buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	assert_int_equal(ipc_buf_reserve(&buf, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(buf.len, 40000);
	ipc_buf_clear(&buf);
	assert_string_equal(buf.data, "");
	assert_int_equal(ipc_buf_escape(&buf, IPC_BYTES("a\tb")), 0);
	assert_string_equal(buf.data, "a\\x09b");
	assert_int_equal(ipc_buf_append(&buf, NULL, 0), 0);
	ipc_buf_release(&buf);
	assert_null(buf.data);
}

static void hash_spreads(void **state)
{
	unsigned char seen[1 << 13] = {0};
	size_t used = 0;

	(void)state;
	for (uint32_t i = 0; i < 4096; i++) {
		uint64_t hash = ipc_hash(&i, sizeof(i));

		used += !seen[hash & 8191];
		seen[hash & 8191] = 1;
	}
	/* 4096 balls into 8192 bins fill about 3223 of them. */
	assert_in_range(used, 3100, 3350);
	assert_true(ipc_hash("ab", 2) != ipc_hash("ba", 2));
	assert_true(ipc_hash("ab", 2) == ipc_hash("abc", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape_every_byte),
		cmocka_unit_test(escape_cuts_like_snprintf),
		cmocka_unit_test(unescape_is_the_inverse),
		cmocka_unit_test(unescape_refuses),
		cmocka_unit_test(compare),
		cmocka_unit_test(buffer_grows),
		cmocka_unit_test(hash_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
