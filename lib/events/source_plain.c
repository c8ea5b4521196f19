/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events without BPF: netlink, inotify, and looking again at intervals. */
#include <errno.h>

#include "events/source.h"

int ipc_source_plain_new(const struct ipc_source_want *want, struct ipc_source **out)
{
	(void)out;
	return ipc_ctx_fail(want->ctx, -ENOTSUP, "not there yet");
}
