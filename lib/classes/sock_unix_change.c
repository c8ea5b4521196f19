/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How unix sockets are used, changed and removed, and their files with them. */
#include "classes/sock_unix_change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/held.h"
#include "classes/sock_change.h"
#include "sources/mounts.h"
#include "sources/unlink.h"

/* ---- which socket ------------------------------------------------------------------------------------------------ */

static int take_socket(const struct nlmsghdr *nlh, void *data)
{
	ipc_unix_parse(nlh, data);
	((struct ipc_unix_socket *)data)->name = IPC_NO_BYTES; /* borrowed from the message */
	return 0;
}

int ipc_unix_find(struct ipc_ctx *ctx, uint64_t inode, uint64_t cookie, struct ipc_unix_socket *out)
{
	const struct unix_diag_req request = {.sdiag_family = AF_UNIX,
					      .udiag_states = ~0u,
					      .udiag_ino = (uint32_t)inode,
					      .udiag_show = UDIAG_SHOW_VFS,
					      .udiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}};
	struct ipc_unix_socket unused;
	struct ipc_diag *diag;
	int r = ipc_diag_open(ctx, &diag);

	if (r)
		return r;
	r = ipc_diag_one(diag, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), sizeof(struct unix_diag_msg),
			 take_socket, out ? out : &unused);
	ipc_diag_close(diag);
	return r == -ESTALE ? -ENOENT : r;
}

/* Is it still there? Its number may have gone to another by now, its cookie cannot. */
static int check_alive(struct ipc_ctx *ctx, const struct ipc_sock *sock)
{
	int r = ipc_unix_find(ctx, sock->base.inode, sock->cookie, NULL);

	if (r == -ENOENT)
		return ipc_ctx_fail(ctx, r, "gone: the socket was closed meanwhile");
	return r ? ipc_ctx_fail(ctx, r, "cannot be looked at: %s", strerror(-r)) : 0;
}

/* ---- which file -------------------------------------------------------------------------------------------------- */

struct wanted {
	struct ipc_ctx *ctx;
	const struct ipc_sock *sock;
};

/* stat() has another device than the superblock on some file systems (btrfs). */
static bool same_device(struct ipc_ctx *ctx, int fd, uint64_t device)
{
	struct ipc_mounts *mounts;
	struct ipc_file file;
	bool same = false;

	if (ipc_mounts_new(ctx, &mounts) < 0)
		return false;
	same = ipc_file_stat(mounts, fd, "", false, &file) == 0 && file.device == device;
	ipc_mounts_free(mounts);
	return same;
}

/* The kernel gives the lower half of the inode alone, where nobody has looked at the file. */
static bool is_file_of(int fd, const void *data)
{
	const struct wanted *wanted = data;
	const struct ipc_sock *sock = wanted->sock;
	struct ipc_file file;

	if (ipc_file_stat(NULL, fd, "", false, &file) < 0 || !S_ISSOCK(file.mode))
		return false;
	if (file.inode != sock->bound_inode && (uint32_t)file.inode != sock->bound_inode)
		return false;
	/* An inode number is given again, but not at the same time. A live socket keeps its own. */
	if (sock->stale && sock->base.birth != IPC_UNKNOWN_INT && file.birth != sock->base.birth)
		return false;
	return file.device == sock->bound_device || same_device(wanted->ctx, fd, sock->bound_device);
}

static int check_path(struct ipc_ctx *ctx, const struct ipc_sock *sock)
{
	if (sock->path.data && sock->bound_device != IPC_UNKNOWN)
		return 0;
	if (ipc_bytes_starts(sock->local, "@"))
		return ipc_ctx_fail(ctx, -EINVAL, "an abstract name has no file");
	if (sock->local.len)
		return ipc_ctx_fail(ctx, -EINVAL, "was bound by a relative path: where its file is cannot be told");
	return ipc_ctx_fail(ctx, -EINVAL, "has no file");
}

/* Where its file is, if its path leads to it still. */
struct place {
	int dir;
	char *name; /* borrowed from the path of the socket */
	int fd;     /* of the file, O_PATH */
};

