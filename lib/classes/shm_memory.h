/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading shared memory through the address space of who maps it (/proc/PID/mem), for those who may not open the mapping
 * itself. A page that nobody ever touched would be made by looking at it, which shows in the object's resident memory; so
 * pages are read that are known to be there, and no others.
 */
#ifndef IPC_CLASSES_SHM_MEMORY_H
#define IPC_CLASSES_SHM_MEMORY_H

#include "classes/contents.h"

/*
 * Give the wanted part of an object of @size bytes (IPC_UNKNOWN: as much as is mapped, and the note says so) through the processes of @holders, by what their page tables have.
 * @resident: how much memory it has altogether, when all of that is in memory (not swapped): with that many pages found
 * the rest is zeros. IPC_UNKNOWN: all pages that are wanted must be found. Returns 0, what a receiver returned, -EACCES
 * without text (no such process may be read), -ENODATA without text (pages are missing: *@missing of the wanted ones), or
 * -errno with text.
 */
int ipc_shm_dump_memory(struct ipc_dumping *dumping, struct ipc_list holders, uint64_t size, uint64_t resident,
			uint64_t *missing);
/*
 * The same for what the caller himself has just attached at @memory. Where the resident pages do not add up, all is read,
 * and the note says so.
 */
int ipc_shm_dump_attached(struct ipc_dumping *dumping, const void *memory, uint64_t size, uint64_t resident);

#endif
