/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all event programs share: settings, the ring, system calls that are under way, and records.
 *
 * A family is one .bpf.c file. Of each system call that it watches it says what is done when the call begins, ENTER(call), and
 * when it returns, EXIT(call); the same code runs behind a tracepoint of that call, or behind its function where the kernel
 * allows fentry. The maps are one of each for all families.
 */
#ifndef IPC_EVENTS_CORE_BPF_H
#define IPC_EVENTS_CORE_BPF_H

#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "events/raw.h"

/* enum ipc_event_verb of ipctool/monitor.h, which includes what BPF does not have; source_bpf.c compares them. */
enum {
	VERB_EXISTS,
	VERB_CREATE,
	VERB_OPEN,
	VERB_ATTACH,
	VERB_SEND,
	VERB_RECEIVE,
	VERB_WAIT,
	VERB_WAKE,
	VERB_CHANGE,
	VERB_BIND,
	VERB_LISTEN,
	VERB_CONNECT,
	VERB_ACCEPT,
	VERB_DETACH,
	VERB_CLOSE,
	VERB_REMOVE,
	VERB_SIGNAL,
	VERB_LOST
};

#define NOINLINE __attribute__((noinline))

char LICENSE[] __weak SEC("license") = "GPL";

/* ---- kernel types ------------------------------------------------------------------------------------------------- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pid_namespace___events {
	struct ns_common ns;
};

struct upid___events {
	int nr;
	struct pid_namespace___events *ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct task_struct___events {
	struct nsproxy *nsproxy;
	const struct cred *cred;
	struct pid *thread_pid;
	struct task_struct___events *group_leader;
	char comm[16];
};

#pragma clang attribute pop

/* ---- maps --------------------------------------------------------------------------------------------------------- */

/* What a call is about, as far as is known when it begins. */
struct subject {
	__u64 inode;
	__u64 id;
	__u32 ns;
	__u32 dev;
	__u32 key;
	__u8 kind;
	__u8 verb;
	__u8 family, protocol; /* of a socket that is none of the kinds with a number of their own */
};

/* A system call that is under way. */
struct call {
	struct subject what;
	__u64 args[6];
	__u64 kept[4]; /* the family's own */
	__u64 slept;   /* when it began to wait, ns; 0: it did not */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipc_settings);
} settings __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, 1u << 10); /* BPF_F_MMAPABLE */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipc_counts);
} counts __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before loading */
} ring __weak SEC(".maps");

/* By thread. Preallocated: a hash that allocates may be entered from anywhere. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct call);
} calls __weak SEC(".maps");

static __always_inline const struct ipc_settings *get_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline void count_lost(void)
{
	__u32 zero = 0;
	struct ipc_counts *c = bpf_map_lookup_elem(&counts, &zero);

	if (!c)
		return;
	if (!c->lost_since)
		c->lost_since = bpf_ktime_get_ns();
	__sync_fetch_and_add(&c->lost, 1);
}

/* ---- who ---------------------------------------------------------------------------------------------------------- */

/* The number of @pid in the watcher's pid namespace; 0: it has none there. */
static __always_inline __u32 number_of(struct pid *pid, const struct ipc_settings *s)
{
	unsigned int deepest = BPF_CORE_READ(pid, level), level;

	/* The watcher's is the first one as a rule; the kernel allows 32 levels. */
	for (level = 0; level < 32; level++) {
		__u64 at = bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
		struct pid_namespace___events *ns = 0;
		__s32 number = 0;

		if (level > deepest)
			break;
		bpf_probe_read_kernel(&ns, sizeof(ns),
				      (void *)pid + at + bpf_core_field_offset(struct upid___events, ns));
		if (BPF_CORE_READ(ns, ns.inum) != s->pid_ns)
			continue;
		bpf_probe_read_kernel(&number, sizeof(number),
				      (void *)pid + at + bpf_core_field_offset(struct upid, nr));
		return (__u32)number;
	}
	return 0;
}

static __always_inline struct task_struct___events *current(void)
{
	return (struct task_struct___events *)bpf_get_current_task();
}

static __always_inline __u32 process_of(struct task_struct___events *task, const struct ipc_settings *s)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);

	return number_of(pid, s);
}

static __always_inline __u32 thread_of(struct task_struct___events *task, const struct ipc_settings *s)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	return number_of(pid, s);
}

static __always_inline __u32 ipc_ns_of_current(void)
{
	return BPF_CORE_READ(current(), nsproxy, ipc_ns, ns.inum);
}

static __always_inline __u32 mnt_ns_of_current(void)
{
	return BPF_CORE_READ(current(), nsproxy, mnt_ns, ns.inum);
}

static __always_inline __u32 net_ns_of_current(void)
{
	return BPF_CORE_READ(current(), nsproxy, net_ns, ns.inum);
}

/* ---- is it wanted? -------------------------------------------------------------------------------------------------- */

