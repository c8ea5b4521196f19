/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX queues opened once more by whoever changes them or looks into them: by name, and only when it is the same queue. */
#ifndef IPC_CLASSES_MQ_POSIX_OPEN_H
#define IPC_CLASSES_MQ_POSIX_OPEN_H

#include <limits.h>

#include "classes/mq.h"

/* The name of @object for the kernel. 0, -ENOENT (it has none any more) or -EINVAL (no queue can have it), with text. */
int ipc_mq_posix_name(struct ipc_ctx *ctx, const struct ipc_object *object, char name[NAME_MAX + 1]);
/*
 * Takes @fd, the opened queue or -errno. Returns it when it is @object; else -errno with text: -ESTALE (another queue), or
 * what @fd was. @what the queue was to be opened for: "reading", for messages.
 */
int ipc_mq_posix_identify(struct ipc_ctx *ctx, const struct ipc_object *object, int fd, const char *what);

#endif
