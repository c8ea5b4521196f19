/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monitor: what was asked for, the source at work, the book, and what is to be told before anything new. */
#ifndef IPC_EVENTS_MONITOR_H
#define IPC_EVENTS_MONITOR_H

#include <time.h>

#include "classes/events.h"
#include "classes/list.h"
#include "events/book.h"
#include "events/source.h"

struct ipc_monitor {
	struct ipc_ctx *ctx;
	struct ipc_query *
		query; /* a copy, so that the caller may run its own; the run has the namespaces and an event's memory */
	struct ipc_watch how;
	struct ipc_settings settings;                /* what the source is to tell: also what the book has to know */
	uint32_t verbs[IPC_RAW_KINDS];               /* what is to be handed over */
	bool selects[IPC_KINDS_MAX];                 /* all objects of these kinds are asked for */
	const struct ipc_kind *kinds[IPC_RAW_KINDS]; /* the first one of each */
	bool several[IPC_RAW_KINDS];                 /* there are more, told apart by is() */
	struct ipc_source *source;
	struct ipc_book book;
	size_t book_room;  /* with more in it a look has to find out what is gone */
	uint32_t look;     /* how many looks there were */
	int64_t next_look; /* not before, CLOCK_MONOTONIC, ns */
	bool stale;        /* events were lost since the last one */
	int64_t clock;     /* CLOCK_REALTIME less CLOCK_MONOTONIC, ns */
	uint64_t lost;
	int64_t lost_told;       /* when that was asked for, CLOCK_MONOTONIC, ns */
	struct ipc_event *blank; /* with nothing known, to be copied */
	char *fallback;
	struct ipc_strings blind;
	struct ipc_set *present; /* since_start: what is still to be told as existing, from `present_at` on */
	size_t present_at;
	int64_t present_time;          /* when that was looked at, real, ns */
	int64_t present_end;           /* when it had been, CLOCK_MONOTONIC, ns; 0: it was not */
	struct ipc_recorder *recorder; /* NULL: nothing is written down */
	int both_fd;                   /* with one: the source's descriptor and the recorder's, else -1 */
	struct ipc_buf path;           /* room for names.c */
	uint64_t unseen;               /* how many objects were gone before they were looked at */

	ipc_object_fn fn; /* of the read at hand */
	void *fn_data;
};

/*
 * As ipc_monitor_new(), with @source in place of the best one: tests have their own. It is freed with the monitor, also when this fails.
 */
int ipc_monitor_new_from(struct ipc_query *query, const struct ipc_watch *how, struct ipc_source *source,
			 struct ipc_monitor **out);

/* The kind of objects that @raw tells of, or NULL. */
const struct ipc_kind *ipc_event_kind_of(const struct ipc_monitor *monitor, const struct ipc_raw *raw);
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
/* The path of @raw, or its second one; as it was given when it is not known what that was relative to. data NULL: it has none. */
struct ipc_bytes ipc_event_path(struct ipc_monitor *monitor, const struct ipc_raw *raw, bool second);
/* What an object at @path is, when it is right in /dev/shm: IPC_RAW_SHM_POSIX or _SEM_POSIX, called @name; else IPC_RAW_NONE. */
enum ipc_raw_kind ipc_event_memory(struct ipc_monitor *monitor, struct ipc_bytes path, struct ipc_bytes *name);

/* ---- files.c ------------------------------------------------------------------------------------------------------ */

/* Ask for what happens to paths, as far as objects that are asked for have some. */
void ipc_event_ask_paths(struct ipc_settings *settings);
/* Does @raw tell of a path, of which it is yet to be found out what object is there? */
bool ipc_event_is_by_path(const struct ipc_raw *raw);
/* As ipc_event_take_object(), for the object that is there, if any. */
int ipc_event_take_path(struct ipc_monitor *monitor, const struct ipc_raw *raw);
/* The bits `has` of @raw, with those for the first open and the last close as the book, where @known is, counts them. */
uint32_t ipc_event_count_opens(const struct ipc_raw *raw, struct ipc_known *known);

