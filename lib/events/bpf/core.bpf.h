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

struct signal_struct___events {
	struct pid *pids[4]; /* by enum pid_type */
};

struct task_struct___events {
	struct signal_struct___events *signal;
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
	__u16 family, protocol, type; /* of a socket */
	__u64 sock;                   /* its struct sock, for families that define WITH_SOCKETS */
};

/* A system call that is under way. */
struct call {
	struct subject what;
	__u64 args[6];
	__u64 kept[4]; /* the family's own */
	__u64 slept;   /* when it began to wait, ns; 0: it did not */
	__u64 which;   /* NUMBER_OF_CALL() */
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

#define PID_LEVELS 32           /* that the kernel allows */
#define PID_NS_FIRST 0xeffffffc /* inode of the initial pid namespace (include/linux/proc_ns.h) */

static __always_inline const void *upid_of(const struct pid *pid, __u32 level)
{
	return (const void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* At which of its levels @pid has a number in the watcher's pid namespace; PID_LEVELS: it has none. The first one, as a rule. */
static __always_inline __u32 level_of(struct pid *pid, const struct ipc_settings *s)
{
	__u32 deepest = BPF_CORE_READ(pid, level), level;
	struct pid_namespace___events *ns;

	for (level = 0; level < PID_LEVELS && level <= deepest; level++) {
		ns = 0;
		bpf_probe_read_kernel(&ns, sizeof(ns),
				      upid_of(pid, level) + bpf_core_field_offset(struct upid___events, ns));
		if (BPF_CORE_READ(ns, ns.inum) == s->pid_ns)
			return level;
	}
	return PID_LEVELS;
}

static __always_inline __u32 number_at(struct pid *pid, __u32 level)
{
	__s32 number = 0;

	if (level < PID_LEVELS)
		bpf_probe_read_kernel(&number, sizeof(number),
				      upid_of(pid, level) + bpf_core_field_offset(struct upid, nr));
	return (__u32)number;
}

/* The number of @pid in the watcher's pid namespace; 0: it has none there. */
static __always_inline __u32 number_of(struct pid *pid, const struct ipc_settings *s)
{
	return number_at(pid, level_of(pid, s));
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

/*
 * The current process, in the upper half, and thread. Not inlined, and not static: such a function the verifier looks at once per
 * program, not at each place that it is called from, which is most of the time that loading takes.
 */
__weak NOINLINE __u64 who(void)
{
	const struct ipc_settings *s = get_settings();
	struct pid *process, *thread;
	__u32 level;

	if (!s)
		return 0;
	/* As a rule: the numbers that the kernel itself goes by. */
	if (s->pid_ns == PID_NS_FIRST)
		return bpf_get_current_pid_tgid();
	process = BPF_CORE_READ(current(), group_leader, thread_pid);
	thread = BPF_CORE_READ(current(), thread_pid);
	level = level_of(thread, s);
	return (__u64)number_at(process, level) << 32 | number_at(thread, level);
}

#define PID_OF_GROUP 2 /* PIDTYPE_PGID */

/* The process group, when there is one to be left out. Not static: see who(). */
__weak NOINLINE __u32 group_of_current(void)
{
	const struct ipc_settings *s = get_settings();
	struct pid *pid;

	if (!s || !s->group)
		return 0;
	pid = BPF_CORE_READ(current(), signal, pids[PID_OF_GROUP]);
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
	case IPC_RAW_PATH:
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

/* The verbs that are wanted of @kind. */
static __always_inline __u32 verbs_of_kind(const struct ipc_settings *s, __u8 kind)
{
	__u32 index = kind;

	/* The verifier has to see that it is what was compared that is the index. */
	asm volatile("" : "+r"(index));
	return index < IPC_RAW_KINDS ? s->verbs[index] : 0;
}

static __always_inline bool wants_verb(const struct ipc_settings *s, __u8 kind, __u8 verb)
{
	return verbs_of_kind(s, kind) & 1u << (verb & 31);
}

/* Not static: see who(). */
__weak NOINLINE int is_ns_listed(__u32 type, __u32 ns)
{
	const struct ipc_settings *s = get_settings();
	const __u32 *list;
	__u32 count, i;

	if (!s)
		return 0;
	/* By constants: the verifier loses sight of limits of what is passed. */
	switch (type) {
	case IPC_SETTINGS_IPC:
		list = s->ns[IPC_SETTINGS_IPC];
		count = s->ns_count[IPC_SETTINGS_IPC];
		break;
	case IPC_SETTINGS_NET:
		list = s->ns[IPC_SETTINGS_NET];
		count = s->ns_count[IPC_SETTINGS_NET];
		break;
	default:
		list = s->ns[IPC_SETTINGS_MNT];
		count = s->ns_count[IPC_SETTINGS_MNT];
	}
	for (i = 0; i < IPC_SETTINGS_NS && i < count; i++)
		if (list[i] == ns)
			return 1;
	return 0;
}

static __always_inline bool wants_ns(const struct ipc_settings *s, __u8 kind, __u32 ns)
{
	int type = ns_type_of(kind);

	return type < 0 || s->ns_all || is_ns_listed((__u32)type, ns);
}

/* Not static: see who(). */
__weak NOINLINE int is_actor_wanted(void)
{
	const struct ipc_settings *s = get_settings();
	__u32 uid = (__u32)bpf_get_current_uid_gid();
	__u32 pid = (__u32)(who() >> 32);
	__u32 i;

	if (!s || (pid == s->self && pid))
		return 0;
	if (s->pid && pid != s->pid)
		return 0;
	if (s->has_comm) {
		char comm[IPC_RAW_COMM] = {0};

		BPF_CORE_READ_STR_INTO(&comm, current(), group_leader, comm);
		for (i = 0; i < IPC_RAW_COMM; i++) {
			if (comm[i] != s->comm[i])
				return 0;
			if (!comm[i])
				break;
		}
	}
	if (!s->uid_count)
		return 1;
	for (i = 0; i < IPC_SETTINGS_UIDS; i++) {
		if (i >= s->uid_count)
			break;
		if (s->uids[i] == uid)
			return 1;
	}
	return 0;
}

/* Are the doings of the current process of interest? */
static __always_inline bool wants_actor(const struct ipc_settings *s)
{
	(void)s;
	return is_actor_wanted();
}

/* Is what the kernel does by itself? */
static __always_inline bool wants_nobody(const struct ipc_settings *s)
{
	return !s->pid && !s->has_comm && !s->uid_count;
}

/* Is anything of interest of a call about @what? Waiting in it may be, even when its own event is not. */
static __always_inline bool wants(const struct ipc_settings *s, const struct subject *what)
{
	__u32 bits = verbs_of_kind(s, what->kind);

	if (!(bits & (1u << (what->verb & 31) | 1u << VERB_WAIT | 1u << VERB_WAKE)))
		return false;
	if (!wants_ns(s, what->kind, what->ns))
		return false;
	/* Who watches one process has to know all the same which objects there are: resolve.c leaves out the doings of others. */
	if (what->verb == VERB_CREATE || what->verb == VERB_REMOVE || what->kind == IPC_RAW_PATH)
		return true;
	return wants_actor(s);
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* What every record says: what it is about, when it was, and who did it. */
static __always_inline void fill_record(struct ipc_raw *raw, const struct subject *what, __u8 verb)
{
	__u64 actor = who();

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
	raw->type = what->type;
	raw->pid = (__u32)(actor >> 32);
	raw->tid = (__u32)actor;
	raw->group = group_of_current();
	raw->uid = (__u32)bpf_get_current_uid_gid();
	/* As /proc calls the process; threads may have names of their own. */
	if (raw->tid == raw->pid && raw->pid)
		bpf_get_current_comm(&raw->comm, sizeof(raw->comm));
	else
		BPF_CORE_READ_STR_INTO(&raw->comm, current(), group_leader, comm);
}

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
	fill_record(raw, what, verb);
	return raw;
}

/* It is the kernel's doing, in the middle of whatever the current task is about. */
static __always_inline void forget_actor(struct ipc_raw *raw)
{
	raw->pid = raw->tid = 0;
	raw->uid = (__u32)-1;
	__builtin_memset(raw->comm, 0, sizeof(raw->comm));
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
	__u64 which; /* NUMBER_OF_CALL() */
};

/*
 * A number for a system call, by its name: a constant. When a program was not run, as happens when another one was interrupted, what
 * the call left behind must not be taken for that of another call.
 */
#define NUMBER_OF_CALL(name)                                                                            \
	((__u64)sizeof(#name) << 32 | #name[0] << 24 | #name[1] << 16 | #name[sizeof(#name) / 2] << 8 | \
	 #name[sizeof(#name) - 2])

/* Remember the call, when it is of interest. Returns the place where the family may keep what it has to know later, or NULL. */
static __always_inline struct call *begin(const struct args *args, const struct subject *what)
{
	const struct ipc_settings *s = get_settings();
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call call = {.what = *what};

	if (!s || !wants(s, what))
		return 0;
	__builtin_memcpy(call.args, args->at, sizeof(call.args));
	call.which = args->which;
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

/* A record about the object of @call: sockets are told of with their addresses, where there may be any. */
#ifdef WITH_SOCKETS
#include "events/bpf/sock.bpf.h"

static __always_inline struct ipc_raw *record_call(const struct call *call, __u8 verb)
{
	return call->what.sock ? record_sock(&call->what, verb, 0) : record(&call->what, verb, 0);
}
#else
static __always_inline struct ipc_raw *record_call(const struct call *call, __u8 verb)
{
	return record(&call->what, verb, 0);
}
#endif

/* Tell that it went on when it had waited. @error: positive errno, 0 when it succeeded. */
static __always_inline void tell_wake(const struct call *call, __s32 error)
{
	struct ipc_raw *raw;

	if (!call->slept)
		return;
	raw = record_call(call, VERB_WAKE);
	if (!raw)
		return;
	raw->address = raw->time - call->slept;
	raw->has |= IPC_RAW_WAITED;
	raw->error = error;
	submit(raw);
}

static __always_inline void end_call(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&calls, &tid);
}

/* The call returned @ret: tell that it went on, and, when it failed, nothing but its errno. True: that was all. */
static __always_inline bool failed(const struct call *call, __s64 ret)
{
	const struct ipc_settings *s = get_settings();
	__s32 error = ret < 0 && ret >= -4095 ? (__s32)-ret : 0;
	struct ipc_raw *raw;

	/* A signal came first: the program will be told EINTR, or the call is made again. */
	if (error >= 512)
		error = 4;
	tell_wake(call, error);
	if (error && s && s->failures) {
		raw = record_call(call, call->what.verb);
		if (raw) {
			raw->error = error;
			/* A call that was to give an identifier gave none: the key is what there is. */
			if (raw->id == (__u64)-1)
				raw->has = IPC_RAW_KEY;
			submit(raw);
		}
	}
	return error != 0;
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

/* As a number: in the type information of 5.10 some calls have an argument of which nothing is known, and may not be looked at. */
static __always_inline const void *registers_of(const __u64 *ctx)
{
	__u64 registers = 0;

	bpf_probe_read_kernel(&registers, sizeof(registers), ctx);
	return (const void *)registers;
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
		struct args args = {.which = NUMBER_OF_CALL(name)};       \
                                                                          \
		__builtin_memcpy(&args, ctx->args, 8 * (count));          \
		return enter_##name(&args);                               \
	}                                                                 \
                                                                          \
	SEC("?fentry/sys_" #name)                                         \
	int fn_enter_##name(__u64 *ctx)                                   \
	{                                                                 \
		struct args args = {.which = NUMBER_OF_CALL(name)};       \
                                                                          \
		args_of_registers(&args, registers_of(ctx));              \
		return enter_##name(&args);                               \
	}                                                                 \
                                                                          \
	static __always_inline int enter_##name(const struct args *args)

/* EXIT(msgsnd) { ... call->args[0] ... ret ... } -- only for calls that begin() has remembered and that did not fail. */
#define EXIT(name) EXIT_UNLESS(name, failed(call, ret))

/* The same, when something else says whether it failed. */
#define EXIT_UNLESS(name, has_failed)                                          \
	static __always_inline void exit_##name(struct call *call, __s64 ret); \
                                                                               \
	static __always_inline int return_##name(__s64 ret)                    \
	{                                                                      \
		struct call *call = returned();                                \
                                                                               \
		if (!call)                                                     \
			return 0;                                              \
		if (call->which == NUMBER_OF_CALL(name) && !(has_failed))      \
			exit_##name(call, ret);                                \
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
