/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System V objects from two sources, the system calls and /proc/sysvipc: each stands in where the other is refused. */
#include "sources/sysvipc.h"

#include <errno.h>
#include <limits.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

#include "model/idset.h"
#include "model/record.h"
#include "sources/procfs.h"
#include "sources/sysvipc_text.h"

/* Libraries older than the commands lack them; musl marks its own with the bit that its IPC_STAT carries. */
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY (13 | (IPC_STAT & 0x100))
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY (15 | (IPC_STAT & 0x100))
#endif
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY (20 | (IPC_STAT & 0x100))
#endif

#define SAME_TICK 16 /* objects */

/* A listing under way: who receives it, or which id is looked for. */
struct listing {
	struct ipc_ctx *ctx;
	enum ipc_sysv_type type;
	ipc_sysv_msg_fn msg_fn;
	ipc_sysv_sem_fn sem_fn;
	ipc_sysv_shm_fn shm_fn;
	void *data;
	struct ipc_idset seen; /* ids handed over already */
	bool any;              /* something was handed over */
	int result;            /* what the receiver returned; non-zero ends the listing */
};

/* An index gives an object once; it is the text that may have one twice (Linux 5.3). */
static int hand_over(struct listing *listing, const union ipc_sysv_any *any)
{
	int fresh = any->perm.looked ? 1 : ipc_idset_add(&listing->seen, any->perm.id);

	listing->any = true;
	if (fresh < 0)
		listing->result = fresh;
	else if (fresh && listing->type == IPC_SYSV_MSG)
		listing->result = listing->msg_fn(&any->msg, listing->data);
	else if (fresh && listing->type == IPC_SYSV_SEM)
		listing->result = listing->sem_fn(&any->sem, listing->data);
	else if (fresh)
		listing->result = listing->shm_fn(&any->shm, listing->data);
	return listing->result;
}

