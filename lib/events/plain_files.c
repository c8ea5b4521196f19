/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FIFOs, socket files and POSIX objects by inotify, which tells names and what was done, but not by whom. What a name is, is
 * looked at once, when it appears.
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
#include <unistd.h>

#include "events/plain_files.h"

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
uint32_t ipc_plain_files_mask(const struct ipc_plain *plain, bool queues, bool memory, bool whole)
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
	if (renamed) {
		memcpy(paths + second, renamed, strlen(renamed));
		name.len = second + strlen(renamed);
	}
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

static void drop(struct ipc_plain_files *files, struct ipc_plain_file *file)
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

int ipc_plain_files_found(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name,
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

static int created(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, bool moved)
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
		r = ipc_plain_files_found(plain, dir, name, &now, true);
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

	if (files->vanished_dir != dir || !dir->memory || strcmp(files->vanished, name) != 0)
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
		drop(plain->files, file);
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

static void gone(struct ipc_plain *plain, struct ipc_plain_file *file)
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
		drop(files, file);
}

static void removed(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name)
{
	struct ipc_plain_file *file = ipc_plain_file_find(plain->files, dir, name);

	if (file)
		gone(plain, file);
}

/* ---- files move ------------------------------------------------------------------------------------------------------ */

static int join_path(const struct ipc_plain_dir *dir, const char *name, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s/%s", dir->path[1] ? dir->path : "", name);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* It went where nobody watches. */
static int end_move(struct ipc_plain *plain)
{
	struct ipc_plain_move *move = &plain->files->move;
	char path[PATH_MAX];
	int r = 0;

	if (!move->cookie)
		return 0;
	move->cookie = 0;
	if (!move->is_dir)
		removed(plain, move->dir, move->name);
	else if (join_path(move->dir, move->name, path) == 0)
		r = ipc_plain_dirs_moved(plain, move->dir->place, path, NULL);
	return r;
}

static int begin_move(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	struct ipc_plain_move *move = &plain->files->move;
	char *name = strdup(event->name);
	int r = end_move(plain);

	if (!name)
		return -ENOMEM;
	free(move->name);
	*move = (struct ipc_plain_move){event->cookie, dir, name, (event->mask & IN_ISDIR) != 0, false};
	return r;
}

/* The same file under another name: the table's entry goes over to it, unless it is no object there. */
static int rename_file(struct ipc_plain *plain, struct ipc_plain_file *from, struct ipc_plain_dir *dir,
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

	if (shown_name(IPC_RAW_FIFO, dir, name, path))
		tell_path(plain, from, IPC_EVENT_CHANGE, path);
	/* That what was there is gone is told with it. */
	if (over && over != from)
		drop(plain->files, over);
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

static int finish_move(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	struct ipc_plain_move *move = &plain->files->move;
	struct ipc_plain_file *from;
	char path[PATH_MAX], to[PATH_MAX];

	if (!move->cookie || move->cookie != event->cookie)
		return -ENOENT;
	move->cookie = 0;
	if (move->is_dir) {
		if (join_path(move->dir, move->name, path) < 0 || join_path(dir, event->name, to) < 0 ||
		    move->dir->place != dir->place)
			return -ENOENT;
		return ipc_plain_dirs_moved(plain, dir->place, path, to);
	}
	from = ipc_plain_file_find(plain->files, move->dir, move->name);
	if (!from || from->removed || from->draft)
		return -ENOENT;
	return rename_file(plain, from, dir, event->name);
}

/* ---- directories ----------------------------------------------------------------------------------------------------- */

static int take_dir(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	char path[PATH_MAX];
	int r;

	if (!dir->deep || dir->place->queues || join_path(dir, event->name, path) < 0)
		return 0;
	if (event->mask & IN_MOVED_FROM)
		return begin_move(plain, dir, event);
	if (event->mask & IN_MOVED_TO) {
		r = finish_move(plain, dir, event);
		return r == -ENOENT ? ipc_plain_dirs_come(plain, dir, path, false) : r;
	}
	return event->mask & IN_CREATE ? ipc_plain_dirs_come(plain, dir, path, true) : 0;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static int use_file(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, uint32_t mask)
{
	if (mask & IN_OPEN)
		return opened(plain, dir, name);
	if (mask & IN_CLOSE)
		closed(plain, dir, name, mask & IN_CLOSE_WRITE);
	else if (mask & (IN_ATTRIB | IN_MODIFY))
		changed(plain, dir, name, mask & IN_MODIFY);
	return 0;
}

static int take_file(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	int r = 0;

	if (event->mask & IN_MOVED_FROM)
		return begin_move(plain, dir, event);
	if (event->mask & IN_MOVED_TO) {
		r = finish_move(plain, dir, event);
		/* What was called so before is there no more. */
		if (r == -ENOENT) {
			removed(plain, dir, event->name);
			r = created(plain, dir, event->name, true);
		}
		return r;
	}
	if (event->mask & IN_CREATE)
		return created(plain, dir, event->name, false);
	if (event->mask & IN_DELETE)
		removed(plain, dir, event->name);
	return use_file(plain, dir, event->name, event->mask);
}

static int take(struct ipc_plain *plain, const struct inotify_event *event)
{
	struct ipc_plain_files *files = plain->files;
	struct ipc_plain_dir *dir;
	int r = 0;

	if (event->mask & IN_Q_OVERFLOW) {
		ipc_plain_lose(plain);
		files->overflowed = true;
	}
	/* The other half of a renaming comes right behind the first. */
	if (files->move.cookie && !(event->mask & IN_MOVED_TO && event->cookie == files->move.cookie))
		r = end_move(plain);
	dir = ipc_plain_dir_find(files, event->wd);
	if (r < 0 || !dir)
		return r;
	if (event->mask & (IN_IGNORED | IN_UNMOUNT)) {
		struct ipc_plain_file *only = dir->only;

		ipc_plain_dir_drop(files, dir);
		if (only && only->removed)
			drop(files, only);
		return 0;
	}
	if (dir->only)
		return use_file(plain, dir->only->dir, dir->only->name, event->mask);
	/* Events of the directory itself have no name. */
	if (!event->len)
		return 0;
	r = event->mask & IN_ISDIR ? take_dir(plain, dir, event) : take_file(plain, dir, event);
	if (!(event->mask & IN_CREATE))
		files->vanished_dir = NULL;
	return r;
}

static int drop_missing(struct ipc_plain_file *file, void *data)
{
	struct ipc_plain *plain = data;

	if (file->scan != plain->files->scan && !file->removed)
		gone(plain, file);
	return 0;
}

/* The state is right again after this; what happened in between is lost. */
static int start_over(struct ipc_plain *plain)
{
	int r;

	plain->files->overflowed = false;
	plain->files->scan++;
	r = ipc_plain_dirs_again(plain);
	return r < 0 ? r : ipc_plain_file_each(plain->files, drop_missing, plain);
}

/* A move whose other half has not come by the next read has none. */
static int wait_for_move(struct ipc_plain *plain)
{
	struct ipc_plain_move *move = &plain->files->move;

	if (!move->cookie)
		return 0;
	if (move->waited)
		return end_move(plain);
	move->waited = true;
	ipc_plain_again(plain);
	return 0;
}

int ipc_plain_files_read(struct ipc_plain *plain)
{
	char buffer[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len, at;
	int r = 0;

	while (r == 0 && (len = read(plain->files->fd, buffer, sizeof(buffer))) > 0) {
		for (at = 0; r == 0 && at < len;) {
			const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

			at += (ssize_t)(sizeof(*event) + event->len);
			r = take(plain, event);
		}
	}
	if (r == 0 && plain->files->overflowed)
		r = start_over(plain);
	if (r == 0)
		r = wait_for_move(plain);
	return r < 0 ? ipc_ctx_fail(plain->want.ctx, r, "%s", strerror(-r)) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

int ipc_plain_files_new(struct ipc_plain *plain)
{
	static const enum ipc_raw_kind kinds[] = {IPC_RAW_FIFO, IPC_RAW_MQ_POSIX, IPC_RAW_SHM_POSIX, IPC_RAW_SEM_POSIX,
						  IPC_RAW_SOCK_UNIX};
	const struct ipc_source_want *want = &plain->want;
	bool any = false;
	size_t i;
	int r;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		any |= want->settings->verbs[kinds[i]] != 0;
	if (!any)
		return 0;
	plain->files = calloc(1, sizeof(*plain->files));
	if (!plain->files)
		return -ENOMEM;
	plain->files->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (plain->files->fd < 0) {
		want->blind(want->data, "files of FIFOs, sockets and POSIX objects: %s",
			    errno == EMFILE ? "the limit fs.inotify.max_user_instances is reached" : strerror(errno));
		ipc_plain_files_free(plain->files);
		plain->files = NULL;
		return 0;
	}
	plain->files->scan = 1;
	r = ipc_plain_dirs_begin(plain);
	return r < 0 ? r : ipc_plain_poll(plain, plain->files->fd);
}

void ipc_plain_files_free(struct ipc_plain_files *files)
{
	if (!files)
		return;
	ipc_plain_table_release(files);
	while (files->places) {
		struct ipc_plain_place *place = files->places;

		files->places = place->next;
		if (place->root >= 0)
			close(place->root);
		ipc_mounts_free(place->mounts);
		free(place);
	}
	if (files->fd >= 0)
		close(files->fd);
	free(files->first_unwatched);
	free(files->vanished);
	free(files->move.name);
	free(files);
}
