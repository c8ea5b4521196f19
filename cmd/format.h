/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as text: for people, for machines (raw), and as JSON. */
#ifndef CMD_FORMAT_H
#define CMD_FORMAT_H

#include "text.h"

enum time_format { TIME_SHORT, TIME_ISO, TIME_RELATIVE, TIME_FULL, TIME_CLOCK };

/* The time shown last: objects that were made together have the same one. */
struct shown_time {
	int64_t ns, now;
	size_t len; /* 0: none yet */
	char text[64];
};

struct style {
	bool machine; /* raw: bytes, seconds, UTC; what is not known is empty */
	bool bytes;   /* sizes as plain numbers */
	enum time_format time;
	int64_t now;              /* ns since the epoch, for TIME_RELATIVE and TIME_SHORT */
	struct shown_time *shown; /* in this very style; NULL: it is not kept */
};

/* Nothing at all is appended for a value that is not known. The text is always printable ASCII. */
void format_value(struct text *out, const struct ipc_value *value, const struct style *style);
/* The value as one JSON value, `null` when not known. */
void format_json(struct text *out, const struct ipc_value *value);
/* A JSON string of @bytes, escaped first as in every other format; `null` when data is NULL. */
void format_json_string(struct text *out, struct ipc_bytes bytes);
/* A JSON string of a message, which text_safe() makes safe. */
void format_json_text(struct text *out, const char *string);

/* 512, 1.5K, 64M */
void format_size(struct text *out, uint64_t bytes);
/* 3d4h, 5m12s, 40ms */
void format_duration(struct text *out, int64_t ns);
/* Seconds with as many decimals as needed: 90061.25 */
void format_seconds(struct text *out, int64_t ns);
/* 2026-01-02T03:04:05Z, with as many decimals as needed */
void format_utc(struct text *out, int64_t ns);
/* In local time, as @format says; see struct style for @now. */
void format_time(struct text *out, int64_t ns, enum time_format format, int64_t now);

#endif
