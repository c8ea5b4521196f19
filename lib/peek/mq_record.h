/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the BPF program that walks queues and the library tell each other. Needs the __u types defined before. */
#ifndef IPC_PEEK_MQ_RECORD_H
#define IPC_PEEK_MQ_RECORD_H

#define PEEK_MQ_PART 4096

/* A part of a queued message, with the bytes behind it. The last one is written when the message proved to be whole. */
struct ipc_peek_mq_record {
	__u64 index;
	__s64 number; /* type or priority */
	__u64 length; /* of the message */
	__u64 offset; /* of this part */
	__u32 size;   /* bytes of it that follow */
	__u32 reserved;
};

/* What of a queue differs once a message came or went. Addresses of the kernel serve as marks alone. */
struct ipc_peek_mq_state {
	__u64 messages, bytes;
	__u64 node, front, back; /* neighbours of the (POSIX: highest) list's head */
	__s64 sent, received;    /* System V */
};

struct ipc_peek_mq_ask {
	__u64 first, count; /* messages to leave out, and to give at most */
	__u64 after; /* go on behind the message at this address, which `first` is the next number of; 0: from the front */
};

enum ipc_peek_mq_end {
	PEEK_MQ_ABSENT,  /* there is no such queue */
	PEEK_MQ_ALL,     /* came to the end */
	PEEK_MQ_ENOUGH,  /* gave `count` messages */
	PEEK_MQ_CUT,     /* the ring was full, or the steps were used up: another run can go on */
	PEEK_MQ_BROKEN,  /* the list changed under the walk */
	PEEK_MQ_MISSING, /* the message at `after` is not queued any more */
};

struct ipc_peek_mq_answer {
	struct ipc_peek_mq_state before, after;
	__u32 end; /* enum ipc_peek_mq_end */
	__u32 reserved;
	__u64 walked;     /* messages, those left out included */
	__u64 next_index; /* of the first message that was not given */
	__u64 last;       /* address of the one before it, 0: none */
	__u64 stuck; /* PEEK_MQ_CUT: length of the message that the ring had no room for, plus 1; 0: it was not the ring */
};

#endif
