/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that are watched: their directories (plain_dirs.c), a table of those that are objects (plain_table.c), what happens to them (plain_objects.c). */
#ifndef IPC_EVENTS_PLAIN_FILES_H
#define IPC_EVENTS_PLAIN_FILES_H

#include "events/plain.h"
#include "sources/mounts.h"

struct ipc_scan;

/* A mount namespace, or the mqueue file system of an ipc namespace. */
struct ipc_plain_place {
	struct ipc_plain_place *next;
	uint64_t ns;
	bool queues;
	int root; /* -1, or O_PATH: paths are looked up below it */
	struct ipc_mounts *mounts;
};

struct ipc_plain_dir {
	struct ipc_plain_dir *next, *next_path; /* of the same hash */
	struct ipc_plain_place *place;
	int wd;
	char *path;                  /* absolute; of queues "" */
	size_t files;                /* in the table */
	bool whole;                  /* all that is done with its files is told of */
	bool deep;                   /* what is below it is watched as well */
	struct ipc_plain_file *only; /* it is no directory, but this file */
	bool memory;                 /* /dev/shm, or below it: regular files are segments and semaphores */
};

/* A file that is an object, or that may become one. */
struct ipc_plain_file {
	struct ipc_plain_file *next; /* of the same hash */
	struct ipc_plain_dir *dir;
	char *name;
	enum ipc_raw_kind raw;
	uint64_t device, inode; /* 0: it was gone before it could be looked at */
	uint64_t mode, uid, gid, size;
	unsigned scan;               /* the last one that found it */
	uint64_t opens;              /* that were seen, less closes */
	bool made;                   /* it was made by open(2), whose opening is yet to come */
	bool draft;                  /* what sem_open() writes a semaphore to before it has its name */
	bool removed;                /* but somebody may have it open */
	char *as;                    /* of a draft: the path of the semaphore that it became */
	bool nameless;               /* of a draft: that semaphore was removed */
	struct ipc_plain_dir *watch; /* it is watched by itself; or NULL */
};

struct ipc_plain_files {
	int fd;                         /* inotify */
	struct ipc_plain_place *places; /* of all of them */
	struct ipc_plain_dir **dirs, **dirs_by_path;
	size_t dir_count, dir_room;
	struct ipc_plain_file **files;
	size_t file_count, file_room;
	size_t linked; /* drafts that are semaphores now */
	size_t drafts; /* that have not become a semaphore yet */
	unsigned scan;
	bool overflowed;
	size_t unwatched; /* directories beyond the limit of watches */
	char *first_unwatched;
	int unwatched_error;
	/* a name that was made and gone again when it was looked for: what comes next may tell what it was */
	struct ipc_plain_dir *vanished_dir;
	char *vanished;
	/* the first half of a renaming */
	struct ipc_plain_move {
		uint32_t cookie; /* 0: none */
		struct ipc_plain_dir *dir;
		char *name;
		bool is_dir;
		bool waited; /* the other half has had its chance */
	} move;
};

/* ---- plain_table.c ------------------------------------------------------------------------------------------------- */

struct ipc_plain_dir *ipc_plain_dir_find(const struct ipc_plain_files *files, int wd);
struct ipc_plain_dir *ipc_plain_dir_at(const struct ipc_plain_files *files, const struct ipc_plain_place *place,
				       struct ipc_bytes path);
/* Returns the directory of @wd, which may have been there; NULL without memory. */
struct ipc_plain_dir *ipc_plain_dir_add(struct ipc_plain_files *files, struct ipc_plain_place *place, int wd,
					const char *path);
/* Forget it and its files. */
void ipc_plain_dir_drop(struct ipc_plain_files *files, struct ipc_plain_dir *dir);
/* Call @fn for each until it returns non-zero; it may drop the one that it is given, and no other. */
int ipc_plain_dir_each(struct ipc_plain_files *files, int (*fn)(struct ipc_plain_dir *dir, void *data), void *data);
/* Another path. Returns 0 or -ENOMEM. */
int ipc_plain_dir_rename(struct ipc_plain_files *files, struct ipc_plain_dir *dir, const char *path);

struct ipc_plain_file *ipc_plain_file_find(const struct ipc_plain_files *files, const struct ipc_plain_dir *dir,
					   const char *name);
/* The one of that name, which may have been there; NULL without memory. */
struct ipc_plain_file *ipc_plain_file_add(struct ipc_plain_files *files, struct ipc_plain_dir *dir, const char *name);
void ipc_plain_file_drop(struct ipc_plain_files *files, struct ipc_plain_file *file);
/* As ipc_plain_dir_each(). */
int ipc_plain_file_each(struct ipc_plain_files *files, int (*fn)(struct ipc_plain_file *file, void *data), void *data);
void ipc_plain_table_release(struct ipc_plain_files *files);

/* ---- plain_dirs.c -------------------------------------------------------------------------------------------------- */

/* Watch what is asked for; its files are in the table then. Returns 0 or -ENOMEM. */
int ipc_plain_dirs_begin(struct ipc_plain *plain);
/* Watch @path, which has come below @in, and what is below it. @tell: what is there was made just now. Returns 0 or -ENOMEM. */
int ipc_plain_dirs_come(struct ipc_plain *plain, struct ipc_plain_dir *in, const char *path, bool tell);
/* @path below @place has gone elsewhere: forget it and what is below it; with @to it is called so now. Returns 0 or -ENOMEM. */
int ipc_plain_dirs_moved(struct ipc_plain *plain, struct ipc_plain_place *place, const char *path, const char *to);
/* Go through all of them again, after events were lost: tell what is new. Returns 0 or -ENOMEM. */
int ipc_plain_dirs_again(struct ipc_plain *plain);
/* Tell who opens and closes @file, where that is wanted and not told by its directory. Returns 0 or -ENOMEM. */
int ipc_plain_dirs_watch_file(struct ipc_plain *plain, struct ipc_plain_file *file);
/* Look at @name in @dir. Returns 0 or -errno. */
int ipc_plain_dirs_stat(const struct ipc_plain_dir *dir, const char *name, struct ipc_file *out);

/* ---- plain_objects.c ----------------------------------------------------------------------------------------------- */

/*
 * What inotify is to tell of the files of a directory, @whole: whatever is done with them, and not only that they come and go.
 */
uint32_t ipc_plain_object_mask(const struct ipc_plain *plain, bool queues, bool memory, bool whole);
/* The following return 0 or -ENOMEM. A directory's file that a scan found; @tell: it is new. */
int ipc_plain_object_found(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name,
			   const struct ipc_file *now, bool tell);
/* @moved: it was something else before, or elsewhere. */
int ipc_plain_object_created(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, bool moved);
/* It is opened, closed, changed: @mask. */
int ipc_plain_object_used(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name, uint32_t mask);
int ipc_plain_object_renamed(struct ipc_plain *plain, struct ipc_plain_file *from, struct ipc_plain_dir *dir,
			     const char *name);
void ipc_plain_object_removed(struct ipc_plain *plain, struct ipc_plain_dir *dir, const char *name);
/* The same for one of the table, which may keep it for as long as somebody may have it open. */
void ipc_plain_object_gone(struct ipc_plain *plain, struct ipc_plain_file *file);
/* Forget it. */
void ipc_plain_object_drop(struct ipc_plain_files *files, struct ipc_plain_file *file);

#endif
