/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Named pipes (mkfifo): those that processes have open, those in the scanned directories, those that somebody waits
 * to open, and those asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "classes/contents.h"
#include "classes/fifo_judge.h"
#include "classes/file_events.h"
#include "classes/held.h"
#include "classes/pipe.h"
#include "model/keyset.h"
#include "sources/blocked.h"
#include "sources/scan.h"

#define DELETED " (deleted)"

/* A FIFO that was come upon, before it is an object. */
struct found {
	struct ipc_key key;
	struct ipc_bytes path; /* data NULL: none is known */
	bool reachable;        /* `path` leads to it from here */
	bool known;            /* `file` is filled */
	struct ipc_file file;
};

struct collector {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	struct ipc_keyset *met;
	bool foreign;             /* in another mount namespace than the caller's */
	struct ipc_mounts *other; /* of process `other_pid` */
	int64_t other_pid;
	struct ipc_lender lender;
};

static int emit(struct collector *c, const struct found *found)
{
	static const struct ipc_bytes deleted[] = {{"deleted", 7}};
	const struct ipc_file *file = found->known ? &found->file : NULL;
	struct ipc_run *run = c->run;
	struct ipc_pipe *fifo;
	int r;

	r = ipc_keyset_add(c->met, found->key);
	if (r <= 0)
		return r;
	fifo = ipc_run_object(run, c->kind);
	if (!fifo)
		return -ENOMEM;
	if (found->path.data)
		fifo->base.name = ipc_arena_bytes(&run->arena, found->path.data, found->path.len);
	fifo->base.dev = found->key.device;
	fifo->base.inode = found->key.inode;
	fifo->base.hold = fifo->base.wait = found->key;
	fifo->base.status = IPC_EMPTY_LIST;
	fifo->reachable = found->reachable;
	/* No path of this mount namespace leads to it: where it belongs nobody says. */
	if (!found->reachable)
		fifo->base.in = NULL;
	fifo->proven = !file || file->device_proven;
	if (file) {
		fifo->base.uid = file->uid;
		fifo->base.gid = file->gid;
		fifo->base.mode = file->mode & 07777;
		fifo->base.changed = file->changed;
		fifo->base.used = file->used;
		fifo->base.created = fifo->base.birth = file->birth;
		if (!file->links)
			fifo->base.status = (struct ipc_list){deleted, 1};
	}
	ipc_pipe_fill_ends(run, fifo);
	if (ipc_run_needs(run, IPC_NEED_DETAIL)) {
		struct ipc_file held;

		ipc_pipe_fill_contents(run, fifo, &c->lender, &held);
	}
	return ipc_run_emit(run, fifo);
}

static struct ipc_key key_of(const struct ipc_file *file)
{
	return (struct ipc_key){IPC_SPACE_FILE, file->device, file->inode};
}

/* stat() of an absolute path as the thread, which may stand in another mount namespace, sees it. */
static int stat_here(struct ipc_run *run, const char *path, struct ipc_file *out)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);

	if (run->ctx->captured)
		return ipc_file_stat(mounts, run->ctx->root_fd, path[1] ? path + 1 : ".", false, out);
	return ipc_file_stat(mounts, AT_FDCWD, path, false, out);
}

/*
 * Does the path that the kernel printed for another process lead to the same file from here? Where a server would
 * have to answer, the table of mounts alone decides.
 */
static bool leads_here(struct collector *c, struct ipc_bytes path, struct found *found)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(c->run);
	const struct ipc_mount *mount;
	struct ipc_file file;
	char text[PATH_MAX];

	if (!path.data || !path.len || path.data[0] != '/' || path.len >= sizeof(text) ||
	    memchr(path.data, '\0', path.len))
		return false;
	memcpy(text, path.data, path.len);
	text[path.len] = '\0';
	mount = mounts ? ipc_mounts_of_path(mounts, text) : NULL;
	if (mount && !mount->local)
		return mount->device == found->key.device;
	if (stat_here(c->run, text, &file) < 0 || file.inode != found->key.inode || !S_ISFIFO(file.mode))
		return false;
	/* Without a proven device that of the holders is the better one. */
	if (file.device != found->key.device && file.device_proven)
		return false;
	file.device = found->key.device;
	found->file = file;
	found->known = true;
	return true;
}

