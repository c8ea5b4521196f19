/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening the memory that an object is, through the processes that have it: what they have open, what they map. */
#include "classes/shm_reach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "classes/held.h"
#include "sources/mounts.h"
#include "sources/procfs.h"

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

/* Segments share a device with memfds and anonymous memory, and their ids are its inodes: the name tells them apart. */
static bool maps_object(const struct ipc_object *object, const struct ipc_map_line *line)
{
	bool segment = ipc_bytes_starts(line->path, "/SYSV");

	if (object->hold.space == IPC_SPACE_SHM)
		return segment && line->inode == object->id;
	return line->inode == object->inode && line->device == object->dev &&
	       !(segment && object->hold.space != IPC_SPACE_FILE);
}

static int append_map(struct ipc_shm_maps *maps, int64_t pid, const struct ipc_map_line *line)
{
	if (maps->count == maps->room) {
		size_t room = maps->room ? 2 * maps->room : 8;
		struct ipc_shm_map *grown = reallocarray(maps->items, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		maps->items = grown;
		maps->room = room;
	}
	maps->items[maps->count++] = (struct ipc_shm_map){.pid = pid,
							  .start = line->start,
							  .end = line->end,
							  .offset = line->offset,
							  .same = line->shared && line->read};
	return 0;
}

int ipc_shm_maps_add(struct ipc_ctx *ctx, const struct ipc_object *object, int64_t pid, struct ipc_shm_maps *maps)
{
	struct ipc_map_line line;
	struct ipc_buf text = {0};
	const char *at, *end;
	int r = ipc_proc_read(ctx, &text, "%" PRId64 "/maps", pid);

	at = text.data;
	end = at ? at + text.len : NULL;
	while (r == 0 && at && ipc_proc_next_map(&at, end, &line))
		if (maps_object(object, &line))
			r = append_map(maps, pid, &line);
	ipc_buf_release(&text);
	return r;
}

void ipc_shm_maps_release(struct ipc_shm_maps *maps)
{
	free(maps->items);
	*maps = (struct ipc_shm_maps){0};
}

int64_t ipc_shm_next_mapper(struct ipc_list holders, size_t *at)
{
	const struct ipc_holder *items = holders.items, *item;

	while (*at < holders.count) {
		item = &items[(*at)++];
		if (item->pid == IPC_UNKNOWN_INT || item->fd != IPC_UNKNOWN_INT)
			continue;
		/* The mappings of a process stand together. */
		if (item == items || item[-1].pid != item->pid || item[-1].fd != IPC_UNKNOWN_INT)
			return item->pid;
	}
	return 0;
}

/* ---- opening what was identified --------------------------------------------------------------------------------- */

bool ipc_shm_same_file(struct ipc_ctx *ctx, const struct ipc_object *object, int fd)
{
	struct ipc_mounts *mounts;
	struct ipc_file file;
	bool same;

	if (ipc_file_stat(NULL, fd, "", false, &file) < 0 || file.inode != object->inode || !S_ISREG(file.mode))
		return false;
	if (file.birth != IPC_UNKNOWN_INT && object->birth != IPC_UNKNOWN_INT)
		return file.birth == object->birth;
	if (file.device == object->dev)
		return true;
	/* On some file systems stat() says another device than the superblock's, which the table of mounts has. */
	if (ipc_mounts_new(ctx, &mounts) < 0)
		return false;
	same = ipc_file_stat(mounts, fd, "", false, &file) == 0 && file.device == object->dev;
	ipc_mounts_free(mounts);
	return same;
}

/*
 * Whoever has a write lease is the only one who has the file open: "lock: 1: LEASE  ACTIVE    WRITE 4711 00:1a:12 0 EOF". Where
 * all locks are listed, /proc/locks, is no place to look: that stops all locking on the host until each processor has been
 * through a grace period.
 */
static bool is_leased(struct ipc_ctx *ctx, int64_t pid, int64_t fd)
{
	struct ipc_buf text = {0};
	char type[16], access[16];
	const char *at;
	bool leased = false;

	if (ipc_proc_read(ctx, &text, "%" PRId64 "/fdinfo/%" PRId64, pid, fd) == 0 && text.len)
		for (at = text.data; !leased && (at = strstr(at, "lock:")); at++)
			leased = sscanf(at, "lock: %*s %15s %*s %15s", type, access) == 2 &&
				 (!strcmp(type, "LEASE") || !strcmp(type, "DELEG")) && strcmp(access, "READ") != 0;
	ipc_buf_release(&text);
	return leased;
}

int ipc_shm_open_found(struct ipc_ctx *ctx, int path)
{
	int fd = ipc_proc_open(ctx, O_NONBLOCK | O_NOATIME, "self/fd/%d", path);
	if (fd == -EPERM)
		fd = ipc_proc_open(ctx, O_NONBLOCK, "self/fd/%d", path);
	switch (fd) {
	case -EAGAIN:
		return ipc_ctx_fail(ctx, -EBUSY, "somebody holds a lease on it; try again");
	case -EACCES:
		return ipc_ctx_fail(ctx, fd, "it takes read permission");
	default:
		return fd < 0 ? ipc_ctx_fail(ctx, fd, "it cannot be opened: %s", strerror(-fd)) : fd;
	}
}

/* ---- through a process ------------------------------------------------------------------------------------------- */

/* What only the process can be asked for, and why the last of them could not give it. */
struct reaching {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	struct ipc_list holders;
	ipc_shm_same_fn same;
	int error; /* the most telling one so far; 0: none */
	int64_t pid;
	char text[sizeof(((struct ipc_ctx *)0)->error)];
};

/* That one has gone is the least to tell of; that a file may not be read tells more than who may not be asked. */
static int remember(struct reaching *reaching, int error, int64_t pid, bool text)
{
	bool gone = error == -ENOENT || error == -ESRCH;

	if ((gone && reaching->error) || (*reaching->text && !text))
		return error;
	reaching->error = gone ? -ESRCH : error;
	reaching->pid = pid;
	*reaching->text = '\0';
	if (text)
		memcpy(reaching->text, reaching->ctx->error, sizeof(reaching->text));
	return error;
}

/* Look at @path below /proc first: the number or the address may stand for something else by now. */
static int open_at(struct reaching *reaching, int64_t pid, const char *path)
{
	int found = ipc_proc_open(reaching->ctx, O_PATH, "%s", path), fd = -ESRCH;

	if (found < 0)
		return remember(reaching, found, pid, false);
	if (reaching->same(reaching->ctx, reaching->object, found)) {
		fd = ipc_shm_open_found(reaching->ctx, found);
		if (fd < 0)
			remember(reaching, fd, pid, true);
	} else {
		fd = remember(reaching, -ESRCH, pid, false);
	}
	close(found);
	return fd;
}

/* Who has a lease that to open the object would break; NULL: nobody. */
static const struct ipc_holder *find_lease(struct ipc_ctx *ctx, struct ipc_list holders)
{
	const struct ipc_holder *items = holders.items;
	size_t i;

	for (i = 0; i < holders.count; i++)
		if (items[i].pid != IPC_UNKNOWN_INT && items[i].fd != IPC_UNKNOWN_INT &&
		    is_leased(ctx, items[i].pid, items[i].fd))
			return &items[i];
	return NULL;
}

bool ipc_shm_is_leased(struct ipc_ctx *ctx, struct ipc_list holders)
{
	return find_lease(ctx, holders) != NULL;
}

static bool remember_lease(struct reaching *reaching)
{
	const struct ipc_holder *holder = find_lease(reaching->ctx, reaching->holders);

	if (!holder)
		return false;
	ipc_ctx_fail(reaching->ctx, -EBUSY, "process %" PRId64 " has a lease on it, which opening it would break",
		     holder->pid);
	remember(reaching, -EBUSY, holder->pid, true);
	return true;
}

/* A descriptor is opened anew, so that its position is ours alone. */
static int by_descriptor(struct reaching *reaching)
{
	const struct ipc_holder *items = reaching->holders.items;
	int fd = -ESRCH;
	char path[64];
	size_t i;

	for (i = 0; fd < 0 && i < reaching->holders.count; i++) {
		if (items[i].pid == IPC_UNKNOWN_INT || items[i].fd == IPC_UNKNOWN_INT)
			continue;
		snprintf(path, sizeof(path), "%" PRId64 "/fd/%" PRId64, items[i].pid, items[i].fd);
		fd = open_at(reaching, items[i].pid, path);
	}
	return fd;
}

static int by_mapping_of(struct reaching *reaching, int64_t pid)
{
	struct ipc_shm_maps maps = {0};
	int fd = ipc_shm_maps_add(reaching->ctx, reaching->object, pid, &maps);
	char path[96];
	size_t i;

	if (fd < 0)
		remember(reaching, fd, pid, false);
	else
		fd = -ESRCH;
	for (i = 0; fd < 0 && i < maps.count; i++) {
		snprintf(path, sizeof(path), "%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, pid, maps.items[i].start,
			 maps.items[i].end);
		fd = open_at(reaching, pid, path);
	}
	ipc_shm_maps_release(&maps);
	return fd;
}

static int by_mapping(struct reaching *reaching)
{
	size_t at = 0;
	int64_t pid;
	int fd = -ESRCH;

	/* Without the capability the first one tells what all others would. */
	while (fd < 0 && fd != -EPERM && (pid = ipc_shm_next_mapper(reaching->holders, &at)))
		fd = by_mapping_of(reaching, pid);
	return fd;
}

/* Whoever may ask for a copy may read what the holder may, whatever mode the file has by now; and no lease is broken. */
static int by_copy(struct reaching *reaching)
{
	const struct ipc_holder *items = reaching->holders.items;
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < reaching->holders.count; i++) {
		if (!ipc_bytes_starts(items[i].access, "r"))
			continue;
		fd = ipc_holder_copy(reaching->ctx, &items[i], reaching->object->inode, &st);
		if (fd >= 0 && reaching->same(reaching->ctx, reaching->object, fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ESRCH;
}

static int explain(const struct reaching *reaching)
{
	struct ipc_ctx *ctx = reaching->ctx;

	if (*reaching->text)
		return ipc_ctx_fail(ctx, reaching->error, "%s", reaching->text);
	switch (reaching->error) {
	case 0:
	case -ESRCH:
		return ipc_ctx_fail(ctx, -ESRCH, "no process that could be seen has it any more");
	case -EPERM:
		return ipc_ctx_fail(ctx, -EPERM,
				    "process %" PRId64 " maps it, and opening what a process maps takes "
				    "CAP_CHECKPOINT_RESTORE (root; before Linux 5.9 CAP_SYS_ADMIN)",
				    reaching->pid);
	case -EACCES:
		return ipc_ctx_fail(ctx, -EACCES,
				    "process %" PRId64 " has it, and may not be looked into by you; it takes ptrace "
				    "rights over that process or CAP_SYS_PTRACE (root)",
				    reaching->pid);
	default:
		return ipc_ctx_fail(ctx, reaching->error, "what process %" PRId64 " has of it cannot be opened: %s",
				    reaching->pid, strerror(-reaching->error));
	}
}

int ipc_shm_reach(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_list holders, ipc_shm_same_fn same,
		  struct ipc_shm_reached *out)
{
	struct reaching reaching = {.ctx = ctx, .object = object, .holders = holders, .same = same};
	bool shared = false, leased = remember_lease(&reaching);
	int fd = leased ? -EBUSY : by_descriptor(&reaching);
	const char *source = "file";

	if (fd < 0 && !leased) {
		source = "map_files";
		fd = by_mapping(&reaching);
	}
	if (fd < 0) {
		source = "pidfd_getfd";
		shared = true;
		fd = by_copy(&reaching);
	}
	if (fd < 0)
		return explain(&reaching);
	*out = (struct ipc_shm_reached){.fd = fd, .shared = shared, .source = source};
	return 0;
}
