/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scan for files of some types: where it begins, what it keeps, and what it could not read. */
#include "sources/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/arena.h"
#include "sources/scan_walk.h"

#define LINKS_LIMIT 40 /* as the kernel has it */

static const unsigned looked_for[] = {
	[IPC_SCAN_RENDEZVOUS] = IPC_DT_BIT(IPC_DT_FIFO) | IPC_DT_BIT(IPC_DT_SOCK),
	[IPC_SCAN_FIFOS] = IPC_DT_BIT(IPC_DT_FIFO),
	[IPC_SCAN_SOCKETS] = IPC_DT_BIT(IPC_DT_SOCK),
	[IPC_SCAN_REGULAR] = IPC_DT_BIT(IPC_DT_REGULAR),
};

struct ipc_scan {
	struct ipc_arena arena;
	struct ipc_scan_entry *entries;
	size_t count, room;
	size_t *table; /* by identity: index + 1, open addressing, a power of two, never more than half full */
	size_t size;
	struct ipc_scan_trouble trouble;
};

/* ---- what was found -------------------------------------------------------------------------------------------- */

static size_t place_of(const struct ipc_scan *scan, uint64_t device, uint64_t inode)
{
	uint64_t pair[2] = {device, inode};
	size_t at = ipc_hash(pair, sizeof(pair)) & (scan->size - 1);

	while (scan->table[at]) {
		const struct ipc_file *file = &scan->entries[scan->table[at] - 1].file;

		if (file->device == device && file->inode == inode)
			break;
		at = (at + 1) & (scan->size - 1);
	}
	return at;
}

