/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that lines are appended to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_file.h"
#include "message.h"

#define PATIENCE 5000 /* ms for the reader of a pipe; afterwards no more */

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* The number of the descriptor that @path is a name of, or -1. Opening it anew would fail for a socket, as services have. */
static int named_descriptor(const char *path)
{
	static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
	size_t i;

	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		size_t len = strlen(directories[i]);
		const char *number = path + len;

		if (!strncmp(path, directories[i], len) && *number && strlen(number) < 6 &&
		    !number[strspn(number, "0123456789")])
			return atoi(number);
	}
	return -1;
}

static enum code fail(const struct app *app, const char *path, int error)
{
	struct stat st;
	bool is_fifo = lstat(path, &st) == 0 && S_ISFIFO(st.st_mode);

	if (error == ELOOP)
		complain(app, path, "the log is a symbolic link, which is not followed; write where it leads to");
	else if (error == ENXIO && is_fifo)
		complain(app, path, "the log is a FIFO that nobody reads");
	else
		complain(app, path, "the log cannot be opened: %s", strerror(error));
	return error == EACCES || error == EPERM ? CODE_DENIED : CODE_FAILED;
}

/* Somebody was stopped in the middle of a line, or wrote something else. Who may not look does not rely on it. */
static bool ends_amid_line(int fd, off_t size)
{
	char path[64], last = '\0';
	int again;

	if (!size)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	if (again < 0)
		return true;
	if (pread(again, &last, 1, size - 1) != 1)
		last = '\0';
	close(again);
	return last != '\n';
}

static enum code look(struct journal_file *file, const struct app *app, const char *path)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return fail(app, path, errno);
	if (S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) {
		complain(app, path, "the log is a %s", S_ISDIR(st.st_mode) ? "directory" : "block device");
		return CODE_FAILED;
	}
	file->regular = S_ISREG(st.st_mode);
	file->broken = file->regular && file->own && ends_amid_line(file->fd, st.st_size);
	return CODE_DONE;
}

/* Not to wait for the reader of a FIFO; but then to wait while one is slow. */
static int open_named(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

enum code journal_file_open(struct journal_file *file, const struct app *app, const char *path)
{
	int given = named_descriptor(path);

	file->own = given < 0;
	file->fd = file->own ? open_named(path) : fcntl(given, F_DUPFD_CLOEXEC, 0);
	if (file->fd < 0)
		return fail(app, path, errno);
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error like a full disk */
	signal(SIGPIPE, SIG_IGN);
	return look(file, app, path);
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static int reserve_blocks(int fd, size_t len)
{
	struct rlimit limit;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return errno;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && (rlim_t)st.st_size + len > limit.rlim_cur)
		return EFBIG;
	do {
		r = fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, (off_t)len);
	} while (r < 0 && errno == EINTR);
	/* Some cannot: then a failure shows when the line is written. */
	return r == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
}

/* A pipe takes a line when it has room for a page. */
static int await_reader(struct journal_file *file)
{
	struct pollfd poll_fd = {.fd = file->fd, .events = POLLOUT};
	int n;

	do {
		n = poll(&poll_fd, 1, file->slow ? 0 : PATIENCE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	file->slow = !n;
	if (!n)
		return EAGAIN;
	return poll_fd.revents & (POLLERR | POLLHUP) ? EPIPE : 0;
}

int journal_file_reserve(struct journal_file *file, size_t len)
{
	return file->regular ? reserve_blocks(file->fd, len + 1) : await_reader(file);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* Take back what was written of a line, unless another program has written behind it. True when nothing is left of it. */
static bool take_back(const struct journal_file *file, off_t before, size_t written)
{
	struct stat st;

	if (!written)
		return true;
	return file->regular && file->own && fstat(file->fd, &st) == 0 && st.st_size == before + (off_t)written &&
	       ftruncate(file->fd, before) == 0;
}

static int write_all(struct journal_file *file, const char *data, size_t len, size_t *written)
{
	while (*written < len) {
		ssize_t n = write(file->fd, data + *written, len - *written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && await_reader(file) == 0)
			continue; /* a descriptor that was given may be of those that do not wait */
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		*written += (size_t)n;
	}
	return 0;
}

int journal_file_append(struct journal_file *file, const struct text *line)
{
	struct text whole = {0};
	struct stat st = {0};
	size_t written = 0;
	int error;

	if (file->broken)
		text_char(&whole, '\n');
	text_bytes(&whole, line->data, line->len);
	if (fstat(file->fd, &st) < 0)
		st.st_size = -1; /* then nothing is taken back */
	error = write_all(file, whole.data, whole.len, &written);
	text_release(&whole);
	if (!error)
		file->broken = false;
	else if (!take_back(file, st.st_size, written))
		file->broken = true;
	return error;
}

int journal_file_close(struct journal_file *file)
{
	int error = 0;

	if (file->fd < 0)
		return 0;
	/* Some file systems cannot, and say so. */
	if (file->regular && fdatasync(file->fd) < 0 && errno != EINVAL && errno != EROFS)
		error = errno;
	if (close(file->fd) < 0 && !error)
		error = errno;
	file->fd = -1;
	return error;
}
