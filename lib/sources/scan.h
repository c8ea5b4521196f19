/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of chosen types below some directories: one walk by d_type, local file systems only, no links followed. */
#ifndef IPC_SOURCES_SCAN_H
#define IPC_SOURCES_SCAN_H

#include "sources/mounts.h"

struct ipc_scan_entry {
	const char *path; /* absolute */
	struct ipc_file file;
};

struct ipc_scan;

/* What could not be read while walking, counted: for one line each in the run's problems. */
struct ipc_scan_trouble {
	size_t denied;                                     /* directories not readable for lack of privilege */
	size_t failed;                                     /* other errors */
	size_t foreign;                                    /* mounts left out: not local */
	char *first_denied, *first_failed, *first_foreign; /* one path of each as an example, or NULL */
	int first_error;
};

/* What to look for. */
enum ipc_scan_types {
	IPC_SCAN_RENDEZVOUS, /* FIFOs and socket files */
	IPC_SCAN_FIFOS,
	IPC_SCAN_SOCKETS,
	IPC_SCAN_REGULAR, /* regular files: what shm_open() and sem_open() make */
};

/*
 * Walk @dirs (absolute; themselves they may be links; one that does not exist is skipped) without touching file systems
 * that are not local. @mounts: the table of the mount namespace that the thread is in, NULL when there is none. A file
 * reached twice, by a bind mount or a hard link, is kept once.
 */
int ipc_scan_new(struct ipc_ctx *ctx, const struct ipc_mounts *mounts, const char *const *dirs, size_t count,
		 enum ipc_scan_types types, struct ipc_scan **out);
/* Called for each directory before it is read. Returns 0 or -ENOMEM. */
typedef int (*ipc_scan_enter_fn)(const char *path, void *data);
/* The same, telling @enter where it looks. */
int ipc_scan_new_telling(struct ipc_ctx *ctx, const struct ipc_mounts *mounts, const char *const *dirs, size_t count,
			 enum ipc_scan_types types, ipc_scan_enter_fn enter, void *data, struct ipc_scan **out);
void ipc_scan_free(struct ipc_scan *scan);
/* Entry @index whose file type (S_IFMT bits) is @type: iterate with *@at = 0; NULL at the end. */
const struct ipc_scan_entry *ipc_scan_next(const struct ipc_scan *scan, uint64_t type, size_t *at);
/* By identity; NULL when not found. */
const struct ipc_scan_entry *ipc_scan_find(const struct ipc_scan *scan, uint64_t device, uint64_t inode);
const struct ipc_scan_trouble *ipc_scan_trouble(const struct ipc_scan *scan);

#endif
