/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What System V segments contain. Whoever attaches one becomes its last user on record; so it is opened as a file through
 * a process that has it attached, which counts as nothing, or read page by page there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/shm.h"
#include "classes/shm_memory.h"
#include "classes/shm_reach.h"
#include "classes/shm_read.h"
#include "classes/shm_sysv_change.h"
#include "classes/sysv_change.h"
#include "sources/mounts.h"

#define NSEC_PER_SEC 1000000000

/* ---- the segment ------------------------------------------------------------------------------------------------- */

/* As it is now, with its memory as far as the kernel's text tells. */
static int look(const struct ipc_dumping *dumping, struct ipc_sysv_shm *now)
{
	struct ipc_sysv_shm text;
	int r = ipc_sysv_again_shm(dumping->ctx, dumping->object, now);

	if (r)
		return r;
	now->rss = now->swapped = IPC_UNKNOWN;
	if (ipc_sysv_find_shm(dumping->ctx, now->perm.id, true, &text) == 0) {
		now->rss = text.rss;
		now->swapped = text.swapped;
	}
	return 0;
}

/* With what is in swap the pages that are mapped do not add up. */
static uint64_t resident(const struct ipc_sysv_shm *now)
{
	return now->swapped == 0 ? now->rss : IPC_UNKNOWN;
}

/*
 * The file of a segment of another ipc namespace may have the same number; this one is as large, and not younger than the
 * segment's last change. Its own times move with what is stored in it.
 */
static bool same_segment(struct ipc_ctx *ctx, const struct ipc_object *object, int fd)
{
	struct ipc_file file;

	(void)ctx;
	return ipc_file_stat(NULL, fd, "", false, &file) == 0 && S_ISREG(file.mode) && file.inode == object->id &&
	       file.size >= object->size &&
	       (file.birth == IPC_UNKNOWN_INT || file.birth / NSEC_PER_SEC <= object->changed / NSEC_PER_SEC);
}

/* ---- attaching it ------------------------------------------------------------------------------------------------ */

static void format_time(int64_t seconds, char *out, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&when, &tm) || !strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, size, "never");
}

/* What is about to be overwritten. */
static void tell(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now)
{
	char line[256], attached[32], detached[32], user[48] = "none";

	format_time(now->atime, attached, sizeof(attached));
	format_time(now->dtime, detached, sizeof(detached));
	if (now->atime || now->dtime)
		snprintf(user, sizeof(user), "%" PRId64, now->lpid);
	snprintf(line, sizeof(line),
		 "attaching it overwrites: last user %s, attach time %s, detach time %s, attached %" PRIu64, user,
		 attached, detached, now->nattch);
	if (dumping->how.tell)
		dumping->how.tell(line, dumping->how.tell_data);
	else
		ipc_ctx_set_note(dumping->ctx, "%s", line);
}

/* The own attachment, as a file: nobody else has it mapped at that address. */
static int reach_own(struct ipc_dumping *dumping, struct ipc_shm_reached *out)
{
	const struct ipc_holder self = {.pid = getpid(), .fd = IPC_UNKNOWN_INT};

	return ipc_shm_reach(dumping->ctx, dumping->object, (struct ipc_list){&self, 1}, same_segment, out);
}

/* What the kernel says as late as possible. It takes the same permission as attaching it. */
static int check_attachable(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now)
{
	const struct ipc_shm *shm = (const struct ipc_shm *)dumping->object;
	struct ipc_sysv_shm last = *now;
	struct shmid_ds ds;

	if (shmctl((int)now->perm.id, IPC_STAT, &ds) < 0)
		return ipc_sysv_fail(dumping->ctx, -errno, &now->perm, "attaching it");
	last.atime = ds.shm_atime;
	last.dtime = ds.shm_dtime;
	last.lpid = ds.shm_lpid;
	if (dumping->how.flags & IPC_DUMP_UNUSED && (ds.shm_nattch || ipc_shm_sysv_used_since(shm, &last)))
		return ipc_ctx_fail(dumping->ctx, -EBUSY, "used since it was looked at");
	return 0;
}

/* Who attached or detached it meanwhile may have written to it, and is the last user until we detach it. */
static bool used_meanwhile(const struct ipc_sysv_shm *now)
{
	struct shmid_ds ds;

	return shmctl((int)now->perm.id, IPC_STAT, &ds) < 0 || ds.shm_lpid != getpid();
}

