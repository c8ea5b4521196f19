/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells of by no event is looked at again at intervals: a query lists it, and each object is compared with
 * what the look before found. No more than the differences between two looks can be told.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "classes/list.h"
#include "classes/sock.h"
#include "events/monitor.h"
#include "events/plain_looks.h"

#define SECOND INT64_C(1000000000)
#define INTERVAL SECOND
/* Looks out of turn: not more often than this, and not more than a fifth of the time. */
#define SOON (SECOND / 50)
#define SOON_SHARE 4

struct ipc_plain_looks {
	struct ipc_query *query;
	int timer;
	int64_t interval;
	int64_t next;   /* when the timer fires, CLOCK_MONOTONIC */
	int64_t ended;  /* the last look */
	int64_t lasted; /* that long */
	unsigned count; /* of looks */
	bool due;
	bool closed; /* no namespace that was asked for is there any more */
	size_t usual_faults;
	struct ipc_idset accepted;
	struct ipc_plain_seen **buckets;
	size_t items, room; /* room: a power of two */
};

/* ---- what was seen --------------------------------------------------------------------------------------------------- */

static struct ipc_plain_seen **place_of(const struct ipc_plain_looks *looks, struct ipc_key key)
{
	struct ipc_plain_seen **at = &looks->buckets[ipc_key_hash(key) & (looks->room - 1)];

	while (*at && !ipc_key_equal((*at)->key, key))
		at = &(*at)->next;
	return at;
}

static int grow(struct ipc_plain_looks *looks)
{
	size_t room = looks->room ? 2 * looks->room : 256, i;
	struct ipc_plain_seen **old = looks->buckets, **buckets = calloc(room, sizeof(struct ipc_plain_seen *));
	size_t old_room = looks->room;

	if (!buckets)
		return -ENOMEM;
	looks->buckets = buckets;
	looks->room = room;
	for (i = 0; i < old_room; i++) {
		while (old[i]) {
			struct ipc_plain_seen *seen = old[i];

			old[i] = seen->next;
			seen->next = NULL;
			*place_of(looks, seen->key) = seen;
		}
	}
	free(old);
	return 0;
}

static struct ipc_plain_seen *add(struct ipc_plain_looks *looks, struct ipc_key key)
{
	struct ipc_plain_seen *seen;

	if (looks->items >= looks->room && grow(looks) < 0)
		return NULL;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		return NULL;
	seen->key = key;
	*place_of(looks, key) = seen;
	looks->items++;
	return seen;
}

static bool is_sysv(const struct ipc_plain_seen *seen)
{
	return seen->key.space != IPC_SPACE_SOCKET;
}

static void seen_free(struct ipc_plain_seen *seen)
{
	if (is_sysv(seen))
		ipc_plain_sysv_release(seen);
	else
		ipc_plain_sock_release(seen);
	free(seen);
}

struct ipc_plain_seen *ipc_plain_seen_socket(const struct ipc_plain_looks *looks, uint64_t ns, uint64_t cookie)
{
	return looks && looks->room ? *place_of(looks, (struct ipc_key){IPC_SPACE_SOCKET, ns, cookie}) : NULL;
}

struct ipc_raw *ipc_plain_seen_record(struct ipc_plain *plain, const struct ipc_plain_seen *seen,
				      enum ipc_event_verb verb)
{
	struct ipc_bytes name = IPC_NO_BYTES;
	struct ipc_raw *raw;

