/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* References within a run: where those that are paths lead, which kinds and namespaces may answer, and how each fared. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/idset.h"
#include "query.h"
#include "sources/mounts.h"

size_t ipc_targets_first(const struct ipc_query *query, struct ipc_bytes locator)
{
	if (!query->target_bucket_count)
		return IPC_NO_TARGET;
	return query->target_buckets[ipc_hash(locator.data, locator.len) & (query->target_bucket_count - 1)];
}

static size_t *file_bucket(const struct ipc_query *query, uint64_t device, uint64_t inode)
{
	uint64_t hash = ipc_key_hash((struct ipc_key){IPC_SPACE_FILE, device, inode});

	return &query->target_buckets[query->target_bucket_count + (hash & (query->target_bucket_count - 1))];
}

size_t ipc_targets_first_file(const struct ipc_query *query, uint64_t device, uint64_t inode)
{
	return query->target_bucket_count ? *file_bucket(query, device, inode) : IPC_NO_TARGET;
}

static int make_buckets(struct ipc_query *query)
{
	size_t count = 16, i;

	while (count < 2 * query->target_count)
		count *= 2;
	free(query->target_buckets);
	query->target_bucket_count = 0;
	query->target_buckets = malloc(2 * count * sizeof(*query->target_buckets));
	if (!query->target_buckets)
		return -ENOMEM;
	query->target_bucket_count = count;
	for (i = 0; i < 2 * count; i++)
		query->target_buckets[i] = IPC_NO_TARGET;
	for (i = 0; i < query->target_count; i++) {
		struct ipc_target *target = &query->targets[i];
		size_t at = ipc_hash(target->ref.locator.data, target->ref.locator.len) & (count - 1);

		target->next = query->target_buckets[at];
		query->target_buckets[at] = i;
	}
	return 0;
}

static void add_to_files(struct ipc_query *query, size_t index)
{
	struct ipc_target *target = &query->targets[index];
	size_t *bucket = file_bucket(query, target->device, target->inode);

	target->next_file = *bucket;
	*bucket = index;
}

static bool is_path(const struct ipc_target *target)
{
	return target->ref.by == IPC_BY_PATH || target->ref.by == IPC_BY_FILE;
}

/* Never through a final symbolic link: who may write to the directory would choose the object. */
static void resolve(struct ipc_query *query, struct ipc_target *target)
{
	struct ipc_bytes path = target->ref.locator;
	struct ipc_file file;
	int r;

	target->resolved = true;
	target->mode = 0;
	if (target->ref.by == IPC_BY_FILE && ipc_bytes_starts(path, "file:")) {
		path.data += strlen("file:");
		path.len -= strlen("file:");
	}
	if (!path.len || memchr(path.data, '\0', path.len))
		return;
	r = ipc_file_stat(ipc_run_mounts(query->run), query->run->ctx->root_fd, path.len > 1 ? path.data + 1 : ".",
			  false, &file);
	target->denied = r == -EACCES || r == -EPERM;
	if (r < 0)
		return;
	target->device = file.device;
	target->inode = file.inode;
	target->mode = file.mode;
}

static void take_from_files(struct ipc_query *query, size_t index)
{
	struct ipc_target *target = &query->targets[index];
	size_t *at = file_bucket(query, target->device, target->inode);

	while (*at != index)
		at = &query->targets[*at].next_file;
	*at = target->next_file;
}

/* What is behind the last slash. */
static struct ipc_bytes last_part(struct ipc_bytes path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;

	if (!slash)
		return path;
	return (struct ipc_bytes){slash + 1, path.len - (size_t)(slash + 1 - path.data)};
}

void ipc_targets_follow(struct ipc_query *query, struct ipc_bytes name)
{
	size_t i;

	for (i = 0; i < query->target_count; i++) {
		struct ipc_target *target = &query->targets[i];

		if (!is_path(target) || target->ref.ns ||
		    !ipc_bytes_equal(last_part(target->ref.locator), last_part(name)))
			continue;
		if (target->mode)
			take_from_files(query, i);
		resolve(query, target);
		if (target->mode)
			add_to_files(query, i);
	}
}

int ipc_targets_prepare(struct ipc_query *query)
{
	size_t i;
	int r;

	query->target_bucket_count = 0;
	if (!query->target_count)
		return 0;
	r = make_buckets(query);
	if (r < 0)
		return r;
	for (i = 0; i < query->target_count; i++) {
		struct ipc_target *target = &query->targets[i];

		target->match = IPC_MATCH_NONE;
		/* A path in another mount namespace is known there alone, and compared as text. */
		if (is_path(target) && !target->ref.ns)
			resolve(query, target);
		if (target->mode)
			add_to_files(query, i);
	}
	return 0;
}

bool ipc_target_may_name(const struct ipc_target *target, const struct ipc_kind *kind)
{
	const struct ipc_reference *ref = &target->ref;
	size_t len = strlen(kind->name);

	if (ref->class_name[0] ? strcmp(ref->class_name, kind->cls->name) != 0
			       : strcmp(kind->cls->name, "fifo") != 0 && strcmp(kind->cls->name, "sock") != 0)
		return false;
	if (kind->locators && !(kind->locators & 1u << ref->by))
		return false;
	/* An address begins with the name of its kind. */
	return ref->by != IPC_BY_ADDRESS ||
	       (ref->locator.len > len && memcmp(ref->locator.data, kind->name, len) == 0 &&
		ref->locator.data[len] == ':');
}

