/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watching: what a query asks for becomes settings of a source, and what the source tells becomes events. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "events/recorder.h"
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

/* Are all objects of @kind asked for? Verbs by themselves mean any kind. */
static bool is_selected(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	return ipc_query_selects(monitor->query, kind) || (monitor->how.verbs && nothing_named(monitor->query));
}

/* The verbs of @kind that are to be handed over. */
static uint32_t verbs_of(const struct ipc_monitor *monitor, const struct ipc_kind *kind)
{
	const struct ipc_query *query = monitor->query;
	const struct ipc_event_range *range = &kind->events->range;
	bool all = monitor->how.traffic || !nothing_named(query) || query->view == IPC_VIEW_ALL || monitor->how.verbs;
	uint32_t verbs = range->life | (all ? range->traffic : 0);

	if (!ipc_query_looks_at(query, kind) && !is_selected(monitor, kind))
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
	uint32_t known_by = BIT(CREATE) | BIT(OPEN) | BIT(REMOVE);

	/* A socket file is somebody's from bind to close. */
	if (range->life & BIT(BIND) && range->life & BIT(REMOVE))
		known_by |= BIT(BIND) | BIT(CLOSE);
	return verbs ? verbs | (range->life & known_by) : 0;
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

		monitor->selects[ipc_kind_index(kind)] = is_selected(monitor, kind);
		if (!kind->events) {
			if (ipc_run_named(monitor->query->run, kind))
				return refuse_kind(monitor, kind);
			continue;
		}
		monitor->several[kind->events->raw] = monitor->kinds[kind->events->raw] != NULL;
		if (!monitor->kinds[kind->events->raw])
			monitor->kinds[kind->events->raw] = kind;
		verbs = verbs_of(monitor, kind);
		any |= verbs != 0;
		monitor->verbs[kind->events->raw] |= verbs;
		monitor->settings.verbs[kind->events->raw] |= needed_for(verbs, &kind->events->range);
		monitor->settings.edges[kind->events->raw] = nothing_named(monitor->query) && !monitor->how.traffic &&
							     !monitor->how.verbs &&
							     monitor->query->view != IPC_VIEW_ALL;
		if (monitor->how.record && IPC_RECORDED_RAWS & 1u << kind->events->raw)
			monitor->settings.verbs[kind->events->raw] |=
				IPC_RECORDED_VERBS & (kind->events->range.life | kind->events->range.traffic);
	}
	ipc_event_ask_paths(&monitor->settings);
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
	settings->group = monitor->how.group;
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

/* ---- recording ------------------------------------------------------------------------------------------------------ */

static int begin_record(struct ipc_monitor *monitor)
{
	return monitor->how.record ? ipc_recorder_new(monitor->ctx, monitor->how.record, &monitor->recorder) : 0;
}

