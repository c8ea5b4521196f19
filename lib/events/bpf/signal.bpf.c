/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: signals, sent to processes and threads, and delivered to them. */
#include "events/bpf/core.bpf.h"

#define SIGCHLD 17

/* What stands for the information of a signal that has none, include/linux/sched/signal.h. */
#define SEND_SIG_NOINFO 0
#define SEND_SIG_PRIV 1

#define SI_TIMER (-2)
#define SI_ASYNCIO (-4)
#define SI_SIGIO (-5)
#define SI_ASYNCNL (-60)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernel_siginfo {
	int si_code;
};

struct task_struct___family {
	struct task_struct___family *real_parent, *parent, *group_leader;
	struct pid *thread_pid;
	char comm[16];
};

#pragma clang attribute pop

static __always_inline struct task_struct___family *process_of_task(const struct task_struct___family *task)
{
	return BPF_CORE_READ(task, group_leader);
}

/* Of the current process? */
static __always_inline bool is_parent(const struct task_struct___family *target)
{
	struct task_struct___family *task = (void *)bpf_get_current_task(), *process = process_of_task(task);
	struct task_struct___family *whose = process_of_task(target);

	return BPF_CORE_READ(process, real_parent, group_leader) == whose ||
	       BPF_CORE_READ(process, parent, group_leader) == whose;
}

/*
 * Does the current task send it? What processes send says so: a code that is not above 0. Timers and the ends of asynchronous calls come in the
 * middle of any task. Without information about it (a write to a pipe that nobody reads) the kernel names the current task to whom gets it. All
 * else is the kernel's own doing: faults, terminals, alarms. Of the end of a child, which is that child's doing, it tells the parent.
 */
static __always_inline bool is_from_current(int signo, __u64 info, const struct task_struct___family *target)
{
	int code = 0;

	if (info == SEND_SIG_NOINFO)
		return true;
	if (info == SEND_SIG_PRIV)
		return false;
	bpf_probe_read_kernel(&code, sizeof(code),
			      (const void *)info + bpf_core_field_offset(struct kernel_siginfo, si_code));
	if (code > 0)
		return signo == SIGCHLD && is_parent(target);
	return code != SI_TIMER && code != SI_ASYNCIO && code != SI_SIGIO && code != SI_ASYNCNL;
}

static __always_inline struct ipc_raw *record_signal(const struct task_struct___family *target, __u8 verb, int signo)
{
	const struct ipc_settings *s = get_settings();
	struct subject what = {.kind = IPC_RAW_SIGNAL, .verb = verb};
	struct task_struct___family *process = process_of_task(target);
	struct pid *pid = BPF_CORE_READ(process, thread_pid);
	struct ipc_raw *raw;
	long len;

	if (!s)
		return 0;
	what.id = number_of(pid, s);
	/* Outside of this /proc; or the watcher, which gets one from each command that it runs. */
	if (!what.id || what.id == s->self)
		return 0;
	raw = record(&what, verb, IPC_RAW_COMM);
	if (!raw)
		return 0;
	raw->number = signo;
	raw->has = IPC_RAW_SIGNO;
	raw->name_is = IPC_RAW_NAME_WHOLE;
	__builtin_memset(raw->name, 0, IPC_RAW_COMM);
	len = bpf_core_read_str(raw->name, IPC_RAW_COMM, &process->comm);
	raw->name_len = len > 0 ? len - 1 : 0;
	return raw;
}

SEC("?tp_btf/signal_generate")
int on_signal_generate(__u64 *ctx)
{
	const struct task_struct___family *target = (const void *)ctx[2];
	const struct ipc_settings *s = get_settings();
	int signo = (int)ctx[0], group = (int)ctx[3], result = (int)ctx[4];
	struct ipc_raw *raw;
	struct pid *pid;
	__u64 info = 0;
	bool ours;

	/* A number, as it may be none of the addresses that the verifier takes it for. */
	bpf_probe_read_kernel(&info, sizeof(info), &ctx[1]);
	if (!s || !wants_verb(s, IPC_RAW_SIGNAL, VERB_SIGNAL))
		return 0;
	ours = is_from_current(signo, info, target);
	if (ours ? !wants_actor(s) : !wants_nobody(s))
		return 0;
	raw = record_signal(target, VERB_SIGNAL, signo);
	if (!raw)
		return 0;
	if (!group) {
		pid = BPF_CORE_READ(target, thread_pid);
		raw->peer = number_of(pid, s);
	}
	raw->state = (__u8)result;
	raw->has |= IPC_RAW_STATE;
	if (!ours)
		forget_actor(raw);
	submit(raw);
	return 0;
}

SEC("?tp_btf/signal_deliver")
int on_signal_deliver(__u64 *ctx)
{
	const struct ipc_settings *s = get_settings();
	struct ipc_raw *raw;

	if (!s || !wants_verb(s, IPC_RAW_SIGNAL, VERB_RECEIVE) || !wants_actor(s))
		return 0;
	raw = record_signal((const void *)bpf_get_current_task(), VERB_RECEIVE, (int)ctx[0]);
	if (!raw)
		return 0;
	submit(raw);
	return 0;
}
