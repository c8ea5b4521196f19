/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a record to an event: which object it is about, what that is called, and what becomes of it. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <ipctool/change.h>

#include "classes/list.h"
#include "classes/sock.h"
#include "events/monitor.h"
#include "events/recorder.h"

/* ---- kinds and keys ------------------------------------------------------------------------------------------------- */

const struct ipc_kind *ipc_event_kind_of(const struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	const struct ipc_kind *kind = monitor->kinds[raw->kind];

	if (!monitor->several[raw->kind])
		return kind;
	for (; kind; kind = ipc_kind_next(kind))
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
	return is_sysv(kind) || (raw->inode && kind->events->space != IPC_SPACE_NONE);
}

/* ---- the book ------------------------------------------------------------------------------------------------------- */

static struct ipc_key key_of(const struct ipc_object *object)
{
	const struct ipc_kind *kind = object->of_kind;
	struct ipc_key key = {.space = kind->events->space, .inode = object->inode};

	if (is_sysv(kind)) {
		key.device = object->in ? object->in->inode : IPC_UNKNOWN;
		key.inode = object->id;
	} else if (has_device(kind)) {
		key.device = object->dev;
	}
	return key;
}

int ipc_event_know(struct ipc_monitor *monitor, const struct ipc_object *object, struct ipc_known **out)
{
	const struct ipc_kind *kind = object->of_kind;
	struct ipc_key key = key_of(object);
	/* Sockets are known by name through their files, which are entered by themselves. */
	struct ipc_bytes name = key.space == IPC_SPACE_SOCKET ? IPC_NO_BYTES : object->name;
	struct ipc_known *known;
	int r;

	*out = NULL;
	if (key.space == IPC_SPACE_SOCKET && (r = ipc_event_know_socket_file(monitor, object)))
		return r;
	/* Nobody's file is no socket. */
	if (ipc_sock_is_file(object))
		return 0;
	if (key.space == IPC_SPACE_NONE || key.device == IPC_UNKNOWN || key.inode == IPC_UNKNOWN)
		return 0;
	known = ipc_book_find(&monitor->book, key);
	if (!known) {
		known = ipc_book_add(&monitor->book, key, kind->events->raw, object->in ? object->in->inode : 0, name);
		if (!known)
			return -ENOMEM;
		/* The first look is over before anything is watched. */
		known->looked = monitor->look > 1 ? IPC_LOOKING : 0;
	} else if (name.data && !ipc_bytes_equal(known->name, name) &&
		   ipc_book_rename(&monitor->book, known, name) < 0) {
		return -ENOMEM;
	}
	known->look = monitor->look;
	if (object->key != IPC_UNKNOWN) {
		known->sysv_key = (uint32_t)object->key;
		known->has_sysv_key = true;
	}
	known->changed = object->changed != IPC_UNKNOWN_INT ? object->changed : 0;
	known->birth = object->birth != IPC_UNKNOWN_INT ? object->birth : 0;
	*out = known;
	return 0;
}

/* Kinds of which nothing tells that an object is gone would fill the book for ever. */
static bool is_kept(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	return monitor->settings.verbs[kind->events->raw] &
	       (IPC_EVENT_BIT(IPC_EVENT_REMOVE) | IPC_EVENT_BIT(IPC_EVENT_CLOSE));
}

/* Was it a look that told first of @known, whose beginning @raw may be? */
static bool is_found_before(const struct ipc_monitor *monitor, const struct ipc_raw *raw, const struct ipc_known *known)
{
	return known->looked && ((int64_t)raw->time <= known->looked || monitor->source->ops->late);
}

/* Does @raw tell of a beginning other than that of @known, whose end was not seen? */
static bool is_another(const struct ipc_monitor *monitor, const struct ipc_raw *raw, const struct ipc_known *known)
{
	return raw->verb == IPC_EVENT_CREATE && raw->has & IPC_RAW_NEW && !raw->error &&
	       !is_found_before(monitor, raw, known);
}

/* @key, or one made up for what was gone before it was looked at: it can still be recognised by its name. */
static struct ipc_key key_in_book(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw)
{
	if (is_identified(kind, raw))
		return ipc_event_key(kind, raw);
	return (struct ipc_key){kind->events->space, IPC_UNKNOWN, ++monitor->unseen};
}