static void leave(struct place *place)
{
	close(place->fd);
	close(place->dir);
}

/* The caller leaves. Returns 0 or -errno with text: -ENOENT or -ESTALE when it is not there. */
static int find_place(struct ipc_ctx *ctx, const struct ipc_sock *sock, struct place *out)
{
	struct wanted wanted = {ctx, sock};
	struct place place;
	int r = check_path(ctx, sock);

	if (r == 0)
		r = ipc_open_parent(ctx, sock->path, false, 0, &place.dir, &place.name);
	if (r)
		return r;
	place.fd = openat(place.dir, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place.fd < 0) {
		r = -errno;
		close(place.dir);
		return r == -ENOENT ? ipc_ctx_fail(ctx, r, "its file is gone, or lies in another mount namespace")
				    : ipc_ctx_fail(ctx, r, "its file cannot be reached: %s", strerror(-r));
	}
	if (!is_file_of(place.fd, &wanted)) {
		leave(&place);
		return ipc_ctx_fail(ctx, -ESTALE, "replaced: its path leads to another file by now");
	}
	*out = place;
	return 0;
}

/* ---- set --------------------------------------------------------------------------------------------------------- */

static int fail_owner(struct ipc_ctx *ctx, int error)
{
	if (error == -EPERM)
		return ipc_ctx_fail(ctx, error,
				    "you may not give it away: that needs CAP_CHOWN (root); its owner may give it to a "
				    "group that he is in");
	if (error == -EINVAL)
		return ipc_ctx_fail(ctx, error, "that user or group does not exist in this user namespace");
	return ipc_ctx_fail(ctx, error, "the owner cannot be changed: %s", strerror(-error));
}

/* There is no fchmod() for O_PATH descriptors before Linux 6.6. */
static int change_mode(struct ipc_ctx *ctx, int fd, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "self/fd/%d", fd);
	return fchmodat(ctx->proc_fd, path, mode, 0) < 0 ? -errno : 0;
}

int ipc_unix_set_file(struct ipc_ctx *ctx, int fd, unsigned given, const struct ipc_settings *settings, mode_t mode)
{
	uid_t owner = given & IPC_SET_OWNER ? (uid_t)settings->owner : (uid_t)-1;
	gid_t group = given & IPC_SET_GROUP ? (gid_t)settings->group : (gid_t)-1;
	struct stat before;
	int r = 0;

	if (fstat(fd, &before) < 0)
		return ipc_ctx_fail(ctx, -errno, "its file cannot be looked at: %s", strerror(errno));
	if (given & (IPC_SET_OWNER | IPC_SET_GROUP) && fchownat(fd, "", owner, group, AT_EMPTY_PATH) < 0)
		return fail_owner(ctx, -errno);
	if (given & IPC_SET_MODE)
		r = change_mode(ctx, fd, mode);
	else if (before.st_mode & 06000)
		r = change_mode(ctx, fd, before.st_mode & 07777); /* a new owner takes these bits away */
	if (r == 0)
		return 0;
	if (given & (IPC_SET_OWNER | IPC_SET_GROUP) &&
	    fchownat(fd, "", before.st_uid, before.st_gid, AT_EMPTY_PATH) < 0)
		return ipc_ctx_fail(ctx, r, "the mode cannot be changed: %s; the owner is changed", strerror(-r));
	return ipc_ctx_fail(ctx, r, "the mode cannot be changed: %s",
			    r == -EPERM ? "that is for its owner and root" : strerror(-r));
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	struct place place;
	int r = 0;

	if (sock->connected)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "a connection has no file of its own; set that of the listening socket");
	if (!sock->stale)
		r = check_alive(ctx, sock);
	if (r == 0)
		r = find_place(ctx, sock, &place);
	if (r)
		return r;
	r = ipc_unix_set_file(ctx, place.fd, settings->given, settings, (mode_t)settings->mode);
	leave(&place);
	return r;
}

