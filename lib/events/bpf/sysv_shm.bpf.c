/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: segments that get mapped and unmapped. Of these shmat() and shmdt() are system calls; a fork, exec or exit is not about
 * segments at all. Where functions can be hooked, the kernel's own for a mapping that is copied or goes say it exactly; else one looks at
 * all mappings of a process that comes or goes.
 */
#include "events/bpf/sysv.bpf.h"

#define EBUSY 16
#define SHM_RDONLY 010000
#define SHM_DEST 01000
#define VM_WRITE 0x2
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define RAMFS_MAGIC 0x858458f6
#define SB_KERNMOUNT (1ul << 22)

#define BPF_F_NO_PREALLOC 1

/* So many segments that a child inherits are told of one by one, where functions are hooked. */
#define INHERITED 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_users {
	int counter;
};

struct mm_struct {
	struct mm_users mm_users;
};

struct vm_area_struct___of {
	struct mm_struct *vm_mm;
};

struct signal_live {
	int counter;
};

struct signal_struct {
	struct signal_live live;
};

struct task_struct___memory {
	struct mm_struct *mm;
	struct signal_struct *signal;
	void *vfork_done;
};

#pragma clang attribute pop

/* ---- mappings -------------------------------------------------------------------------------------------------------- */

/* The segment that @vma maps: a file of the segment's own kind, wrapped around the one of the memory. False: it is none. */
static __always_inline bool segment_of(struct vm_area_struct *vma, struct subject *what)
{
	struct shm_file_data *data;
	struct super_block *sb;
	struct file *file = vma->vm_file;
	char name[8] = {0};

	if (!file)
		return false;
	sb = file->f_inode->i_sb;
	if (sb->s_magic != TMPFS_MAGIC && sb->s_magic != HUGETLBFS_MAGIC && sb->s_magic != RAMFS_MAGIC)
		return false;
	if (!(sb->s_flags & SB_KERNMOUNT) || file->f_op == file->f_inode->i_fop)
		return false;
	bpf_probe_read_kernel(name, 5, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] != 'S' || name[1] != 'Y' || name[2] != 'S' || name[3] != 'V')
		return false;
	data = file->private_data;
	what->kind = IPC_RAW_SHM_SYSV;
	what->id = (__u32)BPF_CORE_READ(data, id);
	what->ns = BPF_CORE_READ(data, ns, ns.inum);
	return true;
}

static __always_inline __u32 access_of(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE ? IPC_RAW_READ | IPC_RAW_WRITE : IPC_RAW_READ;
}

/*
 * Segment @id in namespace @ns is mapped, or not any more, at @address, with the IPC_RAW_READ and so on of @how, whose lower half has the
 * verb. @actor: as who(); 0: the current one. Not static: see who().
 */
__weak NOINLINE int tell_mapping(__u32 id, __u32 ns, __u64 address, __u64 how, __u64 actor)
{
	struct subject what = {.kind = IPC_RAW_SHM_SYSV, .verb = (__u8)how, .id = id, .ns = ns};
	const struct ipc_settings *s = get_settings();
	struct ipc_raw *raw;

	if (!s || !wants_verb(s, IPC_RAW_SHM_SYSV, (__u8)how) || !wants(s, &what))
		return 0;
	/* The parent is of interest; the child is another process. */
	if (actor && s->pid)
		return 0;
	raw = record(&what, (__u8)how, 0);
	if (!raw)
		return 0;
	raw->address = address;
	raw->has = IPC_RAW_ADDRESS | (how >> 32 & (IPC_RAW_READ | IPC_RAW_WRITE));
	if (actor) {
		raw->pid = (__u32)(actor >> 32);
		raw->tid = (__u32)actor;
	} else if (is_kernel_thread()) {
		forget_actor(raw);
	}
	submit(raw);
	return 0;
}

#define HOW(verb, access) ((__u64)(access) << 32 | (verb))

static __always_inline bool wants_mappings(__u8 verb)
{
	const struct ipc_settings *s = get_settings();

	return s && wants_verb(s, IPC_RAW_SHM_SYSV, verb);
}

