/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stat() of a file that says which superblock it is on and never waits for a server. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#ifndef STATX_BASIC_STATS /* a C library that does not know the call yet, as musl before 1.2.4 */
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#define statx(...) ((int)syscall(SYS_statx, __VA_ARGS__))
#endif
#include <sys/sysmacros.h>

#include "model/record.h"
#include "sources/mounts.h"

/* Since 5.8; some C libraries have the structure without its name. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif
#define MOUNT_ID_OFFSET 0x90

static const struct ipc_mount *mount_of(const struct ipc_mounts *mounts, const struct statx *stx)
{
	uint64_t id;

	if (!mounts || !ipc_mounts_live(mounts) || !(stx->stx_mask & STATX_MNT_ID))
		return NULL;
	memcpy(&id, (const char *)stx + MOUNT_ID_OFFSET, sizeof(id));
	return ipc_mounts_find(mounts, id);
}

static int64_t to_ns(const struct statx_timestamp *when)
{
	int64_t ns;

	/* A file may carry any time that somebody gave it. */
	if (__builtin_mul_overflow(when->tv_sec, 1000000000ll, &ns) || __builtin_add_overflow(ns, when->tv_nsec, &ns) ||
	    ns == IPC_UNKNOWN_INT)
		return IPC_UNKNOWN_INT;
	return ns;
}

/* What is not known is the smallest number. */
static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int ipc_file_stat(const struct ipc_mounts *mounts, int dir, const char *path, bool follow, struct ipc_file *out)
{
	int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
	struct statx stx;
	uint64_t device;

	if (!follow)
		flags |= AT_SYMLINK_NOFOLLOW;
	if (!*path)
		flags |= AT_EMPTY_PATH;
	if (statx(dir, path, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &stx) < 0)
		return -errno;
	device = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	out->mount = mount_of(mounts, &stx);
	if (out->mount) {
		out->device = out->mount->device;
		out->device_proven = true;
	} else {
		/* btrfs and overlay give stat() devices of their own, which no mount has. */
		out->device = device;
		out->device_proven = mounts && ipc_mounts_live(mounts) && ipc_mounts_of_device(mounts, device);
	}
	out->inode = stx.stx_ino;
	out->mode = stx.stx_mode;
	out->uid = stx.stx_uid;
	out->gid = stx.stx_gid;
	out->size = stx.stx_size;
	out->links = stx.stx_nlink;
	out->blocks = stx.stx_blocks;
	out->changed = later(to_ns(&stx.stx_mtime), to_ns(&stx.stx_ctime));
	/* 0 is what a file system says that has room for a birth time but was never told. */
	out->birth = stx.stx_mask & STATX_BTIME && stx.stx_btime.tv_sec ? to_ns(&stx.stx_btime) : IPC_UNKNOWN_INT;
	out->used = later(later(out->changed, to_ns(&stx.stx_atime)), out->birth);
	return 0;
}
