/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: files come into being, are opened, get other names, and lose them. */
#include "events/bpf/opened.bpf.h"

#define O_ACCMODE 03
#define O_WRONLY 01
#define O_NONBLOCK 04000
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#define O_TMPFILE 020000000 /* without O_DIRECTORY */
#if defined(ARCHITECTURE_aarch64)
#define O_DIRECTORY 040000
#else
#define O_DIRECTORY 0200000
#endif
#define FMODE_PATH 0x4000
#define FMODE_CREATED 0x100000
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000

/* Also of calls that failed what is to be told is more than that. */
#define EXIT_ANYHOW(name) EXIT_UNLESS(name, false)

static __always_inline struct subject path_here(__u8 kind, __u8 verb)
{
	struct subject what = {.kind = kind, .verb = verb, .ns = mnt_ns_of_current()};

	return what;
}

/* ---- semaphores in the making --------------------------------------------------------------------------------------- */

/*
 * sem_open() makes a file sem.XXXXXX, gives it its name by link(), and takes the first one away. Who made one is the only one
 * to know it by that name.
 */
struct sketch {
	__u64 inode;
	__u64 name; /* its last eight bytes */
	__u32 dev;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct sketch);
} sketches SEC(".maps");

#define SKETCH_NAME "sem.XXXXXX"

static __always_inline void keep_sketch(struct file *file, const struct subject *what)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct sketch sketch = {.inode = what->inode, .dev = what->dev};

	bpf_probe_read_kernel(&sketch.name, sizeof(sketch.name),
			      BPF_CORE_READ(file, f_path.dentry, d_name.name) + sizeof(SKETCH_NAME) - 1 - 8);
	bpf_map_update_elem(&sketches, &tid, &sketch, 0);
}

/* Is it @path, whose NUL is at @end, that the current thread made? */
static __always_inline bool find_sketch(struct ipc_raw *raw, __u32 end)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct sketch *sketch = bpf_map_lookup_elem(&sketches, &tid);
	__u64 name = 0;

	if (!sketch || end < 8 || end > NAMES_ROOM)
		return false;
	bpf_probe_read_kernel(&name, sizeof(name), raw->name + end - 8);
	if (name != sketch->name)
		return false;
	raw->inode = sketch->inode;
	raw->dev = sketch->dev;
	raw->mode = S_IFREG;
	return true;
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

