/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories with files that are objects, watched by inotify: those that a listing scans, those of files that were named, and
 * the mqueue file systems. A directory is watched first, and read then, so that no file is missed in between.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/list.h"
#include "events/plain_files.h"
#include "sources/mqueuefs.h"
#include "sources/scan.h"

#define SHM_DIR "/dev/shm"

/* ---- one directory -------------------------------------------------------------------------------------------------- */

struct visit {
	struct ipc_plain *plain;
	struct ipc_plain_place *place;
	const char *path; /* of dirs_come() */
	bool tell;
	bool deep;
};

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (!path[len] || path[len] == '/');
}

/* Of a directory that is not watched nothing is known later: said at the beginning, afterwards events are lost. */
static void note_unwatched(struct ipc_plain *plain, const char *path, int error)
{
	struct ipc_plain_files *files = plain->files;

	if (!plain->quiet) {
		ipc_plain_lose(plain);
		return;
	}
	files->unwatched++;
	files->unwatched_error = error;
	if (!files->first_unwatched)
		files->first_unwatched = strdup(path);
}

/*
 * @dir may have been reached by another path before, or through another mount: what is in /dev/shm, or a queue, is called after that
 * place all the same.
 */
static int settle_place(const struct visit *visit, struct ipc_plain_dir *dir, const char *shown, bool memory)
{
	if (dir->memory || dir->place->queues || !(memory || visit->place->queues))
		return 0;
	dir->place = visit->place;
	dir->memory = memory;
	return strcmp(dir->path, shown) == 0 ? 0 : ipc_plain_dir_rename(visit->plain->files, dir, shown);
}

/* @path: for inotify; @shown: what the files' paths begin with. */
static int watch(const struct visit *visit, const char *path, const char *shown)
{
	struct ipc_plain_files *files = visit->plain->files;
	bool memory = !visit->place->queues && is_below(shown, SHM_DIR);
	/* Nearly all that is opened in other directories is no object: there each FIFO is watched by itself. */
	bool whole = memory || visit->place->queues || !visit->deep;
	uint32_t mask = ipc_plain_object_mask(visit->plain, visit->place->queues, memory, whole);
	struct ipc_plain_dir *dir;
	int wd = inotify_add_watch(files->fd, path, mask | IN_ONLYDIR | IN_MASK_ADD);

	if (wd < 0) {
		if (errno == ENOSPC || errno == ENOMEM || errno == ENAMETOOLONG || errno == EACCES)
			note_unwatched(visit->plain, shown, errno);
		return 0;
	}
	dir = ipc_plain_dir_add(files, visit->place, wd, shown);
	if (!dir)
		return -ENOMEM;
	dir->deep |= visit->deep;
	dir->whole |= whole;
	return settle_place(visit, dir, shown, memory);
}

int ipc_plain_dirs_watch_file(struct ipc_plain *plain, struct ipc_plain_file *file)
{
	uint32_t all = ipc_plain_object_mask(plain, false, false, true);
	uint32_t mask = all & ~ipc_plain_object_mask(plain, false, false, false);
	struct ipc_plain_files *files = plain->files;
	struct ipc_plain_dir *watch;
	char path[PATH_MAX], root[PATH_MAX];
	int wd;

	if (file->raw != IPC_RAW_FIFO || file->dir->whole || file->watch || !mask)
		return 0;
	/* Below the root of its mount namespace, wherever the caller is. */
	if (snprintf(path, sizeof(path), "%s/%s", file->dir->path[1] ? file->dir->path : "", file->name) >=
		    (int)sizeof(path) ||
	    snprintf(root, sizeof(root), "/proc/self/fd/%d%s", file->dir->place->root, path) >= (int)sizeof(root))
		return 0;
	wd = inotify_add_watch(files->fd, root, mask | IN_DONT_FOLLOW);
	if (wd < 0) {
		if (errno == ENOSPC || errno == ENOMEM || errno == EACCES)
			note_unwatched(plain, path, errno);
		return 0;
	}
	/* By a hard link it may be watched already. */
	if (ipc_plain_dir_find(files, wd))
		return 0;
	watch = ipc_plain_dir_add(files, file->dir->place, wd, "");
	if (!watch)
		return -ENOMEM;
	watch->only = file;
	file->watch = watch;
	return 0;
}

static int enter(const char *path, void *data)
{
	return watch(data, path, path);
}

