/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX shared memory (shm_open): files below /dev/shm that are no named semaphores. */
#include <errno.h>

#include "classes/contents.h"
#include "classes/file_events.h"
#include "classes/posix.h"
#include "classes/shm.h"
#include "classes/shm_files.h"
#include "classes/shm_held.h"
#include "holders/holders.h"

static uint64_t count_maps(struct ipc_run *run, struct ipc_key key)
{
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, key, &holders);

	if (!holders)
		return IPC_UNKNOWN;
	return held ? ipc_shm_held_use(holders, held).maps : 0;
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_shm_file *file, void *swap)
{
	struct ipc_shm *shm;

	if (ipc_shm_file_is_semaphore(file))
		return 0;
	shm = ipc_run_object(run, kind);
	if (!shm)
		return -ENOMEM;
	ipc_shm_file_fill(&shm->base, file);
	shm->deleted = file->deleted;
	if (file->known)
		ipc_shm_held_memory(run, swap, shm, &file->file);
	return ipc_run_emit(run, shm);
}

static void finish(struct ipc_run *run, struct ipc_object *object)
{
	if (ipc_run_needs(run, IPC_NEED_HOLDERS | IPC_NEED_ATTACHED))
		((struct ipc_shm *)object)->attached = count_maps(run, object->hold);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_shm_swap swap = {0};
	int r = ipc_shm_files_each(run, kind, emit, &swap);

	ipc_shm_swap_release(&swap);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_shm_file_names(object, ((const struct ipc_shm *)object)->deleted == 1, names);
}

/* One without a name goes with its last user. */
static bool stays(const struct ipc_object *object)
{
	return !((const struct ipc_shm *)object)->deleted;
}

static const struct ipc_waste waste = {
	.proof = "a write lease, which the kernel refuses while anybody has it open, mapped or in flight",
	.users = "a process id in its name, by a rule; all processes of its owner, who is no service",
	.best = "orphan",
	.stays = stays,
};

const struct ipc_kind ipc_kind_shm_posix = {
	.name = "posix",
	.help = "POSIX shared memory (shm_open), a file below /dev/shm",
	.cls = &ipc_class_shm,
	.ns = IPC_NS_MNT,
	.leaks = true,
	.locators = 1u << IPC_BY_NAME | 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.finish = finish,
	.names = names,
	.identity = ipc_identity_inode,
	.judge = ipc_judge_posix,
	.waste = &waste,
	.changes = &ipc_changes_shm_posix,
	.contents = &ipc_contents_shm_posix,
	.events = &ipc_events_shm_posix,
};