/* ---- send -------------------------------------------------------------------------------------------------------- */

/*
 * Where to send to. A file is reached through its descriptor, so that it is this file whatever its path leads to; @place
 * is the caller's to leave when it has one (fd >= 0). Returns the size or -errno with text.
 */
static int address_of(struct ipc_ctx *ctx, const struct ipc_sock *sock, struct place *place, struct sockaddr_un *out)
{
	size_t len = sock->local.len;
	int r;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	place->fd = -1;
	if (!ipc_bytes_starts(sock->local, "@")) {
		r = find_place(ctx, sock, place);
		if (r)
			return r;
		snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d", place->fd);
		return sizeof(*out);
	}
	if (len > sizeof(out->sun_path))
		return ipc_ctx_fail(ctx, -ENAMETOOLONG, "its name is too long");
	memcpy(out->sun_path + 1, sock->local.data + 1, len - 1);
	return (int)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int connect_port(struct ipc_port *port, const struct ipc_sock *sock, ipc_deadline deadline)
{
	struct sockaddr_un address;
	struct place place;
	int r, len = address_of(port->ctx, sock, &place, &address);

	if (len < 0)
		return len;
	r = ipc_sock_connect(port->fd, &address, (unsigned)len, deadline);
	if (place.fd >= 0)
		leave(&place);
	return r ? ipc_sock_connect_fail(port->ctx, r) : 0;
}

/*
 * Not connected: connecting would change the state that the kernel shows of the other one, until it is closed. So each
 * datagram finds its way anew.
 */
static int send_datagram(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)port->object;
	struct sockaddr_un address;
	struct place place;
	int r, len = address_of(port->ctx, sock, &place, &address);

	if (len < 0)
		return len;
	r = ipc_sock_send_to(port, message, &address, (unsigned)len, deadline, sent);
	if (place.fd >= 0)
		leave(&place);
	return r;
}

static int send_message(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent)
{
	if (ipc_sock_type_number((const struct ipc_sock *)port->object) == SOCK_DGRAM)
		return send_datagram(port, message, deadline, sent);
	return ipc_sock_send(port, message, deadline, sent);
}

/* The kernel keeps 32 bytes of the buffer for itself. As much of it as an ordinary user may have. */
static size_t largest_message(int fd)
{
	int size = INT_MAX;
	socklen_t len = sizeof(size);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0 || size <= 32)
		return SIZE_MAX; /* the kernel will say */
	return (size_t)size - 32;
}

static int open_port(struct ipc_port *port, ipc_deadline deadline)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)port->object;
	int type = ipc_sock_type_number(sock);
	int r = ipc_sock_reachable(port->ctx, sock);
	struct sockaddr_un address;
	struct place place;

	if (r == 0)
		r = check_alive(port->ctx, sock);
	if (r)
		return r;
	port->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		return ipc_sock_open_fail(port->ctx, -errno);
	port->stream = type == SOCK_STREAM;
	if (!port->stream)
		port->limit = largest_message(port->fd);
	if (type != SOCK_DGRAM)
		return connect_port(port, sock, deadline);
	/* What stands in the way shall be told now, not with the first message. */
	r = address_of(port->ctx, sock, &place, &address);
	if (place.fd >= 0)
		leave(&place);
	return r < 0 ? r : 0;
}

/* ---- remove ------------------------------------------------------------------------------------------------------ */

static int unlink_file(struct ipc_ctx *ctx, const struct ipc_sock *sock, bool dry_run)
{
	struct wanted wanted = {ctx, sock};
	struct place place;
	struct stat st;
	int r = find_place(ctx, sock, &place);

	if (r)
		return r;
	if (fstat(place.fd, &st) < 0) {
		r = ipc_ctx_fail(ctx, -errno, "its file cannot be looked at: %s", strerror(errno));
	} else if (!dry_run) {
		const struct ipc_unlinking what = {.ctx = ctx,
						   .dir = place.dir,
						   .name = place.name,
						   .inode = st.st_ino, /* whole, where the kernel gives half of it */
						   .same = is_file_of,
						   .data = &wanted,
						   .rename = true};

		r = ipc_unlink_same(&what);
	}
	leave(&place);
	return r;
}

