/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carrying a cleaning out. The first look hands over what is kept, and remembers the handles of what may go. Those are
 * looked at again in batches, all evidence read anew, and each is removed a moment after; what is left of a batch when
 * its evidence is too old is looked at once more, in smaller batches then.
 */
#include "clean.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "sources/deadline.h"
#include "sources/processes.h"

#define BATCH 4096
#define EVIDENCE_LASTS INT64_C(250000000) /* ns, from the end of the look on; or as long as the look itself took */
#define LOOK_MOST INT64_C(86400000000000) /* ns */

/* A list of handles, of which those before `at` are taken out. */
struct waiting {
	char **items;
	size_t at, count, room;
};

struct cleaner {
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	const struct ipc_cleaning *how;
	struct ipc_cleaned done;
	struct waiting waiting;
	uint64_t looked, found; /* for step() */
	size_t batch;           /* how many are looked at together next */
	struct ipc_buf why;     /* of the object at hand */
	int error;              /* that is no single object's: -ENOMEM */
};

bool ipc_kind_proof(const struct ipc_kind *kind, struct ipc_proof *out)
{
	const struct ipc_waste *waste = kind->waste;

	if (!waste)
		return false;
	*out = (struct ipc_proof){waste->proof, waste->users, waste->best};
	return true;
}

int ipc_clean_error(const struct ipc_query *query)
{
	return query->clean_error;
}

/* ---- what waits for its second look ------------------------------------------------------------------------------ */