static int add_fd(struct ipc_monitor *monitor, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(monitor->both_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* The book knows now what there is. */
static int join_record(struct ipc_monitor *monitor)
{
	bool knows = strcmp(monitor->source->ops->name, "bpf") == 0;
	int r;

	if (!monitor->recorder)
		return 0;
	if (!knows)
		add_blind(monitor, "who makes and takes semaphores, so nothing new is recorded");
	monitor->both_fd = epoll_create1(EPOLL_CLOEXEC);
	r = monitor->both_fd < 0 ? -errno : add_fd(monitor, monitor->source->fd);
	if (r == 0)
		r = add_fd(monitor, ipc_recorder_fd(monitor->recorder));
	return r ? ipc_ctx_fail(monitor->ctx, r, "no descriptor to wait on: %s", strerror(-r))
		 : ipc_recorder_join(monitor, knows);
}

/* ---- the monitor ---------------------------------------------------------------------------------------------------- */

static int make_blank(struct ipc_monitor *monitor)
{
	monitor->blank = malloc(sizeof(*monitor->blank));
	if (!monitor->blank)
		return ipc_ctx_fail(monitor->ctx, -ENOMEM, "out of memory");
	ipc_event_init(monitor->blank, IPC_EVENT_LOST);
	return 0;
}

/*
 * One look before anything is watched and one behind: what the second alone finds began in between, and there is, or there will be, a
 * record of it.
 */
static int start(struct ipc_monitor *monitor)
{
	int r;

	if ((r = make_blank(monitor)) || (r = ipc_query_prepare(monitor->query)) || (r = check_targets(monitor)) ||
	    (r = choose_verbs(monitor)) || (r = choose_namespaces(monitor)) || (r = choose_actors(monitor)) ||
	    (r = begin_record(monitor)) || (r = ipc_event_look(monitor)) ||
	    (!monitor->source && (r = open_source(monitor))) || (r = ipc_event_look(monitor)) ||
	    (r = join_record(monitor)))
		return r;
	return monitor->how.since_start ? ipc_event_look_present(monitor) : 0;
}

int ipc_monitor_new_from(struct ipc_query *query, const struct ipc_watch *how, struct ipc_source *source,
			 struct ipc_monitor **out)
{
	struct ipc_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor) {
		if (source)
			source->ops->free(source);
		return ipc_ctx_fail(query->ctx, -ENOMEM, "out of memory");
	}
	monitor->ctx = ipc_ctx_ref(query->ctx);
	monitor->both_fd = -1;
	monitor->source = source;
	monitor->how = *how;
	r = ipc_query_copy(query, &monitor->query);
	if (r == 0)
		r = start(monitor);
	if (r < 0)
		ipc_monitor_free(monitor);
	else
		*out = monitor;
	return r;
}

int ipc_monitor_new(struct ipc_query *query, const struct ipc_watch *how, struct ipc_monitor **out)
{
	return ipc_monitor_new_from(query, how, NULL, out);
}

struct ipc_monitor *ipc_monitor_free(struct ipc_monitor *monitor)
{
	size_t i;

	if (!monitor)
		return NULL;
	if (monitor->recorder && monitor->both_fd >= 0)
		ipc_recorder_save(monitor);
	ipc_recorder_free(monitor->recorder);
	if (monitor->both_fd >= 0)
		close(monitor->both_fd);
	if (monitor->source)
		monitor->source->ops->free(monitor->source);
	ipc_set_free(monitor->present);
	ipc_book_release(&monitor->book);
	ipc_buf_release(&monitor->path);
	for (i = 0; i < monitor->blind.count; i++)
		free(monitor->blind.items[i]);
	free(monitor->blind.items);
	free(monitor->fallback);
	free(monitor->blank);
	ipc_query_free(monitor->query);
	ipc_ctx_unref(monitor->ctx);
	free(monitor);
	return NULL;
}

int ipc_monitor_fd(const struct ipc_monitor *monitor)
{
	return monitor->recorder ? monitor->both_fd : monitor->source->fd;
}

static int take(const struct ipc_raw *raw, size_t size, void *data)
{
	return ipc_event_take(data, raw, size);
}

/* What was lost was so at the end: the room was full of what is told before it. */
static int tell_lost(struct ipc_monitor *monitor)
{
	int64_t now = ipc_event_clock(CLOCK_MONOTONIC), since = 0, last = monitor->lost_told;
	uint64_t lost = monitor->source->ops->lost ? monitor->source->ops->lost(monitor->source, &since) : 0;
	uint64_t more = lost - monitor->lost;

	monitor->lost = lost;
	monitor->lost_told = now;
	if (!more)
		return 0;
	monitor->stale = true;
	/* The kernel may be about to write it down: it was after the question before this one. */
	return ipc_event_lost(monitor, more, since ? since : last ? last : now);
}

int ipc_monitor_read(struct ipc_monitor *monitor, ipc_object_fn fn, void *data)
{
	int r;

	monitor->fn = fn;
	monitor->fn_data = data;
	monitor->clock = ipc_event_clock(CLOCK_REALTIME) - ipc_event_clock(CLOCK_MONOTONIC);
	r = ipc_event_look_again(monitor);
	if (r == 0 && monitor->present)
		r = ipc_event_tell_present(monitor);
	if (r == 0)
		r = monitor->source->ops->read(monitor->source, take, monitor);
	if (r == 0)
		r = tell_lost(monitor);
	if (r == 0)
		r = ipc_event_look_again(monitor);
	if (monitor->recorder)
		ipc_recorder_tick(monitor);
	return r == -ENOMEM ? ipc_ctx_fail(monitor->ctx, r, "out of memory") : r;
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

int ipc_monitor_save(struct ipc_monitor *monitor)
{
	return monitor->recorder ? ipc_recorder_save(monitor) : 0;
}

const char *ipc_monitor_unsaved(const struct ipc_monitor *monitor)
{
	return monitor->recorder ? ipc_recorder_trouble(monitor->recorder) : NULL;
}

uint64_t ipc_monitor_lost(const struct ipc_monitor *monitor)
{
	struct ipc_source *source = monitor->source;

	/* Also those that no event has told of yet: who stops in the middle of reading is not told any more. */
	return source->ops->lost ? source->ops->lost(source, NULL) : 0;
}
