/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stale socket files: those that no unix socket of any network namespace is bound to. */
#include <errno.h>
#include <inttypes.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "classes/sock_unix.h"
#include "model/reference.h"
#include "sources/mounts.h"
#include "sources/procfs.h"
#include "sources/scan.h"

/*
 * A dump may leave a socket out when others close beside the place that it has reached. Nobody is called unbound
 * after a single look.
 */
#define LOOKS 2

struct ipc_unix_candidate {
	struct ipc_bytes path; /* borrowed from the scan or the reference */
	struct ipc_file file;
};

/* File systems on which (device, inode) of stat and of unix_diag are known to be the same. */
static const char *const proven_types[] = {"tmpfs", "ramfs", "devtmpfs", "ext2", "ext3",
					   "ext4",  "xfs",   "f2fs",     "btrfs"};

static int add_candidate(struct ipc_unix_files *files, struct ipc_bytes path, const struct ipc_file *file)
{
	if (files->count == files->room) {
		size_t room = files->room ? files->room * 2 : 32;
		struct ipc_unix_candidate *grown = realloc(files->candidates, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		files->candidates = grown;
		files->room = room;
	}
	files->candidates[files->count++] = (struct ipc_unix_candidate){path, *file};
	if (ipc_idset_add(&files->numbers, (uint32_t)file->inode) < 0)
		return -ENOMEM;
	return ipc_idset_add(&files->paths, ipc_hash(path.data, path.len)) < 0 ? -ENOMEM : 0;
}

static bool has_candidate(const struct ipc_unix_files *files, uint64_t device, uint64_t inode)
{
	size_t i;

	if (!ipc_idset_has(&files->asked, ipc_unix_file(device, inode)))
		return false;
	for (i = 0; i < files->count; i++)
		if (files->candidates[i].file.device == device && files->candidates[i].file.inode == inode)
			return true;
	return false;
}

/* Paths that were asked for need not lie in a scanned directory. */
static int add_targets(struct ipc_unix_files *files, struct ipc_run *run)
{
	const struct ipc_target *target;
	struct ipc_file file;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (target = ipc_run_next_target(run, "sock", &at))) {
		if (target->ref.by != IPC_BY_PATH || !S_ISSOCK(target->mode) ||
		    has_candidate(files, target->device, target->inode))
			continue;
		if (ipc_file_stat(ipc_run_mounts(run), run->ctx->root_fd, target->ref.locator.data + 1, false, &file) <
			    0 ||
		    !S_ISSOCK(file.mode))
			continue;
		r = ipc_idset_add(&files->asked, ipc_unix_file(file.device, file.inode));
		if (r >= 0)
			r = add_candidate(files, target->ref.locator, &file);
	}
	return r;
}

static int add_scanned(struct ipc_unix_files *files, struct ipc_run *run)
{
	const struct ipc_scan_entry *entry;
	struct ipc_scan *scan;
	size_t at = 0;
	int r = 0;

	scan = ipc_run_scan(run);
	while (scan && r == 0 && (entry = ipc_scan_next(scan, S_IFSOCK, &at)))
		if (!has_candidate(files, entry->file.device, entry->file.inode))
			r = add_candidate(files, ipc_bytes_of(entry->path), &entry->file);
	return r;
}

int ipc_unix_files_begin(struct ipc_unix_files *files, struct ipc_run *run, const struct ipc_kind *kind)
{
	int r = add_targets(files, run);

	if (r == 0 && !ipc_run_only_targets(run, kind))
		r = add_scanned(files, run);
	if (files->count) {
		files->mounts = ipc_run_mounts(run);
		files->removes = ipc_run_removes(run) && !run->ctx->captured;
	}
	return r;
}

void ipc_unix_files_end(struct ipc_unix_files *files)
{
	free(files->candidates);
	ipc_idset_release(&files->asked);
	ipc_idset_release(&files->paths);
	ipc_idset_release(&files->bound);
	ipc_idset_release(&files->names);
	ipc_idset_release(&files->numbers);
	ipc_idset_release(&files->elsewhere);
	ipc_idset_release(&files->sockets);
}

