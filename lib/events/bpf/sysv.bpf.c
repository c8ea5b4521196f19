/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: system calls of System V objects; what maps segments is in sysv_shm.bpf.c. */
#include "events/bpf/sysv.bpf.h"

#define IPC_PRIVATE 0
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_COMMAND 0xff /* without IPC_64 */
#define MSG_COPY 040000
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SETVAL 16
#define SETALL 17
#define SEM_UNDO 0x1000

/* Of an object that the failed call was to find or make. */
#define NO_ID ((__u64)-1)

/* So many operations of one call are told of one by one. */
#define OPERATIONS 64

struct sembuf {
	__u16 number;
	__s16 operation;
	__s16 flags;
};

/* ---- all three ------------------------------------------------------------------------------------------------------ */

static __always_inline bool makes(__u32 key, __u64 flags)
{
	return key == IPC_PRIVATE || flags & IPC_CREAT;
}

/* msgget() and so on: ENTER */
static __always_inline int begin_get(const struct args *args, __u8 kind, __u64 flags)
{
	__u32 key = (__u32)args->at[0];
	struct subject what = subject_of(kind, makes(key, flags) ? VERB_CREATE : VERB_OPEN, 0);

	what.id = NO_ID;
	what.key = key;
	begin(args, &what);
	return 0;
}

/* EXIT. Whether IPC_CREAT made one or found it, the book knows. @size 0: none was asked for. */
static __always_inline void tell_get(struct call *call, __s64 id, __u64 flags, __u64 size)
{
	struct ipc_raw *raw;

	call->what.id = (__u32)id;
	raw = record(&call->what, call->what.verb, 0);
	if (!raw)
		return;
	raw->has = IPC_RAW_KEY;
	if (makes(call->what.key, flags)) {
		raw->mode = flags & 0777;
		raw->has |= IPC_RAW_MODE;
		if (call->what.key == IPC_PRIVATE || flags & IPC_EXCL)
			raw->has |= IPC_RAW_NEW;
	} else {
		raw->has |= IPC_RAW_OLD;
	}
	if (size) {
		raw->bytes = size;
		raw->has |= IPC_RAW_SIZE;
	}
	submit(raw);
}

static __always_inline int begin_control(const struct args *args, __u8 kind, __u64 command)
{
	struct subject what = subject_of(kind, VERB_CHANGE, args->at[0]);

	switch (command & IPC_COMMAND) {
	case IPC_RMID:
		what.verb = VERB_REMOVE;
		break;
	case IPC_SET:
		break;
	case SHM_LOCK:
	case SHM_UNLOCK:
		if (kind != IPC_RAW_SHM_SYSV)
			return 0;
		break;
	case SETVAL:
	case SETALL:
		if (kind != IPC_RAW_SEM_SYSV)
			return 0;
		break;
	default:
		return 0;
	}
	begin(args, &what);
	return 0;
}

/* The permission bits of IPC_SET, where all architectures that are known to pass it in this layout have them. */
static __always_inline void add_mode(struct ipc_raw *raw, __u64 perm)
{
#if defined(ARCHITECTURE_x86_64) || defined(ARCHITECTURE_aarch64)
	__u32 mode = 0;

	if (bpf_probe_read_user(&mode, sizeof(mode), (const void *)(perm + 20)))
		return;
	raw->mode = mode & 0777;
	raw->has |= IPC_RAW_MODE;
#else
	(void)raw;
	(void)perm;
#endif
}

static __always_inline void tell_control(struct call *call, __u64 command, __u64 argument)
{
	struct ipc_raw *raw = record(&call->what, call->what.verb, 0);

	if (!raw)
		return;
	switch (command & IPC_COMMAND) {
	case IPC_SET:
		add_mode(raw, argument);
		break;
	case SHM_LOCK:
		raw->has = IPC_RAW_LOCKED;
		break;
	case SHM_UNLOCK:
		raw->has = IPC_RAW_UNLOCKED;
		break;
	case SETVAL:
		raw->index = (__u32)call->args[1];
		raw->number = (__s32)argument;
		raw->has = IPC_RAW_INDEX | IPC_RAW_VALUE;
		break;
	}
	submit(raw);
}

/* ---- message queues ------------------------------------------------------------------------------------------------ */

ENTER(msgget, 2)
{
	return begin_get(args, IPC_RAW_MQ_SYSV, args->at[1]);
}

EXIT(msgget)
{
	tell_get(call, ret, call->args[1], 0);
}

ENTER(msgsnd, 4)
{
	struct subject what = subject_of(IPC_RAW_MQ_SYSV, VERB_SEND, args->at[0]);

	begin(args, &what);
	return 0;
}

