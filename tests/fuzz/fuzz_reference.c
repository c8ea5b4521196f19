/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: any bytes as a reference; one that is understood must, printed and read again, mean the same. */
#include <stdlib.h>
#include <string.h>

#include "model/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_again(const struct ipc_reference *ref)
{
	struct ipc_reference again;
	struct ipc_buf text = {0}, why = {0};
	const char *colon = ref->class_name[0] ? ":" : "";

	if (ipc_buf_format(&text, "%s%s", ref->class_name, colon) || ipc_buf_escape(&text, ref->locator) ||
	    ipc_reference_parse(text.data, false, "/elsewhere", &again, &why))
		abort();
	if (again.by != ref->by || !ipc_bytes_equal(again.locator, ref->locator))
		abort();
	ipc_reference_release(&again);
	ipc_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (int literal = 0; literal < 2; literal++) {
		struct ipc_reference ref;
		struct ipc_buf why = {0};

		if (ipc_reference_parse(text, literal, "/cwd", &ref, &why) == 0) {
			parse_again(&ref);
			ipc_reference_release(&ref);
		} else if (!why.len) {
			abort();
		}
		ipc_buf_release(&why);
	}
	free(text);
	return 0;
}
