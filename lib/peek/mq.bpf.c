/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: the messages of a queue, in the order in which they would be received, as they lie in the kernel's memory.
 *
 * No lock is held. A message that is received meanwhile is freed, and its memory may be a message of another queue a moment
 * later. So each must prove that it is still linked behind the one that led to it, before and after it is copied, and the
 * whole queue that it is at the end what it was at the beginning.
 */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "peek/mq_find.h"
#include "peek/mq_record.h"

#define STEPS (1 << 23) /* as many as bpf_loop() makes */
#define MQUEUE_MAGIC 0x19800202
#define BPF_RB_NO_WAKEUP 1 /* nobody waits for records */
#define LONGEST 0x7fffffff /* no message is longer */

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right, *rb_left;
};

/* include/linux/msg.h, ipc/msgutil.c: the first page holds the head, each further one a link to the next */
struct msg_msgseg {
	struct msg_msgseg *next;
};

struct msg_msg {
	struct list_head m_list;
	long m_type;
	unsigned long m_ts;
	struct msg_msgseg *next;
};

/* ipc/mqueue.c */
struct posix_msg_tree_node {
	struct rb_node rb_node;
	struct list_head msg_list;
	int priority;
};

struct mq_attr {
	long mq_curmsgs;
};

struct mqueue_inode_info {
	struct inode vfs_inode;
	struct rb_node *msg_tree_rightmost;
	struct mq_attr attr;
	unsigned long qsize;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct___queues *task;
};

#pragma clang attribute pop

__s32 wanted;                 /* descriptor or id */
const volatile bool has_tree; /* known before the verifier looks, which skips what needs none */
const volatile __u32 page_size = 4096;
struct ipc_peek_mq_ask ask;
struct ipc_peek_mq_answer answer;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before it is loaded */
} ring SEC(".maps");

struct {
	struct ipc_peek_mq_record head;
	char data[PEEK_MQ_PART];
} part;

enum step { STEP_NODE, STEP_MESSAGE, STEP_PART, STEP_PREVIOUS, STEP_DOWN, STEP_UP };

/*
 * Where the walk stands: one small step is made at a time, so that the verifier need not follow loops in loops. It is no
 * local of the program: the verifier of 6.1 looks at the first step alone, and would take what it finds in a local then for
 * what is there always.
 */
struct {
	__u32 step; /* enum step */
	struct rb_node *node;
	__s64 priority; /* of the node; at first above all */
	struct list_head *head, *at, *came;
	__u64 index; /* of the message at `at` */
	__u64 after; /* still to be found */
	void *data;  /* of the next part, of which */
	__u64 left;  /* bytes are left in the message, */
	__u64 room;  /* and so many in the page */
	struct msg_msgseg *segment;
} walk;

static __always_inline long end_walk(enum ipc_peek_mq_end end)
{
	answer.end = end;
	return 1;
}

/* ---- one list ---------------------------------------------------------------------------------------------------- */

/* Who came before it may have been received since; then it is the first. */
static __always_inline bool is_linked(void)
{
	struct list_head *at = walk.at, *prev = BPF_CORE_READ(at, prev);

	return (prev == walk.came || prev == walk.head) && BPF_CORE_READ(prev, next) == at;
}

static __always_inline void begin_list(struct list_head *head)
{
	walk.head = walk.came = head;
	walk.at = BPF_CORE_READ(head, next);
	walk.step = STEP_MESSAGE;
}

static __always_inline long end_list(void)
{
	walk.step = STEP_PREVIOUS;
	return has_tree ? 0 : end_walk(walk.after ? PEEK_MQ_MISSING : PEEK_MQ_ALL);
}

/* On to the message behind this one, which must prove once more that it is queued. */
static __always_inline long leave_message(void)
{
	struct list_head *at = walk.at, *next = BPF_CORE_READ(at, next);

	if (!is_linked())
		return end_walk(PEEK_MQ_BROKEN);
	walk.came = at;
	walk.at = next;
	return 0;
}

static __always_inline long skip_message(void)
{
	if (!walk.after)
		walk.index++;
	else if ((__u64)walk.at == walk.after)
		walk.after = 0;
	return leave_message();
}

