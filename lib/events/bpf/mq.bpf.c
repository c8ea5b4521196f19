/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: system calls of POSIX message queues. How they are closed is told with other files (closes.bpf.c). */
#include "events/bpf/opened.bpf.h"

#define O_CREAT 0100
#define O_EXCL 0200

/* ---- names ------------------------------------------------------------------------------------------------------------ */

/* mq_open() and mq_unlink() are given the name without the slash that it begins with. */
static __always_inline void name_by_call(struct ipc_raw *raw, const char *name)
{
	long len;

	raw->name[0] = '/';
	len = bpf_probe_read_user_str(raw->name + 1, NAME_ROOM, name);
	if (len <= 1)
		return;
	raw->name_is = IPC_RAW_NAME_WHOLE;
	raw->name_len = (__u16)len;
}

/* A call that is given a name failed: tell so, when that is wanted. */
static __always_inline bool failed_by_name(struct call *call, __s64 ret)
{
	const struct ipc_settings *s = get_settings();
	__s32 error = error_of(ret);
	struct ipc_raw *raw;

	if (!error)
		return false;
	raw = s && s->failures ? begin_draft(&call->what, call->what.verb) : 0;
	if (raw) {
		name_by_call(raw, (const char *)call->args[0]);
		raw->error = error;
		send_draft(raw);
	}
	return true;
}

static __always_inline struct subject queue_here(__u8 verb)
{
	struct subject what = {.kind = IPC_RAW_MQ_POSIX, .verb = verb, .ns = ipc_ns_of_current()};

	return what;
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

ENTER(mq_open, 4)
{
	struct subject what = queue_here(args->at[1] & O_CREAT ? VERB_CREATE : VERB_OPEN);

	begin(args, &what);
	return 0;
}

/* Whether O_CREAT made one or found it, the book knows. */
EXIT_UNLESS(mq_open, failed_by_name(call, ret))
{
	struct file *file = file_of_fd((__u32)ret);
	struct ipc_raw *raw;

	if (!file || !object_of_file(file, &call->what))
		return;
	raw = begin_draft(&call->what, call->what.verb);
	if (!raw)
		return;
	describe_opened(raw, file, ret);
	name_by_dentry(raw, BPF_CORE_READ(file, f_path.dentry));
	if (!(call->args[1] & O_CREAT)) {
		raw->has |= IPC_RAW_OLD;
	} else {
		describe_mode(raw, file);
		if (call->args[1] & O_EXCL)
			raw->has |= IPC_RAW_NEW;
	}
	send_draft(raw);
}

ENTER(mq_unlink, 1)
{
	struct subject what = queue_here(VERB_REMOVE);

	begin(args, &what);
	return 0;
}

EXIT_UNLESS(mq_unlink, failed_by_name(call, ret))
{
	struct ipc_raw *raw = begin_draft(&call->what, VERB_REMOVE);

	(void)ret;
	if (!raw)
		return;
	name_by_call(raw, (const char *)call->args[0]);
	send_draft(raw);
}

/* ---- messages ------------------------------------------------------------------------------------------------------------ */

static __always_inline void begin_message(const struct args *args, __u8 verb)
{
	struct subject what = {.verb = verb};

	if (object_of_fd((__u32)args->at[0], &what) && what.kind == IPC_RAW_MQ_POSIX)
		begin(args, &what);
}

static __always_inline void tell_message(struct call *call, __u64 bytes)
{
	struct ipc_raw *raw = record(&call->what, call->what.verb, 0);
	__u32 priority = 0;

	if (!raw)
		return;
	raw->bytes = bytes;
	raw->fd = (__s32)call->args[0];
	raw->has = IPC_RAW_BYTES | IPC_RAW_FD;
	if (call->what.verb == VERB_SEND) {
		raw->number = (__u32)call->args[3];
		raw->has |= IPC_RAW_PRIORITY;
	} else if (call->args[3] && !bpf_probe_read_user(&priority, sizeof(priority), (const void *)call->args[3])) {
		raw->number = priority;
		raw->has |= IPC_RAW_PRIORITY;
	}
	submit(raw);
}

ENTER(mq_timedsend, 5)
{
	begin_message(args, VERB_SEND);
	return 0;
}

EXIT(mq_timedsend)
{
	(void)ret;
	tell_message(call, call->args[2]);
}

ENTER(mq_timedreceive, 5)
{
	begin_message(args, VERB_RECEIVE);
	return 0;
}

EXIT(mq_timedreceive)
{
	tell_message(call, (__u64)ret);
}
