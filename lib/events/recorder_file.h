/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that one program at a time keeps, and that is replaced whole by a thread of its own. */
#ifndef IPC_EVENTS_RECORDER_FILE_H
#define IPC_EVENTS_RECORDER_FILE_H

#include "context.h"
#include "model/bytes.h"

struct ipc_record_file;

/*
 * Open, or make, the file at @path and lock it. Returns 0 or -errno with text: -EBUSY (another program keeps it), -EINVAL (no
 * regular file; a symbolic link is not followed), or as open(2).
 */
int ipc_record_file_open(struct ipc_ctx *ctx, const char *path, struct ipc_record_file **out);
/* Its path, escaped. */
const char *ipc_record_file_name(const struct ipc_record_file *file);
/* As ipc_learnt_load(). */
int ipc_record_file_load(struct ipc_record_file *file, struct ipc_ctx *ctx, struct ipc_buf *out);
/*
 * Let a thread put @text, which it takes over, in the place of what the file has. When it has done so, or failed, it lets the timer
 * @timer fire. None may be under way. 0 or -errno; @text is given up then, too.
 */
int ipc_record_file_begin(struct ipc_record_file *file, struct ipc_buf *text, int timer);
/* Has it? Then *@result is 0 or -errno, and the file is as it was before. */
bool ipc_record_file_done(struct ipc_record_file *file, int *result);
/* Wait for it. Returns 0, also when none is under way, or -errno. */
int ipc_record_file_wait(struct ipc_record_file *file);
void ipc_record_file_close(struct ipc_record_file *file);

#endif