/* Room for one more. What was put off comes back again and again, so the places of those taken out are used first. */
static int make_room(struct waiting *waiting)
{
	size_t room = waiting->room ? 2 * waiting->room : 64;
	char **grown;

	if (waiting->count < waiting->room)
		return 0;
	if (waiting->at && waiting->at >= waiting->count / 2) {
		waiting->count -= waiting->at;
		memmove(waiting->items, waiting->items + waiting->at, waiting->count * sizeof(*waiting->items));
		waiting->at = 0;
		return 0;
	}
	grown = realloc(waiting->items, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	waiting->items = grown;
	waiting->room = room;
	return 0;
}

static int wait_for_look(struct waiting *waiting, struct ipc_bytes handle)
{
	char *copy;
	int r = make_room(waiting);

	if (r)
		return r;
	copy = strndup(handle.data, handle.len);
	if (!copy)
		return -ENOMEM;
	waiting->items[waiting->count++] = copy;
	return 0;
}

static size_t count_waiting(const struct waiting *waiting)
{
	return waiting->count - waiting->at;
}

/* The caller frees it. */
static char *take_out(struct waiting *waiting)
{
	return waiting->items[waiting->at++];
}

static void forget_all(struct waiting *waiting)
{
	while (count_waiting(waiting))
		free(take_out(waiting));
	free(waiting->items);
	*waiting = (struct waiting){0};
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static bool has_verdict(const struct ipc_object *object, const char *verdict)
{
	return ipc_bytes_equal(object->verdict, ipc_bytes_of(verdict));
}

static void count_kept(struct ipc_cleaned *done, const struct ipc_object *object)
{
	if (has_verdict(object, "protect"))
		done->spared++;
	else if (has_verdict(object, "report"))
		done->reported++;
	else
		done->kept++;
}

static int tell(struct cleaner *cleaner, struct ipc_object *object, const char *result)
{
	object->result = ipc_bytes_of(result);
	return cleaner->how->tell ? cleaner->how->tell(object, cleaner->how->data) : 0;
}

static int keep(struct cleaner *cleaner, struct ipc_object *object)
{
	count_kept(&cleaner->done, object);
	return tell(cleaner, object, "kept");
}

static int keep_because(struct cleaner *cleaner, struct ipc_object *object, const char *why)
{
	object->why = ipc_bytes_of(why);
	return keep(cleaner, object);
}

/* Bytes that come free: of memory what is really there, where that is known. */
static uint64_t bytes_of(const struct ipc_object *object)
{
	struct ipc_value value;
	uint64_t bytes = 0;

	if (ipc_object_get_by_name(object, "resident", &value) == 0 && !value.null) {
		bytes = value.u;
		if (ipc_object_get_by_name(object, "swapped", &value) == 0 && !value.null)
			bytes += value.u;
		/* /proc/sysvipc/shm counts a huge page more often than it is there */
		return object->size != IPC_UNKNOWN && bytes > object->size + 4096 ? object->size : bytes;
	}
	return object->size != IPC_UNKNOWN ? object->size : 0;
}

/* A removal may have left something to tell: the segment that somebody attached in the last moment lives on. */
static void add_note(struct cleaner *cleaner, struct ipc_object *object)
{
	const char *note = ipc_ctx_note(cleaner->ctx);
	struct ipc_buf *why = &cleaner->why;

	if (!*note)
		return;
	ipc_buf_clear(why);
	if (ipc_buf_append(why, object->why.data, object->why.len) == 0 && ipc_buf_format(why, "; %s", note) == 0)
		object->why = (struct ipc_bytes){why->data, why->len};
}

/* Messages have names escaped; a field has bytes, which are escaped when they are printed. */
static struct ipc_bytes reason(struct cleaner *cleaner, int error)
{
	const char *text = ipc_ctx_error(cleaner->ctx);
	size_t bad;

	if (!*text)
		return ipc_bytes_of(strerror(-error));
	cleaner->why.len = 0;
	if (ipc_unescape(text, strlen(text), &cleaner->why, &bad))
		return ipc_bytes_of(text);
	return (struct ipc_bytes){cleaner->why.data, cleaner->why.len};
}

/* @error: of ipc_object_remove(), 0 or negative. */
static int settle(struct cleaner *cleaner, struct ipc_object *object, int error, const char *success)
{
	int r;

	switch (error) {
	case 0:
		cleaner->done.removed++;
		cleaner->done.bytes += bytes_of(object);
		add_note(cleaner, object);
		return tell(cleaner, object, success);
	case -ENOENT:
	case -EIDRM:
		cleaner->done.gone++;
		object->why = IPC_BYTES("somebody else removed it");
		return tell(cleaner, object, "gone");
	case -EBUSY:
	case -ESTALE:
		object->verdict = IPC_BYTES("keep");
		object->why = reason(cleaner, error);
		return keep(cleaner, object);
	default:
		cleaner->done.failed++;
		object->why = reason(cleaner, error);
		cleaner->query->clean_error = -error;
		r = tell(cleaner, object, "failed");
		cleaner->query->clean_error = 0;
		return r;
	}
}

/* ---- the first look ---------------------------------------------------------------------------------------------- */

static int remove_object(struct cleaner *cleaner, const struct ipc_object *object, bool dry_run)
{
	/* Who kept the contents of a segment has attached it for that. */
	const struct ipc_removal how = {.dry_run = dry_run, .certain = true, .attached = cleaner->how->before != NULL};

	return ipc_object_remove(cleaner->ctx, object, &how);
}

static int step(struct cleaner *cleaner)
{
	const struct ipc_cleaning *how = cleaner->how;

	return how->step ? how->step(cleaner->looked, cleaner->found, how->data) : 0;
}

static int look_first(const struct ipc_object *found, void *data)
{
	struct ipc_object *object = (struct ipc_object *)found;
	struct cleaner *cleaner = data;
	int r;

	cleaner->looked++;
	cleaner->found += has_verdict(object, "remove");
	r = step(cleaner);
	if (r)
		return r;
	if (!has_verdict(object, "remove"))
		return keep(cleaner, object);
	/* A rehearsal takes leases, but not on what is only a picture. */
	if (!cleaner->how->apply)
		return settle(cleaner, object, cleaner->ctx->captured ? 0 : remove_object(cleaner, object, true),
			      "would-remove");
	cleaner->error = wait_for_look(&cleaner->waiting, object->handle);
	return cleaner->error;
}

/* ---- the second look, and the removal ---------------------------------------------------------------------------- */

static int remove_verified(struct cleaner *cleaner, struct ipc_object *object)
{
	const struct ipc_cleaning *how = cleaner->how;
	const char *why = NULL;

	if (!has_verdict(object, "remove"))
		return keep(cleaner, object);
	if (how->max && cleaner->done.removed >= how->max) {
		cleaner->done.stopped = true;
		return keep_because(cleaner, object, "no more are removed in one run");
	}
	if (how->before)
		why = how->before(object, how->data);
	if (why)
		return keep_because(cleaner, object, why);
	return settle(cleaner, object, remove_object(cleaner, object, false), "removed");
}

/* The next batch. One whose handle is not understood is left, and stops nobody else's removal. */
static int add_batch(struct cleaner *cleaner, struct ipc_query *again)
{
	struct waiting *waiting = &cleaner->waiting;
	size_t i, count = count_waiting(waiting) < cleaner->batch ? count_waiting(waiting) : cleaner->batch;
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		char *handle = take_out(waiting);

		r = ipc_query_add(again, handle, true);
		free(handle);
		if (r == -EINVAL) {
			cleaner->done.failed++;
			r = 0;
		}
	}
	return r;
}

/* The same conditions and fields for objects that are known by their handles. */
static int query_again(struct cleaner *cleaner, struct ipc_query **out)
{
	const struct ipc_query *query = cleaner->query;
	struct ipc_query *again;
	size_t i;
	int r = ipc_query_new(cleaner->ctx, &again);

	if (r)
		return r;
	for (i = 0; r == 0 && i < query->wants.count; i++)
		r = ipc_query_want(again, query->wants.items[i]);
	if (r == 0)
		r = add_batch(cleaner, again);
	if (r) {
		ipc_query_free(again);
		return r;
	}
	again->want_all = query->want_all;
	again->verbs = query->verbs;
	again->force = query->force;
	again->cleaning = query->cleaning;
	/* lent */
	again->filters = query->filters;
	again->filter_count = query->filter_count;
	again->globs = query->globs;
	*out = again;
	return 0;
}

static void give_back(struct ipc_query *again)
{
	again->filters = NULL;
	again->filter_count = 0;
	again->globs = (struct ipc_strings){0};
	ipc_query_free(again);
}

/* Those that answered no more, and those that a condition leaves out by now. */
static void count_missing(struct cleaner *cleaner, const struct ipc_query *again, size_t found)
{
	size_t i, answered = 0;
	enum ipc_match match;
	const char *text;

	for (i = 0; ipc_query_reference(again, i, &text, &match); i++) {
		answered += match == IPC_MATCH_ONE;
		cleaner->done.failed += match == IPC_MATCH_MANY || match == IPC_MATCH_DENIED;
		cleaner->done.gone +=
			match == IPC_MATCH_NONE || match == IPC_MATCH_REPLACED || match == IPC_MATCH_WRONG_TYPE;
	}
	cleaner->done.kept += answered > found ? answered - found : 0;
}

/* Remove what is found of @set until @expires, and put off the rest. */
static int remove_until(struct cleaner *cleaner, const struct ipc_set *set, int64_t expires)
{
	size_t i, count = ipc_set_count(set), done = 0;
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		struct ipc_object *object = (struct ipc_object *)ipc_set_get(set, i);

		/* At least one of each batch, or it would never end. */
		if (i > 0 && ipc_deadline_passed(expires)) {
			r = wait_for_look(&cleaner->waiting, object->handle);
			continue;
		}
		r = step(cleaner);
		if (r == 0)
			r = remove_verified(cleaner, object);
		done++;
	}
	/* Where saving or recording is slow, as many are looked at as get their turn. */
	cleaner->batch = done < count ? done : 2 * cleaner->batch;
	if (cleaner->batch > BATCH)
		cleaner->batch = BATCH;
	return r;
}

