/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which objects of a manifest a reference means: a sorted list of all that they can be called. */
#include <inttypes.h>
#include <stdlib.h>

#include "manifest_index.h"

#define MOST_NAMES 4 /* of an entry: reference, handle, what it gets, and the path of a FIFO alone */

struct name {
	char *text;
	bool new; /* what it gets, not what it had */
	size_t entry;
};

struct manifest_index {
	struct name *names;
	size_t count;
};

/* One spelling for each key: "mq:0x4d51" and "mq:0x00004d51" are the same. The caller's to free(). */
static char *spell(const char *reference)
{
	const char *colon = strchr(reference, ':');
	struct text text = {0};
	char *end = NULL;
	uint64_t key;

	if (!colon || strncmp(colon, ":0x", 3) != 0)
		return xstrdup(reference);
	key = strtoull(colon + 3, &end, 16);
	if (end == colon + 3 || *end)
		return xstrdup(reference);
	text_bytes(&text, reference, (size_t)(colon - reference));
	text_format(&text, ":0x%08" PRIx64, key);
	text_cstr(&text);
	return text.data;
}

static void add(struct manifest_index *index, const char *text, bool new, size_t entry)
{
	index->names[index->count++] = (struct name){spell(text), new, entry};
}

static void add_entry(struct manifest_index *index, const struct manifest_entry *entry, size_t number)
{
	const char *path = entry->create ? strchr(entry->create, ':') : NULL;

	add(index, entry->object, false, number);
	if (entry->handle)
		add(index, entry->handle, false, number);
	if (!path)
		return;
	add(index, entry->create, true, number);
	if (!strncmp(entry->create, "fifo:", strlen("fifo:")))
		add(index, path + 1, true, number);
}

/* Of equal names those that were had come first. */
static int compare(const void *a, const void *b)
{
	const struct name *first = a, *second = b;
	int order = strcmp(first->text, second->text);

	return order ? order : first->new - second->new;
}

struct manifest_index *manifest_index_new(const struct manifest *manifest)
{
	struct manifest_index *index = xcalloc(1, sizeof(*index));
	size_t i;

	index->names = xcalloc(manifest->count, MOST_NAMES * sizeof(*index->names));
	for (i = 0; i < manifest->count; i++)
		add_entry(index, &manifest->entries[i], i);
	qsort(index->names, index->count, sizeof(*index->names), compare);
	return index;
}

void manifest_index_free(struct manifest_index *index)
{
	if (!index)
		return;
	while (index->count)
		free(index->names[--index->count].text);
	free(index->names);
	free(index);
}

/* The first name that is not before @text. */
static size_t find(const struct manifest_index *index, const char *text)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->names[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool manifest_index_choose(const struct manifest_index *index, const char *reference, bool *chosen)
{
	char *text = spell(reference);
	size_t first = find(index, text), i;

	for (i = first; i < index->count && !strcmp(index->names[i].text, text); i++)
		if (index->names[i].new == index->names[first].new)
			chosen[index->names[i].entry] = true;
	free(text);
	return i > first;
}
