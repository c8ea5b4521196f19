/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking into the kernel's own structures by BPF, where no system call shows what is queued: messages, datagrams, signals,
 * undo values. Nothing is taken, locked or woken; what changes while it is looked at may come out torn, and whoever calls
 * compares counts before and after.
 *
 * Each function returns 0, what its callback returned to stop, or -errno with text: -ENOTSUP (a build without BPF, a captured
 * tree, /proc of another pid namespace), -EPERM (needs CAP_BPF and CAP_PERFMON), -ENOSYS (this kernel has not what the
 * program needs), -ENOMEM. Callers fall back to a system call on -ENOTSUP, -EPERM and -ENOSYS (ipc_peek_cannot()).
 */
#ifndef IPC_PEEK_PEEK_H
#define IPC_PEEK_PEEK_H

#include <errno.h>
#include <signal.h>

#include "context.h"
#include "model/bytes.h"

struct ipc_peek_loaded;
/* Free the programs that a context has loaded. NULL is allowed. */
void ipc_peek_free(struct ipc_peek_loaded *peeks);

/* Did a function below fail because there is no BPF for this caller, rather than for the object's sake? */
static inline bool ipc_peek_cannot(int error)
{
	return error == -ENOTSUP || error == -EPERM || error == -ENOSYS;
}

/* A message of a queue. */
struct ipc_peek_message {
	uint64_t index; /* from 0, in the order in which they would be received (System V: with type 0) */
	int64_t number; /* type or priority */
	uint64_t length;
	struct ipc_bytes data; /* of the callback alone; shorter than length: the rest could not be read */
};
typedef int (*ipc_peek_message_fn)(const struct ipc_peek_message *message, void *data);

/* Which messages of a queue are wanted, and what came of it. */
struct ipc_peek_queue {
	uint64_t first, count;    /* leave out so many, then give at most so many; UINT64_MAX: all */
	uint64_t messages, bytes; /* about so many are queued: for the room that is made, no limit */
	/* filled */
	uint64_t left; /* messages behind those given that would take longer than a walk may */
	bool torn;     /* it was never found quiet: what was given may never have been queued all at once */
};
/*
 * Messages of the POSIX queue that @fd is open on. Takes @fd, and closes it before the last messages are given: who has a
 * queue open stands in the way of its removal. Also -EBADF: it is open on something else.
 */
int ipc_peek_mq_posix(struct ipc_ctx *ctx, int fd, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data);
/* The same of the System V queue @id of the calling thread's ipc namespace. -ENOENT: there is none. */
int ipc_peek_mq_sysv(struct ipc_ctx *ctx, int id, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data);

/* What the kernel will add to a semaphore of a set when a process ends (SEM_UNDO). */
struct ipc_peek_undo {
	int64_t pid; /* as the calling process numbers them; IPC_UNKNOWN_INT: outside of its pid namespace */
	struct ipc_bytes comm;
	uint64_t index; /* of the semaphore */
	int64_t adjust; /* never 0 */
};
typedef int (*ipc_peek_undo_fn)(const struct ipc_peek_undo *undo, void *data);
/* All of them for set @id of the calling thread's ipc namespace, by process, then index. */
int ipc_peek_sem_undo(struct ipc_ctx *ctx, int id, ipc_peek_undo_fn fn, void *data);

/* A process that lives and has operated on a set with SEM_UNDO, whatever there is to undo at the moment. */
struct ipc_peek_sem_user {
	uint64_t ns; /* inode of the ipc namespace */
	uint64_t id; /* of the set */
	int64_t pid; /* as the calling process numbers them */
	struct ipc_bytes comm;
};
typedef int (*ipc_peek_sem_user_fn)(const struct ipc_peek_sem_user *user, void *data);
/*
 * All of them for all sets of all ipc namespaces, in one walk over the processes that the caller's pid namespace has. Also
 * -EAGAIN (disturbed), -EOVERFLOW.
 */
int ipc_peek_sem_users(struct ipc_ctx *ctx, ipc_peek_sem_user_fn fn, void *data);

/* Who has a FIFO open, wherever: in a process, in flight over a socket, kept by the kernel, or still on his way through open(). */
struct ipc_peek_fifo {
	uint64_t readers, writers;
	uint64_t files; /* open files of it, and tasks in open(); 0: nobody has it */
};
/* @fd is a descriptor of the caller on the FIFO, O_PATH as a rule, which does not count. Needs Linux 5.8. */
int ipc_peek_fifo(struct ipc_ctx *ctx, int fd, struct ipc_peek_fifo *out);

/* A queued signal, or the end of a queue. */
struct ipc_peek_signal {
	int64_t tid; /* the thread whose queue it is, as the calling process numbers them; 0: the whole process */
	const siginfo_t *info; /* what the receiver would get. NULL: the end of this queue, */
	uint64_t pending;      /* and this is the set of what is pending there, bit n - 1 for signal n */
};
typedef int (*ipc_peek_signal_fn)(const struct ipc_peek_signal *signal, void *data);
/*
 * What is queued for the process @pid, then for each of its threads, in the order queued; a signal of a set that was not in
 * its queue has no siginfo (the queue was full). *@torn: it changed meanwhile. -ESRCH: there is no such process.
 */
int ipc_peek_signals(struct ipc_ctx *ctx, int64_t pid, bool *torn, ipc_peek_signal_fn fn, void *data);

/* A buffer of a socket's receive queue: a datagram, or a part of a stream. */
struct ipc_peek_buffer {
	uint64_t index;
	uint64_t length;       /* bytes that are still to be received */
	struct ipc_bytes data; /* shorter than length: the rest could not be read */
	struct ipc_bytes from; /* sender: bytes of a struct sockaddr; len 0: none */
	int64_t pid;           /* credentials of the sender, where the socket has them (unix), else IPC_UNKNOWN_INT */
	uint64_t uid, gid;     /* IPC_UNKNOWN */
	uint64_t descriptors;  /* passed along (SCM_RIGHTS) */
};
typedef int (*ipc_peek_buffer_fn)(const struct ipc_peek_buffer *buffer, void *data);
/*
 * The receive queue of the socket that @fd, a descriptor of the caller, is; in the order in which it would be received.
 * @ready (NULL is allowed) is called right before it is read, and may stop that by returning anything but 0. *@torn is set
 * when the queue changed meanwhile. Also -ENOSYS: buffers of such sockets are not known.
 */
int ipc_peek_sock(struct ipc_ctx *ctx, int fd, int (*ready)(void *data), ipc_peek_buffer_fn fn, void *data, bool *torn);

#endif
