/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: files are opened, or made by opening them; memfds and pipes come into being; memory gets a size. */
#include "events/bpf/opened.bpf.h"

#define O_ACCMODE 03
#define O_WRONLY 01
#define O_NONBLOCK 04000
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#if defined(ARCHITECTURE_aarch64)
#define O_DIRECTORY 040000
#else
#define O_DIRECTORY 0200000
#endif
#define FMODE_CREATED 0x100000

/* ---- semaphores in the making --------------------------------------------------------------------------------------- */

#define SKETCH_NAME "sem.XXXXXX"

static __always_inline void keep_sketch(struct file *file, const struct subject *what)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct sketch sketch = {.inode = what->inode, .dev = what->dev};

	bpf_probe_read_kernel(&sketch.name, sizeof(sketch.name),
			      BPF_CORE_READ(file, f_path.dentry, d_name.name) + sizeof(SKETCH_NAME) - 1 - 8);
	bpf_map_update_elem(&sketches, &tid, &sketch, 0);
}

/* ---- open ------------------------------------------------------------------------------------------------------------- */

/* Of a pair that waited for each other it is the book that knows who was first. The kernel counts both from one on. */
static __always_inline bool may_be_first(struct ipc_raw *raw, struct file *file)
{
	struct inode___uses *inode = (void *)BPF_CORE_READ(file, f_inode);

	if (raw->kind != IPC_RAW_FIFO)
		return raw->users == 1;
	return BPF_CORE_READ(inode, i_pipe, r_counter) <= 2 && BPF_CORE_READ(inode, i_pipe, w_counter) <= 2;
}

static __always_inline void tell_open(const struct subject *what, struct file *file, __s64 fd)
{
	struct ipc_raw *raw = begin_draft(what, what->verb);

	if (!raw)
		return;
	describe_opened(raw, file, fd);
	name_by_file(raw, file);
	if (what->verb == VERB_CREATE) {
		describe_mode(raw, file);
		raw->has |= IPC_RAW_NEW;
	} else {
		raw->has |= IPC_RAW_OLD;
		if (may_be_first(raw, file))
			raw->has |= IPC_RAW_FIRST;
	}
	send_draft(raw);
}

static __always_inline void tell_opened(__s64 fd)
{
	const struct ipc_settings *s = get_settings();
	struct file *file = file_of_fd((__u32)fd);
	struct subject what = {.verb = VERB_OPEN};

	if (!file || !s || !object_of_file(file, &what))
		return;
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		what.verb = VERB_CREATE;
	if (!wants(s, &what))
		return;
	if (what.verb == VERB_CREATE && is_semaphore_name(BPF_CORE_READ(file, f_path.dentry)))
		keep_sketch(file, &what);
	else
		tell_open(&what, file, fd);
}

/* Nothing was opened, so there is nothing but the path; what that leads to has to be looked up. */
static __always_inline void tell_unopened(struct call *call, __s32 error)
{
	const struct ipc_settings *s = get_settings();
	struct given given = {(__s32)call->args[0], call->args[1]};
	struct ipc_raw *raw;

	if (call->slept) {
		raw = begin_draft(&call->what, VERB_WAKE);
		if (raw) {
			raw->address = raw->time - call->slept;
			raw->has = IPC_RAW_WAITED;
			raw->error = error;
			name_by_path(raw, &given);
			send_draft(raw);
		}
	}
	if (!s || !s->failures)
		return;
	raw = begin_draft(&call->what, VERB_OPEN);
	if (!raw)
		return;
	raw->error = error;
	name_by_path(raw, &given);
	send_draft(raw);
}

/* The other end has come. */
static __always_inline void tell_awake(struct call *call, __s64 fd)
{
	struct subject what = {.verb = VERB_OPEN};

	if (!call->slept || !object_of_fd((__u32)fd, &what) || what.kind != IPC_RAW_FIFO)
		return;
	call->what = what;
	tell_wake(call, 0);
}

/* Most of them were not remembered. */
static __always_inline int open_ends(__u64 which, __s64 ret)
{
	struct call *call = returned();
	__s32 error = error_of(ret);

	if (call) {
		if (call->which == which && error)
			tell_unopened(call, error);
		else if (call->which == which)
			tell_awake(call, ret);
		end_call();
	}
	if (!error)
		tell_opened(ret);
	return 0;
}

