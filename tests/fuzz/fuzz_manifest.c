/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as the manifest of an archive, and as a file of messages. What is refused has a reason; what is
 * taken is complete, and comes out the same when it is written and read once more.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cmd/frame.h"
#include "../../cmd/manifest_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	for (; text && *text; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

static void check_entry(const struct manifest_entry *entry)
{
	size_t i;

	if (!entry->object || !entry->kind || !entry->file || !entry->dumped || !entry->create == !entry->cannot)
		abort();
	check_text(entry->object);
	check_text(entry->create);
	check_text(entry->cannot);
	check_text(entry->file);
	for (i = 0; i < entry->setting_count; i++) {
		check_text(entry->settings[i].name);
		check_text(entry->settings[i].value);
		if (manifest_setting(entry, entry->settings[i].name) != entry->settings[i].value)
			abort(); /* given twice */
	}
}

static void write_all(struct text *out, const struct manifest *manifest)
{
	size_t i;

	manifest_append_version(out);
	for (i = 0; i < manifest->count; i++) {
		check_entry(&manifest->entries[i]);
		manifest_append(out, &manifest->entries[i]);
	}
}

/* By what it was called each is found. */
static void check_index(const struct manifest *manifest)
{
	struct manifest_index *index = manifest_index_new(manifest);
	size_t i;

	for (i = 0; i < manifest->count; i++) {
		bool *chosen = xcalloc(manifest->count, sizeof(*chosen));

		if (!manifest_index_choose(index, manifest->entries[i].object, chosen) || !chosen[i])
			abort();
		free(chosen);
	}
	manifest_index_free(index);
}

static void again(const struct manifest *manifest, const struct text *once)
{
	struct manifest second;
	struct text twice = {0}, why = {0};

	if (!manifest_parse(&second, once->data, once->len, &why) || second.count != manifest->count || second.cut_off)
		abort();
	write_all(&twice, &second);
	if (twice.len != once->len || memcmp(twice.data, once->data, once->len) != 0)
		abort();
	manifest_release(&second);
	text_release(&twice);
	text_release(&why);
}

static void try_manifest(const uint8_t *data, size_t size)
{
	struct manifest manifest;
	struct text why = {0}, once = {0};

	if (!manifest_parse(&manifest, (const char *)data, size, &why)) {
		if (!why.len)
			abort();
	} else {
		write_all(&once, &manifest);
		again(&manifest, &once);
		check_index(&manifest);
	}
	manifest_release(&manifest);
	text_release(&why);
	text_release(&once);
}

static void try_messages(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
	struct frame head;
	uint64_t total = 0;

	if (!file)
		return;
	while (frame_read_head(file, &head) == FRAME_READ) {
		if (head.there > head.length || (head.numbered && head.number < 0))
			abort();
		if (!frame_read_body(file, &head, NULL))
			break;
		total += head.there;
		if (total > size)
			abort(); /* more than there is */
	}
	fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_manifest(data, size);
	try_messages(data, size);
	return 0;
}
