/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Execution of a query: what it needs, the namespaces to visit, and each kind's turn in each of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "query.h"

/* What the wanted fields of @kind, the conditions and its judgement need together. */
static unsigned needs_of(const struct ipc_query *query, const struct ipc_kind *kind)
{
	const struct ipc_field *field;
	unsigned needs = 0;
	size_t i;

	if (query->want_all)
		for (i = 0; (field = ipc_record_field(kind->cls->record, i)); i++)
			needs |= field->needs;
	for (i = 0; i < query->wants.count; i++) {
		field = ipc_record_find(kind->cls->record, query->wants.items[i]);
		if (field)
			needs |= field->needs;
	}
	for (i = 0; i < query->filter_count; i++)
		needs |= ipc_filter_needs(query->filters[i]);
	if (query->holder_pid || query->holder_comm)
		needs |= IPC_NEED_HOLDERS;
	needs |= ipc_change_needs(query, kind);
	needs |= ipc_verdict_needs(query, kind);
	if (needs & IPC_NEED_STATE)
		needs |= kind->judge ? kind->judge_needs : IPC_NEED_HOLDERS;
	return needs;
}

/* Those of what references name are read for these objects alone, later. */
static bool holders_follow(const struct ipc_run *run)
{
	const struct ipc_kind *kind = NULL;

	if (run->query->target_count)
		return false;
	while ((kind = ipc_kind_next(kind)))
		if (ipc_query_looks_at(run->query, kind) && needs_of(run->query, kind) & IPC_NEED_HOLDERS)
			return true;
	return false;
}

/* ---- namespaces ------------------------------------------------------------------------------------------------ */

static bool some_place_is_missing(const struct ipc_run *run)
{
	const struct ipc_query *query = run->query;
	size_t i;

	for (i = 0; i < query->target_count; i++) {
		uint64_t inode = query->targets[i].ref.ns;
		size_t type, found = 0;

		for (type = IPC_NS_IPC; inode && type < IPC_NS_TYPES; type++)
			found += ipc_ns_set_find(&run->places, (enum ipc_ns_type)type, inode) != NULL;
		if (inode && !found)
			return true;
	}
	return false;
}

/* Namespaces that references name and that are not visited anyway. */
static int add_named_places(struct ipc_run *run, bool holders)
{
	size_t i, known = run->places.count;
	int r;

	if (!some_place_is_missing(run))
		return 0;
	r = ipc_run_all_namespaces(run, &run->places, holders);
	for (i = known; i < run->places.count; i++)
		run->places.items[i].targets_only = true;
	return r;
}

static bool some_target_is_in(const struct ipc_query *query, const struct ipc_ns *ns)
{
	size_t i;

	for (i = 0; i < query->target_count; i++)
		if (query->targets[i].ref.ns == ns->inode)
			return true;
	return false;
}

/* @holders: they will be read in this run. */
static int choose_places(struct ipc_run *run, bool holders)
{
	struct ipc_query *query = run->query;
	size_t i;
	int r = 0;

	if (!query->places.count)
		r = ipc_ns_set_own(run->ctx, &run->places);
	for (i = 0; r == 0 && i < query->places.count; i++)
		r = ipc_ns_set_of(run->ctx, query->places.items[i], &run->places);
	if (r == 0 && query->all_places)
		r = ipc_run_all_namespaces(run, &run->places, holders);
	if (r == 0)
		r = add_named_places(run, holders);
	if (r == 0 && run->places.hidden && (query->all_places || some_place_is_missing(run)))
		ipc_run_problem(run, true, EACCES, "other users' namespaces can be read with CAP_SYS_PTRACE (root)",
				"namespaces of %u process%s", run->places.hidden, run->places.hidden == 1 ? "" : "es");
	return r;
}

/* ---- collecting ------------------------------------------------------------------------------------------------ */

struct visit {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	bool entered;
};

static int collect_here(const struct visit *visit)
{
	int r;

	visit->run->at_hand = NULL;
	r = visit->kind->collect(visit->run, visit->kind);
	/* What was found before a failure stays found. */
	return r == -ENOMEM || r == -ECANCELED || ipc_run_finish(visit->run) == 0 ? r : -ENOMEM;
}