static struct ipc_known *enter(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw,
			       struct ipc_bytes name)
{
	bool unseen = !is_identified(kind, raw);
	struct ipc_known *known;

	/* An object is entered when it comes into being, or when somebody finds it by its name. */
	if ((raw->verb != IPC_EVENT_CREATE && (raw->verb != IPC_EVENT_OPEN || unseen)) || raw->error ||
	    !is_kept(monitor, kind) || (unseen && (kind->events->space != IPC_SPACE_FILE || !name.data)))
		return NULL;
	known = ipc_book_add(&monitor->book, key_in_book(monitor, kind, raw), kind->events->raw, raw->ns, name);
	if (known)
		known->unseen = unseen;
	return known;
}

/* Now that it can be seen it is entered as what it is. */
static void forget_unseen(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw,
			  struct ipc_bytes name)
{
	struct ipc_known *known = NULL;

	if (monitor->unseen && name.data)
		known = ipc_book_named(&monitor->book, 1u << kind->events->raw, raw->ns, name);
	if (known && known->unseen)
		ipc_book_remove(&monitor->book, known);
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
	if (known && is_another(monitor, raw, known)) {
		ipc_book_remove(&monitor->book, known);
		known = NULL;
	}
	*was_known = known != NULL;
	if (!known && is_identified(kind, raw))
		forget_unseen(monitor, kind, raw, name);
	if (!known)
		known = enter(monitor, kind, raw, name);
	if (!known)
		return NULL;
	known->look = monitor->look;
	if (raw->has & IPC_RAW_KEY && !raw->error) {
		known->sysv_key = raw->key;
		known->has_sysv_key = true;
	}
	return known;
}

/*
 * What @raw comes to: a call that makes an object unless it is there does not tell which it did. IPC_EVENT_EXISTS: it is a beginning that
 * was told of as such.
 */
static enum ipc_event_verb verb_of(const struct ipc_monitor *monitor, const struct ipc_raw *raw,
				   struct ipc_known *known, bool was_known)
{
	bool begins = false, told = known && known->told;

	if (raw->verb != IPC_EVENT_CREATE || raw->error)
		return raw->verb;
	/* A look found it before its record came. */
	if (was_known && known->looked) {
		begins = is_found_before(monitor, raw, known);
		known->looked = 0;
	}
	if (known)
		known->told = true;
	if (begins)
		return told ? IPC_EVENT_EXISTS : IPC_EVENT_CREATE;
	return was_known && !(raw->has & IPC_RAW_NEW) ? IPC_EVENT_OPEN : IPC_EVENT_CREATE;
}

/*
 * With since_start an object begins by existing, or by its creation. One that was gone before it could be looked at, but not before the
 * watching began, does neither; nothing is told of it then.
 */
static bool is_prelude(const struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw,
		       const struct ipc_known *known)
{
	return (int64_t)raw->time <= monitor->present_end && is_kept(monitor, kind) && is_identified(kind, raw) &&
	       !raw->error && !(known && known->told);
}

/* What has happened to the object is entered. */
static void conclude(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw,
		     struct ipc_known *known, enum ipc_event_verb verb)
{
	uint32_t verbs = monitor->settings.verbs[kind->events->raw];
	bool gone = verb == IPC_EVENT_REMOVE;

	/* A file that has other names goes on. */
	if (gone && raw->has & IPC_RAW_LINKED && raw->links)
		gone = false;
	/* What has no name that goes ends with its last user. */
	if (verb == IPC_EVENT_CLOSE && raw->has & IPC_RAW_LAST &&
	    (!(verbs & IPC_EVENT_BIT(IPC_EVENT_REMOVE)) || kind->events->space == IPC_SPACE_SOCKET))
		gone = true;
	if (gone && known && !raw->error)
		ipc_book_remove(&monitor->book, known);
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
	if (raw->has & IPC_RAW_MORE)
		detail->more = raw->peer;
}

