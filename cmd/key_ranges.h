/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V keys that an option chooses, as single ones or in ranges. */
#ifndef CMD_KEY_RANGES_H
#define CMD_KEY_RANGES_H

#include "codes.h"
#include "options.h"
#include "scope.h"

struct key_range {
	uint32_t first, last;
};

/* Zero-initialised: none was given. */
struct key_ranges {
	struct key_range *items;
	size_t count;
};

/* Add the range that @text spells: 0x5432, 0x5400-0x54ff, or "private" for objects without a key. */
enum taken key_ranges_take(struct key_ranges *ranges, const struct app *app, const char *option, const char *text);
/* Can an object of these kinds have a key at all? */
bool key_ranges_concern(const struct scope *scope);
/* Leave to @query only what has one of the keys; everything when none was given. An exit code, after a message. */
enum code key_ranges_filter(const struct key_ranges *ranges, const struct app *app, struct ipc_query *query);
void key_ranges_release(struct key_ranges *ranges);

#endif
