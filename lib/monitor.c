/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watching: what a query asks for becomes settings of a source, and what the source tells becomes events. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "model/filter.h"
#include "sources/procfs.h"

#define ALL_VERBS ((1u << IPC_EVENT_VERBS) - 1)
#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

/* ---- conditions ----------------------------------------------------------------------------------------------------- */

struct ipc_condition {
	struct ipc_filter *filter;
};

static const struct ipc_field *find_field(const char *name, unsigned *needs, void *data)
{
	(void)data;
	if (needs)
		*needs = 0;
	return ipc_record_find(ipc_kind_event.cls->record, name);
}

int ipc_condition_new(struct ipc_ctx *ctx, const char *expression, struct ipc_condition **out)
{
	struct ipc_condition *condition = calloc(1, sizeof(*condition));
	struct ipc_buf why = {0};
	int r;

	if (!condition)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	r = ipc_filter_parse(expression, find_field, NULL, &condition->filter, &why);
	if (r < 0) {
		ipc_ctx_fail(ctx, r, "%s", why.data ? why.data : strerror(-r));
		ipc_condition_free(condition);
	} else {
		*out = condition;
	}
	ipc_buf_release(&why);
	return r;
}

bool ipc_condition_holds(const struct ipc_condition *condition, const struct ipc_object *event)
{
	return ipc_filter_test(condition->filter, event, event->of_class->record);
}

struct ipc_condition *ipc_condition_free(struct ipc_condition *condition)
{
	if (condition)
		ipc_filter_free(condition->filter);
	free(condition);
	return NULL;
}

bool ipc_kind_events(const struct ipc_kind *kind, struct ipc_event_range *out)
{
	if (kind->events)
		*out = kind->events->range;
	return kind->events != NULL;
}

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

static bool nothing_named(const struct ipc_query *query)
{
	return !query->any_named && !query->target_count;
}

/* The verbs of @kind that are to be handed over. */
static uint32_t verbs_of(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	const struct ipc_query *query = monitor->query;
	const struct ipc_event_range *range = &kind->events->range;
	bool all = monitor->how.traffic || !nothing_named(query) || query->view == IPC_VIEW_ALL || monitor->how.verbs;
	uint32_t verbs = range->life | (all ? range->traffic : 0);

	if (!ipc_query_looks_at(query, kind) && !(monitor->how.verbs && nothing_named(query)))
		return 0;
	if (monitor->how.verbs)
		verbs &= monitor->how.verbs;
	/* What is said to have been there is asked for by itself. */
	if (verbs && monitor->how.since_start)
		verbs |= BIT(EXISTS);
	return verbs;
}

/* What tells the book what it has to know: which objects come and go, however they are called. */
static uint32_t needed_for(uint32_t verbs, const struct ipc_event_range *range)
{
	return verbs ? verbs | (range->life & (BIT(CREATE) | BIT(OPEN) | BIT(REMOVE))) : 0;
}

static int refuse_kind(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	return ipc_ctx_fail(monitor->ctx, -EINVAL, "nothing tells of objects of %s/%s as it happens", kind->cls->name,
			    kind->name);
}

static int choose_verbs(struct ipc_monitor *monitor)
{
	const struct ipc_kind *kind = NULL;
	bool any = false;

	while ((kind = ipc_kind_next(kind))) {
		uint32_t verbs;

		if (!kind->events) {
			if (ipc_run_named(monitor->query->run, kind))
				return refuse_kind(monitor, kind);
			continue;
		}
		verbs = verbs_of(monitor, kind);
		any |= verbs != 0;
		monitor->verbs[kind->events->raw] |= verbs;
		monitor->settings.verbs[kind->events->raw] |= needed_for(verbs, &kind->events->range);
		monitor->settings.edges[kind->events->raw] =
			nothing_named(monitor->query) && !monitor->how.traffic && !monitor->how.verbs;
	}
	if (!any)
		return ipc_ctx_fail(monitor->ctx, -EINVAL,
				    "none of what was named has such events; 'ipctool help CLASS/KIND' lists them");
	return 0;
}

static int choose_namespaces(struct ipc_monitor *monitor)
{
	static const enum ipc_ns_type types[IPC_SETTINGS_NS_TYPES] = {
		[IPC_SETTINGS_IPC] = IPC_NS_IPC, [IPC_SETTINGS_NET] = IPC_NS_NET, [IPC_SETTINGS_MNT] = IPC_NS_MNT};
	const struct ipc_ns_set *places = &monitor->query->run->places;
	struct ipc_settings *settings = &monitor->settings;
	size_t i;
	int type;

	settings->ns_all = monitor->query->all_places;
	for (type = 0; type < IPC_SETTINGS_NS_TYPES; type++) {
		for (i = 0; i < places->count; i++) {
			if (places->items[i].type != types[type])
				continue;
			/* More than the programs can compare: all are taken, and left out here. */
			if (settings->ns_count[type] == IPC_SETTINGS_NS) {
				settings->ns_all = 1;
				break;
			}
			settings->ns[type][settings->ns_count[type]++] = (uint32_t)places->items[i].inode;
		}
	}
	return 0;
}

