/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to files that are objects: which they are, what they are called, and what is told of them. What a name is, is looked at
 * once, when it appears.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "events/plain_files.h"
#include "sources/unlink.h"

#define SHM_DIR "/dev/shm"
/* glibc: "sem.NAME" is a file of one sem_t, made under a name of six letters and digits more and linked to its own. */
#define SEM_PREFIX "sem."
#define SEM_SIZE 32
#define DRAFT_LETTERS 6

/* ---- what is wanted ------------------------------------------------------------------------------------------------- */

/* Of what nobody named only the first open and the last close would be told, and nobody knows which these are. */
static bool wants(const struct ipc_plain *plain, enum ipc_raw_kind kind, uint32_t verb)
{
	return ipc_plain_wants(plain, kind, verb) && !plain->want.settings->edges[kind];
}

static bool wants_any(const struct ipc_plain *plain, bool queues, bool memory, uint32_t verb)
{
	if (queues)
		return wants(plain, IPC_RAW_MQ_POSIX, verb);
	return wants(plain, IPC_RAW_FIFO, verb) ||
	       (memory && (wants(plain, IPC_RAW_SHM_POSIX, verb) || wants(plain, IPC_RAW_SEM_POSIX, verb)));
}

/* Every open and close of any file in such a directory costs something, so they are asked for only when they are wanted. */
uint32_t ipc_plain_object_mask(const struct ipc_plain *plain, bool queues, bool memory, bool whole)
{
	uint32_t mask = IN_CREATE | IN_DELETE | IN_MOVE;

	if (!whole)
		return mask;
	if (wants_any(plain, queues, memory, IPC_PLAIN_BIT(OPEN)))
		mask |= IN_OPEN;
	if (wants_any(plain, queues, memory, IPC_PLAIN_BIT(CLOSE)))
		mask |= IN_OPEN | IN_CLOSE;
	if (wants_any(plain, queues, memory, IPC_PLAIN_BIT(CHANGE)))
		mask |= IN_ATTRIB;
	if (memory && wants(plain, IPC_RAW_SHM_POSIX, IPC_PLAIN_BIT(CHANGE)))
		mask |= IN_MODIFY;
	return mask;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static bool is_semaphore_name(const char *name)
{
	return strncmp(name, SEM_PREFIX, strlen(SEM_PREFIX)) == 0 && name[strlen(SEM_PREFIX)];
}

static bool is_draft_name(const char *name)
{
	size_t i, len = strlen(SEM_PREFIX);

	for (i = 0; i < DRAFT_LETTERS; i++)
		if (!is_semaphore_name(name) || !isalnum((unsigned char)name[len + i]))
			return false;
	return !name[len + i];
}

/* What the kind's objects are called; in @out. NULL: too long. */
static const char *shown_name(enum ipc_raw_kind raw, const struct ipc_plain_dir *dir, const char *name,
			      char out[PATH_MAX])
{
	const char *path = dir->path;
	bool memory = raw == IPC_RAW_SHM_POSIX || raw == IPC_RAW_SEM_POSIX;
	int len;

	if (memory)
		path += strlen(SHM_DIR);
	if (raw == IPC_RAW_SEM_POSIX && is_semaphore_name(name))
		name += strlen(SEM_PREFIX);
	len = snprintf(out, PATH_MAX, "%s/%s", path[0] == '/' && !path[1] ? "" : path, name);
	return len < PATH_MAX ? out : NULL;
}

static enum ipc_raw_kind kind_of(const struct ipc_plain_dir *dir, const char *name, const struct ipc_file *file)
{
	if (dir->place->queues)
		return S_ISREG(file->mode) ? IPC_RAW_MQ_POSIX : IPC_RAW_NONE;
	if (S_ISFIFO(file->mode))
		return IPC_RAW_FIFO;
	if (S_ISSOCK(file->mode))
		return IPC_RAW_SOCK_UNIX;
	if (!S_ISREG(file->mode) || !dir->memory)
		return IPC_RAW_NONE;
	return is_semaphore_name(name) && file->size == SEM_SIZE ? IPC_RAW_SEM_POSIX : IPC_RAW_SHM_POSIX;
}

/* ---- telling -------------------------------------------------------------------------------------------------------- */

static void identify(struct ipc_raw *raw, const struct ipc_plain_file *file)
{
	if (!raw)
		return;
	raw->inode = file->inode;
	raw->dev = major(file->device) << 20 | minor(file->device);
}

static struct ipc_raw *record(struct ipc_plain *plain, const struct ipc_plain_file *file, enum ipc_event_verb verb)
{
	char name[PATH_MAX];
	struct ipc_raw *raw;

	if (!file->as && !shown_name(file->raw, file->dir, file->name, name))
		return NULL;
	raw = ipc_plain_record(plain, file->raw, verb, file->dir->place->ns, ipc_bytes_of(file->as ? file->as : name));
	identify(raw, file);
	/* No name leads there any more. */
	if (raw && raw->inode && verb != IPC_EVENT_REMOVE && (file->as ? file->nameless : file->removed))
		raw->has |= IPC_RAW_LINKED;
	return raw;
}

/* What it is that @file was called, and @renamed is, files.c finds out: as for what BPF tells of paths. */
static void tell_path(struct ipc_plain *plain, const struct ipc_plain_file *file, enum ipc_event_verb verb,
		      const char *renamed)
{
	char paths[2 * PATH_MAX];
	struct ipc_bytes name = {paths, 0};
	struct ipc_raw *raw;
	size_t second;

	if (!shown_name(IPC_RAW_FIFO, file->dir, file->name, paths))
		return;
	name.len = strlen(paths);
	second = name.len + 1;
	/* Behind the NUL of the first. */
	if (renamed)
		name.len = second + (size_t)snprintf(paths + second, sizeof(paths) - second, "%s", renamed);
	raw = ipc_plain_record(plain, IPC_RAW_PATH, verb, file->dir->place->ns, name);
	identify(raw, file);
	if (raw) {
		raw->mode = (uint32_t)file->mode;
		raw->second = renamed ? (uint16_t)second : 0;
	}
}

static void tell_create(struct ipc_plain *plain, const struct ipc_plain_file *file, bool looked_at)
{
	struct ipc_raw *raw;

	/* Which socket is bound to it, a look finds out. */
	if (file->raw == IPC_RAW_SOCK_UNIX) {
		ipc_plain_looks_soon(plain);
		return;
	}
	raw = record(plain, file, IPC_EVENT_CREATE);
	if (!raw)
		return;
	raw->has = IPC_RAW_NEW;
	if (!looked_at)
		return;
	/* The owner of a new file is who made it. */
	raw->uid = (uint32_t)file->uid;
	raw->mode = file->mode & 07777;
	raw->has |= IPC_RAW_MODE;
}

static void remember(struct ipc_plain_file *file, enum ipc_raw_kind raw, const struct ipc_file *now)
{
	file->raw = raw;
	file->device = now->device;
	file->inode = now->inode;
	file->mode = now->mode;
	file->uid = now->uid;
	file->gid = now->gid;
	file->size = now->size;
}

/* ---- files come ------------------------------------------------------------------------------------------------------ */

/* @data leads to the semaphore, and to its draft when there is one. */
static int find_draft(struct ipc_plain_file *file, void *data)
{
	struct ipc_plain_file **found = data;
	const struct ipc_plain_file *semaphore = *found;

	if (!file->draft || file->as || file->dir != semaphore->dir ||
	    (file->inode && semaphore->inode && file->inode != semaphore->inode))
		return 0;
	*found = file;
	return 1;
}

/* A semaphore gets its name: what its maker has open goes on under the draft's. */
static int link_draft(struct ipc_plain *plain, const struct ipc_plain_file *semaphore)
{
	struct ipc_plain_file *draft = (struct ipc_plain_file *)semaphore;
	char name[PATH_MAX];

	if (!plain->files->drafts || !ipc_plain_file_each(plain->files, find_draft, &draft))
		return 0;
	plain->files->drafts--;
	draft->raw = IPC_RAW_SEM_POSIX;
	if (!draft->inode) {
		draft->device = semaphore->device;
		draft->inode = semaphore->inode;
	}
	plain->files->linked++;
	draft->as = shown_name(IPC_RAW_SEM_POSIX, semaphore->dir, semaphore->name, name) ? strdup(name) : NULL;
	return draft->as ? 0 : -ENOMEM;
}

static void forget_draft(struct ipc_plain_files *files, struct ipc_plain_file *file)
{
	if (file->draft && !file->as)
		files->drafts--;
	if (file->as)
		files->linked--;
	free(file->as);
	file->as = NULL;
	file->draft = file->nameless = false;
}

void ipc_plain_object_drop(struct ipc_plain_files *files, struct ipc_plain_file *file)
{
	forget_draft(files, file);
	ipc_plain_file_drop(files, file);
}

/* @now NULL: it was gone before it could be looked at, but it was of @raw. */
static int come(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, enum ipc_raw_kind raw,
		const struct ipc_file *now, bool tell)
{
	struct ipc_plain_file *file = ipc_plain_file_add(plain->files, dir, name);

	if (!file)
		return -ENOMEM;
	forget_draft(plain->files, file);
	if (file->watch && now && file->inode != now->inode)
		ipc_plain_dir_drop(plain->files, file->watch);
	file->opens = 0;
	file->removed = file->made = false;
	file->scan = plain->files->scan;
	if (now)
		remember(file, raw, now);
	else
		file->raw = raw, file->inode = 0;
	if (!tell)
		return ipc_plain_dirs_watch_file(plain, file);
	if (dir->memory && is_draft_name(name) && (!now || now->links < 2)) {
		file->draft = true;
		plain->files->drafts++;
		return 0;
	}
	tell_create(plain, file, now != NULL);
	return raw == IPC_RAW_SEM_POSIX ? link_draft(plain, file) : ipc_plain_dirs_watch_file(plain, file);
}

int ipc_plain_object_found(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name,
			   const struct ipc_file *now, bool tell)
{
	enum ipc_raw_kind raw = kind_of(dir, name, now);
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);

	if (raw == IPC_RAW_NONE)
		return 0;
	if (file && !file->removed && file->inode == now->inode && file->device == now->device) {
		file->scan = plain->files->scan;
		return 0;
	}
	return come(plain, dir, name, raw, now, tell);
}

