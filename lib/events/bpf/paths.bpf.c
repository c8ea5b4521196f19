/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: names of files come, change and go. Which object has one is found out when the record is read (lib/events/files.c). */
#include "events/bpf/opened.bpf.h"

#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000

/* Also of calls that failed what is to be told is more than that. */
#define EXIT_ANYHOW(name) EXIT_UNLESS(name, false)

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
