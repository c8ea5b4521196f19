/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo values by BPF: those of a set, once for each list of them, however many tasks share it. */
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "peek/peek_bpf.h"
#include "peek/sem_record.h"
#include "sources/sysvipc.h"

#include "sem.skel.h"

#define RING (4u << 20)

struct adjustment {
	uint64_t list;
	int64_t pid;
	uint64_t index;
	int64_t adjust;
	char comm[PEEK_SEM_COMM];
};

struct reader {
	struct adjustment *items;
	size_t count, room;
};

static struct adjustment *add(struct reader *reader)
{
	size_t room = reader->room ? 2 * reader->room : 64;
	struct adjustment *grown;

	if (reader->count == reader->room) {
		grown = realloc(reader->items, room * sizeof(*grown));
		if (!grown)
			return NULL;
		reader->items = grown;
		reader->room = room;
	}
	return &reader->items[reader->count++];
}

static int take_part(const void *record, size_t size, void *data)
{
	const struct ipc_peek_sem_record *part = record;
	struct reader *reader = data;
	struct adjustment *item;
	size_t i;

	if (size < sizeof(*part) || part->count > PEEK_SEM_PART)
		return -EIO;
	for (i = 0; i < part->count; i++) {
		if (!part->adjust[i])
			continue;
		item = add(reader);
		if (!item)
			return -ENOMEM;
		*item = (struct adjustment){part->list, part->pid, part->index + i, part->adjust[i], {0}};
		memcpy(item->comm, part->comm, sizeof(item->comm));
	}
	return 0;
}

#define ORDER_BY(member)                   \
	if (left->member != right->member) \
	return left->member < right->member ? -1 : 1

/* Of tasks that share a list the one with the lowest number is named. */
static int compare_lists(const void *a, const void *b)
{
	const struct adjustment *left = a, *right = b;

	ORDER_BY(list);
	ORDER_BY(index);
	ORDER_BY(pid);
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct adjustment *left = a, *right = b;

	ORDER_BY(pid);
	ORDER_BY(list);
	ORDER_BY(index);
	return 0;
}

static void drop_shared(struct reader *reader)
{
	size_t i, kept = 0;

	if (!reader->count)
		return;
	qsort(reader->items, reader->count, sizeof(*reader->items), compare_lists);
	for (i = 0; i < reader->count; i++)
		if (!kept || reader->items[i].list != reader->items[kept - 1].list ||
		    reader->items[i].index != reader->items[kept - 1].index)
			reader->items[kept++] = reader->items[i];
	reader->count = kept;
	qsort(reader->items, reader->count, sizeof(*reader->items), compare_pids);
}

static int hand_over(const struct reader *reader, ipc_peek_undo_fn fn, void *data)
{
	size_t i;
	int r = 0;

	for (i = 0; i < reader->count && r == 0; i++) {
		const struct adjustment *item = &reader->items[i];
		const struct ipc_peek_undo undo = {
			.pid = item->pid,
			.comm = {item->comm, strnlen(item->comm, sizeof(item->comm))},
			.index = item->index,
			.adjust = item->adjust,
		};

		r = fn(&undo, data);
	}
	return r;
}

IPC_PEEK_PROGRAM(sem, IPC_PEEK_SEM);

static int run(struct ipc_peek *peek, const struct ipc_sysv_sem *set, struct reader *reader)
{
	struct sem_bpf *skeleton;
	void *loaded = NULL;
	int r = ipc_peek_program(peek, &program, RING, &loaded);

	if (r)
		return r;
	skeleton = loaded;
	skeleton->bss->wanted_id = (int32_t)set->perm.id;
	skeleton->bss->number = (uint32_t)set->nsems;
	skeleton->bss->done = 0;
	do {
		skeleton->bss->full = 0;
		skeleton->bss->written = 0;
		r = ipc_peek_run(peek, skeleton->progs.peek_sem_undo, 0, skeleton->maps.ring, take_part, reader);
	} while (r == 0 && skeleton->bss->full);
	if (r)
		ipc_peek_forget(peek, &program);
	return r == -ENOMEM ? ipc_ctx_fail(peek->ctx, r, "out of memory") : r;
}

int ipc_peek_sem_undo(struct ipc_ctx *ctx, int id, ipc_peek_undo_fn fn, void *data)
{
	struct reader reader = {0};
	struct ipc_sysv_sem set;
	struct ipc_peek peek;
	int r = ipc_sysv_find_sem(ctx, (uint64_t)id, &set);

	if (r)
		return ipc_ctx_fail(ctx, r, "it cannot be looked at: %s", strerror(-r));
	r = ipc_peek_begin(&peek, ctx);
	if (r)
		return r;
	r = run(&peek, &set, &reader);
	ipc_peek_end(&peek);
	drop_shared(&reader);
	if (r == 0)
		r = hand_over(&reader, fn, data);
	free(reader.items);
	return r;
}

/* ---- the users of all sets --------------------------------------------------------------------------------------- */

#define USERS_RING (1u << 20) /* of some ten thousand users */
#define USERS_RING_MOST (256u << 20)

struct user_reader {
	ipc_peek_sem_user_fn fn;
	void *data;
};

static int take_user(const void *data, size_t size, void *context)
{
	const struct ipc_peek_sem_user_record *record = data;
	const struct user_reader *reader = context;
	struct ipc_peek_sem_user user;

	if (size < sizeof(*record))
		return -EIO;
	user = (struct ipc_peek_sem_user){.ns = record->ns, .id = (uint64_t)record->id, .pid = record->pid};
	user.comm = (struct ipc_bytes){record->comm, strnlen(record->comm, sizeof(record->comm))};
	return reader->fn(&user, reader->data);
}

/* All in one walk: processes that come and go would shift the place where another one had to go on. 1: it needs a larger ring. */
static int walk_users(struct ipc_peek *peek, uint32_t ring, struct user_reader *reader)
{
	struct sem_bpf *skeleton;
	void *loaded = NULL;
	int r = ipc_peek_program(peek, &program, ring, &loaded);

	if (r)
		return r;
	skeleton = loaded;
	skeleton->bss->full = skeleton->bss->cut = 0;
	r = ipc_peek_visit(peek, skeleton->progs.peek_sem_users, 0);
	if (r == 0 && skeleton->bss->full)
		r = 1;
	else if (r == 0 && skeleton->bss->cut)
		r = ipc_ctx_fail(peek->ctx, -EAGAIN, "lists of undo values changed while they were read");
	else if (r == 0)
		r = ipc_peek_take(peek, skeleton->maps.ring, take_user, reader);
	if (r)
		ipc_peek_forget(peek, &program);
	return r;
}

int ipc_peek_sem_users(struct ipc_ctx *ctx, ipc_peek_sem_user_fn fn, void *data)
{
	struct user_reader reader = {fn, data};
	uint32_t ring = USERS_RING;
	struct ipc_peek peek;
	int r = ipc_peek_begin(&peek, ctx);

	if (r)
		return r;
	do
		r = walk_users(&peek, ring, &reader);
	while (r > 0 && (ring *= 16) <= USERS_RING_MOST);
	ipc_peek_end(&peek);
	return r > 0 ? ipc_ctx_fail(ctx, -EOVERFLOW, "more processes use semaphores with SEM_UNDO than can be read")
		     : r;
}