static int set_vanished(struct ipc_plain_files *files, struct ipc_plain_dir *dir, const char *name)
{
	free(files->vanished);
	files->vanished_dir = dir;
	files->vanished = strdup(name);
	return files->vanished ? 0 : -ENOMEM;
}

int ipc_plain_object_created(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, bool moved)
{
	struct ipc_plain_file *file;
	struct ipc_file now;
	int r;

	if (ipc_plain_dirs_stat(dir, name, &now) < 0) {
		if (dir->place->queues)
			r = come(plain, dir, name, IPC_RAW_MQ_POSIX, NULL, true);
		else if (dir->memory && is_semaphore_name(name) && plain->files->drafts && !is_draft_name(name))
			r = come(plain, dir, name, IPC_RAW_SEM_POSIX, NULL, true);
		else
			r = set_vanished(plain->files, dir, name);
	} else {
		r = ipc_plain_object_found(plain, dir, name, &now, true);
	}
	file = r == 0 ? ipc_plain_file_find(plain->files, dir, name) : NULL;
	/* Regular files are made by opening them, but semaphores by a link. */
	if (file && !moved && file->raw != IPC_RAW_FIFO && file->raw != IPC_RAW_SOCK_UNIX &&
	    file->raw != IPC_RAW_SEM_POSIX)
		file->made = true;
	return r;
}

