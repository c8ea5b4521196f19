/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as people write them: what each form means, and everything that is not of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/units.h"

#define K INT64_C(1024)
#define S INT64_C(1000000000)

struct expect {
	const char *text;
	int error;
	int64_t value;
};

typedef int (*parse_fn)(const char *text, size_t len, int64_t *out);

static int parse_uint(const char *text, size_t len, int64_t *out)
{
	return ipc_parse_uint(text, len, (uint64_t *)out);
}

static int parse_hex(const char *text, size_t len, int64_t *out)
{
	return ipc_parse_hex(text, len, (uint64_t *)out);
}

static int parse_size(const char *text, size_t len, int64_t *out)
{
	return ipc_parse_size(text, len, (uint64_t *)out);
}

static void check(parse_fn parse, const struct expect *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -77;
		size_t len = strlen(cases[i].text);
		/* A copy of exactly its length, so that a read behind it is seen by the sanitizer. */
		char *text = malloc(len ? len : 1);
		int error;

		memcpy(text, cases[i].text, len);
		error = parse(text, len, &value);
		free(text);
		if (error != cases[i].error || value != (error ? -77 : cases[i].value))
			fail_msg("'%s': %d, %lld", cases[i].text, error, (long long)value);
	}
}

#define CHECK(parse, ...)                                              \
	do {                                                           \
		const struct expect cases[] = {__VA_ARGS__};           \
		check(parse, cases, sizeof(cases) / sizeof(cases[0])); \
	} while (0)

static void uints(void **state)
{
	(void)state;
	CHECK(parse_uint, {"0", 0, 0}, {"007", 0, 7}, {"18446744073709551615", 0, -1},
	      {"18446744073709551616", -ERANGE, 0}, {"99999999999999999999999", -ERANGE, 0}, {"", -EINVAL, 0},
	      {"-1", -EINVAL, 0}, {"+1", -EINVAL, 0}, {" 1", -EINVAL, 0}, {"1 ", -EINVAL, 0}, {"0x1", -EINVAL, 0},
	      {"99999999999999999999999x", -EINVAL, 0});
}

static void hexes(void **state)
{
	(void)state;
	CHECK(parse_hex, {"0x0", 0, 0}, {"0X52e2C1", 0, 0x52e2c1}, {"0xffffffffffffffff", 0, -1},
	      {"0x00000000000000000001", 0, 1}, {"0x10000000000000000", -ERANGE, 0}, {"0x", -EINVAL, 0},
	      {"52", -EINVAL, 0}, {"", -EINVAL, 0}, {"0xg", -EINVAL, 0}, {"0x 1", -EINVAL, 0});
}

static void sizes(void **state)
{
	(void)state;
	CHECK(parse_size, {"0", 0, 0}, {"4096", 0, 4096}, {"12B", 0, 12}, {"64M", 0, 64 * K * K}, {"1K", 0, K},
	      {"1k", 0, K}, {"1KiB", 0, K}, {"1KB", 0, 1000}, {"1kb", 0, 1000}, {"2G", 0, 2 * K * K * K},
	      {"1.5GiB", 0, 3 * K * K * K / 2}, {"1.5KB", 0, 1500}, {"1T", 0, K * K * K * K}, {"1TB", 0, 1000 * S},
	      {"1P", 0, K * K * K * K * K}, {"0.3K", 0, 307}, {"0.9999999999999999999999K", 0, 1023},
	      {"16383P", 0, (int64_t)(UINT64_C(16383) << 50)}, {"16384P", -ERANGE, 0},
	      {"16383.9999P", 0, (int64_t)0xffffffe5c91d14e3}, {"99999999999999999999", -ERANGE, 0},
	      {"99999999999999999999K", -ERANGE, 0}, {"", -EINVAL, 0}, {"M", -EINVAL, 0}, {"1.5", -EINVAL, 0},
	      {"1.5B", -EINVAL, 0}, {"1.K", -EINVAL, 0}, {".5K", -EINVAL, 0}, {"1 K", -EINVAL, 0}, {"-1K", -EINVAL, 0},
	      {"1KK", -EINVAL, 0}, {"1Ki", -EINVAL, 0}, {"1X", -EINVAL, 0}, {"1.5.5K", -EINVAL, 0},
	      {"99999999999999999999Q", -EINVAL, 0});
}

