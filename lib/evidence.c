/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of what was learnt while watching: from whom it is believed, and the context that has read it. */
#include "evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ipctool/monitor.h>

#include "sources/procfs.h"

#define FILE_MAX ((size_t)64 << 20) /* bytes: some hundred thousand semaphores */

/* ---- lists --------------------------------------------------------------------------------------------------------- */

int ipc_learnt_add(struct ipc_learnt_list *list, const struct ipc_learnt *learnt)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct ipc_learnt *items = reallocarray(list->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = *learnt;
	return 0;
}

void ipc_learnt_release(struct ipc_learnt_list *list)
{
	free(list->items);
	*list = (struct ipc_learnt_list){0};
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_keys(const struct ipc_key *a, const struct ipc_key *b)
{
	int order = compare_numbers(a->space, b->space);

	if (!order)
		order = compare_numbers(a->device, b->device);
	return order ? order : compare_numbers(a->inode, b->inode);
}

/* Who made it first, then who took it last. */
static int compare(const void *a, const void *b)
{
	const struct ipc_learnt *left = a, *right = b;
	int order = compare_keys(&left->key, &right->key);

	if (!order)
		order = compare_numbers(left->role, right->role);
	return order ? order : (left->time > right->time) - (left->time < right->time);
}

void ipc_learnt_sort(struct ipc_learnt_list *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
}

size_t ipc_learnt_find(const struct ipc_learnt_list *list, struct ipc_key key, const struct ipc_learnt **out)
{
	size_t first = 0, end = list->count, count = 0;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare_keys(&list->items[middle].key, &key) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	while (first + count < list->count && compare_keys(&list->items[first + count].key, &key) == 0)
		count++;
	*out = list->items ? list->items + first : NULL;
	return count;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

int ipc_learnt_here(struct ipc_ctx *ctx, struct ipc_learnt_origin *out)
{
	struct ipc_buf text = {0};
	int r = ipc_proc_read(ctx, &text, "sys/kernel/random/boot_id");
	size_t len = r == 0 && text.data ? strcspn(text.data, "\n") : 0;

	if (r == 0 && (!len || len >= sizeof(out->boot)))
		r = -ENODATA;
	if (r == 0) {
		memcpy(out->boot, text.data, len);
		out->boot[len] = '\0';
		r = ipc_proc_inode_link(ctx, &out->pid_ns, "self/ns/pid");
	}
	ipc_buf_release(&text);
	return r ? ipc_ctx_fail(ctx, r, "which boot this is cannot be told: %s", strerror(-r)) : 0;
}

static int read_all(int fd, size_t size, struct ipc_buf *out)
{
	ssize_t n = 1;

	ipc_buf_clear(out);
	while (n > 0 && out->len <= size) {
		if (ipc_buf_reserve(out, size + 1 - out->len))
			return -ENOMEM;
		n = pread(fd, out->data + out->len, size + 1 - out->len, (off_t)out->len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			out->len += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

int ipc_learnt_load(struct ipc_ctx *ctx, int fd, struct ipc_buf *out)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return ipc_ctx_fail(ctx, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ipc_ctx_fail(ctx, -EINVAL, "not a regular file");
	if ((uint64_t)st.st_size > FILE_MAX)
		return ipc_ctx_fail(ctx, -EINVAL, "larger than 64 MiB, so hardly what 'monitor --record' writes");
	r = ipc_ctx_trust(ctx, &st, "what it says");
	if (r < 0)
		return r;
	r = read_all(fd, (size_t)st.st_size, out);
	if (r == 0 && out->len > (size_t)st.st_size)
		return ipc_ctx_fail(ctx, -EINVAL, "it grows while it is read");
	return r ? ipc_ctx_fail(ctx, r, "%s", strerror(-r)) : 0;
}

/* ---- the context --------------------------------------------------------------------------------------------------- */

static int check_origin(struct ipc_ctx *ctx, const struct ipc_learnt_origin *origin)
{
	struct ipc_learnt_origin here;
	int r = ipc_learnt_here(ctx, &here);

	if (r < 0)
		return r;
	if (strcmp(origin->boot, here.boot) != 0)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "it was recorded before the system was started anew: of what is "
				    "there now it knows nothing");
	if (origin->pid_ns != here.pid_ns)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "it was recorded in another pid namespace, where processes have other numbers");
	return 0;
}

static int read_opened(struct ipc_ctx *ctx, int fd)
{
	struct ipc_learnt_list list = {0};
	struct ipc_learnt_origin origin;
	struct ipc_buf text = {0};
	int r = ipc_learnt_load(ctx, fd, &text);
	size_t i;

	if (r == 0)
		r = ipc_learnt_parse(ctx, text.data ? text.data : "", text.len, &origin, &list);
	if (r == 0)
		r = check_origin(ctx, &origin);
	if (r == 0 && !ctx->learnt)
		ctx->learnt = calloc(1, sizeof(*ctx->learnt));
	for (i = 0; r == 0 && i < list.count; i++)
		if (!ctx->learnt || ipc_learnt_add(ctx->learnt, &list.items[i]) < 0)
			r = ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	if (ctx->learnt)
		ipc_learnt_sort(ctx->learnt);
	ipc_learnt_release(&list);
	ipc_buf_release(&text);
	return r;
}

/* Looked at before it is opened for reading: O_PATH alone wakes no writer of a FIFO. */
int ipc_ctx_read_evidence(struct ipc_ctx *ctx, const char *path)
{
	int path_fd = open(path, O_PATH | O_CLOEXEC), fd = -1, r;
	struct stat st;
	char again[64];

	if (path_fd < 0)
		return ipc_ctx_fail(ctx, -errno, "%s", strerror(errno));
	if (fstat(path_fd, &st) == 0 && S_ISREG(st.st_mode)) {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", path_fd);
		fd = open(again, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		r = fd < 0 ? ipc_ctx_fail(ctx, -errno, "%s", strerror(errno)) : read_opened(ctx, fd);
	} else {
		r = ipc_ctx_fail(ctx, -EINVAL, "not a regular file");
	}
	if (fd >= 0)
		close(fd);
	close(path_fd);
	return r;
}
