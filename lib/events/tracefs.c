/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tracefs and debugfs alone tell, wherever these are mounted or not: the numbers of tracepoints, and how the kernel preempts. */
#include "events/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
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

static int make_mount(const char *type)
{
	int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1, error;

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
	return fd < 0 ? make_mount("tracefs") : fd;
}

/* The beginning of a small file, as a string. */
static int read_text(int dir, const char *path, char *text, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	return 0;
}

int ipc_tracefs_event(int tracefs, const char *name, uint64_t *id)
{
	char path[256], text[32], *end;
	int n = snprintf(path, sizeof(path), "events/%s/id", name), r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	r = read_text(tracefs, path, text, sizeof(text));
	if (r < 0)
		return r;
	*id = strtoull(text, &end, 10);
	return end == text ? -EIO : 0;
}

/* "none voluntary (full)" */
static bool chose_preemption(void)
{
	char text[64];
	int r = read_text(AT_FDCWD, "/sys/kernel/debug/sched/preempt", text, sizeof(text)), debugfs;

	if (r < 0) {
		debugfs = make_mount("debugfs");
		if (debugfs >= 0) {
			r = read_text(debugfs, "sched/preempt", text, sizeof(text));
			close(debugfs);
		}
	}
	return r < 0 || !(strstr(text, "(none)") || strstr(text, "(voluntary)"));
}

bool ipc_kernel_preempts(void)
{
	struct utsname name;

	if (uname(&name) < 0 || !strstr(name.version, " PREEMPT"))
		return false;
	return !strstr(name.version, " PREEMPT_DYNAMIC") || chose_preemption();
}
