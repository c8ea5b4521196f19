// SPDX-License-Identifier: LGPL-2.1-or-later
/* Numbers as people write them: counts, sizes, durations and times. */
#include "model/units.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <ipctool/change.h>

#define SECOND INT64_C(1000000000)

/* More digits than this are below any unit's resolution. */
#define FRACTION_DIGITS 18

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"K", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
	{"T", UINT64_C(1) << 40},
	{"P", UINT64_C(1) << 50},
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"TiB", UINT64_C(1) << 40},
	{"PiB", UINT64_C(1) << 50},
	{"KB", UINT64_C(1000)},
	{"MB", UINT64_C(1000000)},
	{"GB", UINT64_C(1000000000)},
	{"TB", UINT64_C(1000000000000)},
	{"PB", UINT64_C(1000000000000000)},
};

static const struct unit duration_units[] = {
	{"ns", 1},          {"us", 1000},         {"ms", 1000000},       {"s", SECOND},
	{"m", 60 * SECOND}, {"h", 3600 * SECOND}, {"d", 86400 * SECOND}, {"w", 7 * 86400 * SECOND},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int ipc_parse_uint(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	bool overflow = false;

	if (!len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return -EINVAL;
		overflow |= __builtin_mul_overflow(value, 10, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
	}
	if (overflow)
		return -ERANGE;
	*out = value;
	return 0;
}

int ipc_parse_hex(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	bool overflow = false;

	if (len < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
		return -EINVAL;
	for (size_t i = 2; i < len; i++) {
		char c = text[i];
		unsigned digit;

		if (is_digit(c))
			digit = (unsigned)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			digit = (unsigned)((c | 0x20) - 'a' + 10);
		else
			return -EINVAL;
		overflow |= value >> 60 != 0;
		value = value << 4 | digit;
	}
	if (overflow)
		return -ERANGE;
	*out = value;
	return 0;
}

/* A number with an optional fraction, kept exact: whole + part / scale. */
struct number {
	uint64_t whole;
	uint64_t part;
	uint64_t scale;
	bool fraction;
};

/* Read a number from the front of the text; *@used is its length. */
static int parse_number(const char *text, size_t len, struct number *number, size_t *used)
{
	struct number n = {.scale = 1};
	size_t i = 0;
	int error;

	while (i < len && is_digit(text[i]))
		i++;
	error = ipc_parse_uint(text, i, &n.whole);
	if (error == -EINVAL)
		return error;
	if (i < len && text[i] == '.') {
		size_t first = ++i;

		for (; i < len && is_digit(text[i]); i++) {
			if (i - first < FRACTION_DIGITS) {
				n.part = n.part * 10 + (uint64_t)(text[i] - '0');
				n.scale *= 10;
			}
		}
		if (i == first)
			return -EINVAL;
		n.fraction = true;
	}
	*number = n;
	*used = i;
	return error;
}

static int scale_number(const struct number *number, uint64_t factor, uint64_t *out)
{
	/* 128 bits: part < 10^18 and factor < 2^64. */
	uint64_t part = (uint64_t)((unsigned __int128)number->part * factor / number->scale);
	uint64_t value;

	if (__builtin_mul_overflow(number->whole, factor, &value) || __builtin_add_overflow(value, part, &value))
		return -ERANGE;
	*out = value;
	return 0;
}

int ipc_parse_size(const char *text, size_t len, uint64_t *out)
{
	struct number number;
	size_t used;
	int error = parse_number(text, len, &number, &used);

	if (error == -EINVAL)
		return error;
	for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++) {
		const struct unit *unit = &size_units[i];

		if (strlen(unit->name) != len - used || strncasecmp(unit->name, text + used, len - used) != 0)
			continue;
		if (number.fraction && unit->factor == 1)
			return -EINVAL;
		return error ? error : scale_number(&number, unit->factor, out);
	}
	return -EINVAL;
}

/* The unit of the @len letters at @text; 0: none. Case counts: "M" would be read as a month as easily as a minute. */
static uint64_t duration_factor(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		const struct unit *unit = &duration_units[i];

		if (strlen(unit->name) == len && memcmp(unit->name, text, len) == 0)
			return unit->factor;
	}
	return 0;
}

int ipc_parse_duration(const char *text, size_t len, int64_t *out)
{
	uint64_t sum = 0;
	bool overflow = false;
	size_t i = 0;

	if (len == 1 && text[0] == '0') {
		*out = 0;
		return 0;
	}
	if (!len)
		return -EINVAL;
	while (i < len) {
		struct number number;
		uint64_t factor;
		uint64_t value = 0;
		size_t used;
		size_t letters = 0;
		int error = parse_number(text + i, len - i, &number, &used);

		if (error == -EINVAL)
			return error;
		i += used;
		while (i + letters < len && is_letter(text[i + letters]))
			letters++;
		factor = duration_factor(text + i, letters);
		if (!factor)
			return -EINVAL;
		i += letters;
		overflow |= error || scale_number(&number, factor, &value) || __builtin_add_overflow(sum, value, &sum);
	}
	if (overflow || sum > INT64_MAX)
		return -ERANGE;
	*out = (int64_t)sum;
	return 0;
}

int ipc_duration_parse(const char *text, int64_t *out)
{
	return ipc_parse_duration(text, strlen(text), out);
}

int ipc_size_parse(const char *text, uint64_t *out)
{
	return ipc_parse_size(text, strlen(text), out);
}

/* Exactly @digits digits at text[*at], which moves on. -1: not of that form. */
static int fixed_digits(const char *text, size_t len, size_t *at, size_t digits)
{
	int value = 0;

	if (len - *at < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		char c = text[(*at)++];

		if (!is_digit(c))
			return -1;
		value = value * 10 + (c - '0');
	}
	return value;
}

static bool accept(const char *text, size_t len, size_t *at, const char *any)
{
	if (*at >= len || !text[*at] || !strchr(any, text[*at]))
		return false;
	(*at)++;
	return true;
}

static int days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01; years begin in March here, so that the leap day is a year's last. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* "Z", "+01:00" or "-01:00" as seconds east of Greenwich. */
static int parse_zone(const char *text, size_t len, size_t *at, int64_t *east)
{
	int hours, minutes;
	bool west;

	if (accept(text, len, at, "Zz")) {
		*east = 0;
		return 0;
	}
	west = *at < len && text[*at] == '-';
	if (!accept(text, len, at, "+-"))
		return -EINVAL;
	hours = fixed_digits(text, len, at, 2);
	if (hours < 0 || hours > 23 || !accept(text, len, at, ":"))
		return -EINVAL;
	minutes = fixed_digits(text, len, at, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*east = (west ? -1 : 1) * (hours * INT64_C(3600) + minutes * 60);
	return 0;
}

/* "03:04:05[.6789]" and a zone. *@seconds counts from midnight UTC of the date before it. */
static int parse_clock(const char *text, size_t len, size_t *at, int64_t *seconds, int64_t *nanoseconds)
{
	int part[3];
	int64_t east;

	for (int i = 0; i < 3; i++) {
		if (i && !accept(text, len, at, ":"))
			return -EINVAL;
		part[i] = fixed_digits(text, len, at, 2);
		/* 60: a leap second, which counts as the next minute's first as everywhere in Unix time. */
		if (part[i] < 0 || part[i] > (i == 0 ? 23 : i == 1 ? 59 : 60))
			return -EINVAL;
	}
	if (accept(text, len, at, ".")) {
		int64_t unit = SECOND / 10;
		size_t first = *at;

		for (; *at < len && is_digit(text[*at]); ++*at, unit /= 10)
			*nanoseconds += (text[*at] - '0') * unit;
		if (*at == first)
			return -EINVAL;
	}
	if (parse_zone(text, len, at, &east))
		return -EINVAL;
	*seconds = part[0] * INT64_C(3600) + part[1] * 60 + part[2] - east;
	return 0;
}

int ipc_parse_time(const char *text, size_t len, int64_t *out)
{
	int64_t seconds = 0;
	int64_t nanoseconds = 0;
	int64_t value;
	size_t at = 0;
	int year, month, day;

	year = fixed_digits(text, len, &at, 4);
	if (year < 0 || !accept(text, len, &at, "-"))
		return -EINVAL;
	month = fixed_digits(text, len, &at, 2);
	if (month < 1 || month > 12 || !accept(text, len, &at, "-"))
		return -EINVAL;
	day = fixed_digits(text, len, &at, 2);
	if (day < 1 || day > days_of_month(year, month))
		return -EINVAL;
	if (at < len) {
		if (!accept(text, len, &at, "Tt ") || parse_clock(text, len, &at, &seconds, &nanoseconds) || at != len)
			return -EINVAL;
	}
	seconds += days_since_epoch(year, month, day) * 86400;
	if (__builtin_mul_overflow(seconds, SECOND, &value) || __builtin_add_overflow(value, nanoseconds, &value))
		return -ERANGE;
	/* INT64_MIN stands for "not known" wherever times are kept. */
	if (value == INT64_MIN)
		return -ERANGE;
	*out = value;
	return 0;
}