static void fill_detail(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_event_detail *detail)
{
	fill_numbers(run, raw, detail);
	detail->access = access_name(raw->has);
	if (raw->has & (IPC_RAW_LOCKED | IPC_RAW_UNLOCKED))
		detail->status = ipc_bytes_of(raw->has & IPC_RAW_LOCKED ? "locked" : "unlocked");
	if (raw->has & IPC_RAW_UNDO)
		detail->undo = 1;
	if (raw->has & IPC_RAW_FIRST)
		detail->first = 1;
	if (raw->has & IPC_RAW_LAST)
		detail->last = 1;
	if (raw->second && raw->name_is == IPC_RAW_NAME_WHOLE)
		detail->renamed = (struct ipc_bytes){raw->name + raw->second, (size_t)raw->name_len - raw->second};
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

static void begin_event(const struct ipc_monitor *monitor, enum ipc_event_verb verb, struct ipc_event *event)
{
	*event = *monitor->blank;
	event->did = verb;
	event->verb = ipc_bytes_of(ipc_event_verb_name(verb));
	event->detail = (struct ipc_list){&event->details, 1};
}

static void describe_object(struct ipc_run *run, const struct ipc_object *object, struct ipc_event *event)
{
	event->base.ref = object->ref;
	event->base.class_name = object->class_name;
	event->base.kind_name = object->kind_name;
	event->base.name = object->name.data ? object->name : ipc_sock_address(object);
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

static struct ipc_object *make_object(struct ipc_monitor *monitor, const struct ipc_kind *kind,
				      const struct ipc_raw *raw, const struct ipc_known *known, struct ipc_bytes name)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_object *object = ipc_run_object(run, kind);
	uint32_t gone = 0;

	if (!object)
		return NULL;
	if (is_sysv(kind) || kind->events->space == IPC_SPACE_NONE)
		object->id = raw->id;
	if (raw->inode)
		object->inode = raw->inode;
	else if (known && !known->unseen && !is_sysv(kind))
		object->inode = known->key.inode;
	if (raw->inode && has_device(kind))
		object->dev = ipc_event_device(raw->dev);
	else if (known && !known->unseen && has_device(kind))
		object->dev = known->key.device;
	if (raw->has & IPC_RAW_KEY)
		object->key = raw->key;
	else if (known && known->has_sysv_key)
		object->key = known->sysv_key;
	else if (!known && is_sysv(kind) && ipc_book_gone_key(&monitor->book, ipc_event_key(kind, raw), &gone))
		object->key = gone;
	/* A file may be closed by a name that it had while it was made. */
	if (known && known->name.data && raw->verb == IPC_EVENT_CLOSE)
		name = known->aside.data ? known->aside : known->name;
	object->name = name.data || !known ? name : known->name;
	if (kind->events->fill)
		kind->events->fill(run, raw, object);
	return object;
}

static int tell(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb,
		struct ipc_object *object)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_event event;
	bool selected = false;
	int r;

	r = ipc_event_selects(monitor, object, &selected);
	if (r < 0 || !selected)
		return r;
	object->ref = ipc_names_reference(run, object, IPC_NO_BYTES);
	begin_event(monitor, verb, &event);
	event.time = (int64_t)raw->time + monitor->clock;
	describe_object(run, object, &event);
	describe_actor(raw, &event);
	fill_detail(run, raw, &event.details);
	if (object->of_kind->events->space == IPC_SPACE_SOCKET)
		ipc_event_socket_detail(raw, object, &event.details);
	else if (raw->kind == IPC_RAW_SIGNAL)
		ipc_event_signal_detail(raw, object, &event.details);
	return run->arena.failed ? -ENOMEM : hand_over(monitor, &event);
}

/* Do names come or go by @verb, so that references that are paths may lead elsewhere? */
static bool moves_names(enum ipc_event_verb verb)
{
	return verb == IPC_EVENT_CREATE || verb == IPC_EVENT_BIND || verb == IPC_EVENT_REMOVE;
}

/* @raw, or @counted: the same with who was first and last as the book counts them. */
static const struct ipc_raw *count_opens(const struct ipc_raw *raw, struct ipc_known *known, struct ipc_raw *counted)
{
	uint32_t has = ipc_event_count_opens(raw, known);

	if (has == raw->has)
		return raw;
	memcpy(counted, raw, offsetof(struct ipc_raw, name));
	counted->has = has;
	counted->name_is = IPC_RAW_NAME_NONE;
	counted->name_len = counted->name_at = counted->second = counted->second_at = 0;
	return counted;
}