static bool is_proven(const struct ipc_mount *mount)
{
	size_t i;

	for (i = 0; mount && i < sizeof(proven_types) / sizeof(proven_types[0]); i++)
		if (strcmp(mount->type, proven_types[i]) == 0)
			return true;
	return false;
}

/*
 * A file system that shows the files of another one (overlay) may give them the same inodes on a device of its own. The file
 * below it is bound then as well, though nobody says so.
 */
static bool is_elsewhere(const struct ipc_unix_files *files, const struct ipc_unix_socket *socket)
{
	return ipc_idset_has(&files->numbers, (uint32_t)socket->bound_inode) &&
	       !(files->mounts && is_proven(ipc_mounts_of_device(files->mounts, socket->device)));
}

int ipc_unix_files_note(struct ipc_unix_files *files, const struct ipc_unix_socket *socket)
{
	int r = 0;

	if (!files->count)
		return 0;
	if (files->removes)
		r = ipc_idset_add(&files->sockets, socket->inode);
	if (r < 0 || !socket->file)
		return r < 0 ? r : 0;
	r = ipc_idset_add(&files->bound, socket->file);
	if (r >= 0 && is_elsewhere(files, socket))
		r = ipc_idset_add(&files->elsewhere, (uint32_t)socket->bound_inode);
	if (r >= 0 && socket->name.data)
		r = ipc_idset_add(&files->names, ipc_hash(socket->name.data, socket->name.len));
	return r < 0 ? r : 0;
}

/* ---- looking into every network namespace -------------------------------------------------------------------- */

static bool is_bound(const struct ipc_unix_files *files, const struct ipc_unix_candidate *candidate)
{
	return ipc_idset_has(&files->bound, ipc_unix_file(candidate->file.device, candidate->file.inode));
}

static bool all_bound(const struct ipc_unix_files *files)
{
	size_t i;

	for (i = 0; i < files->count; i++)
		if (!is_bound(files, &files->candidates[i]))
			return false;
	return true;
}

struct look {
	struct ipc_unix_files *files;
	struct ipc_sock_walk *walk;
	unsigned times;
};

static int note_message(const struct nlmsghdr *nlh, void *data)
{
	struct ipc_unix_socket socket;

	ipc_unix_parse(nlh, &socket);
	return ipc_unix_files_note(data, &socket);
}

/* The namespace that the thread is in. */
static int look_here(void *data)
{
	struct look *look = data;
	struct ipc_sock_walk walk;
	unsigned i;
	int r;

	r = ipc_sock_walk_begin(&walk, look->walk->run, look->walk->kind);
	for (i = 0; r == 0 && i < look->times; i++)
		r = ipc_unix_dump(&walk, ~0u, UDIAG_SHOW_NAME | UDIAG_SHOW_VFS, note_message, look->files);
	if (r == 0 && walk.partial)
		r = -ESTALE;
	ipc_sock_walk_end(&walk);
	return r;
}

bool ipc_unix_files_displace(struct ipc_unix_files *files, struct ipc_sock_walk *walk, struct ipc_bytes path,
			     uint64_t file)
{
	struct look look = {files, walk, 1};
	size_t i;

	if (!ipc_idset_has(&files->paths, ipc_hash(path.data, path.len)))
		return false;
	for (i = 0; i < files->count; i++) {
		const struct ipc_unix_candidate *candidate = &files->candidates[i];

		if (!ipc_bytes_equal(candidate->path, path) || is_bound(files, candidate) ||
		    ipc_unix_file(candidate->file.device, candidate->file.inode) == file)
			continue;
		if (!files->whole)
			files->whole = look_here(&look) == 0;
		return files->whole && !is_bound(files, candidate);
	}
	return false;
}

