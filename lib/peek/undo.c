/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processes have undo values for which sets. */
#include "peek/undo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peek/peek.h"

struct ipc_undo {
	struct ipc_undo_user *users; /* ascending by namespace, id, pid */
	size_t count, room;
	bool missing;
	char why[256];
};

static int add(const struct ipc_peek_sem_user *from, void *data)
{
	struct ipc_undo *undo = data;
	struct ipc_undo_user *user;

	if (undo->count == undo->room) {
		size_t room = undo->room ? 2 * undo->room : 64;

		user = realloc(undo->users, room * sizeof(*user));
		if (!user)
			return -ENOMEM;
		undo->users = user;
		undo->room = room;
	}
	user = &undo->users[undo->count++];
	*user = (struct ipc_undo_user){.ns = from->ns, .id = from->id, .pid = from->pid};
	user->comm.len = from->comm.len < sizeof(user->text) ? from->comm.len : sizeof(user->text);
	memcpy(user->text, from->comm.data, user->comm.len);
	return 0;
}

#define ORDER_BY(member)                   \
	if (left->member != right->member) \
	return left->member < right->member ? -1 : 1

static int compare_sets(const struct ipc_undo_user *left, const struct ipc_undo_user *right)
{
	ORDER_BY(ns);
	ORDER_BY(id);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct ipc_undo_user *left = a, *right = b;
	int order = compare_sets(left, right);

	if (order)
		return order;
	ORDER_BY(pid);
	return 0;
}

/* Threads may have lists of their own. */
static void sort(struct ipc_undo *undo)
{
	size_t i, kept = 0;

	if (undo->count)
		qsort(undo->users, undo->count, sizeof(*undo->users), compare);
	for (i = 0; i < undo->count; i++)
		if (!kept || compare(&undo->users[kept - 1], &undo->users[i]))
			undo->users[kept++] = undo->users[i];
	undo->count = kept;
	for (i = 0; i < kept; i++)
		undo->users[i].comm.data = undo->users[i].text;
}

int ipc_undo_new(struct ipc_ctx *ctx, struct ipc_undo **out)
{
	struct ipc_undo *undo = calloc(1, sizeof(*undo));
	int r;

	if (!undo)
		return -ENOMEM;
	r = ipc_peek_sem_users(ctx, add, undo);
	if (r == -ENOMEM) {
		ipc_undo_free(undo);
		return r;
	}
	undo->missing = r != 0;
	if (r)
		snprintf(undo->why, sizeof(undo->why), "%s", ipc_ctx_error(ctx));
	sort(undo);
	*out = undo;
	return 0;
}

void ipc_undo_free(struct ipc_undo *undo)
{
	if (undo)
		free(undo->users);
	free(undo);
}

const char *ipc_undo_missing(const struct ipc_undo *undo)
{
	return undo->missing ? undo->why : NULL;
}

const struct ipc_undo_user *ipc_undo_find(const struct ipc_undo *undo, uint64_t ns, uint64_t id, size_t *count)
{
	const struct ipc_undo_user wanted = {.ns = ns, .id = id};
	size_t low = 0, high = undo->count, middle, end;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare_sets(&undo->users[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < undo->count && !compare_sets(&undo->users[end], &wanted);)
		end++;
	*count = end - low;
	return undo->users + low;
}
