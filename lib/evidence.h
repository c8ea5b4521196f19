/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `monitor` has learnt of who made a semaphore and who took it last, which the kernel does not keep: as plain values, and as
 * lines of a file. events/recorder.c writes such files; a context that has read one lets its objects be judged by it.
 */
#ifndef IPC_EVIDENCE_H
#define IPC_EVIDENCE_H

#include "context.h"
#include "model/bytes.h"
#include "model/key.h"

#define IPC_LEARNT_COMM 16
#define IPC_LEARNT_BOOT 64

enum ipc_learnt_role { IPC_LEARNT_CREATED, IPC_LEARNT_TAKEN };

/* One line: who did what to which object. */
struct ipc_learnt {
	enum ipc_learnt_role role;
	struct ipc_key key; /* IPC_SPACE_SEM: a System V set; IPC_SPACE_FILE: a POSIX semaphore */
	uint64_t ns;        /* inode of the ipc or mount namespace that it lives in */
	uint64_t sysv_key;  /* of a set */
	int64_t changed;    /* of a set: its last change that was seen, ns */
	int64_t birth;      /* of a file; IPC_UNKNOWN_INT: not known */
	int64_t time;       /* when it was done, ns */
	int64_t pid;
	uint64_t uid;
	uint64_t
		ticks; /* when the process started, as the kernel counts since the boot; IPC_UNKNOWN: it was gone already */
	char comm[IPC_LEARNT_COMM + 1];
};

/* Zero-initialised is empty. */
struct ipc_learnt_list {
	struct ipc_learnt *items;
	size_t count, room;
};

int ipc_learnt_add(struct ipc_learnt_list *list, const struct ipc_learnt *learnt); /* 0 or -ENOMEM */
void ipc_learnt_release(struct ipc_learnt_list *list);
/* Bring them into the order in which ipc_learnt_find() finds them. */
void ipc_learnt_sort(struct ipc_learnt_list *list);
/* The lines of the object of @key: their number, the first one in *@out. */
size_t ipc_learnt_find(const struct ipc_learnt_list *list, struct ipc_key key, const struct ipc_learnt **out);

/* What a file is of: numbers of processes and namespaces mean nothing elsewhere. */
struct ipc_learnt_origin {
	char boot[IPC_LEARNT_BOOT]; /* id of the boot */
	uint64_t pid_ns;            /* inode of the pid namespace */
};

/* Those of the caller. Returns 0 or -errno with text. */
int ipc_learnt_here(struct ipc_ctx *ctx, struct ipc_learnt_origin *out);

/* Both append to @out and return 0 or -ENOMEM. */
int ipc_learnt_print_head(struct ipc_buf *out, const struct ipc_learnt_origin *origin);
int ipc_learnt_print(struct ipc_buf *out, const struct ipc_learnt *learnt);

/* "2026-01-02T03:04:05.678Z", with nine digits behind the point; 0 or -ENOMEM. */
int ipc_learnt_print_time(struct ipc_buf *out, int64_t time);

/*
 * Read the @len bytes at @text, a whole file. Returns 0, -ENOMEM, or -EINVAL with the line and what is wrong with it as text;
 * @list then has what came before.
 */
int ipc_learnt_parse(struct ipc_ctx *ctx, const char *text, size_t len, struct ipc_learnt_origin *origin,
		     struct ipc_learnt_list *list);
/*
 * The text of the file that @fd is open on, which nobody but root and the caller may have written, into @out (cleared first).
 * Returns 0 or -errno with text: -EPERM (others could have), -EINVAL (no regular file, or too large to be one).
 */
int ipc_learnt_load(struct ipc_ctx *ctx, int fd, struct ipc_buf *out);

#endif