/* May the inode be looked at through a holder's descriptor without waiting for a server? */
static bool is_local(struct collector *c, const struct ipc_held *held)
{
	const struct ipc_hold *hold = ipc_holders_hold(ipc_run_holders(c->run), held, NULL);
	const struct ipc_mounts *mounts = ipc_run_mounts(c->run);
	const struct ipc_mount *mount = mounts ? ipc_mounts_of_device(mounts, held->key.device) : NULL;

	if (!mount && hold) {
		int64_t pid = hold->process->pid;

		if (c->other_pid != pid) {
			ipc_mounts_free(c->other);
			c->other = NULL;
			c->other_pid = pid;
			if (ipc_mounts_new_of(c->run->ctx, pid, &c->other) < 0)
				c->other = NULL;
		}
		mount = c->other ? ipc_mounts_of_device(c->other, held->key.device) : NULL;
	}
	return mount && mount->local;
}

static struct ipc_bytes without_deleted(struct ipc_bytes path)
{
	if (ipc_bytes_ends(path, DELETED))
		path.len -= strlen(DELETED);
	return path;
}

/*
 * Those that one process has are taken by the paths under which it has them. Where that leads elsewhere, or is one name of
 * several, the directories tell the one under which the FIFO is listed with all.
 */
static void find_name(struct collector *c, struct found *found)
{
	const struct ipc_scan *scan;
	const struct ipc_scan_entry *entry;

	if (!found->known || found->file.links <= (found->reachable ? 1 : 0))
		return;
	scan = ipc_run_scan(c->run);
	entry = scan ? ipc_scan_find(scan, found->key.device, found->key.inode) : NULL;
	if (!entry || !S_ISFIFO(entry->file.mode))
		return;
	found->path = ipc_bytes_of(entry->path);
	found->file = entry->file;
	found->reachable = true;
}

static int collect_held(struct collector *c)
{
	struct ipc_holders *holders = ipc_run_holders(c->run);
	bool scans = ipc_run_held_only(c->run); /* otherwise that was done */
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	while (r == 0 && holders && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at))) {
		struct found found = {.key = ipc_held_key(held), .path = held->path};

		if (!S_ISFIFO(held->mode))
			continue;
		found.reachable = leads_here(c, held->path, &found);
		if (!found.reachable && c->foreign && (!scans || ipc_keyset_has(c->met, found.key)))
			continue;
		if (!found.reachable) {
			/* Unlinked, renamed since, or of another mount namespace. */
			found.path = without_deleted(held->path);
			found.known = is_local(c, held) && ipc_held_stat(c->run, held, &found.file) == 0;
			if (found.known && found.file.links)
				found.path = held->path;
		}
		if (scans)
			find_name(c, &found);
		if (found.reachable || !c->foreign)
			r = emit(c, &found);
	}
	return r;
}

static int collect_scanned(struct collector *c)
{
	struct ipc_scan *scan = ipc_run_scan(c->run);
	const struct ipc_scan_entry *entry;
	size_t at = 0;
	int r = 0;

	while (r == 0 && scan && (entry = ipc_scan_next(scan, S_IFIFO, &at))) {
		struct found found = {.key = key_of(&entry->file),
				      .path = ipc_bytes_of(entry->path),
				      .reachable = true,
				      .known = true,
				      .file = entry->file};

		if (ipc_run_may_ask(c->run, found.key))
			r = emit(c, &found);
	}
	return r;
}

static int collect_blocked(struct collector *c)
{
	struct ipc_blocked *blocked = ipc_run_blocked(c->run);
	size_t i, count = blocked ? ipc_blocked_count(blocked) : 0;
	int r = 0;

	for (i = 0; i < count && r == 0; i++) {
		const struct ipc_blocked_task *task = ipc_blocked_get(blocked, i);
		struct found found = {.key = task->key, .path = task->path};

		if (!task->in_open || task->key.space != IPC_SPACE_FILE || !ipc_run_may_ask(c->run, task->key))
			continue;
		found.reachable = leads_here(c, task->path, &found);
		if (found.reachable || !c->foreign)
			r = emit(c, &found);
	}
	return r;
}

