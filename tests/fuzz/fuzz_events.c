/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as records of events, in a monitor of everything and in one of a few references. Whatever they say, events
 * come out whole or not at all, no memory outside of a record is read, and none is left behind.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/tree.h"
#include "events/monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OWN_IPC 4026531839u
#define OWN_NET 4026531840u
#define OWN_MNT 4026531841u

static struct tree tree;
static struct ipc_ctx *ctx;
static struct ipc_monitor *monitors[2];

/* ---- a source that is silent: the records come from the fuzzer -------------------------------------------------------------- */

static int nothing(struct ipc_source *source, ipc_raw_fn fn, void *data)
{
	(void)source;
	(void)fn;
	(void)data;
	return 0;
}

static void free_source(struct ipc_source *source)
{
	free(source);
}

static struct ipc_source *make_source(void)
{
	static const struct ipc_source_ops ops = {"fuzz", nothing, NULL, free_source, false};
	struct ipc_source *source = calloc(1, sizeof(*source));

	if (!source)
		abort();
	source->ops = &ops;
	return source;
}

static void end(void)
{
	ipc_monitor_free(monitors[0]);
	ipc_monitor_free(monitors[1]);
	ipc_ctx_unref(ctx);
	tree_remove(&tree);
}

static struct ipc_monitor *watch(const char *const *references, const struct ipc_watch *how)
{
	struct ipc_monitor *monitor;
	struct ipc_query *query;

	if (ipc_query_new(ctx, &query))
		abort();
	for (; *references; references++)
		if (ipc_query_add(query, *references, false))
			abort();
	if (!how->since_start) {
		ipc_query_set_view(query, IPC_VIEW_ALL);
		ipc_query_all_namespaces(query);
	}
	if (ipc_monitor_new_from(query, how, make_source(), &monitor))
		abort();
	ipc_query_free(query);
	return monitor;
}

static void begin(void)
{
	static const char *const none[] = {NULL};
	static const char *const some[] = {
		"mq:5",  "shm:0x7",  "fifo:/run/\\xffa",      "fifo:/a", "sem:/a", "shm:/a", "sock:@a", "sock:/a",
		"mq:/a", "signal:5", "sock:tcp:127.0.0.1:80", NULL};

	tree_make(&tree);
	tree_host(&tree, 1700000000);
	if (ipc_ctx_new(&ctx) || ipc_ctx_set_root(ctx, tree.root))
		abort();
	monitors[0] = watch(none, &(struct ipc_watch){.failures = true, .traffic = true, .verbs = ~0u});
	monitors[1] = watch(some, &(struct ipc_watch){.since_start = true});
	atexit(end);
}

/* ---- events ------------------------------------------------------------------------------------------------------------------ */

static unsigned sum;

static void touch(struct ipc_bytes bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++)
		sum += (unsigned char)bytes.data[i];
}

static void touch_record(const struct ipc_record *record, const void *item)
{
	const struct ipc_field *field;
	struct ipc_value value;
	size_t i;

	for (i = 0; (field = ipc_record_field(record, i)); i++) {
		ipc_record_get(item, field, &value);
		if (value.null)
			continue;
		if (field->type == IPC_TYPE_STRING)
			touch(value.str);
		else if (field->type == IPC_TYPE_RECORD)
			touch_record(field->of, ((const struct ipc_event *)item)->detail.items);
	}
}

static int take(const struct ipc_object *event, void *data)
{
	enum ipc_event_verb verb = ipc_event_verb(event);

	(void)data;
	if (verb >= IPC_EVENT_VERBS || !ipc_event_verb_name(verb) || !event->class_name.data)
		abort();
	touch_record(event->of_class->record, event);
	return 0;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------ */

struct bytes {
	const uint8_t *at;
	size_t left;
};

static unsigned byte(struct bytes *from)
{
	if (!from->left)
		return 0;
	from->left--;
	return *from->at++;
}

static uint64_t number(struct bytes *from)
{
	static const uint64_t extreme[] = {0,          UINT64_MAX, INT64_MAX,  (uint64_t)INT64_MIN,
					   UINT32_MAX, INT32_MAX,  0x80000000u};
	unsigned which = byte(from);

	return which < 200 ? which % 8 : extreme[which % 7];
}

/* Few values of what tells objects apart, so that they meet again; any of what does not. */
static void fill(struct ipc_raw *raw, struct bytes *from)
{
	static const uint32_t places[] = {OWN_IPC, OWN_NET, OWN_MNT, 0, 5};

	raw->kind = (uint8_t)(byte(from) % (IPC_RAW_KINDS + 1));
	raw->verb = (uint8_t)(byte(from) % (IPC_EVENT_VERBS + 1));
	raw->has = byte(from) | byte(from) << 8 | byte(from) << 16 | byte(from) << 24;
	raw->time = number(from);
	raw->id = number(from);
	raw->inode = number(from);
	raw->dev = (uint32_t)number(from);
	raw->ns = places[byte(from) % 5];
	raw->key = (uint32_t)number(from);
	raw->bytes = number(from);
	raw->number = (int64_t)number(from);
	raw->address = number(from);
	raw->peer = number(from);
	raw->pid = (uint32_t)number(from);
	raw->error = (int32_t)(byte(from) % 4 ? 0 : number(from));
	raw->links = byte(from) % 3;
	raw->state = (uint8_t)byte(from);
	raw->family = (uint16_t)(byte(from) % 48);
	raw->protocol = (uint16_t)byte(from);
	raw->type = (uint16_t)byte(from);
	raw->local.family = (uint16_t)(byte(from) % 12);
	raw->remote.family = (uint16_t)(byte(from) % 12);
	raw->name_is = (uint8_t)(byte(from) % 6);
	memset(raw->comm, (int)byte(from), byte(from) % (IPC_RAW_COMM + 1));
}

/* Of exactly its size, so that a sanitizer sees every step beside it. */
static void tell(struct bytes *from)
{
	struct ipc_raw raw = {0};
	unsigned i, short_by;
	size_t len, size;
	char *copy;

	fill(&raw, from);
	len = byte(from) % 32;
	len = len < from->left ? len : from->left;
	short_by = byte(from);
	raw.name_len = (uint16_t)(len + (byte(from) == 255));
	raw.name_at = (uint16_t)(byte(from) % (len + 2));
	size = sizeof(raw) + len;
	copy = malloc(size);
	if (!copy)
		return;
	memcpy(copy, &raw, sizeof(raw));
	len = len < from->left ? len : from->left;
	memset(copy + sizeof(raw), 'a', size - sizeof(raw));
	memcpy(copy + sizeof(raw), from->at, len);
	from->at += len;
	from->left -= len;
	if (short_by > 250)
		size -= short_by - 250;
	for (i = 0; i < 2; i++) {
		struct ipc_arena_mark before = ipc_arena_mark(&monitors[i]->query->run->arena), after;

		monitors[i]->fn = take;
		if (ipc_event_take(monitors[i], (const void *)copy, size))
			abort();
		after = ipc_arena_mark(&monitors[i]->query->run->arena);
		if (before.top && (before.top != after.top || before.used != after.used))
			abort();
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes from = {data, size};

	if (!ctx)
		begin();
	while (from.left)
		tell(&from);
	return 0;
}
