/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Superblocks by mount id and by device, learnt from the mountinfo of whichever process they come up in. */
#include "holders/superblocks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Open addressing; a key of 0 is a free slot (no mount id and no device is 0). */
struct entry {
	uint64_t key;
	uint64_t value;
};

struct table {
	struct entry *slots;
	size_t room; /* a power of two */
	size_t count;
};

enum { ORDINARY = 1, INTERNAL = 2 };

struct ipc_superblocks {
	struct ipc_ctx *ctx;
	struct ipc_mounts *mounts;
	struct table ids;     /* mount id -> device; NO_DEVICE when no process told */
	struct table devices; /* device -> ORDINARY or INTERNAL */
	int64_t last_read;    /* the process whose mountinfo was read last */
	int error;            /* -EMFILE, -ENFILE: something could not be read */
};

#define NO_DEVICE UINT64_MAX

static struct entry *table_slot(const struct table *table, uint64_t key)
{
	size_t at;

	for (at = ipc_hash(&key, sizeof(key)) & (table->room - 1); table->slots[at].key && table->slots[at].key != key;)
		at = (at + 1) & (table->room - 1);
	return &table->slots[at];
}

static uint64_t table_get(const struct table *table, uint64_t key)
{
	return table->room ? table_slot(table, key)->value : 0;
}

static int table_put(struct table *table, uint64_t key, uint64_t value)
{
	struct table grown = *table;
	struct entry *slot;
	size_t i;

	if (key == 0)
		return 0;
	if (table->count >= table->room / 2) {
		grown.room = table->room ? table->room * 2 : 128;
		grown.slots = calloc(grown.room, sizeof(*grown.slots));
		if (!grown.slots)
			return -ENOMEM;
		for (i = 0; i < table->room; i++)
			if (table->slots[i].key)
				*table_slot(&grown, table->slots[i].key) = table->slots[i];
		free(table->slots);
		*table = grown;
	}
	slot = table_slot(table, key);
	if (!slot->key)
		table->count++;
	*slot = (struct entry){key, value};
	return 0;
}

static bool lacks_descriptors(int r)
{
	return r == -EMFILE || r == -ENFILE;
}

int ipc_superblocks_new(struct ipc_ctx *ctx, struct ipc_superblocks **out)
{
	struct ipc_superblocks *superblocks = calloc(1, sizeof(*superblocks));
	const struct ipc_mount *mount;
	size_t i;
	int r;

	if (!superblocks)
		return -ENOMEM;
	superblocks->ctx = ctx;
	superblocks->last_read = -1;
	r = ipc_mounts_new(ctx, &superblocks->mounts);
	if (r < 0 && r != -ENOMEM && !lacks_descriptors(r))
		r = 0; /* devices are then what stat() says */
	for (i = 0; r == 0 && superblocks->mounts && i < ipc_mounts_count(superblocks->mounts); i++) {
		mount = ipc_mounts_get(superblocks->mounts, i);
		r = table_put(&superblocks->ids, mount->id, mount->device);
		if (r == 0)
			r = table_put(&superblocks->devices, mount->device, ORDINARY);
	}
	if (r < 0) {
		ipc_superblocks_free(superblocks);
		return r;
	}
	*out = superblocks;
	return 0;
}

void ipc_superblocks_free(struct ipc_superblocks *superblocks)
{
	if (!superblocks)
		return;
	ipc_mounts_free(superblocks->mounts);
	free(superblocks->ids.slots);
	free(superblocks->devices.slots);
	free(superblocks);
}

const struct ipc_mounts *ipc_superblocks_mounts(const struct ipc_superblocks *superblocks)
{
	return superblocks->mounts;
}

/* "36 35 98:0 /mnt1 /mnt2 ...": the first and the third word of each line are all that is needed. */
static void read_mountinfo(struct ipc_superblocks *superblocks, int64_t pid)
{
	struct ipc_buf text = {0};
	unsigned major, minor;
	const char *line;
	uint64_t id;
	int r;

	if (superblocks->last_read == pid)
		return;
	superblocks->last_read = pid;
	r = ipc_proc_read(superblocks->ctx, &text, "%" PRId64 "/mountinfo", pid);
	if (lacks_descriptors(r)) {
		superblocks->error = r;
		superblocks->last_read = -1;
	}
	if (r == 0 && text.data) {
		for (line = text.data; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
			if (sscanf(line, "%" SCNu64 " %*u %u:%u", &id, &major, &minor) != 3)
				continue;
			table_put(&superblocks->ids, id, makedev(major, minor));
			table_put(&superblocks->devices, makedev(major, minor), ORDINARY);
		}
	}
	ipc_buf_release(&text);
}

/* A detached mount is in no mountinfo either; but a hugetlbfs made by an ordinary user does not exist. */
static bool may_be_hugetlbfs(struct ipc_superblocks *superblocks, const char *link)
{
	struct statfs fs;
	bool is = true;
	int fd;

	if (superblocks->ctx->captured)
		return true;
	fd = ipc_proc_open(superblocks->ctx, O_PATH, "%s", link);
	if (lacks_descriptors(fd))
		superblocks->error = fd;
	if (fd < 0)
		return true;
	if (fstatfs(fd, &fs) == 0)
		is = fs.f_type == HUGETLBFS_MAGIC;
	close(fd);
	return is;
}

bool ipc_superblocks_internal(struct ipc_superblocks *superblocks, uint64_t device, int64_t pid, const char *link)
{
	uint64_t known;

	if (major(device) != 0)
		return false;
	/*
	 * The kernel's own tmpfs is the first file system that it mounts at boot (mnt_init()). Huge pages have others
	 * of their own.
	 */
	if (device == makedev(0, 1))
		return true;
	known = table_get(&superblocks->devices, device);
	if (!known) {
		read_mountinfo(superblocks, pid);
		known = table_get(&superblocks->devices, device);
	}
	if (!known) {
		known = may_be_hugetlbfs(superblocks, link) ? INTERNAL : ORDINARY;
		if (!superblocks->error)
			table_put(&superblocks->devices, device, known);
	}
	return known == INTERNAL;
}

uint64_t ipc_superblocks_device(struct ipc_superblocks *superblocks, uint64_t device, int64_t pid, const char *base,
				const char *fd)
{
	struct ipc_buf text = {0};
	uint64_t id = 0, found;
	const char *at;
	int r;

	r = ipc_proc_read(superblocks->ctx, &text, "%s/fdinfo/%s", base, fd);
	if (lacks_descriptors(r))
		superblocks->error = r;
	if (r == 0 && text.data) {
		at = strstr(text.data, "mnt_id:");
		if (at)
			id = strtoull(at + strlen("mnt_id:"), NULL, 10);
	}
	ipc_buf_release(&text);
	if (id == 0)
		return device;
	found = table_get(&superblocks->ids, id);
	if (!found) {
		read_mountinfo(superblocks, pid);
		found = table_get(&superblocks->ids, id);
	}
	if (!found) {
		found = NO_DEVICE;
		if (!superblocks->error)
			table_put(&superblocks->ids, id, found);
	}
	return found == NO_DEVICE ? device : found;
}

int ipc_superblocks_error(struct ipc_superblocks *superblocks)
{
	int error = superblocks->error;

	superblocks->error = 0;
	return error;
}
