/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to an object that a collector emits: named, joined, judged, matched, filtered, handed on. */
#include "run.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "classes/shm.h"
#include "clean.h"
#include "query.h"
#include "sources/unlink.h"
#include "sources/users.h"

static const char *const state_names[] = {
	[IPC_STATE_HELD] = "held",       [IPC_STATE_UNKNOWN] = "unknown", [IPC_STATE_ORPHAN] = "orphan",
	[IPC_STATE_SUSPECT] = "suspect", [IPC_STATE_IDLE] = "idle",
};

/* An object of @kind with nothing known, to be copied: filling all fields one by one costs more than all the rest. */
static bool make_blank(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_object *blank = realloc(run->blank, kind->cls->record->size);

	if (!blank)
		return false;
	memset(blank, 0, kind->cls->record->size);
	ipc_record_init(kind->cls->record, blank);
	blank->of_class = kind->cls;
	blank->of_kind = kind;
	blank->dev = IPC_UNKNOWN;
	blank->birth = IPC_UNKNOWN_INT;
	blank->class_name = ipc_bytes_of(kind->cls->name);
	blank->kind_name = ipc_bytes_of(kind->name);
	run->blank = blank;
	return true;
}

bool ipc_run_removes(const struct ipc_run *run)
{
	return run->query->verbs & 1u << IPC_VERB_REMOVE;
}

bool ipc_run_sockets_only(const struct ipc_run *run)
{
	return run->query->sockets_only;
}

void *ipc_run_object(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_object *object;

	run->mark = ipc_arena_mark(&run->arena);
	if ((!run->blank || run->blank->of_kind != kind) && !make_blank(run, kind)) {
		run->arena.failed = true;
		return NULL;
	}
	object = ipc_arena_copy(&run->arena, run->blank, kind->cls->record->size);
	if (!object)
		return NULL;
	object->in = run->ns;
	return object;
}

static void derive_device(struct ipc_run *run, struct ipc_object *object)
{
	char text[2 * IPC_UINT_MOST + 1], *at = text;

	at = ipc_put_uint(at, major(object->dev));
	*at++ = ':';
	at = ipc_put_uint(at, minor(object->dev));
	object->device = ipc_arena_bytes(&run->arena, text, (size_t)(at - text));
}

static void derive_names(struct ipc_run *run, struct ipc_object *object)
{
	if (object->uid != IPC_UNKNOWN)
		object->user = ipc_users_user(run->users, object->uid);
	if (object->gid != IPC_UNKNOWN)
		object->group = ipc_users_group(run->users, object->gid);
}

static void derive_handle(struct ipc_run *run, struct ipc_object *object)
{
	struct ipc_buf *identity = &run->identity;

	ipc_buf_clear(identity);
	if (object->of_kind->identity && object->of_kind->identity(object, identity) == 0 && identity->len)
		object->handle = ipc_names_reference(run, object, (struct ipc_bytes){identity->data, identity->len});
	else
		object->handle = object->ref;
}

static void derive_container(struct ipc_run *run, struct ipc_object *object)
{
	struct ipc_ns *ns = (struct ipc_ns *)object->in;

	if (!ns->container)
		ipc_ns_container(run->ctx, ns);
	if (ns->container && *ns->container)
		object->container = ipc_bytes_of(ns->container);
}

/* FIFOs and socket files, and what was mapped from a file; files of POSIX objects lie in memory. */
static bool may_be_on_disk(const struct ipc_object *object)
{
	return object->of_class == &ipc_class_fifo || object->of_class == &ipc_class_sock ||
	       object->of_kind == &ipc_kind_shm_file;
}

/*
 * A name is garbage no sooner than its age says: times in the future count as young, and what lives in memory was used since
 * the system is up, whatever a clock that was set says.
 */
static void derive_age(const struct ipc_run *run, struct ipc_object *object)
{
	int64_t since = object->changed != IPC_UNKNOWN_INT ? object->changed : object->created;

	if (since != IPC_UNKNOWN_INT)
		object->age = since < run->now ? run->now - since : 0;
	if (object->used != IPC_UNKNOWN_INT)
		object->unused = object->used < run->now ? run->now - object->used : 0;
	if (object->unused > run->up && !may_be_on_disk(object))
		object->unused = run->up;
}

