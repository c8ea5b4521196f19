/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: files are closed: the last descriptor, mapping or call that had an open file lets go of it. Behind tracepoints the calls
 * that close descriptors are looked at, and the end of processes; behind functions the one by which the kernel itself gives up a file.
 */
#define WITH_SOCKETS
#include "events/bpf/opened.bpf.h"

/* bpf_loop() makes no more */
#define FDS_MOST (1 << 23)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct signal_struct {
	atomic_t live;
	int nr_threads;
};

struct task_struct___end {
	struct signal_struct *signal;
	struct files_struct *files;
	struct task_struct___end *group_leader;
	int tgid;
	__u64 start_time;
};

#pragma clang attribute pop

/* Is nothing asked of @kind but the last close? */
static __always_inline bool only_edges(const struct ipc_settings *s, __u8 kind)
{
	__u32 index = kind;

	asm volatile("" : "+r"(index)); /* see verbs_of_kind() */
	return index < IPC_RAW_KINDS && s->edges[index];
}

/* By a draft: in a function that bpf_loop() calls the verifier of 6.1 takes no record from another one. */
static __always_inline void tell_close_socket(const struct ipc_settings *s, const struct subject *what, __s32 fd)
{
	struct sock *sk = (void *)what->sock;
	struct ipc_raw *raw;

	if (!wants_verb(s, what->kind, VERB_CLOSE) || !wants(s, what))
		return;
	if (only_edges(s, what->kind) && !is_bound(sk))
		return;
	raw = begin_draft(what, VERB_CLOSE);
	if (!raw)
		return;
	if (what->kind == IPC_RAW_SOCK_UNIX)
		describe_unix(raw, sk);
	else
		describe_others(raw, what, 0);
	raw->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (fd >= 0) {
		raw->fd = fd;
		raw->has |= IPC_RAW_FD;
	}
	raw->has |= IPC_RAW_LAST;
	send_draft(raw);
}

static __always_inline void tell_close(struct file *file, __s32 fd)
{
	const struct ipc_settings *s = get_settings();
	struct subject what = {.verb = VERB_CLOSE};
	struct ipc_raw *raw;

	if (s && object_of_socket(file, &what)) {
		tell_close_socket(s, &what, fd);
		return;
	}
	if (!s || !object_of_file(file, &what) || !wants_verb(s, what.kind, VERB_CLOSE) || !wants(s, &what))
		return;
	raw = begin_draft(&what, VERB_CLOSE);
	if (!raw)
		return;
	describe_access(raw, file);
	describe_uses(raw, file);
	if (fd >= 0) {
		raw->fd = fd;
		raw->has |= IPC_RAW_FD;
	}
	if (raw->users == 1)
		raw->has |= IPC_RAW_LAST;
	/* Two may close a pipe's last ends at once, each seeing the other: the book, which counts, is told of all. */
	if (what.kind != IPC_RAW_FIFO && what.kind != IPC_RAW_PIPE && only_edges(s, what.kind) && raw->users != 1) {
		drop_draft(raw);
		return;
	}
	if (what.kind != IPC_RAW_PIPE && what.kind != IPC_RAW_SHM_MEMFD)
		name_by_file(raw, file);
	send_draft(raw);
}

/* ---- descriptors ------------------------------------------------------------------------------------------------------- */

/*
 * Open files that are closed by way of several descriptors, as 2>&1 makes them, and how many of these a walk through the table has passed:
 * with as many as there are references the last one goes.
 */
struct shared {
	__u64 file, walk;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct shared);
	__type(value, __u64);
} shared SEC(".maps");

static __always_inline bool is_last_passed(struct file *file, __u64 references, __u64 walk)
{
	__u16 type = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	struct shared key = {(__u64)file, walk};
	__u64 *passed, first = 1;

	/* Most that is shared is a terminal or /dev/null. */
	if (type != S_IFIFO && type != S_IFSOCK && type != S_IFREG)
		return false;
	passed = bpf_map_lookup_elem(&shared, &key);
	if (passed)
		return ++*passed == references;
	bpf_map_update_elem(&shared, &key, &first, 0);
	return false;
}

/*
 * @walk: number of the walk through all of the table, 0: it is this descriptor alone. Not inlined: before Linux 6.3 the function that
 * bpf_loop() calls may not end a record that another one began.
 */