static int take(struct ipc_monitor *monitor, const struct ipc_kind *kind, const struct ipc_raw *raw)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_bytes name = ipc_event_name(monitor, raw);
	struct ipc_object *object;
	struct ipc_known *known;
	enum ipc_event_verb verb;
	bool was_known, follows;
	struct ipc_raw here, counted;
	int r = 0;

	if (kind->events->space == IPC_SPACE_SOCKET)
		raw = ipc_event_socket(monitor, raw, name, &here);
	run->ns = kind->ns == IPC_NS_NONE ? NULL : ipc_event_place(monitor, kind, raw);
	if (kind->ns != IPC_NS_NONE && !run->ns)
		return 0;
	known = look_up(monitor, kind, raw, name, &was_known);
	raw = count_opens(raw, known, &counted);
	verb = verb_of(monitor, raw, known, was_known);
	follows = monitor->query->target_count && moves_names(verb) && name.data && !raw->error;
	if (follows && verb != IPC_EVENT_REMOVE)
		ipc_targets_follow(monitor->query, name);
	if (verb != IPC_EVENT_EXISTS && ipc_event_wanted(monitor, raw, verb) && ipc_event_by_wanted(monitor, raw) &&
	    !is_prelude(monitor, kind, raw, known)) {
		object = make_object(monitor, kind, raw, known, name);
		r = object ? tell(monitor, raw, verb, object) : -ENOMEM;
	}
	if (follows && verb == IPC_EVENT_REMOVE)
		ipc_targets_follow(monitor->query, name);
	if (monitor->recorder && known && IPC_RECORDED_RAWS & 1u << known->raw)
		ipc_recorder_see(monitor, raw, verb, known);
	conclude(monitor, kind, raw, known, verb);
	return r;
}

/* A record comes from outside: of a fault in it nothing may follow but its own loss. */
static bool is_sound(const struct ipc_raw *raw, size_t size)
{
	return size >= sizeof(*raw) && size - sizeof(*raw) >= raw->name_len && raw->name_at <= raw->name_len &&
	       raw->second <= raw->name_len && raw->second_at <= raw->name_len - raw->second &&
	       raw->kind < IPC_RAW_KINDS && raw->verb > IPC_EVENT_EXISTS && raw->verb < IPC_EVENT_LOST;
}

int ipc_event_take_object(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	const struct ipc_kind *kind = ipc_event_kind_of(monitor, raw);

	return kind ? take(monitor, kind, raw) : 0;
}

int ipc_event_take(struct ipc_monitor *monitor, const struct ipc_raw *raw, size_t size)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_arena_mark mark = ipc_arena_mark(&run->arena);
	int r = 0;

	if (!is_sound(raw, size))
		return 0;
	r = ipc_event_is_by_path(raw) ? ipc_event_take_path(monitor, raw) : ipc_event_take_object(monitor, raw);
	ipc_arena_rewind(&run->arena, mark);
	run->arena.failed = false;
	return r;
}

int ipc_event_present(struct ipc_monitor *monitor, const struct ipc_object *object)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_arena_mark mark = ipc_arena_mark(&run->arena);
	struct ipc_event event;
	bool selected = false;
	int r = ipc_event_selects(monitor, object, &selected);

	if (r == 0 && selected) {
		begin_event(monitor, IPC_EVENT_EXISTS, &event);
		event.time = monitor->present_time;
		describe_object(run, object, &event);
		r = run->arena.failed ? -ENOMEM : hand_over(monitor, &event);
	}
	ipc_arena_rewind(&run->arena, mark);
	run->arena.failed = false;
	return r;
}

int ipc_event_lost(struct ipc_monitor *monitor, uint64_t count, int64_t since)
{
	struct ipc_event event;

	begin_event(monitor, IPC_EVENT_LOST, &event);
	event.time = event.details.since = since + monitor->clock;
	event.details.lost = count;
	return hand_over(monitor, &event);
}
