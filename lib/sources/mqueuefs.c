/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The POSIX queues of an ipc namespace: as a directory (a mount of our own that nobody sees, or one that is there and
 * proves to be the right one), and by the kernel's calls on one of them.
 */
#include "sources/mqueuefs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/time_types.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "model/record.h"

/* Many names that all turn out to exist here, and none that tells more, are proof enough. */
#define NAMES_TRIED 16

/* The raw system calls: a header of the C library for them clashes with the kernel's. */
static int mount_detached(void)
{
	int config = (int)syscall(SYS_fsopen, "mqueue", FSOPEN_CLOEXEC);
	int fd = -1, err = 0;

	if (config < 0)
		return -errno;
	if (syscall(SYS_fsconfig, config, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, config, FSMOUNT_CLOEXEC,
				  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		err = -errno;
	close(config);
	return err ? err : fd;
}

static int open_once(const char *name, int access)
{
	int fd = (int)syscall(SYS_mq_open, name, access | O_NONBLOCK | O_CLOEXEC, 0, NULL);

	return fd < 0 ? -errno : fd;
}

enum proof { SAME, OTHER, MAYBE };

/* mq_open follows the thread's namespace, whatever is mounted: does it find the same queue under that name? */
static enum proof compare(int dir, const char *name)
{
	struct stat listed, opened;
	enum proof proof;
	int fd = open_once(name, O_RDONLY);

	if (fd == -ENOENT)
		return fstatat(dir, name, &listed, AT_SYMLINK_NOFOLLOW) == 0 ? OTHER : MAYBE;
	if (fd < 0)
		return MAYBE;
	if (fstat(fd, &opened) || fstat(dir, &listed))
		proof = MAYBE;
	else
		proof = opened.st_dev == listed.st_dev ? SAME : OTHER;
	close(fd);
	return proof;
}

static DIR *list(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);

	if (!names && copy >= 0)
		close(copy);
	return names;
}

static const char *next_name(DIR *names)
{
	struct dirent *entry;

	while ((entry = readdir(names)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	return NULL;
}

/* An empty directory proves nothing: this namespace may have queues all the same. */
static bool is_own(int dir)
{
	DIR *names = list(dir);
	enum proof proof = MAYBE;
	const char *name;
	size_t tried = 0;

	while (names && proof == MAYBE && tried < NAMES_TRIED && (name = next_name(names))) {
		proof = compare(dir, name);
		tried++;
	}
	if (names)
		closedir(names);
	return proof == SAME || (proof == MAYBE && tried > 0);
}

static int find_mounted(const struct ipc_mounts *mounts)
{
	size_t i, count = mounts ? ipc_mounts_count(mounts) : 0;
	const struct ipc_mount *mount;
	int fd;

	for (i = 0; i < count; i++) {
		mount = ipc_mounts_get(mounts, i);
		if (strcmp(mount->type, "mqueue") != 0 || strcmp(mount->root, "/") != 0)
			continue;
		fd = open(mount->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (is_own(fd))
			return fd;
		close(fd);
	}
	return -EPERM;
}

int ipc_mqueuefs_open(struct ipc_ctx *ctx, const struct ipc_mounts *mounts)
{
	int fd;

	if (ctx->captured) {
		fd = openat(ctx->root_fd, "dev/mqueue", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? -errno : fd;
	}
	fd = mount_detached();
	/* ENODEV: the kernel is built without queues */
	if (fd >= 0 || fd == -ENODEV)
		return fd;
	return find_mounted(mounts);
}

int ipc_mqueuefs_open_here(struct ipc_ctx *ctx)
{
	struct ipc_mounts *mounts = NULL;
	int fd = mount_detached();

	if (fd >= 0 || fd == -ENODEV)
		return fd;
	if (ipc_mounts_new(ctx, &mounts) == 0)
		fd = find_mounted(mounts);
	ipc_mounts_free(mounts);
	return fd;
}

uint64_t ipc_mqueuefs_count(struct ipc_ctx *ctx)
{
	int dir = ipc_mqueuefs_open_here(ctx);
	DIR *names = dir < 0 ? NULL : list(dir);
	uint64_t count = 0;

	while (names && next_name(names))
		count++;
	if (dir >= 0)
		close(dir);
	if (!names)
		return IPC_UNKNOWN;
	closedir(names);
	return count;
}

/* ---- one queue --------------------------------------------------------------------------------------------------- */

/* Who removes a queue has its lease for microseconds; who died in between loses it at once. */
#define LEASE_TRIES 200
#define LEASE_PAUSE 1000000 /* ns */

/* 32-bit machines have further calls for 64-bit times. */
#ifdef SYS_mq_timedsend_time64
#define TIMED_SEND SYS_mq_timedsend_time64
#define TIMED_RECEIVE SYS_mq_timedreceive_time64
#else
#define TIMED_SEND SYS_mq_timedsend
#define TIMED_RECEIVE SYS_mq_timedreceive
#endif

bool ipc_mqueue_name(struct ipc_bytes name, char out[NAME_MAX + 1])
{
	size_t len = name.len - 1;

	if (name.len < 2 || len > NAME_MAX || name.data[0] != '/' || memchr(name.data + 1, '/', len) ||
	    memchr(name.data, '\0', name.len))
		return false;
	memcpy(out, name.data + 1, len);
	out[len] = '\0';
	return strcmp(out, ".") != 0 && strcmp(out, "..") != 0;
}

int ipc_mqueue_open(const char *name, int access)
{
	const struct timespec pause = {.tv_nsec = LEASE_PAUSE};
	unsigned tries = LEASE_TRIES;
	int fd = open_once(name, access);

	while (fd == -EAGAIN && --tries) {
		nanosleep(&pause, NULL);
		fd = open_once(name, access);
	}
	return fd;
}

int ipc_mqueue_open_any(const char *name)
{
	int fd = ipc_mqueue_open(name, O_RDONLY);

	return fd == -EACCES ? ipc_mqueue_open(name, O_WRONLY) : fd;
}

int ipc_mqueue_attributes(int fd, struct mq_attr *out)
{
	return syscall(SYS_mq_getsetattr, fd, NULL, out) ? -errno : 0;
}

int ipc_mqueue_unlink(const char *name)
{
	return syscall(SYS_mq_unlink, name) ? -errno : 0;
}

static const struct __kernel_timespec *kernel_time(const struct timespec *until, struct __kernel_timespec *out)
{
	if (!until)
		return NULL;
	*out = (struct __kernel_timespec){.tv_sec = until->tv_sec, .tv_nsec = until->tv_nsec};
	return out;
}

int ipc_mqueue_send(int fd, const void *data, size_t len, unsigned priority, const struct timespec *until)
{
	struct __kernel_timespec time;

	return syscall(TIMED_SEND, fd, data, len, priority, kernel_time(until, &time)) ? -errno : 0;
}

ssize_t ipc_mqueue_receive(int fd, void *buffer, size_t size, unsigned *priority, const struct timespec *until)
{
	struct __kernel_timespec time;
	ssize_t got = syscall(TIMED_RECEIVE, fd, buffer, size, priority, kernel_time(until, &time));

	return got < 0 ? -errno : got;
}