void ipc_run_set_state(struct ipc_object *object, enum ipc_state state)
{
	object->judged = state;
	if (state_names[state])
		object->state = ipc_bytes_of(state_names[state]);
}

void ipc_run_keep_evidence(struct ipc_run *run, struct ipc_object *object)
{
	struct ipc_bytes *lines;

	if (!ipc_run_needs(run, IPC_NEED_EVIDENCE))
		return;
	lines = ipc_arena_alloc(&run->arena, run->evidence_count * sizeof(*lines) + 1);
	if (!lines)
		return;
	memcpy(lines, run->evidence, run->evidence_count * sizeof(*lines));
	object->evidence = (struct ipc_list){lines, run->evidence_count};
}

static void judge_once(struct ipc_run *run, struct ipc_object *object)
{
	const struct ipc_kind *kind = object->of_kind;
	enum ipc_state state;

	run->evidence_count = 0;
	if (kind->judge)
		state = kind->judge(run, object);
	else
		state = ipc_judge_held(run, object) ? IPC_STATE_HELD : IPC_STATE_NONE;
	if (state == IPC_STATE_IDLE && ipc_private_is(object->name)) {
		ipc_evidence(run, "left by a removal that was killed half-way");
		state = IPC_STATE_ORPHAN;
	}
	ipc_run_set_state(object, state);
	ipc_run_keep_evidence(run, object);
}

/* Evidence costs more than all the rest: who removes thousands of objects is told that of the refused ones alone. */
static void judge(struct ipc_run *run, struct ipc_object *object)
{
	unsigned needs = run->needs;

	judge_once(run, object);
	if (needs & IPC_NEED_EVIDENCE || !ipc_removal_refuses(run->query, object))
		return;
	run->needs |= IPC_NEED_EVIDENCE;
	judge_once(run, object);
	run->needs = needs;
}

static void join(struct ipc_run *run, struct ipc_object *object)
{
	if (ipc_run_needs(run, IPC_NEED_HOLDERS) && !object->holders.items) {
		if (object->hold.space != IPC_SPACE_NONE)
			object->holders = ipc_run_list_holders(run, object->hold);
		else if (!object->of_kind->spaces)
			object->holders = IPC_EMPTY_LIST;
	}
	if (ipc_run_needs(run, IPC_NEED_WAITERS) && !object->waiters.items) {
		if (object->wait.space != IPC_SPACE_NONE)
			object->waiters = ipc_run_list_waiters(run, object->wait);
		else if (!object->of_kind->spaces)
			object->waiters = IPC_EMPTY_LIST;
	}
}

static bool held_by(const struct ipc_query *query, const struct ipc_object *object)
{
	const struct ipc_holder *holders = object->holders.items;
	size_t i;

	if (!query->holder_pid && !query->holder_comm)
		return true;
	if (!holders)
		return false;
	for (i = 0; i < object->holders.count; i++) {
		if (query->holder_pid ? holders[i].pid == query->holder_pid
				      : ipc_bytes_equal(holders[i].comm, ipc_bytes_of(query->holder_comm)))
			return true;
	}
	return false;
}

