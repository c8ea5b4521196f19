/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monitor: what was asked for, the source at work, the book, and what is to be told before anything new. */
#ifndef IPC_EVENTS_MONITOR_H
#define IPC_EVENTS_MONITOR_H

#include "classes/events.h"
#include "events/book.h"
#include "events/source.h"

struct ipc_monitor {
	struct ipc_ctx *ctx;
	struct ipc_query *query; /* the caller's; its run has the namespaces and the memory of an event */
	struct ipc_watch how;
	struct ipc_settings settings;  /* what the source is to tell: also what the book has to know */
	uint32_t verbs[IPC_RAW_KINDS]; /* what is to be handed over */
	struct ipc_source *source;
	struct ipc_book book;
	int64_t clock; /* CLOCK_REALTIME less CLOCK_MONOTONIC, ns */
	uint64_t lost;
	char *fallback;
	struct ipc_strings blind;
	struct ipc_set *present; /* since_start: what is still to be told as existing, from `present_at` on */
	size_t present_at;
	int64_t present_time;
	struct ipc_recorder *recorder; /* NULL: nothing is written down */
	struct ipc_buf path;           /* room for names.c */

	ipc_object_fn fn; /* of the read at hand */
	void *fn_data;
	int result; /* what it returned to stop */
};

/* The kind of objects that @raw tells of, or NULL. */
const struct ipc_kind *ipc_event_kind_of(const struct ipc_raw *raw);
/* Under which the object of @raw is in the book. */
struct ipc_key ipc_event_key(const struct ipc_kind *kind, const struct ipc_raw *raw);
static inline uint64_t ipc_event_device(uint32_t dev)
{
	return (uint64_t)(dev >> 20) << 8 | (dev & 0xff) | (uint64_t)(dev & 0xfff00) << 12;
}

/* ---- names.c ------------------------------------------------------------------------------------------------------ */

/*
 * The name of @raw as bytes in the run's arena or in the record: of a path the absolute one, as far as that is known. data NULL: it has none.
 */
struct ipc_bytes ipc_event_name(struct ipc_monitor *monitor, const struct ipc_raw *raw);

/* ---- resolve.c ---------------------------------------------------------------------------------------------------- */

/*
 * Make an event of @raw, bring the book up to date, and hand it over when it is of interest. Returns 0, what the caller's function
 * returned to stop, or -ENOMEM.
 */
int ipc_event_take(struct ipc_monitor *monitor, const struct ipc_raw *raw, size_t size);
/* The same for an object of the look at the beginning. */
int ipc_event_present(struct ipc_monitor *monitor, const struct ipc_object *object);
/* That @count were lost, the first of them at @since (CLOCK_MONOTONIC). */
int ipc_event_lost(struct ipc_monitor *monitor, uint64_t count, int64_t since);
/* Enter an object of the look at the beginning in the book. Returns 0 or -ENOMEM. */
int ipc_event_know(struct ipc_monitor *monitor, const struct ipc_object *object);

#endif
