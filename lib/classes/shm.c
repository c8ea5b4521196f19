/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The class of shared memory: what its kinds have in common. */
#include "classes/shm.h"

static const struct ipc_field fields[] = {
	IPC_FIELD_NEEDS(ipc_shm, attached, UINT, IPC_NEED_ATTACHED, "attachments or mappings"),
	IPC_FIELD_NEEDS(ipc_shm, resident, SIZE, IPC_NEED_RESIDENT, "bytes in memory"),
	IPC_FIELD_NEEDS(ipc_shm, swapped, SIZE, IPC_NEED_RESIDENT, "bytes in swap"),
	IPC_FIELD(ipc_shm, creator, INT, "process that created it"),
	IPC_FIELD(ipc_shm, last_user, INT, "process that attached or detached last"),
	IPC_FIELD(ipc_shm, attach_time, TIME, "last attach"),
	IPC_FIELD(ipc_shm, detach_time, TIME, "last detach"),
	IPC_FIELD(ipc_shm, deleted, BOOL, "no name leads to it any more"),
};

const struct ipc_record ipc_shm_record = {
	.name = "shm",
	.size = sizeof(struct ipc_shm),
	.super = &ipc_object_record,
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

const struct ipc_class ipc_class_shm = {
	.name = "shm",
	.help = "shared memory: System V and POSIX segments, memfds, shared anonymous memory, shared file mappings",
	.columns = "ref,kind,name,user,mode,size,attached,status,state,holders",
	.record = &ipc_shm_record,
};
