/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The set of namespaces that a run visits: the caller's, those of a process or file, and all that /proc can name. */
#include "sources/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/nsfs.h>

#include "model/key.h"
#include "model/record.h"
#include "model/reference.h"
#include "model/units.h"
#include "sources/procfs.h"

static const char *const type_names[IPC_NS_TYPES] = {[IPC_NS_IPC] = "ipc", [IPC_NS_NET] = "net", [IPC_NS_MNT] = "mnt"};

const char *ipc_ns_type_name(enum ipc_ns_type type)
{
	return type_names[type] ? type_names[type] : "";
}

static size_t bucket_of(const struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode)
{
	return ipc_key_hash((struct ipc_key){type, 0, inode}) & (set->bucket_count - 1);
}

const struct ipc_ns *ipc_ns_set_find(const struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode)
{
	size_t at;

	if (!set->bucket_count)
		return NULL;
	for (at = bucket_of(set, type, inode); set->buckets[at]; at = (at + 1) & (set->bucket_count - 1)) {
		const struct ipc_ns *ns = &set->items[set->buckets[at] - 1];

		if (ns->type == type && ns->inode == inode)
			return ns;
	}
	return NULL;
}

static void index_item(struct ipc_ns_set *set, size_t item)
{
	size_t at = bucket_of(set, set->items[item].type, set->items[item].inode);

	while (set->buckets[at])
		at = (at + 1) & (set->bucket_count - 1);
	set->buckets[at] = (uint32_t)item + 1;
}

