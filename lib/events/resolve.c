/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a record to an event: which object it is about, what that is called, and whether anybody asked for it. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <ipctool/change.h>

#include "classes/list.h"
#include "events/monitor.h"

/* ---- kinds and keys ------------------------------------------------------------------------------------------------- */

const struct ipc_kind *ipc_event_kind_of(const struct ipc_raw *raw)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (kind->events && kind->events->raw == raw->kind && (!kind->events->is || kind->events->is(raw)))
			return kind;
	return NULL;
}

static bool is_sysv(const struct ipc_kind *kind)
{
	enum ipc_space space = kind->events->space;

	return space == IPC_SPACE_SHM || space == IPC_SPACE_MSG || space == IPC_SPACE_SEM;
}

static bool has_device(const struct ipc_kind *kind)
{
	enum ipc_space space = kind->events->space;

	return space == IPC_SPACE_FILE || space == IPC_SPACE_MEMFD || space == IPC_SPACE_ANON;
}

struct ipc_key ipc_event_key(const struct ipc_kind *kind, const struct ipc_raw *raw)
{
	enum ipc_space space = kind->events->space;

	if (is_sysv(kind))
		return (struct ipc_key){space, raw->ns, raw->id};
	if (has_device(kind))
		return (struct ipc_key){space, ipc_event_device(raw->dev), raw->inode};
	return (struct ipc_key){space, 0, raw->inode};
}

static bool is_identified(const struct ipc_kind *kind, const struct ipc_raw *raw)
{
	return is_sysv(kind) || raw->inode;
}

/* ---- the book ------------------------------------------------------------------------------------------------------- */

int ipc_event_know(struct ipc_monitor *monitor, const struct ipc_object *object)
{
	const struct ipc_kind *kind = object->of_kind;
	struct ipc_key key = {.space = kind->events->space};
	struct ipc_known *known;

	if (is_sysv(kind)) {
		key.device = object->in->inode;
		key.inode = object->id;
	} else {
		key.device = has_device(kind) ? object->dev : 0;
		key.inode = object->inode;
	}
	if (key.device == IPC_UNKNOWN || key.inode == IPC_UNKNOWN)
		return 0;
	known = ipc_book_add(&monitor->book, key, kind->events->raw, object->in ? object->in->inode : 0, object->name);
	if (!known)
		return -ENOMEM;
	if (object->key != IPC_UNKNOWN) {
		known->sysv_key = (uint32_t)object->key;
		known->has_sysv_key = true;
	}
	return 0;
}

/* The object of @raw in the book; one that is new gets there. */
static struct ipc_known *look_up(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw,
				 struct ipc_bytes name, bool *was_known)
{
	struct ipc_known *known = NULL;

	if (is_identified(kind, raw))
		known = ipc_book_find(&monitor->book, ipc_event_key(kind, raw));
	else if (name.data)
		known = ipc_book_named(&monitor->book, 1u << kind->events->raw, raw->ns, name);
	*was_known = known != NULL;
	/* An object is entered when it comes into being, or when somebody finds it by its name. */
	if (!known && is_identified(kind, raw) && (raw->verb == IPC_EVENT_CREATE || raw->verb == IPC_EVENT_OPEN) &&
	    !raw->error)
		known = ipc_book_add(&monitor->book, ipc_event_key(kind, raw), kind->events->raw, raw->ns, name);
	if (known && raw->has & IPC_RAW_KEY) {
		known->sysv_key = raw->key;
		known->has_sysv_key = true;
	}
	return known;
}

/* A call that makes an object unless it is there does not tell which it did. */
static enum ipc_event_verb verb_of(const struct ipc_raw *raw, bool was_known)
{
	if (raw->verb != IPC_EVENT_CREATE || raw->has & IPC_RAW_NEW || raw->error)
		return raw->verb;
	return was_known ? IPC_EVENT_OPEN : IPC_EVENT_CREATE;
}

/* ---- selection ------------------------------------------------------------------------------------------------------ */

static const struct ipc_ns *namespace_of(struct ipc_monitor *monitor, const struct ipc_kind *kind,
					 const struct ipc_raw *raw)
{
	struct ipc_run *run = monitor->query->run;
	const struct ipc_ns *ns = ipc_ns_set_find(&run->places, kind->ns, raw->ns);
	char path[64];

	if (ns || !monitor->query->all_places || !raw->pid)
		return ns;
	snprintf(path, sizeof(path), "%" PRIu32 "/ns/%s", raw->pid, ipc_ns_type_name(kind->ns));
	if (ipc_ns_set_add(&run->places, kind->ns, raw->ns, false, raw->pid, path) < 0)
		return NULL;
	return ipc_ns_set_find(&run->places, kind->ns, raw->ns);
}

