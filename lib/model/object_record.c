// SPDX-License-Identifier: LGPL-2.1-or-later
/* The tables of fields that every kind shares: the object itself, its holders, waiters and peers. */
#include "model/object.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* class, kind and namespace are stored under other names: the plain ones are taken by what they point to, or by C++. */
#define NAMED(text_name, member, kind_of, text)                                                                 \
	{                                                                                                       \
		.name = (text_name), .type = IPC_TYPE_##kind_of, .offset = offsetof(struct ipc_object, member), \
		.help = (text)                                                                                  \
	}
#define FIELD(member, kind_of, text) IPC_FIELD(ipc_object, member, kind_of, text)
#define NEEDS(member, kind_of, need, text) IPC_FIELD_NEEDS(ipc_object, member, kind_of, need, text)

static const struct ipc_field object_fields[] = {
	FIELD(ref, STRING, "shortest reference that names this object and no other"),
	NEEDS(handle, STRING, IPC_NEED_HANDLE, "reference with identity: fails when the object was replaced"),
	NAMED("class", class_name, STRING, "class: pipe, fifo, mq, shm, sem, sock, signal"),
	NAMED("kind", kind_name, STRING, "mechanism within the class, such as sysv or posix"),
	FIELD(name, STRING, "name or path"),
	FIELD(id, UINT, "System V identifier; for signals the process"),
	FIELD(key, KEY, "System V key, 0x00000000 when private"),
	FIELD(inode, UINT, "inode number"),
	FIELD(device, STRING, "device of the inode, major:minor"),
	NAMED("namespace", namespace_inode, UINT, "inode of the namespace that the object lives in"),
	NEEDS(container, STRING, IPC_NEED_CONTAINER, "container, pod or unit of that namespace"),
	NEEDS(uid, UINT, IPC_NEED_OWNER, "user id of the owner"),
	NEEDS(user, STRING, IPC_NEED_NAMES | IPC_NEED_OWNER, "name of the owner"),
	FIELD(gid, UINT, "group id of the owner"),
	NEEDS(group, STRING, IPC_NEED_NAMES, "name of the owner's group"),
	FIELD(mode, MODE, "permission bits"),
	FIELD(size, SIZE, "size in bytes"),
	FIELD(age, DURATION, "time since the last change"),
	FIELD(changed, TIME, "latest change that the kernel records"),
	FIELD(created, TIME, "time of creation"),
	FIELD(used, TIME, "latest of all times that the kernel records, of changes and uses"),
	FIELD(unused, DURATION, "time since then"),
	NEEDS(state, STRING, IPC_NEED_STATE, "judgement: held, unknown, orphan, suspect, idle"),
	NEEDS(evidence, STRINGS, IPC_NEED_STATE | IPC_NEED_EVIDENCE, "what the state rests on"),
	NEEDS(status, STRINGS, IPC_NEED_STATUS, "the kernel's own words: LISTEN, dest, locked"),
	IPC_FIELD_LIST(ipc_object, holders, &ipc_holder_record, IPC_NEED_HOLDERS,
		       "processes that have it open, mapped or attached"),
	IPC_FIELD_LIST(ipc_object, waiters, &ipc_waiter_record, IPC_NEED_WAITERS, "tasks that are blocked on it"),
	NEEDS(verdict, STRING, IPC_NEED_VERDICT, "what clean would do: remove, keep, report, protect"),
	NEEDS(rule, STRING, IPC_NEED_VERDICT, "rule of a policy file that decided"),
	NEEDS(why, STRING, IPC_NEED_VERDICT, "why it is kept, or may be removed"),
	NEEDS(result, STRING, IPC_NEED_VERDICT, "what became of it: would-remove, removed, kept, gone, failed"),
};

const struct ipc_record ipc_object_record = {
	.name = "object",
	.size = sizeof(struct ipc_object),
	.fields = object_fields,
	.count = COUNT(object_fields),
};

static const struct ipc_field holder_fields[] = {
	IPC_FIELD(ipc_holder, pid, INT, "process id; not known for a process outside this /proc"),
	IPC_FIELD(ipc_holder, comm, STRING, "command name"),
	IPC_FIELD(ipc_holder, uid, UINT, "user id of the process"),
	IPC_FIELD(ipc_holder, fd, INT, "file descriptor"),
	IPC_FIELD(ipc_holder, addr, ADDRESS, "address of the mapping or attachment"),
	IPC_FIELD(ipc_holder, how, STRING, "fd, map, attach or bind"),
	IPC_FIELD(ipc_holder, access, STRING, "r, w or rw"),
};

const struct ipc_record ipc_holder_record = {
	.name = "holder",
	.size = sizeof(struct ipc_holder),
	.fields = holder_fields,
	.count = COUNT(holder_fields),
};

static const struct ipc_field waiter_fields[] = {
	IPC_FIELD(ipc_waiter, pid, INT, "process id"),
	IPC_FIELD(ipc_waiter, tid, INT, "thread id"),
	IPC_FIELD(ipc_waiter, comm, STRING, "command name"),
	IPC_FIELD(ipc_waiter, why, STRING, "what it waits for"),
};

const struct ipc_record ipc_waiter_record = {
	.name = "waiter",
	.size = sizeof(struct ipc_waiter),
	.fields = waiter_fields,
	.count = COUNT(waiter_fields),
};

static const struct ipc_field peer_fields[] = {
	IPC_FIELD(ipc_peer, ref, STRING, "reference of the other end"),
	IPC_FIELD_LIST(ipc_peer, holders, &ipc_holder_record, IPC_NEED_HOLDERS, "processes that have the other end"),
};

const struct ipc_record ipc_peer_record = {
	.name = "peer",
	.size = sizeof(struct ipc_peer),
	.fields = peer_fields,
	.count = COUNT(peer_fields),
};

bool ipc_field_of_cleaning(const struct ipc_field *field)
{
	return field->needs & IPC_NEED_VERDICT;
}