static int look_there(const struct ipc_ns *ns, int error, void *data)
{
	struct look *look = data;
	struct ipc_unix_files *files = look->files;
	int r = error < 0 ? error : look_here(look);

	/* They are of this namespace, though the run is in another. */
	ipc_sock_protocols_forget(look->walk->run);
	if (r == 0) {
		files->namespaces++;
		return 0;
	}
	files->doubt = "some network namespaces could not be looked into";
	ipc_run_problem(look->walk->run, r == -EPERM || r == -EACCES, -r, ipc_ctx_error(look->walk->run->ctx),
			"net namespace %" PRIu64, ns->inode);
	return r == -ENOMEM ? r : 0;
}

/* Into the network namespaces of @set, but for the own one. */
static int look_into(struct ipc_unix_files *files, struct ipc_sock_walk *walk, const struct ipc_ns_set *set)
{
	struct look look = {files, walk, LOOKS};
	const struct ipc_ns **places = calloc(set->count + 1, sizeof(*places));
	size_t i, count = 0;
	int r;

	if (!places)
		return -ENOMEM;
	for (i = 0; i < set->count; i++)
		if (set->items[i].type == IPC_NS_NET && !set->items[i].own)
			places[count++] = &set->items[i];
	r = ipc_ns_call_each(walk->run->ctx, places, count, look_there, &look);
	free(places);
	return r;
}

