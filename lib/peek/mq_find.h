/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding a System V queue in the kernel's memory by its id. For the BPF program, after vmlinux_min.h. */
#ifndef IPC_PEEK_MQ_FIND_H
#define IPC_PEEK_MQ_FIND_H

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#define NULL ((void *)0)
#define MSG_IDS 1 /* IPC_MSG_IDS in include/linux/ipc_namespace.h */
#define LEVELS 8  /* of 16 slots or 64 each: more than the largest index needs */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

/* include/linux/ipc.h, ipc/msg.c */
struct kern_ipc_perm {
	bool deleted;
	int id;
};

struct msg_queue {
	struct kern_ipc_perm q_perm;
	long long q_stime, q_rtime;
	unsigned long q_cbytes, q_qnum;
	struct list_head q_messages;
};

/* include/linux/xarray.h */
struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[1];
};

struct idr {
	struct xarray idr_rt;
};

struct ipc_ids {
	struct idr ipcs_idr;
};

struct ipc_namespace___ids {
	struct ipc_ids ids[3];
};

struct nsproxy {
	struct ipc_namespace___ids *ipc_ns;
};

struct task_struct___queues {
	int pid;
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

static __always_inline bool is_node(unsigned long entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* What stands at @index of an xarray, NULL: nothing. */
static __always_inline void *find_entry(struct xarray *array, __u64 index)
{
	__u64 slots = bpf_core_field_size(struct xa_node, slots) / sizeof(void *), place;
	unsigned long entry = (unsigned long)BPF_CORE_READ(array, xa_head);
	struct xa_node *node;
	int level;

	if (!is_node(entry) && index)
		return NULL;
	for (level = 0; level < LEVELS && is_node(entry); level++) {
		node = (void *)(entry - 2);
		place = index >> (BPF_CORE_READ(node, shift) & 63);
		if (level == 0 && place >= slots)
			return NULL;
		place = (place & (slots - 1)) * sizeof(void *);
		if (bpf_probe_read_kernel(&entry, sizeof(entry),
					  (void *)node + bpf_core_field_offset(struct xa_node, slots) + place))
			return NULL;
	}
	return entry & 3 ? NULL : (void *)entry;
}

static __always_inline struct msg_queue *find_at(struct xarray *array, __u64 index, __s32 id)
{
	struct kern_ipc_perm *perm = find_entry(array, index);

	if (!perm || BPF_CORE_READ(perm, id) != id || BPF_CORE_READ(perm, deleted))
		return NULL;
	return (void *)perm - bpf_core_field_offset(struct msg_queue, q_perm);
}

/* An id is an index and, above its bits, a sequence number. With "ipcmni_extend" the index has 24 bits in place of 15. */
static __always_inline struct msg_queue *find_queue(struct task_struct___queues *task, __s32 id)
{
	struct ipc_namespace___ids *namespace = BPF_CORE_READ(task, nsproxy, ipc_ns);
	struct ipc_ids *ids = (void *)namespace + bpf_core_field_offset(struct ipc_namespace___ids, ids) +
			      MSG_IDS * bpf_core_type_size(struct ipc_ids);
	struct xarray *array = (void *)ids + bpf_core_field_offset(struct ipc_ids, ipcs_idr) +
			       bpf_core_field_offset(struct idr, idr_rt);
	struct msg_queue *queue = find_at(array, id & 0x7fff, id);

	return queue ? queue : find_at(array, id & 0xffffff, id);
}

#endif
