/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How unix sockets are made: with a file of exactly the owner and mode that were asked for, or with an abstract name. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/sock_change.h"
#include "classes/sock_unix_change.h"
#include "sources/unlink.h"

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static int path_address(struct ipc_ctx *ctx, struct ipc_bytes path, struct sockaddr_un *out)
{
	if (path.len > IPC_UNIX_PATH_MAX)
		return ipc_ctx_fail(ctx, -ENAMETOOLONG,
				    "the path has %zu bytes, and the address of a unix socket holds %zu; make it in a "
				    "directory with a shorter path",
				    path.len, IPC_UNIX_PATH_MAX);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(out->sun_path, path.data, path.len);
	return 0;
}

/* @locator begins with "@", which stands for the zero byte. */
static int abstract_address(struct ipc_ctx *ctx, struct ipc_bytes locator, struct sockaddr_un *out)
{
	if (locator.len < 2)
		return ipc_ctx_fail(ctx, -EINVAL, "an abstract name needs at least one byte behind the @");
	if (locator.len > sizeof(out->sun_path))
		return ipc_ctx_fail(ctx, -ENAMETOOLONG, "an abstract name holds at most %zu bytes",
				    sizeof(out->sun_path) - 1);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(out->sun_path + 1, locator.data + 1, locator.len - 1);
	return 0;
}

