/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets and their files: what making them and changing them share. */
#ifndef IPC_CLASSES_SOCK_UNIX_CHANGE_H
#define IPC_CLASSES_SOCK_UNIX_CHANGE_H

#include <sys/un.h>

#include "classes/change.h"
#include "classes/sock_unix.h"

/* What sun_path holds besides its terminator. */
#define IPC_UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

int ipc_unix_create(struct ipc_creation *creation);

/*
 * Look a socket up by @inode and @cookie (all ones: any), in the network namespace of the thread. *@out, NULL is allowed,
 * has no name then. Returns 0, -ENOENT when there is none, or -errno, without text.
 */
int ipc_unix_find(struct ipc_ctx *ctx, uint64_t inode, uint64_t cookie, struct ipc_unix_socket *out);

/*
 * Owner, group and mode of the socket file behind the O_PATH descriptor @fd: those that are @given (IPC_SET_*). Returns 0
 * or -errno with text; then those that it had are given back.
 */
int ipc_unix_set_file(struct ipc_ctx *ctx, int fd, unsigned given, const struct ipc_settings *settings, mode_t mode);

#endif