/* Globs speak of the name as printed. */
static bool matches_globs(const struct ipc_query *query, struct ipc_bytes name)
{
	char text[4 * 256], *long_text = NULL;
	size_t len, i;
	bool matches = false;

	if (!query->globs.count)
		return true;
	if (!name.data)
		return false;
	len = ipc_escape(name.data, name.len, text, sizeof(text));
	if (len >= sizeof(text)) {
		long_text = malloc(len + 1);
		if (!long_text)
			return false;
		ipc_escape(name.data, name.len, long_text, len + 1);
	}
	for (i = 0; !matches && i < query->globs.count; i++)
		matches = fnmatch(query->globs.items[i], long_text ? long_text : text, 0) == 0;
	free(long_text);
	return matches;
}

static int is_selected(struct ipc_monitor *monitor, struct ipc_object *object, bool *selected)
{
	struct ipc_query *query = monitor->query;
	int error = 0;

	*selected = ipc_query_selects(query, object->of_kind) && !(object->in && object->in->targets_only);
	if (!*selected) {
		query->answer_count = 0;
		*selected = ipc_names_answer(query->run, object, &error);
	}
	*selected = *selected && matches_globs(query, object->name);
	return error;
}

/* ---- detail --------------------------------------------------------------------------------------------------------- */

static struct ipc_bytes access_name(uint32_t has)
{
	static const char *const names[] = {NULL, "r", "w", "rw"};
	const char *name = names[(has & IPC_RAW_READ ? 1 : 0) | (has & IPC_RAW_WRITE ? 2 : 0)];

	return name ? ipc_bytes_of(name) : IPC_NO_BYTES;
}

/* "TERM", or "34" where a signal has no name. */
static struct ipc_bytes signal_name(struct ipc_run *run, int64_t number)
{
	const char *name = ipc_signal_name((int)number);

	return name ? ipc_bytes_of(name) : ipc_arena_format(&run->arena, "%" PRId64, number);
}

static void fill_numbers(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_event_detail *detail)
{
	if (raw->has & IPC_RAW_BYTES)
		detail->bytes = raw->bytes;
	if (raw->has & IPC_RAW_SIZE)
		detail->size = raw->bytes;
	if (raw->has & IPC_RAW_TYPE)
		detail->type = raw->number;
	if (raw->has & IPC_RAW_PRIORITY)
		detail->priority = (uint64_t)raw->number;
	if (raw->has & IPC_RAW_ADJUST)
		detail->adjust = raw->number;
	if (raw->has & IPC_RAW_VALUE)
		detail->value = raw->number;
	if (raw->has & IPC_RAW_INDEX)
		detail->index = raw->index;
	if (raw->has & IPC_RAW_BACKLOG)
		detail->backlog = (uint64_t)raw->number;
	if (raw->has & IPC_RAW_SIGNO)
		detail->signal = signal_name(run, raw->number);
	if (raw->has & IPC_RAW_MODE)
		detail->mode = raw->mode;
	if (raw->has & IPC_RAW_FD)
		detail->fd = raw->fd;
	if (raw->has & IPC_RAW_ADDRESS)
		detail->address = raw->address;
	if (raw->has & IPC_RAW_WAITED)
		detail->waited = (int64_t)raw->address;
}

