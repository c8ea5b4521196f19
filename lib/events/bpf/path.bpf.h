/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For BPF programs: records with paths. Where a file lies, or what a relative path is relative to, is climbed up to the root of
 * the mount namespace, so that the name is whole whatever has become of process and file when it is read.
 *
 * Such a record is put together in a place of its CPU and copied into the ring with just the bytes that it has.
 */
#ifndef IPC_EVENTS_PATH_BPF_H
#define IPC_EVENTS_PATH_BPF_H

#include "events/bpf/file.bpf.h"

#define AT_FDCWD (-100)
#define NAME_ROOM 256 /* for the name of a file or directory, with NUL */
#define PATH_MAX 4096
#define NAMES_ROOM (4 * PATH_MAX + 2 * NAME_ROOM) /* two paths, each behind another one */
/* Mounts on the way included: what lies deeper is told of without a name. */
#define CLIMB_STEPS 72

struct draft {
	__u64 busy; /* under way: by a thread that another one took the CPU from */
	__u64 record[(sizeof(struct ipc_raw) + NAMES_ROOM) / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct draft);
} drafts __weak SEC(".maps");

/* A record about @what, with room for names. NULL: not wanted, or no room. End with send_draft() or drop_draft(). */
static __always_inline struct ipc_raw *begin_draft(const struct subject *what, __u8 verb)
{
	const struct ipc_settings *s = get_settings();
	struct draft *draft;
	__u32 zero = 0;

	if (!s || !wants_verb(s, what->kind, verb))
		return 0;
	draft = bpf_map_lookup_elem(&drafts, &zero);
	if (!draft)
		return 0;
	if (draft->busy) {
		count_lost();
		return 0;
	}
	draft->busy = 1;
	fill_record((struct ipc_raw *)draft->record, what, verb);
	return (struct ipc_raw *)draft->record;
}

static __always_inline void drop_draft(struct ipc_raw *raw)
{
	struct draft *draft = (void *)raw - __builtin_offsetof(struct draft, record);

	draft->busy = 0;
}

static __always_inline void send_draft(struct ipc_raw *raw)
{
	__u64 size = raw->name_len;

	if (size > NAMES_ROOM)
		size = NAMES_ROOM;
	if (bpf_ringbuf_output(&ring, raw, sizeof(*raw) + size, 0))
		count_lost();
	drop_draft(raw);
}

/* All bits when both are the same, else none, without a jump. */
static __always_inline __u64 mask_of_equal(const void *a, const void *b)
{
	__u64 difference = (__u64)a ^ (__u64)b;

	/* The compiler would see through this, and put a jump in its place. */
	asm volatile("" : "+r"(difference));
	return ((difference | -difference) >> 63) - 1;
}

static __always_inline void *choose(__u64 mask, const void *yes, const void *no)
{
	return (void *)(((__u64)yes & mask) | ((__u64)no & ~mask));
}

/* The record that is being put together on this CPU. */
static __always_inline struct ipc_raw *draft_here(void)
{
	__u32 zero = 0;
	struct draft *draft = bpf_map_lookup_elem(&drafts, &zero);

	return draft ? (struct ipc_raw *)draft->record : 0;
}

/*
 * Write the names on the way from a place to the root, each ended by NUL, at @end of the draft's name. Returns where they end, or
 * -1: the way is too long.
 *
 * Not static: see who(). There is one way through each step, so that the verifier, which looks at all of them, need not look at all of
 * their combinations.
 */
__weak NOINLINE int climb(__u64 dentry_at, __u64 mnt_at, __u32 end)
{
	struct dentry *dentry = (struct dentry *)dentry_at;
	struct vfsmount *mnt = (struct vfsmount *)mnt_at;
	struct ipc_raw *raw = draft_here();
	__u32 i;

	if (!raw)
		return -1;
#pragma clang loop unroll(disable)
	for (i = 0; i < CLIMB_STEPS; i++) {
		struct mount *mount = mount_of(mnt), *above = BPF_CORE_READ(mount, mnt_parent);
		struct vfsmount___tree *mounted = (void *)mnt;
		__u64 crosses = mask_of_equal(BPF_CORE_READ(mounted, mnt_root), dentry);
		struct dentry *parent = parent_of(dentry);
		long len;

		if (crosses & mask_of_equal(above, mount))
			return (int)end;
		if (end > NAMES_ROOM - NAME_ROOM)
			return -1;
		len = bpf_probe_read_kernel_str(raw->name + end, NAME_ROOM, BPF_CORE_READ(dentry, d_name.name));
		if (len <= 0)
			return -1;
		end += (__u32)len & ~(__u32)crosses;
		dentry = choose(crosses, BPF_CORE_READ(mount, mnt_mountpoint), parent);
		mnt = choose(crosses, (void *)above + bpf_core_field_offset(struct mount, mnt), mnt);
	}
	return -1;
}

