/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF iterators over the fds and the mappings of all tasks, which write one record for each that is of a wanted kind.
 */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "holders/holders_event.h"

#define NULL ((void *)0)
#define PATH_ROOM 4096
#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6 /* in the place of tmpfs, in a kernel without it */
#define HUGETLBFS_MAGIC 0x958458f6
#define NSFS_MAGIC 0x6e736673
#define SB_KERNMOUNT (1 << 22)
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_MAYSHARE 0x80
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFIFO 0010000
#define DEV_MAJOR(device) ((device) >> 20)

#define WANTS(space) (spaces & 1u << (space))

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 spaces = ~0u; /* IPC_SPACE_BIT()s */
const volatile __u32 only;         /* one pid alone, or 0 */
const volatile bool by_key;        /* `keys` alone, and namespaces */
const volatile __u64 key_bits;     /* 1 << inode % 64 of all keys together: most others are told by that */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct ipc_holders_event_key);
	__type(value, __u8);
} keys SEC(".maps");

__s32 level = -1; /* of the reader's pid namespace */
__s32 last_tgid;  /* tasks come by number, so that one after the other is asked for the same */
__u32 last_number;
char path[PATH_ROOM];

/* The thread group's number as the reader of the iterator would see it in its own /proc. */
static __always_inline __u32 pid_of(struct task_struct *task)
{
	struct task_struct *reader;
	struct pid *pid = NULL;
	int number = 0;

	if (task->tgid == last_tgid)
		return last_number;
	if (level < 0) {
		reader = (struct task_struct *)bpf_get_current_task();
		level = BPF_CORE_READ(reader, thread_pid, level);
	}
	/* Copied, it is a mere number: the verifier of 6.1 refuses a variable offset from a pointer of a known type. */
	bpf_core_read(&pid, sizeof(pid), &task->group_leader->thread_pid);
	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (__u64)(level & 63) * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	last_tgid = task->tgid;
	last_number = number;
	return number;
}

/*
 * A superblock that the kernel mounted for itself; nothing that a user can mount is so marked. (Most of these mounts
 * have no namespace but -EINVAL either; that of huge pages has none at all, like one that was taken away lazily.)
 */
static __always_inline bool is_internal(struct path *at)
{
	return BPF_CORE_READ(at, mnt, mnt_sb, s_flags) & SB_KERNMOUNT;
}

/* memcmp() of a constant that is not a power of two long would become a call, and there is no such function here. */
static __always_inline bool starts(const char *name, const char *prefix, int len)
{
	int i;

	for (i = 0; i < len; i++)
		if (name[i] != prefix[i])
			return false;
	return true;
}

#define STARTS(name, prefix) starts(name, prefix, sizeof(prefix) - 1)

/* Whose memory it is, by the name that the kernel gives to files without a path; 0 for none that is known. */
static __always_inline __u8 space_by_name(struct dentry *dentry)
{
	char name[16] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	if (STARTS(name, "memfd:"))
		return EVENT_MEMFD;
	if (STARTS(name, "SYSV"))
		return EVENT_SHM;
	if (STARTS(name, "dev/zero") || STARTS(name, "anon_hugepage"))
		return EVENT_ANON;
	return 0;
}

/* What tells one object from another. */
struct identity {
	__u64 inode;
	__u64 magic;
	__u32 device;
	__u16 mode;
};

/* Read through a pointer whose type the verifier knows: plain loads. */
static __always_inline void read_inode(struct inode *inode, struct identity *out)
{
	out->inode = inode->i_ino;
	out->magic = inode->i_sb->s_magic;
	out->device = inode->i_sb->s_dev;
	out->mode = inode->i_mode;
}

/* Read through any other: a call for each. */
static __always_inline void probe_inode(struct inode *inode, struct identity *out)
{
	out->inode = BPF_CORE_READ(inode, i_ino);
	out->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	out->device = BPF_CORE_READ(inode, i_sb, s_dev);
	out->mode = BPF_CORE_READ(inode, i_mode);
}

/* Fill in which object @identity, reached through @at, is. Returns false when nobody wants it. */
static __always_inline bool identify(const struct identity *identity, struct path *at, struct ipc_holders_event *event)
{
	__u16 type = identity->mode & S_IFMT;

	if (type != S_IFIFO && type != S_IFSOCK && type != S_IFREG)
		return false;
	if (by_key && identity->magic != NSFS_MAGIC && !(key_bits >> (identity->inode & 63) & 1))
		return false;
	event->mode = identity->mode;
	event->inode = identity->inode;
	switch (identity->magic) {
	case PIPEFS_MAGIC:
		event->space = EVENT_PIPE;
		break;
	case SOCKFS_MAGIC:
		event->space = EVENT_SOCKET;
		break;
	case NSFS_MAGIC:
		event->space = EVENT_NS;
		break;
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case HUGETLBFS_MAGIC:
		event->device = identity->device;
		event->space = is_internal(at) ? space_by_name(BPF_CORE_READ(at, dentry)) : EVENT_FILE;
		break;
	default:
		event->device = identity->device;
		event->space = EVENT_FILE;
	}
	return event->space && WANTS(event->space);
}

