/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `monitor` writes: a line that the watching has begun, events, what was lost, and the end. */
#ifndef CMD_WATCH_EVENTS_H
#define CMD_WATCH_EVENTS_H

#include <ipctool/monitor.h>

#include "render.h"

/* How events are told. */
struct telling {
	struct app *app;
	const struct presentation *presentation;
	struct columns *columns;
	bool sums_up; /* what comes between the beginning and the end is not events, and is written by the caller */
	struct renderer *renderer;
	const struct ipc_field *detail, *lost, *since;
};

/* The renderer that fits @presentation; all is borrowed. */
void telling_init(struct telling *telling, struct app *app, const struct presentation *presentation,
		  struct columns *columns);
void telling_release(struct telling *telling);
/* Is it a document, or lines, of JSON? */
bool telling_is_json(const struct telling *telling);

/* These return false when nothing more can be written. The first tells that everything is attached. */
bool telling_begin(struct telling *telling, const struct ipc_monitor *monitor);
bool telling_event(struct telling *telling, const struct ipc_object *event);
/* Some came and went unseen; not shown where there is no room for it. */
bool telling_lost(struct telling *telling, const struct ipc_object *event);
bool telling_end(struct telling *telling, const struct outcome *outcome);

#endif
