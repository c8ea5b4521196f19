/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What making System V semaphore sets and changing them share: values, owner and mode. */
#ifndef IPC_CLASSES_SEM_SYSV_CHANGE_H
#define IPC_CLASSES_SEM_SYSV_CHANGE_H

#include "classes/change.h"
#include "sources/sysvipc.h"

#define IPC_SEM_SYSV_VALUE_MAX 32767 /* SEMVMX of the kernel, which nothing changes */

struct semid_ds;

/* The fourth argument of semctl(), which programs have to define. */
union ipc_sem_argument {
	int value;
	struct semid_ds *set;
	unsigned short *values;
};

/* Do the values fit a set of @number? A single one without an index is for all of them. 0 or -EINVAL with text. */
int ipc_sem_sysv_check_values(struct ipc_ctx *ctx, const struct ipc_settings *settings, uint64_t number);
/* The value that semaphore @index shall have; those that no value[I] names have 0. */
unsigned short ipc_sem_sysv_value_for(const struct ipc_settings *settings, uint64_t index);
/* Room for the values of any set, all 0; NULL: no memory. To be freed. */
unsigned short *ipc_sem_sysv_new_values(uint64_t number);
/* Owner, group and mode at once. @now: how the set is. 0 or -errno with text. */
int ipc_sem_sysv_set_perms(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_perm *now);

int ipc_sem_sysv_create(struct ipc_creation *creation);

#endif
