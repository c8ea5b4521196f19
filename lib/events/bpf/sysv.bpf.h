/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the System V families share. */
#ifndef IPC_EVENTS_SYSV_BPF_H
#define IPC_EVENTS_SYSV_BPF_H

#include "events/bpf/core.bpf.h"

#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* ipc/util.h: with what every object begins. */
struct kern_ipc_perm {
	int id;
	int key;
	unsigned short mode;
};

struct task_struct___flags {
	unsigned int flags;
};

#pragma clang attribute pop

static __always_inline struct subject subject_of(__u8 kind, __u8 verb, __u64 id)
{
	struct subject what = {.kind = kind, .verb = verb, .id = (__u32)id, .ns = ipc_ns_of_current()};

	return what;
}

/* The kernel's own threads do on behalf of nobody what is left to do: take a namespace away, or the memory of a process. */
static __always_inline bool is_kernel_thread(void)
{
	return BPF_CORE_READ((struct task_struct___flags *)current(), flags) & PF_KTHREAD;
}

/* An object goes: @perm is what the kernel's function is given. Most go by a call that tells of it when it returns. */
static __always_inline void tell_end(__u8 kind, __u8 verb, __u32 ns, struct kern_ipc_perm *perm)
{
	const struct ipc_settings *s = get_settings();
	struct subject what = {.kind = kind, .verb = verb, .ns = ns};
	struct call *call = returned();
	struct ipc_raw *raw;

	what.id = (__u32)BPF_CORE_READ(perm, id);
	what.key = (__u32)BPF_CORE_READ(perm, key);
	if (!s || !wants(s, &what))
		return;
	if (verb == VERB_REMOVE && call && call->what.kind == kind && call->what.verb == VERB_REMOVE)
		return;
	raw = record(&what, verb, 0);
	if (!raw)
		return;
	raw->has = verb == VERB_CLOSE ? IPC_RAW_LAST : IPC_RAW_KEY;
	if (is_kernel_thread())
		forget_actor(raw);
	submit(raw);
}

#endif
