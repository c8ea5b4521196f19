/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of users and groups, each looked up once. */
#ifndef IPC_SOURCES_USERS_H
#define IPC_SOURCES_USERS_H

#include "model/bytes.h"

struct ipc_users;
struct ipc_users *ipc_users_new(struct ipc_ctx *ctx);
void ipc_users_free(struct ipc_users *users);
/* Borrowed until free; without a name data is NULL. */
struct ipc_bytes ipc_users_user(struct ipc_users *users, uint64_t uid);
struct ipc_bytes ipc_users_group(struct ipc_users *users, uint64_t gid);

#endif
