/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a recorder. Its lock is on the file itself; who writes a new one locks that before it gets the name. A disk that is slow
 * to take it holds up a thread of its own, and no events.
 */
#include "events/recorder_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "evidence.h"
#include "sources/umask_call.h"

#define TRIES 10
#define SUFFIX ".ipctool-new" /* a run that is killed while it writes leaves that, and the next one removes it */

struct ipc_record_file {
	int directory;
	char *name, *fresh; /* in that directory: the file, and what will take its place */
	char *shown;
	int fd; /* the file, locked; the writer's while it is at work */

	pthread_t writer;
	bool writing;
	atomic_bool done;
	struct ipc_buf text;
	int timer;
	int result;
};

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static int refuse(struct ipc_ctx *ctx, const struct ipc_record_file *file, int error, const char *why)
{
	return ipc_ctx_fail(ctx, error, "%s: %s", file->shown, why);
}

static int check_type(struct ipc_ctx *ctx, const struct ipc_record_file *file)
{
	struct stat st;

	if (fstatat(file->directory, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : refuse(ctx, file, -errno, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return refuse(ctx, file, -EINVAL,
			      "a symbolic link, which is not followed; name the file that it leads to");
	return S_ISREG(st.st_mode) ? 0 : refuse(ctx, file, -EINVAL, "not a regular file");
}

/* Has @fd still the name? */
static bool is_named(const struct ipc_record_file *file, int fd)
{
	struct stat named, opened;

	return fstatat(file->directory, file->name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &opened) == 0 &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

static int open_locked(struct ipc_ctx *ctx, struct ipc_record_file *file)
{
	int fd, try, r;

	for (try = 0; try < TRIES; try++) {
		r = check_type(ctx, file);
		if (r < 0)
			return r;
		fd = openat(file->directory, file->name,
			    O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
		if (fd < 0)
			return refuse(ctx, file, -errno, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			r = errno == EWOULDBLOCK ? refuse(ctx, file, -EBUSY, "another ipctool records to it")
						 : refuse(ctx, file, -errno, strerror(errno));
			close(fd);
			return r;
		}
		if (is_named(file, fd)) {
			file->fd = fd;
			return 0;
		}
		close(fd);
	}
	return refuse(ctx, file, -EBUSY, "another ipctool records to it");
}

static int split(struct ipc_record_file *file, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	size_t len = ipc_escape(path, strlen(path), NULL, 0);
	int r = 0;

	file->name = strdup(slash ? slash + 1 : path);
	if (asprintf(&file->fresh, "%s" SUFFIX, slash ? slash + 1 : path) < 0)
		file->fresh = NULL;
	file->shown = malloc(len + 1);
	if (!directory || !file->name || !file->fresh || !file->shown) {
		r = -ENOMEM;
	} else {
		ipc_escape(path, strlen(path), file->shown, len + 1);
		file->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = file->directory < 0 ? -errno : 0;
	}
	free(directory);
	return r;
}

int ipc_record_file_open(struct ipc_ctx *ctx, const char *path, struct ipc_record_file **out)
{
	struct ipc_record_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	file->directory = file->fd = -1;
	r = split(file, path);
	if (r < 0)
		refuse(ctx, file, r, strerror(-r));
	else
		r = open_locked(ctx, file);
	if (r < 0)
		ipc_record_file_close(file);
	else
		*out = file;
	return r;
}

void ipc_record_file_close(struct ipc_record_file *file)
{
	ipc_record_file_wait(file);
	if (file->fd >= 0)
		close(file->fd);
	if (file->directory >= 0)
		close(file->directory);
	free(file->name);
	free(file->fresh);
	free(file->shown);
	free(file);
}

const char *ipc_record_file_name(const struct ipc_record_file *file)
{
	return file->shown;
}

int ipc_record_file_load(struct ipc_record_file *file, struct ipc_ctx *ctx, struct ipc_buf *out)
{
	return ipc_learnt_load(ctx, file->fd, out);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static int write_text(int fd, const struct ipc_buf *text)
{
	size_t at = 0;
	ssize_t n;

	while (at < text->len) {
		n = write(fd, text->data + at, text->len - at);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	/* Some file systems tell only now that there was no room. */
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace(struct ipc_record_file *file)
{
	int fd, r;

	if (unlinkat(file->directory, file->fresh, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(file->directory, file->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0600) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : write_text(fd, &file->text);
	if (r == 0 && renameat(file->directory, file->fresh, file->directory, file->name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(file->directory, file->fresh, 0);
		close(fd);
		return r;
	}
	close(file->fd);
	file->fd = fd;
	return 0;
}

static void *work(void *data)
{
	const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
	struct ipc_record_file *file = data;

	file->result = replace(file);
	ipc_buf_release(&file->text);
	atomic_store(&file->done, true);
	timerfd_settime(file->timer, 0, &at_once, NULL);
	return NULL;
}

int ipc_record_file_begin(struct ipc_record_file *file, struct ipc_buf *text, int timer)
{
	sigset_t before;
	int r;

	file->text = *text;
	*text = (struct ipc_buf){0};
	file->timer = timer;
	file->done = false;
	/* No handler of the program is to run there; and what a limit on the size of files raises ends with it. */
	ipc_signals_hold(&before);
	r = pthread_create(&file->writer, NULL, work, file);
	ipc_signals_release(&before);
	if (r)
		ipc_buf_release(&file->text);
	else
		file->writing = true;
	return -r;
}

int ipc_record_file_wait(struct ipc_record_file *file)
{
	if (!file->writing)
		return 0;
	pthread_join(file->writer, NULL);
	file->writing = false;
	return file->result;
}

bool ipc_record_file_done(struct ipc_record_file *file, int *result)
{
	if (!atomic_load(&file->done))
		return false;
	*result = ipc_record_file_wait(file);
	return true;
}
