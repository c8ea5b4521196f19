/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the changes of all System V kinds share: identity, owner and mode, keys of new objects, the kernel's refusals. */
#include "classes/sysv_change.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "model/reference.h"
#include "model/units.h"

/* ---- identity ---------------------------------------------------------------------------------------------------- */

/* @r: how the look went. The id alone is no identity: the kernel uses its numbers again. */
static int compare(struct ipc_ctx *ctx, const struct ipc_object *object, int r, const struct ipc_sysv_perm *now,
		   const int64_t *ctime)
{
	if (r == -ENOENT)
		return ipc_ctx_fail(ctx, r, "gone already");
	if (r)
		return ipc_ctx_fail(ctx, r, "it cannot be looked at: %s", strerror(-r));
	if (now->key != object->key)
		return ipc_ctx_fail(ctx, -ESTALE, "replaced: what has this id now is another object");
	if (ipc_sysv_time(*ctime) != object->changed || now->uid != object->uid)
		return ipc_ctx_fail(ctx, -ESTALE, "replaced or changed since it was looked at; look again");
	return 0;
}

bool ipc_sysv_just_looked(const struct ipc_object *object)
{
	return object->looked && object->looked == ipc_sysv_tick();
}

int ipc_sysv_again_msg(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_msg *out)
{
	int r = ipc_sysv_find_msg(ctx, object->id, out);

	return compare(ctx, object, r, &out->perm, &out->ctime);
}

int ipc_sysv_again_sem(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_sem *out)
{
	int r = ipc_sysv_find_sem(ctx, object->id, out);

	return compare(ctx, object, r, &out->perm, &out->ctime);
}

int ipc_sysv_again_shm(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_shm *out)
{
	int r = ipc_sysv_find_shm(ctx, object->id, false, out);

	return compare(ctx, object, r, &out->perm, &out->ctime);
}

/* ---- owner and mode ---------------------------------------------------------------------------------------------- */

struct ipc_perm ipc_sysv_perm_to_set(const struct ipc_settings *settings, const struct ipc_sysv_perm *now)
{
	struct ipc_perm perm = {0};

	perm.uid = (uid_t)(settings->given & IPC_SET_OWNER ? settings->owner : now->uid);
	perm.gid = (gid_t)(settings->given & IPC_SET_GROUP ? settings->group : now->gid);
	perm.mode = (mode_t)(settings->given & IPC_SET_MODE ? settings->mode : now->mode);
	return perm;
}

int ipc_sysv_check_mode(struct ipc_ctx *ctx, const struct ipc_settings *settings)
{
	if (settings->given & IPC_SET_MODE && settings->mode > 0777)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "System V objects have no set-id and sticky bits; the mode is at most 0777");
	return 0;
}

/* ---- new objects ------------------------------------------------------------------------------------------------- */

key_t ipc_sysv_new_key(const struct ipc_creation *creation)
{
	const struct ipc_reference *ref = creation->ref;
	uint64_t key = 0;

	if (ref && ref->by == IPC_BY_KEY)
		ipc_parse_hex(ref->locator.data, ref->locator.len, &key);
	else if (creation->settings->given & (IPC_SET_KEY | IPC_SET_FTOK))
		key = creation->settings->key;
	return (key_t)(uint32_t)key;
}

static int spell(struct ipc_creation *creation, int r)
{
	return r ? ipc_ctx_fail(creation->ctx, r, "out of memory") : 0;
}

int ipc_sysv_created(struct ipc_creation *creation, int id)
{
	return spell(creation, ipc_buf_format(&creation->locator, "%d", id));
}

int ipc_sysv_key_taken(struct ipc_creation *creation, const char *what)
{
	uint32_t key = (uint32_t)ipc_sysv_new_key(creation);
	int r = spell(creation, ipc_buf_format(&creation->locator, "0x%08" PRIx32, key));

	return r ? r
		 : ipc_ctx_fail(creation->ctx, -EEXIST, "exists: %s has the key 0x%08" PRIx32 " already", what, key);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

int ipc_sysv_fail(struct ipc_ctx *ctx, int error, const struct ipc_sysv_perm *perm, const char *what)
{
	switch (error) {
	case -EIDRM:
	case -EINVAL:
		return ipc_ctx_fail(ctx, -EIDRM, "removed meanwhile");
	case -EACCES:
		return ipc_ctx_fail(ctx, error,
				    "permission denied: %s needs more than its mode %04" PRIo64
				    " gives you (it belongs to user %" PRIu64 ", group %" PRIu64 ")",
				    what, perm->mode, perm->uid, perm->gid);
	case -EPERM:
		return ipc_ctx_fail(ctx, error,
				    "permission denied: %s is for its owner (user %" PRIu64
				    "), its creator (user %" PRIu64 ") and root",
				    what, perm->uid, perm->cuid);
	default:
		return ipc_ctx_fail(ctx, error, "%s failed: %s", what, strerror(-error));
	}
}

static bool exists(struct ipc_ctx *ctx, enum ipc_sysv_type type, uint64_t id)
{
	union ipc_sysv_any any;

	switch (type) {
	case IPC_SYSV_MSG:
		return ipc_sysv_find_msg(ctx, id, &any.msg) == 0;
	case IPC_SYSV_SEM:
		return ipc_sysv_find_sem(ctx, id, &any.sem) == 0;
	default:
		return ipc_sysv_find_shm(ctx, id, false, &any.shm) == 0;
	}
}

int ipc_sysv_fail_set(struct ipc_ctx *ctx, int error, enum ipc_sysv_type type, const struct ipc_sysv_perm *perm)
{
	if (error == -EINVAL && exists(ctx, type, perm->id))
		return ipc_ctx_fail(ctx, error, "this user namespace has no such user or group");
	return ipc_sysv_fail(ctx, error, perm, "changing it");
}