static int grow(struct ipc_scan *scan)
{
	size_t room = scan->room ? 2 * scan->room : 64, i;
	struct ipc_scan_entry *entries;
	size_t *table;

	entries = realloc(scan->entries, room * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	scan->entries = entries;
	table = calloc(2 * room, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(scan->table);
	scan->table = table;
	scan->size = 2 * room;
	scan->room = room;
	for (i = 0; i < scan->count; i++)
		table[place_of(scan, entries[i].file.device, entries[i].file.inode)] = i + 1;
	return 0;
}

int ipc_scan_keep(struct ipc_scan *scan, const struct ipc_buf *path, const struct ipc_file *file)
{
	struct ipc_bytes copy;
	size_t at;
	int r;

	if (scan->count == scan->room) {
		r = grow(scan);
		if (r < 0)
			return r;
	}
	at = place_of(scan, file->device, file->inode);
	if (scan->table[at])
		return 0;
	copy = ipc_arena_bytes(&scan->arena, path->data, path->len);
	if (!copy.data)
		return -ENOMEM;
	scan->entries[scan->count] = (struct ipc_scan_entry){.path = copy.data, .file = *file};
	scan->table[at] = ++scan->count;
	return 0;
}

void ipc_scan_note(size_t *count, char **first, const char *path)
{
	(*count)++;
	if (!*first)
		*first = strdup(path);
}

void ipc_scan_note_error(struct ipc_scan_trouble *trouble, int error, const char *path)
{
	/* It went away, or became something else: as if it had never been there. */
	if (error == ENOENT || error == ENOTDIR || error == ELOOP)
		return;
	if (error == EACCES || error == EPERM) {
		ipc_scan_note(&trouble->denied, &trouble->first_denied, path);
		return;
	}
	if (!trouble->failed)
		trouble->first_error = error;
	ipc_scan_note(&trouble->failed, &trouble->first_failed, path);
}

/* ---- where it begins ------------------------------------------------------------------------------------------- */

static const char *relative(const struct ipc_scan_walk *walk)
{
	if (walk->base == AT_FDCWD)
		return ipc_scan_shown(walk);
	return walk->path.len ? walk->path.data + 1 : ".";
}

/*
 * Follow the links in @dir by hand, into walk->path: before each step the table says whether somebody else would have
 * to answer. Returns 0, 1 when nothing may be looked at, or -errno.
 */
static int resolve(struct ipc_scan_walk *walk, const char *dir)
{
	struct ipc_buf rest = {0}, next = {0};
	char target[PATH_MAX];
	unsigned links = 0;
	char *at;
	int r;

	ipc_scan_cut(&walk->path, 0);
	r = ipc_buf_append(&rest, dir, strlen(dir));
	at = rest.data;
	while (r == 0) {
		const struct ipc_mount *mount =
			walk->mounts ? ipc_mounts_of_path(walk->mounts, ipc_scan_shown(walk)) : NULL;
		size_t before = walk->path.len, len;
		ssize_t n;

		if (!ipc_scan_may_enter(walk, mount)) {
			r = 1;
			break;
		}
		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (!len)
			break;
		if (len == 1 && at[0] == '.') {
			at++;
			continue;
		}
		if (len == 2 && at[0] == '.' && at[1] == '.') {
			while (before && walk->path.data[--before] != '/')
				;
			ipc_scan_cut(&walk->path, before);
			at += 2;
			continue;
		}
		if ((r = ipc_buf_append(&walk->path, "/", 1)) < 0 || (r = ipc_buf_append(&walk->path, at, len)) < 0)
			break;
		at += len;
		mount = walk->mounts ? ipc_mounts_of_path(walk->mounts, ipc_scan_shown(walk)) : NULL;
		if (mount && !mount->local)
			continue; /* said at the top of the loop */
		n = readlinkat(walk->base, relative(walk), target, sizeof(target));
		if (n < 0 && errno == EINVAL)
			continue;
		if (n < 0 || (size_t)n == sizeof(target) || ++links > LINKS_LIMIT) {
			r = n < 0 ? -errno : (size_t)n == sizeof(target) ? -ENAMETOOLONG : -ELOOP;
			break;
		}
		ipc_scan_cut(&walk->path, target[0] == '/' ? 0 : before);
		ipc_buf_clear(&next);
		if ((r = ipc_buf_append(&next, target, (size_t)n)) < 0 ||
		    (r = ipc_buf_append(&next, at, strlen(at))) < 0)
			break;
		ipc_buf_release(&rest);
		rest = next;
		next = (struct ipc_buf){0};
		at = rest.data;
	}
	ipc_buf_release(&rest);
	ipc_buf_release(&next);
	return r;
}

/* Is @path, or a directory that it is in, among those @done? */
static bool covered(const struct ipc_buf *path, char *const *done, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		size_t len = strlen(done[i]);

		if (path->len >= len && memcmp(path->data ? path->data : "", done[i], len) == 0 &&
		    (path->len == len || path->data[len] == '/'))
			return true;
	}
	return false;
}

static int walk_all(struct ipc_scan_walk *walk, const char *const *dirs, size_t count)
{
	char **done;
	size_t i, done_count = 0;
	int fd, r = 0;

	done = calloc(count + 1, sizeof(*done));
	if (!done)
		return -ENOMEM;
	for (i = 0; i < count && r == 0; i++) {
		r = resolve(walk, dirs[i]);
		if (r == -ENOMEM)
			break;
		if (r < 0)
			ipc_scan_note_error(walk->trouble, -r, dirs[i]);
		if (r != 0 || covered(&walk->path, done, done_count)) {
			r = 0;
			continue;
		}
		done[done_count] = strdup(walk->path.len ? walk->path.data : "");
		if (!done[done_count++]) {
			r = -ENOMEM;
			break;
		}
		fd = openat(walk->base, relative(walk), IPC_SCAN_OPEN);
		if (fd < 0)
			ipc_scan_note_error(walk->trouble, errno, ipc_scan_shown(walk));
		else
			r = ipc_scan_walk_down(
				walk, fd, walk->mounts ? ipc_mounts_of_path(walk->mounts, ipc_scan_shown(walk)) : NULL);
	}
	for (i = 0; i < done_count; i++)
		free(done[i]);
	free(done);
	return r;
}

int ipc_scan_new(struct ipc_ctx *ctx, const struct ipc_mounts *mounts, const char *const *dirs, size_t count,
		 enum ipc_scan_types types, struct ipc_scan **out)
{
	return ipc_scan_new_telling(ctx, mounts, dirs, count, types, NULL, NULL, out);
}

int ipc_scan_new_telling(struct ipc_ctx *ctx, const struct ipc_mounts *mounts, const char *const *dirs, size_t count,
			 enum ipc_scan_types types, ipc_scan_enter_fn enter, void *data, struct ipc_scan **out)
{
	struct ipc_scan *scan;
	struct ipc_scan_walk *walk;
	int r = -ENOMEM;

	scan = calloc(1, sizeof(*scan));
	walk = calloc(1, sizeof(*walk));
	if (scan && walk) {
		walk->scan = scan;
		walk->trouble = &scan->trouble;
		walk->mounts = mounts;
		walk->types = looked_for[types];
		walk->enter = enter;
		walk->enter_data = data;
		walk->base = ctx->captured ? ctx->root_fd : AT_FDCWD;
		r = walk_all(walk, dirs, count);
		ipc_buf_release(&walk->path);
		ipc_buf_release(&walk->names);
		free(walk->levels);
	}
	free(walk);
	if (r < 0)
		ipc_scan_free(scan);
	else
		*out = scan;
	return r;
}

void ipc_scan_free(struct ipc_scan *scan)
{
	if (!scan)
		return;
	ipc_arena_release(&scan->arena);
	free(scan->entries);
	free(scan->table);
	free(scan->trouble.first_denied);
	free(scan->trouble.first_failed);
	free(scan->trouble.first_foreign);
	free(scan);
}

const struct ipc_scan_entry *ipc_scan_next(const struct ipc_scan *scan, uint64_t type, size_t *at)
{
	while (*at < scan->count) {
		const struct ipc_scan_entry *entry = &scan->entries[(*at)++];

		if ((entry->file.mode & S_IFMT) == type)
			return entry;
	}
	return NULL;
}

const struct ipc_scan_entry *ipc_scan_find(const struct ipc_scan *scan, uint64_t device, uint64_t inode)
{
	size_t at;

	if (!scan->count)
		return NULL;
	at = scan->table[place_of(scan, device, inode)];
	return at ? &scan->entries[at - 1] : NULL;
}

const struct ipc_scan_trouble *ipc_scan_trouble(const struct ipc_scan *scan)
{
	return &scan->trouble;
}
