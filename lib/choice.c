/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which kinds a query looks at, and whether for their own sake or for a reference's. */
#include <string.h>

#include "query.h"

bool ipc_query_selects(const struct ipc_query *query, const struct ipc_kind *kind)
{
	if (query->any_named)
		return query->named[ipc_kind_index(kind)];
	if (query->target_count)
		return false;
	return query->view == IPC_VIEW_ALL ? !kind->signals : kind->leaks;
}

static bool targeted(const struct ipc_query *query, const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < query->target_count; i++)
		if (ipc_target_may_name(&query->targets[i], kind))
			return true;
	return false;
}

void ipc_query_choose_kinds(struct ipc_query *query)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		query->looked_at[ipc_kind_index(kind)] = (ipc_query_selects(query, kind) || targeted(query, kind)) &&
							 (!ipc_query_held_only(query) || ipc_kind_has_holders(kind));
}

bool ipc_query_looks_at(const struct ipc_query *query, const struct ipc_kind *kind)
{
	return query->looked_at[ipc_kind_index(kind)];
}

bool ipc_run_only_targets(struct ipc_run *run, const struct ipc_kind *kind)
{
	return !ipc_query_selects(run->query, kind);
}

bool ipc_run_named_only(struct ipc_run *run, const struct ipc_kind *kind)
{
	return run->query->view == IPC_VIEW_NAMED && !run->query->any_named && ipc_query_selects(run->query, kind);
}

bool ipc_run_named(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_kind *other = NULL;
	const struct ipc_query *query = run->query;

	if (!query->named[ipc_kind_index(kind)])
		return false;
	/* "sock" names all kinds of the class; "sock/dccp" means that one. */
	while ((other = ipc_kind_next(other)))
		if (other->cls == kind->cls && !query->named[ipc_kind_index(other)])
			return true;
	return false;
}

const struct ipc_target *ipc_run_next_target(struct ipc_run *run, const char *class_name, size_t *at)
{
	const struct ipc_query *query = run->query;
	bool paths = strcmp(class_name, "fifo") == 0 || strcmp(class_name, "sock") == 0;

	while (*at < query->target_count) {
		const struct ipc_target *target = &query->targets[(*at)++];
		bool names = target->ref.class_name[0] ? strcmp(target->ref.class_name, class_name) == 0 : paths;

		if (names && ipc_target_reaches(run, target, run->ns))
			return target;
	}
	return NULL;
}
