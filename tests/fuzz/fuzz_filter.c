/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: any bytes as a filter, which is then tested on an object with and one without known fields. */
#include <stdlib.h>
#include <string.h>

#include "model/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ipc_field *lookup(const char *name, unsigned *needs, void *unused)
{
	const struct ipc_field *field = ipc_record_find(&ipc_object_record, name);

	(void)unused;
	if (needs)
		*needs = field ? field->needs : 0;
	return field;
}

/* Each + doubles what it stands behind and {} multiplies it, inside the C library and without a bound of its own. */
static bool costly_pattern(const uint8_t *data, size_t size)
{
	size_t plus = 0;

	for (size_t i = 0; i < size; i++)
		plus += data[i] == '+';
	return memchr(data, '~', size) && (plus > 8 || memchr(data, '{', size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ipc_bytes words[] = {IPC_BYTES("dest"), IPC_BYTES("a\0b")};
	static const struct ipc_holder holders[] = {
		{.pid = 1,
		 .comm = IPC_BYTES("a) b (c"),
		 .uid = 0,
		 .fd = 3,
		 .how = IPC_BYTES("fd"),
		 .access = IPC_BYTES("")},
	};
	char *text;
	struct ipc_filter *filter;
	struct ipc_buf why = {0};
	struct ipc_object unknown, object;

	if (costly_pattern(data, size))
		return -1;
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	ipc_record_init(&ipc_object_record, &unknown);
	object = unknown;
	object.name = IPC_BYTES("/name");
	object.size = 4096;
	object.age = 1;
	object.status = (struct ipc_list){words, 2};
	object.holders = (struct ipc_list){holders, 1};
	if (ipc_filter_parse(text, lookup, NULL, &filter, &why) == 0) {
		ipc_filter_test(filter, &object, &ipc_object_record);
		ipc_filter_test(filter, &unknown, &ipc_object_record);
		ipc_filter_free(filter);
	}
	ipc_buf_release(&why);
	free(text);
	return 0;
}
