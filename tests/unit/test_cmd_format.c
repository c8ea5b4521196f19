/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, times and names as the command prints them: cmd/text.c, cmd/format.c, cmd/value.c. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../cmd/format.h"

#define S INT64_C(1000000000)

static void expect(struct text *text, const char *wanted)
{
	assert_string_equal(text_cstr(text), wanted);
	text_clear(text);
}

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *wanted;
	} cases[] = {
		{0, "0"},
		{1023, "1023"},
		{1024, "1K"},
		{1536, "1.5K"},
		{4096, "4K"},
		{100000, "97.7K"},
		{1048575, "1M"},
		{1048576, "1M"},
		{1023 * 1024, "1023K"},
		{UINT64_C(1) << 40, "1T"},
		{UINT64_MAX, "16E"},
		{UINT64_C(18446744073692774399), "16E"},
		{1234567, "1.2M"},
	};
	struct text text = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		format_size(&text, cases[i].bytes);
		expect(&text, cases[i].wanted);
	}
	text_release(&text);
}

static void test_duration(void **state)
{
	static const struct {
		int64_t ns;
		const char *wanted;
	} cases[] = {
		{0, "0s"},
		{999999, "0s"},
		{40000000, "40ms"},
		{S, "1s"},
		{61 * S, "1m1s"},
		{60 * S, "1m"},
		{3600 * S, "1h"},
		{3661 * S, "1h1m"},
		{(3 * 86400 + 4 * 3600) * S, "3d4h"},
		{(365 + 10) * 86400 * S, "1y10d"},
		{-5 * S, "-5s"},
	};
	struct text text = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		format_duration(&text, cases[i].ns);
		expect(&text, cases[i].wanted);
	}
	text_release(&text);
}

static void test_seconds(void **state)
{
	struct text text = {0};

	(void)state;
	format_seconds(&text, 90061 * S + 250000000);
	expect(&text, "90061.25");
	format_seconds(&text, -1);
	expect(&text, "-0.000000001");
	format_seconds(&text, INT64_MIN + 1);
	expect(&text, "-9223372036.854775807");
	format_seconds(&text, 0);
	expect(&text, "0");
	text_release(&text);
}

static void test_utc(void **state)
{
	static const struct {
		int64_t ns;
		const char *wanted;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1767323045 * S, "2026-01-02T03:04:05Z"},
		{1767323045 * S + 50, "2026-01-02T03:04:05.00000005Z"},
		{951782400 * S, "2000-02-29T00:00:00Z"},
		{951868799 * S, "2000-02-29T23:59:59Z"},
		{951868800 * S, "2000-03-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59.999999999Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
		{INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z"},
	};
	struct text text = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		format_utc(&text, cases[i].ns);
		expect(&text, cases[i].wanted);
	}
	text_release(&text);
}

static uint64_t random_number(void)
{
	return ((uint64_t)random() << 33 ^ (uint64_t)random()) >> random() % 64;
}

/* The same as the C library says, which takes much longer. */
static void expect_utc(struct text *text, int64_t ns)
{
	int64_t rest = (ns % S + S) % S;
	time_t seconds = (time_t)((ns - rest) / S);
	char wanted[64];
	struct tm tm;
	size_t len;

	assert_non_null(gmtime_r(&seconds, &tm));
	len = strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest) {
		len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, ".%09" PRId64, rest);
		while (wanted[len - 1] == '0')
			len--;
	}
	wanted[len++] = 'Z';
	wanted[len] = '\0';
	format_utc(text, ns);
	expect(text, wanted);
}

static void test_utc_at_random(void **state)
{
	struct text text = {0};
	int64_t day;
	int i;

	(void)state;
	/* the first and the last moment of every day from 1677 to 2262 */
	for (day = -106750; day <= 106750; day++) {
		expect_utc(&text, day * 86400 * S);
		expect_utc(&text, day * 86400 * S - 1);
	}
	srandom(3);
	for (i = 0; i < 100000; i++)
		expect_utc(&text, (int64_t)random_number() * (random() % 2 ? 1 : -1) / 2);
	text_release(&text);
}

static void test_numbers(void **state)
{
	static const struct style people = {0};
	struct text text = {0};
	char wanted[64];
	int i;

	(void)state;
	srandom(4);
	for (i = 0; i < 50000; i++) {
		uint64_t number = i < 1100 ? (uint64_t)i : i == 1100 ? UINT64_MAX : random_number();
		unsigned digits = (unsigned)random() % 20 + 1;
		struct ipc_value value = {.type = IPC_TYPE_KEY, .u = number};

		text_uint(&text, number);
		snprintf(wanted, sizeof(wanted), "%" PRIu64, number);
		expect(&text, wanted);
		text_int(&text, (int64_t)number);
		snprintf(wanted, sizeof(wanted), "%" PRId64, (int64_t)number);
		expect(&text, wanted);
		text_padded(&text, number, digits);
		snprintf(wanted, sizeof(wanted), "%0*" PRIu64, (int)digits, number);
		expect(&text, wanted);
		format_value(&text, &value, &people);
		snprintf(wanted, sizeof(wanted), "0x%08" PRIx64, number);
		expect(&text, wanted);
		value.type = IPC_TYPE_ADDRESS;
		format_value(&text, &value, &people);
		snprintf(wanted, sizeof(wanted), "0x%" PRIx64, number);
		expect(&text, wanted);
		value = (struct ipc_value){.type = IPC_TYPE_MODE, .u = number & 07777};
		format_value(&text, &value, &people);
		snprintf(wanted, sizeof(wanted), "0%03" PRIo64, number & 07777);
		expect(&text, wanted);
	}
	text_release(&text);
}

