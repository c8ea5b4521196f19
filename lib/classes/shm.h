/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared memory of all kinds: the struct that their collectors fill. */
#ifndef IPC_CLASSES_SHM_H
#define IPC_CLASSES_SHM_H

#include "classes/classes.h"

struct ipc_shm {
	struct ipc_object base;
	uint64_t attached; /* the kernel's count of System V attachments, else the number of mappings that were seen */
	uint64_t resident; /* bytes in memory */
	uint64_t swapped;  /* bytes in swap */
	int64_t creator;   /* pid; 0: of a foreign pid namespace */
	int64_t last_user; /* pid of the last shmat or shmdt */
	int64_t attach_time; /* ns */
	int64_t detach_time; /* ns */
	uint64_t deleted;    /* bool: no name leads to it any more */
};

extern const struct ipc_record ipc_shm_record;

extern const struct ipc_kind ipc_kind_shm_sysv, ipc_kind_shm_posix, ipc_kind_shm_memfd, ipc_kind_shm_anon,
	ipc_kind_shm_file;
extern const struct ipc_changes ipc_changes_shm_sysv, ipc_changes_shm_posix;

#endif
