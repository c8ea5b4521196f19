/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cleaning at a time. The file is never taken away again: who removed it would let a third run lock a new one of the same
 * name while the second still has the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "runlock.h"

#define ROOT_DIRECTORY "/run/ipctool"
#define ROOT_NAME "clean.lock"
#define SESSION_NAME "ipctool-clean.lock"
#define ATTEMPTS 100 /* to get it from holders that end between two questions */

/* ---- failures ---------------------------------------------------------------------------------------------------- */

/* Only a run that has the lock is "refused": whoever calls this from cron may overlook that one, and no other failure. */
static enum code fail(const struct app *app, const char *path, int error, const char *what)
{
	complain(app, path, "%s: %s (--lock FILE names another one)", what, strerror(error));
	return error == EACCES || error == EPERM ? CODE_DENIED : CODE_FAILED;
}

static enum code distrust(const struct app *app, const char *path, const char *why)
{
	complain(app, path, "%s (--lock FILE names another one)", why);
	return CODE_FAILED;
}

/* ---- where ------------------------------------------------------------------------------------------------------- */

/* Nobody else can put anything there. */
static bool is_own(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static enum code make_directory(const struct app *app, const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return fail(app, path, errno, "the directory of the lock cannot be made");
	if (lstat(path, &st) < 0)
		return fail(app, path, errno, "the directory of the lock cannot be looked at");
	if (is_own(&st))
		return CODE_DONE;
	return distrust(app, path,
			S_ISDIR(st.st_mode) ? "the directory of the lock is yours not alone: others may write there"
					    : "is no directory, so the lock cannot lie there");
}

/* Where a session keeps such files; cron has none, but the same user's may be there. */
static bool find_session(struct text *out)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (directory && *directory == '/')
		text_string(out, directory);
	else
		text_format(out, "/run/user/%u", (unsigned)geteuid());
	if (lstat(text_cstr(out), &st) == 0 && is_own(&st))
		return true;
	text_clear(out);
	return false;
}

static enum code choose_path(struct text *out, const struct app *app)
{
	enum code code;

	if (geteuid() == 0) {
		text_string(out, ROOT_DIRECTORY);
		code = make_directory(app, text_cstr(out), 0755);
	} else if (find_session(out)) {
		text_string(out, "/" SESSION_NAME);
		return CODE_DONE;
	} else {
		text_format(out, "/tmp/ipctool-%u", (unsigned)geteuid());
		code = make_directory(app, text_cstr(out), 0700);
	}
	text_string(out, "/" ROOT_NAME);
	return code;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Why @st is nothing to lock; NULL when it is. Who owns the file could keep the lock for ever. */
static const char *wrong_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file, so it is not locked";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to somebody else, who could keep the lock for ever";
	return NULL;
}

static enum code open_file(struct runlock *lock, const struct app *app, const char *path)
{
	const char *why;
	struct stat st;

	/* Not to wait for the other end of a FIFO. */
	lock->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (lock->fd < 0 && errno == ELOOP)
		return distrust(app, path, "is a symbolic link, which is not followed");
	if (lock->fd < 0 || fstat(lock->fd, &st) < 0)
		return fail(app, path, errno, "the lock cannot be opened");
	why = wrong_file(&st);
	return why ? distrust(app, path, why) : CODE_DONE;
}

/* ---- the lock ---------------------------------------------------------------------------------------------------- */

/* " (ipctool)", where /proc tells. */
static void append_name(struct text *out, int64_t pid)
{
	char path[64], name[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, sizeof(name));
		close(fd);
	}
	if (n <= 1)
		return;
	text_string(out, " (");
	text_escaped(out, (struct ipc_bytes){name, (size_t)n - 1}); /* without its newline */
	text_char(out, ')');
}

static enum code tell_holder(const struct app *app, const char *path, int64_t pid)
{
	struct text who = {0};

	if (pid > 0) {
		text_format(&who, "process %" PRId64, pid);
		append_name(&who, pid);
	} else {
		text_string(&who, "a process of another pid namespace");
	}
	complain(app, path, "another cleaning runs: %s", text_cstr(&who));
	text_release(&who);
	return CODE_REFUSED;
}

/*
 * A lock of the process rather than of the open file: of such a one the kernel tells who has it. It would be lost if the
 * file was opened and closed a second time, which nothing does.
 */
static enum code lock_file(const struct runlock *lock, const struct app *app, const char *path)
{
	const struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct flock held;
	int attempt;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (fcntl(lock->fd, F_SETLK, &wanted) == 0)
			return CODE_DONE;
		if (errno != EACCES && errno != EAGAIN)
			return fail(app, path, errno, "the lock cannot be taken");
		held = wanted;
		if (fcntl(lock->fd, F_GETLK, &held) < 0)
			return fail(app, path, errno, "the lock cannot be looked at");
		if (held.l_type != F_UNLCK)
			return tell_holder(app, path, held.l_pid);
	}
	return fail(app, path, EAGAIN, "the lock cannot be taken");
}

enum code runlock_take(struct runlock *lock, const struct app *app, const char *path)
{
	struct text chosen = {0};
	enum code code = CODE_DONE;

	lock->fd = -1;
	if (!path) {
		code = choose_path(&chosen, app);
		path = text_cstr(&chosen);
	}
	if (!code)
		code = open_file(lock, app, path);
	if (!code)
		code = lock_file(lock, app, path);
	if (code)
		runlock_release(lock);
	text_release(&chosen);
	return code;
}

void runlock_release(struct runlock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}
