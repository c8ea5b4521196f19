/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events without BPF: its parts behind one descriptor, and the queue of records that they fill. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "events/plain.h"
#include "sources/processes_read.h"
#include "sources/procfs.h"

/* ---- what is wanted ------------------------------------------------------------------------------------------------- */

bool ipc_plain_wants(const struct ipc_plain *plain, enum ipc_raw_kind kind, uint32_t verbs)
{
	return (plain->want.settings->verbs[kind] & verbs) != 0;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

static size_t aligned(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

struct ipc_raw *ipc_plain_record(struct ipc_plain *plain, enum ipc_raw_kind kind, enum ipc_event_verb verb, uint64_t ns,
				 struct ipc_bytes name)
{
	uint64_t size = sizeof(struct ipc_raw) + name.len;
	struct ipc_raw *raw;

	if (plain->quiet || !ipc_plain_wants(plain, kind, IPC_EVENT_BIT(verb)) || name.len > UINT16_MAX)
		return NULL;
	if (ipc_buf_reserve(&plain->queue, sizeof(size) + aligned(size)) < 0) {
		plain->failed = true;
		return NULL;
	}
	memcpy(plain->queue.data + plain->queue.len, &size, sizeof(size));
	raw = (struct ipc_raw *)(plain->queue.data + plain->queue.len + sizeof(size));
	plain->queue.len += sizeof(size) + aligned(size);
	memset(raw, 0, sizeof(*raw));
	raw->time = (uint64_t)plain->now;
	raw->kind = (uint8_t)kind;
	raw->verb = (uint8_t)verb;
	raw->ns = (uint32_t)ns;
	raw->uid = UINT32_MAX;
	if (name.data) {
		raw->name_is = IPC_RAW_NAME_WHOLE;
		raw->name_len = (uint16_t)name.len;
		memcpy(raw->name, name.data, name.len);
	}
	return raw;
}

void ipc_plain_again(struct ipc_plain *plain)
{
	plain->again = true;
}

/* Has the process of that number run since before @time? If not, the number was given away again. */
static bool ran_at(const struct ipc_process_stat *stat, int64_t time)
{
	int64_t boot = ipc_event_clock(CLOCK_REALTIME) - ipc_event_clock(CLOCK_BOOTTIME);

	return stat->started && boot + (int64_t)(stat->ticks * (uint64_t)(1000000000 / sysconf(_SC_CLK_TCK))) <= time;
}

void ipc_plain_by(struct ipc_plain *plain, struct ipc_raw *raw, int64_t pid, int64_t time)
{
	struct ipc_process_stat stat;
	uint64_t uids[4];

	if (pid <= 0 || !plain->pids)
		return;
	raw->pid = (uint32_t)pid;
	if (ipc_process_read_stat(plain->want.ctx, pid, &stat) < 0 || !ran_at(&stat, time))
		return;
	memcpy(raw->comm, stat.comm.data, stat.comm.len < IPC_RAW_COMM ? stat.comm.len : IPC_RAW_COMM - 1);
	if (ipc_process_read_uids(plain->want.ctx, pid, uids) == 0)
		raw->uid = (uint32_t)uids[1];
}

void ipc_plain_lose(struct ipc_plain *plain)
{
	if (!plain->lost_since)
		plain->lost_since = plain->now;
	plain->lost++;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* What was not taken makes the descriptor readable. */
static void say_whether_more(struct ipc_plain *plain)
{
	uint64_t count = 1;
	ssize_t n;

	if (plain->taken < plain->queue.len || plain->again) {
		n = write(plain->more, &count, sizeof(count));
	} else {
		n = read(plain->more, &count, sizeof(count));
	}
	(void)n;
	plain->again = false;
	if (plain->taken == plain->queue.len)
		plain->queue.len = plain->taken = 0;
}

static int hand_over(struct ipc_plain *plain, ipc_raw_fn fn, void *data)
{
	int r = 0;

	while (r == 0 && plain->taken < plain->queue.len) {
		const char *at = plain->queue.data + plain->taken;
		const struct ipc_raw *raw = (const struct ipc_raw *)(at + sizeof(uint64_t));
		uint64_t size;

		memcpy(&size, at, sizeof(size));
		plain->taken += sizeof(size) + aligned(size);
		/* The watcher's own doings are left out. */
		if (!raw->pid || raw->pid != plain->want.settings->self)
			r = fn(raw, size, data);
	}
	say_whether_more(plain);
	return r;
}

/* In this order: a look shows what has happened; what the others know of it is told before, and better. */
static int read_parts(struct ipc_plain *plain)
{
	int r = 0;

	if (plain->files)
		r = ipc_plain_files_read(plain);
	if (r == 0 && plain->closes)
		r = ipc_plain_closes_read(plain);
	if (r == 0 && plain->exits)
		r = ipc_plain_exits_read(plain);
	if (r == 0 && plain->looks)
		r = ipc_plain_looks_read(plain);
	return r;
}

static int read_plain(struct ipc_source *base, ipc_raw_fn fn, void *data)
{
	struct ipc_plain *plain = (struct ipc_plain *)base;
	int r = 0;

	plain->now = ipc_event_clock(CLOCK_MONOTONIC);
	if (plain->taken == plain->queue.len)
		r = read_parts(plain);
	if (plain->failed)
		return ipc_ctx_fail(plain->want.ctx, -ENOMEM, "out of memory");
	return r < 0 ? r : hand_over(plain, fn, data);
}

static uint64_t lost(struct ipc_source *base, int64_t *since)
{
	struct ipc_plain *plain = (struct ipc_plain *)base;

	if (since) {
		*since = plain->lost_since;
		plain->lost_since = 0;
	}
	return plain->lost;
}

static void source_free(struct ipc_source *base)
{
	struct ipc_plain *plain = (struct ipc_plain *)base;

	ipc_plain_files_free(plain->files);
	ipc_plain_closes_free(plain->closes);
	ipc_plain_exits_free(plain->exits);
	ipc_plain_looks_free(plain->looks);
	if (plain->more >= 0)
		close(plain->more);
	if (base->fd >= 0)
		close(base->fd);
	ipc_buf_release(&plain->queue);
	free(plain);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

int ipc_plain_poll(struct ipc_plain *plain, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(plain->base.fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

struct visit {
	struct ipc_plain *plain;
	const struct ipc_ns *ns;
	int (*fn)(struct ipc_plain *plain, const struct ipc_ns *ns);
	bool entered;
};

static int visit_here(void *data)
{
	struct visit *visit = data;

	visit->entered = true;
	return visit->fn(visit->plain, visit->ns);
}

int ipc_plain_each_place(struct ipc_plain *plain, enum ipc_ns_type type,
			 int (*fn)(struct ipc_plain *plain, const struct ipc_ns *ns))
{
	const struct ipc_source_want *want = &plain->want;
	const struct ipc_ns_set *places = &want->query->run->places;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < places->count; i++) {
		struct visit visit = {plain, &places->items[i], fn, false};

		if (visit.ns->type != type)
			continue;
		r = ipc_ns_call(want->ctx, visit.ns, visit_here, &visit);
		if (!visit.entered && r < 0) {
			want->blind(want->data, "what happens in %s namespace %" PRIu64 ": %s", ipc_ns_type_name(type),
				    visit.ns->inode, ipc_ctx_error(want->ctx));
			r = r == -ENOMEM ? r : 0;
		}
	}
	return r;
}

/* What was asked for, but is beyond what this source can see. */
static void say_what_is_not_seen(struct ipc_plain *plain)
{
	const struct ipc_source_want *want = &plain->want;
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind))) {
		uint32_t asked = kind->events ? want->settings->verbs[kind->events->raw] : 0, missing;
		char verbs[256] = "";
		size_t len = 0;
		int verb;

		if (!asked || !ipc_query_looks_at(want->query, kind))
			continue;
		missing = asked & (kind->events->range.life | kind->events->range.traffic) & ~kind->events->range.plain;
		/* The first open and the last close of a file nobody can tell from others. */
		if (want->settings->edges[kind->events->raw] && kind->events->space == IPC_SPACE_FILE)
			missing |= asked & (IPC_PLAIN_BIT(OPEN) | IPC_PLAIN_BIT(CLOSE)) & kind->events->range.plain;
		for (verb = 0; verb < IPC_EVENT_VERBS; verb++)
			if (missing & IPC_EVENT_BIT(verb))
				len += (size_t)snprintf(verbs + len, sizeof(verbs) - len, "%s%s", len ? ", " : "",
							ipc_event_verb_name((enum ipc_event_verb)verb));
		if (missing && !kind->events->range.plain)
			want->blind(want->data, "%s/%s: nothing of it is seen without BPF", kind->cls->name,
				    kind->name);
		else if (missing)
			want->blind(want->data, "%s/%s: %s", kind->cls->name, kind->name, verbs);
	}
	if (want->settings->pid || want->settings->has_comm || want->settings->uid_count)
		want->blind(want->data, "what nobody knows the doer of, which is left out");
	if (want->query->all_places)
		want->blind(want->data, "files, and ends of sockets, in namespaces that come later");
}

static int start(struct ipc_plain *plain)
{
	int r;

	plain->base.fd = epoll_create1(EPOLL_CLOEXEC);
	plain->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (plain->base.fd < 0 || plain->more < 0)
		return ipc_ctx_fail(plain->want.ctx, -errno, "%s", strerror(errno));
	if ((r = ipc_plain_poll(plain, plain->more)))
		return ipc_ctx_fail(plain->want.ctx, r, "%s", strerror(-r));
	plain->now = ipc_event_clock(CLOCK_MONOTONIC);
	plain->quiet = true;
	if ((r = ipc_plain_files_new(plain)) || (r = ipc_plain_closes_new(plain)) || (r = ipc_plain_looks_new(plain)) ||
	    (r = ipc_plain_exits_new(plain)))
		return r;
	plain->quiet = false;
	if (plain->looks)
		plain->want.blind(
			plain->want.data,
			"what comes and goes between two looks, and when exactly the rest of what they show was");
	return plain->failed ? ipc_ctx_fail(plain->want.ctx, -ENOMEM, "out of memory") : 0;
}

/* "netlink: inotify in 12 directories, ends of sockets and processes, a look every 1 s" */
static void describe(struct ipc_plain *plain)
{
	char *out = plain->base.method;
	size_t size = sizeof(plain->base.method);
	const char *comma = "";
	int len = snprintf(out, size, "without BPF: ");

	if (plain->files) {
		len += snprintf(out + len, size - (size_t)len, "inotify");
		comma = ", ";
	}
	if (plain->closes) {
		len += snprintf(out + len, size - (size_t)len, "%snetlink for ends of sockets", comma);
		comma = ", ";
	}
	if (plain->looks) {
		int64_t interval = plain->want.how->interval;

		len += snprintf(out + len, size - (size_t)len, "%sa look every %" PRId64 " ms%s", comma,
				(interval ? interval : 1000000000) / 1000000,
				plain->exits ? " and when processes end" : "");
		comma = ", ";
	}
	if (!*comma)
		snprintf(out + len, size - (size_t)len, "nothing to watch");
}

int ipc_source_plain_new(const struct ipc_source_want *want, struct ipc_source **out)
{
	static const struct ipc_source_ops ops = {"netlink", read_plain, lost, source_free, true};
	struct ipc_plain *plain;
	int r;

	if (want->ctx->captured)
		return ipc_ctx_fail(want->ctx, -ENOTSUP, "nothing happens in a captured tree");
	plain = calloc(1, sizeof(*plain));
	if (!plain)
		return ipc_ctx_fail(want->ctx, -ENOMEM, "out of memory");
	plain->base.ops = &ops;
	plain->base.fd = plain->more = -1;
	plain->want = *want;
	plain->pids = ipc_proc_same_pids(want->ctx);
	say_what_is_not_seen(plain);
	r = start(plain);
	if (r < 0) {
		source_free(&plain->base);
		return r == -ENOMEM ? ipc_ctx_fail(want->ctx, r, "out of memory") : r;
	}
	describe(plain);
	*out = &plain->base;
	return 0;
}