void ipc_run_deny_targets(struct ipc_run *run, const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < run->query->target_count; i++)
		if (ipc_target_may_name(&run->query->targets[i], kind))
			run->query->targets[i].denied = true;
}

void ipc_run_deny_target(struct ipc_run *run, const struct ipc_target *target)
{
	run->query->targets[target - run->query->targets].denied = true;
}

bool ipc_target_reaches(const struct ipc_run *run, const struct ipc_target *target, const struct ipc_ns *ns)
{
	size_t i;

	if (!ns)
		return target->ref.ns == 0;
	if (target->ref.ns)
		return target->ref.ns == ns->inode;
	/* Without @NAMESPACE the caller's own is meant, unless others were chosen in its place. */
	if (ns->targets_only)
		return false;
	for (i = 0; !ns->own && i < run->places.count; i++) {
		const struct ipc_ns *place = &run->places.items[i];

		if (place->type == ns->type && place->own && !place->targets_only)
			return false;
	}
	return true;
}

/* What a path target without any answer says of the path. */
static enum ipc_match unanswered(const struct ipc_target *target)
{
	mode_t type = (mode_t)target->mode & S_IFMT;

	if (target->denied)
		return IPC_MATCH_DENIED;
	if (!target->mode || target->ref.by == IPC_BY_FILE)
		return target->mode && !S_ISREG(type) ? IPC_MATCH_WRONG_TYPE : IPC_MATCH_NONE;
	if (strcmp(target->ref.class_name, "fifo") == 0)
		return S_ISFIFO(type) ? IPC_MATCH_NONE : IPC_MATCH_WRONG_TYPE;
	if (strcmp(target->ref.class_name, "sock") == 0)
		return S_ISSOCK(type) ? IPC_MATCH_NONE : IPC_MATCH_WRONG_TYPE;
	return S_ISFIFO(type) || S_ISSOCK(type) ? IPC_MATCH_NONE : IPC_MATCH_WRONG_TYPE;
}

struct tally {
	size_t strong, weak, replaced;
};

static int by_target(const void *a, const void *b)
{
	const struct ipc_answer *x = a, *y = b;

	return x->target < y->target ? -1 : x->target > y->target;
}

/* Does the answer stand, now that all answers to its target are known? */
static bool stands(const struct ipc_query *query, const struct ipc_answer *answer, const struct tally *tallies)
{
	return query->targets[answer->target].match == IPC_MATCH_ONE && !answer->replaced &&
	       (!answer->weak || !tallies[answer->target].strong);
}

static uint64_t id_of(const struct ipc_object *object)
{
	return (uint64_t)(uintptr_t)object;
}

/*
 * What is handed over: objects of the kinds that were asked for as such, in the order listed, and then what the references name, in
 * the order given, each once. An answer that the conditions dropped was never kept.
 */
static int choose(struct ipc_query *query, const struct tally *tallies)
{
	struct ipc_idset kept = {0}, chosen = {0};
	size_t i, out = 0;
	int r = 0;

	for (i = 0; r >= 0 && i < query->kept_count; i++)
		r = ipc_idset_add(&kept, id_of(query->kept[i]));
	for (i = 0; r >= 0 && i < query->kept_count; i++) {
		struct ipc_object *object = query->kept[i];

		if (!ipc_query_selects(query, object->of_kind) || (object->in && object->in->targets_only))
			continue;
		query->kept[out++] = object;
		r = ipc_idset_add(&chosen, id_of(object));
	}
	if (query->answer_count)
		qsort(query->answers, query->answer_count, sizeof(*query->answers), by_target);
	for (i = 0; r >= 0 && i < query->answer_count; i++) {
		struct ipc_answer *answer = &query->answers[i];

		if (!stands(query, answer, tallies) || !ipc_idset_has(&kept, id_of(answer->object)))
			continue;
		r = ipc_idset_add(&chosen, id_of(answer->object));
		if (r == 1)
			query->kept[out++] = answer->object;
	}
	ipc_idset_release(&kept);
	ipc_idset_release(&chosen);
	query->kept_count = out;
	return r < 0 ? r : 0;
}

int ipc_targets_settle(struct ipc_query *query)
{
	struct tally *tallies;
	size_t i;
	int r;

	if (!query->target_count)
		return 0;
	tallies = calloc(query->target_count, sizeof(*tallies));
	if (!tallies)
		return -ENOMEM;
	for (i = 0; i < query->answer_count; i++) {
		const struct ipc_answer *answer = &query->answers[i];
		struct tally *tally = &tallies[answer->target];

		*(answer->replaced ? &tally->replaced : answer->weak ? &tally->weak : &tally->strong) += 1;
	}
	for (i = 0; i < query->target_count; i++) {
		struct ipc_target *target = &query->targets[i];
		size_t count_of = tallies[i].strong ? tallies[i].strong : tallies[i].weak;

		if (count_of)
			target->match = count_of == 1 ? IPC_MATCH_ONE : IPC_MATCH_MANY;
		else if (tallies[i].replaced)
			target->match = IPC_MATCH_REPLACED;
		else
			target->match = unanswered(target);
	}
	r = choose(query, tallies);
	free(tallies);
	return r;
}
