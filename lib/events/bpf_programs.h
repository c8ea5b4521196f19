/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of all programs those that are needed for what is asked for, and that this kernel has a place for. */
#ifndef IPC_EVENTS_BPF_PROGRAMS_H
#define IPC_EVENTS_BPF_PROGRAMS_H

#include <linux/types.h>
#include <stdbool.h>

#include "events/source.h"

struct bpf_object;
struct bpf_program;

enum ipc_bpf_hooked { IPC_BPF_BY_FUNCTION, IPC_BPF_BY_TRACEPOINT };

struct ipc_bpf_choice {
	const struct ipc_settings *settings;
	enum ipc_bpf_hooked hooked;
	unsigned asked, lacking; /* bits: needs of hooks, and those that this kernel does not meet */
};

/* When a program is attached: a call that is remembered when it begins has to be forgotten when it returns. */
enum ipc_bpf_turn { IPC_BPF_EVENTS, IPC_BPF_EXITS, IPC_BPF_ENTRIES, IPC_BPF_TURNS };

/* Can programs be behind functions that are system calls on this architecture? */
bool ipc_bpf_has_functions(void);
/* Choose those of @object, which was opened, that are to be loaded, and where they go. Returns 0 or -errno, from libbpf. */
int ipc_bpf_choose(struct ipc_bpf_choice *choice, struct bpf_object *object);
/* Which turn is @program's, that was chosen? */
enum ipc_bpf_turn ipc_bpf_turn(const struct bpf_program *program);
/* Say what will not be told of because this kernel does not have what that takes. */
void ipc_bpf_tell_lacking(const struct ipc_bpf_choice *choice, const struct ipc_source_want *want);

#endif