/* Which of the lists of namespaces of the settings; -1: the kind has none. */
static __always_inline int ns_type_of(__u8 kind)
{
	switch (kind) {
	case IPC_RAW_MQ_SYSV:
	case IPC_RAW_MQ_POSIX:
	case IPC_RAW_SHM_SYSV:
	case IPC_RAW_SEM_SYSV:
		return IPC_SETTINGS_IPC;
	case IPC_RAW_FIFO:
	case IPC_RAW_SHM_POSIX:
	case IPC_RAW_SEM_POSIX:
		return IPC_SETTINGS_MNT;
	case IPC_RAW_SOCK_UNIX:
	case IPC_RAW_SOCK_TCP:
	case IPC_RAW_SOCK_UDP:
	case IPC_RAW_SOCK_OTHER:
		return IPC_SETTINGS_NET;
	default:
		return -1;
	}
}

static __always_inline bool wants_verb(const struct ipc_settings *s, __u8 kind, __u8 verb)
{
	return kind < IPC_RAW_KINDS && s->verbs[kind] & 1u << (verb & 31);
}

static __always_inline bool wants_ns(const struct ipc_settings *s, __u8 kind, __u32 ns)
{
	int type = ns_type_of(kind), i;

	if (type < 0 || s->ns_all)
		return true;
	for (i = 0; i < IPC_SETTINGS_NS; i++) {
		if ((__u32)i >= s->ns_count[type])
			break;
		if (s->ns[type][i] == ns)
			return true;
	}
	return false;
}

/* Are the doings of the current process of interest? */
static __always_inline bool wants_actor(const struct ipc_settings *s)
{
	__u32 pid = process_of(current(), s);
	__u32 uid = (__u32)bpf_get_current_uid_gid();
	__u32 i;

	if (pid == s->self && pid)
		return false;
	if (s->pid && pid != s->pid)
		return false;
	if (s->has_comm) {
		char comm[IPC_RAW_COMM] = {0};

		BPF_CORE_READ_STR_INTO(&comm, current(), group_leader, comm);
		for (i = 0; i < IPC_RAW_COMM; i++) {
			if (comm[i] != s->comm[i])
				return false;
			if (!comm[i])
				break;
		}
	}
	if (!s->uid_count)
		return true;
	for (i = 0; i < IPC_SETTINGS_UIDS; i++) {
		if (i >= s->uid_count)
			break;
		if (s->uids[i] == uid)
			return true;
	}
	return false;
}

/* Is anything of interest of a call about @what? Waiting in it may be, even when its own event is not. */
static __always_inline bool wants(const struct ipc_settings *s, const struct subject *what)
{
	__u32 bits;

	if (what->kind >= IPC_RAW_KINDS)
		return false;
	bits = s->verbs[what->kind];
	if (!(bits & (1u << (what->verb & 31) | 1u << VERB_WAIT | 1u << VERB_WAKE)))
		return false;
	return wants_ns(s, what->kind, what->ns) && wants_actor(s);
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* A record about @what in the ring, with room for @name bytes, a constant. NULL: not wanted, or no room. End with submit() or drop(). */
static __always_inline struct ipc_raw *record(const struct subject *what, __u8 verb, const __u64 name)
{
	const struct ipc_settings *s = get_settings();
	struct ipc_raw *raw;

	if (!s || !wants_verb(s, what->kind, verb))
		return 0;
	raw = bpf_ringbuf_reserve(&ring, sizeof(*raw) + name, 0);
	if (!raw) {
		count_lost();
		return 0;
	}
	__builtin_memset(raw, 0, sizeof(*raw));
	raw->time = bpf_ktime_get_ns();
	raw->kind = what->kind;
	raw->verb = verb;
	raw->ns = what->ns;
	raw->dev = what->dev;
	raw->inode = what->inode;
	raw->id = what->id;
	raw->key = what->key;
	raw->family = what->family;
	raw->protocol = what->protocol;
	raw->pid = process_of(current(), s);
	raw->tid = thread_of(current(), s);
	raw->uid = (__u32)bpf_get_current_uid_gid();
	/* As /proc calls the process; threads may have names of their own. */
	BPF_CORE_READ_STR_INTO(&raw->comm, current(), group_leader, comm);
	return raw;
}

static __always_inline void submit(struct ipc_raw *raw)
{
	bpf_ringbuf_submit(raw, 0);
}

static __always_inline void drop(struct ipc_raw *raw)
{
	bpf_ringbuf_discard(raw, 0);
}

/* ---- calls that are under way ---------------------------------------------------------------------------------------- */

/* Arguments of a system call. */
struct args {
	__u64 at[6];
};

/* Remember the call, when it is of interest. Returns the place where the family may keep what it has to know later, or NULL. */
static __always_inline struct call *begin(const struct args *args, const struct subject *what)
{
	const struct ipc_settings *s = get_settings();
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call call = {.what = *what};

	if (!s || !wants(s, what))
		return 0;
	__builtin_memcpy(call.args, args->at, sizeof(call.args));
	if (bpf_map_update_elem(&calls, &tid, &call, 0)) {
		count_lost();
		return 0;
	}
	return bpf_map_lookup_elem(&calls, &tid);
}

/* The call that returns now, or NULL. */
static __always_inline struct call *returned(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&calls, &tid);
}

