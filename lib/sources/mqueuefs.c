/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The POSIX queues of an ipc namespace as a directory: a mount of our own that nobody sees, or one that is there and
 * proves to be the right one.
 */
#include "sources/mqueuefs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

enum proof { SAME, OTHER, MAYBE };

/* mq_open follows the thread's namespace, whatever is mounted: does it find the same queue under that name? */
static enum proof compare(int dir, const char *name)
{
	struct stat listed, opened;
	enum proof proof;
	int fd = (int)syscall(SYS_mq_open, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL);

	if (fd < 0 && errno == ENOENT)
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

/* An empty directory proves nothing: this namespace may have queues all the same. */
static bool is_own(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	enum proof proof = MAYBE;
	struct dirent *entry;
	size_t tried = 0;

	if (!names) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while (proof == MAYBE && tried < NAMES_TRIED && (entry = readdir(names))) {
		if (entry->d_name[0] == '.' && (!entry->d_name[1] || strcmp(entry->d_name, "..") == 0))
			continue;
		proof = compare(dir, entry->d_name);
		tried++;
	}
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