static int grow(struct ipc_ns_set *set)
{
	size_t i, room = set->room ? 2 * set->room : 16;
	struct ipc_ns *items = realloc(set->items, room * sizeof(*items));
	uint32_t *buckets;

	if (!items)
		return -ENOMEM;
	set->items = items;
	buckets = calloc(2 * room, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(set->buckets);
	set->buckets = buckets;
	set->bucket_count = 2 * room;
	set->room = room;
	for (i = 0; i < set->count; i++)
		index_item(set, i);
	return 0;
}

int ipc_ns_set_add(struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode, bool own, int64_t pid,
		   const char *path)
{
	struct ipc_ns *ns;
	char *copy;

	if (ipc_ns_set_find(set, type, inode))
		return 0;
	if (set->count == set->room) {
		int r = grow(set);

		if (r < 0)
			return r;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	ns = &set->items[set->count];
	*ns = (struct ipc_ns){.type = type, .inode = inode, .own = own, .pid = pid, .path = copy};
	index_item(set, set->count++);
	return 0;
}

void ipc_ns_set_release(struct ipc_ns_set *set)
{
	while (set->count > 0) {
		set->count--;
		free(set->items[set->count].path);
		free(set->items[set->count].container);
	}
	free(set->items);
	free(set->buckets);
	*set = (struct ipc_ns_set){0};
}

/* The inode of the caller's own namespace; 0 where a captured tree does not tell. */
static uint64_t own_inode(struct ipc_ctx *ctx, enum ipc_ns_type type)
{
	uint64_t inode;

	return ipc_proc_inode_link(ctx, &inode, "self/ns/%s", type_names[type]) == 0 ? inode : 0;
}

int ipc_ns_set_own(struct ipc_ctx *ctx, struct ipc_ns_set *set)
{
	size_t type;
	int r = 0;

	for (type = IPC_NS_IPC; r == 0 && type < IPC_NS_TYPES; type++) {
		char path[32];

		snprintf(path, sizeof(path), "self/ns/%s", type_names[type]);
		r = ipc_ns_set_add(set, (enum ipc_ns_type)type, own_inode(ctx, (enum ipc_ns_type)type), true, getpid(),
				   path);
	}
	return r;
}

int ipc_ns_set_add_process(struct ipc_ctx *ctx, struct ipc_ns_set *set, int64_t pid, const uint64_t own[IPC_NS_TYPES])
{
	size_t type;
	int r = 0;

	for (type = IPC_NS_IPC; r == 0 && type < IPC_NS_TYPES; type++) {
		uint64_t inode;
		char path[48];

		snprintf(path, sizeof(path), "%" PRId64 "/ns/%s", pid, type_names[type]);
		r = ipc_proc_inode_link(ctx, &inode, "%s", path);
		if (r == 0)
			r = ipc_ns_set_add(set, (enum ipc_ns_type)type, inode, inode == own[type], pid, path);
	}
	return r;
}

void ipc_ns_own(struct ipc_ctx *ctx, uint64_t own[IPC_NS_TYPES])
{
	size_t type;

	for (type = IPC_NS_IPC; type < IPC_NS_TYPES; type++)
		own[type] = own_inode(ctx, (enum ipc_ns_type)type);
}

static int add_file(struct ipc_ctx *ctx, struct ipc_ns_set *set, const char *path, const uint64_t own[IPC_NS_TYPES])
{
	enum ipc_ns_type type;
	struct statfs fs;
	struct stat st;
	int fd, flag, r;

	/* Nothing that is not on nsfs is opened: a FIFO of that name would block or wake its peers. */
	if (statfs(path, &fs) < 0)
		return ipc_ctx_fail(ctx, -errno, "%s", strerror(errno));
	if (fs.f_type != NSFS_MAGIC)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "not a namespace: give a process number or a file like /run/netns/NAME");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return ipc_ctx_fail(ctx, -errno, "%s", strerror(errno));
	flag = ioctl(fd, NS_GET_NSTYPE);
	if (flag < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return ipc_ctx_fail(ctx, r, "%s", strerror(-r));
	}
	close(fd);
	type = flag == CLONE_NEWIPC   ? IPC_NS_IPC
	       : flag == CLONE_NEWNET ? IPC_NS_NET
	       : flag == CLONE_NEWNS  ? IPC_NS_MNT
				      : IPC_NS_NONE;
	if (type == IPC_NS_NONE)
		return ipc_ctx_fail(ctx, -EINVAL, "a namespace that holds no IPC objects: only ipc, net and mnt do");
	return ipc_ns_set_add(set, type, st.st_ino, st.st_ino == own[type], IPC_UNKNOWN_INT, path);
}

int ipc_ns_set_of(struct ipc_ctx *ctx, const char *who, struct ipc_ns_set *set)
{
	uint64_t own[IPC_NS_TYPES] = {0}, pid;
	struct ipc_buf path = {0};
	char cwd[PATH_MAX];
	int r;

	ipc_ns_own(ctx, own);
	if (ipc_parse_uint(who, strlen(who), &pid) == 0) {
		r = pid > INT32_MAX ? -ENOENT : ipc_ns_set_add_process(ctx, set, (int64_t)pid, own);
		if (r == -ENOENT || r == -ESRCH)
			return ipc_ctx_fail(ctx, -ESRCH, "no such process");
		if (r == -EACCES || r == -EPERM)
			return ipc_ctx_fail(ctx, r,
					    "the namespaces of another user's process need CAP_SYS_PTRACE (root)");
		return r < 0 ? ipc_ctx_fail(ctx, r, "%s", strerror(-r)) : 0;
	}
	/* Not resolved: the links in /proc/PID/ns are no paths. The run may find the program in another directory. */
	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		strcpy(cwd, "/");
	r = ipc_path_normalise(ipc_bytes_of(who), cwd, &path);
	if (r == 0)
		r = add_file(ctx, set, path.data, own);
	else
		ipc_ctx_fail(ctx, r, "%s", strerror(-r));
	ipc_buf_release(&path);
	return r;
}

bool ipc_ns_mounts_trusted(struct ipc_ctx *ctx)
{
	int mounts = ipc_proc_open(ctx, 0, "thread-self/ns/mnt"), user = -1;
	uint64_t own = 0;
	struct stat st;
	bool trusted;

	if (mounts >= 0) {
		user = ioctl(mounts, NS_GET_USERNS);
		close(mounts);
	}
	trusted = user >= 0 && fstat(user, &st) == 0 && ipc_proc_inode_link(ctx, &own, "self/ns/user") == 0 &&
		  st.st_ino == own;
	if (user >= 0)
		close(user);
	return trusted;
}
