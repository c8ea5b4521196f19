/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that records carry, as paths and names that references are made of. */
#include <string.h>

#include "events/monitor.h"

struct ipc_bytes ipc_event_name(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	(void)monitor;
	switch (raw->name_is) {
	case IPC_RAW_NAME_WHOLE:
	case IPC_RAW_NAME_RELATIVE:
		return (struct ipc_bytes){raw->name, raw->name_len};
	default:
		return IPC_NO_BYTES;
	}
}
