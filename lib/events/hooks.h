/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which system calls and kernel events tell of which verbs of which kinds: only those that are asked for are hooked. */
#ifndef IPC_EVENTS_HOOKS_H
#define IPC_EVENTS_HOOKS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "events/event.h"
#include "events/raw.h"

#define IPC_HOOK_KINDS 12

struct ipc_hook {
	const char *name; /* of the system call, or of the program in the family's file */
	struct {
		enum ipc_raw_kind kind; /* IPC_RAW_NONE: no more */
		uint32_t verbs;
	} tells[IPC_HOOK_KINDS];
};

/* The hook called @name, or NULL. */
const struct ipc_hook *ipc_hook_find(const char *name);
/* What the programs of a hook need that not every kernel with a ring buffer has. */
struct ipc_hook_need {
	const char *name;                      /* of the hook */
	const char *without;                   /* what is not told of where it is missing, for people */
	const char *function;                  /* of the kernel, that programs call or are behind; NULL: none */
	int helper;                            /* BPF_FUNC_*; 0: none */
	bool functions_only, tracepoints_only; /* not for the other kind of programs */
};

/* Need @index, or NULL past the last one. */
const struct ipc_hook_need *ipc_hook_need(size_t index);
/* Does it tell of anything that @settings want? */
bool ipc_hook_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings);
/* If so: is the beginning of the call of use as well, or its end alone? */
bool ipc_hook_entry_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings);

#endif