/* Sockets are bound to files of any mount namespace from any network namespace. */
int ipc_unix_look_everywhere(struct ipc_unix_files *files, struct ipc_sock_walk *walk)
{
	struct look again = {files, walk, LOOKS - 1};
	struct ipc_ctx *ctx = walk->run->ctx;
	struct ipc_ns_set set = {0};
	int r;

	files->namespaces = 1;
	if (look_here(&again) < 0)
		files->doubt = "sockets came and went while they were listed";
	if (ctx->captured)
		return 0;
	if (!ipc_proc_initial_pidns(ctx))
		files->doubt = "sockets of network namespaces outside this pid namespace cannot be seen";
	r = ipc_ns_set_own(ctx, &set);
	if (r == 0)
		r = ipc_run_all_namespaces(walk->run, &set, ipc_run_needs(walk->run, IPC_NEED_HOLDERS));
	if (r < 0 || set.hidden) {
		files->doubt = "some processes' network namespaces could not be read";
		ipc_run_problem(walk->run, true, EACCES,
				"other users' namespaces can be read with CAP_SYS_PTRACE (root)",
				"network namespaces of %u process%s", set.hidden, set.hidden == 1 ? "" : "es");
	}
	if (r != -ENOMEM)
		r = look_into(files, walk, &set);
	ipc_ns_set_release(&set);
	return r == -ENOMEM ? r : 0;
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

static bool type_is_proven(const struct ipc_unix_files *files, const struct ipc_unix_candidate *candidate)
{
	const struct ipc_mount *mount = candidate->file.mount;

	if (!mount && files->mounts)
		mount = ipc_mounts_of_path(files->mounts, candidate->path.data);
	return is_proven(mount) && candidate->file.device_proven;
}

/* What keeps the file from being proven abandoned, as `doubt` of the object. */
static const char *doubt_about(const struct ipc_unix_files *files, struct ipc_run *run,
			       const struct ipc_unix_candidate *candidate, bool proven, bool same_name)
{
	const char *text;

	if (!proven)
		return "on this file system sockets may report another inode than the file has";
	if (same_name)
		return "a socket has the same name, bound to another inode";
	if (ipc_idset_has(&files->elsewhere, (uint32_t)candidate->file.inode))
		return "a socket is bound to an inode of the same number on another file system, which may be a view of "
		       "this one (overlay)";
	if (files->doubt || !files->unreached)
		return files->doubt;
	text = ipc_arena_format(&run->arena,
				"a unix socket that process %" PRId64
				" has is in a network namespace that cannot be reached, it may be bound to it",
				files->unreached)
		       .data;
	return text ? text : "a unix socket is in a network namespace that cannot be reached";
}

static int emit_file(struct ipc_unix_files *files, struct ipc_run *run, const struct ipc_kind *kind,
		     const struct ipc_unix_candidate *candidate)
{
	static const struct ipc_bytes stale = IPC_BYTES("stale");
	bool proven = type_is_proven(files, candidate);
	bool same_name = ipc_idset_has(&files->names, ipc_hash(candidate->path.data, candidate->path.len));
	struct ipc_sock *sock;

	/*
	 * Where inodes prove nothing, the name is the best there is: that socket is most likely bound to this very
	 * file.
	 */
	if (!proven && same_name)
		return 0;
	sock = ipc_run_object(run, kind);
	if (!sock)
		return -ENOMEM;
	sock->stale = true;
	sock->namespaces = files->namespaces;
	sock->doubt = doubt_about(files, run, candidate, proven, same_name);
	sock->base.name = sock->local = sock->path = candidate->path;
	sock->base.status = (struct ipc_list){&stale, 1};
	sock->base.dev = sock->bound_device = candidate->file.device;
	sock->base.inode = sock->bound_inode = candidate->file.inode;
	sock->base.uid = candidate->file.uid;
	sock->base.gid = candidate->file.gid;
	sock->base.mode = candidate->file.mode & 07777;
	sock->base.changed = candidate->file.changed;
	sock->base.used = candidate->file.used;
	sock->base.created = sock->base.birth = candidate->file.birth;
	if (ipc_run_needs(run, IPC_NEED_HOLDERS))
		sock->base.holders = IPC_EMPTY_LIST;
	if (ipc_run_needs(run, IPC_NEED_WAITERS))
		sock->base.waiters = IPC_EMPTY_LIST;
	if (ipc_run_needs(run, IPC_NEED_PEERS))
		sock->peers = IPC_EMPTY_LIST;
	return ipc_run_emit(run, sock);
}

/* Gone, or bound again, since it was found? A new file of the same name is not the candidate's. */
static bool still_there(struct ipc_run *run, const struct ipc_unix_candidate *candidate)
{
	struct ipc_file file;

	return ipc_file_stat(ipc_run_mounts(run), run->ctx->root_fd, candidate->path.data + 1, false, &file) == 0 &&
	       file.device == candidate->file.device && file.inode == candidate->file.inode;
}

int ipc_unix_files_emit(struct ipc_unix_files *files, struct ipc_sock_walk *walk)
{
	size_t i;
	int r;

	if (all_bound(files))
		return 0;
	if (walk->partial)
		files->doubt = "sockets came and went while they were listed";
	r = ipc_unix_look_everywhere(files, walk);
	if (r == 0 && files->removes && !files->doubt && !all_bound(files))
		r = ipc_unix_look_unreached(files, walk);
	for (i = 0; r == 0 && i < files->count; i++)
		if (!is_bound(files, &files->candidates[i]) && still_there(walk->run, &files->candidates[i]))
			r = emit_file(files, walk->run, walk->kind, &files->candidates[i]);
	return r;
}

enum ipc_state ipc_unix_judge_file(struct ipc_run *run, const struct ipc_sock *sock)
{
	ipc_evidence(run, "no socket of %u network namespace%s is bound to it", sock->namespaces,
		     sock->namespaces == 1 ? "" : "s");
	if (sock->doubt) {
		ipc_evidence(run, "%s", sock->doubt);
		return IPC_STATE_UNKNOWN;
	}
	if ((sock->base.mode & 0777) == 0) {
		((struct ipc_sock *)sock)->base.spared = "mode 000: kept on purpose";
		ipc_evidence(run, "%s", sock->base.spared);
		return IPC_STATE_IDLE;
	}
	ipc_evidence(run, "nobody can connect to it any more");
	return IPC_STATE_ORPHAN;
}
