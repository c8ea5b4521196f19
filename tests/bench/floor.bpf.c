/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least that a BPF iterator can do to tell who has which file open: process, descriptor and inode of each.
 */
#include "../../lib/bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include "floor.h"

char LICENSE[] SEC("license") = "GPL";

SEC("iter/task_file") int each_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct floor_file record;

	if (!task || !file)
		return 0;
	record.pid = task->tgid;
	record.fd = ctx->fd;
	record.inode = file->f_inode->i_ino;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
