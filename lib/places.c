/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every namespace there is: the files of a host are gone through once, for the holders and for the namespaces that files keep. */
#include <errno.h>
#include <stdlib.h>

#include "holders/holders.h"
#include "query.h"

#define NAMESPACES IPC_SPACE_BIT(IPC_SPACE_NS)

/* All that @holders know of, by each descriptor: the first may be closed by now. NULL without memory. */
static struct ipc_ns_kept *kept_by_files(const struct ipc_holders *holders, size_t *count)
{
	struct ipc_ns_kept *kept;
	const struct ipc_held *held;
	const struct ipc_hold *hold;
	size_t at, room = 0;

	for (at = 0; (held = ipc_holders_next(holders, IPC_SPACE_NS, &at));)
		room += held->count;
	kept = calloc(room + 1, sizeof(*kept));
	*count = 0;
	for (at = 0; kept && (held = ipc_holders_next(holders, IPC_SPACE_NS, &at));)
		for (hold = NULL; *count < room && (hold = ipc_holders_hold(holders, held, hold));)
			kept[(*count)++] = (struct ipc_ns_kept){.type = (enum ipc_ns_type)held->key.device,
								.inode = held->key.inode,
								.pid = hold->process->pid,
								.fd = hold->fd};
	return kept;
}

static int add_all(struct ipc_run *run, struct ipc_ns_set *set, const struct ipc_holders *holders)
{
	struct ipc_ns_kept *kept;
	size_t count, hidden;
	int r, error;

	kept = kept_by_files(holders, &count);
	if (!kept)
		return -ENOMEM;
	r = ipc_ns_set_all(run->ctx, set, kept, count);
	free(kept);
	/* Whose files cannot be read may keep one that nobody else does. */
	hidden = ipc_holders_hidden(holders, &error);
	if (set->hidden < hidden)
		set->hidden = (unsigned)hidden;
	return r;
}

struct search {
	struct ipc_run *run;
	struct ipc_ns_set *set;
	bool holders_follow;
};

static int search(void *data)
{
	const struct ipc_holders_want want = {.spaces = NAMESPACES};
	const struct search *search = data;
	struct ipc_run *run = search->run;
	struct ipc_holders *holders = NULL;
	struct ipc_processes *processes = run->ctx->captured ? NULL : ipc_run_processes(run);
	int r;

	if (!processes || run->one_process)
		return ipc_ns_set_all(run->ctx, search->set, NULL, 0);
	if (search->holders_follow || run->holders || run->limited_count)
		holders = ipc_run_holders(run);
	if (holders)
		return add_all(run, search->set, holders);
	r = ipc_holders_new(run->ctx, run->ctx->holder_source, &want, processes, &holders);
	if (r < 0)
		return r == -ENOMEM ? r : ipc_ns_set_all(run->ctx, search->set, NULL, 0);
	r = add_all(run, search->set, holders);
	ipc_holders_free(holders);
	return r;
}

int ipc_run_all_namespaces(struct ipc_run *run, struct ipc_ns_set *set, bool holders_follow)
{
	struct search all = {run, set, holders_follow};

	return ipc_ns_at_home(run->ctx, search, &all);
}