static __always_inline __u64 actor_of(void *child)
{
	const struct ipc_settings *s = get_settings();

	if (!s)
		return 0;
	return (__u64)process_of(child, s) << 32 | thread_of(child, s);
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

ENTER(shmat, 3)
{
	struct subject what = subject_of(IPC_RAW_SHM_SYSV, VERB_ATTACH, args->at[0]);

	begin(args, &what);
	return 0;
}

EXIT(shmat)
{
	struct ipc_raw *raw = record(&call->what, VERB_ATTACH, 0);

	if (!raw)
		return;
	raw->address = (__u64)ret;
	raw->has = IPC_RAW_ADDRESS | IPC_RAW_READ | (call->args[2] & SHM_RDONLY ? 0 : IPC_RAW_WRITE);
	submit(raw);
}

static long look_at_mapping(struct task_struct *task, struct vm_area_struct *vma, struct subject *what)
{
	(void)task;
	segment_of(vma, what);
	return 0;
}

/*
 * shmdt(), where no functions can be hooked: on_shm_close() would tell of it. Afterwards nothing leads from the address to the
 * segment any more.
 */
SEC("?tp/syscalls/sys_enter_shmdt")
int tp_enter_shmdt(struct tp_enter *ctx)
{
	struct args args = {.at = {ctx->args[0]}, .which = NUMBER_OF_CALL(shmdt)};
	struct subject what = {.verb = VERB_DETACH};
	const struct ipc_settings *s = get_settings();
	long r;

	if (!s || !wants_mappings(VERB_DETACH))
		return 0;
	r = bpf_find_vma(bpf_get_current_task_btf(), args.at[0], look_at_mapping, &what, 0);
	/* Another thread is changing the mappings. */
	if (r == -EBUSY && wants_ns(s, IPC_RAW_SHM_SYSV, ipc_ns_of_current()))
		count_lost();
	if (what.kind)
		begin(&args, &what);
	return 0;
}

SEC("?tp/syscalls/sys_exit_shmdt")
int tp_exit_shmdt(struct tp_exit *ctx)
{
	struct call *call = returned();

	if (!call)
		return 0;
	if (call->which == NUMBER_OF_CALL(shmdt) && !failed(call, ctx->ret))
		tell_mapping((__u32)call->what.id, call->what.ns, call->args[0], HOW(VERB_DETACH, 0), 0);
	end_call();
	return 0;
}

/* ---- behind functions ------------------------------------------------------------------------------------------------ */

/* What a child inherits: known when its memory is copied, told when it has a number. */
struct inherited {
	__u64 count;
	struct {
		__u64 address;
		__u32 id, ns;
		__u64 access;
	} at[INHERITED];
};

static const struct inherited nothing;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64); /* the address of its mm_struct */
	__type(value, struct inherited);
} inherited SEC(".maps");

static __always_inline __u64 memory_of(struct vm_area_struct *vma)
{
	return (__u64)((struct vm_area_struct___of *)vma)->vm_mm;
}

static __always_inline void remember(__u64 memory, const struct subject *what, struct vm_area_struct *vma)
{
	struct inherited *child = bpf_map_lookup_elem(&inherited, &memory);
	__u64 at;

	if (!child) {
		bpf_map_update_elem(&inherited, &memory, &nothing, 0);
		child = bpf_map_lookup_elem(&inherited, &memory);
	}
	if (!child) {
		count_lost();
		return;
	}
	at = child->count++;
	if (at >= INHERITED)
		return;
	child->at[at].address = vma->vm_start;
	child->at[at].id = (__u32)what->id;
	child->at[at].ns = what->ns;
	child->at[at].access = access_of(vma);
}

/* A mapping is copied for a child, or cut in two, which the kernel counts as one more. shmat() does not come here. */
SEC("?fentry/shm_open")
int fn_on_shm_open(__u64 *ctx)
{
	struct vm_area_struct *vma = (void *)ctx[0];
	struct subject what = {.verb = VERB_ATTACH};
	const struct ipc_settings *s = get_settings();
	__u64 memory = memory_of(vma);

	if (!s || !wants_mappings(VERB_ATTACH) || !segment_of(vma, &what) || !wants(s, &what))
		return 0;
	if (memory != (__u64)BPF_CORE_READ((struct task_struct___memory *)current(), mm))
		remember(memory, &what, vma);
	else
		tell_mapping((__u32)what.id, what.ns, vma->vm_start, HOW(VERB_ATTACH, access_of(vma)), 0);
	return 0;
}

static __always_inline void count_more_lost(__u64 more)
{
	__u32 zero = 0;
	struct ipc_counts *c = bpf_map_lookup_elem(&counts, &zero);

	count_lost();
	if (c)
		__sync_fetch_and_add(&c->lost, more - 1);
}

