/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of hooks: one line for each system call, or other kernel event, that a BPF family has a program for. */
#include "events/hooks.h"

#include <stddef.h>
#include <string.h>

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)
#define WAITS (BIT(WAIT) | BIT(WAKE))

static const struct ipc_hook hooks[] = {
	/* System V */
	{"msgget", {{IPC_RAW_MQ_SYSV, BIT(CREATE) | BIT(OPEN)}}},
	{"msgsnd", {{IPC_RAW_MQ_SYSV, BIT(SEND) | WAITS}}},
	{"msgrcv", {{IPC_RAW_MQ_SYSV, BIT(RECEIVE) | WAITS}}},
	{"msgctl", {{IPC_RAW_MQ_SYSV, BIT(CHANGE) | BIT(REMOVE)}}},
};

const struct ipc_hook *ipc_hook_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	return NULL;
}

bool ipc_hook_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings)
{
	size_t i;

	for (i = 0; i < IPC_HOOK_KINDS && hook->tells[i].kind != IPC_RAW_NONE; i++)
		if (settings->verbs[hook->tells[i].kind] & hook->tells[i].verbs)
			return true;
	return false;
}