static int dump_attached(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now)
{
	struct ipc_shm_reached reached;
	const void *memory;
	int r = check_attachable(dumping, now);

	/* Nothing is told to be overwritten that will not be. */
	if (r)
		return r;
	tell(dumping, now);
	memory = shmat((int)now->perm.id, NULL, SHM_RDONLY);
	if (memory == (void *)-1)
		return ipc_sysv_fail(dumping->ctx, -errno, &now->perm, "attaching it");
	dumping->result->source = "attach";
	if (reach_own(dumping, &reached) == 0) {
		r = ipc_shm_dump_fd(dumping, reached.fd, false, now->size);
		close(reached.fd);
	} else {
		r = ipc_shm_dump_attached(dumping, memory, now->size, resident(now));
	}
	dumping->result->torn |= used_meanwhile(now);
	shmdt(memory);
	return r;
}

/* ---- through those who have it attached -------------------------------------------------------------------------- */

static int explain_unattached(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now)
{
	char attached[32], detached[32];

	format_time(now->atime, attached, sizeof(attached));
	format_time(now->dtime, detached, sizeof(detached));
	if (now->nattch)
		return ipc_ctx_fail(dumping->ctx, -EPERM,
				    "it is attached %" PRIu64 " times, by processes that cannot be seen; it takes "
				    "CAP_SYS_PTRACE (root) in the pid namespace that they are in, or --attach, which "
				    "rewrites the record of its last user",
				    now->nattch);
	if (!now->atime && !now->dtime)
		return ipc_ctx_fail(
			dumping->ctx, -EBUSY,
			"nobody has attached it so far, and attaching it would leave a record of a first user: "
			"--attach does so");
	return ipc_ctx_fail(
		dumping->ctx, -EBUSY,
		"nobody visible has it attached, and attaching it would rewrite the record of its last user "
		"(process %" PRId64 ", attach time %s, detach time %s): --attach does so",
		now->lpid, attached, detached);
}

/* Where its file may not be opened. The text of @error stands when that is no way either. */
static int dump_memory(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now, int error)
{
	struct ipc_ctx *ctx = dumping->ctx;
	uint64_t missing = 0;
	int r = ipc_shm_dump_memory(dumping, dumping->object->holders, now->size, resident(now), &missing);

	if (r == -ENODATA)
		return ipc_ctx_fail(
			ctx, -EPERM,
			"of the pages that are wanted %" PRIu64
			" are not in the tables of those who have it attached, and to read them there might "
			"make them; CAP_CHECKPOINT_RESTORE (root) reads it without a mark, and --attach with "
			"one on the record of its last user",
			missing);
	return r == -EACCES ? error : r;
}

/* What of these refusals --attach overcomes. */
static bool is_refusal(int r)
{
	return r == -EPERM || r == -EACCES || r == -EBUSY || r == -ESRCH;
}

static int dump_through(struct ipc_dumping *dumping, const struct ipc_sysv_shm *now)
{
	struct ipc_shm_reached reached;
	int r = ipc_shm_reach(dumping->ctx, dumping->object, dumping->object->holders, same_segment, &reached);

	if (r == -EPERM)
		return dump_memory(dumping, now, r);
	if (r == -ESRCH)
		return explain_unattached(dumping, now);
	if (r)
		return r;
	dumping->result->source = reached.source;
	r = ipc_shm_dump_fd(dumping, reached.fd, reached.shared, now->size);
	close(reached.fd);
	return r;
}

static int dump(struct ipc_dumping *dumping)
{
	struct ipc_sysv_shm now;
	int r = look(dumping, &now);

	if (r)
		return r;
	if (now.rss == 0 && now.swapped == 0) {
		dumping->result->source = "counters";
		return ipc_shm_dump_zeros(dumping, now.size);
	}
	r = dump_through(dumping, &now);
	/* Nothing was given yet: a source is set as soon as there is one. */
	if (is_refusal(r) && !*dumping->result->source && dumping->how.flags & IPC_DUMP_ATTACH)
		r = dump_attached(dumping, &now);
	return r;
}

const struct ipc_contents ipc_contents_shm_sysv = {
	.help =
		{
			.read = "what a process has attached is opened as a file (/proc/PID/map_files), else the pages "
				"it has there are read (/proc/PID/mem); with --attach it is attached",
			.privilege =
				"CAP_CHECKPOINT_RESTORE and ptrace rights over a process that has it attached; ptrace "
				"rights alone when all its pages are in the tables of such processes; for "
				"--attach read permission",
			.disturbs =
				"nothing, but pages in swap come back; with --attach it rewrites last user, attach time and "
				"detach time",
		},
	.needs = IPC_NEED_HOLDERS,
	.takes = IPC_DUMP_RANGE | IPC_DUMP_ATTACH,
	.dump = dump,
};
