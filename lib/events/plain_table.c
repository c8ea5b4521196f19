/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directories and files that are watched: directories by watch and by path, files by directory and name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "events/plain_files.h"

/* ---- directories --------------------------------------------------------------------------------------------------- */

static struct ipc_plain_dir **bucket_of_wd(const struct ipc_plain_files *files, int wd)
{
	return &files->dirs[(unsigned)wd * 0x9e3779b1u & (files->dir_room - 1)];
}

static struct ipc_plain_dir **bucket_of_path(const struct ipc_plain_files *files, struct ipc_bytes path)
{
	return &files->dirs_by_path[ipc_hash(path.data, path.len) & (files->dir_room - 1)];
}

static void put_path(struct ipc_plain_files *files, struct ipc_plain_dir *dir)
{
	struct ipc_plain_dir **bucket = bucket_of_path(files, ipc_bytes_of(dir->path));

	dir->next_path = *bucket;
	*bucket = dir;
}

static void take_path(struct ipc_plain_files *files, struct ipc_plain_dir *dir)
{
	struct ipc_plain_dir **at = bucket_of_path(files, ipc_bytes_of(dir->path));

	while (*at != dir)
		at = &(*at)->next_path;
	*at = dir->next_path;
}

static int grow_dirs(struct ipc_plain_files *files)
{
	struct ipc_plain_dir **old = files->dirs;
	size_t i, old_room = files->dir_room, room = old_room ? 2 * old_room : 64;
	struct ipc_plain_dir **dirs = calloc(room, sizeof(struct ipc_plain_dir *));
	struct ipc_plain_dir **by_path = calloc(room, sizeof(struct ipc_plain_dir *));

	if (!dirs || !by_path) {
		free(dirs);
		free(by_path);
		return -ENOMEM;
	}
	free(files->dirs_by_path);
	files->dirs = dirs;
	files->dirs_by_path = by_path;
	files->dir_room = room;
	for (i = 0; i < old_room; i++) {
		while (old[i]) {
			struct ipc_plain_dir *dir = old[i], **bucket = bucket_of_wd(files, dir->wd);

			old[i] = dir->next;
			dir->next = *bucket;
			*bucket = dir;
			put_path(files, dir);
		}
	}
	free(old);
	return 0;
}

struct ipc_plain_dir *ipc_plain_dir_find(const struct ipc_plain_files *files, int wd)
{
	struct ipc_plain_dir *dir = files->dir_room ? *bucket_of_wd(files, wd) : NULL;

	while (dir && dir->wd != wd)
		dir = dir->next;
	return dir;
}

struct ipc_plain_dir *ipc_plain_dir_at(const struct ipc_plain_files *files, const struct ipc_plain_place *place,
				       struct ipc_bytes path)
{
	struct ipc_plain_dir *dir = files->dir_room ? *bucket_of_path(files, path) : NULL;

	while (dir && !(dir->place == place && ipc_bytes_equal(ipc_bytes_of(dir->path), path)))
		dir = dir->next_path;
	return dir;
}

struct ipc_plain_dir *ipc_plain_dir_add(struct ipc_plain_files *files, struct ipc_plain_place *place, int wd,
					const char *path)
{
	struct ipc_plain_dir *dir = ipc_plain_dir_find(files, wd), **bucket;

	if (dir || (files->dir_count >= files->dir_room && grow_dirs(files) < 0))
		return dir;
	dir = calloc(1, sizeof(*dir));
	if (!dir)
		return NULL;
	dir->path = strdup(path);
	if (!dir->path) {
		free(dir);
		return NULL;
	}
	dir->place = place;
	dir->wd = wd;
	bucket = bucket_of_wd(files, wd);
	dir->next = *bucket;
	*bucket = dir;
	put_path(files, dir);
	files->dir_count++;
	return dir;
}

int ipc_plain_dir_rename(struct ipc_plain_files *files, struct ipc_plain_dir *dir, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	take_path(files, dir);
	free(dir->path);
	dir->path = copy;
	put_path(files, dir);
	return 0;
}

static int drop_if_in(struct ipc_plain_file *file, void *data)
{
	struct {
		struct ipc_plain_files *files;
		const struct ipc_plain_dir *dir;
	} *in = data;

	if (file->dir == in->dir)
		ipc_plain_file_drop(in->files, file);
	return 0;
}

