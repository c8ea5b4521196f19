/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that POSIX shared memory and named semaphores are: those below /dev/shm, and those unlinked but still held. */
#include "classes/shm_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/classes.h"
#include "classes/held.h"
#include "holders/holders.h"
#include "model/keyset.h"
#include "sources/scan.h"

#define SHM_DIR "/dev/shm"
#define DELETED " (deleted)"

/* glibc: a prefix, and a file of just one sem_t. musl and 32-bit programs have other layouts: a file of theirs is listed as a segment. */
#define SEM_PREFIX "sem."
#define SEM_SIZE 32

static struct ipc_bytes below_shm_dir(struct ipc_bytes path)
{
	if (ipc_bytes_starts(path, SHM_DIR "/")) {
		path.data += strlen(SHM_DIR);
		path.len -= strlen(SHM_DIR);
	}
	return path;
}

bool ipc_shm_file_is_semaphore(const struct ipc_shm_file *file)
{
	const char *slash = memrchr(file->name.data, '/', file->name.len);
	const char *base = slash ? slash + 1 : file->name.data;
	size_t len = file->name.len - (size_t)(base - file->name.data);

	if (len <= strlen(SEM_PREFIX) || memcmp(base, SEM_PREFIX, strlen(SEM_PREFIX)) != 0)
		return false;
	return !file->known || file->file.size == SEM_SIZE;
}

static int open_dir(struct ipc_run *run)
{
	return openat(run->ctx->root_fd, run->ctx->captured ? &SHM_DIR[1] : SHM_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int each_listed(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data)
{
	struct ipc_scan *scan = ipc_run_shm_files(run);
	const struct ipc_scan_entry *entry;
	size_t at = 0;
	int r = 0;

	while (r == 0 && scan && (entry = ipc_scan_next(scan, S_IFREG, &at))) {
		struct ipc_shm_file file = {
			.name = below_shm_dir(ipc_bytes_of(entry->path)), .file = entry->file, .known = true};

		r = fn(run, kind, &file, data);
	}
	return r;
}

/* Held files on the superblock of /dev/shm that have no name any more, whatever path they are reported under. */
static int each_unlinked(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_mount *mount = mounts ? ipc_mounts_of_path(mounts, SHM_DIR) : NULL;
	const struct ipc_scan *scan = ipc_run_shm_files(run);
	struct ipc_holders *holders;
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	/* Where /dev/shm is no mount of its own, its device holds all kinds of files. */
	if (!mount || strcmp(mount->path, SHM_DIR) != 0)
		return 0;
	holders = ipc_run_holders(run);
	while (r == 0 && holders && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at))) {
		struct ipc_shm_file file = {.name = held->path, .deleted = true};

		if (held->key.device != mount->device || !ipc_bytes_ends(held->path, DELETED) ||
		    (held->mode && !S_ISREG(held->mode)))
			continue;
		/* glibc maps a new semaphore under a name that it unlinks: the file lives on under its own. */
		if (scan && ipc_scan_find(scan, held->key.device, held->key.inode))
			continue;
		file.known = ipc_held_stat(run, held, &file.file) == 0;
		/* A name may end in " (deleted)"; the count of links does not lie. */
		if (file.known && file.file.links > 0)
			continue;
		file.file.device = held->key.device;
		file.file.inode = held->key.inode;
		file.name.len -= strlen(DELETED);
		file.name = below_shm_dir(file.name);
		r = fn(run, kind, &file, data);
	}
	return r;
}

/* ---- those that somebody has --------------------------------------------------------------------------------------- */

/* The path that the kernel gives for another process leads to the file, right in the directory, and is its only name. */
static bool is_at_path(const struct ipc_mounts *mounts, int dir, const struct ipc_held *held, struct ipc_file *file)
{
	struct ipc_bytes name = below_shm_dir(held->path);

	if (name.len == held->path.len || memrchr(name.data, '/', name.len) != name.data)
		return false;
	return ipc_file_stat(mounts, dir, name.data + 1, false, file) == 0 && file->inode == held->key.inode &&
	       file->device == held->key.device && file->links == 1;
}

/*
 * The files of the one superblock that are held, each under its name, as the directory would list it. @fn may be NULL. Returns 0;
 * -ENODATA when only the directory can tell: a file has several names, or one that no holder knows (glibc maps a new
 * semaphore under a name that it unlinks); or what @fn returned.
 */
static int each_held(struct ipc_run *run, const struct ipc_kind *kind, int dir, ipc_shm_file_fn fn, void *data)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_mount *mount = mounts ? ipc_mounts_of_path(mounts, SHM_DIR) : NULL;
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	if (!mount || strcmp(mount->path, SHM_DIR) != 0 || !holders)
		return -ENODATA;
	while (r == 0 && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at))) {
		struct ipc_shm_file file = {.name = below_shm_dir(held->path), .known = true};

		if (held->key.device != mount->device || (held->mode && !S_ISREG(held->mode)))
			continue;
		if (!is_at_path(mounts, dir, held, &file.file)) {
			if (ipc_held_stat(run, held, &file.file) < 0 || file.file.links)
				return -ENODATA;
			file.deleted = true;
			if (ipc_bytes_ends(file.name, DELETED))
				file.name.len -= strlen(DELETED);
		}
		if (fn && !(file.deleted && ipc_run_named_only(run, kind)))
			r = fn(run, kind, &file, data);
	}
	return r;
}

