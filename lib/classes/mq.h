/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Message queues: the struct that their collectors fill. */
#ifndef IPC_CLASSES_MQ_H
#define IPC_CLASSES_MQ_H

#include "classes/classes.h"

struct ipc_mq {
	struct ipc_object base;
	uint64_t messages;       /* queued now */
	uint64_t bytes;          /* in them */
	uint64_t max_bytes;      /* System V: at most so many */
	uint64_t max_messages;   /* POSIX */
	uint64_t message_size;   /* POSIX: of the largest one possible */
	int64_t last_sender;     /* pid; 0: of a foreign pid namespace */
	int64_t last_receiver;   /* likewise */
	int64_t sent, received;  /* System V: last times, ns */
	struct ipc_bytes notify; /* POSIX: who is told of the next message, and how; "" when nobody is */
	/* no fields */
	bool deleted; /* POSIX: unlinked, but open */
};

extern const struct ipc_record ipc_mq_record;

extern const struct ipc_kind ipc_kind_mq_sysv, ipc_kind_mq_posix;
extern const struct ipc_changes ipc_changes_mq_sysv, ipc_changes_mq_posix;

struct ipc_creation;
/* create() of mq/posix (classes/change.h). */
int ipc_mq_posix_create(struct ipc_creation *creation);

#endif
