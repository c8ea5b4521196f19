/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to each object, and by whom, added up. */
#ifndef CMD_WATCH_SUMMARY_H
#define CMD_WATCH_SUMMARY_H

#include "watch_events.h"

#define SUMMARY_FIELDS 9 /* that are read of each event */

/* One object, or one process of one. */
struct summary_entry {
	struct summary_entry *next_hash;
	struct summary_entry *next;         /* in the order of appearance */
	struct summary_entry *object;       /* of a process; NULL: it is an object itself */
	struct summary_entry *first, *last; /* its processes */
	uint64_t hash;
	char *ref, *class_name, *kind, *name; /* escaped; NULL: not known. Of processes `name` is the comm */
	int64_t pid;                          /* negative: not known */
	uint64_t uid;
	bool has_uid;
	uint64_t done[IPC_EVENT_VERBS], events;
	uint64_t sent, received;
	uint64_t waiters, most_waiters;
	int64_t waited; /* ns, all calls together */
	int64_t begun, ended;
};

struct summary {
	struct summary_entry **buckets;
	size_t room, count;
	struct summary_entry *first, *last; /* objects */
	const struct ipc_field *fields[SUMMARY_FIELDS], *bytes, *waited;
	struct text key; /* room to make one */
};

struct summary *summary_new(void);
/* Count @event. */
void summary_add(struct summary *summary, const struct ipc_object *event);
/* All objects in the order in which they were first seen, each with its processes; what comes before and behind is @telling's. */
void summary_print(const struct summary *summary, const struct telling *telling);
struct summary *summary_free(struct summary *summary);

#endif
