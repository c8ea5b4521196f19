/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: who has a FIFO open, as its inode itself knows. The pipe hangs there from the moment that somebody begins to open
 * it until the last open file of it is gone, whoever keeps that: a process, a message on its way, the kernel.
 */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#define TYPE_MASK 0170000
#define TYPE_FIFO 0010000

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/fdtable.h */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct___files {
	struct files_struct *files;
};

/* include/linux/pipe_fs_i.h */
struct pipe_inode_info {
	unsigned int readers, writers, files;
};

struct inode___fifo {
	struct pipe_inode_info *i_pipe;
};

struct bpf_iter__task {
	struct task_struct *task;
};

#pragma clang attribute pop

/* The reader's own descriptor, perhaps O_PATH, and the inode that it has to lead to. */
__u32 wanted;
__u64 inode_number;
/* The answer; the first task visited gives it, for it is the reader who is looked at. */
__u32 looked;
__u32 found; /* there is such a descriptor, of a FIFO or pipe of that inode */
__u32 readers, writers, files;
/* The user's: a pipe of his own was seen rightly. */
__u32 proven;

static __always_inline struct file *file_of_reader(void)
{
	struct task_struct___files *reader = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(reader, files, fdt);
	struct file **array = BPF_CORE_READ(table, fd), *file = 0;

	if (wanted >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), array + wanted);
	return file;
}

SEC("iter/task")
int peek_fifo(struct bpf_iter__task *ctx)
{
	struct pipe_inode_info *pipe;
	struct inode *inode;
	struct file *file;

	if (looked)
		return 0;
	looked = 1;
	file = file_of_reader();
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & TYPE_MASK) != TYPE_FIFO || BPF_CORE_READ(inode, i_ino) != inode_number)
		return 0;
	pipe = BPF_CORE_READ((struct inode___fifo *)inode, i_pipe);
	if (pipe) {
		readers = BPF_CORE_READ(pipe, readers);
		writers = BPF_CORE_READ(pipe, writers);
		files = BPF_CORE_READ(pipe, files);
		/* It may have been let go of in between; nobody can have it open without being counted. */
		if (!files)
			files = 1;
	}
	found = 1;
	return 0;
}
