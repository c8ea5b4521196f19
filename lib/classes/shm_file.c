/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ordinary files that several processes have mapped MAP_SHARED; a file that is named on the command line is shown in
 * any case.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "classes/change.h"
#include "classes/contents.h"
#include "classes/shm_held.h"
#include "model/bytes.h"
#include "model/keyset.h"

#define SHM_DIR "/dev/shm"
#define DELETED " (deleted)"

/*
 * Files below /dev/shm are the business of the POSIX kinds: those of this mount namespace by device, those of others
 * by path.
 */
static bool is_posix(const struct ipc_mounts *mounts, const struct ipc_held *held)
{
	const struct ipc_mount *mount = mounts ? ipc_mounts_of_path(mounts, SHM_DIR) : NULL;

	if (mount && strcmp(mount->path, SHM_DIR) == 0 && mount->device == held->key.device)
		return true;
	return ipc_bytes_starts(held->path, SHM_DIR "/");
}

/* What the path leads to here and now; not looked up where that could wait for a server, unless the user @named it. */
static bool path_leads_to(struct ipc_run *run, struct ipc_bytes path, bool named, const struct ipc_held *held,
			  struct ipc_file *file)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_mount *mount;

	if (path.len < 2 || path.data[0] != '/' || !mounts)
		return false;
	mount = ipc_mounts_of_path(mounts, path.data);
	if (!mount || !(mount->local || named) ||
	    ipc_file_stat(mounts, run->ctx->root_fd, path.data + 1, false, file) < 0)
		return false;
	return file->inode == held->key.inode && file->device == held->key.device;
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held, bool named,
		uint64_t maps)
{
	static const struct ipc_bytes deleted[] = {{"deleted", 7}};
	struct ipc_file file, at_path;
	struct ipc_shm *shm;
	bool known, reached;

	/* A driver's memory is mapped through a device file, which is no shared memory between processes. */
	if (held->mode && !S_ISREG(held->mode))
		return 0;
	reached = path_leads_to(run, held->path, named, held, &at_path);
	if (reached && !S_ISREG(at_path.mode))
		return 0;
	shm = ipc_shm_held_object(run, kind, held, &file, &known);
	if (!shm)
		return -ENOMEM;
	if (known && !S_ISREG(file.mode))
		return 0;
	if (!known && reached) {
		shm->base.uid = at_path.uid;
		shm->base.gid = at_path.gid;
		shm->base.mode = at_path.mode & 07777;
		shm->base.size = at_path.size;
		shm->base.changed = at_path.changed;
		shm->base.used = at_path.used;
		shm->base.created = shm->base.birth = at_path.birth;
	}
	shm->base.name = held->path;
	shm->attached = maps;
	if (reached)
		shm->deleted = false;
	else if (known ? file.links == 0 : ipc_bytes_ends(held->path, DELETED))
		shm->deleted = true;
	if (shm->deleted == true) {
		shm->base.status = (struct ipc_list){deleted, 1};
		if (ipc_bytes_ends(held->path, DELETED))
			shm->base.name.len -= strlen(DELETED);
	}
	return ipc_run_emit(run, shm);
}

/* Files that references name, whether mapped or not. Those that sharing lists anyway have been handed over. */
static int emit_targets(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_target *target;
	const struct ipc_held *held;
	struct ipc_keyset met = {0};
	size_t at = 0;
	int r = 0, added;

	while (r == 0 && (target = ipc_run_next_target(run, "shm", &at))) {
		const struct ipc_key key = {IPC_SPACE_FILE, target->device, target->inode};
		struct ipc_held unheld = {.key = {target->inode, target->device, IPC_SPACE_FILE}, .mode = target->mode};
		struct ipc_shm_use use = {0};

		if (target->ref.by != IPC_BY_FILE || !S_ISREG(target->mode))
			continue;
		added = ipc_keyset_add(&met, key);
		if (added <= 0) {
			r = added;
			continue;
		}
		held = holders ? ipc_holders_find(holders, key) : NULL;
		if (held)
			use = ipc_shm_held_use(holders, held);
		if (held && use.sharers > 1 && !is_posix(ipc_run_mounts(run), held))
			continue;
		/* The name as given leads there; another process may know the file by another one. */
		unheld.path = target->ref.locator;
		if (ipc_bytes_starts(unheld.path, "file:")) {
			unheld.path.data += strlen("file:");
			unheld.path.len -= strlen("file:");
		}
		r = emit(run, kind, held ? held : &unheld, true, use.maps);
	}
	ipc_keyset_release(&met);
	return r;
}

/* What one process shares with others shows in theirs: these are read for that alone. */
static int look_at_others(struct ipc_run *run)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	const struct ipc_held *held;
	struct ipc_keyset files = {0};
	size_t at = 0;
	int r = 0;

	while (r >= 0 && holders && run->one_process && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at)))
		if (held->shared && (!held->mode || S_ISREG(held->mode)) && !is_posix(mounts, held))
			r = ipc_keyset_add(&files, ipc_held_key(held));
	if (r >= 0 && files.count)
		r = ipc_run_share_holders(run, &files);
	ipc_keyset_release(&files);
	return r < 0 ? r : 0;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_mounts *mounts = ipc_run_mounts(run);
	int r = look_at_others(run);
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_held *held;
	struct ipc_shm_use use;
	size_t at = 0;

	while (r == 0 && holders && (held = ipc_holders_next(holders, IPC_SPACE_FILE, &at))) {
		if (!held->shared || is_posix(mounts, held))
			continue;
		use = ipc_shm_held_use(holders, held);
		if (use.sharers > 1)
			r = emit(run, kind, held, false, use.maps);
	}
	return r == 0 ? emit_targets(run, kind) : r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	/* A path that does not lead there (of another mount namespace, or replaced) would name another file. */
	if (((const struct ipc_shm *)object)->deleted == false &&
	    !ipc_names_add_bytes(names, false, "file:", object->name))
		return;
	if (ipc_names_add_inode(names, false, object))
		ipc_names_add_file(names, false, object->dev, object->inode);
}

static const struct ipc_changes changes = {
	.refuse =
		{
			[IPC_VERB_CREATE] = "a mapped file is an ordinary file; make shared memory instead: shm:/name",
			[IPC_VERB_SET] = "a mapped file is an ordinary file; use chmod(1), chown(1) or truncate(1)",
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] =
				"a mapped file is an ordinary file that may hold data; use rm(1) when you are sure",
		},
};

const struct ipc_kind ipc_kind_shm_file = {
	.name = "file",
	.help = "a file that several processes have mapped MAP_SHARED",
	.cls = &ipc_class_shm,
	.locators = 1u << IPC_BY_FILE | 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE),
	.maps = true,
	.by_sharing = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.names = names,
	.identity = ipc_identity_inode,
	.changes = &changes,
	.contents = &ipc_contents_shm_file,
};
