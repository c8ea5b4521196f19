/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every namespace that /proc can name: by processes and their threads, by descriptors on nsfs files, by bind mounts. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model/record.h"
#include "model/units.h"
#include "sources/mounts.h"
#include "sources/namespaces.h"
#include "sources/procfs.h"

/* "net:[4026532000]" of one of our types? */
static bool parse_name(struct ipc_bytes name, enum ipc_ns_type *type, uint64_t *inode)
{
	size_t i;

	for (i = IPC_NS_IPC; i < IPC_NS_TYPES; i++) {
		if (!ipc_bytes_starts(name, ipc_ns_type_name((enum ipc_ns_type)i)) || name.len < 7 ||
		    name.data[3] != ':' || name.data[4] != '[' || name.data[name.len - 1] != ']')
			continue;
		*type = (enum ipc_ns_type)i;
		return ipc_parse_uint(name.data + 5, name.len - 6, inode) == 0;
	}
	return false;
}

/* Namespaces that an open file of the process keeps. */
static int add_fds(struct ipc_ctx *ctx, struct ipc_ns_set *set, int64_t pid, const uint64_t own[IPC_NS_TYPES],
		   struct ipc_buf *link)
{
	const struct dirent *entry;
	DIR *dir;
	int r;

	r = ipc_proc_opendir(ctx, &dir, "%" PRId64 "/fd", pid);
	if (r < 0)
		return r;
	while (r == 0 && (entry = readdir(dir))) {
		enum ipc_ns_type type;
		uint64_t inode;
		char path[64];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%" PRId64 "/fd/%.20s", pid, entry->d_name);
		if (ipc_proc_link(ctx, link, "%s", path) == 0 &&
		    parse_name((struct ipc_bytes){link->data, link->len}, &type, &inode))
			r = ipc_ns_set_add(set, type, inode, inode == own[type], IPC_UNKNOWN_INT, path);
	}
	closedir(dir);
	return r;
}

/* A process or thread that has ended hides nothing. */
static bool is_hidden(int error)
{
	return error < 0 && error != -ENOENT && error != -ESRCH && error != -ENOMEM;
}

/* A field of a mountinfo line that is separated by spaces, @skip fields on. */
static struct ipc_bytes field_at(const char *line, const char *end, int skip)
{
	const char *start = line;

	while (skip-- > 0) {
		start = memchr(start, ' ', (size_t)(end - start));
		if (!start)
			return IPC_NO_BYTES;
		start++;
	}
	line = memchr(start, ' ', (size_t)(end - start));
	return (struct ipc_bytes){start, (size_t)((line ? line : end) - start)};
}

/* Namespaces that are bind-mounted in the mount namespace of @pid: `ip netns add` and container engines do that. */
static int add_mounts(struct ipc_ctx *ctx, struct ipc_ns_set *set, int64_t pid, const uint64_t own[IPC_NS_TYPES],
		      struct ipc_buf *text)
{
	const char *line, *end;
	int r;

	r = ipc_proc_read(ctx, text, "%" PRId64 "/mountinfo", pid);
	if (is_hidden(r))
		set->hidden++;
	for (line = text->data; r == 0 && line && *line; line = *end ? end + 1 : end) {
		enum ipc_ns_type type;
		struct ipc_bytes path;
		char through[4096];
		uint64_t inode;

		end = strchrnul(line, '\n');
		if (!parse_name(field_at(line, end, 3), &type, &inode))
			continue;
		/* A path with escaped characters is not one that engines choose; the namespace is then found by its processes alone. */
		path = field_at(line, end, 4);
		if (!path.data || memchr(path.data, '\\', path.len) || path.len > sizeof(through) - 40)
			continue;
		snprintf(through, sizeof(through), "%" PRId64 "/root%.*s", pid, (int)path.len, path.data);
		r = ipc_ns_set_add(set, type, inode, inode == own[type], IPC_UNKNOWN_INT, through);
	}
	return r;
}

struct sweep {
	struct ipc_ctx *ctx;
	struct ipc_ns_set *set;
	bool reads_fds;
	uint64_t nsfs; /* its device; 0: not known */
	uint64_t own[IPC_NS_TYPES];
	struct ipc_buf text;
};

/*
 * A thread may have moved to namespaces of its own, of which the @types are looked for. Programs do that with the network:
 * container runtimes, and what makes sockets in several namespaces. -EACCES: some could not be looked at.
 */
static int add_threads(struct sweep *sweep, int64_t pid, const enum ipc_ns_type *types, size_t count)
{
	const struct dirent *entry;
	bool hidden = false;
	int r = 0;
	size_t i;
	DIR *dir;

	/* Where it cannot be told there may be some. */
	if (ipc_proc_threads(sweep->ctx, pid) == 1)
		return 0;
	r = ipc_proc_opendir(sweep->ctx, &dir, "%" PRId64 "/task", pid);
	if (r < 0)
		return is_hidden(r) ? -EACCES : 0;
	while (r != -ENOMEM && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		for (i = 0; r != -ENOMEM && i < count; i++) {
			uint64_t inode;
			char path[80];

			snprintf(path, sizeof(path), "%" PRId64 "/task/%.20s/ns/%s", pid, entry->d_name,
				 ipc_ns_type_name(types[i]));
			r = ipc_proc_inode_link(sweep->ctx, &inode, "%s", path);
			hidden |= is_hidden(r);
			if (r == 0)
				r = ipc_ns_set_add(sweep->set, types[i], inode, inode == sweep->own[types[i]], pid,
						   path);
		}
	}
	closedir(dir);
	return r == -ENOMEM ? r : hidden ? -EACCES : 0;
}

