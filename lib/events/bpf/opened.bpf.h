/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For BPF programs: what there is to say about an object that was just opened, or is about to be closed. */
#ifndef IPC_EVENTS_OPENED_BPF_H
#define IPC_EVENTS_OPENED_BPF_H

#include "events/bpf/path.bpf.h"

#define EINTR 4

static __always_inline struct subject path_here(__u8 kind, __u8 verb)
{
	struct subject what = {.kind = kind, .verb = verb, .ns = mnt_ns_of_current()};

	return what;
}

/* Positive, or 0. What the kernel does not let a program see is told as what the program would be told. */
static __always_inline __s32 error_of(__s64 ret)
{
	if (ret >= 0 || ret < -4095)
		return 0;
	return ret <= -512 ? EINTR : (__s32)-ret;
}

/*
 * How many open files the object has, mappings being some: of a pipe its ends. Of a file in memory it is seen by who keeps its
 * name in use; there, being named is one use more. It is right as long as nobody else is just opening or closing it.
 */
static __always_inline __u32 users_of(struct file *file, struct inode *inode, __u8 kind)
{
	struct inode___uses *uses = (void *)inode;
	struct dentry___tree *dentry = (void *)BPF_CORE_READ(file, f_path.dentry);
	__s32 users, writers;

	if (kind == IPC_RAW_FIFO || kind == IPC_RAW_PIPE)
		return BPF_CORE_READ(uses, i_pipe, files);
	users = BPF_CORE_READ(dentry, d_lockref.count) - (BPF_CORE_READ(uses, i_nlink) ? 1 : 0);
	/* A second name may keep others from being seen by the first. */
	writers = BPF_CORE_READ(uses, i_writecount.counter);
	users = writers > users ? writers : users;
	return users > 0 ? users : 1;
}

static __always_inline void describe_access(struct ipc_raw *raw, struct file *file)
{
	unsigned int mode = BPF_CORE_READ(file, f_mode);

	if (mode & FMODE_READ)
		raw->has |= IPC_RAW_READ;
	if (mode & FMODE_WRITE)
		raw->has |= IPC_RAW_WRITE;
}

/* That its name is gone is worth saying: how it is called depends on that. */
static __always_inline void describe_uses(struct ipc_raw *raw, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	raw->users = users_of(file, inode, raw->kind);
	raw->links = BPF_CORE_READ((struct inode___uses *)inode, i_nlink);
	raw->has |= IPC_RAW_LINKED;
}

static __always_inline void describe_opened(struct ipc_raw *raw, struct file *file, __s64 fd)
{
	describe_access(raw, file);
	describe_uses(raw, file);
	raw->fd = (__s32)fd;
	raw->has |= IPC_RAW_FD;
}

static __always_inline void describe_mode(struct ipc_raw *raw, struct file *file)
{
	raw->mode = BPF_CORE_READ(file, f_inode, i_mode) & 07777;
	raw->has |= IPC_RAW_MODE;
}

/* "/" and the name of @dentry. */
static __always_inline void name_by_dentry(struct ipc_raw *raw, struct dentry *dentry)
{
	long len;

	raw->name[0] = '/';
	len = bpf_probe_read_kernel_str(raw->name + 1, NAME_ROOM, BPF_CORE_READ(dentry, d_name.name));
	if (len <= 1)
		return;
	raw->name_is = IPC_RAW_NAME_WHOLE;
	raw->name_len = (__u16)len;
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
} sketches __weak SEC(".maps");

#endif