#define EXIT_OPEN(name)                                                \
	SEC("?tp/syscalls/sys_exit_" #name)                            \
	int tp_exit_##name(struct tp_exit *ctx)                        \
	{                                                              \
		return open_ends(NUMBER_OF_CALL(name), ctx->ret);      \
	}                                                              \
                                                                       \
	SEC("?fexit/sys_" #name)                                       \
	int fn_exit_##name(__u64 *ctx)                                 \
	{                                                              \
		return open_ends(NUMBER_OF_CALL(name), (__s64)ctx[1]); \
	}

/* Only an open that may wait for the other end, or that is told of when it fails, has to be remembered. */
static __always_inline int open_begins(const struct args *args, __u64 dir, __u64 path, __u64 flags)
{
	const struct ipc_settings *s = get_settings();
	struct args given = {.at = {dir, path, flags}, .which = args->which};
	struct subject what;

	/* To have it in hand is not to have it open. */
	if (!s || flags & (O_PATH | O_DIRECTORY))
		return 0;
	if (!s->failures && (flags & O_NONBLOCK || (flags & O_ACCMODE) > O_WRONLY))
		return 0;
	if (!s->failures && !(s->verbs[IPC_RAW_FIFO] & (1u << VERB_WAIT | 1u << VERB_WAKE)))
		return 0;
	what = path_here(IPC_RAW_FIFO, VERB_OPEN);
	begin(&given, &what);
	return 0;
}

ENTER(open, 3)
{
	return open_begins(args, (__u64)(__s64)AT_FDCWD, args->at[0], args->at[1]);
}

EXIT_OPEN(open)

ENTER(creat, 2)
{
	return open_begins(args, (__u64)(__s64)AT_FDCWD, args->at[0], O_CREAT | O_WRONLY | O_TRUNC);
}

EXIT_OPEN(creat)

ENTER(openat, 4)
{
	return open_begins(args, args->at[0], args->at[1], args->at[2]);
}

EXIT_OPEN(openat)

ENTER(openat2, 4)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (const void *)args->at[2]);
	return open_begins(args, args->at[0], args->at[1], flags);
}

EXIT_OPEN(openat2)

/* ---- what has no path ------------------------------------------------------------------------------------------------- */

ENTER(memfd_create, 2)
{
	struct subject what = {.kind = IPC_RAW_SHM_MEMFD, .verb = VERB_CREATE};

	begin(args, &what);
	return 0;
}

/* "memfd:NAME" */
static __always_inline void name_by_memfd(struct ipc_raw *raw, struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	long len = bpf_probe_read_kernel_str(raw->name, NAME_ROOM, name + sizeof("memfd:") - 1);

	if (len <= 0)
		return;
	raw->name_is = IPC_RAW_NAME_WHOLE;
	raw->name_len = (__u16)(len - 1);
}

EXIT(memfd_create)
{
	struct file *file = file_of_fd((__u32)ret);
	struct ipc_raw *raw;

	if (!file || !object_of_file(file, &call->what))
		return;
	raw = begin_draft(&call->what, VERB_CREATE);
	if (!raw)
		return;
	describe_opened(raw, file, ret);
	name_by_memfd(raw, file);
	raw->has |= IPC_RAW_NEW;
	send_draft(raw);
}

static __always_inline int pipe_begins(const struct args *args)
{
	struct subject what = {.kind = IPC_RAW_PIPE, .verb = VERB_CREATE};

	begin(args, &what);
	return 0;
}

static __always_inline void pipe_ends(struct call *call)
{
	struct ipc_raw *raw;
	__s32 fds[2];

	if (bpf_probe_read_user(fds, sizeof(fds), (const void *)call->args[0]) ||
	    !object_of_fd((__u32)fds[0], &call->what))
		return;
	raw = record(&call->what, VERB_CREATE, 0);
	if (!raw)
		return;
	raw->users = 2;
	raw->has = IPC_RAW_NEW;
	submit(raw);
}

ENTER(pipe, 1)
{
	return pipe_begins(args);
}

EXIT(pipe)
{
	(void)ret;
	pipe_ends(call);
}

ENTER(pipe2, 2)
{
	return pipe_begins(args);
}

EXIT(pipe2)
{
	(void)ret;
	pipe_ends(call);
}

/* ---- size --------------------------------------------------------------------------------------------------------------- */

ENTER(ftruncate, 2)
{
	struct subject what = {.verb = VERB_CHANGE};

	if (object_of_fd((__u32)args->at[0], &what) &&
	    (what.kind == IPC_RAW_SHM_POSIX || what.kind == IPC_RAW_SHM_MEMFD))
		begin(args, &what);
	return 0;
}

EXIT(ftruncate)
{
	struct ipc_raw *raw = record(&call->what, VERB_CHANGE, 0);

	(void)ret;
	if (!raw)
		return;
	raw->bytes = call->args[1];
	raw->fd = (__s32)call->args[0];
	raw->has = IPC_RAW_SIZE | IPC_RAW_FD;
	submit(raw);
}
