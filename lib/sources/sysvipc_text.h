/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One System V object of any type, and the reader of the lines of /proc/sysvipc. */
#ifndef IPC_SOURCES_SYSVIPC_TEXT_H
#define IPC_SOURCES_SYSVIPC_TEXT_H

#include "sources/sysvipc.h"

enum ipc_sysv_type { IPC_SYSV_MSG, IPC_SYSV_SEM, IPC_SYSV_SHM };

union ipc_sysv_any {
	struct ipc_sysv_perm perm; /* the first member of each */
	struct ipc_sysv_msg msg;
	struct ipc_sysv_sem sem;
	struct ipc_sysv_shm shm;
};

/* "msg", "sem", "shm": the file's name. */
const char *ipc_sysv_type_name(enum ipc_sysv_type type);

/*
 * Read the next object at *@at (advanced behind its line); the heading is passed over. Returns 1 with @out filled, 0 at
 * @end, or -EBADMSG for a line that is none (short, not a number, too large): go on with the next.
 */
int ipc_sysv_next_line(enum ipc_sysv_type type, const char **at, const char *end, union ipc_sysv_any *out);

#endif