void ipc_plain_dir_drop(struct ipc_plain_files *files, struct ipc_plain_dir *dir)
{
	struct {
		struct ipc_plain_files *files;
		const struct ipc_plain_dir *dir;
	} in = {files, dir};
	struct ipc_plain_dir **at = bucket_of_wd(files, dir->wd);

	if (dir->only)
		dir->only->watch = NULL;
	if (dir->files)
		ipc_plain_file_each(files, drop_if_in, &in);
	if (files->vanished_dir == dir)
		files->vanished_dir = NULL;
	if (files->move.dir == dir)
		files->move.cookie = 0;
	while (*at != dir)
		at = &(*at)->next;
	*at = dir->next;
	take_path(files, dir);
	free(dir->path);
	free(dir);
	files->dir_count--;
}

int ipc_plain_dir_each(struct ipc_plain_files *files, int (*fn)(struct ipc_plain_dir *dir, void *data), void *data)
{
	struct ipc_plain_dir *dir, *next;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < files->dir_room; i++) {
		for (dir = files->dirs[i]; r == 0 && dir; dir = next) {
			next = dir->next;
			r = fn(dir, data);
		}
	}
	return r;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static struct ipc_plain_file **bucket_of(const struct ipc_plain_files *files, const struct ipc_plain_dir *dir,
					 const char *name)
{
	uint64_t hash = ipc_hash(name, strlen(name)) + (uint64_t)dir->wd * 0x9e3779b97f4a7c15u;

	return &files->files[hash & (files->file_room - 1)];
}

static int grow_files(struct ipc_plain_files *files)
{
	struct ipc_plain_file **old = files->files;
	size_t i, old_room = files->file_room, room = old_room ? 2 * old_room : 64;

	files->files = calloc(room, sizeof(struct ipc_plain_file *));
	if (!files->files) {
		files->files = old;
		return -ENOMEM;
	}
	files->file_room = room;
	for (i = 0; i < old_room; i++) {
		while (old[i]) {
			struct ipc_plain_file *file = old[i], **bucket = bucket_of(files, file->dir, file->name);

			old[i] = file->next;
			file->next = *bucket;
			*bucket = file;
		}
	}
	free(old);
	return 0;
}

struct ipc_plain_file *ipc_plain_file_find(const struct ipc_plain_files *files, const struct ipc_plain_dir *dir,
					   const char *name)
{
	struct ipc_plain_file *file = files->file_room ? *bucket_of(files, dir, name) : NULL;

	while (file && !(file->dir == dir && strcmp(file->name, name) == 0))
		file = file->next;
	return file;
}

struct ipc_plain_file *ipc_plain_file_add(struct ipc_plain_files *files, struct ipc_plain_dir *dir, const char *name)
{
	struct ipc_plain_file *file = ipc_plain_file_find(files, dir, name), **bucket;

	if (file || (files->file_count >= files->file_room && grow_files(files) < 0))
		return file;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->name = strdup(name);
	if (!file->name) {
		free(file);
		return NULL;
	}
	file->dir = dir;
	bucket = bucket_of(files, dir, name);
	file->next = *bucket;
	*bucket = file;
	dir->files++;
	files->file_count++;
	return file;
}

void ipc_plain_file_drop(struct ipc_plain_files *files, struct ipc_plain_file *file)
{
	struct ipc_plain_file **at = bucket_of(files, file->dir, file->name);

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	if (file->watch) {
		inotify_rm_watch(files->fd, file->watch->wd);
		file->watch->only = NULL;
		ipc_plain_dir_drop(files, file->watch);
	}
	file->dir->files--;
	free(file->name);
	free(file->as);
	free(file);
	files->file_count--;
}

int ipc_plain_file_each(struct ipc_plain_files *files, int (*fn)(struct ipc_plain_file *file, void *data), void *data)
{
	struct ipc_plain_file *file, *next;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < files->file_room; i++) {
		for (file = files->files[i]; r == 0 && file; file = next) {
			next = file->next;
			r = fn(file, data);
		}
	}
	return r;
}

static int drop_file(struct ipc_plain_file *file, void *data)
{
	ipc_plain_file_drop(data, file);
	return 0;
}

static int free_dir(struct ipc_plain_dir *dir, void *data)
{
	(void)data;
	free(dir->path);
	free(dir);
	return 0;
}

void ipc_plain_table_release(struct ipc_plain_files *files)
{
	ipc_plain_file_each(files, drop_file, files);
	ipc_plain_dir_each(files, free_dir, NULL);
	free(files->files);
	free(files->dirs);
	free(files->dirs_by_path);
}