static __always_inline void tell_message(struct call *call, __u64 bytes)
{
	struct ipc_raw *raw = record(&call->what, call->what.verb, 0);
	__s64 type = 0;

	if (!raw)
		return;
	raw->bytes = bytes;
	raw->has = IPC_RAW_BYTES;
	if (!bpf_probe_read_user(&type, sizeof(type), (const void *)call->args[1])) {
		raw->number = type;
		raw->has |= IPC_RAW_TYPE;
	}
	submit(raw);
}

EXIT(msgsnd)
{
	tell_message(call, call->args[2]);
}

ENTER(msgrcv, 5)
{
	struct subject what = subject_of(IPC_RAW_MQ_SYSV, VERB_RECEIVE, args->at[0]);

	/* Who only looks takes nothing, and never waits. */
	if (!(args->at[4] & MSG_COPY))
		begin(args, &what);
	return 0;
}

EXIT(msgrcv)
{
	tell_message(call, (__u64)ret);
}

ENTER(msgctl, 3)
{
	return begin_control(args, IPC_RAW_MQ_SYSV, args->at[1]);
}

EXIT(msgctl)
{
	tell_control(call, call->args[1], call->args[2]);
}

/* A namespace ends, and its queues with it. */
SEC("?fentry/freeque")
int fn_on_freeque(__u64 *ctx)
{
	struct ipc_namespace *ns = (void *)ctx[0];

	tell_end(IPC_RAW_MQ_SYSV, VERB_REMOVE, BPF_CORE_READ(ns, ns.inum), (void *)ctx[1]);
	return 0;
}

/* ---- semaphore sets ------------------------------------------------------------------------------------------------ */

ENTER(semget, 3)
{
	return begin_get(args, IPC_RAW_SEM_SYSV, args->at[2]);
}

EXIT(semget)
{
	tell_get(call, ret, call->args[2], (__u32)call->args[1]);
}

/* Of the call that returns: operation @at, after which come @more that are not told of. Not static: see who(). */
__weak NOINLINE int tell_operation(__u32 at, __u64 more)
{
	struct call *call = returned();
	struct sembuf operation = {0};
	struct ipc_raw *raw;

	if (!call)
		return 0;
	raw = record(&call->what, VERB_CHANGE, 0);
	if (!raw)
		return 0;
	if (!bpf_probe_read_user(&operation, sizeof(operation),
				 (const void *)(call->args[1] + at * sizeof(operation)))) {
		raw->index = operation.number;
		raw->number = operation.operation;
		raw->has = IPC_RAW_INDEX | IPC_RAW_ADJUST | (operation.flags & SEM_UNDO ? IPC_RAW_UNDO : 0);
	}
	if (more) {
		raw->peer = more;
		raw->has |= IPC_RAW_MORE;
	}
	submit(raw);
	return 0;
}

static __always_inline void tell_operations(const struct call *call)
{
	__u64 count = (__u32)call->args[2], more = count > OPERATIONS ? count - OPERATIONS : 0;
	__u32 i;

	for (i = 0; i < OPERATIONS; i++) {
		if (i >= count)
			break;
		tell_operation(i, i == OPERATIONS - 1 ? more : 0);
	}
}

static __always_inline int begin_operations(const struct args *args)
{
	struct subject what = subject_of(IPC_RAW_SEM_SYSV, VERB_CHANGE, args->at[0]);

	begin(args, &what);
	return 0;
}

ENTER(semop, 3)
{
	return begin_operations(args);
}

EXIT(semop)
{
	(void)ret;
	tell_operations(call);
}

ENTER(semtimedop, 4)
{
	return begin_operations(args);
}

EXIT(semtimedop)
{
	(void)ret;
	tell_operations(call);
}

ENTER(semctl, 4)
{
	return begin_control(args, IPC_RAW_SEM_SYSV, args->at[2]);
}

EXIT(semctl)
{
	(void)ret;
	tell_control(call, call->args[2], call->args[3]);
}

SEC("?fentry/freeary")
int fn_on_freeary(__u64 *ctx)
{
	struct ipc_namespace *ns = (void *)ctx[0];

	tell_end(IPC_RAW_SEM_SYSV, VERB_REMOVE, BPF_CORE_READ(ns, ns.inum), (void *)ctx[1]);
	return 0;
}

/* ---- segments ------------------------------------------------------------------------------------------------------- */

ENTER(shmget, 3)
{
	return begin_get(args, IPC_RAW_SHM_SYSV, args->at[2]);
}

EXIT(shmget)
{
	tell_get(call, ret, call->args[2], call->args[1]);
}

ENTER(shmctl, 3)
{
	return begin_control(args, IPC_RAW_SHM_SYSV, args->at[1]);
}

EXIT(shmctl)
{
	(void)ret;
	tell_control(call, call->args[1], call->args[2]);
}
