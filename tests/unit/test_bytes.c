/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte strings: the escape and its inverse, comparison, the growing buffer. */
#include <errno.h>
#include <inttypes.h>
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

/* What ipc_escape() promises, in the plainest way. */
static size_t escape_slowly(const char *data, size_t len, char *out, size_t size)
{
	size_t need = 0, end = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		char one[5];
		int n = c < ' ' || c > '~' || c == '\\' ? snprintf(one, sizeof(one), "\\x%02x", c)
							: snprintf(one, sizeof(one), "%c", c);

		if (end == need && need + (size_t)n < size) {
			memcpy(out + end, one, (size_t)n);
			end += (size_t)n;
		}
		need += (size_t)n;
	}
	if (size)
		out[end] = '\0';
	return need;
}

static void assert_escape(const char *data, size_t len, size_t size)
{
	char fast[200], slow[200];

	memset(fast, '#', sizeof(fast));
	memset(slow, '#', sizeof(slow));
	assert_int_equal(ipc_escape(data, len, fast, size), escape_slowly(data, len, slow, size));
	assert_int_equal(ipc_escape(data, len, NULL, 0), escape_slowly(data, len, slow, 0));
	if (size)
		assert_string_equal(fast, slow);
	/* nothing behind what it was given */
	for (size_t i = size; i < sizeof(fast); i++)
		assert_int_equal(fast[i], '#');
}

/* Pieces of several bytes are looked at together: each byte at each place, alone and beside others. */
static void escape_in_pieces(void **state)
{
	char data[40];

	(void)state;
	for (size_t len = 1; len <= 25; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				for (size_t i = 0; i < len; i++)
					data[i] = (char)(' ' + (i * 7 + len) % 60);
				data[at] = (char)c;
				assert_escape(data, len, 4 * len + 1);
			}
		}
	}
	srandom(1);
	for (int round = 0; round < 50000; round++) {
		size_t len = (size_t)random() % sizeof(data);
		bool mixed = random() % 2;

		for (size_t i = 0; i < len; i++)
			data[i] = (char)(mixed || random() % 50 == 0 ? random() % 256 : ' ' + random() % 60);
		assert_escape(data, len, (size_t)random() % 3 ? 4 * len + 1 : (size_t)random() % (4 * len + 2));
	}
}

static void assert_number(uint64_t number)
{
	char fast[64], slow[64];

	memset(fast, '#', sizeof(fast));
	*ipc_put_uint(fast, number) = '\0';
	snprintf(slow, sizeof(slow), "%" PRIu64, number);
	assert_string_equal(fast, slow);
	*ipc_put_int(fast, (int64_t)number) = '\0';
	snprintf(slow, sizeof(slow), "%" PRId64, (int64_t)number);
	assert_string_equal(fast, slow);
	for (unsigned digits = 1; digits <= 16; digits++) {
		*ipc_put_hex(fast, number, digits) = '\0';
		snprintf(slow, sizeof(slow), "0x%0*" PRIx64, (int)digits, number);
		assert_string_equal(fast, slow);
	}
}

static void numbers(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (uint64_t i = 0; i < 1100; i++)
		assert_number(i);
	for (int i = 0; i < 20; i++, power *= 10) {
		assert_number(power - 1);
		assert_number(power);
		assert_number(power + 1);
		assert_number(0 - power);
	}
	for (int i = 0; i < 64; i++) {
		assert_number(UINT64_C(1) << i);
		assert_number((UINT64_C(1) << i) - 1);
	}
	assert_number(UINT64_MAX);
	assert_number((uint64_t)INT64_MIN);
	srandom(2);
	for (int i = 0; i < 20000; i++)
		assert_number(((uint64_t)random() << 33 ^ (uint64_t)random()) >> random() % 64);
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
		cmocka_unit_test(escape_in_pieces),
		cmocka_unit_test(numbers),
		cmocka_unit_test(unescape_is_the_inverse),
		cmocka_unit_test(unescape_refuses),
		cmocka_unit_test(compare),
		cmocka_unit_test(buffer_grows),
		cmocka_unit_test(hash_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
