/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a message queue again, with its messages; and what that shares with making anything else again. */
#ifndef CMD_REMAKE_QUEUE_H
#define CMD_REMAKE_QUEUE_H

#include "remake.h"

/* Takes @fd, open on the messages. As remake(). */
int remake_queue(struct remade *remade, int fd);

/* Fail with @error, a negative errno, for the reason @text; or for that of the library. */
int remake_fail(struct remade *remade, int error, const char *text);
int remake_fail_library(struct remade *remade, int error);
/* ipc_settings_put(), with text about the manifest. */
int remake_put(struct remade *remade, struct ipc_settings *settings, const char *name, const char *value);
/* ipc_create() of what the manifest says, into @remade->reference. */
int remake_create(struct remade *remade, const struct ipc_settings *settings);

#endif
