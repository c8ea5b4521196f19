/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of threads and processes, as the reader of an iterator sees them. For BPF programs, after vmlinux_min.h. */
#ifndef IPC_BPF_NUMBERS_H
#define IPC_BPF_NUMBERS_H

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

/* @pid in the pid namespace of the reader, of which an iterator visits no task that the reader cannot see. */
static __always_inline __s32 number_for_reader(struct pid *pid)
{
	struct task_struct *reader = (struct task_struct *)bpf_get_current_task();
	unsigned int level = BPF_CORE_READ(reader, thread_pid, level);
	__s32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (__u64)(level & 63) * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	return number;
}

/*
 * Of a thread, and of its process. The pointer is copied, and so a mere number: the verifier of 6.1 refuses a variable
 * offset from a pointer of a known type.
 */
static __always_inline __s32 thread_number(struct task_struct *task)
{
	struct pid *pid = 0;

	bpf_core_read(&pid, sizeof(pid), &task->thread_pid);
	return number_for_reader(pid);
}

static __always_inline __s32 process_number(struct task_struct *task)
{
	struct pid *pid = 0;

	bpf_core_read(&pid, sizeof(pid), &task->group_leader->thread_pid);
	return number_for_reader(pid);
}

#endif
