/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source of holders that works everywhere: /proc/PID/fd and /proc/PID/maps, one process after the other. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders/holders_index.h"
#include "holders/links.h"
#include "holders/superblocks.h"
#include "sources/namespaces.h"

#define MEMORY_SPACES (IPC_SPACE_BIT(IPC_SPACE_MEMFD) | IPC_SPACE_BIT(IPC_SPACE_ANON) | IPC_SPACE_BIT(IPC_SPACE_SHM))

#define NEWCOMER_ROUNDS 4

struct reader {
	struct ipc_ctx *ctx;
	const struct ipc_holders_want *want;
	struct ipc_holders *holders;
	struct ipc_superblocks *superblocks;
	bool same_pids; /* system calls and this /proc mean the same process by a number */
	uint64_t nsfs;  /* its device; 0: not to be looked for */
	struct ipc_buf text, link;
	struct ipc_links_ahead *ahead; /* NULL: not, or no more */
	/* of the process being read */
	struct ipc_process *process;
	char base[64]; /* "4711", "4711/task/4712" */
	bool denied;
	bool starved; /* threads that read ahead have the descriptors that it takes */
	size_t seen;  /* fds or mappings in the table being read */
};

static bool wants(const struct reader *reader, enum ipc_space space)
{
	return (reader->want->spaces & IPC_SPACE_BIT(space)) != 0;
}

/* What cannot be read of one process makes the answer incomplete; what has gone meanwhile is nobody's. */
static void note_error(struct reader *reader, int error)
{
	if (error >= 0 || error == -ENOENT || error == -ESRCH || reader->denied)
		return;
	if (reader->ahead && (error == -EMFILE || error == -ENFILE)) {
		reader->starved = true;
		return;
	}
	reader->denied = true;
	ipc_holders_hide(reader->holders, -error);
}

/* ---- what a name in /proc stands for ----------------------------------------------------------------------------- */

/* The names that the kernel gives to memory without a file. Ordinary files may have them too: only the device tells. */
static enum ipc_space space_by_name(struct ipc_bytes name)
{
	if (ipc_bytes_starts(name, "/memfd:"))
		return IPC_SPACE_MEMFD;
	if (ipc_bytes_starts(name, "/SYSV"))
		return IPC_SPACE_SHM;
	if (ipc_bytes_starts(name, "/dev/zero") || ipc_bytes_starts(name, "/anon_hugepage") ||
	    ipc_bytes_starts(name, "[anon_shmem:"))
		return IPC_SPACE_ANON;
	return IPC_SPACE_FILE;
}

/* The namespace that the process attached the segment in, unless it has moved to another since. */
static bool find_ipc_ns(struct reader *reader, uint64_t *ns)
{
	int r = 0;

	ipc_processes_load(reader->holders->processes, reader->process);
	*ns = reader->process->ipc_ns;
	/* A first thread that has ended is in none any more. */
	if (*ns == 0)
		r = ipc_proc_inode_link(reader->ctx, ns, "%s/ns/ipc", reader->base);
	if (r < 0)
		note_error(reader, r);
	return r == 0 || reader->ctx->captured;
}

/*
 * Fill in the key of @name with @device and @inode. @link: a magic link to it. Returns false when it is of no wanted
 * space.
 */
static bool find_key(struct reader *reader, struct ipc_bytes name, uint64_t device, uint64_t inode, const char *link,
		     struct ipc_key *key)
{
	enum ipc_space space = space_by_name(name);

	if (!ipc_superblocks_internal(reader->superblocks, device, reader->process->pid, link))
		space = IPC_SPACE_FILE;
	else if (space == IPC_SPACE_FILE)
		return false; /* memory of a driver */
	if (!wants(reader, space))
		return false;
	*key = (struct ipc_key){space, device, inode};
	return space != IPC_SPACE_SHM || find_ipc_ns(reader, &key->device);
}

static struct ipc_bytes path_of_key(struct ipc_key key, struct ipc_bytes name)
{
	return key.space == IPC_SPACE_ANON ? IPC_NO_BYTES : name;
}

/* ---- file descriptors -------------------------------------------------------------------------------------------- */

/*
 * The number behind @word in fdinfo of @fd; returns false when there is none. Needed where the links themselves lead
 * nowhere: in a captured tree.
 */