/* True when the directory need not be read. */
static bool try_held(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data, int *result)
{
	int dir;

	if (!ipc_run_held_only(run))
		return false;
	dir = open_dir(run);
	/* All or none of them: what was handed on cannot be taken back. */
	*result = dir < 0 ? -ENODATA : each_held(run, kind, dir, NULL, NULL);
	if (*result == 0)
		*result = each_held(run, kind, dir, fn, data);
	if (dir >= 0)
		close(dir);
	return *result != -ENODATA;
}

/* ---- those asked for by name ------------------------------------------------------------------------------------- */

/*
 * Is nothing asked of @kind but by names? Then the directory, which may be large, need not be read. In directories below
 * it the scan has rules of its own (no links, no foreign mounts), so names with a further slash are left to it.
 */
static bool is_by_name(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_target *target;
	size_t at = 0;

	if (!ipc_run_only_targets(run, kind))
		return false;
	while ((target = ipc_run_next_target(run, kind->cls->name, &at))) {
		struct ipc_bytes name = target->ref.locator;

		if (ipc_target_may_name(target, kind) &&
		    (target->ref.by != IPC_BY_NAME || memrchr(name.data, '/', name.len) != name.data))
			return false;
	}
	return true;
}

struct asking {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	ipc_shm_file_fn fn;
	void *data;
	int dir;
	struct ipc_keyset met; /* a name may be asked for twice, and a file may have two names */
};

static int answer(struct asking *asking, const struct ipc_target *target, struct ipc_bytes path)
{
	struct ipc_shm_file file = {.name = path, .known = true};
	int r = ipc_file_stat(ipc_run_mounts(asking->run), asking->dir, path.data + 1, false, &file.file);

	if (r == -EACCES || r == -EPERM)
		ipc_run_deny_target(asking->run, target);
	if (r || !S_ISREG(file.file.mode))
		return 0;
	r = ipc_keyset_add(&asking->met,
			   (struct ipc_key){ipc_hash(path.data, path.len) | 1, file.file.device, file.file.inode});
	return r > 0 ? asking->fn(asking->run, asking->kind, &file, asking->data) : r;
}

/* "/name" is the file /name, or /sem.name */
static int ask(struct asking *asking, const struct ipc_target *target)
{
	bool semaphore = strcmp(asking->kind->cls->name, "sem") == 0;
	struct ipc_bytes name = target->ref.locator;

	name = ipc_arena_format(&asking->run->arena, "/%s%.*s", semaphore ? SEM_PREFIX : "", (int)name.len - 1,
				name.data + 1);
	return name.data ? answer(asking, target, name) : -ENOMEM;
}

static int each_asked(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data)
{
	struct asking asking = {.run = run, .kind = kind, .fn = fn, .data = data};
	const struct ipc_target *target;
	size_t at = 0;
	int r = 0;

	asking.dir = open_dir(run);
	if (asking.dir < 0)
		return 0;
	while (r == 0 && (target = ipc_run_next_target(run, kind->cls->name, &at)))
		if (ipc_target_may_name(target, kind))
			r = ask(&asking, target);
	close(asking.dir);
	ipc_keyset_release(&asking.met);
	return r;
}

int ipc_shm_files_each(struct ipc_run *run, const struct ipc_kind *kind, ipc_shm_file_fn fn, void *data)
{
	int r;

	if (is_by_name(run, kind))
		return each_asked(run, kind, fn, data);
	if (try_held(run, kind, fn, data, &r))
		return r;
	r = each_listed(run, kind, fn, data);
	if (r == 0 && !ipc_run_named_only(run, kind))
		r = each_unlinked(run, kind, fn, data);
	return r;
}

/* ---- what becomes of them ---------------------------------------------------------------------------------------- */

void ipc_shm_file_fill(struct ipc_object *object, const struct ipc_shm_file *file)
{
	static const struct ipc_bytes deleted[] = {{"deleted", 7}};

	object->name = file->name;
	object->dev = file->file.device;
	object->inode = file->file.inode;
	object->hold = object->wait = (struct ipc_key){IPC_SPACE_FILE, file->file.device, file->file.inode};
	object->status = file->deleted ? (struct ipc_list){deleted, 1} : IPC_EMPTY_LIST;
	if (!file->known)
		return;
	object->uid = file->file.uid;
	object->gid = file->file.gid;
	object->mode = file->file.mode & 07777;
	object->size = file->file.size;
	object->changed = file->file.changed;
	object->used = file->file.used;
	object->created = object->birth = file->file.birth;
}

void ipc_shm_file_names(const struct ipc_object *object, bool deleted, struct ipc_names *names)
{
	if (deleted || ipc_names_add_bytes(names, false, "", object->name))
		ipc_names_add_inode(names, false, object);
}
