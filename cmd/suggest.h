/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nearest of several words, for "did you mean". */
#ifndef CMD_SUGGEST_H
#define CMD_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *typed;
	const char *best;
	size_t distance;
};

void suggest_begin(struct suggestion *near, const char *typed);
/* @word is borrowed until suggest_best() was read. */
void suggest_offer(struct suggestion *near, const char *word);
/* The nearest word offered, or NULL when none is near. */
const char *suggest_best(const struct suggestion *near);

#endif
