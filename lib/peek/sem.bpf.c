/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: what the kernel keeps to be added to the semaphores of a set when tasks end (SEM_UNDO). */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "bpf/numbers.h"
#include "peek/sem_record.h"

#define NULL ((void *)0)
#define PAGE 4096
#define STEPS (1 << 20) /* sets that one task has undo values for, and parts of them */

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

/* ipc/sem.c */
struct sem_undo_list {
	struct list_head list_proc;
};

struct sem_undo {
	struct list_head list_proc;
	int semid;
	short semadj[];
};

/* Older kernels keep them apart. */
struct sem_undo___pointer {
	short *semadj;
};

struct sysv_sem {
	struct sem_undo_list *undo_list;
};

struct nsproxy {
	struct ipc_namespace *ipc_ns;
};

struct task_struct___undo {
	struct sysv_sem sysvsem;
	struct nsproxy *nsproxy;
	char comm[PEEK_SEM_COMM];
};

struct bpf_iter__task___undo {
	struct task_struct *task;
};

#pragma clang attribute pop

/* The set, of the reader's ipc namespace, and how many semaphores it has. */
__s32 wanted_id;
__u32 number;
/* So many records have been read already by earlier runs. */
__u64 done;
/* The ring was full: what follows is left for another run. */
__u32 full;
__u64 written;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PAGE); /* set before it is loaded */
} ring SEC(".maps");

struct ipc_peek_sem_record part;
struct ipc_peek_sem_user_record user;
/* Some list was not walked to its end. */
__u32 cut;

/*
 * Where the walk stands: one small step is made at a time, so that the verifier need not follow loops in loops. No local: the
 * verifier of 6.1 looks at a step of bpf_loop() once alone, and takes what is on the stack before the first one for what
 * is there before every one.
 */
struct {
	struct list_head *head, *at;
	short *adjust; /* of the set, once it is found */
	__u32 index;
} walk;

static __always_inline short *adjustments(struct sem_undo *undo)
{
	struct sem_undo___pointer *older = (void *)undo;

	if (bpf_core_field_exists(older->semadj))
		return BPF_CORE_READ(older, semadj);
	return (void *)undo + bpf_core_field_offset(struct sem_undo, semadj);
}

static __always_inline long step_undo(void)
{
	struct list_head *at = walk.at;
	struct sem_undo *undo;

	if (!at || at == walk.head)
		return 1;
	undo = (void *)at - bpf_core_field_offset(struct sem_undo, list_proc);
	walk.at = BPF_CORE_READ(at, next);
	if (BPF_CORE_READ(undo, semid) == wanted_id)
		walk.adjust = adjustments(undo);
	return 0;
}

static __always_inline long step_part(void)
{
	__u32 left = number - walk.index;

	if (walk.index >= number)
		return 1;
	if (left > PEEK_SEM_PART)
		left = PEEK_SEM_PART;
	part.index = walk.index;
	part.count = left;
	/* A mask: the verifier does not see a bound in what the compiler makes of comparisons. */
	if (bpf_probe_read_kernel(part.adjust, (((left - 1) & (PEEK_SEM_PART - 1)) + 1) * sizeof(part.adjust[0]),
				  walk.adjust + walk.index))
		return 1;
	walk.index += left;
	if (written++ < done)
		return 0;
	if (bpf_ringbuf_output(&ring, &part, sizeof(part), 0)) {
		full = 1;
		return 1;
	}
	done = written;
	return 0;
}

static long step(__u64 count, void *unused)
{
	return walk.adjust ? step_part() : step_undo();
}

static __always_inline struct sem_undo_list *list_of(struct task_struct *task)
{
	struct task_struct___undo *own = (void *)task;

	return BPF_CORE_READ(own, sysvsem.undo_list);
}

/* Who enters another ipc namespace has his list emptied first: it is all of one. */
static __always_inline struct ipc_namespace *namespace_of(struct task_struct *task)
{
	struct task_struct___undo *own = (void *)task;

	return BPF_CORE_READ(own, nsproxy, ipc_ns);
}

SEC("iter/task")
int peek_sem_undo(struct bpf_iter__task___undo *ctx)
{
	struct task_struct *task = ctx->task, *reader, *leader;
	struct task_struct___undo *own;
	struct sem_undo_list *list;
	struct list_head *head;

	if (!task || full)
		return 0;
	leader = task->group_leader;
	list = list_of(task);
	reader = (struct task_struct *)bpf_get_current_task();
	if (!list || namespace_of(task) != namespace_of(reader))
		return 0;
	/* Threads share it, as a rule. */
	if (task != leader && list == list_of(leader))
		return 0;
	part.list = (__u64)list;
	part.pid = process_number(task);
	own = (void *)leader;
	bpf_core_read(part.comm, sizeof(part.comm), &own->comm);
	head = (void *)list + bpf_core_field_offset(struct sem_undo_list, list_proc);
	walk.head = head;
	walk.at = BPF_CORE_READ(head, next);
	walk.adjust = NULL;
	walk.index = 0;
	bpf_loop(STEPS, step, NULL, 0);
	return 0;
}

/* ---- the users of all sets --------------------------------------------------------------------------------------- */

/* The lists are made for readers that take no lock: what is taken out leads on to the rest, and is not freed under them. */
static long step_user(__u64 count, void *unused)
{
	struct list_head *at = walk.at;
	struct sem_undo *undo;

	if (!at || at == walk.head)
		return 1;
	undo = (void *)at - bpf_core_field_offset(struct sem_undo, list_proc);
	walk.at = BPF_CORE_READ(at, next);
	user.id = BPF_CORE_READ(undo, semid);
	/* Of a set that is gone. */
	if (user.id < 0)
		return 0;
	if (bpf_ringbuf_output(&ring, &user, sizeof(user), 0)) {
		full = 1;
		return 1;
	}
	return 0;
}

SEC("iter/task")
int peek_sem_users(struct bpf_iter__task___undo *ctx)
{
	struct task_struct *task = ctx->task, *leader;
	struct task_struct___undo *own;
	struct sem_undo_list *list;
	struct list_head *head;

	if (!task || full)
		return 0;
	leader = task->group_leader;
	list = list_of(task);
	if (!list || (task != leader && list == list_of(leader)))
		return 0;
	user.ns = BPF_CORE_READ(namespace_of(task), ns.inum);
	user.pid = process_number(task);
	own = (void *)leader;
	bpf_core_read(user.comm, sizeof(user.comm), &own->comm);
	head = (void *)list + bpf_core_field_offset(struct sem_undo_list, list_proc);
	walk.head = head;
	walk.at = BPF_CORE_READ(head, next);
	bpf_loop(STEPS, step_user, NULL, 0);
	if (walk.at != walk.head)
		cut = 1;
	return 0;
}