static void durations(void **state)
{
	(void)state;
	CHECK(ipc_parse_duration, {"0", 0, 0}, {"0s", 0, 0}, {"10m", 0, 600 * S}, {"1h30m", 0, 5400 * S},
	      {"500ms", 0, S / 2}, {"1us", 0, 1000}, {"7ns", 0, 7}, {"1.5s", 0, 3 * S / 2}, {"2d", 0, 172800 * S},
	      {"1w", 0, 604800 * S}, {"1m1ms", 0, 60 * S + S / 1000}, {"106751d", 0, INT64_C(106751) * 86400 * S},
	      {"106752d", -ERANGE, 0}, {"106751d23h59m", -ERANGE, 0}, {"99999999999999999999s", -ERANGE, 0},
	      {"", -EINVAL, 0}, {"10", -EINVAL, 0}, {"1h30", -EINVAL, 0}, {"s", -EINVAL, 0}, {"-1s", -EINVAL, 0},
	      {"1M", -EINVAL, 0}, {"1 s", -EINVAL, 0}, {"1.s", -EINVAL, 0}, {"1y", -EINVAL, 0}, {"00", -EINVAL, 0});
}

static void times(void **state)
{
	(void)state;
	CHECK(ipc_parse_time, {"1970-01-01", 0, 0}, {"1970-01-01T00:00:00Z", 0, 0}, {"2026-01-02", 0, 1767312000 * S},
	      {"2026-01-02T03:04:05Z", 0, 1767323045 * S}, {"2026-01-02t03:04:05z", 0, 1767323045 * S},
	      {"2026-01-02 03:04:05Z", 0, 1767323045 * S}, {"2026-01-02T04:04:05+01:00", 0, 1767323045 * S},
	      {"2026-01-01T21:34:05-05:30", 0, 1767323045 * S}, {"2026-01-02T03:04:05.25Z", 0, 1767323045 * S + S / 4},
	      {"2026-01-02T03:04:05.0000000019Z", 0, 1767323045 * S + 1}, {"2000-02-29", 0, 951782400 * S},
	      {"2024-12-31T23:59:60Z", 0, 1735689600 * S}, {"1969-12-31T23:59:59Z", 0, -S},
	      {"1960-03-01", 0, -310435200 * S}, {"2262-04-11T23:47:16Z", 0, INT64_C(9223372036) * S},
	      {"2262-04-12", -ERANGE, 0}, {"9999-12-31", -ERANGE, 0}, {"0000-01-01", -ERANGE, 0},
	      {"1900-02-29", -EINVAL, 0}, {"2025-02-29", -EINVAL, 0}, {"2026-13-01", -EINVAL, 0},
	      {"2026-00-01", -EINVAL, 0}, {"2026-01-32", -EINVAL, 0}, {"2026-01-00", -EINVAL, 0},
	      {"2026-1-2", -EINVAL, 0}, {"", -EINVAL, 0}, {"2026", -EINVAL, 0}, {"2026-01-02T", -EINVAL, 0},
	      {"2026-01-02T03:04:05", -EINVAL, 0}, {"2026-01-02T03:04Z", -EINVAL, 0},
	      {"2026-01-02T24:00:00Z", -EINVAL, 0}, {"2026-01-02T03:60:00Z", -EINVAL, 0},
	      {"2026-01-02T03:04:61Z", -EINVAL, 0}, {"2026-01-02T03:04:05.Z", -EINVAL, 0},
	      {"2026-01-02T03:04:05+0100", -EINVAL, 0}, {"2026-01-02T03:04:05+24:00", -EINVAL, 0},
	      {"2026-01-02T03:04:05Zx", -EINVAL, 0}, {"2026-01-02x", -EINVAL, 0}, {"+026-01-02", -EINVAL, 0});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uints),     cmocka_unit_test(hexes), cmocka_unit_test(sizes),
		cmocka_unit_test(durations), cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
