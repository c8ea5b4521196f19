/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What System V objects share. Of queues and sets the kernel keeps no count of users: a quiet one cannot be excluded.
 */
#include "classes/sysv.h"

#include <inttypes.h>

#include "model/units.h"
#include "sources/blocked.h"
#include "sources/procfs.h"

void ipc_sysv_fill(struct ipc_run *run, struct ipc_object *object, const struct ipc_sysv_perm *perm,
		   enum ipc_space space)
{
	object->id = perm->id;
	object->looked = perm->looked;
	object->key = perm->key;
	object->uid = perm->uid;
	object->gid = perm->gid;
	object->mode = perm->mode;
	object->wait = (struct ipc_key){space, run->ns->inode, perm->id};
	/* Only segments can be held: queues and sets have users, but the kernel keeps no record of them. */
	if (space == IPC_SPACE_SHM)
		object->hold = object->wait;
	else
		object->holders = IPC_EMPTY_LIST;
	object->status = IPC_EMPTY_LIST;
}

bool ipc_sysv_asked_ids(struct ipc_run *run, const struct ipc_kind *kind, struct ipc_idset *ids)
{
	const struct ipc_target *target;
	bool by_id = ipc_run_only_targets(run, kind);
	size_t at = 0;
	uint64_t id;

	while (by_id && (target = ipc_run_next_target(run, kind->cls->name, &at))) {
		if (target->ref.by == IPC_BY_NUMBER)
			by_id = ipc_parse_uint(target->ref.locator.data, target->ref.locator.len, &id) == 0 &&
				ipc_idset_add(ids, id) >= 0;
		else
			by_id = target->ref.by != IPC_BY_KEY;
	}
	if (!by_id)
		ipc_idset_release(ids);
	return by_id;
}

void ipc_sysv_names(const struct ipc_object *object, struct ipc_names *names)
{
	/* What could not be made or found has no id; nothing else leads here without one. */
	if ((object->id == IPC_UNKNOWN || ipc_names_add_number(names, false, object->id)) && object->key &&
	    object->key != IPC_UNKNOWN)
		ipc_names_add(names, false, "0x%08" PRIx64, object->key);
}

bool ipc_sysv_blind(struct ipc_run *run)
{
	struct ipc_blocked *blocked = ipc_run_blocked(run);
	size_t hidden = blocked ? ipc_blocked_hidden(blocked) : 0;
	bool outside = !ipc_proc_initial_pidns(run->ctx);

	if (!blocked)
		ipc_evidence(run, "waiting processes could not be read");
	if (hidden)
		ipc_evidence(run, "system calls of %zu process%s could not be read", hidden, hidden == 1 ? "" : "es");
	if (outside)
		ipc_evidence(run, "processes outside this pid namespace cannot be seen");
	return !blocked || hidden || outside || run->one_process;
}

enum ipc_state ipc_sysv_state(struct ipc_run *run, struct ipc_object *object, bool alive, bool unknown, bool dead)
{
	if (unknown)
		return IPC_STATE_UNKNOWN;
	/* Who lives may use it again at any moment, and no count tells. */
	if (alive) {
		object->spared = "a user on record is alive";
		return IPC_STATE_IDLE;
	}
	if (!dead) {
		ipc_evidence(run, "nobody has used it");
		return IPC_STATE_IDLE;
	}
	ipc_evidence(run, "the kernel counts no users of this kind: a quiet one cannot be excluded");
	return IPC_STATE_SUSPECT;
}
