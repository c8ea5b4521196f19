/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nearest of several words: insertions, deletions, replacements and swaps of neighbours count one each. */
#include <string.h>
#include <strings.h>

#include "suggest.h"

#define LONGEST 32

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], la = strlen(a), lb = strlen(b), i, j;

	if (la > LONGEST || lb > LONGEST)
		return LONGEST;
	for (j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

		now[0] = i;
		for (j = 1; j <= lb; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);
			size_t least = before[j - 1] + (x != y);

			if (before[j] + 1 < least)
				least = before[j] + 1;
			if (now[j - 1] + 1 < least)
				least = now[j - 1] + 1;
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]) &&
			    earlier[j - 2] + 1 < least)
				least = earlier[j - 2] + 1;
			now[j] = least;
		}
	}
	return rows[la % 3][lb];
}

void suggest_begin(struct suggestion *near, const char *typed)
{
	*near = (struct suggestion){.typed = typed, .distance = LONGEST};
}

void suggest_offer(struct suggestion *near, const char *word)
{
	size_t typed = strlen(near->typed);
	size_t d = distance(near->typed, word);

	/* A word cut short is a better guess than its distance says. */
	if (typed >= 3 && !strncasecmp(near->typed, word, typed))
		d = 1;
	if (d < near->distance) {
		near->distance = d;
		near->best = word;
	}
}

const char *suggest_best(const struct suggestion *near)
{
	size_t typed = strlen(near->typed);
	size_t allowed = typed <= 2 ? 1 : typed <= 5 ? 2 : 3;

	return near->distance <= allowed ? near->best : NULL;
}
