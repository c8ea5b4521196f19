/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory of an archive. Who restores it makes objects of whatever it says, so nobody else may have written it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "message.h"
#include "vault.h"

/* ---- trust ------------------------------------------------------------------------------------------------------- */

/* Why @st may be of a stranger's making; NULL: it is the caller's own, or root's. */
static const char *distrust(const struct stat *st)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to somebody else, who could have written anything there";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "may be written by others; take that from them first: chmod go-w";
	return NULL;
}

/* ---- the directory ----------------------------------------------------------------------------------------------- */

/* The path without slashes at its end, which would have a link followed. The caller's to free(). */
static char *strip(const char *path)
{
	char *stripped = xstrdup(path);
	size_t len = strlen(stripped);

	while (len > 1 && stripped[len - 1] == '/')
		stripped[--len] = '\0';
	return stripped;
}

static int fail_open(const struct app *app, const char *path, int error, enum code *code)
{
	struct stat st;

	*code = code_of_errno(error);
	if ((error == ELOOP || error == ENOTDIR) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		complain(app, path, "is a symbolic link, which is not followed; write where it leads to");
	else
		complain(app, path, "the directory cannot be opened: %s", strerror(error));
	return -1;
}

static int open_trusted(const struct app *app, const char *path, enum code *code)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *why;
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0) {
		fail_open(app, path, errno, code);
	} else {
		why = distrust(&st);
		if (!why)
			return dir;
		complain(app, path, "%s", why);
		*code = CODE_REFUSED;
	}
	if (dir >= 0)
		close(dir);
	return -1;
}

/* So that a new directory outlives a crash as its files do; who may not read the one that it is in cannot see to that. */
static void sync_parent(int dir)
{
	int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return;
	(void)fsync(parent);
	close(parent);
}

int vault_open(const struct app *app, const char *path, bool *made, enum code *code)
{
	char *stripped = strip(path);
	int dir = -1;

	if (made)
		*made = mkdir(stripped, 0700) == 0;
	if (made && !*made && errno != EEXIST) {
		complain(app, path, "the directory cannot be made: %s", strerror(errno));
		*code = code_of_errno(errno);
	} else {
		dir = open_trusted(app, stripped, code);
	}
	free(stripped);
	if (dir < 0 && made && *made)
		vault_forget(path);
	else if (made && *made)
		sync_parent(dir);
	return dir;
}

void vault_forget(const char *path)
{
	char *stripped = strip(path);

	(void)rmdir(stripped); /* what somebody else put there keeps it */
	free(stripped);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int fail_file(struct text *why, const char *name, int error, const char *text)
{
	text_format(why, "its file %s %s", name, text);
	return error;
}

int vault_open_file(int vault, const char *name, struct stat *st, struct text *why)
{
	/* Not to wait for the writer of a FIFO. */
	int fd = openat(vault, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = errno;
	const char *wrong = NULL;
	struct stat found;

	if (fd < 0 && error == ELOOP)
		return fail_file(why, name, -error, "is a symbolic link, which is not followed");
	if (fd < 0) {
		text_format(why, "its file %s cannot be opened: %s", name, strerror(error));
		return -error;
	}
	error = EINVAL;
	if (fstat(fd, &found) < 0) {
		error = errno;
		wrong = "cannot be looked at";
	} else if (!S_ISREG(found.st_mode)) {
		wrong = "is no regular file";
	} else {
		wrong = distrust(&found);
		error = EBUSY;
	}
	if (!wrong) {
		*st = found;
		return fd;
	}
	close(fd);
	return fail_file(why, name, -error, wrong);
}
