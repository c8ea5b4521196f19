/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at what there is: before the watching begins, when it has begun, and again when events were lost or the book has grown,
 * so that the book is right about what no event told of.
 */
#include <errno.h>
#include <time.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "events/recorder.h"

#define SECOND 1000000000
/* Looks take at most one part in so many of the time. */
#define LOOK_SHARE 20
/* How many objects may be added to what a look left in the book before the next one. */
#define BOOK_ROOM 65536

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

int64_t ipc_event_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* What ends when its name goes is listed by its names. */
static bool is_listed(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	bool wanted = kind->events && (monitor->verbs[kind->events->raw] ||
				       (monitor->recorder && IPC_RECORDED_RAWS & 1u << kind->events->raw));

	return wanted && kind->events->range.life & BIT(REMOVE);
}

static bool is_present(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	return kind->events && monitor->verbs[kind->events->raw] & BIT(EXISTS);
}

/*
 * A query for the objects of the kinds that @wants, where they are watched: @narrow leaves out of them what `list` alone would. @out
 * stays NULL when there is no such kind.
 */
static int make_query(struct ipc_monitor *monitor, bool narrow,
		      bool (*wants)(const struct ipc_monitor *monitor, const struct ipc_kind *kind),
		      struct ipc_query **out)
{
	const struct ipc_kind *kind = NULL;
	struct ipc_query *query = NULL;
	bool any = false;
	int r = ipc_query_copy_places(monitor->query, &query);

	while (r == 0 && (kind = ipc_kind_next(kind))) {
		bool wanted = wants(monitor, kind);

		any |= wanted;
		if (wanted && !narrow)
			r = ipc_query_add_kind(query, kind);
	}
	if (r < 0 || !any)
		query = ipc_query_free(query);
	*out = query;
	return r;
}

static unsigned listed_kinds(const struct ipc_monitor *monitor)
{
	const struct ipc_kind *kind = NULL;
	unsigned raws = 0;

	while ((kind = ipc_kind_next(kind)))
		if (is_listed(monitor, kind))
			raws |= 1u << kind->events->raw;
	return raws;
}

/* ---- the book ------------------------------------------------------------------------------------------------------- */

static int know(const struct ipc_object *object, void *data)
{
	struct ipc_known *known = NULL;

	return object->of_kind->events ? ipc_event_know(data, object, &known) : 0;
}

/* When the look is over it is known until when the records of what it found anew may be of its beginning. */
static int settle(const struct ipc_known *known, void *data)
{
	if (known->looked == IPC_LOOKING)
		((struct ipc_known *)known)->looked = *(const int64_t *)data;
	return 0;
}

static void end_look(struct ipc_monitor *monitor)
{
	int64_t now = ipc_event_clock(CLOCK_MONOTONIC);

	ipc_book_each(&monitor->book, settle, &now);
}

int ipc_event_look(struct ipc_monitor *monitor)
{
	int64_t begin = ipc_event_clock(CLOCK_MONOTONIC), end;
	struct ipc_query *query = NULL;
	int r;

	monitor->look++;
	r = make_query(monitor, false, is_listed, &query);
	if (r == 0 && query)
		r = ipc_query_run(query, know, monitor);
	ipc_query_free(query);
	end_look(monitor);
	end = ipc_event_clock(CLOCK_MONOTONIC);
	monitor->next_look = end + (end - begin) * LOOK_SHARE + SECOND;
	monitor->book_room = 2 * monitor->book.count + BOOK_ROOM;
	return r;
}

/* Namespaces that ended are forgotten as well, and the mounts read anew. */
static int begin_anew(struct ipc_monitor *monitor)
{
	return monitor->query->places.count ? 0 : ipc_query_prepare(monitor->query);
}

int ipc_event_look_again(struct ipc_monitor *monitor)
{
	bool full = monitor->book.count > monitor->book_room;
	int r;

	if (!(full || monitor->stale) || ipc_event_clock(CLOCK_MONOTONIC) < monitor->next_look)
		return 0;
	r = ipc_event_look(monitor);
	/* A process whose namespaces were asked for may have ended: then it stays as it is. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	monitor->stale = false;
	/*
	 * What the look before did not find either is gone. Kinds that are not listed (a pipe, a connection) can only be judged by
	 * whether they were heard of, and are when the book is too large.
	 */
	ipc_book_sweep(&monitor->book, full ? ~0u : listed_kinds(monitor), monitor->look - 1);
	monitor->book_room = 2 * monitor->book.count + BOOK_ROOM;
	return full ? begin_anew(monitor) : 0;
}

/* ---- what is told of as existing ------------------------------------------------------------------------------------ */

int ipc_event_look_present(struct ipc_monitor *monitor)
{
	const struct ipc_query *from = monitor->query;
	bool narrow = !from->any_named && !from->target_count && from->view != IPC_VIEW_ALL && !monitor->how.verbs;
	struct ipc_query *query = NULL;
	size_t i;
	int r = make_query(monitor, narrow, is_present, &query);

	monitor->present_time = ipc_event_clock(CLOCK_REALTIME);
	if (r == 0 && query)
		r = ipc_query_collect(query, &monitor->present);
	ipc_query_free(query);
	for (i = 0; r == 0 && monitor->present && i < ipc_set_count(monitor->present); i++) {
		const struct ipc_object *object = ipc_set_get(monitor->present, i);
		struct ipc_known *known = NULL;

		if (object->of_kind->events && is_present(monitor, object->of_kind))
			r = ipc_event_know(monitor, object, &known);
		if (known)
			known->told = true;
	}
	end_look(monitor);
	monitor->present_end = ipc_event_clock(CLOCK_MONOTONIC);
	return r;
}

int ipc_event_tell_present(struct ipc_monitor *monitor)
{
	int r = 0;

	while (r == 0 && monitor->present_at < ipc_set_count(monitor->present)) {
		const struct ipc_object *object = ipc_set_get(monitor->present, monitor->present_at++);

		if (object->of_kind->events && is_present(monitor, object->of_kind))
			r = ipc_event_present(monitor, object);
	}
	if (r == 0) {
		ipc_set_free(monitor->present);
		monitor->present = NULL;
	}
	return r;
}
