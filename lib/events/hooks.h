/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which system calls and kernel events tell of which verbs of which kinds: only those that are asked for are hooked. */
#ifndef IPC_EVENTS_HOOKS_H
#define IPC_EVENTS_HOOKS_H

#include <linux/types.h>

#include "events/event.h"
#include "events/raw.h"

#define IPC_HOOK_KINDS 8

struct ipc_hook {
	const char *name; /* of the system call, or of the program in the family's file */
	struct {
		enum ipc_raw_kind kind; /* IPC_RAW_NONE: no more */
		uint32_t verbs;
	} tells[IPC_HOOK_KINDS];
};

/* The hook called @name, or NULL. */
const struct ipc_hook *ipc_hook_find(const char *name);
/* Does it tell of anything that @settings want? */
bool ipc_hook_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings);

#endif
