/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System V objects of the ipc namespace that the thread is in: by *ctl(*_STAT_ANY), or by the text of /proc/sysvipc. */
#ifndef IPC_SOURCES_SYSVIPC_H
#define IPC_SOURCES_SYSVIPC_H

#include "context.h"

/*
 * Plain values as the kernel gives them. Times are seconds since the epoch, 0: never. Pids are those of the pid
 * namespace of the reader, 0: of a process of another one, or none yet. What a source does not have is IPC_UNKNOWN
 * (model/record.h).
 */
struct ipc_sysv_perm {
	uint64_t id;
	uint64_t key; /* the 32 bits of key_t */
	uint64_t uid, gid, cuid, cgid;
	uint64_t mode;  /* permission bits alone */
	int64_t looked; /* ipc_sysv_tick() when the kernel was asked for this one by a system call; 0: read from text */
	uint64_t flags; /* the bits of the kernel's mode above them: IPC_SYSV_DEST, IPC_SYSV_LOCKED, IPC_SYSV_HUGETLB */
};

#define IPC_SYSV_DEST 01000u    /* removed, lives on until the last detach */
#define IPC_SYSV_LOCKED 02000u  /* SHM_LOCK */
#define IPC_SYSV_HUGETLB 04000u /* current kernels never report it here */

struct ipc_sysv_msg {
	struct ipc_sysv_perm perm;
	uint64_t messages, bytes, max_bytes; /* qnum, cbytes, qbytes */
	int64_t lspid, lrpid;
	int64_t stime, rtime, ctime;
};

struct ipc_sysv_sem {
	struct ipc_sysv_perm perm;
	uint64_t nsems;
	int64_t otime, ctime;
};

struct ipc_sysv_shm {
	struct ipc_sysv_perm perm;
	uint64_t size; /* segsz */
	uint64_t nattch;
	uint64_t rss, swapped; /* bytes; only in the text */
	int64_t cpid, lpid;
	int64_t atime, dtime, ctime;
};

typedef int (*ipc_sysv_msg_fn)(const struct ipc_sysv_msg *msg, void *data);
typedef int (*ipc_sysv_sem_fn)(const struct ipc_sysv_sem *sem, void *data);
typedef int (*ipc_sysv_shm_fn)(const struct ipc_sysv_shm *shm, void *data);

/*
 * Hand every object to @fn, each id once. The system call is asked first and /proc for what it refuses; a captured tree
 * has the text alone. Returns 0, the first non-zero result of @fn (and stops), -ENOMEM, -EBADMSG (lines of the text
 * could not be understood; all others were handed over), -ENOSYS (a kernel without System V IPC), or why neither source
 * could be read.
 */
int ipc_sysv_each_msg(struct ipc_ctx *ctx, ipc_sysv_msg_fn fn, void *data);
int ipc_sysv_each_sem(struct ipc_ctx *ctx, ipc_sysv_sem_fn fn, void *data);
/* @memory: rss and swapped are wanted, so the text is asked first. */
int ipc_sysv_each_shm(struct ipc_ctx *ctx, bool memory, ipc_sysv_shm_fn fn, void *data);

/* The one object of @id. Returns 0, -ENOENT (no such object), or as above. */
int ipc_sysv_find_msg(struct ipc_ctx *ctx, uint64_t id, struct ipc_sysv_msg *out);
int ipc_sysv_find_sem(struct ipc_ctx *ctx, uint64_t id, struct ipc_sysv_sem *out);
int ipc_sysv_find_shm(struct ipc_ctx *ctx, uint64_t id, bool memory, struct ipc_sysv_shm *out);

/*
 * The coarse monotonic clock in ns, which goes on every few milliseconds and costs next to nothing: what was looked at in
 * the same tick has been looked at just now.
 */
int64_t ipc_sysv_tick(void);

/* A time in seconds as fields keep it: nanoseconds, IPC_UNKNOWN_INT for "never". */
int64_t ipc_sysv_time(int64_t seconds);

#endif
