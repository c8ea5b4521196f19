/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The class of semaphores: what its kinds have in common. */
#include "classes/sem.h"

#include <limits.h>
#include <string.h>

#define SEM_SHARED 128 /* in sem_t; 0 for one that a single process uses */

static const struct ipc_field value_fields[] = {
	IPC_FIELD(ipc_sem_value, index, UINT, "position in the set"),
	IPC_FIELD(ipc_sem_value, value, UINT, "value"),
	IPC_FIELD(ipc_sem_value, waiting_increase, UINT, "tasks waiting for it to grow"),
	IPC_FIELD(ipc_sem_value, waiting_zero, UINT, "tasks waiting for it to become zero (System V)"),
	IPC_FIELD(ipc_sem_value, last_pid, INT, "process that operated on it last (System V)"),
};

static const struct ipc_record value_record = {
	.name = "value",
	.size = sizeof(struct ipc_sem_value),
	.fields = value_fields,
	.count = sizeof(value_fields) / sizeof(value_fields[0]),
};

static const struct ipc_field fields[] = {
	IPC_FIELD(ipc_sem, semaphores, UINT, "semaphores in the set"),
	IPC_FIELD_LIST(ipc_sem, values, &value_record, IPC_NEED_DETAIL, "each semaphore's value and waiters"),
	IPC_FIELD(ipc_sem, operated, TIME, "last operation (System V)"),
};

const struct ipc_record ipc_sem_record = {
	.name = "sem",
	.size = sizeof(struct ipc_sem),
	.super = &ipc_object_record,
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

bool ipc_sem_decode(const unsigned char bytes[16], struct ipc_sem_value *out)
{
	uint64_t word;
	int shared;

	memcpy(&word, bytes, sizeof(word));
	memcpy(&shared, bytes + sizeof(word), sizeof(shared));
	if (sizeof(long) != 8 || shared != SEM_SHARED || (word & UINT32_MAX) > INT_MAX)
		return false;
	*out = (struct ipc_sem_value){
		.value = word & UINT32_MAX,
		.waiting_increase = word >> 32,
		.waiting_zero = IPC_UNKNOWN,
		.last_pid = IPC_UNKNOWN_INT,
	};
	return true;
}

const struct ipc_class ipc_class_sem = {
	.name = "sem",
	.help = "semaphores: System V sets, POSIX named ones, unnamed ones in shared memory that somebody waits for",
	.columns = "ref,kind,key,user,mode,semaphores,operated,changed,state,waiters",
	.record = &ipc_sem_record,
};
