/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs: which kind has which, and the settings and semaphore operations of existing objects. */
#include "change.h"

#include <errno.h>
#include <inttypes.h>

#include "classes/contents.h"
#include "query.h"
#include "sources/deadline.h"

static const char *const names[IPC_VERBS] = {
	[IPC_VERB_DUMP] = "dump", [IPC_VERB_CREATE] = "create",   [IPC_VERB_SET] = "set",
	[IPC_VERB_SEND] = "send", [IPC_VERB_RECEIVE] = "receive", [IPC_VERB_POST] = "post",
	[IPC_VERB_WAIT] = "wait", [IPC_VERB_REMOVE] = "remove",   [IPC_VERB_CLEAN] = "clean",
};

const char *ipc_verb_name(enum ipc_verb verb)
{
	return names[verb];
}

static const char *refusal_of(const struct ipc_kind *kind, enum ipc_verb verb)
{
	switch (verb) {
	case IPC_VERB_DUMP:
		return kind->contents->refuse;
	case IPC_VERB_CLEAN:
		return kind->waste ? NULL : "the kernel takes it away with its last user, so nothing is left to clean";
	default:
		return kind->changes->refuse[verb];
	}
}

bool ipc_kind_has(const struct ipc_kind *kind, enum ipc_verb verb, const char **why)
{
	const char *refusal = refusal_of(kind, verb);

	if (why)
		*why = refusal;
	return !refusal;
}

int ipc_change_allowed(struct ipc_ctx *ctx, const struct ipc_kind *kind, enum ipc_verb verb)
{
	const char *why;

	*ctx->error = '\0'; /* what a kind does not explain must not get the text of an earlier failure */
	if (ctx->captured)
		return ipc_ctx_fail(ctx, -ENOTSUP, "a captured tree cannot be %s",
				    verb == IPC_VERB_DUMP ? "dumped" : "changed");
	return ipc_kind_has(kind, verb, &why) ? 0 : ipc_ctx_fail(ctx, -ENOTSUP, "%s", why);
}

void ipc_query_want_verb(struct ipc_query *query, enum ipc_verb verb)
{
	query->verbs |= 1u << verb;
}

void ipc_query_want_removal(struct ipc_query *query, enum ipc_force force)
{
	query->verbs |= 1u << IPC_VERB_REMOVE;
	query->force = force;
}

/* Where everything is forced nobody asks for the state, which may take a look at every process. */
static unsigned removal_needs(const struct ipc_kind *kind, enum ipc_force force)
{
	return kind->changes->remove_needs | (force == IPC_FORCE_HELD ? 0 : IPC_NEED_STATE);
}

unsigned ipc_change_needs(const struct ipc_query *query, const struct ipc_kind *kind)
{
	unsigned verbs = query->verbs, needs = verbs ? IPC_NEED_OWNER : 0;

	if (verbs & 1u << IPC_VERB_DUMP)
		needs |= kind->contents->needs;
	if (verbs & 1u << IPC_VERB_SET)
		needs |= kind->changes->set_needs;
	if (verbs & 1u << IPC_VERB_SEND)
		needs |= kind->changes->send_needs;
	if (verbs & 1u << IPC_VERB_REMOVE && ipc_kind_has(kind, IPC_VERB_REMOVE, NULL))
		needs |= removal_needs(kind, query->force);
	return needs;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

bool ipc_kind_takes(const struct ipc_kind *kind, enum ipc_verb verb, const struct ipc_setting *setting)
{
	if (verb == IPC_VERB_CREATE)
		return kind->changes->create_takes & setting->bit;
	return verb == IPC_VERB_SET && kind->changes->set_takes & setting->bit;
}

int ipc_change_takes(struct ipc_ctx *ctx, const struct ipc_kind *kind, enum ipc_verb verb,
		     const struct ipc_settings *settings, unsigned takes)
{
	unsigned wrong = settings->given & ~takes;
	char refused[160], known[160];

	if (!wrong)
		return 0;
	ipc_settings_names(wrong, refused, sizeof(refused));
	if (!takes)
		return ipc_ctx_fail(ctx, -EINVAL, "%s of %s/%s takes no settings: not %s", names[verb], kind->cls->name,
				    kind->name, refused);
	return ipc_ctx_fail(ctx, -EINVAL, "%s of %s/%s does not take %s; it takes %s", names[verb], kind->cls->name,
			    kind->name, refused, ipc_settings_names(takes, known, sizeof(known)));
}

int ipc_change_call(struct ipc_ctx *ctx, const struct ipc_object *object, int (*fn)(void *data), void *data)
{
	return object->in ? ipc_ns_call(ctx, object->in, fn, data) : ipc_ns_at_home(ctx, fn, data);
}

struct setting_call {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	const struct ipc_settings *settings;
};

static int call_set(void *data)
{
	const struct setting_call *call = data;

	return call->object->of_kind->changes->set(call->ctx, call->object, call->settings);
}

int ipc_object_change(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct setting_call call = {ctx, object, settings};
	const struct ipc_kind *kind = object->of_kind;
	int r = ipc_change_allowed(ctx, kind, IPC_VERB_SET);

	if (r == 0)
		r = ipc_change_takes(ctx, kind, IPC_VERB_SET, settings, kind->changes->set_takes);
	if (r == 0 && !settings->given)
		r = ipc_ctx_fail(ctx, -EINVAL, "nothing to set");
	return r ? r : ipc_change_call(ctx, object, call_set, &call);
}

/* ---- semaphores -------------------------------------------------------------------------------------------------- */

struct semaphore_call {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	uint64_t index, count;
	const struct ipc_waiting *how;
	ipc_deadline deadline;
};

static int call_post(void *data)
{
	const struct semaphore_call *call = data;

	return call->object->of_kind->changes->post(call->ctx, call->object, call->index, call->count);
}

static int call_wait(void *data)
{
	const struct semaphore_call *call = data;

	return call->object->of_kind->changes->wait(call->ctx, call->object, call->how, call->deadline);
}

int ipc_semaphore_post(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, uint64_t count)
{
	struct semaphore_call call = {.ctx = ctx, .object = object, .index = index, .count = count};
	int r = ipc_change_allowed(ctx, object->of_kind, IPC_VERB_POST);

	return r ? r : ipc_change_call(ctx, object, call_post, &call);
}

int ipc_semaphore_wait(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_waiting *how,
		       int64_t timeout)
{
	struct semaphore_call call = {.ctx = ctx, .object = object, .how = how, .deadline = ipc_deadline_in(timeout)};
	int r = ipc_change_allowed(ctx, object->of_kind, IPC_VERB_WAIT);

	if (r)
		return r;
	/* What the kernel is to undo belongs to the process; in another namespace a thread that ends would do it. */
	if (how->undo && object->in && !object->in->own)
		return ipc_ctx_fail(ctx, -ENOTSUP,
				    "a semaphore of another ipc namespace cannot be given back by the kernel");
	return ipc_change_call(ctx, object, call_wait, &call);
}
