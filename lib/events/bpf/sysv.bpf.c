/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: system calls of System V objects. */
#include "events/bpf/core.bpf.h"

#define IPC_PRIVATE 0
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_COMMAND 0xff /* without IPC_64 */

static __always_inline struct subject subject_of(__u8 kind, __u8 verb, __u64 id)
{
	struct subject what = {.kind = kind, .verb = verb, .id = (__u32)id, .ns = ipc_ns_of_current()};

	return what;
}

/* ---- message queues ------------------------------------------------------------------------------------------------ */

static __always_inline __u8 verb_of_get(__u64 flags)
{
	return flags & IPC_CREAT ? VERB_CREATE : VERB_OPEN;
}

/* msgget() and so on. Whether IPC_CREAT made one or found it, the book knows. */
static __always_inline void tell_get(struct call *call, __s64 id, __u32 key, __u64 flags, __u64 size)
{
	struct ipc_raw *raw;

	call->what.id = (__u32)id;
	call->what.key = key;
	raw = record(&call->what, call->what.verb, 0);
	if (!raw)
		return;
	raw->has = IPC_RAW_KEY;
	if (flags & IPC_CREAT) {
		raw->mode = flags & 0777;
		raw->has |= IPC_RAW_MODE;
		if (key == IPC_PRIVATE || flags & IPC_EXCL)
			raw->has |= IPC_RAW_NEW;
	} else {
		raw->has |= IPC_RAW_OLD;
	}
	if (size != (__u64)-1) {
		raw->bytes = size;
		raw->has |= IPC_RAW_SIZE;
	}
	submit(raw);
}

ENTER(msgget, 2)
{
	struct subject what = subject_of(IPC_RAW_MQ_SYSV, verb_of_get(args->at[1]), 0);

	what.key = (__u32)args->at[0];
	begin(args, &what);
	return 0;
}

EXIT(msgget)
{
	tell_get(call, ret, (__u32)call->args[0], call->args[1], (__u64)-1);
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

	begin(args, &what);
	return 0;
}

EXIT(msgrcv)
{
	tell_message(call, (__u64)ret);
}

static __always_inline int begin_control(const struct args *args, __u8 kind, __u64 command)
{
	struct subject what = subject_of(kind, VERB_REMOVE, args->at[0]);

	if ((command & IPC_COMMAND) == IPC_SET)
		what.verb = VERB_CHANGE;
	else if ((command & IPC_COMMAND) != IPC_RMID)
		return 0;
	begin(args, &what);
	return 0;
}

ENTER(msgctl, 3)
{
	return begin_control(args, IPC_RAW_MQ_SYSV, args->at[1]);
}

EXIT(msgctl)
{
	struct ipc_raw *raw = record(&call->what, call->what.verb, 0);

	if (raw)
		submit(raw);
}