static int collect_targets(struct collector *c)
{
	const struct ipc_target *target;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (target = ipc_run_next_target(c->run, c->kind->cls->name, &at))) {
		struct found found = {.path = target->ref.locator, .reachable = true, .known = true};
		char path[PATH_MAX];

		if (target->ref.by != IPC_BY_PATH)
			continue;
		/* Where it leads from the caller's mounts is known. */
		if (!c->foreign && target->resolved && !S_ISFIFO(target->mode))
			continue;
		if (found.path.len >= sizeof(path) || memchr(found.path.data, '\0', found.path.len))
			continue;
		memcpy(path, found.path.data, found.path.len);
		path[found.path.len] = '\0';
		if (stat_here(c->run, path, &found.file) < 0 || !S_ISFIFO(found.file.mode))
			continue;
		found.key = key_of(&found.file);
		r = emit(c, &found);
	}
	return r;
}

static bool only_paths(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_target *target;
	size_t at = 0;

	if (!ipc_run_only_targets(run, kind))
		return false;
	while ((target = ipc_run_next_target(run, kind->cls->name, &at)))
		if (target->ref.by != IPC_BY_PATH)
			return false;
	return true;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_keyset here = {0};
	struct collector c = {.run = run, .kind = kind, .met = &here, .foreign = run->ns && !run->ns->own};
	int r = 0;

	/*
	 * Mount namespaces share files: one that was listed for an earlier namespace, the caller's own being the
	 * first, is not listed again. But a reference may name it in the later one.
	 */
	if (!ipc_run_only_targets(run, kind) && !(run->ns && run->ns->targets_only))
		c.met = &run->met;
	if (!only_paths(run, kind)) {
		if (!ipc_run_held_only(run))
			r = collect_scanned(&c);
		if (r == 0)
			r = collect_held(&c);
		if (r == 0 && !ipc_run_held_only(run))
			r = collect_blocked(&c);
	}
	if (r == 0)
		r = collect_targets(&c);
	ipc_mounts_free(c.other);
	ipc_lender_release(&c.lender);
	ipc_keyset_release(&here);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_pipe *fifo = (const struct ipc_pipe *)object;

	if (fifo->reachable && object->name.data && !ipc_names_add_bytes(names, false, "", object->name))
		return;
	if (ipc_names_add_inode(names, false, object))
		ipc_names_add_file(names, false, object->dev, object->inode);
}

const struct ipc_class ipc_class_fifo = {
	.name = "fifo",
	.help = "named pipes (FIFOs) and the processes at their ends",
	.columns = "ref,user,mode,buffered,age,state,flow",
	.record = &ipc_pipe_record,
};

static const struct ipc_waste waste = {
	.proof =
		"its inode has no pipe (by BPF); or a complete scan of descriptors, of tasks blocked in open and of descriptors in flight",
	.users = "a process id in its name, by a rule",
	.best = "orphan",
	.stays = ipc_fifo_stays,
};

const struct ipc_kind ipc_kind_fifo = {
	.name = "fifo",
	.help = "named pipe (mkfifo)",
	.cls = &ipc_class_fifo,
	.ns = IPC_NS_MNT,
	.leaks = true,
	.locators = 1u << IPC_BY_PATH | 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE),
	.removal_spaces = IPC_SPACE_BIT(IPC_SPACE_SOCKET),
	.judge_needs = IPC_NEED_HOLDERS | IPC_NEED_WAITERS,
	.collect = collect,
	.names = names,
	.identity = ipc_identity_inode,
	.judge = ipc_fifo_judge,
	.waste = &waste,
	.changes = &ipc_changes_fifo,
	.contents = &ipc_contents_fifo,
	.events = &ipc_events_fifo,
};