/* The time shown last is not taken for another one, nor for the same one of another moment. */
static void test_shown_time(void **state)
{
	static const int64_t times[] = {0, 0, 1, S, S, -S, 5000 * S, 5000 * S};
	struct shown_time shown = {0};
	struct text kept = {0}, text = {0};
	size_t format, i;

	(void)state;
	for (format = TIME_SHORT; format <= TIME_CLOCK; format++) {
		struct style style = {.time = (enum time_format)format, .shown = &shown};

		shown.len = 0; /* of another style */
		for (i = 0; i < 4 * sizeof(times) / sizeof(times[0]); i++) {
			struct ipc_value value = {.type = IPC_TYPE_TIME, .i = times[i % 8]};

			style.now = (int64_t)(i / 5) * 3600 * S;
			format_value(&kept, &value, &style);
			format_time(&text, value.i, style.time, style.now);
			assert_string_equal(text_cstr(&kept), text_cstr(&text));
			text_clear(&kept);
			text_clear(&text);
		}
	}
	text_release(&kept);
	text_release(&text);
}

/* Whatever is added next, there is room for it, and for the terminator. */
static void test_room(void **state)
{
	struct text text = {0};
	size_t len = 0, i;

	(void)state;
	assert_non_null(text_reserve(&text, 0));
	for (i = 0; i < 300; i++) {
		memset(text_reserve(&text, i), 'x', i);
		text.len += i;
		len += i;
		assert_true(text.room > text.len);
		assert_int_equal(strlen(text_cstr(&text)), len);
	}
	text_release(&text);
}

static void test_relative(void **state)
{
	struct text text = {0};

	(void)state;
	format_time(&text, 100 * S, TIME_RELATIVE, 3700 * S);
	expect(&text, "1h ago");
	format_time(&text, 3700 * S, TIME_RELATIVE, 100 * S);
	expect(&text, "in 1h");
	text_release(&text);
}

static void test_json_string(void **state)
{
	static const char hostile[] = "a\"b\\c\n\x1b\xff\0z";
	struct text text = {0};

	(void)state;
	format_json_string(&text, (struct ipc_bytes){hostile, sizeof(hostile) - 1});
	expect(&text, "\"a\\\"b\\\\x5cc\\\\x0a\\\\x1b\\\\xff\\\\x00z\"");
	format_json_string(&text, (struct ipc_bytes){"\"", 1});
	expect(&text, "\"\\\"\"");
	format_json_string(&text, (struct ipc_bytes){"", 0});
	expect(&text, "\"\"");
	format_json_string(&text, (struct ipc_bytes){NULL, 0});
	expect(&text, "null");
	format_json_text(&text, "fifo:/a\\x0a\n\"\xc3");
	expect(&text, "\"fifo:/a\\\\x0a\\\\x0a\\\"\\\\xc3\"");
	text_release(&text);
}

static void test_values(void **state)
{
	static const struct style people = {0}, machine = {.machine = true};
	struct ipc_value value = {.type = IPC_TYPE_MODE};
	struct text text = {0};

	(void)state;
	value.u = 0600;
	format_value(&text, &value, &people);
	expect(&text, "0600");
	value.u = 01777;
	format_value(&text, &value, &people);
	expect(&text, "01777");
	value.u = 0;
	format_json(&text, &value);
	expect(&text, "\"0000\"");
	value = (struct ipc_value){.type = IPC_TYPE_KEY, .u = 0x52e2c1};
	format_json(&text, &value);
	expect(&text, "\"0x0052e2c1\"");
	value = (struct ipc_value){.type = IPC_TYPE_ADDRESS, .u = UINT64_MAX - 1};
	format_value(&text, &value, &people);
	expect(&text, "0xfffffffffffffffe");
	value = (struct ipc_value){.type = IPC_TYPE_SIZE, .u = 4096};
	format_value(&text, &value, &people);
	expect(&text, "4K");
	format_value(&text, &value, &machine);
	expect(&text, "4096");
	value = (struct ipc_value){.type = IPC_TYPE_INT, .i = INT64_MIN + 1};
	format_json(&text, &value);
	expect(&text, "-9223372036854775807");
	value.null = true;
	format_json(&text, &value);
	expect(&text, "null");
	format_value(&text, &value, &machine);
	expect(&text, "");
	text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),     cmocka_unit_test(test_duration),
		cmocka_unit_test(test_seconds),  cmocka_unit_test(test_utc),
		cmocka_unit_test(test_relative), cmocka_unit_test(test_json_string),
		cmocka_unit_test(test_values),   cmocka_unit_test(test_utc_at_random),
		cmocka_unit_test(test_numbers),  cmocka_unit_test(test_shown_time),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
