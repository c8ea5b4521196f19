/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories reached without trusting links of strangers, and files taken away by their identity. */
#include "sources/unlink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sources/umask_call.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1u
#endif

/* ---- the directory of a path ------------------------------------------------------------------------------------- */

#define LINKS 40 /* as many as the kernel follows */
#define ROOT_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define STEP_FLAGS (O_PATH | O_NOFOLLOW | O_CLOEXEC)

struct walk {
	struct ipc_ctx *ctx;
	int dir;            /* where we are */
	struct ipc_buf way; /* what is still to go, from `at` on */
	size_t at;
	unsigned links;
	bool make, wary;
	mode_t make_mode;
};

/* Fail with "@text: @name" where @text says what is the matter with this component. */
static int fail_at(struct ipc_ctx *ctx, int error, const char *text, const char *name)
{
	struct ipc_buf escaped = {0};
	int r = ipc_buf_escape(&escaped, ipc_bytes_of(name));

	r = ipc_ctx_fail(ctx, error, "%s: %s", text, r == 0 ? escaped.data : "?");
	ipc_buf_release(&escaped);
	return r;
}

static int fail_step(struct ipc_ctx *ctx, int error, const char *name)
{
	switch (error) {
	case -ENOENT:
		return fail_at(ctx, error, "no such directory on the way", name);
	case -ENOTDIR:
		return fail_at(ctx, error, "not a directory on the way", name);
	case -EACCES:
		return fail_at(ctx, error, "no permission to pass a directory on the way to", name);
	case -ENAMETOOLONG:
		return fail_at(ctx, error, "a name on the way is too long", name);
	default:
		return fail_at(ctx, error, strerror(-error), name);
	}
}

static void enter(struct walk *walk, int dir)
{
	close(walk->dir);
	walk->dir = dir;
}

/*
 * Anybody who may write to a directory may have put the link there, to lead us elsewhere. Writable by its group counts: the
 * group has other members, and where there is an access list those bits are its mask. Its owner could do anything there
 * anyway.
 */
static bool is_trusted(const struct walk *walk, const struct stat *dir, const struct stat *link)
{
	if (link->st_uid == 0 || link->st_uid == geteuid())
		return true;
	return !walk->wary && (!(dir->st_mode & (S_IWGRP | S_IWOTH)) || link->st_uid == dir->st_uid);
}

static int fail_link(const struct walk *walk, const char *name)
{
	return fail_at(
		walk->ctx, -ELOOP,
		walk->wary ? "a symbolic link of another user on the way is not followed"
			   : "a symbolic link of another user, in a directory where anybody may have put it, is not "
			     "followed (write the path that it leads to)",
		name);
}

