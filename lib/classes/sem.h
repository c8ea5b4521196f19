/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Semaphores: the struct that their collectors fill. */
#ifndef IPC_CLASSES_SEM_H
#define IPC_CLASSES_SEM_H

#include "classes/classes.h"

/* One semaphore; System V sets have many. */
struct ipc_sem_value {
	uint64_t index;
	uint64_t value;
	uint64_t waiting_increase; /* tasks that the kernel, or for POSIX the semaphore itself, counts */
	uint64_t waiting_zero;
	int64_t last_pid; /* 0: never operated, or by a process of a foreign pid namespace */
};

struct ipc_sem {
	struct ipc_object base;
	uint64_t semaphores;    /* in the set */
	struct ipc_list values; /* of struct ipc_sem_value */
	int64_t operated;       /* System V: last semop(), ns */
	/* no fields */
	bool deleted;           /* POSIX: unlinked, but mapped */
	struct ipc_list places; /* unnamed: of struct ipc_sem_place */
};

/* Where a process that waits for an unnamed semaphore has it. */
struct ipc_sem_place {
	int64_t pid;
	uint64_t address;
};

extern const struct ipc_record ipc_sem_record;

/*
 * Read the sem_t of glibc on 64 bits from its first 16 bytes into @out. Returns false when they cannot be one that
 * processes share: a 64-bit word with the value in its low half and the waiters in its high half, then an int that is
 * 128 when it is shared.
 */
bool ipc_sem_decode(const unsigned char bytes[16], struct ipc_sem_value *out);

/* Semaphore @index, which is @value, of the System V set @id: what each has to be asked for by itself. What is refused is unknown. */
struct ipc_sem_value ipc_sem_sysv_value(int id, uint64_t index, uint64_t value);

extern const struct ipc_kind ipc_kind_sem_sysv, ipc_kind_sem_posix, ipc_kind_sem_unnamed;
extern const struct ipc_changes ipc_changes_sem_sysv, ipc_changes_sem_posix;

#endif
