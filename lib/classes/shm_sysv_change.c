/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V segments are made, filled, changed and removed. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/shm.h"
#include "classes/shm_source.h"
#include "classes/shm_sysv_change.h"
#include "classes/sysv_change.h"
#include "sources/umask_call.h"

#ifndef SHM_HUGETLB
#define SHM_HUGETLB 04000
#endif
#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT 26
#endif

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Owner, group and mode at once. @now: how the segment is. */
static int apply(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_perm *now)
{
	struct shmid_ds ds = {.shm_perm = ipc_sysv_perm_to_set(settings, now)};

	return shmctl((int)now->id, IPC_SET, &ds) < 0 ? ipc_sysv_fail_set(ctx, -errno, IPC_SYSV_SHM, now) : 0;
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct ipc_sysv_shm now;
	int r = ipc_sysv_check_mode(ctx, settings);

	if (r == 0)
		r = ipc_sysv_again_shm(ctx, object, &now);
	return r ? r : apply(ctx, settings, &now.perm);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

#define PIECE ((size_t)16 << 20) /* bytes read between two looks at whether this is to end */

/* How much to read next, at @left bytes before the end of the segment; holes of the file, *@hole bytes, stay holes. */
static size_t choose_piece(const struct ipc_shm_source *source, size_t left, size_t *hole)
{
	uint64_t zeros, data;

	ipc_shm_source_pass_hole(source, &zeros, &data);
	*hole = zeros < left ? (size_t)zeros : left;
	left -= *hole;
	if (data < left)
		left = (size_t)data;
	return left < PIECE ? left : PIECE;
}

/*
 * Read the file right into the segment. Through read() a lack of memory is an error here; bytes that are copied would
 * end the program with SIGBUS.
 */
static int fill(struct ipc_ctx *ctx, int id, const struct ipc_shm_source *source, size_t size)
{
	char *memory = shmat(id, NULL, 0), more;
	size_t done = 0, piece, hole;
	bool ended = false;
	ssize_t n = 1;

	if (memory == (void *)-1)
		return ipc_ctx_fail(ctx, -errno, "the new segment cannot be attached to fill it: %s", strerror(errno));
	while (done < size && n > 0 && !(ended = ipc_signals_end())) {
		piece = choose_piece(source, size - done, &hole);
		done += hole;
		if (!piece)
			break; /* it ends with a hole */
		n = ipc_shm_source_read(source->fd, memory + done, piece);
		done += n > 0 ? (size_t)n : 0;
	}
	shmdt(memory);
	if (ended)
		return ipc_ctx_fail(ctx, -EINTR, "interrupted; nothing was made");
	if (n > 0)
		n = ipc_shm_source_read(source->fd, &more, 1);
	if (n > 0)
		return ipc_shm_source_fail_longer(ctx, source, size);
	if (n == -EFAULT)
		return ipc_ctx_fail(ctx, -ENOMEM, "there is not enough memory for all of %s", source->shown);
	return n < 0 ? ipc_shm_source_fail(ctx, source, (int)n, "read") : 0;
}

static int choose_size(struct ipc_creation *creation, const struct ipc_shm_source *source, uint64_t *out)
{
	bool sized = creation->settings->given & IPC_SET_SIZE;
	uint64_t size = sized ? creation->settings->size : source->size;

	if (!sized && !source->path)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "it needs a size, or a file that it is filled from");
	if (!size)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "%s; a segment has at least 1 byte (SHMMIN)",
				    sized ? "the size is 0" : "the file is empty");
	if (size > SIZE_MAX)
		return ipc_shm_sysv_fail_create(creation, -EINVAL, size);
	if (source->size > size)
		return ipc_shm_source_fail_longer(creation->ctx, source, size);
	*out = size;
	return 0;
}

/* What SHM_HUGETLB wants: the binary logarithm of the page size, 0 for the default one. */
static int huge_flags(const struct ipc_settings *settings)
{
	unsigned shift = 0;

	if (!(settings->given & IPC_SET_HUGE))
		return 0;
	while (settings->huge >> shift > 1)
		shift++;
	return (int)(SHM_HUGETLB | shift << SHM_HUGE_SHIFT);
}

static int complete(struct ipc_creation *creation, int id, const struct ipc_shm_source *source, size_t size,
		    bool closed)
{
	struct ipc_sysv_perm now = {
		.id = (uint64_t)id, .uid = geteuid(), .gid = getegid(), .mode = creation->mode & 0777};
	int r = 0;

	now.cuid = now.uid;
	if (source->path)
		r = fill(creation->ctx, id, source, size);
	if (r == 0 && closed)
		r = apply(creation->ctx, creation->settings, &now);
	return r ? r : ipc_sysv_created(creation, id);
}

/*
 * A segment that is yet to be filled or to get another owner is closed to all others until it is complete, and to the
 * caller it is open whatever its mode will be.
 */