#define EXIT_OPEN(name)                                                 \
	SEC("?tp/syscalls/sys_exit_" #name)                             \
	int tp_exit_##name(struct tp_exit *ctx)                         \
	{                                                               \
		return open_ends(NUMBER_OF_CALL(name), ctx->ret);       \
	}                                                               \
                                                                        \
	SEC("?fexit/sys_" #name)                                        \
	int fn_exit_##name(__u64 *ctx)                                  \
	{                                                               \
		return open_ends(NUMBER_OF_CALL(name), (__s64)ctx[1]);  \
	}

/* Only an open that may wait for the other end, or that is told of when it fails, has to be remembered. */
static __always_inline int open_begins(const struct args *args, __u64 dir, __u64 path, __u64 flags)
{
	const struct ipc_settings *s = get_settings();
	struct args given = {.at = {dir, path, flags}, .which = args->which};
	struct subject what;

	if (!s)
		return 0;
	if (!s->failures && (flags & (O_NONBLOCK | O_PATH | O_DIRECTORY) || (flags & O_ACCMODE) > O_WRONLY))
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

/* ---- mknod ------------------------------------------------------------------------------------------------------------ */

static __always_inline int mknod_begins(const struct args *args, __u64 dir, __u64 path, __u64 mode)
{
	struct args given = {.at = {dir, path, mode}, .which = args->which};
	struct subject what = path_here(IPC_RAW_FIFO, VERB_CREATE);

	if ((mode & S_IFMT) == S_IFIFO)
		begin(&given, &what);
	return 0;
}

/* What a call about a path is told with: by what it was given. */
static __always_inline struct ipc_raw *begin_path(struct call *call, __s64 ret)
{
	const struct ipc_settings *s = get_settings();
	__s32 error = error_of(ret);
	struct ipc_raw *raw;

	if (!s || (error && !s->failures))
		return 0;
	raw = begin_draft(&call->what, call->what.verb);
	if (raw)
		raw->error = error;
	return raw;
}

static __always_inline void mknod_ends(struct call *call, __s64 ret)
{
	struct given given;
	struct ipc_raw *raw;

	raw = begin_path(call, ret);
	if (!raw)
		return;
	given.dir = (__s32)call->args[0];
	given.path = call->args[1];
	name_by_path(raw, &given);
	raw->mode = call->args[2] & 07777;
	raw->has = IPC_RAW_NEW | IPC_RAW_MODE;
	send_draft(raw);
}

ENTER(mknod, 3)
{
	return mknod_begins(args, (__u64)(__s64)AT_FDCWD, args->at[0], args->at[1]);
}

EXIT_ANYHOW(mknod)
{
	mknod_ends(call, ret);
}

ENTER(mknodat, 4)
{
	return mknod_begins(args, args->at[0], args->at[1], args->at[2]);
}

EXIT_ANYHOW(mknodat)
{
	mknod_ends(call, ret);
}

/* ---- unlink ----------------------------------------------------------------------------------------------------------- */

static __always_inline int path_begins(const struct args *args, __u8 verb, __u64 dir, __u64 path)
{
	struct args given = {.at = {dir, path}, .which = args->which};
	struct subject what = path_here(IPC_RAW_PATH, verb);

	begin(&given, &what);
	return 0;
}

/* What the kernel's own function saw of the file, where that can be watched. */
static __always_inline void add_kept(struct ipc_raw *raw, const struct call *call)
{
	if (!call->what.inode)
		return;
	raw->mode = (__u32)call->kept[0];
	raw->links = (__u32)call->kept[1];
	raw->has |= IPC_RAW_LINKED;
}

static __always_inline void unlink_ends(struct call *call, __s64 ret)
{
	struct given given;
	struct ipc_raw *raw;

	raw = begin_path(call, ret);
	if (!raw)
		return;
	given.dir = (__s32)call->args[0];
	given.path = call->args[1];
	name_by_path(raw, &given);
	add_kept(raw, call);
	send_draft(raw);
}

ENTER(unlink, 1)
{
	return path_begins(args, VERB_REMOVE, (__u64)(__s64)AT_FDCWD, args->at[0]);
}

EXIT_ANYHOW(unlink)
{
	unlink_ends(call, ret);
}

ENTER(unlinkat, 3)
{
	return args->at[2] & AT_REMOVEDIR ? 0 : path_begins(args, VERB_REMOVE, args->at[0], args->at[1]);
}

EXIT_ANYHOW(unlinkat)
{
	unlink_ends(call, ret);
}

/* ---- rename ----------------------------------------------------------------------------------------------------------- */

static __always_inline int paths_begin(__u8 verb, const struct args *given)
{
	struct subject what = path_here(IPC_RAW_PATH, verb);

	begin(given, &what);
	return 0;
}

static __always_inline void rename_ends(struct call *call, __s64 ret)
{
	struct given from, to;
	struct ipc_raw *raw;

	raw = begin_path(call, ret);
	if (!raw)
		return;
	from.dir = (__s32)call->args[0];
	from.path = call->args[1];
	to.dir = (__s32)call->args[2];
	to.path = call->args[3];
	add_kept(raw, call);
	if (name_by_paths(raw, &from, &to))
		send_draft(raw);
	else
		drop_draft(raw);
}

ENTER(rename, 2)
{
	struct args given = {
		.at = {(__u64)(__s64)AT_FDCWD, args->at[0], (__u64)(__s64)AT_FDCWD, args->at[1]},
		.which = args->which,
	};

	return paths_begin(VERB_CHANGE, &given);
}

EXIT_ANYHOW(rename)
{
	rename_ends(call, ret);
}

ENTER(renameat, 4)
{
	return paths_begin(VERB_CHANGE, args);
}

EXIT_ANYHOW(renameat)
{
	rename_ends(call, ret);
}

ENTER(renameat2, 5)
{
	return paths_begin(VERB_CHANGE, args);
}

EXIT_ANYHOW(renameat2)
{
	rename_ends(call, ret);
}

/* ---- link ------------------------------------------------------------------------------------------------------------- */

/* "/proc/self/fd/7": the descriptor that it means, or -1. So does a file that has none get its name. */
static __always_inline __s32 fd_of_path(const char *path)
{
	char text[32] = {0};
	__s32 fd = -1;
	int i;

	if (bpf_probe_read_user_str(text, sizeof(text), path) <= 0)
		return -1;
#pragma clang loop unroll(full)
	for (i = 3; i < (int)sizeof(text); i++) {
		if (text[i - 3] == 'f' && text[i - 2] == 'd' && text[i - 1] == '/')
			fd = 0;
		else if (fd >= 0 && text[i - 1] && (text[i - 1] < '0' || text[i - 1] > '9'))
			return -1;
		if (fd >= 0 && text[i])
			fd = 10 * fd + text[i] - '0';
	}
	return fd;
}

/* Which file it is: by its descriptor, or because this thread has just made it. */
static __always_inline void find_linked(struct ipc_raw *raw, const struct call *call)
{
	__s32 fd = -1;
	struct inode *inode;
	struct file *file;

	if (call->args[4] & AT_EMPTY_PATH)
		fd = (__s32)call->args[0];
	else if (call->args[4] & AT_SYMLINK_FOLLOW)
		fd = fd_of_path((const char *)call->args[1]);
	if (fd < 0 || !(file = file_of_fd((__u32)fd)))
		return;
	inode = BPF_CORE_READ(file, f_inode);
	raw->inode = BPF_CORE_READ(inode, i_ino);
	raw->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	raw->mode = BPF_CORE_READ(inode, i_mode);
}

static __always_inline void link_ends(struct call *call, __s64 ret)
{
	struct given from, to;
	struct ipc_raw *raw;

	raw = begin_path(call, ret);
	if (!raw)
		return;
	from.dir = (__s32)call->args[0];
	from.path = call->args[1];
	to.dir = (__s32)call->args[2];
	to.path = call->args[3];
	add_kept(raw, call);
	/* What is given by its descriptor alone has no name to give. */
	if (!name_by_paths(raw, &from, &to)) {
		raw->second = raw->second_at = raw->name_at = 0;
		name_by_path(raw, &to);
	}
	if (!raw->inode)
		find_linked(raw, call);
	if (!raw->inode && raw->second)
		find_sketch(raw, raw->second - 1);
	send_draft(raw);
}

ENTER(link, 2)
{
	struct args given = {
		.at = {(__u64)(__s64)AT_FDCWD, args->at[0], (__u64)(__s64)AT_FDCWD, args->at[1]},
		.which = args->which,
	};

	return paths_begin(VERB_CREATE, &given);
}

EXIT_ANYHOW(link)
{
	link_ends(call, ret);
}

ENTER(linkat, 5)
{
	return paths_begin(VERB_CREATE, args);
}

EXIT_ANYHOW(linkat)
{
	link_ends(call, ret);
}

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

	if (bpf_probe_read_user(fds, sizeof(fds), (const void *)call->args[0]) || !object_of_fd((__u32)fds[0], &call->what))
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
