/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be selected at all, as far as that is known before anything is listed: what one process has (--holder), and
 * what references name. Nothing else has to be looked at then, and nobody's files but for these objects.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "classes/sock.h"
#include "holders/holders.h"
#include "model/units.h"
#include "query.h"

/* Holders are never found in these: of queues and sets the kernel keeps no record of users. */
#define UNHELD (IPC_SPACE_BIT(IPC_SPACE_MSG) | IPC_SPACE_BIT(IPC_SPACE_SEM))

/* A cleaning looks at everything, whatever is selected: what it goes by is read in one way alone. */
bool ipc_query_held_only(const struct ipc_query *query)
{
	return (query->holder_pid || query->holder_comm) && !query->target_count && !query->cleaning;
}

bool ipc_run_held_only(const struct ipc_run *run)
{
	return ipc_query_held_only(run->query);
}

bool ipc_kind_has_holders(const struct ipc_kind *kind)
{
	return (kind->spaces & ~UNHELD) != 0;
}

/* Does the judgement of what is to be removed rest on more than its own holders? */
static bool judges_beyond(const struct ipc_run *run)
{
	const struct ipc_kind *kind = NULL;

	while (ipc_run_removes(run) && (kind = ipc_kind_next(kind)))
		if (kind->removal_spaces && ipc_query_looks_at(run->query, kind))
			return true;
	return false;
}

/* ---- one process alone ------------------------------------------------------------------------------------------- */

/* The process when signals of one are asked for, and nothing else. */
static int64_t only_signals_of(const struct ipc_query *query)
{
	const struct ipc_kind *kind = NULL;
	uint64_t pid, only = 0;
	size_t i;

	while ((kind = ipc_kind_next(kind)))
		if (kind->signals ? ipc_query_selects(query, kind) : ipc_query_looks_at(query, kind))
			return 0;
	for (i = 0; i < query->target_count; i++) {
		const struct ipc_reference *ref = &query->targets[i].ref;

		if (ref->by != IPC_BY_NUMBER || ipc_parse_uint(ref->locator.data, ref->locator.len, &pid) < 0 ||
		    (only && pid != only))
			return 0;
		only = pid;
	}
	return only > INT32_MAX ? 0 : (int64_t)only;
}

int64_t ipc_run_only_process(const struct ipc_run *run)
{
	return run->query->holder_pid ? run->query->holder_pid : only_signals_of(run->query);
}

/* ---- the objects that references name, as far as these say themselves under which key they are held ---------------------------------------------------------------------------- */

static int add(struct ipc_keyset *keys, enum ipc_space space, uint64_t device, uint64_t inode)
{
	int r = ipc_keyset_add(keys, (struct ipc_key){space, device, inode});

	return r < 0 ? r : 0;
}

static int add_number(struct ipc_keyset *keys, const struct ipc_reference *ref)
{
	bool pipe = strcmp(ref->class_name, "pipe") == 0;
	uint64_t number;

	if ((!pipe && strcmp(ref->class_name, "sock") != 0) ||
	    ipc_parse_uint(ref->locator.data, ref->locator.len, &number) < 0)
		return 0;
	return add(keys, pipe ? IPC_SPACE_PIPE : IPC_SPACE_SOCKET, 0, number);
}

static int add_inode(struct ipc_keyset *keys, const struct ipc_reference *ref)
{
	static const enum ipc_space spaces[] = {IPC_SPACE_FILE, IPC_SPACE_MEMFD, IPC_SPACE_ANON};
	unsigned major_number, minor_number;
	uint64_t inode;
	size_t i;
	int r = 0;

	if (sscanf(ref->locator.data, "@%u:%u:%" SCNu64, &major_number, &minor_number, &inode) != 3)
		return 0;
	for (i = 0; r == 0 && i < sizeof(spaces) / sizeof(spaces[0]); i++)
		r = add(keys, spaces[i], makedev(major_number, minor_number), inode);
	return r;
}

int ipc_run_bound(struct ipc_run *run)
{
	const struct ipc_query *query = run->query;
	struct ipc_keyset *keys = &run->keys;
	size_t i;
	int r = 0;

	run->bounded = query->target_count && !query->any_named && !query->cleaning && !query->holder_pid &&
		       !judges_beyond(run);
	for (i = 0; run->bounded && r == 0 && i < query->target_count; i++) {
		const struct ipc_target *target = &query->targets[i];

		if (target->ref.by == IPC_BY_NUMBER)
			r = add_number(keys, &target->ref);
		else if (target->ref.by == IPC_BY_INODE)
			r = add_inode(keys, &target->ref);
		else if (target->resolved && target->mode)
			r = add(keys, IPC_SPACE_FILE, target->device, target->inode);
	}
	return r;
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static bool add_few(struct ipc_run *run, uint64_t inode)
{
	if (run->few_count == run->few_room) {
		size_t room = run->few_room ? 2 * run->few_room : 64;
		uint64_t *grown = reallocarray(run->few, room, sizeof(*grown));

		if (!grown)
			return false;
		run->few = grown;
		run->few_room = room;
	}
	run->few[run->few_count++] = inode;
	return true;
}

static bool few_held(struct ipc_run *run)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_held *held;
	size_t at = 0;

	if (!holders)
		return false;
	while ((held = ipc_holders_next(holders, IPC_SPACE_SOCKET, &at)))
		if (!add_few(run, held->key.inode))
			return false;
	return true;
}

static bool few_asked(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_query *query = run->query;
	bool *found = calloc(query->target_count + 1, sizeof(*found));
	bool few = found != NULL;
	uint64_t inode;
	size_t i;

	/* The inode of a unix socket no other socket has; an MPTCP socket lends its own. */
	for (i = 0; few && i < query->answer_count; i++)
		if (query->answers[i].object->of_kind == &ipc_kind_sock_unix)
			found[query->answers[i].target] = true;
	for (i = 0; few && i < query->target_count; i++) {
		const struct ipc_reference *ref = &query->targets[i].ref;

		if (ipc_target_may_name(&query->targets[i], kind))
			few = ref->by == IPC_BY_NUMBER &&
			      ipc_parse_uint(ref->locator.data, ref->locator.len, &inode) == 0 &&
			      (found[i] || add_few(run, inode));
	}
	free(found);
	return few;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool ipc_run_few_sockets(struct ipc_run *run, const struct ipc_kind *kind, const uint64_t **inodes, size_t *count)
{
	size_t i, out = 0;

	run->few_count = 0;
	if (ipc_run_held_only(run) && run->query->holder_pid) {
		if (!few_held(run))
			return false;
	} else if (!ipc_run_only_targets(run, kind) || !few_asked(run, kind)) {
		return false;
	}
	if (run->few_count)
		qsort(run->few, run->few_count, sizeof(*run->few), by_number);
	for (i = 0; i < run->few_count; i++)
		if (!out || run->few[out - 1] != run->few[i])
			run->few[out++] = run->few[i];
	run->few_count = out;
	*inodes = run->few;
	*count = out;
	return true;
}
