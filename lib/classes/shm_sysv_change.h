/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V segments are made and removed: what the files of it share. */
#ifndef IPC_CLASSES_SHM_SYSV_CHANGE_H
#define IPC_CLASSES_SHM_SYSV_CHANGE_H

#include "classes/change.h"
#include "classes/shm.h"
#include "sources/sysvipc.h"

/* Fail because shmget() failed with @error, a negative errno, for @size bytes: with the limit that is behind it. */
int ipc_shm_sysv_fail_create(struct ipc_creation *creation, int error, uint64_t size);
/* Did anybody attach or detach it after it was collected as @shm? */
bool ipc_shm_sysv_used_since(const struct ipc_shm *shm, const struct ipc_sysv_shm *now);

#endif