/* ---- resolve.c ---------------------------------------------------------------------------------------------------- */

/*
 * Make an event of @raw, bring the book up to date, and hand it over when it is of interest. Returns 0, what the caller's function
 * returned to stop, or -ENOMEM.
 */
int ipc_event_take(struct ipc_monitor *monitor, const struct ipc_raw *raw, size_t size);
/* The same for a record that is known to be sound, and about an object. Memory is the run's arena. */
int ipc_event_take_object(struct ipc_monitor *monitor, const struct ipc_raw *raw);
/* The same for an object of the look at the beginning. */
int ipc_event_present(struct ipc_monitor *monitor, const struct ipc_object *object);
/* That @count were lost, the first of them at @since (CLOCK_MONOTONIC). */
int ipc_event_lost(struct ipc_monitor *monitor, uint64_t count, int64_t since);
/* Enter an object of a look in the book. Returns 0 or -ENOMEM; @out is NULL for what cannot be there. */
int ipc_event_know(struct ipc_monitor *monitor, const struct ipc_object *object, struct ipc_known **out);

/* ---- select.c ----------------------------------------------------------------------------------------------------- */

/* The namespace that the object of @raw is in. NULL: one that is not watched. */
const struct ipc_ns *ipc_event_place(struct ipc_monitor *monitor, const struct ipc_kind *kind,
				     const struct ipc_raw *raw);
/* Is what who did it does to be told of? */
bool ipc_event_by_wanted(const struct ipc_monitor *monitor, const struct ipc_raw *raw);
/* Is @verb, which is what @raw comes to? */
bool ipc_event_wanted(const struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb);
/* Is what happens to @object, which has its place and name? Returns 0 or -ENOMEM. */
int ipc_event_selects(struct ipc_monitor *monitor, const struct ipc_object *object, bool *selected);

/* ---- sockets.c ---------------------------------------------------------------------------------------------------- */

/* The name that a record of a unix socket carries, and that of the other end; absent: none. */
struct ipc_bytes ipc_event_socket_name(struct ipc_arena *arena, const struct ipc_raw *raw);
struct ipc_bytes ipc_event_socket_peer_name(struct ipc_arena *arena, const struct ipc_raw *raw);
/* Enter the file of a socket of a look in the book. Returns 0 or -ENOMEM. */
int ipc_event_know_socket_file(struct ipc_monitor *monitor, const struct ipc_object *object);
/*
 * Note what @raw, of a socket called @name, says of socket files. Returns @raw, or @here: what it says of a file, said of the socket
 * that is bound to it, or of nobody's file (no inode, `id` is the file's).
 */
const struct ipc_raw *ipc_event_socket(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes name,
				       struct ipc_raw *here);
void ipc_event_socket_detail(const struct ipc_raw *raw, const struct ipc_object *object,
			     struct ipc_event_detail *detail);
void ipc_event_signal_detail(const struct ipc_raw *raw, const struct ipc_object *object,
			     struct ipc_event_detail *detail);

/* ---- look.c ------------------------------------------------------------------------------------------------------- */

int64_t ipc_event_clock(clockid_t clock); /* ns */
/* Fill the book with what there is. Returns 0 or -errno with text. */
int ipc_event_look(struct ipc_monitor *monitor);
/* The same once more, and without what is gone, when that is due. Returns 0 or -ENOMEM, or as ipc_query_prepare(). */
int ipc_event_look_again(struct ipc_monitor *monitor);
/* Look at what is to be told of as existing. Returns 0 or -errno with text. */
int ipc_event_look_present(struct ipc_monitor *monitor);
/* Tell of it; goes on where the caller's function stopped it. Returns 0, what that function returned, or -ENOMEM. */
int ipc_event_tell_present(struct ipc_monitor *monitor);

#endif