int ipc_plain_dirs_stat(const struct ipc_plain_dir *dir, const char *name, struct ipc_file *out)
{
	const struct ipc_plain_place *place = dir->place;
	char path[PATH_MAX];

	/* Below the root that the namespace's own processes have. */
	if (snprintf(path, sizeof(path), "%s%s%s", dir->path[0] ? dir->path + 1 : "",
		     dir->path[0] && dir->path[1] ? "/" : "", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return ipc_file_stat(place->mounts, place->root, path, false, out);
}

/* ---- scans ----------------------------------------------------------------------------------------------------------- */

static int take_entry(const struct visit *visit, const struct ipc_scan_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');
	struct ipc_bytes path = {entry->path, slash == entry->path ? 1 : (size_t)(slash - entry->path)};
	struct ipc_plain_dir *dir = ipc_plain_dir_at(visit->plain->files, visit->place, path);

	return dir ? ipc_plain_object_found(visit->plain, dir, slash + 1, &entry->file, visit->tell) : 0;
}

static void say_trouble(struct ipc_plain *plain, const struct ipc_scan_trouble *trouble)
{
	const struct ipc_source_want *want = &plain->want;

	if (plain->quiet && trouble->denied)
		want->blind(want->data, "files in %zu director%s, such as %s: needs CAP_DAC_READ_SEARCH (root)",
			    trouble->denied, trouble->denied == 1 ? "y" : "ies",
			    trouble->first_denied ? trouble->first_denied : "?");
}

static int scan(struct visit *visit, const char *const *dirs, size_t count, enum ipc_scan_types types)
{
	static const uint64_t modes[] = {S_IFIFO, S_IFSOCK, S_IFREG};
	const struct ipc_scan_entry *entry;
	struct ipc_scan *found = NULL;
	size_t i;
	int r;

	r = ipc_scan_new_telling(visit->plain->want.ctx, visit->place->mounts, dirs, count, types, enter, visit,
				 &found);
	for (i = 0; r == 0 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		size_t at = 0;

		while (r == 0 && (entry = ipc_scan_next(found, modes[i], &at)))
			r = take_entry(visit, entry);
	}
	if (r == 0)
		say_trouble(visit->plain, ipc_scan_trouble(found));
	ipc_scan_free(found);
	return r == -ENOMEM ? r : 0;
}

/* ---- mount namespaces ------------------------------------------------------------------------------------------------ */

#define FILE_VERBS                                                                                    \
	(IPC_PLAIN_BIT(CREATE) | IPC_PLAIN_BIT(OPEN) | IPC_PLAIN_BIT(CLOSE) | IPC_PLAIN_BIT(CHANGE) | \
	 IPC_PLAIN_BIT(BIND) | IPC_PLAIN_BIT(REMOVE))

static bool wants_memory(const struct ipc_plain *plain)
{
	return ipc_plain_wants(plain, IPC_RAW_SHM_POSIX, FILE_VERBS) ||
	       ipc_plain_wants(plain, IPC_RAW_SEM_POSIX, FILE_VERBS);
}

static bool wants_rendezvous(const struct ipc_plain *plain)
{
	return ipc_plain_wants(plain, IPC_RAW_FIFO, FILE_VERBS) ||
	       ipc_plain_wants(plain, IPC_RAW_SOCK_UNIX, FILE_VERBS);
}

/* Are FIFOs and socket files asked for by nothing but their paths? Then no directory has to be read but theirs. */
static bool are_named(const struct ipc_query *query)
{
	const struct ipc_kind *kind = NULL;
	bool selected = false;

	while ((kind = ipc_kind_next(kind)))
		if (kind->events && (kind->events->raw == IPC_RAW_FIFO || kind->events->raw == IPC_RAW_SOCK_UNIX))
			selected |= ipc_query_selects(query, kind);
	return query->target_count && !selected;
}

static int watch_target(struct visit *visit, const struct ipc_target *target)
{
	const struct ipc_source_want *want = &visit->plain->want;
	struct ipc_bytes path = target->ref.locator;
	const char *slash = memrchr(path.data, '/', path.len);
	const struct ipc_mount *mount;
	struct ipc_plain_dir *dir;
	struct ipc_file file;
	char parent[PATH_MAX], name[NAME_MAX + 1];
	size_t len = slash == path.data ? 1 : (size_t)(slash - path.data);
	size_t rest = path.len - (size_t)(slash + 1 - path.data);
	int r;

	if (len >= sizeof(parent) || rest > NAME_MAX || !rest || memchr(path.data, '\0', path.len))
		return 0;
	memcpy(parent, path.data, len);
	parent[len] = '\0';
	memcpy(name, slash + 1, rest);
	name[rest] = '\0';
	mount = visit->place->mounts ? ipc_mounts_of_path(visit->place->mounts, parent) : NULL;
	/* Another machine's doings are nothing that inotify tells. */
	if (mount && !mount->local)
		return 0;
	r = watch(visit, parent, parent);
	dir = ipc_plain_dir_at(visit->plain->files, visit->place, (struct ipc_bytes){parent, len});
	if (r == 0 && !dir && visit->plain->quiet)
		want->blind(want->data, "%s: its directory cannot be watched", target->ref.text);
	if (r == 0 && dir && ipc_plain_dirs_stat(dir, name, &file) == 0)
		r = ipc_plain_object_found(visit->plain, dir, name, &file, visit->tell);
	return r;
}

static int watch_targets(struct visit *visit)
{
	const struct ipc_query *query = visit->plain->want.query;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < query->target_count; i++) {
		const struct ipc_target *target = &query->targets[i];
		bool socket = strcmp(target->ref.class_name, "sock") == 0;

		if (target->ref.by == IPC_BY_PATH && (socket || !target->ref.ns || target->ref.ns == visit->place->ns))
			r = watch_target(visit, target);
	}
	return r;
}

static int scan_place(struct visit *visit)
{
	static const char *const shm_dirs[] = {SHM_DIR};
	const struct ipc_query *query = visit->plain->want.query;
	const char **dirs;
	size_t count;
	int r = 0;

	visit->deep = true;
	if (wants_rendezvous(visit->plain) && !are_named(query)) {
		dirs = ipc_query_scan_dirs(query, &count);
		r = dirs ? scan(visit, dirs, count, IPC_SCAN_RENDEZVOUS) : -ENOMEM;
		free(dirs);
	}
	if (r == 0 && wants_memory(visit->plain))
		r = scan(visit, shm_dirs, 1, IPC_SCAN_REGULAR);
	visit->deep = false;
	if (r == 0 && wants_rendezvous(visit->plain))
		r = watch_targets(visit);
	return r;
}

static struct ipc_plain_place *find_place(const struct ipc_plain_files *files, uint64_t ns, bool queues)
{
	struct ipc_plain_place *place = files->places;

	while (place && !(place->ns == ns && place->queues == queues))
		place = place->next;
	return place;
}

static struct ipc_plain_place *add_place(struct ipc_plain_files *files, uint64_t ns, bool queues)
{
	struct ipc_plain_place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->ns = ns;
	place->queues = queues;
	place->root = -1;
	place->next = files->places;
	files->places = place;
	return place;
}

/* Runs inside @ns. */
static int visit_mounts(struct ipc_plain *plain, const struct ipc_ns *ns)
{
	struct visit visit = {.plain = plain, .tell = !plain->quiet};

	visit.place = find_place(plain->files, ns->inode, false);
	if (!visit.place) {
		visit.place = add_place(plain->files, ns->inode, false);
		if (!visit.place)
			return -ENOMEM;
		visit.place->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		ipc_mounts_new(plain->want.ctx, &visit.place->mounts);
	}
	return visit.place->root < 0 ? 0 : scan_place(&visit);
}

/* ---- queues ---------------------------------------------------------------------------------------------------------- */

static int read_queues(const struct visit *visit)
{
	struct ipc_plain_dir *dir = ipc_plain_dir_at(visit->plain->files, visit->place, IPC_BYTES(""));
	int copy = openat(visit->place->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	struct ipc_file file;
	int r = 0;

	if (!names && copy >= 0)
		close(copy);
	while (dir && names && r == 0 && (entry = readdir(names)))
		if (ipc_plain_dirs_stat(dir, entry->d_name, &file) == 0)
			r = ipc_plain_object_found(visit->plain, dir, entry->d_name, &file, visit->tell);
	if (names)
		closedir(names);
	return r;
}

/* Runs inside @ns. What a detached mount shows is watched by its path below /proc. */
static int visit_queues(struct ipc_plain *plain, const struct ipc_ns *ns)
{
	const struct ipc_source_want *want = &plain->want;
	struct visit visit = {.plain = plain, .tell = !plain->quiet};
	char path[64];
	int r;

	visit.place = find_place(plain->files, ns->inode, true);
	if (!visit.place)
		visit.place = add_place(plain->files, ns->inode, true);
	if (!visit.place)
		return -ENOMEM;
	if (visit.place->root < 0) {
		visit.place->root = ipc_mqueuefs_open_here(want->ctx);
		if (visit.place->root == -EPERM)
			want->blind(want->data,
				    "POSIX message queues: needs CAP_SYS_ADMIN (root), or /dev/mqueue mounted in "
				    "this ipc namespace with a queue in it");
		if (visit.place->root < 0)
			return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", visit.place->root);
	r = watch(&visit, path, "");
	return r < 0 ? r : read_queues(&visit);
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static int visit_all(struct ipc_plain *plain)
{
	int r = 0;

	if (wants_memory(plain) || wants_rendezvous(plain))
		r = ipc_plain_each_place(plain, IPC_NS_MNT, visit_mounts);
	if (r == 0 && ipc_plain_wants(plain, IPC_RAW_MQ_POSIX, FILE_VERBS))
		r = ipc_plain_each_place(plain, IPC_NS_IPC, visit_queues);
	return r == -ENOMEM ? r : 0;
}

int ipc_plain_dirs_begin(struct ipc_plain *plain)
{
	const struct ipc_source_want *want = &plain->want;
	struct ipc_plain_files *files = plain->files;
	int r = visit_all(plain);

	if (files->unwatched && files->unwatched_error == ENOSPC)
		want->blind(want->data,
			    "files in %zu director%s, such as %s: the limit fs.inotify.max_user_watches is reached",
			    files->unwatched, files->unwatched == 1 ? "y" : "ies",
			    files->first_unwatched ? files->first_unwatched : "?");
	else if (files->unwatched)
		want->blind(want->data, "files in %zu director%s, such as %s: %s", files->unwatched,
			    files->unwatched == 1 ? "y" : "ies", files->first_unwatched ? files->first_unwatched : "?",
			    strerror(files->unwatched_error));
	return r;
}

int ipc_plain_dirs_again(struct ipc_plain *plain)
{
	return visit_all(plain);
}

static int scan_new(void *data)
{
	struct visit *visit = data;
	int r = 0;

	if (wants_rendezvous(visit->plain) && !are_named(visit->plain->want.query))
		r = scan(visit, &visit->path, 1, IPC_SCAN_RENDEZVOUS);
	if (r == 0 && wants_memory(visit->plain) && is_below(visit->path, SHM_DIR))
		r = scan(visit, &visit->path, 1, IPC_SCAN_REGULAR);
	return r;
}

int ipc_plain_dirs_come(struct ipc_plain *plain, struct ipc_plain_dir *in, const char *path, bool tell)
{
	const struct ipc_ns_set *places = &plain->want.query->run->places;
	const struct ipc_ns *ns = ipc_ns_set_find(places, IPC_NS_MNT, in->place->ns);
	struct visit visit = {.plain = plain, .place = in->place, .path = path, .tell = tell, .deep = true};
	int r = ns ? ipc_ns_call(plain->want.ctx, ns, scan_new, &visit) : 0;

	return r == -ENOMEM ? r : 0;
}

struct moving {
	struct ipc_plain_files *files;
	const struct ipc_plain_place *place;
	const char *path, *to;
};

static int move_dir(struct ipc_plain_dir *dir, void *data)
{
	const struct moving *moving = data;
	struct ipc_buf path = {0};
	int r;

	if (dir->only || dir->place != moving->place || !is_below(dir->path, moving->path))
		return 0;
	/* What is in /dev/shm is something else elsewhere. */
	if (!moving->to || is_below(moving->to, SHM_DIR) != dir->memory) {
		/* Watches of its files go with it: the walk has to begin anew. */
		inotify_rm_watch(moving->files->fd, dir->wd);
		ipc_plain_dir_drop(moving->files, dir);
		return 1;
	}
	r = ipc_buf_format(&path, "%s%s", moving->to, dir->path + strlen(moving->path));
	if (r == 0)
		r = ipc_plain_dir_rename(moving->files, dir, path.data);
	ipc_buf_release(&path);
	return r;
}

int ipc_plain_dirs_moved(struct ipc_plain *plain, struct ipc_plain_place *place, const char *path, const char *to)
{
	struct moving moving = {plain->files, place, path, to};
	int r;

	do
		r = ipc_plain_dir_each(plain->files, move_dir, &moving);
	while (r > 0);
	return r;
}
