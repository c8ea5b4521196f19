/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removal: whether the evidence allows it. The kind does it, and looks once more. */
#include <errno.h>
#include <string.h>

#include "change.h"
#include "model/bytes.h"
#include "query.h"

#define EVIDENCE_MAX 400 /* of the text of a failure; `show` has all of it */

/* The evidence as one line, which begins with what matters: a long one is cut between its parts, or at its end. */
static int refuse(struct ipc_ctx *ctx, const struct ipc_object *object, const char *what, const char *hint)
{
	const struct ipc_bytes *lines = object->evidence.items;
	struct ipc_buf why = {0};
	size_t i, len = 0;
	int r = 0;

	for (i = 0; i < object->evidence.count && r == 0; i++) {
		len = why.len;
		r = ipc_buf_append(&why, i ? "; " : "", i ? 2 : 0);
		if (r == 0)
			r = ipc_buf_escape(&why, lines[i]);
		if (r == 0 && why.len > EVIDENCE_MAX)
			break;
	}
	if (why.len > EVIDENCE_MAX)
		memcpy(why.data + (len && len <= EVIDENCE_MAX ? len : EVIDENCE_MAX - 3), "...", sizeof("..."));
	r = ipc_ctx_fail(ctx, -EBUSY, "%s: %s (%s)", what, why.len ? why.data : "no evidence", hint);
	ipc_buf_release(&why);
	return r;
}

/* The caller's own, and closed to everybody else: who might use it is himself. */
static bool is_private(const struct ipc_ctx *ctx, const struct ipc_object *object)
{
	return object->mode != IPC_UNKNOWN && !(object->mode & 077) && object->uid == ctx->euid;
}

bool ipc_removal_private(struct ipc_ctx *ctx, const struct ipc_object *object)
{
	if (!is_private(ctx, object))
		return false;
	ipc_ctx_set_note(ctx, "whether it is in use could not be told; it was yours alone");
	return true;
}

static bool is_state(const struct ipc_object *object, const char *state)
{
	return ipc_bytes_equal(object->state, ipc_bytes_of(state));
}

/* What stands against a removal. */
enum doubt {
	DOUBT_NONE,
	DOUBT_PRIVATE, /* use cannot be excluded, but nobody else has access */
	DOUBT_UNKNOWN,
	DOUBT_AWAITED, /* nobody was seen to have it, but tasks hang in opening it */
	DOUBT_HELD,
};

/* Who lets them go has answered the doubt about those, and no other one. */
static bool is_awaited(const struct ipc_object *object)
{
	return object->of_kind->changes->unblocks && object->holders.items && !object->holders.count;
}

static enum doubt doubt_about(const struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	enum ipc_force force = how->force;

	if (force == IPC_FORCE_HELD)
		return DOUBT_NONE;
	if (is_state(object, "held")) {
		if (!is_awaited(object))
			return DOUBT_HELD;
		if (!how->unblock)
			return DOUBT_AWAITED;
		if (!object->blind)
			return DOUBT_NONE;
	} else if (object->state.data && !is_state(object, "unknown")) {
		return DOUBT_NONE; /* what was not judged is not known either */
	}
	if (force == IPC_FORCE_UNKNOWN || object->of_kind->changes->proves)
		return DOUBT_NONE;
	return is_private(ctx, object) ? DOUBT_PRIVATE : DOUBT_UNKNOWN;
}

bool ipc_removal_refuses(const struct ipc_query *query, const struct ipc_object *object)
{
	const struct ipc_removal how = {.force = query->force};

	return query->verbs & 1u << IPC_VERB_REMOVE && doubt_about(query->ctx, object, &how) > DOUBT_PRIVATE;
}

static int weigh(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	switch (doubt_about(ctx, object, how)) {
	case DOUBT_HELD:
		return refuse(ctx, object, "in use", "--force=held overrides");
	case DOUBT_AWAITED:
		return refuse(ctx, object, "in use", "--unblock releases them");
	case DOUBT_UNKNOWN:
		return refuse(ctx, object, "may be in use", "--force=unknown overrides");
	case DOUBT_PRIVATE:
		if (how->certain)
			return refuse(ctx, object, "may be in use", "only what is proven to be unused is removed");
		return ipc_removal_private(ctx, object) ? 0 : -EBUSY;
	default:
		return 0;
	}
}

struct removal_call {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	const struct ipc_removal *how;
};

static int call_remove(void *data)
{
	const struct removal_call *call = data;

	return call->object->of_kind->changes->remove(call->ctx, call->object, call->how);
}

int ipc_object_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	struct removal_call call = {ctx, object, how};
	int r = ipc_change_allowed(ctx, object->of_kind, IPC_VERB_REMOVE);

	*ctx->note = '\0';
	if (r == 0)
		r = weigh(ctx, object, how);
	return r ? r : ipc_change_call(ctx, object, call_remove, &call);
}