/* Links of /proc lead where no text can: the kernel follows them. Its directories are not for others to write to. */
static int follow_proc_link(struct walk *walk, int link, const char *name)
{
	struct statfs fs;
	int dir;

	if (fstatfs(link, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	dir = openat(walk->dir, name, ROOT_FLAGS);
	if (dir < 0)
		return fail_step(walk->ctx, -errno, name);
	enter(walk, dir);
	return 1;
}

/* Go on with the text of @link, then with what was left. */
static int redirect(struct walk *walk, int link)
{
	char target[4096];
	ssize_t len = readlinkat(link, "", target, sizeof(target));
	struct ipc_buf way = {0};
	int dir;

	if (len < 0 || (size_t)len == sizeof(target))
		return ipc_ctx_fail(walk->ctx, len < 0 ? -errno : -ENAMETOOLONG, "a link on the way cannot be read");
	if (len && *target == '/') {
		dir = open("/", ROOT_FLAGS);
		if (dir < 0)
			return ipc_ctx_fail(walk->ctx, -errno, "the root cannot be opened: %s", strerror(errno));
		enter(walk, dir);
	}
	if (ipc_buf_append(&way, target, (size_t)len) || ipc_buf_append(&way, "/", 1) ||
	    ipc_buf_append(&way, walk->way.data + walk->at, walk->way.len - walk->at)) {
		ipc_buf_release(&way);
		return ipc_ctx_fail(walk->ctx, -ENOMEM, "out of memory");
	}
	ipc_buf_release(&walk->way);
	walk->way = way;
	walk->at = 0;
	return 0;
}

static int follow(struct walk *walk, int link, const struct stat *st, const char *name)
{
	struct stat dir;
	int r;

	if (walk->links++ == LINKS)
		return fail_at(walk->ctx, -ELOOP, "too many symbolic links on the way, the last one", name);
	if (fstat(walk->dir, &dir) < 0)
		return fail_step(walk->ctx, -errno, name);
	if (!is_trusted(walk, &dir, st))
		return fail_link(walk, name);
	r = follow_proc_link(walk, link, name);
	return r ? (r > 0 ? 0 : r) : redirect(walk, link);
}

/* One component that is no directory: a link perhaps, or missing. */
static int step_aside(struct walk *walk, const char *name)
{
	int fd = openat(walk->dir, name, STEP_FLAGS), r;
	struct stat st;

	if (fd < 0)
		return fail_step(walk->ctx, -errno, name);
	if (fstat(fd, &st) < 0)
		r = fail_step(walk->ctx, -errno, name);
	else if (S_ISLNK(st.st_mode))
		r = follow(walk, fd, &st, name);
	else
		r = fail_step(walk->ctx, -ENOTDIR, name);
	close(fd);
	return r;
}

static int step(struct walk *walk, const char *name)
{
	int fd = openat(walk->dir, name, STEP_FLAGS | O_DIRECTORY);

	if (fd < 0 && errno == ENOENT && walk->make) {
		if (mkdirat(walk->dir, name, walk->make_mode) < 0 && errno != EEXIST)
			return fail_at(walk->ctx, -errno, "a directory on the way cannot be made", name);
		fd = openat(walk->dir, name, STEP_FLAGS | O_DIRECTORY);
	}
	if (fd >= 0) {
		enter(walk, fd);
		return 0;
	}
	/* The kernel says either of a link that is to be a directory. */
	return errno == ENOTDIR || errno == ELOOP ? step_aside(walk, name) : fail_step(walk->ctx, -errno, name);
}

/* The next component into @name; false at the end. */
static bool next(struct walk *walk, struct ipc_buf *name, int *error)
{
	const char *rest = walk->way.data + walk->at;
	size_t slashes = strspn(rest, "/"), len = strcspn(rest + slashes, "/");

	ipc_buf_clear(name);
	*error = ipc_buf_append(name, rest + slashes, len);
	walk->at += slashes + len;
	return len > 0 && *error == 0;
}

static int walk_down(struct walk *walk)
{
	struct ipc_buf name = {0};
	int r = 0;

	while (r == 0 && next(walk, &name, &r))
		r = step(walk, name.data);
	ipc_buf_release(&name);
	return r == -ENOMEM ? ipc_ctx_fail(walk->ctx, r, "out of memory") : r;
}

static int walk_to(struct walk *walk, struct ipc_bytes path, int *dir, char **name)
{
	char *last = path.len ? memrchr(path.data, '/', path.len) : NULL;
	int r;

	if (!last || *path.data != '/' || memchr(path.data, '\0', path.len))
		return ipc_ctx_fail(walk->ctx, -EINVAL, "the path is not absolute");
	last++;
	if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return ipc_ctx_fail(walk->ctx, -EINVAL, "the path does not end in a name");
	walk->dir = open("/", ROOT_FLAGS);
	if (walk->dir < 0)
		return ipc_ctx_fail(walk->ctx, -errno, "the root cannot be opened: %s", strerror(errno));
	r = ipc_buf_append(&walk->way, path.data, (size_t)(last - path.data));
	r = r ? ipc_ctx_fail(walk->ctx, r, "out of memory") : walk_down(walk);
	ipc_buf_release(&walk->way);
	if (r) {
		close(walk->dir);
		return r;
	}
	*dir = walk->dir;
	*name = last;
	return 0;
}

int ipc_open_parent(struct ipc_ctx *ctx, struct ipc_bytes path, bool make, mode_t make_mode, int *dir, char **name)
{
	struct walk walk = {.ctx = ctx, .dir = -1, .make = make, .make_mode = make_mode};

	return walk_to(&walk, path, dir, name);
}

int ipc_open_parent_warily(struct ipc_ctx *ctx, struct ipc_bytes path, bool make, mode_t make_mode, int *dir,
			   char **name)
{
	struct walk walk = {.ctx = ctx, .dir = -1, .make = make, .make_mode = make_mode, .wary = true};

	return walk_to(&walk, path, dir, name);
}

/* ---- taking away ------------------------------------------------------------------------------------------------- */

#define TRIES 16 /* a name that is taken may be free again at once */

static int fail_unlink(struct ipc_ctx *ctx, int error)
{
	switch (error) {
	case -ENOENT:
		return ipc_ctx_fail(ctx, error, "it is gone");
	case -EACCES:
		return ipc_ctx_fail(ctx, error, "no permission to write to its directory");
	case -EPERM:
		return ipc_ctx_fail(ctx, error,
				    "its directory lets only its owner, the directory's owner or root take it away");
	case -EROFS:
		return ipc_ctx_fail(ctx, error, "its file system is mounted read-only");
	case -EBUSY:
		return ipc_ctx_fail(ctx, error, "something is mounted on it; unmount that first");
	default:
		return ipc_ctx_fail(ctx, error, "cannot be taken away: %s", strerror(-error));
	}
}

static int fail_replaced(struct ipc_ctx *ctx)
{
	return ipc_ctx_fail(ctx, -ESTALE, "another file has the name by now; it was left alone");
}

int ipc_private_name(struct ipc_ctx *ctx, char name[IPC_PRIVATE_NAME_SIZE])
{
	uint64_t random[2];
	ssize_t n;

	do
		n = getrandom(random, sizeof(random), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(random))
		return ipc_ctx_fail(ctx, n < 0 ? -errno : -EIO, "no random name to be had");
	snprintf(name, IPC_PRIVATE_NAME_SIZE, IPC_PRIVATE_PREFIX "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return 0;
}

/* By the call itself: the C library may be older than it. */
static int rename_noreplace(int dir, const char *from, const char *to)
{
	return syscall(SYS_renameat2, dir, from, dir, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* The file system or the kernel cannot say "but replace nothing". */
static bool is_unsupported(int r)
{
	return r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP;
}

static int hide(const struct ipc_unlinking *what, const char *private)
{
	int r = rename_noreplace(what->dir, what->name, private);

	/* No harm: the private name is nobody's. */
	if (is_unsupported(r))
		r = renameat(what->dir, what->name, what->dir, private) < 0 ? -errno : 0;
	return r;
}

bool ipc_private_is(struct ipc_bytes path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	const char *name = slash ? slash + 1 : path.data;
	size_t prefix = strlen(IPC_PRIVATE_PREFIX), i;

	if (!path.data || path.len - (size_t)(name - path.data) != prefix + 32 ||
	    memcmp(name, IPC_PRIVATE_PREFIX, prefix) != 0)
		return false;
	for (i = 0; i < 32; i++)
		if (!strchr("0123456789abcdef", name[prefix + i]) || !name[prefix + i])
			return false;
	return true;
}

int ipc_rename_new(int dir, const char *from, const char *to)
{
	int r = rename_noreplace(dir, from, to);

	if (!is_unsupported(r))
		return r;
	/* A plain rename might replace a file; a second link never does. It cannot be made of a directory, which then stays. */
	if (linkat(dir, from, dir, to, 0) < 0)
		return -errno;
	return unlinkat(dir, from, 0) < 0 ? -errno : 0;
}

/* Failed with @error, for which the context has the text: give the name back, or say where the file is now. */
static int put_back(const struct ipc_unlinking *what, const char *private, int error)
{
	char text[sizeof(what->ctx->error)];
	int r, tries = TRIES;

	while ((r = ipc_rename_new(what->dir, private, what->name)) == -EEXIST && --tries)
		sched_yield();
	if (r == 0)
		return error;
	snprintf(text, sizeof(text), "%.256s", ipc_ctx_error(what->ctx));
	if (r == -ENOENT)
		return ipc_ctx_fail(what->ctx, error, "%s; somebody moved it while it was called %s", text, private);
	return ipc_ctx_fail(what->ctx, error,
			    "%s; it could not be put back (%s): it is called %s in that directory now", text,
			    r == -EEXIST ? "its name was taken meanwhile" : strerror(-r), private);
}

static int open_same(const struct ipc_unlinking *what, int *out)
{
	int fd = openat(what->dir, what->name, STEP_FLAGS);
	struct stat st;

	if (fd < 0)
		return fail_unlink(what->ctx, -errno);
	if (fstat(fd, &st) < 0 || st.st_ino != what->inode || (what->same && !what->same(fd, what->data))) {
		close(fd);
		return fail_replaced(what->ctx);
	}
	*out = fd;
	return 0;
}

/* Is the file called @name the one behind @fd? While that is open its inode cannot become another file's. */
static bool is_behind(int dir, const char *name, int fd)
{
	struct stat named, open;

	return fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open) == 0 &&
	       named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

static int look_last(const struct ipc_unlinking *what, int fd)
{
	return what->last_look ? what->last_look(fd, what->data) : 0;
}

static int unlink_directly(const struct ipc_unlinking *what, int fd)
{
	int r = look_last(what, fd);

	if (r)
		return r;
	if (!is_behind(what->dir, what->name, fd))
		return fail_replaced(what->ctx);
	return unlinkat(what->dir, what->name, 0) < 0 ? fail_unlink(what->ctx, -errno) : 0;
}

static int unlink_hidden(const struct ipc_unlinking *what, int fd)
{
	char private[IPC_PRIVATE_NAME_SIZE];
	int r = ipc_private_name(what->ctx, private);

	if (r)
		return r;
	r = hide(what, private);
	if (r)
		return fail_unlink(what->ctx, r);
	if (!is_behind(what->dir, private, fd))
		return put_back(what, private,
				ipc_ctx_fail(what->ctx, -ESTALE, "another file took the name; it was put back"));
	r = look_last(what, fd);
	if (r == 0 && unlinkat(what->dir, private, 0) < 0)
		r = fail_unlink(what->ctx, -errno);
	return r ? put_back(what, private, r) : 0;
}

int ipc_unlink_same(const struct ipc_unlinking *what)
{
	sigset_t before;
	int fd = -1, r;

	/* Who is interrupted in between would leave the file under a name that nobody knows. */
	ipc_signals_hold(&before);
	r = open_same(what, &fd);
	if (r == 0) {
		r = what->rename ? unlink_hidden(what, fd) : unlink_directly(what, fd);
		close(fd);
	}
	ipc_signals_release(&before);
	return r;
}

/* ---- leases ------------------------------------------------------------------------------------------------------ */

static void *own(void *fd)
{
	struct f_owner_ex owner = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};

	return (void *)(intptr_t)(fcntl(*(int *)fd, F_SETOWN_EX, &owner) < 0 ? -errno : 0);
}

/*
 * When somebody asks for the lease back the kernel sends SIGIO to the owner of the descriptor, which ends a program that
 * knows nothing of it. So the owner is a thread that has ended: it keeps its place, and nobody gets the signal.
 */
static int give_to_nobody(int fd)
{
	sigset_t before;
	pthread_t thread;
	void *result;
	int r;

	ipc_signals_hold(&before);
	r = -pthread_create(&thread, NULL, own, &fd);
	ipc_signals_release(&before);
	if (r)
		return r;
	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

int ipc_lease_take(int fd)
{
	int r = give_to_nobody(fd);

	if (r)
		return r;
	return fcntl(fd, F_SETLEASE, F_WRLCK) < 0 ? -errno : 0;
}

bool ipc_lease_kept(int fd)
{
	return fcntl(fd, F_GETLEASE) == F_WRLCK;
}