static int start_listening(struct ipc_creation *creation, int type)
{
	if (type == SOCK_DGRAM || listen(creation->fd, ipc_sock_backlog(creation)) == 0)
		return 0;
	return ipc_ctx_fail(creation->ctx, -errno, "cannot listen: %s", strerror(errno));
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int fail_exists(struct ipc_creation *creation, mode_t mode)
{
	if (!S_ISSOCK(mode))
		return ipc_ctx_fail(creation->ctx, -EEXIST, "exists, and is no socket; it is left alone");
	return ipc_ctx_fail(creation->ctx, -EEXIST,
			    "exists: a server may be bound to it; if it is stale, remove it first (ipctool remove)");
}

static int fail_bind(struct ipc_creation *creation, int error)
{
	switch (error) {
	case -EADDRINUSE:
		return fail_exists(creation, S_IFSOCK);
	case -EACCES:
	case -EPERM:
		return ipc_ctx_fail(creation->ctx, error, "you may not make files in its directory");
	case -EROFS:
		return ipc_ctx_fail(creation->ctx, error, "its file system is mounted read-only");
	case -ENOSPC:
	case -EDQUOT:
		return ipc_ctx_fail(creation->ctx, error,
				    "no file can be made there: %s; see df -i and quota(1) of its directory",
				    strerror(-error));
	default:
		return ipc_ctx_fail(creation->ctx, error, "cannot be bound: %s", strerror(-error));
	}
}

/* @data: the socket as the kernel tells of it. */
static bool is_bound_to(int fd, const void *data)
{
	const struct ipc_unix_socket *socket = data;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == socket->device &&
	       (uint32_t)st.st_ino == socket->bound_inode;
}

/* Where the path has led to instead, if it does so still. */
static void take_stray(struct ipc_creation *creation, const struct ipc_unix_socket *socket)
{
	struct ipc_unlinking what = {.ctx = creation->ctx,
				     .inode = socket->bound_inode,
				     .same = is_bound_to,
				     .data = socket,
				     .rename = true};
	char *name;

	if (ipc_open_parent(creation->ctx, creation->ref->locator, false, 0, &what.dir, &name))
		return;
	what.name = name;
	ipc_unlink_same(&what);
	close(what.dir);
}

/*
 * bind() walks the path anew, for only so do others see its name. So the file that came to be in the directory that was
 * looked at must be the socket's. The inode says so, except where stat() tells another one than the kernel knows
 * (overlay): there it has to be a new socket file of the caller's.
 */
static int find_file(struct ipc_creation *creation, const char *name, int *file)
{
	struct ipc_unix_socket socket = {.device = IPC_UNKNOWN, .bound_inode = IPC_UNKNOWN};
	struct stat st, own;
	int fd = openat(creation->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fstat(creation->fd, &own) == 0)
		ipc_unix_find(creation->ctx, own.st_ino, UINT64_MAX, &socket);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    ((uint32_t)st.st_ino == socket.bound_inode || st.st_uid == geteuid())) {
		creation->inode = st.st_ino;
		*file = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	take_stray(creation, &socket);
	return ipc_ctx_fail(creation->ctx, -ESTALE,
			    "a directory of its path was exchanged meanwhile; a socket file may lie in that one");
}

/* Permissions beyond what umask gives at once: nobody but root reaches the file before. */
static bool is_late(const struct ipc_creation *creation)
{
	return creation->settings->given & (IPC_SET_OWNER | IPC_SET_GROUP) || creation->mode & 07000;
}

static int bind_file(struct ipc_creation *creation, const struct sockaddr_un *address, const char *name)
{
	mode_t mask = is_late(creation) ? 0777 : 0777 & ~creation->mode;
	struct stat st;
	mode_t before;
	int r = 0;

	if (fstatat(creation->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return fail_exists(creation, st.st_mode);
	before = umask(mask);
	if (bind(creation->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		r = -errno;
	umask(before);
	return r ? fail_bind(creation, r) : 0;
}

/* The socket fails for what the text says; its file shall not stay. */
static void take_back(struct ipc_creation *creation, const char *name)
{
	const struct ipc_unlinking what = {
		.ctx = creation->ctx, .dir = creation->dir, .name = name, .inode = creation->inode, .rename = true};
	char why[sizeof(creation->ctx->error)];

	memcpy(why, creation->ctx->error, sizeof(why));
	ipc_unlink_same(&what);
	memcpy(creation->ctx->error, why, sizeof(why));
}

static int finish_file(struct ipc_creation *creation, int type, const char *name, int file)
{
	unsigned given = creation->settings->given & (IPC_SET_OWNER | IPC_SET_GROUP);
	int r = 0;

	if (is_late(creation))
		r = ipc_unix_set_file(creation->ctx, file, given | IPC_SET_MODE, creation->settings, creation->mode);
	if (r == 0)
		r = start_listening(creation, type);
	if (r == 0)
		r = ipc_sock_made(creation);
	if (r == 0 && ipc_buf_append(&creation->file, name, strlen(name)))
		r = ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
	if (r)
		take_back(creation, name);
	return r;
}

static int create_path(struct ipc_creation *creation, int type)
{
	bool parents = creation->flags & IPC_CREATE_PARENTS;
	struct sockaddr_un address;
	int file = -1, r = path_address(creation->ctx, creation->ref->locator, &address);
	char *name;

	if (r == 0)
		r = ipc_open_parent(creation->ctx, creation->ref->locator, parents, 0777 & ~creation->umask,
				    &creation->dir, &name);
	if (r)
		return r;
	r = bind_file(creation, &address, name);
	if (r == 0)
		r = find_file(creation, name, &file);
	if (r == 0) {
		r = finish_file(creation, type, name, file);
		close(file);
	}
	return r;
}

/* ---- the name alone ---------------------------------------------------------------------------------------------- */

static int create_abstract(struct ipc_creation *creation, int type)
{
	struct sockaddr_un address;
	size_t len = offsetof(struct sockaddr_un, sun_path) + creation->ref->locator.len;
	int r = 0;

	if (creation->settings->given & IPC_SET_PERMS)
		r = ipc_ctx_fail(creation->ctx, -EINVAL,
				 "an abstract name has neither owner nor mode: whoever is in its network namespace "
				 "reaches it; use a path for that");
	if (r == 0)
		r = abstract_address(creation->ctx, creation->ref->locator, &address);
	if (r)
		return r;
	if (bind(creation->fd, (const struct sockaddr *)&address, (socklen_t)len) < 0) {
		if (errno == EADDRINUSE)
			return ipc_ctx_fail(creation->ctx, -EADDRINUSE,
					    "exists: another socket of this network namespace has the name");
		return ipc_ctx_fail(creation->ctx, -errno, "cannot be bound: %s", strerror(errno));
	}
	r = start_listening(creation, type);
	return r ? r : ipc_sock_made(creation);
}

int ipc_unix_create(struct ipc_creation *creation)
{
	static const int types[] = {[IPC_SOCKET_STREAM] = SOCK_STREAM,
				    [IPC_SOCKET_DGRAM] = SOCK_DGRAM,
				    [IPC_SOCKET_SEQPACKET] = SOCK_SEQPACKET};
	int type = types[creation->settings->type]; /* stream, when not given */
	int r = ipc_sock_check_flags(creation);

	if (r == 0)
		r = ipc_sock_check_backlog(creation, type);
	if (r)
		return r;
	r = ipc_sock_open(creation, AF_UNIX, type, 0);
	if (r)
		return r;
	r = creation->ref->by == IPC_BY_ABSTRACT ? create_abstract(creation, type) : create_path(creation, type);
	if (r)
		ipc_sock_unmake(creation);
	return r;
}
