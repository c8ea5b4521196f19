/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What shared memory contains that is a file underneath: POSIX segments, memfds, anonymous memory, mapped files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/posix_change.h"
#include "classes/shm.h"
#include "classes/shm_memory.h"
#include "classes/shm_reach.h"
#include "classes/shm_read.h"
#include "holders/holders.h"
#include "model/arena.h"
#include "sources/processes.h"

static int dump_opened(struct ipc_dumping *dumping, int fd)
{
	int r;

	dumping->result->source = "file";
	r = ipc_shm_dump_fd(dumping, fd, false, UINT64_MAX);
	close(fd);
	return r;
}

/* ---- through those who have it ----------------------------------------------------------------------------------- */

/* By the pages that are mapped, for who may not open a mapping. The text of @error stands when that is no way. */
static int dump_memory(struct ipc_dumping *dumping, struct ipc_list holders, int error)
{
	struct ipc_ctx *ctx = dumping->ctx;
	uint64_t missing = 0;
	int r;

	if (error != -EPERM)
		return error;
	r = ipc_shm_dump_memory(dumping, holders, dumping->object->size, IPC_UNKNOWN, &missing);
	if (r == -ENODATA)
		return ipc_ctx_fail(ctx, -EPERM,
				    "of the pages that are wanted %" PRIu64
				    " are not in the tables of those who map it, and to read them there "
				    "might make them; CAP_CHECKPOINT_RESTORE (root) reads it without a mark",
				    missing);
	return r == -EACCES ? error : r;
}

static int dump_held(struct ipc_dumping *dumping, struct ipc_list holders)
{
	struct ipc_shm_reached reached;
	int r = ipc_shm_reach(dumping->ctx, dumping->object, holders, ipc_shm_same_file, &reached);

	if (r)
		return dump_memory(dumping, holders, r);
	dumping->result->source = reached.source;
	r = ipc_shm_dump_fd(dumping, reached.fd, reached.shared, UINT64_MAX);
	close(reached.fd);
	return r;
}

static int dump(struct ipc_dumping *dumping)
{
	return dump_held(dumping, dumping->object->holders);
}

/* ---- POSIX segments ---------------------------------------------------------------------------------------------- */

struct search {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	struct ipc_arena arena;
	struct ipc_list holders;
};

static int search(void *data)
{
	const struct ipc_holders_want want = {.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE), .maps = true};
	struct ipc_processes *processes = NULL;
	struct ipc_holders *index = NULL;
	struct search *search = data;
	int r = ipc_processes_new(search->ctx, 0, &processes);

	if (r < 0)
		return ipc_ctx_fail(search->ctx, r, "processes cannot be listed: %s", strerror(-r));
	r = ipc_holders_new(search->ctx, search->ctx->holder_source, &want, processes, &index);
	if (r == 0)
		search->holders = ipc_holders_list(index, search->object->hold, &search->arena);
	ipc_holders_free(index);
	ipc_processes_free(processes);
	return r;
}

/* Asked for here alone: a segment that has a name needs no look at all processes. */
static int dump_unlinked(struct ipc_dumping *dumping)
{
	struct search found = {.ctx = dumping->ctx, .object = dumping->object};
	int r = ipc_ns_at_home(dumping->ctx, search, &found);

	if (r == 0)
		r = dump_held(dumping, found.holders);
	ipc_arena_release(&found.arena);
	return r;
}

static int dump_posix(struct ipc_dumping *dumping)
{
	static const struct ipc_posix_kind segment = {.prefix = "", .what = "segment"};
	const struct ipc_object *object = dumping->object;
	int fd;

	if (((const struct ipc_shm *)object)->deleted == 1)
		return dump_unlinked(dumping);
	/* Who is neither its owner nor root has to leave an access time. */
	fd = ipc_posix_open(dumping->ctx, object, &segment, false, O_RDONLY | O_NOATIME);
	if (fd == -EPERM)
		fd = ipc_posix_open(dumping->ctx, object, &segment, false, O_RDONLY);
	return fd < 0 ? fd : dump_opened(dumping, fd);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* By its path, when that leads to the same file still. */
static int open_by_path(struct ipc_dumping *dumping)
{
	const struct ipc_object *object = dumping->object;
	struct ipc_ctx *ctx = dumping->ctx;
	struct ipc_buf path = {0};
	int found = -ENOENT, fd;

	if (((const struct ipc_shm *)object)->deleted == false && object->name.len > 1) {
		if (ipc_buf_append(&path, object->name.data + 1, object->name.len - 1) < 0)
			return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
		found = openat(ctx->root_fd, path.data, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		found = found < 0 ? -errno : found;
		ipc_buf_release(&path);
	}
	if (found == -ENOENT)
		return ipc_ctx_fail(ctx, found, "it is gone");
	if (found < 0)
		return ipc_ctx_fail(ctx, found, "it cannot be looked at: %s", strerror(-found));
	fd = ipc_shm_same_file(ctx, object, found)
		     ? ipc_shm_open_found(ctx, found)
		     : ipc_ctx_fail(ctx, -ESTALE, "replaced: another file has the path by now");
	close(found);
	return fd;
}

/* Its holders may have it open when its path leads nowhere, or it may not be opened any more. */
static int dump_file(struct ipc_dumping *dumping)
{
	const struct ipc_list holders = dumping->object->holders;
	int fd;

	if (ipc_shm_is_leased(dumping->ctx, holders))
		return dump_held(dumping, holders);
	fd = open_by_path(dumping);
	if (fd >= 0)
		return dump_opened(dumping, fd);
	return fd == -EBUSY || fd == -ENOMEM || !holders.count ? fd : dump_held(dumping, holders);
}

/* ---- the kinds --------------------------------------------------------------------------------------------------- */

#define DISTURBS                                                                                                          \
	"nothing, but pages in swap come back; for others than owner and root the access time may move, and who watches " \
	"the file (inotify) learns that it was read"

const struct ipc_contents ipc_contents_shm_posix = {
	.help =
		{
			.read = "its file below /dev/shm is opened and read, holes by SEEK_DATA; without a name any "
				"more, through a process that has it open or mapped",
			.privilege = "read permission; without a name, ptrace rights over a process that has it open, "
				     "or CAP_CHECKPOINT_RESTORE for one that maps it",
			.disturbs = DISTURBS,
		},
	.takes = IPC_DUMP_RANGE,
	.dump = dump_posix,
};

const struct ipc_contents ipc_contents_shm_held = {
	.help =
		{
			.read = "what a process has open is opened anew (/proc/PID/fd), else what it maps "
				"(/proc/PID/map_files), else the pages it has mapped are read (/proc/PID/mem)",
			.privilege = "ptrace rights over a process that has it; where it is only mapped also "
				     "CAP_CHECKPOINT_RESTORE, unless all pages are in its tables",
			.disturbs = DISTURBS,
		},
	.needs = IPC_NEED_HOLDERS,
	.takes = IPC_DUMP_RANGE,
	.dump = dump,
};

const struct ipc_contents ipc_contents_shm_file = {
	.help =
		{
			.read = "the file is opened by its path and read, holes by SEEK_DATA; where the path leads "
				"elsewhere, through a process that has it",
			.privilege = "read permission; through a process, ptrace rights over it, or "
				     "CAP_CHECKPOINT_RESTORE where it only maps the file",
			.disturbs = DISTURBS,
		},
	.needs = IPC_NEED_HOLDERS,
	.takes = IPC_DUMP_RANGE,
	.dump = dump_file,
};
