/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For BPF programs: which object is behind a file descriptor or an open file, and what it is called.
 *
 * object_of_fd() is all that a family needs that only passes bytes through descriptors.
 */
#ifndef IPC_EVENTS_FILE_BPF_H
#define IPC_EVENTS_FILE_BPF_H

#include "events/bpf/core.bpf.h"

#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define MQUEUE_MAGIC 0x19800202
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6 /* in the place of tmpfs, in a kernel without it */
#define HUGETLBFS_MAGIC 0x958458f6
#define SB_KERNMOUNT (1 << 22)

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFIFO 0010000

#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_PATH 0x4000
#define O_TMPFILE 020000000 /* without O_DIRECTORY */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root, pwd;
};

struct task_struct___files {
	struct files_struct *files;
	struct fs_struct *fs;
};

/* Since 6.13: one less than there are */
typedef struct {
	atomic_long_t refcnt;
} file_ref_t;

struct file___since_6_13 {
	file_ref_t f_ref;
};

struct file___before_6_13 {
	atomic_long_t f_count;
};

struct lockref {
	int count;
};

struct dentry___tree {
	struct dentry *d_parent;
	struct lockref d_lockref;
};

struct vfsmount___tree {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

/* Of a queue's file system it is the ipc namespace. */
struct super_block___queues {
	struct ipc_namespace *s_fs_info;
};

struct pipe_inode_info {
	unsigned int readers, writers, files, r_counter, w_counter;
};

struct inode___uses {
	unsigned int i_nlink;
	long long i_size;
	atomic_t i_writecount;
	struct pipe_inode_info *i_pipe;
};

#pragma clang attribute pop

/* ---- files of the current task --------------------------------------------------------------------------------------- */

static __always_inline struct files_struct *files_of_current(void)
{
	struct task_struct___files *task = (void *)current();

	return BPF_CORE_READ(task, files);
}

/* The open file behind @fd of the current task, or NULL. */
static __always_inline struct file *file_of_fd(__u32 fd)
{
	struct files_struct *files = files_of_current();
	struct fdtable *table = BPF_CORE_READ(files, fdt);
	struct file **array = BPF_CORE_READ(table, fd), *file = 0;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

/* How many descriptors, mappings and calls have that open file. */
static __always_inline __u64 references_of(struct file *file)
{
	struct file___since_6_13 *newer = (void *)file;
	struct file___before_6_13 *older = (void *)file;

	if (bpf_core_field_exists(newer->f_ref))
		return (__u64)BPF_CORE_READ(newer, f_ref.refcnt.counter) + 1;
	return (__u64)BPF_CORE_READ(older, f_count.counter);
}

/* ---- places ----------------------------------------------------------------------------------------------------------- */

/* A place in the tree of directories. */
struct where {
	struct dentry *dentry;
	struct vfsmount *mnt;
};

static __always_inline struct where where_is_path(const struct path *path)
{
	struct where at = {BPF_CORE_READ(path, dentry), BPF_CORE_READ(path, mnt)};

	return at;
}

static __always_inline struct where where_is_file(struct file *file)
{
	struct where at = {BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt)};

	return at;
}

static __always_inline struct dentry *parent_of(struct dentry *dentry)
{
	return BPF_CORE_READ((struct dentry___tree *)dentry, d_parent);
}

/* Is @at the root of what is mounted there? */
static __always_inline bool is_mounted_root(const struct where *at)
{
	struct vfsmount___tree *mnt = (void *)at->mnt;

	return BPF_CORE_READ(mnt, mnt_root) == at->dentry;
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (struct mount *)((void *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* From the root of what is mounted to where it is mounted. False at the root of all: it stays there. */
static __always_inline bool leave_mount(struct where *at)
{
	struct mount *mount = mount_of(at->mnt), *parent = BPF_CORE_READ(mount, mnt_parent);

	at->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	at->mnt = (void *)parent + bpf_core_field_offset(struct mount, mnt);
	return parent != mount;
}

/* Where a place is really, when it is the root of mounts, of at most three on top of each other. */
static __always_inline bool leave_mounts(struct where *at)
{
	if (is_mounted_root(at) && !leave_mount(at))
		return false;
	if (is_mounted_root(at) && !leave_mount(at))
		return false;
	return !is_mounted_root(at) || leave_mount(at);
}

/* Does a name begin with @four, four letters? What follows is in @rest. */
static __always_inline bool is_named(struct dentry *dentry, const char *four, char rest[4])
{
	char name[8] = {0};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	rest[0] = name[4];
	rest[1] = name[5];
	return name[0] == four[0] && name[1] == four[1] && name[2] == four[2] && name[3] == four[3];
}

/* Does it lie right in /dev/shm of its mount namespace, whatever root the process has? */
static __always_inline bool is_in_dev_shm(const struct where *file)
{
	struct where at = {parent_of(file->dentry), file->mnt};
	char rest[4];

	if (!leave_mounts(&at) || !is_named(at.dentry, "shm", rest))
		return false;
	at.dentry = parent_of(at.dentry);
	if (!leave_mounts(&at) || !is_named(at.dentry, "dev", rest))
		return false;
	at.dentry = parent_of(at.dentry);
	return !leave_mounts(&at);
}

/* "sem.NAME": so does glibc call named semaphores. */
static __always_inline bool is_semaphore_name(struct dentry *dentry)
{
	char rest[4];

	return is_named(dentry, "sem.", rest) && rest[0];
}

static __always_inline bool is_memfd_name(struct dentry *dentry)
{
	char rest[4];

	return is_named(dentry, "memf", rest) && rest[0] == 'd' && rest[1] == ':';
}

/* ---- which object ------------------------------------------------------------------------------------------------------ */

/* What glibc makes a named semaphore of: a file of just one sem_t. */
#define SEM_SIZE 32

static __always_inline __u8 kind_of_memory(struct file *file, struct inode *inode, __u64 magic)
{
	struct where at = where_is_file(file);
	struct dentry *dentry = at.dentry;

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_KERNMOUNT)
		return is_memfd_name(dentry) ? IPC_RAW_SHM_MEMFD : IPC_RAW_NONE;
	if (magic == HUGETLBFS_MAGIC || !is_in_dev_shm(&at))
		return IPC_RAW_NONE;
	/* Whoever fills it before it gets a name has it by none. */
	if (BPF_CORE_READ(file, f_flags) & O_TMPFILE)
		return IPC_RAW_NONE;
	if (is_semaphore_name(dentry) && BPF_CORE_READ((struct inode___uses *)inode, i_size) == SEM_SIZE)
		return IPC_RAW_SEM_POSIX;
	return IPC_RAW_SHM_POSIX;
}

/* Not static: see who(). */
__weak NOINLINE int kind_of_file(__u64 file_at)
{
	struct file *file = (struct file *)file_at;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u16 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	__u64 magic;

	if (type != S_IFREG && type != S_IFIFO)
		return IPC_RAW_NONE;
	/* To have it in hand is not to have it open. */
	if (BPF_CORE_READ(file, f_mode) & FMODE_PATH)
		return IPC_RAW_NONE;
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (type == S_IFIFO)
		return magic == PIPEFS_MAGIC ? IPC_RAW_PIPE : IPC_RAW_FIFO;
	if (magic == MQUEUE_MAGIC)
		return IPC_RAW_MQ_POSIX;
	if (magic == TMPFS_MAGIC || magic == RAMFS_MAGIC || magic == HUGETLBFS_MAGIC)
		return kind_of_memory(file, inode, magic);
	return IPC_RAW_NONE;
}

#ifdef WITH_SOCKETS
/* The same for sockets alone. */
static __always_inline bool object_of_socket(struct file *file, struct subject *what)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct socket *socket;

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK || BPF_CORE_READ(inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	return socket && object_of_sock(BPF_CORE_READ(socket, sk), what);
}
#endif

/* The namespace that it lives in; not that of a process, which may have been given the file by another one, or have none any more. */
static __always_inline __u32 ns_of_file(struct file *file, struct inode *inode, __u8 kind)
{
	struct super_block___queues *queues;
	struct mount *mount;

	if (kind == IPC_RAW_PIPE || kind == IPC_RAW_SHM_MEMFD)
		return 0;
	if (kind != IPC_RAW_MQ_POSIX) {
		mount = mount_of(BPF_CORE_READ(file, f_path.mnt));
		return BPF_CORE_READ(mount, mnt_ns, ns.inum);
	}
	queues = (void *)BPF_CORE_READ(inode, i_sb);
	return BPF_CORE_READ(queues, s_fs_info, ns.inum);
}

/*
 * Fill in which object @file is, of all kinds that are files: FIFOs, pipes, POSIX queues, segments and semaphores, memfds. The
 * verb is left alone. False: none of them.
 */
static __always_inline bool object_of_file(struct file *file, struct subject *what)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	what->kind = (__u8)kind_of_file((__u64)file);
	if (!what->kind)
		return false;
	what->inode = BPF_CORE_READ(inode, i_ino);
	what->dev = what->kind == IPC_RAW_PIPE ? 0 : BPF_CORE_READ(inode, i_sb, s_dev);
	what->ns = ns_of_file(file, inode, what->kind);
	return true;
}

/* The same for @fd of the current task. */
static __always_inline bool object_of_fd(__u32 fd, struct subject *what)
{
	struct file *file = file_of_fd(fd);

	return file && object_of_file(file, what);
}

#endif
