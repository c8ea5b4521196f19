/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to each object, and by whom, added up. */
#ifndef CMD_WATCH_SUMMARY_H
#define CMD_WATCH_SUMMARY_H

#include "watch_events.h"

struct summary;

struct summary *summary_new(void);
/* Count @event. */
void summary_add(struct summary *summary, const struct ipc_object *event);
/* All objects in the order in which they were first seen, each with its processes; what comes before and behind is @telling's. */
void summary_print(const struct summary *summary, const struct telling *telling);
struct summary *summary_free(struct summary *summary);

#endif