static void fill_detail(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_event_detail *detail)
{
	fill_numbers(run, raw, detail);
	detail->access = access_name(raw->has);
	if (raw->has & IPC_RAW_UNDO)
		detail->undo = 1;
	if (raw->has & IPC_RAW_FIRST)
		detail->first = 1;
	if (raw->has & IPC_RAW_LAST)
		detail->last = 1;
	if (raw->error) {
		detail->error = raw->error;
		detail->why = ipc_arena_format(&run->arena, "%s", strerror(raw->error));
	}
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

static int hand_over(struct ipc_monitor *monitor, struct ipc_event *event)
{
	return monitor->fn(&event->base, monitor->fn_data);
}

static void describe_object(struct ipc_run *run, const struct ipc_object *object, struct ipc_event *event)
{
	event->base.ref = object->ref;
	event->base.class_name = object->class_name;
	event->base.kind_name = object->kind_name;
	event->base.name = object->name;
	event->base.id = object->id;
	event->base.key = object->key;
	event->base.inode = object->inode;
	if (object->dev != IPC_UNKNOWN)
		event->base.device = ipc_arena_format(&run->arena, "%u:%u", major(object->dev), minor(object->dev));
	event->base.namespace_inode = object->in ? object->in->inode : IPC_UNKNOWN;
}

static void describe_actor(const struct ipc_raw *raw, struct ipc_event *event)
{
	if (raw->pid)
		event->pid = raw->pid;
	if (raw->tid)
		event->tid = raw->tid;
	if (raw->comm[0])
		event->comm = (struct ipc_bytes){raw->comm, strnlen(raw->comm, sizeof(raw->comm))};
	if (raw->uid != UINT32_MAX)
		event->base.uid = raw->uid;
}

static struct ipc_object *make_object(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_raw *raw,
				      const struct ipc_known *known, struct ipc_bytes name)
{
	struct ipc_object *object = ipc_run_object(run, kind);

	if (!object)
		return NULL;
	if (is_sysv(kind) || kind->events->space == IPC_SPACE_NONE)
		object->id = raw->id;
	if (raw->inode)
		object->inode = raw->inode;
	if (raw->inode && has_device(kind))
		object->dev = ipc_event_device(raw->dev);
	if (known && !object->inode && !is_sysv(kind)) {
		object->inode = known->key.inode;
		object->dev = has_device(kind) ? known->key.device : IPC_UNKNOWN;
	}
	if (raw->has & IPC_RAW_KEY)
		object->key = raw->key;
	else if (known && known->has_sysv_key)
		object->key = known->sysv_key;
	object->name = name.data || !known ? name : known->name;
	if (kind->events->fill)
		kind->events->fill(run, raw, object);
	object->ref = ipc_names_reference(run, object, IPC_NO_BYTES);
	return object;
}

/* Of what is shown without being asked for by name only the first open and the last close are. */
static bool is_wanted(const struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb)
{
	if (!(monitor->verbs[raw->kind] & IPC_EVENT_BIT(verb)))
		return false;
	if (verb == IPC_EVENT_OPEN && monitor->settings.edges[raw->kind])
		return raw->has & IPC_RAW_FIRST;
	if (verb == IPC_EVENT_CLOSE && monitor->settings.edges[raw->kind])
		return raw->has & IPC_RAW_LAST;
	return true;
}

static int tell(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb,
		struct ipc_object *object)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_event event;
	bool selected = false;
	int r;

	r = is_selected(monitor, object, &selected);
	if (r < 0 || !selected)
		return r;
	ipc_event_init(&event, verb);
	event.time = (int64_t)raw->time + monitor->clock;
	describe_object(run, object, &event);
	describe_actor(raw, &event);
	fill_detail(run, raw, &event.details);
	return run->arena.failed ? -ENOMEM : hand_over(monitor, &event);
}

static int take(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_bytes name = ipc_event_name(monitor, raw);
	struct ipc_object *object;
	struct ipc_known *known;
	enum ipc_event_verb verb;
	bool was_known;
	int r = 0;

	run->ns = kind->ns == IPC_NS_NONE ? NULL : namespace_of(monitor, kind, raw);
	if (kind->ns != IPC_NS_NONE && !run->ns)
		return 0;
	known = look_up(monitor, kind, raw, name, &was_known);
	verb = verb_of(raw, was_known);
	if (is_wanted(monitor, raw, verb)) {
		object = make_object(run, kind, raw, known, name);
		r = object ? tell(monitor, raw, verb, object) : -ENOMEM;
	}
	if (known && verb == IPC_EVENT_REMOVE && !raw->error)
		ipc_book_remove(&monitor->book, known);
	return r;
}

int ipc_event_take(struct ipc_monitor *monitor, const struct ipc_raw *raw, size_t size)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_arena_mark mark = ipc_arena_mark(&run->arena);
	const struct ipc_kind *kind;
	int r = 0;

	if (size < sizeof(*raw) || size - sizeof(*raw) < raw->name_len || raw->kind >= IPC_RAW_KINDS)
		return 0;
	kind = ipc_event_kind_of(raw);
	if (kind)
		r = take(monitor, kind, raw);
	ipc_arena_rewind(&run->arena, mark);
	return r;
}

int ipc_event_present(struct ipc_monitor *monitor, const struct ipc_object *object)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_arena_mark mark = ipc_arena_mark(&run->arena);
	struct ipc_event event;
	bool selected = false;
	int r = 0;

	if (monitor->verbs[object->of_kind->events->raw] & IPC_EVENT_BIT(IPC_EVENT_EXISTS))
		r = is_selected(monitor, (struct ipc_object *)object, &selected);
	if (selected) {
		ipc_event_init(&event, IPC_EVENT_EXISTS);
		event.time = monitor->present_time;
		describe_object(run, object, &event);
		r = hand_over(monitor, &event);
	}
	ipc_arena_rewind(&run->arena, mark);
	return r;
}

int ipc_event_lost(struct ipc_monitor *monitor, uint64_t count, int64_t since)
{
	struct ipc_event event;

	ipc_event_init(&event, IPC_EVENT_LOST);
	event.time = event.details.since = since + monitor->clock;
	event.details.lost = count;
	return hand_over(monitor, &event);
}
