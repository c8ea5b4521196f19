/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The class of message queues: what its kinds have in common. */
#include "classes/mq.h"

static const struct ipc_field fields[] = {
	IPC_FIELD_NEEDS(ipc_mq, messages, UINT, IPC_NEED_DETAIL, "messages queued"),
	IPC_FIELD_NEEDS(ipc_mq, bytes, SIZE, IPC_NEED_QUEUE_TEXT, "bytes in the queued messages"),
	IPC_FIELD(ipc_mq, max_bytes, SIZE, "bytes that fit (System V)"),
	IPC_FIELD_NEEDS(ipc_mq, max_messages, UINT, IPC_NEED_DETAIL, "messages that fit (POSIX)"),
	IPC_FIELD_NEEDS(ipc_mq, message_size, SIZE, IPC_NEED_DETAIL, "largest message possible (POSIX)"),
	IPC_FIELD(ipc_mq, last_sender, INT, "process that sent last (System V)"),
	IPC_FIELD(ipc_mq, last_receiver, INT, "process that received last (System V)"),
	IPC_FIELD(ipc_mq, sent, TIME, "last time a message was sent (System V)"),
	IPC_FIELD(ipc_mq, received, TIME, "last time a message was received (System V)"),
	IPC_FIELD_NEEDS(ipc_mq, notify, STRING, IPC_NEED_QUEUE_TEXT, "who is told of the next message (POSIX)"),
};

const struct ipc_record ipc_mq_record = {
	.name = "mq",
	.size = sizeof(struct ipc_mq),
	.super = &ipc_object_record,
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

const struct ipc_class ipc_class_mq = {
	.name = "mq",
	.help = "message queues: System V and POSIX",
	.columns = "ref,kind,key,user,mode,messages,max_bytes,max_messages,changed,state,waiters",
	.record = &ipc_mq_record,
};