/* A process that has gone or may not be looked at does not end the sweep. */
static int sweep_process(int64_t pid, void *data)
{
	static const enum ipc_ns_type types[] = {IPC_NS_NET, IPC_NS_IPC, IPC_NS_MNT};
	struct sweep *sweep = data;
	int r, of_threads = 0;

	r = ipc_ns_set_add_process(sweep->ctx, sweep->set, pid, sweep->own);
	/* A first thread that has ended is in none any more. */
	if (r == 0 || r == -ENOENT)
		of_threads = add_threads(sweep, pid, types, r == 0 ? 1 : sizeof(types) / sizeof(types[0]));
	if (of_threads == -ENOMEM)
		return of_threads;
	if (r == 0 && sweep->reads_fds)
		r = add_fds(sweep->ctx, sweep->set, pid, sweep->own, &sweep->text);
	if (r == -EACCES || r == -EPERM || of_threads < 0)
		sweep->set->hidden++;
	return r == -ENOMEM ? r : 0;
}

/* Does the descriptor lead to it? Its link bears another name where the namespace was opened through a mount. */
static bool leads_to(struct sweep *sweep, const struct ipc_ns_kept *kept, const char *path)
{
	struct ipc_file file;
	enum ipc_ns_type type;
	uint64_t inode;

	if (!sweep->ctx->captured)
		return sweep->nsfs && ipc_file_stat(NULL, sweep->ctx->proc_fd, path, true, &file) == 0 &&
		       file.device == sweep->nsfs && file.inode == kept->inode;
	return ipc_proc_link(sweep->ctx, &sweep->text, "%s", path) == 0 &&
	       parse_name((struct ipc_bytes){sweep->text.data, sweep->text.len}, &type, &inode) && type == kept->type &&
	       inode == kept->inode;
}

static int add_path(struct sweep *sweep, const struct ipc_ns_kept *kept, const char *path)
{
	return ipc_ns_set_add(sweep->set, kept->type, kept->inode, kept->inode == sweep->own[kept->type],
			      IPC_UNKNOWN_INT, path);
}

/* A thread may have descriptors of its own. */
static int add_kept_by_threads(struct sweep *sweep, const struct ipc_ns_kept *kept)
{
	const struct dirent *entry;
	bool found = false;
	char path[80];
	DIR *dir;
	int r = 0;

	if (ipc_proc_threads(sweep->ctx, kept->pid) == 1 ||
	    ipc_proc_opendir(sweep->ctx, &dir, "%" PRId64 "/task", kept->pid) < 0)
		return 0;
	while (!found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%" PRId64 "/task/%.20s/fd/%" PRId32, kept->pid, entry->d_name, kept->fd);
		found = leads_to(sweep, kept, path);
	}
	if (found)
		r = add_path(sweep, kept, path);
	closedir(dir);
	return r;
}

/* Most are those of processes as well. */
static int add_kept(struct sweep *sweep, const struct ipc_ns_kept *kept)
{
	char path[48];

	if (ipc_ns_set_find(sweep->set, kept->type, kept->inode))
		return 0;
	snprintf(path, sizeof(path), "%" PRId64 "/fd/%" PRId32, kept->pid, kept->fd);
	return leads_to(sweep, kept, path) ? add_path(sweep, kept, path) : add_kept_by_threads(sweep, kept);
}

/* There was such a namespace, and perhaps there is: its descriptor was closed since, or went to another process. */
static void count_lost(struct ipc_ns_set *set, const struct ipc_ns_kept *kept, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		/* Those of one namespace follow each other. */
		if (i && kept[i].type == kept[i - 1].type && kept[i].inode == kept[i - 1].inode)
			continue;
		if (!ipc_ns_set_find(set, kept[i].type, kept[i].inode))
			set->hidden++;
	}
}

int ipc_ns_set_all(struct ipc_ctx *ctx, struct ipc_ns_set *set, const struct ipc_ns_kept *kept, size_t count)
{
	struct sweep sweep = {.ctx = ctx, .set = set, .reads_fds = !kept};
	struct ipc_file file;
	size_t n;
	int r;

	ipc_ns_own(ctx, sweep.own);
	if (kept && ipc_file_stat(NULL, ctx->proc_fd, "self/ns/net", true, &file) == 0)
		sweep.nsfs = file.device;
	r = ipc_proc_each_pid(ctx, sweep_process, &sweep);
	for (n = 0; r == 0 && kept && n < count; n++)
		r = add_kept(&sweep, &kept[n]);
	/* The mounts of every mount namespace that has a process; the loop's end moves with what it finds. */
	for (n = 0; r == 0 && n < set->count; n++) {
		if (set->items[n].type != IPC_NS_MNT || set->items[n].pid == IPC_UNKNOWN_INT)
			continue;
		r = add_mounts(ctx, set, set->items[n].pid, sweep.own, &sweep.text);
		if (r != -ENOMEM)
			r = 0;
	}
	if (r == 0 && kept)
		count_lost(set, kept, count);
	ipc_buf_release(&sweep.text);
	return r;
}