static bool read_fdinfo(struct reader *reader, const char *fd, const char *word, int base, uint64_t *out)
{
	const char *at;

	if (ipc_proc_read(reader->ctx, &reader->text, "%s/fdinfo/%s", reader->base, fd) < 0 || !reader->text.data)
		return false;
	at = strstr(reader->text.data, word);
	if (!at)
		return false;
	*out = strtoull(at + strlen(word), NULL, base);
	return true;
}

static uint8_t access_by_flags(struct reader *reader, const char *fd)
{
	static const uint8_t by_mode[] = {1, 2, 3, 0};
	uint64_t flags;

	if (!read_fdinfo(reader, fd, "flags:", 8, &flags) || (flags & O_PATH))
		return 0;
	return by_mode[flags & O_ACCMODE];
}

static int read_access(struct reader *reader, int dir, const char *fd, uint8_t *access)
{
	int r;

	if (!reader->ctx->captured) {
		r = ipc_link_access(dir, fd, access);
		note_error(reader, r);
		return r;
	}
	*access = access_by_flags(reader, fd);
	return 0;
}

/* In a captured tree the file behind a path is the one below its root, or else what fdinfo (since 5.14) says of it. */
static int stat_captured(struct reader *reader, const char *fd, struct ipc_bytes name, struct ipc_file *file)
{
	int r = -ENOENT;

	if (name.len > 1)
		r = ipc_file_stat(ipc_superblocks_mounts(reader->superblocks), reader->ctx->root_fd, name.data + 1,
				  false, file);
	if (r == 0)
		return 0;
	if (!read_fdinfo(reader, fd, "ino:", 10, &file->inode))
		return -ENOENT;
	file->mode = IPC_UNKNOWN;
	/* On a mount that nobody has, it is the kernel's own. */
	file->device =
		ipc_superblocks_device(reader->superblocks, makedev(0, 1), reader->process->pid, reader->base, fd);
	return 0;
}

static int stat_fd(struct reader *reader, int dir, const char *fd, struct ipc_bytes name, struct ipc_file *file)
{
	if (reader->ctx->captured)
		return stat_captured(reader, fd, name, file);
	return ipc_file_stat(ipc_superblocks_mounts(reader->superblocks), dir, fd, true, file);
}

/* ---- namespaces -------------------------------------------------------------------------------------------------- */

static int add_namespace(struct reader *reader, int dir, const char *fd, struct ipc_holders_seen *seen)
{
	seen->key.space = IPC_SPACE_NS;
	seen->mode = S_IFREG | 0444;
	return read_access(reader, dir, fd, &seen->access) < 0 ? 0 : ipc_holders_add(reader->holders, seen);
}

/* "net:[4026531840]" of a type that is wanted? */
static bool parse_namespace(struct ipc_bytes name, struct ipc_key *key)
{
	char prefix[16];
	int type;

	for (type = IPC_NS_NONE + 1; type < IPC_NS_TYPES; type++) {
		snprintf(prefix, sizeof(prefix), "%s:[", ipc_ns_type_name((enum ipc_ns_type)type));
		if (ipc_link_parse(name, prefix, &key->inode)) {
			key->device = (uint64_t)type;
			return true;
		}
	}
	return false;
}

/*
 * The type of the namespace that @fd leads to, whatever its name. What is opened for reading must be known to be one:
 * meanwhile the fd may have become another file, such as a FIFO whose writer would notice.
 */
static enum ipc_ns_type namespace_type(struct reader *reader, int dir, const char *fd, uint64_t *inode)
{
	int place = openat(dir, fd, O_PATH | O_CLOEXEC), file = -1, type = 0;
	char self[32];
	struct stat st;