SEC("?tp_btf/sched_process_fork")
int fn_on_shm_fork(__u64 *ctx)
{
	void *child = (void *)ctx[1];
	__u64 memory = (__u64)BPF_CORE_READ((struct task_struct___memory *)child, mm), actor;
	struct inherited *of = bpf_map_lookup_elem(&inherited, &memory);
	__u32 i;

	if (!of)
		return 0;
	actor = actor_of(child);
	for (i = 0; i < INHERITED; i++) {
		if (i >= of->count)
			break;
		tell_mapping(of->at[i].id, of->at[i].ns, of->at[i].address, HOW(VERB_ATTACH, of->at[i].access), actor);
	}
	if (of->count > INHERITED)
		count_more_lost(of->count - INHERITED);
	bpf_map_delete_elem(&inherited, &memory);
	return 0;
}

/* A mapping goes: by shmdt(), munmap(), exec, exit, or because the fork that it was copied for failed. */
SEC("?fentry/shm_close")
int fn_on_shm_close(__u64 *ctx)
{
	struct vm_area_struct *vma = (void *)ctx[0];
	struct subject what = {.verb = VERB_DETACH};
	__u64 memory = memory_of(vma);

	if (bpf_map_lookup_elem(&inherited, &memory)) {
		bpf_map_delete_elem(&inherited, &memory);
		return 0;
	}
	if (wants_mappings(VERB_DETACH) && segment_of(vma, &what))
		tell_mapping((__u32)what.id, what.ns, vma->vm_start, HOW(VERB_DETACH, 0), 0);
	return 0;
}

/* Marked by IPC_RMID it goes with its last mapping; or nobody has asked for it: its namespace ends, or shm_rmid_forced is set. */
SEC("?fentry/shm_destroy")
int fn_on_shm_destroy(__u64 *ctx)
{
	struct ipc_namespace *ns = (void *)ctx[0];
	struct kern_ipc_perm *perm = (void *)ctx[1];
	bool marked = BPF_CORE_READ(perm, mode) & SHM_DEST;

	tell_end(IPC_RAW_SHM_SYSV, marked ? VERB_CLOSE : VERB_REMOVE, BPF_CORE_READ(ns, ns.inum), perm);
	return 0;
}

/* ---- without them ----------------------------------------------------------------------------------------------------- */

struct bpf_iter_task_vma {
	__u64 opaque[1];
};

/* Linux 6.7; hooks.c has this as what these programs need. */
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task, __u64 address) __weak __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __weak __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __weak __ksym;

static __always_inline void tell_all(struct task_struct *task, __u8 verb, __u64 actor)
{
	struct bpf_iter_task_vma it;
	struct vm_area_struct *vma;

	if (bpf_iter_task_vma_new(&it, task, 0) == -EBUSY)
		count_lost();
	while ((vma = bpf_iter_task_vma_next(&it))) {
		struct subject what = {0};

		if (segment_of(vma, &what))
			tell_mapping((__u32)what.id, what.ns, vma->vm_start,
				     HOW(verb, verb == VERB_ATTACH ? access_of(vma) : 0), actor);
	}
	bpf_iter_task_vma_destroy(&it);
}

/* Processes of other namespaces are not looked through, though one could have brought a segment along. */
static __always_inline bool wants_process(__u8 verb)
{
	const struct ipc_settings *s = get_settings();

	return s && wants_verb(s, IPC_RAW_SHM_SYSV, verb) && wants_ns(s, IPC_RAW_SHM_SYSV, ipc_ns_of_current());
}

SEC("?tp_btf/sched_process_fork")
int tp_on_shm_fork(__u64 *ctx)
{
	struct task_struct *child = (void *)ctx[1];

	if (child->mm && child->mm != BPF_CORE_READ((struct task_struct___memory *)current(), mm) &&
	    wants_process(VERB_ATTACH))
		tell_all(child, VERB_ATTACH, actor_of(child));
	return 0;
}

/* Is the memory about to go with this process? Not that of the parent of vfork(). */
static __always_inline bool is_own_memory(struct task_struct *task)
{
	struct task_struct___memory *it = (void *)task;

	return it->mm && (!it->vfork_done || it->mm->mm_users.counter == 1);
}

/* Linux 6.10 */
SEC("?tp_btf/sched_prepare_exec")
int tp_on_shm_exec(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (is_own_memory(task) && wants_process(VERB_DETACH))
		tell_all(task, VERB_DETACH, 0);
	return 0;
}

/* The last thread; before Linux 6.16 its memory is gone already when this is told. */
SEC("?tp_btf/sched_process_exit")
int tp_on_shm_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (is_own_memory(task) && ((struct task_struct___memory *)task)->signal->live.counter == 0 &&
	    wants_process(VERB_DETACH))
		tell_all(task, VERB_DETACH, 0);
	return 0;
}
