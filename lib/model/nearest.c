// SPDX-License-Identifier: LGPL-2.1-or-later
/* "Did you mean": tries every word one edit away, so that whoever knows the words need not list them. */
#include "model/nearest.h"

#include <string.h>

/* Letters of field, class and kind names. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

static bool without_one(const char *word, size_t len, ipc_nearest_known known, void *data, char *out)
{
	for (size_t i = 0; i < len; i++) {
		memcpy(out, word, i);
		memcpy(out + i, word + i + 1, len - i);
		if (known(out, data))
			return true;
	}
	return false;
}

static bool with_two_swapped(const char *word, size_t len, ipc_nearest_known known, void *data, char *out)
{
	for (size_t i = 0; i + 1 < len; i++) {
		memcpy(out, word, len + 1);
		out[i] = word[i + 1];
		out[i + 1] = word[i];
		if (known(out, data))
			return true;
	}
	return false;
}

/* @skip 1: a letter replaced; 0: a letter added. */
static bool with_other_letter(const char *word, size_t len, size_t skip, ipc_nearest_known known, void *data, char *out)
{
	for (size_t i = 0; i + skip <= len; i++) {
		memcpy(out, word, i);
		memcpy(out + i + 1, word + i + skip, len - i - skip + 1);
		for (const char *c = letters; *c; c++) {
			out[i] = *c;
			if (known(out, data))
				return true;
		}
	}
	return false;
}

bool ipc_nearest(const char *word, ipc_nearest_known known, void *data, char out[IPC_NEAREST_SIZE])
{
	size_t len = strlen(word);

	if (len < 2 || len + 2 > IPC_NEAREST_SIZE)
		return false;
	return with_two_swapped(word, len, known, data, out) || with_other_letter(word, len, 0, known, data, out) ||
	       without_one(word, len, known, data, out) || with_other_letter(word, len, 1, known, data, out);
}