static NOINLINE int close_fd(__u32 fd, __u64 walk)
{
	struct file *file = file_of_fd(fd);
	__u64 references;

	if (!file)
		return 0;
	references = references_of(file);
	if (references == 1 || (walk && is_last_passed(file, references, walk)))
		tell_close(file, (__s32)fd);
	return 0;
}

SEC("?tp/syscalls/sys_enter_close")
int tp_enter_close(struct tp_enter *ctx)
{
	return close_fd((__u32)ctx->args[0], 0);
}

/* What had the number of the copy is closed. */
SEC("?tp/syscalls/sys_enter_dup2")
int tp_enter_dup2(struct tp_enter *ctx)
{
	return ctx->args[0] == ctx->args[1] || !file_of_fd((__u32)ctx->args[0]) ? 0 : close_fd((__u32)ctx->args[1], 0);
}

SEC("?tp/syscalls/sys_enter_dup3")
int tp_enter_dup3(struct tp_enter *ctx)
{
	return ctx->args[0] == ctx->args[1] || !file_of_fd((__u32)ctx->args[0]) ? 0 : close_fd((__u32)ctx->args[1], 0);
}

/* Where a walk through a table of descriptors stands. No local: see lib/peek/sem.bpf.c. */
struct walk {
	__u32 fd, end;
	__u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} walks SEC(".maps");

static long close_next(__u32 index, void *unused)
{
	struct walk *walk;
	__u32 zero = 0;

	(void)index;
	(void)unused;
	walk = bpf_map_lookup_elem(&walks, &zero);
	if (!walk || walk->fd >= walk->end)
		return 1;
	close_fd(walk->fd++, walk->number);
	return 0;
}

/* Descriptors from @first on, the last one being @last. */
static __always_inline void close_all(__u64 first, __u64 last)
{
	struct files_struct *files = files_of_current();
	__u32 most = BPF_CORE_READ(files, fdt, max_fds), zero = 0;
	struct walk *walk = bpf_map_lookup_elem(&walks, &zero);

	if (!walk || first >= most)
		return;
	walk->fd = (__u32)first;
	walk->end = last >= most ? most : (__u32)last + 1;
	walk->number = bpf_ktime_get_ns() << 12 | (bpf_get_smp_processor_id() & 0xfff);
	bpf_loop(FDS_MOST, close_next, (void *)0, 0);
}

#define CLOSE_RANGE_CLOEXEC 4

SEC("?tp/syscalls/sys_enter_close_range")
int tp_enter_close_range(struct tp_enter *ctx)
{
	if (!(ctx->args[2] & CLOSE_RANGE_CLOEXEC))
		close_all((__u32)ctx->args[0], (__u32)ctx->args[1]);
	return 0;
}

/* ---- the end of processes ------------------------------------------------------------------------------------------------ */

/* Processes whose end was told of: threads that end at once may each see that none is left. */
struct ended {
	__u64 start;
	__u64 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ended);
	__type(value, __u8);
} ends SEC(".maps");

/* Others than its own threads may share the table of descriptors (CLONE_FILES). */
static __always_inline bool is_last_user(struct task_struct___end *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct ended ended = {BPF_CORE_READ(task, group_leader, start_time), BPF_CORE_READ(task, tgid)};
	__u8 yes = 1;

	if (BPF_CORE_READ(signal, live.counter) != 0)
		return false;
	if (BPF_CORE_READ(task, files, count.counter) != 1 && BPF_CORE_READ(signal, nr_threads) == 1)
		return false;
	return bpf_map_update_elem(&ends, &ended, &yes, 1 /* BPF_NOEXIST */) == 0;
}

SEC("?tp_btf/sched_process_exit")
int tp_on_exit_files(__u64 *ctx)
{
	struct task_struct___end *task = (void *)current();

	(void)ctx;
	if (BPF_CORE_READ(task, files) && is_last_user(task))
		close_all(0, ~0u);
	return 0;
}

/* ---- functions --------------------------------------------------------------------------------------------------------- */

/* Whoever had it, wherever it was: in a table, in memory, in a message that nobody received. */
SEC("?fentry/__fput")
int fn_on_fput(__u64 *ctx)
{
	__u64 file = 0;

	/* As a number: before Linux 6.9 functions that are not static take no pointer for one. */
	bpf_probe_read_kernel(&file, sizeof(file), ctx);
	tell_close((struct file *)file, -1);
	return 0;
}
