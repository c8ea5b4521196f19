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

static __always_inline void tell_close_socket(const struct ipc_settings *s, const struct subject *what, __s32 fd)
{
	struct ipc_raw *raw;

	if (!wants_verb(s, what->kind, VERB_CLOSE) || !wants(s, what))
		return;
	if (only_edges(s, what->kind) && !is_bound((struct sock *)what->sock))
		return;
	raw = record_sock(what, VERB_CLOSE, 0);
	if (!raw)
		return;
	if (fd >= 0) {
		raw->fd = fd;
		raw->has |= IPC_RAW_FD;
	}
	raw->has |= IPC_RAW_LAST;
	submit(raw);
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

static __always_inline int close_fd(__u32 fd)
{
	struct file *file = file_of_fd(fd);

	if (file && references_of(file) == 1)
		tell_close(file, (__s32)fd);
	return 0;
}

SEC("?tp/syscalls/sys_enter_close")
int tp_enter_close(struct tp_enter *ctx)
{
	return close_fd((__u32)ctx->args[0]);
}

/* What had the number of the copy is closed. */
SEC("?tp/syscalls/sys_enter_dup2")
int tp_enter_dup2(struct tp_enter *ctx)
{
	return ctx->args[0] == ctx->args[1] || !file_of_fd((__u32)ctx->args[0]) ? 0 : close_fd((__u32)ctx->args[1]);
}

SEC("?tp/syscalls/sys_enter_dup3")
int tp_enter_dup3(struct tp_enter *ctx)
{
	return ctx->args[0] == ctx->args[1] || !file_of_fd((__u32)ctx->args[0]) ? 0 : close_fd((__u32)ctx->args[1]);
}

/* Where a walk through a table of descriptors stands. No local: see lib/peek/sem.bpf.c. */
struct walk {
	__u32 fd, end;
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
	close_fd(walk->fd++);
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
	tell_close((struct file *)ctx[0], -1);
	return 0;
}