	if (place < 0) {
		note_error(reader, -errno);
		return IPC_NS_NONE;
	}
	if (fstat(place, &st) == 0 && st.st_dev == reader->nsfs) {
		snprintf(self, sizeof(self), "self/fd/%d", place);
		file = openat(reader->ctx->proc_fd, self, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			note_error(reader, -errno);
	}
	close(place);
	if (file < 0)
		return IPC_NS_NONE;
	*inode = st.st_ino;
	type = ioctl(file, NS_GET_NSTYPE);
	close(file);
	switch (type) {
	case CLONE_NEWIPC:
		return IPC_NS_IPC;
	case CLONE_NEWNET:
		return IPC_NS_NET;
	case CLONE_NEWNS:
		return IPC_NS_MNT;
	default:
		return IPC_NS_NONE;
	}
}

/* One that was opened where it is mounted bears the name of that place. */
static int add_mounted_namespace(struct reader *reader, int dir, const char *fd, struct ipc_holders_seen *seen)
{
	seen->key.device = namespace_type(reader, dir, fd, &seen->key.inode);
	return seen->key.device == IPC_NS_NONE ? 0 : add_namespace(reader, dir, fd, seen);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int add_file(struct reader *reader, int dir, const char *fd, struct ipc_bytes name,
		    struct ipc_holders_seen *seen)
{
	struct ipc_file file = {0};
	char link[sizeof(reader->base) + 32];
	int r;

	if (!wants(reader, IPC_SPACE_FILE) && !reader->nsfs && space_by_name(name) == IPC_SPACE_FILE)
		return 0;
	r = stat_fd(reader, dir, fd, name, &file);
	if (r < 0) {
		note_error(reader, r);
		return 0;
	}
	if (file.mode != IPC_UNKNOWN && !ipc_holders_wants_mode(file.mode))
		return 0;
	if (reader->nsfs && file.device == reader->nsfs)
		return add_mounted_namespace(reader, dir, fd, seen);
	snprintf(link, sizeof(link), "%s/fd/%s", reader->base, fd);
	if (!find_key(reader, name, file.device, file.inode, link, &seen->key))
		return 0;
	/* Opened below map_files: not an attachment, nor surely of this process's namespace. */
	if (seen->key.space == IPC_SPACE_SHM)
		return 0;
	if (seen->key.space == IPC_SPACE_FILE && !file.device_proven && !reader->ctx->captured)
		seen->key.device = ipc_superblocks_device(reader->superblocks, file.device, reader->process->pid,
							  reader->base, fd);
	seen->mode = file.mode != IPC_UNKNOWN ? file.mode : 0;
	seen->path = path_of_key(seen->key, name);
	if (!ipc_holders_wants_key(reader->holders, seen->key))
		return 0;
	r = read_access(reader, dir, fd, &seen->access);
	return r < 0 ? 0 : ipc_holders_add(reader->holders, seen);
}

static int add_fd(struct reader *reader, int dir, const char *fd)
{
	struct ipc_holders_seen seen = {.process = reader->process, .fd = atoi(fd)};
	char target[PATH_MAX + 1];
	struct ipc_bytes name;
	ssize_t n;

	n = readlinkat(dir, fd, target, sizeof(target) - 1);
	/* One so deep that its path is too long to be told. */
	if (n < 0 && errno == ENAMETOOLONG)
		return add_file(reader, dir, fd, IPC_NO_BYTES, &seen);
	if (n < 0) {
		note_error(reader, -errno);
		return 0;
	}
	target[n] = '\0';
	name = (struct ipc_bytes){target, n};
	if (target[0] == '/')
		return add_file(reader, dir, fd, name, &seen);
	if (wants(reader, IPC_SPACE_SOCKET) && ipc_link_parse(name, "socket:[", &seen.key.inode)) {
		seen.key.space = IPC_SPACE_SOCKET;
		seen.mode = S_IFSOCK | 0777;
		seen.access = 3;
		return ipc_holders_add(reader->holders, &seen);
	}
	if (wants(reader, IPC_SPACE_PIPE) && ipc_link_parse(name, "pipe:[", &seen.key.inode)) {
		seen.key.space = IPC_SPACE_PIPE;
		seen.mode = S_IFIFO | 0600;
		if (!ipc_holders_wants_key(reader->holders, seen.key))
			return 0;
		return read_access(reader, dir, fd, &seen.access) < 0 ? 0 : ipc_holders_add(reader->holders, &seen);
	}
	if (wants(reader, IPC_SPACE_NS) && parse_namespace(name, &seen.key))
		return add_namespace(reader, dir, fd, &seen);
	return 0;
}

static int read_fds(struct reader *reader)
{
	struct dirent *entry;
	DIR *dir;
	int r;

	reader->seen = 0;
	r = ipc_proc_opendir(reader->ctx, &dir, "%s/fd", reader->base);
	if (r < 0) {
		note_error(reader, r);
		return r == -ENOMEM ? r : 0;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		reader->seen++;
		r = add_fd(reader, dirfd(dir), entry->d_name);
	}
	closedir(dir);
	return r;
}

/* The same as add_fd(), when the link has been read already. */
static int add_link(struct reader *reader, int dir, const struct ipc_link *link)
{
	struct ipc_holders_seen seen = {
		.key = {IPC_SPACE_SOCKET, 0, link->inode},
		.process = reader->process,
		.mode = S_IFSOCK | 0777,
		.fd = link->fd,
		.access = link->access,
	};
	char fd[16];

	if (link->kind == IPC_LINK_OTHER) {
		snprintf(fd, sizeof(fd), "%" PRId32, link->fd);
		return add_fd(reader, dir, fd);
	}
	if (link->kind == IPC_LINK_PIPE) {
		seen.key.space = IPC_SPACE_PIPE;
		seen.mode = S_IFIFO | 0600;
	}
	return ipc_holders_add(reader->holders, &seen);
}

static int add_links(struct reader *reader, const struct ipc_links *links)
{
	int r = 0, dir = links->dir ? dirfd(links->dir) : -1;
	size_t i;

	/* Once more: what is denied is noted there, and threads may have had too many directories open. */
	if (links->error)
		return read_fds(reader);
	reader->seen = links->seen;
	for (i = 0; r == 0 && i < links->count; i++)
		r = add_link(reader, dir, &links->items[i]);
	return r;
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

/*
 * maps writes a newline as \012, but a backslash as it is: where that leaves a doubt, the link below map_files knows.
 */
static struct ipc_bytes map_path(struct reader *reader, struct ipc_map_line *map, const char *link)
{
	if (!memmem(map->path.data, map->path.len, "\\012", 4))
		return map->path;
	if (!reader->ctx->captured && ipc_proc_link(reader->ctx, &reader->link, "%s", link) == 0)
		return (struct ipc_bytes){reader->link.data, reader->link.len};
	map->path.len = ipc_proc_decode((char *)map->path.data, map->path.len, "\n");
	return map->path;
}

/*
 * Shared mappings count, and private ones of files on memory or without a disk of their own (a POSIX segment may be
 * mapped so). The many private mappings of programs and libraries do not.
 */
static int add_map(struct reader *reader, struct ipc_map_line *map)
{
	struct ipc_holders_seen seen = {
		.process = reader->process, .fd = -1, .addr = map->start, .end = map->end, .shared = map->shared};
	char link[sizeof(reader->base) + 64];

	if (map->inode == 0 && map->device == 0)
		return 0;
	if (!map->shared && (major(map->device) != 0 || !ipc_bytes_starts(map->path, "/")))
		return 0;
	if (!wants(reader, IPC_SPACE_FILE) && space_by_name(map->path) == IPC_SPACE_FILE)
		return 0;
	snprintf(link, sizeof(link), "%s/map_files/%" PRIx64 "-%" PRIx64, reader->base, map->start, map->end);
	if (!find_key(reader, map->path, map->device, map->inode, link, &seen.key))
		return 0;
	seen.path = path_of_key(seen.key, map_path(reader, map, link));
	seen.access = (map->read ? 1 : 0) | (map->write ? 2 : 0);
	seen.attach = seen.key.space == IPC_SPACE_SHM;
	return ipc_holders_add(reader->holders, &seen);
}

static int read_maps(struct reader *reader)
{
	struct ipc_map_line map;
	const char *at;
	int r;

	reader->seen = 0;
	r = ipc_proc_read(reader->ctx, &reader->text, "%s/maps", reader->base);
	if (r < 0) {
		note_error(reader, r);
		return r == -ENOMEM ? r : 0;
	}
	at = reader->text.data;
	while (r == 0 && at && ipc_proc_next_map(&at, reader->text.data + reader->text.len, &map)) {
		reader->seen++;
		r = add_map(reader, &map);
	}
	return r;
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

/* Do two threads have one table of fds between them? Where the kernel cannot say, as usual. */
static bool same_fds(const struct reader *reader, int64_t a, int64_t b)
{
	return !reader->same_pids || syscall(SYS_kcmp, (pid_t)a, (pid_t)b, KCMP_FILES, 0, 0) <= 0;
}

/*
 * The threads behind the first: one may have unshared its fds, or the first may have ended and left them the fds and
 * the memory.
 */
static int read_threads(struct reader *reader, bool want_maps, bool no_fds, bool no_maps)
{
	int64_t pid = reader->process->pid, last = pid, tid;
	struct dirent *entry;
	DIR *dir;
	int r;

	r = ipc_proc_opendir(reader->ctx, &dir, "%" PRId64 "/task", pid);
	if (r < 0) {
		note_error(reader, r);
		return r == -ENOMEM ? r : 0;
	}
	while (r == 0 && (entry = readdir(dir))) {
		tid = strtoll(entry->d_name, NULL, 10);
		if (tid <= 0 || tid == pid)
			continue;
		snprintf(reader->base, sizeof(reader->base), "%" PRId64 "/task/%" PRId64, pid, tid);
		if (want_maps && no_maps) {
			r = read_maps(reader);
			no_maps = reader->seen == 0;
		}
		if (r == 0 && (no_fds || !same_fds(reader, last, tid))) {
			r = read_fds(reader);
			no_fds = no_fds && reader->seen == 0;
			last = tid;
		}
	}
	closedir(dir);
	return r;
}

/* @links: its descriptors, when they were read ahead; or NULL. */
static int read_process(struct reader *reader, struct ipc_process *process, const struct ipc_links *links)
{
	const unsigned mapped = MEMORY_SPACES | IPC_SPACE_BIT(IPC_SPACE_FILE);
	const unsigned opened =
		mapped | IPC_SPACE_BIT(IPC_SPACE_PIPE) | IPC_SPACE_BIT(IPC_SPACE_SOCKET) | IPC_SPACE_BIT(IPC_SPACE_NS);
	bool want_maps = reader->want->maps && (reader->want->spaces & mapped), no_maps = false, no_fds = false;
	int r = 0;

	reader->process = process;
	reader->denied = reader->starved = false;
	snprintf(reader->base, sizeof(reader->base), "%" PRId64, process->pid);
	if (want_maps) {
		r = read_maps(reader);
		no_maps = reader->seen == 0;
	}
	if (r == 0 && (reader->want->spaces & opened)) {
		r = links ? add_links(reader, links) : read_fds(reader);
		no_fds = reader->seen == 0;
	}
	if (r == 0 && !reader->denied && ipc_proc_threads(reader->ctx, process->pid) > 1)
		r = read_threads(reader, want_maps, no_fds, no_maps);
	note_error(reader, ipc_superblocks_error(reader->superblocks));
	return r;
}

static int read_listed(struct reader *reader, struct ipc_process *process)
{
	int r = read_process(reader, process, reader->ahead ? ipc_links_ahead_next(reader->ahead) : NULL);

	if (r < 0 || !reader->starved)
		return r;
	ipc_links_ahead_free(reader->ahead);
	reader->ahead = NULL;
	return read_process(reader, process, NULL);
}

static int read_newcomer(struct ipc_process *process, void *data)
{
	return read_process(data, process, NULL);
}

int ipc_holders_read_proc(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders)
{
	struct reader reader = {
		.ctx = ctx, .want = want, .holders = holders, .same_pids = !ctx->captured && ipc_proc_same_pids(ctx)};
	struct ipc_process *process;
	struct stat st;
	size_t i, met = 0;
	int r, rounds, came = 1;

	if (wants(&reader, IPC_SPACE_NS) && !ctx->captured && fstatat(ctx->proc_fd, "self/ns/net", &st, 0) == 0)
		reader.nsfs = st.st_dev;

	/* Every pid namespace has a process 1. Where it does not show, /proc is mounted with hidepid. */
	if (!want->only && !ctx->captured && !ipc_processes_lookup(holders->processes, 1))
		ipc_holders_hide(holders, EACCES);
	r = ipc_superblocks_new(ctx, &reader.superblocks);
	reader.ahead = r == 0 ? ipc_links_ahead_new(ctx, want, holders) : NULL;
	for (i = 0; r == 0 && (process = ipc_processes_peek(holders->processes, i)); i++)
		if (!want->only || process->pid == want->only)
			r = read_listed(&reader, process);
	ipc_links_ahead_free(reader.ahead);
	reader.ahead = NULL;
	/* What a process passed on to a child before it ended is read there; on a host that forks all the time this must end, too. */
	for (rounds = 0; r == 0 && !want->only && !ctx->captured && came > 0 && rounds < NEWCOMER_ROUNDS; rounds++) {
		came = ipc_processes_newcomers(holders->processes, &met, read_newcomer, &reader);
		r = came < 0 ? came : 0;
	}
	ipc_superblocks_free(reader.superblocks);
	ipc_buf_release(&reader.text);
	ipc_buf_release(&reader.link);
	return r;
}
