/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: the signals that are queued for a process and for each of its threads, as they lie in the kernel's memory. */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "bpf/numbers.h"
#include "peek/signal_record.h"

#define NULL ((void *)0)
#define PAGE 4096
#define STEPS (1 << 23) /* as many as bpf_loop() makes */

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct kernel_sigset {
	unsigned long sig[1];
};

/* include/linux/signal_types.h */
struct sigpending {
	struct list_head list;
	struct kernel_sigset signal;
};

struct kernel_siginfo {
	int si_signo;
	union {
	} _sifields;
};

struct sigqueue {
	struct list_head list;
	struct kernel_siginfo info;
};

struct signal_struct {
	struct sigpending shared_pending;
};

struct task_struct___signals {
	struct signal_struct *signal;
	struct sigpending pending;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

__s32 wanted_pid;
/* The ring was full: what follows could not be written. */
__u32 full;
__u32 shared_done;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PAGE); /* set before it is loaded */
} ring SEC(".maps");

struct ipc_peek_signal_record record;

/*
 * Where the walk of a queue stands. No local: the verifier of 6.1 looks at a step of bpf_loop() once alone, and takes what is
 * on the stack before the first one for what is there before every one.
 */
struct {
	struct list_head *head, *at, *last;
	__u32 done;
} walk;

static long step(__u64 number, void *unused)
{
	struct list_head *at = walk.at;
	struct sigqueue *queued = (void *)at - bpf_core_field_offset(struct sigqueue, list);
	__u64 size = bpf_core_type_size(struct kernel_siginfo);

	walk.done = at == walk.head;
	if (walk.done || !at)
		return 1;
	if (size > sizeof(record.info))
		size = sizeof(record.info);
	if (bpf_probe_read_kernel(record.info, size, (void *)queued + bpf_core_field_offset(struct sigqueue, info)))
		return 1;
	if (bpf_ringbuf_output(&ring, &record, sizeof(record), 0)) {
		full = 1;
		return 1;
	}
	walk.last = at;
	walk.at = BPF_CORE_READ(at, next);
	return 0;
}

static __always_inline __u64 pending_set(struct sigpending *pending)
{
	__u64 set = 0;

	bpf_probe_read_kernel(&set, sizeof(set), (void *)pending + bpf_core_field_offset(struct sigpending, signal));
	return set;
}

/* What came or went while it was walked shows at either end of the list or in the set. */
static __always_inline void read_queue(struct sigpending *pending, __s32 tid)
{
	struct list_head *head = (void *)pending + bpf_core_field_offset(struct sigpending, list);
	__u64 before = pending_set(pending);
	struct list_head *first = BPF_CORE_READ(head, next);

	walk.head = walk.last = head;
	walk.at = first;
	walk.done = 0;
	record.tid = tid;
	record.end = 0;
	record.sender_at = bpf_core_field_offset(struct kernel_siginfo, _sifields);
	bpf_loop(STEPS, step, NULL, 0);
	record.end = 1;
	record.pending = pending_set(pending);
	record.torn = !walk.done || record.pending != before || BPF_CORE_READ(head, next) != first ||
		      BPF_CORE_READ(head, prev) != walk.last;
	if (bpf_ringbuf_output(&ring, &record, sizeof(record), 0))
		full = 1;
}

SEC("iter/task")
int peek_signals(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_struct___signals *signals = (void *)task;
	struct signal_struct *shared;

	if (!task || full || process_number(task) != wanted_pid)
		return 0;
	if (!shared_done) {
		shared_done = 1;
		shared = BPF_CORE_READ(signals, signal);
		read_queue((void *)shared + bpf_core_field_offset(struct signal_struct, shared_pending), 0);
	}
	read_queue((void *)signals + bpf_core_field_offset(struct task_struct___signals, pending), thread_number(task));
	return 0;
}
