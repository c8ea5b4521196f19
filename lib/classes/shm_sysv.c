/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System V shared memory segments. Never attached here: shmat() would rewrite lpid and atime, which are evidence. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "classes/contents.h"
#include "classes/events.h"
#include "classes/held.h"
#include "classes/shm.h"
#include "classes/sysv.h"
#include "holders/holders.h"
#include "sources/procfs.h"

#define FEW 4

struct collect {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	const struct ipc_idset *asked; /* ids; used by emit_asked() alone */
};

/* The file that a holder's attachment maps; the kernel tells of huge pages nowhere else. */
static bool on_hugetlbfs(struct ipc_run *run, const struct ipc_hold *hold)
{
	struct statfs fs;
	char path[96];
	int fd, r;

	ipc_hold_path(hold, path, sizeof(path));
	fd = ipc_proc_open(run->ctx, O_PATH, "%s", path);
	if (fd < 0)
		return false;
	r = fstatfs(fd, &fs);
	close(fd);
	return r == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

#define STATUS_WORDS 3

static struct ipc_list status_of(struct ipc_run *run, const struct ipc_sysv_shm *shm)
{
	struct ipc_bytes *words = ipc_arena_alloc(&run->arena, STATUS_WORDS * sizeof(*words));
	size_t count = 0;

	if (!words)
		return (struct ipc_list){0};
	if (shm->perm.flags & IPC_SYSV_DEST)
		words[count++] = IPC_BYTES("dest");
	if (shm->perm.flags & IPC_SYSV_LOCKED)
		words[count++] = IPC_BYTES("locked");
	if (shm->perm.flags & IPC_SYSV_HUGETLB)
		words[count++] = IPC_BYTES("hugetlb");
	return (struct ipc_list){words, count};
}

/* Its pages are huge ones: where the kernel does not say so of the segment, an attachment shows it. */
static void finish(struct ipc_run *run, struct ipc_object *object)
{
	struct ipc_bytes *words = (struct ipc_bytes *)object->status.items;
	struct ipc_holders *holders;
	const struct ipc_held *held;
	size_t i;

	if (!words || !((struct ipc_shm *)object)->attached || !ipc_run_needs(run, IPC_NEED_STATUS))
		return;
	for (i = 0; i < object->status.count; i++)
		if (ipc_bytes_equal(words[i], IPC_BYTES("hugetlb")))
			return;
	held = ipc_run_find_held(run, object->hold, &holders);
	if (held && on_hugetlbfs(run, ipc_holders_hold(holders, held, NULL)))
		words[object->status.count++] = IPC_BYTES("hugetlb");
}

static int64_t latest(const struct ipc_sysv_shm *shm)
{
	int64_t t = shm->ctime > shm->atime ? shm->ctime : shm->atime;

	return ipc_sysv_time(t > shm->dtime ? t : shm->dtime);
}

static int emit(const struct ipc_sysv_shm *shm, void *data)
{
	const struct collect *collect = data;
	struct ipc_run *run = collect->run;
	struct ipc_shm *object = ipc_run_object(run, collect->kind);
	bool never_used = !shm->atime && !shm->dtime;

	if (!object)
		return -ENOMEM;
	ipc_sysv_fill(run, &object->base, &shm->perm, IPC_SPACE_SHM);
	object->base.size = shm->size;
	object->base.changed = ipc_sysv_time(shm->ctime);
	object->base.status = status_of(run, shm);
	object->attached = shm->nattch;
	object->resident = shm->rss;
	object->swapped = shm->swapped;
	object->creator = shm->cpid;
	/* 0 has two meanings in the kernel's answer: a process of another pid namespace, or none so far. */
	object->last_user = never_used ? IPC_UNKNOWN_INT : shm->lpid;
	object->attach_time = ipc_sysv_time(shm->atime);
	object->detach_time = ipc_sysv_time(shm->dtime);
	object->deleted = (shm->perm.flags & IPC_SYSV_DEST) != 0;
	object->base.used = latest(shm);
	return ipc_run_emit(run, object);
}

static int emit_asked(const struct ipc_sysv_shm *shm, void *data)
{
	const struct collect *collect = data;

	return ipc_idset_has(collect->asked, shm->perm.id) ? emit(shm, data) : 0;
}

static int collect_ids(struct collect *collect, struct ipc_idset *ids, bool memory)
{
	struct ipc_sysv_shm shm;
	uint64_t id;
	int r = 0;

	while (r == 0 && ipc_idset_take(ids, &id)) {
		r = ipc_sysv_find_shm(collect->run->ctx, id, memory, &shm);
		if (r == 0)
			r = emit(&shm, collect);
		else if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* Those that are attached, when nothing else can be selected. */
static bool held_ids(struct ipc_run *run, struct ipc_idset *ids)
{
	struct ipc_holders *holders = ipc_run_held_only(run) ? ipc_run_holders(run) : NULL;
	const struct ipc_held *held;
	size_t at = 0;

	if (!holders)
		return false;
	while ((held = ipc_holders_next(holders, IPC_SPACE_SHM, &at)))
		if (held->key.device == run->ns->inode && ipc_idset_add(ids, held->key.inode) < 0)
			return false;
	return true;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	bool memory = ipc_run_needs(run, IPC_NEED_RESIDENT);
	struct ipc_idset ids = {0};
	struct collect collect = {run, kind, &ids};
	int r;

	if (!ipc_sysv_asked_ids(run, kind, &ids) && !held_ids(run, &ids))
		return ipc_sysv_each_shm(run->ctx, memory, emit, &collect);
	/* Only the text of all segments tells of their memory: it is not read anew for each of many. */
	if (memory && ids.count > FEW)
		r = ipc_sysv_each_shm(run->ctx, memory, emit_asked, &collect);
	else
		r = collect_ids(&collect, &ids, memory);
	ipc_idset_release(&ids);
	return r;
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_shm *shm = (const struct ipc_shm *)object;
	enum ipc_alive creator, last;

	ipc_evidence(run, "%" PRIu64 " attached (kernel count)", shm->attached);
	if (shm->attached) {
		ipc_judge_held(run, object);
		if (object->holders.items && object->holders.count < shm->attached)
			ipc_evidence(run, "%" PRIu64 " of them by processes that cannot be seen",
				     shm->attached - object->holders.count);
		return IPC_STATE_HELD;
	}
	creator = ipc_judge_pid(run, "creator", shm->creator, object->used);
	last = shm->last_user == IPC_UNKNOWN_INT ? IPC_DEAD
						 : ipc_judge_pid(run, "last user", shm->last_user, object->used);
	if (shm->last_user == IPC_UNKNOWN_INT)
		ipc_evidence(run, "never attached");
	if (creator == IPC_ALIVE || last == IPC_ALIVE)
		return IPC_STATE_IDLE;
	return creator == IPC_DEAD && last == IPC_DEAD ? IPC_STATE_ORPHAN : IPC_STATE_UNKNOWN;
}

/* What is marked for removal goes with its last user. */
static bool stays(const struct ipc_object *object)
{
	return !((const struct ipc_shm *)object)->deleted;
}

static const struct ipc_waste waste = {
	.proof = "the count of attachments is 0",
	.users = "creator and last user",
	.best = "orphan",
	.stays = stays,
};

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

static const struct ipc_events events = {
	.raw = IPC_RAW_SHM_SYSV,
	.space = IPC_SPACE_SHM,
	.range = {
		.life = BIT(CREATE) | BIT(CLOSE) | BIT(REMOVE),
		.traffic = BIT(OPEN) | BIT(ATTACH) | BIT(DETACH) | BIT(CHANGE),
		.plain = BIT(CREATE) | BIT(ATTACH) | BIT(CHANGE) | BIT(DETACH) | BIT(CLOSE) | BIT(REMOVE),
		.unseen = "behind tracepoints, a segment that goes with its last mapping or its ipc namespace, and a mapping "
			  "that goes by munmap(2) or, before Linux 6.16, with its process",
	},
};

const struct ipc_kind ipc_kind_shm_sysv = {
	.name = "sysv",
	.help = "System V shared memory segment (shmget)",
	.cls = &ipc_class_shm,
	.ns = IPC_NS_IPC,
	.leaks = true,
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_KEY,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_SHM),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.finish = finish,
	.names = ipc_sysv_names,
	.identity = ipc_identity_sysv,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_shm_sysv,
	.contents = &ipc_contents_shm_sysv,
	.events = &events,
};