static int choose_actors(struct ipc_monitor *monitor)
{
	const struct ipc_query *query = monitor->query;
	struct ipc_settings *settings = &monitor->settings;
	struct ipc_ctx *ctx = monitor->ctx;
	uint64_t inode = 0;
	size_t i;

	settings->failures = monitor->how.failures;
	settings->self = (uint32_t)getpid();
	settings->pid = query->holder_pid > 0 ? (uint32_t)query->holder_pid : 0;
	if (query->holder_comm) {
		settings->has_comm = 1;
		strncpy(settings->comm, query->holder_comm, sizeof(settings->comm) - 1);
	}
	if (monitor->how.uid_count > IPC_SETTINGS_UIDS)
		return ipc_ctx_fail(ctx, -EINVAL, "at most %d users can be watched at once", IPC_SETTINGS_UIDS);
	for (i = 0; i < monitor->how.uid_count; i++)
		settings->uids[i] = (uint32_t)monitor->how.uids[i];
	settings->uid_count = (uint32_t)monitor->how.uid_count;
	if (ipc_proc_inode_link(ctx, &inode, "self/ns/pid") == 0)
		settings->pid_ns = (uint32_t)inode;
	return 0;
}

static int check_targets(const struct ipc_monitor *monitor)
{
	const struct ipc_query *query = monitor->query;
	size_t i;

	for (i = 0; i < query->target_count; i++)
		if (query->targets[i].ref.identity)
			return ipc_ctx_fail(monitor->ctx, -EINVAL,
					    "%s: a handle speaks of one object as it is now; watch its reference",
					    query->targets[i].ref.text);
	return 0;
}

/* ---- what is there at the beginning --------------------------------------------------------------------------------- */

static int copy_strings(struct ipc_query *query, const struct ipc_strings *from,
			int (*add)(struct ipc_query *query, const char *text))
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < from->count; i++)
		r = add(query, from->items[i]);
	return r;
}

/* All objects of the kinds that are watched, where they are watched. */
static int look(struct ipc_monitor *monitor, bool of_book, struct ipc_set **out)
{
	const struct ipc_query *from = monitor->query;
	const struct ipc_kind *kind = NULL;
	struct ipc_query *query = NULL;
	bool any = false;
	int r = ipc_query_new(monitor->ctx, &query);

	while (r == 0 && (kind = ipc_kind_next(kind))) {
		if (!kind->events || !monitor->verbs[kind->events->raw] || !ipc_query_looks_at(from, kind))
			continue;
		if (of_book && !(kind->events->range.life & BIT(REMOVE)))
			continue;
		any = true;
		if (of_book || !nothing_named(from) || from->view == IPC_VIEW_ALL)
			r = ipc_query_add_kind(query, kind);
	}
	if (r == 0)
		r = copy_strings(query, &from->places, ipc_query_namespace);
	if (r == 0)
		r = copy_strings(query, &from->scans, ipc_query_scan);
	if (r == 0 && from->all_places)
		ipc_query_all_namespaces(query);
	if (r == 0 && any)
		r = ipc_query_collect(query, out);
	ipc_query_free(query);
	return r;
}

static int fill_book(struct ipc_monitor *monitor)
{
	struct ipc_set *set = NULL;
	size_t i;
	int r = look(monitor, true, &set);

	for (i = 0; r == 0 && set && i < ipc_set_count(set); i++) {
		const struct ipc_object *object = ipc_set_get(set, i);

		if (object->of_kind->events)
			r = ipc_event_know(monitor, object);
	}
	ipc_set_free(set);
	return r;
}

static int64_t clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- sources -------------------------------------------------------------------------------------------------------- */

static void add_blind(void *data, const char *format, ...)
{
	struct ipc_monitor *monitor = data;
	char text[512], **grown, *copy;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	copy = strdup(text);
	grown = realloc(monitor->blind.items, (monitor->blind.count + 1) * sizeof(*grown));
	if (grown)
		monitor->blind.items = grown;
	if (copy && grown)
		grown[monitor->blind.count++] = copy;
	else
		free(copy);
}

