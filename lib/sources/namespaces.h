/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Namespaces: which there are, and running code inside one without moving the caller. */
#ifndef IPC_SOURCES_NAMESPACES_H
#define IPC_SOURCES_NAMESPACES_H

#include "context.h"

enum ipc_ns_type { IPC_NS_NONE, IPC_NS_IPC, IPC_NS_NET, IPC_NS_MNT, IPC_NS_TYPES };

struct ipc_ns {
	enum ipc_ns_type type;
	uint64_t inode;
	bool own;          /* the caller's */
	bool targets_only; /* visited because a reference named it: only references may choose from it */
	int64_t pid;       /* a process in it, or IPC_UNKNOWN_INT when only an fd or a bind mount keeps it */
	char *path; /* a file to setns() with: below proc_fd when it has no leading slash ("4711/ns/ipc", "4711/fd/5"), else a bind mount */
	char *container; /* container id, pod or systemd unit of `pid` by its cgroup; NULL when none; "" until ipc_ns_container() looked */
};

struct ipc_ns_set {
	struct ipc_ns *items;
	size_t count;
	size_t room;
	unsigned hidden;   /* processes whose namespaces could not be read, and namespaces that nothing leads to any more */
	uint32_t *buckets; /* private: index + 1 of an item by type and inode */
	size_t bucket_count;
};

const char *ipc_ns_type_name(enum ipc_ns_type type); /* "ipc", "net", "mnt" */

/* Add the caller's own namespaces of each type. A captured tree has one of each, of inode 0 unless proc/self/ns tells. */
int ipc_ns_set_own(struct ipc_ctx *ctx, struct ipc_ns_set *set);
/* Add those of @who: a pid, or the path of a namespace file. -ESRCH, -EACCES, -EINVAL (not a namespace of these types), with text in the context. */
int ipc_ns_set_of(struct ipc_ctx *ctx, const char *who, struct ipc_ns_set *set);
/* A namespace that an open file keeps, as somebody saw it who read all of them: PID/fd/FD led to it, or that of a thread did. */
struct ipc_ns_kept {
	enum ipc_ns_type type;
	uint64_t inode;
	int64_t pid;
	int32_t fd;
};
/*
 * Add every further namespace that /proc names: by processes and their threads, by fds on nsfs files, by bind mounts. @kept: what the
 * fds of all processes keep, of each namespace as many as are known, one behind the other; NULL: the fds are read.
 */
int ipc_ns_set_all(struct ipc_ctx *ctx, struct ipc_ns_set *set, const struct ipc_ns_kept *kept, size_t count);
/* Add a namespace unless the set has it; @path is what setns() will open. Returns 0 or -ENOMEM. */
int ipc_ns_set_add(struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode, bool own, int64_t pid,
		   const char *path);
/* Add those of a process; @own: the caller's, by type. Returns 0 or -errno; a process that has gone is -ENOENT. */
int ipc_ns_set_add_process(struct ipc_ctx *ctx, struct ipc_ns_set *set, int64_t pid, const uint64_t own[IPC_NS_TYPES]);
/* The inodes of the caller's own namespaces. */
void ipc_ns_own(struct ipc_ctx *ctx, uint64_t own[IPC_NS_TYPES]);
const struct ipc_ns *ipc_ns_set_find(const struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode);
void ipc_ns_set_release(struct ipc_ns_set *set);
/*
 * Does the mount namespace that the thread stands in belong to the caller's user namespace? In one that belongs to another,
 * an ordinary user may have mounted any directory anywhere. False also when that cannot be read.
 */
bool ipc_ns_mounts_trusted(struct ipc_ctx *ctx);
/* Fill in `container` from the cgroup of its process. */
void ipc_ns_container(struct ipc_ctx *ctx, struct ipc_ns *ns);

/*
 * Run @fn inside @ns. The own namespace: at home, see below. Another one: in a thread of its own, which enters the namespace and ends
 * afterwards, so the caller's namespaces, working directory and SEM_UNDO list are never touched. Waits for it.
 * Returns what @fn returned, or -errno when the namespace cannot be entered (with text in the context).
 */
int ipc_ns_call(struct ipc_ctx *ctx, const struct ipc_ns *ns, int (*fn)(void *data), void *data);
/*
 * Called in a namespace, or with the -errno why it cannot be entered (with text in the context). Others are visited as long as it
 * returns 0.
 */
typedef int (*ipc_ns_visit_fn)(const struct ipc_ns *ns, int error, void *data);
/* The same for each of @places in turn, with one thread for many of them. Returns 0 or what @visit returned. */
int ipc_ns_call_each(struct ipc_ctx *ctx, const struct ipc_ns *const *places, size_t count, ipc_ns_visit_fn visit,
		     void *data);
/*
 * Run @fn where the caller of ipc_ns_call() stands, in the thread that waits there; directly when nobody is away. For
 * what is the host's or the program's: in a container's mount namespace the C library would load the container's code
 * to look up a user. Returns what @fn returned.
 */
int ipc_ns_at_home(struct ipc_ctx *ctx, int (*fn)(void *data), void *data);

#endif