/* Fatal: no memory, or the caller stopped the run. A kind that cannot be read is a problem of that kind alone. */
static int settle(struct ipc_run *run, const struct visit *visit, int r)
{
	const char *cls = visit->kind->cls->name, *name = visit->kind->name;

	if (r == 0 || r == -ENOMEM || r == -ECANCELED)
		return r;
	if (visit->entered)
		ipc_run_problem(run, r == -EACCES || r == -EPERM, -r, strerror(-r), "%s/%s", cls, name);
	else
		ipc_run_problem(run, r == -EACCES || r == -EPERM, -r, ipc_ctx_error(run->ctx), "%s namespace %llu",
				ipc_ns_type_name(run->ns->type), (unsigned long long)run->ns->inode);
	return 0;
}

/* @ns is NULL for a kind without namespaces. */
static int collect_in(const struct ipc_ns *ns, int error, void *data)
{
	struct visit *visit = data;

	visit->run->ns = ns;
	visit->entered = error == 0;
	return settle(visit->run, visit, error < 0 ? error : collect_here(visit));
}

static int collect_kind(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct visit visit = {.run = run, .kind = kind};
	const struct ipc_ns **places;
	size_t i, count = 0;
	int r;

	run->needs = needs_of(run->query, kind);
	if (kind->ns == IPC_NS_NONE) {
		/* Who chose namespaces did not ask for the whole host, unless by name. */
		bool whole_host = !run->query->places.count || run->query->any_named || run->query->target_count;

		return whole_host ? collect_in(NULL, 0, &visit) : 0;
	}
	places = calloc(run->places.count + 1, sizeof(*places));
	if (!places)
		return -ENOMEM;
	for (i = 0; i < run->places.count; i++) {
		const struct ipc_ns *ns = &run->places.items[i];

		if (ns->type == kind->ns && (!ns->targets_only || some_target_is_in(run->query, ns)))
			places[count++] = ns;
	}
	r = ipc_ns_call_each(run->ctx, places, count, collect_in, &visit);
	free(places);
	return r;
}

static void forget_last_run(struct ipc_query *query)
{
	ipc_run_unref(query->run);
	query->run = NULL;
	query->kept_count = query->answer_count = 0;
	while (query->problem_count > 0) {
		query->problem_count--;
		free(query->problems[query->problem_count].what);
		free(query->problems[query->problem_count].why);
	}
	query->holder_source = "none";
	query->stopped = 0;
}

/* With references the objects are kept until it is known which of them answer. */
static int deliver_kept(struct ipc_query *query)
{
	size_t i;
	int r;

	r = ipc_targets_settle(query);
	if (r < 0)
		return ipc_ctx_fail(query->ctx, r, "out of memory");
	for (i = 0; query->fn && i < query->kept_count; i++) {
		r = query->fn(query->kept[i], query->fn_data);
		if (r)
			return r;
	}
	return 0;
}

static bool filters_verdict(const struct ipc_query *query)
{
	size_t i;

	for (i = 0; i < query->filter_count; i++)
		if (ipc_filter_needs(query->filters[i]) & IPC_NEED_VERDICT)
			return true;
	return false;
}

/* @collects: its kinds have their turns after that. */
static int prepare(struct ipc_query *query, bool collects)
{
	int r;

	forget_last_run(query);
	ipc_query_choose_kinds(query);
	r = ipc_run_new(query, &query->run);
	if (r < 0)
		return ipc_ctx_fail(query->ctx, r, "out of memory");
	r = choose_places(query->run, collects && holders_follow(query->run));
	return r == 0 ? ipc_targets_prepare(query) : r;
}

int ipc_query_prepare(struct ipc_query *query)
{
	return prepare(query, false);
}

int ipc_query_execute(struct ipc_query *query, ipc_object_fn fn, void *data)
{
	const struct ipc_kind *kind = NULL;
	int r;

	if (!query->cleaning && filters_verdict(query))
		return ipc_ctx_fail(
			query->ctx, -EINVAL,
			"verdict, rule, why and result are what a cleaning decides: only 'clean' can filter by them");
	query->fn = fn;
	query->fn_data = data;
	query->keep = !fn || query->target_count > 0;
	r = prepare(query, true);
	if (r == 0)
		r = ipc_run_bound(query->run);
	while (r == 0 && (kind = ipc_kind_next(kind)))
		if (ipc_query_looks_at(query, kind))
			r = collect_kind(query->run, kind);
	if (r == -ECANCELED && query->stopped)
		return query->stopped;
	if (r == -ENOMEM)
		ipc_ctx_fail(query->ctx, r, "out of memory");
	return r < 0 ? r : deliver_kept(query);
}

int ipc_query_run(struct ipc_query *query, ipc_object_fn fn, void *data)
{
	return ipc_query_execute(query, fn, data);
}