/* Of which type the namespace is that an inode of nsfs stands for; 0 for none that is wanted. */
static __always_inline __u32 namespace_type(struct inode *inode)
{
	struct ns_common *ns = BPF_CORE_READ(inode, i_private);
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(ns, ops, name));
	return STARTS(name, "ipc\0")   ? EVENT_NS_IPC
	       : STARTS(name, "net\0") ? EVENT_NS_NET
	       : STARTS(name, "mnt\0") ? EVENT_NS_MNT
				       : 0;
}

/* Is it one of the keys that alone are wanted? */
static __always_inline bool has_wanted_key(const struct ipc_holders_event *event)
{
	struct ipc_holders_event_key key = {event->inode, event->device, event->space};

	return !by_key || event->space == EVENT_NS || bpf_map_lookup_elem(&keys, &key);
}

/*
 * Mapped through a stacked file system (overlayfs), @file is the one below, and behind it stands by which path the
 * process knows it. The flag in f_mode that says so has had several values; a path can be told from other memory by
 * its two ways to the same superblock.
 */
static __always_inline struct path *stacked_path(struct file *file)
{
	struct backing_file *backing = (void *)file;
	struct super_block *sb;
	struct path *path;

	if (!bpf_core_field_exists(backing->user_path))
		return NULL;
	path = (void *)backing + bpf_core_field_offset(struct backing_file, user_path);
	sb = BPF_CORE_READ(path, mnt, mnt_sb);
	if (!sb || sb != BPF_CORE_READ(path, dentry, d_sb) || sb != BPF_CORE_READ(path, dentry, d_inode, i_sb))
		return NULL;
	return path;
}

static __always_inline void write_event(struct seq_file *seq, struct ipc_holders_event *event, struct path *at)
{
	long len = 0;

	if (event->space == EVENT_PIPE || event->space == EVENT_SOCKET) {
		bpf_seq_write(seq, event, EVENT_HEAD);
		return;
	}
	if (at && (event->space == EVENT_FILE || event->space == EVENT_MEMFD || event->space == EVENT_SHM)) {
		len = bpf_d_path(at, path, sizeof(path));
		/* A mask: up to 6.12 the verifier does not see a bound in what the compiler makes of comparisons. */
		len = len > 0 ? (len - 1) & (PATH_ROOM - 1) : 0;
	}
	event->path_len = len;
	bpf_seq_write(seq, event, sizeof(*event));
	if (len)
		bpf_seq_write(seq, path, len);
}

SEC("iter/task_file")
int holders_file(struct bpf_iter__task_file *ctx)
{
	struct ipc_holders_event event = {};
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct identity identity;

	if (!task || !file)
		return 0;
	read_inode(file->f_inode, &identity);
	if (!identify(&identity, &file->f_path, &event))
		return 0;
	event.pid = pid_of(task);
	if (only && event.pid != only)
		return 0;
	if (event.space == EVENT_NS) {
		event.device = namespace_type(file->f_inode);
		if (!event.device)
			return 0;
	}
	if (!has_wanted_key(&event))
		return 0;
	event.fd = ctx->fd;
	event.access = (file->f_mode & FMODE_READ ? 1 : 0) | (file->f_mode & FMODE_WRITE ? 2 : 0);
	/* Opened below map_files: whose namespace it is of cannot be seen. */
	if (event.space == EVENT_SHM)
		return 0;
	write_event(ctx->meta->seq, &event, &file->f_path);
	return 0;
}

SEC("iter/task_vma")
int holders_vma(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct ipc_holders_event event = {};
	struct task_struct *task = ctx->task;
	struct shm_file_data *data;
	struct identity identity;
	struct path *stacked;
	struct file *file;

	if (!task || !vma || !vma->vm_file)
		return 0;
	/* A thread that unshared its fds is visited with the memory of its leader once more. */
	if (task != task->group_leader && task->mm == task->group_leader->mm)
		return 0;
	file = vma->vm_file;
	stacked = stacked_path(file);
	if (stacked)
		probe_inode(BPF_CORE_READ(stacked, dentry, d_inode), &identity);
	else
		read_inode(file->f_inode, &identity);
	if (!identify(&identity, stacked ? stacked : &file->f_path, &event))
		return 0;
	event.shared = !!(vma->vm_flags & VM_MAYSHARE);
	if (!event.shared && DEV_MAJOR(event.device) != 0)
		return 0;
	event.pid = pid_of(task);
	if (only && event.pid != only)
		return 0;
	event.fd = -1;
	event.addr = vma->vm_start;
	event.end = vma->vm_end;
	event.access = (vma->vm_flags & VM_READ ? 1 : 0) | (vma->vm_flags & VM_WRITE ? 2 : 0);
	if (event.space == EVENT_SHM) {
		/* Attached, it is a file of the segment's own kind, wrapped around the one of the memory. */
		if (file->f_op == file->f_inode->i_fop)
			return 0;
		data = file->private_data;
		event.device = BPF_CORE_READ(data, ns, ns.inum);
		event.inode = (__u32)BPF_CORE_READ(data, id);
		event.attach = 1;
	}
	if (!has_wanted_key(&event))
		return 0;
	write_event(ctx->meta->seq, &event, stacked ? NULL : &file->f_path);
	return 0;
}