/* Tell that it went on when it had waited. @error: positive errno, 0 when it succeeded. */
static __always_inline void tell_wake(const struct call *call, __s32 error)
{
	struct ipc_raw *raw;

	if (!call->slept)
		return;
	raw = record(&call->what, VERB_WAKE, 0);
	if (!raw)
		return;
	raw->address = raw->time - call->slept;
	raw->has = IPC_RAW_WAITED;
	raw->error = error;
	submit(raw);
}

static __always_inline void end_call(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&calls, &tid);
}

/* What a failed call is told with: nothing but its errno. True when it failed; the call is then done with. */
static __always_inline bool failed(const struct call *call, __s64 ret)
{
	const struct ipc_settings *s = get_settings();
	struct ipc_raw *raw;

	if (ret >= 0 || ret < -4095)
		return false;
	/* A signal came first: the program will be told EINTR, or the call is made again. */
	if (ret <= -512)
		ret = -4;
	tell_wake(call, (__s32)-ret);
	if (s && s->failures) {
		raw = record(&call->what, call->what.verb, 0);
		if (raw) {
			raw->error = (__s32)-ret;
			submit(raw);
		}
	}
	return true;
}

/* ---- hooks ---------------------------------------------------------------------------------------------------------- */

/* include/trace/syscall.h: both kinds of records have the same layout on all architectures. */
struct tp_enter {
	__u64 common;
	__s64 nr;
	__u64 args[6];
};

struct tp_exit {
	__u64 common;
	__s64 nr;
	__s64 ret;
};

/* Where a function that is a system call finds its arguments. On other architectures tracepoints alone are used. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#if defined(ARCHITECTURE_x86_64)
struct pt_regs {
	unsigned long di, si, dx, r10, r8, r9;
};
#elif defined(ARCHITECTURE_aarch64)
struct pt_regs {
	__u64 regs[6];
	__u64 orig_x0;
};
#endif
#pragma clang attribute pop

static __always_inline void args_of_registers(struct args *args, const void *registers)
{
#if defined(ARCHITECTURE_x86_64)
	const struct pt_regs *regs = registers;

	args->at[0] = BPF_CORE_READ(regs, di);
	args->at[1] = BPF_CORE_READ(regs, si);
	args->at[2] = BPF_CORE_READ(regs, dx);
	args->at[3] = BPF_CORE_READ(regs, r10);
	args->at[4] = BPF_CORE_READ(regs, r8);
	args->at[5] = BPF_CORE_READ(regs, r9);
#elif defined(ARCHITECTURE_aarch64)
	const struct pt_regs *regs = registers;

	bpf_core_read(args->at, sizeof(args->at), &regs->regs);
	args->at[0] = BPF_CORE_READ(regs, orig_x0);
#else
	__builtin_memset(args, 0, sizeof(*args));
#endif
}

/*
 * ENTER(msgsnd, 4) { ... args->at[0] ... return 0; } -- with the number of arguments that the call has: of no others does the
 * kernel let a program look. "?": the loader chooses between tracepoints and functions.
 */
#define ENTER(name, count)                                                \
	static __always_inline int enter_##name(const struct args *args); \
                                                                          \
	SEC("?tp/syscalls/sys_enter_" #name)                              \
	int tp_enter_##name(struct tp_enter *ctx)                         \
	{                                                                 \
		struct args args = {{0}};                                 \
                                                                          \
		__builtin_memcpy(&args, ctx->args, 8 * (count));          \
		return enter_##name(&args);                               \
	}                                                                 \
                                                                          \
	SEC("?fentry/sys_" #name)                                         \
	int fn_enter_##name(__u64 *ctx)                                   \
	{                                                                 \
		struct args args;                                         \
                                                                          \
		args_of_registers(&args, (const void *)ctx[0]);           \
		return enter_##name(&args);                               \
	}                                                                 \
                                                                          \
	static __always_inline int enter_##name(const struct args *args)

/* EXIT(msgsnd) { ... call->args[0] ... ret ... } -- only for calls that begin() has remembered and that did not fail. */
#define EXIT(name)                                                             \
	static __always_inline void exit_##name(struct call *call, __s64 ret); \
                                                                               \
	static __always_inline int return_##name(__s64 ret)                    \
	{                                                                      \
		struct call *call = returned();                                \
                                                                               \
		if (!call)                                                     \
			return 0;                                              \
		if (!failed(call, ret)) {                                      \
			tell_wake(call, 0);                                    \
			exit_##name(call, ret);                                \
		}                                                              \
		end_call();                                                    \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	SEC("?tp/syscalls/sys_exit_" #name)                                    \
	int tp_exit_##name(struct tp_exit *ctx)                                \
	{                                                                      \
		return return_##name(ctx->ret);                                \
	}                                                                      \
                                                                               \
	SEC("?fexit/sys_" #name)                                               \
	int fn_exit_##name(__u64 *ctx)                                         \
	{                                                                      \
		return return_##name((__s64)ctx[1]);                           \
	}                                                                      \
                                                                               \
	static __always_inline void exit_##name(struct call *call, __s64 ret)

#endif