int64_t ipc_sysv_tick(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* All but when that was. */
static void set_perm(struct ipc_sysv_perm *perm, int id, const struct ipc_perm *from)
{
	perm->id = (uint64_t)id;
	perm->key = (uint32_t)from->__key;
	perm->uid = from->uid;
	perm->gid = from->gid;
	perm->cuid = from->cuid;
	perm->cgid = from->cgid;
	perm->mode = from->mode & 0777;
	perm->flags = from->mode & ~0777u;
}

static int stat_msg(int index, struct ipc_sysv_msg *out)
{
	struct msqid_ds ds;
	int id = msgctl(index, MSG_STAT_ANY, &ds);

	if (id < 0)
		return -errno;
	set_perm(&out->perm, id, &ds.msg_perm);
	out->messages = ds.msg_qnum;
	out->bytes = ds.__msg_cbytes;
	out->max_bytes = ds.msg_qbytes;
	out->lspid = ds.msg_lspid;
	out->lrpid = ds.msg_lrpid;
	out->stime = ds.msg_stime;
	out->rtime = ds.msg_rtime;
	out->ctime = ds.msg_ctime;
	return 0;
}

static int stat_sem(int index, struct ipc_sysv_sem *out)
{
	struct semid_ds ds;
	int id = semctl(index, 0, SEM_STAT_ANY, &ds);

	if (id < 0)
		return -errno;
	set_perm(&out->perm, id, &ds.sem_perm);
	out->nsems = ds.sem_nsems;
	out->otime = ds.sem_otime;
	out->ctime = ds.sem_ctime;
	return 0;
}

static int stat_shm(int index, struct ipc_sysv_shm *out)
{
	struct shmid_ds ds;
	int id = shmctl(index, SHM_STAT_ANY, &ds);

	if (id < 0)
		return -errno;
	set_perm(&out->perm, id, &ds.shm_perm);
	out->size = ds.shm_segsz;
	out->nattch = ds.shm_nattch;
	out->rss = IPC_UNKNOWN;
	out->swapped = IPC_UNKNOWN;
	out->cpid = ds.shm_cpid;
	out->lpid = ds.shm_lpid;
	out->atime = ds.shm_atime;
	out->dtime = ds.shm_dtime;
	out->ctime = ds.shm_ctime;
	return 0;
}

/* @index may be an id as well: the kernel masks off its sequence number. */
static int stat_any(enum ipc_sysv_type type, int index, union ipc_sysv_any *out)
{
	if (type == IPC_SYSV_MSG)
		return stat_msg(index, &out->msg);
	if (type == IPC_SYSV_SEM)
		return stat_sem(index, &out->sem);
	return stat_shm(index, &out->shm);
}

/* The highest index in use, or -errno; @used gets the number of objects. */
static int highest_index(enum ipc_sysv_type type, int *used)
{
	union {
		struct msginfo msg;
		struct seminfo sem;
		struct shm_info shm;
	} info;
	int highest;

	if (type == IPC_SYSV_MSG) {
		highest = msgctl(0, MSG_INFO, (struct msqid_ds *)&info.msg);
		*used = info.msg.msgpool;
	} else if (type == IPC_SYSV_SEM) {
		highest = semctl(0, 0, SEM_INFO, &info.sem);
		*used = info.sem.semusz;
	} else {
		highest = shmctl(0, SHM_INFO, (struct shmid_ds *)&info.shm);
		*used = info.shm.used_ids;
	}
	return highest < 0 ? -errno : highest;
}

/* Returns 0 or why some or all could not be read; listing->result says whether to stop. */
static int list_by_call(struct listing *listing)
{
	int highest, index, used = 0, refused = 0;
	int64_t tick = 0;

	if (listing->ctx->captured)
		return -ENOSYS;
	highest = highest_index(listing->type, &used);
	if (highest < 0)
		return highest;
	for (index = 0; index <= highest; index++) {
		union ipc_sysv_any any;
		int err;

		/* For several at once: that one was looked at later than is said does no harm. */
		if (index % SAME_TICK == 0)
			tick = ipc_sysv_tick();
		err = stat_any(listing->type, index, &any);
		any.perm.looked = tick;
		if (err == -EINVAL || err == -EIDRM)
			continue;
		if (err)
			refused = err;
		else if (hand_over(listing, &any))
			break;
	}
	/* EINVAL is a free index, and every index where the command is not known */
	return !refused && used && !listing->any ? -EINVAL : refused;
}

static int list_by_text(struct listing *listing)
{
	struct ipc_buf text = {0};
	int err = ipc_proc_read(listing->ctx, &text, "sysvipc/%s", ipc_sysv_type_name(listing->type));
	const char *at = text.data, *end = text.data + text.len;
	union ipc_sysv_any any;
	int found;

	while (!err || err == -EBADMSG) {
		found = ipc_sysv_next_line(listing->type, &at, end, &any);
		if (!found)
			break;
		if (found < 0)
			err = found;
		else if (hand_over(listing, &any))
			break;
	}
	ipc_buf_release(&text);
	return err;
}

static int list(struct listing *listing, bool text_first)
{
	int err = text_first ? list_by_text(listing) : list_by_call(listing);
	int other;

	if (err && !listing->result) {
		other = text_first ? list_by_call(listing) : list_by_text(listing);
		/* the refusal of a whole source tells more than the absence of the other one */
		if (!other)
			err = 0;
		else if (other != -ENOSYS && other != -ENOENT)
			err = other;
	}
	ipc_idset_release(&listing->seen);
	return listing->result ? listing->result : err;
}

int ipc_sysv_each_msg(struct ipc_ctx *ctx, ipc_sysv_msg_fn fn, void *data)
{
	struct listing listing = {.ctx = ctx, .type = IPC_SYSV_MSG, .msg_fn = fn, .data = data};

	return list(&listing, false);
}

int ipc_sysv_each_sem(struct ipc_ctx *ctx, ipc_sysv_sem_fn fn, void *data)
{
	struct listing listing = {.ctx = ctx, .type = IPC_SYSV_SEM, .sem_fn = fn, .data = data};

	return list(&listing, false);
}

int ipc_sysv_each_shm(struct ipc_ctx *ctx, bool memory, ipc_sysv_shm_fn fn, void *data)
{
	struct listing listing = {.ctx = ctx, .type = IPC_SYSV_SHM, .shm_fn = fn, .data = data};

	return list(&listing, memory);
}

/* 1: not in the text; 0 or -errno as usual. */
static int find_by_text(struct ipc_ctx *ctx, enum ipc_sysv_type type, uint64_t id, union ipc_sysv_any *out)
{
	struct ipc_buf text = {0};
	int err = ipc_proc_read(ctx, &text, "sysvipc/%s", ipc_sysv_type_name(type));
	const char *at = text.data, *end = text.data + text.len;
	union ipc_sysv_any any = {0};
	int found = 1;

	while (!err && found) {
		found = ipc_sysv_next_line(type, &at, end, &any);
		if (found == 1 && any.perm.id == id)
			break;
	}
	ipc_buf_release(&text);
	if (err)
		return err;
	if (!found)
		return 1;
	*out = any;
	return 0;
}

/* The oldest command of each knows all ids, whatever it may tell of them. */
static bool is_gone(enum ipc_sysv_type type, int id)
{
	union {
		struct msqid_ds msg;
		struct semid_ds sem;
		struct shmid_ds shm;
	} ds;
	int r;

	if (type == IPC_SYSV_MSG)
		r = msgctl(id, IPC_STAT, &ds.msg);
	else if (type == IPC_SYSV_SEM)
		r = semctl(id, 0, IPC_STAT, &ds.sem);
	else
		r = shmctl(id, IPC_STAT, &ds.shm);
	return r < 0 && (errno == EINVAL || errno == EIDRM);
}

static int find(struct ipc_ctx *ctx, enum ipc_sysv_type type, uint64_t id, bool text_first, union ipc_sysv_any *out)
{
	union ipc_sysv_any any = {0};
	int err, by_text;
	int64_t tick;

	if (id > INT_MAX)
		return -ENOENT;
	if (text_first && !find_by_text(ctx, type, id, out))
		return 0;
	tick = ipc_sysv_tick();
	err = ctx->captured ? -ENOSYS : stat_any(type, (int)id, &any);
	any.perm.looked = tick;
	if (!err && any.perm.id == id) {
		*out = any;
		return 0;
	}
	if (!err)
		return -ENOENT;
	/* All of the text for each of thousands that are gone would take for ever. */
	if ((err == -EINVAL || err == -EIDRM) && is_gone(type, (int)id))
		return -ENOENT;
	by_text = find_by_text(ctx, type, id, out);
	if (by_text >= 0)
		return by_text ? -ENOENT : 0;
	return err == -EINVAL || err == -EIDRM ? -ENOENT : err;
}

int ipc_sysv_find_msg(struct ipc_ctx *ctx, uint64_t id, struct ipc_sysv_msg *out)
{
	union ipc_sysv_any any = {0};
	int err = find(ctx, IPC_SYSV_MSG, id, false, &any);

	if (!err)
		*out = any.msg;
	return err;
}

int ipc_sysv_find_sem(struct ipc_ctx *ctx, uint64_t id, struct ipc_sysv_sem *out)
{
	union ipc_sysv_any any = {0};
	int err = find(ctx, IPC_SYSV_SEM, id, false, &any);

	if (!err)
		*out = any.sem;
	return err;
}

int ipc_sysv_find_shm(struct ipc_ctx *ctx, uint64_t id, bool memory, struct ipc_sysv_shm *out)
{
	union ipc_sysv_any any = {0};
	int err = find(ctx, IPC_SYSV_SHM, id, memory, &any);

	if (!err)
		*out = any.shm;
	return err;
}

int64_t ipc_sysv_time(int64_t seconds)
{
	const int64_t most = INT64_MAX / 1000000000;

	if (seconds == 0)
		return IPC_UNKNOWN_INT;
	if (seconds > most)
		return INT64_MAX;
	return seconds < -most ? -most * 1000000000 : seconds * 1000000000;
}
