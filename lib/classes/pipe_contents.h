/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a pipe, anonymous or named: the part that both kinds share. */
#ifndef IPC_CLASSES_PIPE_CONTENTS_H
#define IPC_CLASSES_PIPE_CONTENTS_H

#include "classes/contents.h"

#define IPC_PIPE_DUMP_TAKES (IPC_DUMP_RANGE | IPC_DUMP_MESSAGES)
#define IPC_PIPE_DUMP_READ                                                                              \
	"tee(2) into a private pipe, through a copy of the descriptor of a process that can read from " \
	"it (pidfd_getfd, Linux 5.6)"
#define IPC_PIPE_DUMP_PRIVILEGE                                                                        \
	"ptrace rights over that process: it is one's own, or CAP_SYS_PTRACE (root); what is in more " \
	"pages than pipe-max-size allows takes CAP_SYS_RESOURCE (root) too"
#define IPC_PIPE_DUMP_DISTURBS                                                                           \
	"takes nothing out and adds no reader; if that process closes it within the same microseconds, " \
	"the close takes effect after them, and whoever watches it by inotify sees a read (since Linux 6.6)"

/*
 * Give what is in the pipe of @dumping through a copy of some holder's read end for which @is(fd, @data) is true. Returns
 * 0, what the receiver returned, or -errno with text: -EPERM; -ESRCH, with result->unreached 0: nobody who can be seen has
 * it any more, else: so many bytes are in it, and nobody who can be seen has its read end.
 */
int ipc_pipe_dump(struct ipc_dumping *dumping, bool (*is)(int fd, const void *data), const void *data);

#endif
