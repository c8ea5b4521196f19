/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading files below /proc (or a captured one) and the little parsers that all users of it share. */
#include "sources/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* PROC_PID_INIT_INO of the kernel: the initial pid namespace has had this inode since namespaces have inodes (3.8). */
#define INITIAL_PIDNS 0xeffffffcu
/* PF_KTHREAD of the kernel, in field 9 of PID/stat. */
#define KERNEL_THREAD 0x00200000u

struct proc_path {
	char text[PATH_MAX];
};

static int __attribute__((format(printf, 2, 0))) make_path(struct proc_path *path, const char *format, va_list args)
{
	int len = vsnprintf(path->text, sizeof(path->text), format, args);

	if (len < 0)
		return -EINVAL;
	return (size_t)len < sizeof(path->text) ? 0 : -ENAMETOOLONG;
}

static int __attribute__((format(printf, 3, 0)))
open_path(struct ipc_ctx *ctx, int flags, const char *format, va_list args)
{
	struct proc_path path;
	int fd, r;

	r = make_path(&path, format, args);
	if (r < 0)
		return r;
	fd = openat(ctx->proc_fd, path.text, flags | O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int ipc_proc_open(struct ipc_ctx *ctx, int flags, const char *format, ...)
{
	va_list args;
	int fd;

	va_start(args, format);
	fd = open_path(ctx, flags, format, args);
	va_end(args);
	return fd;
}

int ipc_proc_opendir(struct ipc_ctx *ctx, DIR **out, const char *format, ...)
{
	va_list args;
	DIR *dir;
	int fd, r;

	va_start(args, format);
	fd = open_path(ctx, O_DIRECTORY, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	*out = dir;
	return 0;
}

/* "4711", and nothing else that a directory of /proc may be called. */
static int64_t parse_pid(const char *name)
{
	int64_t pid = 0;

	if (*name < '1' || *name > '9')
		return 0;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' || pid > INT32_MAX / 10)
			return 0;
		pid = pid * 10 + (*name - '0');
	}
	return pid <= INT32_MAX ? pid : 0;
}

int ipc_proc_each_pid(struct ipc_ctx *ctx, int (*fn)(int64_t pid, void *data), void *data)
{
	struct dirent *entry;
	DIR *dir;
	int r;

	r = ipc_proc_opendir(ctx, &dir, ".");
	if (r < 0)
		return r;
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		int64_t pid = parse_pid(entry->d_name);

		if (pid)
			r = fn(pid, data);
	}
	if (r == 0)
		r = -errno;
	closedir(dir);
	return r;
}

int ipc_proc_read_fd(int fd, struct ipc_buf *out)
{
	ssize_t n;
	int r;

	ipc_buf_clear(out);
	do {
		/* A text that fits is taken in one read, as the kernel composed it. */
		r = ipc_buf_reserve(out, out->len ? out->len : 4096);
		if (r < 0)
			return r;
		n = read(fd, out->data + out->len, out->room - out->len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			out->len += (size_t)n;
	} while (n != 0);
	out->data[out->len] = '\0';
	return 0;
}

int ipc_proc_read(struct ipc_ctx *ctx, struct ipc_buf *out, const char *format, ...)
{
	va_list args;
	int fd, r;

	va_start(args, format);
	/* In a captured tree anything may stand where a file is expected. */
	fd = open_path(ctx, O_NONBLOCK, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	r = ipc_proc_read_fd(fd, out);
	close(fd);
	return r;
}

static int __attribute__((format(printf, 3, 0)))
read_link(struct ipc_ctx *ctx, struct ipc_buf *out, const char *format, va_list args)
{
	struct proc_path path;
	size_t room = 256;
	ssize_t n;
	int r;

	r = make_path(&path, format, args);
	if (r < 0)
		return r;
	ipc_buf_clear(out);
	for (;;) {
		r = ipc_buf_reserve(out, room);
		if (r < 0)
			return r;
		n = readlinkat(ctx->proc_fd, path.text, out->data, room);
		if (n < 0)
			return -errno;
		if ((size_t)n < room)
			break;
		room *= 4;
	}
	out->len = (size_t)n;
	out->data[n] = '\0';
	return 0;
}

int ipc_proc_link(struct ipc_ctx *ctx, struct ipc_buf *out, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = read_link(ctx, out, format, args);
	va_end(args);
	return r;
}

int ipc_proc_inode_link(struct ipc_ctx *ctx, uint64_t *inode, const char *format, ...)
{
	struct ipc_buf link = {0};
	va_list args;
	char *open, *end;
	uint64_t value;
	int r;

	va_start(args, format);
	r = read_link(ctx, &link, format, args);
	va_end(args);
	if (r < 0)
		goto out;
	r = -EINVAL;
	open = strstr(link.data, ":[");
	if (!open || open[2] < '0' || open[2] > '9')
		goto out;
	errno = 0;
	value = strtoull(open + 2, &end, 10);
	if (errno || strcmp(end, "]") != 0)
		goto out;
	*inode = value;
	r = 0;
out:
	ipc_buf_release(&link);
	return r;
}

static bool is_initial_pidns(struct ipc_ctx *ctx)
{
	struct ipc_buf stat = {0};
	bool initial = false;
	unsigned flags;
	uint64_t inode;
	char *comm_end;

	/*
	 * "self" is missing in a /proc of a pid namespace that the caller is not in: where it is there, /proc is at
	 * least as wide.
	 */
	if (ipc_proc_inode_link(ctx, &inode, "self/ns/pid") == 0 && inode == INITIAL_PIDNS)
		return true;
	/*
	 * A caller in an inner pid namespace may still have the host's /proc; kernel threads exist in the initial
	 * namespace alone.
	 */
	if (ipc_proc_read(ctx, &stat, "2/stat") == 0 && (comm_end = strrchr(stat.data, ')')))
		initial = sscanf(comm_end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & KERNEL_THREAD);
	ipc_buf_release(&stat);
	return initial;
}

/* Each object is judged by it, so the answer is kept. */
bool ipc_proc_initial_pidns(struct ipc_ctx *ctx)
{
	if (!ctx->initial_pidns)
		ctx->initial_pidns = is_initial_pidns(ctx) ? 1 : -1;
	return ctx->initial_pidns > 0;
}

bool ipc_proc_same_pids(struct ipc_ctx *ctx)
{
	struct ipc_buf self = {0};
	bool same;

	if (ctx->captured)
		return true;
	same = ipc_proc_link(ctx, &self, "self") == 0 && strtoll(self.data, NULL, 10) == getpid();
	ipc_buf_release(&self);
	return same;
}

static bool take_hex(const char **at, const char *end, char terminator, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; p < end && *p != terminator; p++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			digit = (unsigned)(*p - 'a') + 10;
		else
			return false;
		if (value >> 60)
			return false;
		value = value << 4 | digit;
	}
	if (p == *at || p == end)
		return false;
	*at = p + 1;
	*out = value;
	return true;
}

/* Unlike the other numbers of the line, decimal; nothing follows it when the mapping has no name. */
static bool take_inode(const char **at, const char *end, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
			return false;
	if (p == *at)
		return false;
	*at = p;
	*out = value;
	return true;
}

static bool parse_map(const char *at, const char *end, struct ipc_map_line *out)
{
	uint64_t dev_major, dev_minor;

	if (!take_hex(&at, end, '-', &out->start) || !take_hex(&at, end, ' ', &out->end))
		return false;
	if (end - at < 5 || at[4] != ' ')
		return false;
	out->read = at[0] == 'r';
	out->write = at[1] == 'w';
	out->shared = at[3] == 's';
	at += 5;
	if (!take_hex(&at, end, ' ', &out->offset) || !take_hex(&at, end, ':', &dev_major) ||
	    !take_hex(&at, end, ' ', &dev_minor) || !take_inode(&at, end, &out->inode))
		return false;
	out->device = makedev((unsigned)dev_major, (unsigned)dev_minor);
	while (at < end && *at == ' ')
		at++;
	out->path = (struct ipc_bytes){at, (size_t)(end - at)};
	return true;
}

bool ipc_proc_next_map(const char **at, const char *end, struct ipc_map_line *out)
{
	while (*at < end) {
		const char *line = *at, *line_end = memchr(line, '\n', (size_t)(end - line));

		if (!line_end)
			line_end = end;
		*at = line_end < end ? line_end + 1 : end;
		if (parse_map(line, line_end, out))
			return true;
	}
	return false;
}

size_t ipc_proc_decode(char *text, size_t len, const char *which)
{
	size_t in = 0, out = 0;

	while (in < len) {
		if (text[in] == '\\' && len - in >= 4 && text[in + 1] >= '0' && text[in + 1] <= '3' &&
		    text[in + 2] >= '0' && text[in + 2] <= '7' && text[in + 3] >= '0' && text[in + 3] <= '7') {
			char byte =
				(char)((text[in + 1] - '0') << 6 | (text[in + 2] - '0') << 3 | (text[in + 3] - '0'));

			if (byte && strchr(which, byte)) {
				text[out++] = byte;
				in += 4;
				continue;
			}
		}
		text[out++] = text[in++];
	}
	return out;
}

unsigned ipc_proc_threads(const struct ipc_ctx *ctx, int64_t pid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "%" PRId64 "/task", pid);
	/* "." and ".." make two more. */
	return fstatat(ctx->proc_fd, path, &st, 0) == 0 && st.st_nlink > 2 ? (unsigned)st.st_nlink - 2 : 0;
}