static int look_again(struct cleaner *cleaner, struct ipc_query *again)
{
	int64_t look = ipc_deadline_in(LOOK_MOST), took;
	struct ipc_set *set = NULL;
	int r = ipc_query_collect(again, &set);

	if (r)
		return r;
	took = LOOK_MOST - ipc_deadline_left(look);
	count_missing(cleaner, again, ipc_set_count(set));
	r = remove_until(cleaner, set, ipc_deadline_in(took > EVIDENCE_LASTS ? took : EVIDENCE_LASTS));
	ipc_set_free(set);
	return r;
}

static int remove_batch(struct cleaner *cleaner)
{
	struct ipc_query *again;
	int r = query_again(cleaner, &again);

	if (r)
		return r;
	/* Without references it would look at everything. */
	if (again->target_count)
		r = look_again(cleaner, again);
	give_back(again);
	return r;
}

/* ---- users ------------------------------------------------------------------------------------------------------- */

int ipc_user_absent(struct ipc_ctx *ctx, uint64_t uid)
{
	struct ipc_processes *processes;
	int r;

	if (!ipc_proc_initial_pidns(ctx))
		return ipc_ctx_fail(ctx, -EACCES, "processes outside this pid namespace cannot be seen");
	r = ipc_processes_new(ctx, 0, &processes);
	if (r)
		return ipc_ctx_fail(ctx, r, "processes cannot be read: %s", strerror(-r));
	r = ipc_processes_have_uid(processes, uid);
	ipc_processes_free(processes);
	if (r == 0)
		return 0;
	return r > 0 ? ipc_ctx_fail(ctx, -EBUSY, "user %" PRIu64 " has processes", uid)
		     : ipc_ctx_fail(ctx, -EACCES, "/proc hides processes, so user %" PRIu64 " may have some", uid);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int want(struct ipc_query *query)
{
	static const char *const fields[] = {"ref",    "handle",   "state",   "evidence",
					     "unused", "resident", "swapped", "size"};
	bool everything = !query->any_named && !query->target_count;
	const struct ipc_kind *kind = NULL;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(fields) / sizeof(fields[0]); i++)
		r = ipc_query_want(query, fields[i]);
	while (r == 0 && everything && (kind = ipc_kind_next(kind)))
		if (kind->waste)
			r = ipc_query_add_kind(query, kind);
	ipc_query_want_removal(query, IPC_FORCE_NONE);
	return r;
}

int ipc_query_clean(struct ipc_query *query, const struct ipc_cleaning *how, struct ipc_cleaned *out)
{
	struct cleaner cleaner = {.ctx = query->ctx, .query = query, .how = how, .batch = BATCH};
	int r;

	if (query->ctx->captured && how->apply)
		return ipc_ctx_fail(query->ctx, -ENOTSUP, "a captured tree cannot be changed");
	r = want(query);
	query->cleaning = how;
	if (r == 0)
		r = ipc_query_run(query, look_first, &cleaner);
	while (r == 0 && count_waiting(&cleaner.waiting)) {
		r = step(&cleaner);
		if (r == 0)
			r = remove_batch(&cleaner);
	}
	query->cleaning = NULL;
	forget_all(&cleaner.waiting);
	ipc_buf_release(&cleaner.why);
	if (cleaner.error)
		r = ipc_ctx_fail(query->ctx, cleaner.error, "out of memory");
	if (out)
		*out = cleaner.done;
	return r;
}