/* Globs speak of the name as printed. */
static bool name_matches(const struct ipc_query *query, const struct ipc_object *object)
{
	char printed[4 * 4096];
	size_t i;

	if (!query->globs.count)
		return true;
	if (!object->name.data)
		return false;
	if (ipc_escape(object->name.data, object->name.len, printed, sizeof(printed)) >= sizeof(printed))
		return false;
	for (i = 0; i < query->globs.count; i++)
		if (fnmatch(query->globs.items[i], printed, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

/* What a verdict fills in, and what it may change: the state, by a proof. */
#define BY_VERDICT (IPC_NEED_VERDICT | IPC_NEED_STATE)

/* @verdict: only the filters that ask for such fields, else only the others. */
static bool passes(const struct ipc_query *query, const struct ipc_object *object, bool verdict)
{
	size_t i;

	for (i = 0; i < query->filter_count; i++) {
		const struct ipc_filter *filter = query->filters[i];

		if (!(ipc_filter_needs(filter) & BY_VERDICT) != verdict &&
		    !ipc_filter_test(filter, object, object->of_class->record))
			return false;
	}
	return true;
}

/* The verdict may take a lease on the object: none on what is not selected. */
static bool selected(struct ipc_run *run, struct ipc_object *object)
{
	const struct ipc_query *query = run->query;

	if (!held_by(query, object) || !name_matches(query, object) || !passes(query, object, false))
		return false;
	if (query->cleaning)
		ipc_verdict(run, object);
	return passes(query, object, true);
}

static bool in_other_mounts(const struct ipc_object *object)
{
	return object->in && object->in->type == IPC_NS_MNT && !object->in->own;
}

static int keep(struct ipc_query *query, struct ipc_object *object)
{
	if (query->kept_count == query->kept_room) {
		size_t room = query->kept_room ? 2 * query->kept_room : 256;
		struct ipc_object **grown = realloc(query->kept, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		query->kept = grown;
		query->kept_room = room;
	}
	query->kept[query->kept_count++] = object;
	object->looked = 0; /* who gets it later has to look again */
	/* The scan that has its name goes when the next mount namespace is visited. */
	if (in_other_mounts(object) && object->name.data)
		object->name = ipc_arena_bytes(&query->run->arena, object->name.data, object->name.len);
	return 0;
}

struct delivery {
	struct ipc_query *query;
	const struct ipc_object *object;
};

static int deliver(void *data)
{
	const struct delivery *delivery = data;

	return delivery->query->fn(delivery->object, delivery->query->fn_data);
}

/* Everything the wanted fields need; the cheap conditions were met already. */
static void derive(struct ipc_run *run, struct ipc_object *object)
{
	join(run, object);
	if (object->of_kind->finish)
		object->of_kind->finish(run, object);
	if (ipc_run_needs(run, IPC_NEED_NAMES) && run->users)
		derive_names(run, object);
	if (ipc_run_needs(run, IPC_NEED_HANDLE))
		derive_handle(run, object);
	if (ipc_run_needs(run, IPC_NEED_CONTAINER) && object->in)
		derive_container(run, object);
	if (ipc_run_needs(run, IPC_NEED_STATE))
		judge(run, object);
}

/* Is @object asked for: by its kind, or by a target? */
static int asked_for(struct ipc_run *run, struct ipc_object *object, bool *asked)
{
	struct ipc_query *query = run->query;
	int error = 0;

	*asked = ipc_query_selects(query, object->of_kind) && (!object->in || !object->in->targets_only) &&
		 (!query->cleaning || ipc_clean_concerns(object));
	if (query->target_count && ipc_names_answer(run, object, &error))
		*asked = true;
	return error;
}

/* One that was asked for: hand it on, or keep it, when it meets the conditions. */
static int take(struct ipc_run *run, struct ipc_object *object)
{
	struct ipc_query *query = run->query;
	struct delivery delivery = {query, object};
	bool wanted;
	int r;

	derive(run, object);
	wanted = !run->arena.failed && selected(run, object);
	if (run->arena.failed)
		return -ENOMEM;
	if (!wanted)
		return 0;
	if (query->keep)
		return keep(query, object);
	r = in_other_mounts(object) ? ipc_ns_at_home(run->ctx, deliver, &delivery) : deliver(&delivery);
	if (r)
		query->stopped = r;
	return r ? -ECANCELED : 0;
}

/* ---- bounded runs ------------------------------------------------------------------------------------------------ */

static int wait_for_others(struct ipc_run *run, struct ipc_object *object)
{
	if (run->pending_count == run->pending_room) {
		size_t room = run->pending_room ? 2 * run->pending_room : 16;
		struct ipc_object **grown = reallocarray(run->pending, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		run->pending = grown;
		run->pending_room = room;
	}
	run->pending[run->pending_count++] = object;
	return 0;
}

/*
 * Of all that answer to a reference those that give way to others (the connections of a listening socket, that share its path)
 * need not be looked at. Answers come in the order of the objects.
 */
static int leave_weak(struct ipc_run *run)
{
	const struct ipc_query *query = run->query;
	bool *strong = calloc(query->target_count, sizeof(*strong));
	size_t i, at, out = 0;

	if (!strong)
		return -ENOMEM;
	for (i = 0; i < query->answer_count; i++)
		if (!query->answers[i].weak && !query->answers[i].replaced)
			strong[query->answers[i].target] = true;
	for (i = at = 0; i < run->pending_count; i++) {
		bool stands = false;

		while (at < query->answer_count && query->answers[at].object != run->pending[i])
			at++;
		for (; at < query->answer_count && query->answers[at].object == run->pending[i]; at++)
			stands |= !query->answers[at].weak || !strong[query->answers[at].target];
		if (stands)
			run->pending[out++] = run->pending[i];
	}
	run->pending_count = out;
	free(strong);
	return 0;
}

/* What each needs to know the holders of: its own, and those of its peers. */
static int cover_pending(struct ipc_run *run)
{
	bool finishes = ipc_run_needs(run, IPC_NEED_ATTACHED | IPC_NEED_DETAIL | IPC_NEED_STATUS);
	struct ipc_keyset keys = {0};
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < run->pending_count; i++) {
		const struct ipc_object *object = run->pending[i];

		if (object->hold.space != IPC_SPACE_NONE &&
		    (ipc_run_needs(run, IPC_NEED_HOLDERS) || (finishes && object->of_kind->finish)))
			r = ipc_keyset_add(&keys, object->hold);
		if (r >= 0 && object->of_kind->peers)
			r = object->of_kind->peers(object, &keys);
	}
	if (r >= 0 && keys.count)
		ipc_run_cover(run, &keys);
	ipc_keyset_release(&keys);
	return r < 0 ? r : 0;
}

int ipc_run_finish(struct ipc_run *run)
{
	size_t i;
	int r;

	if (!run->pending_count)
		return 0;
	r = leave_weak(run);
	if (r == 0)
		r = cover_pending(run);
	run->at_hand = NULL;
	for (i = 0; r == 0 && i < run->pending_count; i++)
		r = take(run, run->pending[i]);
	run->pending_count = 0;
	return r;
}

int ipc_run_emit(struct ipc_run *run, void *emitted)
{
	struct ipc_query *query = run->query;
	struct ipc_object *object = emitted;
	bool asked;
	int r;

	if (run->arena.failed)
		return -ENOMEM;
	if (object->in)
		object->namespace_inode = object->in->inode;
	r = asked_for(run, object, &asked);
	if (r < 0)
		return r;
	if (asked) {
		size_t kept = query->kept_count;

		if (object->dev != IPC_UNKNOWN)
			derive_device(run, object);
		object->ref = ipc_names_reference(run, object, IPC_NO_BYTES);
		derive_age(run, object);
		if (run->bounded)
			return wait_for_others(run, object);
		r = take(run, object);
		if (r < 0 || query->kept_count > kept)
			return r;
	}
	/* An answer is compared by its address later: it stays although the filter dropped it. */
	if (!query->answer_count || query->answers[query->answer_count - 1].object != object)
		ipc_arena_rewind(&run->arena, run->mark);
	return 0;
}

/* @entry: all but its texts, of which @fields is borrowed. */
static void __attribute__((format(printf, 4, 0)))
add_problem(struct ipc_run *run, struct ipc_problem_entry entry, const char *why, const char *what, va_list args)
{
	struct ipc_query *query = run->query;
	struct ipc_problem_entry *grown;
	char *text;
	size_t i;

	if (vasprintf(&text, what, args) < 0)
		return;
	for (i = 0; i < query->problem_count; i++) {
		if (query->problems[i].error == entry.error && strcmp(query->problems[i].what, text) == 0) {
			free(text);
			return;
		}
	}
	grown = realloc(query->problems, (query->problem_count + 1) * sizeof(*grown));
	if (!grown) {
		free(text);
		return;
	}
	entry.what = text;
	entry.why = strdup(why ? why : "");
	query->problems = grown;
	grown[query->problem_count++] = entry;
}

void ipc_run_problem(struct ipc_run *run, bool privilege, int error, const char *why, const char *what, ...)
{
	struct ipc_problem_entry entry = {.error = error, .privilege = privilege};
	va_list args;

	va_start(args, what);
	add_problem(run, entry, why, what, args);
	va_end(args);
}

void ipc_run_unread(struct ipc_run *run, int error, const char *fields, const char *why, const char *what, ...)
{
	struct ipc_problem_entry entry = {.error = error, .privilege = true, .fields = fields};
	va_list args;

	va_start(args, what);
	add_problem(run, entry, why, what, args);
	va_end(args);
}