/* The number of an inode is given again, the cookie is not. */
static bool has_cookie(int fd, const void *data)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 && cookie == *(const uint64_t *)data;
}

static int copy_descriptor(struct ipc_ctx *ctx, const struct ipc_sock *sock)
{
	int r = check_alive(ctx, sock);

	if (r == 0)
		r = ipc_object_copy(ctx, &sock->base, has_cookie, &sock->cookie);
	if (r != -ESRCH)
		return r;
	return ipc_ctx_fail(
		ctx, geteuid() ? -EPERM : -EBUSY,
		"no process that has it can be seen: it belongs to another user, or its descriptor is on its "
		"way in a message");
}

static void tell(struct ipc_ctx *ctx, const struct ipc_sock *sock, bool dry_run, bool file_left)
{
	const struct ipc_holder *holder = sock->base.holders.items;
	const char *what = "both its ends read end of file and can no longer write";
	char comm[64];

	if (!sock->base.holders.count || holder->pid == IPC_UNKNOWN_INT)
		return;
	if (ipc_sock_is(sock, "LISTEN"))
		what = "its accept() fails with EINVAL, clients are refused, connections that it accepted stay";
	else if (ipc_sock_type_number(sock) == SOCK_DGRAM)
		what = "it reads empty messages, and who sends to it gets EPIPE";
	else if (ipc_sock_is(sock, "UNCONN"))
		what = "it can no longer be used";
	ipc_escape(holder->comm.data, holder->comm.len, comm, sizeof(comm));
	ipc_ctx_set_note(ctx, "%sshut down; process %" PRId64 " (%s) keeps it: %s%s", dry_run ? "to be " : "",
			 holder->pid, comm, what, file_left ? "; its path leads elsewhere, that file stays" : "");
}

/* While the copy is open, neither the socket nor the inode of its file can become another's. */
static int remove_live(struct ipc_ctx *ctx, const struct ipc_sock *sock, bool dry_run)
{
	bool has_file = !sock->connected && sock->path.data && sock->bound_device != IPC_UNKNOWN;
	int fd, r = 0;

	if (sock->base.inode == IPC_UNKNOWN || sock->cookie == IPC_UNKNOWN)
		return ipc_ctx_fail(ctx, -EBUSY,
				    "no process has it yet; it goes with the listening socket that shall accept it");
	fd = copy_descriptor(ctx, sock);
	if (fd < 0)
		return fd;
	/* First what may fail. */
	if (has_file)
		r = unlink_file(ctx, sock, dry_run);
	if (r == 0 || r == -ENOENT || r == -ESTALE || r == -ENOTDIR) {
		tell(ctx, sock, dry_run, r != 0);
		r = dry_run || shutdown(fd, SHUT_RDWR) == 0 || errno == ENOTCONN ? 0 : -errno;
		if (r)
			ipc_ctx_fail(ctx, r, "cannot be shut down: %s", strerror(-r));
	}
	close(fd);
	return r;
}

static int remove_object(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	/* Nothing can bind to a file that exists: a stale one stays stale. */
	return sock->stale ? unlink_file(ctx, sock, how->dry_run) : remove_live(ctx, sock, how->dry_run);
}

const struct ipc_changes ipc_changes_sock_unix = {
	.refuse = {IPC_SOCK_REFUSE},
	.create_takes = IPC_SET_PERMS | IPC_SET_TYPE | IPC_SET_BACKLOG,
	.set_takes = IPC_SET_PERMS,
	.creates_by = 1u << IPC_BY_PATH | 1u << IPC_BY_ABSTRACT,
	.creation_example = "/path",
	.send_needs = IPC_NEED_END,
	.remove_needs = IPC_NEED_HOLDERS,
	.create = ipc_unix_create,
	.set = set,
	.open = open_port,
	.send = send_message,
	.remove = remove_object,
};
