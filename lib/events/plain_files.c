/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FIFOs, socket files and POSIX objects by inotify, which tells names and what was done, but not by whom: its events, one by one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "events/plain_files.h"

#define QUEUE_MOST ((size_t)4 << 20) /* bytes of records that are handed on before more are made */

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
		ipc_plain_object_removed(plain, move->dir, move->name);
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

static int finish_move(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	struct ipc_plain_move *move = &plain->files->move;
	struct ipc_plain_file *from;
	char path[PATH_MAX], to[PATH_MAX];
	int r;

	if (!move->cookie || move->cookie != event->cookie)
		return -ENOENT;
	move->cookie = 0;
	if (move->is_dir) {
		if (join_path(move->dir, move->name, path) < 0 || join_path(dir, event->name, to) < 0 ||
		    move->dir->place != dir->place)
			return -ENOENT;
		r = ipc_plain_dirs_moved(plain, dir->place, path, to);
		/* Where its files are something else it is watched anew. */
		return r == 0 && !ipc_plain_dir_at(plain->files, dir->place, ipc_bytes_of(to)) ? -ENOENT : r;
	}
	from = ipc_plain_file_find(plain->files, move->dir, move->name);
	if (!from || from->removed || from->draft)
		return -ENOENT;
	return ipc_plain_object_renamed(plain, from, dir, event->name);
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

static int take_file(struct ipc_plain *plain, struct ipc_plain_dir *dir, const struct inotify_event *event)
{
	int r = 0;

	if (event->mask & IN_MOVED_FROM)
		return begin_move(plain, dir, event);
	if (event->mask & IN_MOVED_TO) {
		r = finish_move(plain, dir, event);
		/* What was called so before is there no more. */
		if (r == -ENOENT) {
			ipc_plain_object_removed(plain, dir, event->name);
			r = ipc_plain_object_created(plain, dir, event->name, true);
		}
		return r;
	}
	if (event->mask & IN_CREATE)
		return ipc_plain_object_created(plain, dir, event->name, false);
	if (event->mask & IN_DELETE)
		ipc_plain_object_removed(plain, dir, event->name);
	return ipc_plain_object_used(plain, dir, event->name, event->mask);
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
			ipc_plain_object_drop(files, only);
		return 0;
	}
	if (dir->only)
		return ipc_plain_object_used(plain, dir->only->dir, dir->only->name, event->mask);
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
		ipc_plain_object_gone(plain, file);
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

	/* Who makes files faster than this reads of them would keep it here for ever. */
	while (r == 0 && plain->queue.len < QUEUE_MOST && (len = read(plain->files->fd, buffer, sizeof(buffer))) > 0) {
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