	if (!is_sysv(seen) && seen->sock.name)
		name = (struct ipc_bytes){seen->sock.name, seen->sock.name_len};
	raw = ipc_plain_record(plain, seen->raw, verb, seen->ns, name);
	if (!raw)
		return NULL;
	if (is_sysv(seen)) {
		raw->id = seen->key.inode;
		return raw;
	}
	raw->inode = seen->sock.inode;
	if (seen->raw == IPC_RAW_SOCK_UNIX) {
		raw->name_is = IPC_RAW_NAME_SOCKET;
		raw->name_at = raw->name_len;
	}
	if (seen->sock.device != IPC_UNKNOWN) {
		raw->id = seen->sock.file;
		raw->dev = major(seen->sock.device) << 20 | minor(seen->sock.device);
	}
	raw->family = seen->sock.family;
	raw->type = seen->sock.type;
	raw->protocol = seen->sock.protocol;
	raw->local = seen->sock.local;
	raw->remote = seen->sock.remote;
	raw->peer = seen->sock.peer;
	raw->has = (raw->local.family ? IPC_RAW_LOCAL : 0u) | (raw->remote.family ? IPC_RAW_REMOTE : 0u) |
		   (raw->peer ? IPC_RAW_PEER : 0u);
	return raw;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

static int compare(const struct ipc_object *object, void *data)
{
	struct ipc_plain *plain = data;
	struct ipc_plain_looks *looks = plain->looks;
	enum ipc_raw_kind raw = object->of_kind->events->raw;
	struct ipc_key key = {object->of_kind->events->space, object->in->inode, object->id};
	struct ipc_plain_seen *seen;
	bool fresh;

	if (key.space == IPC_SPACE_SOCKET)
		key.inode = ((const struct ipc_sock *)object)->cookie;
	/* A socket file that nobody is bound to, for one. */
	if (key.inode == IPC_UNKNOWN)
		return 0;
	seen = looks->room ? *place_of(looks, key) : NULL;
	/* Nobody has it yet, or any more; what it came from, or was, is another object. */
	if (key.space == IPC_SPACE_SOCKET && !seen && object->inode == IPC_UNKNOWN)
		return ipc_plain_sock_waits(plain, object, &looks->accepted);
	if (seen && is_sysv(seen) && ipc_plain_sysv_replaced(seen, object)) {
		ipc_plain_sysv_gone(plain, seen);
		ipc_plain_sysv_release(seen);
		fresh = true;
	} else {
		fresh = !seen;
	}
	if (!seen)
		seen = add(looks, key);
	if (!seen)
		return -ENOMEM;
	seen->raw = raw;
	seen->ns = key.device;
	seen->look = looks->count;
	return is_sysv(seen) ? ipc_plain_sysv_compare(plain, seen, object, fresh)
			     : ipc_plain_sock_compare(plain, seen, object, fresh, &looks->accepted);
}

/* The end of a socket that netlink tells of may still be on its way: it is told here when it has not come until the next look. */
static bool may_be_told(const struct ipc_plain *plain, const struct ipc_plain_seen *seen)
{
	return plain->looks->count - seen->look == 1 && ipc_plain_closes_has(plain->closes, seen->raw, seen->ns);
}

static void settle(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	struct ipc_plain_seen *seen;
	size_t i;

	for (i = 0; looks->accepted.count && i < looks->room; i++)
		for (seen = looks->buckets[i]; seen; seen = seen->next)
			if (!is_sysv(seen))
				ipc_plain_sock_settle(plain, seen, &looks->accepted);
	ipc_idset_release(&looks->accepted);
}

static void drop_those_gone(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	size_t i;

	for (i = 0; i < looks->room; i++) {
		struct ipc_plain_seen **at = &looks->buckets[i], *seen;

		while ((seen = *at)) {
			if (seen->look == looks->count || may_be_told(plain, seen)) {
				at = &seen->next;
				continue;
			}
			if (is_sysv(seen))
				ipc_plain_sysv_gone(plain, seen);
			else
				ipc_plain_sock_gone(plain, seen);
			*at = seen->next;
			seen_free(seen);
			looks->items--;
		}
	}
}

/* ---- when to look ---------------------------------------------------------------------------------------------------- */

static void look_at(struct ipc_plain_looks *looks, int64_t when)
{
	struct itimerspec timer = {.it_value = {.tv_sec = when / SECOND, .tv_nsec = when % SECOND}};

	looks->next = when;
	timerfd_settime(looks->timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

void ipc_plain_looks_soon(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	int64_t pause, when;

	if (!looks || looks->due)
		return;
	pause = SOON_SHARE * looks->lasted;
	when = looks->ended + (pause > SOON ? pause : SOON);
	if (when <= plain->now)
		looks->due = true;
	else if (when < looks->next)
		look_at(looks, when);
}

/* ---- looking --------------------------------------------------------------------------------------------------------- */

/*
 * What cannot be read for lack of a privilege is said once. A fault that was not there at the first look means that what is missing
 * may be there all the same.
 */
static bool is_whole(struct ipc_plain *plain)
{
	const struct ipc_query *query = plain->looks->query;
	const struct ipc_source_want *want = &plain->want;
	size_t i, faults = 0;

	for (i = 0; i < query->problem_count; i++) {
		const struct ipc_problem_entry *problem = &query->problems[i];

		faults += !problem->privilege;
		if (plain->quiet && problem->privilege)
			want->blind(want->data, "%s: %s", problem->what, problem->why);
	}
	if (plain->quiet)
		plain->looks->usual_faults = faults;
	return faults <= plain->looks->usual_faults;
}

/* ---- other namespaces ------------------------------------------------------------------------------------------------ */

static int add_doors(struct ipc_plain *plain, const struct ipc_ns_set *from)
{
	const struct ipc_ns_set *watched = &plain->want.query->run->places;
	struct ipc_query *query = plain->looks->query;
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < watched->count; i++) {
		const struct ipc_ns *ns = ipc_ns_set_find(from, watched->items[i].type, watched->items[i].inode);

		if (!ns || !ns->path || !*ns->path || ns->type == IPC_NS_MNT)
			continue;
		if (snprintf(path, sizeof(path), "%s%s", ns->path[0] == '/' ? "" : "/proc/", ns->path) <
		    (int)sizeof(path))
			r = ipc_query_namespace(query, path);
	}
	return r;
}

/*
 * The process by which a namespace was entered has ended: others may be in it. One that nobody has any more is gone, with all that
 * was in it.
 */
static int find_doors(struct ipc_plain *plain)
{
	struct ipc_query *query = plain->looks->query;
	struct ipc_ns_set all = {0};
	size_t i;
	int r;

	for (i = 0; i < query->places.count; i++)
		free(query->places.items[i]);
	query->places.count = 0;
	r = ipc_ns_set_own(plain->want.ctx, &all);
	if (r == 0)
		r = ipc_ns_set_all(plain->want.ctx, &all, NULL, 0);
	if (r == 0)
		r = add_doors(plain, &all);
	ipc_ns_set_release(&all);
	plain->looks->closed = query->places.count == 0;
	return r;
}

static bool has_gone(int error)
{
	return error == -ESRCH || error == -ENOENT;
}

static int run_query(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	int r = looks->closed ? 0 : ipc_query_run(looks->query, compare, plain);

	if (has_gone(r) && looks->query->places.count) {
		r = find_doors(plain);
		if (r == 0 && !looks->closed)
			r = ipc_query_run(looks->query, compare, plain);
		/* Once more at the next look. */
		if (has_gone(r))
			r = 0;
	}
	return r;
}

/* ---- the look -------------------------------------------------------------------------------------------------------- */

static int look(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	int64_t began = ipc_event_clock(CLOCK_MONOTONIC), real = ipc_event_clock(CLOCK_REALTIME);
	int r;

	looks->count++;
	looks->due = false;
	r = run_query(plain);
	if (r < 0)
		return r;
	settle(plain);
	if (is_whole(plain))
		drop_those_gone(plain);
	looks->ended = ipc_event_clock(CLOCK_MONOTONIC);
	plain->looked = real;
	looks->lasted = looks->ended - began;
	look_at(looks, looks->ended + looks->interval);
	return 0;
}

int ipc_plain_looks_read(struct ipc_plain *plain)
{
	struct ipc_plain_looks *looks = plain->looks;
	uint64_t count;

	if (read(looks->timer, &count, sizeof(count)) == sizeof(count))
		looks->due = true;
	return looks->due ? look(plain) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static bool is_looked_at(const struct ipc_plain *plain, const struct ipc_kind *kind)
{
	const struct ipc_events *events = kind->events;

	if (!events || !ipc_query_looks_at(plain->want.query, kind) ||
	    !ipc_plain_wants(plain, events->raw, events->range.plain))
		return false;
	switch (events->space) {
	case IPC_SPACE_MSG:
	case IPC_SPACE_SEM:
	case IPC_SPACE_SHM:
	case IPC_SPACE_SOCKET:
		return true;
	default:
		return false;
	}
}

/* All objects of these kinds: what is not asked for is left out later, for the book has to know it. */
static int make_query(struct ipc_plain *plain, struct ipc_query **out)
{
	const struct ipc_query *from = plain->want.query;
	const struct ipc_kind *kind = NULL;
	struct ipc_query *query = NULL;
	bool any = false;
	int r = ipc_query_new(plain->want.ctx, &query);

	while (r == 0 && (kind = ipc_kind_next(kind))) {
		if (!is_looked_at(plain, kind))
			continue;
		any = true;
		r = ipc_query_add_kind(query, kind);
		if (kind->events->space != IPC_SPACE_SOCKET)
			continue;
		/* Both tell who was connected to from who connected. */
		if (r == 0)
			r = ipc_query_want(query, "listener");
		if (r == 0)
			r = ipc_query_want(query, "peer");
	}
	if (query)
		query->sockets_only = true;
	if (r == 0 && from->all_places)
		ipc_query_all_namespaces(query);
	if (r < 0 || !any)
		query = ipc_query_free(query);
	*out = query;
	return r;
}

int ipc_plain_looks_new(struct ipc_plain *plain)
{
	struct ipc_query *query = NULL;
	struct ipc_plain_looks *looks;
	int r = make_query(plain, &query);

	if (r < 0 || !query)
		return r;
	looks = calloc(1, sizeof(*looks));
	if (!looks) {
		ipc_query_free(query);
		return -ENOMEM;
	}
	plain->looks = looks;
	looks->query = query;
	looks->interval = plain->want.how->interval ? plain->want.how->interval : INTERVAL;
	/* So that a time that is so much later is one. */
	if (looks->interval > INT64_MAX / 2)
		looks->interval = INT64_MAX / 2;
	looks->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = looks->timer < 0 ? -errno : ipc_plain_poll(plain, looks->timer);
	if (r < 0)
		return ipc_ctx_fail(plain->want.ctx, r, "%s", strerror(-r));
	if (plain->want.query->places.count)
		r = add_doors(plain, &plain->want.query->run->places);
	return r < 0 ? r : look(plain);
}

void ipc_plain_looks_free(struct ipc_plain_looks *looks)
{
	size_t i;

	if (!looks)
		return;
	for (i = 0; i < looks->room; i++) {
		while (looks->buckets[i]) {
			struct ipc_plain_seen *seen = looks->buckets[i];

			looks->buckets[i] = seen->next;
			seen_free(seen);
		}
	}
	free(looks->buckets);
	ipc_idset_release(&looks->accepted);
	if (looks->timer >= 0)
		close(looks->timer);
	ipc_query_free(looks->query);
	free(looks);
}
