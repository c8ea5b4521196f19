/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where one TCP socket is found in the kernel's tables, asked through a copy of its holder's descriptor. */
#ifndef IPC_CLASSES_SOCK_INET_PLACE_H
#define IPC_CLASSES_SOCK_INET_PLACE_H

#include <linux/inet_diag.h>

#include "classes/held.h"
#include "classes/sock_inet.h"

enum ipc_inet_place {
	IPC_INET_UNTOLD,  /* nobody may ask, or it is of another sort */
	IPC_INET_NOWHERE, /* neither bound nor connected: no dump tells of it */
	IPC_INET_LISTENS,
	IPC_INET_CONNECTED
};

/*
 * By the first holder of the socket of @inode. When it is connected, @family and @id are what inet_diag asks for.
 */
enum ipc_inet_place ipc_inet_place(struct ipc_run *run, struct ipc_lender *lender, uint64_t inode, unsigned *family,
				   struct inet_diag_sockid *id);

#endif