/* ---- files are used -------------------------------------------------------------------------------------------------- */

/* What has vanished was opened at once when it was made: then it was a regular file. */
static int opened_vanished(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name)
{
	struct ipc_plain_files *files = plain->files;
	struct ipc_plain_file *file;
	int r;

	if (!files->vanished_dir || files->vanished_dir != dir || !dir->memory || strcmp(files->vanished, name) != 0)
		return 0;
	r = come(plain, dir, name, IPC_RAW_SHM_POSIX, NULL, true);
	file = r == 0 ? ipc_plain_file_find(files, dir, name) : NULL;
	if (file)
		file->opens = 1;
	return r;
}

static int opened(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name)
{
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);

	if (!file)
		return opened_vanished(plain, dir, name);
	file->opens++;
	if (!file->made && !file->draft && file->raw != IPC_RAW_SOCK_UNIX)
		record(plain, file, IPC_EVENT_OPEN);
	file->made = false;
	return 0;
}

/* A draft that was never linked, and is still there, is no draft. */
static void settle_draft(struct ipc_plain *plain, struct ipc_plain_file *file)
{
	struct ipc_file now;

	file->draft = false;
	plain->files->drafts--;
	if (ipc_plain_dirs_stat(file->dir, file->name, &now) == 0)
		remember(file, kind_of(file->dir, file->name, &now), &now);
	tell_create(plain, file, true);
}

static void closed(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, bool written)
{
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);
	struct ipc_raw *raw;

	if (!file || file->raw == IPC_RAW_SOCK_UNIX)
		return;
	if (file->draft && !file->as)
		settle_draft(plain, file);
	raw = record(plain, file, IPC_EVENT_CLOSE);
	/* Who could write may have been able to read as well. */
	if (raw && !written)
		raw->has |= IPC_RAW_READ;
	file->made = false;
	if (file->opens)
		file->opens--;
	if (file->removed && !file->opens && !file->watch)
		ipc_plain_object_drop(plain->files, file);
}

