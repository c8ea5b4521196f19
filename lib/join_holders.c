/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has what, read as far as a run needs it: of everything, of one process, or of the objects alone that references
 * name. Indexes that were read stay until the end of the run: objects have names in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "holders/holders.h"
#include "query.h"

struct reading {
	struct ipc_run *run;
	struct ipc_holders_want want;
	struct ipc_processes *processes;
	struct ipc_holders *holders;
};

static int read_at_home(void *data)
{
	struct reading *reading = data;
	struct ipc_run *run = reading->run;
	size_t hidden;
	int r, error;

	reading->want.spaces = ipc_run_spaces(run, &reading->want.maps);
	/* What namespaces files keep shows on the way: places.c. */
	if (!reading->want.only)
		reading->want.spaces |= IPC_SPACE_BIT(IPC_SPACE_NS);
	r = ipc_holders_new(run->ctx, run->ctx->holder_source, &reading->want, reading->processes, &reading->holders);
	if (r < 0) {
		/* The automatic choice never comes to this: the source that was asked for cannot be had. */
		ipc_run_problem(run, false, -r, ipc_ctx_error(run->ctx), "holders");
		return r;
	}
	run->query->holder_source = ipc_holders_source(reading->holders);
	hidden = ipc_holders_hidden(reading->holders, &error);
	/* A second look may come upon others, who have come meanwhile. */
	if (hidden && (!run->told_hidden || (error != EACCES && error != EPERM)))
		ipc_run_report_hidden(run, error, "files", hidden);
	run->told_hidden |= hidden > 0;
	return 0;
}

/* @keys NULL: of everything. NULL when they cannot be read, which is recorded. */
static struct ipc_holders *read_holders(struct ipc_run *run, struct ipc_processes *processes, int64_t only,
					const struct ipc_keyset *keys)
{
	struct reading reading = {.run = run, .want = {.only = only}, .processes = processes};
	struct ipc_key *list = keys ? ipc_keyset_list(keys) : NULL;

	reading.want.keys = list;
	reading.want.key_count = list ? keys->count : 0;
	if (!processes || ipc_ns_at_home(run->ctx, read_at_home, &reading) < 0)
		run->no_holders = true;
	free(list);
	return reading.holders;
}

struct ipc_holders *ipc_run_all_holders(struct ipc_run *run)
{
	if (!run->holders && !run->no_holders)
		run->holders = read_holders(run, ipc_run_processes(run), ipc_run_only_process(run), NULL);
	return run->holders;
}

/* ---- of some objects alone --------------------------------------------------------------------------------------- */

static bool read_limited(struct ipc_run *run)
{
	struct ipc_holders *holders;

	if (!run->keys.count || run->limited_count == IPC_LIMITED_READS)
		return false;
	holders = read_holders(run, ipc_run_processes(run), 0, &run->keys);
	if (!holders)
		return false;
	run->limited[run->limited_count++] = holders;
	return true;
}

/* What was read last knows the most. */
static struct ipc_holders *latest(const struct ipc_run *run)
{
	if (run->holders || run->no_holders)
		return run->holders;
	return run->limited_count ? run->limited[run->limited_count - 1] : NULL;
}

static void cover(struct ipc_run *run, const struct ipc_key *keys, size_t count)
{
	bool more = !run->limited_count;
	size_t i;
	int r = 0;

	if (!run->bounded || run->holders || run->no_holders)
		return;
	for (i = 0; r >= 0 && i < count; i++) {
		if (keys[i].space == IPC_SPACE_NONE)
			continue;
		r = ipc_keyset_add(&run->keys, keys[i]);
		more |= r > 0;
	}
	/* What is not sure to be among those that were asked for is looked up among all. */
	if (r < 0 || (more && !read_limited(run)))
		ipc_run_all_holders(run);
}

void ipc_run_cover(struct ipc_run *run, const struct ipc_keyset *keys)
{
	cover(run, keys->slots, keys->room);
}

bool ipc_run_may_ask(const struct ipc_run *run, struct ipc_key key)
{
	return !run->bounded || ipc_keyset_has(&run->keys, key);
}

struct ipc_holders *ipc_run_holders(struct ipc_run *run)
{
	if (run->at_hand)
		return run->at_hand;
	if (run->bounded)
		cover(run, NULL, 0);
	else
		ipc_run_all_holders(run);
	run->at_hand = latest(run);
	return run->at_hand;
}

const struct ipc_held *ipc_run_find_held(struct ipc_run *run, struct ipc_key key, struct ipc_holders **in)
{
	if (run->shared && run->at_hand == run->shared) {
		*in = run->shared;
	} else if (run->bounded) {
		cover(run, &key, 1);
		*in = latest(run);
	} else {
		*in = ipc_run_all_holders(run);
	}
	return *in ? ipc_holders_find(*in, key) : NULL;
}

static size_t most_hidden(const struct ipc_holders *holders, size_t most)
{
	size_t hidden = holders ? ipc_holders_hidden(holders, NULL) : 0;

	return hidden > most ? hidden : most;
}

size_t ipc_run_hidden_holders(const struct ipc_run *run)
{
	size_t i, most = most_hidden(run->shared, most_hidden(run->holders, 0));

	for (i = 0; i < run->limited_count; i++)
		most = most_hidden(run->limited[i], most);
	return most;
}

void ipc_run_expect_sockets(struct ipc_run *run, const uint32_t *inodes, size_t count)
{
	struct ipc_holders *holders = latest(run);

	if (holders)
		ipc_holders_prefetch(holders, IPC_SPACE_SOCKET, inodes, count);
}

struct ipc_list ipc_run_list_holders(struct ipc_run *run, struct ipc_key key)
{
	struct ipc_holders *holders;

	ipc_run_find_held(run, key, &holders);
	return holders ? ipc_holders_list(holders, key, &run->arena) : (struct ipc_list){0};
}

/* ---- of what one process shares ---------------------------------------------------------------------------------- */

static int list_everyone(void *data)
{
	struct ipc_run *run = data;

	return ipc_processes_new(run->ctx, 0, &run->everyone);
}

int ipc_run_share_holders(struct ipc_run *run, const struct ipc_keyset *keys)
{
	int r = 0;

	if (!run->one_process || run->shared)
		return 0;
	if (!run->everyone)
		r = ipc_ns_at_home(run->ctx, list_everyone, run);
	if (r < 0)
		return r;
	run->shared = read_holders(run, run->everyone, 0, keys);
	if (run->shared)
		run->at_hand = run->shared;
	return 0;
}

void ipc_run_release_holders(struct ipc_run *run)
{
	size_t i;

	for (i = 0; i < run->limited_count; i++)
		ipc_holders_free(run->limited[i]);
	ipc_holders_free(run->holders);
	ipc_holders_free(run->shared);
	ipc_processes_free(run->everyone);
	ipc_keyset_release(&run->keys);
	free(run->few);
}