static __always_inline void begin_message(struct msg_msg *message)
{
	part.head.index = walk.index;
	part.head.number = BPF_CORE_READ(message, m_type);
	part.head.length = BPF_CORE_READ(message, m_ts);
	part.head.offset = 0;
	walk.segment = BPF_CORE_READ(message, next);
	walk.data = (void *)message + bpf_core_type_size(struct msg_msg);
	walk.room = page_size - bpf_core_type_size(struct msg_msg);
	walk.left = part.head.length;
	walk.step = STEP_PART;
}

static __always_inline long step_message(void)
{
	struct msg_msg *message = (void *)walk.at - bpf_core_field_offset(struct msg_msg, m_list);

	if (walk.at == walk.head)
		return end_list();
	if (!is_linked())
		return end_walk(PEEK_MQ_BROKEN);
	/* Who sends faster than this walks must not keep it going for ever. */
	if (answer.walked == answer.before.messages)
		return end_walk(PEEK_MQ_ALL);
	answer.walked++;
	if (walk.after || walk.index < ask.first)
		return skip_message();
	if (walk.index - ask.first >= ask.count)
		return end_walk(PEEK_MQ_ENOUGH);
	begin_message(message);
	if (part.head.length > LONGEST || (has_tree && part.head.number != walk.priority))
		return end_walk(PEEK_MQ_BROKEN);
	return 0;
}

/* The next page of the message, when this one has been read to its end. */
static __always_inline long turn_page(void)
{
	struct msg_msgseg *segment = walk.segment;

	if (walk.room)
		return 0;
	if (!segment)
		return end_walk(PEEK_MQ_BROKEN);
	walk.data = (void *)segment + bpf_core_type_size(struct msg_msgseg);
	walk.room = page_size - bpf_core_type_size(struct msg_msgseg);
	walk.segment = BPF_CORE_READ(segment, next);
	return 0;
}

static __always_inline long step_part(void)
{
	__u64 size = walk.left < walk.room ? walk.left : walk.room;
	struct list_head *message = walk.at;
	bool last;

	if (size > PEEK_MQ_PART)
		size = PEEK_MQ_PART;
	last = size == walk.left;
	part.head.size = size;
	if (bpf_probe_read_kernel(part.data, size & (2 * PEEK_MQ_PART - 1), walk.data))
		return end_walk(PEEK_MQ_BROKEN);
	if (last && leave_message())
		return 1;
	if (bpf_ringbuf_output(&ring, &part, sizeof(part.head) + (size & (2 * PEEK_MQ_PART - 1)), BPF_RB_NO_WAKEUP)) {
		answer.stuck = part.head.length + 1;
		return end_walk(PEEK_MQ_CUT);
	}
	walk.data += size;
	walk.left -= size;
	walk.room -= size;
	part.head.offset += size;
	if (!last)
		return turn_page();
	answer.last = (__u64)message;
	answer.next_index = ++walk.index;
	walk.step = STEP_MESSAGE;
	return 0;
}

/* ---- the tree of priorities -------------------------------------------------------------------------------------- */

#define NODE_OF(member) ((void *)(member)-bpf_core_field_offset(struct posix_msg_tree_node, rb_node))
#define LIST_OF(node) ((void *)(node) + bpf_core_field_offset(struct posix_msg_tree_node, msg_list))

static __always_inline struct rb_node *parent_of(struct rb_node *node)
{
	return (void *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);
}

/* While the tree is being balanced it may lead back to where one has been. */
static __always_inline long step_node(void)
{
	struct posix_msg_tree_node *node = NODE_OF(walk.node);
	__s64 priority = BPF_CORE_READ(node, priority);

	if (priority >= walk.priority)
		return end_walk(PEEK_MQ_BROKEN);
	walk.priority = priority;
	begin_list(LIST_OF(node));
	return 0;
}

static __always_inline long go_down(struct rb_node *child)
{
	if (parent_of(child) != walk.node)
		return end_walk(PEEK_MQ_BROKEN);
	walk.node = child;
	walk.step = STEP_DOWN;
	return 0;
}

