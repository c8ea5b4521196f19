/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and times as text: sizes, durations, dates. */
#include <time.h>

#include "format.h"

#define NS_PER_S 1000000000
#define DAY 86400
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01; no time in nanoseconds is before that */
#define HALF_YEAR (INT64_C(182) * 86400 * NS_PER_S)

/* Seconds and nanoseconds, the latter never negative. */
static int64_t split(int64_t ns, uint64_t *rest)
{
	int64_t seconds = ns / NS_PER_S, left = ns % NS_PER_S;

	if (left < 0) {
		left += NS_PER_S;
		seconds--;
	}
	*rest = (uint64_t)left;
	return seconds;
}

static void append_fraction(struct text *out, uint64_t ns)
{
	if (!ns)
		return;
	text_char(out, '.');
	text_padded(out, ns, 9);
	while (out->data[out->len - 1] == '0')
		out->len--;
}

void format_seconds(struct text *out, int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

	if (ns < 0)
		text_char(out, '-');
	text_uint(out, magnitude / NS_PER_S);
	append_fraction(out, magnitude % NS_PER_S);
}

void format_utc(struct text *out, int64_t ns)
{
	uint64_t rest, seconds = (uint64_t)(split(ns, &rest) + DAYS_TO_1970 * DAY);
	uint32_t days = (uint32_t)(seconds / DAY), clock = (uint32_t)(seconds % DAY), year, month, day;
	char *start = text_reserve(out, sizeof("2026-01-02T03:04:05")), *at = start;

	/* Much faster than gmtime_r(). Years begin in March here, so that a leap day is last. */
	year = days / 146097 * 400;
	days %= 146097;
	day = (days - days / 1460 + days / 36524 - days / 146096) / 365; /* year of its 400 */
	year += day;
	day = days - (365 * day + day / 4 - day / 100);
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	year += month <= 2;

	/* 64 bits of nanoseconds hold no year that has not four digits. */
	at = text_pair(at, year / 100);
	at = text_pair(at, year % 100);
	*at++ = '-';
	at = text_pair(at, month);
	*at++ = '-';
	at = text_pair(at, day + 1);
	*at++ = 'T';
	at = text_pair(at, clock / 3600);
	*at++ = ':';
	at = text_pair(at, clock / 60 % 60);
	*at++ = ':';
	at = text_pair(at, clock % 60);
	out->len += (size_t)(at - start);
	append_fraction(out, rest);
	text_char(out, 'Z');
}

void format_size(struct text *out, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t unit = 1024, tenths;
	size_t i = 0;

	if (bytes < 1024) {
		text_uint(out, bytes);
		return;
	}
	/* 1023.95 of a unit would print as 1024.0: then it is one of the next. */
	while (i < 5 && bytes / unit + (bytes % unit * 20 / unit >= 19) >= 1024) {
		unit *= 1024;
		i++;
	}
	tenths = bytes / unit * 10 + (bytes % unit / (unit / 1024) * 10 + 512) / 1024;
	text_uint(out, tenths / 10);
	if (tenths % 10) {
		text_char(out, '.');
		text_uint(out, tenths % 10);
	}
	text_char(out, units[i]);
}

void format_duration(struct text *out, int64_t ns)
{
	static const struct {
		uint64_t seconds;
		char name;
	} units[] = {{365 * 86400, 'y'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t i;

	if (ns < 0)
		text_char(out, '-');
	if (left < NS_PER_S) {
		text_uint(out, left / 1000000);
		text_string(out, left < 1000000 ? "s" : "ms");
		return;
	}
	left /= NS_PER_S;
	for (i = 0; units[i].seconds > left; i++)
		;
	text_uint(out, left / units[i].seconds);
	text_char(out, units[i].name);
	left %= units[i].seconds;
	if (units[i].seconds > 1 && left / units[i + 1].seconds) {
		text_uint(out, left / units[i + 1].seconds);
		text_char(out, units[i + 1].name);
	}
}

static void append_local(struct text *out, const char *format, int64_t seconds)
{
	time_t clock = (time_t)seconds;
	char buffer[64];
	struct tm tm;

	if (localtime_r(&clock, &tm))
		text_bytes(out, buffer, strftime(buffer, sizeof(buffer), format, &tm));
}

/* +01:00, which strftime writes without the colon. */
static void append_zone(struct text *out, int64_t seconds)
{
	size_t at;

	append_local(out, "%z", seconds);
	text_char(out, ':');
	at = out->len - 3;
	memmove(out->data + at + 1, out->data + at, 2);
	out->data[at] = ':';
}

void format_time(struct text *out, int64_t ns, enum time_format format, int64_t now)
{
	uint64_t rest;
	int64_t seconds = split(ns, &rest);

	switch (format) {
	case TIME_SHORT:
		if (ns > now - HALF_YEAR && ns <= now + 60 * INT64_C(60) * NS_PER_S)
			append_local(out, "%b %d %H:%M", seconds);
		else
			append_local(out, "%Y-%m-%d", seconds);
		break;
	case TIME_ISO:
		append_local(out, "%Y-%m-%dT%H:%M:%S", seconds);
		append_zone(out, seconds);
		break;
	case TIME_RELATIVE:
		if (ns > now)
			text_string(out, "in ");
		format_duration(out, ns > now ? ns - now : now - ns);
		if (ns <= now)
			text_string(out, " ago");
		break;
	case TIME_FULL:
		append_local(out, "%a %Y-%m-%d %H:%M:%S", seconds);
		text_char(out, '.');
		text_padded(out, rest, 9);
		text_char(out, ' ');
		append_zone(out, seconds);
		break;
	case TIME_CLOCK:
		append_local(out, "%H:%M:%S", seconds);
		text_char(out, '.');
		text_padded(out, rest / 1000000, 3);
		break;
	}
}
