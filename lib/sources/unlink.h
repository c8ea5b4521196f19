/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories reached without trusting links of strangers, and taking a file away by its identity rather than its name.
 */
#ifndef IPC_SOURCES_UNLINK_H
#define IPC_SOURCES_UNLINK_H

#include <sys/types.h>

#include "context.h"
#include "model/bytes.h"

/*
 * Open the directory that the absolute @path (in the normal form of references) lies in, from the root of the calling
 * thread, O_PATH: *@dir is the caller's to close, *@name points at the last component inside @path, which is terminated.
 * Symbolic links on the way are followed but where anybody may have put them: in a directory that others or a group may
 * write to, unless root, the caller or the owner of that directory owns the link. @make: make missing directories, with @make_mode.
 * Returns 0 or -errno with text: -ELOOP (such a link, or too many), -ENOENT, -ENOTDIR, -EACCES, -EINVAL (the path ends in
 * "..", or is the root), -ENAMETOOLONG.
 */
int ipc_open_parent(struct ipc_ctx *ctx, struct ipc_bytes path, bool make, mode_t make_mode, int *dir, char **name);
/*
 * The same for a @path that the caller did not choose: links are followed that root or the caller owns, and no others,
 * wherever they are.
 */
int ipc_open_parent_warily(struct ipc_ctx *ctx, struct ipc_bytes path, bool make, mode_t make_mode, int *dir,
			   char **name);

#define IPC_PRIVATE_PREFIX ".ipctool-"
#define IPC_PRIVATE_NAME_SIZE (sizeof(IPC_PRIVATE_PREFIX) + 32)
/* A name that nobody can know beforehand, so that nothing is ever in its place. Returns 0 or -errno with text. */
int ipc_private_name(struct ipc_ctx *ctx, char name[IPC_PRIVATE_NAME_SIZE]);
/* Is the last component of @path such a name? Then a removal was killed between the rename and the unlink. */
bool ipc_private_is(struct ipc_bytes path);
/* Rename in @dir without replacing anything: -EEXIST. Returns 0 or -errno, without text. */
int ipc_rename_new(int dir, const char *from, const char *to);

/* What is to be taken away. */
struct ipc_unlinking {
	struct ipc_ctx *ctx;
	int dir;          /* O_PATH or readable */
	const char *name; /* in it, one component */
	uint64_t inode;
	/*
	 * Is the file behind the O_PATH descriptor @fd the one that is meant? stat()'s device differs from the superblock's
	 * on some file systems, so the caller decides. NULL: inode alone.
	 */
	bool (*same)(int fd, const void *data);
	const void *data;
	bool rename; /* false: the file system has no rename (mqueue); the window is stated in the manual */
	/*
	 * Called when the file is out of reach under its private name, before it is unlinked: 0, or -errno to have it put
	 * back. NULL: nothing to ask.
	 */
	int (*last_look)(int fd, const void *data);
};

/*
 * Rename to a private name, compare, then unlink, or rename back. All signals are blocked meanwhile. Returns 0, -ENOENT
 * (no such name), -ESTALE (another file has the name; it was left or put back; when the name was taken meanwhile the
 * text says under which name it is now), what last_look() returned, or -errno, with text.
 */
int ipc_unlink_same(const struct ipc_unlinking *what);

/*
 * A write lease on the regular file behind @fd (O_RDONLY or O_RDWR, its only open file): proof that nobody else has it open or mapped. No signal
 * reaches the program when somebody asks for it back. Returns 0, -EAGAIN (in use), -EACCES (neither owner nor CAP_LEASE),
 * -EINVAL (the file system knows no leases). Given up when @fd is closed.
 */
int ipc_lease_take(int fd);
/* Is it still wholly ours? False once somebody waits to open the file. */
bool ipc_lease_kept(int fd);

#endif