static int open_source(struct ipc_monitor *monitor)
{
	const struct ipc_source_want want = {
		.ctx = monitor->ctx,
		.query = monitor->query,
		.how = &monitor->how,
		.settings = &monitor->settings,
		.blind = add_blind,
		.data = monitor,
	};
	int r = -ENOTSUP;

	if (monitor->how.source != IPC_EVENTS_NETLINK)
		r = ipc_source_bpf_new(&want, &monitor->source);
	if (r == -EPERM || r == -ENOTSUP) {
		if (monitor->how.source != IPC_EVENTS_AUTO && monitor->how.source != IPC_EVENTS_NETLINK)
			return r;
		if (monitor->how.source == IPC_EVENTS_AUTO)
			monitor->fallback = strdup(ipc_ctx_error(monitor->ctx));
		r = ipc_source_plain_new(&want, &monitor->source);
	}
	return r;
}

/* ---- the monitor ---------------------------------------------------------------------------------------------------- */

static int start(struct ipc_monitor *monitor)
{
	int r;

	if ((r = ipc_query_prepare(monitor->query)) || (r = check_targets(monitor)) || (r = choose_verbs(monitor)) ||
	    (r = choose_namespaces(monitor)) || (r = choose_actors(monitor)) || (r = fill_book(monitor)) ||
	    (r = open_source(monitor)))
		return r;
	if (monitor->how.since_start) {
		r = look(monitor, false, &monitor->present);
		monitor->present_time = clock_now(CLOCK_REALTIME);
	}
	return r;
}

int ipc_monitor_new(struct ipc_query *query, const struct ipc_watch *how, struct ipc_monitor **out)
{
	struct ipc_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor)
		return ipc_ctx_fail(query->ctx, -ENOMEM, "out of memory");
	monitor->ctx = ipc_ctx_ref(query->ctx);
	monitor->query = query;
	monitor->how = *how;
	r = start(monitor);
	if (r < 0)
		ipc_monitor_free(monitor);
	else
		*out = monitor;
	return r;
}

struct ipc_monitor *ipc_monitor_free(struct ipc_monitor *monitor)
{
	size_t i;

	if (!monitor)
		return NULL;
	if (monitor->source)
		monitor->source->ops->free(monitor->source);
	ipc_set_free(monitor->present);
	ipc_book_release(&monitor->book);
	ipc_buf_release(&monitor->path);
	for (i = 0; i < monitor->blind.count; i++)
		free(monitor->blind.items[i]);
	free(monitor->blind.items);
	free(monitor->fallback);
	ipc_ctx_unref(monitor->ctx);
	free(monitor);
	return NULL;
}

int ipc_monitor_fd(const struct ipc_monitor *monitor)
{
	return monitor->source->fd;
}

static int tell_present(struct ipc_monitor *monitor)
{
	int r = 0;

	while (r == 0 && monitor->present_at < ipc_set_count(monitor->present)) {
		const struct ipc_object *object = ipc_set_get(monitor->present, monitor->present_at++);

		if (object->of_kind->events)
			r = ipc_event_present(monitor, object);
	}
	if (r == 0) {
		ipc_set_free(monitor->present);
		monitor->present = NULL;
	}
	return r;
}

static int take(const struct ipc_raw *raw, size_t size, void *data)
{
	return ipc_event_take(data, raw, size);
}

/* What was lost was so at the end: the room was full of what is told before it. */
static int tell_lost(struct ipc_monitor *monitor)
{
	int64_t since = 0;
	uint64_t lost = monitor->source->ops->lost ? monitor->source->ops->lost(monitor->source, &since) : 0;
	uint64_t more = lost - monitor->lost;

	monitor->lost = lost;
	return more ? ipc_event_lost(monitor, more, since) : 0;
}

int ipc_monitor_read(struct ipc_monitor *monitor, ipc_object_fn fn, void *data)
{
	int r = 0;

	monitor->fn = fn;
	monitor->fn_data = data;
	monitor->clock = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC);
	if (monitor->present)
		r = tell_present(monitor);
	if (r == 0)
		r = monitor->source->ops->read(monitor->source, take, monitor);
	return r == 0 ? tell_lost(monitor) : r;
}

const char *ipc_monitor_source(const struct ipc_monitor *monitor)
{
	return monitor->source->ops->name;
}

const char *ipc_monitor_method(const struct ipc_monitor *monitor)
{
	return monitor->source->method;
}

const char *ipc_monitor_fallback(const struct ipc_monitor *monitor)
{
	return monitor->fallback;
}

const char *ipc_monitor_blind(const struct ipc_monitor *monitor, size_t index)
{
	return index < monitor->blind.count ? monitor->blind.items[index] : NULL;
}

uint64_t ipc_monitor_lost(const struct ipc_monitor *monitor)
{
	return monitor->lost;
}