static int make(struct ipc_creation *creation, const struct ipc_shm_source *source, uint64_t size)
{
	bool closed = creation->settings->given & (IPC_SET_FROM | IPC_SET_OWNER | IPC_SET_GROUP);
	mode_t mode = closed ? 0600 : creation->mode & 0777;
	sigset_t before;
	int id, r;

	ipc_signals_hold(&before);
	id = shmget(ipc_sysv_new_key(creation), (size_t)size,
		    IPC_CREAT | IPC_EXCL | huge_flags(creation->settings) | (int)mode);
	r = id < 0 ? ipc_shm_sysv_fail_create(creation, -errno, size)
		   : complete(creation, id, source, (size_t)size, closed);
	/* Who is about to be ended can no longer say which one he made. */
	if (r == 0 && ipc_signals_end())
		r = ipc_ctx_fail(creation->ctx, -EINTR, "interrupted");
	if (id >= 0 && r)
		shmctl(id, IPC_RMID, NULL);
	ipc_signals_release(&before);
	return r;
}

static int create(struct ipc_creation *creation)
{
	struct ipc_shm_source source;
	uint64_t size = 0;
	int r = ipc_sysv_check_mode(creation->ctx, creation->settings);

	if (r)
		return r;
	r = ipc_shm_source_open(creation->ctx, creation->settings, &source);
	if (r == 0 && source.path)
		r = ipc_shm_source_measure(creation->ctx, &source, creation->settings);
	if (r == 0)
		r = choose_size(creation, &source, &size);
	if (r == 0)
		r = make(creation, &source, size);
	ipc_shm_source_close(&source);
	return r;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* A pid says nothing before the first time. */
bool ipc_shm_sysv_used_since(const struct ipc_shm *shm, const struct ipc_sysv_shm *now)
{
	return shm->attach_time != ipc_sysv_time(now->atime) || shm->detach_time != ipc_sysv_time(now->dtime) ||
	       ((now->atime || now->dtime) && shm->last_user != now->lpid);
}

/*
 * Is the last use on record that of this process, which attached it to keep its contents, and detached it? The number is of
 * its own pid namespace, so no other process has it. What was used before is not attached for that (IPC_DUMP_UNUSED), and a
 * use meanwhile makes what was kept torn.
 */
static bool used_by_us(const struct ipc_shm *shm, const struct ipc_sysv_shm *now)
{
	int64_t clock = time(NULL);

	return now->lpid == getpid() && now->atime && now->dtime && now->atime <= clock && now->dtime <= clock &&
	       (shm->attach_time == IPC_UNKNOWN_INT || shm->attach_time <= ipc_sysv_time(now->atime)) &&
	       (shm->detach_time == IPC_UNKNOWN_INT || shm->detach_time <= ipc_sysv_time(now->dtime));
}

static int check_use(struct ipc_ctx *ctx, const struct ipc_shm *shm, const struct ipc_sysv_shm *now,
		     const struct ipc_removal *how)
{
	bool force = how->force == IPC_FORCE_HELD;

	if (now->perm.flags & IPC_SYSV_DEST)
		return ipc_ctx_fail(ctx, -EBUSY, "marked for destruction already (dest): it goes with its last detach");
	if (now->nattch && !force)
		return ipc_ctx_fail(ctx, -EBUSY, "in use: %" PRIu64 " attached (--force=held overrides)", now->nattch);
	if (!force && ipc_shm_sysv_used_since(shm, now) && !(how->attached && used_by_us(shm, now)))
		return ipc_ctx_fail(ctx, -EBUSY, "used since it was looked at (--force=held overrides)");
	return 0;
}

/*
 * It lives on when it was attached, also when that happened after the last look. Who may not read it any more has
 * nevertheless found it.
 */
static void tell_if_marked(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t attached)
{
	struct shmid_ds ds;
	bool there = shmctl((int)object->id, IPC_STAT, &ds) == 0;

	if (!there && errno != EACCES)
		return;
	if (there && !(ds.shm_perm.mode & IPC_SYSV_DEST))
		return; /* the id is another's by now */
	attached = there ? (uint64_t)ds.shm_nattch : attached;
	ipc_ctx_set_note(ctx,
			 "%" PRIu64 " attachment%s: marked for destruction (dest), it lives on until the last detach%s",
			 attached, attached == 1 ? "" : "s", object->key ? "; its key is free" : "");
}

static int remove_segment(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct ipc_shm *shm = (const struct ipc_shm *)object;
	struct ipc_sysv_shm now;
	int r = ipc_sysv_again_shm(ctx, object, &now);

	if (r == 0)
		r = check_use(ctx, shm, &now, how);
	if (r)
		return r;
	if (how->dry_run && now.nattch)
		ipc_ctx_set_note(ctx, "%" PRIu64 " attachment%s: it would live on until the last detach (dest)",
				 now.nattch, now.nattch == 1 ? "" : "s");
	if (how->dry_run)
		return 0;
	if (shmctl((int)object->id, IPC_RMID, NULL) == 0) {
		tell_if_marked(ctx, object, now.nattch);
		return 0;
	}
	return errno == EINVAL || errno == EIDRM ? ipc_ctx_fail(ctx, -ENOENT, "gone already")
						 : ipc_sysv_fail(ctx, -errno, &now.perm, "removing it");
}

const struct ipc_changes ipc_changes_shm_sysv = {
	.refuse =
		{
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq/sysv or mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq/sysv or mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem/sysv or sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem/sysv or sem:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_KEY | IPC_SET_FTOK | IPC_SET_SIZE | IPC_SET_HUGE | IPC_SET_FROM,
	.set_takes = IPC_SET_PERMS,
	.creates_by = 1u << IPC_BY_KEY,
	.creation_example = "0x5348",
	.creates_unnamed = true,
	.create = create,
	.set = set,
	.remove = remove_segment,
};
