/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures that a limit caused, told with the limit, its value, the use made of it, and what raises it. */
#include "classes/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/record.h"
#include "model/units.h"
#include "sources/procfs.h"

uint64_t ipc_limit_read(struct ipc_ctx *ctx, const struct ipc_limit *limit)
{
	struct ipc_buf text = {0};
	uint64_t value = IPC_UNKNOWN;
	unsigned word = 0;
	const char *at;

	if (ipc_proc_read(ctx, &text, "%s", limit->file) == 0 && text.data) {
		at = text.data + strspn(text.data, " \t\n");
		while (word < limit->word && *at) {
			at += strcspn(at, " \t\n");
			at += strspn(at, " \t\n");
			word++;
		}
		if (ipc_parse_uint(at, strcspn(at, " \t\n"), &value))
			value = IPC_UNKNOWN;
	}
	ipc_buf_release(&text);
	return value;
}

int ipc_limit_fail(struct ipc_ctx *ctx, int error, const struct ipc_limit *limit, uint64_t used, const char *happened)
{
	uint64_t value = ipc_limit_read(ctx, limit);
	char allows[64] = "limits", use[64] = "";

	if (value != IPC_UNKNOWN)
		snprintf(allows, sizeof(allows), "allows %" PRIu64, value);
	if (used != IPC_UNKNOWN)
		snprintf(use, sizeof(use), ", %" PRIu64 " %s in use", used, used == 1 ? "is" : "are");
	return ipc_ctx_fail(ctx, error, "%s: %s %s %s%s; raise /proc/%s", happened, limit->name, allows, limit->what,
			    use, limit->file);
}