/* Where @file lies. */
static __always_inline void name_by_file(struct ipc_raw *raw, struct file *file)
{
	struct where at = where_is_file(file);
	int end = climb((__u64)at.dentry, (__u64)at.mnt, 0);

	if (end <= 0)
		return;
	raw->name_is = IPC_RAW_NAME_CLIMBED;
	raw->name_len = (__u16)(end - 1);
}

/* What a path of the current task that begins with @first is relative to: descriptor @dir, or its directory or root. */
static __always_inline bool base_of(char first, __s32 dir, struct where *out)
{
	struct task_struct___files *task = (void *)current();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct file *file;

	if (first == '/') {
		*out = where_is_path(&fs->root);
		return true;
	}
	if (dir == AT_FDCWD) {
		*out = where_is_path(&fs->pwd);
		return true;
	}
	file = file_of_fd((__u32)dir);
	if (!file)
		return false;
	*out = where_is_file(file);
	return true;
}

/* What add_path() returns: where the path ends, with its NUL, and where it begins, behind what leads up; -1: it cannot be read. */
#define PATH_ENDS(found) ((__u32)((found) >> 16) & 0xffff)
#define PATH_AT(found) ((__u16)(found))

/*
 * Put @path of the current task, given together with @dir, at @begin of the draft's name, behind the names that lead up from what it
 * is relative to. Not static: see who().
 */
__weak NOINLINE __s64 add_path(__s32 dir, __u64 path, __u32 begin)
{
	struct ipc_raw *raw = draft_here();
	struct where base;
	char first = 0;
	int end = -1;
	__u32 at;
	long len;

	/* Nothing can be read here of a page that was not touched before: then the call has not read it either. */
	if (!raw || begin > NAMES_ROOM || bpf_probe_read_user(&first, 1, (const void *)path) || !first)
		return -1;
	raw->name_is = IPC_RAW_NAME_BEHIND;
	if (base_of(first, dir, &base))
		end = climb((__u64)base.dentry, (__u64)base.mnt, begin);
	if (end < 0)
		raw->name_is = IPC_RAW_NAME_RELATIVE;
	at = end < 0 ? begin : (__u32)end;
	if (at > NAMES_ROOM - PATH_MAX)
		return -1;
	len = bpf_probe_read_user_str(raw->name + at, PATH_MAX, (const void *)path);
	if (len <= 0)
		return -1;
	return (__s64)(at + (__u32)len) << 16 | (__u16)(at - begin);
}

/* A path as a program gave it. */
struct given {
	__s32 dir; /* what it is relative to, when it is */
	__u64 path;
};

/* The name that @given is. */
static __always_inline void name_by_path(struct ipc_raw *raw, const struct given *given)
{
	__s64 found = add_path(given->dir, given->path, 0);

	if (found < 0) {
		raw->name_is = IPC_RAW_NAME_NONE;
		return;
	}
	raw->name_at = PATH_AT(found);
	raw->name_len = (__u16)(PATH_ENDS(found) - 1);
}

/* The same for two, the second one behind the first. False: they cannot be read. */
static __always_inline bool name_by_paths(struct ipc_raw *raw, const struct given *first, const struct given *second)
{
	__s64 found = add_path(first->dir, first->path, 0);
	__u32 middle = PATH_ENDS(found);
	__u8 is = raw->name_is;

	if (found < 0)
		return false;
	raw->name_at = PATH_AT(found);
	found = add_path(second->dir, second->path, middle);
	/* Both are whole, or it is not known what either is relative to. */
	if (found < 0 || raw->name_is != is)
		return false;
	raw->second = (__u16)middle;
	raw->second_at = PATH_AT(found);
	raw->name_len = (__u16)(PATH_ENDS(found) - 1);
	return true;
}

/* Somebody who opens what may be a FIFO begins to wait: perhaps for the other end. It has no descriptor yet; there is but its path. */
static __always_inline void tell_opening(const struct call *call)
{
	struct given given = {(__s32)call->args[0], call->args[1]};
	struct ipc_raw *raw = begin_draft(&call->what, VERB_WAIT);

	if (!raw)
		return;
	raw->time = call->slept;
	name_by_path(raw, &given);
	send_draft(raw);
}

#endif
