/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: calls that begin to sleep, of all families, and waiting for POSIX semaphores, which is all that the kernel sees of these. */
#define WITH_SOCKETS
#include "events/bpf/path.bpf.h"

#define EBUSY 16

/* include/linux/sched.h */
#define TASK_INTERRUPTIBLE 0x0001
#define TASK_WAKING 0x0200

#define FUTEX_WAIT 0
#define FUTEX_WAIT_BITSET 9
#define FUTEX_PRIVATE_FLAG 128
#define FUTEX_CLOCK_REALTIME 256

/* A call that is told of by its waiting alone. */
#define VERB_NONE 31

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___state {
	unsigned int __state;
	int pid;
};

/* Before 5.14 */
struct task_struct___older {
	long state;
};

#pragma clang attribute pop

/* ---- going to sleep -------------------------------------------------------------------------------------------------- */

/*
 * Runs at every switch from one thread to another on the host: what most of them pay is one look into a map. Sleeping that no signal ends is
 * for a lock or for memory, not for what the call is about. Somebody may be waking the thread by now.
 */
static __always_inline bool is_asleep(const struct task_struct___state *task)
{
	__u32 state;

	if (bpf_core_field_exists(task->__state))
		state = task->__state;
	else
		state = (__u32)((const struct task_struct___older *)task)->state;
	return state & (TASK_INTERRUPTIBLE | TASK_WAKING);
}

/* A thread that is only to make room goes on later with whatever it was about to do. */
SEC("?tp_btf/sched_switch")
int on_sched_switch(__u64 *ctx)
{
	const struct task_struct___state *prev = (const void *)ctx[1];
	bool preempted = ctx[0];
	struct ipc_raw *raw;
	struct call *call;
	__u32 tid;

	if (preempted || !is_asleep(prev))
		return 0;
	tid = (__u32)prev->pid;
	call = bpf_map_lookup_elem(&calls, &tid);
	if (!call || call->slept)
		return 0;
	call->slept = bpf_ktime_get_ns();
	if (call->what.verb == VERB_OPEN && call->what.kind == IPC_RAW_FIFO) {
		tell_opening(call);
		return 0;
	}
	raw = record_call(call, VERB_WAIT);
	if (!raw)
		return 0;
	raw->time = call->slept;
	submit(raw);
	return 0;
}

/* ---- POSIX semaphores ------------------------------------------------------------------------------------------------ */

struct place {
	__u64 inode;
	__u32 dev;
};

/* sem_open() maps a file "sem.NAME" of a file system in memory; of whoever made it the file has been called otherwise since. */
static long look_at_mapping(struct task_struct *task, struct vm_area_struct *vma, struct place *place)
{
	struct dentry *dentry = BPF_CORE_READ(vma, vm_file, f_path.dentry);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	char begin[5] = {0};

	(void)task;
	if (!inode || BPF_CORE_READ(inode, i_sb, s_magic) != TMPFS_MAGIC)
		return 0;
	bpf_probe_read_kernel(begin, 4, name);
	if (begin[0] != 's' || begin[1] != 'e' || begin[2] != 'm' || begin[3] != '.')
		return 0;
	place->inode = BPF_CORE_READ(inode, i_ino);
	place->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	return 0;
}

ENTER(futex, 6)
{
	struct subject what = {.kind = IPC_RAW_SEM_POSIX, .verb = VERB_NONE};
	__u64 operation = args->at[1] & ~(__u64)FUTEX_CLOCK_REALTIME;
	const struct ipc_settings *s = get_settings();
	struct place place = {0};
	long r;

	/* Private words are those of threads of one process: locks, not semaphores. */
	if (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET)
		return 0;
	what.ns = mnt_ns_of_current();
	if (!s || !wants(s, &what))
		return 0;
	r = bpf_find_vma(bpf_get_current_task_btf(), args->at[0], look_at_mapping, &place, 0);
	/* Another thread is changing the mappings: what was it about? */
	if (r == -EBUSY)
		count_lost();
	if (!place.inode)
		return 0;
	what.inode = place.inode;
	what.dev = place.dev;
	begin(args, &what);
	return 0;
}

EXIT(futex)
{
	(void)call;
	(void)ret;
}

/* Never loaded: source_bpf.c asks by it which functions there are. */
SEC("?fentry/never")
int never(void *ctx)
{
	(void)ctx;
	return 0;
}
