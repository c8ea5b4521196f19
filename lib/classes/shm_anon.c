/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared anonymous memory (mmap with MAP_SHARED | MAP_ANONYMOUS): shared by a process with its children. */
#include <errno.h>

#include "classes/change.h"
#include "classes/contents.h"
#include "classes/shm_held.h"

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
		struct ipc_shm_swap *swap)
{
	static const struct ipc_bytes hugetlb[] = {{"hugetlb", 7}};
	struct ipc_shm_use use = ipc_shm_held_use(ipc_run_holders(run), held);
	struct ipc_file file;
	struct ipc_shm *shm;
	bool known;

	shm = ipc_shm_held_object(run, kind, held, &file, &known);
	if (!shm)
		return -ENOMEM;
	shm->attached = use.maps;
	if (known)
		ipc_shm_held_memory(run, swap, shm, &file);
	else
		shm->base.size = use.longest;
	if (ipc_shm_held_huge(held))
		shm->base.status = (struct ipc_list){hugetlb, 1};
	return ipc_run_emit(run, shm);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	return ipc_shm_held_collect(run, kind, IPC_SPACE_ANON, emit);
}

static const struct ipc_changes changes = {
	.refuse =
		{
			[IPC_VERB_CREATE] =
				"anonymous memory lives in the processes that map it; make one that a name reaches: shm:/name",
			[IPC_VERB_SET] = "anonymous memory has no attributes to be set",
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] =
				"anonymous memory goes with its last mapping; end that process, which \"ipctool show\" names",
		},
};

const struct ipc_kind ipc_kind_shm_anon = {
	.name = "anon",
	.help = "shared anonymous memory (mmap with MAP_SHARED and MAP_ANONYMOUS)",
	.cls = &ipc_class_shm,
	.locators = 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_ANON),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.names = ipc_shm_held_names,
	.identity = ipc_identity_inode,
	.changes = &changes,
	.contents = &ipc_contents_shm_held,
};
