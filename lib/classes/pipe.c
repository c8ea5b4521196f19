/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Anonymous pipes (pipe): they have no list of their own, so they are found through the processes that have them. */
#include "classes/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "classes/contents.h"
#include "classes/file_events.h"
#include "classes/held.h"

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
		struct ipc_lender *lender)
{
	struct ipc_pipe *pipe;
	struct ipc_file file;
	bool known = false;

	pipe = ipc_run_object(run, kind);
	if (!pipe)
		return -ENOMEM;
	pipe->base.inode = held->key.inode;
	pipe->base.hold = pipe->base.wait = ipc_held_key(held);
	pipe->base.status = IPC_EMPTY_LIST;
	/* What is copied to look into it tells of the inode, too. */
	if (ipc_run_needs(run, IPC_NEED_DETAIL))
		known = ipc_pipe_fill_contents(run, pipe, lender, &file);
	if (known || ipc_held_stat(run, held, &file) == 0) {
		pipe->base.dev = file.device;
		pipe->base.uid = file.uid;
		pipe->base.gid = file.gid;
		pipe->base.mode = file.mode & 07777;
		pipe->base.changed = file.changed;
		pipe->base.used = file.used;
	}
	ipc_pipe_fill_ends(run, pipe);
	return ipc_run_emit(run, pipe);
}

static bool is_target(struct ipc_run *run, const struct ipc_kind *kind, uint64_t inode)
{
	const struct ipc_target *target;
	char number[24];
	size_t at = 0;

	snprintf(number, sizeof(number), "%" PRIu64, inode);
	while ((target = ipc_run_next_target(run, kind->cls->name, &at)))
		if (ipc_bytes_equal(target->ref.locator, ipc_bytes_of(number)))
			return true;
	return false;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	bool only = ipc_run_only_targets(run, kind);
	struct ipc_lender lender = {0};
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	while (r == 0 && holders && (held = ipc_holders_next(holders, IPC_SPACE_PIPE, &at)))
		if (!only || is_target(run, kind, held->key.inode))
			r = emit(run, kind, held, &lender);
	ipc_lender_release(&lender);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_names_add_number(names, false, object->inode);
}

/*
 * The inode's device is the kernel's one pipe file system; without it (no holder may be looked at) the number alone
 * has to do.
 */
static int identity(const struct ipc_object *object, struct ipc_buf *out)
{
	return object->dev != IPC_UNKNOWN ? ipc_identity_inode(object, out) : 0;
}

const struct ipc_class ipc_class_pipe = {
	.name = "pipe",
	.help = "anonymous pipes and the processes at their ends",
	.columns = "ref,user,buffered,capacity,packet,flow",
	.record = &ipc_pipe_record,
};

const struct ipc_kind ipc_kind_pipe = {
	.name = "pipe",
	.help = "anonymous pipe (pipe)",
	.cls = &ipc_class_pipe,
	.locators = 1u << IPC_BY_NUMBER,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_PIPE),
	.collect = collect,
	.names = names,
	.identity = identity,
	.changes = &ipc_changes_pipe,
	.contents = &ipc_contents_pipe,
	.events = &ipc_events_pipe,
};
