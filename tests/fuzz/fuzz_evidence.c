/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as a file of evidence. What is refused has a reason with a line that the text has; what is taken is written
 * and read again to the same values.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ipc_ctx *ctx; /* one for all inputs: making it looks at the whole host */

static void check_fault(const uint8_t *data, size_t size)
{
	unsigned long line, lines = 1;
	const char *why = ipc_ctx_error(ctx);
	char *end;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (strncmp(why, "line ", 5) != 0)
		abort();
	line = strtoul(why + 5, &end, 10);
	if (!line || line > lines || strncmp(end, ": ", 2) != 0 || !end[2] || strpbrk(why, "\n\r"))
		abort();
}

static void check_values(const struct ipc_learnt *learnt)
{
	if (learnt->pid < 1 || learnt->pid > INT32_MAX || learnt->uid >= UINT32_MAX || learnt->sysv_key > UINT32_MAX)
		abort();
	if (learnt->key.space == IPC_SPACE_SEM && (learnt->key.device != learnt->ns || learnt->key.inode > INT32_MAX))
		abort();
	if (learnt->time == IPC_UNKNOWN_INT || strnlen(learnt->comm, sizeof(learnt->comm)) == sizeof(learnt->comm))
		abort();
}

static void write_again(const struct ipc_learnt_origin *origin, const struct ipc_learnt_list *list)
{
	struct ipc_learnt_origin origin_again;
	struct ipc_learnt_list again = {0};
	struct ipc_buf text = {0};
	size_t i;

	if (ipc_learnt_print_head(&text, origin))
		abort();
	for (i = 0; i < list->count; i++)
		if (ipc_learnt_print(&text, &list->items[i]))
			abort();
	if (ipc_learnt_parse(ctx, text.data, text.len, &origin_again, &again) || again.count != list->count)
		abort();
	if (strcmp(origin->boot, origin_again.boot) != 0 || origin->pid_ns != origin_again.pid_ns)
		abort();
	for (i = 0; i < list->count; i++)
		if (memcmp(&again.items[i], &list->items[i], sizeof(again.items[i])) != 0)
			abort();
	ipc_learnt_release(&again);
	ipc_buf_release(&text);
}

static void find(struct ipc_learnt_list *list)
{
	const struct ipc_learnt *found;
	size_t i, count;

	ipc_learnt_sort(list);
	for (i = 0; i < list->count; i++) {
		count = ipc_learnt_find(list, list->items[i].key, &found);
		if (!count || found > &list->items[i] || found + count <= &list->items[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_learnt_origin origin;
	struct ipc_learnt_list list = {0};
	size_t i;
	int r;

	if (!ctx && ipc_ctx_new(&ctx))
		abort();
	r = ipc_learnt_parse(ctx, (const char *)data, size, &origin, &list);
	for (i = 0; i < list.count; i++)
		check_values(&list.items[i]);
	if (r == 0) {
		write_again(&origin, &list);
		find(&list);
	} else if (r == -EINVAL) {
		check_fault(data, size);
	} else {
		abort();
	}
	ipc_learnt_release(&list);
	return 0;
}