static void changed(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, bool contents)
{
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);
	struct ipc_file now;
	struct ipc_raw *raw;

	if (!file || file->draft || file->removed || ipc_plain_dirs_stat(dir, name, &now) < 0 ||
	    now.inode != file->inode || (contents && (file->raw != IPC_RAW_SHM_POSIX || now.size == file->size)) ||
	    (!contents && now.mode == file->mode && now.uid == file->uid && now.gid == file->gid))
		return;
	remember(file, file->raw, &now);
	raw = file->raw == IPC_RAW_SOCK_UNIX ? NULL : record(plain, file, IPC_EVENT_CHANGE);
	if (raw && contents) {
		raw->bytes = now.size;
		raw->has |= IPC_RAW_SIZE;
	} else if (raw) {
		raw->mode = now.mode & 07777;
		raw->has |= IPC_RAW_MODE;
	}
}

/* ---- files go -------------------------------------------------------------------------------------------------------- */

/* What its maker has open under the draft's name has no name any more. */
static int unname_draft(struct ipc_plain_file *file, void *data)
{
	const struct ipc_plain_file *semaphore = data;

	if (file->as && file->inode == semaphore->inode && file->device == semaphore->device)
		file->nameless = true;
	return 0;
}

void ipc_plain_object_gone(struct ipc_plain *plain, struct ipc_plain_file *file)
{
	struct ipc_plain_files *files = plain->files;

	if (file->removed)
		return;
	if (!file->draft && file->raw == IPC_RAW_MQ_POSIX)
		record(plain, file, IPC_EVENT_REMOVE);
	else if (!file->draft)
		tell_path(plain, file, IPC_EVENT_REMOVE, NULL);
	if (file->raw == IPC_RAW_SEM_POSIX && !file->draft && files->linked)
		ipc_plain_file_each(files, unname_draft, file);
	/* Somebody may have it open, and closes it under this name. The end of a watch of its own tells that nobody has. */
	file->removed = true;
	if (file->draft ? !file->as : !file->opens && !file->watch)
		ipc_plain_object_drop(files, file);
}

void ipc_plain_object_removed(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name)
{
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);

	if (file)
		ipc_plain_object_gone(plain, file);
}

/* ---- files move ------------------------------------------------------------------------------------------------------ */

/* The same file under another name: the table's entry goes over to it, unless it is no object there. */
int ipc_plain_object_renamed(struct ipc_plain *plain, struct ipc_plain_file *from, struct ipc_plain_dir *dir,
			     const char *name)
{
	struct ipc_plain_file *over = ipc_plain_file_find(plain->files, dir, name), *to;
	struct ipc_file now = {.mode = from->mode, .size = from->size};
	enum ipc_raw_kind raw;
	char path[PATH_MAX];

	/* It was not at its old place any more when it was looked for there. */
	if (!from->inode && ipc_plain_dirs_stat(dir, name, &now) == 0)
		remember(from, from->raw, &now);
	raw = from->inode || !dir->memory ? kind_of(dir, name, &now) : from->raw;
	/* What is taken away remains what it was. */
	if (raw != IPC_RAW_NONE && ipc_private_is(ipc_bytes_of(name)))
		raw = from->raw;

	if (shown_name(IPC_RAW_FIFO, dir, name, path))
		tell_path(plain, from, IPC_EVENT_CHANGE, path);
	/* That what was there is gone is told with it. */
	if (over && over != from)
		ipc_plain_object_drop(plain->files, over);
	if (raw != IPC_RAW_NONE) {
		to = ipc_plain_file_add(plain->files, dir, name);
		if (!to)
			return -ENOMEM;
		to->raw = raw;
		to->device = from->device;
		to->inode = from->inode;
		to->mode = from->mode;
		to->uid = from->uid;
		to->gid = from->gid;
		to->size = from->size;
		to->opens = from->opens;
		to->scan = plain->files->scan;
		to->watch = from->watch;
		from->watch = NULL;
		if (to->watch)
			to->watch->only = to;
	}
	ipc_plain_file_drop(plain->files, from);
	return 0;
}

int ipc_plain_object_used(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, uint32_t mask)
{
	if (mask & IN_OPEN)
		return opened(plain, dir, name);
	if (mask & IN_CLOSE)
		closed(plain, dir, name, mask & IN_CLOSE_WRITE);
	else if (mask & (IN_ATTRIB | IN_MODIFY))
		changed(plain, dir, name, mask & IN_MODIFY);
	return 0;
}
