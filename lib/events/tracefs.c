/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of tracepoints, which tracefs alone tells, wherever that is mounted or not. */
#include "events/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/mount.h, which older C libraries cannot include beside sys/mount.h */
#define FSOPEN_CLOEXEC 1
#define FSMOUNT_CLOEXEC 1
#define FSCONFIG_CMD_CREATE 6

static int open_mounted(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && faccessat(fd, "events", F_OK, 0) < 0) {
		close(fd);
		errno = ENOENT;
		fd = -1;
	}
	return fd;
}

static int make_mount(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), fd = -1, error;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	error = errno;
	close(fs);
	return fd < 0 ? -error : fd;
}

int ipc_tracefs_open(void)
{
	int fd = open_mounted("/sys/kernel/tracing");

	if (fd < 0)
		fd = open_mounted("/sys/kernel/debug/tracing");
	return fd < 0 ? make_mount() : fd;
}

int ipc_tracefs_event(int tracefs, const char *name, uint64_t *id)
{
	char path[256], text[32], *end;
	ssize_t n;
	int fd;

	n = snprintf(path, sizeof(path), "events/%s/id", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	*id = strtoull(text, &end, 10);
	return end == text ? -EIO : 0;
}