static __always_inline long go_up(struct rb_node *node)
{
	struct rb_node *parent = parent_of(node);

	if (!parent)
		return end_walk(walk.after ? PEEK_MQ_MISSING : PEEK_MQ_ALL);
	if (BPF_CORE_READ(parent, rb_right) == node)
		walk.step = STEP_NODE;
	else if (BPF_CORE_READ(parent, rb_left) != node)
		return end_walk(PEEK_MQ_BROKEN);
	walk.node = parent;
	return 0;
}

/* The tree is walked from the right, as rb_prev() does. */
static __always_inline long step_tree(void)
{
	struct rb_node *node = walk.node, *next;

	switch (walk.step) {
	case STEP_NODE:
		return step_node();
	case STEP_PREVIOUS:
		next = BPF_CORE_READ(node, rb_left);
		walk.step = STEP_UP;
		return next ? go_down(next) : 0;
	case STEP_DOWN:
		next = BPF_CORE_READ(node, rb_right);
		walk.step = STEP_NODE;
		return next ? go_down(next) : 0;
	default:
		return go_up(node);
	}
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static long step(__u64 number, void *data)
{
	if (walk.step == STEP_MESSAGE)
		return step_message();
	if (walk.step == STEP_PART)
		return step_part();
	return has_tree ? step_tree() : 1;
}

static __always_inline void walk_queue(void)
{
	answer.end = PEEK_MQ_CUT; /* what uses up its steps has no other end */
	answer.next_index = ask.first;
	answer.last = walk.after = ask.after;
	walk.index = ask.after ? ask.first : 0;
	bpf_loop(STEPS, step, NULL, 0);
}

static __always_inline void look_at_list(struct list_head *head, struct ipc_peek_mq_state *out)
{
	out->front = (__u64)BPF_CORE_READ(head, next);
	out->back = (__u64)BPF_CORE_READ(head, prev);
}

/* ---- POSIX ------------------------------------------------------------------------------------------------------- */

static __always_inline void look_at_posix(struct mqueue_inode_info *info, struct ipc_peek_mq_state *out)
{
	struct rb_node *node = BPF_CORE_READ(info, msg_tree_rightmost);

	out->messages = BPF_CORE_READ(info, attr.mq_curmsgs);
	out->bytes = BPF_CORE_READ(info, qsize);
	out->node = (__u64)node;
	if (node)
		look_at_list(LIST_OF(NODE_OF(node)), out);
}

SEC("iter/task_file")
int peek_mq_posix(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct mqueue_inode_info *info;
	struct file *file = ctx->file;
	struct inode *inode;

	if (!task || !file || ctx->fd != wanted || task->tgid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	inode = file->f_inode;
	if (inode->i_sb->s_magic != MQUEUE_MAGIC || (inode->i_mode & 0170000) != 0100000)
		return 0;
	info = (void *)inode - bpf_core_field_offset(struct mqueue_inode_info, vfs_inode);
	look_at_posix(info, &answer.before);
	answer.end = PEEK_MQ_ALL;
	walk.step = STEP_NODE;
	walk.node = (void *)answer.before.node;
	walk.priority = 1LL << 32;
	if (walk.node)
		walk_queue();
	look_at_posix(info, &answer.after);
	return 0;
}

/* ---- System V ---------------------------------------------------------------------------------------------------- */

static __always_inline void look_at_sysv(struct msg_queue *queue, struct ipc_peek_mq_state *out)
{
	out->messages = BPF_CORE_READ(queue, q_qnum);
	out->bytes = BPF_CORE_READ(queue, q_cbytes);
	out->sent = BPF_CORE_READ(queue, q_stime);
	out->received = BPF_CORE_READ(queue, q_rtime);
	look_at_list((void *)queue + bpf_core_field_offset(struct msg_queue, q_messages), out);
}

SEC("iter/task")
int peek_mq_sysv(struct bpf_iter__task *ctx)
{
	struct task_struct___queues *task = ctx->task;
	struct msg_queue *queue;

	if (!task || task->pid != (__s32)bpf_get_current_pid_tgid())
		return 0;
	queue = find_queue(task, wanted);
	if (!queue)
		return 0;
	look_at_sysv(queue, &answer.before);
	begin_list((void *)queue + bpf_core_field_offset(struct msg_queue, q_messages));
	walk_queue();
	look_at_sysv(queue, &answer.after);
	return 0;
}
